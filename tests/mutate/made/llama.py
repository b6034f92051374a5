# SPDX-License-Identifier: Apache-2.0
"""The llama family: llama, qwen2, qwen2-moe, and adapters."""

from functools import partial

import numpy as np

from case import (by_rows, case, in_turn, interleaved, new, one_way, refused,
                  tied_cases, without)

H, N, G, D, F, V = 16, 4, 2, 4, 10, 9
CONFIG = dict(hidden_size=H, num_attention_heads=N, num_key_value_heads=G,
              intermediate_size=F, vocab_size=V, num_hidden_layers=2)

by_groups = partial(interleaved, G)  # heads of queries, one of k, one of v

# The matrices of a layer: both names, rows, columns.
MATRICES = (
    ("self_attn.q_proj", "attention.wq", N * D, H),
    ("self_attn.k_proj", "attention.wk", G * D, H),
    ("self_attn.v_proj", "attention.wv", G * D, H),
    ("self_attn.o_proj", "attention.wo", H, N * D),
    ("mlp.gate_proj", "feed_forward.w1", F, H),
    ("mlp.up_proj", "feed_forward.w3", F, H),
    ("mlp.down_proj", "feed_forward.w2", H, F))


def llama(biases, qkv, gate=None):
    """biases: which layers have one; qkv, gate: how q, k, v and the gate are
    joined, or None."""
    hf = {"model.embed_tokens.weight": new(V, H)}
    ms = {"model.tok_embeddings.embedding_weight":
          hf["model.embed_tokens.weight"]}
    for i in range(2):
        p = f"model.layers.{i}."
        for theirs, mine, rows, cols in MATRICES:
            for word in ("weight", "bias"):
                if word == "bias" and theirs[-6] not in biases:
                    continue
                a = new(rows, cols) if word == "weight" else new(rows)
                hf[f"{p}{theirs}.{word}"] = ms[f"{p}{mine}.{word}"] = a
        for word in ("weight", "bias"):
            parts = [f"{p}attention.w{x}.{word}" for x in "qkv"]
            if qkv and parts[0] in ms:
                ms[f"{p}attention.w_qkv.{word}"] = qkv(*map(ms.pop, parts))
            parts = [f"{p}feed_forward.w{x}.{word}" for x in "13"]
            if gate and parts[0] in ms:
                ms[f"{p}feed_forward.w_gate_hidden.{word}"] = gate(
                    *map(ms.pop, parts))
        for theirs, mine in (("input_layernorm", "attention_norm"),
                             ("post_attention_layernorm", "ffn_norm")):
            hf[f"{p}{theirs}.weight"] = ms[f"{p}{mine}.weight"] = new(H)
    hf["model.norm.weight"] = ms["model.norm_out.weight"] = new(H)
    return hf, ms


def with_head(hf, ms, name="lm_head.weight"):
    head = new(V, H)
    return {**hf, "lm_head.weight": head}, {**ms, name: head}


def llama_cases():
    config = {**CONFIG, "model_type": "llama"}
    every = "qkvope_n"  # theirs[-6]: a letter of each layer's name
    case("llama-biases", config, None, *with_head(*llama(every, None)))
    case("llama-grouped", config, "qkv_concat=true",
         *with_head(*llama(every, by_groups, by_rows)))
    plain = with_head(*llama(every, in_turn, in_turn))
    case("llama-plain", config, "qkv_concat=true qkv_layout=plain", *plain)
    case("llm-boost", config, "qkv_concat=true", *plain, "llm_boost")
    tied_cases("llama", config, "classic", *llama("", None), True)
    hf, ms = llama("", None)
    one_way("llama-tied", {**config, "tie_word_embeddings": True}, None, ms,
            hf, True)
    refused("llama-not-joined", config, "qkv_concat=true",
            with_head(hf, ms)[1], "hf", "llama")
    alone = {k: v for k, v in CONFIG.items() if k != "num_key_value_heads"}
    q = {**alone, "num_attention_heads": 4, "model_type": "llama"}
    hf, ms = with_head(*llama("", None))
    for i in range(2):
        for x in "kv":
            a = new(N * D, H)
            hf[f"model.layers.{i}.self_attn.{x}_proj.weight"] = a
            ms[f"model.layers.{i}.attention.w{x}.weight"] = a
    case("llama-heads-alike", q, None, hf, ms)


def lora_case(name, kind, prefix, words, back):
    hf, ms = {}, {}
    for i in range(2):
        for theirs, mine, rows, cols in MATRICES:
            for x, word, a in (("A", words[0], new(3, cols)),
                               ("B", words[1], new(rows, 3))):
                hf[f"{prefix}model.layers.{i}.{theirs}.lora_{x}.weight"] = a
                ms[f"model.layers.{i}.{mine}.{word}"] = a
    config = {**CONFIG, "model_type": kind}
    if back:
        one_way(name, config, None, ms, hf, True)
    else:
        one_way(name, config, None, hf, ms, False)


def qwen2_cases():
    config = {**CONFIG, "model_type": "qwen2"}
    case("qwen2", config, None, *with_head(*llama("qkv", None)))
    case("qwen2-grouped", config, "qkv_concat=true",
         *with_head(*llama("qkv", by_groups, by_rows)))
    tied_cases("qwen2", config, "classic", *llama("qkv", None), True)


def lora_cases():
    peft, mindpet = "base_model.model.", ("mindpet_delta_lora_a",
                                          "mindpet_delta_lora_b")
    lora_case("llama-lora", "llama", "", mindpet, False)
    lora_case("llama-lora-peft", "llama", peft, mindpet, False)
    lora_case("llama-lora-back", "llama", "", mindpet, True)
    lora_case("llama-lora-tk", "llama", "", ("tk_delta_lora_a",
                                             "tk_delta_lora_b"), True)
    lora_case("qwen2-lora", "qwen2", peft, ("lora_a", "lora_b"), False)


def moe_cases():
    M, S, E = 6, 8, 3
    config = dict(CONFIG, model_type="qwen2_moe", num_experts=E,
                  moe_intermediate_size=M, shared_expert_intermediate_size=S)
    for qkv, gmm in ((True, False), (False, True), (False, False)):
        hf, ms = with_head(*llama("qkv", by_groups if qkv else None))
        # layer 0 is dense, layer 1 is of experts
        for x, w in (("gate", 1), ("up", 3), ("down", 2)):
            del hf[f"model.layers.1.mlp.{x}_proj.weight"]
            del ms[f"model.layers.1.feed_forward.w{w}.weight"]
            shape = (H, M) if x == "down" else (M, H)
            p, q = "model.layers.1.mlp.", "model.layers.1.feed_forward."
            each = [new(*shape) for _ in range(E)]
            for e in range(E):
                hf[f"{p}experts.{e}.{x}_proj.weight"] = each[e]
            ms[f"{q}routed_experts.ffn.w{w}.weight"] = np.stack(
                [a.T if gmm else a for a in each])
            a = new(*((H, S) if x == "down" else (S, H)))
            hf[f"{p}shared_expert.{x}_proj.weight"] = a
            ms[f"{q}shared_experts.w{w}.weight"] = a
        for theirs, mine, rows in (
                ("gate", "routed_experts.router.dense", E),
                ("shared_expert_gate", "shared_experts_gate", 1)):
            a = new(rows, H)
            hf[f"{p}{theirs}.weight"] = ms[f"{q}{mine}.weight"] = a
        case(f"qwen2-moe-{qkv}-{gmm}", config,
             f"qkv_concat={str(qkv).lower()} use_gmm={str(gmm).lower()}",
             hf, ms)
    tied_cases("qwen2-moe", config, "classic",
               without(hf, "lm_head.weight"), without(ms, "lm_head.weight"),
               True)


def cases():
    llama_cases()
    qwen2_cases()
    lora_cases()
    moe_cases()
