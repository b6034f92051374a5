/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recipe of a PyTorch tensor. Element (i0, i1 ...) is at
 *
 *     (offset + i0 * stride0 + i1 * stride1 ...) * width
 *
 * bytes of its storage. Where that is the order in which a tensor's elements
 * are shown it is an extent of the file, else a gather over the storage; a
 * stride may be 0. Storages of a big-endian machine are gathered byte by byte.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/gather.h"
#include "formats/torch_priv.h"

static bool is_contiguous(const struct ptensor *t)
{
	uint64_t stride = 1;

	for (unsigned i = t->ndim; i-- > 0;) {
		if (t->dims[i] != 1 && t->strides[i] != stride)
			return false;
		stride *= t->dims[i];
	}
	return true;
}

/* The first byte of what the tensor's storage means, in the file. */
static uint64_t storage_off(const struct torch_entry *e)
{
	const struct pstorage *s = e->t->storage;

	return e->data_off + s->view_off * dtype_width(s->dtype);
}

static uint64_t first_byte(const struct torch_entry *e)
{
	return storage_off(e) + e->t->off * dtype_width(e->t->dtype);
}

/*
 * The axes in units of the gather, scale of them an element. Sizes of 1 and
 * borders that are none on either side are left out.
 */
static unsigned fill_axes(struct gather_axis *axes, const struct ptensor *t,
			  uint64_t scale)
{
	uint64_t out = scale;
	unsigned n = t->ndim, at = t->ndim;

	while (n-- > 0) {
		uint64_t in = t->strides[n] * scale;
		struct gather_axis *inner = &axes[at];

		if (t->dims[n] == 1)
			continue;
		if (at < t->ndim && in == inner->n * inner->stride_in)
			inner->n *= t->dims[n];
		else
			axes[--at] = (struct gather_axis){t->dims[n], out, in};
		out *= t->dims[n];
	}
	n = t->ndim - at;
	memmove(axes, axes + at, n * sizeof(*axes));
	return n;
}

/* The storage as a row of elements of that type. */
static struct tensor *storage_row(struct torch_file *f,
				  const struct torch_entry *e, enum dtype dt)
{
	const struct pstorage *s = e->t->storage;
	uint64_t nbytes = s->view_numel * dtype_width(s->dtype);
	struct tensor *row = arena_alloc(&f->set->arena, sizeof(*row));
	uint64_t *dims = arena_alloc(&f->set->arena, sizeof(*dims));

	if (!row || !dims)
		return NULL;
	dims[0] = nbytes / dtype_width(dt);
	*row = (struct tensor){
		.name = e->name,
		.dims = dims,
		.ndim = 1,
		.nbytes = dims[0] * dtype_width(dt),
		.dtype = (uint8_t)dt,
		.recipe = RECIPE_EXTENT,
		.extent = {f->s, storage_off(e)},
	};
	return row;
}

/* One piece, or where bytes change places one for each byte of an element,
 * ncomponent bytes of which belong together. */
static int make_gather(struct torch_file *f, const struct torch_entry *e,
		       unsigned ncomponent, struct tensor *out)
{
	struct arena *arena = &f->set->arena;
	unsigned width = dtype_width(e->t->dtype);
	unsigned npieces = ncomponent ? width : 1;
	struct gather *g = arena_alloc(arena, sizeof(*g));
	struct piece *v = arena_array(arena, npieces, sizeof(*v));
	struct gather_axis *axes =
		arena_array(arena, e->t->ndim, sizeof(*axes));
	struct tensor *row =
		storage_row(f, e, ncomponent ? DT_U8 : e->t->dtype);
	unsigned naxes;

	if (!g || !v || !axes || !row)
		return error_nomem(f->err);
	naxes = fill_axes(axes, e->t, npieces);
	for (unsigned i = 0; i < npieces; i++) {
		uint64_t in = e->t->off * npieces;

		if (ncomponent)
			in += i / ncomponent * ncomponent + ncomponent - 1 -
			      i % ncomponent;
		v[i] = (struct piece){row, i, in, naxes, axes};
	}
	*g = (struct gather){npieces, v, ncomponent ? 1 : 0};
	out->recipe = RECIPE_GATHER;
	out->gather = g;
	return 0;
}

/* Bytes that change places together, or 0 where none do. */
static unsigned swapped_bytes(const struct torch_file *f, enum dtype dt)
{
	unsigned width = dtype_width(dt);

	if (!f->big_endian || width == 1)
		return 0;
	return dt == DT_C64 || dt == DT_C128 ? width / 2 : width;
}

static int fill_tensor(struct torch_file *f, const struct torch_entry *e,
		       struct tensor *out)
{
	const struct ptensor *t = e->t;
	unsigned ncomponent = swapped_bytes(f, t->dtype);
	uint64_t *dims = arena_array(&f->set->arena, t->ndim, sizeof(*dims));

	if (!dims)
		return error_nomem(f->err);
	if (t->ndim > 0)
		memcpy(dims, t->dims, t->ndim * sizeof(*dims));
	*out = (struct tensor){
		.name = e->name,
		.dims = dims,
		.ndim = t->ndim,
		.dtype = t->dtype,
		.recipe = RECIPE_EXTENT,
		.extent = {f->s, first_byte(e)},
	};
	/* The pickle machine has checked it. */
	(void)tensor_nbytes(t->dtype, dims, t->ndim, &out->nbytes);
	if (out->nbytes == 0)
		out->extent.off = e->data_off;
	else if (ncomponent || !is_contiguous(t))
		return make_gather(f, e, ncomponent, out);
	return 0;
}

/* The set holds that name already. */
static int refuse_duplicate(struct torch_file *f, struct str name)
{
	const struct source *other;
	uint64_t off;

	tensor_first_byte(tensor_set_find(f->set, name), &other, &off);
	if (!other || other == f->s)
		return REFUSE_FILE(f, "two tensors are called \"%.*s\"",
				   STR_ARG(name));
	return REFUSE_FILE(f, "tensor \"%.*s\": %s has one of that name too",
			   STR_ARG(name), other->path);
}

static int by_bytes(const void *a, const void *b)
{
	const struct torch_entry *x = a, *y = b;
	uint64_t i = first_byte(x), k = first_byte(y);

	if (i != k)
		return i < k ? -1 : 1;
	return x->nth < y->nth ? -1 : 1;
}

int torch_add(struct torch_file *f)
{
	if (f->n > 0)
		qsort(f->v, f->n, sizeof(*f->v), by_bytes);
	for (size_t i = 0; i < f->n; i++) {
		struct tensor t;
		int rc = fill_tensor(f, &f->v[i], &t);

		if (rc)
			return rc;
		rc = tensor_set_add(f->set, &t);
		if (rc == -EEXIST)
			return refuse_duplicate(f, t.name);
		if (rc)
			return error_nomem(f->err);
	}
	return 0;
}
