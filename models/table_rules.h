/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that load a table: table*.c. */
#ifndef WC_MODELS_TABLE_RULES_H
#define WC_MODELS_TABLE_RULES_H

#include <cjson/cJSON.h>

#include "models/table.h"

/* Groups in groups; loading recurses. */
#define MAX_GROUPS 8

struct table_loader {
	struct table *table;
	bool lines; /* note those of the rules */
	struct error *err;
	/* what is being read: the table itself, or one it uses */
	const char *origin; /* file name, for errors */
	struct str text;
	const cJSON *root;
	const cJSON *at; /* the value being read, or NULL: for its line */
};

/* The groups around a rule: what is put before its names, and when. */
struct group {
	struct strbuf at[2];
	const struct expr *when[MAX_GROUPS]; /* [nwhen] */
	size_t when_at[MAX_GROUPS][2]; /* length of at where `when` stood */
	unsigned when_space[MAX_GROUPS];
	unsigned nwhen, depth, space;
	struct str note[2];
	const struct expr *needed; /* of the innermost group that has one */
	unsigned needed_space;
};

struct flattener {
	struct table_loader *l;
	struct group group;
	struct rule *rules; /* grows; copied into the arena at the end */
	size_t n, cap;
};

/* "ORIGIN:LINE: ..." as ERR_MODEL. Returns -EINVAL. */
int table_bad(struct table_loader *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Put "ORIGIN:LINE: where: " before the error that is there. Returns ret. */
int table_context(struct table_loader *l, const char *where, int ret);

/* table_use.c: other tables, and what names mean in their rules. */

/*
 * Load a built-in table by its file's name; l then reads it. *root, NULL after
 * a failure, is freed with cJSON_Delete.
 */
int table_load(struct table_loader *l, const char *name, cJSON **root);

/* Merge what root `extends` into it. */
int table_extend(struct table_loader *l, cJSON *root);

/* table.c */

/* An expression, or a list of them; numbers stand for themselves. */
int table_take_exprs(struct table_loader *l, const cJSON *j, const char *what,
		     const struct expr *const **out, size_t *nout);

/* The space of root's axes and words under the keys of space *space. */
int table_add_space(struct table_loader *l, const cJSON *root, unsigned *space);

/* The same names as in *space, keys looked up under one more. */
int table_move_space(struct table_loader *l, struct str key, unsigned *space);

/* table_config.c: the keys "config" and "yaml". */
int table_take_config(struct table_loader *l, const cJSON *j);
int table_take_yaml(struct table_loader *l, const cJSON *j);

/* table_keep.c: the key "keep" of l->root, as for a rule of group g. */
int table_take_keep(struct table_loader *l, struct group *g);

/* table_rule.c: one rule, in its groups. */
int table_read_rule(struct flattener *f, const cJSON *j, struct rule *out);

/* table_rules.c: the key "rules", flattened into table->rules. */
int table_take_rules(struct table_loader *l, const cJSON *j);

#endif
