#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2012,SC2015,SC2119,SC2317
#
# What cannot be mounted ends with the exit code of its kind and says why in
# one sentence; nothing of this needs FUSE.
. tests/mount/lib.sh

# refuse TEXT CODE WORD ARG... - as the command line is given.
refuse() {
	text=$1 want=$2 word=$3
	shift 3
	code=0
	"$WCONVFS" "$@" >"$tmp/stdout" 2>"$tmp/err" || code=$?
	sentence "$text" "$want" "$word"
}

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

refuse 'no arguments' 1 SOURCE
refuse 'no mount point' 1 MOUNTPOINT "$MODEL"
refuse 'an argument too many' 1 third "$MODEL" "$mnt" third
refuse 'an unknown long option' 1 --frobnicate --frobnicate "$MODEL" "$mnt"
refuse 'an unknown short option' 1 -x -x "$MODEL" "$mnt"
refuse 'an unknown -o option' 1 frobnicate "$MODEL" "$mnt" -o ro,frobnicate
refuse 'an unknown -o option with a value' 1 frob=1 "$MODEL" "$mnt" -o frob=1
refuse 'a long option without its value' 1 --dtype "$MODEL" "$mnt" --dtype
refuse 'an -o option without its value' 1 dtype "$MODEL" "$mnt" -o dtype
refuse 'a flag with a value' 1 --partial --partial=1 "$MODEL" "$mnt"
refuse 'an unknown --cache' 1 sometimes --cache=sometimes "$MODEL" "$mnt"
refuse 'a malformed --readahead' 1 much --readahead=much "$MODEL" "$mnt"
refuse 'a tiny --readahead' 1 512 --readahead=512 "$MODEL" "$mnt"
refuse 'an unknown --dtype' 1 fp5 --dtype=fp5 "$MODEL" "$mnt"
refuse 'an unknown --to' 1 there --to=there "$MODEL" "$mnt"
refuse 'a malformed --shard-size' 1 big --shard-size=big "$MODEL" "$mnt"
refuse 'uid= that is no number' 1 uid "$MODEL" "$mnt" -o uid=me
refuse '-o rw' 1 read-only "$MODEL" "$mnt" -o rw

refuse 'a source that is not there' 2 nowhere "$tmp/nowhere" "$mnt"
mkdir "$tmp/empty"
refuse 'a directory without weights' 2 "$tmp/empty" "$tmp/empty" "$mnt"
make_model "$tmp/cut"
truncate -s 1000000 "$tmp/cut/model.safetensors"
refuse 'a weight file that was cut' 2 model.safetensors "$tmp/cut" "$mnt"

make_model "$tmp/unknown"
sed -i 's/LlamaForCausalLM/FrobnicateModel/; s/"llama"/"frobnicate"/' \
	"$tmp/unknown/config.json"
refuse 'a model that no table knows' 3 FrobnicateModel "$tmp/unknown" "$mnt"

make_model "$tmp/odd" model.layers.0.self_attn.oddity.weight 4 4
code=0
"$WCONVFS" "$tmp/odd" "$mnt" 2>"$tmp/err" || code=$?
equal 'a tensor that no rule matches: exit code 4' 4 $code
check 'a tensor that no rule matches: it is named' \
	grep -q '^wconvfs: .*' "$tmp/err"
check 'a tensor that no rule matches: in full' \
	grep -qF model.layers.0.self_attn.oddity.weight "$tmp/err"

refuse 'no such mount point' 5 mkdir "$MODEL" "$tmp/none"
echo >"$tmp/file"
refuse 'a mount point that is a file' 5 'not a directory' \
	"$MODEL" "$tmp/file"
mkdir "$tmp/full"
echo >"$tmp/full/file"
refuse 'a mount point that is not empty' 5 nonempty "$MODEL" "$tmp/full"
make_model "$tmp/model"
mkdir "$tmp/model/mnt"
refuse 'a mount point in the source' 5 'inside the source' \
	"$tmp/model" "$tmp/model/mnt"
refuse 'the source as mount point' 5 inside "$tmp/model" "$tmp/model"
refuse 'a source in the mount point' 5 'inside the mount point' \
	"$tmp/model" "$tmp"
finish
