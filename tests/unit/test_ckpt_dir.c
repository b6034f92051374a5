/* SPDX-License-Identifier: Apache-2.0 */
/* MindSpore sources of more than one file: layers, epochs, ranks, shards. */
#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/slurp.h"
#include "formats/checkpoint.h"
#include "tests/unit/ckpt_bytes.h"

#define DIST "tests/golden/formats/ckpt/dist4"

Suite *suite_ckpt_dir(void);

static char dir[64]; /* of the running test */
static struct source_options opt;
static struct checkpoint c;
static struct error err;

static const char *in_dir(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, struct str bytes)
{
	FILE *f = fopen(in_dir(name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
	ck_assert_int_eq(fclose(f), 0);
}

/* A ckpt of one-byte tensors called after the words, which end with NULL. */
static void put_words(const char *name, const char *const *words)
{
	struct strbuf sb = STRBUF_INIT;

	for (; *words; words++)
		CKPT(&sb, *words, "UInt8", "x", 1);
	put(name, strbuf_str(&sb));
	strbuf_release(&sb);
}

#define PUT(name, ...) put_words(name, (const char *const[]){__VA_ARGS__, NULL})

/* A safetensors file of a tensor with that metadata; name is its name too. */
static void put_safetensors(const char *name, const char *metadata,
			    const char *tensor)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_add(&sb, "\0\0\0\0\0\0\0\0", 8);
	strbuf_addf(&sb,
		    "{\"__metadata__\":%s,\"%s\":{\"dtype\":\"U8\",\"shape\":"
		    "[1],\"data_offsets\":[0,1]}}",
		    metadata, tensor);
	sb.p[0] = (char)(sb.len - 8);
	strbuf_addc(&sb, 'x');
	put(name, strbuf_str(&sb));
	strbuf_release(&sb);
}

#define MS "{\"format\":\"ms\"}"

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/wconv-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	err = (struct error)ERROR_INIT;
	opt = (struct source_options)SOURCE_OPTIONS_INIT;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void teardown(void)
{
	ck_assert_int_eq(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* The source holds the tensors of those names, and is let go. */
static void expect_words(const char *name, const char *const *words)
{
	const char *path = *name ? in_dir(name) : dir;
	size_t n = 0;

	ck_assert_msg(checkpoint_open(&c, path, &opt, &err) == 0, "%s",
		      error_text(&err));
	ck_assert(c.reading.is_mindspore);
	for (; words[n]; n++)
		ck_assert_msg(tensor_set_find(&c.tensors, str_of(words[n])) !=
				      NULL,
			      "no %s", words[n]);
	ck_assert_uint_eq(c.tensors.n, n);
	checkpoint_release(&c);
}

#define EXPECT(name, ...)                                                      \
	expect_words(name, (const char *const[]){__VA_ARGS__, NULL})

static void expect_refused(const char *name, const char *words)
{
	const char *path = *name ? in_dir(name) : dir;

	ck_assert_int_eq(checkpoint_open(&c, path, &opt, &err), -EINVAL);
	checkpoint_release(&c);
	ck_assert_int_eq(err.class, ERR_SOURCE);
	ck_assert_msg(strstr(error_text(&err), words) != NULL, "no \"%s\": %s",
		      words, error_text(&err));
	error_release(&err);
}

static void expect_note(const char *words)
{
	ck_assert_msg(checkpoint_open(&c, dir, &opt, &err) == 0, "%s",
		      error_text(&err));
	ck_assert_msg(c.notes.p && strstr(c.notes.p, words) != NULL,
		      "no \"%s\": %s", words, c.notes.p);
	checkpoint_release(&c);
}

START_TEST(one_file)
{
	PUT("any.ckpt", "a", "b", "adam_m.a", "epoch_num");
	EXPECT("", "a", "b");
	EXPECT("any.ckpt", "a", "b");
	expect_note("1 of adam_m.*, epoch_num");
	opt.keep_extra = true;
	EXPECT("", "a", "b", "adam_m.a", "epoch_num");
	PUT("noname", "a");
	EXPECT("noname", "a");
	put("zip.ckpt", (struct str){"PK\3\4....", 8});
	expect_refused("zip.ckpt", "zip archive");
}
END_TEST

START_TEST(shards)
{
	PUT("mindspore_model-00001-of-00002.ckpt", "a", "adam_v.a");
	PUT("mindspore_model-00002-of-00002.ckpt", "b");
	PUT("old.ckpt", "z");
	put("mindspore_model.ckpt.index.json",
	    str_of("{\"weight_map\":{"
		   "\"a\":\"mindspore_model-00001-of-00002.ckpt\","
		   "\"adam_v.a\":\"mindspore_model-00001-of-00002.ckpt\","
		   "\"b\":\"mindspore_model-00002-of-00002.ckpt\"}}"));
	EXPECT("", "a", "b");
	EXPECT("mindspore_model-00002-of-00002.ckpt", "a", "b");
	EXPECT("mindspore_model.ckpt.index.json", "a", "b");
	EXPECT("old.ckpt", "z");
	PUT("mindspore_model.ckpt", "whole");
	EXPECT("", "whole");
	ck_assert_int_eq(unlink(in_dir("mindspore_model.ckpt")), 0);
	ck_assert_int_eq(unlink(in_dir("mindspore_model.ckpt.index.json")), 0);
	ck_assert_int_eq(unlink(in_dir("old.ckpt")), 0);
	EXPECT("", "a", "b");
	PUT("mindspore_model-00002-of-00002.ckpt", "b", "a");
	EXPECT("", "a", "b");
}
END_TEST

START_TEST(a_layer_each)
{
	struct strbuf another = STRBUF_INIT;

	PUT("embedding.ckpt", "e");
	PUT("layer_0.ckpt", "l.0.w", "global_step");
	PUT("layer_1.ckpt", "l.1.w", "global_step");
	PUT("layer_10.ckpt", "l.10.w");
	EXPECT("", "e", "l.0.w", "l.1.w", "l.10.w");
	expect_note("4 files without an index are read as parts");
	EXPECT("layer_1.ckpt", "l.1.w");
	CKPT(&another, "e", "UInt8", "y", 1);
	put("other.ckpt", strbuf_str(&another));
	strbuf_release(&another);
	expect_refused("", "if they are no parts of one model");
}
END_TEST

/* Two files of a parameter w each. */
static void put_two(const char *type, const char *bytes, size_t nbytes)
{
	struct strbuf one = STRBUF_INIT, two = STRBUF_INIT;

	CKPT(&one, "w", "UInt8", "xyz", 3);
	ckpt_put(&two, "w", type, (const int64_t[]){(int64_t)nbytes, -1},
		 (struct str){bytes, nbytes});
	put("one.ckpt", strbuf_str(&one));
	put("two.ckpt", strbuf_str(&two));
	strbuf_release(&one);
	strbuf_release(&two);
}

START_TEST(parameter_in_two_files_is_one_if_all_is_equal)
{
	static const char want[] = "one.ckpt has another of that name";

	put_two("UInt8", "xyz", 3);
	EXPECT("", "w");
	put_two("UInt8", "xyw", 3);
	expect_refused("", want);
	put_two("UInt8", "xy", 2);
	expect_refused("", want);
	put_two("Int8", "xyz", 3);
	expect_refused("", want);
}
END_TEST

START_TEST(epochs)
{
	PUT("net-1_100.ckpt", "old");
	PUT("net-9_100.ckpt", "older");
	PUT("net-10_5.ckpt", "new");
	PUT("net-10_25.ckpt", "newest");
	EXPECT("", "newest");
	EXPECT("net-1_100.ckpt", "old");
	expect_note("net-10_25.ckpt is the latest of 4");
	PUT("other-1_1.ckpt", "x");
	expect_refused("", "5 checkpoints that are not the epochs");
	ck_assert_int_eq(unlink(in_dir("other-1_1.ckpt")), 0);
	PUT("final.ckpt", "x");
	expect_refused("", "final.ckpt, net-10_25.ckpt");
	put_safetensors("net-1_100.safetensors", MS, "old");
	put_safetensors("net-2_100.safetensors", MS, "new");
	EXPECT("", "new");
	put_safetensors("final.safetensors", MS, "x");
	expect_refused("", "3 checkpoints that are not the epochs");
}
END_TEST

START_TEST(ranks_without_a_strategy)
{
	ck_assert_int_eq(mkdir(in_dir("rank_3"), 0700), 0);
	put("config.json", str_of("{}"));
	expect_refused("", "rank_3 holds no checkpoint");
	PUT("rank_3/x-1_1.ckpt", "a");
	PUT("rank_3/x-2_1.ckpt", "b");
	EXPECT("", "b");
	EXPECT("rank_3", "b");
	ck_assert_int_eq(checkpoint_open(&c, dir, &opt, &err), 0);
	ck_assert_str_eq(c.config_path, in_dir("config.json"));
	checkpoint_release(&c);
	ck_assert_int_eq(mkdir(in_dir("rank_x"), 0700), 0);
	EXPECT("", "b");
	ck_assert_int_eq(mkdir(in_dir("rank_10"), 0700), 0);
	expect_refused("", "slices of 2 ranks");
	expect_refused("", "--strategy");
}
END_TEST

static void copy_rank(const char *to, int rank)
{
	struct strbuf sb = STRBUF_INIT;
	char path[128];

	snprintf(path, sizeof(path), DIST "/rank_%d/slice_%d.ckpt", rank, rank);
	ck_assert_int_eq(slurp(&sb, path, 1 << 20, &err), 0);
	snprintf(path, sizeof(path), "rank_%d", rank);
	ck_assert(mkdir(in_dir(path), 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "rank_%d/%s", rank, to);
	put(path, strbuf_str(&sb));
	strbuf_release(&sb);
}

START_TEST(ranks_with_a_strategy)
{
	opt.strategy = DIST "/strategy.ckpt";
	expect_refused("", "no directories rank_0");
	for (int r = 0; r < 4; r++)
		copy_rank("net.ckpt", r);
	EXPECT("", "emb.weight", "qkv.weight", "proj.weight", "norm.weight",
	       "opt.weight", "step");
	ck_assert_int_eq(checkpoint_open(&c, dir, &opt, &err), 0);
	ck_assert_uint_eq(c.tensors.nsources, 4);
	ck_assert_uint_eq(
		tensor_set_find(&c.tensors, str_of("qkv.weight"))->dims[1], 4);
	checkpoint_release(&c);
	expect_refused("rank_0/net.ckpt", "is a file");
	PUT("rank_0/other.ckpt", "x");
	expect_refused("", "rank_0 holds 2 checkpoints");
	ck_assert_int_eq(unlink(in_dir("rank_0/other.ckpt")), 0);
	ck_assert_int_eq(mkdir(in_dir("rank_4"), 0700), 0);
	PUT("rank_4/x.ckpt", "x");
	expect_refused("", "has a rank 4, but");
	opt.strategy = "nothing";
	ck_assert_int_eq(checkpoint_open(&c, dir, &opt, &err), -ENOENT);
	checkpoint_release(&c);
	error_release(&err);
}
END_TEST

/* Each rank has the step that is joined, or the slices are of two models. */
START_TEST(ranks_of_one_step)
{
	opt.strategy = DIST "/strategy.ckpt";
	for (int r = 0; r < 4; r++)
		copy_rank("net-1_2.ckpt", r);
	copy_rank("net-1_10.ckpt", 0);
	expect_refused("", "rank_0/net-1_10.ckpt and rank_1/net-1_2.ckpt");
	for (int r = 1; r < 4; r++)
		copy_rank("net-1_10.ckpt", r);
	EXPECT("", "emb.weight", "qkv.weight", "proj.weight", "norm.weight",
	       "opt.weight", "step");
}
END_TEST

START_TEST(safetensors_of_mindspore)
{
	put_safetensors("a.safetensors", MS, "a");
	put_safetensors("b.safetensors", MS, "adam_m.a");
	put("param_name_map.json",
	    str_of("{\"a\":\"a.safetensors\",\"adam_m.a\":\"b.safetensors\"}"));
	EXPECT("", "a");
	EXPECT("param_name_map.json", "a");
	EXPECT("b.safetensors", "a");
	opt.keep_extra = true;
	EXPECT("", "a", "adam_m.a");
	put_safetensors("hyper_param.safetensors", MS, "h");
	EXPECT("", "a", "adam_m.a", "h");
	put("param_name_map.json",
	    str_of("{\"metadata\":{\"total_size\":2},\"weight_map\":"
		   "{\"a\":\"a.safetensors\",\"adam_m.a\":\"b.safetensors\"}"
		   "}"));
	EXPECT("", "a", "adam_m.a", "h");
	put_safetensors("model.safetensors", MS, "m");
	put("param_name_map.json", str_of("{\"a\":\"a.safetensors\",\"m\":"
					  "\"model.safetensors\"}"));
	EXPECT("", "a", "m", "h");
	put("param_name_map.json", str_of("{\"a\":\"model.safetensors\","
					  "\"m\":\"model.safetensors\"}"));
	expect_refused("", "do not have: a");
	put("param_name_map.json", str_of("{\"a\":1}"));
	expect_refused("", "\"a\" is no file name");
	put("other.json", str_of("{\"a\":\"a.safetensors\"}"));
	expect_refused("other.json", "weight_map");
}
END_TEST

/* A file of MindSpore 2.10, by save_checkpoint(..., crc_check=True). */
START_TEST(safetensors_checksum)
{
	static const char file[] =
		"\x20\1\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"ms\","
		"\"crc_num\":\"888636962\"},\"w.b\":{\"dtype\":\"F32\","
		"\"shape\":[2],\"data_offsets\":[0,8]},\"\303\251\":{\"dtype\":"
		"\"F32\",\"shape\":[],\"data_offsets\":[8,12]},\"global_step\":"
		"{\"dtype\":\"I32\",\"shape\":[],\"data_offsets\":[12,16]},"
		"\"w.a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":"
		"[16,18]}}    \0\0\x80?\0\0\0@\0\0 @\5\0\0\0\0B";
	char bad[sizeof(file)];

	opt.check_crc = true;
	put("model.safetensors", (struct str){file, sizeof(file) - 1});
	expect_note("its checksum is right");
	memcpy(bad, file, sizeof(file));
	bad[sizeof(file) - 2] = 'C';
	put("model.safetensors", (struct str){bad, sizeof(bad) - 1});
	expect_refused("", "is damaged: its CRC-32 is");
	opt.check_crc = false;
	EXPECT("", "w.b", "\303\251", "w.a");
	opt.check_crc = true;
	put_safetensors("model.safetensors", MS, "m");
	expect_note("has no checksum");
}
END_TEST

/* What others write keeps every name, and is not said to be MindSpore's. */
START_TEST(safetensors_of_others)
{
	put_safetensors("model.safetensors", "{\"format\":\"pt\"}", "adam_m.a");
	ck_assert_int_eq(checkpoint_open(&c, dir, &opt, &err), 0);
	ck_assert_uint_eq(c.tensors.n, 1);
	ck_assert(!c.reading.is_mindspore);
	checkpoint_release(&c);
	put_safetensors("model.safetensors",
			"{\"format\":\"ms\",\"q\":\"Int4\"}", "q");
	expect_note("Int4");
}
END_TEST

/* A safetensors file of two tensors. */
static void put_pair(const char *name, const char *first, const char *second)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_add(&sb, "\0\0\0\0\0\0\0\0", 8);
	strbuf_addf(&sb,
		    "{\"%s\":{\"dtype\":\"U8\",\"shape\":[1],"
		    "\"data_offsets\":[0,1]},\"%s\":{\"dtype\":\"U8\","
		    "\"shape\":[1],\"data_offsets\":[1,2]}}",
		    first, second);
	sb.p[0] = (char)(sb.len - 8);
	strbuf_adds(&sb, "xy");
	put(name, strbuf_str(&sb));
	strbuf_release(&sb);
}

/* The tensor of that name is read from that file. */
static void expect_file(const char *name, const char *file)
{
	const struct source *src;
	uint64_t off;

	tensor_first_byte(tensor_set_find(&c.tensors, str_of(name)), &src,
			  &off);
	ck_assert_str_eq(strrchr(src->path, '/') + 1, file);
}

START_TEST(the_map_names_the_file_of_a_tensor_in_two)
{
	put_pair("1.safetensors", "a", "b");
	put_pair("2.safetensors", "b", "a");
	put("param_name_map.json",
	    str_of("{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}"));
	ck_assert_int_eq(checkpoint_open(&c, dir, &opt, &err), 0);
	ck_assert_uint_eq(c.tensors.n, 2);
	expect_file("a", "1.safetensors");
	expect_file("b", "2.safetensors");
	checkpoint_release(&c);
	expect_note("in two files");
	put("param_name_map.json",
	    str_of("{\"a\":\"1.safetensors\",\"x\":\"2.safetensors\"}"));
	expect_refused("", "1.safetensors has one of that name too");
}
END_TEST

Suite *suite_ckpt_dir(void)
{
	Suite *s = suite_create("ckpt_dir");
	TCase *t = tcase_create("ckpt_dir");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, one_file);
	tcase_add_test(t, shards);
	tcase_add_test(t, a_layer_each);
	tcase_add_test(t, parameter_in_two_files_is_one_if_all_is_equal);
	tcase_add_test(t, epochs);
	tcase_add_test(t, ranks_without_a_strategy);
	tcase_add_test(t, ranks_with_a_strategy);
	tcase_add_test(t, ranks_of_one_step);
	tcase_add_test(t, safetensors_of_mindspore);
	tcase_add_test(t, safetensors_checksum);
	tcase_add_test(t, safetensors_of_others);
	tcase_add_test(t, the_map_names_the_file_of_a_tensor_in_two);
	suite_add_tcase(s, t);
	return s;
}
