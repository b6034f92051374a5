# SPDX-License-Identifier: Apache-2.0
"""GLM under HuggingFace's names."""

import numpy as np

from case import TIES, case, new, tied_cases
from llama import CONFIG, D, F, G, H, N, V, with_head


def glm(layout, concat):
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
        if concat:
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


def cases():
    config = {**CONFIG, "model_type": "glm4"}
    head = TIES["glm"][1][0]
    case("glm-hf-apart", config, "qkv_concat=false mlp_concat=false",
         *with_head(*glm("glm", False), head))
    case("glm-hf-joined", config, None, *with_head(*glm("glm", True), head))
    case("glm-hf-infer", config, "layout=mcore-infer",
         *with_head(*glm("mcore-infer", True), "output_layer.weight"))
    tied_cases("glm-hf", config, "glm", *glm("glm", True), True)
    tied_cases("glm-hf", config, "mcore-infer", *glm("mcore-infer", True),
               False)
