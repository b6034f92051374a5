#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every case of tests/golden: what wconv shows of its HuggingFace source must
# be what the reference converter wrote, as a set: the table of hashes (ms.tsv),
# and each record of the checkpoint (ms/*.ckpt), byte for byte. And of that
# checkpoint, the way back, the table hf.tsv.
set -u

BUILD=${BUILD:-build}
cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
LC_ALL=C
export LC_ALL
failed=0

# show NAME WHAT - report on the comparison of $tmp/want and $tmp/got.
show() {
	if cmp -s "$tmp/want" "$tmp/got" && [ -s "$tmp/got" ]; then
		echo "ok - $1: $2"
	else
		failed=1
		echo "not ok - $1: $2"
		cat "$tmp/err"
		diff "$tmp/want" "$tmp/got" | cut -c 1-160 | head -n 20
	fi
}

# case_args DIR [back] - the options of the case, into $args.
case_args() {
	args=
	for arg in $(sh tests/case.sh "$@"); do
		args="$args $arg"
	done
}

# hashes FILE.tsv SOURCE - what wconv shows of SOURCE is what the table says.
hashes() {
	sort "$1" >"$tmp/want"
	# shellcheck disable=SC2086 # no argument of a case has a space
	"$BUILD/wconv" hash $args "$2" >"$tmp/hash" 2>"$tmp/err" ||
		echo "exit code $?" >>"$tmp/err"
	sort "$tmp/hash" >"$tmp/got"
}

# records SOURCE CKPT - model.ckpt of SOURCE holds the records of CKPT.
records() {
	sh tests/records.sh "$2" >"$tmp/want"
	# shellcheck disable=SC2086
	"$BUILD/wconv" cat $args "$1" model.ckpt >"$tmp/ckpt" \
		2>"$tmp/err" || echo "exit code $?" >>"$tmp/err"
	sh tests/records.sh "$tmp/ckpt" >"$tmp/got"
}

forward() {
	case_args "$1"
	source=$1/hf
	[ -e "$source" ] || source=$1/input.pth
	hashes "$1/ms.tsv" "$source"
	show "$name" 'wconv hash equals the table'
	for ckpt in "$1"/ms/*.ckpt; do
		[ -e "$ckpt" ] || continue
		records "$source" "$ckpt"
		show "$name" 'model.ckpt holds the same records'
	done
}

# recast DIR - a MindSpore source under another type.
recast() {
	case_args "$1"
	hashes "$1/ms.tsv" "$1/ms_in"
	show "$name" 'wconv hash of the MindSpore source equals the table'
}

# parts DIR - the files that a model is in, each of which has a table.
parts() {
	for table in "$1"/ms.*.tsv; do
		part=${table%.tsv}
		part=${part##*/ms.}
		[ "$part" != reference ] && [ -e "$table" ] || continue
		case_args "$1"
		args="$args --set=part=$part"
		hashes "$table" "$1/hf"
		show "$name" "wconv hash of the part $part equals the table"
		args="$args --to=ms"
		hashes "$table" "$1/hf"
		show "$name" "... and where it is said that MindSpore's is asked"
	done
}

back() {
	case_args "$1" back
	hashes "$1/hf.tsv" "$1/ms"
	show "$name" 'wconv hash --to=hf equals the table of the way back'
}

# original DIR - a model as its maker published it, and HuggingFace's; of both
# q, k, v in one tensor and apart. Buffers of rotary_emb do not come back.
original() {
	case_args "$1"
	hashes "$1/hf.tsv" "$1/original"
	show "$name" 'the original equals the table of HuggingFace'
	layout=$args
	args='--to=raw'
	hashes "$1/hf.tsv" "$1/original"
	grep -v rotary_emb "$tmp/got" >"$tmp/raw"
	args="--to=original $layout"
	hashes "$1/hf.tsv" "$1/hf"
	mv "$tmp/raw" "$tmp/want"
	show "$name" 'the way back equals the original'
	table=$1/hf.fused.tsv
	[ -e "$table" ] || table=$1/hf.reference.tsv
	args="$layout --set=fused_qkv=true"
	hashes "$table" "$1/original"
	show "$name" 'with fused_qkv it equals what the script writes'
}

for dir in tests/golden/*/; do
	dir=${dir%/}
	name=${dir##*/}
	if [ -e "$dir/ms.tsv" ] && [ -n "$(find "$dir/hf" "$dir/input.pth" \
		-name '*.safetensors' -o -name '*.bin' -o -name '*.pth' \
		-o -name '*.pt' 2>"$tmp/err")" ]; then
		forward "$dir"
	fi
	[ ! -d "$dir/ms_in" ] || recast "$dir"
	parts "$dir"
	[ ! -d "$dir/original" ] || original "$dir"
	if [ -e "$dir/hf.tsv" ] && [ -d "$dir/ms" ]; then
		back "$dir"
	fi
done
exit $failed
