#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# wconv verify: two sources of any kind, the same or not. wconv stat: the
# numbers in a tensor, against sums that are exact.
set -u
. tests/mount/lib.sh

golden=tests/golden

# verify CODE TEXT ARGS... - wconv verify ends with CODE; $tmp/got is what it
# printed.
verify() {
	want=$1 text=$2
	shift 2
	"$WCONV" verify "$@" >"$tmp/got" 2>"$tmp/err"
	equal "$text" "$want" "$?"
}

# ---- the same
verify 0 'a model and its conversion: the same' "$MODEL" \
	$golden/llama3-gqa-bf16/ms
equal 'how many tensors' '21 tensors are the same' "$(cat "$tmp/got")"
verify 0 'the other way round' $golden/llama3-gqa-bf16/ms "$MODEL"
verify 0 'a source and itself' "$MODEL" "$MODEL"
verify 0 'a fused layout against the model it was made of' \
	$golden/llama-qkv-concat/hf $golden/llama-qkv-concat/ms/model.ckpt \
	--set=qkv_concat=true
"$WCONV" convert --quiet "$MODEL" "$tmp/shards" --shard-size=30K
verify 0 'one file and shards of it' $golden/llama3-gqa-bf16/ms/model.ckpt \
	"$tmp/shards"
"$WCONV" convert --quiet --to=raw "$MODEL" "$tmp/one.safetensors"
verify 0 'two forms of one side' "$MODEL" "$tmp/one.safetensors"

# ---- not the same: one byte of the last tensor, a vector
cp "$tmp/one.safetensors" "$tmp/bit.safetensors"
size=$(stat -c %s "$tmp/bit.safetensors")
last=$("$WCONV" list --to=raw --tsv "$tmp/bit.safetensors" | tail -n 1)
printf '\177' | dd of="$tmp/bit.safetensors" bs=1 seek=$((size - 4)) \
	conv=notrunc 2>/dev/null
verify 1 'one byte differs: exit code 1' "$tmp/one.safetensors" \
	"$tmp/bit.safetensors"
shape=$(echo "$last" | cut -f 3)
equal 'it names the tensor and the index' \
	"differs	$(echo "$last" | cut -f 1)	$((shape - 2)) (1 of $shape)" \
	"$(sed -n 2p "$tmp/got" | cut -f 1-3)"
equal 'and says how many' '1 of 21 tensors differ' "$(tail -n 1 "$tmp/got")"
equal 'and both values' 2 "$(sed -n 2p "$tmp/got" | cut -f 4,5 | wc -w |
	tr -d ' ')"
verify 0 'a tolerance that is wide enough' "$tmp/one.safetensors" \
	"$tmp/bit.safetensors" --atol=1e39
verify 1 'one that is not' "$tmp/one.safetensors" "$tmp/bit.safetensors" \
	--rtol=1e-9

# ---- names, shapes, types
printf '%s\n' 'a 2,3 6' 'b 4 4' 'c 5 5' | write_safetensors "$tmp/x.safetensors"
printf '%s\n' 'a 3,2 6' 'd 4 4' 'c 5 5' | write_safetensors "$tmp/y.safetensors"
verify 1 'names and shapes that differ' --to=raw "$tmp/x.safetensors" \
	"$tmp/y.safetensors"
equal 'missing, extra, another shape: each is named' \
	'extra d,missing b,shape a' \
	"$(grep -e '^missing' -e '^extra' -e '^shape' "$tmp/got" | cut -f 1,2 |
		tr '\t' ' ' | sort | paste -sd , -)"
"$WCONV" convert --quiet --dtype=fp32 "$MODEL" "$tmp/wide.ckpt"
verify 1 'bit by bit another type is a difference' "$MODEL" "$tmp/wide.ckpt"
equal 'which it says of each' 21 "$(grep -c '^dtype	' "$tmp/got")"
verify 0 'as numbers the types may differ' "$MODEL" "$tmp/wide.ckpt" --atol=0
verify 0 '--dtype is for both' "$MODEL" "$tmp/wide.ckpt" --dtype=fp32
verify 0 'a template is for what is converted' --model=yolos \
	--template=$golden/yolos-template/template.ckpt \
	$golden/yolos-template/input.pth \
	$golden/yolos-template/ms/yolos_tiny.ckpt
verify 2 'a source that is not there' "$MODEL" "$tmp/nowhere"
verify 1 'a tolerance that is no number' "$MODEL" "$MODEL" --atol=x
equal 'is a wrong command line' 1 "$(grep -c 'such as 1e-6' "$tmp/err")"

# ---- long ones say how far they are, on a terminal
if has script; then
	for command in stat hash "verify $MODEL"; do
		script -qc "'$WCONV' $command '$MODEL' >/dev/null" /dev/null |
			tr '\r' '\n' >"$tmp/shown"
		check "${command%% *}: progress, with rate and time left" \
			grep -q '^\[#\{20\}\] 100 %  .*/s  0:00 left' "$tmp/shown"
	done
else
	skip 'progress on a terminal' 'script is missing'
fi
"$WCONV" hash "$MODEL" >"$tmp/out" 2>"$tmp/err"
equal 'and nothing elsewhere' '' "$(cat "$tmp/err")"

# ---- stat
if has python3; then
	mkdir "$tmp/npy"
	python3 tests/cli/stat.py make "$tmp/npy"
	"$WCONV" stat "$tmp/npy" --to=raw >"$tmp/stat"
	check 'stat: every number is that of exact sums' \
		python3 tests/cli/stat.py check "$tmp/npy" "$tmp/stat"
else
	skip 'stat' 'python3 is missing'
fi

finish
