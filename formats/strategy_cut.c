/* SPDX-License-Identifier: Apache-2.0 */
/* Slices of ranks and whole parameters, each made of the other: see
 * strategy.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/checked.h"
#include "core/gather.h"
#include "formats/strategy.h"

/* One slice: dimension j is in n[j] equal parts, this is the at[j]-th. */
struct cut {
	uint64_t n[TENSOR_MAX_NDIM], at[TENSOR_MAX_NDIM];
	uint64_t nparts, part; /* of all dimensions, row-major */
};

#define REFUSE(s, err, class, name, why, ...)                                  \
	error_set(err, class, "%s: parameter \"%.*s\": " why, (s)->path,       \
		  STR_ARG(name), __VA_ARGS__)

static void coordinates(const struct strategy_layout *l, uint32_t rank,
			uint32_t c[STRATEGY_MAX_NDEV])
{
	for (unsigned i = l->ndev; i--; rank /= l->dev[i])
		c[i] = rank % l->dev[i];
}

/* What a rank of the layout's stage has; rank counts from the stage's first. */
static void cut_of(const struct strategy_layout *l, uint32_t rank,
		   struct cut *cut)
{
	uint32_t c[STRATEGY_MAX_NDEV];

	coordinates(l, rank, c);
	cut->nparts = 1;
	cut->part = 0;
	for (unsigned j = 0; j < l->ndim; j++) {
		const struct strategy_axes *a = &l->dims[j];

		cut->n[j] = 1;
		cut->at[j] = 0;
		for (unsigned i = 0; i < a->n; i++) {
			unsigned k = l->ndev - 1 - (unsigned)a->v[i];

			if (a->v[i] < 0)
				continue;
			cut->n[j] *= l->dev[k];
			cut->at[j] = cut->at[j] * l->dev[k] + c[k];
		}
		for (unsigned i = 0; j == 0 && i < l->nshard; i++) {
			const struct strategy_shard *o = &l->shard[i];

			cut->n[0] *= o->n;
			cut->at[0] =
				cut->at[0] * o->n + rank / o->stride % o->n;
		}
		cut->nparts *= cut->n[j];
		cut->part = cut->part * cut->n[j] + cut->at[j];
	}
}

static void strides_of(const uint64_t *dims, unsigned ndim, uint64_t *out)
{
	uint64_t stride = 1;

	for (unsigned j = ndim; j--; stride *= dims[j])
		out[j] = stride;
}

/* Elements before the slice in the whole. */
static uint64_t base_of(const struct cut *cut, const uint64_t *dims,
			const uint64_t *strides, unsigned ndim)
{
	uint64_t base = 0;

	for (unsigned j = 0; j < ndim; j++)
		base += cut->at[j] * dims[j] * strides[j];
	return base;
}

/* The axes of a slice of those dims, neighbours joined where they can be. */
static unsigned make_axes(const uint64_t *dims, unsigned ndim,
			  const uint64_t *out, const uint64_t *in,
			  struct gather_axis *v)
{
	unsigned n = 0;

	for (unsigned j = 0; j < ndim; j++) {
		struct gather_axis a = {dims[j], out[j], in[j]};

		if (a.n == 1)
			continue;
		if (n && v[n - 1].stride_out == a.n * a.stride_out &&
		    v[n - 1].stride_in == a.n * a.stride_in) {
			a.n *= v[n - 1].n;
			n--;
		}
		v[n++] = a;
	}
	return n;
}

static int add(struct tensor_set *set, const struct tensor *t,
	       struct error *err)
{
	return tensor_set_add(set, t) ? error_nomem(err) : 0;
}

static int refuse_rank(const struct strategy *s, const struct tensor *t,
		       const struct strategy_layout *l, enum error_class class,
		       struct error *err)
{
	return REFUSE(s, err, class, t->name,
		      "it has %u dimensions, its tensor map %u", t->ndim,
		      l->ndim);
}

/* ---- slices to the whole ---- */

struct join {
	const struct strategy *s;
	const struct tensor_set *ranks;
	uint32_t nranks;
	struct tensor_set *full;
	struct error *err;
};

/* The slices of one parameter: t is one of them, all are alike. */
struct slices {
	const struct strategy_layout *l;
	const struct tensor *t;
	uint32_t first;	      /* rank of the stage */
	struct piece *pieces; /* [nparts] */
	uint64_t nparts;
};

static int refuse_slice(const struct join *j, const struct slices *m,
			uint32_t rank)
{
	return REFUSE(j->s, j->err, ERR_SOURCE, m->t->name,
		      "the slice of rank %" PRIu32
		      " has another shape or type than the others",
		      rank);
}

static bool same_form(const struct tensor *a, const struct tensor *b)
{
	return a->dtype == b->dtype && tensor_has_dims(a, b->dims, b->ndim);
}

/* No rank that has part number part has a file with it. */
static int refuse_missing(const struct join *j, const struct slices *m,
			  uint64_t part)
{
	struct cut cut;
	uint32_t rank = 0;

	for (; rank < j->s->ndevices; rank++) {
		cut_of(m->l, rank, &cut);
		if (cut.part == part)
			break;
	}
	if (rank == j->s->ndevices)
		return REFUSE(j->s, j->err, ERR_SOURCE, m->t->name,
			      "no rank would have part %" PRIu64 " of %" PRIu64,
			      part, m->nparts);
	return REFUSE(j->s, j->err, ERR_SOURCE, m->t->name,
		      "part %" PRIu64 " of %" PRIu64
		      " is not there: the checkpoint of rank %" PRIu32
		      " (or one with the same part) is missing or lacks it",
		      part, m->nparts, m->first + rank);
}

/* Find a rank for each part. */
static int collect(const struct join *j, struct slices *m,
		   const uint64_t *strides)
{
	uint64_t left = m->nparts;

	for (uint32_t r = 0; r < j->s->ndevices && left; r++) {
		const struct tensor *t = NULL;
		struct cut cut;

		if (m->first + r < j->nranks)
			t = tensor_set_find(&j->ranks[m->first + r],
					    m->t->name);
		if (!t)
			continue;
		if (!same_form(t, m->t))
			return refuse_slice(j, m, m->first + r);
		cut_of(m->l, r, &cut);
		if (m->pieces[cut.part].src)
			continue;
		m->pieces[cut.part].src = t;
		m->pieces[cut.part].base_out =
			base_of(&cut, t->dims, strides, t->ndim);
		left--;
	}
	for (uint64_t i = 0; i < m->nparts && left; i++)
		if (!m->pieces[i].src)
			return refuse_missing(j, m, i);
	return 0;
}

static int full_dims(const struct join *j, const struct slices *m,
		     struct tensor *t)
{
	uint64_t *dims = arena_array(&j->full->arena, t->ndim, sizeof(*dims));
	bool overflow = !dtype_width(t->dtype);
	struct cut cut;

	if (!dims)
		return error_nomem(j->err);
	cut_of(m->l, 0, &cut);
	for (unsigned i = 0; i < t->ndim; i++)
		overflow |= mul_overflows(t->dims[i], cut.n[i], &dims[i]);
	t->dims = dims;
	if (overflow || !tensor_nbytes(t->dtype, dims, t->ndim, &t->nbytes))
		return REFUSE(j->s, j->err, ERR_SOURCE, t->name, "%s",
			      "the whole of its slices is over 2^64 bits, or "
			      "its type is under a byte");
	return 0;
}

static int join_slices(const struct join *j, struct slices *m)
{
	struct arena *arena = &j->full->arena;
	uint64_t out[TENSOR_MAX_NDIM], in[TENSOR_MAX_NDIM];
	struct gather_axis *axes =
		arena_array(arena, m->t->ndim, sizeof(*axes));
	struct gather *g = arena_alloc(arena, sizeof(*g));
	struct tensor t = *m->t;
	unsigned naxes;
	int rc;

	m->pieces = arena_array(arena, m->nparts, sizeof(*m->pieces));
	if (!axes || !g || !m->pieces)
		return error_nomem(j->err);
	rc = full_dims(j, m, &t);
	if (rc)
		return rc;
	strides_of(t.dims, t.ndim, out);
	strides_of(m->t->dims, t.ndim, in);
	rc = collect(j, m, out);
	if (rc)
		return rc;
	naxes = make_axes(m->t->dims, t.ndim, out, in, axes);
	for (uint64_t i = 0; i < m->nparts; i++) {
		m->pieces[i].naxes = naxes;
		m->pieces[i].axes = axes;
	}
	*g = (struct gather){.npieces = t.nbytes ? m->nparts : 0,
			     .pieces = m->pieces};
	t.recipe = RECIPE_GATHER;
	t.gather = g;
	return add(j->full, &t, j->err);
}

/* The parameter of which rank has t. */
static int join_tensor(const struct join *j, uint32_t rank,
		       const struct tensor *t)
{
	uint32_t stage = rank / j->s->ndevices;
	struct slices m = {.t = t, .first = stage * j->s->ndevices};
	struct cut cut;

	m.l = strategy_find(j->s, t->name, stage);
	if (!m.l)
		return add(j->full, t, j->err);
	cut_of(m.l, 0, &cut);
	m.nparts = cut.nparts;
	if (m.nparts == 1)
		return add(j->full, t, j->err);
	if (m.l->ndim != t->ndim)
		return refuse_rank(j->s, t, m.l, ERR_SOURCE, j->err);
	return join_slices(j, &m);
}

int strategy_join(const struct strategy *s, const struct tensor_set *ranks,
		  uint32_t nranks, struct tensor_set *full, struct error *err)
{
	struct join j = {s, ranks, nranks, full, err};
	int rc = 0;

	for (uint32_t r = 0; r < nranks; r++)
		for (size_t i = 0; i < ranks[r].n && !rc; i++)
			if (!tensor_set_find(full, ranks[r].v[i].name))
				rc = join_tensor(&j, r, &ranks[r].v[i]);
	return rc;
}

/* ---- the whole to slices ---- */

struct slicing {
	const struct strategy *s;
	struct tensor_set *out;
	struct error *err;
};

static int slice_dims(const struct slicing *c, const struct cut *cut,
		      struct tensor *t)
{
	uint64_t *dims = arena_array(&c->out->arena, t->ndim, sizeof(*dims));

	if (!dims)
		return error_nomem(c->err);
	for (unsigned j = 0; j < t->ndim; j++) {
		if (t->dims[j] % cut->n[j])
			return REFUSE(c->s, c->err, ERR_MAPPING, t->name,
				      "dimension %u of %" PRIu64
				      " cannot be cut into %" PRIu64
				      " equal parts",
				      j, t->dims[j], cut->n[j]);
		dims[j] = t->dims[j] / cut->n[j];
	}
	t->dims = dims;
	if (!dtype_width(t->dtype))
		return REFUSE(c->s, c->err, ERR_MAPPING, t->name,
			      "elements of %s cannot be cut apart",
			      dtype_info(t->dtype)->safetensors);
	t->nbytes /= cut->nparts;
	return 0;
}

/* Let t be a box of whole: one run of bytes, or a gather. */
static int take_box(const struct slicing *c, const struct tensor *whole,
		    const struct cut *cut, struct tensor *t)
{
	uint64_t out[TENSOR_MAX_NDIM], in[TENSOR_MAX_NDIM], base;
	struct {
		struct gather gather;
		struct piece piece;
		struct gather_axis axes[];
	} *m = arena_alloc(&c->out->arena,
			   sizeof(*m) + t->ndim * sizeof(struct gather_axis));

	if (!m)
		return error_nomem(c->err);
	strides_of(t->dims, t->ndim, out);
	strides_of(whole->dims, t->ndim, in);
	base = base_of(cut, t->dims, in, t->ndim);
	m->piece = (struct piece){whole, 0, base, 0, m->axes};
	m->piece.naxes = make_axes(t->dims, t->ndim, out, in, m->axes);
	m->gather = (struct gather){.npieces = 1, .pieces = &m->piece};
	if (m->piece.naxes == 0 ||
	    (m->piece.naxes == 1 && m->axes[0].stride_in == 1)) {
		t->recipe = RECIPE_SLICE;
		t->slice.of = whole;
		t->slice.off = base * dtype_width(t->dtype);
	} else {
		t->recipe = RECIPE_GATHER;
		t->gather = &m->gather;
	}
	return 0;
}

/*
 * Whether the slices of all ranks make up the whole: two cuts along one axis
 * of the devices leave parts that no rank has.
 */
static int check_covered(const struct slicing *c, const struct tensor *whole,
			 const struct strategy_layout *l, uint64_t nparts)
{
	bool *seen = calloc(nparts, sizeof(*seen));
	uint64_t left = nparts;
	struct cut cut;

	if (!seen)
		return error_nomem(c->err);
	for (uint32_t r = 0; r < c->s->ndevices; r++) {
		cut_of(l, r, &cut);
		left -= !seen[cut.part];
		seen[cut.part] = true;
	}
	free(seen);
	if (!left)
		return 0;
	return REFUSE(c->s, c->err, ERR_MAPPING, whole->name,
		      "no rank would have %" PRIu64 " of its %" PRIu64 " parts",
		      left, nparts);
}

static int slice_tensor(const struct slicing *c, uint32_t rank,
			const struct tensor *whole)
{
	const struct strategy_layout *l =
		strategy_find(c->s, whole->name, rank / c->s->ndevices);
	struct tensor t = *whole;
	struct cut cut = {.nparts = 1};
	int rc;

	if (!l && strategy_knows(c->s, whole->name))
		return 0;
	if (l)
		cut_of(l, rank % c->s->ndevices, &cut);
	if (cut.nparts == 1)
		return add(c->out, whole, c->err);
	if (l->ndim != t.ndim)
		return refuse_rank(c->s, whole, l, ERR_MAPPING, c->err);
	/* once for all ranks of a stage */
	rc = rank % c->s->ndevices ? 0 : check_covered(c, whole, l, cut.nparts);
	if (!rc)
		rc = slice_dims(c, &cut, &t);
	if (!rc)
		rc = take_box(c, whole, &cut, &t);
	return rc ? rc : add(c->out, &t, c->err);
}

int strategy_slice(const struct strategy *s, uint32_t rank,
		   const struct tensor_set *full, struct tensor_set *out,
		   struct error *err)
{
	struct slicing c = {s, out, err};
	int rc = 0;

	for (int known = 1; known >= 0; known--)
		for (size_t i = 0; i < full->n && !rc; i++)
			if (strategy_knows(s, full->v[i].name) == known)
				rc = slice_tensor(&c, rank, &full->v[i]);
	return rc;
}
