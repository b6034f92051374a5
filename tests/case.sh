#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# case.sh DIR - print the options of a golden case for wconv and wconvfs, an
# argument a line: --dtype=X and --set=KEY=VALUE as case.json has them, and
# --model=NAME where there is no config.json to tell. It reads the one layout
# in which the case.json files are written: a key a line.
set -eu

named=1
[ ! -e "$1/hf/config.json" ] || named=0
awk -v named="$named" '
	function value(s) {
		sub(/^[^:]*: */, "", s)
		sub(/,$/, "", s)
		gsub(/"/, "", s)
		return s
	}
	function key(s) {
		sub(/^ *"/, "", s)
		sub(/".*/, "", s)
		return s
	}
	/^  "model":/ && named { print "--model=" value($0) }
	/^  "options": \{$/ { inside = 1; next }
	/^  }/ { inside = 0 }
	inside && key($0) == "dtype" { print "--dtype=" value($0); next }
	inside { print "--set=" key($0) "=" value($0) }
' "$1/case.json"
