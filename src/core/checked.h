/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Size arithmetic on numbers that come from files. Each returns true on
 * overflow, like the compiler builtins, and then *out is not to be used.
 */
#ifndef WC_CORE_CHECKED_H
#define WC_CORE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool mul_overflows(uint64_t a, uint64_t b, uint64_t *out)
{
	return __builtin_mul_overflow(a, b, out);
}

static inline bool add_overflows(uint64_t a, uint64_t b, uint64_t *out)
{
	return __builtin_add_overflow(a, b, out);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline size_t min_size(uint64_t a, size_t b)
{
	return a < b ? (size_t)a : b;
}

#endif
