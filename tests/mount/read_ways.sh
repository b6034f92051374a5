#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# However a program reads the files of a mount, it gets the bytes that
# `wconv cat` prints, with each --cache.
. tests/mount/lib.sh
need_fuse

# All files of the mount but one, that differs from one open to the next.
list_files() {
	(cd "$mnt" && find . -type f ! -name stats.json | sed 's|^\./||' |
		sort) >"$tmp/files"
}

# cat_all SOURCE ARG... - what wconv prints of each file, as $tmp/want.
cat_all() {
	rm -rf "$tmp/want"
	while IFS= read -r f; do
		mkdir -p "$tmp/want/$(dirname "$f")"
		"$WCONV" cat "$@" "$f" >"$tmp/want/$f" || return 1
	done <"$tmp/files"
}

same_trees() {
	diff -r -x stats.json "$tmp/want" "$tmp/copy"
}

# Make $tmp/copy from the mount with a command that is run in it.
copied() {
	text=$1
	shift
	rm -rf "$tmp/copy"
	mkdir "$tmp/copy"
	if ! (cd "$mnt" && "$@") >"$tmp/out" 2>&1; then
		not_ok "$text"
		sed 's/^/# /' "$tmp/out" | head
		return
	fi
	check "$text" same_trees
}

copy_dd() {
	find . -type d -exec mkdir -p "$tmp/copy/{}" ';'
	while IFS= read -r f; do
		dd if="$f" of="$tmp/copy/$f" bs=777 2>/dev/null || return 1
	done <"$tmp/files"
}

copy_tar() {
	tar -c -f "$tmp/tar" --exclude stats.json "$@" . &&
		tar -x -f "$tmp/tar" -C "$tmp/copy" --no-same-permissions \
			--mode=u+w
}

copy_rsync() {
	rsync -rc --chmod=u+w ./ "$tmp/copy/" &&
		rsync -rcn --out-format='differs: %n' --exclude stats.json \
			./ "$tmp/copy/" >"$tmp/again" &&
		! grep differs "$tmp/again"
}

cmp_all() {
	while IFS= read -r f; do
		cmp "$mnt/$f" "$tmp/want/$f" || return 1
	done <"$tmp/files"
}

by() {
	"$READERS" "$1" "$mnt" "$tmp/want" <"$tmp/files"
}

# all_ways WHAT CACHE
all_ways() {
	what="$1, --cache=$2"
	check "$what: cmp with wconv cat" cmp_all
	copied "$what: cp" cp -r --no-preserve=mode . "$tmp/copy"
	copied "$what: cp --sparse=always" \
		cp -r --no-preserve=mode --sparse=always . "$tmp/copy"
	copied "$what: dd bs=777" copy_dd
	copied "$what: tar" copy_tar
	copied "$what: tar -S" copy_tar -S
	if has rsync; then
		copied "$what: rsync -c" copy_rsync
	else
		skip "$what: rsync -c" 'rsync is not installed'
	fi
	check "$what: mmap" by mmap
	check "$what: O_DIRECT" by odirect
	check "$what: sendfile" by sendfile
	check "$what: random ranges" by random
	check "$what: 16 readers at once" by many
}

# each_cache WHAT SOURCE ARG... - all ways with each --cache.
each_cache() {
	name=$1
	shift
	for cache in auto page direct; do
		serve --cache=$cache "$@"
		if [ $cache = auto ]; then
			list_files
			cat_all "$@" || not_ok "$name: wconv cat"
		fi
		all_ways "$name" $cache
		stop
	done
}

each_cache 'golden model' "$MODEL"
make_model "$tmp/model"
each_cache 'made model, fused and cast' "$tmp/model" --dtype=fp32 \
	--set=qkv_concat=true --shard-size=5MB

serve -s "$MODEL"
list_files
cat_all "$MODEL"
check 'one thread (-s): cmp with wconv cat' cmp_all
check 'one thread (-s): 16 readers at once' by many
stop
finish
