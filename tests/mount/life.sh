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

# Who comes while another one is just mounting must not mount over it.
twice=
for i in 1 2 3 4 5 6 7 8 9 10; do
	starting=
	for k in 1 2 3 4; do
		"$WCONVFS" "$MODEL" "$mnt" 2>/dev/null &
		starting="$starting $!"
	done
	started=0
	for p in $starting; do
		wait "$p" && started=$((started + 1))
	done
	n=$(awk -v m="$mnt" '$5 == m' /proc/self/mountinfo | wc -l)
	[ "$started $n" = '1 1' ] || twice="$twice $started $n;"
	while mounted; do
		umount "$mnt" 2>/dev/null || fusermount3 -u "$mnt"
	done
	wait_until nobody_serves
done
equal 'four at once, ten times: one is mounted' '' "$twice"

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
"$WCONVFS" "$MODEL" "$mnt/below" 2>"$tmp/err"
code=$?
sentence '... for what is in it too' 5 'stale mount'
check '... that is named' grep -q "fusermount3 -u $mnt\$" "$tmp/err"
check 'wconvfs -u unmounts it, with a slash behind its name' \
	"$WCONVFS" -u "$mnt/"
check '... so that it is gone' not_mounted
daemon "$MODEL"
equal '... after which it mounts' 0 $code
unmount

# --- what is at the mount point already ---

(
	cd "$mnt" && exec sleep 60
) &
inside=$!
daemon "$MODEL"
equal 'a directory that somebody works in: mounts' 0 $code
unmount
kill "$inside"

if is_root; then
	mount -t tmpfs none "$mnt"
	daemon "$MODEL"
	equal 'a mount point of another filesystem: mounts over it' 0 $code
	check '... and shows the model' test -s "$mnt/model.ckpt"
	unmount
	check '... which is seen again when it is unmounted' mounted
	umount "$mnt"
else
	skip 'a mount point of another filesystem' 'needs root'
fi
finish
