/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gather: a tensor whose elements are elements of other tensors of the same
 * width, as a compiled pattern or the strides of a PyTorch view say. One piece
 * is one block of the pattern: a box of index tuples, each copied from
 *
 *     src[base_in  + sum i_k * axes[k].stride_in]   to
 *     out[base_out + sum i_k * axes[k].stride_out]
 *
 * in elements. The pieces of a gather produce each output element exactly once
 * (models/pattern.h proves it before one is made).
 */
#ifndef WC_CORE_GATHER_H
#define WC_CORE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/tensor.h"

struct gather_axis {
	uint64_t n;	     /* extent, >= 2 unless it is the only one */
	uint64_t stride_out; /* elements */
	uint64_t stride_in;  /* elements */
};

struct piece {
	const struct tensor *src;   /* NULL: zeros; stride_in is stride_out */
	uint64_t base_out, base_in; /* elements */
	unsigned naxes;		    /* 0: a single element */
	const struct gather_axis *axes; /* [naxes] by descending stride_out */
};

struct gather {
	size_t npieces;
	const struct piece *pieces;
	unsigned width; /* bytes of an element, if not those of its type:
			   then the sources are of that width */
};

/* tensor_read of a RECIPE_GATHER tensor. */
int gather_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
		struct reader *rd);

/*
 * tensor_ahead of one: a tile for a reader who has come to byte off and reads
 * n bytes at a time.
 */
bool gather_ahead(const struct tensor *t, uint64_t off, size_t n, uint64_t *end,
		  struct reader *rd);

#endif
