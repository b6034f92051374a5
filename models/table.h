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

/*
 * What the names in some of a table's rules mean: its own axes and words, or
 * those of a table it uses, and where keys of config.json are looked up.
 */
struct space {
	struct str table;	   /* whose axes and words they are */
	size_t axis, naxes;	   /* table->axes[axis..] */
	const struct words *words; /* [nwords] */
	size_t nwords;
	struct str config; /* "text_config", or "" for all of it */
};

#define TABLE_MAX_SPACES 16

/* Of a file with one; far more than any has. */
#define TABLE_MAX_NBYTES (UINT64_C(4) << 20)

/* A condition of a group, as it applies to one rule. */
struct cond {
	const struct expr *expr;
	unsigned space;
	struct name (*has)[2]; /* of each `has`, by side */
};

struct rule {
	struct name names[2][PATTERN_MAX_TENSORS];
	unsigned nnames[2];	       /* 0 on one side: a one-sided rule */
	struct name copy_of[2];	       /* "A = B": B, where nparts > 0 */
	const struct pattern *pattern; /* NULL: copied as it is */
	struct caps caps;
	/* captures of one side alone: axes in front of its tensors, by side */
	uint8_t front[2][RULE_MAX_CAPS];
	uint8_t nfront[2];
	uint8_t space;
	const struct cond *conds; /* [nconds], all must hold */
	unsigned nconds;
	unsigned line;	 /* of the file, of table_parse_lines; else 0 */
	struct str text; /* "A, B -> C", prefixes included */
	/* what it takes for granted when that side is read, or "" */
	struct str note[2];
	/* where this holds, a source must have what the rule reads; or NULL */
	const struct expr *needed;
	unsigned needed_space;
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

/* A configuration that a table supplies: JSON with expressions for values. */
struct config_form {
	struct str text; /* or "" */
	struct form_key {
		const struct expr *const *alts; /* [nalts] the first with a
						   value */
		size_t nalts;
	} * keys; /* [nkeys] of the values, in their order */
	size_t nkeys;
};

/* A name whose type does not follow --dtype, as it is on either side. */
struct keep {
	const struct expr *when; /* or NULL: always */
	enum dtype dtype;	 /* it has then, if typed; else its source's */
	bool typed;
	unsigned space;
	struct caps caps;
	struct name name[2];
};

struct table {
	struct arena arena;
	struct str model;
	struct str about;	   /* a line for the list of models */
	const struct str *aliases; /* [naliases] */
	size_t naliases;
	const struct expr *const *detect; /* [ndetect] any of them */
	size_t ndetect;
	struct str refuse;   /* why there is no mapping; then no rules */
	struct str sides[2]; /* "hf" and "ms", or what the table says */
	struct axis *axes;   /* [naxes] of all spaces */
	size_t naxes;
	struct space spaces[TABLE_MAX_SPACES]; /* [nspaces] 0: its own */
	size_t nspaces;
	struct table_option *options; /* [noptions] */
	size_t noptions;
	const struct words *words; /* [nwords] of its own space */
	size_t nwords;
	struct keep *keep; /* [nkeep] */
	size_t nkeep;
	struct config_form config; /* the left side's config.json */
	struct config_form yaml;   /* of the right side's, what the model is */
	struct rule *rules;	   /* [nrules] in order, groups resolved */
	size_t nrules;
};

/*
 * Parse a table; origin names it in errors. ERR_MODEL with a sentence.
 * *out is freed with table_free.
 */
int table_parse(struct table **out, struct str json, const char *origin,
		struct error *err);

/* The same, and where each rule stands, which takes longer. */
int table_parse_lines(struct table **out, struct str json, const char *origin,
		      struct error *err);

/* Whether name is the table's model or one of its aliases. */
bool table_is(const struct table *t, struct str name);

/* The axis or option of that name, or NULL; table_axis: of its own space. */
const struct axis *table_axis(const struct table *t, struct str name);
const struct axis *table_axis_in(const struct table *t, unsigned space,
				 struct str name);
const struct table_option *table_option(const struct table *t, struct str name);

/* Whether any axis, condition or detection mentions the name. */
bool table_mentions(const struct table *t, struct str name);

/* The same of one space; the detection is the table's own. */
bool table_mentions_in(const struct table *t, unsigned space, struct str name);

void table_free(struct table *t);

#endif
