#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A virtual environment of its own in BUILD/conformance-venv, made once for
# each requirements.txt; then run.py in it.
set -eu

cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
here=tests/conformance
venv=$BUILD/conformance-venv

if ! cmp -s $here/requirements.txt "$venv/installed"; then
	echo "installing $here/requirements.txt into $venv (some minutes)"
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/python" -m pip install --quiet \
		--disable-pip-version-check -r $here/requirements.txt
	cp $here/requirements.txt "$venv/installed"
fi
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
exec "$venv/bin/python" $here/run.py "$@"
