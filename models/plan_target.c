/* SPDX-License-Identifier: Apache-2.0 */
/* Making target tensors: names, types, recipes; see plan_build.h. */
#include <errno.h>
#include <stdlib.h>

#include "core/cast.h"
#include "core/checked.h"
#include "models/plan_build.h"

/*
 * More targets than sources, and this, are no model: a range of the table, or a
 * number of config.json, says so.
 */
#define MAX_ADDED (UINT32_C(1) << 20)

static struct arena *arena_of(struct plan_builder *b)
{
	return &b->plan->target.arena;
}

/* Count one more target, made of the source or target of that name. */
static int count(struct plan_builder *b, struct str name)
{
	size_t most = b->src->n + MAX_ADDED;

	if (b->ntried++ < most)
		return 0;
	return error_set(b->err, ERR_MAPPING,
			 "over %zu tensors would be made, the last of them "
			 "from %.*s: look at the ranges of the table, and at "
			 "the numbers of config.json that they are made of",
			 most, STR_ARG(name));
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

/* What the table keeps that tensor as, by a name on one side; or NULL. */
static const struct keep *find_keep(const struct plan_builder *b,
				    struct str name, int side)
{
	const struct table *t = b->scope->table;

	for (size_t i = 0; i < t->nkeep; i++) {
		const struct keep *keep = &t->keep[i];
		struct expr_env look =
			space_env(&b->scope->spaces[keep->space]);
		struct binding bound = {.set = 0};

		if (name_match(&keep->name[side], &keep->caps, name, &look,
			       &bound) &&
		    (!keep->when || value_true(expr_eval(keep->when, &look))))
			return keep;
	}
	return NULL;
}

/* What the template has under that name, if it can be made of type. */
static enum dtype type_of_template(const struct plan_builder *b,
				   struct str name, enum dtype type)
{
	const struct tensor *t =
		b->scope->template ? tensor_set_find(b->scope->template, name)
				   : NULL;

	return t && cast_supported(type, t->dtype) ? t->dtype : type;
}

/*
 * The type of a float that a rule makes of source, under that name: --dtype's
 * or the table's, else the template's, else its own.
 */
static enum dtype type_wanted(const struct plan_builder *b, struct str name,
			      const struct tensor *source, enum dtype type)
{
	const struct keep *keep;

	if (!b->o->cast)
		return b->o->own_types ? type
				       : type_of_template(b, name, type);
	keep = find_keep(b, name, 1 - b->scope->from);
	if (!keep)
		keep = find_keep(b, source->name, b->scope->from);
	if (!keep)
		return b->o->dtype;
	return keep->typed ? keep->dtype : type;
}

static bool is_castable(const struct tensor *t, enum dtype to)
{
	return t->dtype != to && dtype_info(t->dtype)->kind == KIND_FLOAT;
}

/* t becomes a cast of what it was. */
static int add_cast(struct plan_builder *b, struct tensor *t, enum dtype to)
{
	struct tensor *inner = arena_alloc(arena_of(b), sizeof(*inner));

	if (!inner)
		return error_nomem(b->err);
	*inner = *t;
	t->recipe = RECIPE_CAST;
	t->cast = inner;
	t->dtype = (uint8_t)to;
	if (!tensor_nbytes(to, t->dims, t->ndim, &t->nbytes))
		return error_set(b->err, ERR_MAPPING,
				 "%.*s: too large to be cast",
				 STR_ARG(inner->name));
	return 0;
}

static int refuse_types(struct plan_builder *b, const struct match *m,
			const struct tensor *first, const struct tensor *odd)
{
	return error_set(b->err, ERR_MAPPING,
			 "%.*s is %s but %.*s is %s: %.*s needs one type, "
			 "choose it with --dtype",
			 STR_ARG(first->name),
			 dtype_info(first->dtype)->safetensors,
			 STR_ARG(odd->name),
			 dtype_info(odd->dtype)->safetensors,
			 STR_ARG(m->rule->text));
}

/*
 * The parts of a rule have one type. Where --dtype decides between several,
 * each part is cast before it is gathered.
 */
static int unify(struct plan_builder *b, const struct match *m, size_t n)
{
	const struct tensor **v = b->members.v;
	size_t odd = 1;

	while (odd < n && v[odd]->dtype == v[0]->dtype)
		odd++;
	if (odd >= n)
		return 0;
	for (size_t k = 0; k < n; k++) {
		struct tensor *t;
		int ret;

		if (b->o->cast && v[k]->dtype == b->o->dtype)
			continue;
		if (!b->o->cast || !is_castable(v[k], b->o->dtype))
			return refuse_types(b, m, v[0], v[odd]);
		t = arena_alloc(arena_of(b), sizeof(*t));
		if (!t)
			return error_nomem(b->err);
		*t = *v[k];
		ret = add_cast(b, t, b->o->dtype);
		if (ret)
			return ret;
		v[k] = t;
	}
	return 0;
}

/* ---- targets of a rule ---- */

/* A rule's match being made into targets. */
struct making {
	const struct match *m;
	const struct tensor *in[PATTERN_MAX_TENSORS];
	struct pattern_out out[PATTERN_MAX_TENSORS];
	struct origin from;
};

static int fill_target_name(struct plan_builder *b, const struct match *m,
			    unsigned k, const struct binding *at,
			    struct str *out)
{
	struct expr_env look = space_env(rule_space(b->scope, m->rule));
	const struct name *n = &m->rule->names[1 - b->scope->from][k];

	strbuf_reset(&b->scratch);
	if (!name_fill(n, &m->rule->caps, &look, at, &b->scratch))
		return error_set(b->err, ERR_MAPPING,
				 "%.*s: \"%.*s\" cannot be worked out",
				 STR_ARG(m->in[m->slot]->name),
				 STR_ARG(n->text));
	*out = strbuf_str(&b->scratch);
	return 0;
}

/* t, made by the rule under some captures: named, cast if asked for. */
static int push_target(struct plan_builder *b, const struct making *mk,
		       unsigned k, const struct binding *at, struct tensor t)
{
	struct origin from = mk->from;
	int ret = count(b, mk->in[0]->name);
	enum dtype to;

	if (!ret)
		ret = fill_target_name(b, mk->m, k, at, &t.name);
	if (!ret) {
		to = type_wanted(b, t.name, &b->src->v[from.sources[0]],
				 (enum dtype)t.dtype);
		ret = is_castable(&t, to) ? add_cast(b, &t, to) : 0;
	}
	from.slot = (uint8_t)k;
	return ret ? ret : push(b, &t, from);
}

/* The range of a capture that is given back must be the axis's length. */
static int check_length(struct plan_builder *b, const struct making *mk,
			unsigned cap, uint64_t n)
{
	const struct rule *r = mk->m->rule;
	int64_t range;

	if (!match_range(b->scope, r, cap, &range) || (uint64_t)range == n)
		return 0;
	return error_set(b->err, ERR_MAPPING,
			 "%.*s holds a stack of %llu, but %.*s is %lld",
			 STR_ARG(mk->in[0]->name), (unsigned long long)n,
			 STR_ARG(space_axis_text(rule_space(b->scope, r),
						 r->caps.v[cap].name)),
			 (long long)range);
}

/*
 * Output tensor k is a stack: a target for each index of its first axes, which
 * are captures of the target's name.
 */
static int push_slices(struct plan_builder *b, const struct making *mk,
		       unsigned k, const struct tensor *whole)
{
	const struct rule *r = mk->m->rule;
	unsigned nfront = r->nfront[1 - b->scope->from];
	const uint8_t *front = r->front[1 - b->scope->from];
	struct tensor *stack = arena_alloc(arena_of(b), sizeof(*stack));
	struct binding at = mk->m->b;
	uint64_t n = 1;
	int ret = stack ? 0 : error_nomem(b->err);

	for (unsigned f = 0; f < nfront && !ret; f++) {
		n *= whole->dims[f];
		ret = check_length(b, mk, front[f], whole->dims[f]);
	}
	if (!ret)
		*stack = *whole;
	for (uint64_t i = 0; i < n && !ret; i++) {
		uint64_t rest = i;
		struct tensor t;

		for (unsigned f = nfront; f-- > 0; rest /= whole->dims[f]) {
			at.v[front[f]].num = (int64_t)(rest % whole->dims[f]);
			at.set |= 1u << front[f];
		}
		plan_slice(stack, i, n, &t);
		t.dims = whole->dims + nfront;
		t.ndim = (uint8_t)(whole->ndim - nfront);
		ret = push_target(b, mk, k, &at, t);
	}
	return ret;
}

/* What the pattern made of output tensor k. */
static int add_target(struct plan_builder *b, const struct making *mk,
		      unsigned k)
{
	const struct pattern_out *out = &mk->out[k];
	struct tensor t = *mk->in[out->copy_of < 0 ? 0 : out->copy_of];

	t.ndim = (uint8_t)out->ndim;
	t.dims = out->dims;
	if (out->copy_of < 0) {
		t.recipe = RECIPE_GATHER;
		t.gather = out->gather;
	}
	if (!tensor_nbytes(t.dtype, t.dims, t.ndim, &t.nbytes))
		return error_set(b->err, ERR_MAPPING,
				 "%.*s: the size of what is made of it "
				 "overflows",
				 STR_ARG(t.name));
	if (mk->m->rule->nfront[1 - b->scope->from])
		return push_slices(b, mk, k, &t);
	return push_target(b, mk, k, &mk->m->b, t);
}

static int make_origin(struct plan_builder *b, const struct match *m, size_t n,
		       struct origin *out)
{
	uint32_t *v = arena_array(&b->plan->arena, n, sizeof(*v));

	if (!v)
		return error_nomem(b->err);
	for (size_t k = 0; k < n; k++)
		v[k] = (uint32_t)(b->members.v[k] - b->src->v);
	*out = (struct origin){m->rule, v, (uint32_t)n, 0, ORIGIN_RULE};
	return 0;
}

/* Patterns move whole elements: sub-byte types have none to move. */
static int check_width(struct plan_builder *b, const struct match *m, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (!dtype_width(b->members.v[k]->dtype))
			return error_set(
				b->err, ERR_MAPPING,
				"%.*s: a %s tensor can be renamed, but not "
				"rearranged by \"%.*s\"",
				STR_ARG(b->members.v[k]->name),
				dtype_info(b->members.v[k]->dtype)->safetensors,
				STR_ARG(pattern_text(m->rule->pattern)));
	return 0;
}

static int compile(struct plan_builder *b, struct making *mk, size_t n)
{
	const struct rule *r = mk->m->rule;
	struct axis_env env = space_axis_env(rule_space(b->scope, r));
	int ret;

	if (!r->pattern) {
		const struct tensor *t = b->members.v[0];

		mk->in[0] = t;
		mk->out[0] = (struct pattern_out){t->ndim, t->dims, 0, NULL};
		return 0;
	}
	ret = check_width(b, mk->m, n);
	if (!ret)
		ret = unify(b, mk->m, n);
	for (unsigned k = 0; k < r->nnames[b->scope->from] && !ret; k++)
		ret = plan_stack(b, mk->m, k, &mk->in[k]);
	return ret ? ret
		   : pattern_compile(r->pattern, b->scope->from, mk->in, &env,
				     mk->out, arena_of(b), b->err);
}

int plan_add_targets(struct plan_builder *b, const struct match *m)
{
	size_t n = m->rule->nnames[b->scope->from] * b->members.n;
	struct making mk = {.m = m};
	int ret = make_origin(b, m, n, &mk.from);

	if (!ret)
		ret = compile(b, &mk, n);
	for (unsigned k = 0; k < m->rule->nnames[1 - b->scope->from] && !ret;
	     k++)
		ret = add_target(b, &mk, k);
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
	if (b->o->cast && is_castable(&t, b->o->dtype))
		ret = add_cast(b, &t, b->o->dtype);
	b->plan->npassed += !t.is_extra;
	return ret ? ret : push(b, &t, from);
}

/* ---- copies: "A = B" on the side that is made ---- */

/* Every A that B (target number k, bound in bound) has; ranges run over i. */
static int copy_one(struct plan_builder *b, const struct rule *r, size_t k,
		    const struct binding *bound)
{
	int to = 1 - b->scope->from;
	struct expr_env look = space_env(rule_space(b->scope, r));
	struct tensor t = b->plan->target.v[k];
	struct origin from = b->plan->origins[k];
	int ret = count(b, t.name);

	if (ret || !match_conds(b->scope, r, bound, &b->scratch))
		return ret;
	strbuf_reset(&b->scratch);
	if (!name_fill(&r->names[to][0], &r->caps, &look, bound, &b->scratch))
		return error_set(b->err, ERR_MAPPING,
				 "\"%.*s\" cannot be worked out from %.*s",
				 STR_ARG(r->names[to][0].text),
				 STR_ARG(t.name));
	t.name = strbuf_str(&b->scratch);
	if (tensor_set_find(&b->plan->target, t.name))
		return 0; /* another rule made it */
	if (b->scope->template && !tensor_set_find(b->scope->template, t.name))
		return 0;
	from.rule = r;
	from.kind = ORIGIN_COPY;
	return push(b, &t, from);
}

/* A capture of A that B lacks runs over its range: one level of it. */
static int copy_ranges(struct plan_builder *b, const struct rule *r, size_t k,
		       struct binding *bound, unsigned cap)
{
	int64_t range;
	int ret = 0;

	while (cap < r->caps.n && bound->set >> cap & 1)
		cap++;
	if (cap == r->caps.n)
		return copy_one(b, r, k, bound);
	if (!match_range(b->scope, r, cap, &range))
		return error_set(b->err, ERR_MAPPING,
				 "{%.*s} of \"%.*s\" has no range",
				 STR_ARG(r->caps.v[cap].name),
				 STR_ARG(r->text));
	for (int64_t i = 0; i < range && !ret; i++) {
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
	struct expr_env look = space_env(rule_space(b->scope, r));
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
