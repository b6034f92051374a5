#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# Mounting as a system does it: mount(8), fstab, the unit, the udev rule, and
# wconvfs -u.
. tests/mount/lib.sh
need_fuse

# ---- wconvfs -u
daemon "$MODEL"
check '-u unmounts' "$WCONVFS" -u "$mnt"
check '... so that it is gone' not_mounted
check '... and its process ends' wait_until nobody_serves
code=0
"$WCONVFS" -u "$mnt" 2>"$tmp/err" || code=$?
sentence '-u where nothing is mounted' 5 'no wconvfs is mounted'
code=0
"$WCONVFS" -u /proc 2>"$tmp/err" || code=$?
sentence '-u does not touch what is not ours' 5 '/proc: no wconvfs'
code=0
"$WCONVFS" -u 2>"$tmp/err" || code=$?
sentence '-u alone' 1 'usage: wconvfs -u MOUNTPOINT'
daemon "$MODEL"
exec 3<"$mnt/config.json"
code=0
"$WCONVFS" -u "$mnt" 2>"$tmp/err" || code=$?
sentence '-u while a file is open' 5 "$mnt"
exec 3<&-
check '... and then not' "$WCONVFS" -u "$mnt"
wait_until nobody_serves

# ---- systemd
if has systemd-analyze; then
	mkdir "$tmp/units"
	sed "s,/usr/bin/wconvfs,$(realpath "$WCONVFS")," \
		contrib/systemd/wconvfs@.service >"$tmp/units/wconvfs@.service"
	equal 'the unit has nothing that systemd does not know' '' "$(
		SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no \
			"$tmp/units/wconvfs@x.service" 2>&1 |
			grep -F "$tmp/units" | head -n 5
	)"
else
	skip 'the unit' 'systemd-analyze is missing'
fi

# ---- mount(8), in a mount namespace with a /sbin and an fstab of its own
if ! is_root || ! has unshare || ! unshare -m true; then
	skip 'mount and fstab' 'needs root'
	finish
fi
"$WCONV" cat --dtype=fp16 "$MODEL" model.ckpt >"$tmp/want"
mkdir -p "$tmp/sbin" "$tmp/local/sbin" "$tmp/local/bin"
cp contrib/mount.fuse.wconvfs "$tmp/local/sbin"
cp "$WCONVFS" "$tmp/local/bin/wconvfs"
ln -s "$tmp/local/sbin/mount.fuse.wconvfs" "$tmp/sbin"
source=$(realpath "$MODEL")
echo "$source $mnt fuse.wconvfs ro,allow_other,noauto,nofail,x-systemd.automount,dtype=fp16 0 0" \
	>"$tmp/fstab"

# inside TEXT SCRIPT - run it where mount finds only our helper.
inside() {
	# shellcheck disable=SC2016 # the inner shell's
	check "$1" unshare -m sh -euc '
		mount --make-rprivate /
		cp "$1/fstab" /tmp/wconvfs-fstab.$$
		mount --bind /tmp/wconvfs-fstab.$$ /etc/fstab
		rm /tmp/wconvfs-fstab.$$
		mount --bind "$1/sbin" "$(readlink -f /sbin)"
		mkdir -p "$1/empty"
		PATH=/usr/bin:/bin
		'"$2" - "$tmp" "$mnt" "$source"
	wait_until nobody_serves || not_ok "$1: nobody serves any more"
}

inside 'mount -t fuse.wconvfs SOURCE DIR -o OPTIONS' '
	mount -t fuse.wconvfs -o ro,dtype=fp16 "$3" "$2"
	cmp "$1/want" "$2/model.ckpt"
	umount "$2"'
inside 'mount without ro is read-only as well' '
	mount -t fuse.wconvfs -o dtype=fp16 "$3" "$2"
	cmp "$1/want" "$2/model.ckpt"
	findmnt -n -o OPTIONS "$2" | grep -q "^ro,"
	umount "$2"'
inside 'mount DIR, by a line of fstab' '
	mount "$2"
	cmp "$1/want" "$2/model.ckpt"
	findmnt -n -o FSTYPE,SOURCE "$2" | grep -q "^fuse.wconvfs *$3"
	umount "$2"'
inside 'mount -a leaves out noauto, and takes the others' '
	mount -a -t fuse.wconvfs
	! mountpoint -q "$2"
	sed "s/,noauto//" "$1/fstab" >"$1/fstab.auto"
	mount -a -t fuse.wconvfs -T "$1/fstab.auto"
	cmp "$1/want" "$2/model.ckpt"
	umount "$2"'
inside 'a mount that fails says why, once' '
	! mount -t fuse.wconvfs "$1/nowhere" "$2" 2>"$1/err"
	cat "$1/err"; grep -q "nowhere: No such file" "$1/err"'
inside 'mount -f mounts nothing' '
	mount -f -t fuse.wconvfs "$3" "$2"
	! mountpoint -q "$2"'
inside 'the udev rule: 1 MiB of readahead' '
	mount -t fuse.wconvfs -o ro,readahead=0 "$3" "$2"
	d=$(mountpoint -d "$2")
	test "$(cat /sys/class/bdi/$d/read_ahead_kb)" = 128
	sh contrib/udev/wconvfs-readahead "$d"
	test "$(cat /sys/class/bdi/$d/read_ahead_kb)" = 1024
	umount "$2"'
finish
