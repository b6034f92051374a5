#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every case of tests/golden with a HuggingFace source, safetensors or PyTorch:
# what wconv shows of it must be what the reference converter wrote, as a set:
# the table of hashes (ms.tsv), and each record of the checkpoint
# (ms/model.ckpt), byte for byte.
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

for dir in tests/golden/*/; do
	dir=${dir%/}
	name=${dir##*/}
	[ -e "$dir/ms.tsv" ] || continue
	[ -n "$(find "$dir/hf" -name '*.safetensors' -o -name '*.bin' \
		-o -name '*.pth' -o -name '*.pt')" ] || continue
	set --
	for arg in $(sh tests/case.sh "$dir"); do
		set -- "$@" "$arg"
	done

	sort "$dir/ms.tsv" >"$tmp/want"
	"$BUILD/wconv" hash "$@" "$dir/hf" >"$tmp/hash" 2>"$tmp/err" ||
		echo "exit code $?" >>"$tmp/err"
	sort "$tmp/hash" >"$tmp/got"
	show "$name" 'wconv hash equals the table'

	sh tests/records.sh "$dir/ms/model.ckpt" >"$tmp/want"
	"$BUILD/wconv" cat "$@" "$dir/hf" model.ckpt >"$tmp/ckpt" \
		2>"$tmp/err" || echo "exit code $?" >>"$tmp/err"
	sh tests/records.sh "$tmp/ckpt" >"$tmp/got"
	show "$name" 'model.ckpt holds the same records'
done
exit $failed
