#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# case.sh DIR [back] - print the options of a golden case for wconv and
# wconvfs, an argument a line: --dtype=X and --set=KEY=VALUE as case.json has
# them, and --model=NAME where there is no config.json to tell, where it is that
# of deepseek3 as well, or the options name one. `back`: the options of MindSpore
# to HuggingFace, with --config, and what is in hf/ as the template of a case
# that has one. It reads the one layout in which the case.json
# files are written: a key a line.
set -eu

named=1
options=options
[ ! -e "$1/hf/config.json" ] || named=0
if [ "${2-}" = back ]; then
	echo --to=hf
	[ $named = 1 ] || echo "--config=$1/hf/config.json"
	! grep -q '^ *"reverse_options": {$' "$1/case.json" ||
		options=reverse_options
fi
back=
[ "${2-}" != back ] || [ ! -d "$1/hf" ] || back=$1/hf
awk -v dir="$1" -v back="$back" -v named="$named" -v options="$options" '
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
	/^ +"model":/ && !inside && (named || value($0) == "deepseekv3") {
		model = value($0)
	}
	$0 ~ "^ +\"" options "\": {$" { inside = 1; next }
	/^ +}/ { inside = 0 }
	inside && key($0) == "model" { model = value($0); next }
	inside && key($0) == "dtype" { print "--dtype=" value($0); next }
	inside && key($0) == "pth" { next }
	inside && key($0) == "template" && back { print "--template=" back; next }
	inside && key($0) ~ /^(template|map)$/ {
		print "--" key($0) "=" dir "/" value($0)
		next
	}
	inside { print "--set=" key($0) "=" value($0) }
	END { if (model) print "--model=" model }
' "$1/case.json"
