#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # the lines of the table call the functions
#
# Every refusal of both programs: tests/cli/refusals.tsv has a line each, how to
# provoke it, with which exit code it ends and what the sentence must have. What
# they are provoked with is made here; each is refused before anything is
# mounted.
set -u
. tests/mount/lib.sh

table=tests/cli/refusals.tsv
# shellcheck disable=SC2034 # the lines of the table name it
golden=tests/golden
formats=$golden/formats
as=

wconv() {
	$as "$WCONV" "$@"
}

wconvfs() {
	$as "$WCONVFS" "$@"
}

# as_nobody wconv ARGS... - as a user who may do nothing.
as_nobody() {
	! is_root || as='setpriv --reuid=65534 --regid=65534 --clear-groups'
	"$@"
}

# ---- sources
# tensors FILE NAME SHAPE... - a safetensors file of bf16 tensors.
tensors() {
	file=$1
	shift
	while [ $# != 0 ]; do
		echo "$1 $2 $(($(echo "$2" | tr , '*')))"
		shift 2
	done | write_safetensors "$file"
}

# lying NAME KEY VALUE - a copy of the model whose config.json says so.
lying() {
	mkdir "$tmp/$1"
	cp "$MODEL"/*.safetensors "$MODEL"/*.index.json "$tmp/$1"
	sed "s/^  \"$2\": .*[^,]/  \"$2\": $3/" "$MODEL/config.json" \
		>"$tmp/$1/config.json"
}

# tiny NAME CONFIG NAME SHAPE... - a directory of tensors and a config.json.
tiny() {
	dir=$tmp/$1 config=$2
	mkdir "$dir"
	echo "$config" >"$dir/config.json"
	shift 2
	tensors "$dir/model.safetensors" "$@"
}

# own NAME TEXT - a rule table.
own() {
	echo "{\"model\": \"own\", $2}" >"$tmp/$1.json"
}

lying heads num_attention_heads 7
lying layers num_hidden_layers 3
lying text num_attention_heads '"6"'
lying none hidden_size 0
mkdir "$tmp/unknown" "$tmp/empty" "$tmp/locked" "$tmp/full" "$tmp/readme"
cp "$MODEL"/*.safetensors "$MODEL"/*.index.json "$tmp/unknown"
echo >"$tmp/readme/README.md"
echo >"$tmp/full/file"
cp -r "$tmp/layers" "$tmp/behind"
echo '{} x' >"$tmp/behind/config.json"
make_model "$tmp/odd" model.layers.0.self_attn.oddity.weight 4 4
for name in SCB weight.absmax weight_packed weight_scale; do
	make_model "$tmp/$name" model.layers.0.mlp.up_proj.$name 4 4
done
make_model "$tmp/model"
mkdir "$tmp/model/mnt"
tiny ab '{"n": 2, "hidden": 4, "word": "x"}' a.0 4,2 a.1 4,2 b.0 4,2
tiny stranger '{"architectures": ["OddForCausalLM"]}' a 4
tiny v4 '{"model_type": "deepseek_v4"}' a 4
tiny flan '{"model_type": "t5", "feed_forward_proj": "gated-gelu"}' a 4
tiny mt5 '{"model_type": "mt5"}' a 4
tiny like '{"architectures": ["OddForCausalLM"]}' \
	model.layers.0.mlp.up_proj.weight 4,2 model.norm.weight 2
tiny packed '{"model_type": "llama",
	"quantization_config": {"quant_method": "gptq"}}' \
	model.layers.0.mlp.up_proj.qweight 4,2
tiny two '{}' a 4 b 4,2
tensors "$tmp/a.safetensors" a 4
tensors "$tmp/strange.safetensors" nobody.knows.this 4
echo 'no weights' >"$tmp/note.txt"
echo 'no weights, and no zip archive' >"$tmp/note.bin"
ln -s note.bin "$tmp/link.bin"
ln -s nowhere "$tmp/dangling.bin"
mkfifo "$tmp/fifo.safetensors"
mkdir "$tmp/shards" "$tmp/pieces" "$tmp/index" "$tmp/wrong" "$tmp/both" \
	"$tmp/listed"
tensors "$tmp/shards/model-00002-of-00003.safetensors" a 4
tensors "$tmp/index/a.safetensors" a 4
echo '{"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}' \
	>"$tmp/index/model.safetensors.index.json"
cp "$tmp/index/a.safetensors" "$tmp/wrong"
echo '{"weight_map": {"a": "../a.safetensors"}}' \
	>"$tmp/wrong/model.safetensors.index.json"
cp "$tmp/index/a.safetensors" "$tmp/listed"
echo '{"weight_map": {"a": "a.safetensors", "c": "a.safetensors"}}' \
	>"$tmp/listed/model.safetensors.index.json"
echo '{"weight_map": ' >"$tmp/cut.index.json"
echo '{"weights": {}}' >"$tmp/other.index.json"
tensors "$tmp/both/x.safetensors" a 4
tensors "$tmp/both/y.safetensors" a 4
cp "$tmp/a.safetensors" "$tmp/cut.safetensors"
truncate -s 40 "$tmp/cut.safetensors"
: >"$tmp/empty.safetensors"
: >"$tmp/empty.ckpt"
cp $formats/torch/trunc_half.pt "$tmp/cut.pt"
mkdir "$tmp/adapter"
echo '{"peft_type": "LORA"}' >"$tmp/adapter/adapter_config.json"
lora=base_model.model.model.layers.0.self_attn.q_proj.lora
tensors "$tmp/adapter/adapter_model.safetensors" $lora\_A.weight 4,8 \
	$lora\_B.weight 8,4
# what lies there in place of weights
mkdir "$tmp/lfs" "$tmp/waiting" "$tmp/parent" "$tmp/parent/below" "$tmp/gguf"
cp "$MODEL"/*.index.json "$tmp/lfs"
for f in $(cd "$MODEL" && echo *.safetensors); do
	printf 'version https://git-lfs.github.com/spec/v1\noid sha256:ab\n' \
		>"$tmp/lfs/$f"
done
cp "$tmp/a.safetensors" "$tmp/waiting/model.safetensors.incomplete"
cp "$tmp/a.safetensors" "$tmp/parent/below"
mkdir "$tmp/trained" "$tmp/trained/run"
: >"$tmp/trained/run/optimizer.pt"
printf 'GGUF\003' >"$tmp/gguf/model-q4.gguf"
cp "$tmp/gguf/model-q4.gguf" "$tmp/gguf.bin"
for name in tf_model.h5 model.ckpt.index flax_model.msgpack net.onnx; do
	printf '\001\002' >"$tmp/$name"
done
printf 'PK\003\004' >"$tmp/arrays.npz"
echo '<!DOCTYPE html><html><body>404</body></html>' >"$tmp/page.bin"
printf 'L119547037146038801333356L\n.I1001\n.' >"$tmp/protocol0.pt"
echo 'Entry not found' >"$tmp/text.safetensors"
head -c 4000 /dev/zero >"$tmp/zeros.safetensors"
cp "$tmp/a.safetensors" "$tmp/short.safetensors"
truncate -s -1 "$tmp/short.safetensors"
mkdir "$tmp/secret"
cp "$tmp/a.safetensors" "$tmp/secret"
mkdir "$tmp/ranks"
cp -r $formats/ckpt/dist4/rank_? "$tmp/ranks"
chmod 755 "$tmp"
chmod 000 "$tmp/secret/a.safetensors"
chmod 555 "$tmp/locked"

# ---- rules
echo '{' >"$tmp/cut.json"
own same '"rules": [["a.0", "x"], ["a.1", "x"], ["b.0", "b"]]'
own half '"rules": [["a.**", "a.**"]]'
own range '"axes": {"i": "n"}, "rules": [["{x:a|b}.{i}", "{x}.{i}"]]'
own size '"axes": {"H": "hidden"}, "rules": [["{x:a|b}.*", "y.{x}.*", "c H -> H c"]]'
own dims '"rules": [["a", "a", "o i -> i o"], ["b", "b"]]'
own shapes '"rules": [["a, b", "c", "o, o -> (o+o)"]]'
own shared '"rules": [["a", "a"], ["a, b", "c", "o, o i -> (o+o i)"]]'
own stack '"axes": {"e": "3"}, "rules": [["a.{e}", "a", "o i -> e o i"], ["b.0", "b"]]'
own number '"axes": {"H": "word"}, "rules": [["**", "**"]]'
own pattern '"rules": [["a", "b", "o i ->"]]'
own name '"rules": [["a.{i", "b"]]'
own key '"rule": [["a", "b"]]'
own option '"options": {"fused": [false, true]}, "rules": [["**", "**"]]'
own refused '"refuse": "there is no such network"'
echo '{"a.0": 1}' >"$tmp/bad.map"
echo '["a"]' >"$tmp/list.map"
echo '{"a": "x", "a": "y"}' >"$tmp/twice.map"
echo '{"x": "a"}' >"$tmp/x.map"
wconv convert --quiet --to=raw "$tmp/a.safetensors" "$tmp/a.ckpt"
wconv convert --quiet --to=raw "$tmp/strange.safetensors" "$tmp/strange.ckpt"
wconv convert --quiet "$MODEL" "$tmp/there.ckpt"
mkdir -p "$tmp/folder/mindspore_model.ckpt"

# ---- the table
# provoke LINE - of the table: what comes out goes to $tmp/stdout, $tmp/err.
provoke() {
	code=0 as=
	eval "$1" >"$tmp/stdout" 2>"$tmp/err" </dev/null || code=$?
}

# wrong WANT WORDS PROGRAM - say what is wrong with how it was refused.
wrong() {
	[ "$code" = "$1" ] || echo "exit code $code, not $1"
	[ ! -s "$tmp/stdout" ] || echo 'something on standard output'
	head -n 1 "$tmp/err" | grep -q "^$3: [^ ]" ||
		echo "the first line is no sentence of $3"
	# a list behind the sentence is indented
	tail -n +2 "$tmp/err" | grep -qv '^  [^ ]' &&
		echo 'more than one sentence'
	head -n 1 "$tmp/err" | grep -q '[^.][.]$' && echo 'a full stop'
	echo "$2" | sed 's/ ; /\
/g' | while IFS= read -r word; do
		grep -qF -e "$word" "$tmp/err" || echo "without '$word'"
	done
}

tab=$(printf '\t')
while IFS=$tab read -r want words line; do
	case $want in '' | '#'*) continue ;; esac
	provoke "$line"
	program=${line#as_nobody }
	bad=$(wrong "$want" "$words" "${program%% *}")
	if [ -z "$bad" ]; then
		ok "exit code $want: $line"
	else
		not_ok "exit code $want: $line"
		{ echo "$bad" && cat "$tmp/err"; } | sed 's/^/# /'
	fi
done <$table

finish
