# SPDX-License-Identifier: Apache-2.0
"""BERT, T5 and Whisper."""

import numpy as np

from case import case, new, one_way, refused, with_tie
from sides import Sides

H, F, V, P = 8, 12, 9, 5
QKV = ("query", "key", "value")


def bert(prefix):
    m = Sides()
    for i in range(2):
        p = f"{prefix}encoder.layer.{i}."
        q = f"bert.bert_encoder.encoder.blocks.{i}."
        for k, x in enumerate(QKV):
            m.linear(f"{p}attention.self.{x}", f"{q}attention.dense{k + 1}",
                     H, H)
        m.linear(f"{p}attention.output.dense", f"{q}attention.projection", H,
                 H, True)
        m.norm(f"{p}attention.output.LayerNorm", f"{q}layernorm2", H)
        m.linear(f"{p}intermediate.dense", f"{q}output.mapping", F, H, True)
        m.linear(f"{p}output.dense", f"{q}output.projection", H, F, True)
        m.norm(f"{p}output.LayerNorm", f"{q}layernorm1", H)
    e, post = f"{prefix}embeddings.", "bert.embedding_postprocessor."
    for x, mine, n in (
            ("word", "bert.word_embedding", V),
            ("position", f"{post}full_position_embedding", P),
            ("token_type", f"{post}token_type_embedding", 2)):
        m.put(f"{e}{x}_embeddings.weight", f"{mine}.embedding_table",
              new(n, H))
    m.norm(f"{e}LayerNorm", f"{post}layernorm", H)
    m.linear(f"{prefix}pooler.dense", "bert.dense", H, H)
    return m


def bert_cases():
    config = dict(model_type="bert", hidden_size=H, num_hidden_layers=2,
                  intermediate_size=F, vocab_size=V, type_vocab_size=2,
                  max_position_embeddings=P, num_attention_heads=2)
    for prefix, kind in (("", "BertModel"), ("bert.", "BertForPreTraining")):
        its = {**config, "architectures": [kind]}
        m = bert(prefix)
        case(f"bert-{kind}", its, None, m.hf, m.ms)
        ids = {f"{prefix}embeddings.position_ids": np.arange(P)[None]}
        one_way(f"bert-{kind}-ids", its, None, {**m.hf, **ids}, m.ms, "ms")
    one_way("bert-no-heads-emit", its, "tie=emit", m.ms, m.hf, "hf")
    headed_bert_cases(its)
    tuned_bert_cases(config)
    # transformers loads a file of either kind into a BertModel
    its = {**config, "architectures": ["BertModel"]}
    one_way("bert-prefixed", its, None, m.hf, m.ms, "ms")
    name = "bert.embeddings.LayerNorm.bias"
    refused("bert-long", its, None, {**m.hf, name: new(H + 1)}, "ms", "bert")
    name = "bert.pooler.dense.weight"
    refused("bert-wide", its, None, {**m.hf, name: new(H, H + 1)}, "ms",
            "bert")


def headed_bert_cases(config):
    """With the heads of pre-training, whose decoder is the embedding."""
    m = bert("bert.")
    p = "cls.predictions."
    m.linear(f"{p}transform.dense", "mlmloss.dense", H, H)
    m.norm(f"{p}transform.LayerNorm", "mlmloss.layernorm", H)
    m.put(f"{p}bias", "mlmloss.output_bias", new(V))
    m.linear("cls.seq_relationship", "nsploss.dense", 2, H)
    case("bert-heads", config, None, m.hf, m.ms)
    whole = {**m.hf, f"{p}decoder.bias": m.hf[f"{p}bias"],
             f"{p}decoder.weight": m.hf[
                 "bert.embeddings.word_embeddings.weight"]}
    for tie in ("auto", "emit", "drop"):
        one_way(f"bert-decoder-{tie}", config, f"tie={tie}", whole, m.ms,
                "ms")
        one_way(f"bert-decoder-{tie}-back", config, f"tie={tie}", m.ms,
                whole if tie == "emit" else m.hf, "hf")


def tuned_bert_cases(config):
    """Fine-tuned: the networks call their last layer the same."""
    for kind, name, n in (("BertForTokenClassification", "classifier", 3),
                          ("BertForQuestionAnswering", "qa_outputs", 2)):
        m = bert("bert.")
        m.linear(name, name, n, H)
        its = {**config, "architectures": [kind], "num_labels": n}
        case(f"bert-{name}", its, None, m.hf, m.ms)
        for x, shape in (("bias", (n + 1,)), ("weight", (n + 1, H)),
                         ("weight", (n, H + 1))):
            refused(f"bert-{name}-{x}-{shape[-1]}", its, None,
                    {**m.hf, f"{name}.{x}": new(*shape)}, "ms")


HEADS, Q, B = 3, 6, 32


def attention(m, p, q):
    for k, x in enumerate("qkv"):
        m.weight(f"{p}{x}", f"{q}dense{k + 1}", Q, H)
    m.weight(f"{p}o", f"{q}projection", H, Q, True)


def rms(m, theirs, mine, n=H):
    m.put(f"{theirs}.weight", f"{mine}.gamma", new(n))


def t5(layers, decoders):
    m = Sides()
    for side, n in (("encoder", layers), ("decoder", decoders)):
        for i in range(n):
            p = f"{side}.block.{i}.layer."
            q = f"t5_model.tfm_{side}.blocks.{i}."
            last = 1 if side == "encoder" else 2
            attention(m, f"{p}0.SelfAttention.", f"{q}attention.")
            rms(m, f"{p}0.layer_norm", f"{q}layernorm1")
            if side == "decoder":
                attention(m, f"{p}1.EncDecAttention.", f"{q}cross_attention.")
                rms(m, f"{p}1.layer_norm", f"{q}cross_attention_layernorm")
            for x, mine, rows, cols in (("wi", "mapping", F, H),
                                        ("wo", "projection", H, F)):
                m.weight(f"{p}{last}.DenseReluDense.{x}", f"{q}output.{mine}",
                         rows, cols, True)
            rms(m, f"{p}{last}.layer_norm", f"{q}layernorm2")
        m.put(f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias"
              ".weight", f"t5_model.tfm_{side}.blocks.0.attention"
              ".bias_generator.embeddings_table", new(B, HEADS))
        rms(m, f"{side}.final_layer_norm", f"t5_model.{side}_layernorm")
    m.put("shared.weight", "t5_model.tfm_embedding_lookup.embedding_table",
          new(V, H))
    return m


def t5_cases():
    config = dict(model_type="t5", d_model=H, d_kv=Q // HEADS, d_ff=F,
                  num_heads=HEADS, num_layers=2, vocab_size=V,
                  relative_attention_num_buckets=B, tie_word_embeddings=True)
    m = t5(2, 2)
    head = {"lm_head.weight": m.hf["shared.weight"]}
    tied_cases("t5", config, m, head)
    old = {f"{x}.embed_tokens.weight": m.hf["shared.weight"]
           for x in ("encoder", "decoder")}
    for i in range(2):
        old[f"decoder.block.{i}.layer.1.EncDecAttention."
            "relative_attention_bias.weight"] = new(B, HEADS)
    one_way("t5-old", config, None, {**m.hf, **head, **old}, m.ms, "ms")
    name = ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias"
            ".weight")
    refused("t5-heads", config, None, {**m.hf, name: new(B, HEADS + 1)}, "ms",
            "t5")
    # without a number of its own the decoder is as deep as the encoder
    refused("t5-deep", config, None, t5(2, 3).hf, "ms", "t5")
    m = t5(2, 3)
    case("t5-decoders", {**config, "num_decoder_layers": 3}, None, m.hf, m.ms)


def tied_cases(name, config, m, head):
    """Of a model whose head MindSpore's network does not have."""
    whole = {**m.hf, **head}
    for tie, want in (("auto", m.hf), ("emit", whole), ("drop", m.hf)):
        options = with_tie([], tie)
        one_way(f"{name}-{tie}", config, options, whole, m.ms, "ms")
        one_way(f"{name}-{tie}-back", config, options, m.ms, want, "hf")


def whisper():
    m = Sides()
    for side in ("encoder", "decoder"):
        s = f"model.{side}."
        for i in range(2):
            p = f"{s}layers.{i}."
            kinds = ["self_attn"] + ["encoder_attn"] * (side == "decoder")
            for x in kinds:
                for y in ("q", "v", "out"):
                    m.linear(f"{p}{x}.{y}_proj", f"{p}{x}.{y}_proj", H, H)
                m.weight(f"{p}{x}.k_proj", f"{p}{x}.k_proj", H, H)
            for x in (*kinds, "final"):
                m.norm(f"{p}{x}_layer_norm", f"{p}{x}_layer_norm", H)
            m.linear(f"{p}fc1", f"{p}fc1", F, H)
            m.linear(f"{p}fc2", f"{p}fc2", H, F)
        m.norm(f"{s}layer_norm", f"{s}layer_norm", H)
        m.put(f"{s}embed_positions.weight",
              f"{s}embed_positions.embedding_weight", new(P, H))
    for k, n in ((1, 4), (2, H)):
        conv, a = f"model.encoder.conv{k}", new(H, n, 3)
        m.put(f"{conv}.weight", f"{conv}.weight", a, a[:, :, None])
        m.bias(conv, conv, H)
    m.put("model.decoder.embed_tokens.weight",
          "model.decoder.embed_tokens.embedding_weight", new(V, H))
    return m


def whisper_cases():
    config = dict(
        model_type="whisper", d_model=H, num_mel_bins=4, vocab_size=V,
        encoder_ffn_dim=F, decoder_ffn_dim=F, encoder_layers=2,
        decoder_layers=2, max_source_positions=P, max_target_positions=P,
        architectures=["WhisperForConditionalGeneration"],
        tie_word_embeddings=True)
    m = whisper()
    tied_cases("whisper", config, m, {
        "proj_out.weight": m.hf["model.decoder.embed_tokens.weight"]})
    name = "model.encoder.layer_norm.bias"
    refused("whisper-long", config, None, {**m.hf, name: new(H + 1)}, "ms",
            "whisper")
    name = "model.encoder.conv2.weight"
    refused("whisper-wide", config, None, {**m.hf, name: new(H, H + 1, 3)},
            "ms", "whisper")


def cases():
    bert_cases()
    t5_cases()
    whisper_cases()
