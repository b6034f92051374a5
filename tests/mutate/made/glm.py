# SPDX-License-Identifier: Apache-2.0
"""GLM under HuggingFace's names, under its own, and ChatGLM-6B."""

import numpy as np

from case import (TIES, broken, case, new, one_way, refused, tied_cases,
                  without)
from chat import lora_cases
from llama import CONFIG, D, F, G, H, N, V, with_head
from sides import Sides


def glm(layout, concat, mlp=None):
    hf = {"model.embed_tokens.weight": new(V, H)}
    classic = layout == "glm"
    ms = {TIES[layout][1][1]: hf["model.embed_tokens.weight"]}
    for i in range(2):
        p = f"model.layers.{i}."
        q = f"transformer.encoder.layers.{i}." if classic else (
            f"decoder.layers.{i}.")
        for word in ("weight", "bias"):
            parts = []
            for x, rows in (("q", N * D), ("k", G * D), ("v", G * D)):
                a = new(rows, H) if word == "weight" else new(rows)
                hf[f"{p}self_attn.{x}_proj.{word}"] = a
                parts.append(a)
                if not concat:
                    ms[f"{q}self_attention.w{x}.{word}"] = a
            if concat:
                ms[q + "self_attention." + (
                    "query_key_value" if classic else "linear_qkv") +
                   f".{word}"] = np.concatenate(parts)
        both = new(2 * F, H)
        hf[f"{p}mlp.gate_up_proj.weight"] = both
        if concat if mlp is None else mlp:
            ms[q + ("mlp.dense_h_to_4h.weight" if classic else
                    "mlp.linear_fc1.weight")] = both
        else:
            ms[f"{q}mlp.dense_left.weight"] = both[:F]
            ms[f"{q}mlp.dense_right.weight"] = both[F:]
        for theirs, mine, name, shape in (
                ("self_attn.o_proj", "self_attention.dense",
                 "self_attention.linear_proj", (H, N * D)),
                ("mlp.down_proj", "mlp.dense_4h_to_h", "mlp.linear_fc2",
                 (H, F)),
                ("input_layernorm", "input_layernorm", "input_layernorm",
                 (H,)),
                ("post_attention_layernorm", "post_attention_layernorm",
                 "pre_mlp_layernorm", (H,)),
                ("post_self_attn_layernorm", "post_self_attn_layernorm",
                 "post_self_attn_layernorm", (H,)),
                ("post_mlp_layernorm", "post_mlp_layernorm",
                 "post_mlp_layernorm", (H,))):
            hf[f"{p}{theirs}.weight"] = ms[
                f"{q}{mine if classic else name}.weight"] = new(*shape)
    hf["model.norm.weight"] = ms[
        "transformer.encoder.final_layernorm.weight" if classic else
        "decoder.final_layernorm.weight"] = new(H)
    return hf, ms


def hub_cases():
    config = {**CONFIG, "model_type": "glm4"}
    head = TIES["glm"][1][0]
    for concat in (False, True):
        for mlp in (False, True):
            said = (f"qkv_concat={str(concat).lower()} "
                    f"mlp_concat={str(mlp).lower()}")
            hf, ms = with_head(*glm("glm", concat, mlp), head)
            case(f"glm-hf-{concat}-{mlp}", config, said, hf, ms)
            one_way(f"glm-hf-by-itself-{concat}-{mlp}", config, None, ms, hf,
                    "hf")
            for key, value in (("qkv", concat), ("mlp", mlp)):
                other = f"{key}_concat={str(not value).lower()}"
                refused(f"glm-hf-not-{concat}-{mlp}-{key}", config, other, ms,
                        "hf", "glm-hf")
    hf, ms = with_head(*glm("glm", True), head)
    case("glm-hf-joined", config, None, hf, ms)
    other = "layout=mcore-infer"
    refused("glm-hf-not-infer", config, other, ms, "hf", "glm-hf")
    broken("glm-hf", config, "qkv_concat=false", hf, "ms", "glm-hf",
           wider=["*.1.self_attn.o_proj.weight"],
           taller=["*.1.mlp.gate_up_proj.weight", "*.1.self_attn.q_proj.bias"])
    hf, ms = with_head(*glm("mcore-infer", True), "output_layer.weight")
    case("glm-hf-infer", config, other, hf, ms)
    refused("glm-hf-not-classic", config, "layout=classic", ms, "hf",
            "glm-hf")
    tied_cases("glm-hf", config, "glm", *glm("glm", True), True)
    tied_cases("glm-hf", config, "mcore-infer", *glm("mcore-infer", True),
               False)
    # a tied head is a copy by itself only where the network has one
    hf, ms = glm("glm", True)
    one_way("glm-hf-tied", {**config, "tie_word_embeddings": True}, None, ms,
            hf, "hf")


C = 12  # ChatGLM's hidden_size, which is not heads * kv_channels


def halves(a, heads):
    """Rotary pairs of each head's rows: the first of each, then the second."""
    return a.reshape(heads, D // 2, 2, -1).transpose(0, 2, 1, 3).reshape(
        a.shape)


def chatglm(concat, mlp, rope, groups=G, biases=("self_attention.dense",
                                                 "mlp.dense_4h_to_h",
                                                 "mlp.dense_h_to_4h")):
    m = Sides()
    t = "transformer."
    m.put(f"{t}embedding.word_embeddings.weight",
          f"{t}embedding.embedding_weight", new(V, C))
    for i in range(2):
        p = f"{t}encoder.layers.{i}."
        for word, tail in (("weight", (C,)), ("bias", ())):
            parts = [new(n * D, *tail) for n in (N, groups, groups)]
            m.hf[f"{p}self_attention.query_key_value.{word}"] = (
                np.concatenate(parts))
            if rope:
                parts[0] = halves(parts[0], N)
                parts[1] = halves(parts[1], groups)
            if concat:
                m.ms[f"{p}self_attention.query_key_value.{word}"] = (
                    np.concatenate(parts))
            else:
                for x, a in zip("qkv", parts):
                    m.ms[f"{p}self_attention.w{x}.{word}"] = a
        for x, rows, cols in (("self_attention.dense", C, N * D),
                              ("mlp.dense_4h_to_h", C, F),
                              ("mlp.dense_h_to_4h", 2 * F, C)):
            for word in ("weight", "bias"):
                if word == "bias" and x not in biases:
                    continue
                a = new(rows, cols) if word == "weight" else new(rows)
                m.hf[f"{p}{x}.{word}"] = a
                if x == "mlp.dense_h_to_4h" and not mlp:
                    m.ms[f"{p}mlp.dense_left.{word}"] = a[:F]
                    m.ms[f"{p}mlp.dense_right.{word}"] = a[F:]
                else:
                    m.ms[f"{p}{x}.{word}"] = a
        for x in ("input_layernorm", "post_attention_layernorm"):
            m.put(f"{p}{x}.weight", f"{p}{x}.weight", new(C))
    for x, shape in (("encoder.final_layernorm", (C,)),
                     ("output_layer", (V, C))):
        m.put(f"{t}{x}.weight", f"{t}{x}.weight", new(*shape))
    return m


CHATGLM = dict(model_type="chatglm", hidden_size=C, num_attention_heads=N,
               kv_channels=D, multi_query_attention=True,
               multi_query_group_num=G, ffn_hidden_size=F,
               padded_vocab_size=V, num_layers=2)


def said_of(concat, mlp, rope=None):
    said = (f"qkv_concat={str(concat).lower()} "
            f"mlp_concat={str(mlp).lower()}")
    return f"{said} {rope}=true" if rope else said


def chatglm_cases():
    for concat in (False, True):
        for mlp in (False, True):
            for rope in (None, "use_rearrange_rope", "use_llama_rope"):
                m = chatglm(concat, mlp, rope)
                case(f"chatglm-{concat}-{mlp}-{rope}", CHATGLM,
                     said_of(concat, mlp, rope), m.hf, m.ms)
                # turned for rotary or not, the names are the same
                tail = f" {rope}=true" if rope else ""
                for key, value in (("qkv", concat), ("mlp", mlp)):
                    if not value:
                        refused(f"chatglm-not-{concat}-{mlp}-{rope}-{key}",
                                CHATGLM, f"{key}_concat=true{tail}", m.ms,
                                "hf", "glm-n")
                one_way(f"chatglm-by-itself-{concat}-{mlp}-{rope}", CHATGLM,
                        tail.strip(), m.ms, m.hf, "hf")
    m = chatglm(True, True, None)
    case("chatglm", CHATGLM, None, m.hf, m.ms)
    # the vocabulary's other key; the embedding as MindFormers r1.1 called it
    keys = without(CHATGLM, "padded_vocab_size")
    case("chatglm-vocab", {**keys, "vocab_size": V}, None, m.hf, m.ms)
    old = {k.replace("embedding_weight", "embedding_table"): a
           for k, a in m.ms.items()}
    one_way("chatglm-old", CHATGLM, None, old, m.hf, "hf")
    buffer = {"transformer.rotary_pos_emb.inv_freq": new(2)}
    one_way("chatglm-rotary", CHATGLM, None, {**m.hf, **buffer}, m.ms, "ms")
    broken("chatglm", CHATGLM, None, m.hf, "ms", "glm-n",
           wider=["*.1.self_attention.dense.weight"],
           taller=["*.1.mlp.dense_4h_to_h.bias"])
    m = chatglm(True, True, None, N)
    case("chatglm-heads", {**CHATGLM, "multi_query_attention": False}, None,
         m.hf, m.ms)
    layer = "transformer.encoder.layers.1."
    lora_cases("chatglm", CHATGLM, [
        (layer + x, layer + x, rows, cols) for x, rows, cols in (
            ("self_attention.query_key_value", (N + 2 * G) * D, C),
            ("self_attention.dense", C, N * D),
            ("mlp.dense_h_to_4h", 2 * F, C), ("mlp.dense_4h_to_h", C, F))],
        ("", "base_model.model."))


def first_cases():
    """ChatGLM-6B."""
    m = Sides()
    t, f = "transformer.", 20
    m.put(f"{t}word_embeddings.weight", f"{t}word_embeddings.embedding_table",
          new(V, C))
    linears = (("attention.query_key_value", 3 * C, C),
               ("attention.dense", C, C), ("mlp.dense_h_to_4h", f, C),
               ("mlp.dense_4h_to_h", C, f))
    buffers = {}
    for i in range(2):
        p = f"{t}layers.{i}."
        m.norm(f"{p}input_layernorm", f"{p}input_layernorm", C)
        m.norm(f"{p}post_attention_layernorm", f"{p}post_attention_layernorm",
               C)
        for x, rows, cols in linears:
            m.linear(p + x, p + x, rows, cols)
        buffers[f"{p}attention.rotary_emb.inv_freq"] = new(2)
    m.norm(f"{t}final_layernorm", f"{t}final_layernorm", C)
    m.weight("lm_head", "lm_head", V, C)
    config = dict(model_type="chatglm", hidden_size=C, num_attention_heads=3,
                  inner_hidden_size=f, vocab_size=V, num_layers=2)
    case("chatglm1", config, None, m.hf, m.ms)
    one_way("chatglm1-rotary", config, None, {**m.hf, **buffers}, m.ms, "ms")
    broken("chatglm1", config, None, m.hf, "ms", "glm",
           wider=[f"{p}attention.dense.weight", "lm_head.weight"],
           taller=[f"{p}attention.query_key_value.weight"])
    lora_cases("chatglm1", config, [(p + x, p + x, rows, cols)
                                    for x, rows, cols in linears],
               ("", "base_model.model."))


def cases():
    hub_cases()
    chatglm_cases()
    first_cases()
