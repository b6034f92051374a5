#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/mount/lib.sh disable=SC2154
#
# What a model cannot do without, by needed.tsv: a golden case that lacks such
# names is refused by them; without what only some models have it converts.
set -u
. tests/mount/lib.sh

# less NAME... - a rule table that leaves them out.
less() {
	printf '{"model": "less", "sides": ["%s", "%s"], "rules": [' \
		"$side" "$side"
	printf '["%s", ""], ' "$@"
	printf '["**", "**"]]}\n'
}

# without NAME... - list what the case becomes, its source lacking these.
without() {
	less "$@" >"$tmp/less.json"
	rm -rf "$tmp/source" && mkdir "$tmp/source"
	file=$tmp/source/model.safetensors
	[ "$side" != ms ] || file=$tmp/source/model.ckpt
	"$WCONV" convert --quiet --rules="$tmp/less.json" "$dir/$side" "$file"
	! [ -e "$dir/$side/config.json" ] ||
		cp "$dir/$side/config.json" "$tmp/source"
	code=0
	# shellcheck disable=SC2086 # no argument of a case has a space
	"$WCONV" list $args "$tmp/source" >"$tmp/out" 2>"$tmp/err" || code=$?
}

# refused NAME... - say what of it the last refusal does not name.
refused() {
	[ $code = 4 ] || echo "exit code $code"
	grep -q " lacks $# name" "$tmp/err" || head -n 1 "$tmp/err"
	for name; do
		grep -q "^  .*\\<$(echo "$name" | sed 's/\*/{[a-z]}/')\\>" \
			"$tmp/err" || echo "$name"
	done
}

tab=$(printf '\t')
set -f
while IFS=$tab read -r case side needed optional; do
	case $case in '' | '#'*) continue ;; esac
	dir=tests/golden/$case
	back=
	[ "$side" != ms ] || back=back
	# shellcheck disable=SC2086 # it is none or one
	args=$(sh tests/case.sh "$dir" $back)
	# the first alone, and all others: a source with none is an adapter
	first=${needed%% *}
	without "$first"
	bad=$(refused "$first")
	# shellcheck disable=SC2086
	without ${needed#* }
	# shellcheck disable=SC2086
	bad=$bad$(refused ${needed#* })
	equal "$case: $side without what is needed is refused by name" '' "$bad"
	[ -n "$optional" ] || continue
	# shellcheck disable=SC2086
	without $optional
	equal "$case: $side may lack what only some have" 0 $code
done <tests/cli/needed.tsv

finish
