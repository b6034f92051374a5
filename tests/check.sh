#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# check.sh [DIR] - what `make check` looks at, without compiling anything: who
# includes whom, banned calls, and the look of the sources. Each finding is a
# line `FILE:LINE: what`; the exit code is 1 if there is one. To see it fail,
# put `#include "view/view.h"` into src/core/str.h; tests/check_fails.sh does
# such a thing for every rule.
set -u

cd "${1:-$(dirname "$0")/..}" || exit 1
LC_ALL=C
export LC_ALL
found=$(mktemp)
trap 'rm -f "$found"' EXIT

# The sources below each layer; a missing directory is no finding here.
c_files() {
	for d; do
		find "$d" -name '*.[ch]' 2>/dev/null
	done | sort
}

# layer DIR ALLOWED - quoted includes of DIR must start with one of ALLOWED
# (a |-list) or stand beside the file; only fs may include <fuse...>, only
# formats the protobuf library.
layer() {
	c_files "$1" | while IFS= read -r f; do
		awk -v f="$f" -v dir="$1" -v allowed="^($2)/" '
			function bad() {
				printf "%s:%d: %s may not include %s\n", f,
					FNR, dir, $0
			}
			!/^[ \t]*#[ \t]*include/ { next }
			{ sub(/^[ \t]*#[ \t]*include[ \t]*/, "") }
			/^"[^"]*\// && substr($0, 2) !~ allowed { bad() }
			/^<fuse/ && dir != "fs" { bad() }
			/^<protobuf/ && dir != "formats" { bad() }
		' "$f"
	done
}

# code FILE - the file with comments and the insides of literals blanked, so
# that words in them are not taken for calls. Lines keep their numbers.
code() {
	awk '{
		out = ""
		n = length($0)
		for (i = 1; i <= n; i++) {
			c = substr($0, i, 1)
			two = substr($0, i, 2)
			if (comment) {
				if (two == "*/") { comment = 0; i++ }
			} else if (quote != "") {
				if (c == "\\") i++
				else if (c == quote) { quote = ""; out = out c }
			} else if (two == "/*") {
				comment = 1
				i++
			} else {
				if (c == "\"" || c == "\047") quote = c
				out = out c
			}
		}
		if (quote != "" && substr($0, n, 1) != "\\")
			quote = ""
		print out
	}' "$1"
}

# ban WORDS WHY FILE... - calls of WORDS (a |-list) are findings.
ban() {
	words=$1 why=$2
	shift 2
	for f; do
		code "$f" | awk -v f="$f" -v why="$why" \
			-v call="(^|[^A-Za-z0-9_])($words)[ \t]*[(]" '
			$0 ~ call {
				sub(/^[ \t]*/, "")
				printf "%s:%d: %s: %s\n", f, FNR, why, $0
			}'
	done
}

includes() {
	layer src/core 'core'
	layer formats 'core|formats'
	layer models 'core|models'
	layer src/view 'core|formats|models|view'
	layer fs 'core|view|fs'
	layer src/cli 'core|view|cli'
}

calls() {
	all=$(c_files src formats models fs tests)
	below=$(c_files src/core src/view formats models fs | grep -vx fs/main.c)
	# shellcheck disable=SC2086,SC2046 # no blanks in our names
	{
		ban 'strcpy|strcat|sprintf|vsprintf|strtok|gets|alloca|strncpy' \
			'unbounded or unsafe' $all
		ban 'atoi|atol|atoll|atof' 'cannot tell an error' $all
		ban 'exit|_exit|abort|perror|printf|vprintf|puts|putchar' \
			'only main ends or prints' $below
		ban 'fprintf|vfprintf|fputs' 'only core/log.c writes a log' \
			$(echo "$below" | grep -vx src/core/log.c)
	}
}

# The look of C: the licence first, 80 columns (tables: 100), 600 lines, and
# comments as /* */.
look_c() {
	c_files src formats models fs tests | while IFS= read -r f; do
		expand "$f" | awk -v f="$f" '
			function say(what) { printf "%s:%d: %s\n", f, FNR, what }
			FNR == 1 && !/^\/\* SPDX-License-Identifier: Apache-2.0 \*\/$/ {
				say("the first line is not the SPDX comment")
			}
			length($0) > 100 { say("over 100 columns"); next }
			length($0) > 80 && !/^ *([{]|[A-Z][A-Z0-9_]*[(])/ {
				say("over 80 columns")
			}
			END { if (FNR > 600) say("more than 600 lines") }'
		code "$f" | awk -v f="$f" '
			/\/\// { printf "%s:%d: a // comment\n", f, FNR }'
	done
}

# The same for what is not C.
look_other() {
	find . -path ./.git -prune -o -path ./build -prune -o \
		-path ./tests/golden -prune -o \
		-path ./tests/fuzz/seeds -prune -o -type f -print |
		sed 's,^\./,,' | sort | while IFS= read -r f; do
		case $f in
		LICENSE | *.safetensors | *.ckpt | *.npy | *.bin) continue ;;
		*.sh | *.py | *.proto | Makefile | .ci/run | tests/run | \
			contrib/*)
			head -n 2 "$f" |
				grep -q 'SPDX-License-Identifier: Apache-2.0$' ||
				echo "$f:1: no SPDX line"
			;;
		models/*.json)
			awk -v f="$f" 'length($0) > 160 {
				printf "%s:%d: over 160 characters\n", f, FNR }' "$f"
			;;
		esac
		awk -v f="$f" '/[ \t\r]$/ {
			printf "%s:%d: blanks at the end of the line\n", f, FNR }' "$f"
	done
}

{
	includes
	calls
	look_c
	look_other
} >"$found"
cat "$found"
if [ -s "$found" ]; then
	echo "check: $(grep -c '' "$found") findings"
	exit 1
fi
echo 'check: nothing found'
