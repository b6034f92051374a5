/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors over bytes that a test makes, in a temporary file. */
#ifndef WC_TESTS_TEMP_SOURCE_H
#define WC_TESTS_TEMP_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "core/tensor.h"

struct temp_source {
	char path[64];
	struct source *src;
};

/* A file of those bytes, opened. temp_source_free closes and unlinks it. */
void temp_source_make(struct temp_source *t, const void *bytes, size_t n);
void temp_source_free(struct temp_source *t);

/* nelem elements of a type from byte off of the file on; *dims gets nelem. */
struct tensor temp_source_tensor(const struct temp_source *t, enum dtype dt,
				 uint64_t off, uint64_t nelem, uint64_t *dims);

/* A small generator, the same everywhere; *seed must not be 0. */
uint64_t test_random(uint64_t *seed);

#endif
