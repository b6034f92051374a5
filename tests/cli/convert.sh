#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# wconv convert: the files are those of the view, whatever happens on the way,
# and nothing that was there is lost.
set -u
. tests/mount/lib.sh

golden=tests/golden

wconv() {
	"$WCONV" "$@"
}

# refuses TEXT CODE WORDS ARGS... - wconv convert ARGS exits with CODE and says
# a sentence that has WORDS.
refuses() {
	text=$1 code=$2 words=$3
	shift 3
	wconv convert "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	if [ $got = "$code" ] && grep -qF -- "$words" "$tmp/err"; then
		ok "$text"
	else
		not_ok "$text"
		echo "# exit $got, want $code; want: $words"
		sed 's/^/# /' "$tmp/err"
	fi
}

# same TEXT FILE PATH ARGS... - FILE has the bytes of `wconv cat ARGS PATH`.
same() {
	text=$1 file=$2 path=$3
	shift 3
	wconv cat "$@" "$path" 2>/dev/null >"$tmp/want"
	check "$text" cmp "$tmp/want" "$file"
}

# visible DIR - the names in DIR that do not begin with a dot.
visible() {
	(cd "$1" && echo *)
}

# parts DIR - temporary files there.
parts() {
	find "$1" -name '*.wconv-part*' | sort | tr '\n' ' '
}

# ---- the golden cases
bad=
for dir in $golden/*/; do
	dir=${dir%/}
	[ -e "$dir/ms.tsv" ] && [ -d "$dir/hf" ] || continue
	set -- "$dir/hf"
	for arg in $(sh tests/case.sh "$dir"); do
		set -- "$@" "$arg"
	done
	for form in model.ckpt safetensors/model.safetensors; do
		file=$tmp/${form##*/}
		rm -f "$file"
		wconv cat --shard-size=0 "$@" $form >"$tmp/want" 2>/dev/null &&
			wconv convert --quiet "$@" "$file" 2>/dev/null &&
			cmp -s "$tmp/want" "$file" || bad="$bad $dir:$form"
	done
done
equal 'every golden case: the file is that of the view' '' "$bad"

# ---- a directory
make_model "$tmp/model"
echo '{"a": 1}' >"$tmp/model/tokenizer.json"
check 'a directory of shards' \
	"$WCONV" convert --shard-size=2M "$tmp/model" "$tmp/dir"
equal 'it has the shards, their index and the passed files' \
	"$(wconv cat --shard-size=2M "$tmp/model" \
		ckpt/mindspore_model.ckpt.index.json |
		grep -o 'mindspore_model-[^"]*' | sort -u | tr '\n' ' '
	)config.json mindspore_model.ckpt.index.json tokenizer.json" \
	"$( (cd "$tmp/dir" && ls) | grep '^mindspore_model-' | sort |
		tr '\n' ' ')$( (cd "$tmp/dir" && ls) |
		grep -v '^mindspore_model-' | sort | tr '\n' ' ' |
		sed 's/ $//')"
bad=
for f in $(visible "$tmp/dir"); do
	case $f in mindspore*) path=ckpt/$f ;; *) path=$f ;; esac
	wconv cat --shard-size=2M "$tmp/model" "$path" |
		cmp -s - "$tmp/dir/$f" || bad="$bad $f"
done
equal 'each file is that of the view' '' "$bad"
equal 'no temporary file is left' '' "$(parts "$tmp/dir")"
check '--format=safetensors: a directory of them' "$WCONV" convert --quiet \
	--format=safetensors "$tmp/model" "$tmp/st"
same 'safetensors in a directory' "$tmp/st/model.safetensors" \
	safetensors/model.safetensors "$tmp/model"
check 'a source of one side again: what was written can be read' \
	"$WCONV" convert --quiet --to=raw "$tmp/dir" "$tmp/raw.ckpt"
same 'and is the same as in one file' "$tmp/raw.ckpt" model.ckpt "$tmp/model"

check '--to=raw of a HuggingFace model: a directory of safetensors' \
	"$WCONV" convert --quiet --to=raw "$tmp/model" "$tmp/raw"
equal '... which is such a model again' "$(wconv hash "$tmp/model")" \
	"$(wconv hash "$tmp/raw")"
check '... and has no ckpt' test ! -e "$tmp/raw/mindspore_model.ckpt"
check '--to=raw of a ckpt: a directory of ckpt' sh -c \
	'"$1" convert --quiet --to=raw "$2/raw.ckpt" "$2/raw_ckpt" &&
		test -e "$2/raw_ckpt/mindspore_model.ckpt"' - "$WCONV" "$tmp"

dist=$golden/formats/ckpt/dist4
check '--ranks: what each rank loads' "$WCONV" convert --quiet --to=raw \
	--ranks=$dist/strategy.ckpt $dist/full.ckpt "$tmp/ranks"
bad=
for f in $(cd "$tmp/ranks" && find . -name '*.ckpt' -printf '%P\n'); do
	wconv cat --to=raw --ranks=$dist/strategy.ckpt $dist/full.ckpt "$f" |
		cmp -s - "$tmp/ranks/$f" || bad="$bad $f"
done
equal '... in the directories of the view' '' "$bad"
equal '... and nothing else' "$(cd $dist && echo rank_*)" \
	"$(visible "$tmp/ranks")"

# ---- from MindSpore
wconv convert --quiet "$MODEL" "$tmp/only.ckpt"
wconv convert --quiet --config="$MODEL" --shard-size=2M "$tmp/only.ckpt" \
	"$tmp/only"
equal 'a directory of HuggingFace has the config.json of --config' \
	"$(cat "$MODEL/config.json")" "$(cat "$tmp/only/config.json")"
wconv convert --quiet --model=llama --set num_attention_heads=6 \
	"$tmp/only.ckpt" "$tmp/made" 2>/dev/null
check '... or the one that is made' grep -q '"num_attention_heads":.6,' \
	"$tmp/made/config.json"
# ---- what is there already
wconv convert --quiet "$MODEL" "$tmp/a.ckpt"
cp "$tmp/a.ckpt" "$tmp/kept"
refuses 'an existing file is not overwritten' 6 '--force' \
	--dtype=fp32 "$MODEL" "$tmp/a.ckpt"
check 'it is as it was' cmp "$tmp/kept" "$tmp/a.ckpt"
refuses 'existing files in a directory: each is named' 6 tokenizer.json \
	"$tmp/model" "$tmp/dir"
check '--force replaces it' \
	"$WCONV" convert --quiet --force --dtype=fp32 "$MODEL" "$tmp/a.ckpt"
same 'by the new bytes' "$tmp/a.ckpt" model.ckpt --dtype=fp32 "$MODEL"
cp -r "$tmp/model" "$tmp/own"
refuses '--force does not replace a file of the source' 6 'of the source' \
	--to=raw --force "$tmp/own" "$tmp/own/model.safetensors"
refuses 'nor one that is passed through' 6 'of the source' \
	--force "$tmp/own" "$tmp/own"
check 'the source is as it was' diff -r "$tmp/model" "$tmp/own"
mkdir "$tmp/folder.ckpt"
check 'an existing directory is one, whatever its name is' \
	"$WCONV" convert --quiet "$MODEL" "$tmp/folder.ckpt"
check 'so it holds the files' test -e "$tmp/folder.ckpt/config.json"

# ---- refused before a byte is written
refuses '--format that is none' 1 'safetensors' --format=zip "$MODEL" "$tmp/x"
refuses '--format against the name' 1 'contradicts' --format=ckpt "$MODEL" \
	"$tmp/x.safetensors"
refuses 'a directory that is not there' 6 "$tmp/nowhere" "$MODEL" \
	"$tmp/nowhere/x.ckpt"
refuses 'a type that a ckpt cannot hold' 4 'F8_E4M3' --to=raw \
	$golden/deepseek3-fp8/hf "$tmp/x.ckpt"
check '--dry-run succeeds' \
	"$WCONV" convert --dry-run --shard-size=2M "$tmp/model" "$tmp/dry"
equal '--dry-run: a line a file, with its size' \
	"$(cd "$tmp/dir" && stat -c '%n	%s	write' -- * | sort)" \
	"$(wconv convert --dry-run --shard-size=2M "$tmp/model" "$tmp/dry" \
		2>/dev/null | tail -n +2 | sort)"
check '--dry-run writes nothing' test ! -e "$tmp/dry"
equal 'an option of another command is refused' \
	'wconv: wconv convert has no option --tsv; wconv --help lists them' \
	"$(wconv convert --tsv "$MODEL" "$tmp/x.ckpt" 2>&1)"

# ---- what it says
wconv convert "$tmp/model" "$tmp/b.ckpt" >"$tmp/out" 2>"$tmp/err"
equal 'progress without a terminal: a line of 100 %' 1 \
	"$(grep -c '^wconv: 100 %  ' "$tmp/err")"
equal '--quiet says nothing' '' \
	"$(wconv convert --quiet --force "$tmp/model" "$tmp/b.ckpt" 2>&1)"
equal 'values that overflow in a cast are reported' 1 \
	"$(wconv convert --quiet --dtype=fp16 $golden/cast-f32-to-fp16/hf \
		"$tmp/c.ckpt" 2>&1 | grep -c 'became infinite in the cast')"
equal 'a cast without overflow has nothing to report' '' \
	"$(wconv convert --quiet --dtype=fp32 $golden/cast-bf16-to-fp32/hf \
		"$tmp/d.ckpt" 2>&1)"

# ---- a run that fails half way
# the index and the small files are below 100 KB, the shards above
(
	ulimit -f 200 # blocks of 512 bytes
	wconv convert --shard-size=2M "$tmp/model" "$tmp/half"
) >"$tmp/out" 2>"$tmp/err"
equal 'a file that cannot be written: exit code 6' 6 $?
equal 'a sentence names it and says why' 1 \
	"$(grep -c '^wconv: mindspore_model.*File too large$' "$tmp/err")"
equal 'no half file is left' '' "$(parts "$tmp/half")"
check 'what was finished stays' test -e "$tmp/half/tokenizer.json"
inode=$(stat -c %i "$tmp/half/tokenizer.json")
refuses 'without --resume it is refused' 6 '--resume' --shard-size=2M \
	"$tmp/model" "$tmp/half"
check '--resume goes on' \
	"$WCONV" convert --resume --shard-size=2M "$tmp/model" "$tmp/half"
check 'and all is there' diff -r -x '.wconv*' "$tmp/dir" "$tmp/half"
equal 'what was finished is not written again' "$inode" \
	"$(stat -c %i "$tmp/half/tokenizer.json")"
check '--resume when all is done' \
	"$WCONV" convert --resume --shard-size=2M "$tmp/model" "$tmp/half"
refuses '--resume with other options does not take the files for its own' 6 \
	'source or options were others' --resume --dtype=fp32 --shard-size=2M "$tmp/model" "$tmp/half"
truncate -s -1 "$tmp/half/mindspore_model-00002-of-"*
refuses '--resume: a file that was changed since is not replaced' 6 \
	'mindspore_model-00002-of' --resume --shard-size=2M "$tmp/model" \
	"$tmp/half"

# ---- killed at any moment, then resumed
tries=0
for ms in 000 003 006 010 015 020 030 040; do
	"$WCONV" convert --quiet --resume --shard-size=64K "$tmp/model" \
		"$tmp/killed" 2>/dev/null &
	pid=$!
	sleep 0.$ms
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
	[ $? = 0 ] || tries=$((tries + 1))
	pid=
done
check 'after kill -9, --resume succeeds' "$WCONV" convert --resume \
	--shard-size=64K "$tmp/model" "$tmp/killed"
wconv convert --quiet --shard-size=64K "$tmp/model" "$tmp/whole"
check 'the files are those of a run that was not killed' \
	diff -r -x '.wconv*' "$tmp/whole" "$tmp/killed"
equal 'and no temporary file is left' '' "$(parts "$tmp/killed")"
check 'at least one run was killed half way' test $tries -gt 0

# ---- ended by a signal
SPARSE=1 make_model "$tmp/sparse" big 1000,1000000 1000000000
"$WCONV" convert --to=raw --dtype=fp32 --quiet "$tmp/sparse" "$tmp/int.ckpt" &
pid=$!
wait_until test -s "$tmp/.int.ckpt.wconv-part"
kill -TERM $pid
wait $pid 2>/dev/null
equal 'SIGTERM: ended by it' 143 $?
pid=
equal 'SIGTERM: the temporary file is removed' '' "$(parts "$tmp")"
rm -f "$tmp/int.ckpt"

# ---- many files
equal 'a low soft limit of open files is raised' 0 "$(
	sh -c 'ulimit -S -n 8; exec "$@"' - "$WCONV" hash $golden/deepseek/hf \
		>/dev/null 2>&1
	echo $?
)"

# ---- places that do not take files
mkdir "$tmp/locked"
chmod 555 "$tmp/locked"
chmod 755 "$tmp"
set -- "$WCONV" convert "$tmp/model" "$tmp/locked/x.ckpt"
! is_root || set -- setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
"$@" 2>"$tmp/err"
equal 'a directory that may not be written: exit code 6' 6 $?
equal 'a directory that may not be written: one sentence' \
	"wconv: $tmp/locked: cannot create a file there: Permission denied" \
	"$(cat "$tmp/err")"
if is_root && mount -t tmpfs -o size=4m wconv-test "$mnt" 2>/dev/null; then
	refuses 'no room: how much is missing is said first' 6 'are missing' \
		"$tmp/model" "$mnt/x.ckpt"
	refuses 'no room for a new directory' 6 'are missing' \
		"$tmp/model" "$mnt/new"
	equal 'no room: nothing was written' '' "$(ls -A "$mnt")"
	umount "$mnt"
else
	skip 'a filesystem without room' 'needs root'
fi

finish
