/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule of a table takes a tensor: names, conditions and fit. */
#ifndef WC_MODELS_MATCH_H
#define WC_MODELS_MATCH_H

#include "models/scope.h"

struct match {
	const struct rule *rule;
	unsigned slot; /* which name of the rule's source side */
	struct binding b;
	/* of a two-sided rule: the tensors of all its names; of stacks, the
	 * members that share the captures of slot's */
	const struct tensor *in[PATTERN_MAX_TENSORS];
};

/* How far a rule came with a tensor; the later, the nearer. */
enum match_stage {
	MATCH_NAME,  /* the name is not the rule's */
	MATCH_WHEN,  /* a condition does not hold */
	MATCH_RANGE, /* a capture is past its range */
	MATCH_FIT,   /* the shape does not fit the pattern */
	MATCH_PARTS, /* another tensor of the rule is missing or does not fit */
	MATCH_TEMPLATE, /* the template wants nothing of what it makes */
	MATCH_YES,
};

/*
 * Try one name of one rule. why (may be NULL) receives the reason from
 * MATCH_RANGE on, as half a sentence. scratch is emptied and used.
 */
enum match_stage match_rule(const struct scope *s, const struct rule *r,
			    unsigned slot, const struct tensor *t,
			    struct match *out, struct strbuf *scratch,
			    struct strbuf *why);

/* The first rule that takes t. */
bool match_tensor(const struct scope *s, const struct tensor *t,
		  struct match *out, struct strbuf *scratch);

/*
 * The environment in which names of a space are matched and filled: axes,
 * options and keys, no captures. match_env: of the table's own space.
 */
struct expr_env space_env(const struct space_scope *in);
struct expr_env match_env(const struct scope *s);

/* The space of a rule. */
const struct space_scope *rule_space(const struct scope *s,
				     const struct rule *r);

/* Whether condition k of a rule holds for a binding (b NULL: no captures). */
bool match_cond(const struct scope *s, const struct rule *r, unsigned k,
		const struct binding *b, struct strbuf *scratch);

/* Whether all of them do. */
bool match_conds(const struct scope *s, const struct rule *r,
		 const struct binding *b, struct strbuf *scratch);

/*
 * The first of the rule's captures that has a range and stacks nothing: its
 * number, or -1.
 */
int match_ranged_cap(const struct scope *s, const struct rule *r,
		     const struct binding *b, int64_t *range);

/* The range of a capture of the rule. False if it has none. */
bool match_range(const struct scope *s, const struct rule *r, unsigned cap,
		 int64_t *range);

#endif
