/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a table of rules without any model: that it can be read, and for
 * each rule, on made-up names and sizes, that
 *
 *   - a name that it writes is one that it reads;
 *   - its pattern finds all sizes from the left shapes alone, and from the
 *     right ones alone, and makes of either what stands on the other side;
 *   - no earlier rule takes all that it would.
 */
#ifndef WC_MODELS_CHECK_H
#define WC_MODELS_CHECK_H

#include "models/table.h"

struct check_result {
	struct str model; /* lives in arena */
	size_t nrules, npatterns;
	size_t nwrong;
	struct strbuf notes; /* lines: what may not be meant, though allowed */
	struct arena arena;
};

/*
 * Check a table; origin names it. What is wrong is appended to *wrong, each
 * sentence behind an ERROR_ITEM: "FILE:LINE: ..."; what is not wrong, but worth
 * a look, as rules that make the same, is in notes. 0, or -ENOMEM.
 * check_release frees.
 */
int check_rules(struct check_result *out, struct str json, const char *origin,
		struct strbuf *wrong, struct error *err);

void check_release(struct check_result *r);

#endif
