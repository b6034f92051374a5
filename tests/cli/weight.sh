#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# wconv convert_weight takes the command line of MindFormers' convert_weight.py
# and writes what that writes: the tables of the golden cases, which are the
# script's own results, with the type that it takes when none is named.
set -u
. tests/mount/lib.sh

golden=tests/golden

weight() {
	"$WCONV" convert_weight --quiet "$@" 2>"$tmp/err"
}

# table FILE - the table of a file that was written, in the words of ms.tsv.
table() {
	"$WCONV" hash --to=raw "$1" | sed '
		s/	F32	/	Float32	/
		s/	F16	/	Float16	/
		s/	BF16	/	BFloat16	/
		s/	I64	/	Int64	/
		s/	I32	/	Int32	/
		s/	BOOL	/	Bool	/' | sort
}

# forward CASE ARGS... - what the script writes for a case is its table.
forward() {
	case=$1
	shift
	rm -f "$tmp/out.ckpt"
	weight --input_path "$golden/$case/hf" --output_path "$tmp/out.ckpt" "$@"
	equal "$case: $*" "$(sort "$golden/$case/ms.tsv")" \
		"$(table "$tmp/out.ckpt")"
}

# The type: the first of each pair is in the table, without --dtype.
forward llama-cast-bf16-f32 --model llama
forward llama-cast-f32-f16 --model llama --dtype fp16
forward qwen1_5-to-fp16 --model qwen1_5
forward qwen2_5-to-bf16 --model qwen2_5
forward glm4-bf16 --model glm-n
forward yi-6b --model yi --dtype=bf16
forward skywork-13b --model=skywork
forward deepseek --model deepseek

# Options of the script, and those it passes on.
forward internlm2-split --model internlm2
forward internlm2-concat --model internlm2 --qkv_concat=True
forward swin-simmim-f32 --model swin --is_pretrain True
forward telechat-7b --model telechat --telechat_type telechat_7b
forward glm3-split --model glm-n --qkv_concat False --mlp_concat=False
forward mixtral-gmm --model mixtral --use_gmm True --n_head 32

# ---- the way back
weight --model llama --reversed --input_path $golden/llama2-mha/ms/model.ckpt \
	--output_path "$tmp/back/hf.any"
equal 'reversed: a PyTorch file of any name, its directory made' \
	"$(sort $golden/llama2-mha/hf.tsv)" \
	"$(mv "$tmp/back/hf.any" "$tmp/back/hf.bin" &&
		"$WCONV" hash --to=raw "$tmp/back/hf.bin" | sort)"
cp -r $golden/qwen2_5-bf16/ms "$tmp/qwen"
cp $golden/qwen2_5-bf16/hf/config.json "$tmp/qwen"
weight --model qwen2_5 --reversed --input_path "$tmp/qwen" \
	--output_path "$tmp/qwen-hf"
equal 'reversed: a directory of safetensors for qwen2_5' \
	"$(sort $golden/qwen2_5-bf16/hf.tsv)" \
	"$("$WCONV" hash --to=raw "$tmp/qwen-hf" | sort)"

# ---- as an existing script calls it
cp -r $golden/llama2-mha/hf "$tmp/llama"
weight --model llama --input_path "$tmp/llama/any.bin" \
	--output_path "$tmp/named"
equal 'a file of the directory stands for it; the name gets its .ckpt' \
	"$(sort $golden/llama2-mha/ms.tsv)" "$(table "$tmp/named.ckpt")"
weight --model llama --input_path "$tmp/llama" --dtype fp16 \
	--output_path "$tmp/named.ckpt"
equal 'what is there is overwritten, as by the script' Float16 \
	"$(table "$tmp/named.ckpt" | cut -f 2 | sort -u)"
weight --model llama --input_path "$tmp/llama" --output_path "$tmp/o.ckpt" \
	--layers 12 --telechat_type x --config a.yaml --world 1 \
	--qkv_concat True
equal 'what the script passes over is passed over, and named' \
	'--layers --telechat_type --config --world --qkv_concat' \
	"$(grep -o -- '--[a-z_]*' "$tmp/err" | tr '\n' ' ' | sed 's/ $//')"

equal 'with --qkv_concat, too, llama stays as the script leaves it' \
	"$(sort $golden/llama2-mha/ms.tsv)" "$(table "$tmp/o.ckpt")"
weight --mod=llama --input "$tmp/llama" --out "$tmp/short.ckpt" --dt fp16
equal 'a flag may be cut short, as argparse allows' Float16 \
	"$(table "$tmp/short.ckpt" | cut -f 2 | sort -u)"
equal '--help behind other arguments shows the options' 1 \
	"$("$WCONV" convert_weight --model llama --help | grep -c -- --input_path)"

# refuses TEXT CODE WORDS ARGS...
refuses() {
	text=$1 code=$2 words=$3
	shift 3
	weight "$@"
	got=$?
	equal "$text" "$code 1" "$got $(grep -cF -- "$words" "$tmp/err")"
}

refuses 'a missing --output_path' 1 'needs --output_path' --model llama \
	--input_path "$tmp/llama"
refuses 'a type it does not know' 1 'fp32, fp16 or bf16' --model llama \
	--input_path "$tmp/llama" --output_path "$tmp/x.ckpt" --dtype int8
refuses 'a model it does not know' 3 'llama' --model lama \
	--input_path "$tmp/llama" --output_path "$tmp/x.ckpt"
refuses 'an argument that is no option' 1 'begins with --' --model llama extra
refuses 'a flag is no value of another' 1 '--dtype needs a value' \
	--model llama --dtype --reversed
refuses 'an option without a value' 1 '--dtype needs a value' --dtype

# ---- the script itself
if has python3; then
	WCONV=$(realpath "$WCONV") python3 contrib/convert_weight.py \
		--model llama --input_path "$tmp/llama" \
		--output_path "$tmp/script.ckpt" 2>"$tmp/err"
	check 'contrib/convert_weight.py hands everything on' \
		cmp "$tmp/o.ckpt" "$tmp/script.ckpt"
	equal 'it says so where there is no wconv' 1 "$(
		WCONV=/nowhere python3 contrib/convert_weight.py 2>&1 |
			grep -c '/nowhere: No such file .* set WCONV'
	)"
else
	skip 'contrib/convert_weight.py' 'python3 is missing'
fi

finish
