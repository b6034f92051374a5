# SPDX-License-Identifier: Apache-2.0
"""made DIR - cases beyond those of tests/golden: small random models, and what
they are on the other side, worked out with numpy from lists of names. Both
sides are written into DIR, with a line for each case as judge reads them. Each
module here that has cases() gives some."""

import importlib
import os
import pkgutil

for _, name, _ in pkgutil.iter_modules([os.path.dirname(__file__)]):
    if name != "__main__" and hasattr(importlib.import_module(name), "cases"):
        importlib.import_module(name).cases()
