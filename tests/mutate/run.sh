#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [TABLE ...] - alter each rule of the tables in turn, and print what no
# case of tests/golden or of made/ and no check of tables notices; all tables,
# or those named. What tests/mutate/equivalent lists, with the reason why it
# means the same, is no finding; the exit code is 1 if there is another. Its
# lines that are no longer needed are named too.
set -u

BUILD=${BUILD:-build}
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
LC_ALL=C
export LC_ALL
tab=$(printf '\t')

# case_line SOURCE TSV ARG... - the line of a case, from the options of wconv.
case_line() {
	source=$1 tsv=$2
	shift 2
	config=- model=- to=- dtype=- set= template=-
	for arg; do
		value=${arg#--*=}
		case $arg in
		--config=*) config=$value ;;
		--model=*) model=$value ;;
		--to=*) to=$value ;;
		--dtype=*) dtype=$value ;;
		--template=*) template=$value ;;
		--set=*) set="$set$value " ;;
		*) return ;; # judge does not know it
		esac
	done
	set=${set% }
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$tsv" "$source" \
		"$config" "$model" "$to" "$dtype" "${set:--}" "$tsv" "$template"
}

# has_weights DIR - whether there are any in it.
has_weights() {
	[ -n "$(find "$1" -name '*.safetensors' -o -name '*.bin' \
		-o -name '*.pt*' -o -name '*.ckpt' 2>/dev/null)" ]
}

cases() {
	for dir in tests/golden/*/; do
		dir=${dir%/}
		# shellcheck disable=SC2046 # no argument of a case has a space
		if [ -e "$dir/ms.tsv" ] && has_weights "$dir/hf"; then
			case_line "$dir/hf" "$dir/ms.tsv" \
				$(sh tests/case.sh "$dir")
		fi
		for part in "$dir"/ms.*.tsv; do
			name=${part##*/ms.}
			name=${name%.tsv}
			[ "$name" != reference ] && [ -e "$part" ] &&
				case_line "$dir/hf" "$part" $(sh tests/case.sh \
					"$dir") "--set=part=$name"
		done
		if [ -e "$dir/hf.tsv" ] && has_weights "$dir/ms"; then
			case_line "$dir/ms" "$dir/hf.tsv" \
				$(sh tests/case.sh "$dir" back)
		fi
		# shellcheck disable=SC2046
		[ -d "$dir/ms_in" ] && case_line "$dir/ms_in" "$dir/ms.tsv" \
			$(sh tests/case.sh "$dir")
		[ -d "$dir/original" ] && case_line "$dir/original" \
			"$dir/hf.tsv" $(sh tests/case.sh "$dir")
	done
}

cases >"$tmp/cases"
mkdir "$tmp/made"
PYTHONDONTWRITEBYTECODE=1 python3 tests/mutate/made "$tmp/made" >>"$tmp/cases" || exit 1
if [ $# = 0 ]; then
	set -- models/*.json
else
	for table; do
		shift
		set -- "$@" "models/$table.json"
	done
fi
python3 tests/mutate/alter.py "$@" >"$tmp/tables" || exit 1
"$BUILD/tests/judge" "$tmp/cases" <"$tmp/tables" >"$tmp/alive" || exit 1
cut -f 1 "$tmp/tables" | sort -u >"$tmp/models"
sort "$tmp/alive" >"$tmp/sorted"

# what is listed on the tables that were judged
grep -v '^#' tests/mutate/equivalent | grep . | cut -d "$tab" -f 1,2 |
	sort >"$tmp/all"
join -t "$tab" "$tmp/models" "$tmp/all" | sort >"$tmp/listed"
comm -13 "$tmp/sorted" "$tmp/listed" | sed 's/^/noticed now, take it out: /'
comm -23 "$tmp/sorted" "$tmp/listed" >"$tmp/found"
sed 's/^/alive: /' "$tmp/found"
echo "$(wc -l <"$tmp/tables") altered tables," \
	"$(wc -l <"$tmp/listed") equivalent," \
	"$(wc -l <"$tmp/found") alive"
[ ! -s "$tmp/found" ]
