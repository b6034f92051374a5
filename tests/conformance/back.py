# SPDX-License-Identifier: Apache-2.0
"""The way back: what wconvfs shows of a MindSpore checkpoint, to transformers,
safetensors, torch and zipfile."""

import hashlib
import json
import os
import shutil
import subprocess
import zipfile

import safetensors
import torch
import transformers

from shown import BUILD, Shown

GOLDEN = "tests/golden"

TORCH_WORD = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8",
    torch.int16: "I16", torch.int32: "I32", torch.int64: "I64",
    torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32",
    torch.float64: "F64",
}


def table(tensors):
    """The lines of a golden table, of {name: torch tensor}."""
    lines = set()
    for name, t in tensors.items():
        data = t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        lines.add("\t".join((name, TORCH_WORD[t.dtype],
                             "x".join(map(str, t.shape)) or "scalar",
                             hashlib.sha256(data).hexdigest())))
    return lines


def differ(got, want):
    wrong = sorted(got ^ want)
    return f"{len(wrong)} lines differ: {wrong[0][:120]}" if wrong else None


def safetensors_of(view):
    with safetensors.safe_open(view.path("model.safetensors"),
                               framework="pt") as f:
        return {name: f.get_tensor(name) for name in f.keys()}


def check_bin(check, text, view, want):
    path = view.path("pytorch/pytorch_model.bin")
    loaded = torch.load(path, weights_only=True, mmap=True)
    check(f"{text}: torch maps pytorch_model.bin", differ(table(loaded), want))
    loaded = torch.load(path, weights_only=True)
    check(f"{text}: torch loads it", differ(table(loaded), want))
    with zipfile.ZipFile(path) as z:
        check(f"{text}: zipfile tests it", z.testzip())
    if shutil.which("unzip"):
        done = subprocess.run(["unzip", "-tq", path], capture_output=True,
                              text=True)
        check(f"{text}: unzip tests it",
              done.stdout + done.stderr if done.returncode else None)


def check_golden_back(check):
    for name in sorted(os.listdir(GOLDEN)):
        case = os.path.join(GOLDEN, name)
        source = os.path.join(case, "ms")
        if not os.path.exists(f"{case}/hf.tsv") or not os.path.isdir(source):
            continue
        command = ["sh", "tests/case.sh", case, "back"]
        options = subprocess.check_output(command, text=True).split()
        with open(f"{case}/hf.tsv", encoding="utf-8") as f:
            want = set(f.read().splitlines())
        with Shown(source, *options) as view:
            check(f"{name}, back: safetensors opens model.safetensors",
                  differ(table(safetensors_of(view)), want))
            check_bin(check, f"{name}, back", view, want)


# Models that transformers makes, to MindSpore and back.

LM = dict(vocab_size=101, hidden_size=48, intermediate_size=80,
          num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
          max_position_embeddings=64)
EXPERTS = dict(moe_intermediate_size=24, num_experts=6, num_experts_per_tok=2)
ROUTED = dict(n_routed_experts=4, n_shared_experts=1, moe_intermediate_size=24,
              first_k_dense_replace=1, num_experts_per_tok=2)
MLA = dict(LM, **ROUTED, num_key_value_heads=4, kv_lora_rank=16,
           qk_rope_head_dim=8, qk_nope_head_dim=12, v_head_dim=12)
GPT = dict(vocab_size=101, n_embd=48, n_layer=3, n_head=4, n_positions=64)
ENCODER = dict(hidden_size=48, num_hidden_layers=3, num_attention_heads=4,
               intermediate_size=80)
IMAGE = dict(ENCODER, image_size=32, patch_size=8)
SMALL = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2,
             num_attention_heads=4)

TOKENS = {"input_ids": torch.arange(1, 9).reshape(1, 8)}
SEQ2SEQ = {**TOKENS, "decoder_input_ids": torch.arange(1, 6).reshape(1, 5)}
PIXELS = {"pixel_values":
          torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)}
SPEECH = {"input_features": torch.linspace(-1, 1, 8 * 40).reshape(1, 8, 40),
          "decoder_input_ids": SEQ2SEQ["decoder_input_ids"]}

# name: (class, class of the config, its values, input). The options that tell
# the rules nothing that config.json does not are not needed.
MODELS = {
    "llama": ("LlamaForCausalLM", "LlamaConfig", LM, TOKENS),
    "tied llama": ("LlamaForCausalLM", "LlamaConfig",
                   dict(LM, tie_word_embeddings=True), TOKENS),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", LM, TOKENS),
    "qwen2-moe": ("Qwen2MoeForCausalLM", "Qwen2MoeConfig",
                  dict(LM, **EXPERTS, shared_expert_intermediate_size=40),
                  TOKENS),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", dict(LM, head_dim=16), TOKENS),
    "tied qwen3": ("Qwen3ForCausalLM", "Qwen3Config",
                   dict(LM, head_dim=16, tie_word_embeddings=True), TOKENS),
    "qwen3-moe": ("Qwen3MoeForCausalLM", "Qwen3MoeConfig",
                  dict(LM, **EXPERTS, head_dim=16), TOKENS),
    "mixtral": ("MixtralForCausalLM", "MixtralConfig",
                dict(LM, num_local_experts=3), TOKENS),
    "deepseek2": ("DeepseekV2ForCausalLM", "DeepseekV2Config",
                  dict(MLA, q_lora_rank=24), TOKENS),
    "deepseek2 without q_lora": ("DeepseekV2ForCausalLM", "DeepseekV2Config",
                                 dict(MLA, q_lora_rank=None), TOKENS),
    "deepseek3": ("DeepseekV3ForCausalLM", "DeepseekV3Config",
                  dict(MLA, q_lora_rank=24, n_group=2, topk_group=1), TOKENS),
    "glm4-hf": ("GlmForCausalLM", "GlmConfig",
                dict(LM, head_dim=12, pad_token_id=0), TOKENS),
    "glm4-0414": ("Glm4ForCausalLM", "Glm4Config",
                  dict(LM, head_dim=12, pad_token_id=0), TOKENS),
    "glm4-moe": ("Glm4MoeForCausalLM", "Glm4MoeConfig",
                 dict(LM, **ROUTED, head_dim=12, pad_token_id=0, n_group=1,
                      topk_group=1), TOKENS),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", GPT, TOKENS),
    "wizardcoder": ("GPTBigCodeForCausalLM", "GPTBigCodeConfig", GPT, TOKENS),
    "bloom": ("BloomForCausalLM", "BloomConfig",
              dict(vocab_size=101, hidden_size=48, n_layer=3, n_head=4),
              TOKENS),
    "bert": ("BertForPreTraining", "BertConfig",
             dict(ENCODER, vocab_size=101, max_position_embeddings=64),
             TOKENS),
    "t5": ("T5ForConditionalGeneration", "T5Config",
           dict(vocab_size=101, d_model=48, d_kv=12, d_ff=80, num_layers=3,
                num_heads=4), SEQ2SEQ),
    "whisper": ("WhisperForConditionalGeneration", "WhisperConfig",
                dict(vocab_size=101, d_model=48, encoder_layers=2,
                     decoder_layers=2, encoder_attention_heads=4,
                     decoder_attention_heads=4, encoder_ffn_dim=80,
                     decoder_ffn_dim=80, num_mel_bins=8,
                     max_source_positions=20, max_target_positions=32,
                     pad_token_id=0, bos_token_id=1, eos_token_id=2,
                     decoder_start_token_id=1), SPEECH),
    "vit": ("ViTForImageClassification", "ViTConfig", IMAGE, PIXELS),
    "mae": ("ViTMAEForPreTraining", "ViTMAEConfig",
            dict(IMAGE, decoder_hidden_size=32, decoder_num_hidden_layers=2,
                 decoder_num_attention_heads=4, decoder_intermediate_size=40,
                 mask_ratio=0.0), PIXELS),
    "clip": ("CLIPModel", "CLIPConfig",
             dict(text_config=dict(SMALL, vocab_size=101,
                                   max_position_embeddings=20),
                  vision_config=dict(SMALL, image_size=32, patch_size=8)),
             {**TOKENS, **PIXELS}),
    "llava": ("LlavaForConditionalGeneration", "LlavaConfig",
              dict(text_config=dict(LM, model_type="llama"),
                   vision_config=dict(SMALL, model_type="clip_vision_model",
                                      image_size=32, patch_size=8)), TOKENS),
}


def made(kind, config, values):
    torch.manual_seed(7)
    model = getattr(transformers, kind)(
        getattr(transformers, config)(**values)).float()
    for p in model.parameters():  # norms are not all ones
        p.data.add_(torch.randn_like(p) * 0.1)
    return model


def first(output):
    """The logits of an output, or what comes first."""
    return output.logits if hasattr(output, "logits") else output[0]


def compare(kind, original, shown, given):
    """The two directories as from_pretrained sees them."""
    load = getattr(transformers, kind).from_pretrained
    want = load(original).eval()
    got, info = load(shown, output_loading_info=True)
    notes = {k: v for k, v in info.items() if v}
    if notes:
        return f"loading notes {notes}"
    a, b = want.state_dict(), got.eval().state_dict()
    wrong = [k for k in a if not torch.equal(a[k], b[k])]
    if wrong:
        return f"{wrong[0]} differs"
    with torch.no_grad():
        torch.manual_seed(1)
        x = first(want(**given))
        torch.manual_seed(1)
        y = first(got(**given))
    return None if torch.equal(x, y) else "the output differs"


def check_from_pretrained(check, tmp):
    transformers.logging.set_verbosity_error()
    for text, (kind, config, values, given) in MODELS.items():
        source = os.path.join(tmp, "model")
        ckpt = os.path.join(tmp, "model.ckpt")
        made(kind, config, values).save_pretrained(source)
        with open(ckpt, "wb") as out:
            subprocess.run([f"{BUILD}/wconv", "cat", source, "model.ckpt"],
                           stdout=out, check=True)
        with Shown(ckpt, f"--config={source}/config.json") as view:
            view.path("config.json")
            view.path("model.safetensors")
            check(f"{text}, to MindSpore and back: from_pretrained gives the "
                  "same model", compare(kind, source, view.top, given))
        shutil.rmtree(source)
        os.unlink(ckpt)


# name: the rules, and the keys that no tensor tells; they have to be told.
HEADS = ("num_attention_heads", "rms_norm_eps", "rope_theta",
         "max_position_embeddings")
SPLIT = HEADS + ("num_key_value_heads", "head_dim")
CHOICE = ("num_experts_per_tok", "norm_topk_prob")
LATENT = HEADS + CHOICE + (
    "num_hidden_layers", "hidden_size", "q_lora_rank", "kv_lora_rank",
    "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim",
    "first_k_dense_replace", "routed_scaling_factor")
TOLD = {
    "llama": ("llama", HEADS),
    "qwen2": ("qwen2", HEADS),
    "qwen2-moe": ("qwen2-moe", HEADS + CHOICE),
    "qwen3": ("qwen3", SPLIT),
    "qwen3-moe": ("qwen3-moe", SPLIT + CHOICE + (
        "num_experts", "moe_intermediate_size")),
    "mixtral": ("mixtral", HEADS),
    "deepseek2": ("deepseek2", LATENT),
    "deepseek3": ("deepseek3 deepseekv3", LATENT + (
        "n_routed_experts", "n_shared_experts", "moe_intermediate_size",
        "n_group", "topk_group")),
    "glm4-hf": ("glm-hf", SPLIT + ("partial_rotary_factor", "pad_token_id")),
    "glm4-0414": ("glm-hf", SPLIT + ("partial_rotary_factor",
                                     "pad_token_id")),
    "glm4-moe": ("glm4-moe", SPLIT + CHOICE + (
        "first_k_dense_replace", "n_routed_experts", "n_shared_experts",
        "moe_intermediate_size", "num_hidden_layers", "routed_scaling_factor",
        "n_group", "topk_group", "partial_rotary_factor", "pad_token_id")),
    "gpt2": ("gpt2", ("n_head", "activation_function")),
    "wizardcoder": ("wizardcoder", ("activation_function",)),
    "bloom": ("bloom", ("n_head", "hidden_size")),
    "bert": ("bert", ("num_attention_heads",)),
    "t5": ("t5", ()),
    "whisper": ("whisper", (
        "encoder_attention_heads", "decoder_attention_heads",
        "decoder_start_token_id", "bos_token_id", "eos_token_id",
        "pad_token_id")),
}


def tell(source, keys):
    with open(f"{source}/config.json", encoding="utf-8") as f:
        config = json.load(f)
    return [f"--set={k}={v if isinstance(v, str) else json.dumps(v)}"
            for k, v in ((k, config[k]) for k in keys)]


def check_told(check, tmp, text, rules, keys):
    source = os.path.join(tmp, "model")
    ckpt = os.path.join(tmp, "model.ckpt")
    kind, config, values, given = MODELS[text]
    made(kind, config, values).save_pretrained(source)
    with open(ckpt, "wb") as out:
        subprocess.run([f"{BUILD}/wconv", "cat", f"--model={rules}", source,
                        "model.ckpt"], stdout=out, check=True)
    with Shown(ckpt, "--to=hf", f"--model={rules}",
               *tell(source, keys)) as view:
        view.path("config.json")
        view.path("model.safetensors")
        check(f"{text} by {rules}, a supplied config.json: from_pretrained "
              "gives the same model", compare(kind, source, view.top, given))
    shutil.rmtree(source)
    os.unlink(ckpt)


def check_supplied_config(check, tmp):
    """Without a config.json, but with the numbers no tensor tells."""
    for text, (tables, keys) in TOLD.items():
        for rules in tables.split():
            check_told(check, tmp, text, rules, keys)


def check_original(check):
    """Phi as Microsoft published it, with a config.json of other keys."""
    for name in sorted(os.listdir(GOLDEN)):
        case = os.path.join(GOLDEN, name)
        if not os.path.isdir(f"{case}/original"):
            continue
        with Shown(f"{case}/original", "--to=hf") as view:
            view.path("config.json")
            view.path("model.safetensors")
            check(f"{name}: from_pretrained gives the model of HuggingFace",
                  compare("PhiForCausalLM", f"{case}/hf", view.top, TOKENS))
