# SPDX-License-Identifier: Apache-2.0
"""TeleChat3, the dense one."""

import numpy as np

from case import case, new, one_way, refused
from sides import Sides

N, G, D, H, F, V = 4, 2, 6, 16, 10, 9
CONFIG = dict(model_type="telechat3", hidden_size=H, num_attention_heads=N,
              num_key_value_heads=G, head_dim=D, intermediate_size=F,
              num_hidden_layers=2, vocab_size=V)
CLASSIC = ("model.tok_embeddings.embedding_weight", "model.norm_out", "lm_head",
           "model.layers.{}.", {
               "self_attn.q_proj": "attention.wq",
               "self_attn.k_proj": "attention.wk",
               "self_attn.v_proj": "attention.wv",
               "self_attn.o_proj": "attention.wo",
               "mlp.gate_proj": "feed_forward.w1",
               "mlp.up_proj": "feed_forward.w3",
               "mlp.down_proj": "feed_forward.w2",
               "input_layernorm": "attention_norm",
               "post_attention_layernorm": "ffn_norm"})
MCORE = ("embedding.word_embeddings.weight", "decoder.final_layernorm",
         "output_layer", "decoder.layers.{}.", {
             "self_attn.o_proj": "self_attention.linear_proj",
             "self_attn.q_norm": "self_attention.q_layernorm",
             "self_attn.k_norm": "self_attention.k_layernorm",
             "mlp.down_proj": "mlp.linear_fc2",
             "input_layernorm": "input_layernorm",
             "post_attention_layernorm": "pre_mlp_layernorm"})
LINEAR = {"self_attn.q_proj": (N * D, H), "self_attn.k_proj": (G * D, H),
          "self_attn.v_proj": (G * D, H), "self_attn.o_proj": (H, N * D),
          "mlp.gate_proj": (F, H), "mlp.up_proj": (F, H),
          "mlp.down_proj": (H, F)}
JOINED = {"self_attention.linear_qkv": [f"self_attn.{x}_proj" for x in "qkv"],
          "mlp.linear_fc1": ["mlp.gate_proj", "mlp.up_proj"]}


def telechat3(names, layer="model.layers.{}."):
    embedding, last, head, mine, own = names
    m = Sides()
    m.put("model.embed_tokens.weight", embedding, new(V, H))
    m.put("model.norm.weight", f"{last}.weight", new(H))
    m.weight("lm_head", head, V, H)
    for i in range(2):
        p, q = layer.format(i), mine.format(i)
        for x, (rows, cols) in LINEAR.items():
            m.linear(f"{p}{x}", q + own[x] if x in own else "", rows, cols)
        for x in own:
            if x not in LINEAR:
                m.put(f"{p}{x}.weight", f"{q}{own[x]}.weight",
                      new(D if "_norm" in x else H))
        for x, parts in JOINED.items():
            if parts[0] not in own:
                for word in ("weight", "bias"):
                    m.ms[f"{q}{x}.{word}"] = np.concatenate(
                        [m.hf[f"{p}{y}.{word}"] for y in parts])
    return m


def cases():
    m = telechat3(CLASSIC)
    for x in ("in", "out"):
        name = f"model.embedding_hidden_mapping_{x}.weight"
        m.put(name, name, new(H, H))
    case("telechat3", CONFIG, None, m.hf, m.ms)
    m = telechat3(CLASSIC, "transformer.h.{}.")
    one_way("telechat3-old", CONFIG, None, m.hf, m.ms, "ms")
    m = telechat3(MCORE)
    case("telechat3-infer", CONFIG, "layout=mcore-infer", m.hf, m.ms)
    # the classic network has no norms of heads
    refused("telechat3-norms", CONFIG, "layout=classic", m.hf, "ms",
            "telechat3")
