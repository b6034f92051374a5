/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON values as YAML. */
#ifndef WC_MODELS_YAML_H
#define WC_MODELS_YAML_H

#include <stdbool.h>

#include "core/strbuf.h"

struct cJSON;

/*
 * Append the members of an object as YAML: objects as blocks, lists within
 * brackets, texts quoted. Numbers are such that PyYAML reads them as numbers:
 * 1e-05 is a text to it, 1.0e-05 is one. False where there is no memory.
 */
bool yaml_add(const struct cJSON *object, struct strbuf *out);

#endif
