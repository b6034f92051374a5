/* SPDX-License-Identifier: Apache-2.0 */
/* Checking tables; see made_check.h. */
#include "made_check.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/match.h"

/* Several models of one world, until no rule is left out. */
#define MAX_MODELS 20

static void __attribute__((format(printf, 2, 3)))
wrong(struct checker *c, const char *fmt, ...)
{
	char text[800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strbuf_addf(&c->why, "%s%s", c->why.len ? "\n" : "", text);
}

/* ---- lines ---- */

static void check_lines(struct checker *c, const struct builtin_table *t)
{
	size_t from = 0;

	for (size_t i = 0; i < t->nbytes; i++) {
		if (t->text[i] != '\n')
			continue;
		if (i - from > 160)
			wrong(c, "a line of %zu characters", i - from);
		from = i + 1;
	}
}

/* ---- names match what they make ---- */

struct name_check {
	struct checker *c;
	const struct rule *r;
};

static bool same_names(const struct rule *r, int side, const struct scope *s,
		       const struct binding *a, const struct binding *b)
{
	struct expr_env look = space_env(rule_space(s, r));
	struct strbuf x = STRBUF_INIT, y = STRBUF_INIT;
	bool same = true;

	for (unsigned k = 0; k < r->nnames[side]; k++) {
		strbuf_reset(&x);
		strbuf_reset(&y);
		same &= name_fill(&r->names[side][k], &r->caps, &look, a, &x) ==
			name_fill(&r->names[side][k], &r->caps, &look, b, &y);
		same &= str_eq(strbuf_str(&x), strbuf_str(&y));
	}
	strbuf_release(&x);
	strbuf_release(&y);
	return same;
}

/* Of words that look alike on one side, the first is read. */
static bool has_word(const struct rule *r)
{
	for (unsigned k = 0; k < r->caps.n; k++)
		if (r->caps.v[k].kind == CAP_WORD)
			return true;
	return false;
}

static void check_name(struct name_check *n, int side, unsigned k,
		       const struct binding *b)
{
	const struct scope *s = &n->c->mm.m.scope;
	struct expr_env look = space_env(rule_space(s, n->r));
	struct binding got = {.set = 0};
	struct strbuf name = STRBUF_INIT;

	if (!name_fill(&n->r->names[side][k], &n->r->caps, &look, b, &name))
		wrong(n->c, "%.*s: name %u of side %d cannot be filled",
		      STR_ARG(n->r->text), k, side);
	else if (!name_match(&n->r->names[side][k], &n->r->caps,
			     strbuf_str(&name), &look, &got))
		wrong(n->c, "%.*s: does not match its own %s",
		      STR_ARG(n->r->text), name.p);
	else if (got.set == b->set &&
		 (!same_names(n->r, side, s, b, &got) ||
		  (!has_word(n->r) && !same_names(n->r, !side, s, b, &got))))
		wrong(n->c, "%.*s: takes its own %s for another",
		      STR_ARG(n->r->text), name.p);
	strbuf_release(&name);
}

static void check_binding(void *ctx, const struct binding *b)
{
	struct name_check *n = ctx;

	for (int side = 0; side < 2; side++)
		for (unsigned k = 0; k < n->r->nnames[side]; k++)
			check_name(n, side, k, b);
}

static void check_names(struct checker *c)
{
	for (size_t i = 0; i < c->mm.m.table->nrules && !c->why.len; i++) {
		struct name_check n = {c, &c->mm.m.table->rules[i]};

		for_bindings(&c->mm.m.scope, n.r, check_binding, &n);
	}
}

/* ---- to the right: every element is there once ---- */

static uint64_t *labels_of(const struct tensor *t)
{
	uint64_t *v = calloc(tensor_nelem(t) + 1, sizeof(*v));

	ck_assert_ptr_nonnull(v);
	tensor_labels(t, v);
	return v;
}

/* A rule that pads: some of what it writes comes from no tensor. */
static bool writes_zeros(const struct rule *r)
{
	struct str p = r->pattern ? pattern_text(r->pattern) : str_of("");

	return memmem(p.p, p.n, "(0 ", 3);
}

static void count_elements(struct checker *c, const struct tensor *t,
			   const struct rule *r, unsigned char **seen)
{
	const struct tensor_set *src = &c->mm.m.src;
	uint64_t *v = labels_of(t);

	for (uint64_t e = 0; e < tensor_nelem(t); e++) {
		uint64_t k = v[e] / LABEL_STEP, at = v[e] % LABEL_STEP;

		if (v[e] == LABEL_NONE && writes_zeros(r))
			continue;
		if (k < src->n && at < tensor_nelem(&src->v[k]))
			seen[k][at]++;
		else
			wrong(c, "%.*s: element %llu comes from nowhere",
			      STR_ARG(t->name), (unsigned long long)e);
	}
	free(v);
}

static void check_counts(struct checker *c, unsigned char **seen)
{
	const struct tensor_set *src = &c->mm.m.src;

	for (size_t i = 0; i < src->n; i++) {
		bool two_sided = c->mm.made[i].of->rule->nnames[1] > 0;

		for (uint64_t e = 0; e < tensor_nelem(&src->v[i]); e++) {
			if (seen[i][e] == two_sided)
				continue;
			wrong(c, "%.*s: element %llu is there %u times",
			      STR_ARG(src->v[i].name), (unsigned long long)e,
			      seen[i][e]);
			break;
		}
	}
}

static void check_forward(struct checker *c)
{
	struct model_case *m = &c->mm.m;
	unsigned char **seen = calloc(m->src.n + 1, sizeof(*seen));

	ck_assert_ptr_nonnull(seen);
	for (size_t i = 0; i < m->src.n; i++) {
		seen[i] = calloc(tensor_nelem(&m->src.v[i]) + 1, 1);
		ck_assert_ptr_nonnull(seen[i]);
	}
	if (model_plan(m, 0))
		wrong(c, "to the right: %s", error_text(&m->err));
	for (size_t i = 0; i < m->plan.target.n && !c->why.len; i++)
		if (m->plan.origins[i].kind != ORIGIN_COPY)
			count_elements(c, &m->plan.target.v[i],
				       m->plan.origins[i].rule, seen);
	if (!c->why.len)
		check_counts(c, seen);
	for (size_t i = 0; i < m->src.n; i++)
		free(seen[i]);
	free(seen);
}

/* ---- and back: the same again ---- */

/* The left name that comes back: of words with one right text the first. */
static bool back_name(struct checker *c, size_t i, struct strbuf *out)
{
	const struct made_tensor *t = &c->mm.made[i];
	const struct rule *r = t->of->rule;
	struct expr_env look = space_env(rule_space(&c->mm.m.scope, r));
	struct binding b = t->b;

	for (unsigned k = 0; k < r->caps.n; k++) {
		const struct words *w = r->caps.v[k].words;
		int64_t first = 0;

		if (r->caps.v[k].kind != CAP_WORD)
			continue;
		while (!str_eq(w->pairs[first].side[1],
			       w->pairs[b.v[k].num].side[1]))
			first++;
		b.v[k].num = first;
	}
	strbuf_reset(out);
	return name_fill(&r->names[0][t->slot], &r->caps, &look, &b, out);
}

static bool same_tensor(const struct tensor *a, const struct tensor *b)
{
	uint64_t *x, *y;
	bool same;

	if (a->ndim != b->ndim ||
	    (a->ndim && memcmp(a->dims, b->dims, a->ndim * sizeof(*a->dims))))
		return false;
	x = labels_of(a);
	y = labels_of(b);
	same = memcmp(x, y, tensor_nelem(a) * sizeof(*x)) == 0;
	free(x);
	free(y);
	return same;
}

/*
 * The tensor as it came back. A right name may have several left ones; the
 * first rule's is then the one that is written.
 */
static const struct tensor *find_returned(const struct tensor_set *set,
					  struct str name,
					  const struct tensor *t)
{
	const struct tensor *got = tensor_set_find(set, name);

	for (size_t i = 0; i < set->n && !got; i++)
		if (same_tensor(t, &set->v[i]))
			got = &set->v[i];
	return got;
}

/*
 * Whether what was made is read by a rule of another number of left names: as
 * the form of the left side that is written, not the one that was there.
 */
static bool changes_form(const struct checker *c, const struct origin *o)
{
	const struct origin *made = &c->mm.m.plan.origins[o->sources[0]];

	return made->kind == ORIGIN_RULE && o->kind == ORIGIN_RULE &&
	       made->rule->nnames[0] != o->rule->nnames[0];
}

/* Left tensor i comes back in another form. */
static bool is_formed_anew(const struct checker *c, const struct plan *back,
			   size_t i)
{
	for (size_t k = 0; k < back->target.n; k++) {
		const struct origin *o = &back->origins[k];
		const struct origin *made =
			&c->mm.m.plan.origins[o->sources[0]];

		for (uint32_t j = 0; j < made->nsources; j++)
			if (made->sources[j] == i && changes_form(c, o))
				return true;
	}
	return false;
}

/* Left tensors come back, but for those that were dropped. */
static size_t check_returned(struct checker *c, const struct plan *back)
{
	struct strbuf name = STRBUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < c->mm.m.src.n; i++) {
		const struct tensor *t = &c->mm.m.src.v[i], *got;

		if (!c->mm.made[i].of->rule->nnames[1] ||
		    is_formed_anew(c, back, i))
			continue;
		n++;
		ck_assert(back_name(c, i, &name));
		got = find_returned(&back->target, strbuf_str(&name), t);
		if (!got)
			wrong(c, "back: %s is missing", name.p);
		else if (!same_tensor(t, got))
			wrong(c, "back: %s is another", name.p);
	}
	strbuf_release(&name);
	return n;
}

/* Others that come back are copies, made on the way or now, or of new form. */
static size_t count_others(const struct checker *c, const struct plan *back)
{
	size_t n = 0;

	for (size_t i = 0; i < back->target.n; i++) {
		const struct origin *o = &back->origins[i];

		n += o->kind == ORIGIN_COPY || changes_form(c, o) ||
		     c->mm.m.plan.origins[o->sources[0]].kind == ORIGIN_COPY;
	}
	return n;
}

/* What came back makes the same right tensors again. */
static void check_again(struct checker *c, const struct plan *back)
{
	struct model_case *m = &c->mm.m;
	const struct tensor_set *want = &m->plan.target;
	struct plan again = {.target = TENSOR_SET_INIT};
	struct scope s;

	if (scope_init(&s, m->table, m->config, &back->target, 0, false, m->set,
		       m->nset, &m->err) ||
	    plan_make(&again, &s, &m->options, &m->err))
		wrong(c, "again: %s", error_text(&m->err));
	else if (again.target.n != want->n)
		wrong(c, "again: %zu tensors, not %zu", again.target.n,
		      want->n);
	for (size_t i = 0; i < want->n && !c->why.len; i++) {
		const struct tensor *t =
			tensor_set_find(&again.target, want->v[i].name);

		if (!t || !same_tensor(t, &want->v[i]))
			wrong(c, "again: %.*s is another",
			      STR_ARG(want->v[i].name));
	}
	plan_release(&again);
	scope_release(&s);
}

static void check_back(struct checker *c)
{
	struct model_case *m = &c->mm.m;
	struct plan back = {.target = TENSOR_SET_INIT};
	struct scope s;

	if (scope_init(&s, m->table, m->config, &m->plan.target, 1, false,
		       m->set, m->nset, &m->err) ||
	    plan_make(&back, &s, &m->options, &m->err))
		wrong(c, "back: %s", error_text(&m->err));
	else if (check_returned(c, &back) + count_others(c, &back) !=
		 back.target.n)
		wrong(c, "back: %zu tensors", back.target.n);
	if (!c->why.len)
		check_again(c, &back);
	plan_release(&back);
	scope_release(&s);
}

/* ---- whom names belong to ---- */

static void own(struct checker *c, int side, const struct tensor *t,
		const struct rule *r, size_t world)
{
	struct tensor_set *set = &c->sides[side];
	struct tensor copy = *t;
	uint64_t *dims = arena_array(&set->arena, t->ndim, sizeof(*dims));

	if (tensor_set_find(set, t->name))
		return;
	ck_assert_ptr_nonnull(dims);
	memcpy(dims, t->dims, t->ndim * sizeof(*dims));
	copy.dims = dims;
	copy.name = arena_str(&set->arena, t->name);
	ck_assert_int_eq(tensor_set_add(set, &copy), 0);
	c->owned[side] = realloc(c->owned[side], set->n * sizeof(struct owned));
	ck_assert_ptr_nonnull(c->owned[side]);
	c->owned[side][set->n - 1] = (struct owned){copy.name, r, world};
}

static void own_all(struct checker *c, size_t world)
{
	const struct model_case *m = &c->mm.m;

	for (size_t i = 0; i < m->src.n; i++)
		own(c, 0, &m->src.v[i], c->mm.made[i].of->rule, world);
	for (size_t i = 0; i < m->plan.target.n; i++)
		if (m->plan.origins[i].kind == ORIGIN_RULE)
			own(c, 1, &m->plan.target.v[i], m->plan.origins[i].rule,
			    world);
}

static bool takes_anything(const struct rule *r, int side)
{
	for (unsigned k = 0; k < r->nnames[side]; k++)
		if (memmem(r->names[side][k].text.p, r->names[side][k].text.n,
			   "**", 2))
			return true;
	return false;
}

/*
 * In world k no ** rule takes what another rule owns under other options, but
 * to drop it: that is what an option is for which leaves a part of a model out.
 */
static void check_swallowed(struct checker *c, size_t k, int side)
{
	struct model_case *m = &c->mm.m;
	struct strbuf scratch = STRBUF_INIT;
	struct match match;
	struct scope s;

	ck_assert_int_eq(scope_init(&s, m->table, m->config, &c->sides[side],
				    side, false, m->set, m->nset, &m->err),
			 0);
	for (size_t i = 0; i < c->sides[side].n && !c->why.len; i++) {
		const struct owned *o = &c->owned[side][i];

		if (o->world == k ||
		    !str_eq(c->v[o->world].config, c->v[k].config) ||
		    !match_tensor(&s, &c->sides[side].v[i], &match, &scratch) ||
		    match.rule == o->rule || !match.rule->nnames[!side] ||
		    !takes_anything(match.rule, side))
			continue;
		wrong(c, "%.*s, which %.*s owns, is taken by %.*s",
		      STR_ARG(o->name), STR_ARG(o->rule->text),
		      STR_ARG(match.rule->text));
	}
	scope_release(&s);
	strbuf_release(&scratch);
}

/* ---- a table in all its worlds ---- */

static void check_world(struct checker *c, size_t k)
{
	unsigned of = MADE_OF_ALL;

	worlds_get(&c->worlds, k, &c->v[k]);
	made_model_enter(&c->mm, &c->v[k]);
	check_names(c);
	for (int i = 0; i < MAX_MODELS && of <= MADE_OF_NEW && !c->why.len;
	     i++) {
		c->mm.m.options.partial = of == MADE_OF_NEW;
		if (!made_model_build(&c->mm, of) || of == MADE_OF_ALL)
			of++;
		check_forward(c);
		if (!c->why.len)
			check_back(c);
		own_all(c, k);
	}
	if (c->why.len)
		wrong(c, "with config.json %.*s", STR_ARG(c->v[k].config));
	for (size_t i = 0; i < c->v[k].nset && c->why.len; i++)
		wrong(c, "and %.*s=%.*s", STR_ARG(c->v[k].set[i].key),
		      STR_ARG(c->v[k].set[i].value));
}

static void check_covered(struct checker *c)
{
	const struct table *t = c->mm.m.table;

	for (size_t i = 0; i < t->nrules; i++)
		if (t->rules[i].nnames[0] && !c->mm.covered[i])
			wrong(c, "%.*s: never reached",
			      STR_ARG(t->rules[i].text));
}

void check_table(struct checker *c, const struct builtin_table *t)
{
	memset(c, 0, sizeof(*c));
	made_model_init(&c->mm, t);
	worlds_init(&c->worlds, c->mm.m.table);
	check_lines(c, t);
	for (size_t k = 0; k < c->worlds.n && !c->why.len; k++)
		check_world(c, k);
	if (!c->why.len)
		check_covered(c);
	for (size_t k = 0; k < c->worlds.n && !c->why.len; k++) {
		made_model_enter(&c->mm, &c->v[k]);
		check_swallowed(c, k, 0);
		check_swallowed(c, k, 1);
	}
}

void checker_release(struct checker *c)
{
	for (int side = 0; side < 2; side++) {
		tensor_set_release(&c->sides[side]);
		free(c->owned[side]);
	}
	worlds_release(&c->worlds);
	made_model_release(&c->mm);
	strbuf_release(&c->why);
}
