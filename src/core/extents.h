/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents: a tensor whose bytes lie in several places, one run after the
 * other. The borders of the runs need not be borders of elements.
 *
 *   tensor  |  part 0   |    part 1      | part 2 |
 *           0           parts[1].at      parts[2].at    nbytes
 */
#ifndef WC_CORE_EXTENTS_H
#define WC_CORE_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/tensor.h"

struct extent_part {
	uint64_t at;  /* its first byte, in the tensor; the next part's is its
			end, so that none is empty */
	uint64_t off; /* ... and in src */
	struct source *src;
};

struct extents {
	size_t n;			 /* 0 only where the tensor is empty */
	const struct extent_part *parts; /* [n] by at; the first is at 0 */
};

/* tensor_read of a RECIPE_EXTENTS tensor. */
int extents_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
		 struct reader *rd);

/* tensor_run of one. */
void extents_run(const struct tensor *t, uint64_t off, uint64_t n,
		 struct source_run *out);

#endif
