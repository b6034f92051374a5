/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule tables: models/NAME.json, parsed and flattened (models/README.md).
 * Immutable once loaded. Sides: 0 is the left (HuggingFace), 1 the right
 * (MindSpore).
 */
#ifndef WC_MODELS_TABLE_H
#define WC_MODELS_TABLE_H

#include "models/name.h"
#include "models/pattern.h"

/* A condition of a group, as it applies to one rule. */
struct cond {
	const struct expr *expr;
	struct name has[EXPR_MAX_HAS][2]; /* of each `has`, by side */
};

struct rule {
	struct name names[2][PATTERN_MAX_TENSORS];
	unsigned nnames[2];	       /* 0 on one side: a one-sided rule */
	struct name copy_of[2];	       /* "A = B": B, where nparts > 0 */
	const struct pattern *pattern; /* NULL: copied as it is */
	struct caps caps;
	const struct cond *conds; /* [nconds], all must hold */
	unsigned nconds;
	struct str text; /* "A, B -> C", prefixes included */
};

struct axis {
	struct str name;
	const struct expr *const *alts; /* [nalts] the first with a value */
	unsigned nalts;
};

struct table_option {
	struct str name;
	const struct value *values; /* [nvalues] the first is the default */
	unsigned nvalues;
};

struct table {
	struct arena arena;
	struct str model;
	struct str about;	   /* a line for the list of models */
	const struct str *aliases; /* [naliases] */
	size_t naliases;
	const struct expr *const *detect; /* [ndetect] any of them */
	size_t ndetect;
	struct axis *axes; /* [naxes] */
	size_t naxes;
	struct table_option *options; /* [noptions] */
	size_t noptions;
	struct words *words; /* [nwords] */
	size_t nwords;
	struct rule *rules; /* [nrules] in order, groups resolved */
	size_t nrules;
};

/*
 * Parse a table; origin names it in errors. ERR_MODEL with a sentence.
 * *out is freed with table_free.
 */
int table_parse(struct table **out, struct str json, const char *origin,
		struct error *err);

/* Whether name is the table's model or one of its aliases. */
bool table_is(const struct table *t, struct str name);

/* The axis or option of that name, or NULL. */
const struct axis *table_axis(const struct table *t, struct str name);
const struct table_option *table_option(const struct table *t, struct str name);

/* Whether any axis, condition or detection mentions the name. */
bool table_mentions(const struct table *t, struct str name);

void table_free(struct table *t);

#endif
