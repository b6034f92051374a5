#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
# shellcheck disable=SC2016 # what is run by the inner shells is quoted
#
# Mounting as somebody else than root, and on systems that lack something;
# each in a mount namespace with a /dev of its own.
. tests/mount/lib.sh
need_fuse

if ! is_root || ! has unshare || ! has setpriv || ! unshare -m true; then
	skip 'mounting as another user' 'needs root'
	finish
fi

# without_sys_admin ARG... - run wconvfs as a root that may not mount.
without_sys_admin() {
	code=0
	setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
		"$WCONVFS" "$@" 2>"$tmp/err" || code=$?
}

without_sys_admin "$MODEL" "$mnt"
sentence 'mounting is not permitted' 5 "cannot mount at $mnt"
check '... it says what a container needs' grep -q 'cap-add SYS_ADMIN' "$tmp/err"
without_sys_admin -f "$MODEL" "$mnt"
check 'mounting is not permitted, -f' \
	grep -q "^wconvfs: cannot mount at $mnt" "$tmp/err"
equal '... exit code 5' 5 $code

# A directory of user 65534 with all that it needs.
user=$tmp/user
mkdir -p "$user/mnt" "$tmp/bin"
cp -rL "$MODEL" "$user/source"
cp "$WCONVFS" "$user/wconvfs"
"$WCONV" cat "$MODEL" model.ckpt >"$user/want"
chown -R 65534:65534 "$user"
chmod 711 "$tmp"

# What the inner shells share; $1 is the user's directory.
cat >"$tmp/bin/lib" <<'END'
u=$1
as_user='setpriv --reuid=65534 --regid=65534 --clear-groups'
mounts() {
	awk -v m="$u/mnt" '$5 == m' /proc/self/mountinfo | wc -l
}
await() {
	tries=200
	until eval "$1"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { echo "never: $1" >&2; return 1; }
		sleep 0.05
	done
}
cd /
END

# inside MODE SCRIPT - run a script as root with a /dev where /dev/fuse has
# that mode, or is missing (none); it may change what else is mounted.
inside() {
	code=0
	unshare -m sh -c 'mount -t tmpfs none /dev &&
		mknod -m 666 /dev/null c 1 3 || exit 99
		[ "$2" = none ] || mknod -m "$2" /dev/fuse c 10 229 || exit 99
		. "${0%/*}/bin/lib"
		eval "$3"' "$tmp/user" "$user" "$1" "$2" 2>"$tmp/err" || code=$?
}

# works TEXT MODE SCRIPT
works() {
	inside "$2" "$3"
	equal "$1" 0 $code
	[ $code = 0 ] || sed 's/^/# /' "$tmp/err"
}

# refuses TEXT WORD MODE SCRIPT
refuses() {
	inside "$3" "$4"
	sentence "$1" 5 "$2"
}

mount_it='$as_user $u/wconvfs $u/source $u/mnt'

works 'a user mounts, reads and unmounts' 666 "$mount_it"' &&
	$as_user cmp $u/mnt/model.ckpt $u/want &&
	test "$($as_user stat -c %u $u/mnt/config.json)" = 65534 &&
	$as_user fusermount3 -u $u/mnt && test $(mounts) = 0'

works "... root cannot read it" 666 "$mount_it"' &&
	! cat $u/mnt/config.json 2>/dev/null &&
	$as_user fusermount3 -u $u/mnt'

works "the user's keeper unmounts after SIGKILL" 666 '
	$as_user $u/wconvfs -f $u/source $u/mnt 2>/dev/null & p=$!
	await "test \$(mounts) = 1"
	$as_user cat $u/mnt/model.ckpt >/dev/null
	kill -KILL $p; wait $p
	await "test \$(mounts) = 0"'

works "a user's SIGTERM unmounts, what is open is served" 666 '
	$as_user $u/wconvfs -f --cache=direct $u/source $u/mnt & p=$!
	await "test \$(mounts) = 1"
	$as_user sh -c "exec <$u/mnt/model.ckpt; kill -TERM $p; sleep 0.5
		cmp - $u/want" || exit 1
	test $(mounts) = 0 && wait $p'

refuses 'no /dev/fuse' 'modprobe fuse' none '$u/wconvfs $u/source $u/mnt'
refuses '/dev/fuse that the user may not open' \
	'ask for read and write permission' 600 "$mount_it"
refuses 'a directory of somebody else' 'cannot mount' 666 \
	'chown 0 $u/mnt; '"$mount_it"'; code=$?; chown 65534 $u/mnt; exit $code'

no_fusermount='mount --bind /dev/null "$(command -v fusermount3)";'
refuses 'no fusermount3' 'install the package fuse3' 666 \
	"$no_fusermount $mount_it"
refuses 'a fusermount3 without its rights' 'setuid root' 666 '
	cp "$(command -v fusermount3)" /dev/f && chmod 755 /dev/f &&
	mount --bind /dev/f "$(command -v fusermount3)"; '"$mount_it"
works '... which root does not need' 666 "$no_fusermount"'
	$u/wconvfs $u/source $u/mnt && cmp $u/mnt/model.ckpt $u/want &&
	umount $u/mnt'

refuses 'allow_other without user_allow_other' 'user_allow_other' 666 \
	": >$tmp/fuse.conf; mount --bind $tmp/fuse.conf /etc/fuse.conf
	$mount_it -o allow_other"
works 'allow_other with user_allow_other: root reads it' 666 \
	"echo user_allow_other >$tmp/fuse.conf
	mount --bind $tmp/fuse.conf /etc/fuse.conf
	$mount_it -o allow_other"' && cmp $u/mnt/model.ckpt $u/want &&
	$as_user fusermount3 -u $u/mnt'

refuses "a user's second mount at the same place" 'already' 666 "$mount_it && {
	$mount_it"'; code=$?; $as_user fusermount3 -u $u/mnt; exit $code; }'
finish
