#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# What stat, ls, find, du, df and getfattr see of a mount.
. tests/mount/lib.sh
need_fuse

# fields FORMAT - stat of every file and directory.
fields() {
	(cd "$mnt" && find . -exec stat -c "$1" {} + | sort)
}

count() {
	find "$mnt" "$@" | wc -l
}

sizes_are_exact() {
	(cd "$mnt" && find . -type f) | while IFS= read -r f; do
		[ "$(stat -c %s "$mnt/$f")" = "$(wc -c <"$mnt/$f" | tr -d ' ')" ] &&
			[ "$(stat -c %s "$mnt/$f")" = \
				"$(dd if="$mnt/$f" bs=1M 2>/dev/null | wc -c)" ] ||
			{ echo "$f"; exit 1; }
	done
}

blocks_follow_size() {
	fields '%s %b %F %n' | awk '/regular/ {
		if ($2 != int(($1 + 511) / 512)) { print; bad = 1 }
	} END { exit bad }'
}

serve "$MODEL"
equal 'files have mode 0444' 0 "$(count -type f ! -perm 444)"
equal 'directories have mode 0555' 0 "$(count -type d ! -perm 555)"
equal 'nothing else is there' 0 "$(count ! -type f ! -type d)"
equal 'the owner is who mounted' 0 "$(count ! -uid "$(id -u)")"
equal 'the group is that of who mounted' 0 "$(count ! -gid "$(id -g)")"
check 'sizes are exact' sizes_are_exact
check 'st_blocks is the size in blocks of 512' blocks_follow_size
equal 'st_blksize is 1 MiB' 1048576 "$(fields %o | sort -u)"
newest=$(find -L "$MODEL" -name '*.safetensors' -printf '%T@\n' | sort -n |
	tail -n 1)
equal 'model.ckpt has the mtime of the newest weight file' "$newest" \
	"$(find "$mnt/model.ckpt" -printf '%T@\n')"
equal 'atime, mtime and ctime are one' 0 \
	"$(fields '%X %Y %Z' | awk '$1 != $2 || $2 != $3' | wc -l)"
equal 'inodes differ' '' "$(fields %i | sort | uniq -d)"
equal 'the root is inode 1' 1 "$(stat -c %i "$mnt")"
equal 'a directory counts its subdirectories as links' \
	$((2 + $(find "$mnt" -mindepth 1 -maxdepth 1 -type d | wc -l))) \
	"$(stat -c %h "$mnt")"
fields '%i %s %a %h %Y %n' >"$tmp/before"

dots=$(find "$mnt" -type d -exec ls -a {} ';' | grep -c '^\.\.\?$')
equal 'directories list . and ..' $((2 * $(count -type d))) "$dots"
equal 'params has a file for each parameter' \
	"$("$WCONV" hash "$MODEL" | cut -f 1 | sed 's/$/.npy/' | sort)" \
	"$(ls "$mnt/params" | sort)"
equal 'a second listing is the same' "$(ls "$mnt/params")" \
	"$(ls "$mnt/params")"

for name in pytorch_model.bin model.ckpt.index.json params/none .hidden; do
	for time in first second; do
		equal "$name is absent, the $time time" \
			"ls: cannot access '$mnt/$name': No such file or directory" \
			"$(ls "$mnt/$name" 2>&1)"
	done
done
long=$(printf %0300d 0)
check 'a name that is too long is absent' [ ! -e "$mnt/$long" ]
check 'a file is no directory' [ ! -e "$mnt/model.ckpt/x" ]

check 'every call that writes gives EROFS' "$READERS" erofs "$mnt" model.ckpt
if is_root; then
	mount -i -o remount,rw "$mnt"
	check 'every call that writes gives EROFS when remounted rw' \
		"$READERS" erofs "$mnt" model.ckpt
	mount -i -o remount,ro "$mnt"
else
	skip 'remounted read-write' 'needs root'
fi
equal 'the mount is read-only' ro \
	"$(awk -v m="$mnt" '$5 == m { print substr($6, 1, 2) }' \
		/proc/self/mountinfo)"
equal 'its type is fuse.wconvfs, its device the source' \
	"fuse.wconvfs $(realpath "$MODEL")" \
	"$(awk -v m="$mnt" '$5 == m { sub(/.* - /, ""); print $1, $2 }' \
		/proc/self/mountinfo)"
equal 'names may have 255 bytes' 255 "$(stat -f -c %l "$mnt")"
equal 'nothing is free' '0 0' "$(stat -f -c '%f %d' "$mnt")"
equal 'as many files as nodes' "$(count)" "$(stat -f -c %c "$mnt")"

one=$(ls "$mnt/params" | head -n 1)
if has getfattr; then
	for name in name source dtype shape offset; do
		check "params have the attribute user.wconvfs.$name" getfattr \
			--only-values -n "user.wconvfs.$name" "$mnt/params/$one"
	done
	equal 'its name is the parameter' "${one%.npy}" "$(getfattr \
		--absolute-names --only-values -n user.wconvfs.name \
		"$mnt/params/$one")"
	check 'an attribute that is not there' sh -c \
		"! getfattr -n user.wconvfs.none '$mnt/params/$one'"
	check 'attributes are listed' sh -c \
		"getfattr -d '$mnt/params/$one' | grep -q ^user.wconvfs.name="
else
	skip 'extended attributes' 'getfattr is not installed'
fi
stop

serve "$MODEL"
fields '%i %s %a %h %Y %n' >"$tmp/after"
check 'a second mount shows the same inodes and attributes' \
	diff "$tmp/before" "$tmp/after"
stop
if has getfattr; then
	serve --to=raw tests/golden/formats/ckpt/scalar.ckpt
	equal 'the shape of a single value' scalar "$(getfattr \
		--absolute-names --only-values -n user.wconvfs.shape \
		"$mnt/params/s.npy")"
	stop
fi
serve -o uid=12345,gid=23456 "$MODEL"
equal '-o uid=N,gid=N set the owner' 0 \
	"$(count ! '(' -uid 12345 -gid 23456 ')')"
stop
finish
