# SPDX-License-Identifier: Apache-2.0
"""Layers of torch.nn and the cells of mindspore.nn that are the same: one
network of all of them, by names alone and by a template."""

import os
import shutil

import mindspore as ms
import numpy as np
import torch
from mindspore import nn
from safetensors.torch import load_file, save_file

from forward import close, load
from shown import Shown

PAD = {"pad_mode": "pad", "padding": 1}
OF_HEADS = {"dropout": 0.0, "batch_first": True}

# A name, the layer, its cell, and the shapes of what it is given; a tuple of
# lists: numbers of rows.
LAYERS = (
    ("fc", torch.nn.Linear(5, 4), nn.Dense(5, 4), ((2, 5),)),
    ("plain", torch.nn.Linear(5, 4, bias=False),
     nn.Dense(5, 4, has_bias=False), ((2, 5),)),
    ("conv1", torch.nn.Conv1d(3, 4, 3, padding=1),
     nn.Conv1d(3, 4, 3, has_bias=True, **PAD), ((2, 3, 8),)),
    ("conv2", torch.nn.Conv2d(4, 6, 3, padding=1, groups=2),
     nn.Conv2d(4, 6, 3, group=2, has_bias=True, **PAD), ((2, 4, 6, 6),)),
    ("point", torch.nn.Conv2d(3, 4, 1, bias=False), nn.Conv2d(3, 4, 1),
     ((2, 3, 6, 6),)),
    ("conv3", torch.nn.Conv3d(3, 4, 3, padding=1),
     nn.Conv3d(3, 4, 3, has_bias=True, **PAD), ((2, 3, 4, 5, 6),)),
    ("up1", torch.nn.ConvTranspose1d(3, 4, 3),
     nn.Conv1dTranspose(3, 4, 3, pad_mode="valid", has_bias=True),
     ((2, 3, 8),)),
    ("up2", torch.nn.ConvTranspose2d(3, 4, 3),
     nn.Conv2dTranspose(3, 4, 3, pad_mode="valid", has_bias=True),
     ((2, 3, 6, 6),)),
    ("up3", torch.nn.ConvTranspose3d(3, 4, 3),
     nn.Conv3dTranspose(3, 4, 3, pad_mode="valid", has_bias=True),
     ((2, 3, 4, 5, 6),)),
    ("bn1", torch.nn.BatchNorm1d(4), nn.BatchNorm1d(4), ((2, 4),)),
    ("bn2", torch.nn.BatchNorm2d(4), nn.BatchNorm2d(4), ((2, 4, 6, 6),)),
    ("ln", torch.nn.LayerNorm(4), nn.LayerNorm((4,), epsilon=1e-5),
     ((2, 3, 4),)),
    ("ln2", torch.nn.LayerNorm((3, 4)),
     nn.LayerNorm((3, 4), 1, 1, epsilon=1e-5), ((2, 3, 4),)),
    ("group", torch.nn.GroupNorm(2, 4), nn.GroupNorm(2, 4), ((2, 4, 6, 6),)),
    ("emb", torch.nn.Embedding(7, 4), nn.Embedding(7, 4), ([2, 0, 6],)),
    ("act", torch.nn.PReLU(), nn.PReLU(), ((2, 5),)),
    ("prelu", torch.nn.PReLU(4), nn.PReLU(4), ((2, 4, 3, 3),)),
    ("bilinear", torch.nn.Bilinear(3, 4, 5), nn.BiDense(3, 4, 5),
     ((2, 3), (2, 4))),
    ("lstm", torch.nn.LSTM(5, 4, 2, batch_first=True, bidirectional=True),
     nn.LSTM(5, 4, 2, batch_first=True, bidirectional=True), ((2, 3, 5),)),
    ("gru", torch.nn.GRU(5, 4, batch_first=True),
     nn.GRU(5, 4, batch_first=True), ((2, 3, 5),)),
    ("attn", torch.nn.MultiheadAttention(8, 2, batch_first=True),
     nn.MultiheadAttention(8, 2, batch_first=True), ((2, 3, 8),) * 3),
    ("enc", torch.nn.TransformerEncoderLayer(8, 2, 16, **OF_HEADS),
     nn.TransformerEncoderLayer(8, 2, 16, **OF_HEADS), ((2, 3, 8),)),
    ("dec", torch.nn.TransformerDecoderLayer(8, 2, 16, **OF_HEADS),
     nn.TransformerDecoderLayer(8, 2, 16, **OF_HEADS), ((2, 3, 8),) * 2),
)
# Of these names and shapes tell another cell.
BY_TEMPLATE = (
    ("bn3", torch.nn.BatchNorm3d(4), nn.BatchNorm3d(4), ((2, 4, 3, 4, 5),)),
    ("words", torch.nn.Embedding(7, 4), nn.Embedding(7, 4), ([2, 0, 6],)),
    ("slope", torch.nn.PReLU(4), nn.PReLU(4), ((2, 4, 3, 3),)),
    ("wide", torch.nn.Conv2d(3, 4, (1, 3), bias=False),
     nn.Conv2d(3, 4, (1, 3), pad_mode="valid"), ((2, 3, 6, 6),)),
)


class Net(nn.Cell):
    def __init__(self, layers):
        super().__init__()
        for name, _, cell, _ in layers:
            setattr(self, name, cell)


def torch_net(layers):
    torch.manual_seed(5)
    net = torch.nn.Module()
    for name, layer, _, _ in layers:
        net.add_module(name, layer)
    for t in net.state_dict().values():
        if t.is_floating_point():
            t.copy_(torch.rand_like(t) + 0.1)
    return net.eval()


def given(shapes):
    rng = np.random.default_rng(5)
    return [np.array(s, np.int32) if isinstance(s, list)
            else rng.standard_normal(s, dtype=np.float32) for s in shapes]


def first(x):
    return x[0] if isinstance(x, tuple) else x


def check_layers(check, source, layers, *options):
    net, cell = torch_net(layers), Net(layers)
    want = {name for name, _ in cell.parameters_and_names()}
    save_file(net.state_dict(), f"{source}/model.safetensors")
    with Shown(source, "--model=nn", *options) as view:
        names = set(ms.load_checkpoint(view.path("model.ckpt")))
        check("parameters of layers are called as MindSpore's cells call them",
              f"{names ^ want}" if names != want else None)
        load(cell, view)
    for name, layer, its, shapes in layers:
        x = given(shapes)
        with torch.no_grad():
            want = first(layer(*map(torch.from_numpy, x)))
        got = first(its(*map(ms.Tensor, x)))
        check(f"{type(its).__name__} computes what torch's layer does",
              close(got, want))
    return net, cell


def check_back(check, source, net, cell):
    """Where torch's names follow, the tensors are those that it had."""
    ms.save_checkpoint(cell, f"{source}/net.ckpt")
    with Shown(f"{source}/net.ckpt", "--model=nn") as view:
        got = load_file(view.path("model.safetensors"))
    want = {name: t for name, t in net.state_dict().items()
            if not name.endswith("num_batches_tracked")}
    wrong = [name for name, t in want.items()
             if name not in got or not torch.equal(got[name], t)]
    check("and the way back gives torch's tensors",
          f"{wrong}" if wrong or set(got) != set(want) else None)


def check_all_layers(check, tmp):
    source = os.path.join(tmp, "layers")
    os.makedirs(source)
    check_back(check, source, *check_layers(check, source, LAYERS))
    shutil.rmtree(source)
    os.makedirs(source)
    ms.save_checkpoint(Net(BY_TEMPLATE), f"{tmp}/layers.ckpt")
    check_layers(check, source, BY_TEMPLATE, f"--template={tmp}/layers.ckpt")
