# SPDX-License-Identifier: Apache-2.0
"""Baichuan, Qwen (the first) and InternLM2."""

import numpy as np

from case import broken, case, new, one_way, refused, without
from sides import Sides

H, N, G, F, V = 12, 4, 2, 10, 9
D = H // N
DELTAS = ("mindpet_delta_lora", "tk_delta_lora")


def three(m, theirs, mine, rows, words):
    """theirs is q, k and v of as many rows, after one another."""
    for word in words:
        m.split(f"{theirs}.{word}", [f"{mine}{x}.{word}" for x in "qkv"],
                rows, (H,) if word == "weight" else ())


def lora_cases(name, config, layers, prefixes=("",)):
    """Adapters of layers: their names, MindSpore's, rows and columns. Of those
    that are read both deltas are, mindpet's is written."""
    for delta in DELTAS:
        for prefix in prefixes:
            hf, ms = {}, {}
            for theirs, mine, rows, cols in layers:
                for x, shape in (("A", (3, cols)), ("B", (rows, 3))):
                    hf[f"{prefix}{theirs}.lora_{x}.weight"] = ms[
                        f"{mine}.{delta}_{x.lower()}"] = new(*shape)
            if delta == DELTAS[0]:
                one_way(f"{name}-lora{prefix}", config, None, hf, ms, "ms")
            if not prefix:
                one_way(f"{name}-{delta}-back", config, None, ms, hf, "hf")


def baichuan(apart):
    """apart: q, k and v are three tensors, as in Llama."""
    m = Sides()
    m.put("model.embed_tokens.weight",
          "model.tok_embeddings.embedding_weight", new(V, H))
    for i in range(2):
        p = f"model.layers.{i}."
        if apart:
            for x in "qkv":
                m.linear(f"{p}self_attn.{x}_proj", f"{p}attention.w{x}", H, H)
        else:
            three(m, f"{p}self_attn.W_pack", f"{p}attention.w", H,
                  ("weight", "bias"))
        m.linear(f"{p}self_attn.o_proj", f"{p}attention.wo", H, H)
        for x, own, rows, cols in BAICHUAN_MLP:
            m.weight(f"{p}{x}", f"{p}{own}", rows, cols)
        m.put(f"{p}input_layernorm.weight", f"{p}attention_norm.weight",
              new(H))
        m.put(f"{p}post_attention_layernorm.weight", f"{p}ffn_norm.weight",
              new(H))
    m.put("model.norm.weight", "model.norm_out.weight", new(H))
    m.weight("lm_head", "lm_head", V, H)
    return m


BAICHUAN_MLP = (("mlp.gate_proj", "feed_forward.w1", F, H),
                ("mlp.up_proj", "feed_forward.w3", F, H),
                ("mlp.down_proj", "feed_forward.w2", H, F))


def baichuan_cases():
    config = dict(model_type="baichuan", hidden_size=H, num_attention_heads=N,
                  intermediate_size=F, vocab_size=V, num_hidden_layers=2)
    m = baichuan(False)
    case("baichuan", config, None, m.hf, m.ms)
    apart = baichuan(True)
    one_way("baichuan-apart", config, None, apart.hf, apart.ms, "ms")
    inv_freq = {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": new(2)
                for i in range(2)}
    one_way("baichuan-rotary", config, None, {**m.hf, **inv_freq}, m.ms, "ms")
    lora_cases("baichuan", config, [
        (f"model.layers.1.{x}", f"model.layers.1.{own}", rows, cols)
        for x, own, rows, cols in (
            ("self_attn.o_proj", "attention.wo", H, H), *BAICHUAN_MLP)])
    broken("baichuan-apart", config, None, apart.hf, "ms", "baichuan",
           taller=[f"model.layers.1.self_attn.{x}_proj.bias" for x in "qkv"])


def qwen(rows, biases):
    """rows: of each of q, k and v."""
    m = Sides()
    m.put("transformer.wte.weight", "transformer.wte.embedding_weight",
          new(V, H))
    words = ("weight", "bias") if biases else ("weight",)
    for i in range(2):
        p, q = f"transformer.h.{i}.", f"transformer.layers.{i}."
        m.put(f"{p}ln_1.weight", f"{q}attention_norm.weight", new(H))
        m.put(f"{p}ln_2.weight", f"{q}ffn_norm.weight", new(H))
        three(m, f"{p}attn.c_attn", f"{q}attention.w", rows,
              ("weight", "bias"))
        for theirs, mine, n, cols in (
                ("attn.c_proj", "attention.wo", H, rows),
                ("mlp.w1", "feed_forward.w1", F, H),
                ("mlp.w2", "feed_forward.w3", F, H),
                ("mlp.c_proj", "feed_forward.w2", H, F)):
            for word in words:
                m.put(f"{p}{theirs}.{word}", f"{q}{mine}.{word}",
                      new(n, cols) if word == "weight" else new(n))
    m.put("transformer.ln_f.weight", "transformer.ln_f.weight", new(H))
    m.weight("lm_head", "lm_head", V, H)
    return m


def qwen_cases():
    config = dict(model_type="qwen", hidden_size=H, num_attention_heads=N,
                  intermediate_size=2 * F, vocab_size=V, num_hidden_layers=2)
    m = qwen(H, True)
    case("qwen", config, None, m.hf, m.ms)
    buffers = {"transformer.rotary_emb.inv_freq": new(2)}
    for i in range(2):
        for x, shape in (("bias", (1, 1, 4, 4)), ("masked_bias", ()),
                         ("rotary_emb.inv_freq", (2,))):
            buffers[f"transformer.h.{i}.attn.{x}"] = new(*shape)
    one_way("qwen-buffers", config, None, {**m.hf, **buffers}, m.ms, "ms")
    broken("qwen-rows", config, None, m.hf, "ms", "qwen",
           wider=["transformer.h.1.attn.c_proj.weight"])
    m = qwen(5 * N, False)
    case("qwen-channels", {**config, "kv_channels": 5}, None, m.hf, m.ms)


def internlm2(concat):
    m = Sides()
    m.put("model.tok_embeddings.weight",
          "model.tok_embeddings.embedding_weight", new(V, H))
    per = N // G * D
    for i in range(2):
        p = f"model.layers.{i}."
        q, k, v = new(N * D, H), new(G * D, H), new(G * D, H)
        rows = np.concatenate([x for g in range(G) for x in (
            q[g * per:(g + 1) * per], k[g * D:(g + 1) * D],
            v[g * D:(g + 1) * D])])
        m.hf[f"{p}attention.wqkv.weight"] = rows
        if concat:
            m.ms[f"{p}attention.w.weight"] = rows
        else:
            for x, a in zip("qkv", (q, k, v)):
                m.ms[f"{p}attention.w{x}.weight"] = a
        for x, shape in (("attention.wo", (H, N * D)),
                         ("feed_forward.w1", (F, H)),
                         ("feed_forward.w3", (F, H)),
                         ("feed_forward.w2", (H, F)),
                         ("attention_norm", (H,)), ("ffn_norm", (H,))):
            m.put(f"{p}{x}.weight", f"{p}{x}.weight", new(*shape))
    m.put("model.norm.weight", "model.norm_out.weight", new(H))
    m.weight("output", "lm_head", V, H)
    return m


def internlm2_cases():
    config = dict(model_type="internlm2", hidden_size=H, num_attention_heads=N,
                  num_key_value_heads=G, intermediate_size=F, vocab_size=V,
                  num_hidden_layers=2)
    for concat in (False, True):
        m = internlm2(concat)
        said = f"qkv_concat={str(concat).lower()}"
        case(f"internlm2-{concat}", config, said, m.hf, m.ms)
        other = f"qkv_concat={str(not concat).lower()}"
        refused(f"internlm2-not-{concat}", config, other, m.ms, "hf",
                "internlm2")
        one_way(f"internlm2-by-itself-{concat}", config, None, m.ms, m.hf,
                "hf")
    m = internlm2(False)
    case("internlm2-default", config, None, m.hf, m.ms)
    broken("internlm2", config, None, m.hf, "ms", "internlm2",
           wider=["output.weight", "model.layers.1.attention.wo.weight"],
           taller=["output.weight"])
    alike = without(config, "num_key_value_heads")
    # with as many heads of keys each group is of three
    hf, ms = dict(m.hf), dict(m.ms)
    for i in range(2):
        p = f"model.layers.{i}.attention."
        q, k, v = (new(H, H) for _ in range(3))
        hf[f"{p}wqkv.weight"] = np.concatenate([
            a[h * D:(h + 1) * D] for h in range(N) for a in (q, k, v)])
        for x, a in zip("qkv", (q, k, v)):
            ms[f"{p}w{x}.weight"] = a
    case("internlm2-alike", alike, None, hf, ms)


def cases():
    baichuan_cases()
    qwen_cases()
    internlm2_cases()
