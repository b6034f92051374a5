# SPDX-License-Identifier: Apache-2.0
"""Llama as Meta publishes it, in one file or cut over two."""

from functools import partial

import numpy as np

from case import by_rows, in_turn, interleaved, new, one_way, refused

N, G, D, F, V = 12, 4, 6, 10, 8
H = N * D
CONFIG = dict(dim=H, n_layers=2, n_heads=N, n_kv_heads=G, vocab_size=V,
              multiple_of=2, norm_eps=1e-5)


def halves(a):
    """Of each head first the even rows, then the odd ones."""
    heads = a.reshape(-1, D, a.shape[-1])
    return np.concatenate([heads[:, ::2], heads[:, 1::2]],
                          1).reshape(a.shape)


def meta(shards, embedding, qkv=None, gate=None, rows=V):
    """embedding: the axis over which it is cut; rows: those of it."""
    theirs, ms = {}, {}

    def cut(name, mine, a, axis, other=None):
        for s, part in enumerate(np.split(a, shards, axis)):
            theirs[f"{name}@{s}"] = part
        ms[mine] = a if other is None else other

    def repeat(name, mine, a):
        for s in range(shards):
            theirs[f"{name}@{s}"] = a
        ms[mine] = a

    cut("tok_embeddings.weight", "model.tok_embeddings.embedding_weight",
        new(rows, H), embedding)
    for i in range(2):
        p, q = f"layers.{i}.", f"model.layers.{i}."
        for x, n in (("wq", N * D), ("wk", G * D), ("wv", G * D)):
            a = new(n, H)
            cut(f"{p}attention.{x}.weight", f"{q}attention.{x}.weight", a, 0,
                a if x == "wv" else halves(a))
        cut(f"{p}attention.wo.weight", f"{q}attention.wo.weight", new(H, H), 1)
        for x in "13":
            cut(f"{p}feed_forward.w{x}.weight", f"{q}feed_forward.w{x}.weight",
                new(F, H), 0)
        cut(f"{p}feed_forward.w2.weight", f"{q}feed_forward.w2.weight",
            new(H, F), 1)
        if qkv:
            ms[f"{q}attention.w_qkv.weight"] = qkv(*(
                ms.pop(f"{q}attention.w{x}.weight") for x in "qkv"))
            ms[f"{q}feed_forward.w_gate_hidden.weight"] = gate(*(
                ms.pop(f"{q}feed_forward.w{x}.weight") for x in "13"))
        for x in ("attention", "ffn"):
            repeat(f"{p}{x}_norm.weight", f"{q}{x}_norm.weight", new(H))
    repeat("norm.weight", "model.norm_out.weight", new(H))
    cut("output.weight", "lm_head.weight", new(rows, H), 0)
    return theirs, ms


def both(name, config, options, theirs, ms, shards):
    freqs = {f"rope.freqs@{s}": new(D // 2) for s in range(shards)}
    one_way(name, config, options, {**theirs, **freqs}, ms, "ms", "llama-meta")
    if shards > 1:
        options = f"{options or ''} shards={shards}".strip()
    one_way(f"{name}-back", config, options, ms, theirs, "original",
            "llama-meta")


def cases():
    both("meta", CONFIG, None, *meta(2, 1), 2)
    both("meta-grouped", CONFIG, "qkv_concat=true",
         *meta(2, 1, partial(interleaved, G), by_rows), 2)
    both("meta-plain", CONFIG, "qkv_concat=true qkv_layout=plain",
         *meta(2, 1, in_turn, in_turn), 2)
    # params.json of the first Llama says nothing of the vocabulary
    both("meta-one", {**CONFIG, "vocab_size": -1}, None, *meta(1, 1), 1)
    # Llama 3's embedding is cut by rows, and its words are the most
    theirs, ms = meta(2, 0)
    one_way("meta-rows", CONFIG, None, theirs, ms, "ms", "llama-meta")
    for n, axis in ((127998, 1), (128000, 0)):
        theirs, ms = meta(2, axis, rows=n)
        one_way(f"meta-rows-{n}", {**CONFIG, "vocab_size": n}, "shards=2", ms,
                theirs, "original", "llama-meta")
    refused("meta-not-joined", CONFIG, "qkv_concat=true shards=2", ms,
            "original", "llama-meta")
    wide = {"norm.weight@0": new(H + 1), "norm.weight@1": new(H + 1)}
    refused("meta-wide", CONFIG, None, {**theirs, **wide}, False, "llama-meta")
