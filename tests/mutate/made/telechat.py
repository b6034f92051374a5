# SPDX-License-Identifier: Apache-2.0
"""TeleChat of all sizes, and TeleChat2."""

import numpy as np

from case import case, new, one_way, refused, without
from sides import Sides

N, G, D, F, V = 6, 2, 4, 10, 9
H = N * D
CONFIG = dict(model_type="telechat", hidden_size=H, n_head=N, n_layer=2,
              num_key_value_heads=G, ffn_hidden_size=F, vocab_size=V)

# MindSpore's names, and those of the inference network.
CLASSIC = dict(
    emb="model.tok_embeddings.embedding_weight", layer="model.layers.{}.",
    norm1="attention_norm", norm2="ffn_norm", out="attention.wo",
    down="feed_forward.w2", qkv="attention.w_qkv",
    gate="feed_forward.w_gate_hidden", last="model.norm_out",
    head="lm_head")
MCORE = dict(
    emb="embedding.word_embeddings.weight", layer="decoder.layers.{}.",
    norm1="input_layernorm", norm2="pre_mlp_layernorm",
    out="self_attention.linear_proj", down="mlp.linear_fc2",
    qkv="self_attention.linear_qkv", gate="mlp.linear_fc1",
    last="decoder.final_layernorm", head="output_layer")


def in_pairs(k, v):
    """Of each group the rows of k and those of v."""
    return np.stack([k.reshape(G, D, -1), v.reshape(G, D, -1)],
                    1).reshape(-1, k.shape[1])


def telechat(mine, prefix, apart=False, joins=("attention", "mlp")):
    """apart: k and v are two tensors of theirs; joins: what is one of
    MindSpore's."""
    m = Sides()
    m.put(f"{prefix}word_embeddings.weight", mine["emb"], new(V, H))
    for i in range(2):
        p, q = f"{prefix}h.{i}.", mine["layer"].format(i)
        query, k, v = new(H, H), new(G * D, H), new(G * D, H)
        kv, s = in_pairs(k, v), f"{p}self_attention."
        m.hf[f"{s}query.weight"] = query
        if apart:
            m.hf.update({f"{s}key.weight": k, f"{s}value.weight": v})
        else:
            m.hf[f"{s}key_value.weight"] = kv
        if "attention" in joins:
            m.ms[f"{q}{mine['qkv']}.weight"] = np.concatenate([query, k, v])
        else:
            m.ms.update({f"{q}attention.wq.weight": query,
                         f"{q}attention.wk_v.weight": kv})
        if "mlp" in joins:
            m.join([f"{p}mlp.{x}_proj.weight" for x in ("gate", "up")],
                   f"{q}{mine['gate']}.weight", F, (H,))
        else:
            for x, w in (("gate", 1), ("up", 3)):
                m.weight(f"{p}mlp.{x}_proj", f"{q}feed_forward.w{w}", F, H)
        m.linear(f"{s}dense", f"{q}{mine['out']}", H, H)
        m.linear(f"{p}mlp.down_proj", f"{q}{mine['down']}", H, F)
        for x, own in (("input", "norm1"), ("post_attention", "norm2")):
            m.put(f"{p}{x}_layernorm.weight", f"{q}{mine[own]}.weight",
                  new(H))
    m.put(f"{prefix}ln_f.weight", f"{mine['last']}.weight", new(H))
    m.weight("lm_head", mine["head"], V, H)
    return m


LAYOUTS = ((CLASSIC, (), ""), (CLASSIC, ("attention", "mlp"),
                               "qkv_concat=true"),
           (MCORE, ("attention", "mlp"), "layout=mcore-infer"))


def small_cases():
    for k, (mine, joins, option) in enumerate(LAYOUTS):
        m = telechat(mine, "transformer.", True, joins)
        one_way(f"telechat-apart-{k}", CONFIG, option, m.hf, m.ms, "ms")
        # these are names of 12B, which has a head
        refused(f"telechat-headless-{k}", CONFIG, option,
                without(m.hf, "lm_head.weight"), "ms", "telechat")
        m = telechat(mine, "", False, joins)
        # of names without a prefix only the way back asks whose they are
        one_way(f"telechat-bare-{k}", CONFIG, option, m.hf, m.ms, "ms")
        case(f"telechat-7b-{k}", CONFIG,
             f"{option} telechat_type=telechat_7b".strip(), m.hf, m.ms)
        # without a head it is 7B, which has none; 12B said cannot be
        hf, ms = without(m.hf, "lm_head.weight"), without(
            m.ms, f"{mine['head']}.weight")
        case(f"telechat-tied-{k}", CONFIG, option, hf, ms)
        refused(f"telechat-12b-{k}", CONFIG,
                f"{option} telechat_type=telechat_12b".strip(), ms, "hf",
                "telechat")
    m = telechat(CLASSIC, "transformer.", False, ())
    case("telechat-keys", dict(
        model_type="telechat2", hidden_size=H, num_attention_heads=N,
        num_hidden_layers=2, num_key_value_heads=G, intermediate_size=F,
        vocab_size=V), None, m.hf, m.ms)
    name = "transformer.h.0.self_attention.query.weight"
    refused("telechat-high", CONFIG, None, {**m.hf, name: new(H + 1, H)},
            "ms", "telechat")
    # the inference network has no experts
    name = "transformer.h.0.mlp.router.weight"
    refused("telechat-router", CONFIG, "layout=mcore-infer",
            {**m.hf, name: new(3, H)}, "ms", "telechat")
    for join in ("attention", "mlp"):
        m = telechat(CLASSIC, "transformer.", False, (join,))
        refused(f"telechat-half-{join}", CONFIG, "qkv_concat=true", m.ms,
                "hf", "telechat")


def large_case(name, heads, mp, option):
    """52B, whose rows lie as the mp devices that trained it had them."""
    d, f = 3, 8
    h, n = heads * d, heads // mp
    m = Sides()
    m.put("transformer.wte.weight", CLASSIC["emb"], new(V, h))
    for i in range(2):
        p, q = f"transformer.h.{i}.", f"model.layers.{i}."
        a = new(h, 3, mp, n, d)
        by_device = (2, 1, 3, 4, 0) if mp > 1 else (2, 3, 1, 4, 0)
        m.put(f"{p}attn.c_attn.weight", f"{q}attention.w_qkv.weight",
              a.reshape(h, -1), a.transpose(by_device).reshape(-1, h))
        a = new(h, 2, mp, f // mp)
        m.put(f"{p}mlp.c_fc.weight", f"{q}feed_forward.w_gate_hidden.weight",
              a.reshape(h, -1), a.transpose(2, 1, 3, 0).reshape(-1, h))
        m.weight(f"{p}attn.c_proj", f"{q}attention.wo", h, h, True)
        m.weight(f"{p}mlp.c_proj", f"{q}feed_forward.w2", f, h, True)
        for x, own in (("ln_1", "attention_norm"), ("ln_2", "ffn_norm")):
            m.put(f"{p}{x}.weight", f"{q}{own}.weight", new(h))
    m.put("transformer.ln_f.weight", "model.norm_out.weight", new(h))
    m.weight("lm_head", "lm_head", V, h)
    case(name, dict(model_type="telechat", n_embd=h, n_head=heads, n_layer=2,
                    n_inner=f, vocab_size=V), option, m.hf, m.ms)


def cases():
    small_cases()
    large_case("telechat-52b", 8, 4, None)
    large_case("telechat-52b-alone", 4, 1, "mp=1")
