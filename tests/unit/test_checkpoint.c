/* SPDX-License-Identifier: Apache-2.0 */
/* What SOURCE may be: directories, indexes, shards, files, adapters. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/slurp.h"
#include "formats/checkpoint.h"

Suite *suite_checkpoint(void);

static char dir[64]; /* of the running test */
static struct checkpoint c;
static struct error err;

static const char *in_dir(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const void *p, size_t n)
{
	FILE *f = fopen(in_dir(name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* A safetensors file of one-byte tensors called after the letters. */
static void put_shard(const char *name, const char *letters)
{
	struct strbuf sb = STRBUF_INIT;
	size_t n = strlen(letters);

	strbuf_add(&sb, "\0\0\0\0\0\0\0\0{", 9);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&sb,
			    "%s\"%c\":{\"dtype\":\"U8\",\"shape\":[1],"
			    "\"data_offsets\":[%zu,%zu]}",
			    i ? "," : "", letters[i], i, i + 1);
	strbuf_addc(&sb, '}');
	sb.p[0] = (char)((sb.len - 8) & 0xff);
	sb.p[1] = (char)((sb.len - 8) >> 8);
	strbuf_adds(&sb, letters);
	put(name, sb.p, sb.len);
	strbuf_release(&sb);
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/wconv-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	err = (struct error)ERROR_INIT;
}

static void teardown(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while ((e = readdir(d)) != NULL)
		if (unlink(in_dir(e->d_name)))
			rmdir(in_dir(e->d_name));
	closedir(d);
	ck_assert_int_eq(rmdir(dir), 0);
}

static const struct source_options plain = SOURCE_OPTIONS_INIT;

static int open_path(const char *path)
{
	error_release(&err);
	return checkpoint_open(&c, path, &plain, &err);
}

/* The source holds the tensors called after the letters, in that order. */
static void expect_at(const char *path, const char *letters)
{
	ck_assert_msg(open_path(path) == 0, "%s", error_text(&err));
	ck_assert_uint_eq(c.tensors.n, strlen(letters));
	for (size_t i = 0; i < c.tensors.n; i++)
		ck_assert(str_eq(c.tensors.v[i].name,
				 (struct str){letters + i, 1}));
}

static void expect(const char *name, const char *letters)
{
	expect_at(in_dir(name), letters);
	checkpoint_release(&c);
}

/* The source is refused in a sentence that has all the words. */
static void expect_refused(const char *name, const char *const *words)
{
	ck_assert_int_lt(open_path(in_dir(name)), 0);
	checkpoint_release(&c);
	ck_assert_int_eq(err.class, ERR_SOURCE);
	for (; *words; words++)
		ck_assert_msg(strstr(error_text(&err), *words) != NULL,
			      "no \"%s\" in: %s", *words, error_text(&err));
	error_release(&err);
}

#define REFUSED(name, ...)                                                     \
	expect_refused(name, (const char *const[]){__VA_ARGS__, NULL})

#define SHARD(k) "model-0000" #k "-of-00003.safetensors"

static void put_shards(void)
{
	put_shard(SHARD(1), "ab");
	put_shard(SHARD(2), "c");
	put_shard(SHARD(3), "d");
}

#define INDEX "model.safetensors.index.json"

static const char index_text[] =
	"{\"metadata\":{},\"weight_map\":{\"d\":\"" SHARD(
		3) "\",\"a\":\"" SHARD(1) "\",\"b\":\"" SHARD(1) "\",\"c\":"
								 "\"" SHARD(
									 2) "\""
									    "}"
									    "}";

START_TEST(directory_with_one_file)
{
	put_shard("model.safetensors", "ab");
	put_text("config.json", "{}");
	expect_at(dir, "ab");
	ck_assert_str_eq(c.dir, dir);
	ck_assert_str_eq(c.config_path, in_dir("config.json"));
	ck_assert(!c.is_adapter);
	ck_assert_uint_eq(c.notes.len, 0);
	checkpoint_release(&c);
	expect(".", "ab");
	expect("./", "ab");
}
END_TEST

START_TEST(the_single_file_beats_the_rest)
{
	put_shards();
	put_shard("model.safetensors", "z");
	put_text(INDEX, index_text);
	put_text("pytorch_model.bin", "PK\3\4");
	expect_at(dir, "z");
	ck_assert_ptr_nonnull(strstr(c.notes.p, "pytorch_model.bin"));
	ck_assert_ptr_nonnull(strstr(c.notes.p, SHARD(2)));
	checkpoint_release(&c);
}
END_TEST

START_TEST(directory_with_an_index)
{
	put_shards();
	put_shard("consolidated.safetensors", "z");
	put_text(INDEX, index_text);
	expect_at(dir, "abcd");
	ck_assert_ptr_null(c.config_path);
	ck_assert_ptr_nonnull(strstr(c.notes.p, "consolidated.safetensors"));
	checkpoint_release(&c);
	expect(INDEX, "abcd");
	expect(SHARD(2), "abcd");
	expect("consolidated.safetensors", "z");
}
END_TEST

START_TEST(an_index_of_another_name)
{
	put_shard("a.safetensors", "ab");
	put_shard("b.safetensors", "c");
	put_text("diffusion.safetensors.index.json",
		 "{\"weight_map\":{\"a\":\"a.safetensors\",\"b\":"
		 "\"a.safetensors\",\"c\":\"b.safetensors\"}}");
	expect("", "abc");
	expect("b.safetensors", "abc");
}
END_TEST

START_TEST(numbered_files_without_an_index)
{
	put_shards();
	expect("", "abcd");
	expect(SHARD(3), "abcd");
	put_shard("extra.safetensors", "z");
	expect(SHARD(3), "abcd");
	expect("extra.safetensors", "z");
	REFUSED("", "4 files", "extra.safetensors", SHARD(1));
	unlink(in_dir("extra.safetensors"));
	unlink(in_dir(SHARD(2)));
	REFUSED("", SHARD(2));
	REFUSED(SHARD(1), SHARD(2), "3 shards");
	unlink(in_dir(SHARD(3)));
	REFUSED("", SHARD(2) ", " SHARD(3));
}
END_TEST

START_TEST(numbers_of_other_widths)
{
	put_shard("m-00001-of-000002.safetensors", "a");
	put_shard("m-00002-of-000002.safetensors", "b");
	expect("", "ab");
	put_shard("m-1-of-2.safetensors", "z");
	expect("m-00002-of-000002.safetensors", "ab");
	REFUSED("m-1-of-2.safetensors", "m-2-of-2.safetensors");
	put_shard("x-00001-of-999999999.safetensors", "z");
	REFUSED("x-00001-of-999999999.safetensors",
		"x-00006-of-999999999.safetensors and 999999993 more");
	put_shard("x-00000-of-00002.safetensors", "z");
	expect("x-00000-of-00002.safetensors", "z");
	put_shard("-of-00002.safetensors", "y");
	expect("-of-00002.safetensors", "y");
}
END_TEST

START_TEST(other_single_names)
{
	put_shard("weights.safetensors", "ab");
	put_text("optimizer.pt", "PK\3\4");
	expect("", "ab");
	expect("weights.safetensors", "ab");
	put_shard("more.safetensors", "c");
	REFUSED("", "2 files", "more.safetensors, weights.safetensors");
}
END_TEST

/* A PyTorch file of one tensor of the corpus, called w. */
static void put_torch(const char *name)
{
	struct strbuf sb = STRBUF_INIT;

	ck_assert_int_eq(slurp(&sb, "tests/golden/formats/torch/plain.pt",
			       1 << 20, &err),
			 0);
	put(name, sb.p, sb.len);
	strbuf_release(&sb);
}

START_TEST(pytorch_files)
{
	put_torch("training_args.bin");
	put_torch("optimizer.pt");
	REFUSED("", "no weights");
	put_torch("anything.pth");
	expect(".", "w");
	put_torch("other.bin");
	expect(".", "w");
	put_torch("more.bin");
	REFUSED("", "2 files of weights", "more.bin, other.bin");
	put_torch("pytorch_model.bin");
	expect(".", "w");
	ck_assert_int_eq(unlink(in_dir("pytorch_model.bin")), 0);
	put_text("pytorch_model.bin.index.json",
		 "{\"metadata\":{},\"weight_map\":{\"w\":\"more.bin\"}}");
	expect(".", "w");
	expect("more.bin", "w");
	expect("other.bin", "w");
	put_text("pytorch_model.bin.index.json",
		 "{\"metadata\":{},\"weight_map\":{\"v\":\"more.bin\"}}");
	REFUSED("", "do not have: v");
	put_shard("model.safetensors", "a");
	expect(".", "a");
}
END_TEST

START_TEST(a_directory_of_arrays)
{
	static const char array[] =
		"\x93NUMPY\1\0\x36\0"
		"{'descr': '|u1', 'fortran_order': False, 'shape': ()}\n\5";

	put("b.npy", array, sizeof(array) - 1);
	put("a.npy", array, sizeof(array) - 1);
	expect(".", "ab");
	expect("b.npy", "b");
	put_shard("model.safetensors", "z");
	expect(".", "z");
}
END_TEST

START_TEST(pieces_of_a_model)
{
	static const char *const names[] = {"a@0", "b@0", "b@1", "c@1"};

	put_shard("consolidated.00.safetensors", "ab");
	put_shard("consolidated.01.safetensors", "bc");
	put_text("params.json", "{}");
	put_text("notes.txt", "");
	for (int file = 0; file < 2; file++) {
		const char *path = file ? in_dir("consolidated.01.safetensors")
					: dir;

		ck_assert_msg(open_path(path) == 0, "%s", error_text(&err));
		ck_assert_uint_eq(c.tensors.n, 4);
		for (size_t i = 0; i < 4; i++)
			ck_assert(str_is(c.tensors.v[i].name, names[i]));
		ck_assert_str_eq(c.config_path, in_dir("params.json"));
		ck_assert_uint_eq(c.npassed, 2);
		checkpoint_release(&c);
	}

	put_text("config.json", "{}");
	ck_assert_int_eq(open_path(dir), 0);
	ck_assert_str_eq(c.config_path, in_dir("config.json"));
	checkpoint_release(&c);

	put_shard("consolidated.04.safetensors", "a");
	REFUSED("", "up to consolidated.04.safetensors",
		"consolidated.02.safetensors", "consolidated.03.safetensors");
	put_shard("consolidated.1.safetensors", "a");
	REFUSED("", "consolidated.01.safetensors", "consolidated.1.safetensors",
		"are both piece 1");
	put_shard("model.safetensors", "m");
	expect("", "m");
}
END_TEST

START_TEST(a_piece_alone_read_as_it_is)
{
	struct source_options raw = plain;

	raw.raw = true;
	put_shard("consolidated.00.safetensors", "ab");
	put_text("consolidated.x.safetensors", "");
	ck_assert_int_eq(checkpoint_open(&c, dir, &raw, &err), 0);
	ck_assert_uint_eq(c.tensors.n, 2);
	ck_assert(str_is(c.tensors.v[1].name, "b"));
	checkpoint_release(&c);
}
END_TEST

START_TEST(adapters)
{
	put_shard("adapter_model.safetensors", "ab");
	expect_at(dir, "ab");
	ck_assert(!c.is_adapter);
	checkpoint_release(&c);
	put_text("adapter_config.json", "{}");
	put_text("training_args.bin", "PK\3\4");
	expect_at(dir, "ab");
	ck_assert(c.is_adapter);
	checkpoint_release(&c);
	expect_at(in_dir("adapter_model.safetensors"), "ab");
	ck_assert(c.is_adapter);
	checkpoint_release(&c);
	put_text("pytorch_model.bin", "PK\3\4");
	REFUSED("", "pytorch_model.bin", "zip archive");
	put_shard("model.safetensors", "m");
	expect_at(dir, "m");
	ck_assert(!c.is_adapter);
	checkpoint_release(&c);
}
END_TEST

START_TEST(forms_that_cannot_be_read)
{
	REFUSED("", "no weights", dir);
	REFUSED("nothing", "No such file");
	put_text("pytorch_model.bin", "PK\3\4....");
	REFUSED("", "pytorch_model.bin", "no whole zip archive");
	REFUSED("pytorch_model.bin", "no whole zip archive");
	put_text("x", "PK\3\4....");
	REFUSED("x", "no whole zip archive");
	put_text("y.pth", "hello, hello");
	REFUSED("y.pth", "y.pth", "is a text");
	unlink(in_dir("y.pth"));
	unlink(in_dir("x"));
	unlink(in_dir("pytorch_model.bin"));
	put_text("m.ckpt", "\n\4");
	REFUSED("", "m.ckpt", "MindSpore");
	REFUSED("m.ckpt", "MindSpore");
	put_text("notes.txt", "hello, hello, hello");
	REFUSED("notes.txt", "not a checkpoint in a format", "safetensors");
	put_text("empty", "");
	REFUSED("empty", "not a checkpoint in a format");
	put_text("empty.safetensors", "");
	REFUSED("empty.safetensors", "0 bytes");
	ck_assert_int_eq(mkfifo(in_dir("f.safetensors"), 0600), 0);
	REFUSED("f.safetensors", "not a regular file");
}
END_TEST

START_TEST(indexes_that_lie)
{
	put_shards();
	put_text("config.json", "{}");
	REFUSED("config.json", "weight_map");
	put_text(INDEX, "");
	REFUSED("", "not valid JSON");
	put_text(INDEX, "{\"weight_map\":");
	REFUSED("", "not valid JSON");
	put_text(INDEX, "[]");
	REFUSED("", "weight_map");
	put_text(INDEX, "{\"weight_map\":[]}");
	REFUSED("", "weight_map");
	put_text(INDEX, "{\"Weight_map\":{}}");
	REFUSED("", "weight_map");
	put_text(INDEX, "{\"weight_map\":{}}");
	REFUSED("", "names no tensors");
	put_text(INDEX, "{\"weight_map\":{\"a\":1}}");
	REFUSED("", "\"a\"");
	put_text(INDEX, "{\"weight_map\":{\"a\":\"../a.safetensors\"}}");
	REFUSED("", "\"../a.safetensors\"");
	put_text(INDEX, "{\"weight_map\":{\"a\":\"..\"}}");
	REFUSED("", "\"..\"");
	put_text(INDEX, "{\"weight_map\":{\"a\":\"\"}}");
	REFUSED("", "\"a\"");
	put_text(INDEX, "{\"weight_map\":{\"a\":\"gone.safetensors\"}}");
	REFUSED("", INDEX, "gone.safetensors");
	put_text(INDEX,
		 "{\"weight_map\":{\"zz\":\"" SHARD(1) "\",\"a\":\"" SHARD(
			 1) "\",\"yy\":\"" SHARD(1) "\"}}");
	REFUSED("", INDEX, "zz, yy");
	put_text(INDEX, "{\"weight_map\":{\"a\":\"" SHARD(
				2) "\",\"c\":\"" SHARD(1) "\"}}");
	REFUSED("", "\"a\" should be in " SHARD(2) ", but it is in " SHARD(1));
}
END_TEST

START_TEST(unlisted_tensors_are_noted)
{
	put_shards();
	put_text(INDEX, "{\"weight_map\":{\"a\":\"" SHARD(
				1) "\",\"c\":\"" SHARD(2) "\"}}");
	expect_at(dir, "abc");
	ck_assert_ptr_nonnull(strstr(c.notes.p, "does not list 1"));
	ck_assert_ptr_nonnull(strstr(c.notes.p, ": b\n"));
	checkpoint_release(&c);
}
END_TEST

START_TEST(a_tensor_in_two_shards)
{
	put_shards();
	put_shard(SHARD(3), "dc");
	REFUSED("", "tensor \"c\"", SHARD(2), SHARD(3));
	put_text(INDEX, index_text);
	REFUSED(SHARD(1), "tensor \"c\"", SHARD(2), SHARD(3));
}
END_TEST

START_TEST(a_broken_shard)
{
	put_shards();
	put(SHARD(2), "\x02\0\0\0\0\0\0\0[]", 10);
	REFUSED("", SHARD(2));
}
END_TEST

/* The hub cache: links into a directory of files named by their hash. */
START_TEST(links)
{
	char target[512];

	ck_assert_int_eq(mkdir(in_dir("blobs"), 0700), 0);
	put_shard("blobs/1234", "ab");
	put_shard("blobs/5678", "c");
	put_text("blobs/9abc", "{}");
	put("blobs/def0", "\x02\0\0\0\0\0\0\0[]", 10);
	ck_assert_int_eq(mkdir(in_dir("snap"), 0700), 0);
	ck_assert_int_eq(symlink("../blobs/1234",
				 in_dir("snap/model-00001-of-00002."
					"safetensors")),
			 0);
	ck_assert_int_eq(symlink("../blobs/5678",
				 in_dir("snap/model-00002-of-00002."
					"safetensors")),
			 0);
	ck_assert_int_eq(symlink("../blobs/9abc", in_dir("snap/config.json")),
			 0);
	expect_at(in_dir("snap"), "abc");
	snprintf(target, sizeof(target), "%s", in_dir("snap/config.json"));
	ck_assert_str_eq(c.config_path, target);
	ck_assert_uint_eq(c.npassed, 1);
	checkpoint_release(&c);
	expect("snap/model-00002-of-00002.safetensors", "abc");
	expect("blobs/1234", "ab");
	ck_assert_int_eq(
		symlink("../blobs/def0", in_dir("snap/bad.safetensors")), 0);
	REFUSED("snap/bad.safetensors", "bad.safetensors is a link to",
		"blobs/def0");
	unlink(in_dir("snap/bad.safetensors"));
	unlink(in_dir("snap/config.json"));
	unlink(in_dir("snap/model-00001-of-00002.safetensors"));
	unlink(in_dir("snap/model-00002-of-00002.safetensors"));
	unlink(in_dir("blobs/1234"));
	unlink(in_dir("blobs/5678"));
	unlink(in_dir("blobs/9abc"));
	unlink(in_dir("blobs/def0"));
}
END_TEST

START_TEST(files_passed_through)
{
	static const char *const shown[] = {"config.json", "merges.txt",
					    "model.py", "tokenizer.model"};
	static const char *const hidden[] = {
		".gitattributes",
		"x.bin",
		"y.pth",
		"z.h5",
		"a.onnx",
		"b.gguf",
		"c.msgpack",
		"d.ckpt",
		"e.pt",
		"tf_model.h5.index.json",
		"f.safetensors.incomplete",
	};

	put_shard("model.safetensors", "ab");
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		put_text(hidden[i], "x");
	expect_at(in_dir("model.safetensors"), "ab");
	ck_assert_uint_eq(c.npassed, 0);
	checkpoint_release(&c);
	for (size_t i = 4; i-- > 0;)
		put_text(shown[i], "{}");
	ck_assert_int_eq(mkdir(in_dir("onnx"), 0700), 0);
	ck_assert_int_eq(symlink("nowhere", in_dir("broken.json")), 0);
	for (int direct = 0; direct < 2; direct++) {
		expect_at(direct ? in_dir("model.safetensors") : dir, "ab");
		ck_assert_uint_eq(c.npassed, 4);
		for (size_t i = 0; i < 4; i++) {
			ck_assert_str_eq(c.passed_names[i], shown[i]);
			ck_assert_uint_eq(c.passed[i]->nbytes, 2);
		}
		checkpoint_release(&c);
	}
}
END_TEST

START_TEST(a_relative_path)
{
	char *cwd = getcwd(NULL, 0);

	put_shards();
	put_text("config.json", "{}");
	ck_assert_int_eq(chdir(dir), 0);
	expect_at(SHARD(1), "abcd");
	ck_assert_str_eq(c.dir, ".");
	ck_assert_str_eq(c.config_path, "./config.json");
	checkpoint_release(&c);
	expect_at(".", "abcd");
	checkpoint_release(&c);
	ck_assert_int_eq(chdir(cwd), 0);
	free(cwd);
}
END_TEST

Suite *suite_checkpoint(void)
{
	Suite *s = suite_create("checkpoint");
	TCase *t = tcase_create("checkpoint");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, directory_with_one_file);
	tcase_add_test(t, the_single_file_beats_the_rest);
	tcase_add_test(t, directory_with_an_index);
	tcase_add_test(t, an_index_of_another_name);
	tcase_add_test(t, numbered_files_without_an_index);
	tcase_add_test(t, numbers_of_other_widths);
	tcase_add_test(t, other_single_names);
	tcase_add_test(t, pytorch_files);
	tcase_add_test(t, a_directory_of_arrays);
	tcase_add_test(t, pieces_of_a_model);
	tcase_add_test(t, a_piece_alone_read_as_it_is);
	tcase_add_test(t, adapters);
	tcase_add_test(t, forms_that_cannot_be_read);
	tcase_add_test(t, indexes_that_lie);
	tcase_add_test(t, unlisted_tensors_are_noted);
	tcase_add_test(t, a_tensor_in_two_shards);
	tcase_add_test(t, a_broken_shard);
	tcase_add_test(t, links);
	tcase_add_test(t, files_passed_through);
	tcase_add_test(t, a_relative_path);
	suite_add_tcase(s, t);
	return s;
}
