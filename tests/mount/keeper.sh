#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2016,SC2119,SC2120,SC2317
#
# The keeper: what is left of a mount whose process is killed is unmounted,
# and nothing else ever is.
. tests/mount/lib.sh
need_fuse

# Mounts at exactly $mnt, dead ones too.
mounts() {
	awk -v m="$mnt" '$5 == m' /proc/self/mountinfo | wc -l
}

no_mounts() {
	[ "$(mounts)" = 0 ]
}

# in_foreground, in_background - mount; $pid is who serves, $keeper its keeper.
in_foreground() {
	serve "$@" "$MODEL"
	keeper=$(processes wconvfs-keeper)
}

in_background() {
	daemon "$@" "$MODEL"
	pid=$(processes wconvfs)
	keeper=$(processes wconvfs-keeper)
}

# killed TEXT - nothing is left once $pid is killed.
killed() {
	kill -KILL "$pid"
	reap
	check "$1: unmounted" wait_until no_mounts
	check "$1: no process is left" wait_until nobody_serves
	[ "$(mounts)" = 0 ] || umount -l "$mnt"
}

in_foreground
killed 'killed, -f'
in_foreground -s
killed 'killed, -f -s'
in_background
killed 'killed, a daemon'

in_foreground
exec 9<"$mnt/model.ckpt"
killed 'killed with an open file'
check '... which gives errors' sh -c '! head -c 1 <&9'
exec 9<&-

in_background
for signal in TERM INT HUP; do
	kill -$signal "$keeper"
done
sleep 0.1
check 'the keeper ignores SIGTERM, SIGINT, SIGHUP' kill -0 "$keeper"
killed 'killed after that'

in_background
check 'the keeper has four descriptors' \
	[ "$(ls "/proc/$keeper/fd" | wc -l)" = 4 ]
check '... none of them of the source' sh -c \
	"! ls -l /proc/$keeper/fd | grep -F '$(realpath "$MODEL")'"
equal '... / as its directory' / "$(readlink "/proc/$keeper/cwd")"
[ -n "${SANITIZED:-}" ] || check '... and under 1 MB of memory of its own' awk \
	'/^RssAnon/ && $2 > 1000 { bad = 1 } END { exit bad }' \
	"/proc/$keeper/status"
unmount
pid=$keeper
check 'it ends when the mount is unmounted' wait_until ended
pid=

in_foreground
kill -KILL "$keeper"
cat "$mnt/model.ckpt" >/dev/null
stop
equal 'without a keeper: SIGTERM ends with 0' 0 $code
check '... and unmounts' no_mounts

code=0
"$WCONVFS" "$tmp/nowhere" "$mnt" 2>/dev/null || code=$?
equal 'a source that is not there' 2 $code
check '... leaves no keeper' wait_until nobody_serves

# --- what is renamed above a mount, which goes along ---

lower=$tmp/a/mnt
upper=$tmp/b/mnt

# away - mount at $lower in the foreground, and rename what is above it.
away() {
	mkdir -p "$lower"
	"$READERS" default-signals "$WCONVFS" -f "$MODEL" "$lower" \
		2>"$tmp/err" &
	pid=$!
	wait_until [ -e "$lower/.wconvfs/version" ] || not_ok 'mounted'
	mv "$tmp/a" "$tmp/b"
}

# gone TEXT
gone() {
	check "$1: unmounted" wait_until sh -c "! grep -qF '$upper' \
		/proc/self/mountinfo"
	! mountpoint -q "$upper" || umount "$upper"
	reap
	rmdir "$upper" && mv "$tmp/b" "$tmp/a"
}

away
kill -KILL "$pid"
gone 'renamed above a mount that is killed'
away
kill -TERM "$pid"
gone 'renamed above a mount that is to end'
equal '... which ends with 0' 0 $code

# --- a connection that is cut ---

# abort_connection - as root may; in a namespace, for where the files are not.
# shellcheck disable=SC2016 # it is for the inner shell
abort_connection() {
	unshare -m sh -c 'mount -t fusectl none /sys/fs/fuse/connections
		echo 1 >"/sys/fs/fuse/connections/$1/abort"' - \
		"$(mountpoint -d "$mnt" | sed 's/.*://')"
}

if is_root && has unshare && unshare -m true; then
	in_foreground
	abort_connection
	reap
	equal 'a connection that is aborted: exit code 5' 5 $code
	check '... is unmounted' no_mounts
	in_background
	abort_connection
	check '... that of a daemon too' wait_until no_mounts
	check '... which ends' wait_until nobody_serves
else
	skip 'a connection that is aborted' 'needs root'
fi

# --- what is not ours ---

if is_root; then
	in_foreground
	mount -t tmpfs none "$mnt"
	kill -KILL "$pid"
	reap
	check 'what was mounted over a killed one: its keeper ends' \
		wait_until nobody_serves
	equal '... and leaves both' 2 "$(mounts)"
	umount "$mnt"
	umount -l "$mnt"
	in_foreground
	mount -t tmpfs none "$mnt"
	kill -TERM "$pid"
	check 'what was mounted over one that is to end: it says so' \
		wait_until grep -q 'something else is mounted' "$tmp/err"
	equal '... and leaves both' 2 "$(mounts)"
	umount "$mnt"
	umount "$mnt"
	reap
	equal '... until both are unmounted: exit code 0' 0 $code
else
	skip 'what others mounted' 'needs root'
fi

in_foreground --cache=direct
old=$pid
exec 9<"$mnt/model.ckpt"
kill -TERM "$old"
wait_until no_mounts
in_foreground 9<&-
kill -KILL "$old"
wait "$old" 2>/dev/null
exec 9<&-
sleep 0.2
check 'a mount where a killed one was: goes on' \
	cmp "$mnt/config.json" "$MODEL/config.json"
stop
finish
