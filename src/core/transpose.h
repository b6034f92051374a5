/* SPDX-License-Identifier: Apache-2.0 */
/* Transposing blocks in memory. */
#ifndef WC_CORE_TRANSPOSE_H
#define WC_CORE_TRANSPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a row of a block: a cache line. */
#define TRANSPOSE_ROW 64

/* Rows of a block of elements of width bytes, 2 or 4; it has as many columns.
 */
static inline size_t transpose_side(size_t width)
{
	return TRANSPOSE_ROW / width;
}

/* Whether there is a kernel for elements of that many bytes. */
static inline bool transpose_can(size_t width)
{
	return width == 2 || width == 4;
}

/*
 * Row i of the block at from, TRANSPOSE_ROW bytes at from + i * step_from,
 * becomes column i of the block at to.
 */
void transpose_block(uint8_t *to, size_t step_to, const uint8_t *from,
		     size_t step_from, size_t width);

/* After the last block, before another thread reads what they wrote. */
void transpose_end(void);

/* The same, an element at a time: what the other is held to. */
void transpose_plain(uint8_t *to, size_t step_to, const uint8_t *from,
		     size_t step_from, size_t width);

#endif
