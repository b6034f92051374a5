/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block-scaled fp8 (DeepSeek-V3 and what follows its form): a matrix of
 * F8_E4M3 with an F32 factor for each block of it,
 *
 *     value[r][c] = f32(weight[r][c]) * scales[r / rows][c / cols]
 *
 * Blocks at the right and lower edges are cut off: there are ceil(n / block)
 * of them along a dimension. It reads as bf16, rounded to nearest even.
 */
#ifndef WC_CORE_SCALED_H
#define WC_CORE_SCALED_H

#include <stddef.h>
#include <stdint.h>

#include "core/tensor.h"

struct scaled {
	const struct tensor *weight; /* F8_E4M3, two dimensions */
	const struct tensor *scales; /* F32, two dimensions */
	uint64_t rows, cols;	     /* of a block */
};

/* tensor_read of a RECIPE_SCALED tensor. */
int scaled_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
		struct reader *rd);

#endif
