#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Random small models against a reference in Python that shares nothing with
# the rule tables: tests/oracle/run.py.
set -u

cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
command -v python3 >/dev/null 2>&1 || {
	echo 'python3 is missing'
	exit 77
}
PYTHONDONTWRITEBYTECODE=1 exec python3 tests/oracle/run.py "$BUILD/wconv"
