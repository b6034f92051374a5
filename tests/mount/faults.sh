#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# A source that changes under a mount: an I/O error where bytes are lost, one
# line in the log, and never other bytes than before.
. tests/mount/lib.sh
need_fuse

src=$tmp/src
shard=model-00001-of-00002.safetensors

fresh() {
	rm -rf "$src"
	cp -r "$MODEL" "$src"
	serve "$src"
}

# What is under params, as it was before anything happened.
serve "$MODEL"
cp -r --no-preserve=mode "$mnt" "$tmp/want"
stop

# Sort the files of params into those that are read in full ($right), fail
# ($failing), or are read without an error and differ ($wrong).
read_params() {
	right=0 failing=0 wrong=0
	for f in "$mnt"/params/*; do
		if ! cat "$f" >"$tmp/got" 2>/dev/null; then
			failing=$((failing + 1))
		elif cmp -s "$tmp/got" "$tmp/want/params/$(basename "$f")"; then
			right=$((right + 1))
		else
			wrong=$((wrong + 1))
		fi
	done
}

log_lines() {
	grep -c "$1" "$tmp/err"
}

# changed TEXT - after something was done to one of two shards.
changed() {
	read_params
	equal "$1: nothing is read that differs" 0 $wrong
	check "$1: reads of it fail" [ $failing -gt 0 ]
	check "$1: what lies in other files is read" [ $right -gt 0 ]
	cat "$mnt/model.ckpt" 2>"$tmp/cat" >"$tmp/got"
	equal "$1: model.ckpt gives an I/O error" 1 $?
	check "$1: ... which is EIO" grep -q 'Input/output error' "$tmp/cat"
	equal "$1: no byte before it differs" '' \
		"$(cmp "$tmp/got" "$tmp/want/model.ckpt" 2>&1 | grep differ)"
	check "$1: past the page cache as well" sh -c "! dd \
		if='$mnt/model.ckpt' of=/dev/null iflag=direct bs=1M"
	equal "$1: one line in the log" 1 "$(log_lines "$shard")"
	check "$1: the mount goes on" cmp "$mnt/config.json" \
		"$MODEL/config.json"
	stop
	equal "$1: and ends with 0" 0 $code
}

fresh
truncate -s 2000 "$src/$shard"
changed 'truncated'

fresh
: >"$src/$shard"
changed 'emptied'

fresh
printf x | dd of="$src/$shard" bs=1 seek=9000 conv=notrunc 2>/dev/null
changed 'written to'

fresh
echo more >>"$src/$shard"
changed 'grown'

# harmless TEXT - the opened file goes on being served.
harmless() {
	read_params
	equal "$1: everything is read as before" '0 0' "$failing $wrong"
	check "$1: model.ckpt too" cmp "$mnt/model.ckpt" "$tmp/want/model.ckpt"
	equal "$1: nothing is logged" 0 "$(log_lines "$shard")"
	stop
}

fresh
head -c 9000 /dev/zero >"$src/new"
mv "$src/new" "$src/$shard"
harmless 'replaced by rename'

fresh
rm "$src/$shard"
harmless 'removed'

fresh
mv "$src" "$tmp/elsewhere"
harmless 'its directory renamed'
finish
