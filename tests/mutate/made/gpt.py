# SPDX-License-Identifier: Apache-2.0
"""GPT-2, and BLOOM with a head."""

from functools import partial

import numpy as np

from case import broken, case, new, one_way, refused
from older import BLOOM, H, N, P, V, blocks, counted, fused
from sides import Sides

# MindSpore's names of GPT-2 today, and in MindFormers r0.3.
CLASSIC = ("backbone.blocks.{}.", "backbone.layernorm", "backbone.embedding.")
OLD = ("gpt2.backbone.transformer.encoder.blocks.{}.",
       "gpt2.backbone.layernorm", "backbone.embedding.")


def gpt2(prefix, mine, f):
    """Its linear layers are Conv1D: a row for each input, on both sides but
    for q, k and v."""
    m = Sides()
    for i in range(2):
        p, q = f"{prefix}h.{i}.", mine[0].format(i)
        m.norm(f"{p}ln_1", f"{q}layernorm1", H)
        m.norm(f"{p}ln_2", f"{q}layernorm2", H)
        for word, shape in (("weight", (H, 3 * H)), ("bias", (3 * H,))):
            a = new(*shape)
            m.hf[f"{p}attn.c_attn.{word}"] = a
            for k, part in enumerate(np.split(a, 3, -1)):
                m.ms[f"{q}attention.dense{k + 1}.{word}"] = part.T
        for theirs, own, rows, cols in (
                ("attn.c_proj", "attention.projection", H, H),
                ("mlp.c_fc", "output.mapping", H, f),
                ("mlp.c_proj", "output.projection", f, H)):
            m.weight(f"{p}{theirs}", f"{q}{own}", rows, cols)
            m.bias(f"{p}{theirs}", f"{q}{own}", cols)
    m.norm(f"{prefix}ln_f", mine[1], H)
    for x, own, n in (("wte", "word", V), ("wpe", "position", P)):
        m.put(f"{prefix}{x}.weight",
              f"{mine[2]}{own}_embedding.embedding_table", new(n, H))
    return m


def gpt2_cases():
    config = dict(model_type="gpt2", n_embd=H, n_layer=2, n_head=N,
                  n_positions=P, vocab_size=V)
    for layout, mine in (("classic", CLASSIC), ("r0.3", OLD)):
        options = f"layout={layout}"
        m = gpt2("", mine, 4 * H)
        case(f"gpt2-{layout}", config, options, m.hf, m.ms)
        p = gpt2("transformer.", mine, 4 * H)
        one_way(f"gpt2-{layout}-prefix", config, options, p.hf, p.ms, "ms")
        whole = {**m.hf, "lm_head.weight": m.hf["wte.weight"]}
        one_way(f"gpt2-{layout}-head", config, options, whole, m.ms, "ms")
        one_way(f"gpt2-{layout}-emit", config, f"{options} tie=emit", m.ms,
                whole, "hf")
    # what is said must not be otherwise
    refused("gpt2-not-old", config, "layout=classic", m.ms, "hf", "gpt2")
    m = gpt2("", CLASSIC, 4 * H)
    refused("gpt2-old", config, "layout=r0.3", m.ms, "hf", "gpt2")
    m = gpt2("", CLASSIC, 30)
    refused("gpt2-wide", config, None, m.hf, "ms", "gpt2")
    case("gpt2-inner", {**config, "n_inner": 30}, None, m.hf, m.ms)
    counted("gpt2", {**config, "n_inner": 30}, m)


def bloom(f, bias):
    m = Sides()
    blocks(m, "h.{}.", "blocks.{}.", partial(fused, m), BLOOM)
    m.put("word_embeddings.weight",
          "embedding.word_embedding.embedding_table", new(V, H))
    m.norm("word_embeddings_layernorm", "embedding.norm", H)
    m.norm("ln_f", "ln_f", H)
    m.weight("lm_head", "head", V, H)
    if bias:
        m.bias("lm_head", "head", V)
    return m


def bloom_cases():
    m = bloom(4 * H, True)
    for hidden, heads, layers in (
            ("hidden_size", "n_head", "n_layer"),
            ("n_embed", "num_attention_heads", "num_hidden_layers")):
        config = {"model_type": "bloom", hidden: H, heads: N, layers: 2,
                  "vocab_size": V}
        case(f"bloom-{hidden}", config, None, m.hf, m.ms)
    broken("bloom", config, None, m.hf, "ms", "bloom",
           wider=["h.1.self_attention.dense.weight", "lm_head.weight"],
           taller=["h.1.mlp.dense_h_to_4h.weight", "lm_head.weight"])


def cases():
    gpt2_cases()
    bloom_cases()
