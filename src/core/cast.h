/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Casts between floating types, one rounding each, to nearest even, directly
 * from the source value. Overflow gives infinity and is counted. NaN becomes
 * 0x7fc0 in bf16 and 0x7e00 in f16; widening keeps subnormals and payloads.
 */
#ifndef WC_CORE_CAST_H
#define WC_CORE_CAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/dtype.h"

/* A cast of n elements, as cast_run. */
typedef uint64_t (*cast_fn)(const uint8_t *restrict in, uint8_t *restrict out,
			    size_t n);

/* Whether cast_run knows the pair (both KIND_FLOAT, and to is not F64). */
bool cast_supported(enum dtype from, enum dtype to);

/*
 * Cast nelem little-endian elements from in to out (no overlap, any
 * alignment). Returns how many finite values became infinite.
 */
uint64_t cast_run(enum dtype from, enum dtype to, const void *in, void *out,
		  size_t nelem);

/* The same without what only some processors have: what the other is held to.
 */
uint64_t cast_run_plain(enum dtype from, enum dtype to, const void *in,
			void *out, size_t nelem);

/* tensor_read of a RECIPE_CAST tensor. */
struct tensor;
struct reader;
int cast_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
	      struct reader *rd);

#endif
