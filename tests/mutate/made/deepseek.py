# SPDX-License-Identifier: Apache-2.0
"""DeepSeek V2 and V3, with and without a rank of queries, in the layouts of
before Mcore and of Mcore; and TeleChat3 MoE, which is made as they are."""

import numpy as np

from case import (broken, by_rows, case, layouts, mixed, new, one_way,
                  refused, without)

HIDDEN, HEADS, NOPE, ROPE, VALUE, QUERY, LATENT = 12, 2, 3, 6, 5, 7, 8
DENSE, ROUTED, EXPERTS, SHARED, VOCAB = 10, 9, 3, 2, 11


def config(kind, dense, layers, nextn, low_rank=True, shared=SHARED):
    return dict(
        model_type=kind, hidden_size=HIDDEN, num_attention_heads=HEADS,
        num_key_value_heads=HEADS, qk_nope_head_dim=NOPE,
        qk_rope_head_dim=ROPE, v_head_dim=VALUE,
        q_lora_rank=QUERY if low_rank else None, kv_lora_rank=LATENT,
        intermediate_size=DENSE, moe_intermediate_size=ROUTED,
        n_routed_experts=EXPERTS, n_shared_experts=shared, vocab_size=VOCAB,
        num_hidden_layers=layers, first_k_dense_replace=dense,
        num_nextn_predict_layers=nextn)


# ---- as HuggingFace has them ----

def attention(low_rank):
    out = {"kv_a_proj_with_mqa": new(LATENT + ROPE, HIDDEN),
           "kv_a_layernorm": new(LATENT),
           "kv_b_proj": new(HEADS * (NOPE + VALUE), LATENT),
           "o_proj": new(HIDDEN, HEADS * VALUE)}
    rows = HEADS * (NOPE + ROPE)
    if not low_rank:
        return {**out, "q_proj": new(rows, HIDDEN)}
    return {**out, "q_a_proj": new(QUERY, HIDDEN),
            "q_a_layernorm": new(QUERY), "q_b_proj": new(rows, QUERY)}


def three(width):
    return {"gate_proj": new(width, HIDDEN), "up_proj": new(width, HIDDEN),
            "down_proj": new(HIDDEN, width)}


def mlp(is_dense, shared, has_bias):
    if is_dense:
        return three(DENSE)
    out = {f"experts.{e}.{k}": a for e in range(EXPERTS)
           for k, a in three(ROUTED).items()}
    if shared:
        out.update({f"shared_experts.{k}": a
                    for k, a in three(shared * ROUTED).items()})
    out["gate"] = new(EXPERTS, HIDDEN)
    if has_bias:
        out["gate.e_score_correction_bias"] = new(EXPERTS)
    return out


def layer(is_dense, low_rank, shared, has_bias):
    """The tensors of a layer, by their names without ".weight"."""
    return {**{f"self_attn.{k}": a for k, a in attention(low_rank).items()},
            **{f"mlp.{k}": a
               for k, a in mlp(is_dense, shared, has_bias).items()},
            "input_layernorm": new(HIDDEN),
            "post_attention_layernorm": new(HIDDEN)}


class Hub:
    """A model: its layers, those that predict further tokens behind."""

    def __init__(self, dense, layers, nextn, low_rank=True, shared=SHARED,
                 has_bias=True):
        self.embedding, self.norm, self.head = (
            new(VOCAB, HIDDEN), new(HIDDEN), new(VOCAB, HIDDEN))
        self.nlayers = layers
        self.layers = [layer(i < dense, low_rank, shared, has_bias)
                       for i in range(layers + nextn)]
        self.further = [
            {"enorm": new(HIDDEN), "hnorm": new(HIDDEN),
             "eh_proj": new(HIDDEN, 2 * HIDDEN),
             "shared_head.norm": new(HIDDEN),
             "embed_tokens": self.embedding, "shared_head.head": self.head}
            for _ in range(nextn)]

    def hf(self, further=True):
        out = {"model.embed_tokens.weight": self.embedding,
               "model.norm.weight": self.norm, "lm_head.weight": self.head}
        n = len(self.layers) if further else self.nlayers
        for i, its in enumerate(self.layers[:n]):
            own = self.further[i - self.nlayers] if i >= self.nlayers else {}
            for k, a in {**its, **own}.items():
                word = "" if k.endswith("_bias") else ".weight"
                out[f"model.layers.{i}.{k}{word}"] = a
        return out


# ---- what becomes of a tensor ----

def halves(a):
    """Rotary pairs become two halves, of what follows in a head."""
    return a.reshape(-1, ROPE // 2, 2, a.shape[-1]).transpose(
        0, 2, 1, 3).reshape(-1, ROPE, a.shape[-1])


def parts(a, first, second):
    """The two parts of each head's rows."""
    a = a.reshape(-1, first + second, a.shape[-1])
    return a[:, :first], a[:, first:]


def flat(a):
    return a.reshape(-1, a.shape[-1])


def rotated(a, before):
    """Each head's rows with its rotary part in halves."""
    nope, rope = parts(a, before, ROPE)
    return flat(np.concatenate([nope, halves(flat(rope))], 1))


def stacked(its, *names):
    """Experts one behind the other, each transposed; several side by side."""
    return np.stack([np.concatenate([its[f"mlp.experts.{e}.{k}"].T
                                     for k in names], 1)
                     for e in range(EXPERTS)])


def renamed(out, its, at, pairs):
    for theirs, mine in pairs.items():
        if theirs in its:
            out[f"{at}.{mine}"] = its[theirs]


# ---- in the layouts of before Mcore ----

CLASSIC = {
    "self_attn.q_a_proj": "attention.q2l_proj.weight",
    "self_attn.q_a_layernorm": "attention.lq_norm.weight",
    "self_attn.kv_a_layernorm": "attention.lkv_norm.weight",
    "self_attn.o_proj": "attention.wo.weight",
    "input_layernorm": "attention_norm.weight",
    "post_attention_layernorm": "ffn_norm.weight",
    **{f"mlp.{x}{k}_proj": f"feed_forward.{x}w{w}.weight"
       for x in ("", "shared_experts.")
       for k, w in (("gate", 1), ("up", 3), ("down", 2))}}


def classic(hub):
    out = {"model.tok_embeddings.embedding_weight": hub.embedding,
           "model.norm_out.weight": hub.norm, "lm_head.weight": hub.head}
    for i, its in enumerate(hub.layers):
        renamed(out, its, f"model.layers.{i}", CLASSIC)
    return out


def split_values(out, its, at):
    k, v = parts(its["self_attn.kv_b_proj"], NOPE, VALUE)
    out[f"{at}.lkv2kv_k_nope.weight"] = flat(k)
    out[f"{at}.lkv2kv_v.weight"] = flat(v)


def split_keys(out, its, at):
    """Queries and keys, their rotary parts in halves on their own."""
    nope, rope = parts(its["self_attn.q_b_proj"], NOPE, ROPE)
    out[f"{at}.l2q_nope_proj.weight"] = flat(nope)
    out[f"{at}.l2q_pe_proj.weight"] = flat(halves(flat(rope)))
    latent = its["self_attn.kv_a_proj_with_mqa"]
    out[f"{at}.kv2l_latent_kv.weight"] = latent[:LATENT]
    out[f"{at}.kv2l_k_pe.weight"] = flat(halves(latent[LATENT:]))


def v2(hub, split):
    out = classic(hub)
    for i, its in enumerate(hub.layers):
        at = f"model.layers.{i}.attention"
        if split:
            split_keys(out, its, at)
            split_values(out, its, at)
        else:
            renamed(out, its, at, {
                "self_attn.q_b_proj": "l2q_proj.weight",
                "self_attn.kv_a_proj_with_mqa": "kv2l.weight",
                "self_attn.kv_b_proj": "lkv2kv.weight"})
        renamed(out, its, at, {"self_attn.q_proj": "q_proj.weight"})
        at = f"model.layers.{i}.feed_forward.routed_experts"
        renamed(out, its, at, {"mlp.gate": "router.dense.weight"})
        for k, w in (("gate", 1), ("up", 3), ("down", 2)):
            if "mlp.gate" in its:
                out[f"{at}.ffn.w{w}.weight"] = stacked(
                    its, f"{k}_proj").transpose(0, 2, 1)
    return out


def v3_experts(out, its, at, layout):
    bias = "mlp.gate.e_score_correction_bias"
    if layout == "gmm":
        renamed(out, its, at, {"mlp.gate": "router_dense.weight",
                               bias: "topk_bias"})
        out[f"{at}.ffn.w1"] = stacked(its, "gate_proj", "up_proj")
        out[f"{at}.ffn.w2"] = stacked(its, "down_proj")
        return
    renamed(out, its, at, {
        "mlp.gate": "router.dense.weight",
        bias: "router.e_score_correction_bias" if layout == "infer" else
              "router.router.topk_bias"})
    for k, w in (("gate", 1), ("up", 3), ("down", 2)):
        a = stacked(its, f"{k}_proj")
        out[f"{at}.ffn.w{w}.weight"] = (
            a if layout == "infer" else a.transpose(0, 2, 1))


def v3_further(out, hub, m, layout):
    """A layer that predicts further tokens, beside what every layer has."""
    its = hub.further[m]
    if layout != "infer":
        renamed(out, its, "model", {
            "enorm": f"mtp_hidden_fusers.{m}.norm_emb.weight",
            "hnorm": f"mtp_hidden_fusers.{m}.norm.weight",
            "eh_proj": f"mtp_hidden_fusers.{m}.dense.weight",
            "shared_head.norm": f"mtp_norms.{m}.weight"})
        return
    at = f"model.layers.{hub.nlayers + m}"
    renamed(out, its, at, {
        **{k: f"{k}.weight" for k in its if k != "embed_tokens"},
        "embed_tokens": "tok_embeddings.weight"})


def v3(hub, layout):
    """layout: "gmm", "bmm" or "infer"."""
    out = classic(hub)
    for i, its in enumerate(hub.layers):
        at = f"model.layers.{i}.attention"
        if layout != "infer":
            split_keys(out, its, at)
        else:
            for k, mine in (("q_b_proj", "l2q_proj"), ("q_proj", "q_proj")):
                if f"self_attn.{k}" in its:
                    out[f"{at}.{mine}.weight"] = rotated(
                        its[f"self_attn.{k}"], NOPE)
            out[f"{at}.kv2l.weight"] = rotated(
                its["self_attn.kv_a_proj_with_mqa"], LATENT)
        split_values(out, its, at)
        if "mlp.gate" in its:
            v3_experts(out, its,
                       f"model.layers.{i}.feed_forward.routed_experts", layout)
    for m in range(len(hub.further)):
        v3_further(out, hub, m, layout)
    return out


# ---- in the layouts of Mcore ----

MCORE = {"input_layernorm": "input_layernorm.weight",
         "post_attention_layernorm": "pre_mlp_layernorm.weight",
         "self_attn.o_proj": "self_attention.linear_proj.weight",
         "self_attn.q_a_layernorm": "self_attention.q_layernorm.weight",
         "mlp.down_proj": "mlp.linear_fc2.weight",
         "mlp.gate": "mlp.router.weight",
         "mlp.gate.e_score_correction_bias": "mlp.router.expert_bias",
         "mlp.shared_experts.down_proj": "mlp.shared_experts.linear_fc2.weight"}


def joined(out, its, at, join):
    """The gate and the hidden rows of dense layers and of shared experts."""
    for x in ("", "shared_experts."):
        if f"mlp.{x}gate_proj" in its:
            out[f"{at}.mlp.{x}linear_fc1.weight"] = join(
                its[f"mlp.{x}gate_proj"], its[f"mlp.{x}up_proj"])


def both(a, b):
    return np.concatenate([a, b])


def r18(out, its, at):
    renamed(out, its, f"{at}.self_attention", {
        f"self_attn.{k}": f"{mine}.weight" for k, mine in (
            ("kv_a_layernorm", "kv_layernorm"), ("q_proj", "linear_q_proj"),
            ("q_a_proj", "linear_q_down_proj"),
            ("q_b_proj", "linear_q_up_proj"),
            ("kv_a_proj_with_mqa", "linear_kv_down_proj"),
            ("kv_b_proj", "linear_kv_up_proj"))})
    joined(out, its, at, by_rows)
    if "mlp.gate" in its:
        out[f"{at}.mlp.experts.weight1"] = flat(
            stacked(its, "gate_proj", "up_proj"))
        out[f"{at}.mlp.experts.weight2"] = flat(stacked(its, "down_proj"))


def dev(out, its, at, split, gmm):
    attn = f"{at}.self_attention"
    renamed(out, its, attn, {"self_attn.kv_a_layernorm": "k_layernorm.weight"})
    query = its.get("self_attn.q_a_proj", its.get("self_attn.q_proj"))
    out[f"{attn}.linear_qkv.weight"] = both(
        query, its["self_attn.kv_a_proj_with_mqa"])
    if split:
        for k, n, mine in (
                ("q_b_proj", ROPE, ("linear_qk_nope", "linear_qk_rope")),
                ("kv_b_proj", VALUE, ("linear_kv_nope", "linear_v"))):
            if f"self_attn.{k}" in its:
                for name, a in zip(mine, parts(its[f"self_attn.{k}"], NOPE,
                                               n)):
                    out[f"{attn}.{name}.weight"] = flat(a)
    else:
        renamed(out, its, attn, {"self_attn.q_b_proj": "linear_qb.weight",
                                 "self_attn.kv_b_proj": "linear_kvb.weight"})
    joined(out, its, at, both)
    if "mlp.gate" not in its:
        return
    if gmm:
        out[f"{at}.mlp.experts.weight1"] = stacked(
            its, "gate_proj", "up_proj").reshape(HIDDEN, -1)
        out[f"{at}.mlp.experts.weight2"] = flat(stacked(its, "down_proj"))
        return
    for e in range(EXPERTS):
        expert = f"{at}.mlp.experts.local_experts.{e}"
        x = f"mlp.experts.{e}"
        out[f"{expert}.linear_fc1.weight"] = both(its[f"{x}.gate_proj"],
                                                  its[f"{x}.up_proj"])
        out[f"{expert}.linear_fc2.weight"] = its[f"{x}.down_proj"]


def inference(out, its, at):
    attn = f"{at}.self_attention"
    renamed(out, its, attn, {"self_attn.kv_a_layernorm": "kv_layernorm.weight"})
    down = rotated(its["self_attn.kv_a_proj_with_mqa"], LATENT)
    if "self_attn.q_a_proj" in its:
        out[f"{attn}.linear_qkv_down_proj.weight"] = both(
            down, its["self_attn.q_a_proj"])
        out[f"{attn}.linear_q_up_proj.weight"] = rotated(
            its["self_attn.q_b_proj"], NOPE)
    else:
        out[f"{attn}.linear_kv_down_proj.weight"] = down
        out[f"{attn}.linear_q_proj.weight"] = rotated(
            its["self_attn.q_proj"], NOPE)
    k, v = parts(its["self_attn.kv_b_proj"], NOPE, VALUE)
    out[f"{attn}.linear_kv_up_proj.weight"] = both(flat(k), flat(v))
    joined(out, its, at, both)
    if "mlp.gate" in its:
        out[f"{at}.mlp.experts.weight1"] = stacked(its, "gate_proj", "up_proj")
        out[f"{at}.mlp.experts.weight2"] = stacked(its, "down_proj")


def mcore(hub, put, further=True):
    """put(out, its, at): what a layout makes of a layer."""
    out = {"embedding.word_embeddings.weight": hub.embedding,
           "decoder.final_layernorm.weight": hub.norm,
           "output_layer.weight": hub.head}
    for i, its in enumerate(hub.layers):
        m = i - hub.nlayers
        if m >= 0 and not further:
            break
        at = (f"decoder.layers.{i}" if m < 0 else
              f"mtp.layers.{m}.transformer_layer")
        renamed(out, its, at, MCORE)
        put(out, its, at)
        if m >= 0:
            renamed(out, hub.further[m], f"mtp.layers.{m}", {
                **{k: f"{k}.weight" for k in ("enorm", "hnorm", "eh_proj")},
                "shared_head.norm": "final_layernorm.weight"})
    return out


# ---- the cases ----

def v2_cases():
    hub = Hub(1, 3, 0, has_bias=False)
    layouts("deepseek2", config("deepseek_v2", 1, 3, 0), hub.hf(),
            {"mla_split=true": v2(hub, True), "mla_split=false": v2(hub, False)})
    hub = Hub(1, 3, 0, False, has_bias=False)
    case("deepseek2-full-rank", config("deepseek_v2", 1, 3, 0, False), None,
         hub.hf(), v2(hub, False))
    refused("deepseek2-full-rank-lies", config("deepseek_v2", 1, 3, 0), None,
            hub.hf(), False)
    hub = Hub(2, 4, 0, has_bias=False)
    broken("deepseek2", config("deepseek_v2", 2, 4, 0), None, hub.hf(), False,
           "-", LACKS, WIDER, TALLER)


# Of a model of four layers, two of them dense.
LACKS = ("model.layers.3.self_attn.o_proj.weight",
         "model.layers.0.mlp.down_proj.weight",
         "model.layers.3.mlp.gate.weight",
         "model.layers.3.mlp.experts.2.down_proj.weight")
FURTHER_LACKS = ("model.layers.5.enorm.weight",
                 "model.layers.5.self_attn.o_proj.weight",
                 "model.layers.5.mlp.gate.weight")
WIDER = ("*.self_attn.o_proj.weight", "*.experts.*.gate_proj.weight",
         "*.experts.*.up_proj.weight", "*.experts.*.down_proj.weight")
TALLER = ("*.kv_a_proj_with_mqa.weight",)


def lone_cases(model):
    """Of the one layer that predicts a further token, something is missing."""
    broken(f"{model}-lone", config("deepseek_v3", 1, 2, 1), None,
           Hub(1, 2, 1).hf(), False, model, [
               f"model.layers.2.{k}.weight" for k in
               ("enorm", "hnorm", "eh_proj", "shared_head.norm")])


def full_rank_cases(model, layouts):
    """Of no rank for queries: refused where config.json says one."""
    hub = Hub(1, 3, 1, False)
    for options, its in layouts:
        name = f"{model}-{options.replace(' ', '-')}-full-rank"
        case(name, config("deepseek_v3", 1, 3, 1, False), options, hub.hf(),
             its(hub), model)
        refused(f"{name}-lies", config("deepseek_v3", 1, 3, 1), options,
                hub.hf(), False, model)
        refused(f"{name}-lies-back", config("deepseek_v3", 1, 3, 1), options,
                its(hub), True, model)


V3_LAYOUTS = {"gmm": "infer=false use_grouped_gemm=true",
              "bmm": "infer=false use_grouped_gemm=false",
              "infer": "infer=true"}


def v3_cases():
    for nextn in (0, 2):
        for shared in (0, SHARED):
            hub = Hub(1, 3, nextn, True, shared)
            layouts(f"deepseek3-{nextn}-{shared}",
                    config("deepseek_v3", 1, 3, nextn, True, shared), hub.hf(),
                    {options: v3(hub, k) for k, options in V3_LAYOUTS.items()},
                    "deepseek3")
    for layout, options in V3_LAYOUTS.items():
        hub = Hub(1, 3, 0)
        case(f"deepseek3-{layout}-no-further",
             config("deepseek_v3", 1, 3, 1), options, hub.hf(),
             v3(hub, layout), "deepseek3")
    full_rank_cases("deepseek3", [("infer=true", lambda h: v3(h, "infer"))])
    lone_cases("deepseek3")
    refused("deepseek3-full-rank", config("deepseek_v3", 1, 3, 1, False), None,
            Hub(1, 3, 1, False).hf(), False, "deepseek3")
    hub = Hub(2, 4, 2)
    its = config("deepseek_v3", 2, 4, 2)
    for layout, options in V3_LAYOUTS.items():
        broken(f"deepseek3-{layout}", its, options, hub.hf(), False,
               "deepseek3", LACKS + FURTHER_LACKS, WIDER + ("*.eh_proj.weight",)
               if layout != "infer" else WIDER, TALLER)
    infer, train = v3(hub, "infer"), v3(hub, "bmm")
    refused("deepseek3-mixed-attention", its, "infer=true",
            mixed(infer, train, "*.attention.*"), True, "deepseek3")
    for at in ("4", "5"):
        infer = without(infer, *(f"model.layers.{at}.{k}.weight" for k in (
            "tok_embeddings", *hub.further[0])))
    refused("deepseek3-mixed-further", its, "infer=true",
            mixed(infer, train, "model.mtp_*"), True, "deepseek3")


def halves_of(model):
    """In half precision, but the bias that chooses experts."""
    return {k: a if k.endswith(("expert_bias", "topk_bias", "correction_bias"))
            else a.astype(np.float16) for k, a in model.items()}


def kept_cases():
    hub = Hub(1, 3, 1)
    for model, kind, hf, ms in (
            ("deepseek3", "deepseek_v3", hub.hf(), v3(hub, "gmm")),
            ("deepseekv3", "deepseek_v3", hub.hf(), mcore(hub, r18)),
            ("telechat3-moe", "telechat3", hub.hf(False),
             mcore(hub, inference, False))):
        its = config(kind, 1, 3, 1)
        one_way(f"{model}-halves", its, None, hub.hf(), halves_of(ms), False,
                model, "fp16")
        one_way(f"{model}-halves-back", its, None, ms, halves_of(hf), True,
                model, "fp16")


def mcore_ways():
    yield "branch=r1.8", r18
    for split in (False, True):
        for gmm in (False, True):
            yield (f"branch=dev split_mla={split} "
                   f"use_grouped_gemm={gmm}".lower(),
                   lambda out, its, at, s=split, g=gmm:
                   dev(out, its, at, s, g))


def mcore_cases():
    for nextn in (0, 2):
        for shared in (0, SHARED):
            hub = Hub(1, 3, nextn, True, shared)
            layouts(f"deepseekv3-{nextn}-{shared}",
                    config("deepseek_v3", 1, 3, nextn, True, shared), hub.hf(),
                    {options: mcore(hub, put) for options, put in mcore_ways()},
                    "deepseekv3")
    full_rank_cases("deepseekv3", [
        (options, lambda h, p=put: mcore(h, p))
        for options, put in mcore_ways()])
    lone_cases("deepseekv3")
    hub = Hub(1, 3, 0)
    case("deepseekv3-no-further", config("deepseek_v3", 1, 3, 1), None,
         hub.hf(), mcore(hub, r18), "deepseekv3")
    # The script wrote the head once more, of a model without further layers.
    again = {**mcore(hub, r18), "mtp.output_layer.weight": hub.head}
    one_way("deepseekv3-head-again", config("deepseek_v3", 1, 3, 0), None,
            again, hub.hf(), True, "deepseekv3")
    hub = Hub(3, 3, 1)
    case("deepseekv3-dense", config("deepseek_v3", 3, 3, 1), None, hub.hf(),
         mcore(hub, r18), "deepseekv3")
    hub = Hub(2, 4, 2)
    its = config("deepseek_v3", 2, 4, 2)
    for k, (options, put) in enumerate(mcore_ways()):
        broken(f"deepseekv3-{k}", its, options, hub.hf(), False, "deepseekv3",
               LACKS + FURTHER_LACKS, WIDER + ("*.eh_proj.weight",), TALLER)
    old, dev_ = mcore(hub, r18), mcore(hub, lambda out, its, at: dev(
        out, its, at, False, False))
    for like in ("*.mlp.experts.*", "*.self_attention.*"):
        refused(f"deepseekv3-mixed-{like[2:5]}", its,
                "branch=r1.8 use_grouped_gemm=false", mixed(old, dev_, like),
                True, "deepseekv3")
    refused("deepseekv3-infer-mixed", its, "layout=mcore-infer",
            mixed(mcore(hub, inference, False), old, "mtp.*"), True,
            "deepseekv3")


def inference_cases():
    for model, kind, options in (
            ("deepseekv3", "deepseek_v3", "layout=mcore-infer"),
            ("telechat3-moe", "telechat3", None)):
        for low_rank in (True, False):
            hub = Hub(1, 3, 1, low_rank)
            its = config(kind, 1, 3, 1, low_rank)
            ms = mcore(hub, inference, False)
            name = f"{model}-infer-{low_rank}"
            one_way(name, its, options, hub.hf(), ms, False, model)
            one_way(f"{name}-back", its, options, ms, hub.hf(False), True,
                    model)
        refused(f"{model}-infer-lies", config(kind, 1, 3, 1), options,
                hub.hf(), False, model)
        refused(f"{model}-infer-not-mcore", its, "layout=mcore", ms, True,
                model)


def kimi_cases():
    """Kimi-K2's architecture is DeepSeek-V3's, under a type of its own."""
    hub = Hub(1, 3, 0)
    its = {**config("kimi_k2", 1, 3, 0),
           "architectures": ["DeepseekV3ForCausalLM"]}
    case("kimi-k2", its, "use_grouped_gemm=false", hub.hf(), v3(hub, "bmm"))
    one_way("kimi-k2-mcore-back", its, None, mcore(hub, r18), hub.hf(), True)


def cases():
    v2_cases()
    v3_cases()
    mcore_cases()
    inference_cases()
    kept_cases()
    kimi_cases()
