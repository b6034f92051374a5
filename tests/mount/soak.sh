#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# 64 readers at random (soak.c) for SOAK_SECONDS, 10 unless it says so: `make
# soak` has them go on for ten minutes.
. tests/mount/lib.sh
need_fuse

seconds=${SOAK_SECONDS:-10}
growth=1024
[ -z "${SANITIZED:-}" ] || growth=1000000 # they keep what was freed

"$BUILD/tests/make_model" --fill --shards=2 "$tmp/model" >/dev/null
set -- --dtype=fp32 --set=qkv_concat=true --shard-size=9MB "$tmp/model"
serve "$@"
(cd "$mnt" && find . -type f ! -name stats.json | sed 's|^\./||' | sort) \
	>"$tmp/files"
while IFS= read -r f; do
	mkdir -p "$tmp/want/$(dirname "$f")"
	"$WCONV" cat "$@" "$f" >"$tmp/want/$f" 2>/dev/null
done <"$tmp/files"

if "$BUILD/tests/soak" "$mnt" "$tmp/want" "$seconds" "$pid" "$growth" \
	<"$tmp/files" >"$tmp/out"; then
	ok "$(tail -n 1 "$tmp/out")"
else
	not_ok 'no difference, no more memory, no more descriptors'
	sed 's/^/# /' "$tmp/out"
fi
equal 'nothing was logged meanwhile' 1 "$(wc -l <"$tmp/err")"
stop
equal 'it ends with 0' 0 $code
finish
