/* SPDX-License-Identifier: Apache-2.0 */
/* Reading .npy files: headers as numpy writes them and others, names. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "formats/npy.h"

Suite *suite_npy_read(void);

static struct tensor_set set;
static struct error err;
static char path[64];

static void setup(void)
{
	int fd;

	set = (struct tensor_set)TENSOR_SET_INIT;
	err = (struct error)ERROR_INIT;
	snprintf(path, sizeof(path), "/tmp/wconv-test-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void teardown(void)
{
	unlink(path);
	tensor_set_release(&set);
	error_release(&err);
}

/* A file of that header, ndata bytes counting from 0 behind it. */
static int read_header(const char *header, unsigned major, size_t ndata,
		       enum dtype void2)
{
	FILE *f = fopen(path, "w");
	size_t n = strlen(header);
	struct source *s;

	ck_assert_ptr_nonnull(f);
	fprintf(f, "\x93NUMPY%c%c%c%c", (char)major, 0, (char)(n & 0xff),
		(char)(n >> 8));
	if (major > 1)
		fprintf(f, "%c%c", 0, 0);
	fputs(header, f);
	for (size_t i = 0; i < ndata; i++)
		fputc((int)i, f);
	ck_assert_int_eq(fclose(f), 0);
	tensor_set_release(&set);
	error_release(&err);
	ck_assert_int_eq(source_open(&s, path, &err), 0);
	ck_assert_int_eq(tensor_set_own(&set, s), 0);
	return npy_read(&set, s, str_of("x"), void2, &err);
}

#define HEADER(descr, order, shape)                                            \
	"{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape   \
	", }   \n"

static void expect(const char *header, size_t ndata, enum dtype dtype,
		   unsigned ndim)
{
	const struct tensor *t;

	ck_assert_msg(read_header(header, 1, ndata, DT_COUNT) == 0, "%s: %s",
		      header, error_text(&err));
	t = tensor_set_find(&set, str_of("x"));
	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(t->dtype, dtype);
	ck_assert_uint_eq(t->ndim, ndim);
	ck_assert_uint_eq(t->nbytes, ndata);
}

START_TEST(headers)
{
	expect(HEADER("<f4", "False", "(2, 3)"), 24, DT_F32, 2);
	expect(HEADER("<f4", "False", "(6,)"), 24, DT_F32, 1);
	expect(HEADER("<f8", "False", "()"), 8, DT_F64, 0);
	expect(HEADER("|b1", "False", "(3L, 0L)"), 0, DT_BOOL, 2);
	expect(HEADER("|u1", "False", "(3)"), 3, DT_U8, 1);
	expect(HEADER("<c16", "False", "(1,)"), 16, DT_C128, 1);
	expect("{\"shape\":(2,),\"fortran_order\":True,\"descr\":\"=i8\"}", 16,
	       DT_I64, 1);
	ck_assert_int_eq(
		read_header(HEADER("<i2", "False", "(2,)"), 2, 4, DT_COUNT), 0);
	ck_assert_int_eq(
		read_header(HEADER("<V2", "False", "(2,)"), 3, 4, DT_BF16), 0);
	ck_assert_int_eq(set.v[0].dtype, DT_BF16);
}
END_TEST

START_TEST(column_order)
{
	static const uint8_t want[] = {0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11};
	uint8_t got[sizeof(want)];
	struct stats stats = {0};
	struct reader rd;

	expect(HEADER("|u1", "True", "(2, 6)"), 12, DT_U8, 2);
	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	ck_assert_int_eq(tensor_read(&set.v[0], 0, sizeof(got), got, &rd), 0);
	ck_assert_mem_eq(got, want, sizeof(want));
	reader_release(&rd);
}
END_TEST

static void refused(const char *header, size_t ndata, const char *words)
{
	ck_assert_msg(read_header(header, 1, ndata, DT_COUNT) == -EINVAL,
		      "accepted: %s", header);
	ck_assert_int_eq(err.class, ERR_SOURCE);
	ck_assert_msg(strstr(error_text(&err), words) &&
			      strstr(error_text(&err), path),
		      "%s: %s", header, error_text(&err));
}

START_TEST(refusals)
{
	refused("", 0, "malformed");
	refused("{}", 0, "malformed");
	refused("{'descr': '<f4', 'shape': (1,)}", 4, "malformed");
	refused("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, "
		"'shape': (1,)}",
		4, "malformed");
	refused("{'x': 1}", 0, "malformed");
	refused("{'descr': [('a', '<f4')], 'fortran_order': False, "
		"'shape': (1,)}",
		4, "several fields");
	refused(HEADER("<f4", "False", "(-1,)"), 4, "malformed");
	refused(HEADER("<f4", "False", "(1 2)"), 8, "malformed");
	refused(HEADER("<f4", "Perhaps", "(1,)"), 4, "malformed");
	refused(HEADER("<f4", "False", "(18446744073709551616,)"), 4,
		"malformed");
	refused(HEADER("<f4", "False", "(1,)") "x", 4, "malformed");
	refused(HEADER("<f4", "False", "(4294967296, 4294967296)"), 4,
		"overflows");
	refused(HEADER("<f4", "False", "(2,)"), 7, "has 8 bytes");
	refused(HEADER("<f4", "False", "(2,)"), 9, "has 8 bytes");
	refused(HEADER("<V2", "False", "(2,)"), 4, "--dtype");
	refused(HEADER("<V1", "False", "(2,)"), 2, "not supported");
	refused(HEADER(">f4", "False", "(2,)"), 8, "big-endian");
	refused(HEADER("|O", "False", "(2,)"), 16, "\"|O\"");
	refused(HEADER("<U3", "False", "(2,)"), 24, "\"<U3\"");
	refused(HEADER("", "False", "(2,)"), 8, "\"\"");
	ck_assert_int_eq(read_header(HEADER("<f4", "False", "(1,)"), 4, 4,
				     DT_COUNT),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(&err), "version is 4.0"));
}
END_TEST

static void expect_name(const char *file, const char *name)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, "");
	npy_tensor_name(file, &sb);
	ck_assert_str_eq(sb.p, name);
	strbuf_release(&sb);
}

START_TEST(names)
{
	expect_name("dir.npy/a.b.npy", "a.b");
	expect_name("a%2Fb%25.npy", "a/b%");
	expect_name("/x/%2e.weight.npy", "..weight");
	expect_name("100%.npy", "100%");
	expect_name("%2.npy", "%2");
	expect_name("%zz.npy", "%zz");
	expect_name("plain", "plain");
}
END_TEST

Suite *suite_npy_read(void)
{
	Suite *s = suite_create("npy_read");
	TCase *tc = tcase_create("npy_read");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, headers);
	tcase_add_test(tc, column_order);
	tcase_add_test(tc, refusals);
	tcase_add_test(tc, names);
	suite_add_tcase(s, tc);
	return s;
}
