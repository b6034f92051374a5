/* SPDX-License-Identifier: Apache-2.0 */
/* Matching tensors with rules; see match.h. */
#include "models/match.h"

#include "models/template.h"

static struct value lookup_space(const void *ctx, struct str name)
{
	return space_lookup(ctx, name);
}

struct expr_env space_env(const struct space_scope *in)
{
	return (struct expr_env){.lookup = lookup_space, .ctx = in};
}

struct expr_env match_env(const struct scope *s)
{
	return space_env(&s->spaces[0]);
}

const struct space_scope *rule_space(const struct scope *s,
				     const struct rule *r)
{
	return &s->spaces[r->space];
}

/* ---- conditions ---- */

struct cond_env {
	const struct scope *s;
	const struct rule *r;
	const struct cond *cond;
	const struct binding *b; /* or NULL */
	struct strbuf *scratch;
};

static struct value bound_value(const struct cond_env *e, unsigned k)
{
	const struct cap *cap = &e->r->caps.v[k];
	int64_t num = e->b->v[k].num;

	switch (cap->kind) {
	case CAP_NUM:
		return value_int(num);
	case CAP_WORD:
		return value_text(cap->words->pairs[num].side[e->s->from]);
	default:
		return value_text(e->b->v[k].text);
	}
}

static struct value lookup_cond(const void *ctx, struct str name)
{
	const struct cond_env *e = ctx;

	for (unsigned k = 0; e->b && k < e->r->caps.n; k++)
		if ((e->b->set >> k & 1) && str_eq(e->r->caps.v[k].name, name))
			return bound_value(e, k);
	return space_lookup(&e->s->spaces[e->cond->space], name);
}

static bool has_name(const void *ctx, unsigned k)
{
	static const struct binding none = {.set = 0};
	const struct cond_env *e = ctx;
	struct expr_env look = space_env(rule_space(e->s, e->r));

	strbuf_reset(e->scratch);
	return name_fill(&e->cond->has[k][e->s->from], &e->r->caps, &look,
			 e->b ? e->b : &none, e->scratch) &&
	       tensor_set_find(e->s->src, strbuf_str(e->scratch));
}

bool match_cond(const struct scope *s, const struct rule *r, unsigned k,
		const struct binding *b, struct strbuf *scratch)
{
	struct cond_env e = {s, r, &r->conds[k], b, scratch};
	struct expr_env env = {
		.lookup = lookup_cond, .has = has_name, .ctx = &e};

	return value_true(expr_eval(r->conds[k].expr, &env));
}

bool match_conds(const struct scope *s, const struct rule *r,
		 const struct binding *b, struct strbuf *scratch)
{
	for (unsigned k = 0; k < r->nconds; k++)
		if (!match_cond(s, r, k, b, scratch))
			return false;
	return true;
}

/* ---- ranges ---- */

bool match_range(const struct scope *s, const struct rule *r, unsigned cap,
		 int64_t *range)
{
	const struct cap *c = &r->caps.v[cap];
	struct value v = VALUE_MISSING;

	if (c->kind == CAP_NUM && table_axis_in(s->table, r->space, c->name))
		v = space_lookup(rule_space(s, r), c->name);
	*range = v.num;
	return v.kind == VALUE_INT;
}

static bool stacks(const struct rule *r, unsigned cap)
{
	for (int side = 0; side < 2; side++)
		for (unsigned k = 0; k < r->nfront[side]; k++)
			if (r->front[side][k] == cap)
				return true;
	return false;
}

int match_ranged_cap(const struct scope *s, const struct rule *r,
		     const struct binding *b, int64_t *range)
{
	for (unsigned k = 0; k < r->caps.n; k++)
		if ((b->set >> k & 1) && !stacks(r, k) &&
		    match_range(s, r, k, range))
			return (int)k;
	return -1;
}

static bool in_range(const struct scope *s, const struct rule *r,
		     const struct binding *b, struct strbuf *why)
{
	for (unsigned k = 0; k < r->caps.n; k++) {
		struct str name = r->caps.v[k].name, text;
		int64_t range;

		if (!(b->set >> k & 1) || !match_range(s, r, k, &range) ||
		    b->v[k].num < range)
			continue;
		if (!why)
			return false;
		text = space_axis_text(rule_space(s, r), name);
		strbuf_addf(why, "%.*s is %lld, but %.*s is %lld",
			    STR_ARG(name), (long long)b->v[k].num,
			    STR_ARG(text), (long long)range);
		return false;
	}
	return true;
}

/* ---- fit ---- */

static bool fits(const struct scope *s, const struct rule *r, unsigned slot,
		 const struct tensor *t, struct strbuf *why)
{
	struct axis_env env = space_axis_env(rule_space(s, r));

	return !r->pattern || pattern_fits(r->pattern, s->from, slot, t->dims,
					   t->ndim, &env, why);
}

static bool part_fits(const struct scope *s, const struct rule *r, unsigned k,
		      const struct tensor *part, struct strbuf *why)
{
	size_t mark = why ? why->len : 0;

	if (why)
		strbuf_addf(why, "%.*s beside it: ", STR_ARG(part->name));
	if (!fits(s, r, k, part, why))
		return false;
	if (why)
		why->len = mark;
	return true;
}

/* The other tensors of a fused rule are there, and fit too. */
static bool find_parts(const struct scope *s, struct match *m,
		       const struct tensor *t, struct strbuf *scratch,
		       struct strbuf *why)
{
	const struct rule *r = m->rule;
	struct expr_env look = space_env(rule_space(s, r));

	for (unsigned k = 0; k < r->nnames[s->from]; k++) {
		const struct tensor *part = t;

		if (k != m->slot) {
			strbuf_reset(scratch);
			part = name_fill(&r->names[s->from][k], &r->caps, &look,
					 &m->b, scratch)
				       ? tensor_set_find(s->src,
							 strbuf_str(scratch))
				       : NULL;
		}
		if (!part && why)
			strbuf_addf(why, "%.*s is missing beside it",
				    STR_ARG(strbuf_str(scratch)));
		if (!part || (k != m->slot && !part_fits(s, r, k, part, why)))
			return false;
		m->in[k] = part;
	}
	return true;
}

enum match_stage match_rule(const struct scope *s, const struct rule *r,
			    unsigned slot, const struct tensor *t,
			    struct match *out, struct strbuf *scratch,
			    struct strbuf *why)
{
	struct expr_env look = space_env(rule_space(s, r));

	out->rule = r;
	out->slot = slot;
	out->b.set = 0;
	if (!name_match(&r->names[s->from][slot], &r->caps, t->name, &look,
			&out->b))
		return MATCH_NAME;
	if (!match_conds(s, r, &out->b, scratch))
		return MATCH_WHEN;
	if (!in_range(s, r, &out->b, why))
		return MATCH_RANGE;
	if (!fits(s, r, slot, t, why))
		return MATCH_FIT;
	if (!find_parts(s, out, t, scratch, why))
		return MATCH_PARTS;
	return template_allows(s, out, scratch, why) ? MATCH_YES
						     : MATCH_TEMPLATE;
}

bool match_tensor(const struct scope *s, const struct tensor *t,
		  struct match *out, struct strbuf *scratch)
{
	for (size_t i = 0; i < s->table->nrules; i++) {
		const struct rule *r = &s->table->rules[i];

		for (unsigned k = 0; k < r->nnames[s->from]; k++)
			if (match_rule(s, r, k, t, out, scratch, NULL) ==
			    MATCH_YES)
				return true;
	}
	return false;
}
