#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Memory that runs out while a source is opened or read, at whatever call: the
# views by themselves, in which every allocation fails once, or one of each kind
# and more spread evenly (tests/alloc/every.c); and wconv, some of whose fail.
set -u
. tests/mount/lib.sh

need_own_malloc

golden=tests/golden
formats=$golden/formats
# glibc fills what is freed with this byte: who uses it reads nonsense
MALLOC_PERTURB_=165
export MALLOC_PERTURB_

# view SECONDS SOURCE [KEY=VALUE]... - of all forms of sources
view() {
	"$BUILD/tests/every" "$@" || failed=1
}

for f in safetensors/all_dtypes.safetensors ckpt/dtypes.ckpt \
	ckpt/mapparam.ckpt torch/nested.pt torch/views.pt torch/legacy.pt \
	torch/byteorder_big.pt; do
	view 1 $formats/$f to=raw
done
view 1 $formats/ckpt/dist4 strategy=$formats/ckpt/dist4/strategy.ckpt to=raw
view 1 $formats/ckpt/dist4 strategy=$formats/ckpt/dist4/strategy.json to=raw
view 3 $golden/llama3-gqa-bf16/hf set=qkv_concat=true dtype=fp32 \
	shard-size=40000
view 3 $golden/deepseek3-fp8/hf
view 3 $golden/gpt2/ms to=hf config=$golden/gpt2/hf/config.json
view 3 $golden/yolos-template/input.pth $(sh tests/case.sh $golden/yolos-template |
	sed 's/^--//')

# ---- wconv, in processes of its own

# preloaded N - the command, its N-th allocation failing; 0: none
preloaded() {
	FAIL_ALLOC=$1 LD_PRELOAD=$BUILD/tests/failing.so "$WCONV" $command \
		>"$tmp/got" 2>"$tmp/err"
}

# fault - what is wrong with the run that ended with $code, or nothing
fault() {
	case $code in
	0) cmp -s "$tmp/got" "$tmp/want" || echo 'other output' ;;
	2)
		n=$(wc -c <"$tmp/got")
		head -c "$n" "$tmp/want" | cmp -s - "$tmp/got" ||
			echo 'other output'
		grep -q '^wconv: .*\(out of\|allocate\) memory$' "$tmp/err" ||
			echo 'no sentence'
		;;
	6) # none could be started, which is no want of memory by its number
		grep -q '^wconv: no thread: ' "$tmp/err" ||
			echo "exit code $code"
		;;
	*) echo "exit code $code" ;;
	esac
}

# some RUNS COMMAND... - that many, the calls that fail spread evenly
some() {
	runs=$1
	shift
	command=$*
	"$WCONV" "$@" >"$tmp/want" 2>/dev/null
	FAIL_ALLOC_LOG=$tmp/calls preloaded 0
	total=$(tail -n 1 "$tmp/calls")
	k=0 faults=
	while [ $k -lt "$runs" ]; do
		n=$((1 + (total - 1) * k / (runs - 1)))
		code=0
		preloaded $n || code=$?
		what=$(fault)
		[ -z "$what" ] || faults="$faults $n: $what;"
		k=$((k + 1))
	done
	equal "wconv $1: $runs of ${total:=0} allocations fail" '' \
		"$faults$([ "$total" -gt "$runs" ] || echo ' none counted')"
}

some 40 hash $golden/llama2-mha/hf
some 40 cat $golden/llama2-mha/hf model.ckpt
some 40 list --json $golden/llama2-mha/hf
some 20 explain $golden/llama2-mha/hf lm_head.weight
some 20 check-rules models/llama.json
some 40 hash --to=raw $formats/torch/nested.pt
finish
