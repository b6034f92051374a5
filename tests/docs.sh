#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What --help says, the man pages and the completions know the same options and
# commands; the version is the same everywhere.
set -u

cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
LC_ALL=C
export LC_ALL
failed=0

# equal TEXT WANT GOT
equal() {
	if [ "$2" = "$3" ]; then
		echo "ok - $1"
	else
		failed=1
		echo "not ok - $1"
		printf '# want: %s\n# got:  %s\n' "$2" "$3"
	fi
}

# words - the lines of standard input, sorted, on one line.
words() {
	sort -u | tr '\n' ' '
}

# help_options PROGRAM - long and short options that --help names.
help_options() {
	"$BUILD/$1" --help | tr '[]|,=' '     ' | tr ' ' '\n' |
		grep -E '^(--[a-z][a-z_-]*|-[a-zA-Z])$' | words
}

# man_options FILE... - the same of mdoc sources: Fl -name, Fl n.
man_options() {
	cat "$@" | grep -E '^[.](It|Op|Fl|Nm|\\}|Pq)? *' |
		grep -E '(^[.]| )Fl ' | tr ',|' '  ' | awk '{
		on = 0
		for (i = 1; i <= NF; i++) {
			if ($i ~ /^[.]?Fl$/) { on = 1; continue }
			if ($i ~ /^(Ns|Ar|Cm|Op|Pq|Pa|Xr|=)$/) { on = 0; continue }
			if (on && $i ~ /^-[a-z][a-z_-]*$/) print "-" $i
			else if (on && $i ~ /^[a-zA-Z]$/) print "-" $i
		}
	}' | words
}

# bash_options FUNCTION - what bash offers for "-" behind each command.
bash_options() {
	bash -c '
		. contrib/completion/wconv.bash
		compopt() { :; }
		for command in "${@:2}"; do
			COMP_WORDS=("$1" $command -)
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			"_$1" "$1" - "$command"
			printf "%s\n" "${COMPREPLY[@]%=}"
		done' - "$@" | words
}

# zsh_options FROM TO - of the lines of the zsh completion between two texts.
zsh_options() {
	sed -n "/$1/,/$2/p" contrib/completion/_wconv |
		grep -oE -e "[*)' ({,]--?[a-zA-Z][a-z_-]*" |
		grep -oE -e '--?[a-zA-Z][a-z_-]*$' | words
}

commands=$("$BUILD/wconv" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z_-]*\) .*/\1/p' |
	words)
equal 'wconv: there are commands' 11 "$(echo "$commands" | wc -w | tr -d ' ')"
equal 'wconv.1: a synopsis of each command' "$commands" "$(
	sed -n '/^.Sh SYN/,/^.Sh DESC/s/^.Cm //p' contrib/man/wconv.1 | words)"
equal 'wconv.1: an item of each command' "$commands" "$(
	sed -n '/^.Sh DESC/,/^.Sh OPT/s/^.It Cm //p' contrib/man/wconv.1 | words)"
equal 'zsh: each command' "$commands" "$(
	sed -n "/^commands=/,/^)/s/^	[\"']\([a-z_-]*\):.*/\1/p" \
		contrib/completion/_wconv | words)"

for program in wconv wconvfs; do
	equal "$program.1: the options of --help" \
		"$(help_options $program)" \
		"$(man_options contrib/man/$program.1)"
done
if command -v bash >/dev/null; then
	# shellcheck disable=SC2086 # words
	{
		equal 'bash: the commands of wconv' "$commands" "$(bash -c '
			. contrib/completion/wconv.bash
			COMP_WORDS=(wconv "") COMP_CWORD=1
			_wconv wconv "" wconv
			printf "%s\n" "${COMPREPLY[@]}"' | words)"
		equal 'bash: the options of wconv --help' \
			"$(help_options wconv)" "$(bash_options wconv $commands)"
		equal 'bash: the options of wconvfs --help' \
			"$(help_options wconvfs)" "$(bash_options wconvfs '')"
	}
else
	echo 'skip - bash: bash is missing'
fi
equal 'zsh: the options of wconvfs --help' "$(help_options wconvfs)" \
	"$(zsh_options '^shared=' '^	return')"
equal 'zsh: the options of wconv --help' "$(help_options wconv)" "$(
	{ zsh_options '^shared=' '^)' && zsh_options '^case' '^esac'; } |
		tr ' ' '\n' | sed '/^$/d' | words)"

# Every option of --help is one: it is not refused as unknown.
bad=
for o in $(help_options wconvfs); do
	case $o in -u | -h | -V | --help | --version) continue ;; esac
	"$BUILD/wconvfs" "$o" 2>&1 | grep -q 'unknown option' && bad="$bad $o"
done
equal 'wconvfs knows each option of its --help' '' "$bad"

for page in contrib/man/*; do
	for section in 'EXIT STATUS' EXAMPLES LIMITATIONS; do
		grep -q "^.Sh $section" "$page" || bad="$bad $page:$section"
	done
done
equal 'each page has EXIT STATUS, EXAMPLES, LIMITATIONS' '' "$bad"
if command -v mandoc >/dev/null; then
	equal 'mandoc has nothing to say' '' \
		"$(mandoc -T lint -W warning contrib/man/* 2>&1 | head -n 5)"
fi

version=$(sed -n 's/^VERSION = //p' Makefile)
equal 'wconv --version' "wconv $version" "$("$BUILD/wconv" --version)"
equal 'wconvfs --version' "wconvfs $version" \
	"$("$BUILD/wconvfs" --version | head -n 1)"
equal 'debian/changelog' "wconvfs ($version)" \
	"$(sed -n '1s/^\(wconvfs ([^)]*)\).*/\1/p' debian/changelog)"
exit $failed
