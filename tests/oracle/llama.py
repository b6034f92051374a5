# SPDX-License-Identifier: Apache-2.0
"""
Random small models of the llama and qwen2 families as HuggingFace lays them
out, and what a MindSpore checkpoint of each holds. A tensor is
(word, shape, bytes); all that is done to it is done to lists of its rows.
"""
from floats import SIZES, cast, random_bytes

MODULES = {
    'self_attn.q_proj': 'attention.wq', 'self_attn.k_proj': 'attention.wk',
    'self_attn.v_proj': 'attention.wv', 'self_attn.o_proj': 'attention.wo',
    'mlp.gate_proj': 'feed_forward.w1', 'mlp.down_proj': 'feed_forward.w2',
    'mlp.up_proj': 'feed_forward.w3', 'input_layernorm': 'attention_norm',
    'post_attention_layernorm': 'ffn_norm',
}
OUTSIDE = {
    'model.embed_tokens.weight': 'model.tok_embeddings.embedding_weight',
    'model.norm.weight': 'model.norm_out.weight',
    'lm_head.weight': 'lm_head.weight',
}
LORA = {
    'llama': {'lora_A.weight': 'mindpet_delta_lora_a',
              'lora_B.weight': 'mindpet_delta_lora_b'},
    'qwen2': {'lora_A.weight': 'lora_a', 'lora_B.weight': 'lora_b'},
}
DTYPES = {'fp32': 'F32', 'fp16': 'F16', 'bf16': 'BF16'}


class Model:
    """Sizes and options, drawn at random."""

    def __init__(self, rng):
        self.family = rng.choice(('llama', 'llama', 'qwen2'))
        self.adapter = rng.random() < 0.2
        self.kv = rng.choice((1, 1, 2, 3, 4))
        self.heads = self.kv * rng.choice((1, 1, 2, 3, 7))
        self.dim = rng.choice((1, 2, 4, 6))
        self.hidden = self.heads * self.dim
        self.own_dim = rng.random() < 0.4
        if self.own_dim:
            self.hidden = rng.choice((5, 8, 12))
        self.inter = rng.choice((1, 7, 12, 20))
        self.vocab = rng.choice((3, 10, 33))
        self.layers = rng.choice((1, 2, 3, 12))
        self.attention_bias = self.family == 'qwen2' or rng.random() < 0.3
        self.mlp_bias = self.family == 'llama' and rng.random() < 0.2
        self.inv_freq = rng.random() < 0.2
        self.tied = rng.random() < 0.4
        self.saved_head = not self.tied or rng.random() < 0.3
        self.word = rng.choice(('F32', 'F16', 'BF16', 'F64'))
        self.norm_word = rng.choice((self.word, self.word, 'F32'))
        self.dtype = rng.choice((None, None, 'fp32', 'fp16', 'bf16'))
        self.fused = rng.choice((None, None, 'grouped', 'plain'))
        if self.family == 'qwen2' and self.fused == 'plain':
            self.fused = 'grouped'
        self.rank = rng.choice((1, 2, 5))
        self.rng = rng

    def config(self):
        c = {
            'architectures': ['LlamaForCausalLM' if self.family == 'llama'
                              else 'Qwen2ForCausalLM'],
            'model_type': self.family,
            'hidden_size': self.hidden,
            'intermediate_size': self.inter,
            'num_attention_heads': self.heads,
            'num_hidden_layers': self.layers,
            'tie_word_embeddings': self.tied,
            'vocab_size': self.vocab,
        }
        if self.kv != self.heads or self.rng.random() < 0.5:
            c['num_key_value_heads'] = self.kv
        if self.own_dim:
            c['head_dim'] = self.dim
        return c

    def options(self):
        v = [f'--dtype={self.dtype}'] if self.dtype else []
        if self.adapter:
            v.append(f'--model={self.family}')
            if self.family == 'qwen2':
                v.append('--set=is_lora=true')
        elif self.fused:
            v.append('--set=qkv_concat=true')
            if self.family == 'llama':
                v.append(f'--set=qkv_layout={self.fused}')
        return v

    def make(self, shape, word=None):
        word, n = word or self.word, 1
        for d in shape:
            n *= d
        return (word, list(shape),
                random_bytes(self.rng, word, n, self.dtype is not None))

    def linears(self):
        """module: (outputs, inputs, whether it has a bias)"""
        q, k, h = self.heads * self.dim, self.kv * self.dim, self.hidden
        a, f, m = self.attention_bias, self.inter, self.mlp_bias
        return {
            'self_attn.q_proj': (q, h, a), 'self_attn.k_proj': (k, h, a),
            'self_attn.v_proj': (k, h, a),
            'self_attn.o_proj': (h, q, a and self.family == 'llama'),
            'mlp.gate_proj': (f, h, m), 'mlp.up_proj': (f, h, m),
            'mlp.down_proj': (h, f, m),
        }

    def layer(self, at):
        out = {}
        for module, (o, i, bias) in self.linears().items():
            out[f'{at}{module}.weight'] = self.make((o, i))
            if bias:
                out[f'{at}{module}.bias'] = self.make((o,))
        for module in ('input_layernorm', 'post_attention_layernorm'):
            out[f'{at}{module}.weight'] = self.make((self.hidden,),
                                                    self.norm_word)
        if self.inv_freq:
            out[at + 'self_attn.rotary_emb.inv_freq'] = self.make((3,), 'F32')
        return out

    def adapter_layer(self, at):
        out = {}
        for module, (o, i, _) in self.linears().items():
            out[f'{at}{module}.lora_A.weight'] = self.make((self.rank, i))
            out[f'{at}{module}.lora_B.weight'] = self.make((o, self.rank))
        return out

    def tensors(self):
        out = {}
        for i in range(self.layers):
            if self.adapter:
                out.update(self.adapter_layer(
                    f'base_model.model.model.layers.{i}.'))
            else:
                out.update(self.layer(f'model.layers.{i}.'))
        if not self.adapter:
            head = (self.vocab, self.hidden)
            out['model.embed_tokens.weight'] = self.make(head)
            out['model.norm.weight'] = self.make((self.hidden,),
                                                 self.norm_word)
            if self.saved_head:
                out['lm_head.weight'] = self.make(head)
        return out

    # ---- what MindSpore sees of it

    def fuse(self, v, at):
        """q, k, v and gate, up of one layer, weights or biases."""
        for kind in ('weight', 'bias'):
            q, k, w = (v.get(f'{at}attention.w{x}.{kind}') for x in 'qkv')
            if q:
                v[f'{at}attention.w_qkv.{kind}'] = self.join_heads(q, k, w)
                for x in 'qkv':
                    del v[f'{at}attention.w{x}.{kind}']
            gate = v.get(f'{at}feed_forward.w1.{kind}')
            if gate:
                up = v[f'{at}feed_forward.w3.{kind}']
                v[f'{at}feed_forward.w_gate_hidden.{kind}'] = \
                    self.join_gate(gate, up)
                del v[f'{at}feed_forward.w1.{kind}']
                del v[f'{at}feed_forward.w3.{kind}']

    def join_heads(self, q, k, v):
        q, k, v, t = rows(q), rows(k), rows(v), q
        out = q + k + v
        if self.fused == 'grouped':
            out, n = [], self.heads // self.kv * self.dim
            for g in range(self.kv):
                out += q[g * n:g * n + n]
                out += k[g * self.dim:(g + 1) * self.dim]
                out += v[g * self.dim:(g + 1) * self.dim]
        return from_rows(t, out)

    def join_gate(self, gate, up):
        a, b = rows(gate), rows(up)
        out = a + b
        if self.fused == 'grouped':
            out = [row for pair in zip(a, b) for row in pair]
        return from_rows(gate, out)

    def expected(self, tensors):
        out = {}
        for name, t in tensors.items():
            if not name.endswith('inv_freq'):
                out[self.renamed(name)] = t
        if self.fused and not self.adapter:
            for i in range(self.layers):
                self.fuse(out, f'model.layers.{i}.')
        if self.tied and not self.adapter and not self.saved_head:
            out['lm_head.weight'] = \
                out['model.tok_embeddings.embedding_weight']
        if self.dtype:
            to = DTYPES[self.dtype]
            out = {name: (to, shape, cast(word, to, raw))
                   for name, (word, shape, raw) in out.items()}
        return out

    def renamed(self, name):
        if name in OUTSIDE:
            return OUTSIDE[name]
        if self.adapter:
            name = name[len('base_model.model.'):]
        _, _, i, module, *rest = name.split('.', 4)
        if module in ('self_attn', 'mlp'):
            inner, rest = rest[0].split('.', 1)
            module = f'{module}.{inner}'
        else:
            rest = rest[0]
        if self.adapter:
            rest = LORA[self.family][rest]
        return f'model.layers.{i}.{MODULES[module]}.{rest}'


def rows(t):
    """The rows of a matrix, the elements of a vector."""
    word, shape, raw = t
    n = SIZES[word]
    for d in shape[1:]:
        n *= d
    return [raw[i * n:i * n + n] for i in range(shape[0])]


def from_rows(t, v):
    """Rows put together as a tensor that is like t but for their number."""
    return (t[0], [len(v)] + t[1][1:], b''.join(v))
