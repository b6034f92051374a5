# SPDX-License-Identifier: Apache-2.0
"""Language models that see: Qwen-VL, CogVLM2 and VisualGLM."""

import numpy as np

from case import broken, case, new, one_way, refused, without
from chat import F, H, N, V, qwen
from sides import Sides

W, HEADS, X, Y = 8, 2, 6, 10  # of Qwen-VL's vision; of CogVLM2's
DENSE = ("dense1", "dense2", "dense3")


def qwenvl():
    m, llm = Sides(), qwen(H, False)
    m.hf.update(llm.hf)
    m.ms.update({f"llm_model.{k}": a for k, a in llm.ms.items()})
    t, v = "transformer.visual.", "vision_encoder."
    d = W // HEADS
    for j in range(2):
        p, q = (f"{x}transformer.resblocks.{j}." for x in (t, v))
        for word, tail in (("weight", (W,)), ("bias", ())):
            parts = [new(W, *tail) for _ in range(3)]
            m.hf[f"{p}attn.in_proj.{word}"] = np.concatenate(
                [a[h * d:(h + 1) * d] for h in range(HEADS) for a in parts])
            for x, a in zip(DENSE, parts):
                m.ms[f"{q}attn.{x}.{word}"] = a
        m.linear(f"{p}attn.out_proj", f"{q}attn.projection", W, W, True)
        m.linear(f"{p}mlp.c_fc", f"{q}mlp.c_fc", 12, W)
        m.linear(f"{p}mlp.c_proj", f"{q}mlp.c_proj", W, 12)
        m.norm(f"{p}ln_1", f"{q}ln_1", W)
        m.norm(f"{p}ln_2", f"{q}ln_2", W)
    p, q = f"{t}attn_pool.", f"{v}attn_pool."
    for word, tail in (("weight", (H,)), ("bias", ())):
        m.split(f"{p}attn.in_proj_{word}",
                [f"{q}attn.{x}.{word}" for x in DENSE], H, tail)
    m.linear(f"{p}attn.out_proj", f"{q}attn.projection", H, H, True)
    m.norm(f"{p}ln_q", f"{q}ln_q", H)
    m.norm(f"{p}ln_kv", f"{q}ln_kv", H)
    for x, shape in (("pos_embed", (4, H)), ("query", (4, H)),
                     ("kv_proj.weight", (H, W))):
        m.put(f"{p}{x}", f"{q}{x}", new(*shape))
    m.norm(f"{t}ln_pre", f"{v}ln_pre", W)
    m.norm(f"{t}ln_post", f"{v}ln_post", H)
    for x, shape in (("positional_embedding", (5, W)), ("proj", (H, H)),
                     ("conv1.weight", (W, 3, 2, 2))):
        m.put(f"{t}{x}", f"{v}{x}", new(*shape))
    return m


def qwenvl_cases():
    visual = dict(heads=HEADS, layers=2, width=W, output_dim=H)
    config = dict(model_type="qwen", hidden_size=H, num_attention_heads=N,
                  intermediate_size=2 * F, vocab_size=V, num_hidden_layers=2,
                  visual=visual)
    m = qwenvl()
    case("qwenvl", config, None, m.hf, m.ms)
    alone = {**config, "visual": without(visual, "heads")}
    case("qwenvl-heads", alone, f"vit_num_head={HEADS}", m.hf, m.ms)
    joined = {k: a for k, a in m.ms.items()
              if not k.startswith("llm_model.") or ".attention.w" not in k or
              ".attention.wo" in k}
    for i in range(2):
        for word in ("weight", "bias"):
            joined[f"llm_model.transformer.layers.{i}.attention.w.{word}"] = (
                m.hf[f"transformer.h.{i}.attn.c_attn.{word}"])
    case("qwenvl-joined", config, "use_qkv_concat=true", m.hf, joined)
    # rows of zeros up to a multiple of 512
    padded = dict(m.ms)
    for name in ("transformer.wte.embedding_weight", "lm_head.weight"):
        a = m.ms[f"llm_model.{name}"]
        padded[f"llm_model.{name}"] = np.concatenate(
            [a, np.zeros((512 - V, H), np.float32)])
    case("qwenvl-padded", config, "enable_emb_opt=true", m.hf, padded)
    broken("qwenvl-padded", config, "enable_emb_opt=true", m.hf, "ms",
           "qwenvl", wider=["lm_head.weight"])


G, D, P = 2, H // N, 5  # CogVLM2's groups of heads; its vision's positions


def cogvlm2_vision(m):
    t, v, a = "model.vision.", "vision_encoder.", "mlp_adapter."
    cls = new(1, X)
    m.put(f"{t}patch_embedding.cls_embedding", f"{v}cls_token", cls, cls[None])
    pos = new(P, X)
    m.put(f"{t}patch_embedding.position_embedding.weight", f"{v}pos_embed",
          pos, pos[None])
    m.put(f"{t}patch_embedding.proj.weight", f"{v}patch_embed.proj.weight",
          new(X, 3, 2, 2))
    m.bias(f"{t}patch_embedding.proj", f"{v}patch_embed.proj", X)
    for j in range(2):
        p, q = f"{t}transformer.layers.{j}.", f"{v}blocks.{j}."
        m.linear(f"{p}attention.dense", f"{q}attn.proj", X, X)
        m.linear(f"{p}attention.query_key_value", f"{q}attn.qkv", 3 * X, X)
        m.norm(f"{p}input_layernorm", f"{q}norm1", X)
        m.norm(f"{p}post_attention_layernorm", f"{q}norm2", X)
        m.linear(f"{p}mlp.fc1", f"{q}mlp.fc1", Y, X)
        m.linear(f"{p}mlp.fc2", f"{q}mlp.fc2", X, Y)
    m.put(f"{t}boi", f"{a}boi", new(1, 1, H))
    m.put(f"{t}eoi", f"{a}eoi", new(1, 1, H))
    m.put(f"{t}conv.weight", f"{a}conv.weight", new(X, X, 2, 2))
    m.bias(f"{t}conv", f"{a}conv", X)
    m.norm(f"{t}linear_proj.norm1", f"{a}linear_proj.norm1", H)
    for x, rows, cols in (("dense_4h_to_h", H, F), ("dense_h_to_4h", F, H),
                          ("gate_proj", F, H), ("linear_proj", H, X)):
        m.weight(f"{t}linear_proj.{x}", f"{a}linear_proj.{x}", rows, cols)


def cogvlm2(image, mine):
    """mine: what MindSpore's names of the language model begin with."""
    m = Sides()
    m.weight("lm_head", f"{mine}lm_head", V, H)
    m.put("model.embed_tokens.weight",
          f"{mine}model.tok_embeddings.embedding_weight", new(V, H))
    m.put("model.norm.weight", f"{mine}model.norm_out.weight", new(H))
    freqs = new(2)
    m.ms[f"{mine}model.freqs_mgr.freqs"] = freqs
    for i in range(2):
        p, q = f"model.layers.{i}.", f"{mine}model.layers.{i}."
        m.hf[f"{p}self_attn.rotary_emb.inv_freq"] = freqs
        for x, own in (("input", "attention"), ("post_attention", "ffn")):
            m.put(f"{p}{x}_layernorm.weight", q + (
                f"{x}_layernorm.weight" if image else f"{own}_norm.weight"),
                  new(H))
        for kind in ("language", "vision") if image else ("language",):
            mlp = f"{q}mlp.{kind}_mlp." if image else f"{q}feed_forward."
            for x, own, rows, cols in (("gate_proj", "w1", F, H),
                                       ("up_proj", "w3", F, H),
                                       ("down_proj", "w2", H, F)):
                m.weight(f"{p}mlp.{kind}_mlp.{x}", f"{mlp}{own}", rows, cols)
            out = f"self_attn.{kind}_expert_dense"
            m.weight(p + out, q + (out if image else "attention.wo"), H, H)
            parts = [new(n * D, H) for n in (N, G, G)]
            qkv = f"self_attn.{kind}_expert_query_key_value"
            m.hf[f"{p}{qkv}.weight"] = np.concatenate(parts)
            if image:
                m.ms[f"{q}{qkv}.weight"] = np.concatenate(parts)
                if kind == "vision":
                    m.bias(p + qkv, q + qkv, (N + 2 * G) * D)
            else:
                for x, a in zip("qkv", parts):
                    m.ms[f"{q}attention.w{x}.weight"] = a
    cogvlm2_vision(m)
    return m


def cogvlm2_cases():
    config = dict(
        model_type="cogvlm", hidden_size=H, num_attention_heads=N,
        num_multi_query_heads=G, intermediate_size=F, vocab_size=V,
        num_hidden_layers=2, vision_config=dict(
            hidden_size=X, intermediate_size=Y, num_positions=P,
            num_hidden_layers=2))
    of_video = {**config, "architectures": ["CogVLMVideoForCausalLM"]}
    of_image = {**config, "architectures": ["CogVLMForCausalLM"]}
    video, image = cogvlm2(False, "llm_model."), cogvlm2(True, "llm_model.")
    tuned = cogvlm2(False, "llm_model.pet_model.lora_model.")
    for name, its, m, options in (
            ("video", of_video, video, (None, "modal=video sft=full")),
            ("image", of_image, image, (None, "modal=image")),
            ("tuned", of_video, tuned, ("sft=lora",))):
        for k, said in enumerate(options):
            case(f"cogvlm2-{name}-{k}", its, said, m.hf, m.ms)
        one_way(f"cogvlm2-{name}-by-itself", its, None, m.ms, m.hf, "hf")
        # as many layers as there are names
        fewer = without(its, "num_hidden_layers")
        one_way(f"cogvlm2-{name}-counted", fewer, options[-1], m.ms, m.hf,
                "hf")
    for name, its, m, said in (
            ("video", of_image, video, "modal=image"),
            ("image", of_video, image, "modal=video"),
            ("video", of_video, video, "sft=lora"),
            ("tuned", of_video, tuned, "sft=full")):
        refused(f"cogvlm2-{name}-not-{said}", its, said, m.ms, "hf",
                "cogvlm2")
    broken("cogvlm2", of_video, None, video.hf, "ms", "cogvlm2",
           wider=["model.embed_tokens.weight",
                  "*.1.self_attn.language_expert_dense.weight"],
           taller=["*.1.attention.query_key_value.weight"])


S, Q, K, C = 8, 6, 2, 12  # VisualGLM's vision, Q-Former, rows; its GLM


def visualglm_vit(m):
    t, v = "mixins.eva.model.vit.", "visual_encoder."
    for x, own, n in (("word", "cls_tokens", 1), ("position", "pos_embed", P)):
        a = new(n, S)
        m.put(f"{t}transformer.{x}_embeddings.weight", v + own, a, a[None])
    m.put(f"{t}mixins.patch_embedding.proj.weight",
          f"{v}patch_embed.proj.weight", new(S, 3, 2, 2))
    m.bias(f"{t}mixins.patch_embedding.proj", f"{v}patch_embed.proj", S)
    for i in range(2):
        p, q = f"{t}transformer.layers.{i}.", f"{v}blocks.{i}."
        m.norm(f"{p}input_layernorm", f"{q}layernorm1", S)
        m.norm(f"{p}post_attention_layernorm", f"{q}layernorm2", S)
        for word, tail in (("weight", (S,)), ("bias", ())):
            m.split(f"{p}attention.query_key_value.{word}",
                    [f"{q}attention.{x}.{word}" for x in DENSE], S, tail)
        m.linear(f"{p}attention.dense", f"{q}attention.projection", S, S,
                 True)
        m.linear(f"{p}mlp.dense_h_to_4h", f"{q}output.mapping", 20, S, True)
        m.linear(f"{p}mlp.dense_4h_to_h", f"{q}output.projection", S, 20,
                 True)


def visualglm_qformer(m):
    t, v = "mixins.eva.model.qformer.transformer.", "qformer.bert.encoder."
    a = new(K, Q)
    m.put(f"{t}word_embeddings.weight", "query_tokens", a, a[None])
    m.norm(f"{t}final_layernorm", f"{v}final_layernorm", Q)
    for i in range(3):
        p, q = f"{t}layers.{i}.", f"{v}layer.{i}."
        m.norm(f"{p}input_layernorm", f"{q}input_layernorm", Q)
        m.norm(f"{p}post_attention_layernorm",
               f"{q}attention.output.layernorm", Q)
        for word, own in (("weight", Q), ("bias", None)):
            m.split(f"{p}attention.query_key_value.{word}",
                    [f"{q}attention.self_att.{x}.{word}"
                     for x in ("query", "key", "value")], Q,
                    (own,) if own else ())
            if i % 2 == 0:  # every other layer looks at the image
                m.split(f"{p}cross_attention.key_value.{word}",
                        [f"{q}crossattention.self_att.{x}.{word}"
                         for x in ("key", "value")], Q, (S,) if own else ())
        if i % 2 == 0:
            m.norm(f"{p}post_cross_attention_layernorm",
                   f"{q}crossattention.output.layernorm", Q)
            m.linear(f"{p}cross_attention.query",
                     f"{q}crossattention.self_att.query", Q, Q)
            m.linear(f"{p}cross_attention.dense",
                     f"{q}crossattention.output.dense", Q, Q)
        m.linear(f"{p}attention.dense", f"{q}attention.output.dense", Q, Q)
        m.linear(f"{p}mlp.dense_h_to_4h", f"{q}intermediate_query.dense", 9,
                 Q)
        m.linear(f"{p}mlp.dense_4h_to_h", f"{q}output_query.dense", Q, 9)
    m.linear("mixins.eva.model.glm_proj", "llm_proj", C, Q)


def visualglm_glm(m):
    t, freqs = "transformer.", new(2)
    m.put(f"{t}position_embeddings.weight",
          f"{t}position_embeddings.embedding_table", new(P, C))
    m.norm(f"{t}final_layernorm", f"{t}final_layernorm", C)
    m.put("mixins.chatglm-final.lm_head.weight", "lm_head.weight", new(V, C))
    m.put("mixins.chatglm-attn.rotary_emb.inv_freq", None, freqs)
    for i in range(2):
        p = f"{t}layers.{i}."
        m.ms[f"{p}attention.rotary_emb.inv_freq"] = freqs
        m.norm(f"{p}input_layernorm", f"{p}input_layernorm", C)
        m.norm(f"{p}post_attention_layernorm", f"{p}post_attention_layernorm",
               C)
        for x, rows, cols in (("attention.query_key_value", 3 * C, C),
                              ("attention.dense", C, C),
                              ("mlp.dense_h_to_4h", 20, C),
                              ("mlp.dense_4h_to_h", C, 20)):
            m.linear(p + x, p + x, rows, cols)


def visualglm_cases():
    vit, qformer, glm, norm, words = (Sides() for _ in range(5))
    visualglm_vit(vit)
    visualglm_qformer(qformer)
    visualglm_glm(glm)
    norm.norm("mixins.eva.model.vit.mixins.cls.ln_vision", "ln_vision", S)
    words.put("transformer.word_embeddings.weight",
              "transformer.word_embeddings.embedding_table", new(V, C))
    hf, ms = {}, {}
    for m in (vit, qformer, glm, norm, words):
        hf.update(m.hf)
        ms.update(m.ms)
    case("visualglm", None, None, hf, ms, "visualglm")
    for part, sides in (("vit", (vit, norm)), ("qformer", (qformer, norm)),
                        ("glm", (glm, words)), ("lite", (words,))):
        own, its = {}, {}
        for m in sides:
            own.update(m.ms)
            its.update(m.hf)
        one_way(f"visualglm-{part}", None, f"part={part}", hf, own, "ms",
                "visualglm")
        one_way(f"visualglm-{part}-back", None, None, own, its, "hf",
                "visualglm")
    more = {**hf, "mixins.other": new(2)}
    refused("visualglm-more", None, None, more, "ms", "visualglm")
    # a layer that is not behind another, on either side
    for name, side, source, last in (
            ("vit", "ms", hf, "vit.transformer.layers.1."),
            ("qformer", "ms", hf, "qformer.transformer.layers.2."),
            ("vit", "hf", ms, "blocks.1."),
            ("qformer", "hf", ms, "encoder.layer.2.")):
        beyond = last[:-2] + "7."
        refused(f"visualglm-{name}-{side}-holed", None, None,
                {k.replace(last, beyond): a for k, a in source.items()}, side,
                "visualglm")


def cases():
    qwenvl_cases()
    cogvlm2_cases()
    visualglm_cases()
