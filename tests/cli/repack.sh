#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# MindSpore to MindSpore, in another layout: a checkpoint in the default layout,
# shown in that of a golden case, is that case's table. And back again.
set -u
. tests/mount/lib.sh

golden=tests/golden

# table ARGS... - the hashes that wconv prints, sorted.
table() {
	"$WCONV" hash "$@" 2>>"$tmp/err" | sort
}

# The fused layouts of the first families, then those of Mcore.
for name in llama-qkv-concat llama-qkv-concat-plain qwen2_5-qkv-concat \
	qwen2-moe-concat-gmm internlm2-concat mixtral-gmm deepseek2-mla-split \
	deepseek3-infer deepseekv3-dev qwen2-mcore-infer qwen3-contiguous \
	qwen3-moe-mcore-infer; do
	dir=$golden/$name
	model=
	set --
	for arg in $(sh tests/case.sh "$dir"); do
		case $arg in
		--model=*) model=$arg ;;
		*) set -- "$@" "$arg" ;;
		esac
	done
	: >"$tmp/err"
	"$WCONV" cat ${model:+"$model"} "$dir/hf" model.ckpt \
		>"$tmp/plain.ckpt" 2>>"$tmp/err"
	sort "$dir/ms.tsv" >"$tmp/want"
	table --to=ms --config="$dir/hf/config.json" "$@" "$tmp/plain.ckpt" \
		>"$tmp/got"
	check "$name: the default layout shown in its own" \
		cmp "$tmp/want" "$tmp/got"

	# what the layout is cannot be told from the names of these two
	case $name in *-plain | *-contiguous) continue ;; esac
	table ${model:+"$model"} "$dir/hf" >"$tmp/want"
	table --to=ms --config="$dir/hf/config.json" "$dir/ms" >"$tmp/got"
	check "$name: shown in the default layout" cmp "$tmp/want" "$tmp/got"
done

# ---- an option that only what is read asks for says what that is
plain=$golden/llama-qkv-concat-plain
table --set=qkv_concat=false "$plain/hf" >"$tmp/want"
table --to=ms --set=qkv_layout=plain --set=qkv_concat=false \
	--config="$plain/hf/config.json" "$plain/ms" >"$tmp/got"
check 'the layout of a source whose names do not tell it can be set' \
	cmp "$tmp/want" "$tmp/got"
"$WCONV" cat --to=ms --set=qkv_layout=plain --set=qkv_concat=true \
	--config="$plain/hf/config.json" "$plain/ms" .wconvfs/report.txt \
	>"$tmp/got" 2>"$tmp/err"
check '... where what is made asks for it too, the report says how it is read' \
	grep -q 'do not tell its own qkv_layout: it is read as by default' \
	"$tmp/got"

# ---- ... also where another option is of what is read only
mkdir "$tmp/split"
printf '%s\n' 'w 2,2 4' 'q 2,3 6' 'k 2,3 6' |
	write_safetensors "$tmp/split/model.safetensors"
echo '{"model_type": "t", "h": 2}' >"$tmp/split/config.json"
cat >"$tmp/t.json" <<'END'
{"model": "t", "detect": ["model_type == 't'"], "axes": {"H": "h"},
 "options": {"join": [false, true], "order": ["a", "b"], "turn": [false, true]},
 "rules": [
  {"when": "turn", "rules": [["w", "w.weight", "a b -> b a"]]},
  ["w", "w.weight", "a b -> a b"],
  {"when": "join and order == 'a'", "rules": [
    ["q, k", "qk.weight", "H c, H c -> (H+H) c"]]},
  {"when": "join and order == 'b'", "rules": [
    ["q, k", "qk.weight", "H c, H c -> (H+H) c"]]},
  ["q", "q.weight", "H c -> H c"], ["k", "k.weight", "H c -> H c"]]}
END
"$WCONV" convert --quiet --rules="$tmp/t.json" --set=join=true --set=order=b \
	"$tmp/split" "$tmp/t.ckpt"
"$WCONV" cat --to=ms --rules="$tmp/t.json" --set=order=b --set=turn=true \
	--config="$tmp/split/config.json" "$tmp/t.ckpt" .wconvfs/report.txt \
	>"$tmp/got" 2>"$tmp/err"
check '... also where another option is of what is read only' \
	grep -q 'do not tell its own turn: it is read as by default' "$tmp/got"

# ---- without config.json its numbers are given
sort $golden/llama-qkv-concat/ms.tsv >"$tmp/want"
"$WCONV" cat $golden/llama-qkv-concat/hf model.ckpt >"$tmp/plain.ckpt" \
	2>"$tmp/err"
heads=$(sed -n 's/^ *"num_attention_heads": *\([0-9]*\).*/\1/p' \
	$golden/llama-qkv-concat/hf/config.json)
groups=$(sed -n 's/^ *"num_key_value_heads": *\([0-9]*\).*/\1/p' \
	$golden/llama-qkv-concat/hf/config.json)
table --to=ms --model=llama --set=qkv_concat=true \
	--set=num_attention_heads="$heads" --set=num_key_value_heads="$groups" \
	"$tmp/plain.ckpt" >"$tmp/got"
check 'without config.json: the numbers of heads are given' \
	cmp "$tmp/want" "$tmp/got"
exit $failed
