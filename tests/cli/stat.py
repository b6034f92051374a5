# SPDX-License-Identifier: Apache-2.0
"""stat.py make DIR - write .npy files whose numbers are hard to add up.
stat.py check DIR TABLE - compare what `wconv stat DIR` printed with sums that
are exact (fractions), each rounded once; with numpy's too, where it is there."""
import math
import random
import struct
import sys
from fractions import Fraction
from pathlib import Path

NAN, INF = math.nan, math.inf


def tensors():
    r = random.Random(1)
    far = [1e8 + r.random() for _ in range(30000)]
    return {
        "far": ("<f8", "d", far),  # the deviation is lost in sums of squares
        "normal": ("<f4", "f", [r.gauss(0, 0.02) for _ in range(20001)]),
        "odd": ("<f4", "f", [NAN, INF, -INF, 0.0, -0.0, 1.5, -2.25, NAN]),
        "half": ("<f2", "e", [6e-8, -65504.0, 0.0, 1 / 3]),
        "whole": ("<i8", "q", [-5, 0, 7, 2**40]),
        "bytes": ("|u1", "B", list(range(256))),
        "truth": ("|b1", "?", [True, False, True]),
        "nothing": ("<f4", "f", []),
        "no_number": ("<f4", "f", [NAN, NAN]),
    }


def make(where):
    for name, (descr, code, values) in tensors().items():
        head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({len(values)},), }}"
        head += " " * (63 - (10 + len(head)) % 64) + "\n"
        body = struct.pack(f"<{len(values)}{code}", *values)
        magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head))
        (where / f"{name}.npy").write_bytes(magic + head.encode() + body)


def expected(code, values):
    stored = struct.unpack(f"<{len(values)}{code}", struct.pack(f"<{len(values)}{code}", *values))
    finite = [Fraction(v) for v in stored if math.isfinite(v)]
    counts = [sum(v == 0 for v in stored), sum(v != v for v in stored),
              sum(v in (INF, -INF) for v in stored)]
    if not finite:
        return [None] * 4 + counts
    mean = sum(finite) / len(finite)
    var = sum((v - mean) ** 2 for v in finite) / len(finite)
    return [float(min(finite)), float(max(finite)), float(mean), math.sqrt(var)] + counts


def by_numpy(code, values):
    import numpy as np

    a = np.array(values, dtype=code).astype(np.float64)
    f = a[np.isfinite(a)]
    counts = [int((a == 0).sum()), int(np.isnan(a).sum()), int(np.isinf(a).sum())]
    return ([f.min(), f.max(), f.mean(), f.std()] if f.size else [None] * 4) + counts


def same(got, want):
    if want is None:
        return got == "-"
    return math.isclose(float(got), want, rel_tol=1e-9, abs_tol=1e-12)


def check(where, table):
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    got = {row[0]: row[3:] for row in rows[1:]}
    sources = [expected]
    try:
        import numpy  # noqa: F401
        sources.append(by_numpy)
    except ImportError:
        pass
    wrong = 0
    for name, (_, code, values) in tensors().items():
        for source in sources:
            want = source(code, values)
            if name not in got or not all(map(same, got[name], want)):
                print(name, source.__name__, "want", want, "got", got.get(name))
                wrong += 1
    return wrong or len(got) != len(tensors())


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        sys.exit(bool(check(Path(sys.argv[2]), Path(sys.argv[3]))))
