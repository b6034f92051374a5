/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors whose bytes lie in several places. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/extents.h"
#include "core/gather.h"
#include "tests/unit/temp_source.h"

Suite *suite_extents(void);

#define NBYTES 4000

/* A tensor of runs of two files, in any order, and its bytes. */
struct made {
	struct temp_source files[2];
	uint8_t bytes[2][NBYTES];
	struct extent_part parts[100];
	struct extents extents;
	uint64_t dims[1];
	struct tensor t;
	uint8_t want[20000];
};

static void make(struct made *m, size_t nparts, uint64_t *seed)
{
	uint64_t at = 0;

	for (int f = 0; f < 2; f++) {
		for (size_t i = 0; i < NBYTES; i++)
			m->bytes[f][i] = (uint8_t)test_random(seed);
		temp_source_make(&m->files[f], m->bytes[f], NBYTES);
	}
	for (size_t i = 0; i < nparts; i++) {
		size_t f = test_random(seed) % 2;
		uint64_t n = 1 + test_random(seed) % 199;
		uint64_t off = test_random(seed) % (NBYTES - n);

		m->parts[i] = (struct extent_part){at, off, m->files[f].src};
		memcpy(m->want + at, m->bytes[f] + off, n);
		at += n;
	}
	m->extents = (struct extents){nparts, m->parts};
	m->dims[0] = at;
	m->t = (struct tensor){.dims = m->dims,
			       .ndim = 1,
			       .nbytes = at,
			       .dtype = DT_U8,
			       .recipe = RECIPE_EXTENTS,
			       .extents = &m->extents};
}

static void unmake(struct made *m)
{
	temp_source_free(&m->files[0]);
	temp_source_free(&m->files[1]);
}

START_TEST(any_range)
{
	static struct made m;
	struct stats stats = {0};
	struct reader rd;
	uint64_t seed = 11;
	uint8_t got[20000];

	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	for (size_t nparts = 1; nparts <= 100; nparts += 9) {
		make(&m, nparts, &seed);
		for (int i = 0; i < 500; i++) {
			uint64_t off = test_random(&seed) % (m.t.nbytes + 1);
			size_t n = test_random(&seed) % (m.t.nbytes - off + 1);

			ck_assert_int_eq(tensor_read(&m.t, off, n, got, &rd),
					 0);
			ck_assert(memcmp(got, m.want + off, n) == 0);
		}
		unmake(&m);
	}
	reader_release(&rd);
}
END_TEST

/* Elements that reach over a border, spread out by a gather and put back by
 * another one over it. */
START_TEST(gathers_of_gathers)
{
	static struct made m;
	struct stats stats = {0};
	struct reader rd;
	uint64_t seed = 12, n;
	uint8_t got[20000];

	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	make(&m, 100, &seed);
	n = m.t.nbytes / 8;
	for (unsigned depth = 1; depth <= READER_DEPTH; depth++) {
		/* [n][2] to [2][n], and so on */
		struct gather_axis axes[READER_DEPTH][2];
		struct piece pieces[READER_DEPTH];
		struct gather gathers[READER_DEPTH];
		struct tensor t[READER_DEPTH + 1];

		t[0] = m.t;
		t[0].nbytes = n * 8;
		for (unsigned k = 0; k < depth; k++) {
			bool even = k % 2 == 0;

			axes[k][0] = even ? (struct gather_axis){2, n, 1}
					  : (struct gather_axis){n, 2, 1};
			axes[k][1] = even ? (struct gather_axis){n, 1, 2}
					  : (struct gather_axis){2, 1, n};
			pieces[k] = (struct piece){&t[k], 0, 0, 2, axes[k]};
			gathers[k] = (struct gather){.npieces = 1,
						     .pieces = &pieces[k]};
			t[k + 1] = t[0];
			t[k + 1].dtype = DT_F32;
			t[k + 1].recipe = RECIPE_GATHER;
			t[k + 1].gather = &gathers[k];
		}
		ck_assert_int_eq(
			tensor_read(&t[depth], 0, (size_t)n * 8, got, &rd), 0);
		for (size_t i = 0; i < 2 * n; i++) {
			size_t from = depth % 2 ? i % n * 2 + i / n : i;

			ck_assert(memcmp(got + 4 * i, m.want + 4 * from, 4) ==
				  0);
		}
		ck_assert_uint_eq(rd.depth, 0);
	}
	unmake(&m);
	reader_release(&rd);
}
END_TEST

START_TEST(where_it_begins)
{
	static struct made m;
	const struct source *s;
	uint64_t seed = 13, off;

	make(&m, 3, &seed);
	tensor_first_byte(&m.t, &s, &off);
	ck_assert_ptr_eq(s, m.parts[0].src);
	ck_assert_uint_eq(off, m.parts[0].off);
	m.extents.n = 0;
	tensor_first_byte(&m.t, &s, &off);
	ck_assert_ptr_null(s);
	unmake(&m);
}
END_TEST

START_TEST(a_file_that_shrinks)
{
	static struct made m;
	struct stats stats = {0};
	struct reader rd;
	uint64_t seed = 14;
	uint8_t got[20000];

	make(&m, 100, &seed);
	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	ck_assert_int_eq(truncate(m.files[1].path, 0), 0);
	ck_assert_int_eq(tensor_read(&m.t, 0, (size_t)m.t.nbytes, got, &rd),
			 -EIO);
	reader_release(&rd);
	unmake(&m);
}
END_TEST

Suite *suite_extents(void)
{
	Suite *s = suite_create("extents");
	TCase *t = tcase_create("extents");

	tcase_add_test(t, any_range);
	tcase_add_test(t, gathers_of_gathers);
	tcase_add_test(t, where_it_begins);
	tcase_add_test(t, a_file_that_shrinks);
	suite_add_tcase(s, t);
	return s;
}
