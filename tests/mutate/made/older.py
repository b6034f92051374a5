# SPDX-License-Identifier: Apache-2.0
"""Models of the reference's first releases that no other has the names of."""

from functools import partial

import numpy as np

from case import case, interleaved, new, one_way, refused, without
from sides import Sides

H, N, V, P = 12, 3, 9, 5
D = H // N


def blocks(m, theirs, mine, attention, names):
    """Two blocks; names: of norm 1, norm 2, projection and both of the MLP."""
    for i in range(2):
        p, q = theirs.format(i), mine.format(i)
        attention(p, q)
        for x, own in zip(names[:2], "12"):
            m.norm(f"{p}{x}", f"{q}layernorm{own}", H)
        m.linear(f"{p}{names[2]}", f"{q}attention.projection", H, H, True)
        m.linear(f"{p}{names[3]}", f"{q}output.mapping", 4 * H, H, True)
        m.linear(f"{p}{names[4]}", f"{q}output.projection", H, 4 * H, True)


BLOOM = ("input_layernorm", "post_attention_layernorm",
         "self_attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h")


def fused(m, p, q):
    """BLOOM's queries, keys and values: in one by heads, and apart."""
    for word, tail in (("weight", (H,)), ("bias", ())):
        parts = [new(H, *tail) for _ in range(3)]
        m.hf[f"{p}self_attention.query_key_value.{word}"] = interleaved(
            N, *parts)
        for k, a in enumerate(parts):
            m.ms[f"{q}attention.dense{k + 1}.{word}"] = a


def reward():
    m = Sides()
    blocks(m, "transformer.h.{}.", "transformer.blocks.{}.",
           partial(fused, m), BLOOM)
    m.put("transformer.word_embeddings.weight",
          "transformer.embedding.word_embedding.embedding_table", new(V, H))
    m.norm("transformer.word_embeddings_layernorm",
           "transformer.embedding.norm", H)
    m.norm("transformer.ln_f", "transformer.ln_f", H)
    m.linear("lm_head", "head", V, H)
    m.weight("v_head", "vhead.vhead", 1, H)
    return m


def reward_cases():
    m = reward()
    sizes = dict(model_type="bloom", n_head=N, n_layer=2, vocab_size=V)
    for key in ("hidden_size", "n_embed"):
        config = {**sizes, key: H}
        case(f"reward-{key}", config, None, m.hf, m.ms)
        wide = {**m.hf, "lm_head.weight": new(V, H + 1)}
        refused(f"reward-{key}-wide", config, None, wide, "ms", "rewardmodel")
    high = {**m.hf, "lm_head.weight": new(V + 1, H)}
    refused("reward-high", config, None, high, "ms", "rewardmodel")


def codegeex_cases():
    m = Sides()
    x = "language_model."

    def attention(p, q):
        for k, name in enumerate(("query", "key", "value")):
            m.linear(f"{p}attention.{name}", f"{q}attention.dense{k + 1}", H,
                     H)

    names = (*BLOOM[:2], "attention.dense", *BLOOM[3:])
    for number, mine in (("layers.{}.", "blocks.{}."),
                         ("topQueryLayer.", "top_query_layer.")):
        blocks(m, f"{x}transformer.{number}", f"backbone.{mine}", attention,
               names)
    for theirs, mine in (
            ("embedding.word_embeddings", "embedding.word_embedding"),
            ("embedding.position_embeddings", "embedding.position_embedding"),
            ("topQueryEmbedding.top_query_embeddings",
             "top_query_embedding")):
        m.put(f"{x}{theirs}.weight", f"backbone.{mine}.embedding_table",
              new(V, H))
    m.norm(f"{x}transformer.final_layernorm", "backbone.layernorm", H)
    case("codegeex", None, None, m.hf, m.ms, "codegeex")
    # a layer between two others is not there
    for side, last, tensors in (("ms", "layers.1.", m.hf),
                                ("hf", "blocks.1.", m.ms)):
        holed = {k.replace(last, last.replace("1", "2")): a
                 for k, a in tensors.items()}
        refused(f"codegeex-holed-{side}", None, None, holed, side, "codegeex")


def counted(name, config, m):
    """The option of that name: how many there are, as config.json says."""
    silent = without(config, "n_layer")
    one_way(f"{name}-layers", silent, "layers=2", m.hf, m.ms, "ms")
    for n in (1, 3):
        refused(f"{name}-layers-{n}", config, f"layers={n}", m.hf, "ms", name)
        refused(f"{name}-n-layer-{n}", {**config, "n_layer": n}, None, m.hf,
                "ms", name)


def wizardcoder_cases():
    m = Sides()

    def attention(p, q):
        for word, tail in (("weight", (H,)), ("bias", ())):
            a = new(H + 2 * D, *tail)
            m.hf[f"{p}attn.c_attn.{word}"] = a
            for k, part in enumerate(np.split(a, (H, H + D))):
                m.ms[f"{q}attention.dense{k + 1}.{word}"] = part

    blocks(m, "transformer.h.{}.", "backbone.blocks.{}.", attention,
           ("ln_1", "ln_2", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"))
    m.norm("transformer.ln_f", "backbone.layernorm", H)
    m.put("transformer.wte.weight",
          "backbone.embedding.word_embedding.embedding_table", new(V, H))
    m.put("transformer.wpe.weight",
          "backbone.embedding.position_embedding.embedding_table", new(P, H))
    m.put("lm_head.weight", "head.head_weight", new(V, H))
    config = dict(model_type="gpt_bigcode", n_embd=H, n_head=N, n_layer=2,
                  n_positions=P, vocab_size=V, multi_query=True)
    case("wizardcoder", config, None, m.hf, m.ms)
    counted("wizardcoder", config, m)
    masks = {"transformer.bias": new(1, P, P)}
    for i in range(2):
        masks[f"transformer.h.{i}.attn.bias"] = new(1, 1, P, P)
        masks[f"transformer.h.{i}.attn.masked_bias"] = new()
    one_way("wizardcoder-masks", config, None, {**m.hf, **masks}, m.ms, "ms")
    wide = {k: new(*(5 * H if n == 4 * H else n for n in a.shape))
            for k, a in m.hf.items()}
    refused("wizardcoder-wide", config, None, wide, "ms", "wizardcoder")


def glm32k_cases():
    m = Sides()
    m.put("transformer.embedding.word_embeddings.weight",
          "transformer.embedding.embedding_table", new(V, H))
    for x in ("transformer.encoder.final_layernorm.weight",
              "transformer.rotary_pos_emb.inv_freq"):
        m.put(x, x, new(H))
    for key in ("padded_vocab_size", "vocab_size"):
        case(f"glm32k-{key}", {"hidden_size": H, key: V}, None, m.hf, m.ms,
             "glm32k")


def blip2_cases():
    """Of the second stage: with a layer before each of the LLMs."""
    for llm in ("opt", "t5", "llm"):
        m = Sides()
        m.put("query_tokens", "query_tokens", new(1, 4, H))
        m.linear(f"{llm}_proj", f"{llm}_proj", 7, H)
        case(f"blip2-{llm}", None, None, m.hf, m.ms, "blip2")


def iflytekspark_cases():
    source = {name: new(4, 3) for name in (
        "model.embedding.word_embeddings.embedding_table",
        "model.layers.0.input_layernorm.weight", "model.layers.0.mlp.weight")}
    masks = {"model.layers.0.attention.slice_sparse_mask": new(4, 4)}
    for embed in (False, True):
        for norm in (False, True):
            want = {k: a if "embedding" in k and not embed or
                    "norm" in k and not norm else a.astype(np.float16)
                    for k, a in source.items()}
            options = "".join(
                f" {key}_bf16=true" for key, given in (
                    ("embed", embed), ("layernorm", norm)) if given)
            one_way(f"iflytekspark-{embed}-{norm}", None, options.strip(),
                    {**source, **masks}, want, "ms", "iflytekspark", "fp16")


def cases():
    reward_cases()
    codegeex_cases()
    wizardcoder_cases()
    glm32k_cases()
    blip2_cases()
    iflytekspark_cases()
