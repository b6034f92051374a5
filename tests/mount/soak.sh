#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# 64 readers at random (soak.c) for SOAK_SECONDS, 10 unless it says so: `make
# soak` has them go on for ten minutes.
. tests/mount/lib.sh
need_fuse

seconds=$((${SOAK_SECONDS:-10} / 2))
growth=8192 # KB: pages that buffers which are kept had not touched so far
[ -z "${SANITIZED:-}" ] || growth=1000000 # they keep what was freed

# soak WHAT OPTIONS... - half of the time over that view of a made model
soak() {
	what=$1
	shift
	serve "$@"
	(cd "$mnt" && find . -type f ! -name stats.json | sed 's|^\./||' |
		sort) >"$tmp/files"
	rm -rf "$tmp/want"
	while IFS= read -r f; do
		mkdir -p "$tmp/want/$(dirname "$f")"
		"$WCONV" cat "$@" "$f" >"$tmp/want/$f" 2>/dev/null
	done <"$tmp/files"
	if "$BUILD/tests/soak" "$mnt" "$tmp/want" "$seconds" "$pid" "$growth" \
		<"$tmp/files" >"$tmp/out"; then
		ok "$what: $(tail -n 1 "$tmp/out")"
	else
		not_ok "$what: no difference, no more memory, no more descriptors"
		sed 's/^/# /' "$tmp/out"
	fi
	equal "$what: nothing was logged meanwhile" 1 "$(wc -l <"$tmp/err")"
	stop
	equal "$what: it ends with 0" 0 $code
}

"$BUILD/tests/make_model" --fill --shards=2 "$tmp/model" >/dev/null
soak 'casts and merges' --dtype=fp32 --set=qkv_concat=true --shard-size=9MB \
	"$tmp/model"
# matrices that are made from tiles
"$BUILD/tests/make_model" --fill --layers=1 --hidden=1024 --heads=8 \
	--intermediate=4096 --vocab=1000 "$tmp/wide" >/dev/null
soak 'transposes' --rules=tests/bench/transpose.json "$tmp/wide"
finish
