/* SPDX-License-Identifier: Apache-2.0 */
/* Views of the golden models: the tree, names, and slices of every file. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "core/checked.h"
#include "temp_source.h"
#include "view/filename.h"
#include "view/view.h"

Suite *suite_view(void);

/* Random slices of each file. */
#define NSLICES 40

static struct view *open_view(const char *source, const char *key,
			      const char *value)
{
	struct error err = ERROR_INIT;
	struct view_options opt;
	struct view *v;

	view_options_init(&opt);
	opt.source = source;
	ck_assert_int_eq(view_options_take(&opt, "shard-size", "9K", &err), 0);
	if (key)
		ck_assert_int_eq(view_options_take(&opt, key, value, &err), 0);
	ck_assert_msg(view_open(&v, &opt, &err) == 0, "%s", error_text(&err));
	view_options_release(&opt);
	return v;
}

/* The whole file, read in one go. */
static uint8_t *read_whole(struct view *v, uint64_t node, struct reader *rd,
			   size_t nbytes)
{
	uint8_t *p = malloc(nbytes + 1);
	struct view_file *f;

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(view_open_file(v, node, &f), 0);
	ck_assert_int_eq(view_read(f, 0, nbytes + 1, p, rd), (ssize_t)nbytes);
	view_close(f);
	return p;
}

static void check_slices(struct view *v, uint64_t node, struct reader *rd,
			 uint64_t *seed)
{
	struct node_stat st;
	struct view_file *f;
	uint8_t *want, *got;

	ck_assert(view_stat(v, node, &st));
	want = read_whole(v, node, rd, st.nbytes);
	got = malloc(st.nbytes + 1);
	ck_assert_int_eq(view_open_file(v, node, &f), 0);
	for (int i = 0; i < NSLICES && st.nbytes; i++) {
		uint64_t off = test_random(seed) % st.nbytes;
		size_t n = (size_t)(test_random(seed) % (st.nbytes - off)) + 1;

		ck_assert_int_eq(view_read(f, off, n, got, rd), (ssize_t)n);
		ck_assert_int_eq(memcmp(got, want + off, n), 0);
	}
	view_close(f);
	free(want);
	free(got);
}

static void check_all_files(const char *source, const char *key,
			    const char *value)
{
	struct view *v = open_view(source, key, value);
	uint64_t seed = 7, stats = view_find(v, ".wconvfs/stats.json");
	struct reader rd;

	ck_assert_int_eq(view_reader_init(v, &rd), 0);
	for (uint64_t node = 1; node <= view_nnodes(v); node++) {
		struct node_stat st;

		ck_assert(view_stat(v, node, &st));
		if (!st.is_dir && node != stats)
			check_slices(v, node, &rd, &seed);
	}
	reader_release(&rd);
	view_free(v);
}

static const struct {
	const char *source, *key, *value;
} models[] = {
	{"tests/golden/llama3-gqa-bf16/hf", NULL, NULL},
	{"tests/golden/llama3-gqa-bf16/hf", "dtype", "fp32"},
	{"tests/golden/llama-qkv-concat/hf", "set", "qkv_concat=true"},
	{"tests/golden/qwen2_5-qkv-concat/hf", "set", "qkv_concat=true"},
	{"tests/golden/cast-f32-to-fp16/hf", "dtype", "fp16"},
	{"tests/golden/qwen2/hf", "to", "raw"},
	{"tests/golden/formats/safetensors/all_dtypes.safetensors", "to",
	 "raw"},
};

START_TEST(every_slice_of_every_file_is_that_of_the_whole)
{
	check_all_files(models[_i].source, models[_i].key, models[_i].value);
}
END_TEST

/* Every node but the root is found by the name its directory lists. */
START_TEST(listed_names_lead_to_their_nodes)
{
	struct view *v =
		open_view(models[_i].source, models[_i].key, models[_i].value);
	struct strbuf name = STRBUF_INIT;
	uint64_t nfound = 1;

	for (uint64_t dir = 1; dir <= view_nnodes(v); dir++) {
		struct node_stat st;
		uint64_t node = 0;

		ck_assert(view_stat(v, dir, &st));
		while (st.is_dir) {
			strbuf_reset(&name);
			node = view_next(v, dir, node, &name);
			if (!node)
				break;
			ck_assert_uint_eq(
				view_lookup(v, dir, strbuf_str(&name)), node);
			nfound++;
		}
	}
	ck_assert_uint_eq(nfound, view_nnodes(v));
	strbuf_release(&name);
	view_free(v);
}
END_TEST

START_TEST(names_that_are_not_there_lead_nowhere)
{
	struct view *v = open_view(models[0].source, NULL, NULL);

	ck_assert_uint_eq(view_find(v, ""), VIEW_ROOT);
	ck_assert_uint_ne(view_find(v, "/params//"), 0);
	ck_assert_uint_eq(view_find(v, "nothing"), 0);
	ck_assert_uint_eq(view_find(v, "params/nothing.npy"), 0);
	ck_assert_uint_eq(view_find(v, "params/lm_head.weight"), 0);
	ck_assert_uint_ne(view_find(v, "params/lm_head.weight.npy"), 0);
	ck_assert_uint_eq(view_find(v, "params/lm%5Fhead.weight.npy"), 0);
	ck_assert_uint_eq(view_find(v, "model.ckpt/x"), 0);
	view_free(v);
}
END_TEST

START_TEST(the_shards_of_a_ckpt_are_the_whole_cut_up)
{
	struct view *v = open_view(models[0].source, NULL, NULL);
	uint64_t dir = view_find(v, "ckpt"), node = 0, sum = 0;
	uint64_t whole = view_find(v, "model.ckpt");
	struct strbuf name = STRBUF_INIT;
	struct node_stat st, all;
	struct reader rd;
	uint8_t *want;

	ck_assert_int_eq(view_reader_init(v, &rd), 0);
	ck_assert(view_stat(v, whole, &all) && all.is_ckpt);
	want = read_whole(v, whole, &rd, all.nbytes);
	while ((node = view_next(v, dir, node, &name))) {
		uint8_t *part;

		ck_assert(view_stat(v, node, &st));
		if (!st.is_ckpt)
			continue; /* the index */
		part = read_whole(v, node, &rd, st.nbytes);
		ck_assert_int_eq(memcmp(part, want + sum, st.nbytes), 0);
		sum += st.nbytes;
		free(part);
	}
	ck_assert_uint_eq(sum, all.nbytes);
	strbuf_release(&name);
	reader_release(&rd);
	free(want);
	view_free(v);
}
END_TEST

START_TEST(a_parameters_offset_is_where_its_bytes_are)
{
	struct view *v = open_view(models[0].source, NULL, NULL);
	uint64_t node = view_find(v, "params/model.norm_out.weight.npy");
	uint64_t ckpt = view_find(v, "model.ckpt");
	struct strbuf value = STRBUF_INIT;
	struct node_stat st;
	struct reader rd;
	uint8_t *npy, *all;
	uint64_t off;

	ck_assert_int_eq(view_reader_init(v, &rd), 0);
	ck_assert_int_eq(view_xattr(v, node, "user.wconvfs.offset", &value), 0);
	off = strtoull(value.p, NULL, 10);
	ck_assert(view_stat(v, node, &st));
	npy = read_whole(v, node, &rd, st.nbytes);
	ck_assert(view_stat(v, ckpt, &st));
	all = read_whole(v, ckpt, &rd, st.nbytes);
	/* bf16[48]: 96 bytes behind a .npy header of 128 */
	ck_assert_int_eq(memcmp(all + off, npy + 128, 96), 0);
	ck_assert_int_eq(view_xattr(v, node, "user.wconvfs.none", &value),
			 -ENODATA);
	strbuf_release(&value);
	reader_release(&rd);
	free(npy);
	free(all);
	view_free(v);
}
END_TEST

/* ---- file names ---- */

static void check_filename(struct str name, const char *want)
{
	struct tensor_set set = TENSOR_SET_INIT;
	struct tensor t = {.name = name};
	struct strbuf sb = STRBUF_INIT;

	filename_of(name, ".npy", &sb);
	if (want)
		ck_assert_str_eq(sb.p, want);
	ck_assert_uint_le(sb.len, FILENAME_MAX_NBYTES);
	ck_assert_int_eq(tensor_set_add(&set, &t), 0);
	ck_assert_ptr_eq(filename_find(&set, strbuf_str(&sb), ".npy"), set.v);
	strbuf_release(&sb);
	tensor_set_release(&set);
}

START_TEST(file_names_are_safe_and_lead_back)
{
	check_filename(str_of("a.b"), "a.b.npy");
	check_filename(str_of("../../etc/passwd"),
		       "%2E.%2F..%2Fetc%2Fpasswd.npy");
	check_filename(str_of(".hidden"), "%2Ehidden.npy");
	check_filename(str_of("100%"), "100%25.npy");
	check_filename(str_of("%2F"), "%252F.npy");
	check_filename((struct str){"a\0b\n", 4}, "a%00b%0A.npy");
	check_filename(str_of("sp ace \xc3\xa9"), "sp ace \xc3\xa9.npy");
	check_filename(str_of(""), "%.npy");
}
END_TEST

START_TEST(long_names_are_cut_and_lead_back)
{
	char name[600];

	/* 251 bytes are the longest that stay whole */
	memset(name, 'x', sizeof(name));
	check_filename((struct str){name, 251}, NULL);
	check_filename((struct str){name, 252}, NULL);
	check_filename((struct str){name, 600}, NULL);
	for (size_t n = 0; n < 300; n++) /* two-byte characters, odd borders */
		memcpy(name + 2 * n, "\xc3\xa9", 2);
	check_filename((struct str){name, 600}, NULL);
	memset(name, '/', sizeof(name));
	check_filename((struct str){name, 100}, NULL);
	check_filename((struct str){name + 1, 99}, NULL);
}
END_TEST

START_TEST(a_cut_name_ends_at_a_character)
{
	struct strbuf sb = STRBUF_INIT;
	char name[300];

	name[0] = 'x';
	for (size_t n = 0; n < 149; n++)
		memcpy(name + 1 + 2 * n, "\xc3\xa9", 2);
	filename_of((struct str){name, 299}, ".npy", &sb);
	/* 200 falls within a character: 199 bytes, ~, 16 digits, .npy */
	ck_assert_uint_eq(sb.len, 199 + 1 + 16 + 4);
	ck_assert_int_eq(sb.p[199], '~');
	strbuf_release(&sb);
}
END_TEST

START_TEST(a_name_that_looks_cut_is_another_one)
{
	struct tensor_set set = TENSOR_SET_INIT;
	struct strbuf cut = STRBUF_INIT, whole = STRBUF_INIT;
	struct tensor t;
	char name[300];

	memset(name, 'x', sizeof(name));
	filename_of((struct str){name, sizeof(name)}, "", &cut);
	filename_of(strbuf_str(&cut), "", &whole);
	ck_assert_str_ne(whole.p, cut.p);
	t = (struct tensor){.name = strbuf_str(&cut)};
	ck_assert_int_eq(tensor_set_add(&set, &t), 0);
	t = (struct tensor){.name = {name, sizeof(name)}};
	ck_assert_int_eq(tensor_set_add(&set, &t), 0);
	ck_assert_ptr_eq(filename_find(&set, strbuf_str(&whole), ""), set.v);
	ck_assert_ptr_eq(filename_find(&set, strbuf_str(&cut), ""), set.v + 1);
	tensor_set_release(&set);
	strbuf_release(&cut);
	strbuf_release(&whole);
}
END_TEST

START_TEST(sizes_have_units)
{
	uint64_t n;

	ck_assert(parse_size("0", &n) && n == 0);
	ck_assert(parse_size("5GB", &n) && n == UINT64_C(5000000000));
	ck_assert(parse_size("5GiB", &n) && n == UINT64_C(5) << 30);
	ck_assert(parse_size("512M", &n) && n == UINT64_C(512) << 20);
	ck_assert(parse_size("18446744073709551615", &n) && n == UINT64_MAX);
	ck_assert(!parse_size("18446744073709551616", &n));
	ck_assert(!parse_size("99999999999T", &n));
	ck_assert(!parse_size("", &n));
	ck_assert(!parse_size("GB", &n));
	ck_assert(!parse_size("-1", &n));
	ck_assert(!parse_size("5 GB", &n));
}
END_TEST

Suite *suite_view(void)
{
	Suite *s = suite_create("view");
	TCase *tree = tcase_create("tree"), *names = tcase_create("names");
	int n = (int)(sizeof(models) / sizeof(models[0]));

	tcase_set_timeout(tree, 120);
	tcase_add_loop_test(
		tree, every_slice_of_every_file_is_that_of_the_whole, 0, n);
	tcase_add_loop_test(tree, listed_names_lead_to_their_nodes, 0, n);
	tcase_add_test(tree, names_that_are_not_there_lead_nowhere);
	tcase_add_test(tree, the_shards_of_a_ckpt_are_the_whole_cut_up);
	tcase_add_test(tree, a_parameters_offset_is_where_its_bytes_are);
	tcase_add_test(names, file_names_are_safe_and_lead_back);
	tcase_add_test(names, long_names_are_cut_and_lead_back);
	tcase_add_test(names, a_cut_name_ends_at_a_character);
	tcase_add_test(names, a_name_that_looks_cut_is_another_one);
	tcase_add_test(names, sizes_have_units);
	suite_add_tcase(s, tree);
	suite_add_tcase(s, names);
	return s;
}
