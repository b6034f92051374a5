/* SPDX-License-Identifier: Apache-2.0 */
/* config.json of a model: key look-ups for expressions. */
#ifndef WC_MODELS_CONFIG_H
#define WC_MODELS_CONFIG_H

#include "core/error.h"
#include "models/expr.h"

struct config;

/* Read a config.json. ERR_SOURCE with a sentence. config_free frees it. */
int config_open(struct config **out, const char *path, struct error *err);

/* The same from memory; name stands for the file in errors. */
int config_parse(struct config **out, struct str text, const char *name,
		 struct error *err);

/*
 * The value of a dotted key ("text_config.hidden_size"). Missing keys and
 * null have no value; a list is its first element, and "list.1" its second; c
 * may be NULL. Texts are borrowed from c, as is the whole of it, json, whose
 * numbers have their text as valuestring.
 */
struct value config_get(const struct config *c, struct str key);

/* The name of its file, for messages; config.json where c is NULL. */
const char *config_name(const struct config *c);

/* "architectures LlamaForCausalLM, model_type llama", for messages. */
void config_describe(const struct config *c, struct strbuf *sb);

void config_free(struct config *c);

#endif
