/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration for a model that has none on its side: what the table's
 * `config` and `yaml` say, from the axes, the options, what the user set, the
 * source's config.json, and the shapes and names of the source.
 */
#ifndef WC_MODELS_SUPPLY_H
#define WC_MODELS_SUPPLY_H

#include "models/scope.h"

/*
 * The config.json of the left side, as JSON, appended to *json; to *missing
 * the keys that nothing tells, with commas between them. shown are the tensors
 * of that side. The text is empty where the table has no `config`.
 */
int config_supply(const struct scope *s, const struct tensor_set *shown,
		  struct strbuf *json, struct strbuf *missing,
		  struct error *err);

/* The same of the right side, from the left: what MindFormers' YAML files say
 * of the model, and the table's `yaml`. */
int yaml_supply(const struct scope *s, struct strbuf *yaml,
		struct strbuf *missing, struct error *err);

#endif
