# SPDX-License-Identifier: Apache-2.0
"""A small random model, as it is on both sides."""

from case import new


class Sides:
    def __init__(self):
        self.hf, self.ms = {}, {}

    def put(self, theirs, mine, a, other=None):
        """other: what it is on MindSpore's side, if not the same."""
        if theirs:
            self.hf[theirs] = a
        if mine:
            self.ms[mine] = a if other is None else other

    def weight(self, theirs, mine, rows, cols, turned=False):
        """turned: MindSpore has it as a matrix of cols rows."""
        a = new(rows, cols)
        self.put(f"{theirs}.weight", mine and f"{mine}.weight", a,
                 a.T if turned else None)

    def bias(self, theirs, mine, n):
        self.put(f"{theirs}.bias", mine and f"{mine}.bias", new(n))

    def linear(self, theirs, mine, rows, cols, turned=False):
        self.weight(theirs, mine, rows, cols, turned)
        self.bias(theirs, mine, rows)

    def norm(self, theirs, mine, n):
        self.put(f"{theirs}.weight", f"{mine}.gamma", new(n))
        self.put(f"{theirs}.bias", f"{mine}.beta", new(n))

    def split(self, theirs, mine, rows, tail=()):
        """One tensor of theirs, after one another what are several of mine."""
        a = new(len(mine) * rows, *tail)
        self.hf[theirs] = a
        for k, name in enumerate(mine):
            self.ms[name] = a[k * rows:(k + 1) * rows]

    def join(self, theirs, mine, rows, tail=()):
        """Several of theirs, which are after one another in one of mine."""
        a = new(len(theirs) * rows, *tail)
        self.ms[mine] = a
        for k, name in enumerate(theirs):
            self.hf[name] = a[k * rows:(k + 1) * rows]
