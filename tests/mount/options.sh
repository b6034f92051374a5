#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# Options of a mount, on the command line and as mount(8) passes them.
. tests/mount/lib.sh
need_fuse

# super NUMBER - a field of our mount in mountinfo, counted after the "-".
super() {
	awk -v m="$mnt" -v n="$1" \
		'$5 == m { sub(/.* - /, ""); print $n }' /proc/self/mountinfo
}

readahead() {
	cat "/sys/class/bdi/$(mountpoint -d "$mnt")/read_ahead_kb"
}

# accepts TEXT ARG... - it mounts, without a word.
accepts() {
	text=$1
	shift
	daemon "$@"
	equal "$text" '0 ' "$code $(cat "$tmp/err")"
	[ $code = 0 ] || return
	unmount
}

accepts 'what fstab and mount(8) add' "$MODEL" -o \
	ro,nofail,_netdev,noauto,user,x-systemd.automount,x-any=1,dev,suid,exec
accepts 'the kernel options that are true anyway' "$MODEL" -o \
	ro,nosuid,nodev,noexec,noatime,nodiratime
accepts 'several -o, empty words' "$MODEL" -o ro, -o ,,nodev -onosuid
accepts 'auto_unmount' "$MODEL" -o auto_unmount
accepts 'threads' "$MODEL" -o max_threads=3,clone_fd

"$WCONVFS" "$MODEL" "$mnt" -o ro,dtype=fp32,cache=page
check 'source, mount point, then options, as a mount helper' mounted
"$WCONV" cat --dtype=fp32 "$MODEL" model.ckpt >"$tmp/want"
check '-o dtype= is --dtype=' cmp "$tmp/want" "$mnt/model.ckpt"
unmount

serve -o dtype=fp32 --cache page --dtype=fp16 "$MODEL"
"$WCONV" cat --dtype=fp16 "$MODEL" model.ckpt >"$tmp/want"
check 'the last of two options counts' cmp "$tmp/want" "$mnt/model.ckpt"
stop

serve -o allow_other "$MODEL"
check 'allow_other brings default_permissions' \
	grep -q 'allow_other' /proc/self/mountinfo
equal '... which the kernel confirms' 1 \
	"$(super 3 | tr , '\n' | grep -c default_permissions)"
stop
# of a user's directory that root mounts for all
if is_root; then
	cp -r "$MODEL" "$tmp/theirs"
	mkdir -p "$tmp/hub/blobs" "$tmp/closed"
	chmod 711 "$tmp"
	chmod 755 "$tmp/hub" "$tmp/hub/blobs"
	chmod 700 "$tmp/closed"
	for f in hub/secret hub/open hub/blobs/blob closed/open; do
		echo "$f" >"$tmp/$f"
	done
	chmod 640 "$tmp/hub/secret"
	chmod 600 "$tmp/hub/blobs/blob"
	chmod 644 "$tmp/hub/open" "$tmp/closed/open"
	ln -s ../hub/secret "$tmp/theirs/secret.txt"
	ln -s ../closed/open "$tmp/theirs/closed.txt"
	ln -s ../hub/open "$tmp/theirs/open.txt"
	ln -s ../hub/blobs/blob "$tmp/theirs/blob.txt"
	chown -hR 65534 "$tmp/theirs" "$tmp/hub/blobs"
	ln -s ../hub/secret "$tmp/theirs/ours.txt"
	serve "$tmp/theirs"
	equal 'a mount of our own shows all files beside the weights' \
		'blob.txt closed.txt open.txt ours.txt secret.txt' \
		"$(cd "$mnt" && echo *.txt)"
	unmount
	serve -o allow_other "$tmp/theirs"
	equal 'one for all no links to what their owner may not read' \
		'blob.txt open.txt ours.txt' "$(cd "$mnt" && echo *.txt)"
	equal '... and says so' 2 \
		"$(grep -c "is not shown: it is somebody's link to" \
			"$mnt/.wconvfs/report.txt")"
	stop
fi

serve -o fsname=a-name "$MODEL"
equal '-o fsname= is the device' a-name "$(super 2)"
stop

odd="$tmp/a, b\\c d"
cp -r "$MODEL" "$odd"
mkdir "$odd mnt"
plain=$mnt
mnt="$odd mnt"
serve "$odd"
check 'a source and a mount point with , \ and blanks' \
	cmp "$mnt/config.json" "$odd/config.json"
equal '... by its whole name in df' "$odd" \
	"$(df --output=source "$mnt" | tail -n 1)"
stop
mnt=$plain

mkdir "$tmp/full"
echo hidden >"$tmp/full/file"
mnt=$tmp/full
serve -o nonempty "$MODEL"
check '-o nonempty hides what is there' [ ! -e "$mnt/file" ]
stop
check '... until it is unmounted' [ -e "$mnt/file" ]
mnt=$plain

if is_root; then
	serve "$MODEL"
	check "root's readahead is 1 MiB" wait_until \
		sh -c "[ \"\$(cat /sys/class/bdi/$(mountpoint -d "$mnt")/read_ahead_kb)\" = 1024 ]"
	stop
	daemon --readahead=2M "$MODEL"
	equal '--readahead=2M is set when the parent returns' 2048 \
		"$(readahead)"
	unmount
	daemon --readahead=0 "$MODEL"
	equal '--readahead=0 leaves what the kernel has' 128 "$(readahead)"
	unmount
else
	daemon --readahead=2M "$MODEL"
	equal '--readahead=2M without the right to set it: mounts' 0 $code
	check '... and warns' grep -q 'warning: .*readahead' "$tmp/err"
	unmount
fi

if is_root && has mount.fuse3; then
	mkdir "$tmp/bin"
	ln -s "$(realpath "$WCONVFS")" "$tmp/bin/wconvfs"
	check 'as mount -t fuse.wconvfs does' env PATH="$tmp/bin:$PATH" \
		mount.fuse3 "$(realpath "$MODEL")" "$mnt" -t fuse.wconvfs \
		-o ro,allow_other,default_permissions,_netdev,dtype=fp16
	check '... passes our options on' cmp "$tmp/want" "$mnt/model.ckpt"
	unmount
	check 'mount.fuse3 -o drop_privileges' env PATH="$tmp/bin:$PATH" \
		mount.fuse3 "$(realpath "$MODEL")" "$mnt" -t wconvfs \
		-o drop_privileges,dtype=fp16
	check '... passes an open device' cmp "$tmp/want" "$mnt/model.ckpt"
	umount "$mnt"
else
	skip 'mounting from fstab' 'needs root and mount.fuse3'
fi
finish
