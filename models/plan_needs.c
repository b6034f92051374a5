/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model cannot do without: rules of groups with "needed". Such a rule
 * is met where the source has a name of it for each of its words and lists, or
 * where another rule made what it makes. A source that has nothing that is
 * needed is a part of a model, an adapter, and is not asked.
 */
#include "models/plan_build.h"

/* Names listed one by one; tables need some ten. */
#define MAX_LISTED 50

/* A name that is missing, or several of which any would do. */
struct lack {
	struct strbuf names; /* of the source */
	struct strbuf made;  /* what they would become */
};

struct needs {
	struct plan_builder *b;
	struct lack v[MAX_LISTED];
	size_t n;     /* those past MAX_LISTED are counted only */
	size_t nhave; /* names that are needed and there */
};

static bool any_matches(const struct plan_builder *b,
			const struct tensor_set *set, const struct rule *r,
			int side, unsigned k, const struct binding *chosen)
{
	struct expr_env look = space_env(rule_space(b->scope, r));

	for (size_t i = 0; i < set->n; i++) {
		struct binding at = *chosen;

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
static bool is_made(const struct plan_builder *b, const struct rule *r,
		    const struct binding *chosen)
{
	int to = 1 - b->scope->from;

	for (unsigned k = 0; k < r->nnames[to]; k++)
		if (!any_matches(b, &b->plan->target, r, to, k, chosen))
			return false;
	return true;
}

/* What name k of the rule would become, to tell it from others. */
static void show_made(const struct plan_builder *b, const struct rule *r,
		      unsigned k, const struct binding *chosen,
		      struct strbuf *out)
{
	struct expr_env look = space_env(rule_space(b->scope, r));
	int to = 1 - b->scope->from;

	strbuf_addf(out, "%u", k);
	for (unsigned i = 0; i < r->nnames[to]; i++) {
		strbuf_addc(out, ' ');
		name_show(&r->names[to][i], &r->caps, &look, chosen, out);
	}
}

/* Name k is missing: a new one, or another way to write one that is. */
static void add_lack(struct needs *q, const struct rule *r, unsigned k,
		     const struct binding *chosen)
{
	struct expr_env look = space_env(rule_space(q->b->scope, r));
	struct lack new = {STRBUF_INIT, STRBUF_INIT};
	struct lack *same = NULL;
	bool listed = false;

	name_show(&r->names[q->b->scope->from][k], &r->caps, &look, chosen,
		  &new.names);
	show_made(q->b, r, k, chosen, &new.made);
	for (size_t i = 0; i < q->n && i < MAX_LISTED; i++) {
		listed |= str_eq(strbuf_str(&q->v[i].names),
				 strbuf_str(&new.names));
		if (str_eq(strbuf_str(&q->v[i].made), strbuf_str(&new.made)))
			same = &q->v[i];
	}
	if (same && !listed)
		strbuf_addf(&same->names, " or %.*s",
			    STR_ARG(strbuf_str(&new.names)));
	else if (!listed && q->n++ < MAX_LISTED) {
		q->v[q->n - 1] = new;
		return;
	}
	strbuf_release(&new.names);
	strbuf_release(&new.made);
}

static void ask(struct needs *q, const struct rule *r,
		const struct binding *chosen)
{
	const struct plan_builder *b = q->b;
	int from = b->scope->from;

	for (unsigned k = 0; k < r->nnames[from]; k++) {
		bool have = any_matches(b, b->src, r, from, k, chosen);

		q->nhave += have;
		if (!have && !is_made(b, r, chosen))
			add_lack(q, r, k, chosen);
	}
}

/* Each word and each of a list, of capture cap and those behind it. */
static void ask_all(struct needs *q, const struct rule *r,
		    struct binding *chosen, unsigned cap)
{
	const struct cap *c = &r->caps.v[cap];
	size_t n;

	if (cap == r->caps.n) {
		ask(q, r, chosen);
		return;
	}
	n = c->kind == CAP_WORD	 ? c->words->npairs
	    : c->kind == CAP_ALT ? c->nalts
				 : 0;
	if (!n)
		ask_all(q, r, chosen, cap + 1);
	for (size_t i = 0; i < n; i++) {
		chosen->set |= 1u << cap;
		chosen->v[cap].num = (int64_t)i;
		chosen->v[cap].text = c->kind == CAP_ALT ? c->alts[i]
							 : (struct str){"", 0};
		ask_all(q, r, chosen, cap + 1);
	}
	chosen->set &= ~(1u << cap);
}

static int refuse(struct needs *q)
{
	struct strbuf list = STRBUF_INIT, set = STRBUF_INIT;
	int ret;

	for (size_t i = 0; i < q->n && i < MAX_LISTED; i++)
		strbuf_addf(&list, ERROR_ITEM "%.*s",
			    STR_ARG(strbuf_str(&q->v[i].names)));
	scope_add_settings(q->b->scope, " with ", &set);
	ret = error_set(q->b->err, ERR_MAPPING,
			"the source lacks %zu name%s that every model of the "
			"%.*s rules has%.*s (--partial does without):%.*s",
			q->n, q->n == 1 ? "" : "s",
			STR_ARG(q->b->scope->table->model),
			STR_ARG(strbuf_str(&set)), STR_ARG(strbuf_str(&list)));
	strbuf_release(&set);
	strbuf_release(&list);
	return ret;
}

int plan_check_needs(struct plan_builder *b)
{
	const struct table *t = b->scope->table;
	struct needs q = {.b = b};
	int ret = 0;

	for (const struct rule *r = t->rules; r < t->rules + t->nrules; r++) {
		struct binding chosen = {.set = 0};

		if (is_needed(b, r))
			ask_all(&q, r, &chosen, 0);
	}
	if (q.n && q.nhave)
		ret = refuse(&q);
	for (size_t i = 0; i < q.n && i < MAX_LISTED; i++) {
		strbuf_release(&q.v[i].names);
		strbuf_release(&q.v[i].made);
	}
	return ret;
}
