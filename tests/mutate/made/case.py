# SPDX-License-Identifier: Apache-2.0
"""Cases: a source, and what it must give, in files and as a line of judge."""

import hashlib
import json
import os
import struct
import sys
from fnmatch import fnmatch

import numpy as np

RNG = np.random.default_rng(5)
TOP = sys.argv[1]


def in_turn(*arrays):
    """One behind the other."""
    return np.concatenate(arrays)


def interleaved(n, *arrays):
    """Each cut into n pieces: the first ones of all, then the second ones."""
    pieces = zip(*(np.split(a, n) for a in arrays))
    return np.concatenate([x for each in pieces for x in each])


def by_rows(a, b):
    return interleaved(len(a), a, b)


def new(*shape):
    return RNG.standard_normal(shape, dtype=np.float32)


# How safetensors and MindSpore call a type.
TYPES = {"float32": ("F32", "Float32"), "float16": ("F16", "Float16"),
         "int64": ("I64", "Int64")}


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, a in tensors.items():
        header[name] = {"dtype": TYPES[str(a.dtype)][0], "shape": a.shape,
                        "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for a in tensors.values():
            f.write(np.ascontiguousarray(a).tobytes())


def write_source(top, config, tensors):
    """A model as published; names that end in @K are Meta's, of its file K.
    The path of its config.json, or "-"."""
    files, keys = {}, "config.json"
    for name, a in tensors.items():
        name, _, k = name.partition("@")
        file = "model" if k == "" else f"consolidated.{int(k):02}"
        keys = "config.json" if k == "" else "params.json"
        files.setdefault(file, {})[name] = a
    for file, its in files.items():
        write_safetensors(f"{top}/{file}.safetensors", its)
    if config is None:
        return "-"
    with open(f"{top}/{keys}", "w", encoding="utf-8") as f:
        json.dump(config, f)
    return f"{top}/{keys}"


def write_table(path, tensors, is_ms):
    with open(path, "w", encoding="utf-8") as f:
        for name, a in tensors.items():
            data = np.ascontiguousarray(a).tobytes()
            f.write("\t".join((name, TYPES[str(a.dtype)][is_ms],
                               "x".join(map(str, a.shape)) or "scalar",
                               hashlib.sha256(data).hexdigest())) + "\n")


def one_way(name, config, options, source, want, to, model="-", dtype="-",
            template=None):
    """A source, and what it must give; want is None: it must be refused. to:
    the side to show, True for HuggingFace's, False for MindSpore's."""
    to = {True: "hf", False: "ms"}.get(to, to)
    top = os.path.join(TOP, name)
    os.makedirs(top)
    keys = write_source(top, config, source)
    if want is not None:
        write_table(f"{top}/want.tsv", want, to == "ms")
    if template is not None:
        write_safetensors(f"{top}/template.safetensors", template)
    print(name, top, keys, model, to, dtype, options or "-",
          "-" if want is None else f"{top}/want.tsv",
          "-" if template is None else f"{top}/template.safetensors", sep="\t")


def case(name, config, options, hf, ms, model="-"):
    one_way(name, config, options, hf, ms, False, model)
    one_way(f"{name}-back", config, options, ms, hf, True, model)


def refused(name, config, options, source, to, model="-"):
    one_way(name, config, options, source, None, to, model)


def broken(name, config, options, source, to, model="-", lacks=(), wider=(),
           taller=()):
    """Without one of the tensors that it lacks, or with those of names like
    one of wider or taller twice as wide or tall as config.json says, the
    source must be refused."""
    for k in lacks:
        refused(f"{name}-lacks-{k}", config, options, without(source, k), to,
                model)
    for axis, likes in (-1, wider), (0, taller):
        for k, like in enumerate(likes):
            its = {x: np.concatenate([a, a], axis)
                   for x, a in source.items() if fnmatch(x, like)}
            refused(f"{name}{axis}-{k}", config, options, {**source, **its},
                    to, model)


def mixed(a, b, like):
    """The tensors of a, but those of names like that, of which b has others."""
    return {**{k: x for k, x in a.items() if not fnmatch(k, like)},
            **{k: x for k, x in b.items() if fnmatch(k, like)}}


def shapes(tensors):
    return {k: a.shape for k, a in tensors.items()}


def layouts(name, config, hf, made, model="-"):
    """made: options, and what they make of hf. None takes another's for its
    own."""
    for k, (options, ms) in enumerate(made.items()):
        case(f"{name}-{k}", config, options, hf, ms, model)
        for i, other in enumerate(made.values()):
            if shapes(other) != shapes(ms):
                refused(f"{name}-{k}-not-{i}", config, options, other, True,
                        model)


def without(tensors, *names):
    return {k: v for k, v in tensors.items() if k not in names}


def with_tie(options, tie):
    """auto is the default, and not set."""
    return " ".join([*options, *([] if tie == "auto" else [f"tie={tie}"])])


def tied_cases(name, config, layout, hf, ms, auto, back=False):
    """Of a tied model: hf and ms without the head. auto, back: whether ms,
    and hf, get one by themselves."""
    config = {**config, "tie_word_embeddings": True}
    (head, its), (mine, embedding) = TIES[layout]
    whole_hf = {**hf, head: hf[its]}
    whole_ms = {**ms, mine: ms[embedding]}
    options = [f"layout={layout}"] if layout in LAYOUTS.get(name, ()) else []
    by_itself = whole_ms if auto else ms
    for tie, full in (("auto", by_itself), ("emit", whole_ms), ("drop", ms)):
        for text, source in (("with", whole_hf), ("without", hf)):
            if tie == "auto" and text == "with" and not auto:
                full = ms
            one_way(f"{name}-{layout}-{tie}-{text}", config,
                    with_tie(options, tie), source, full, False)
    for tie, source, want in (
            ("auto", whole_ms, whole_hf),
            ("auto", ms, whole_hf if back else hf),
            ("emit", whole_ms, whole_hf), ("emit", ms, whole_hf),
            ("drop", whole_ms, hf), ("drop", ms, hf)):
        text = "with" if source is whole_ms else "without"
        one_way(f"{name}-{layout}-{tie}-{text}-back", config,
                with_tie(options, tie), source, want, True)


HF_HEAD = ("lm_head.weight", "model.embed_tokens.weight")
MCORE_HEAD = ("output_layer.weight", "embedding.word_embeddings.weight")
TIES = {
    "classic": (HF_HEAD, ("lm_head.weight",
                          "model.tok_embeddings.embedding_weight")),
    "glm": (HF_HEAD, ("transformer.output_layer.weight",
                      "transformer.embedding.embedding_weight")),
    "mcore": (HF_HEAD, MCORE_HEAD),
    "mcore-infer": (HF_HEAD, MCORE_HEAD),
}
LAYOUTS = {"qwen2": ("classic", "mcore-infer"), "glm-hf": ("mcore-infer",),
           "qwen3": ("mcore", "mcore-infer")}
