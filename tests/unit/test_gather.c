/* SPDX-License-Identifier: Apache-2.0 */
/* Byte ranges of gathers: every pattern, element width and kind of cache. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cast.h"
#include "core/gather.h"
#include "core/reader.h"
#include "core/tile.h"
#include "gather_case.h"

Suite *suite_gather(void);

#define KIB ((size_t)1 << 10)

/* Of every element width. */
static const enum dtype types[] = {DT_U8, DT_BF16, DT_F32, DT_I64};

/* Budgets of the tile cache: none, all, one whose slots are bands. */
static const size_t budgets[] = {0, TILE_BUDGET, 256 * KIB, 80 * KIB};

struct fixture {
	struct stats stats;
	struct tile_cache *tiles;
	struct reader rd;
};

static void setup(struct fixture *x, size_t budget)
{
	memset(x, 0, sizeof(*x));
	if (budget) {
		x->tiles = tile_cache_new(budget);
		ck_assert_ptr_nonnull(x->tiles);
	}
	ck_assert_int_eq(reader_init(&x->rd, 0, &x->stats, x->tiles), 0);
}

static void done(struct fixture *x)
{
	reader_release(&x->rd);
	tile_cache_free(x->tiles);
}

/* Read a range and compare it, and what lies before and behind the buffer. */
static void check_range(const struct made *m, struct reader *rd, uint64_t off,
			size_t n)
{
	uint8_t *got = malloc(n + 2);

	memset(got, 0xa5, n + 2);
	ck_assert_int_eq(tensor_read(&m->out, off, n, got + 1, rd), 0);
	ck_assert_msg(memcmp(got + 1, m->want + off, n) == 0,
		      "%s: %zu bytes at %llu of %llu", m->kase->pattern, n,
		      (unsigned long long)off,
		      (unsigned long long)m->out.nbytes);
	ck_assert(got[0] == 0xa5 && got[n + 1] == 0xa5);
	free(got);
}

static void check_random(const struct made *m, struct reader *rd, int count,
			 size_t most, uint64_t seed)
{
	while (count--) {
		uint64_t off = test_random(&seed) % m->out.nbytes;
		uint64_t left = m->out.nbytes - off;
		uint64_t n = test_random(&seed) % most + 1;

		check_range(m, rd, off, n < left ? n : left);
	}
}

START_TEST(reads_every_range_of_small_ones)
{
	const struct gather_case *kase = &gather_cases[_i];

	for (size_t k = 0; k < 4; k++) {
		struct fixture x;
		struct made m;

		made_init(&m, kase, &kase->tiny, types[k]);
		setup(&x, k % 2 ? TILE_BUDGET : 0);
		if (k < 2) {
			for (uint64_t off = 0; off <= m.out.nbytes; off++)
				for (size_t n = 0; n <= m.out.nbytes - off; n++)
					check_range(&m, &x.rd, off, n);
		} else {
			check_random(&m, &x.rd, 2000, m.out.nbytes, 1 + k);
		}
		done(&x);
		made_release(&m);
	}
}
END_TEST

/* The borders of elements, rows, pieces and tiles are among them. */
static void check_borders(const struct made *m, struct reader *rd)
{
	size_t width = dtype_width(m->dtype);
	uint64_t row = m->dims[m->out.ndim - 1] * width, size = m->out.nbytes;
	uint64_t at[] = {row,	   2 * row,  size / 2 / row * row, 16 * KIB,
			 20 * KIB, 64 * KIB, size - row,	   size};

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		for (uint64_t d = 0; d < 3; d++) {
			uint64_t off = at[i] + d - 1;

			if (off >= size)
				continue;
			check_range(m, rd, off, 1);
			check_range(m, rd, off, size - off < 9 ? 1 : 9);
			check_range(m, rd, off, size - off);
			check_range(m, rd, 0, off + 1);
		}
	}
}

static void check_large(const struct gather_case *kase, enum dtype dt,
			size_t budget)
{
	struct fixture x;
	struct made m;

	made_init(&m, kase, &kase->large, dt);
	setup(&x, budget);
	check_range(&m, &x.rd, 0, m.out.nbytes);
	check_borders(&m, &x.rd);
	check_random(&m, &x.rd, 40, m.out.nbytes, 5);
	check_random(&m, &x.rd, 20, 100 * KIB, 6);
	check_random(&m, &x.rd, 40, 5000, 7);
	check_random(&m, &x.rd, 40, 40, 8);
	done(&x);
	made_release(&m);
}

START_TEST(reads_large_ones_without_tiles)
{
	for (size_t k = 0; k < 4; k++)
		check_large(&gather_cases[_i], types[k], 0);
}
END_TEST

START_TEST(reads_large_ones_from_tiles)
{
	for (size_t k = 0; k < 4; k++)
		check_large(&gather_cases[_i], types[k],
			    budgets[1 + (k + (size_t)_i) % 3]);
}
END_TEST

/* ---- Children that are casts ---- */

START_TEST(gathers_casts)
{
	const struct gather_case *kase = gather_case_find("a b -> b a");
	struct tensor cast;
	struct fixture x;
	struct made m;
	uint8_t *all;

	/* The same numbers in f32, made to bf16 first and then moved. */
	made_init(&m, kase, &kase->large, DT_F32);
	cast = m.children[0];
	cast.dtype = DT_BF16;
	cast.nbytes /= 2;
	cast.recipe = RECIPE_CAST;
	cast.cast = &m.children[0];
	all = malloc(m.out.nbytes / 2);
	cast_run(DT_F32, DT_BF16, m.want, all, m.out.nbytes / 4);
	memcpy(m.want, all, m.out.nbytes / 2);
	m.pieces[0].src = &cast;
	m.out.nbytes /= 2;
	m.out.dtype = DT_BF16;
	setup(&x, budgets[_i]);
	check_range(&m, &x.rd, 0, m.out.nbytes);
	check_random(&m, &x.rd, 40, m.out.nbytes, 9);
	check_random(&m, &x.rd, 40, 1000, 10);
	done(&x);
	free(all);
	made_release(&m);
}
END_TEST

START_TEST(casts_gathers)
{
	const struct gather_case *kase = gather_case_find("a b -> b a");
	struct tensor cast;
	struct fixture x;
	struct made m;
	uint8_t *all, *got;
	uint64_t seed = 12;

	made_init(&m, kase, &kase->large, DT_BF16);
	cast = m.out;
	cast.dtype = DT_F32;
	cast.nbytes *= 2;
	cast.recipe = RECIPE_CAST;
	cast.cast = &m.out;
	all = malloc(cast.nbytes);
	got = malloc(cast.nbytes);
	cast_run(DT_BF16, DT_F32, m.want, all, m.out.nbytes / 2);
	setup(&x, budgets[_i]);
	for (int i = 0; i < 60; i++) {
		uint64_t off = test_random(&seed) % cast.nbytes;
		size_t n = test_random(&seed) % (cast.nbytes - off) + 1;

		ck_assert_int_eq(tensor_read(&cast, off, n, got, &x.rd), 0);
		ck_assert_mem_eq(got, all + off, n);
	}
	done(&x);
	free(all);
	free(got);
	made_release(&m);
}
END_TEST

/* ---- The tile cache ---- */

static uint64_t built(struct fixture *x)
{
	return stats_get(&x->stats.tiles_built);
}

static uint64_t hit(struct fixture *x)
{
	return stats_get(&x->stats.tiles_hit);
}

static void make_transpose_of(struct made *m, uint64_t a, uint64_t b)
{
	const struct sizes s = {a, b, 0, 0};

	made_init(m, gather_case_find("a b -> b a"), &s, DT_BF16);
}

/* A sequential reader has the source read once. */
START_TEST(a_tile_is_made_once)
{
	struct fixture x;
	struct made m;

	make_transpose_of(&m, 1024, 1024);
	setup(&x, TILE_BUDGET);
	for (uint64_t off = 0; off < m.out.nbytes; off += 64 * KIB)
		check_range(&m, &x.rd, off, 64 * KIB);
	ck_assert_uint_eq(built(&x), 1);
	ck_assert_uint_eq(hit(&x), m.out.nbytes / (64 * KIB) - 1);
	ck_assert_uint_eq(atomic_load(&m.file.src->nread), m.out.nbytes);
	done(&x);
	made_release(&m);
}
END_TEST

/* Bands of 8 rows of 8 KiB: one for each of them. */
START_TEST(tiles_are_bands_of_whole_rows)
{
	struct fixture x;
	struct made m;

	make_transpose_of(&m, 4096, 64);
	setup(&x, 4 * 70 * KIB);
	for (uint64_t off = 0; off < m.out.nbytes; off += 64 * KIB)
		check_range(&m, &x.rd, off, 64 * KIB);
	ck_assert_uint_eq(built(&x), 8);
	ck_assert_uint_eq(hit(&x), 0);
	done(&x);
	made_release(&m);
}
END_TEST

START_TEST(small_reads_make_no_tile_unless_they_go_on)
{
	struct fixture x;
	struct made m;

	make_transpose_of(&m, 1024, 1024);
	setup(&x, TILE_BUDGET);
	check_range(&m, &x.rd, 5000, 4096);
	ck_assert_uint_eq(built(&x), 0);
	for (uint64_t off = 0; off < 64 * KIB; off += 4096)
		check_range(&m, &x.rd, off, 4096);
	ck_assert_uint_eq(built(&x), 1);
	ck_assert_uint_gt(hit(&x), 8);
	done(&x);
	made_release(&m);
}
END_TEST

START_TEST(what_is_in_order_makes_no_tile)
{
	static const char *const plain[] = {"a -> a", "qkv", "rows", "concat",
					    "split"};
	struct fixture x;

	setup(&x, TILE_BUDGET);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		const struct gather_case *kase = gather_case_find(plain[i]);
		struct made m;

		made_init(&m, kase, &kase->large, DT_BF16);
		check_range(&m, &x.rd, 0, m.out.nbytes);
		check_range(&m, &x.rd, 3, 65 * KIB);
		made_release(&m);
	}
	ck_assert_uint_eq(built(&x), 0);
	done(&x);
}
END_TEST

/* Six readers that take turns and four slots: two of them do without. */
START_TEST(readers_do_not_take_each_others_tiles)
{
	struct fixture x;
	struct made m[6];

	for (int i = 0; i < 6; i++)
		make_transpose_of(&m[i], 512, 512);
	setup(&x, TILE_BUDGET);
	for (uint64_t off = 0; off < m[0].out.nbytes; off += 64 * KIB)
		for (int i = 0; i < 6; i++)
			check_range(&m[i], &x.rd, off, 64 * KIB);
	ck_assert_uint_ge(built(&x), 4);
	ck_assert_uint_le(built(&x), 6);
	done(&x);
	for (int i = 0; i < 6; i++)
		made_release(&m[i]);
}
END_TEST

/* Tiles that nobody goes on reading give their slots up. */
START_TEST(tiles_that_were_left_are_replaced)
{
	struct fixture x;
	struct made m[5];

	for (int i = 0; i < 5; i++)
		make_transpose_of(&m[i], 512, 512);
	setup(&x, TILE_BUDGET);
	for (int i = 0; i < 4; i++)
		check_range(&m[i], &x.rd, 0, 64 * KIB);
	for (int i = 0; i < 40; i++)
		check_range(&m[4], &x.rd, 0, 64 * KIB);
	ck_assert_uint_eq(built(&x), 5);
	ck_assert_uint_gt(hit(&x), 0);
	done(&x);
	for (int i = 0; i < 5; i++)
		made_release(&m[i]);
}
END_TEST

/* ---- Many readers ---- */

#define NTHREADS 8

struct thread {
	pthread_t id;
	struct fixture *x;
	const struct made *made;
	size_t nmade;
	uint64_t seed;
	int failed; /* results that were not what they should be */
};

static void *read_much(void *arg)
{
	struct thread *t = arg;
	uint8_t *buf = malloc(128 * KIB);
	struct reader rd;

	if (reader_init(&rd, 0, &t->x->stats, t->x->tiles))
		t->failed++;
	for (int i = 0; i < 150 && !t->failed; i++) {
		const struct made *m = &t->made[i / 16 % (int)t->nmade];
		uint64_t off = test_random(&t->seed) % m->out.nbytes;
		uint64_t n = test_random(&t->seed) % (128 * KIB) + 1;

		if (n > m->out.nbytes - off)
			n = m->out.nbytes - off;
		t->failed += tensor_read(&m->out, off, n, buf, &rd) != 0 ||
			     memcmp(buf, m->want + off, n) != 0;
	}
	reader_release(&rd);
	free(buf);
	return NULL;
}

static void run_threads(struct fixture *x, const struct made *made,
			size_t nmade, void *(*body)(void *), int want_failed)
{
	struct thread t[NTHREADS];

	for (size_t i = 0; i < NTHREADS; i++) {
		t[i] = (struct thread){
			.x = x, .made = made, .nmade = nmade, .seed = i + 1};
		ck_assert_int_eq(pthread_create(&t[i].id, NULL, body, &t[i]),
				 0);
	}
	for (size_t i = 0; i < NTHREADS; i++) {
		pthread_join(t[i].id, NULL);
		ck_assert_int_eq(t[i].failed, want_failed);
	}
}

START_TEST(serves_eight_threads)
{
	static const char *const names[] = {"a b -> b a",    "experts",
					    "fused experts", "conv",
					    "qkv",	     "wide a b -> b a"};
	struct made m[6];
	struct fixture x;

	for (size_t i = 0; i < 6; i++) {
		const struct gather_case *kase = gather_case_find(names[i]);

		made_init(&m[i], kase, &kase->large, types[1 + i % 3]);
	}
	setup(&x, budgets[_i]);
	run_threads(&x, m, 6, read_much, 0);
	done(&x);
	for (size_t i = 0; i < 6; i++)
		made_release(&m[i]);
}
END_TEST

/* ---- Sources that fail ---- */

static void *read_failing(void *arg)
{
	struct thread *t = arg;
	uint8_t *buf = malloc(64 * KIB);
	struct reader rd;

	if (reader_init(&rd, 0, &t->x->stats, t->x->tiles) == 0)
		for (int i = 0; i < 10; i++)
			t->failed += tensor_read(&t->made->out, 0, 64 * KIB,
						 buf, &rd) == -EIO;
	reader_release(&rd);
	free(buf);
	return NULL;
}

START_TEST(a_truncated_source_fails_every_reader)
{
	struct fixture x;
	struct made m;

	make_transpose_of(&m, 512, 512);
	ck_assert_int_eq(truncate(m.file.path, 400000), 0);
	setup(&x, budgets[_i]);
	run_threads(&x, &m, 1, read_failing, 10);
	ck_assert_uint_eq(built(&x), 0);
	done(&x);
	made_release(&m);
}
END_TEST

START_TEST(failed_tiles_leave_their_slots)
{
	struct made good[4], bad;
	struct fixture x;
	uint8_t buf[16];

	setup(&x, TILE_BUDGET);
	make_transpose_of(&bad, 512, 512);
	ck_assert_int_eq(truncate(bad.file.path, 400000), 0);
	run_threads(&x, &bad, 1, read_failing, 10);
	for (int i = 0; i < 4; i++) {
		make_transpose_of(&good[i], 512, 512);
		check_range(&good[i], &x.rd, 0, 64 * KIB);
	}
	ck_assert_uint_eq(built(&x), 4);
	ck_assert_int_eq(tensor_read(&bad.out, 9, 16, buf, &x.rd), -EIO);
	done(&x);
	for (int i = 0; i < 4; i++)
		made_release(&good[i]);
	made_release(&bad);
}
END_TEST

Suite *suite_gather(void)
{
	Suite *s = suite_create("gather");
	TCase *ranges = tcase_create("ranges"), *tiles = tcase_create("tiles");
	int n = (int)ngather_cases;

	tcase_add_loop_test(ranges, reads_every_range_of_small_ones, 0, n);
	tcase_add_loop_test(ranges, reads_large_ones_without_tiles, 0, n);
	tcase_add_loop_test(ranges, reads_large_ones_from_tiles, 0, n);
	tcase_add_loop_test(ranges, gathers_casts, 0, 4);
	tcase_add_loop_test(ranges, casts_gathers, 0, 4);
	suite_add_tcase(s, ranges);
	tcase_add_test(tiles, a_tile_is_made_once);
	tcase_add_test(tiles, tiles_are_bands_of_whole_rows);
	tcase_add_test(tiles, small_reads_make_no_tile_unless_they_go_on);
	tcase_add_test(tiles, what_is_in_order_makes_no_tile);
	tcase_add_test(tiles, readers_do_not_take_each_others_tiles);
	tcase_add_test(tiles, tiles_that_were_left_are_replaced);
	tcase_add_loop_test(tiles, serves_eight_threads, 0, 4);
	tcase_add_loop_test(tiles, a_truncated_source_fails_every_reader, 0, 2);
	tcase_add_test(tiles, failed_tiles_leave_their_slots);
	suite_add_tcase(s, tiles);
	return s;
}
