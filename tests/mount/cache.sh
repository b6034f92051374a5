#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# Which files go past the page cache: a shared mapping is possible only of
# those that do not (kernels answer ENODEV to direct I/O files of FUSE).
. tests/mount/lib.sh
need_fuse

# is TEXT FILE RESULT - whether FILE is in the page cache (ok) or not (ENODEV).
is() {
	equal "$1" "$3" "$("$READERS" shared-map "$mnt/$2")"
}

serve --cache=page "$MODEL"
one=params/$(ls "$mnt/params" | head -n 1)
is '--cache=page: model.ckpt is cached' model.ckpt ok
stop

serve --cache=direct "$MODEL"
is '--cache=direct: model.ckpt is not cached' model.ckpt ENODEV
for f in "$mnt"/ckpt/*.ckpt; do
	is "--cache=direct: nor is $(basename "$f")" \
		"ckpt/$(basename "$f")" ENODEV
done
is '--cache=direct: parameters are' "$one" ok
for f in "$mnt"/safetensors/*.safetensors; do
	is '--cache=direct: safetensors are' \
		"safetensors/$(basename "$f")" ok
done
stop

serve "$MODEL"
is '--cache=auto: a small ckpt is cached' model.ckpt ok
check 'stats.json is made at each open' sh -c "
	cat '$mnt/.wconvfs/stats.json' >'$tmp/first'
	cat '$mnt/model.ckpt' >/dev/null
	! cmp -s '$mnt/.wconvfs/stats.json' '$tmp/first'"
equal 'stats.json has its size' 4096 \
	"$(wc -c <"$mnt/.wconvfs/stats.json" | tr -d ' ')"
stop

# A model of the size of what is free, which is a hole in a file.
free=$(awk '/^MemFree:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)
rows=$((free / 1024))
make_model "$tmp/large"
sed "s/1600,512 819200/$rows,512 $((rows * 512))/" "$tmp/tensors" \
	>"$tmp/large-tensors"
sed -i "s/\"vocab_size\": 1600/\"vocab_size\": $rows/" \
	"$tmp/large/config.json"
if SPARSE=1 write_safetensors "$tmp/large/model.safetensors" \
	<"$tmp/large-tensors" 2>/dev/null; then
	serve "$tmp/large"
	is '--cache=auto: a ckpt as large as MemFree is not cached' \
		model.ckpt ENODEV
	stop
	serve --cache=page "$tmp/large"
	is '... unless --cache=page' model.ckpt ok
	stop
else
	not_ok 'a sparse file of the size of what is free'
fi
finish
