/* SPDX-License-Identifier: Apache-2.0 */
/* See layout_fixture.h. */
#include "tests/unit/layout_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void layout_setup(struct layout_fixture *x, size_t nbytes, uint64_t nsparse)
{
	FILE *f;
	int fd;

	*x = (struct layout_fixture){.path = "/tmp/wconv-test-XXXXXX",
				     .err = ERROR_INIT};
	fd = mkstemp(x->path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)nsparse), 0);
	f = fdopen(fd, "w");
	for (size_t i = 0; i < nbytes; i++)
		fputc((int)LAYOUT_BYTE(i), f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(source_open(&x->src, x->path, &x->err), 0);
}

void layout_done(struct layout_fixture *x)
{
	vfile_release(&x->f);
	reader_release(&x->rd);
	source_free(x->src);
	unlink(x->path);
	error_release(&x->err);
	tensor_set_release(&x->set);
	arena_release(&x->arena);
}

struct tensor *layout_add(struct layout_fixture *x, struct str name,
			  enum dtype dt, const int64_t *dims)
{
	struct tensor t = {.dtype = (uint8_t)dt, .recipe = RECIPE_EXTENT};
	uint64_t *copy;

	while (dims[t.ndim] >= 0)
		t.ndim++;
	copy = arena_array(&x->set.arena, t.ndim, sizeof(*copy));
	for (unsigned i = 0; i < t.ndim; i++)
		copy[i] = (uint64_t)dims[i];
	t.name = arena_str(&x->set.arena, name);
	t.dims = copy;
	ck_assert(tensor_nbytes(dt, copy, t.ndim, &t.nbytes));
	t.extent.src = x->src;
	t.extent.off = x->used;
	x->used += t.nbytes;
	ck_assert_int_eq(tensor_set_add(&x->set, &t), 0);
	return &x->set.v[x->set.n - 1];
}

uint8_t *layout_read_all(struct layout_fixture *x)
{
	uint8_t *p = malloc((size_t)x->f.nbytes + 1);

	ck_assert_ptr_nonnull(p);
	reader_release(&x->rd);
	ck_assert_int_eq(reader_init(&x->rd, x->f.nrender, &x->stats, NULL), 0);
	ck_assert_int_eq(vfile_read(&x->f, 0, (size_t)x->f.nbytes + 1, p,
				    &x->rd),
			 (ssize_t)x->f.nbytes);
	p[x->f.nbytes] = 0;
	return p;
}

void layout_check_slices(struct layout_fixture *x, const uint8_t *whole)
{
	uint64_t state = 12345;

	for (int i = 0; i < 3000; i++) {
		uint8_t part[700];
		size_t off, n, want;

		state = state * UINT64_C(6364136223846793005) + 1;
		off = (size_t)(state >> 33) % ((size_t)x->f.nbytes + 20);
		n = (size_t)(state >> 20) % sizeof(part);
		want = off < x->f.nbytes ? (size_t)x->f.nbytes - off : 0;
		want = n < want ? n : want;
		ck_assert_int_eq(vfile_read(&x->f, off, n, part, &x->rd),
				 (ssize_t)want);
		ck_assert(want == 0 || memcmp(part, whole + off, want) == 0);
	}
}

void layout_add_many(struct layout_fixture *x)
{
	static const enum dtype types[] = {DT_BOOL, DT_U8,  DT_F16, DT_BF16,
					   DT_F32,  DT_I64, DT_I32, DT_F64};
	char name[64];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "layer \"%d\"\n.\xc3\xa9", i);
		ADD(x, name, types[i % 8], i % 3, 1 + i % 5, 2);
	}
}
