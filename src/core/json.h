/* SPDX-License-Identifier: Apache-2.0 */
/* JSON texts as trees: configurations, indexes, rule tables. */
#ifndef WC_CORE_JSON_H
#define WC_CORE_JSON_H

#include <cjson/cJSON.h>

#include "core/str.h"

/*
 * Parse a text with nothing but white space behind its value. *out, NULL after
 * a failure, is freed with cJSON_Delete. 0, -ENOMEM, or -EINVAL: then *end (if
 * end is not NULL) is about where it is wrong.
 */
int json_tree(cJSON **out, struct str text, const char **end);

#endif
