# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
#
# What the tests of failing sources share; sourced behind lib.sh. $tmp/want is
# what the golden model's mount shows when nothing is wrong.

shard=model-00001-of-00002.safetensors

serve "$MODEL"
cp -r --no-preserve=mode "$mnt" "$tmp/want"
stop

# Sort the files of params into those that are read in full ($right), fail
# ($failing), or are read without an error and differ ($wrong).
read_params() {
	right=0 failing=0 wrong=0
	for f in "$mnt"/params/*; do
		if ! timeout 20 cat "$f" >"$tmp/got" 2>/dev/null; then
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
	equal "$1: nothing is read that differs" 0 "$wrong"
	check "$1: reads of it fail" [ "$failing" -gt 0 ]
	check "$1: what lies in other files is read" [ "$right" -gt 0 ]
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
	equal "$1: and ends with 0" 0 "$code"
}

# harmless TEXT - the opened file goes on being served.
harmless() {
	read_params
	equal "$1: everything is read as before" '0 0' "$failing $wrong"
	check "$1: model.ckpt too" cmp "$mnt/model.ckpt" "$tmp/want/model.ckpt"
	equal "$1: nothing is logged" 0 "$(log_lines "$shard")"
	stop
}
