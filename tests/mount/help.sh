#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh
#
# What wconvfs says of itself; nothing of this needs FUSE.
. tests/mount/lib.sh

"$WCONVFS" --help >"$tmp/help" 2>"$tmp/err"
equal '--help ends with 0' 0 $?
check '--help goes to standard output' grep -q Usage "$tmp/help"
equal '--help says nothing else' '' "$(cat "$tmp/err")"
equal '--help is 80 columns wide' 0 "$(awk 'length > 79' "$tmp/help" | wc -l)"
check '--help is short' [ "$(wc -l <"$tmp/help")" -le 40 ]
equal '-h is --help' "$(cat "$tmp/help")" "$("$WCONVFS" -h)"
check '--version names both versions' sh -c \
	"'$WCONVFS' -V | grep -q '^wconvfs [0-9]' &&
		'$WCONVFS' --version | grep -q '^libfuse [0-9]'"
finish
