#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# records.sh FILE.ckpt - split a MindSpore checkpoint into its records and
# print each as a line of decimal bytes, sorted: two files that print the same
# hold the same parameters, names, types, shapes and bytes, in any order. It
# knows nothing but the outermost framing (0A, length as varint, record) and
# shares no code with what it tests. For small files.
set -eu

od -An -v -tu1 -w1 "$1" | awk '
	{ b = $1 + 0 }
	state == 0 {
		if (b != 10)
			exit 1
		state = 1; left = 0; unit = 1
		next
	}
	state == 1 {
		left += b % 128 * unit
		unit *= 128
		if (b < 128)
			state = left ? 2 : 0
		next
	}
	{
		printf "%d ", b
		if (--left == 0) {
			print ""
			state = 0
		}
	}
	END {
		if (state) {
			print "cut short"
			exit 1
		}
	}' | LC_ALL=C sort
