/* SPDX-License-Identifier: Apache-2.0 */
/* Reading safetensors: every check, and the golden corpus. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "formats/safetensors.h"

#define CORPUS "tests/golden/formats/safetensors"

Suite *suite_safetensors(void);

/* One file, read. */
struct fixture {
	char path[64]; /* of a file made here, or "" */
	struct tensor_set set;
	struct error err;
	int rc;
};

static void read_path(struct fixture *x, const char *path)
{
	struct reading r = {.set = &x->set, .keep_extra = true};
	struct source *s;

	ck_assert_int_eq(source_open(&s, path, &x->err), 0);
	ck_assert_int_eq(tensor_set_own(&x->set, s), 0);
	x->rc = safetensors_read(&r, s, &x->err);
	reading_release(&r);
}

/* A file of these bytes, behind a length prefix, and ndata zero bytes. */
static void read_bytes(struct fixture *x, const char *json, size_t n,
		       size_t ndata)
{
	uint8_t length[8];
	FILE *f;
	int fd;

	*x = (struct fixture){"/tmp/wconv-test-XXXXXX", TENSOR_SET_INIT,
			      ERROR_INIT, 0};
	fd = mkstemp(x->path);
	ck_assert_int_ge(fd, 0);
	f = fdopen(fd, "w");
	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 8; i++)
		length[i] = (uint8_t)(n >> 8 * i);
	ck_assert_uint_eq(fwrite(length, 1, 8, f), 8);
	ck_assert_uint_eq(fwrite(json, 1, n, f), n);
	for (size_t i = 0; i < ndata; i++)
		fputc(0, f);
	ck_assert_int_eq(fclose(f), 0);
	read_path(x, x->path);
}

static void read_json(struct fixture *x, const char *json, size_t ndata)
{
	read_bytes(x, json, strlen(json), ndata);
}

static void done(struct fixture *x)
{
	if (x->path[0])
		unlink(x->path);
	error_release(&x->err);
	tensor_set_release(&x->set);
}

/* The sentence names the file and has the given words. */
static void expect_refused(const char *json, size_t ndata, const char *words)
{
	struct fixture x;

	read_json(&x, json, ndata);
	ck_assert_msg(x.rc == -EINVAL, "accepted: %s", json);
	ck_assert_int_eq(x.err.class, ERR_SOURCE);
	ck_assert_msg(strstr(error_text(&x.err), x.path) != NULL &&
			      strstr(error_text(&x.err), words) != NULL,
		      "%s: %s", json, error_text(&x.err));
	done(&x);
}

static void expect_tensors(const char *json, size_t ndata, size_t n)
{
	struct fixture x;

	read_json(&x, json, ndata);
	ck_assert_msg(x.rc == 0, "%s: %s", json, error_text(&x.err));
	ck_assert_uint_eq(x.set.n, n);
	done(&x);
}

START_TEST(accepted_headers)
{
	expect_tensors("{}", 0, 0);
	expect_tensors(" \t\r\n{ } \n", 0, 0);
	expect_tensors("{\"__metadata__\":null}", 0, 0);
	expect_tensors("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, 0);
	expect_tensors("{\"__met\\u0061data__\":{}}", 0, 0);
	expect_tensors("{\"\":{\"shape\":[],\"data_offsets\":[0,4],"
		       "\"dtype\":\"F32\"}}",
		       4, 1);
	expect_tensors("{\"a\":{\"\\u0064type\":\"\\u0046\\u00332\","
		       "\"shape\":[],\"data_offsets\":[0,4]}}",
		       4, 1);
	expect_tensors("{\"a\":{\"x\":[{\"y\":-1.5}],\"dtype\":\"U8\",\"x\":0,"
		       "\"shape\":[2],\"data_offsets\":[0,2],\"z\":null}}",
		       2, 1);
	/* A zero first keeps the product from overflowing. */
	expect_tensors("{\"a\":{\"dtype\":\"F64\",\"shape\":"
		       "[0,18446744073709551615,18446744073709551615],"
		       "\"data_offsets\":[0,0]}}",
		       0, 1);
}
END_TEST

#define ENTRY(dtype, shape, offsets)                                           \
	"{\"a\":{\"dtype\":" dtype ",\"shape\":" shape                         \
	",\"data_offsets\":" offsets "}}"

START_TEST(refused_headers)
{
	expect_refused("", 0, "cut off");
	expect_refused("[]", 0, "an object");
	expect_refused("null", 0, "an object");
	expect_refused("{}{}", 0, "the end");
	expect_refused("{}x", 0, "the end");
	expect_refused("\xef\xbb\xbf{}", 0, "an object");
	expect_refused("{\"__metadata__\":1}", 0, "an object");
	expect_refused("{\"__metadata__\":{\"a\":null}}", 0, "a string");
	expect_refused("{\"__metadata__\":null,\"__metadata__\":null}", 0,
		       "twice");
	expect_refused("{\"a\":[\"U8\",[1],[0,1]]}", 1, "tensor \"a\"");
	expect_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1,
		       "data_offsets is missing");
	expect_refused("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1,
		       "shape is missing");
	expect_refused("{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
		       "dtype is missing");
	expect_refused("{\"a\":{\"shape\":[1],\"shape\":[1]}}", 1, "twice");
	expect_refused(ENTRY("{\"U8\":null}", "[1]", "[0,1]"), 1, "a string");
	expect_refused(ENTRY("\"u8\"", "[1]", "[0,1]"), 1,
		       "unknown dtype \"u8\"");
	expect_refused(ENTRY("\"F8_E4M3FN\"", "[1]", "[0,1]"), 1, "F8_E4M3FN");
	expect_refused(ENTRY("\"U8\"", "[-1]", "[0,1]"), 1, "`-1]");
	expect_refused(ENTRY("\"U8\"", "[1.0]", "[0,1]"), 1, "`1.0]");
	expect_refused(ENTRY("\"U8\"", "null", "[0,1]"), 1, "an array");
	expect_refused(ENTRY("\"U8\"", "[1]", "[1]"), 1, "fewer than two");
	expect_refused(ENTRY("\"U8\"", "[1]", "[0,1,1]"), 1, "more than two");
	expect_refused(ENTRY("\"U8\"", "[12]", "[0,12]"), 8,
		       "data_offsets end 12 is past the 8 bytes");
	expect_refused(ENTRY("\"U8\"", "[1]", "[1,0]"), 1, "before");
	expect_refused(ENTRY("\"U8\"", "[1]", "[1,2]"), 2, "hole");
	expect_refused(ENTRY("\"U8\"", "[1]", "[0,1]"), 2,
		       "ends at byte 1 of 2");
	expect_refused(ENTRY("\"F32\"", "[2,3]", "[0,20]"), 20,
		       "F32 of shape [2,3] takes 24 bytes");
	expect_refused(ENTRY("\"F4\"", "[3]", "[0,2]"), 2, "whole number");
	expect_refused(ENTRY("\"U8\"",
			     "[18446744073709551615,18446744073709551615,0]",
			     "[0,0]"),
		       0, "below 2^64");
	expect_refused(ENTRY("\"U8\"", "[2305843009213693952]", "[0,0]"), 0,
		       "");
	expect_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],"
		       "\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\","
		       "\"shape\":[2],\"data_offsets\":[1,3]}}",
		       3, "overlap those of tensor \"a\"");
	/* An escape does not make a name another one. */
	expect_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],"
		       "\"data_offsets\":[0,1]},\"\\u0061\":{\"dtype\":\"U8\","
		       "\"shape\":[1],\"data_offsets\":[1,2]}}",
		       2, "twice");
}
END_TEST

START_TEST(limits_of_names_and_ranks)
{
	for (unsigned over = 0; over < 2; over++) {
		struct strbuf sb = STRBUF_INIT;
		struct fixture x;

		strbuf_adds(&sb, "{\"");
		for (unsigned i = 0; i < TENSOR_MAX_NAME + over; i++)
			strbuf_adds(&sb, "\\u0061");
		strbuf_adds(&sb, "\":{\"dtype\":\"U8\",\"shape\":[],"
				 "\"data_offsets\":[0,1]}}");
		read_bytes(&x, sb.p, sb.len, 1);
		ck_assert_int_eq(x.rc, over ? -EINVAL : 0);
		done(&x);
		strbuf_reset(&sb);
		strbuf_adds(&sb, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1");
		for (unsigned i = 1; i < TENSOR_MAX_NDIM + over; i++)
			strbuf_adds(&sb, ",1");
		strbuf_adds(&sb, "],\"data_offsets\":[0,1]}}");
		read_bytes(&x, sb.p, sb.len, 1);
		ck_assert_int_eq(x.rc, over ? -EINVAL : 0);
		done(&x);
		strbuf_release(&sb);
	}
}
END_TEST

START_TEST(an_unknown_field_may_nest_125_deep)
{
	for (unsigned n = 125; n <= 126; n++) {
		struct strbuf sb = STRBUF_INIT;
		struct fixture x;

		strbuf_adds(&sb, "{\"a\":{\"x\":");
		for (unsigned i = 0; i < n; i++)
			strbuf_addc(&sb, '[');
		for (unsigned i = 0; i < n; i++)
			strbuf_addc(&sb, ']');
		strbuf_adds(&sb, ",\"dtype\":\"U8\",\"shape\":[],"
				 "\"data_offsets\":[0,1]}}");
		read_bytes(&x, sb.p, sb.len, 1);
		ck_assert_int_eq(x.rc, n == 125 ? 0 : -EINVAL);
		done(&x);
		strbuf_release(&sb);
	}
}
END_TEST

START_TEST(tensors_come_in_the_order_of_their_bytes)
{
	static const char json[] = "{\"last\":{\"dtype\":\"U8\",\"shape\":[2],"
				   "\"data_offsets\":[1,3]},"
				   "\"e2\":{\"dtype\":\"F32\",\"shape\":[0],"
				   "\"data_offsets\":[1,1]},"
				   "\"e1\":{\"dtype\":\"F32\",\"shape\":[1,0],"
				   "\"data_offsets\":[1,1]},"
				   "\"first\":{\"dtype\":\"I8\",\"shape\":[],"
				   "\"data_offsets\":[0,1]}}";
	static const char *const names[] = {"first", "e2", "e1", "last"};
	struct fixture x;

	read_json(&x, json, 3);
	ck_assert_int_eq(x.rc, 0);
	ck_assert_uint_eq(x.set.n, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert(str_is(x.set.v[i].name, names[i]));
	ck_assert_uint_eq(x.set.v[0].ndim, 0);
	ck_assert_uint_eq(x.set.v[2].ndim, 2);
	ck_assert_uint_eq(x.set.v[3].extent.off, 8 + sizeof(json) - 1 + 1);
	ck_assert_uint_eq(x.set.v[3].nbytes, 2);
	done(&x);
}
END_TEST

START_TEST(a_name_in_two_files_is_refused)
{
	static const char json[] = ENTRY("\"U8\"", "[1]", "[0,1]");
	struct fixture x, y;

	read_json(&y, json, 1);
	read_json(&x, json, 1);
	read_path(&x, y.path);
	ck_assert_int_eq(x.rc, -EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(&x.err), x.path));
	ck_assert_ptr_nonnull(strstr(error_text(&x.err), y.path));
	done(&x);
	done(&y);
}
END_TEST

START_TEST(many_tensors)
{
	enum { N = 90000 };
	struct strbuf sb = STRBUF_INIT;
	struct fixture x;
	char name[64];

	strbuf_adds(&sb, "{");
	for (int i = N - 1; i >= 0; i--)
		strbuf_addf(&sb,
			    "%s\"model.layers.%d.weight\":{\"dtype\":\"U8\","
			    "\"shape\":[1],\"data_offsets\":[%d,%d]}",
			    i < N - 1 ? "," : "", i, i, i + 1);
	strbuf_adds(&sb, "}");
	read_bytes(&x, sb.p, sb.len, N);
	ck_assert_msg(x.rc == 0, "%s", error_text(&x.err));
	ck_assert_uint_eq(x.set.n, N);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "model.layers.%d.weight", i);
		ck_assert(str_is(x.set.v[i].name, name));
	}
	done(&x);
	strbuf_release(&sb);
}
END_TEST

/* Any cut of a good header is refused or, never, read past its end. */
START_TEST(cut_headers)
{
	static const char json[] =
		"{\"__metadata__\":{\"f\":\"p\\n\"},"
		"\"\\ud83d\\ude00\":{\"dtype\":\"U8\",\"shape\":[1],"
		"\"data_offsets\":[0,1],\"x\":[1.5e3,{\"y\":null}]}}";
	struct fixture x;

	for (size_t n = 0; n < sizeof(json) - 1; n++) {
		read_bytes(&x, json, n, 1);
		ck_assert_int_eq(x.rc, -EINVAL);
		done(&x);
	}
	expect_tensors(json, 1, 1);
}
END_TEST

/* One line of expected.tsv. */
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
	while (fgets(text, sizeof(text), f)) {
		ck_assert_uint_lt(n, 1000);
		ck_assert_int_ge(sscanf(text,
					"%63[^\t]\t%63[^\t]\t%15[^\t]\t"
					"%63[^\t]\t%64[0-9a-f]",
					v[n].file, v[n].name, v[n].dtype,
					v[n].shape, v[n].sha256),
				 3);
		n++;
	}
	fclose(f);
	*out = v;
	return n;
}

static void check_tensor(const struct line *want, const struct tensor *t,
			 struct reader *rd)
{
	unsigned char digest[32];
	char hex[65], data[4096];
	struct strbuf shape = STRBUF_INIT;

	strbuf_addc(&shape, '[');
	strbuf_add_dims(&shape, t->dims, t->ndim, ',');
	strbuf_addc(&shape, ']');
	ck_assert_str_eq(shape.p, want->shape);
	ck_assert_str_eq(dtype_info(t->dtype)->safetensors, want->dtype);
	strbuf_release(&shape);
	ck_assert_uint_le(t->nbytes, sizeof(data));
	ck_assert_int_eq(tensor_read(t, 0, (size_t)t->nbytes, data, rd), 0);
	EVP_Digest(data, (size_t)t->nbytes, digest, NULL, EVP_sha256(), NULL);
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	ck_assert_str_eq(hex, want->sha256);
}

static const struct tensor *find_escaped(const struct tensor_set *set,
					 const char *name)
{
	const struct tensor *found = NULL;

	for (size_t i = 0; i < set->n; i++) {
		struct strbuf sb = STRBUF_INIT;

		strbuf_add_tsv(&sb, set->v[i].name);
		if (sb.p && strcmp(sb.p, name) == 0)
			found = &set->v[i];
		strbuf_release(&sb);
	}
	return found;
}

/* One file of the corpus against its lines: error, any, or its tensors. */
static void check_corpus_file(const char *file, const struct line *v, size_t n,
			      struct reader *rd)
{
	struct fixture x = {"", TENSOR_SET_INIT, ERROR_INIT, 0};
	const char *verdict = "";
	char path[512];
	size_t ntensors = 0;

	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].file, file) == 0) {
			verdict = v[i].name;
			ntensors++;
		}
	snprintf(path, sizeof(path), CORPUS "/%s", file);
	read_path(&x, path);
	if (strcmp(verdict, "error") == 0) {
		ck_assert_msg(x.rc == -EINVAL, "%s was read", file);
		ck_assert_int_eq(x.err.class, ERR_SOURCE);
		ck_assert_msg(strstr(error_text(&x.err), file) != NULL, "%s",
			      error_text(&x.err));
	} else if (strcmp(verdict, "any") != 0) {
		ck_assert_msg(x.rc == 0, "%s", error_text(&x.err));
		ck_assert_uint_eq(x.set.n, ntensors);
		for (size_t i = 0; i < n; i++)
			if (strcmp(v[i].file, file) == 0) {
				const struct tensor *t =
					find_escaped(&x.set, v[i].name);

				ck_assert_ptr_nonnull(t);
				check_tensor(&v[i], t, rd);
			}
	}
	done(&x);
}

START_TEST(corpus)
{
	static struct stats stats;
	struct reader rd;
	struct line *v;
	size_t n = read_expected(&v), nfiles = 0;
	DIR *d = opendir(CORPUS);
	struct dirent *e;

	ck_assert_ptr_nonnull(d);
	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	while ((e = readdir(d)) != NULL) {
		if (!str_ends(str_of(e->d_name), ".safetensors"))
			continue;
		check_corpus_file(e->d_name, v, n, &rd);
		nfiles++;
	}
	ck_assert_uint_gt(nfiles, 50);
	closedir(d);
	reader_release(&rd);
	free(v);
}
END_TEST

START_TEST(pytorch_files_are_recognised)
{
	static const char heads[3][12] = {
		"PK\3\4\0\0\10\10zip",
		"\x80\2}q\1X\6\0\0\0",
		"\x80\4\x95\1\1\1\1\1\1",
	};

	for (size_t i = 0; i < 3; i++) {
		struct fixture x = {"/tmp/wconv-test-XXXXXX", TENSOR_SET_INIT,
				    ERROR_INIT, 0};
		int fd = mkstemp(x.path);

		ck_assert_int_eq(write(fd, heads[i], 12), 12);
		close(fd);
		read_path(&x, x.path);
		ck_assert_int_eq(x.rc, -EINVAL);
		ck_assert_ptr_nonnull(strstr(error_text(&x.err), "PyTorch"));
		done(&x);
	}
}
END_TEST

Suite *suite_safetensors(void)
{
	Suite *s = suite_create("safetensors");
	TCase *read = tcase_create("read");

	tcase_add_test(read, accepted_headers);
	tcase_add_test(read, refused_headers);
	tcase_add_test(read, limits_of_names_and_ranks);
	tcase_add_test(read, an_unknown_field_may_nest_125_deep);
	tcase_add_test(read, tensors_come_in_the_order_of_their_bytes);
	tcase_add_test(read, a_name_in_two_files_is_refused);
	tcase_add_test(read, many_tensors);
	tcase_add_test(read, cut_headers);
	tcase_add_test(read, corpus);
	tcase_add_test(read, pytorch_files_are_recognised);
	suite_add_tcase(s, read);
	return s;
}
