#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2119,SC2154,SC2317
#
# A mount that is listed, read in several ways and unmounted reads no byte that
# was never written, and loses no memory, under valgrind.
. tests/mount/lib.sh

need_valgrind
need_fuse

# The hint: who asks its own mount must not keep the other threads waiting.
cat >"$tmp/wconvfs" <<END
#!/bin/sh
exec valgrind -q --sim-hints=fuse-compatible --log-file=$tmp/valgrind.%p \\
	--leak-check=full --errors-for-leak-kinds=definite,possible \\
	"$(realpath "$WCONVFS")" "\$@"
END
chmod +x "$tmp/wconvfs"
WCONVFS=$tmp/wconvfs
SANITIZED=valgrind # which is as slow

use() {
	find "$mnt" -type f -exec cat {} + >"$tmp/all" &&
		cat "$mnt"/params/* >"$tmp/all" &&
		dd if="$mnt/model.ckpt" of="$tmp/all" bs=1M iflag=direct &&
		ls -l "$mnt/params" && stat -f "$mnt" &&
		[ ! -e "$mnt/none" ] && ! rmdir "$mnt/params" &&
		{ ! has getfattr || getfattr -d "$mnt"/params/*; }
}

# clean TEXT ARG... - unmounted, since valgrind gives a signal to any thread.
clean() {
	what=$1
	shift
	serve "$@"
	check "$what: all is read" use
	umount "$mnt" 2>/dev/null || fusermount3 -u "$mnt"
	reap
	equal "$what: it ends with 0" 0 "$code"
	equal "$what: valgrind has nothing to say" '' \
		"$(cat "$tmp"/valgrind.* | head -n 30)"
	rm -f "$tmp"/valgrind.*
}

make_model "$tmp/model"
clean 'casts and merges' --dtype=fp32 --set=qkv_concat=true "$tmp/model"
clean 'transposes' --rules=tests/bench/transpose.json "$tmp/model"
finish
