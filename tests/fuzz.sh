#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh [one NAME] - the fuzz targets of tests/fuzz on their seeds, and where
# there is clang with libFuzzer, on what it makes of them for FUZZ_TEST_SECONDS
# each (20). What it finds lies in BUILD/fuzz/findings then: make a unit test
# of it. Corpora are kept in BUILD/fuzz/corpus.
set -u

cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-$PWD/build}
seconds=${FUZZ_TEST_SECONDS:-20}
jobs=$(nproc)
fuzz=$BUILD/fuzz
failed=0

targets() {
	for t in tests/fuzz/fuzz_*.c; do
		t=${t#tests/fuzz/fuzz_}
		echo "${t%.c}"
	done
}

# seeds NAME - the files that a target starts from: its own, and what the tree
# has of that kind.
seeds() {
	find "tests/fuzz/seeds/$1" -type f 2>/dev/null
	case $1 in
	safetensors) echo tests/golden/formats/safetensors/*.safetensors ;;
	ckpt) echo tests/golden/formats/ckpt/*.ckpt ;;
	torch) echo tests/golden/formats/torch/*.pt tests/golden/formats/torch/*.bin ;;
	config) echo tests/golden/*/hf/config.json ;;
	rules) echo models/*.json ;;
	strategy) find tests/golden/formats -name 'strategy.*' ;;
	index) echo tests/golden/*/hf/*.index.json ;;
	esac
}

# replay NAME - the target on its seeds, each once.
replay() {
	# shellcheck disable=SC2046 # no blanks in our names
	if "$BUILD/tests/fuzz_$1" $(seeds "$1") >"$tmp/$1" 2>&1; then
		echo "ok - $1: $(tail -n 1 "$tmp/$1")"
	else
		echo "not ok - $1: an input of its seeds"
		tail -n 40 "$tmp/$1"
		failed=1
	fi
}

# one NAME - fuzz a target, starting from its seeds and what was found before.
one() {
	corpus=$fuzz/corpus/$1 log=$fuzz/logs/$1
	mkdir -p "$corpus" "$fuzz/logs" "$fuzz/findings"
	for f in $(seeds "$1"); do
		cp "$f" "$corpus/seed-$(echo "$f" | tr / -)"
	done
	set -- "$1" "$fuzz/tests/fuzz_$1" -max_total_time="$seconds" \
		-max_len=8192 -timeout=20 -rss_limit_mb=3000 \
		-print_final_stats=1 \
		-artifact_prefix="$fuzz/findings/$1-" "$corpus"
	[ ! -e "tests/fuzz/dict/$1.dict" ] || set -- "$@" -dict="tests/fuzz/dict/$1.dict"
	name=$1
	shift
	if "$@" >"$log" 2>&1; then
		echo "ok - $name: $(awk '/number_of_executed/ { print $2 }' "$log") runs"
	else
		echo "not ok - $name: see $fuzz/findings"
		grep -v '^#' "$log" | tail -n 60
	fi
}

if [ "${1:-}" = one ]; then
	one "$2"
	exit 0
fi

# in memory where that can be: files are written all the time
tmp=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
TMPDIR=$tmp
export TMPDIR BUILD FUZZ_TEST_SECONDS="$seconds"

for t in $(targets); do
	replay "$t"
done

if [ -n "${SANITIZED:-}" ]; then
	echo 'skip - fuzzing: the build is sanitized'
	exit $failed
fi
if ! sh contrib/install-deps has-fuzzer; then
	echo 'skip - fuzzing: clang with libFuzzer is missing'
	exit $failed
fi
if ! env -u MAKEFLAGS -u MFLAGS make --no-print-directory -j"$jobs" \
	BUILD="$BUILD" fuzzers >"$tmp/make" 2>&1; then
	echo 'not ok - the fuzzers are built'
	tail -n 20 "$tmp/make"
	exit 1
fi
[ "$jobs" -gt 1 ] || jobs=2
targets | xargs -n 1 -P "$jobs" sh "$0" one | tee "$tmp/fuzzed"
! grep -q '^not ok' "$tmp/fuzzed" || failed=1
exit $failed
