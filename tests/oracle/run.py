# SPDX-License-Identifier: Apache-2.0
"""
run.py WCONV - compare `wconv hash` with a reference for 40 random models.
The reference is written from the layouts that the model classes load, in
lists of rows; it shares nothing with the rule tables.
"""
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import floats
from llama import Model

WORDS = {'F64': 'Float64', 'F32': 'Float32', 'F16': 'Float16',
         'BF16': 'BFloat16'}
MODELS = 40


def write_safetensors(path, tensors, rng):
    header, raw = {}, b''
    if rng.random() < 0.5:
        header['__metadata__'] = {'format': 'pt'}
    for name, (word, shape, data) in tensors.items():
        header[name] = {'dtype': word, 'shape': shape,
                        'data_offsets': [len(raw), len(raw) + len(data)]}
        raw += data
    text = json.dumps(header).encode()
    text += b' ' * rng.randrange(9)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + raw)


def write_shards(directory, tensors, rng):
    """One file, or several with an index; names in any order."""
    names = list(tensors)
    rng.shuffle(names)
    n = rng.choice((1, 1, 2, 5))
    if n == 1 or n > len(names):
        write_safetensors(os.path.join(directory, 'model.safetensors'),
                          {k: tensors[k] for k in names}, rng)
        return
    where = {}
    for i in range(n):
        part = names[i::n]
        file = f'model-{i + 1:05}-of-{n:05}.safetensors'
        write_safetensors(os.path.join(directory, file),
                          {k: tensors[k] for k in part}, rng)
        where.update((k, file) for k in part)
    write_json(directory, 'model.safetensors.index.json',
               {'metadata': {}, 'weight_map': where})


def write_json(directory, name, what):
    with open(os.path.join(directory, name), 'w', encoding='utf-8') as f:
        json.dump(what, f)


def write_model(directory, m, tensors, rng):
    if m.adapter:
        write_json(directory, 'adapter_config.json',
                   {'peft_type': 'LORA', 'r': m.rank})
        write_safetensors(os.path.join(directory,
                                       'adapter_model.safetensors'),
                          tensors, rng)
        return
    write_json(directory, 'config.json', m.config())
    write_shards(directory, tensors, rng)


def line(name, t):
    word, shape, raw = t
    dims = 'x'.join(map(str, shape)) or 'scalar'
    return '\t'.join((name, WORDS[word], dims,
                      hashlib.sha256(raw).hexdigest()))


def compare(wconv, seed):
    """None where the two agree, else what they say."""
    rng = random.Random(seed)
    m = Model(rng)
    tensors = m.tensors()
    want = sorted(line(*item) for item in m.expected(tensors).items())
    with tempfile.TemporaryDirectory() as directory:
        write_model(directory, m, tensors, rng)
        run = subprocess.run([wconv, 'hash', *m.options(), directory],
                             capture_output=True, text=True, check=False)
    got = sorted(run.stdout.splitlines())
    text = ' '.join([m.family, *m.options(), f'heads={m.heads}/{m.kv}',
                     f'dim={m.dim}', f'layers={m.layers}', m.word])
    if got == want and run.returncode == 0:
        return text, None
    extra = [f'want {x}' for x in want if x not in got]
    extra += [f'got  {x}' for x in got if x not in want]
    return text, [run.stderr.strip()] + extra[:10]


def main():
    floats.test()
    failed = 0
    for seed in range(MODELS):
        text, wrong = compare(sys.argv[1], seed)
        print(f'{"not ok" if wrong else "ok"} - model {seed}: {text}')
        for what in wrong or ():
            print('#', what)
        failed += wrong is not None
    return failed > 0


sys.exit(main())
