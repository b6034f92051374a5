# SPDX-License-Identifier: Apache-2.0
"""Models of names like Llama's, in the layouts of Mcore: Qwen3, with experts
and without, GLM-4.5, Qwen2."""

from functools import partial

import numpy as np

from case import (broken, by_rows, case, in_turn, interleaved, layouts, new,
                  one_way, refused, tied_cases, without)

H, N, G, D, F, V = 12, 4, 2, 5, 10, 9
EXPERTS, M, SHARED = 3, 7, 2
CONFIG = dict(hidden_size=H, num_attention_heads=N, num_key_value_heads=G,
              head_dim=D, intermediate_size=F, vocab_size=V)

by_groups = partial(interleaved, G)


# ---- as HuggingFace has them ----

def three(width, at):
    return {f"{at}{x}_proj.weight":
            new(*((H, width) if x == "down" else (width, H)))
            for x in ("gate", "up", "down")}


def attention(biases, norms):
    """biases: which of q, k, v, o have one."""
    out = {}
    for x, rows, cols in (("q", N * D, H), ("k", G * D, H), ("v", G * D, H),
                          ("o", H, N * D)):
        out[f"self_attn.{x}_proj.weight"] = new(rows, cols)
        if x in biases:
            out[f"self_attn.{x}_proj.bias"] = new(rows)
    if norms:
        out.update({f"self_attn.{x}_norm.weight": new(D) for x in "qk"})
    return out


def experts(shared, has_bias):
    out = {"mlp.gate.weight": new(EXPERTS, H)}
    if has_bias:
        out["mlp.gate.e_score_correction_bias"] = new(EXPERTS)
    for e in range(EXPERTS):
        out.update(three(M, f"mlp.experts.{e}."))
    if shared:
        out.update(three(shared * M, "mlp.shared_experts."))
    return out


def layer(biases="", norms=False, mlp=None):
    return {**attention(biases, norms), **(mlp or three(F, "mlp.")),
            "input_layernorm.weight": new(H),
            "post_attention_layernorm.weight": new(H)}


def whole(layers):
    out = {"model.embed_tokens.weight": new(V, H),
           "model.norm.weight": new(H), "lm_head.weight": new(V, H)}
    for i, its in enumerate(layers):
        out.update({f"model.layers.{i}.{k}": a for k, a in its.items()})
    return out


# ---- in the layouts of Mcore ----

SAME = {"self_attn.o_proj": "self_attention.linear_proj",
        "self_attn.q_norm": "self_attention.q_layernorm",
        "self_attn.k_norm": "self_attention.k_layernorm",
        "mlp.down_proj": "mlp.linear_fc2",
        "mlp.shared_experts.down_proj": "mlp.shared_experts.linear_fc2",
        "mlp.gate": "mlp.router",
        "input_layernorm": "input_layernorm",
        "post_attention_layernorm": "pre_mlp_layernorm"}


def mcore_layer(its, qkv, gate, flat):
    """qkv, gate: how queries, keys and values, and the gate and the hidden
    rows are joined; flat: whether a stack of experts has two dimensions."""
    out = {f"{SAME[k.rpartition('.')[0]]}.{k.rpartition('.')[2]}": a
           for k, a in its.items() if k.rpartition(".")[0] in SAME}
    bias = "mlp.gate.e_score_correction_bias"
    if bias in its:
        del out["mlp.router.e_score_correction_bias"]
        out["mlp.router.expert_bias"] = its[bias]
    for word in ("weight", "bias"):
        parts = [its.get(f"self_attn.{x}_proj.{word}") for x in "qkv"]
        if parts[0] is not None:
            out[f"self_attention.linear_qkv.{word}"] = qkv(*parts)
        for at in ("mlp.", "mlp.shared_experts."):
            if f"{at}gate_proj.{word}" in its:
                out[f"{at}linear_fc1.{word}"] = gate(
                    its[f"{at}gate_proj.{word}"], its[f"{at}up_proj.{word}"])
    if "mlp.experts.0.up_proj.weight" in its:
        for k, names in (1, ("gate", "up")), (2, ("down",)):
            a = np.stack([np.concatenate(
                [its[f"mlp.experts.{e}.{x}_proj.weight"].T for x in names], 1)
                for e in range(EXPERTS)])
            out[f"mlp.experts.weight{k}"] = (
                a.reshape(-1, a.shape[-1]) if flat else a)
    return out


def mcore(hf, layers, qkv=in_turn, gate=in_turn, flat=False):
    out = {"embedding.word_embeddings.weight": hf["model.embed_tokens.weight"],
           "decoder.final_layernorm.weight": hf["model.norm.weight"]}
    if "lm_head.weight" in hf:
        out["output_layer.weight"] = hf["lm_head.weight"]
    for i, its in enumerate(layers):
        out.update({f"decoder.layers.{i}.{k}": a for k, a in mcore_layer(
            its, qkv, gate, flat).items()})
    return out


def headless(tensors):
    return without(tensors, "lm_head.weight", "output_layer.weight")


LAST = "model.layers.1."
WIDER = ("*.o_proj.weight", "*.experts.*.up_proj.weight")
TALLER = ("*.q_proj.weight", "*.k_proj.weight")


# ---- the cases ----

CONTIGUOUS = "use_contiguous_weight_layout_attention"
INTERLEAVED = "use_interleaved_weight_layout_mlp"


def qwen3_ways():
    """Options, how q, k and v are joined, how gate and up are."""
    yield "layout=mcore-infer", in_turn, in_turn
    for c in (False, True):
        for i in (False, True):
            yield (f"layout=mcore {CONTIGUOUS}={c} {INTERLEAVED}={i}".lower(),
                   in_turn if c else by_groups, by_rows if i else in_turn)


def qwen3_cases():
    config = {**CONFIG, "model_type": "qwen3", "num_hidden_layers": 2}
    for biases in ("", "qkvo"):
        its = [layer(biases, True) for _ in range(2)]
        hf = whole(its)
        layouts(f"qwen3-{biases}", config, hf, {
            options: mcore(hf, its, qkv, gate)
            for options, qkv, gate in qwen3_ways()})
    broken("qwen3", config, None, hf, False, "-",
           (f"{LAST}self_attn.o_proj.weight", f"{LAST}mlp.down_proj.weight"),
           WIDER[:1], TALLER)
    tied_cases("qwen3", config, "mcore", headless(hf),
               headless(mcore(hf, its, by_groups, by_rows)), False, True)
    tied_cases("qwen3", config, "mcore-infer", headless(hf),
               headless(mcore(hf, its)), False)
    alone = {k: v for k, v in config.items()
             if k not in ("num_key_value_heads", "head_dim")}
    refused("qwen3-alone", alone, None, hf, False)


def qwen3_moe_cases():
    config = {**CONFIG, "model_type": "qwen3_moe", "num_experts": EXPERTS,
              "moe_intermediate_size": M, "num_hidden_layers": 2}
    its = [layer("", True), layer("", True, experts(0, False))]
    hf = whole(its)
    layouts("qwen3-moe", config, hf, {
        options: mcore(hf, its, qkv, gate, "infer" not in options)
        for options, qkv, gate in qwen3_ways()})
    broken("qwen3-moe", config, None, hf, False, "-",
           (f"{LAST}mlp.experts.{EXPERTS - 1}.down_proj.weight",), WIDER)
    config = {**config, "num_experts": 0}
    its = [layer("", True), layer("", True)]
    hf = whole(its)
    case("qwen3-moe-dense", config, None, hf, mcore(hf, its, by_groups,
                                                    by_rows))
    broken("qwen3-moe-dense", config, None, hf, False, "-",
           (f"{LAST}mlp.down_proj.weight",))


def glm4_moe_cases():
    config = {**CONFIG, "model_type": "glm4_moe", "n_routed_experts": EXPERTS,
              "n_shared_experts": SHARED, "moe_intermediate_size": M,
              "first_k_dense_replace": 2, "num_hidden_layers": 4}
    its = [layer("qkv", True, None if i < 2 else experts(SHARED, True))
           for i in range(4)]
    hf = whole(its)
    ms = mcore(hf, its)
    case("glm4-moe", config, None, hf, ms)
    half = {k: a if k.endswith("expert_bias") else a.astype(np.float16)
            for k, a in ms.items()}
    one_way("glm4-moe-half", config, None, hf, half, "ms", dtype="fp16")
    further = {f"model.layers.4.{k}": a for k, a in {
        **layer("qkv", True, experts(SHARED, True)), "enorm.weight": new(H),
        "shared_head.norm.weight": new(H)}.items()}
    one_way("glm4-moe-further", {**config, "num_nextn_predict_layers": 1},
            None, {**hf, **further}, ms, False)
    refused("glm4-moe-not-further", config, None, {**hf, **further}, False)
    broken("glm4-moe", config, None, hf, False, "-",
           ("model.layers.3.self_attn.o_proj.weight",
            "model.layers.0.mlp.down_proj.weight",
            "model.layers.3.mlp.gate.weight",
            f"model.layers.3.mlp.experts.{EXPERTS - 1}.down_proj.weight"),
           WIDER + ("*.experts.*.down_proj.weight",), TALLER)
    config = {**config, "tie_word_embeddings": True}
    one_way("glm4-moe-tied", config, None, hf, headless(ms), False)
    case("glm4-moe-tied-without", config, None, headless(hf), headless(ms))
    config = {**config, "n_shared_experts": 0, "tie_word_embeddings": False}
    its = [layer("", False, None if i < 2 else experts(0, True))
           for i in range(4)]
    hf = whole(its)
    case("glm4-moe-not-shared", config, None, hf, mcore(hf, its))


def qwen2_cases():
    config = {**CONFIG, "model_type": "qwen2", "num_hidden_layers": 2}
    its = [layer("qkv") for _ in range(2)]
    hf = whole(its)
    ms = mcore(hf, its)
    case("qwen2-infer", config, "layout=mcore-infer", hf, ms)
    old = {**hf, f"{LAST}self_attn.rotary_emb.inv_freq": new(2)}
    one_way("qwen2-infer-inv-freq", config, "layout=mcore-infer", old, ms,
            False)
    tied_cases("qwen2", config, "mcore-infer", headless(hf), headless(ms),
               False)


def cases():
    qwen3_cases()
    qwen3_moe_cases()
    glm4_moe_cases()
    qwen2_cases()
