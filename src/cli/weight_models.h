/* SPDX-License-Identifier: Apache-2.0 */
/* What MindFormers' convert_weight.py does for each of its models. */
#ifndef WC_CLI_WEIGHT_MODELS_H
#define WC_CLI_WEIGHT_MODELS_H

#include <stdbool.h>
#include <stddef.h>

struct weight_model {
	const char *key;   /* of its --model */
	const char *dtype; /* without --dtype; "source": not cast */
	const char *reversed_dtype;
	/* reversed: a directory of safetensors, where others write a file */
	bool writes_safetensors;
};

/* The model of that key. Where it says nothing: source, and a file. */
struct weight_model weight_model(const char *key);

/* Whether the script hands a flag of its own to that model's converter. */
bool weight_flag_counts(const char *flag, const char *key);

#endif
