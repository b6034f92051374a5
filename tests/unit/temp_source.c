/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary sources of tests; see temp_source.h. */
#include "temp_source.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void temp_source_make(struct temp_source *t, const void *bytes, size_t n)
{
	struct error err = ERROR_INIT;
	FILE *f;
	int fd;

	*t = (struct temp_source){.path = "/tmp/wconv-test-XXXXXX"};
	fd = mkstemp(t->path);
	ck_assert_int_ge(fd, 0);
	f = fdopen(fd, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(source_open(&t->src, t->path, &err), 0);
}

void temp_source_free(struct temp_source *t)
{
	source_free(t->src);
	unlink(t->path);
}

struct tensor temp_source_tensor(const struct temp_source *t, enum dtype dt,
				 uint64_t off, uint64_t nelem, uint64_t *dims)
{
	*dims = nelem;
	return (struct tensor){
		.dims = dims,
		.ndim = 1,
		.nbytes = nelem * dtype_width(dt),
		.dtype = (uint8_t)dt,
		.recipe = RECIPE_EXTENT,
		.extent = {t->src, off},
	};
}

uint64_t test_random(uint64_t *seed)
{
	/* xorshift64* */
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}
