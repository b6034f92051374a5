#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PyTorch files as sources of wconv: what is read, what is refused and how,
# where the weights are in the saved object.
set -u
. tests/mount/lib.sh

corpus=tests/golden/formats/torch

# names ARGS... - the names that wconv hash prints, on one line.
names() {
	"$WCONV" hash --to=raw "$@" 2>"$tmp/err" | cut -f 1 | sort | tr '\n' ' '
}

# ---- the corpus, through the program
bad=
for f in $(awk -F '\t' '$2 == "error" { print $1 }' $corpus/expected.tsv); do
	"$WCONV" hash --to=raw "$corpus/$f" >"$tmp/out" 2>"$tmp/err"
	[ $? = 2 ] && [ ! -s "$tmp/out" ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
		grep -q "^wconv: .*$f" "$tmp/err" || bad="$bad $f"
done
equal 'each bad file ends with exit code 2 and one sentence that names it' \
	'' "$bad"

awk -F '\t' -v OFS='\t' '$2 != "error" && $2 != "any" {
	gsub(/[][]/, "", $4)
	gsub(/,/, "x", $4)
	print $1, $2, $3, $4 == "" ? "scalar" : $4, $5
}' $corpus/expected.tsv | sort >"$tmp/want"
cut -f 1 "$tmp/want" | sort -u | while read -r f; do
	"$WCONV" hash --to=raw --key= "$corpus/$f" | sed "s/^/$f	/"
done | sort >"$tmp/got"
equal 'each good file gives the tensors of the table' '' \
	"$(diff "$tmp/want" "$tmp/got" | head -n 5)"

for f in $corpus/*.pt; do
	"$WCONV" list --to=raw "$f" >"$tmp/out" 2>&1
done
equal 'no payload was run' '' \
	"$(find . "$tmp" -name WCONVFS_PWNED 2>/dev/null | head -n 1)"
"$WCONV" list --to=raw $corpus/evil_system.pt 2>"$tmp/err"
equal 'what a file wants to call is named' 1 \
	"$(grep -c 'wants to call posix.system' "$tmp/err")"

# ---- where the weights are
model='0.bias 0.weight 1.bias 1.num_batches_tracked 1.running_mean '
model="${model}1.running_var 1.weight "
equal 'what is under "model" is shown' "$model" "$(names $corpus/nested.pt)"
equal 'the report tells what else there is' 1 \
	"$("$WCONV" cat --to=raw $corpus/nested.pt .wconvfs/report.txt |
		grep -c 'under "model" are shown, .* model, optimizer')"
equal '--key=PATH: another part' 'exp_avg exp_avg_sq step ' \
	"$(names --key=optimizer.state.0 $corpus/nested.pt)"
names --key=nothing $corpus/nested.pt >"$tmp/out"
equal '--key=PATH: the keys there are' 1 \
	"$(grep -c '"nothing"; .* model, optimizer$' "$tmp/err")"

for what in quantized:dequantize sparse:to_dense meta:load; do
	"$WCONV" list --to=raw $corpus/${what%:*}.pt 2>"$tmp/err"
	equal "a ${what%:*} tensor: what to save instead" '2 1' \
		"$? $(grep -c "tensor \".*${what%:*}.*: .*${what#*:}" "$tmp/err")"
done

# ---- recipes
cat >"$tmp/rules.json" <<'END'
{"model": "prefixed", "detect": ["architectures == 'none'"],
 "rules": [["**", "x.**"]]}
END
equal 'views with strides keep them under a rule without a pattern' \
	"$(names $corpus/views.pt)" \
	"$("$WCONV" list --tsv --rules="$tmp/rules.json" --model=prefixed \
		$corpus/views.pt | tail -n +2 | cut -f 1 | sed 's/^x[.]//' |
		sort | tr '\n' ' ')"
equal 'a stride of 0 costs nothing: 4 TiB of one number' '0000803f0000803f' \
	"$("$WCONV" cat --to=raw --range=2199023255680:8 \
		$corpus/expand_4tib.pt params/a.npy | od -An -tx1 | tr -d ' \n')"

# ---- directories of trainers
mkdir "$tmp/deepspeed" "$tmp/dcp"
cp $corpus/nested.pt "$tmp/deepspeed/mp_rank_00_model_states.pt"
cp $corpus/plain.pt \
	"$tmp/deepspeed/zero_pp_rank_0_mp_rank_00_optim_states.pt"
equal "DeepSpeed's state of training is left out" "$model" \
	"$(names "$tmp/deepspeed")"
touch "$tmp/dcp/.metadata" "$tmp/dcp/__0_0.distcp"
"$WCONV" list "$tmp/dcp" 2>"$tmp/err"
equal 'a distributed checkpoint: what joins it' '2 1' \
	"$? $(grep -c 'dcp_to_torch' "$tmp/err")"

# ---- arrays
mkdir "$tmp/arrays"
for p in w v; do
	"$WCONV" cat --to=raw $corpus/proto4.pt params/$p.npy \
		>"$tmp/arrays/$p.npy"
done
equal 'a directory of .npy files has the tensors it was made from' \
	"$("$WCONV" hash --to=raw $corpus/proto4.pt | sort)" \
	"$("$WCONV" hash --to=raw "$tmp/arrays" | sort)"
"$WCONV" cat --to=raw $corpus/dtypes.pt params/bfloat16.npy \
	>"$tmp/arrays/b.npy"
"$WCONV" hash --to=raw "$tmp/arrays" >"$tmp/out" 2>"$tmp/err"
equal 'two bytes of no type are a question' "2 1" \
	"$? $(grep -c 'b.npy: .*<V2.*--dtype' "$tmp/err")"

# ---- pieces of a model, as Meta publishes Llama
mkdir "$tmp/meta"
cp tests/golden/llama-meta/hf/* "$tmp/meta"
"$WCONV" cat "$tmp/meta" .wconvfs/report.txt >"$tmp/out"
equal 'pieces and params.json tell the model' 1 \
	"$(grep -c '^model: llama-meta rules, .*(by params.json)' "$tmp/out")"
equal 'a piece brings the others along' "$("$WCONV" hash "$tmp/meta")" \
	"$("$WCONV" hash "$tmp/meta/consolidated.01.pth")"
rm "$tmp/meta/consolidated.01.pth"
"$WCONV" list "$tmp/meta" 2>"$tmp/err"
equal 'pieces that are missing behind those there are do not fit' '4 1' \
	"$? $(grep -c 'is 16, .* makes it 32' "$tmp/err")"
cp tests/golden/llama-meta/hf/* "$tmp/meta"
rm "$tmp/meta/params.json"
"$WCONV" list "$tmp/meta" 2>"$tmp/err"
equal 'without params.json the heads are a question' '4 1' \
	"$? $(grep -c 'leaves the axes A, P unknown' "$tmp/err")"
equal 'which --set answers' "$(sort tests/golden/llama-meta/ms.tsv)" \
	"$("$WCONV" hash --set n_heads=4 --set dim=32 "$tmp/meta" | sort)"

exit $failed
