# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion of wconv and wconvfs. Names of models and options of their
# rules come from the program.

_wconv_shared='--model= --to= --dtype= --set= --rules= --template= --map= --config= --strategy=
	--ranks= --tie= --keep-extra --check-crc --key= --partial
	--shard-size= --help --version'

# The values of the option before "=", or nothing.
_wconv_values() {
	case $1 in
	--model) wconv models --tsv 2>/dev/null | awk -F '\t' 'NR > 1 {
		print $1; n = split($2, a, ", "); for (i = 1; i <= n; i++) print a[i] }' ;;
	--set) wconv models --tsv 2>/dev/null | awk -F '\t' 'NR > 1 {
		n = split($3, a, ", "); for (i = 1; i <= n; i++) { sub(/=.*/, "=", a[i]); print a[i] } }' |
		sort -u ;;
	--to) echo auto ms hf raw ;;
	--dtype) echo source fp32 fp16 bf16 ;;
	--tie) echo auto emit drop ;;
	--sort) echo name bytes dtype ;;
	--format) echo ckpt safetensors pytorch ;;
	--cache) echo auto page direct ;;
	esac
}

# _wconv_complete OPTIONS - the word that is being typed.
_wconv_complete() {
	local word=$2 prev=$3
	COMPREPLY=()
	# readline cuts words at "="
	if [[ $word == = ]]; then
		word=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $prev != --* || $1 != *"$prev="* ]]; then
		if [[ $word == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
			[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
		else
			compopt -o default
		fi
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$(_wconv_values "$prev")" -- "$word")
	[[ ${#COMPREPLY[@]} != 0 ]] || compopt -o default
}

_wconvfs() {
	_wconv_complete "$_wconv_shared --cache= --readahead=
		-f -d -s -o -u -h -V" "$2" "$3"
}

_wconv() {
	local commands='list stat hash cat convert convert_weight verify explain
		map models check-rules' own=
	if [[ $COMP_CWORD == 1 && $2 != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$2")
		return
	fi
	case ${COMP_WORDS[1]} in
	list) own='--tsv --json --sort= --tree --totals' ;;
	hash | stat | models) own='--tsv' ;;
	cat) own='--range=' ;;
	convert) own='--format= --force --resume --dry-run --quiet' ;;
	convert_weight) own='--input_path= --output_path= --reversed --quiet' ;;
	map) own='--init' ;;
	verify) own='--atol= --rtol= --tsv' ;;
	esac
	if [[ ${COMP_WORDS[1]} == models && $COMP_CWORD == 2 && $2 != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_wconv_values --model)" -- "$2")
		return
	fi
	_wconv_complete "$own $_wconv_shared -h -V" "$2" "$3"
}

complete -F _wconv wconv
complete -F _wconvfs wconvfs
