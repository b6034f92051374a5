#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# Parameters whose names are no file names: each is found by the name that the
# listing shows, and nothing is found twice.
. tests/mount/lib.sh
need_fuse

# Names, a line each, as JSON writes them.
x250=$(printf %0250d 0 | tr 0 x)
u80=$(printf %080d 0 | sed 's/0/漢/g') # 240 bytes
cat >"$tmp/names" <<END
plain.weight
a/b/c.weight
/
with blanks  and more
Grüße.漢字.weight
.
..
.hidden
%
%2F
100%
tab\tand\u0001control
quote\"and\\\\backslash
new\nline
~
-rf
${x250}1
${x250}12
${x250}123456789
${x250}12345678/
${x250}123456789012345678901234567890
${x250}123456789012345678901234567891
${u80}/weight
${u80}${u80}a
${u80}${u80}b
x.npy
END
n=$(wc -l <"$tmp/names")

# Tensor i is one element of two bytes, its number in digits.
mkdir "$tmp/model"
awk '{
	printf "%s\"%s\":", (NR == 1 ? "{" : ","), $0
	printf "{\"dtype\":\"BF16\",\"shape\":[1],"
	printf "\"data_offsets\":[%d,%d]}", 2 * NR - 2, 2 * NR
} END { printf "}" }' "$tmp/names" >"$tmp/header"
size=$(wc -c <"$tmp/header")
{
	# shellcheck disable=SC2059 # the format is the bytes
	printf "\\$(printf %o $((size % 256)))\\$(printf %o $((size / 256)))"
	printf '\0\0\0\0\0\0'
	cat "$tmp/header"
	seq -w 1 99 | head -n "$n" | tr -d '\n'
} >"$tmp/model/model.safetensors"

# value FILE - the digits in it; the data is its last two bytes.
value() {
	tail -c 2 "$1"
}

serve --to=raw "$tmp/model"
ls -U "$mnt/params" >"$tmp/listed"
equal 'each name is listed, on one line' "$n" "$(wc -l <"$tmp/listed")"
check 'no listed name is longer than 255 bytes' \
	awk 'length > 255 { exit 1 }' "$tmp/listed"
while IFS= read -r f; do
	value "$mnt/params/$f" || echo "$f is not found"
	echo
done <"$tmp/listed" | sort >"$tmp/values"
check 'each is found by its listed name, and is another one' sh -c \
	"seq -w 1 99 | head -n $n | cmp - '$tmp/values'"
check 'by find, which goes through the listing' \
	[ "$(find "$mnt/params" -type f | wc -l)" = "$n" ]
cp -r --no-preserve=mode "$mnt/params" "$tmp/copy"
check 'cp -r finds the same' diff -r "$mnt/params" "$tmp/copy"

equal 'a slash is %2F' 02 "$(value "$mnt/params/a%2Fb%2Fc.weight.npy")"
equal 'a name that looks escaped is not the same' 10 \
	"$(value "$mnt/params/%252F.npy")"
equal 'UTF-8 stays as it is' 05 "$(value "$mnt/params/Grüße.漢字.weight.npy")"
equal 'the longest that fits is not shortened' 17 \
	"$(value "$mnt/params/${x250}1.npy")"
check 'one byte more is' [ ! -e "$mnt/params/${x250}12.npy" ]
check 'a cut name ends at a character' sh -c \
	"grep '^漢' '$tmp/listed' | grep -q '^\(漢\)*~[0-9a-f]\{16\}\.npy$'"
for f in %2f.npy a%2fb%2Fc.weight.npy %70lain.weight.npy plain.weight; do
	check "no second name: $f" [ ! -e "$mnt/params/$f" ]
done

if has getfattr; then
	while IFS= read -r f; do
		getfattr --absolute-names --only-values -n user.wconvfs.name \
			"$mnt/params/$f" | sed -e 's/\\/\\\\/g' | tr '\n\t' '??'
		echo
	done <"$tmp/listed" | sort >"$tmp/attributes"
	sed -e 's/\\[nt]/?/g; s/\\u0001/\x01/; s/\\"/"/' "$tmp/names" |
		sort >"$tmp/sorted"
	check 'the attribute is the whole name' \
		cmp "$tmp/sorted" "$tmp/attributes"
else
	skip 'the attribute is the whole name' 'getfattr is not installed'
fi
stop
finish
