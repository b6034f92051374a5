# SPDX-License-Identifier: Apache-2.0
"""Language models that see: InternVL2, LLaVA and Llama 3.2 Vision."""

import numpy as np

from case import broken, case, new, one_way, refused, without
from mcore import CONFIG, D, F, G, H, N, V, layer, whole
from moe import classic

SEEN, WIDE, NLAYERS = 6, 8, 2
LN = {"weight": "gamma", "bias": "beta"}
TEXT = {**CONFIG, "num_hidden_layers": NLAYERS}
HEAD = "language_model.lm_head.weight"


def under(at, tensors):
    return {f"{at}{k}": a for k, a in tensors.items()}


def pair(hf, ms, theirs, mine, a):
    hf[theirs] = ms[mine] = a


def llama(biases=""):
    """The language model of both, under its prefix."""
    its = [layer(biases) for _ in range(NLAYERS)]
    hf = whole(its)
    return (under("language_model.", hf),
            under("language_model.", classic(hf, its)))


def matrices(hf, ms, theirs, mine, names, words=None):
    """names: rows and columns by the two names; weight and bias of each."""
    words = words or {"weight": "weight", "bias": "bias"}
    for (x, y), shape in names.items():
        for k, word in words.items():
            pair(hf, ms, f"{theirs}{x}.{k}", f"{mine}{y}.{word}",
                 new(*(shape if k == "weight" else shape[:1])))


# ---- InternVL2 ----

def internvl2_vision(hf, ms):
    at = "vision_model.embeddings."
    for x, shape in (("class_embedding", (1, 1, SEEN)),
                     ("position_embedding", (1, 5, SEEN)),
                     ("patch_embedding.weight", (SEEN, 3, 2, 2)),
                     ("patch_embedding.bias", (SEEN,))):
        pair(hf, ms, at + x, at + x, new(*shape))
    for i in range(3):
        at = f"vision_model.encoder.layers.{i}."
        for x, shape in (("attn.qkv", (3 * SEEN, SEEN)),
                         ("attn.proj", (SEEN, SEEN)), ("norm1", (SEEN,)),
                         ("norm2", (SEEN,)), ("mlp.fc1", (WIDE, SEEN)),
                         ("mlp.fc2", (SEEN, WIDE))):
            matrices(hf, ms, at, at, {(x, x): shape})
        for x in ("attn.q_norm.weight", "attn.k_norm.weight", "ls1", "ls2"):
            pair(hf, ms, at + x, at + x, new(SEEN))
    matrices(hf, ms, "mlp1.", "mlp1.", {("0", "layer_norm"): (4 * SEEN,)}, LN)
    matrices(hf, ms, "mlp1.", "mlp1.", {("1", "adapter1"): (H, 4 * SEEN),
                                        ("3", "adapter2"): (H, H)})


def internlm2():
    hf, ms = {}, {}
    at = "language_model."
    for x, y, shape in (
            ("model.tok_embeddings.weight",
             "model.tok_embeddings.embedding_weight", (V, H)),
            ("model.norm.weight", "model.norm_out.weight", (H,)),
            ("output.weight", "lm_head.weight", (V, H))):
        pair(hf, ms, at + x, at + y, new(*shape))
    for i in range(NLAYERS):
        at = f"language_model.model.layers.{i}."
        rows = (N + 2 * G) * D
        for x, shape in (("attention.wqkv.weight", (rows, H)),
                         ("attention.wqkv.bias", (rows,)),
                         ("attention.wo.weight", (H, N * D)),
                         ("attention.wo.bias", (H,)),
                         ("feed_forward.w1.weight", (F, H)),
                         ("feed_forward.w3.weight", (F, H)),
                         ("feed_forward.w2.weight", (H, F)),
                         ("attention_norm.weight", (H,)),
                         ("ffn_norm.weight", (H,))):
            pair(hf, ms, at + x, at + x, new(*shape))
    return hf, ms


def internvl2_cases():
    config = {"model_type": "internvl_chat", "llm_config": TEXT,
              "vision_config": {"hidden_size": SEEN, "num_hidden_layers": 3,
                                "intermediate_size": WIDE}}
    seen, shown = {}, {}
    internvl2_vision(seen, shown)
    hf, ms = ({**a, **b} for a, b in zip((seen, shown), llama("qkvo")))
    case("internvl2", config, None, hf, ms)
    at = "language_model.model.layers.0."
    one_way("internvl2-inv-freq", config, None,
            {**hf, f"{at}self_attn.rotary_emb.inv_freq": new(2)}, ms, False)
    tied = {**config, "llm_config": {**TEXT, "tie_word_embeddings": True}}
    embedding = hf["language_model.model.embed_tokens.weight"]
    one_way("internvl2-tied", tied, None, without(hf, HEAD),
            {**ms, HEAD: embedding}, False)
    refused("internvl2-headless", config, None, without(hf, HEAD), False)
    one_way("internvl2-less", {**config, "llm_config": without(
        TEXT, "num_hidden_layers")}, None, without(hf, HEAD),
            without(ms, HEAD), False)
    hf, ms = ({**a, **b} for a, b in zip((seen, shown), internlm2()))
    case("internvl2-internlm2", config, None, hf, ms)
    refused("internvl2-both", config, None,
            {**ms, **{f"{at}attention.wq.weight".replace("0", str(i)):
                      new(N * D, H) for i in range(NLAYERS)}}, True)


# ---- LLaVA ----

def clip(hf, ms, at):
    """Of the names of CLIP's vision model, there behind at."""
    mine = "vision_encoder."
    for x, y, shape in (
            ("embeddings.class_embedding", "class_embedding", (SEEN,)),
            ("embeddings.patch_embedding.weight", "conv1.weight",
             (SEEN, 3, 2, 2)),
            ("embeddings.position_embedding.weight", "positional_embedding",
             (5, SEEN))):
        pair(hf, ms, at + x, mine + y, new(*shape))
    matrices(hf, ms, at, mine, {("pre_layrnorm", "ln_pre"): (SEEN,),
                                ("post_layernorm", "ln_post"): (SEEN,)}, LN)
    for i in range(2):
        theirs = f"{at}encoder.layers.{i}."
        own = f"{mine}transformer.resblocks.{i}."
        matrices(hf, ms, theirs, own, {("layer_norm1", "ln_1"): (SEEN,),
                                       ("layer_norm2", "ln_2"): (SEEN,)}, LN)
        matrices(hf, ms, theirs, own, {
            ("self_attn.out_proj", "attn.out_proj"): (SEEN, SEEN),
            ("mlp.fc1", "mlp.c_fc"): (WIDE, SEEN),
            ("mlp.fc2", "mlp.c_proj"): (SEEN, WIDE)})
        for word in ("weight", "bias"):
            parts = [new(*((SEEN, SEEN) if word == "weight" else (SEEN,)))
                     for _ in range(3)]
            ms[f"{own}attn.in_proj.{word}"] = np.concatenate(parts)
            for x, a in zip("qkv", parts):
                hf[f"{theirs}self_attn.{x}_proj.{word}"] = a


def llava_cases():
    config = {"model_type": "llava", "text_config": TEXT,
              "vision_config": {"hidden_size": SEEN}}
    language, its = llama()
    hf, ms = dict(language), dict(its)
    clip(hf, ms, "vision_tower.vision_model.")
    matrices(hf, ms, "multi_modal_projector.", "adapter.", {
        ("linear_1", "adapter"): (H, SEEN),
        ("linear_2", "adapter_2"): (H, H)})
    pair(hf, ms, "image_newline", "image_newline", new(H))
    case("llava", config, None, hf, ms)
    ids = {"vision_tower.vision_model.embeddings.position_ids":
           np.arange(5).reshape(1, 5)}
    one_way("llava-ids", config, None, {**hf, **ids}, ms, False)
    for x in ("language", "vision"):
        refused(f"llava-not-{x}", config, f"from_{x}=true", hf, False)
    alone = {k.removeprefix("language_model."): a for k, a in language.items()}
    case("llava-language", {**TEXT, "model_type": "llama"},
         "from_language=true", alone, its, "llava")
    hf, ms = {}, {}
    clip(hf, ms, "vision_model.")
    case("llava-vision", {"model_type": "clip"}, "from_vision=true", hf, ms,
         "llava")
    one_way("llava-clip", {"model_type": "clip"}, "from_vision=true", {
        **hf, "logit_scale": new(), "visual_projection.weight": new(4, SEEN),
        "text_projection.weight": new(4, H),
        "text_model.embeddings.token_embedding.weight": new(V, H)}, ms, False,
        "llava")


# ---- Llama 3.2 Vision ----

def mllama_vision(hf, ms):
    at = "vision_model."
    for x in ("class_embedding", "patch_embedding.weight",
              "gated_positional_embedding.gate",
              "gated_positional_embedding.embedding",
              "pre_tile_positional_embedding.gate",
              "post_tile_positional_embedding.gate"):
        shape = {"class_embedding": (SEEN,), "patch_embedding.weight":
                 (SEEN, 3, 2, 2)}.get(x, (5, SEEN) if "embedding.e" in x
                                      else (1,))
        pair(hf, ms, at + x, at + x, new(*shape))
    for x in ("gated_positional_embedding.tile_embedding",
              "pre_tile_positional_embedding.embedding",
              "post_tile_positional_embedding.embedding"):
        pair(hf, ms, f"{at}{x}.weight", f"{at}{x}.embedding_table",
             new(3, 4 * SEEN))
    matrices(hf, ms, at, at, {(f"layernorm_{x}",) * 2: (SEEN,)
                              for x in ("pre", "post")}, LN)
    for kind, n in ("transformer", 3), ("global_transformer", 2):
        for i in range(n):
            own = f"{at}{kind}.layers.{i}."
            for x in "qkvo":
                pair(hf, ms, f"{own}self_attn.{x}_proj.weight",
                     f"{own}self_attn.{x}_proj.weight", new(SEEN, SEEN))
            matrices(hf, ms, own, own, {("mlp.fc1",) * 2: (WIDE, SEEN),
                                        ("mlp.fc2",) * 2: (SEEN, WIDE)})
            matrices(hf, ms, own, own, {
                (f"{x}_layernorm",) * 2: (SEEN,)
                for x in ("input", "post_attention")}, LN)
            for x in ("attn", "ffn") if kind != "transformer" else ():
                pair(hf, ms, f"{own}gate_{x}", f"{own}gate_{x}", new(1))


def mllama(biases=""):
    """Layer 1 attends to what is seen."""
    hf, ms = llama(biases)
    at = "language_model.model.layers.1."
    for x in "qkvo":
        for word in ("weight", "bias"):
            a = hf.pop(f"{at}self_attn.{x}_proj.{word}", None)
            if a is not None:
                hf[f"{at}cross_attn.{x}_proj.{word}"] = a
    for theirs, mine, n in (
            ("cross_attn.q_norm.weight", "attention.wq_norm.weight", D),
            ("cross_attn.k_norm.weight", "attention.wk_norm.weight", D),
            ("cross_attn_attn_gate", "cross_attn_attn_gate", 1),
            ("cross_attn_mlp_gate", "cross_attn_ff_gate", 1)):
        pair(hf, ms, at + theirs, at + mine, new(n))
    pair(hf, ms, "language_model.model.embed_tokens.weight",
         "language_model.model.tok_embeddings.embedding_weight",
         new(V + 8, H))
    mllama_vision(hf, ms)
    matrices(hf, ms, "", "", {("multi_modal_projector",) * 2: (H, 6 * SEEN)})
    return hf, ms


def mllama_cases():
    config = {"model_type": "mllama", "text_config": TEXT, "vision_config": {
        "hidden_size": SEEN, "intermediate_size": WIDE,
        "num_hidden_layers": 3, "num_global_layers": 2}}
    for biases in ("", "qkvo"):
        hf, ms = mllama(biases)
        case(f"mllama-{biases}", config, None, hf, ms)
    at = "language_model.model.layers."
    one_way("mllama-inv-freq", config, None,
            {**hf, f"{at}0.self_attn.rotary_emb.inv_freq": new(2)}, ms, False)
    refused("mllama-not-crossed", config, None,
            {k.replace("1.cross_attn.q_proj", "1.self_attn.q_proj"): a
             for k, a in hf.items()}, False)
    vision = "vision_model.*.self_attn.q_proj.weight"
    broken("mllama", config, None, hf, False, "-", (),
           ("*language_model*.o_proj.weight", "*.mlp.up_proj.weight", vision),
           (vision, "multi_modal_projector.weight"))


def cases():
    internvl2_cases()
    llava_cases()
    mllama_cases()
