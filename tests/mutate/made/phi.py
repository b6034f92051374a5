# SPDX-License-Identifier: Apache-2.0
"""Phi: Microsoft's two layouts for HuggingFace's names."""

import numpy as np

from case import broken, new, one_way, refused
from sides import Sides

H, N, F, V, LAYERS = 12, 3, 20, 9, 2
D = H // N

# Names of the embedding, of layer i, and of what is behind the last.
V1 = ("layers.0.wte.weight", lambda i: f"layers.{i + 1}.",
      f"layers.{LAYERS + 1}.")
V2 = ("transformer.embd.wte.weight", lambda i: f"transformer.h.{i}.",
      "lm_head.")
OWN = dict(n_embd=H, n_head=N, n_inner=F, n_layer=LAYERS, vocab_size=V)
HUB = dict(model_type="phi", hidden_size=H, num_attention_heads=N,
           intermediate_size=F, num_hidden_layers=LAYERS, vocab_size=V)


def phi(names, fused):
    """The original, HuggingFace's, and buffers of the original."""
    m, buffers = Sides(), {}
    m.put(names[0], "model.embed_tokens.weight", new(V, H))
    for i in range(LAYERS):
        p, q = names[1](i), f"model.layers.{i}."
        for word, tail in (("weight", (H,)), ("bias", ())):
            m.put(f"{p}ln.{word}", f"{q}input_layernorm.{word}", new(H))
            parts = [new(H, *tail) for _ in range(3)]
            m.hf[f"{p}mixer.Wqkv.{word}"] = np.concatenate(parts)
            if fused:  # each head's rows of q, k and v
                m.ms[f"{q}self_attn.query_key_value.{word}"] = np.concatenate(
                    [a[h * D:(h + 1) * D] for h in range(N) for a in parts])
            else:
                for x, a in zip("qkv", parts):
                    m.ms[f"{q}self_attn.{x}_proj.{word}"] = a
        m.linear(f"{p}mixer.out_proj", f"{q}self_attn.dense", H, H)
        m.linear(f"{p}mlp.fc1", f"{q}mlp.fc1", F, H)
        m.linear(f"{p}mlp.fc2", f"{q}mlp.fc2", H, F)
        buffers[f"{p}mixer.rotary_emb.inv_freq"] = new(2)
    for word in ("weight", "bias"):
        m.put(f"{names[2]}ln.{word}", f"model.final_layernorm.{word}", new(H))
    m.linear(f"{names[2]}linear", "lm_head", V, H)
    return m.hf, m.ms, buffers


def holed(tensors, last, beyond):
    return {k.replace(last, beyond): a for k, a in tensors.items()}


def cases():
    for layout, names in (("v1", V1), ("v2", V2)):
        for fused in (False, True):
            own, hub, buffers = phi(names, fused)
            said = " fused_qkv=true" if fused else ""
            for kind, config in (("own", {**OWN, "model_type": "phi-msft"}),
                                 ("hub", HUB)):
                name = f"phi-{layout}-{fused}-{kind}"
                one_way(name, config, said.strip(), own, hub, "hf")
                one_way(f"{name}-said", config, f"layout={layout}{said}", own,
                        hub, "hf")
                one_way(f"{name}-back", config, f"layout={layout}{said}", hub,
                        own, "original")
        own, hub, buffers = phi(names, False)
        one_way(f"phi-{layout}-rotary", HUB, None, {**own, **buffers}, hub,
                "hf")
        # without a config.json layers are counted
        one_way(f"phi-{layout}-alone", None, None, own, hub, "hf", "phi")
        one_way(f"phi-{layout}-alone-back", None, f"layout={layout}", hub,
                own, "original", "phi")
        last = names[1](LAYERS - 1)
        refused(f"phi-{layout}-holed", None, None,
                holed(own, last, names[1](LAYERS + 2)), "hf", "phi")
        refused(f"phi-{layout}-holed-back", None, f"layout={layout}",
                holed(hub, "layers.1.", "layers.2."), "original", "phi")
        other = "v2" if layout == "v1" else "v1"
        refused(f"phi-not-{layout}", HUB, f"layout={other}", own, "hf", "phi")
        refused(f"phi-{layout}-not-fused", HUB,
                f"layout={layout} fused_qkv=true", hub, "original", "phi")
        broken(f"phi-{layout}", HUB, None, own, "hf", "phi",
               wider=[f"{last}mixer.out_proj.weight"],
               taller=[f"{last}mlp.fc1.bias"])
    one_way("phi-hub-back", HUB, None, hub, own, "original")
