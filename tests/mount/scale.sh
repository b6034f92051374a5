#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# A sparse model of 90,003 tensors, 1.3 TB in 160 shards: it is mounted and
# listed at once, in memory that follows from the number of tensors. The time
# limits are generous: they tell linear from quadratic.
. tests/mount/lib.sh
need_fuse

n=90003
"$BUILD/tests/make_model" --layers=10000 --hidden=2048 --intermediate=8832 \
	--heads=16 --kv-heads=4 --vocab=32000 --shards=160 "$tmp/model" \
	>"$tmp/made" || not_ok 'a sparse model can be made'
equal 'the model' "$tmp/model: $n tensors, 1295335428096 bytes, 160 shards" \
	"$(cat "$tmp/made")"

# timed TEXT LIMIT COMMAND... - in milliseconds.
timed() {
	text=$1 limit=$2
	shift 2
	t0=$(date +%s%N)
	"$@" >"$tmp/out" || not_ok "$text"
	ms=$((($(date +%s%N) - t0) / 1000000))
	if [ $ms -le "$limit" ] || [ -n "${SANITIZED:-}" ]; then
		ok "$text: $ms ms, may take $limit"
	else
		not_ok "$text: $ms ms, more than $limit"
	fi
}

is_within() {
	kb=$(awk -v f="$field:" '$1 == f { print $2 }' "/proc/$pid/status")
	[ "$kb" -le "$limit" ] || [ -n "${SANITIZED:-}" ]
}

# memory FIELD LIMIT - of /proc/PID/status, in KB; at rest, since what the
# kernel reads ahead is still being answered when its reader has gone.
memory() {
	field=$1 limit=$2
	if wait_until is_within; then
		ok "$1 is $kb KB, may be $2"
	else
		not_ok "$1 is $kb KB, more than $2"
	fi
}

mount_and_stat() {
	"$WCONVFS" "$tmp/model" "$mnt" 2>"$tmp/err" &&
		stat -c %s "$mnt/model.ckpt"
}

list() {
	# shellcheck disable=SC2012 # it is ls that is to be fast
	ls -U "$mnt/params" | wc -l
}

timed 'mount and stat' 10000 mount_and_stat
equal 'model.ckpt has its size' 1295341608270 "$(cat "$tmp/out")"
timed 'ls -U params' 3000 list
equal '... lists all' $n "$(cat "$tmp/out")"
timed 'ls -U params again' 3000 list
unmount

# In the foreground what opening it took counts, too.
serve "$tmp/model"
resident=$((16384 + n * 600 / 1024))
peak=$((16384 + n * 2 + 65536))
memory VmRSS $resident
list >"$tmp/out"
find "$mnt" -printf '%s\n' | sort -u >"$tmp/sizes"
cat "$mnt"/*/*.json "$mnt/.wconvfs/mapping.tsv" >"$tmp/out"
equal 'mapping.tsv has a line for each, and one more' $((n + 1)) \
	"$(wc -l <"$mnt/.wconvfs/mapping.tsv")"
readers=
for i in 1 2 3 4 5 6 7 8 9 10; do
	dd if="$mnt/model.ckpt" bs=1M count=64 skip=$((i * 100000)) \
		of="$tmp/read$i" 2>/dev/null &
	readers="$readers $!"
done
# shellcheck disable=SC2086 # a word each
wait $readers
equal 'ten readers get what they ask for' 671088640 \
	"$(cat "$tmp"/read* | wc -c)"
memory VmRSS $resident
memory VmHWM $peak
stop
finish
