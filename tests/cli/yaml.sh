#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2154
#
# wconv explain --config: the model_config of MindFormers' YAML files that a
# config.json amounts to. What PyYAML reads of it is tests/conformance's.
set -u
. tests/mount/lib.sh

golden=tests/golden

# yaml ARG... - what wconv explain says, in $tmp/shown.
yaml() {
	code=0
	"$WCONV" explain "$@" >"$tmp/shown" 2>"$tmp/err" || code=$?
}

# says KEY - the values of that key in $tmp/shown.
says() {
	sed -n "s/^ *$1: //p" "$tmp/shown"
}

# config TEXT - a config.json of that.
config() {
	mkdir -p "$tmp/model"
	printf '%s\n' "$1" >"$tmp/model/config.json"
}

yaml --config=$golden/llama3-gqa-bf16/hf
equal 'a block model_config' 'model_config:' "$(head -n 1 "$tmp/shown")"
for pair in type:'"LlamaConfig"' num_layers:2 num_heads:6 n_kv_heads:2 \
	hidden_size:48 intermediate_size:64 vocab_size:70 seq_length:128 \
	theta:500000.0 tie_word_embeddings:false compute_dtype:'"bfloat16"'; do
	equal "llama: ${pair%%:*}" "${pair#*:}" "$(says "${pair%%:*}")"
done
equal 'a small number is one to PyYAML too' 1.0e-06 "$(says rms_norm_eps)"
mv "$tmp/shown" "$tmp/block"
yaml --config $golden/llama3-gqa-bf16/hf/config.json
check 'the file config.json does as well' cmp "$tmp/block" "$tmp/shown"
yaml --config $golden/llama3-gqa-bf16/hf/model.safetensors
check 'so does a file beside it' cmp "$tmp/block" "$tmp/shown"

yaml --config=$golden/llama3-gqa-bf16/hf --set seq_length=32
equal '--set says what is for the user to choose' 32 "$(says seq_length)"
yaml --config=$golden/llama3-gqa-bf16/hf --set qkv_concat=true
equal 'an option of the rules is one of the network' true "$(says qkv_concat)"
yaml --config=$golden/llama3-gqa-bf16/hf --set vocab_size=5
equal '--set cannot contradict config.json' 4 $code

yaml --config=$golden/glm4-bf16/hf
equal 'a list of token ids stays one' '[51, 52, 53]' "$(says eos_token_id)"
yaml --config=$golden/deepseek3/hf
equal 'experts have a block of their own' 4 "$(
	sed -n '/^moe_config:/,$ s/^  expert_num: //p' "$tmp/shown")"
equal 'a table extends the block of another' '"DeepseekV3Config" 14' \
	"$(says type) $(says kv_lora_rank)"

config '{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2,
	"num_attention_heads": 4, "vocab_size": 32, "rms_norm_eps": 1E5,
	"intermediate_size": 96, "eos_token_id": [2, 7],
	"rope_scaling": {"rope_type": "llama3", "factor": 8.0,
	"low_freq_factor": 1.0, "high_freq_factor": 4.0,
	"original_max_position_embeddings": 8192}, "a \"3": "7\\"}'
yaml --config "$tmp/model"
equal 'the scaling of Llama 3.1' '"LLAMA3" 8.0 1.0 4.0 8192' "$(
	says extend_method) $(says factor) $(says low_freq_factor) $(
	says high_freq_factor) $(says original_max_position_embeddings)"
equal 'an exponent has a sign' 1.0e+5 "$(says rms_norm_eps)"
equal 'as many heads of keys as of queries, if nothing else is said' 4 \
	"$(says n_kv_heads)"
check 'what nothing tells is said' grep -qx \
	'# nothing tells, give with --set: seq_length' "$tmp/shown"
config '{"model_type": "t5"}'
yaml --config "$tmp/model"
equal 'a table that has none says so' '3 1' \
	"$code $(grep -c 'do not say' "$tmp/err")"
yaml $golden/llama3-gqa-bf16/hf
equal 'a parameter is needed without --config' '1 1' \
	"$code $(grep -c 'usage' "$tmp/err")"

# ---- the key "yaml" of a table
# table FORM - a table with it, checked: its sentence in $tmp/err.
table() {
	echo '{"model": "t", "yaml": '"$1"', "rules": [["a", "b"]]}' \
		>"$tmp/t.json"
	code=0
	"$WCONV" check-rules "$tmp/t.json" >"$tmp/shown" 2>"$tmp/err" || code=$?
}
table '[]'
equal 'it must be an object' '3 1' "$code $(grep -c 'an object' "$tmp/err")"
table '{"extends": "nn"}'
equal 'a table that has none cannot be extended' '3 1' \
	"$code $(grep -c 'has no "yaml"' "$tmp/err")"
table '{"x": "1 +"}'
equal 'an expression that is none' '3 1' \
	"$code $(grep -c 'expression' "$tmp/err")"
table '{"x": "7 / 2", "y?": "none", "z?": {"a": "none"}, "o": {"p[]": "1"}}'
config '{}'
yaml --rules "$tmp/t.json" --config "$tmp/model"
equal 'fractions, what may be left out, a list of one' \
	'x: 3.5 o:   p: [1]' "$(tr '\n' ' ' <"$tmp/shown" | sed 's/ $//')"
