# SPDX-License-Identifier: Apache-2.0
"""Frequencies of rotary embeddings and masks, which old files have and no
network takes. MindFormers' own scripts left them in their checkpoints, the
frequencies under theirs' name."""

from case import new, one_way
from sides import Sides

H, V = 8, 9
LLAMA = (("model.embed_tokens.weight", "model.tok_embeddings.embedding_weight",
          (V, H)),
         ("model.norm.weight", "model.norm_out.weight", (H,)),
         ("lm_head.weight", "lm_head.weight", (V, H)))
LLAMA_LAYER = ("model.layers.{}.", "model.layers.{}.",
               (("input_layernorm.weight", "attention_norm.weight"),
                ("post_attention_layernorm.weight", "ffn_norm.weight")))
LLAMA_BUFFERS = ("model.layers.{}.self_attn.rotary_emb.inv_freq",)
GLM_NORMS = tuple((f"{x}_layernorm.{y}", f"{x}_layernorm.{z}")
                  for x in ("input", "post_attention")
                  for y, z in (("weight", "gamma"), ("bias", "beta")))
MODELS = {
    "llama": (LLAMA, LLAMA_LAYER, LLAMA_BUFFERS, {}),
    "baichuan": (LLAMA, LLAMA_LAYER, LLAMA_BUFFERS, {}),
    "qwen2": (LLAMA, LLAMA_LAYER, LLAMA_BUFFERS, {}),
    "qwen2_moe": (LLAMA, LLAMA_LAYER, LLAMA_BUFFERS, {}),
    "qwen": (
        (("transformer.wte.weight", "transformer.wte.embedding_weight",
          (V, H)),
         ("transformer.ln_f.weight", "transformer.ln_f.weight", (H,)),
         ("lm_head.weight", "lm_head.weight", (V, H))),
        ("transformer.h.{}.", "transformer.layers.{}.",
         (("ln_1.weight", "attention_norm.weight"),
          ("ln_2.weight", "ffn_norm.weight"))),
        ("transformer.h.{}.attn.rotary_emb.inv_freq",
         "transformer.rotary_emb.inv_freq"), {}),
    "glm": (
        (("transformer.word_embeddings.weight",
          "transformer.word_embeddings.embedding_table", (V, H)),
         ("transformer.final_layernorm.weight",
          "transformer.final_layernorm.gamma", (H,)),
         ("transformer.final_layernorm.bias",
          "transformer.final_layernorm.beta", (H,)),
         ("lm_head.weight", "lm_head.weight", (V, H))),
        ("transformer.layers.{}.", "transformer.layers.{}.", GLM_NORMS),
        ("transformer.layers.{}.attention.rotary_emb.inv_freq",),
        dict(model_type="chatglm", inner_hidden_size=4 * H, num_layers=2)),
    "glm-n": (
        (("transformer.embedding.word_embeddings.weight",
          "transformer.embedding.embedding_weight", (V, H)),
         ("transformer.encoder.final_layernorm.weight",
          "transformer.encoder.final_layernorm.weight", (H,)),
         ("transformer.output_layer.weight", "transformer.output_layer.weight",
          (V, H))),
        ("transformer.encoder.layers.{}.", "transformer.encoder.layers.{}.",
         (("input_layernorm.weight", "input_layernorm.weight"),
          ("post_attention_layernorm.weight",
           "post_attention_layernorm.weight"))),
        ("transformer.rotary_pos_emb.inv_freq",),
        dict(model_type="chatglm", kv_channels=4, num_layers=2,
             padded_vocab_size=V)),
}


def masks():
    """GPT-2's, which are biases in theirs, and so were called beta."""
    m, theirs, mine = Sides(), {}, {}
    for x, name, rows in (("wte", "word_embedding", V),
                          ("wpe", "position_embedding", 4)):
        m.put(f"{x}.weight", f"backbone.embedding.{name}.embedding_table",
              new(rows, H))
    m.norm("ln_f", "backbone.layernorm", H)
    for i in range(2):
        for k in "12":
            m.norm(f"h.{i}.ln_{k}", f"backbone.blocks.{i}.layernorm{k}", H)
        for x, y, a in (("bias", "beta", new(1, 1, 4, 4)),
                        ("masked_bias", "masked_beta", new())):
            theirs[f"h.{i}.attn.{x}"] = a
            mine[f"backbone.blocks.{i}.attention.{y}"] = a
    config = dict(model_type="gpt2", n_embd=H, n_head=2, n_layer=2,
                  n_positions=4, vocab_size=V)
    one_way("gpt2-masks", config, None, {**m.hf, **theirs}, m.ms, "ms")
    one_way("gpt2-masks-back", config, None, {**m.ms, **mine}, m.hf, "hf")


def cases():
    masks()
    for name, (alone, (p, q, norms), buffers, more) in MODELS.items():
        m = Sides()
        for theirs, mine, shape in alone:
            m.put(theirs, mine, new(*shape))
        left = {}
        for i in range(2):
            for theirs, mine in norms:
                m.put(p.format(i) + theirs, q.format(i) + mine, new(H))
            for x in buffers:
                left[x.format(i)] = new(2)
        config = {"model_type": name, "hidden_size": H, "vocab_size": V,
                  "num_attention_heads": 2, "num_hidden_layers": 2, **more}
        one_way(f"{name}-frequencies", config, None, {**m.hf, **left}, m.ms,
                "ms")
        mine = {k.replace(p.split("{")[0], q.split("{")[0]): a
                for k, a in left.items()}
        one_way(f"{name}-frequencies-back", config, None, {**m.ms, **mine},
                m.hf, "hf")
