/* SPDX-License-Identifier: Apache-2.0 */
/* Copying runs along axes, blocked for the cache; see gather_copy.h. */
#include "core/gather_copy.h"

#include <stdbool.h>
#include <string.h>

#include "core/checked.h"
#include "core/transpose.h"

/* Rows of fewer elements are not worth setting up. */
#define SHORT_ROW 8

#define COPY_ROW(width)                                                        \
	do {                                                                   \
		for (size_t i = 0; i < n; i++)                                 \
			memcpy(to + i * step_to, from + i * step_from, width); \
	} while (0)

/* n runs; the usual element widths as loads and stores. */
static inline void copy_row(uint8_t *restrict to, size_t step_to,
			    const uint8_t *restrict from, size_t step_from,
			    size_t n, size_t run)
{
	if (step_to == run && step_from == run) {
		memcpy(to, from, n * run);
		return;
	}
	switch (run) {
	case 1:
		COPY_ROW(1);
		break;
	case 2:
		COPY_ROW(2);
		break;
	case 4:
		COPY_ROW(4);
		break;
	case 8:
		COPY_ROW(8);
		break;
	default:
		COPY_ROW(run);
	}
}

static void copy_rows(uint8_t *to, const struct copy_axis *outer,
		      const struct copy_axis *row, const uint8_t *from,
		      size_t run)
{
	for (size_t i = 0; i < outer->n; i++)
		copy_row(to + i * outer->out, row->out, from + i * outer->in,
			 row->in, row->n, run);
}

/*
 * By way of a small copy: the rows of a matrix are often a power of two apart
 * and would push each other out of the cache.
 */
static void copy_block(uint8_t *to, const struct copy_axis *x,
		       const struct copy_axis *y, size_t nx, size_t ny,
		       const uint8_t *from, size_t run)
{
	uint8_t pack[COPY_LINE * COPY_LINE]; /* [x][y] */

	for (size_t i = 0; i < nx; i++)
		copy_row(pack + i * COPY_LINE, run, from + i * x->in, y->in, ny,
			 run);
	for (size_t i = 0; i < ny; i++)
		copy_row(to + i * y->out, x->out, pack + i * run, COPY_LINE, nx,
			 run);
}

/*
 * Two axes: x, whose output is the closest, and y, whose source is. In blocks
 * whose rows are a cache line on both sides.
 */
static void copy_plane(uint8_t *to, const struct copy_axis *x,
		       const struct copy_axis *y, const uint8_t *from,
		       size_t run)
{
	bool square = transpose_can(run) && x->out == run && y->in == run;
	size_t most = COPY_LINE / run;

	for (size_t x0 = 0, y0 = 0; x0 < x->n;) {
		size_t nx = min_size(x->n - x0, most);
		size_t ny = min_size(y->n - y0, most);
		const uint8_t *src = from + x0 * x->in + y0 * y->in;
		uint8_t *dst = to + x0 * x->out + y0 * y->out;

		if (square && nx == most && ny == most)
			transpose_block(dst, y->out, src, x->in, run);
		else
			copy_block(dst, x, y, nx, ny, src, run);
		y0 += ny;
		if (y0 == y->n) {
			y0 = 0;
			x0 += nx;
		}
	}
	if (square)
		transpose_end();
}

void copy_axes(uint8_t *to, const struct copy_axis *axes, unsigned n,
	       const uint8_t *from, size_t run)
{
	if (n == 0) {
		memcpy(to, from, run);
	} else if (n == 1) {
		copy_row(to, axes->out, from, axes->in, axes->n, run);
	} else if (n > 2) {
		for (size_t i = 0; i < axes->n; i++)
			copy_axes(to + i * axes->out, axes + 1, n - 1,
				  from + i * axes->in, run);
	} else if (axes[0].n < SHORT_ROW && axes[1].n > axes[0].n) {
		copy_rows(to, &axes[0], &axes[1], from, run);
	} else if (axes[1].n < SHORT_ROW && axes[0].n > axes[1].n) {
		copy_rows(to, &axes[1], &axes[0], from, run);
	} else if (axes[0].out > axes[1].out || run > COPY_LINE / 2) {
		copy_rows(to, &axes[0], &axes[1], from, run);
	} else {
		copy_plane(to, &axes[0], &axes[1], from, run);
	}
}

void copy_order(struct copy_axis *axes, unsigned n)
{
	unsigned best = 0;

	for (unsigned i = 1; i < n; i++)
		if (axes[i].out < axes[best].out)
			best = i;
	for (; best + 2 < n; best++) {
		struct copy_axis a = axes[best];

		axes[best] = axes[best + 1];
		axes[best + 1] = a;
	}
}
