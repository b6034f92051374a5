/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A config.json for a model that has none on its side: what the table's
 * `config` says, from the axes, the options, what the user set, and the shapes
 * and names of the source.
 */
#ifndef WC_MODELS_SUPPLY_H
#define WC_MODELS_SUPPLY_H

#include "models/plan.h"

/*
 * Append the JSON text to *json; to *missing the keys that nothing tells,
 * with commas between them. The text is empty where the table has no `config`.
 */
int config_supply(const struct scope *s, const struct plan *p,
		  struct strbuf *json, struct strbuf *missing,
		  struct error *err);

#endif
