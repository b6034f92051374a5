/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the names in a table's expressions mean for one source: its captures
 * apart (models/match.h), an option, an axis, a key that the user set, or a
 * key of config.json, in this order.
 */
#ifndef WC_MODELS_SCOPE_H
#define WC_MODELS_SCOPE_H

#include "core/tensor.h"
#include "models/config.h"
#include "models/table.h"

struct setting { /* --set key=value */
	struct str key;
	struct str value;
};

struct scope;

/* The names of one of the table's spaces. */
struct space_scope {
	const struct scope *s;
	unsigned space;
};

struct scope {
	const struct table *table;
	/* by number of the space; they point here, so a scope stays put */
	struct space_scope spaces[TABLE_MAX_SPACES];
	const struct config *config; /* or NULL */
	const struct tensor_set *src;
	int from; /* the side that src is */
	/* what is wanted of the other side, or NULL: models/template.h */
	const struct tensor_set *template;
	bool adapter; /* src is a PEFT adapter: the name `adapter` is true */
	const struct setting *settings; /* [nsettings] borrowed */
	size_t nsettings;
	struct value *options;	/* [table->noptions] */
	struct value *axes;	/* [table->naxes] */
	const struct expr **by; /* [table->naxes] what gave the value */
	unsigned char *state;	/* [table->naxes] */
};

/*
 * Bind a table to a source. Options take the values set by the user, which
 * must be among those the table lists, or their defaults; axes are computed.
 * Refused (ERR_USAGE, ERR_MAPPING) with the values: a key that the table does
 * not know, a key that config.json contradicts, an axis whose keys are there
 * but do not divide. scope_release frees what it made, also after a failure.
 */
int scope_init(struct scope *s, const struct table *table,
	       const struct config *config, const struct tensor_set *src,
	       int from, bool adapter, const struct setting *settings,
	       size_t nsettings, struct error *err);

/* Refuse (ERR_USAGE) a value that the option does not have. */
int scope_check_option(const struct table_option *o, struct str given,
		       struct error *err);

/*
 * From now on rules make what a template of the other side has, and nothing
 * else; the name `template` is true. It must outlive the scope.
 */
int scope_use_template(struct scope *s, const struct tensor_set *template,
		       struct error *err);

/* The value of a name in a space; scope_lookup: in the table's own. */
struct value space_lookup(const struct space_scope *in, struct str name);
struct value scope_lookup(const struct scope *s, struct str name);

/* The values of the axes, for patterns. */
struct axis_env space_axis_env(const struct space_scope *in);

/* "hidden_size / num_attention_heads", for messages; "" if unknown. */
struct str space_axis_text(const struct space_scope *in, struct str name);

/* "--set layers=7 --tie=drop" behind sep, if the user set anything. */
void scope_add_settings(const struct scope *s, const char *sep,
			struct strbuf *sb);

/*
 * What gave an axis its value, for messages: "--set" if it hangs on what the
 * user set, "config.json" if not; "config.json with --set ..." where it has
 * none.
 */
void space_add_axis_origin(const struct space_scope *in, struct str name,
			   struct strbuf *sb);

/* Whether the user set that key or option. */
bool scope_is_set(const struct scope *s, struct str name);

/*
 * Give the options other values, which must be of the table, and compute the
 * axes anew. False where there is no memory.
 */
bool scope_set_options(struct scope *s, const struct value *options);

void scope_release(struct scope *s);

#endif
