/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy .npy files, laid out as numpy.save writes them: see npy.h. */
#include "formats/npy.h"

#include <errno.h>
#include <inttypes.h>

#define MAGIC_NBYTES 8	/* \x93NUMPY and the version */
#define LENGTH_NBYTES 2 /* of the header, in version 1.0 */
#define DATA_ALIGNMENT 64

/* numpy leaves room for the first dim to grow to this many digits. */
#define GROWTH_DIGITS 21

/* The digits of any 64-bit dim and ", ". */
#define DIM_MAX_NBYTES 22

/* Version 2.0 is for headers of more than 65535 bytes. */
_Static_assert(TENSOR_MAX_NDIM *DIM_MAX_NBYTES + 256 < 65536,
	       "a header fits version 1.0");

static const char before_dims[] = "', 'fortran_order': False, 'shape': (";
static const char before_descr[] = "{'descr': '";
static const char behind_dims[] = "), }";

bool npy_can_hold(enum dtype dt)
{
	return dtype_info(dt)->npy != NULL;
}

static size_t ndigits(uint64_t n)
{
	size_t digits = 1;

	for (; n >= 10; n /= 10)
		digits++;
	return digits;
}

/* "2, 3", "2," or nothing. */
static size_t shape_nbytes(const struct tensor *t)
{
	size_t n = t->ndim == 1 ? 1 : 0;

	for (unsigned i = 0; i < t->ndim; i++)
		n += ndigits(t->dims[i]) + (i ? 2 : 0);
	return n;
}

/* Everything before the data: a multiple of 64, with one space at least. */
static size_t preamble_nbytes(const struct tensor *t)
{
	size_t n = MAGIC_NBYTES + LENGTH_NBYTES + sizeof(before_descr) - 1 +
		   strlen(dtype_info(t->dtype)->npy) + sizeof(before_dims) - 1 +
		   shape_nbytes(t) + sizeof(behind_dims) - 1 + sizeof("\n") - 1;

	if (t->ndim > 0)
		n += GROWTH_DIGITS - ndigits(t->dims[0]);
	return (n / DATA_ALIGNMENT + 1) * DATA_ALIGNMENT;
}

uint64_t npy_nbytes(const struct tensor *t)
{
	return preamble_nbytes(t) + t->nbytes;
}

struct layout {
	const struct tensor *tensor;
};

static void render(const void *ctx, uint64_t number, struct strbuf *out)
{
	const struct tensor *t = ((const struct layout *)ctx)->tensor;
	size_t nbytes = preamble_nbytes(t);
	size_t header = nbytes - MAGIC_NBYTES - LENGTH_NBYTES;
	size_t end = out->len + nbytes - 1;

	(void)number; /* there is only one */
	strbuf_add(out, "\x93NUMPY\1\0", MAGIC_NBYTES);
	strbuf_addc(out, (char)(header & 0xff));
	strbuf_addc(out, (char)(header >> 8));
	strbuf_adds(out, before_descr);
	strbuf_adds(out, dtype_info(t->dtype)->npy);
	strbuf_adds(out, before_dims);
	for (unsigned i = 0; i < t->ndim; i++)
		strbuf_addf(out, "%s%" PRIu64, i ? ", " : "", t->dims[i]);
	if (t->ndim == 1)
		strbuf_addc(out, ',');
	strbuf_adds(out, behind_dims);
	while (!out->failed && out->len < end)
		strbuf_addc(out, ' ');
	strbuf_addc(out, '\n');
}

int npy_layout(struct vfile *f, const struct tensor *t, struct arena *arena)
{
	struct layout *l = arena_alloc(arena, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->tensor = t;
	f->render = render;
	f->ctx = l;
	if (vfile_add_render(f, 0, preamble_nbytes(t)) ||
	    vfile_add_tensor(f, t, 0, t->nbytes))
		return -ENOMEM;
	return 0;
}
