/* SPDX-License-Identifier: Apache-2.0 */
/* Making target tensors: names, types, recipes; see plan_build.h. */
#include <errno.h>
#include <stdlib.h>

#include "core/cast.h"
#include "core/checked.h"
#include "models/plan_build.h"

static struct arena *arena_of(struct plan_builder *b)
{
	return &b->plan->target.arena;
}

/* Append t with its origin; its name is copied. */
static int push(struct plan_builder *b, struct tensor *t, struct origin from)
{
	struct plan *p = b->plan;
	int ret;

	if (t->name.n > TENSOR_MAX_NAME)
		return error_set(b->err, ERR_MAPPING,
				 "%.*s: a name of over %d bytes",
				 STR_ARG(t->name), TENSOR_MAX_NAME);
	if (p->target.n == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 64;
		struct origin *v = realloc(p->origins, cap * sizeof(*v));

		if (!v)
			return error_nomem(b->err);
		p->origins = v;
		b->cap = cap;
	}
	t->name = arena_str(arena_of(b), t->name);
	if (!t->name.p)
		return error_nomem(b->err);
	ret = tensor_set_add(&p->target, t);
	if (ret == -EEXIST)
		return error_set(b->err, ERR_MAPPING,
				 "%.*s would be made twice, the second time "
				 "from %.*s",
				 STR_ARG(t->name),
				 STR_ARG(b->src->v[from.sources[0]].name));
	if (ret)
		return error_nomem(b->err);
	p->origins[p->target.n - 1] = from;
	return 0;
}

/* ---- types ---- */

static bool wants_cast(const struct plan_builder *b, const struct tensor *t)
{
	return b->o->cast && t->dtype != b->o->dtype &&
	       dtype_info(t->dtype)->kind == KIND_FLOAT;
}

/* t becomes a cast of what it was. */
static int add_cast(struct plan_builder *b, struct tensor *t)
{
	struct tensor *inner = arena_alloc(arena_of(b), sizeof(*inner));

	if (!inner)
		return error_nomem(b->err);
	*inner = *t;
	t->recipe = RECIPE_CAST;
	t->cast = inner;
	t->dtype = (uint8_t)b->o->dtype;
	if (!tensor_nbytes(b->o->dtype, t->dims, t->ndim, &t->nbytes))
		return error_set(b->err, ERR_MAPPING,
				 "%.*s: too large to be cast",
				 STR_ARG(inner->name));
	return 0;
}

/*
 * The parts of a rule have one type. Where --dtype decides between several,
 * each part is cast before it is gathered.
 */
static int unify(struct plan_builder *b, const struct match *m,
		 const struct tensor **in, unsigned n)
{
	unsigned odd = 1;

	while (odd < n && in[odd]->dtype == in[0]->dtype)
		odd++;
	if (odd >= n)
		return 0;
	for (unsigned k = 0; k < n; k++) {
		struct tensor *t;
		int ret;

		if (!wants_cast(b, in[k])) {
			if (b->o->cast && in[k]->dtype == b->o->dtype)
				continue;
			return error_set(
				b->err, ERR_MAPPING,
				"%.*s is %s but %.*s is %s: %.*s needs one "
				"type, choose it with --dtype",
				STR_ARG(in[0]->name),
				dtype_info(in[0]->dtype)->safetensors,
				STR_ARG(in[odd]->name),
				dtype_info(in[odd]->dtype)->safetensors,
				STR_ARG(m->rule->text));
		}
		t = arena_alloc(arena_of(b), sizeof(*t));
		if (!t)
			return error_nomem(b->err);
		*t = *in[k];
		ret = add_cast(b, t);
		if (ret)
			return ret;
		in[k] = t;
	}
	return 0;
}

/* ---- targets of a rule ---- */

static int fill_target_name(struct plan_builder *b, const struct match *m,
			    unsigned k, struct str *out)
{
	struct expr_env look = match_env(b->scope);
	const struct name *n = &m->rule->names[1 - b->scope->from][k];

	strbuf_reset(&b->scratch);
	if (!name_fill(n, &m->rule->caps, &look, &m->b, &b->scratch))
		return error_set(b->err, ERR_MAPPING,
				 "%.*s: \"%.*s\" cannot be worked out",
				 STR_ARG(m->in[0]->name), STR_ARG(n->text));
	*out = strbuf_str(&b->scratch);
	return 0;
}

/* One target tensor: what the pattern made, named, typed and cast. */
static int add_target(struct plan_builder *b, const struct match *m,
		      const struct tensor *const *in,
		      const struct pattern_out *out, unsigned k,
		      struct origin from)
{
	struct tensor t = *in[out->copy_of < 0 ? 0 : out->copy_of];
	int ret = fill_target_name(b, m, k, &t.name);

	if (ret)
		return ret;
	t.ndim = (uint8_t)out->ndim;
	t.dims = out->dims;
	if (out->copy_of < 0) {
		t.recipe = RECIPE_GATHER;
		t.gather = out->gather;
	}
	if (!tensor_nbytes(t.dtype, t.dims, t.ndim, &t.nbytes))
		return error_set(b->err, ERR_MAPPING,
				 "%.*s: its size overflows", STR_ARG(t.name));
	if (wants_cast(b, &t)) {
		ret = add_cast(b, &t);
		if (ret)
			return ret;
	}
	from.slot = (uint8_t)k;
	return push(b, &t, from);
}

static int make_origin(struct plan_builder *b, const struct match *m,
		       struct origin *out)
{
	unsigned n = m->rule->nnames[b->scope->from];
	uint32_t *v = arena_array(&b->plan->arena, n, sizeof(*v));

	if (!v)
		return error_nomem(b->err);
	for (unsigned k = 0; k < n; k++)
		v[k] = (uint32_t)(m->in[k] - b->src->v);
	*out = (struct origin){m->rule, v, (uint16_t)n, 0, ORIGIN_RULE};
	return 0;
}

/* Patterns move whole elements: sub-byte types have none to move. */
static int check_width(struct plan_builder *b, const struct match *m)
{
	for (unsigned k = 0; k < m->rule->nnames[b->scope->from]; k++)
		if (!dtype_width(m->in[k]->dtype))
			return error_set(
				b->err, ERR_MAPPING,
				"%.*s: a %s tensor can be renamed, but not "
				"rearranged by \"%.*s\"",
				STR_ARG(m->in[k]->name),
				dtype_info(m->in[k]->dtype)->safetensors,
				STR_ARG(pattern_text(m->rule->pattern)));
	return 0;
}

static int compile(struct plan_builder *b, const struct match *m,
		   const struct tensor **in, struct pattern_out *out)
{
	const struct rule *r = m->rule;
	struct axis_env env = scope_axis_env(b->scope);
	int ret;

	if (!r->pattern) {
		out[0] =
			(struct pattern_out){in[0]->ndim, in[0]->dims, 0, NULL};
		return 0;
	}
	ret = check_width(b, m);
	if (!ret)
		ret = unify(b, m, in, r->nnames[b->scope->from]);
	return ret ? ret
		   : pattern_compile(r->pattern, b->scope->from, in, &env, out,
				     arena_of(b), b->err);
}

int plan_add_targets(struct plan_builder *b, const struct match *m)
{
	const struct tensor *in[PATTERN_MAX_TENSORS];
	struct pattern_out out[PATTERN_MAX_TENSORS];
	struct origin from;
	int ret;

	memcpy(in, m->in, sizeof(in));
	ret = compile(b, m, in, out);
	if (!ret)
		ret = make_origin(b, m, &from);
	for (unsigned k = 0; k < m->rule->nnames[1 - b->scope->from] && !ret;
	     k++)
		ret = add_target(b, m, in, &out[k], k, from);
	return ret;
}

int plan_add_passed(struct plan_builder *b, uint32_t i)
{
	struct tensor t = b->src->v[i];
	uint32_t *source = arena_alloc(&b->plan->arena, sizeof(*source));
	struct origin from = {NULL, source, 1, 0, ORIGIN_PASSED};
	int ret = 0;

	if (!source)
		return error_nomem(b->err);
	*source = i;
	if (wants_cast(b, &t))
		ret = add_cast(b, &t);
	b->plan->npassed++;
	return ret ? ret : push(b, &t, from);
}

/* ---- copies: "A = B" on the side that is made ---- */

/* Every A that B (target number k, bound in bound) has; ranges run over i. */
static int copy_one(struct plan_builder *b, const struct rule *r, size_t k,
		    const struct binding *bound)
{
	int to = 1 - b->scope->from;
	struct expr_env look = match_env(b->scope);
	struct tensor t = b->plan->target.v[k];
	struct origin from = b->plan->origins[k];

	if (!match_conds(b->scope, r, bound, &b->scratch))
		return 0;
	strbuf_reset(&b->scratch);
	if (!name_fill(&r->names[to][0], &r->caps, &look, bound, &b->scratch))
		return error_set(b->err, ERR_MAPPING,
				 "\"%.*s\" cannot be worked out from %.*s",
				 STR_ARG(r->names[to][0].text),
				 STR_ARG(t.name));
	t.name = strbuf_str(&b->scratch);
	if (tensor_set_find(&b->plan->target, t.name))
		return 0; /* another rule made it */
	from.rule = r;
	from.kind = ORIGIN_COPY;
	return push(b, &t, from);
}

/* A capture of A that B lacks runs over its range: one level of it. */
static int copy_ranges(struct plan_builder *b, const struct rule *r, size_t k,
		       struct binding *bound, unsigned cap)
{
	struct value range;
	int ret = 0;

	while (cap < r->caps.n && bound->set >> cap & 1)
		cap++;
	if (cap == r->caps.n)
		return copy_one(b, r, k, bound);
	range = table_axis(b->scope->table, r->caps.v[cap].name)
			? scope_lookup(b->scope, r->caps.v[cap].name)
			: VALUE_MISSING;
	if (range.kind != VALUE_INT)
		return error_set(b->err, ERR_MAPPING,
				 "{%.*s} of \"%.*s\" has no range",
				 STR_ARG(r->caps.v[cap].name),
				 STR_ARG(r->text));
	for (int64_t i = 0; i < range.num && !ret; i++) {
		bound->v[cap].num = i;
		bound->set |= 1u << cap;
		ret = copy_ranges(b, r, k, bound, cap + 1);
	}
	bound->set &= ~(1u << cap);
	return ret;
}

static int copy_rule(struct plan_builder *b, const struct rule *r)
{
	int to = 1 - b->scope->from;
	struct expr_env look = match_env(b->scope);
	size_t n = b->plan->target.n;

	for (size_t k = 0; k < n; k++) {
		struct binding bound = {.set = 0};
		int ret;

		if (!name_match(&r->copy_of[to], &r->caps,
				b->plan->target.v[k].name, &look, &bound))
			continue;
		ret = copy_ranges(b, r, k, &bound, 0);
		if (ret)
			return ret;
	}
	return 0;
}

int plan_add_copies(struct plan_builder *b)
{
	int to = 1 - b->scope->from;

	for (size_t i = 0; i < b->scope->table->nrules; i++) {
		const struct rule *r = &b->scope->table->rules[i];
		int ret = r->copy_of[to].nparts ? copy_rule(b, r) : 0;

		if (ret)
			return ret;
	}
	return 0;
}
