#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands of wconv: what they print, and how they refuse.
set -u
. tests/mount/lib.sh

wconv() {
	"$WCONV" "$@"
}

# refuses TEXT CODE WORDS ARGS... - wconv ARGS exits with CODE and says one
# sentence on standard error that has WORDS, and nothing on standard output.
refuses() {
	text=$1 code=$2 words=$3
	shift 3
	wconv "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	if [ $got = "$code" ] && grep -qF -- "$words" "$tmp/err" &&
		[ ! -s "$tmp/out" ] && head -n 1 "$tmp/err" | grep -q '^wconv: '; then
		ok "$text"
	else
		not_ok "$text"
		echo "# exit $got, want $code; want: $words"
		sed 's/^/# /' "$tmp/err"
	fi
}

golden=tests/golden

# ---- list
wconv list "$MODEL" --tsv >"$tmp/list"
equal 'list --tsv: a head and a line a parameter' \
	"$(($(wc -l <$golden/llama3-gqa-bf16/ms.tsv) + 1))" \
	"$(wc -l <"$tmp/list" | tr -d ' ')"
equal 'list --tsv: name, type and shape are those of hash' \
	"$(wconv hash "$MODEL" | cut -f 1-3)" \
	"$(tail -n +2 "$tmp/list" | cut -f 1-3)"
equal 'list: no terminal, so it is the same' "$(cat "$tmp/list")" \
	"$(wconv list "$MODEL")"
equal 'list --json: as many names as parameters' \
	"$(wc -l <$golden/llama3-gqa-bf16/ms.tsv | tr -d ' ')" \
	"$(wconv list --json "$MODEL" | grep -c '"name": ')"

equal 'list GLOB: the names that match' \
	"$(cut -f 1 "$tmp/list" | grep -e '^lm_head' -e '[.]wq[.]' | sort)" \
	"$(wconv list "$MODEL" 'lm_head*' '*.wq.*' | tail -n +2 | cut -f 1 |
		sort)"
refuses 'list GLOB: none matches' 1 'no name matches' list "$MODEL" 'x*'
equal 'list --sort=bytes: largest first' \
	"$(tail -n +2 "$tmp/list" | cut -f 4 | sort -rn)" \
	"$(wconv list --sort=bytes "$MODEL" | tail -n +2 | cut -f 4)"
equal 'list --sort=name: layer 2 before layer 10' \
	"$(wconv list --to=raw $golden/qwen3-moe-e11/hf '*.gate_proj*' |
		tail -n +2 | cut -f 1 | sort -V)" \
	"$(wconv list --to=raw $golden/qwen3-moe-e11/hf '*.gate_proj*' \
		--sort=name | tail -n +2 | cut -f 1)"
refuses 'list --sort=x' 1 'name, bytes or dtype' list --sort=x "$MODEL"
equal 'list --totals: tensors and bytes by type, and of all' \
	"$(tail -n +2 "$tmp/list" | awk -F '\t' '{ n++; b += $4 }
		END { print "BFloat16", n, b; print "all", n, b }')" \
	"$(wconv list --totals "$MODEL" | tail -n +2 |
		awk -F '\t' '{ print $1, $2, $4 }')"
equal 'list --totals: two types' 'F32 F8_E4M3' \
	"$(wconv list --to=raw --totals $golden/deepseekv3-fp8/hf '*.q_a_proj*' |
		awk 'NR > 1 && $1 != "all" { print $1 }' | sort | xargs)"
wconv list --tree "$MODEL" >"$tmp/tree"
equal 'list --tree: equal layers are shown once' 1 \
	"$(grep -c '^    0 [.][.][.] 1	18	' "$tmp/tree")"
equal 'list --tree: a leaf has its type and shape' 1 \
	"$(grep -c '^        wq.weight	1	[^	]*	BFloat16	48x48$' "$tmp/tree")"
equal 'list --tree: the top counts all that is below' 21 \
	"$(grep -v '^ ' "$tmp/tree" | awk -F '\t' 'NR > 1 { n += $2 }
		END { print n }')"

# a name that would move a terminal's cursor, and one that would break a line
write_safetensors "$tmp/odd.safetensors" <<'END'
a\u001b[2Jb\u009bc\td\ne 1 1
END
equal 'list: control bytes of a name are shown escaped' \
	'a\x1b[2Jb\u009bc\td\ne' \
	"$(wconv list --to=raw "$tmp/odd.safetensors" | tail -n 1 | cut -f 1)"
if has script; then
	# on_terminal ARGS... - what wconv prints on one
	on_terminal() {
		script -qec "$WCONV $*" /dev/null </dev/null | tr -d '\r'
	}
	on_terminal list "$MODEL" >"$tmp/aligned"
	equal 'list on a terminal: columns are aligned' 1 \
		"$(sed '/^$/,$d' "$tmp/aligned" |
			awk '{ print index($0, $2) }' | sort -u | wc -l)"
	equal 'list on a terminal: totals by type behind it' 'all 21' \
		"$(tail -n 1 "$tmp/aligned" | awk '{ print $1, $2 }')"
	equal 'list --tsv on a terminal: tabs' "$(cat "$tmp/list")" \
		"$(on_terminal list --tsv "$MODEL")"
	on_terminal models >"$tmp/models"
	equal 'models on a terminal: a paragraph each' \
		'    also called qwen1_5, qwen2_5' \
		"$(grep -A 1 '^qwen2: Qwen1.5, Qwen2' "$tmp/models" | tail -n 1)"
	equal 'models --tsv on a terminal: tabs' "$(wconv models)" \
		"$(on_terminal models --tsv)"
else
	skip 'a terminal' 'script is missing'
fi

# ---- hash --to=raw: the file's own names and words
equal 'hash --to=raw: safetensors words, the source names' \
	"$(sort $golden/llama2-mha/hf.tsv | head -n 1)" \
	"$(wconv hash --to=raw $golden/llama2-mha/hf | grep -v inv_freq | sort |
		head -n 1)"

# ---- cat
wconv cat "$MODEL" model.ckpt >"$tmp/whole"
equal 'cat --range: the bytes of that range' \
	"$(tail -c +1001 "$tmp/whole" | head -c 777 | cksum)" \
	"$(wconv cat "$MODEL" model.ckpt --range=1000:777 | cksum)"
equal 'cat --range: cut at the end of the file' \
	"$(tail -c 10 "$tmp/whole" | cksum)" \
	"$(wconv cat "$MODEL" model.ckpt \
		--range=$(($(wc -c <"$tmp/whole") - 10)):1K | cksum)"
check 'cat: a passed-through file is the source file' \
	sh -c '"$1" cat "$2" config.json | cmp - "$2/config.json"' - "$WCONV" "$MODEL"
wconv cat --shard-size=40000 "$MODEL" \
	ckpt/mindspore_model-00001-of-00002.ckpt >"$tmp/a"
wconv cat --shard-size=40000 "$MODEL" \
	ckpt/mindspore_model-00002-of-00002.ckpt >"$tmp/b"
check 'cat: the shards of ckpt/ one after the other are model.ckpt' \
	sh -c 'cat "$1/a" "$1/b" | cmp - "$1/whole"' - "$tmp"
refuses 'cat: a path that is not there' 1 'no such file' cat "$MODEL" nowhere
refuses 'cat: a directory' 1 'params' cat "$MODEL" params
refuses 'cat: a malformed range' 1 'OFF:LEN' cat "$MODEL" config.json --range=5

# ---- explain
fused=model.layers.1.attention.w_qkv.weight
wconv explain --set qkv_concat=true $golden/llama-qkv-concat/hf $fused \
	>"$tmp/explain"
for word in q_proj k_proj v_proj '(G R D)' 'G = 2' model.safetensors; do
	check "explain: names $word" grep -qF "$word" "$tmp/explain"
done
equal 'explain: a source tensor that is dropped' 1 \
	"$(wconv explain $golden/llama2-mha/hf \
		model.layers.0.self_attn.rotary_emb.inv_freq | grep -c dropped)"
refuses 'explain: an unknown name' 1 'no parameter' explain "$MODEL" nothing

# ---- models
equal 'models: llama and its other names' 1 \
	"$(wconv models | grep -c '^llama	yi, skywork, knowlm')"
wconv models llama >"$tmp/llama"
for word in '--set' 'qkv_layout' "'LlamaForCausalLM'" '(G R D)' \
	'when qkv_concat' 'llama32-tied (exact)'; do
	check "models NAME: has $word" grep -qF -e "$word" "$tmp/llama"
done
equal 'models NAME: another name of it, so the same' "$(cat "$tmp/llama")" \
	"$(wconv models yi)"
refuses 'models NAME: there is none' 3 'wconv models lists them' models x
for m in $(wconv models | tail -n +2 | cut -f 1); do
	wconv models "$m" | grep -q '^rules$' || echo "$m"
done >"$tmp/out"
equal 'models NAME: of each table' '' "$(cat "$tmp/out")"
check 'models: the table in README.md is this one' \
	sh contrib/models-table README.md

refuses 'a model without a mapping, by name' 3 'pangualpha: it is published' \
	list --model=pangualpha "$MODEL"
mkdir "$tmp/v4"
cp "$MODEL"/*.safetensors "$tmp/v4"
echo '{"model_type": "deepseek_v4"}' >"$tmp/v4/config.json"
refuses 'a model without a mapping, by config.json' 3 \
	'deepseek4: there is no converter' list "$tmp/v4"

# ---- what is taken for granted
v3=$golden/deepseek3-bmm-nomtp
sed 's/"num_nextn_predict_layers": 0/"num_nextn_predict_layers": 1/' \
	$v3/hf/config.json >"$tmp/nextn.json"
for side in hf ms; do
	equal "layers that predict further tokens are missing: said, $side" \
		'assumed: config.json counts layers that predict further' \
		"$(wconv cat --config="$tmp/nextn.json" --model=deepseek3 \
			$v3/$side .wconvfs/report.txt |
			grep -o 'assumed: .* further')"
done
infer='--model=deepseekv3 --set=layout=mcore-infer'
equal '... and that a network has none for them' \
	"$(grep -c '^model[.]layers[.]3[.]' $golden/deepseekv3/hf.tsv)" \
	"$(wconv cat $infer $golden/deepseekv3/hf .wconvfs/report.txt |
		grep -c 'dropped, has no counterpart: model[.]layers[.]3[.]')"

# ---- the command line
wconv --help >"$tmp/help"
equal '--help succeeds' 0 $?
check '--help fits a screen' test "$(wc -l <"$tmp/help")" -le 40
equal '--help is 80 columns wide' 0 "$(awk 'length > 79' "$tmp/help" | wc -l)"
check '--version succeeds' "$WCONV" --version
refuses 'no command' 1 'command'
refuses 'an unknown command' 1 'frobnicate' frobnicate "$MODEL"
refuses 'a missing argument' 1 'usage: wconv cat' cat "$MODEL"
refuses 'an unknown option' 1 '--frobnicate' list --frobnicate "$MODEL"
refuses 'a bad --dtype' 1 'fp32, fp16' list --dtype=int8 "$MODEL"
refuses 'a bad --to' 1 '--to=pt' list --to=pt "$MODEL"
refuses 'a bad --set' 1 'key=value' list --set=qkv_concat "$MODEL"
refuses 'a --set that the table does not know' 1 'qkv_concat, qkv_layout' \
	list --set=qkv_concatt=true "$MODEL"
refuses 'a value the option does not have' 1 'grouped, plain' \
	list --set=qkv_layout=round "$MODEL"
refuses 'a --set that contradicts config.json' 4 'contradicts config.json' \
	list --set=hidden_size=96 "$MODEL"
refuses 'a bad --shard-size' 1 '5GB' list --shard-size=big "$MODEL"
refuses '--key for safetensors' 1 '--key=model is for PyTorch files' \
	list --key=model "$MODEL"
refuses 'a source that is not there' 2 'No such file' list "$tmp/nowhere"
refuses 'too many arguments' 1 'usage' models llama extra
mkdir "$tmp/odd"
cp "$MODEL"/*.safetensors "$MODEL"/*.index.json "$tmp/odd"
echo '{"architectures": ["OddForCausalLM"], "model_type": "odd"}' \
	>"$tmp/odd/config.json"
refuses 'an architecture without a table' 3 'OddForCausalLM' list "$tmp/odd"
refuses 'an unknown --model' 3 'llama' list --model=odd "$tmp/odd"
rm "$tmp/odd/config.json"
refuses 'no config.json, and several tables fit' 3 \
	'no config.json beside' list "$tmp/odd"
refuses '--config=DIR without one in it' 2 'odd/config.json: No such file' \
	list --config="$tmp/odd" "$tmp/odd"
printf '{"layers":\n{"a": 1, "b": 2, "a": 3}}' >"$tmp/odd.json"
refuses 'a config.json with a key twice' 2 'odd.json has "a" twice' \
	list --config="$tmp/odd.json" "$tmp/odd"
printf '{"layers": 1,\n"heads" 3}' >"$tmp/odd.json"
refuses 'a config.json that is no JSON' 2 'not a JSON object (see line 2)' \
	list --config="$tmp/odd.json" "$tmp/odd"
equal '--config=DIR' \
	"$(wconv hash "$MODEL")" "$(wconv hash --config="$MODEL" "$tmp/odd")"
rm "$tmp/odd/"*
ln -s nowhere "$tmp/odd/model.safetensors"
refuses 'weights that are a link to nothing' 2 \
	'odd/model.safetensors is a link to a file that is not there' \
	list "$tmp/odd"
rm "$tmp/odd/"*
cp "$MODEL"/*.safetensors "$MODEL"/*.index.json "$tmp/odd"
equal 'no config.json, but --model' \
	"$(wconv hash "$MODEL")" "$(wconv hash --model=llama "$tmp/odd")"

# ---- a config.json that lies
# lie KEY VALUE - a copy of the model whose config.json says so
lie() {
	rm -rf "$tmp/lie"
	cp -r "$MODEL" "$tmp/lie"
	grep -v "\"$1\":" "$MODEL/config.json" |
		sed "s/^{/{ \"$1\": $2,/" >"$tmp/lie/config.json"
}
lie num_hidden_layers 2147483648
refuses 'layers without end: refused at once, with numbers' 4 2147483648 \
	list "$tmp/lie"
lie num_attention_heads '"6"'
refuses 'a number that is a text' 4 'num_attention_heads is no whole number' \
	list "$tmp/lie"
echo ' x' >>"$tmp/lie/config.json"
refuses 'text behind config.json' 2 'not a JSON object' list "$tmp/lie"
lie num_attention_heads null
refuses 'a fused layout without the number of heads' 4 num_attention_heads \
	list --set=qkv_concat=true "$tmp/lie"

# ---- rules of one's own
cat >"$tmp/own.json" <<'JSON'
{"model": "own", "rules": [["model.**", "net.**"], ["lm_head.weight", "head"]]}
JSON
equal '--rules: a table of one'\''s own is used' net.embed_tokens.weight \
	"$(wconv list --tsv --rules="$tmp/own.json" "$MODEL" | sed -n 2p |
		cut -f 1)"
echo '{"model": "bad", "rules": [["a", "b", "o i ->"]]}' >"$tmp/bad.json"
refuses '--rules: a table that cannot be read' 3 'bad.json' \
	list --rules="$tmp/bad.json" "$MODEL"

# ---- one
echo w 2 2 | write_safetensors "$tmp/one.safetensors"
equal 'the report of one tensor' \
	'1 tensor in 1 file, 4 bytes; 1 tensor, 8 bytes, in 1 shard; 1 is cast to F32' \
	"$(wconv cat --to=raw --dtype=fp32 "$tmp/one.safetensors" \
		.wconvfs/report.txt | sed -n 's/^source: .*, \(1 .*\)/\1/p
			s/^shown: //p' | paste -s -d ';' | sed 's/;1/; 1/')"

# ---- coverage
cat >"$tmp/half.json" <<'JSON'
{"model": "half", "rules": [["model.layers.**", "net.**"]]}
JSON
refuses 'unmapped names are listed' 4 'lm_head.weight' \
	list --rules="$tmp/half.json" "$MODEL"
equal '--partial passes them through' 1 \
	"$(wconv list --tsv --partial --rules="$tmp/half.json" "$MODEL" \
		2>"$tmp/err" | cut -f 1 | grep -c '^lm_head.weight$')"
check '--partial says so' grep -q '3 tensors have no rule' "$tmp/err"

exit $failed
