# SPDX-License-Identifier: Apache-2.0
"""Compare what wconvfs shows with the libraries it shows it to: MindSpore,
safetensors, numpy, torch. Prints a line for each comparison; the last line is
`conformance: N passed, N failed, N skipped`."""

import glob
import hashlib
import math
import os
import subprocess
import sys
import tempfile
import traceback
import warnings

import mindspore as ms
import numpy as np
import safetensors
import safetensors.torch
import torch
import transformers
import yaml

from back import (check_from_pretrained, check_golden_back, check_original,
                  check_supplied_config)
from forward import check_forward
from layers import check_all_layers
from shown import BUILD, MOUNT, Shown
from torch_files import check_torch_files

GOLDEN = "tests/golden"
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(text, problem):
    """One comparison: problem is None or says what differs."""
    counts["failed" if problem else "passed"] += 1
    print(f"not ok - {text}: {problem}" if problem else f"ok - {text}",
          flush=True)


# Every loader's tensors in one form: {name: (dtype word, shape, bytes)}.

MS_WORD = {
    "BOOL": "Bool", "U8": "UInt8", "I8": "Int8", "I16": "Int16",
    "U16": "UInt16", "F16": "Float16", "BF16": "BFloat16", "I32": "Int32",
    "U32": "UInt32", "F32": "Float32", "F64": "Float64", "I64": "Int64",
    "U64": "UInt64",
}
NPY_DESCR = {
    "Bool": "|b1", "UInt8": "|u1", "Int8": "|i1", "Int16": "<i2",
    "UInt16": "<u2", "Float16": "<f2", "BFloat16": "|V2", "Int32": "<i4",
    "UInt32": "<u4", "Float32": "<f4", "Float64": "<f8", "Int64": "<i8",
    "UInt64": "<u8",
}


def torch_bytes(t):
    return t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def from_mindspore(path, form="ckpt"):
    loaded = ms.load_checkpoint(path, format=form)
    return {name: (str(p.dtype), tuple(p.shape), p.asnumpy().tobytes())
            for name, p in loaded.items()}


def from_safetensors(path):
    out = {}
    with safetensors.safe_open(path, framework="pt") as f:
        for name in f.keys():
            t = f.get_tensor(name)
            word = MS_WORD[f.get_slice(name).get_dtype()]
            out[name] = (word, tuple(t.shape), torch_bytes(t))
    return out


def from_npy(view, names):
    out = {}
    for name in names:
        a = np.load(view.path(f"params/{name}.npy"), mmap_mode="r")
        word = {v: k for k, v in NPY_DESCR.items()}[a.dtype.str]
        out[name] = (word, a.shape, a.tobytes())
    return out


def union(parts):
    """The tensors of several files, each in one of them only."""
    out = {}
    for part in parts:
        twice = out.keys() & part.keys()
        if twice:
            raise ValueError(f"{sorted(twice)[0]} is in two files")
        out.update(part)
    return out


def difference(got, want):
    """None if two sets of tensors are equal, bit for bit."""
    if got.keys() != want.keys():
        return f"names differ: {sorted(got.keys() ^ want.keys())[:3]}"
    for name, (word, shape, data) in want.items():
        if got[name][:2] != (word, shape):
            return f"{name}: {got[name][:2]}, not {(word, shape)}"
        if got[name][2] != data:
            return f"{name}: the bytes differ"
    return None


def table(tensors):
    """The lines of a golden table."""
    return {"\t".join((name, word, "x".join(map(str, shape)) or "scalar",
                       hashlib.sha256(data).hexdigest()))
            for name, (word, shape, data) in tensors.items()}


def same_files(a, b):
    done = subprocess.run(["cmp", a, b], capture_output=True, text=True)
    return (done.stdout + done.stderr).strip() or None


# 1. The golden cases.

def case_options(directory):
    command = ["sh", "tests/case.sh", directory]
    return subprocess.check_output(command, text=True).split()


def check_whole(name, view, want, tmp):
    """model.ckpt, params/ and the single files."""
    path = view.path("model.ckpt")
    got = from_mindspore(path)
    check(f"{name}: MindSpore loads model.ckpt, {len(got)} parameters",
          difference(got, want))

    saved = os.path.join(tmp, "saved.ckpt")
    ms.save_checkpoint([{"name": n, "data": p} for n, p in
                        ms.load_checkpoint(path).items()], saved)
    check(f"{name}: model.ckpt is what save_checkpoint writes",
          same_files(path, saved))
    os.unlink(saved)

    check(f"{name}: numpy loads params/*.npy",
          difference(from_npy(view, want), want))
    check_shards(name, view, want)


def check_shards(name, view, want):
    """ckpt/ and safetensors/, each file by itself."""
    files = view.shards("ckpt", "mindspore_model", "ckpt")
    check(f"{name}: MindSpore loads ckpt/, {len(files)} files",
          difference(union(map(from_mindspore, files)), want))
    files = view.shards("safetensors", "model", "safetensors")
    loaded = [from_mindspore(f, "safetensors") for f in files]
    check(f"{name}: MindSpore loads safetensors/, {len(files)} files",
          difference(union(loaded), want))
    check(f"{name}: safetensors loads safetensors/, {len(files)} files",
          difference(union(map(from_safetensors, files)), want))


def check_golden(tmp):
    for name in sorted(os.listdir(GOLDEN)):
        case = os.path.join(GOLDEN, name)
        source = os.path.join(case, "hf")
        if not os.path.isdir(source) or not os.path.exists(f"{case}/ms.tsv"):
            continue
        reference, = glob.glob(f"{case}/ms/*.ckpt")
        want = from_mindspore(reference)
        with open(f"{case}/ms.tsv", encoding="utf-8") as f:
            if table(want) != set(f.read().splitlines()):
                raise ValueError(f"{name}: ms.tsv is not {reference}")
        options = case_options(case)
        with Shown(source, *options) as view:
            check_whole(name, view, want, tmp)
        with Shown(source, *options, "--shard-size=16K") as view:
            check_shards(f"{name} in shards", view, want)


# 2. The bytes of a ckpt, with tensors that are cut in slices.

def check_identity(tmp):
    gib_half = 512 << 20
    rng = np.random.default_rng(1)
    big = torch.zeros(600 << 18, dtype=torch.float32)
    big[::4099] = torch.from_numpy(rng.standard_normal(
        len(big[::4099]), dtype=np.float32))
    tensors = {
        "slices.f32": big.reshape(-1, 4096),
        "slices.exact": torch.arange(gib_half >> 3, dtype=torch.int64),
        "slices.one-more": torch.ones(gib_half + 1, dtype=torch.uint8),
        "scalar.f32": torch.tensor(3.5),
        "scalar.bool": torch.tensor(True),
        "ones": torch.ones(1, 1, 1, dtype=torch.float16),
        "a" * 200: torch.arange(300, dtype=torch.int32).reshape(3, 1, 100),
        "na\u00efve.\u540d": torch.arange(7, dtype=torch.bfloat16),
    }
    for word in ("int8 int16 uint16 float16 bfloat16 int32 uint32 float32 "
                 "float64 int64 uint64 bool").split():
        raw = torch.from_numpy(rng.integers(0, 100, (5, 7)))
        tensors[f"dtype.{word}"] = raw.to(getattr(torch, word))
    source = os.path.join(tmp, "model.safetensors")
    safetensors.torch.save_file(tensors, source)
    del tensors, big

    # In the order of their bytes, as the view lists them.
    listed = []
    with safetensors.safe_open(source, framework="pt") as f:
        for name in f.offset_keys():
            t = f.get_tensor(name)
            if t.dtype == torch.bfloat16:
                data = ms.Tensor(t.float().numpy()).astype(ms.bfloat16)
            else:
                data = ms.Tensor(t.numpy())
            listed.append({"name": name, "data": data})
    saved = os.path.join(tmp, "saved.ckpt")
    ms.save_checkpoint(listed, saved)
    count = len(listed)
    del listed

    command = f'"$0" cat --to=raw "$1" model.ckpt | cmp - "$2"'
    done = subprocess.run(["sh", "-c", command, f"{BUILD}/wconv", source,
                           saved], capture_output=True, text=True)
    size = os.path.getsize(saved)
    check(f"a ckpt of {count} tensors and {size} bytes, slices included, is "
          "what save_checkpoint writes", (done.stdout + done.stderr) or None)
    if MOUNT:
        with Shown(source, "--to=raw") as view:
            check("the same, mounted",
                  same_files(view.path("model.ckpt"), saved))
    os.unlink(source)
    os.unlink(saved)


# 3. Models that transformers itself saved, against a plain list of names.

LLAMA_NAMES = (
    ("model.embed_tokens.weight", "model.tok_embeddings.embedding_weight"),
    ("model.norm.", "model.norm_out."),
    ("self_attn.q_proj", "attention.wq"), ("self_attn.k_proj", "attention.wk"),
    ("self_attn.v_proj", "attention.wv"), ("self_attn.o_proj", "attention.wo"),
    ("mlp.gate_proj", "feed_forward.w1"), ("mlp.down_proj", "feed_forward.w2"),
    ("mlp.up_proj", "feed_forward.w3"),
    ("input_layernorm", "attention_norm"),
    ("post_attention_layernorm", "ffn_norm"),
)

MODELS = {
    "llama": dict(architecture="Llama"),
    "llama with 3 query heads a group":
        dict(architecture="Llama", num_attention_heads=6,
             num_key_value_heads=2),
    "llama with heads of 24":
        dict(architecture="Llama", head_dim=24),
    "llama with biases":
        dict(architecture="Llama", attention_bias=True, mlp_bias=True),
    "tied llama": dict(architecture="Llama", tie_word_embeddings=True),
    "qwen2": dict(architecture="Qwen2", num_key_value_heads=2),
    "tied qwen2": dict(architecture="Qwen2", tie_word_embeddings=True),
}


def mapped(name):
    for hf, mindspore in LLAMA_NAMES:
        name = name.replace(hf, mindspore)
    return name


def make_model(architecture, **settings):
    torch.manual_seed(7)
    values = dict(vocab_size=101, hidden_size=48, intermediate_size=80,
                  num_hidden_layers=11, num_attention_heads=4,
                  num_key_value_heads=4)
    config = getattr(transformers, f"{architecture}Config")(
        **{**values, **settings})
    kind = getattr(transformers, f"{architecture}ForCausalLM")
    return kind(config).to(torch.bfloat16)


def check_models(tmp):
    for text, settings in MODELS.items():
        model = make_model(**settings)
        source = os.path.join(tmp, "model")
        model.save_pretrained(source, max_shard_size="60KB")
        want = {mapped(name): ("BFloat16", tuple(t.shape), torch_bytes(t))
                for name, t in model.state_dict().items()}
        with Shown(source) as view:
            got = from_mindspore(view.path("model.ckpt"))
        check(f"{text}, saved by transformers", difference(got, want))
        subprocess.run(["rm", "-r", source], check=True)


YAML_KEYS = {
    "num_layers": "num_hidden_layers", "num_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads", "hidden_size": "hidden_size",
    "intermediate_size": "intermediate_size", "vocab_size": "vocab_size",
    "rms_norm_eps": "rms_norm_eps", "theta": "rope_theta",
    "bos_token_id": "bos_token_id", "eos_token_id": "eos_token_id",
    "tie_word_embeddings": "tie_word_embeddings",
}


def check_yaml(tmp):
    """MindFormers' YAML, as PyYAML reads it: numbers are no texts."""
    for text in ("llama with 3 query heads a group", "tied llama"):
        config = make_model(**MODELS[text], rms_norm_eps=1e-5,
                            bos_token_id=5, eos_token_id=[7, 9]).config
        config.save_pretrained(tmp)
        done = subprocess.run([f"{BUILD}/wconv", "explain", "--config", tmp],
                              stdout=subprocess.PIPE, check=True)
        got = yaml.safe_load(done.stdout)["model_config"]
        wrong = [f"{k}: {got.get(k)!r}" for k, theirs in YAML_KEYS.items()
                 if got.get(k) != getattr(config, theirs)]
        check(f"{text}: the YAML of its config.json", ", ".join(wrong) or None)


# 4. Casts.

CASTS = {"fp32": torch.float32, "fp16": torch.float16,
         "bf16": torch.bfloat16}

# Significand bits (the hidden one counted), least and greatest exponent.
FORMATS = {"fp32": (24, -126, 127), "fp16": (11, -14, 15),
           "bf16": (8, -126, 127)}


def rounded(x, word):
    """float64 to a format, to nearest even, once: the textbook way."""
    bits, least, greatest = FORMATS[word]
    with np.errstate(invalid="ignore", over="ignore"):
        exponent = np.maximum(np.frexp(x)[1] - 1, least)
        unit = np.ldexp(1.0, exponent - bits + 1)
        y = np.where(np.isfinite(x), np.rint(x / unit) * unit, x)
        most = math.ldexp(2 - 2.0 ** (1 - bits), greatest)
        y = np.where(np.abs(y) > most, np.copysign(np.inf, x), y)
    return torch.from_numpy(y).to(CASTS[word])


def bits_of(t):
    size = t.element_size()
    kind = {2: torch.int16, 4: torch.int32, 8: torch.int64}[size]
    return t.contiguous().view(kind)


def edge_values(dtype):
    """Random bit patterns, and every f16 and bf16 with its neighbourhood."""
    if dtype.itemsize == 2:
        return torch.arange(-32768, 32768).to(torch.int16).view(dtype)
    g = torch.Generator().manual_seed(3)
    kind, wide = {4: (torch.int32, 1 << 31), 8: (torch.int64, 1 << 62)}[
        dtype.itemsize]
    parts = [torch.randint(-wide, wide - 1, (100000,), generator=g)
             .to(kind).view(dtype)]
    for half in (torch.float16, torch.bfloat16):
        x = torch.arange(-32768, 32768).to(torch.int16).view(half)
        x = x[torch.isfinite(x.float())].double().sort().values
        middle = (x[1:] + x[:-1]) / 2
        for near in (x, middle):
            near = bits_of(near.to(dtype))
            parts += [(near + d).view(dtype) for d in (-1, 0, 1)]
    return torch.cat(parts)


def cast_problem(source, got, want, word):
    nan = torch.isnan(source)
    if got.dtype != want.dtype or got.shape != want.shape:
        return f"{got.dtype} {tuple(got.shape)}"
    wrong = (bits_of(got) != bits_of(want)) & ~nan
    if wrong.any():
        k = int(wrong.nonzero()[0])
        return (f"{int(wrong.sum())} values differ, {source[k].item()!r} "
                f"becomes {got[k].item()!r}, not {want[k].item()!r}")
    if not torch.isnan(got[nan]).all():
        return "a NaN became a number"
    quiet = {"fp16": 0x7e00, "bf16": 0x7fc0}.get(word)
    narrowed = source.element_size() > got.element_size()
    if quiet and narrowed and (bits_of(got[nan]) != quiet).any():
        return f"a NaN is not {quiet:#x}"
    return None


def check_casts(tmp):
    source = os.path.join(tmp, "model.safetensors")
    tensors = {str(d).split(".")[1]: edge_values(d) for d in
               (torch.float64, torch.float32, torch.bfloat16, torch.float16)}
    safetensors.torch.save_file(tensors, source)
    for word, dtype in CASTS.items():
        with Shown(source, "--to=raw", f"--dtype={word}") as view:
            path, = view.shards("safetensors", "model", "safetensors")
            got = safetensors.torch.load_file(path)
        for name, x in tensors.items():
            if x.dtype == torch.float64:
                want, by = rounded(x.numpy(), word), "arithmetic"
            else:
                want, by = x.to(dtype), "torch"
            check(f"{name} to {word}: {len(x)} values as by {by}",
                  cast_problem(x, got[name], want, word))
    os.unlink(source)


def main():
    warnings.simplefilter("ignore")
    if not MOUNT:
        print("Nothing can be mounted here: files are written out by "
              "`wconv cat` instead.")
    os.makedirs(BUILD, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        parts = {
            check_golden: (tmp,), check_golden_back: (check,),
            check_models: (tmp,), check_from_pretrained: (check, tmp),
            check_supplied_config: (check, tmp),
            check_forward: (check, tmp), check_all_layers: (check, tmp),
            check_casts: (tmp,),
            check_identity: (tmp,), check_torch_files: (check, tmp),
            check_original: (check,), check_yaml: (tmp,),
        }
        for part, arguments in parts.items():
            try:
                part(*arguments)
            except Exception:
                traceback.print_exc(file=sys.stdout)
                check(part.__name__, "stopped by an error, see above")
    print("conformance: " + ", ".join(f"{n} {word}" for word, n in
                                      counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
