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
# scaling TYPE KEYS - how a model whose config.json has that is scaled.
scaling() {
	config '{"model_type": "'"$1"'", "hidden_size": 64, '"$2"'}'
	yaml --config "$tmp/model"
	sed -n 's/^  *//; /^extend_method/p; /^scaling_factor/,/^qkv_has/p' \
		"$tmp/shown" | grep -v ^qkv_has | tr -d '\n'
}

linear='"factor": 4.0'
yarn='"factor": 4.0, "original_max_position_embeddings": 32768'
# FreqsMgr of MindFormers takes a number for PI, and for YARN all of these
whole='extend_method: "YARN"scaling_factor:factor: 4.0beta_fast: 32'
whole=$whole'beta_slow: 1mscale: 1.0mscale_all_dim: 0.0'
whole=$whole'original_max_position_embeddings: 32768'
for key in '"rope_scaling": {"type"' '"rope_scaling": {"rope_type"' \
	'"rope_parameters": {"rope_type"'; do
	equal "one linear factor, of $key" \
		'extend_method: "PI"scaling_factor: 4.0' \
		"$(scaling llama "$key: \"linear\", $linear}")"
	equal "what YaRN is where $key does not say it" "$whole" \
		"$(scaling qwen2 "$key: \"yarn\", $yarn}")"
done
equal 'what YaRN is where it is said' \
	"$(echo "$whole" | sed 's/32beta/16beta/; s/1mscale/2mscale/
		s/mscale: 1.0/mscale: 0.5/; s/_dim: 0.0/_dim: 0.7/')" \
	"$(scaling llama '"rope_parameters": {"rope_type": "yarn",
		"beta_fast": 16, "beta_slow": 2, "mscale": 0.5,
		"mscale_all_dim": 0.7, '"$yarn}")"
llama3='"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0'
equal 'the scaling of Llama 3.1, as transformers 5 writes it' \
	'extend_method: "LLAMA3"scaling_factor:factor: 8.0low_freq_factor: 1.0high_freq_factor: 4.0original_max_position_embeddings: 8192' \
	"$(scaling llama '"rope_parameters": {"factor": 8.0, '"$llama3"',
		"original_max_position_embeddings": 8192}')"
for none in '"rope_scaling": null' '"rope_scaling": {"rope_type": "default"}' \
	'"rope_parameters": {"rope_type": "default", "rope_theta": 5.0}'; do
	equal "no scaling: $none" 'extend_method: "None"' \
		"$(scaling llama "$none")"
	yaml --config "$tmp/model" --model=qwen3
	equal "no scaling in Mcore: $none" '"rope"' \
		"$(says position_embedding_type)"
done
equal 'what MindFormers has no word for is left to the user' '' \
	"$(scaling llama '"rope_scaling": {"type": "dynamic"}')"

config '{"model_type": "t5"}'
yaml --config "$tmp/model"
equal 'a table that has none says so' '3 1' \
	"$code $(grep -c 'do not say' "$tmp/err")"
yaml $golden/llama3-gqa-bf16/hf
equal 'a parameter is needed without --config' '1 1' \
	"$code $(grep -c 'usage' "$tmp/err")"

# ---- what MindFormers' files say of published models
# published CONFIG LINE ... - what is said of a model; LINE: "key: value".
published() {
	config "$1"
	shift
	yaml --config "$tmp/model"
	for line; do
		equal "$(says type): ${line%%:*}" "$line" \
			"$(sed -n "s/^ *\(${line%%:*}: \)/\1/p" "$tmp/shown")"
	done
}

published '{"model_type": "qwen", "hidden_size": 5120, "seq_length": 8192,
	"intermediate_size": 27392, "kv_channels": 128, "vocab_size": 152064,
	"num_attention_heads": 40, "num_hidden_layers": 40, "rotary_pct": 1.0,
	"layer_norm_epsilon": 1e-06, "rotary_emb_base": 10000,
	"emb_dropout_prob": 0.0}' 'type: "QwenConfig"' 'seq_length: 8192' \
	'hidden_size: 5120' 'num_layers: 40' 'num_heads: 40' \
	'vocab_size: 152064' 'intermediate_size: 13696' \
	'rms_norm_eps: 1.0e-06' 'emb_dropout_prob: 0.0' 'rotary_pct: 1.0' \
	'rotary_emb_base: 10000' 'kv_channels: 128' 'eos_token_id: 151643' \
	'pad_token_id: 151643'
published '{"model_type": "chatglm", "hidden_size": 4096, "num_layers": 28,
	"inner_hidden_size": 16384, "layernorm_epsilon": 1e-05,
	"max_sequence_length": 2048, "num_attention_heads": 32,
	"position_encoding_2d": true, "vocab_size": 130528,
	"bos_token_id": 130004, "eos_token_id": 130005, "pad_token_id": 3,
	"mask_token_id": 130000, "gmask_token_id": 130001,
	"torch_dtype": "float16"}' 'type: "GLMConfig"' 'vocab_size: 130528' \
	'hidden_size: 4096' 'num_layers: 28' 'num_heads: 32' \
	'inner_hidden_size: 16384' 'seq_length: 2048' \
	'layernorm_epsilon: 1.0e-05' 'position_encoding_2d: true' \
	'bos_token_id: 130004' 'eos_token_id: 130005' \
	'mask_token_id: 130000' 'gmask_token_id: 130001' 'pad_token_id: 3' \
	'param_init_type: "float16"' 'compute_dtype: "float16"'
published '{"model_type": "telechat", "hidden_size": 8192, "n_layer": 96,
	"n_head": 64, "num_key_value_heads": 8, "ffn_hidden_size": 40960,
	"vocab_size": 131072, "seq_length": 8192, "base_seqlen": 8192,
	"layer_norm_epsilon": 1e-05, "bos_token_id": 1, "eos_token_id": 2,
	"pad_token_id": 3, "hidden_dropout": 0.0, "attention_dropout": 0.0}' \
	'type: "TelechatConfig"' 'seq_length: 8192' 'hidden_size: 8192' \
	'num_layers: 96' 'num_heads: 64' 'n_kv_heads: 8' 'vocab_size: 131072' \
	'rms_norm_eps: 1.0e-05' 'bos_token_id: 1' 'eos_token_id: 2' \
	'pad_token_id: 3' 'hidden_dropout_prob: 0.0' \
	'attention_dropout_prob: 0.0' 'intermediate_size: 40960' \
	'pretrain_seqlen: 8192'
published '{"model_type": "telechat", "hidden_size": 4096, "n_head": 32,
	"ffn_hidden_size": 12288, "moe_ffn_hidden_size": 6144,
	"num_local_experts": 16, "num_experts_per_tok": 4}' \
	'intermediate_size: 6144' 'expert_num: 16' 'num_experts_chosen: 4'
published '{"model_type": "bloom", "n_embed": 4096, "n_layer": 30,
	"num_attention_heads": 32, "vocab_size": 250880, "seq_length": 2048,
	"bos_token_id": 1, "eos_token_id": 2, "hidden_dropout": 0.1,
	"attention_dropout": 0.1}' 'type: "BloomConfig"' 'seq_length: 2048' \
	'vocab_size: 250880' 'hidden_size: 4096' 'num_layers: 30' \
	'num_heads: 32' 'expand_ratio: 4' 'hidden_act: "gelu"' \
	'hidden_dropout_rate: 0.1' 'attention_dropout_rate: 0.1' \
	'eos_token_id: 2' 'bos_token_id: 1'
published '{"model_type": "gpt_bigcode", "n_embd": 6144, "n_layer": 40,
	"n_head": 48, "n_inner": 24576, "n_positions": 8192,
	"vocab_size": 49153, "eos_token_id": 0, "embd_pdrop": 0.0,
	"resid_pdrop": 0.1, "attn_pdrop": 0.1}' 'type: "WizardCoderConfig"' \
	'n_position: 8192' 'vocab_size: 49153' 'hidden_size: 6144' \
	'num_layers: 40' 'num_heads: 48' 'expand_ratio: 4' \
	'hidden_act: "gelu"' 'dropout_prob: 0.0' 'hidden_dropout_prob: 0.1' \
	'attention_probs_dropout_prob: 0.1' 'eos_token: 0' 'eos_token_id: 0'
published '{"model_type": "whisper", "d_model": 1280, "encoder_layers": 32,
	"decoder_layers": 4, "encoder_attention_heads": 20,
	"decoder_attention_heads": 20, "encoder_ffn_dim": 5120,
	"decoder_ffn_dim": 5120, "num_mel_bins": 128, "vocab_size": 51866,
	"max_source_positions": 1500, "max_target_positions": 448,
	"num_hidden_layers": 32, "activation_function": "gelu",
	"bos_token_id": 50257, "eos_token_id": 50257, "pad_token_id": 50256,
	"decoder_start_token_id": 50258, "dropout": 0.0,
	"encoder_layerdrop": 0.0}' 'type: "WhisperConfig"' 'd_model: 1280' \
	'encoder_layers: 32' 'decoder_layers: 4' \
	'encoder_attention_heads: 20' 'decoder_attention_heads: 20' \
	'encoder_ffn_dim: 5120' 'decoder_ffn_dim: 5120' 'num_mel_bins: 128' \
	'vocab_size: 51866' 'max_source_positions: 1500' \
	'max_target_positions: 448' 'num_hidden_layers: 32' \
	'bos_token_id: 50257' 'eos_token_id: 50257' 'pad_token_id: 50256' \
	'decoder_start_token_id: 50258' 'is_encoder_decoder: true' \
	'dropout: 0.0' 'encoder_layerdrop: 0.0'

glm='"hidden_size": 4096, "num_hidden_layers": 40, "num_attention_heads": 32,
	"num_key_value_heads": 2, "head_dim": 128, "intermediate_size": 13696,
	"vocab_size": 151552, "rms_norm_eps": 1.5625e-07,
	"rope_theta": 5000000.0, "max_position_embeddings": 131072,
	"attention_bias": true, "attention_dropout": 0.0,
	"eos_token_id": [151329, 151336, 151338], "pad_token_id": 151329,
	"torch_dtype": "bfloat16"}'
published '{"model_type": "glm", '"$glm" 'type: "ChatGLM2Config"' \
	'num_layers: 40' 'padded_vocab_size: 151552' 'hidden_size: 4096' \
	'ffn_hidden_size: 13696' 'kv_channels: 128' \
	'num_attention_heads: 32' 'seq_length: 131072' 'hidden_dropout: 0.0' \
	'attention_dropout: 0.0' 'layernorm_epsilon: 1.5625e-07' \
	'rope_ratio: 500' 'rmsnorm: true' \
	'apply_residual_connection_post_layernorm: false' \
	'post_layer_norm: true' 'add_bias_linear: false' \
	'add_qkv_bias: true' 'multi_query_attention: true' \
	'multi_query_group_num: 2' 'qkv_concat: true' 'mlp_concat: true' \
	'eos_token_id: [151329, 151336, 151338]' 'pad_token_id: 151329' \
	'compute_dtype: "bfloat16"'
equal 'GLM-4-9B has two norms a layer' '' "$(says post_self_attn_layernorm)"
published '{"model_type": "glm4", "partial_rotary_factor": 0.5, '"$glm" \
	'type: "ChatGLM2Config"' 'post_self_attn_layernorm: true' \
	'post_mlp_layernorm: true'
config '{"model_type": "glm", "partial_rotary_factor": 1.0, '"$glm"
yaml --config "$tmp/model"
equal 'the network turns half of a head, and takes no GLM-Edge' '' \
	"$(says type)"

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
table '{"x?": {"?": "a", "b?": "b"}, "y": {"?": ["none", "a"], "b": "1"}}'
config '{"a": 3}'
yaml --rules "$tmp/t.json" --config "$tmp/model"
equal 'a value in place of an object' 'x: 3 y: 3' \
	"$(tr '\n' ' ' <"$tmp/shown" | sed 's/ $//')"
config '{"b": 4}'
yaml --rules "$tmp/t.json" --config "$tmp/model"
equal 'the object where there is none' 'x:   b: 4 y:   b: 1' \
	"$(tr '\n' ' ' <"$tmp/shown" | sed 's/ $//')"
