#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2120,SC2154,SC2317
#
# A source on a FUSE filesystem that fails, stalls, or dies (faultfs.c): what
# it cannot give is an I/O error, and all else goes on.
. tests/mount/lib.sh
need_fuse
. tests/mount/lib_faults.sh

faultfs=${FAULTFS:-$BUILD/tests/faultfs}
dir=$tmp/dir faults=$tmp/faults src=$tmp/src
other=model-00002-of-00002.safetensors
mkdir "$faults" "$src"

# fresh ARG... - a new copy of the model behind a filesystem without faults.
fresh() {
	rm -rf "$dir" "${faults:?}"/*
	cp -rL "$MODEL" "$dir"
	"$faultfs" "$dir" "$faults" "$src" 2>"$tmp/faultfs" &
	below=$!
	wait_until [ -e "$src/config.json" ] || not_ok 'faultfs is mounted'
	serve "$@" "$src"
}

# The end of a test; $below is the process of faultfs.
done_with() {
	[ -z "$pid" ] || stop
	rm -f "$faults"/*
	umount "$src" 2>/dev/null || fusermount3 -u "$src"
	wait "$below"
}

# params_of FILE - the parameters that lie in a shard of the source.
params_of() {
	awk -F '\t' -v f="$1: " 'index($4, f) == 1 { print $1 }' \
		"$tmp/want/.wconvfs/mapping.tsv"
}

fresh
harmless 'a source on FUSE'
done_with

fresh
touch "$faults/$shard.eio"
changed 'a file of which reads give EIO'
done_with

# --- a bad block ---

fresh
echo 9000 9001 >"$faults/$shard.eio"
read_params
equal 'one bad byte: the parameter that it is in fails' '1 0' "$failing $wrong"
equal '... all others are read' "$(ls "$mnt/params" | wc -l)" $((right + 1))
equal '... one line in the log' 1 "$(log_lines "$shard")"
rm "$faults/$shard.eio"
read_params
equal 'the fault is over: all is read' '0 0' "$failing $wrong"
check '... model.ckpt too' cmp "$mnt/model.ckpt" "$tmp/want/model.ckpt"
done_with

fresh
touch "$faults/$shard.attr"
read_params
check 'attributes that cannot be had: reads fail' [ "$failing" -gt 0 ]
equal '... of that file, and nothing wrong is read' "$((right > 0)) 0" "1 $wrong"
rm "$faults/$shard.attr"
read_params
equal '... until they can: all is read' '0 0' "$failing $wrong"
done_with

# --- changed behind the filesystem, which shows old attributes ---

fresh
printf x | dd of="$dir/$shard" bs=1 seek=9000 conv=notrunc 2>/dev/null
changed 'changed in place, with cached attributes'
done_with

fresh
truncate -s 9000 "$dir/$shard"
changed 'truncated, with cached attributes'
done_with

# --- a source that hangs ---

fresh
one=$(params_of "$shard" | head -n 1)
touch "$faults/$shard.stall"
readers=
for i in 1 2 3; do
	cat "$mnt/params/$one.npy" >"$tmp/late$i" &
	readers="$readers $!"
done
sleep 0.3
params_of "$other" >"$tmp/others"
check 'a stalled file: there are parameters in the other' test -s "$tmp/others"
# shellcheck disable=SC2016 # it is for the inner shell
check '... which are read meanwhile' timeout 10 sh -c '
	while read -r p; do
		cmp "$2/params/$p.npy" "$3/params/$p.npy" || exit 1
	done <"$1"' - "$tmp/others" "$mnt" "$tmp/want"
check '... so are names and attributes' timeout 10 sh -c \
	"ls -l '$mnt'/params | grep -q npy"
check '... and those of the stalled one wait' kill -0 $!
rm "$faults/$shard.stall"
# shellcheck disable=SC2086 # a word each
wait $readers
for i in 1 2 3; do
	check "it goes on: reader $i gets the bytes" \
		cmp "$tmp/late$i" "$tmp/want/params/$one.npy"
done
equal '... without an error' 0 "$(log_lines "$shard")"
done_with

# Kernels wait for a FUSE filesystem that has begun to answer, even those who
# were killed: only then the process ends.
fresh
touch "$faults/$shard.stall"
cat "$mnt/params/$one.npy" >"$tmp/late" 2>/dev/null &
reader=$!
sleep 0.3
kill -TERM "$pid"
check 'SIGTERM while a source hangs: unmounts' wait_until not_mounted
kill -TERM "$pid"
sleep 0.3
rm "$faults/$shard.stall"
reap
equal '... a second one ends it' $((128 + 15)) $code
wait "$reader"
equal '... and the reader gets an error' 1 $?
done_with

# --- a source whose filesystem dies ---

fresh
kill -KILL "$below"
wait "$below" 2>/dev/null
read_params
equal 'a dead filesystem: nothing wrong is read' '0 0' "$right $wrong"
check '... what needs no source is' cmp "$mnt/.wconvfs/mapping.tsv" \
	"$tmp/want/.wconvfs/mapping.tsv"
equal '... one line a file' '1 1' "$(log_lines "$shard") $(log_lines "$other")"
stop
equal '... it ends with 0' 0 $code
umount -l "$src" 2>/dev/null || fusermount3 -u "$src"
finish
