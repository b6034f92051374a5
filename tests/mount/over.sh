#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2119,SC2154
#
# A view of a view: from HuggingFace to MindSpore, back, and there again gives
# the first file, byte for byte, of every golden case; the other way round too.
. tests/mount/lib.sh
need_fuse

mkdir "$tmp/1" "$tmp/2" "$tmp/3"

# show N ARG... - mount at $tmp/N.
show() {
	at=$1
	shift
	"$WCONVFS" "$@" "$tmp/$at" 2>"$tmp/err" && return
	sed 's/^/# /' "$tmp/err"
	return 1
}

clear() {
	for at in 3 2 1; do
		! mountpoint -q "$tmp/$at" || umount -l "$tmp/$at" 2>/dev/null ||
			fusermount3 -u -z "$tmp/$at"
	done
}

# The case's options, without a cast: that would be made twice.
options() {
	sh tests/case.sh "$@" | grep -v -e --dtype -e --to= | tr '\n' ' '
}

# aligned FILE - whether each tensor of a PyTorch file would be aligned if their
# bytes came one after the other. If not, a safetensors file has another order.
aligned() {
	"$WCONV" list --tsv --to=raw "$1" | awk -F '\t' '
		NR > 1 {
			if (match($2, /[0-9]+$/) && $2 !~ /^F8/)
				bad += off % (substr($2, RSTART) / 8) != 0
			off += $4
		}
		END { exit bad > 0 }'
}

# same FILE - of the first view and the last: byte for byte, or, where the order
# could not be kept, its tensors.
same() {
	if [ $ordered = 1 ]; then
		cmp "$tmp/1/$1" "$tmp/3/$1"
		return
	fi
	for at in 1 3; do
		"$WCONV" hash --to=raw "$tmp/$at/$1" | sort >"$tmp/hashes$at" ||
			return 1
	done
	[ -s "$tmp/hashes1" ] && cmp "$tmp/hashes1" "$tmp/hashes3"
}

# over TEXT SOURCE TO BACK FILE... - view, view of it to TO, and view of that
# to BACK: the FILEs of the first and the last are the same.
over() {
	what=$1 source=$2 to=$3 back=$4 hf=2
	[ "$to" = hf ] || hf=1
	shift 4
	# shellcheck disable=SC2086 # options without blanks
	if show 1 $args --to="$back" "$source" &&
		show 2 $args --to="$to" "$tmp/1" &&
		show 3 $args --to="$back" "$tmp/2"; then
		ordered=0
		aligned "$tmp/$hf/pytorch/pytorch_model.bin" && ordered=1
		for file; do
			check "$what: $file" same "$file"
		done
	else
		not_ok "$what"
	fi
	clear
}

# A template has the names of one side, which the way back does not make.
for dir in tests/golden/*/; do
	dir=${dir%/}
	name=${dir##*/}
	[ -e "$dir/hf.tsv" ] && [ -d "$dir/ms" ] &&
		[ ! -e "$dir/template.ckpt" ] || continue
	args=$(options "$dir" back)
	over "$name, MindSpore first" "$dir/ms" ms hf model.safetensors \
		pytorch/pytorch_model.bin
	[ -e "$dir/ms.tsv" ] || continue
	args=$(options "$dir")
	over "$name, HuggingFace first" "$dir/hf" hf ms model.ckpt \
		safetensors/model.safetensors
done
finish
