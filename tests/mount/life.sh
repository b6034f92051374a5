#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# From start to unmount: daemon and foreground, signals, what is in the way at
# the mount point.
. tests/mount/lib.sh
need_fuse

# --- the daemon ---

for i in 1 2 3 4 5; do
	daemon "$MODEL"
	equal "daemon, time $i: exit code 0" 0 $code
	check "daemon, time $i: the mount answers at once" \
		test -s "$mnt/model.ckpt"
	unmount
	check "daemon, time $i: unmounted" not_mounted
	check "daemon, time $i: its process has ended" nobody_serves
done

mkdir "$tmp/cwd"
cp -r "$MODEL" "$tmp/cwd/model"
mkdir "$tmp/cwd/mnt"
bin=$(realpath "$WCONVFS")
check 'relative paths of source and mount point' \
	sh -c "cd '$tmp/cwd' && '$bin' model mnt && cmp mnt/config.json \
		model/config.json && cmp mnt/model.ckpt mnt/model.ckpt"
check 'the daemon does not keep its working directory' \
	sh -c "! ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -F '$tmp/cwd'"
umount "$tmp/cwd/mnt" 2>/dev/null || fusermount3 -u "$tmp/cwd/mnt"

code=0
"$WCONVFS" "$MODEL" "$mnt" <&- >&- 2>&- || code=$?
equal 'without standard input, output and error' 0 $code
check '... the mount is whole' cmp "$mnt/config.json" "$MODEL/config.json"

daemon "$MODEL"
sentence 'a second mount at the same place' 5 'already'
mkdir "$tmp/second"
"$WCONVFS" "$MODEL" "$tmp/second"
equal 'a second mount elsewhere' 0 $?
check '... shows the same' cmp "$tmp/second/model.ckpt" "$mnt/model.ckpt"
umount "$tmp/second" 2>/dev/null || fusermount3 -u "$tmp/second"
unmount

# --- signals ---

for signal in TERM INT HUP; do
	for threads in '' -s; do
		serve $threads "$MODEL"
		cat "$mnt/model.ckpt" >/dev/null
		stop $signal
		equal "SIG$signal ends -f $threads with 0" 0 $code
		check "SIG$signal unmounts -f $threads" not_mounted
	done
done

"$WCONV" cat "$MODEL" model.ckpt >"$tmp/want"
for signal in TERM INT HUP; do
	serve --cache=direct "$MODEL"
	exec 9<"$mnt/model.ckpt"
	kill -$signal "$pid"
	check "SIG$signal with an open file unmounts" wait_until not_mounted
	check '... which is read to its end' cmp - "$tmp/want" <&9
	check '... by a process that goes on' kill -0 "$pid"
	exec 9<&-
	reap
	equal '... until it is closed: exit code 0' 0 $code
	[ $code = 0 ] || sed 's/^/# /' "$tmp/err"
done

serve --cache=direct "$MODEL"
exec 9<"$mnt/model.ckpt"
kill -TERM "$pid"
wait_until not_mounted
stop TERM
equal 'a second SIGTERM ends it at once' $((128 + 15)) $code
check '... reads of the open file fail' sh -c '! cat <&9'
exec 9<&-

serve --cache=direct "$MODEL"
exec 9<"$mnt/model.ckpt"
kill -TERM "$pid"
wait_until not_mounted
first=$pid
serve "$MODEL" 9<&-
check 'the place of one that is served to its end is free' \
	cmp "$mnt/model.ckpt" "$tmp/want"
exec 9<&-
wait "$first"
check '... and not touched when it ends' mounted
stop

(
	trap '' HUP
	exec "$WCONVFS" -f "$MODEL" "$mnt" 2>"$tmp/err"
) &
pid=$!
wait_until mounted
kill -HUP "$pid"
sleep 0.2
check 'a signal that is ignored from the start stays so' mounted
stop

serve "$MODEL"
if is_root; then
	umount "$mnt"
else
	fusermount3 -u "$mnt"
fi
code=0
wait "$pid" || code=$?
pid=
equal 'unmounting ends -f with 0' 0 $code

serve "$MODEL"
check '-f says on standard error what is shown' \
	grep -q '^wconvfs: ..*' "$tmp/err"
stop

serve -d "$MODEL"
ls "$mnt" >/dev/null
stop
check '-d stays in the foreground and shows requests' \
	grep -q LOOKUP "$tmp/err"

# --- a dead mount ---

serve "$MODEL"
kill -KILL "$(processes wconvfs-keeper)"
stop KILL
daemon "$MODEL"
sentence 'a stale mount' 5 "fusermount3 -u $mnt"
fusermount3 -u "$mnt"
daemon "$MODEL"
equal '... after which it mounts' 0 $code
unmount

# --- where mounting is not possible ---

# without_sys_admin ARG... - run wconvfs as a root that may not mount.
without_sys_admin() {
	code=0
	setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
		"$WCONVFS" "$@" 2>"$tmp/err" || code=$?
}

# in_bare_dev COMMAND... - with a /dev of its own that has no fuse.
in_bare_dev() {
	code=0
	unshare -m sh -c 'mount -t tmpfs none /dev &&
		mknod -m 666 /dev/null c 1 3 && exec "$@"' - \
		"$@" 2>"$tmp/err" || code=$?
}

# in_open_dev COMMAND... - where everyone may open /dev/fuse.
in_open_dev() {
	code=0
	unshare -m sh -c 'mount -t tmpfs none /dev &&
		mknod -m 666 /dev/null c 1 3 &&
		mknod -m 666 /dev/fuse c 10 229 && exec "$@"' - \
		"$@" 2>"$tmp/err" || code=$?
}

# As a user of no rights: mounts, reads, unmounts; $1 is the directory.
# shellcheck disable=SC2016 # it is for the inner shell
user_session='cd / && "$1/wconvfs" "$1/source" "$1/mnt" &&
	cmp "$1/mnt/config.json" "$1/source/config.json" &&
	test "$(stat -c %u "$1/mnt/config.json")" = 65534 &&
	fusermount3 -u "$1/mnt"'

if is_root && has unshare && has setpriv && unshare -m true 2>/dev/null; then
	without_sys_admin "$MODEL" "$mnt"
	sentence 'mounting is not permitted' 5 "cannot mount at $mnt"
	without_sys_admin -f "$MODEL" "$mnt"
	check 'mounting is not permitted, -f' \
		grep -q "^wconvfs: cannot mount at $mnt" "$tmp/err"
	equal '... exit code 5' 5 $code
	in_bare_dev "$WCONVFS" "$MODEL" "$mnt"
	sentence 'no /dev/fuse' 5 'modprobe fuse'
	user=$tmp/user
	mkdir -p "$user/mnt"
	cp -r "$MODEL" "$user/source"
	cp "$WCONVFS" "$user/wconvfs"
	chown -R 65534:65534 "$user"
	chmod 711 "$tmp"
	in_open_dev setpriv --reuid=65534 --regid=65534 --clear-groups \
		sh -c "$user_session" - "$user"
	equal 'a user mounts, reads and unmounts' 0 $code
	sed 's/^/# /' "$tmp/err"
	chown 0 "$user/mnt"
	in_open_dev setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$user/wconvfs" "$user/source" "$user/mnt"
	sentence 'a user mounts on a directory of another' 5 'cannot mount'
else
	skip 'mounting as another user' 'needs root'
fi
finish
