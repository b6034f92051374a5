/* SPDX-License-Identifier: Apache-2.0 */
/* Reading PyTorch files: the golden corpus, where the weights are in the saved
 * object, strides, byte orders, and files that are damaged. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "torch_case.h"

#define CORPUS "tests/golden/formats/torch"

/* What a payload of the corpus would create. */
#define PAYLOAD "WCONVFS_PWNED"

Suite *suite_torch(void);

static struct torch_case x;

static void setup(void)
{
	torch_case_init(&x);
}

static void teardown(void)
{
	torch_case_release(&x);
}

/* ---- the corpus ---- */

/* A line of expected.tsv, taken apart. */
struct line {
	char file[64], name[64], dtype[16], shape[64], sha256[65];
};

static size_t read_expected(struct line **out)
{
	FILE *f = fopen(CORPUS "/expected.tsv", "r");
	struct line *v = calloc(1000, sizeof(*v));
	char text[512];
	size_t n = 0;

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(v);
	for (; fgets(text, sizeof(text), f); n++)
		ck_assert_int_ge(sscanf(text,
					"%63[^\t]\t%63[^\t]\t%15[^\t]\t"
					"%63[^\t]\t%64[^\n]",
					v[n].file, v[n].name, v[n].dtype,
					v[n].shape, v[n].sha256),
				 3);
	fclose(f);
	*out = v;
	return n;
}

static void check_digest(const struct tensor *t, const char *sha256)
{
	unsigned char digest[32], *data = malloc((size_t)t->nbytes + 1);
	char hex[65];

	torch_case_bytes(t, 0, (size_t)t->nbytes, data);
	EVP_Digest(data, (size_t)t->nbytes, digest, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	ck_assert_str_eq(hex, sha256);
	free(data);
}

static void check_line(const struct line *want)
{
	const struct tensor *t = tensor_set_find(&x.set, str_of(want->name));
	struct strbuf shape = STRBUF_INIT;

	ck_assert_msg(t != NULL, "%s: no tensor %s", want->file, want->name);
	ck_assert_str_eq(dtype_info(t->dtype)->safetensors, want->dtype);
	strbuf_addc(&shape, '[');
	strbuf_add_dims(&shape, t->dims, t->ndim, ',');
	strbuf_addc(&shape, ']');
	ck_assert_str_eq(shape.p, want->shape);
	strbuf_release(&shape);
	check_digest(t, want->sha256);
}

static void check_corpus_file(const char *name, const struct line *v, size_t n)
{
	size_t nlines = 0, ntensors = 0;
	bool is_any = false;
	char path[320];

	snprintf(path, sizeof(path), CORPUS "/%s", name);
	torch_case_read(&x, path, "");
	for (size_t i = 0; i < n; i++) {
		bool is_error = strcmp(v[i].name, "error") == 0;

		if (strcmp(v[i].file, name) != 0)
			continue;
		nlines++;
		is_any = strcmp(v[i].name, "any") == 0;
		if (is_error || (is_any && x.rc)) {
			ck_assert_int_eq(x.rc, -EINVAL);
			ck_assert_int_eq(x.err.class, ERR_SOURCE);
			ck_assert_ptr_nonnull(strstr(error_text(&x.err), name));
		} else if (!is_any) {
			ck_assert_msg(!x.rc, "%s", error_text(&x.err));
			check_line(&v[i]);
			ntensors++;
		}
	}
	ck_assert_msg(nlines > 0, "%s is not in the table", name);
	ck_assert(x.rc || is_any || x.set.n == ntensors);
}

START_TEST(corpus)
{
	struct line *v;
	size_t n = read_expected(&v), nfiles = 0;
	DIR *d = opendir(CORPUS);
	struct dirent *e;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || strstr(e->d_name, ".tsv"))
			continue;
		check_corpus_file(e->d_name, v, n);
		nfiles++;
	}
	ck_assert_uint_gt(nfiles, 60);
	closedir(d);
	free(v);
	ck_assert_msg(access(PAYLOAD, F_OK) && access("/tmp/" PAYLOAD, F_OK) &&
			      access(CORPUS "/" PAYLOAD, F_OK),
		      "a payload was run");
}
END_TEST

/* ---- the saved object ---- */

static const float six[] = {0, 1, 2, 3, 4, 5};

static void read_notation(const char *notation, const char *key)
{
	struct strbuf sb = STRBUF_INIT;

	pickle_of(&sb, notation);
	torch_case_zip(x.path, strbuf_str(&sb), six, sizeof(six));
	strbuf_release(&sb);
	torch_case_read(&x, x.path, key);
}

struct object {
	const char *notation, *key; /* key: as of --key */
	const char *names;	    /* of the tensors, or words of a sentence */
};

static const struct object readable[] = {
	{"{a:T b:T}", NULL, "a b"},
	{"{a:{b:T c:[T N T]} 0:N}", NULL, "a.b a.c.0 a.c.2"},
	{"{a:T b:O c:N}", NULL, "a"},
	{"{}", NULL, ""},
	/* wrapped */
	{"{model:{a:T} epoch:N}", NULL, "a"},
	{"{state_dict:{a:T}}", NULL, "a"},
	{"{model:{state_dict:{a:T b:{c:T}}}}", NULL, "a b.c"},
	{"{model:{a:T} optimizer:{state:[T T]} rng_state:T}", NULL, "a"},
	{"{state_dict:{a:T} model:N epoch:N}", NULL, "a"},
	{"{model:{a:T} model_ema:{b:T} ema_state:{c:T}}", NULL, "a"},
	{"{model_ema:{b:T} args:O}", NULL, "b"},
	{"{module:{language_model:{a:{w:T} b:{w:T}}}}", NULL,
	 "language_model.a.w language_model.b.w"},
	/* not wrapped: something else is beside it */
	{"{model:T x:T}", NULL, "model x"},
	{"{encoder:{a:T} decoder:{a:T}}", NULL, "encoder.a decoder.a"},
	{"{module:{model:{a:T} head:T}}", NULL, "model.a head"},
	/* of parallel and compiled modules */
	{"{module.a:T module.b.c:T}", NULL, "a b.c"},
	{"{module._orig_mod.a:T}", NULL, "a"},
	{"{module.a:T b:T}", NULL, "module.a b"},
	/* and averaged ones */
	{"{n_averaged:S module.module._orig_mod.a:T}", NULL, "a"},
	{"{n_averaged:S module.a:T b:T}", NULL, "n_averaged module.a b"},
	{"{n_averaged:T module.a:T}", NULL, "n_averaged module.a"},
	{"{n_averaged:S}", NULL, "n_averaged"},
	/* chosen */
	{"{model:{a:T} x:{b:T}}", "x", "b"},
	{"{model:{a:T} x:{b.c:{d:T} e:T}}", "x.b.c", "d"},
	{"{model:{a:T} model_ema:{b:T}}", "model_ema", "b"},
	{"{model:[{a:T} {b:T}]}", "model.1", "b"},
	{"{model:{module.a:T} x:T}", "", "model.module.a x"},
	{"{model:{module.a:T} x:T}", "model", "a"},
	{"{model:O optimizer:{a:T}}", "", "optimizer.a"},
	{"{model:O optimizer:{a:T}}", "optimizer", "a"},
	{"{optimizer.a:T b:T}", NULL, "optimizer.a b"},
};

static const struct object unreadable[] = {
	{"{model:{a:T} x:{b:T}}", NULL, "model, x; choose with --key"},
	{"{model:{a:T} x:T}", NULL, "model, x"},
	{"{model:{a:T} state_dict:{b:T}}", NULL, "model, state_dict"},
	{"{model_ema:{a:T} state_dict_ema:{b:T}}", NULL, "model_ema, state"},
	{"{model:{a:T}}", "y",
	 "no key \"y\"; the keys that hold tensors are: "
	 "model"},
	{"{model:{a:T}}", "model.b", "no key \"b\""},
	{"{model:{a:T}}", "model.a.b", "\"b\" is no dictionary"},
	{"{a:N}", NULL, "no tensors"},
	{"N", NULL, "no tensors"},
	/* a class in place of the weights */
	{"{a:O b:N}", NULL, "objects: a (argparse.Namespace)"},
	{"{model:{a:N b:O c:O}}", NULL,
	 "objects: model.b (argparse.Namespace), model.c (argparse"},
	{"{epoch:N model:O}", NULL,
	 "under \"model\" it holds an object of argp"},
	{"{model:O optimizer:{a:T}}", NULL, "state_dict() instead"},
	{"{model:N ema:O optimizer:[T T]}", NULL, "under \"ema\" it holds"},
	/* what is trained has no usual key */
	{"{optimizer:{a:T}}", NULL, "the state of training (optimizer)"},
	{"{student:{a:T} teacher:{a:T} optimizer:{b:T}}", NULL,
	 "student, teacher, optimizer; choose with --key"},
	{"{state:{model:{a:T}} rng:[T]}", NULL, "state, rng; choose"},
	{"T", NULL, "a single tensor"},
	{"O", NULL, "argparse.Namespace"},
	{"{a:T a:T}", NULL, "two tensors are called \"a\""},
	{"{a:{b:T} a.b:T}", NULL, "two tensors are called \"a.b\""},
	{"{a:T b:@}", NULL, "contains itself at \"b\""},
	{"{a:T b:[N {c:@}]}", NULL, "contains itself at \"b.1.c\""},
	{"{\xff:T}", NULL, "no UTF-8"},
	{"{\xed\xa0\x80:T}", NULL, "no UTF-8"},
};

START_TEST(names)
{
	const struct object *o = &readable[_i];
	struct strbuf got = STRBUF_INIT;

	read_notation(o->notation, o->key);
	ck_assert_msg(x.rc == 0, "%s: %s", o->notation, error_text(&x.err));
	strbuf_adds(&got, "");
	for (size_t i = 0; i < x.set.n; i++) {
		if (i)
			strbuf_addc(&got, ' ');
		strbuf_addstr(&got, x.set.v[i].name);
	}
	ck_assert_str_eq(got.p, o->names);
	strbuf_release(&got);
}
END_TEST

START_TEST(sentences)
{
	const struct object *o = &unreadable[_i];

	read_notation(o->notation, o->key);
	ck_assert_int_eq(x.rc, -EINVAL);
	ck_assert_msg(strstr(error_text(&x.err), o->names) &&
			      strstr(error_text(&x.err), x.path),
		      "%s: %s", o->notation, error_text(&x.err));
}
END_TEST

START_TEST(what_is_left_out_is_told)
{
	read_notation("{model:{n_averaged:S module.a:T} ema:{a:T} optim:[T]}",
		      NULL);
	ck_assert_ptr_nonnull(strstr(x.notes.p, "n_averaged"));
	ck_assert_ptr_nonnull(strstr(x.notes.p, "\"model\" are shown"));
	ck_assert_ptr_nonnull(strstr(x.notes.p, "model, ema, optim"));
	ck_assert_ptr_nonnull(strstr(x.notes.p, "\"module.\""));
	read_notation("{model:{a:T} epoch:N args:O}", NULL);
	ck_assert_uint_eq(x.notes.len, 0);
	read_notation("{model:{a:T b:O c:N d:[T O]}}", NULL);
	ck_assert_ptr_nonnull(strstr(x.notes.p,
				     "objects among the weights that are no "
				     "tensors are left out: "
				     "b (argparse.Namespace), "
				     "d.1 (argparse.Namespace)\n"));
}
END_TEST

/*
 * [[[T T] [T T]] ...] in the memo: 2^40 names in some hundred bytes. The same
 * with T in 100 lists, one in the other: most steps go by what makes no name,
 * and must not take minutes.
 */
START_TEST(names_without_end)
{
	struct strbuf sb = STRBUF_INIT, one = STRBUF_INIT;

	for (int i = 0; i < 100 * _i; i++)
		strbuf_addc(&sb, ']');
	pickle_tensor(&one, "FloatStorage", "0", 6, 0, 0, NULL, NULL);
	strbuf_addstr(&sb, strbuf_str(&one));
	for (int i = 0; i < 100 * _i; i++)
		strbuf_addc(&sb, 'a');
	for (char i = 1; i <= 40; i++) {
		char list[] = {'q', i, ']', '(', 'h', i, 'h', i, 'e'};

		strbuf_add(&sb, list, sizeof(list));
	}
	strbuf_addc(&sb, '.');
	torch_case_zip(x.path, strbuf_str(&sb), six, sizeof(six));
	torch_case_read(&x, x.path, NULL);
	ck_assert_int_eq(x.rc, -EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(&x.err), "again and again"));
	strbuf_release(&sb);
	strbuf_release(&one);
}
END_TEST

/* ---- views ---- */

static void read_view(const char *class, uint64_t numel, uint64_t off,
		      unsigned n, const uint64_t *dims, const uint64_t *strides,
		      const void *bytes, size_t nbytes)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, "}");
	pickle_str(&sb, "t");
	pickle_tensor(&sb, class, "0", numel, off, n, dims, strides);
	strbuf_adds(&sb, "s.");
	torch_case_zip(x.path, strbuf_str(&sb), bytes, nbytes);
	strbuf_release(&sb);
	torch_case_read(&x, x.path, NULL);
	ck_assert_msg(x.rc == 0, "%s", error_text(&x.err));
	ck_assert_uint_eq(x.set.n, 1);
}

#define VIEW(class, off, dims, strides, bytes)                                 \
	read_view(class, sizeof(bytes) / sizeof(*bytes), off,                  \
		  sizeof((uint64_t[])dims) / 8, (uint64_t[])dims,              \
		  (uint64_t[])strides, bytes, sizeof(bytes))
#define V(...)                                                                 \
	{                                                                      \
		__VA_ARGS__                                                    \
	}

static void expect_floats(const float *want, size_t n)
{
	float got[64];

	ck_assert_uint_eq(x.set.v[0].nbytes, n * sizeof(*got));
	torch_case_bytes(&x.set.v[0], 0, n * sizeof(*got), got);
	for (size_t i = 0; i < n; i++)
		ck_assert(got[i] == want[i]);
	/* any other way to read the same */
	for (size_t from = 0; from < 4 * n; from += 3) {
		size_t some = 4 * n - from < 3 ? 4 * n - from : 3;

		torch_case_bytes(&x.set.v[0], from, some, got);
		ck_assert_mem_eq(got, (const char *)want + from, some);
	}
}

START_TEST(views)
{
	VIEW("FloatStorage", 0, V(2, 3), V(3, 1), six);
	ck_assert_int_eq(x.set.v[0].recipe, RECIPE_EXTENT);
	expect_floats(six, 6);
	VIEW("FloatStorage", 0, V(1, 2, 1, 3), V(99, 3, 7, 1), six);
	ck_assert_int_eq(x.set.v[0].recipe, RECIPE_EXTENT);
	VIEW("FloatStorage", 0, V(3, 2), V(1, 3), six);
	expect_floats((const float[]){0, 3, 1, 4, 2, 5}, 6);
	VIEW("FloatStorage", 1, V(2, 2), V(3, 1), six);
	expect_floats((const float[]){1, 2, 4, 5}, 4);
	VIEW("FloatStorage", 2, V(2, 3), V(0, 1), six);
	expect_floats((const float[]){2, 3, 4, 2, 3, 4}, 6);
	VIEW("FloatStorage", 5, V(2, 2), V(0, 0), six);
	expect_floats((const float[]){5, 5, 5, 5}, 4);
	VIEW("FloatStorage", 0, V(3, 1, 2), V(2, 5, 1), six);
	ck_assert_int_eq(x.set.v[0].recipe, RECIPE_EXTENT);
	VIEW("FloatStorage", 0, V(2, 2, 2), V(1, 2, 1), six);
	expect_floats((const float[]){0, 1, 2, 3, 1, 2, 3, 4}, 8);
	VIEW("FloatStorage", 3, V(2, 0, 4), V(1, 1, 1), six);
	ck_assert_uint_eq(x.set.v[0].nbytes, 0);
}
END_TEST

START_TEST(a_stride_of_0_costs_nothing)
{
	float got[300];

	VIEW("FloatStorage", 4, V(UINT64_C(1) << 20, UINT64_C(1) << 20),
	     V(0, 0), six);
	ck_assert_uint_eq(x.set.v[0].nbytes, UINT64_C(4) << 40);
	torch_case_bytes(&x.set.v[0], UINT64_C(3) << 40, sizeof(got), got);
	for (size_t i = 0; i < 300; i++)
		ck_assert(got[i] == 4);
}
END_TEST

static void read_big_endian(const char *class, uint64_t numel, const void *p,
			    size_t n)
{
	static const uint64_t dims[] = {2}, strides[] = {1};
	struct strbuf sb = STRBUF_INIT;
	struct zip_case z;

	strbuf_adds(&sb, "}");
	pickle_str(&sb, "t");
	pickle_tensor(&sb, class, "0", numel, numel - 2, 1, dims, strides);
	strbuf_adds(&sb, "s.");
	zip_case_begin(&z, x.path);
	zip_case_add(&z, "m/data.pkl", sb.p, sb.len);
	zip_case_add(&z, "m/byteorder", "big", 3);
	zip_case_add(&z, "m/data/0", p, n);
	zip_case_add(&z, "m/.data/version", "3", 1);
	zip_case_end(&z);
	strbuf_release(&sb);
	torch_case_read(&x, x.path, NULL);
	ck_assert_msg(x.rc == 0, "%s", error_text(&x.err));
}

/* The parts of a complex number are swapped each by itself. */
START_TEST(byte_orders)
{
	char got[32];

	read_big_endian("ShortStorage", 3, "abcdef", 6);
	torch_case_bytes(&x.set.v[0], 0, 4, got);
	ck_assert_mem_eq(got, "dcfe", 4);
	read_big_endian("ByteStorage", 3, "abc", 3);
	torch_case_bytes(&x.set.v[0], 0, 2, got);
	ck_assert_mem_eq(got, "bc", 2);
	read_big_endian("ComplexFloatStorage", 2, "abcdefghijklmnop", 16);
	torch_case_bytes(&x.set.v[0], 0, 16, got);
	ck_assert_mem_eq(got, "dcbahgfelkjiponm", 16);
	read_big_endian("ComplexDoubleStorage", 2,
			"abcdefghijklmnopABCDEFGHIJKLMNOP", 32);
	torch_case_bytes(&x.set.v[0], 0, 32, got);
	ck_assert_mem_eq(got, "hgfedcbaponmlkjiHGFEDCBAPONMLKJI", 32);
	ck_assert_int_eq(x.set.v[0].dtype, DT_C128);
}
END_TEST

/* ---- whole files ---- */

#define HUGE_NUMEL (UINT64_C(5) << 28)

START_TEST(five_gigabytes_open_at_once)
{
	static const uint64_t dims[] = {HUGE_NUMEL}, strides[] = {1};
	struct strbuf sb = STRBUF_INIT;
	struct zip_case z;
	float last = 1;

	strbuf_adds(&sb, "}");
	pickle_str(&sb, "t");
	pickle_tensor(&sb, "FloatStorage", "0", HUGE_NUMEL, 0, 1, dims,
		      strides);
	strbuf_adds(&sb, "s.");
	zip_case_begin(&z, x.path);
	zip_case_add_hole(&z, "m/data/0", 4 * HUGE_NUMEL);
	zip_case_add(&z, "m/data.pkl", sb.p, sb.len);
	zip_case_add(&z, "m/version", "3\n", 2);
	zip_case_end(&z);
	strbuf_release(&sb);
	torch_case_read(&x, x.path, NULL);
	ck_assert_msg(x.rc == 0, "%s", error_text(&x.err));
	ck_assert_uint_lt(x.set.sources[0]->nread, 1000000);
	torch_case_bytes(&x.set.v[0], 4 * HUGE_NUMEL - 4, 4, &last);
	ck_assert(last == 0);
}
END_TEST

static size_t slurp_file(const char *path, char **out)
{
	FILE *f = fopen(path, "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	*out = malloc(1 << 20);
	n = fread(*out, 1, 1 << 20, f);
	fclose(f);
	return n;
}

static void put_file(const char *path, const void *bytes, size_t n)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

static const char *const whole_files[] = {CORPUS "/views.pt",
					  CORPUS "/legacy.pt"};

START_TEST(cut_at_every_byte)
{
	char *bytes;
	size_t n = slurp_file(whole_files[_i], &bytes);

	put_file(x.path, bytes, n);
	free(bytes);
	while (n-- > 0) {
		ck_assert_int_eq(truncate(x.path, (off_t)n), 0);
		torch_case_read(&x, x.path, NULL);
		ck_assert_int_eq(x.rc, -EINVAL);
		ck_assert_ptr_nonnull(strstr(error_text(&x.err), x.path));
	}
}
END_TEST

static void read_last_bytes(void)
{
	for (size_t i = 0; i < x.set.n; i++) {
		uint64_t end = x.set.v[i].nbytes;
		char last;

		if (end > 0)
			torch_case_bytes(&x.set.v[i], end - 1, 1, &last);
	}
}

START_TEST(bytes_changed)
{
	static const unsigned char masks[] = {0xff, 1, 0x80};
	char *bytes;
	size_t n = slurp_file(whole_files[_i], &bytes);
	int fd;

	put_file(x.path, bytes, n);
	fd = open(x.path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	for (size_t k = 0; k < 3 * n; k++) {
		char b = (char)(bytes[k / 3] ^ masks[k % 3]);

		ck_assert_int_eq(pwrite(fd, &b, 1, (off_t)(k / 3)), 1);
		torch_case_read(&x, x.path, NULL);
		if (x.rc)
			ck_assert_ptr_nonnull(x.err.text);
		else
			read_last_bytes();
		ck_assert_int_eq(pwrite(fd, &bytes[k / 3], 1, (off_t)(k / 3)),
				 1);
	}
	close(fd);
	free(bytes);
}
END_TEST

/* A storage of a legacy file may be a part of another one. */
START_TEST(legacy_views)
{
	static const char before[] =
		"\x80\2\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
		"\x80\2M\xe9\3.\x80\2}.\x80\2}";
	struct strbuf sb = STRBUF_INIT;

	strbuf_add(&sb, before, sizeof(before) - 1);
	pickle_str(&sb, "t");
	strbuf_adds(&sb, "ctorch._utils\n_rebuild_tensor_v2\n((");
	pickle_str(&sb, "storage");
	strbuf_adds(&sb, "ctorch\nFloatStorage\n");
	pickle_str(&sb, "77");
	pickle_str(&sb, "cpu");
	strbuf_adds(&sb, "K\6(");
	pickle_str(&sb, "78");
	strbuf_add(&sb, "K\2K\4ttQK\1K\2\x85K\2\x85\x89NtRs.\x80\2]", 24);
	pickle_str(&sb, "77");
	strbuf_add(&sb, "a.\6\0\0\0\0\0\0\0", 10);
	strbuf_add(&sb, six, sizeof(six));
	put_file(x.path, sb.p, sb.len);
	strbuf_release(&sb);
	torch_case_read(&x, x.path, NULL);
	ck_assert_msg(x.rc == 0, "%s", error_text(&x.err));
	expect_floats((const float[]){3, 5}, 2);
}
END_TEST

#define COUNT(v) (int)(sizeof(v) / sizeof(v[0]))

Suite *suite_torch(void)
{
	Suite *s = suite_create("torch");
	TCase *tc = tcase_create("torch");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, corpus);
	tcase_add_loop_test(tc, names, 0, COUNT(readable));
	tcase_add_loop_test(tc, sentences, 0, COUNT(unreadable));
	tcase_add_test(tc, what_is_left_out_is_told);
	tcase_add_loop_test(tc, names_without_end, 0, 2);
	tcase_add_test(tc, views);
	tcase_add_test(tc, a_stride_of_0_costs_nothing);
	tcase_add_test(tc, byte_orders);
	tcase_add_test(tc, five_gigabytes_open_at_once);
	tcase_add_loop_test(tc, cut_at_every_byte, 0, COUNT(whole_files));
	tcase_add_loop_test(tc, bytes_changed, 0, COUNT(whole_files));
	tcase_add_test(tc, legacy_views);
	suite_add_tcase(s, tc);
	return s;
}
