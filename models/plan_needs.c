/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model cannot do without: rules of groups with "needed". Such a rule
 * is met where the source has a name of it, or where another rule made what it
 * makes. A source that has nothing that is needed is a part of a model, an
 * adapter, and is not asked.
 */
#include "models/plan_build.h"

/* Names listed one by one; tables need some ten. */
#define MAX_LISTED 50

static bool any_matches(const struct plan_builder *b,
			const struct tensor_set *set, const struct rule *r,
			int side, unsigned k)
{
	struct expr_env look = space_env(rule_space(b->scope, r));

	for (size_t i = 0; i < set->n; i++) {
		struct binding at = {.set = 0};

		if (name_match(&r->names[side][k], &r->caps, set->v[i].name,
			       &look, &at))
			return true;
	}
	return false;
}

static bool is_needed(struct plan_builder *b, const struct rule *r)
{
	struct expr_env env;

	if (!r->needed || !r->nnames[0] || !r->nnames[1])
		return false;
	env = space_env(&b->scope->spaces[r->needed_space]);
	return value_true(expr_eval(r->needed, &env)) &&
	       match_conds(b->scope, r, NULL, &b->scratch);
}

/* Whether another rule made what this one makes. */
static bool is_made(const struct plan_builder *b, const struct rule *r)
{
	int to = 1 - b->scope->from;

	for (unsigned k = 0; k < r->nnames[to]; k++)
		if (!any_matches(b, &b->plan->target, r, to, k))
			return false;
	return true;
}

static int refuse(struct plan_builder *b, size_t n, const struct strbuf *list)
{
	return error_set(b->err, ERR_MAPPING,
			 "the source lacks %zu name%s that every model of the "
			 "%.*s rules has (--partial does without):%.*s",
			 n, n == 1 ? "" : "s", STR_ARG(b->scope->table->model),
			 STR_ARG(strbuf_str(list)));
}

int plan_check_needs(struct plan_builder *b)
{
	const struct table *t = b->scope->table;
	int from = b->scope->from, ret = 0;
	struct strbuf list = STRBUF_INIT;
	size_t nhave = 0, n = 0;

	for (const struct rule *r = t->rules; r < t->rules + t->nrules; r++) {
		if (!is_needed(b, r))
			continue;
		for (unsigned k = 0; k < r->nnames[from]; k++) {
			bool have = any_matches(b, b->src, r, from, k);

			nhave += have;
			if (have || is_made(b, r) || n++ >= MAX_LISTED)
				continue;
			strbuf_addf(&list, ERROR_ITEM "%.*s",
				    STR_ARG(r->names[from][k].text));
		}
	}
	if (n && nhave)
		ret = refuse(b, n, &list);
	strbuf_release(&list);
	return ret;
}
