/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks: a capture that stands in the names of one side only is an axis in
 * front of that side's tensors. On the source side its values are 0..n-1, all
 * there, in numeric order; on the other side one tensor becomes n of them.
 */
#include <stdlib.h>

#include "core/checked.h"
#include "models/plan_build.h"

/* Missing names listed one by one. */
#define MAX_MISSING 50

/* Stacks of more tensors than the source has, and this, are not listed. */
#define MAX_STACK 10000

static unsigned nnames(const struct plan_builder *b, const struct match *m)
{
	return m->rule->nnames[b->scope->from];
}

static unsigned nfront(const struct plan_builder *b, const struct match *m)
{
	return m->rule->nfront[b->scope->from];
}

static unsigned front_cap(const struct plan_builder *b, const struct match *m,
			  unsigned f)
{
	return m->rule->front[b->scope->from][f];
}

/* The source tensor of name k under a binding, or NULL; b->scratch names it. */
static const struct tensor *find_member(struct plan_builder *b,
					const struct match *m, unsigned k,
					const struct binding *at)
{
	struct expr_env look = space_env(rule_space(b->scope, m->rule));

	strbuf_reset(&b->scratch);
	if (!name_fill(&m->rule->names[b->scope->from][k], &m->rule->caps,
		       &look, at, &b->scratch))
		return NULL;
	return tensor_set_find(b->src, strbuf_str(&b->scratch));
}

/* The length of front axis f: its range, or as far as there are names. */
static uint64_t front_size(struct plan_builder *b, const struct match *m,
			   unsigned f)
{
	unsigned cap = front_cap(b, m, f);
	struct binding at = m->b;
	int64_t n;

	if (match_range(b->scope, m->rule, cap, &n))
		return (uint64_t)n;
	for (unsigned i = 0; i < nfront(b, m); i++)
		at.v[front_cap(b, m, i)].num = 0;
	for (n = 0;; n++) {
		at.v[cap].num = n;
		if (!find_member(b, m, 0, &at))
			break;
	}
	return (uint64_t)(n > m->b.v[cap].num ? n : m->b.v[cap].num + 1);
}

static int reserve(struct plan_builder *b, size_t n)
{
	struct members *mem = &b->members;
	const struct tensor **v;

	if (n <= mem->cap)
		return 0;
	v = realloc(mem->v, n * sizeof(*v));
	if (!v)
		return error_nomem(b->err);
	mem->v = v;
	mem->cap = n;
	return 0;
}

/* Index i of a stack as captures, the last one varying fastest. */
static void bind_index(const struct plan_builder *b, const struct match *m,
		       uint64_t i, struct binding *at)
{
	for (unsigned f = nfront(b, m); f-- > 0; i /= b->members.dims[f])
		at->v[front_cap(b, m, f)].num =
			(int64_t)(i % b->members.dims[f]);
}

static int refuse_missing(struct plan_builder *b, const struct match *m,
			  size_t n, struct strbuf *list)
{
	int ret;

	if (n > MAX_MISSING)
		strbuf_addf(list, ERROR_ITEM "and %zu more", n - MAX_MISSING);
	ret = error_set(b->err, ERR_MAPPING,
			"%zu tensor%s missing of a stack of %zu, by the "
			"rule %.*s:%.*s",
			n, n == 1 ? " is" : "s are",
			b->members.n * nnames(b, m), STR_ARG(m->rule->text),
			STR_ARG(strbuf_str(list)));
	strbuf_release(list);
	return ret;
}

static int find_members(struct plan_builder *b, const struct match *m)
{
	struct members *mem = &b->members;
	struct strbuf list = STRBUF_INIT;
	struct binding at = m->b;
	size_t missing = 0;

	for (unsigned k = 0; k < nnames(b, m); k++) {
		for (size_t i = 0; i < mem->n; i++) {
			const struct tensor *t;

			bind_index(b, m, i, &at);
			t = find_member(b, m, k, &at);
			mem->v[k * mem->n + i] = t;
			if (!t && missing++ < MAX_MISSING)
				strbuf_addf(&list, ERROR_ITEM "%.*s",
					    STR_ARG(strbuf_str(&b->scratch)));
		}
	}
	return missing ? refuse_missing(b, m, missing, &list) : 0;
}

static int too_many(struct plan_builder *b, const struct match *m)
{
	return error_set(b->err, ERR_MAPPING,
			 "%.*s: a stack of more tensors than there are, by the "
			 "rule %.*s",
			 STR_ARG(m->in[m->slot]->name), STR_ARG(m->rule->text));
}

int plan_collect(struct plan_builder *b, const struct match *m)
{
	struct members *mem = &b->members;
	uint64_t n = 1;
	int ret;

	for (unsigned f = 0; f < nfront(b, m); f++) {
		mem->dims[f] = front_size(b, m, f);
		if (mul_overflows(n, mem->dims[f], &n) ||
		    n > b->src->n + MAX_STACK)
			return too_many(b, m);
	}
	mem->n = (size_t)n;
	ret = reserve(b, mem->n * nnames(b, m));
	if (ret || nfront(b, m))
		return ret ? ret : find_members(b, m);
	for (unsigned k = 0; k < nnames(b, m); k++)
		mem->v[k] = m->in[k];
	return 0;
}

/* ---- as one tensor ---- */

static int refuse_shape(struct plan_builder *b, const struct tensor *first,
			const struct tensor *other)
{
	struct strbuf sb[2] = {STRBUF_INIT, STRBUF_INIT};
	int ret;

	strbuf_add_dims(&sb[0], first->dims, first->ndim, ',');
	strbuf_add_dims(&sb[1], other->dims, other->ndim, ',');
	ret = error_set(b->err, ERR_MAPPING,
			"%.*s is [%.*s] but %.*s is [%.*s]: a stack needs one "
			"shape",
			STR_ARG(first->name), STR_ARG(strbuf_str(&sb[0])),
			STR_ARG(other->name), STR_ARG(strbuf_str(&sb[1])));
	strbuf_release(&sb[0]);
	strbuf_release(&sb[1]);
	return ret;
}

/* Name, shape and bytes of the stack of mem->n tensors from v on. */
static int fill_stack(struct plan_builder *b, const struct match *m,
		      const struct tensor *const *v, struct tensor *t)
{
	struct arena *arena = &b->plan->target.arena;
	unsigned front = nfront(b, m);
	size_t n = b->members.n;
	const struct tensor **list = arena_array(arena, n, sizeof(*list));
	uint64_t *dims = arena_array(arena, front + v[0]->ndim, sizeof(*dims));

	if (!list || !dims)
		return error_nomem(b->err);
	*t = *v[0];
	if (front + t->ndim > TENSOR_MAX_NDIM)
		return error_set(b->err, ERR_MAPPING,
				 "%.*s: a stack of over %d dimensions",
				 STR_ARG(t->name), TENSOR_MAX_NDIM);
	memcpy(list, v, n * sizeof(*list));
	memcpy(dims, b->members.dims, front * sizeof(*dims));
	if (t->ndim)
		memcpy(dims + front, t->dims, t->ndim * sizeof(*dims));
	t->dims = dims;
	t->ndim = (uint8_t)(t->ndim + front);
	t->recipe = RECIPE_STACK;
	t->stack.v = list;
	t->stack.n = n;
	if (!tensor_nbytes(t->dtype, t->dims, t->ndim, &t->nbytes))
		return error_set(b->err, ERR_MAPPING,
				 "%.*s: the size of the stack overflows",
				 STR_ARG(t->name));
	return 0;
}

int plan_stack(struct plan_builder *b, const struct match *m, unsigned k,
	       const struct tensor **out)
{
	const struct tensor **v = b->members.v + k * b->members.n;
	struct tensor *t;
	int ret = 0;

	*out = v[0];
	if (!nfront(b, m))
		return 0;
	for (size_t i = 1; i < b->members.n && !ret; i++)
		if (!tensor_has_dims(v[0], v[i]->dims, v[i]->ndim))
			ret = refuse_shape(b, v[0], v[i]);
	if (ret)
		return ret;
	t = arena_alloc(&b->plan->target.arena, sizeof(*t));
	*out = t;
	return t ? fill_stack(b, m, v, t) : error_nomem(b->err);
}

void plan_slice(const struct tensor *stack, uint64_t i, uint64_t n,
		struct tensor *out)
{
	*out = *stack;
	out->nbytes = stack->nbytes / n;
	if (stack->recipe == RECIPE_EXTENT) {
		out->extent.off += i * out->nbytes;
	} else if (stack->recipe == RECIPE_STACK && stack->stack.n == n) {
		*out = *stack->stack.v[i];
	} else {
		out->recipe = RECIPE_SLICE;
		out->slice.of = stack;
		out->slice.off = i * out->nbytes;
	}
}
