# SPDX-License-Identifier: Apache-2.0
"""Qwen2 and its models of experts, and Mixtral, in the layouts of before
Mcore."""

import numpy as np

from case import (broken, by_rows, layouts, new, one_way, refused,
                  tied_cases)
from mcore import (CONFIG, D, EXPERTS, F, H, M, N, TALLER, WIDER, by_groups,
                   headless, layer, three, whole)

SHARED = 8
LAST = "model.layers.1."
SAME = {**{f"self_attn.{x}_proj": f"attention.w{x}" for x in "qkvo"},
        "mlp.gate_proj": "feed_forward.w1", "mlp.up_proj": "feed_forward.w3",
        "mlp.down_proj": "feed_forward.w2",
        "mlp.gate": "feed_forward.routed_experts.router.dense",
        "mlp.shared_expert.gate_proj": "feed_forward.shared_experts.w1",
        "mlp.shared_expert.up_proj": "feed_forward.shared_experts.w3",
        "mlp.shared_expert.down_proj": "feed_forward.shared_experts.w2",
        "mlp.shared_expert_gate": "feed_forward.shared_experts_gate",
        "block_sparse_moe.gate": "feed_forward.router.dense",
        "input_layernorm": "attention_norm",
        "post_attention_layernorm": "ffn_norm"}
TOP = {"model.embed_tokens.weight": "model.tok_embeddings.embedding_weight",
       "model.norm.weight": "model.norm_out.weight",
       "lm_head.weight": "lm_head.weight"}
# Where the experts are, theirs and ours, and their matrices.
PLACES = (("mlp", "feed_forward.routed_experts.ffn",
           {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"}),
          ("block_sparse_moe", "feed_forward.ffn",
           {x: x for x in ("w1", "w2", "w3")}))


def stacks(its, gmm):
    out = {}
    for theirs, mine, names in PLACES:
        for k, w in names.items():
            each = [its.get(f"{theirs}.experts.{e}.{k}.weight")
                    for e in range(EXPERTS)]
            if each[0] is not None:
                out[f"{mine}.{w}.weight"] = np.stack(
                    [a.T if gmm else a for a in each])
    return out


def classic_layer(its, concat, gmm, gates):
    """gates: whether concat joins the gate and the hidden rows as well."""
    out = {f"{SAME[k.rpartition('.')[0]]}.{k.rpartition('.')[2]}": a
           for k, a in its.items() if k.rpartition(".")[0] in SAME}
    out.update(stacks(its, gmm))
    for word in ("weight", "bias"):
        parts = [f"attention.w{x}.{word}" for x in "qkv"]
        if concat and parts[0] in out:
            out[f"attention.w_qkv.{word}"] = by_groups(*map(out.pop, parts))
        parts = [f"feed_forward.w{x}.{word}" for x in "13"]
        if concat and gates and parts[0] in out:
            out[f"feed_forward.w_gate_hidden.{word}"] = by_rows(
                *map(out.pop, parts))
    return out


def classic(hf, layers, concat=False, gmm=False, gates=True):
    out = {TOP[k]: a for k, a in hf.items() if k in TOP}
    for i, its in enumerate(layers):
        out.update({f"model.layers.{i}.{k}": a for k, a in classic_layer(
            its, concat, gmm, gates).items()})
    return out


def old_cases(name, config, hf, ms):
    """With what the first versions of transformers stored."""
    one_way(f"{name}-inv-freq", config, None, {
        **hf, f"{LAST}self_attn.rotary_emb.inv_freq": new(2)}, ms, False)


def qwen2_cases():
    config = {**CONFIG, "model_type": "qwen2", "num_hidden_layers": 2}
    its = [layer("qkv") for _ in range(2)]
    hf = whole(its)
    layouts("qwen2-head-dim", config, hf, {
        f"qkv_concat={c}".lower(): classic(hf, its, c)
        for c in (False, True)})
    old_cases("qwen2", config, hf, classic(hf, its))
    broken("qwen2", config, None, hf, False, "-", (), WIDER[:1], TALLER)
    lora = {"model.layers.0.attention.wq.lora_a": new(2, H),
            "model.layers.0.attention.wq.lora_b": new(N * D, 2)}
    refused("qwen2-whole-lora", config, "is_lora=true",
            {**classic(hf, its), **lora}, True)


def qwen2_moe_layer():
    out = {"mlp.gate.weight": new(EXPERTS, H),
           **three(SHARED, "mlp.shared_expert."),
           "mlp.shared_expert_gate.weight": new(1, H)}
    for e in range(EXPERTS):
        out.update(three(M, f"mlp.experts.{e}."))
    return out


def qwen2_moe_cases():
    config = {**CONFIG, "model_type": "qwen2_moe", "num_experts": EXPERTS,
              "moe_intermediate_size": M, "num_hidden_layers": 2,
              "shared_expert_intermediate_size": SHARED}
    its = [layer("qkv"), layer("qkv", False, qwen2_moe_layer())]
    hf = whole(its)
    made = {f"qkv_concat={c} use_gmm={g}".lower():
            classic(hf, its, c, g, False)
            for c in (False, True) for g in (False, True)}
    layouts("qwen2-moe-head-dim", config, hf, made)
    old_cases("qwen2-moe", config, hf, classic(hf, its))
    for gmm in ("false", "true"):
        broken(f"qwen2-moe-{gmm}", config, f"use_gmm={gmm}", hf, False, "-",
               (f"{LAST}mlp.experts.{EXPERTS - 1}.down_proj.weight",
                f"{LAST}self_attn.o_proj.weight"),
               WIDER + ("*.experts.*.down_proj.weight",
                        "*.experts.*.gate_proj.weight",
                        "*.self_attn.q_proj.weight"), TALLER)
    ms = headless(classic(hf, its))
    tied_cases("qwen2-moe-tie", config, "classic", headless(hf), ms, True)


def mixtral_layer():
    out = {f"block_sparse_moe.experts.{e}.{x}.weight":
           new(*((H, F) if x == "w2" else (F, H)))
           for e in range(EXPERTS) for x in ("w1", "w2", "w3")}
    return {**out, "block_sparse_moe.gate.weight": new(EXPERTS, H)}


def mixtral_cases():
    config = {**CONFIG, "model_type": "mixtral", "num_local_experts": EXPERTS,
              "num_hidden_layers": 2}
    its = [layer("", False, mixtral_layer()) for _ in range(2)]
    hf = whole(its)
    layouts("mixtral", config, hf, {
        f"use_gmm={g}".lower(): classic(hf, its, False, g)
        for g in (False, True)})
    for gmm in ("false", "true"):
        broken(f"mixtral-{gmm}", config, f"use_gmm={gmm}", hf, False, "-",
               (f"{LAST}block_sparse_moe.gate.weight",
                f"{LAST}block_sparse_moe.experts.{EXPERTS - 1}.w2.weight"),
               ("*.experts.*.w1.weight", "*.experts.*.w2.weight",
                "*.block_sparse_moe.gate.weight"))


def cases():
    qwen2_cases()
    qwen2_moe_cases()
    mixtral_cases()
