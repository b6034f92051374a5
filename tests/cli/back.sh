#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2154
#
# MindSpore checkpoints as sources of wconv: what is read, refused, left out,
# joined and cut, and the config.json that is supplied. The tensors of the way
# back are golden.sh's.
set -u
. tests/mount/lib.sh

corpus=tests/golden/formats/ckpt
dist=$corpus/dist4

# wconv ARG... - its output in $tmp/shown, its sentence in $tmp/err.
wconv() {
	code=0
	"$WCONV" "$@" >"$tmp/shown" 2>"$tmp/err" || code=$?
}

# refused TEXT CODE WORD - the last wconv said one sentence with WORD in it.
refused() {
	equal "$1" "$2 1 1" \
		"$code $(wc -l <"$tmp/err") $(grep -cF -e "$3" "$tmp/err")"
}

# key KEY - of the config.json in $tmp/shown.
key() {
	sed -n "s/^	*\"$1\":	*\\(.*[^,]\\),*\$/\\1/p" "$tmp/shown"
}

# ---- the corpus, through the program
bad=
for f in $(awk -F '\t' '$2 == "error" { print $1 }' $corpus/expected.tsv); do
	wconv hash --to=raw --check-crc "$corpus/$f"
	[ $code = 2 ] && [ ! -s "$tmp/shown" ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
		grep -q "^wconv: .*$f" "$tmp/err" || bad="$bad $f"
done
equal 'each bad file ends with exit code 2 and one sentence that names it' \
	'' "$bad"
wconv hash --to=raw $corpus/crc_bad.ckpt
equal 'a checksum is compared only on request' 0 $code

# ---- ranks
wconv hash --to=raw $dist/full.ckpt
sort "$tmp/shown" >"$tmp/full"
for s in ckpt json; do
	wconv hash --to=raw --strategy=$dist/strategy.$s $dist
	sort "$tmp/shown" >"$tmp/joined"
	check "the slices of ranks are joined by strategy.$s" \
		cmp "$tmp/full" "$tmp/joined"
	for r in 0 1 2 3; do
		wconv cat --to=raw --ranks=$dist/strategy.$s $dist/full.ckpt \
			rank_$r/model_$r.ckpt
		check "... and rank $r is cut by it, as MindSpore does" \
			cmp "$tmp/shown" $dist/rank_$r/slice_$r.ckpt
	done
done
mkdir "$tmp/ranks"
cp -r $dist/rank_* "$tmp/ranks"
wconv hash --to=raw "$tmp/ranks"
refused 'ranks without a strategy' 2 --strategy
wconv list --ranks=$dist/strategy.ckpt tests/golden/llama32-tied/hf
refused 'a strategy for other parameters' 4 'none of the parameters'
wconv list --ranks=$dist/strategy.ckpt --to=hf \
	--config=tests/golden/llama32-tied/hf/config.json \
	tests/golden/llama32-tied/ms
refused 'ranks of what is shown as HuggingFace' 1 '--to=ms'

# ---- sides
tied=tests/golden/llama32-tied
wconv list --to=hf $tied/hf
refused '--to=hf of what is HuggingFace already' 1 already
wconv list --to=original $tied/hf
refused 'a side that the rules do not have' 1 'hf and ms'
wconv hash --to=ms --set qkv_concat=true \
	--config=tests/golden/llama-qkv-concat/hf/config.json \
	tests/golden/llama-qkv-concat/hf
sort "$tmp/shown" >"$tmp/want"
"$WCONV" cat tests/golden/llama-qkv-concat/hf model.ckpt >"$tmp/split.ckpt"
wconv hash --to=ms --set qkv_concat=true \
	--config=tests/golden/llama-qkv-concat/hf/config.json "$tmp/split.ckpt"
sort "$tmp/shown" >"$tmp/got"
check 'MindSpore to MindSpore: split q, k and v are fused' \
	cmp "$tmp/want" "$tmp/got"
wconv hash --to=ms --set qkv_concat=false \
	--config=tests/golden/llama-qkv-concat/hf/config.json \
	tests/golden/llama-qkv-concat/ms
sort "$tmp/shown" >"$tmp/got"
wconv hash tests/golden/llama-qkv-concat/hf
sort "$tmp/shown" >"$tmp/want"
check '... and fused ones split' cmp "$tmp/want" "$tmp/got"

# ---- beside the weights
# f32 NAME - an entry of a checkpoint: one value, under that name of 8 bytes.
f32() {
	printf '\012\035\012\010%s\022\021\010\001\022\007Float32\032\004abcd' "$1"
}
gqa=tests/golden/llama3-gqa-bf16
{
	"$WCONV" cat $gqa/hf model.ckpt
	f32 adam_m.x
	tail -c +29 $corpus/append.ckpt # behind its one parameter
} >"$tmp/trained.ckpt"
sort $gqa/hf.tsv >"$tmp/want"
wconv hash --config=$gqa/hf/config.json "$tmp/trained.ckpt"
sort "$tmp/shown" >"$tmp/got"
check 'state of a training and values of append_dict are left out' \
	cmp "$tmp/want" "$tmp/got"
wconv cat --config=$gqa/hf/config.json "$tmp/trained.ckpt" .wconvfs/report.txt
equal '... which the report says of each' '1 1 1 1' \
	"$(for w in '1 of adam_m.*, epoch_num (--keep' 'takes: lr (--keep' \
		'takes: flag (--keep' 'text.*: note'; do
		grep -c "left out.*$w" "$tmp/shown"
	done | tr '\n' ' ' | sed 's/ $//')"
wconv hash --keep-extra --config=$gqa/hf/config.json "$tmp/trained.ckpt"
equal '... and kept by --keep-extra' 'adam_m.x epoch_num flag lr ' \
	"$(sort "$tmp/shown" | comm -13 "$tmp/want" - | cut -f 1 | tr '\n' ' ')"
equal '... without a warning' '0 0' "$code $(wc -l <"$tmp/err")"
wconv hash --keep-extra --to=ms --config=$gqa/hf/config.json \
	"$tmp/trained.ckpt"
equal '... to MindSpore too' 'adam_m.x epoch_num flag lr ' \
	"$(cut -f 1 "$tmp/shown" |
		grep -x -e adam_m.x -e epoch_num -e flag -e lr | sort |
		tr '\n' ' ')"

equal 'a copy is left out for that, and the report says so' 2 \
	"$("$WCONV" cat tests/golden/deepseek3/hf .wconvfs/report.txt |
		grep -c '^dropped, another has its bytes: model\.layers\.3')"

# ---- tied tensors
head='lm_head.weight'
for tie in auto emit drop; do
	wconv hash --tie=$tie --to=hf --config=$tied/hf/config.json $tied/ms
	echo "$tie $(grep -c "^$head" "$tmp/shown")"
done >"$tmp/heads"
equal 'a tied head that is there is shown unless it is dropped' \
	'auto 1 emit 1 drop 0' "$(tr '\n' ' ' <"$tmp/heads" | sed 's/ $//')"
"$WCONV" cat --tie=drop $tied/hf model.ckpt >"$tmp/headless.ckpt"
for tie in auto emit drop; do
	wconv hash --tie=$tie --to=hf --config=$tied/hf/config.json \
		"$tmp/headless.ckpt"
	echo "$tie $(grep -c "^$head" "$tmp/shown")"
done >"$tmp/heads"
equal 'one that is not there is shown if asked for' \
	'auto 0 emit 1 drop 0' "$(tr '\n' ' ' <"$tmp/heads" | sed 's/ $//')"
# heads CASE OUTPUT... - of a tied model: how often those names are there, by
# --tie, in either direction.
heads() {
	case=tests/golden/$1
	for tie in auto emit drop; do
		# shellcheck disable=SC2046 # no argument of a case has a space
		wconv hash $(sh tests/case.sh "$case") --tie=$tie "$case/hf"
		grep -c "^$2" "$tmp/shown"
		# shellcheck disable=SC2046
		wconv hash $(sh tests/case.sh "$case" back) --tie=$tie "$case/ms"
		grep -c "^$3" "$tmp/shown"
	done | tr '\n' ' '
}
equal 'qwen2: as llama' '1 1 1 1 0 0 ' "$(heads qwen2_5-tied $head $head)"
equal 'qwen3: the network has no head of its own unless asked for' \
	'0 1 1 1 0 0 ' "$(heads qwen3-tied-bf16 output_layer $head)"
for model in whisper-f32:proj_out gpt2:$head t5:$head; do
	equal "${model%:*}: a head is shown to HuggingFace if asked for" \
		'0 0 0 1 0 0 ' "$(heads "${model%:*}" head "${model#*:}")"
done
wconv hash --tie=sometimes $tied/hf
refused 'no such way to tie' 1 '--tie=sometimes: the values of tie are auto, emit'

# ---- a config.json where there is none
wconv cat --to=hf --model=llama $gqa/ms config.json
for k in hidden_size intermediate_size vocab_size num_hidden_layers \
	torch_dtype tie_word_embeddings model_type; do
	key $k >"$tmp/$k"
	equal "a config.json is supplied: $k" \
		"$(sed -n "s/^ *\"$k\": \\(.*[^,]\\),*\$/\\1/p" \
			$gqa/hf/config.json)" "$(key $k)"
done
equal '... without what no tensor tells' '' "$(key num_attention_heads)"
check '... which is said' grep -q 'lacks.*num_attention_heads' "$tmp/err"
wconv cat --to=hf --model=llama --set num_attention_heads=6 \
	--set rms_norm_eps=1e-06 $gqa/ms config.json
equal '... and can be set' '6 2 8 1e-06' "$(key num_attention_heads) \
$(key num_key_value_heads) $(key head_dim) $(key rms_norm_eps)"
wconv cat --to=hf --model=wizardcoder tests/golden/wizardcoder/ms config.json
equal 'what its one key head tells of a GPT-BigCode' '24 96 3 2 20 47' \
	"$(for k in embd inner head layer positions; do
		key n_$k
	done | tr '\n' ' ')$(key vocab_size)"
wconv cat --to=hf --model=llama --set num_attention_heads=5 $gqa/ms config.json
refused 'a setting that the shapes contradict' 4 'num_key_value_heads is'
echo '{"model": "one", "detect": ["model_type == 1"], "rules": [["x", "w"]]}' \
	>"$tmp/one.json"
wconv list --rules="$tmp/one.json" --model=one --to=hf $corpus/min.ckpt
check 'a config.json that the rules cannot make is said' \
	grep -q 'warning: there is no config.json.*--config=FILE' "$tmp/err"
wconv list --tie=drop --model=bloom tests/golden/bloom/hf
refused '--tie for rules without tied heads' 1 '--tie: the bloom rules'
wconv cat --to=hf --config=$gqa/hf/config.json $gqa/ms config.json
check '--config is shown as it is' cmp "$tmp/shown" $gqa/hf/config.json

finish
