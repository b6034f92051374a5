/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults of MindFormers' convert_weight.py, branches r1.1.0 to r1.8.0,
 * where a model has one of its own; see weight_models.h.
 *
 * "fp32" stands for models that the script loads by from_pretrained, which
 * widens; those that it loads by torch.load keep their type, and so does
 * everything that is not in the list. It is "source", too, where the script
 * has no one type: glm-n (split tensors only were widened up to r1.5),
 * deepseek2 (bf16 and fp32 by parts of the name), qwenvl (only bf16 is cast,
 * to a type that cannot hold it), the way back of qwen2_5 (from a YAML file).
 */
#include "cli/weight_models.h"

#include <string.h>

/* clang-format off */
static const struct weight_model models[] = {
	/* key            default   reversed  safetensors */
	{ "baichuan",     "fp32",   "source", false },
	{ "baichuan2",    "fp32",   "source", false },
	{ "deepseek",     "fp32",   "source", false },
	{ "deepseek1_5",  "fp32",   "source", false },
	{ "deepseek3",    "bf16",   "bf16",   true },
	{ "deepseekv3",   "bf16",   "bf16",   true },
	{ "glm",          "fp16",   "source", false },
	{ "glm32k",       "fp16",   "source", false },
	{ "internlm",     "fp32",   "source", false },
	{ "internlm2",    "fp32",   "source", false },
	{ "knowlm",       "fp32",   "source", false },
	{ "llama",        "fp32",   "source", false },
	{ "mixtral",      "fp32",   "fp32",   true },
	{ "qwen1_5",      "fp16",   "source", false },
	{ "qwen2",        "fp32",   "source", false },
	{ "qwen2_5",      "bf16",   "source", true },
	{ "qwen3",        "source", "bf16",   true },
	{ "qwen3-moe",    "source", "bf16",   true },
	{ "rewardmodel",  "fp32",   "source", false },
	{ "skywork",      "fp32",   "source", false },
	{ "telechat2",    "fp32",   "source", false },
	{ "telechat3",    "fp32",   "source", false },
	{ "wizardcoder",  "fp32",   "source", false },
	{ "yi",           "fp32",   "source", false },
};

/* Flags that every call of the script has, and whose converters read them. */
static const struct {
	const char *flag;
	const char *keys[3];
} flags[] = {
	{ "n_head",        { "bloom" } },
	{ "hidden_size",   { "bloom" } },
	{ "layers",        { "gpt", "wizardcoder" } },
	{ "is_pretrain",   { "swin" } },
	{ "telechat_type", { "telechat" } },
};

/* Flags that the script takes for these models, too, and does not read. */
static const struct {
	const char *flag;
	const char *key;
} unread[] = {
	{ "qkv_concat", "llama" },
	{ "qkv_concat", "yi" },
};

/* clang-format on */

struct weight_model weight_model(const char *key)
{
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if (strcmp(models[i].key, key) == 0)
			return models[i];
	return (struct weight_model){key, "source", "source", false};
}

bool weight_flag_counts(const char *flag, const char *key)
{
	for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++)
		if (strcmp(unread[i].flag, flag) == 0 &&
		    strcmp(unread[i].key, key) == 0)
			return false;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(flags[i].flag, flag) != 0)
			continue;
		for (const char *const *k = flags[i].keys; *k; k++)
			if (strcmp(*k, key) == 0)
				return true;
		return false;
	}
	return true;
}
