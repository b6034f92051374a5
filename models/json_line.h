/* SPDX-License-Identifier: Apache-2.0 */
/* Where in its text a value of a JSON tree stands: cJSON does not say. */
#ifndef WC_MODELS_JSON_LINE_H
#define WC_MODELS_JSON_LINE_H

#include <cjson/cJSON.h>

#include "core/str.h"

/* The line (from 1) of node in the text that root was parsed from, or 0. */
unsigned json_line(struct str text, const cJSON *root, const cJSON *node);

/* The line that a byte of the text is in. */
unsigned json_line_of(struct str text, size_t byte);

#endif
