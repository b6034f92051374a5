# SPDX-License-Identifier: Apache-2.0
"""made.py DIR - cases beyond those of tests/golden: small random models, and
what they are on the other side, worked out with numpy from lists of names. Both
sides are written into DIR, with a line for each case as judge reads them."""

import hashlib
import json
import os
import struct
import sys

import numpy as np

RNG = np.random.default_rng(5)
TOP = sys.argv[1]


def new(*shape):
    return RNG.standard_normal(shape, dtype=np.float32)


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, a in tensors.items():
        header[name] = {"dtype": "F32", "shape": a.shape,
                        "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for a in tensors.values():
            f.write(np.ascontiguousarray(a).tobytes())


def write_table(path, tensors, word):
    with open(path, "w", encoding="utf-8") as f:
        for name, a in tensors.items():
            data = np.ascontiguousarray(a).tobytes()
            f.write("\t".join((name, word, "x".join(map(str, a.shape)),
                               hashlib.sha256(data).hexdigest())) + "\n")


def one_way(name, config, options, source, want, back):
    """A source, and what it must give."""
    top = os.path.join(TOP, name)
    os.makedirs(top)
    write_safetensors(f"{top}/model.safetensors", source)
    with open(f"{top}/config.json", "w", encoding="utf-8") as f:
        json.dump(config, f)
    write_table(f"{top}/want.tsv", want, "F32" if back else "Float32")
    print(name, top, f"{top}/config.json", "-", "hf" if back else "ms", "-",
          options or "-", f"{top}/want.tsv", sep="\t")


def case(name, config, options, hf, ms):
    one_way(name, config, options, hf, ms, False)
    one_way(f"{name}-back", config, options, ms, hf, True)


def without(tensors, *names):
    return {k: v for k, v in tensors.items() if k not in names}


def tied_cases(name, config, layout, hf, ms, auto):
    """Of a tied model: hf and ms without the head. auto: whether ms gets one
    by itself."""
    config = {**config, "tie_word_embeddings": True}
    (head, its), (mine, embedding) = TIES[layout]
    whole_hf = {**hf, head: hf[its]}
    whole_ms = {**ms, mine: ms[embedding]}
    options = f"layout={layout} " if layout in LAYOUTS.get(name, ()) else ""
    by_itself = whole_ms if auto else ms
    for tie, full in (("auto", by_itself), ("emit", whole_ms), ("drop", ms)):
        for text, source in (("with", whole_hf), ("without", hf)):
            if tie == "auto" and text == "with" and not auto:
                full = ms
            one_way(f"{name}-{layout}-{tie}-{text}", config,
                    f"{options}tie={tie}", source, full, False)
    for tie, source, want in (
            ("auto", whole_ms, whole_hf), ("auto", ms, hf),
            ("emit", whole_ms, whole_hf), ("emit", ms, whole_hf),
            ("drop", whole_ms, hf), ("drop", ms, hf)):
        text = "with" if source is whole_ms else "without"
        one_way(f"{name}-{layout}-{tie}-{text}-back", config,
                f"{options}tie={tie}", source, want, True)


HF_HEAD = ("lm_head.weight", "model.embed_tokens.weight")
TIES = {
    "classic": (HF_HEAD, ("lm_head.weight",
                          "model.tok_embeddings.embedding_weight")),
    "glm": (HF_HEAD, ("transformer.output_layer.weight",
                      "transformer.embedding.embedding_weight")),
    "mcore-infer": (HF_HEAD, ("output_layer.weight",
                              "embedding.word_embeddings.weight")),
}
LAYOUTS = {"qwen2": ("classic", "mcore-infer"), "glm-hf": ("mcore-infer",)}

# ---- the llama family

H, N, G, D, F, V = 16, 4, 2, 4, 10, 9
CONFIG = dict(hidden_size=H, num_attention_heads=N, num_key_value_heads=G,
              intermediate_size=F, vocab_size=V, num_hidden_layers=2)


def by_groups(q, k, v):
    """Each group's heads of queries, its head of keys, its head of values."""
    per = N // G * D
    return np.concatenate([x for g in range(G) for x in (
        q[g * per:(g + 1) * per], k[g * D:(g + 1) * D],
        v[g * D:(g + 1) * D])])


def by_rows(a, b):
    return np.stack([a, b], 1).reshape(-1, *a.shape[1:])


def llama(biases, qkv, gate=None):
    """biases: which layers have one; qkv, gate: how q, k, v and the gate are
    joined, or None."""
    hf = {"model.embed_tokens.weight": new(V, H)}
    ms = {"model.tok_embeddings.embedding_weight":
          hf["model.embed_tokens.weight"]}
    for i in range(2):
        p = f"model.layers.{i}."
        for theirs, mine, rows, cols in (
                ("self_attn.q_proj", "attention.wq", N * D, H),
                ("self_attn.k_proj", "attention.wk", G * D, H),
                ("self_attn.v_proj", "attention.wv", G * D, H),
                ("self_attn.o_proj", "attention.wo", H, N * D),
                ("mlp.gate_proj", "feed_forward.w1", F, H),
                ("mlp.up_proj", "feed_forward.w3", F, H),
                ("mlp.down_proj", "feed_forward.w2", H, F)):
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


def in_turn(q, k, v):
    return np.concatenate([q, k, v])


def llama_cases():
    config = {**CONFIG, "model_type": "llama"}
    every = "qkvope_n"  # theirs[-6]: a letter of each layer's name
    case("llama-biases", config, None, *with_head(*llama(every, None)))
    case("llama-grouped", config, "qkv_concat=true",
         *with_head(*llama(every, by_groups, by_rows)))
    case("llama-plain", config, "qkv_concat=true qkv_layout=plain",
         *with_head(*llama(every, in_turn, lambda a, b:
                           np.concatenate([a, b]))))
    tied_cases("llama", config, "classic", *llama("", None), True)
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
        for theirs, mine in (
                ("self_attn.q_proj", "attention.wq"),
                ("self_attn.k_proj", "attention.wk"),
                ("self_attn.v_proj", "attention.wv"),
                ("self_attn.o_proj", "attention.wo"),
                ("mlp.gate_proj", "feed_forward.w1"),
                ("mlp.up_proj", "feed_forward.w3"),
                ("mlp.down_proj", "feed_forward.w2")):
            for x, word in zip("AB", words):
                a = new(3, H)
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


# ---- GLM under HuggingFace's names

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


def glm_cases():
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


# ---- YOLOS, of its authors and of the hub

def yolos_cases():
    own, ms, hub = {}, {}, {}

    def put(theirs, mine, of_hub, a):
        own[theirs] = ms[mine] = a
        if of_hub:
            hub[of_hub] = a

    for x, hubs in (("pos_embed", "vit.embeddings.position_embeddings"),
                    ("det_token", "vit.embeddings.detection_tokens")):
        put(f"backbone.{x}", f"optimizer.{x}", hubs, new(1, 3, H))
    for x, hubs in (("cls_token", "vit.embeddings.cls_token"),
                    ("mid_pos_embed", "vit.encoder.mid_position_embeddings")):
        put(f"backbone.{x}", f"optimizer.backbone.{x}", hubs, new(1, 2, H))
    for p in ("weight", "bias"):
        a = new(H, 3, 2, 2) if p == "weight" else new(H)
        put(f"backbone.patch_embed.proj.{p}",
            f"optimizer.backbone.patch_embed.proj.{p}",
            f"vit.embeddings.patch_embeddings.projection.{p}", a)
        ln = {"weight": "gamma", "bias": "beta"}[p]
        put(f"backbone.norm.{p}", f"optimizer.backbone.norm.{ln}",
            f"vit.layernorm.{p}", new(H))
        for i in range(2):
            b, m = f"backbone.blocks.{i}.", f"optimizer.backbone.blocks.{i}."
            h = f"vit.encoder.layer.{i}."
            for k, word in (("1", "before"), ("2", "after")):
                put(f"{b}norm{k}.{p}", f"{m}norm{k}.{ln}",
                    f"{h}layernorm_{word}.{p}", new(H))
            tail = (H,) if p == "weight" else ()
            qkv = new(3 * H, *tail)
            put(f"{b}attn.qkv.{p}", f"{m}attn.qkv.{p}", None, qkv)
            for k, x in enumerate(("query", "key", "value")):
                hub[f"{h}attention.attention.{x}.{p}"] = qkv[
                    k * H:(k + 1) * H]
            for x, hubs in (("attn.proj", "attention.output.dense"),
                            ("mlp.fc1", "intermediate.dense"),
                            ("mlp.fc2", "output.dense")):
                put(f"{b}{x}.{p}", f"{m}{x}.{p}", f"{h}{hubs}.{p}",
                    new(H, *tail))
        for x, hubs in (("class", "class_labels_classifier"),
                        ("bbox", "bbox_predictor")):
            for j in range(2):
                put(f"{x}_embed.layers.{j}.{p}",
                    f"optimizer.{x}_embed.layers.{j}.{p}",
                    f"{hubs}.layers.{j}.{p}",
                    new(4, H) if p == "weight" else new(4))
    case("yolos-hub", {"model_type": "yolos"}, None, hub, ms)
    case("yolos", {}, None, own, ms)


if __name__ == "__main__":
    llama_cases()
    qwen2_cases()
    lora_cases()
    moe_cases()
    glm_cases()
    yolos_cases()
