# SPDX-License-Identifier: Apache-2.0
"""YOLOS, of its authors and of the hub."""

from case import case, new, refused

H = 16


def cases():
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
    # a map has to name all but what the rules know better
    refused("yolos-map", {}, "map=true", own, "ms", "yolos")
