/* SPDX-License-Identifier: Apache-2.0 */
/* Strategy files: the golden four ranks, and cuts of many kinds. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "formats/ckpt.h"
#include "formats/strategy.h"
#include "tests/unit/layout_fixture.h"
#include "tests/unit/strategy_file.h"
#include "tests/unit/temp_source.h"

#define DIST "tests/golden/formats/ckpt/dist4"

Suite *suite_strategy(void);

static void open_strategy(struct strategy *s, const char *path)
{
	struct error err = ERROR_INIT;

	ck_assert_msg(strategy_open(s, path, &err) == 0, "%s",
		      error_text(&err));
}

/* Append a ckpt to a set, which owns the file. */
static void read_ckpt(struct tensor_set *set, const char *path)
{
	struct error err = ERROR_INIT;
	struct reading r = {.set = set, .keep_extra = true};
	struct source *s;

	ck_assert_int_eq(source_open(&s, path, &err), 0);
	ck_assert_int_eq(tensor_set_own(set, s), 0);
	ck_assert_msg(ckpt_read(&r, s, &err) == 0, "%s", error_text(&err));
	reading_release(&r);
}

static void read_ranks(struct tensor_set *ranks)
{
	char path[128];

	for (int r = 0; r < 4; r++) {
		ranks[r] = (struct tensor_set)TENSOR_SET_INIT;
		snprintf(path, sizeof(path), DIST "/rank_%d/slice_%d.ckpt", r,
			 r);
		read_ckpt(&ranks[r], path);
	}
}

/* The set, laid out as a ckpt, is that file. */
static void expect_file(const struct tensor_set *set, const char *path)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct vfile f = VFILE_INIT;
	struct stats stats = {0};
	struct reader rd;
	char got[4096], want[4096];
	FILE *file = fopen(path, "r");
	size_t n = fread(want, 1, sizeof(want), file);

	fclose(file);
	ck_assert_int_eq(ckpt_layout(&f, set, NULL, &arena, &err), 0);
	ck_assert_uint_eq(f.nbytes, n);
	ck_assert_int_eq(reader_init(&rd, f.nrender, &stats, NULL), 0);
	ck_assert_int_eq(vfile_read(&f, 0, n, got, &rd), (ssize_t)n);
	ck_assert_msg(memcmp(got, want, n) == 0, "%s", path);
	reader_release(&rd);
	vfile_release(&f);
	arena_release(&arena);
}

static const char *const files[] = {DIST "/strategy.ckpt",
				    DIST "/strategy.json"};

START_TEST(four_ranks_are_joined)
{
	struct tensor_set ranks[4], full = TENSOR_SET_INIT;
	struct error err = ERROR_INIT;
	struct strategy s;

	open_strategy(&s, files[_i]);
	ck_assert_uint_eq(strategy_nranks(&s), 4);
	read_ranks(ranks);
	ck_assert_msg(strategy_join(&s, ranks, 4, &full, &err) == 0, "%s",
		      error_text(&err));
	expect_file(&full, DIST "/full.ckpt");
	tensor_set_release(&full);
	for (int r = 0; r < 4; r++)
		tensor_set_release(&ranks[r]);
	strategy_release(&s);
}
END_TEST

START_TEST(the_whole_is_cut_for_four_ranks)
{
	struct tensor_set full = TENSOR_SET_INIT;
	struct error err = ERROR_INIT;
	struct strategy s;
	char path[128];

	open_strategy(&s, files[_i]);
	read_ckpt(&full, DIST "/full.ckpt");
	for (uint32_t r = 0; r < 4; r++) {
		struct tensor_set out = TENSOR_SET_INIT;

		ck_assert_int_eq(strategy_slice(&s, r, &full, &out, &err), 0);
		snprintf(path, sizeof(path),
			 DIST "/rank_%" PRIu32 "/slice_%" PRIu32 ".ckpt", r, r);
		expect_file(&out, path);
		tensor_set_release(&out);
	}
	tensor_set_release(&full);
	strategy_release(&s);
}
END_TEST

/* Replicas stand in for a rank; where there is none, the sentence names it. */
START_TEST(ranks_that_are_missing)
{
	struct tensor_set ranks[4], none = TENSOR_SET_INIT;
	struct strategy s;

	open_strategy(&s, files[0]);
	for (int gone = 0; gone < 4; gone++) {
		struct tensor_set full = TENSOR_SET_INIT;
		struct error err = ERROR_INIT;
		char rank[32];

		read_ranks(ranks);
		tensor_set_release(&ranks[gone]);
		ranks[gone] = none;
		ck_assert_int_eq(strategy_join(&s, ranks, 4, &full, &err),
				 -EINVAL);
		snprintf(rank, sizeof(rank), "of rank %d ", gone);
		ck_assert_ptr_nonnull(strstr(error_text(&err), rank));
		ck_assert_ptr_nonnull(strstr(error_text(&err), "qkv.weight"));
		ck_assert_int_eq(err.class, ERR_SOURCE);
		/* emb.weight is the same on ranks 0 and 1, 2 and 3 */
		ck_assert_ptr_nonnull(
			tensor_set_find(&full, str_of("emb.weight")));
		error_release(&err);
		tensor_set_release(&full);
		for (int r = 0; r < 4; r++)
			tensor_set_release(&ranks[r]);
	}
	strategy_release(&s);
}
END_TEST

/* ---- cuts of many kinds ---- */

/* One parameter "w", cut: what the random test made up. */
struct made {
	unsigned ndev, ndim;
	uint32_t dev[4];
	unsigned naxes[3];
	int axes[3][2];
	uint32_t step, size;
	uint64_t n[3], dims[3]; /* parts; dims of the whole */
};

static void make(struct made *m, uint64_t *seed)
{
	bool used[4] = {false};

	m->ndev = 1 + (unsigned)(test_random(seed) % 4);
	m->ndim = 1 + (unsigned)(test_random(seed) % 3);
	for (unsigned i = 0; i < m->ndev; i++)
		m->dev[i] = 1 + (uint32_t)(test_random(seed) % 3);
	for (unsigned j = 0; j < m->ndim; j++) {
		m->n[j] = 1;
		m->naxes[j] = (unsigned)(test_random(seed) % 3);
		for (unsigned i = 0; i < m->naxes[j]; i++) {
			int a = (int)(test_random(seed) % m->ndev);

			m->axes[j][i] = used[a] ? -1 : a;
			if (!used[a])
				m->n[j] *= m->dev[m->ndev - 1 - (unsigned)a];
			used[a] = true;
		}
	}
	/* an axis that cuts nothing else may be the optimizer's */
	m->step = m->size = 0;
	for (unsigned a = 0; a < m->ndev && !m->size; a++) {
		uint32_t step = 1;

		if (used[a] || m->dev[m->ndev - 1 - a] < 2)
			continue;
		for (unsigned k = m->ndev - a; k < m->ndev; k++)
			step *= m->dev[k];
		m->step = step;
		m->size = m->dev[m->ndev - 1 - a];
		m->n[0] *= m->size;
	}
	for (unsigned j = 0; j < m->ndim; j++)
		m->dims[j] = m->n[j] * (1 + test_random(seed) % 3);
}

static void write_json(const struct made *m, struct strbuf *sb)
{
	strbuf_adds(sb, "{\"current_stage\": 0, \"parallel_layout_item\": "
			"{\"w\": {\"field\": 0, \"dev_matrix\": [");
	for (unsigned i = 0; i < m->ndev; i++)
		strbuf_addf(sb, "%s%" PRIu32, i ? ", " : "", m->dev[i]);
	strbuf_adds(sb, "], \"tensor_map\": [");
	for (unsigned j = 0; j < m->ndim; j++) {
		strbuf_adds(sb, j ? ", [" : "[");
		for (unsigned i = 0; i < m->naxes[j]; i++)
			strbuf_addf(sb, "%s%d", i ? ", " : "", m->axes[j][i]);
		strbuf_adds(sb, "]");
	}
	strbuf_addf(sb,
		    "], \"opt_weight_shard_step\": %" PRIu32
		    ", \"opt_weight_shard_size\": %" PRIu32 "}}}",
		    m->step, m->size);
}

/* The index of dimension j where the slice of a rank begins. */
static uint64_t begin_of(const struct made *m, uint32_t rank, unsigned j)
{
	uint64_t part = 0, rest = rank;
	uint32_t c[4];

	for (unsigned i = m->ndev; i--; rest /= m->dev[i])
		c[i] = (uint32_t)(rest % m->dev[i]);
	for (unsigned i = 0; i < m->naxes[j]; i++) {
		unsigned k = m->ndev - 1 - (unsigned)m->axes[j][i];

		if (m->axes[j][i] >= 0)
			part = part * m->dev[k] + c[k];
	}
	if (j == 0 && m->size)
		part = part * m->size + rank / m->step % m->size;
	return part * (m->dims[j] / m->n[j]);
}

/* The elements are their own numbers in the whole. */
static void check_slice(const struct made *m, uint32_t rank,
			const struct tensor *t, struct reader *rd)
{
	static uint16_t got[20000];
	uint64_t index[3] = {0};
	size_t nelem = (size_t)(t->nbytes / 2);

	ck_assert_uint_eq(t->ndim, m->ndim);
	for (unsigned j = 0; j < m->ndim; j++)
		ck_assert_uint_eq(t->dims[j], m->dims[j] / m->n[j]);
	ck_assert_uint_le(nelem, 20000);
	ck_assert_int_eq(tensor_read(t, 0, 2 * nelem, got, rd), 0);
	for (size_t i = 0; i < nelem; i++) {
		uint64_t at = 0, rest = i;

		for (unsigned j = m->ndim; j--; rest /= t->dims[j])
			index[j] = rest % t->dims[j];
		for (unsigned j = 0; j < m->ndim; j++)
			at = at * m->dims[j] + begin_of(m, rank, j) + index[j];
		ck_assert_uint_eq(got[i], at);
	}
}

static void check_whole(const struct made *m, const struct tensor *t,
			struct reader *rd)
{
	static uint16_t got[20000];
	size_t nelem = (size_t)(t->nbytes / 2);

	for (unsigned j = 0; j < m->ndim; j++)
		ck_assert_uint_eq(t->dims[j], m->dims[j]);
	ck_assert_int_eq(tensor_read(t, 0, 2 * nelem, got, rd), 0);
	for (size_t i = 0; i < nelem; i++)
		ck_assert_uint_eq(got[i], i);
}

/* Cut the whole, look at each slice, join them: gathers of gathers. */
static void check_made(const struct made *m, const struct temp_source *numbers,
		       struct reader *rd)
{
	struct tensor_set whole = TENSOR_SET_INIT, joined = TENSOR_SET_INIT;
	struct tensor_set ranks[81];
	struct error err = ERROR_INIT;
	struct strbuf json = STRBUF_INIT;
	struct strategy s;
	struct tensor t = {.name = str_of("w"),
			   .dims = m->dims,
			   .ndim = (uint8_t)m->ndim,
			   .dtype = DT_U16,
			   .recipe = RECIPE_EXTENT,
			   .extent = {numbers->src, 0}};
	uint32_t n;

	write_json(m, &json);
	ck_assert_msg(open_json(&s, json.p, &err) == 0, "%s: %s", json.p,
		      error_text(&err));
	ck_assert(tensor_nbytes(DT_U16, t.dims, t.ndim, &t.nbytes));
	ck_assert_int_eq(tensor_set_add(&whole, &t), 0);
	n = strategy_nranks(&s);
	for (uint32_t r = 0; r < n; r++) {
		ranks[r] = (struct tensor_set)TENSOR_SET_INIT;
		ck_assert_msg(strategy_slice(&s, r, &whole, &ranks[r], &err) ==
				      0,
			      "%s: %s", json.p, error_text(&err));
		check_slice(m, r, &ranks[r].v[0], rd);
	}
	ck_assert_msg(strategy_join(&s, ranks, n, &joined, &err) == 0, "%s: %s",
		      json.p, error_text(&err));
	check_whole(m, &joined.v[0], rd);
	for (uint32_t r = 0; r < n; r++)
		tensor_set_release(&ranks[r]);
	tensor_set_release(&joined);
	tensor_set_release(&whole);
	strategy_release(&s);
	strbuf_release(&json);
}

START_TEST(any_cut)
{
	static uint16_t numbers[60000];
	struct temp_source file;
	struct stats stats = {0};
	struct reader rd;
	uint64_t seed = 77;

	for (size_t i = 0; i < 60000; i++)
		numbers[i] = (uint16_t)i;
	temp_source_make(&file, numbers, sizeof(numbers));
	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	for (int i = 0; i < 300; i++) {
		struct made m;

		make(&m, &seed);
		check_made(&m, &file, &rd);
	}
	reader_release(&rd);
	temp_source_free(&file);
}
END_TEST

/* A merged file: names with their stage in front, others on every rank. */
START_TEST(pipeline_stages)
{
	static const char json[] =
		"{\"parallel_layout_item\": {"
		"\"0-a\": {\"dev_matrix\": [2], \"tensor_map\": [0]},"
		"\"1-b-c\": {\"dev_matrix\": [2], \"tensor_map\": [0]},"
		"\"1-a\": {\"dev_matrix\": [2], \"tensor_map\": [-1]},"
		"\"x-y\": {\"dev_matrix\": [2], \"tensor_map\": [0]}}}";
	struct tensor_set ranks[4], joined = TENSOR_SET_INIT;
	struct layout_fixture x;
	struct error err = ERROR_INIT;
	struct strategy s;

	ck_assert_int_eq(open_json(&s, json, &err), 0);
	ck_assert_uint_eq(strategy_nranks(&s), 4);
	ck_assert(strategy_find(&s, str_of("x-y"), 0) != NULL);
	layout_setup(&x, 100, 0);
	ADD(&x, "free", DT_U8, 5); /* as MindSpore does, it comes last */
	ADD(&x, "a", DT_F32, 4);
	ADD(&x, "b-c", DT_U8, 2);
	for (uint32_t r = 0; r < 4; r++) {
		ranks[r] = (struct tensor_set)TENSOR_SET_INIT;
		ck_assert_int_eq(strategy_slice(&s, r, &x.set, &ranks[r], &err),
				 0);
		ck_assert_uint_eq(ranks[r].n, r < 2 ? 2 : 3);
		ck_assert_uint_eq(ranks[r].v[0].dims[0], r < 2 ? 2 : 4);
		ck_assert(str_is(ranks[r].v[ranks[r].n - 1].name, "free"));
	}
	ck_assert_int_eq(strategy_join(&s, ranks, 4, &joined, &err), 0);
	ck_assert_uint_eq(joined.n, 3);
	ck_assert_uint_eq(joined.v[0].dims[0], 4);
	ck_assert_uint_eq(joined.v[2].dims[0], 2);
	tensor_set_release(&joined);
	for (uint32_t r = 0; r < 4; r++)
		tensor_set_release(&ranks[r]);
	strategy_release(&s);
	layout_done(&x);
}
END_TEST

#define ITEM(dev, map)                                                         \
	"{\"parallel_layout_item\": {\"w\": {\"dev_matrix\": " dev             \
	", \"tensor_map\": " map "}}}"
#define SHARD(step, size)                                                      \
	"{\"parallel_layout_item\": {\"w\": {\"dev_matrix\": [4], "            \
	"\"tensor_map\": [-1], \"opt_weight_shard_step\": " step               \
	", \"opt_weight_shard_size\": " size "}}}"

START_TEST(files_that_are_refused)
{
	static const struct {
		const char *json, *words;
	} rows[] = {
		{"", "not valid JSON"},
		{"[]", "no MindSpore strategy file"},
		{"{}", "no MindSpore strategy file"},
		{"{\"parallel_layout_item\": {}}", "no layout"},
		{"{\"parallel_layout_item\": {\"w\": 1}}", "dev_matrix"},
		{ITEM("[2]", "1"), "tensor_map"},
		{ITEM("2", "[0]"), "dev_matrix"},
		{ITEM("[1.5]", "[0]"), "no integers"},
		{ITEM("[1e10]", "[0]"), "no integers"},
		{ITEM("[-2]", "[0]"), "dev_matrix has a -2"},
		{ITEM("[0]", "[0]"), "no devices"},
		{ITEM("[300, 300]", "[0]"), "65536"},
		{ITEM("[2]", "[1]"), "device axis 1 of a matrix of 1"},
		{ITEM("[2]", "[-2]"), "device axis -2"},
		{ITEM("[2]", "[0, 0]"), "more parts"},
		{SHARD("-1", "4"), "optimizer shard of step -1"},
		{SHARD("1", "8"), "step 1 and size 8 does not fit"},
		{SHARD("1", "3"), "step 1 and size 3 does not fit"},
		{SHARD("2", "2"), "step 2 and size 2 does not fit"},
		{"{\"parallel_layout_item\": {"
		 "\"a\": {\"dev_matrix\": [2], \"tensor_map\": []},"
		 "\"b\": {\"dev_matrix\": [4], \"tensor_map\": []}}}",
		 "has 4 devices, that of \"a\" 2"},
		{"{\"parallel_layout_item\": {"
		 "\"0-a\": {\"dev_matrix\": [2], \"tensor_map\": []},"
		 "\"a\": {\"dev_matrix\": [2], \"tensor_map\": []}}}",
		 "twice in stage 0"},
		{"{\"parallel_layout_item\": {\"99999-a\": "
		 "{\"dev_matrix\": [2], \"tensor_map\": []}}}",
		 "more than 65536 ranks"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = ERROR_INIT;
		struct strategy s;

		ck_assert_int_eq(open_json(&s, rows[i].json, &err), -EINVAL);
		ck_assert_int_eq(err.class, ERR_SOURCE);
		ck_assert_msg(strstr(error_text(&err), rows[i].words) != NULL,
			      "%s: %s", rows[i].json, error_text(&err));
		strategy_release(&s);
		error_release(&err);
	}
}
END_TEST

/* Two dimensions along one axis: of four parts, two ranks have one each. */
START_TEST(parts_that_no_rank_has)
{
	struct tensor_set out = TENSOR_SET_INIT;
	struct error err = ERROR_INIT;
	struct layout_fixture x;
	struct strategy s;

	ck_assert_int_eq(open_json(&s,
				   "{\"parallel_layout_item\": {\"w\": {"
				   "\"dev_matrix\": [2, 2], "
				   "\"tensor_map\": [0, 0]}}}",
				   &err),
			 0);
	layout_setup(&x, 100, 0);
	ADD(&x, "w", DT_F32, 8, 2);
	ck_assert_int_eq(strategy_slice(&s, 0, &x.set, &out, &err), -EINVAL);
	ck_assert_int_eq(err.class, ERR_MAPPING);
	ck_assert_ptr_nonnull(strstr(error_text(&err),
				     "no rank would have 2 of its 4 parts"));
	error_release(&err);
	layout_done(&x);
	tensor_set_release(&out);
	strategy_release(&s);
}
END_TEST

START_TEST(tensors_that_do_not_divide)
{
	struct tensor_set out = TENSOR_SET_INIT;
	struct error err = ERROR_INIT;
	struct layout_fixture x;
	struct strategy s;

	ck_assert_int_eq(open_json(&s, ITEM("[3]", "[0]"), &err), 0);
	layout_setup(&x, 100, 0);
	ADD(&x, "w", DT_F32, 4);
	ck_assert_int_eq(strategy_slice(&s, 0, &x.set, &out, &err), -EINVAL);
	ck_assert_int_eq(err.class, ERR_MAPPING);
	ck_assert_ptr_nonnull(strstr(error_text(&err),
				     "dimension 0 of 4 cannot be cut into 3"));
	layout_done(&x);
	layout_setup(&x, 100, 0);
	ADD(&x, "w", DT_F32, 3, 3);
	ck_assert_int_eq(strategy_slice(&s, 0, &x.set, &out, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(&err), "2 dimensions"));
	ck_assert_int_eq(strategy_join(&s, &x.set, 1, &out, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(&err), "2 dimensions"));
	layout_done(&x);
	tensor_set_release(&out);
	strategy_release(&s);
	error_release(&err);
}
END_TEST

/* Damaged protobuf files are read or refused, never more. */
START_TEST(damaged_files)
{
	char bytes[4096], copy[4096];
	FILE *f = fopen(files[0], "r");
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	uint64_t seed = 5;

	fclose(f);
	for (int i = 0; i < 3000; i++) {
		size_t len = i % 3 ? n : test_random(&seed) % n;
		struct error err = ERROR_INIT;
		struct temp_source temp;
		struct strategy s;

		memcpy(copy, bytes, n);
		for (uint64_t k = test_random(&seed) % 4; k--;)
			copy[test_random(&seed) % n] = (char)test_random(&seed);
		temp_source_make(&temp, copy, len);
		if (strategy_open(&s, temp.path, &err))
			ck_assert(strlen(error_text(&err)) > 20);
		strategy_release(&s);
		error_release(&err);
		temp_source_free(&temp);
	}
}
END_TEST

Suite *suite_strategy(void)
{
	Suite *s = suite_create("strategy");
	TCase *t = tcase_create("strategy");

	tcase_add_loop_test(t, four_ranks_are_joined, 0, 2);
	tcase_add_loop_test(t, the_whole_is_cut_for_four_ranks, 0, 2);
	tcase_add_test(t, ranks_that_are_missing);
	tcase_add_test(t, any_cut);
	tcase_add_test(t, pipeline_stages);
	tcase_add_test(t, files_that_are_refused);
	tcase_add_test(t, parts_that_no_rank_has);
	tcase_add_test(t, tensors_that_do_not_divide);
	tcase_add_test(t, damaged_files);
	suite_add_tcase(s, t);
	return s;
}
