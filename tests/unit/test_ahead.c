/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles that are made before a sequential reader comes to them. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ahead.h"
#include "core/cast.h"
#include "core/tile.h"
#include "gather_case.h"

Suite *suite_ahead(void);

#define KIB ((size_t)1 << 10)
#define STEP (64 * KIB) /* of the reader */
#define NMADE 5		/* one more than there are slots */

/* A file of transposed matrices, a tile each, and its bytes. */
struct fixture {
	struct stats stats;
	struct tile_cache *tiles;
	struct reader rd;
	struct made m[NMADE];
	struct vfile f;
	uint8_t *want;
};

static void setup(struct fixture *x, size_t budget)
{
	const struct sizes s = {512, 512, 0, 0};
	uint64_t at = 0;

	memset(x, 0, sizeof(*x));
	if (budget)
		x->tiles = tile_cache_new(budget);
	ck_assert_int_eq(reader_init(&x->rd, 0, &x->stats, x->tiles), 0);
	for (int i = 0; i < NMADE; i++) {
		made_init(&x->m[i], gather_case_find("a b -> b a"), &s,
			  DT_BF16);
		ck_assert_int_eq(vfile_add_bytes(&x->f, "header", 6), 0);
		ck_assert_int_eq(vfile_add_tensor(&x->f, &x->m[i].out, 0,
						  x->m[i].out.nbytes),
				 0);
	}
	x->want = malloc(x->f.nbytes);
	for (int i = 0; i < NMADE; i++) {
		memcpy(x->want + at, "header", 6);
		memcpy(x->want + at + 6, x->m[i].want, x->m[i].out.nbytes);
		at += 6 + x->m[i].out.nbytes;
	}
}

static void done(struct fixture *x)
{
	vfile_release(&x->f);
	for (int i = 0; i < NMADE; i++)
		made_release(&x->m[i]);
	reader_release(&x->rd);
	tile_cache_free(x->tiles);
	free(x->want);
}

static uint64_t built(struct fixture *x)
{
	return stats_get(&x->stats.tiles_built);
}

static bool reads_right(const struct fixture *x, struct reader *rd,
			uint64_t off, size_t n)
{
	uint8_t *got = malloc(n);
	ssize_t want = x->f.nbytes - off < n ? (ssize_t)(x->f.nbytes - off)
					     : (ssize_t)n;
	bool right = vfile_read(&x->f, off, n, got, rd) == want &&
		     memcmp(got, x->want + off, (size_t)want) == 0;

	free(got);
	return right;
}

/* Every tile is made once, and none by a read but for the first. */
START_TEST(a_sequential_reader_finds_the_next_tile)
{
	struct fixture x;

	setup(&x, TILE_BUDGET);
	for (uint64_t off = 0; off < x.f.nbytes; off += STEP) {
		uint64_t before = built(&x);

		ck_assert(reads_right(&x, &x.rd, off, STEP));
		ck_assert(off == 0 || built(&x) == before);
		vfile_ahead(&x.f, off + STEP, STEP, &x.rd);
	}
	ck_assert_uint_eq(built(&x), NMADE);
	done(&x);
}
END_TEST

START_TEST(one_call_makes_one_tile)
{
	struct fixture x;

	setup(&x, TILE_BUDGET);
	vfile_ahead(&x.f, 0, STEP, &x.rd);
	ck_assert_uint_eq(built(&x), 1);
	ck_assert_uint_eq(atomic_load(&x.m[0].file.src->nread),
			  x.m[0].out.nbytes);
	vfile_ahead(&x.f, 0, STEP, &x.rd);
	ck_assert_uint_eq(built(&x), 2);
	ck_assert_uint_eq(atomic_load(&x.m[1].file.src->nread),
			  x.m[1].out.nbytes);
	done(&x);
}
END_TEST

/* Whoever comes has a slot, and another where the tiles ahead are not read. */
START_TEST(readers_come_first)
{
	struct fixture x;

	setup(&x, TILE_BUDGET);
	for (int i = 0; i < 10; i++)
		vfile_ahead(&x.f, 0, STEP, &x.rd);
	ck_assert_uint_eq(built(&x), 3);
	for (int i = NMADE; i--;)
		ck_assert(reads_right(
			&x, &x.rd, 6 + (uint64_t)i * (6 + x.m[0].out.nbytes),
			STEP));
	ck_assert_uint_eq(built(&x), 5);
	done(&x);
}
END_TEST

START_TEST(nothing_is_made_where_a_read_would_make_none)
{
	struct fixture x;

	setup(&x, 0);
	vfile_ahead(&x.f, 0, STEP, &x.rd);
	ck_assert_uint_eq(built(&x), 0);
	done(&x);
	setup(&x, TILE_BUDGET);
	vfile_ahead(&x.f, 0, 4 * KIB, &x.rd);
	vfile_ahead(&x.f, x.f.nbytes, STEP, &x.rd);
	vfile_ahead(&x.f, x.f.nbytes + 1, STEP, &x.rd);
	ck_assert_uint_eq(built(&x), 0);
	done(&x);
}
END_TEST

/* Part of a stack of casts: the tile that is made is the one that is read. */
START_TEST(tiles_are_found_below_other_recipes)
{
	const struct tensor *rows[NMADE];
	struct tensor casts[NMADE], stack, slice;
	struct fixture x;
	struct vfile f = VFILE_INIT;
	uint64_t each, before;
	uint8_t *buf = malloc(STEP), *want;

	setup(&x, TILE_BUDGET);
	for (int i = 0; i < NMADE; i++) {
		casts[i] = x.m[i].out;
		casts[i].dtype = DT_F32;
		casts[i].nbytes *= 2;
		casts[i].recipe = RECIPE_CAST;
		casts[i].cast = &x.m[i].out;
		rows[i] = &casts[i];
	}
	each = casts[0].nbytes;
	stack = casts[0];
	stack.nbytes = NMADE * each;
	stack.recipe = RECIPE_STACK;
	stack.stack.v = rows;
	stack.stack.n = NMADE;
	slice = stack;
	slice.nbytes = 2 * each;
	slice.recipe = RECIPE_SLICE;
	slice.slice.of = &stack;
	slice.slice.off = each + each / 2;
	ck_assert_int_eq(vfile_add_tensor(&f, &slice, 0, slice.nbytes), 0);
	want = malloc(each);
	cast_run(DT_BF16, DT_F32, x.m[2].want, want, each / 4);
	for (uint64_t at = 1; at < 4; at++) {
		vfile_ahead(&f, 0, 2 * STEP, &x.rd);
		ck_assert_uint_eq(built(&x), at);
		ck_assert_uint_gt(atomic_load(&x.m[at].file.src->nread), 0);
	}
	before = built(&x);
	ck_assert_int_eq(vfile_read(&f, each / 2, STEP, buf, &x.rd), STEP);
	ck_assert_mem_eq(buf, want, STEP);
	ck_assert_uint_eq(built(&x), before);
	vfile_release(&f);
	free(want);
	free(buf);
	done(&x);
}
END_TEST

START_TEST(a_source_that_fails_keeps_no_slot)
{
	struct fixture x;

	setup(&x, TILE_BUDGET);
	ck_assert_int_eq(truncate(x.m[0].file.path, 1000), 0);
	for (int i = 0; i < 5; i++)
		vfile_ahead(&x.f, 0, STEP, &x.rd);
	ck_assert_uint_eq(built(&x), 0);
	for (int i = 1; i < NMADE; i++)
		ck_assert(reads_right(
			&x, &x.rd, 6 + (uint64_t)i * (6 + x.m[0].out.nbytes),
			STEP));
	ck_assert_uint_eq(built(&x), 4);
	done(&x);
}
END_TEST

/* ---- Several readers ---- */

#define NTHREADS 6

struct thread {
	pthread_t id;
	struct fixture *x;
	uint64_t from;
	int failed;
};

static void *read_on(void *arg)
{
	struct thread *t = arg;
	struct fixture *x = t->x;
	struct reader rd;

	if (reader_init(&rd, 0, &x->stats, x->tiles))
		t->failed++;
	for (uint64_t at = 0; at < x->f.nbytes; at += STEP) {
		uint64_t off = (t->from + at) % x->f.nbytes;

		t->failed += !reads_right(x, &rd, off, STEP);
		vfile_ahead(&x->f, off + STEP, STEP, &rd);
	}
	reader_release(&rd);
	return NULL;
}

START_TEST(readers_that_work_ahead_read_what_is_right)
{
	struct thread t[NTHREADS];
	struct fixture x;

	setup(&x, TILE_BUDGET);
	for (size_t i = 0; i < NTHREADS; i++) {
		t[i] = (struct thread){
			.x = &x, .from = i / 2 * (x.f.nbytes / NTHREADS)};
		ck_assert_int_eq(
			pthread_create(&t[i].id, NULL, read_on, &t[i]), 0);
	}
	for (size_t i = 0; i < NTHREADS; i++) {
		pthread_join(t[i].id, NULL);
		ck_assert_int_eq(t[i].failed, 0);
	}
	done(&x);
}
END_TEST

Suite *suite_ahead(void)
{
	Suite *s = suite_create("ahead");
	TCase *tc = tcase_create("tiles");

	tcase_add_test(tc, a_sequential_reader_finds_the_next_tile);
	tcase_add_test(tc, one_call_makes_one_tile);
	tcase_add_test(tc, readers_come_first);
	tcase_add_test(tc, nothing_is_made_where_a_read_would_make_none);
	tcase_add_test(tc, tiles_are_found_below_other_recipes);
	tcase_add_test(tc, a_source_that_fails_keeps_no_slot);
	tcase_add_test(tc, readers_that_work_ahead_read_what_is_right);
	suite_add_tcase(s, tc);
	return s;
}
