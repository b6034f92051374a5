#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2154,SC2317
#
# wconvfs whose memory runs out: at the start, where it is refused with a
# sentence, or under reads, which fail or give the bytes that there are.
. tests/mount/lib.sh

need_own_malloc
need_fuse

src=tests/golden/formats/torch/nested.pt
MALLOC_PERTURB_=165
export MALLOC_PERTURB_

# start [N] - mount $src in a foreground process, its N-th allocation failing.
start() {
	FAIL_ALLOC=${1:-0} FAIL_ALLOC_LOG=$tmp/calls \
		LD_PRELOAD=$BUILD/tests/failing.so \
		"$WCONVFS" -f --to=raw "$src" "$mnt" 2>"$tmp/err" &
	pid=$!
	wait_until is_up_or_over
}

is_up_or_over() {
	mounted || ended
}

# read_tree - copy all files that can be read to $tmp/got.
read_tree() {
	rm -rf "$tmp/got"
	mkdir "$tmp/got"
	(cd "$mnt" && find . -type f) 2>/dev/null >"$tmp/names"
	while IFS= read -r f; do
		cat "$mnt/$f" >"$tmp/part" 2>/dev/null || continue
		mkdir -p "$tmp/got/$(dirname "$f")"
		mv "$tmp/part" "$tmp/got/$f"
	done <"$tmp/names"
	rm -f "$tmp/got/.wconvfs/stats.json"
}

# differs - whether $tmp/got has a file that is not as in $tmp/want.
differs() {
	diff -r "$tmp/want" "$tmp/got" | grep -qv '^Only in .*/want'
}

# fault N - what is wrong with a mount whose N-th allocation fails, or nothing.
fault() {
	start "$1"
	if mounted; then
		read_tree
		! differs || echo 'other bytes'
		kill -TERM $pid
	fi
	wait_until ended || kill -KILL $pid
	code=0
	wait $pid 2>/dev/null || code=$?
	case $code in
	0) ;;
	134) # glibc cannot end a thread without this library
		grep -q libgcc_s "$tmp/err" || echo 'it was aborted' ;;
	[2-5]) grep -q '^wconvfs: ' "$tmp/err" || echo 'no sentence' ;;
	*) echo "exit code $code" ;;
	esac
	wait_until not_mounted || echo 'left mounted'
}

start
read_tree
mv "$tmp/got" "$tmp/want"
kill -TERM $pid
wait $pid
total=$(sort -n "$tmp/calls" | tail -n 1)

runs=${MEMORY_RUNS:-25} k=0 faults=
while [ $k -lt "$runs" ]; do
	n=$((1 + (total - 1) * k / (runs - 1)))
	what=$(fault $n)
	[ -z "$what" ] || faults="$faults $n: $what;"
	k=$((k + 1))
done
pid=
equal "a mount: $runs of ${total:=0} allocations fail" '' \
	"$faults$([ "$total" -gt "$runs" ] || echo ' none counted')"
finish
