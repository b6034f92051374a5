#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2154,SC2317
#
# A source that changes under a mount: an I/O error where bytes are lost, one
# line in the log, and never other bytes than before.
. tests/mount/lib.sh
need_fuse

. tests/mount/lib_faults.sh
src=$tmp/src

fresh() {
	rm -rf "$src"
	cp -r "$MODEL" "$src"
	serve "$src"
}

fresh
truncate -s 2000 "$src/$shard"
changed 'truncated'

fresh
: >"$src/$shard"
changed 'emptied'

fresh
printf x | dd of="$src/$shard" bs=1 seek=9000 conv=notrunc 2>/dev/null
changed 'written to'

fresh
echo more >>"$src/$shard"
changed 'grown'

fresh
head -c 9000 /dev/zero >"$src/new"
mv "$src/new" "$src/$shard"
harmless 'replaced by rename'

fresh
rm "$src/$shard"
harmless 'removed'

fresh
mv "$src" "$tmp/elsewhere"
harmless 'its directory renamed'
finish
