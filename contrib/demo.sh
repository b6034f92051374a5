#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh - what `make demo` shows: a small llama model of tests/golden mounted
# as a MindSpore checkpoint, looked at, copied out and compared with what the
# reference converter wrote of the same model.
set -eu

cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
case=tests/golden/llama3-gqa-bf16
model=$case/hf
tmp=$(mktemp -d)
mnt=$tmp/mnt
mounted=

cleanup() {
	[ -z "$mounted" ] || fusermount3 -u "$mnt" || true
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

say() {
	printf '\n%s\n' "$*"
}

# show COMMAND - print a command as one would type it, and run it.
show() {
	printf '$ %s\n' "$1"
	eval "$1"
}

# same WHAT FILE FILE - the verdict on two files.
same() {
	if cmp -s "$2" "$3"; then
		echo "equal: $1"
	else
		echo "DIFFERENT: $1"
		exit 1
	fi
}

# Whether anything can be mounted here: a container often has no /dev/fuse.
can_mount() {
	code=0
	"$BUILD/wconvfs" "$model" "$mnt" 2>"$tmp/why" || code=$?
	case $code in
	0) fusermount3 -u "$mnt" ;;
	5) return 1 ;;
	*) cat "$tmp/why" && exit $code ;;
	esac
}

say 'A HuggingFace model, a small llama in two shards:'
show "ls -l $model"
mkdir "$mnt"

if can_mount; then
	say 'Mount it:'
	show "$BUILD/wconvfs $model $mnt"
	mounted=1
	say 'The same model, as MindSpore reads it. Nothing was written: the bytes'
	echo 'are computed when they are read.'
	show "ls -lA $mnt"
	show "ls -l $mnt/safetensors"
	say 'Where each parameter comes from:'
	show "head -n 6 $mnt/.wconvfs/mapping.tsv"
	say 'Copy the checkpoint out:'
	show "cp $mnt/model.ckpt $tmp/model.ckpt"
	show "ls -l $tmp/model.ckpt"
	say 'Unmount:'
	show "fusermount3 -u $mnt"
	mounted=
else
	say 'Nothing can be mounted here:'
	cat "$tmp/why"
	echo 'So the same files without a mount, through wconv:'
	show "$BUILD/wconv list $model | head -n 8"
	say 'Where each parameter comes from:'
	show "$BUILD/wconv cat $model .wconvfs/mapping.tsv | head -n 6"
	say 'Write the checkpoint out:'
	show "$BUILD/wconv cat $model model.ckpt >$tmp/model.ckpt"
	show "ls -l $tmp/model.ckpt"
fi

say 'Compare it with what the reference converter wrote of the same model:'
sh tests/records.sh "$tmp/model.ckpt" >"$tmp/ours"
sh tests/records.sh "$case/ms/model.ckpt" >"$tmp/reference"
same "all $(grep -c '' "$tmp/reference") records: name, type, shape, bytes" \
	"$tmp/ours" "$tmp/reference"
"$BUILD/wconv" hash "$model" | LC_ALL=C sort >"$tmp/ours"
LC_ALL=C sort "$case/ms.tsv" >"$tmp/reference"
same 'the SHA-256 of every parameter (wconv hash)' "$tmp/ours" \
	"$tmp/reference"

cat <<END

With a model of your own:

    $BUILD/wconvfs MODEL_DIRECTORY MOUNTPOINT
    python3 -c 'import mindspore; mindspore.load_checkpoint("MOUNTPOINT/model.ckpt")'
    fusermount3 -u MOUNTPOINT

\`make install\` puts wconvfs and wconv into /usr/local/bin; \`wconv models\` lists
the models it knows.
END
