# SPDX-License-Identifier: Apache-2.0
"""Vision transformers: ViT, MAE, Swin and CLIP, of the hub and of their
authors."""

import numpy as np

from case import case, new, one_way, refused
from sides import Sides

H, F, W = 8, 12, 6  # of the encoder; W: of MAE's decoder
DENSE = ("dense1", "dense2", "dense3")


def hub_block(m, p, q, c, f):
    """A block of ViT's on the hub."""
    for x, mine in zip(("query", "key", "value"), DENSE):
        m.linear(f"{p}attention.attention.{x}", f"{q}attention.{mine}", c, c)
    m.linear(f"{p}attention.output.dense", f"{q}attention.projection", c, c,
             True)
    m.linear(f"{p}intermediate.dense", f"{q}output.mapping", f, c, True)
    m.linear(f"{p}output.dense", f"{q}output.projection", c, f, True)
    m.norm(f"{p}layernorm_before", f"{q}layernorm1", c)
    m.norm(f"{p}layernorm_after", f"{q}layernorm2", c)


def hub_vit(m, norm):
    e = "vit.embeddings."
    m.put(f"{e}cls_token", "vit.cls_tokens", new(1, 1, H))
    m.put(f"{e}position_embeddings", "vit.pos_embed", new(1, 5, H))
    m.put(f"{e}patch_embeddings.projection.weight",
          "vit.patch_embed.proj.weight", new(H, 3, 2, 2))
    m.bias(f"{e}patch_embeddings.projection", "vit.patch_embed.proj", H)
    for i in range(2):
        hub_block(m, f"vit.encoder.layer.{i}.", f"vit.blocks.{i}.", H, F)
    m.norm("vit.layernorm", f"vit.{norm}", H)


def own_block(m, p, q, c, f):
    """A block of their authors' files."""
    m.split(f"{p}attn.qkv.weight", [f"{q}attention.{x}.weight" for x in DENSE],
            c, (c,))
    m.split(f"{p}attn.qkv.bias", [f"{q}attention.{x}.bias" for x in DENSE], c)
    m.linear(f"{p}attn.proj", f"{q}attention.projection", c, c, True)
    m.linear(f"{p}mlp.fc1", f"{q}output.mapping", f, c, True)
    m.linear(f"{p}mlp.fc2", f"{q}output.projection", c, f, True)
    for x in "12":
        m.norm(f"{p}norm{x}", f"{q}layernorm{x}", c)


def own_vit(m, norm):
    m.put("cls_token", "vit.cls_tokens", new(1, 1, H))
    m.put("pos_embed", "vit.pos_embed", new(1, 5, H))
    m.put("patch_embed.proj.weight", "vit.patch_embed.proj.weight",
          new(H, 3, 2, 2))
    m.bias("patch_embed.proj", "vit.patch_embed.proj", H)
    for i in range(2):
        own_block(m, f"blocks.{i}.", f"vit.blocks.{i}.", H, F)
    m.norm("norm", f"vit.{norm}", H)
    m.linear("head", "head", 7, H)


def vit_cases():
    m = Sides()
    hub_vit(m, "layernorm")
    m.put("vit.embeddings.mask_token", "vit.mask_tokens", new(1, 1, H))
    m.linear("classifier", "head", 7, H)
    case("vit-hub", {"model_type": "vit"}, None, m.hf, m.ms)
    m = Sides()
    own_vit(m, "layernorm")
    m.put("mask_token", "vit.mask_tokens", new(1, 1, H))
    case("vit-own", None, None, m.hf, m.ms, "vit")


def mae_cases():
    m = Sides()
    hub_vit(m, "norm")
    m.put("decoder.mask_token", "mask_tokens", new(1, 1, W))
    m.put("decoder.decoder_pos_embed", "decoder_pos_embed", new(1, 5, W))
    m.linear("decoder.decoder_embed", "decoder_embed", W, H)
    for i in range(2):
        hub_block(m, f"decoder.decoder_layers.{i}.", f"decoder_blocks.{i}.",
                  W, 10)
    m.norm("decoder.decoder_norm", "decoder_norm", W)
    m.linear("decoder.decoder_pred", "decoder_pred", 12, W)
    case("mae-hub", {"model_type": "vit_mae"}, None, m.hf, m.ms)
    m = Sides()
    own_vit(m, "norm")
    case("mae-own", None, None, m.hf, m.ms, "mae")


def hub_swin():
    m = Sides()
    e = "swin.embeddings."
    m.put(f"{e}mask_token", "encoder.mask_token", new(1, 1, H))
    m.put(f"{e}position_embeddings", "encoder.absolute_pos_embed",
          new(1, 16, H))
    m.put(f"{e}patch_embeddings.projection.weight",
          "encoder.patch_embed.projection.weight", new(H, 3, 2, 2))
    m.bias(f"{e}patch_embeddings.projection", "encoder.patch_embed.projection",
           H)
    m.norm(f"{e}norm", "encoder.patch_embed.norm", H)
    for s in range(2):
        c = H << s
        for b in range(2):
            swin_block(m, f"swin.encoder.layers.{s}.blocks.{b}.",
                       f"encoder.layers.{s}.blocks.{b}.", c)
    p, q = "swin.encoder.layers.0.", "encoder.layers.0."
    m.weight(f"{p}downsample.reduction", f"{q}downsample.reduction", 2 * H,
             4 * H)
    m.norm(f"{p}downsample.norm", f"{q}downsample.norm", 4 * H)
    m.norm("swin.layernorm", "encoder.norm", 2 * H)
    return m


def swin_block(m, p, q, c):
    for x in ("bias_table", "index"):
        a = new(9, 2) if x == "bias_table" else np.arange(16).reshape(4, 4)
        m.put(f"{p}attention.self.relative_position_{x}",
              f"{q}attn.relative_position_bias.relative_position_{x}", a)
    for x in ("query", "key", "value"):
        m.linear(f"{p}attention.self.{x}", f"{q}attn.{x[0]}", c, c)
    m.linear(f"{p}attention.output.dense", f"{q}attn.proj", c, c)
    m.linear(f"{p}intermediate.dense", f"{q}mlp.mapping", 4 * c, c, True)
    m.linear(f"{p}output.dense", f"{q}mlp.projection", c, 4 * c, True)
    m.norm(f"{p}layernorm_before", f"{q}norm1", c)
    m.norm(f"{p}layernorm_after", f"{q}norm2", c)


def swin_cases():
    config = {"model_type": "swin"}
    m = hub_swin()
    m.linear("classifier", "head", 7, 2 * H)
    case("swin-hub", config, None, m.hf, m.ms)
    m = hub_swin()
    m.put("decoder.0.weight", "decoder.weight", new(12, 2 * H, 1, 1))
    m.bias("decoder.0", "decoder", 12)
    case("swin-hub-simmim", config, None, m.hf, m.ms)
    # a fine-tuned file is no pre-trained one
    refused("swin-not-pretrained", None, "is_pretrain=true",
            {"norm.weight": new(H), "norm.bias": new(H)}, False, "swin")


def clip_blocks(m, p, q, c, f):
    for i in range(2):
        t, u = f"{p}encoder.layers.{i}.", f"{q}transformer.resblocks.{i}."
        for word, tail in (("weight", (c,)), ("bias", ())):
            m.join([f"{t}self_attn.{x}_proj.{word}" for x in "qkv"],
                   f"{u}attn.in_proj.{word}", c, tail)
        m.linear(f"{t}self_attn.out_proj", f"{u}attn.out_proj", c, c)
        m.linear(f"{t}mlp.fc1", f"{u}mlp.c_fc", f, c)
        m.linear(f"{t}mlp.fc2", f"{u}mlp.c_proj", c, f)
        for x in "12":
            m.norm(f"{t}layer_norm{x}", f"{u}ln_{x}", c)


def clip_cases():
    m = Sides()
    c, v, w = 6, 10, 4  # of the text, of the picture, of both
    clip_blocks(m, "text_model.", "", c, 9)
    clip_blocks(m, "vision_model.", "visual.", v, 11)
    p = "text_model.embeddings."
    m.put(f"{p}token_embedding.weight", "token_embedding.embedding_table",
          new(7, c))
    m.put(f"{p}position_embedding.weight", "positional_embedding", new(5, c))
    m.norm("text_model.final_layer_norm", "ln_final", c)
    p = "vision_model.embeddings."
    m.put(f"{p}class_embedding", "visual.class_embedding", new(v))
    m.put(f"{p}position_embedding.weight", "visual.positional_embedding",
          new(5, v))
    m.put(f"{p}patch_embedding.weight", "visual.conv1.weight",
          new(v, 3, 2, 2))
    m.norm("vision_model.pre_layrnorm", "visual.ln_pre", v)
    m.norm("vision_model.post_layernorm", "visual.ln_post", v)
    m.put("logit_scale", "logit_scale", new())
    for theirs, mine, n in (("text_projection", "text_projection", c),
                            ("visual_projection", "visual.proj", v)):
        a = new(w, n)
        m.put(f"{theirs}.weight", mine, a, a.T)
    config = {"model_type": "clip"}
    case("clip-hub", config, None, m.hf, m.ms)
    # old files have the positions themselves, which no network has
    ids = {f"{x}_model.embeddings.position_ids": np.arange(5).reshape(1, 5)
           for x in ("text", "vision")}
    one_way("clip-hub-ids", config, None, {**m.hf, **ids}, m.ms, False)


def cases():
    vit_cases()
    mae_cases()
    swin_cases()
    clip_cases()
