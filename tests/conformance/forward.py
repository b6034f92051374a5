# SPDX-License-Identifier: Apache-2.0
"""Networks of plain mindspore.nn on the weights of a view compute what torch
computes on the source: that a transposed or swapped matrix would not."""

import os
import shutil

import mindspore as ms
import numpy as np
import torch
import transformers
from mindspore import nn, ops

from shown import Shown

TOLERANCE = 1e-4


class LayerNorm(nn.Cell):
    """gamma and beta, over the last axis."""

    def __init__(self, n, epsilon):
        super().__init__()
        self.gamma = ms.Parameter(ms.ops.ones(n, ms.float32))
        self.beta = ms.Parameter(ms.ops.zeros(n, ms.float32))
        self.epsilon = epsilon

    def construct(self, x):
        mean = x.mean(-1, keep_dims=True)
        var = ((x - mean) ** 2).mean(-1, keep_dims=True)
        return (x - mean) / ops.sqrt(var + self.epsilon) * self.gamma + \
            self.beta


def attend(q, k, v, heads, causal):
    """Scaled dot products of (rows, features)."""
    def split(x):
        return x.reshape(x.shape[0], heads, -1).swapaxes(0, 1)
    q, k, v = split(q), split(k), split(v)
    scores = ops.matmul(q, k.swapaxes(1, 2)) / q.shape[2] ** 0.5
    if causal:
        scores += ms.Tensor(np.triu(np.full(scores.shape[1:], -1e9,
                                            np.float32), 1))
    out = ops.matmul(ops.softmax(scores, -1), v)
    return out.swapaxes(0, 1).reshape(out.shape[1], -1)


# ---- GPT-2: MindFormers' names; its mapping and projection are (in, out)

class Projection(nn.Cell):
    """x W + b, where Dense has x W^T + b."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = ms.Parameter(ops.zeros((n_in, n_out), ms.float32))
        self.bias = ms.Parameter(ops.zeros(n_out, ms.float32))

    def construct(self, x):
        return ops.matmul(x, self.weight) + self.bias


class Gpt2Attention(nn.Cell):
    def __init__(self, n, heads):
        super().__init__()
        self.dense1, self.dense2, self.dense3 = (nn.Dense(n, n)
                                                 for _ in range(3))
        self.projection = Projection(n, n)
        self.heads = heads

    def construct(self, x):
        return self.projection(attend(self.dense1(x), self.dense2(x),
                                      self.dense3(x), self.heads, True))


class Gpt2Output(nn.Cell):
    def __init__(self, n):
        super().__init__()
        self.mapping = Projection(n, 4 * n)
        self.projection = Projection(4 * n, n)

    def construct(self, x):
        x = self.mapping(x)
        gelu = 0.5 * x * (1 + ops.tanh((2 / np.pi) ** 0.5 *
                                       (x + 0.044715 * x ** 3)))
        return self.projection(gelu)


class Gpt2Block(nn.Cell):
    def __init__(self, n, heads):
        super().__init__()
        self.layernorm1 = LayerNorm(n, 1e-5)
        self.layernorm2 = LayerNorm(n, 1e-5)
        self.attention = Gpt2Attention(n, heads)
        self.output = Gpt2Output(n)

    def construct(self, x):
        x = x + self.attention(self.layernorm1(x))
        return x + self.output(self.layernorm2(x))


# ---- Whisper: an encoder layer

class WhisperAttention(nn.Cell):
    def __init__(self, n, heads):
        super().__init__()
        self.q_proj, self.v_proj, self.out_proj = (nn.Dense(n, n)
                                                   for _ in range(3))
        self.k_proj = nn.Dense(n, n, has_bias=False)
        self.heads = heads

    def construct(self, x):
        return self.out_proj(attend(self.q_proj(x), self.k_proj(x),
                                    self.v_proj(x), self.heads, False))


class WhisperLayer(nn.Cell):
    def __init__(self, n, heads, inner):
        super().__init__()
        self.self_attn = WhisperAttention(n, heads)
        self.self_attn_layer_norm = LayerNorm(n, 1e-5)
        self.fc1, self.fc2 = nn.Dense(n, inner), nn.Dense(inner, n)
        self.final_layer_norm = LayerNorm(n, 1e-5)

    def construct(self, x):
        x = x + self.self_attn(self.self_attn_layer_norm(x))
        inner = ops.gelu(self.fc1(self.final_layer_norm(x)),
                         approximate="none")
        return x + self.fc2(inner)


# ---- a network of convolutions

class ConvNet(nn.Cell):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, pad_mode="pad", padding=1,
                              has_bias=True)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Dense(8, 5)

    def construct(self, x):
        x = ops.relu(self.bn(self.conv(x)))
        return self.fc(x.mean((2, 3)))


def torch_conv_net():
    torch.manual_seed(5)
    net = torch.nn.Module()
    net.conv = torch.nn.Conv2d(3, 8, 3, padding=1)
    net.bn = torch.nn.BatchNorm2d(8)
    net.fc = torch.nn.Linear(8, 5)
    for t in net.bn.parameters():
        t.data = torch.rand_like(t)
    net.bn.running_mean = torch.rand(8)
    net.bn.running_var = torch.rand(8) + 0.5
    return net.eval()


def load(cell, view, prefix=""):
    """Parameters of the view below prefix, all of the cell's."""
    cell.set_train(False)
    for name, p in cell.parameters_and_names():
        p.name = prefix + name
    loaded = ms.load_checkpoint(view.path("model.ckpt"))
    missing, _ = ms.load_param_into_net(cell, loaded, strict_load=True)
    if missing:
        raise ValueError(f"no {missing[0]} in the checkpoint")
    return cell


def close(got, want):
    got, want = got.asnumpy(), want.detach().numpy()
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    worst = float(np.abs(got - want).max())
    return None if worst < TOLERANCE else f"differs by {worst:g}"


def scattered(model):
    """Weights of which none is 0 or 1."""
    for p in model.parameters():
        p.data = torch.randn_like(p) * 0.3
    return model.eval().float()


def check_gpt2(check, source):
    torch.manual_seed(5)
    model = scattered(transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=101, n_embd=24, n_layer=2, n_head=3, n_positions=32)))
    model.save_pretrained(source)
    x = torch.randn(1, 7, 24)
    with Shown(source) as view:
        block = load(Gpt2Block(24, 3), view, "backbone.blocks.1.")
        got = block(ms.Tensor(x[0].numpy()))
    check("a GPT-2 block of MindSpore computes what torch's does",
          close(got, model.transformer.h[1](x)[0].reshape(7, 24)))


def check_whisper(check, source):
    torch.manual_seed(5)
    config = transformers.WhisperConfig(
        vocab_size=53, d_model=24, encoder_layers=2, decoder_layers=1,
        encoder_attention_heads=3, decoder_attention_heads=3,
        encoder_ffn_dim=40, decoder_ffn_dim=40, num_mel_bins=8,
        max_source_positions=10, max_target_positions=12, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1)
    model = scattered(transformers.WhisperForConditionalGeneration(config))
    model.save_pretrained(source)
    x = torch.randn(1, 10, 24)
    with Shown(source) as view:
        layer = load(WhisperLayer(24, 3, 40), view, "model.encoder.layers.1.")
        got = layer(ms.Tensor(x[0].numpy()))
    want = model.model.encoder.layers[1](x, None, None)[0]
    check("a Whisper layer of MindSpore computes what torch's does",
          close(got, want.reshape(10, 24)))


def check_conv_net(check, source):
    net = torch_conv_net()
    os.makedirs(source)
    torch.save(net.state_dict(), f"{source}/net.pth")
    x = torch.randn(2, 3, 9, 9)
    want = net.fc(torch.relu(net.bn(net.conv(x))).mean((2, 3)))
    with Shown(f"{source}/net.pth", "--model=nn") as view:
        got = load(ConvNet(), view)(ms.Tensor(x.numpy()))
    check("a network of convolutions and batch norms too", close(got, want))


def check_forward(check, tmp):
    for part in (check_gpt2, check_whisper, check_conv_net):
        source = os.path.join(tmp, "net")
        part(check, source)
        shutil.rmtree(source)
