/* SPDX-License-Identifier: Apache-2.0 */
/* Between table.c and table_rules.c: loading one table. */
#ifndef WC_MODELS_TABLE_RULES_H
#define WC_MODELS_TABLE_RULES_H

#include <cjson/cJSON.h>

#include "models/table.h"

struct table_loader {
	struct table *table;
	const char *origin; /* file name, for errors */
	struct error *err;
};

/* "ORIGIN: ..." as ERR_MODEL. Returns -EINVAL. */
int table_bad(struct table_loader *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Put "ORIGIN: where: " before the error that is there. Returns ret. */
int table_context(struct table_loader *l, const char *where, int ret);

/* The key "rules": flattened into table->rules. */
int table_take_rules(struct table_loader *l, const cJSON *j);

#endif
