#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make install puts the programs where it is told, and uninstall takes away
# what install put there.
set -u

cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

# check TEXT COMMAND... - the command must succeed.
check() {
	text=$1
	shift
	if "$@" >"$tmp/out" 2>&1; then
		echo "ok - $text"
	else
		failed=1
		echo "not ok - $text"
		cat "$tmp/out"
	fi
}

# shellcheck disable=SC2317 # check calls it
# The programs as they are built: nothing is made anew with other flags.
run_make() {
	env -u MAKEFLAGS make --no-print-directory -o all BUILD="${BUILD:-build}" "$@" \
		DESTDIR="$tmp/dest" PREFIX=/opt/x
}

check 'make install' run_make install
check 'wconv is there and runs' "$tmp/dest/opt/x/bin/wconv" --version
check 'wconvfs is there and runs' "$tmp/dest/opt/x/bin/wconvfs" --version
for f in sbin/mount.fuse.wconvfs share/man/man1/wconv.1 \
	share/man/man5/wconv-rules.5 share/bash-completion/completions/wconvfs \
	share/zsh/site-functions/_wconv lib/udev/rules.d/90-wconvfs.rules \
	share/wconvfs/convert_weight.py; do
	check "$f is there" test -s "$tmp/dest/opt/x/$f"
done
check 'the unit runs what was installed' grep -q '^ExecStart=/opt/x/bin/' \
	"$tmp/dest/opt/x/lib/systemd/system/wconvfs@.service"
check 'make uninstall' run_make uninstall
check 'nothing is left' test -z "$(find "$tmp/dest" ! -type d)"
exit $failed
