# SPDX-License-Identifier: Apache-2.0
"""Files that the real torch writes, as wconv reads them: every type, views,
ties, nesting, both forms of file; and Llama cut in pieces as Meta cuts it."""

import hashlib
import json
import os
import subprocess

import torch

from shown import BUILD

WORDS = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8",
    torch.int16: "I16", torch.uint16: "U16", torch.int32: "I32",
    torch.uint32: "U32", torch.int64: "I64", torch.uint64: "U64",
    torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32",
    torch.float64: "F64", torch.complex64: "C64", torch.complex128: "C128",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2",
    torch.float8_e4m3fnuz: "F8_E4M3FNUZ", torch.float8_e5m2fnuz: "F8_E5M2FNUZ",
    torch.float8_e8m0fnu: "F8_E8M0",
}
MS_WORDS = {"F32": "Float32", "F16": "Float16", "BF16": "BFloat16"}

# What torch itself cannot read back from a file of the old form.
NEW_FORM_ONLY = {
    torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn,
    torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz,
    torch.float8_e8m0fnu,
}


def flat(value, name=""):
    """The tensors in dictionaries and lists, by their joined keys."""
    if isinstance(value, torch.Tensor):
        return {name: value}
    items = value.items() if isinstance(value, dict) else (
        enumerate(value) if isinstance(value, (list, tuple)) else ())
    out = {}
    for key, inner in items:
        out.update(flat(inner, f"{name}.{key}" if name else str(key)))
    return out


def row(name, t, words=WORDS):
    t = t.detach().resolve_conj().resolve_neg().contiguous()
    data = t.reshape(-1).view(torch.uint8).numpy().tobytes()
    shape = "x".join(map(str, t.shape)) or "scalar"
    return "\t".join((name, words[t.dtype], shape,
                      hashlib.sha256(data).hexdigest()))


def hashes(*args):
    done = subprocess.run([f"{BUILD}/wconv", "hash", *args],
                          capture_output=True, text=True)
    return set(done.stdout.splitlines()) if not done.returncode else {
        done.stderr.strip()}


def difference(got, want):
    if got == want:
        return None
    return f"{sorted(got - want)[:2]}, not {sorted(want - got)[:2]}"


def random_of(dtype, *shape):
    bits = torch.randint(0, 256, (*shape, dtype.itemsize), dtype=torch.uint8)
    if dtype == torch.bool:
        bits = bits % 2
    return bits.view(dtype).reshape(shape)


def saved_objects():
    """(text, object): what is saved and read back."""
    torch.manual_seed(11)
    base = torch.randn(6, 8, 10)
    tied = torch.randn(5, 7)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 2), torch.nn.BatchNorm2d(4),
        torch.nn.LSTM(4, 3), torch.nn.Embedding(5, 4))
    yield "a state_dict", model.state_dict()
    yield "parameters", dict(model.named_parameters())
    yield "views", {
        "t": base[0].t(), "permuted": base.permute(2, 0, 1),
        "slice": base[1:5, ::2, 3:], "flipped": base.flip(1),
        "expanded": base[0, 0].expand(4, 10), "one": base[2, 3, 4],
        "channels_last": torch.randn(2, 3, 4, 5).to(
            memory_format=torch.channels_last),
        "diagonal": base[:, :6].diagonal(dim1=0, dim2=1),
        "overlapping": base.flatten().unfold(0, 7, 3),
        "empty": base[:0], "empty too": torch.empty(3, 0, 2),
    }
    yield "ties", {"a": tied, "b": tied, "c": tied.view(7, 5), "d": tied[2]}
    yield "a dictionary in dictionaries and lists", {
        "net": {"a": base, "list": [base[0], {"deep": tied}, 3, "text"],
                "tuple": (tied, None)}, "number": {"x": 1}}


def check_saved(tmp, check):
    path = os.path.join(tmp, "saved.pt")
    objects = list(saved_objects())
    objects.append(("every type", {
        word: random_of(dtype, 5, 3) for dtype, word in WORDS.items()}))
    objects.append(("every type, without dimensions", {
        word: random_of(dtype) for dtype, word in WORDS.items()}))
    for text, value in objects:
        for new in (True, False):
            value = {k: t for k, t in value.items() if new or not isinstance(
                t, torch.Tensor) or t.dtype not in NEW_FORM_ONLY}
            torch.save(value, path, _use_new_zipfile_serialization=new)
            loaded = flat(torch.load(path))
            want = {row(name, t) for name, t in loaded.items()}
            check(f"{'zip' if new else 'legacy'}: {text}, {len(want)} tensors "
                  "as torch loads them",
                  difference(hashes("--to=raw", "--key=", path), want))
    os.unlink(path)


def check_training(tmp, check):
    """A file of training: the weights are found by their key."""
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(4)).sum().backward()
    optimizer.step()
    path = os.path.join(tmp, "training.pth")
    want = {row(n, t) for n, t in model.state_dict().items()}
    for key in ("model", "state_dict", "model_state_dict"):
        torch.save({"epoch": 3, key: model.state_dict(), "lr": 0.1,
                    "optimizer": optimizer.state_dict()}, path)
        check(f"the weights under {key} of a training's file",
              difference(hashes("--to=raw", path), want))
    os.unlink(path)


class Sparse:
    """A file that torch.save writes, zeros as holes."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def write(self, data):
        data = memoryview(data).cast("B")
        if len(data) > 4096 and bytes(data[:4096]) == bytes(4096):
            self.file.seek(len(data), os.SEEK_CUR)
        else:
            self.file.write(data)
        return len(data)

    def flush(self):
        self.file.flush()

    def close(self):
        self.file.truncate()
        self.file.close()


def check_large(tmp, check):
    """5 GB are opened by reading the headers."""
    path = os.path.join(tmp, "pytorch_model.bin")
    out = Sparse(path)
    torch.save({f"w.{i}": torch.zeros(500_000_000, dtype=torch.int8)
                for i in range(10)}, out)
    out.close()
    command = [f"{BUILD}/wconv", "cat", "--to=raw", path,
               ".wconvfs/stats.json"]
    stats = json.loads(subprocess.check_output(command, text=True))
    read = stats["source_bytes_read"]
    check(f"a file of {os.path.getsize(path)} bytes is opened by reading "
          f"{read}", None if read < 1 << 20 else "too many")
    os.unlink(path)


# Llama as Meta cuts it: by heads, by rows, by columns, or not at all.

def meta_pieces(model, shards, vocabulary_rows):
    cut = {"wq": 0, "wk": 0, "wv": 0, "wo": 1, "w1": 0, "w3": 0, "w2": 1,
           "output": 0, "tok_embeddings": 0 if vocabulary_rows else 1}
    pieces = [{} for _ in range(shards)]
    for name, t in model.items():
        axis = cut.get(name.split(".")[-2])
        parts = [t] * shards if axis is None else t.chunk(shards, axis)
        for piece, part in zip(pieces, parts):
            piece[name] = part.clone()
    return pieces


def meta_model(dim, heads, kv_heads, hidden, vocabulary, layers):
    d = dim // heads
    out = {"tok_embeddings.weight": torch.randn(vocabulary, dim),
           "norm.weight": torch.randn(dim),
           "output.weight": torch.randn(vocabulary, dim),
           "rope.freqs": torch.randn(d // 2)}
    for i in range(layers):
        at = f"layers.{i}."
        out.update({
            at + "attention.wq.weight": torch.randn(heads * d, dim),
            at + "attention.wk.weight": torch.randn(kv_heads * d, dim),
            at + "attention.wv.weight": torch.randn(kv_heads * d, dim),
            at + "attention.wo.weight": torch.randn(dim, heads * d),
            at + "feed_forward.w1.weight": torch.randn(hidden, dim),
            at + "feed_forward.w3.weight": torch.randn(hidden, dim),
            at + "feed_forward.w2.weight": torch.randn(dim, hidden),
            at + "attention_norm.weight": torch.randn(dim),
            at + "ffn_norm.weight": torch.randn(dim)})
    return {name: t.to(torch.bfloat16) for name, t in out.items()}


def half_split(t, heads):
    """Rows of a head from pairs to halves, one row at a time."""
    d = t.shape[0] // heads
    order = [h * d + 2 * p + k for h in range(heads) for k in range(2)
             for p in range(d // 2)]
    return t[order]


def meta_target(model, heads, kv_heads):
    names = {"tok_embeddings.weight": "model.tok_embeddings.embedding_weight",
             "norm.weight": "model.norm_out.weight",
             "output.weight": "lm_head.weight"}
    for name, t in model.items():
        if name == "rope.freqs":
            continue
        if ".wq." in name or ".wk." in name:
            t = half_split(t, heads if ".wq." in name else kv_heads)
        yield names.get(name, f"model.{name}"), t


def check_meta(tmp, check):
    torch.manual_seed(12)
    words = {d: MS_WORDS.get(w, w) for d, w in WORDS.items()}
    for shards, kv_heads, rows in ((1, None, False), (2, 2, False),
                                   (4, 4, True), (2, 8, True)):
        source = os.path.join(tmp, "meta")
        os.makedirs(source)
        model = meta_model(48, 8, kv_heads or 8, 40, 36, 3)
        for k, piece in enumerate(meta_pieces(model, shards, rows)):
            torch.save(piece, f"{source}/consolidated.{k:02}.pth")
        params = {"dim": 48, "n_layers": 3, "n_heads": 8, "multiple_of": 256,
                  "norm_eps": 1e-5, "ffn_dim_multiplier": 1.3,
                  "vocab_size": 36 if rows else -1}
        if kv_heads:
            params["n_kv_heads"] = kv_heads
        with open(f"{source}/params.json", "w", encoding="utf-8") as f:
            json.dump(params, f)
        want = {row(name, t, words) for name, t in
                meta_target(model, 8, kv_heads or 8)}
        check(f"Meta's Llama in {shards} files, {kv_heads or 8} key heads",
              difference(hashes(source), want))
        subprocess.run(["rm", "-r", source], check=True)


def check_torch_files(check, tmp):
    check_saved(tmp, check)
    check_training(tmp, check)
    check_large(tmp, check)
    check_meta(tmp, check)
