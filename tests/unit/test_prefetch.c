/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a source before its reader: when, how far, and when not. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/prefetch.h"
#include "temp_source.h"

Suite *suite_prefetch(void);

#define MIB ((uint64_t)1 << 20)
#define NBYTES (200 * MIB)

/* Bounds of what the thread may be ahead of a reader once it has settled. */
#define AHEAD_MIN (8 * MIB)
#define AHEAD_MAX (64 * MIB)

/* A file of zeros that takes no room. */
static void make_sparse(struct temp_source *t)
{
	struct error err = ERROR_INIT;
	int fd;

	snprintf(t->path, sizeof(t->path), "/tmp/wconv-test-XXXXXX");
	fd = mkstemp(t->path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)NBYTES), 0);
	close(fd);
	ck_assert_int_eq(source_open(&t->src, t->path, &err), 0);
}

static void read_run(struct prefetch *p, struct source *s, uint64_t from,
		     uint64_t to)
{
	for (uint64_t off = from; off < to; off += MIB)
		prefetch_note(p, s, off, MIB);
}

/* Wait until it is so far, for 10 s at most; then how far it is. */
static uint64_t await_ahead(struct source *s, uint64_t off)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int i = 0; i < 10000 && atomic_load(&s->ahead) < off; i++)
		nanosleep(&pause, NULL);
	return atomic_load(&s->ahead);
}

START_TEST(it_keeps_ahead_of_a_sequential_reader)
{
	struct prefetch *p = prefetch_new();
	struct temp_source t;

	make_sparse(&t);
	for (uint64_t at = 0; at < NBYTES; at += 10 * MIB) {
		uint64_t ahead, end = at + 10 * MIB;

		read_run(p, t.src, at, end);
		ahead = await_ahead(t.src, NBYTES < end + AHEAD_MIN
						   ? NBYTES
						   : end + AHEAD_MIN);
		ck_assert_uint_le(ahead, end + AHEAD_MAX);
		ck_assert_uint_ge(ahead, NBYTES < end + AHEAD_MIN
						 ? NBYTES
						 : end + AHEAD_MIN);
	}
	prefetch_free(p);
	temp_source_free(&t);
}
END_TEST

/* The parts of a merge: two places that are read in turns. */
START_TEST(it_keeps_ahead_of_turns)
{
	struct prefetch *p = prefetch_new();
	struct temp_source t;

	make_sparse(&t);
	for (uint64_t off = 0; off < 20 * MIB; off += MIB / 2) {
		prefetch_note(p, t.src, off, MIB / 2);
		prefetch_note(p, t.src, 20 * MIB + off, MIB / 2);
	}
	ck_assert_uint_ge(await_ahead(t.src, 40 * MIB + AHEAD_MIN),
			  40 * MIB + AHEAD_MIN);
	prefetch_free(p);
	temp_source_free(&t);
}
END_TEST

START_TEST(it_follows_a_reader_who_goes_elsewhere)
{
	struct prefetch *p = prefetch_new();
	struct temp_source t;

	make_sparse(&t);
	read_run(p, t.src, 150 * MIB, 160 * MIB);
	await_ahead(t.src, 160 * MIB + AHEAD_MIN);
	read_run(p, t.src, 10 * MIB, 20 * MIB);
	prefetch_free(p);
	ck_assert_uint_le(atomic_load(&t.src->ahead), 20 * MIB + AHEAD_MAX);
	temp_source_free(&t);
}
END_TEST

START_TEST(readers_here_and_there_are_left_alone)
{
	struct prefetch *p = prefetch_new();
	struct temp_source t;
	uint64_t seed = 7;

	make_sparse(&t);
	for (int i = 0; i < 2000; i++) {
		/* here and there, then anywhere in a smaller part */
		uint64_t off = i < 1000 ? test_random(&seed) % 2 * 150 * MIB
					: test_random(&seed) % (40 * MIB);

		prefetch_note(p, t.src, off + test_random(&seed) % MIB, 4096);
		ck_assert_uint_le(atomic_load(&t.src->ahead),
				  atomic_load(&t.src->next));
	}
	prefetch_free(p);
	temp_source_free(&t);
}
END_TEST

START_TEST(it_gives_up_what_cannot_be_read)
{
	struct prefetch *p = prefetch_new();
	struct temp_source bad, good;

	make_sparse(&bad);
	make_sparse(&good);
	ck_assert_int_eq(truncate(bad.path, 6 * MIB), 0);
	read_run(p, bad.src, 0, 20 * MIB);
	read_run(p, good.src, 0, 20 * MIB);
	ck_assert_uint_ge(await_ahead(good.src, 20 * MIB + AHEAD_MIN),
			  20 * MIB + AHEAD_MIN);
	prefetch_free(p);
	ck_assert_uint_lt(atomic_load(&bad.src->ahead), 20 * MIB);
	temp_source_free(&bad);
	temp_source_free(&good);
}
END_TEST

Suite *suite_prefetch(void)
{
	Suite *s = suite_create("prefetch");
	TCase *tc = tcase_create("runs");

	tcase_add_test(tc, it_keeps_ahead_of_a_sequential_reader);
	tcase_add_test(tc, it_keeps_ahead_of_turns);
	tcase_add_test(tc, it_follows_a_reader_who_goes_elsewhere);
	tcase_add_test(tc, readers_here_and_there_are_left_alone);
	tcase_add_test(tc, it_gives_up_what_cannot_be_read);
	suite_add_tcase(s, tc);
	return s;
}
