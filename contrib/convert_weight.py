#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for MindFormers' convert_weight.py: the same command line, run by
`wconv convert_weight`. Give it the same arguments; WCONV names the program if
it is not in the PATH."""
import os
import sys

wconv = os.environ.get("WCONV", "wconv")
try:
    os.execvp(wconv, [wconv, "convert_weight", *sys.argv[1:]])
except OSError as e:
    sys.exit(f"convert_weight.py: {wconv}: {e.strerror}; set WCONV to the program")
