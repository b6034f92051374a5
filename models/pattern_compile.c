/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a pattern and shapes to pieces, one a block, and the proof that they
 * are a bijection.
 *
 * A block of a tensor is a box: base + sum i_a * stride_a over its axes a. Its
 * number is a choice of a term in each sum, written in mixed radix, the last
 * factor varying fastest; so a block is placed without listing the others.
 */
#include "models/pattern.h"

#include <string.h>

#include "core/checked.h"
#include "models/pattern_ast.h"

struct block {
	uint32_t axes;
	uint64_t base;	/* elements from the start of its tensor */
	uint64_t nelem; /* product of its axes' extents */
	uint64_t stride[PATTERN_MAX_AXES];
};

struct compiler {
	const struct pattern *p;
	int from;
	const struct tensor *const *in;
	struct pattern_sizes s;
	struct arena *arena;
	struct error *err;
};

static bool place_product(struct block *bl, const struct product *t, unsigned b,
			  uint64_t stride, const uint64_t *size);

/* Add block b of a factor whose last element step is stride. */
static bool place_factor(struct block *bl, const struct factor *f, unsigned b,
			 uint64_t stride, const uint64_t *size)
{
	const struct product *term = f->terms;
	uint64_t skipped = 0, n;

	if (!f->nterms) {
		bl->axes |= f->axes;
		bl->stride[f->axis] = stride;
		return false;
	}
	for (; b >= term->nblocks; term++) {
		if (pattern_product_size(term, size, &n) ||
		    add_overflows(skipped, n, &skipped))
			return true;
		b -= term->nblocks;
	}
	if (mul_overflows(skipped, stride, &n) ||
	    add_overflows(bl->base, n, &bl->base))
		return true;
	return place_product(bl, term, b, stride, size);
}

/* Add block b of a product; returns true on overflow. */
static bool place_product(struct block *bl, const struct product *t, unsigned b,
			  uint64_t stride, const uint64_t *size)
{
	uint64_t n;
	unsigned i;

	for (i = t->n; i-- > 0; b /= t->v[i].nblocks) {
		const struct factor *f = &t->v[i];

		if (place_factor(bl, f, b % f->nblocks, stride, size) ||
		    pattern_factor_size(f, size, &n) ||
		    mul_overflows(stride, n, &stride))
			return true;
	}
	return false;
}

/* Block b of a tensor; returns true on overflow. */
static bool place_block(struct block *bl, const struct pattern *p,
			const struct product *t, unsigned b,
			const uint64_t *size)
{
	unsigned i;

	*bl = (struct block){.nelem = 1};
	if (place_product(bl, t, b, 1, size))
		return true;
	for (i = 0; i < p->naxes; i++)
		if (bl->axes & AXIS_BIT(i) &&
		    mul_overflows(bl->nelem, size[i], &bl->nelem))
			return true;
	return false;
}

/* Axes that move: their numbers by ascending stride. */
static unsigned sort_axes(unsigned *order, const struct block *bl,
			  const struct compiler *c)
{
	unsigned n = 0, i, k;

	for (i = 0; i < c->p->naxes; i++) {
		if (!(bl->axes & AXIS_BIT(i)) || c->s.size[i] < 2)
			continue;
		for (k = n++; k > 0; k--) {
			if (bl->stride[order[k - 1]] <= bl->stride[i])
				break;
			order[k] = order[k - 1];
		}
		order[k] = i;
	}
	return n;
}

/*
 * The last element of a block, counted from its base, where different indices
 * are different elements: each axis steps over all that the faster ones
 * reach. False if they are not.
 */
static bool block_reach(const struct block *bl, const struct compiler *c,
			uint64_t *out)
{
	unsigned order[PATTERN_MAX_AXES], n = sort_axes(order, bl, c), i;
	uint64_t reach = 0, more;

	for (i = 0; i < n; i++) {
		uint64_t stride = bl->stride[order[i]];

		if (stride <= reach ||
		    mul_overflows(c->s.size[order[i]] - 1, stride, &more) ||
		    add_overflows(reach, more, &reach))
			return false;
	}
	*out = reach;
	return true;
}

static int violated(struct compiler *c, int side, unsigned k, const char *what)
{
	return error_set(c->err, ERR_MAPPING,
			 "the pattern \"%.*s\" is no bijection: tensor %u of "
			 "the %s side: %s",
			 STR_ARG(c->p->text), k + 1, side ? "right" : "left",
			 what);
}

static int overflow(struct compiler *c)
{
	return error_set(c->err, ERR_MAPPING,
			 "%.*s: the sizes of the pattern \"%.*s\" overflow 64 "
			 "bits",
			 STR_ARG(c->in[0]->name), STR_ARG(c->p->text));
}

/*
 * The blocks of a tensor are a partition of its nelem elements.
 *
 * An element's offset is a number in mixed radix, a digit for each factor, and
 * a sum cuts its digit's range into consecutive intervals, one a term. So an
 * element is in the block of the terms that its digits fall into and in no
 * other: blocks are disjoint, and in order of appearance their bases ascend.
 * What is counted here: each block is a box of different elements inside the
 * tensor, bases ascend, and the boxes have as many elements together as the
 * tensor. Disjoint parts of a finite set that sum to its size are all of it.
 */
static int prove_tensor(struct compiler *c, int side, unsigned k,
			uint64_t nelem)
{
	const struct product *t = &c->p->sides[side].tensors[k];
	uint64_t sum = 0, next = 0, reach;
	struct block bl;
	unsigned b;

	for (b = 0; b < t->nblocks; b++) {
		if (place_block(&bl, c->p, t, b, c->s.size))
			return overflow(c);
		if (bl.nelem == 0)
			continue;
		if (!block_reach(&bl, c, &reach))
			return violated(c, side, k, "a block overlaps itself");
		if (bl.base < next)
			return violated(c, side, k, "blocks overlap");
		if (bl.base >= nelem || reach >= nelem - bl.base)
			return violated(c, side, k, "a block is too long");
		next = bl.base + 1;
		if (add_overflows(sum, bl.nelem, &sum))
			return overflow(c);
	}
	if (sum != nelem)
		return violated(c, side, k, "elements are left over");
	return 0;
}

static int prove_shape(struct compiler *c, int side, unsigned k,
		       const uint64_t *dims, unsigned ndim)
{
	uint64_t n = 1;
	unsigned d;

	for (d = 0; d < ndim; d++)
		if (mul_overflows(n, dims[d], &n))
			return overflow(c);
	return prove_tensor(c, side, k, n);
}

/* Blocks of a side that have a partner. */
static unsigned count_paired(const struct pattern_side *side)
{
	unsigned n = 0;

	for (unsigned k = 0; k < side->nblocks; k++)
		n += side->partner[k] != NO_BLOCK;
	return n;
}

/*
 * Both sides are partitions into blocks, and each block is zeros or one block
 * of the other side with the same axes (compile_block), hence as many
 * elements: each is used once on each side, and the pieces together are a
 * bijection.
 */
static int prove(struct compiler *c, const struct pattern_out *out)
{
	const struct pattern_side *from = &c->p->sides[c->from];
	const struct pattern_side *to = &c->p->sides[!c->from];
	unsigned k;
	int rc;

	for (k = 0; k < from->ntensors; k++) {
		rc = prove_shape(c, c->from, k, c->in[k]->dims, c->in[k]->ndim);
		if (rc)
			return rc;
	}
	for (k = 0; k < to->ntensors; k++) {
		rc = prove_shape(c, !c->from, k, out[k].dims, out[k].ndim);
		if (rc)
			return rc;
	}
	if (count_paired(from) != count_paired(to))
		return violated(c, !c->from, 0, "blocks without a partner");
	return 0;
}

/* The shape of output tensor k. */
static int out_shape(struct compiler *c, unsigned k, struct pattern_out *out)
{
	const struct product *t = pattern_shape(c->p, !c->from, k);
	unsigned rank = pattern_rank(c->p, t), d;
	unsigned ndim = rank + c->s.nhidden;
	uint64_t *dims;

	if (ndim > TENSOR_MAX_NDIM)
		return error_set(c->err, ERR_MAPPING,
				 "%.*s: the pattern \"%.*s\" makes %u "
				 "dimensions of it, more than %d",
				 STR_ARG(c->in[0]->name), STR_ARG(c->p->text),
				 ndim, TENSOR_MAX_NDIM);
	dims = arena_array(c->arena, ndim, sizeof(*dims));
	if (!dims)
		return error_nomem(c->err);
	for (d = 0; d < rank; d++)
		if (pattern_factor_size(&t->v[d], c->s.size, &dims[d]))
			return overflow(c);
	if (c->s.nhidden)
		memcpy(dims + rank, c->s.hidden, c->s.nhidden * sizeof(*dims));
	out->ndim = ndim;
	out->dims = dims;
	return 0;
}

/* Merge axes that are contiguous on both sides; returns how many stay. */
static unsigned merge_axes(struct gather_axis *v, unsigned n)
{
	unsigned i, m = 0;

	for (i = 0; i < n; i++) {
		struct gather_axis *outer = m ? &v[m - 1] : NULL;
		const struct gather_axis *inner = &v[i];
		uint64_t out, in;

		if (outer &&
		    !mul_overflows(inner->n, inner->stride_out, &out) &&
		    !mul_overflows(inner->n, inner->stride_in, &in) &&
		    outer->stride_out == out && outer->stride_in == in) {
			outer->n *= inner->n; /* a part of a block's count */
			outer->stride_out = inner->stride_out;
			outer->stride_in = inner->stride_in;
		} else {
			v[m++] = *inner;
		}
	}
	return m;
}

static int make_piece(struct compiler *c, struct piece *piece,
		      const struct tensor *src, const struct block *to,
		      const struct block *from)
{
	unsigned order[PATTERN_MAX_AXES], n = sort_axes(order, to, c), i;
	struct gather_axis v[PATTERN_MAX_AXES], *axes;

	for (i = 0; i < n; i++) {
		unsigned a = order[n - 1 - i];

		v[i].n = c->s.size[a];
		v[i].stride_out = to->stride[a];
		v[i].stride_in = from->stride[a];
	}
	n = merge_axes(v, n);
	axes = arena_array(c->arena, n, sizeof(*axes));
	if (!axes)
		return error_nomem(c->err);
	memcpy(axes, v, n * sizeof(*axes));
	*piece = (struct piece){src, to->base, from->base, n, axes};
	return 0;
}

/* Block b of output tensor k, counted over all of them. */
static unsigned block_number(const struct compiler *c, unsigned k, unsigned b)
{
	for (unsigned i = 0; i < k; i++)
		b += c->p->sides[!c->from].tensors[i].nblocks;
	return b;
}

/*
 * The piece of block b of output tensor k; *n counts those made. Blocks
 * without elements make none.
 */
static int compile_block(struct compiler *c, unsigned k, unsigned b,
			 struct piece *pieces, size_t *n)
{
	const struct pattern_side *sides = c->p->sides;
	unsigned number = block_number(c, k, b);
	unsigned partner = sides[!c->from].partner[number], slot;
	struct block to, from;

	if (place_block(&to, c->p, &sides[!c->from].tensors[k], b, c->s.size))
		return overflow(c);
	if (to.nelem == 0)
		return 0;
	if (partner == NO_BLOCK) {
		from = to;
		from.base = 0;
		return make_piece(c, &pieces[(*n)++], NULL, &to, &from);
	}
	slot = pattern_find_block(&sides[c->from], &partner);
	if (place_block(&from, c->p, &sides[c->from].tensors[slot], partner,
			c->s.size))
		return overflow(c);
	if (to.axes != from.axes)
		return violated(c, !c->from, k, "a block has other axes");
	return make_piece(c, &pieces[(*n)++], c->in[slot], &to, &from);
}

/* The input slot that is as empty as an output without pieces, or -1. */
static int empty_input(const struct compiler *c, unsigned k)
{
	unsigned number = block_number(c, k, 0), slot = 0;

	number = c->p->sides[!c->from].partner[number];
	if (number != NO_BLOCK)
		slot = pattern_find_block(&c->p->sides[c->from], &number);
	return tensor_nelem(c->in[slot]) == 0 ? (int)slot : -1;
}

/* The input slot whose elements an output has, all and in order, or -1. */
static int whole_input(struct compiler *c, unsigned k, const struct piece *v,
		       size_t n)
{
	uint64_t nelem = 1;
	int slot;

	if (n == 0)
		return empty_input(c, k);
	if (n > 1 || v->naxes > 1 || !v->src)
		return -1;
	for (slot = 0; c->in[slot] != v->src; slot++)
		;
	if (v->naxes)
		nelem = v->axes->n;
	/* one axis over all elements of both sides has no room for strides */
	return nelem == tensor_nelem(v->src) ? slot : -1;
}

static int compile_tensor(struct compiler *c, unsigned k,
			  struct pattern_out *out)
{
	unsigned nblocks = c->p->sides[!c->from].tensors[k].nblocks, b;
	struct piece *v = arena_array(c->arena, nblocks, sizeof(*v));
	struct gather *g;
	size_t n = 0;
	int rc;

	if (!v)
		return error_nomem(c->err);
	for (b = 0; b < nblocks; b++) {
		rc = compile_block(c, k, b, v, &n);
		if (rc)
			return rc;
	}
	out->copy_of = whole_input(c, k, v, n);
	out->gather = NULL;
	if (out->copy_of >= 0) {
		if (tensor_has_dims(c->in[out->copy_of], out->dims, out->ndim))
			out->dims = c->in[out->copy_of]->dims;
		return 0;
	}
	g = arena_alloc(c->arena, sizeof(*g));
	if (!g)
		return error_nomem(c->err);
	*g = (struct gather){.npieces = n, .pieces = v};
	out->gather = g;
	return 0;
}

int pattern_compile(const struct pattern *p, int from,
		    const struct tensor *const *in, const struct axis_env *env,
		    struct pattern_out *out, struct arena *arena,
		    struct error *err)
{
	struct compiler c = {
		.p = p, .from = from, .in = in, .arena = arena, .err = err};
	unsigned k, n = p->sides[!from].ntensors;
	int rc = pattern_solve(&c.s, p, from, in, env, err);

	for (k = 0; !rc && k < n; k++)
		rc = out_shape(&c, k, &out[k]);
	if (!rc)
		rc = prove(&c, out);
	for (k = 0; !rc && k < n; k++)
		rc = compile_tensor(&c, k, &out[k]);
	return rc;
}
