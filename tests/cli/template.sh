#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Templates and maps of names: what they make, what is refused and how.
set -u
. tests/mount/lib.sh

case=tests/golden/yolos-template-editedmap
pth=$case/input.pth template=$case/template.ckpt
one="--template=$template"
names() {
	cut -f 1 | tail -n +2
}

# refused CODE WORDS TEXT ARGS... - wconv list ends with the code and a
# sentence that has the words.
refused() {
	code=$1 words=$2 text=$3
	shift 3
	"$WCONV" list "$@" >"$tmp/out" 2>"$tmp/err"
	equal "$text" "$code 1" "$? $(grep -c -e "$words" "$tmp/err")"
}

# ---- the listings, the map, what it gives
equal 'list --to=raw lists the names of the source in their order' \
	"$(sort $case/show/pth.txt)" \
	"$("$WCONV" list --to=raw --tsv $pth | names | sort)"
equal 'list --to=raw lists the names of the template in their order' \
	"$(cat $case/show/ckpt.txt)" \
	"$("$WCONV" list --to=raw --tsv $template | names)"
equal 'what is made has the names of the template in their order' \
	"$(cat $case/show/ckpt.txt)" \
	"$("$WCONV" list --tsv "$one" --map=$case/map.json $pth | names)"
"$WCONV" map --init $pth $template >"$tmp/map.json"
equal 'map --init finds the names' "$(sort $case/ms.tsv)" \
	"$("$WCONV" hash "$one" --map="$tmp/map.json" $pth | sort)"
equal 'map --init takes the two in any order' "$(cat "$tmp/map.json")" \
	"$("$WCONV" map --init $template $pth)"
"$WCONV" map --init $pth $pth 2>"$tmp/err"
equal 'map --init of two of a kind is refused' '1 1' \
	"$? $(grep -c 'none of them is MindSpore' "$tmp/err")"

# ---- names that are missing on one side
report=$("$WCONV" cat "$one" --map=$case/map.json $pth .wconvfs/report.txt)
equal 'what the template wants not is reported' \
	'dropped, the template wants it not: backbone.mid_pos_embed' \
	"$(echo "$report" | grep '^dropped')"
equal 'and where it is asked for' 'is not wanted by the template' \
	"$("$WCONV" explain "$one" --map=$case/map.json $pth \
		backbone.mid_pos_embed | tail -n 1)"
edit() {
	sed "$1" $case/map.json >"$tmp/edited.json"
}
edit 's/"backbone.norm.weight"/"backbone.norm.scale"/'
refused 4 'optimizer.backbone.norm.gamma: the source has no backbone.norm.sca' \
	'a name that the source has not is refused' \
	"$one" --map="$tmp/edited.json" $pth
edit 's/"backbone.norm.weight"/null/'
refused 4 'optimizer.backbone.norm.gamma: no rule of edited.json makes it' \
	'null makes nothing' "$one" --map="$tmp/edited.json" $pth
equal '--partial leaves it out' \
	"$(grep -v backbone.norm.gamma $case/show/ckpt.txt)" \
	"$("$WCONV" list --partial --tsv "$one" --map="$tmp/edited.json" \
		$pth 2>"$tmp/err" | names)"
edit 's/"backbone.norm.bias"/"backbone.norm.weight"/'
equal 'a name for the second time makes a copy' 'copy' \
	"$("$WCONV" list --tsv "$one" --map="$tmp/edited.json" $pth |
		awk -F '\t' '$1 ~ /backbone.norm.beta/ { print $6 }')"

# ---- shapes
other=tests/golden/yolos-template
refused 4 'backbone.norm.weight of the source makes it \[12\], .* has \[10\]' \
	'other shapes are refused, with both' \
	"$one" --map=$case/map.json $other/input.pth
refused 4 'backbone.norm.gamma: \[12\] in the source, \[10\] in the template' \
	'a template of the side that is read is held against it' \
	"$one" --map=$case/map.json $other/ms

# ---- types
"$WCONV" convert --quiet --dtype=fp16 "$one" --map=$case/map.json $pth \
	"$tmp/half.ckpt"
half="--template=$tmp/half.ckpt"
equal 'floats get the types of the template' \
	"$("$WCONV" hash --dtype=fp16 "$one" --map=$case/map.json $pth)" \
	"$("$WCONV" hash "$half" --map=$case/map.json $pth)"
equal 'and the report says so' 1 \
	"$("$WCONV" cat "$half" --map=$case/map.json $pth .wconvfs/report.txt |
		grep -c "; 43 are cast to the template's types")"
equal 'unless --dtype tells' "$(sort $case/ms.tsv)" \
	"$("$WCONV" hash --dtype=fp32 "$half" --map=$case/map.json $pth | sort)"
equal "... of which source is one" "$(sort $case/ms.tsv)" \
	"$("$WCONV" hash --dtype=source "$half" --map=$case/map.json $pth | sort)"

# ---- the words of a rule that the template chooses between
nn=tests/golden/nn-template
equal 'a template decides what an embedding is' lookup.embedding_table \
	"$("$WCONV" list --model=nn --tsv --template=$nn/template.ckpt $nn/hf |
		cut -f 1 | grep lookup)"
equal 'what has no counterpart need not be made' 2 \
	"$("$WCONV" cat --model=nn --template=$nn/hf $nn/ms \
		.wconvfs/report.txt | grep -c 'no counterpart: .*num_batches')"

# ---- maps that are none
for text in '[]' '{"a": 1}' '{"a": "b", "a": "c"}' '{"a": "b*"}' '{"a": ""}'; do
	echo "$text" >"$tmp/bad.json"
	"$WCONV" list "$one" --map="$tmp/bad.json" $pth 2>"$tmp/err"
	equal "no map: $text" '3 1' "$? $(grep -c 'bad.json' "$tmp/err")"
done
refused 1 'needs --template' 'a map needs a template' \
	--map=$case/map.json $pth
refused 1 'have no meaning' 'raw has no template' --to=raw "$one" $pth
refused 1 'by the one or' 'rules or a map' "$one" --map=$case/map.json \
	--rules=models/nn.json $pth

exit $failed
