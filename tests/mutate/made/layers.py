# SPDX-License-Identifier: Apache-2.0
"""Networks of torch.nn layers, and of mindspore.nn cells."""

import numpy as np

from case import case, new, one_way
from sides import Sides


def batch_norm(m, theirs, mine, n, words=("weight", "bias")):
    for x, y in (("weight", "gamma"), ("bias", "beta"),
                 ("running_mean", "moving_mean"),
                 ("running_var", "moving_variance")):
        if x in words or "running" in x:
            m.put(f"{theirs}.{x}", f"{mine}.{y}", new(n))


def tracked(*names):
    """What torch counts and MindSpore does not."""
    return {f"{x}.num_batches_tracked": np.array(3) for x in names}


def plain():
    """What names and shapes tell."""
    m = Sides()
    batch_norm(m, "bn", "bn", 5)
    batch_norm(m, "scaled", "scaled", 5, ("weight",))  # its bias is None
    batch_norm(m, "whitened", "whitened", 5, ())
    for name, shape in (("ln1", (5,)), ("ln2", (3, 4)), ("ln3", (2, 3, 4))):
        m.put(f"{name}.weight", f"{name}.gamma", new(*shape))
        m.put(f"{name}.bias", f"{name}.beta", new(*shape))
    m.put("body.prelu1.weight", "body.prelu1.w", new(4))
    m.put("act.weight", "act.w", new(1))
    m.put("lone.weight", "lone.gamma", new(1))
    m.put("lone.bias", "lone.beta", new(1))
    m.put("rms.weight", "rms.weight", new(4))
    m.weight("proj", "proj", 5, 4)
    for name in ("emb", "tok_embed", "pos_emb", "h.wte", "h.token"):
        m.put(f"{name}.weight", f"{name}.embedding_table", new(7, 4))
    for name in ("embed_out", "x.unembed", "x.unembedding"):
        m.weight(name, name, 7, 4)
    # the layers behind an embedding have biases
    for name in ("emb_fc", "x.embed_proj", "x.position"):
        m.linear(name, name, 6, 4)
    m.put("bilinear.weight", "bilinear.weight", new(5, 4, 3))
    m.bias("bilinear", "bilinear", 5)
    a = new(6, 4, 3)
    m.put("conv.weight", "conv.weight", a, a[:, :, None])
    m.bias("conv", "conv", 6)
    return m


def weight_normed():
    m = Sides()
    g, v = new(6, 1, 1), new(6, 4, 3)
    m.put("up.weight_g", "up.weight_g", g, g[:, :, None])
    m.put("up.weight_v", "up.weight_v", v, v[:, :, None])
    m.put("up.bias", "up.weight_norm_cell.bias", new(6))
    m.linear("fc", "fc", 6, 4)
    return m


def parametrized():
    """As weight_normed, as torch has named it since 2.0; this way only."""
    m = weight_normed()
    for k, x in enumerate("gv"):
        m.hf[f"up.parametrizations.weight.original{k}"] = m.hf.pop(
            f"up.weight_{x}")
    return m


def transformer():
    """The layers of nn.Transformer, and others with parts of such names."""
    m = Sides()
    for layer in ("encoder.layers.0", "decoder.layers.1"):
        name = f"{layer}.self_attn.in_proj_weight"
        m.put(name, name, new(12, 4))
        for k, (rows, columns) in ((1, (8, 4)), (2, (4, 8))):
            put = m.linear if "encoder" in layer else m.weight
            put(f"{layer}.linear{k}", f"{layer}.dense{k}", rows, columns)
    m.linear("head.linear1", "head.linear1", 5, 4)
    return m


def by_template():
    """What only the names and shapes that are wanted tell."""
    m = Sides()
    batch_norm(m, "vnorm", "vnorm.bn2d", 5)
    batch_norm(m, "norm", "norm", 5)
    m.put("rms.weight", "rms.gamma", new(4))
    m.put("act.weight", "act.w", new(4))
    m.put("lookup.weight", "lookup.embedding_table", new(7, 4))
    m.put("words.weight", "words.embedding_weight", new(7, 4))
    m.put("tok_emb.weight", "tok_emb.embedding_weight", new(7, 4))
    m.put("ln.weight", "ln.gamma", new(2, 3, 4, 5))
    m.put("ln.bias", "ln.beta", new(2, 3, 4, 5))
    m.linear("fc", "fc", 6, 4)
    return m


def cases():
    m = plain()
    one_way("nn", None, None, {**m.hf, **tracked("bn", "scaled", "whitened")},
            m.ms, "ms", "nn")
    one_way("nn-back", None, None, m.ms, m.hf, "hf", "nn")
    m = weight_normed()
    case("nn-weight-norm", None, None, m.hf, m.ms, "nn")
    m = parametrized()
    one_way("nn-parametrized", None, None, m.hf, m.ms, "ms", "nn")
    m = transformer()
    case("nn-transformer", None, None, m.hf, m.ms, "nn")
    m = by_template()
    one_way("nn-template", None, None, {**m.hf, **tracked("vnorm", "norm")},
            m.ms, "ms", "nn", template=m.ms)
    # by itself the way back needs none
    one_way("nn-template-back", None, None, m.ms, m.hf, "hf", "nn")
    # troubleshooter's name of a PReLU
    a = new(4)
    one_way("nn-prelu-a", None, None, {"prelu.a": a}, {"prelu.weight": a},
            "hf", "nn")
