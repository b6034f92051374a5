/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizer shards, as MindSpore cuts them. */
#include <check.h>
#include <inttypes.h>

#include "tests/unit/strategy_file.h"
#include "tests/unit/temp_source.h"

Suite *suite_strategy_shard(void);

#define OPT(dev, map, step, size)                                              \
	"{\"parallel_layout_item\": {\"w\": {\"dev_matrix\": " dev             \
	", \"tensor_map\": " map ", \"opt_weight_shard_step\": " step          \
	", \"opt_weight_shard_size\": " size "}}}"

/* What transform_checkpoints of MindSpore 2.10 gives ranks 0, 1, 2 ...: the
 * first element of the slice of w, whose elements are 0, 1, 2 ... */
static const struct shard_row {
	const char *json;
	uint64_t n; /* elements of w */
	uint32_t nranks;
	uint8_t first[24];
} shard_rows[] = {
	{OPT("[2, 3, 2]", "[1]", "2", "-1"),
	 12,
	 12,
	 {0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11}},
	{OPT("[2, 3, 2]", "[1]", "2", "4"),
	 12,
	 12,
	 {0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11}},
	{OPT("[2, 3, 2]", "[1]", "1", "2"),
	 12,
	 12,
	 {0, 2, 4, 6, 8, 10, 0, 2, 4, 6, 8, 10}},
	{OPT("[2, 2, 3]", "[0]", "3", "-1"),
	 12,
	 12,
	 {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}},
	{OPT("[4, 2]", "[0]", "2", "2"), 4, 8, {0, 2, 1, 3, 0, 2, 1, 3}},
	{OPT("[2, 2, 2]", "[[1, 0]]", "4", "2"),
	 8,
	 8,
	 {0, 2, 4, 6, 1, 3, 5, 7}},
	{OPT("[2, 2]", "[-1]", "1", "-1"), 4, 4, {0, 1, 2, 3}},
	{OPT("[4, 6]", "[-1]", "1", "12"), 24, 24, {0,	2,  4,	6,  8,	10,
						    12, 14, 16, 18, 20, 22,
						    0,	2,  4,	6,  8,	10,
						    12, 14, 16, 18, 20, 22}},
};

static void check_row(const struct shard_row *row, const struct tensor *w,
		      struct reader *rd)
{
	struct tensor_set whole = TENSOR_SET_INIT;
	struct error err = ERROR_INIT;
	struct strategy s;

	ck_assert_msg(open_json(&s, row->json, &err) == 0, "%s",
		      error_text(&err));
	ck_assert_int_eq(tensor_set_add(&whole, w), 0);
	ck_assert_uint_eq(strategy_nranks(&s), row->nranks);
	for (uint32_t r = 0; r < row->nranks; r++) {
		struct tensor_set out = TENSOR_SET_INIT;
		uint8_t got;

		ck_assert_msg(strategy_slice(&s, r, &whole, &out, &err) == 0,
			      "%s", error_text(&err));
		ck_assert_int_eq(tensor_read(&out.v[0], 0, 1, &got, rd), 0);
		ck_assert_msg(got == row->first[r],
			      "%s: rank %" PRIu32 " begins at %d", row->json, r,
			      got);
		tensor_set_release(&out);
	}
	tensor_set_release(&whole);
	strategy_release(&s);
}

START_TEST(optimizer_shards)
{
	const struct shard_row *row = &shard_rows[_i];
	struct temp_source file;
	struct stats stats = {0};
	struct reader rd;
	uint8_t numbers[24];
	struct tensor w = {.name = str_of("w"),
			   .dims = &row->n,
			   .ndim = 1,
			   .dtype = DT_U8,
			   .nbytes = row->n,
			   .recipe = RECIPE_EXTENT};

	for (uint8_t i = 0; i < 24; i++)
		numbers[i] = i;
	temp_source_make(&file, numbers, sizeof(numbers));
	w.extent.src = file.src;
	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	check_row(row, &w, &rd);
	reader_release(&rd);
	temp_source_free(&file);
}
END_TEST

Suite *suite_strategy_shard(void)
{
	Suite *s = suite_create("strategy_shard");
	TCase *t = tcase_create("shards");

	tcase_add_loop_test(t, optimizer_shards, 0,
			    sizeof(shard_rows) / sizeof(shard_rows[0]));
	suite_add_tcase(s, t);
	return s;
}
