/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks with the factor 0: in patterns, in plans, and as bytes. Expected
 * elements are written down index by index, without patterns.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/gather.h"
#include "core/stats.h"
#include "model_fixture.h"
#include "temp_source.h"

/* dims and the labels of all elements of a target; -1 is a zero. */
static void check_target(const char *name, const char *dims,
			 const int64_t *want, size_t n)
{
	const struct tensor *t = tensor_set_find(&m.plan.target, str_of(name));
	struct strbuf sb = STRBUF_INIT;
	uint64_t *v;

	ck_assert_msg(t, "no %s", name);
	strbuf_add_dims(&sb, t->dims, t->ndim, 'x');
	ck_assert_str_eq(sb.p, dims);
	strbuf_release(&sb);
	ck_assert_uint_eq(tensor_nelem(t), n);
	v = calloc(n + 1, sizeof(*v));
	ck_assert_ptr_nonnull(v);
	tensor_labels(t, v);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(v[i] == (want[i] < 0 ? LABEL_NONE
						   : (uint64_t)want[i]),
			      "%s: element %zu", name, i);
	free(v);
}

#define CHECK(name, dims, ...)                                                 \
	do {                                                                   \
		static const int64_t want[] = {__VA_ARGS__};                   \
		check_target(name, dims, want,                                 \
			     sizeof(want) / sizeof(want[0]));                  \
	} while (0)

START_TEST(rows_are_added_and_taken_off)
{
	load("`axes`: {`Z`: `pad`}, `rules`: [[`a`, `b`, `v c -> (v+(0 Z)) c`"
	     "]]");
	model_config(&m, "{`pad`: 2}");
	model_add_lines(&m, "a F32 2x3\n");
	plan(0);
	CHECK("b", "4x3", 0, 1, 2, 3, 4, 5, -1, -1, -1, -1, -1, -1);
	model_clear(&m);
	model_add_lines(&m, "b F32 4x3\n");
	plan(1);
	CHECK("a", "2x3", 0, 1, 2, 3, 4, 5);
}
END_TEST

START_TEST(nothing_is_added_where_the_padding_is_0)
{
	load("`axes`: {`Z`: `pad - pad`}, `rules`: [[`a`, `b`,"
	     "`v c -> (v+(0 Z)) c`]]");
	model_config(&m, "{`pad`: 2}");
	model_add_lines(&m, "a F32 2x3\n");
	plan(0);
	CHECK("b", "2x3", 0, 1, 2, 3, 4, 5);
}
END_TEST

START_TEST(zeros_stand_between_columns)
{
	load("`axes`: {`Z`: `pad`}, `rules`: [[`a, d`, `b`,"
	     "`r x, r y -> r (x+(Z 0)+y)`]]");
	model_config(&m, "{`pad`: 2}");
	model_add_lines(&m, "a F32 2x1\nd F32 2x2\n");
	plan(0);
	CHECK("b", "2x5", 0, -1, -1, LABEL_STEP, LABEL_STEP + 1, 1, -1, -1,
	      LABEL_STEP + 2, LABEL_STEP + 3);
}
END_TEST

START_TEST(a_tensor_of_zeros_is_made_and_dropped)
{
	load("`rules`: [[`q, v`, `1, 2, 3`, `c, c -> c, (0 c), c`]]");
	model_add_lines(&m, "q F32 2\nv F32 2\n");
	plan(0);
	CHECK("1", "2", 0, 1);
	CHECK("2", "2", -1, -1);
	CHECK("3", "2", LABEL_STEP, LABEL_STEP + 1);
	model_clear(&m);
	model_add_lines(&m, "1 F32 2\n2 F32 2\n3 F32 2\n");
	plan(1);
	ck_assert_uint_eq(m.plan.target.n, 2);
	CHECK("v", "2", 2 * LABEL_STEP, 2 * LABEL_STEP + 1);
}
END_TEST

START_TEST(zeros_that_nothing_measures_are_refused)
{
	load("`rules`: [[`a`, `b`, `v c -> (v+(0 Z)) c`]]");
	model_add_lines(&m, "a F32 2x3\n");
	ck_assert_int_lt(model_plan(&m, 0), 0);
	ck_assert(strstr(error_text(&m.err), "leaves the axis Z unknown"));
}
END_TEST

/* ---- bytes ---- */

/* [2, 3] -> [2, 3 + 2] and a row of zeros behind it, of 16 bits. */
START_TEST(zeros_read_as_zeros)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	static const uint8_t want[] = {1, 2, 3, 4,  5,	6,  0, 0, 0, 0,
				       7, 8, 9, 10, 11, 12, 0, 0, 0, 0,
				       0, 0, 0, 0,  0,	0,  0, 0, 0, 0};
	const struct gather_axis data[] = {{2, 5, 3}, {3, 1, 1}};
	const struct gather_axis pad[] = {{2, 5, 5}, {2, 1, 1}};
	const struct gather_axis row[] = {{5, 1, 1}};
	uint64_t dims[] = {3, 5}, unused;
	struct temp_source file;
	struct tensor src;
	struct stats stats = {0};
	struct reader rd;
	uint8_t got[sizeof(want)];

	temp_source_make(&file, bytes, sizeof(bytes));
	src = temp_source_tensor(&file, DT_I16, 0, 6, &unused);
	{
		const struct piece pieces[] = {{&src, 0, 0, 2, data},
					       {NULL, 3, 0, 2, pad},
					       {NULL, 10, 0, 1, row}};
		const struct gather g = {.npieces = 3, .pieces = pieces};
		const struct tensor t = {.dims = dims,
					 .ndim = 2,
					 .dtype = DT_I16,
					 .nbytes = sizeof(want),
					 .recipe = RECIPE_GATHER,
					 .gather = &g};

		ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
		for (size_t off = 0; off < sizeof(want); off++) {
			for (size_t n = 1; off + n <= sizeof(want); n++) {
				memset(got, 0xaa, sizeof(got));
				ck_assert_int_eq(
					tensor_read(&t, off, n, got, &rd), 0);
				ck_assert_mem_eq(got, want + off, n);
			}
		}
	}
	reader_release(&rd);
	temp_source_free(&file);
}
END_TEST

/* Four tensors of three bytes, as one, and its parts. */
START_TEST(stacks_and_slices_read_at_any_place)
{
	static const uint8_t bytes[] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 11, 12};
	static const uint8_t want[] = {0, 11, 12, 9, 8, 7, 3, 2, 1, 6, 5, 4};
	static const uint64_t offs[] = {9, 0, 6, 3};
	uint64_t unused[4], dims[] = {4, 3};
	struct temp_source file;
	struct tensor part[4];
	const struct tensor *parts[4];
	struct stats stats = {0};
	struct reader rd;
	uint8_t got[sizeof(want)];
	struct tensor stack = {.dims = dims,
			       .ndim = 2,
			       .dtype = DT_U8,
			       .nbytes = 12,
			       .recipe = RECIPE_STACK,
			       .stack = {parts, 4}};

	temp_source_make(&file, bytes, sizeof(bytes));
	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	for (unsigned k = 0; k < 4; k++) {
		part[k] = temp_source_tensor(&file, DT_U8, offs[k], 3,
					     &unused[k]);
		parts[k] = &part[k];
	}
	for (size_t off = 0; off < sizeof(want); off++) {
		struct tensor slice = {.dtype = DT_U8,
				       .recipe = RECIPE_SLICE,
				       .slice = {&stack, off}};

		for (size_t n = 0; off + n <= sizeof(want); n++) {
			ck_assert_int_eq(tensor_read(&stack, off, n, got, &rd),
					 0);
			ck_assert_mem_eq(got, want + off, n);
			slice.nbytes = n;
			ck_assert_int_eq(tensor_read(&slice, 0, n, got, &rd),
					 0);
			ck_assert_mem_eq(got, want + off, n);
		}
	}
	reader_release(&rd);
	temp_source_free(&file);
}
END_TEST

Suite *suite_zero_blocks(void);
Suite *suite_zero_blocks(void)
{
	Suite *s = suite_create("zero_blocks");
	TCase *tc = tcase_create("plans");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, rows_are_added_and_taken_off);
	tcase_add_test(tc, nothing_is_added_where_the_padding_is_0);
	tcase_add_test(tc, zeros_stand_between_columns);
	tcase_add_test(tc, a_tensor_of_zeros_is_made_and_dropped);
	tcase_add_test(tc, zeros_that_nothing_measures_are_refused);
	suite_add_tcase(s, tc);
	tc = tcase_create("bytes");
	tcase_add_test(tc, zeros_read_as_zeros);
	tcase_add_test(tc, stacks_and_slices_read_at_any_place);
	suite_add_tcase(s, tc);
	return s;
}
