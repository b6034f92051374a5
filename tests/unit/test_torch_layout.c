/* SPDX-License-Identifier: Apache-2.0 */
/* The PyTorch file that is shown: its zip, its pickle, its checksums. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

#include "core/cursor.h"
#include "formats/torch_layout.h"
#include "tests/unit/layout_fixture.h"

#define GIB (UINT64_C(1) << 30)

Suite *suite_torch_layout(void);

static void lay_out(struct layout_fixture *x)
{
	ck_assert_msg(torch_layout(&x->f, x->set.v, x->set.n, &x->arena,
				   &x->err) == 0,
		      "%s", error_text(&x->err));
}

static uint32_t crc_of(const uint8_t *p, size_t n)
{
	return (uint32_t)crc32(crc32(0, NULL, 0), p, (uInt)n);
}

/* ---- the zip, read by hand ---- */

static uint64_t le(struct cursor *c, size_t nbytes)
{
	const uint8_t *p = cursor_bytes(c, nbytes);
	uint64_t v = 0;

	ck_assert_ptr_nonnull(p);
	while (nbytes--)
		v = v << 8 | p[nbytes];
	return v;
}

static void expect_bytes(struct cursor *c, const char *want, size_t n)
{
	const uint8_t *p = cursor_bytes(c, n);

	ck_assert(p && memcmp(p, want, n) == 0);
}

#define EXPECT_BYTES(c, want) expect_bytes(c, want, sizeof(want) - 1)

struct entry {
	char name[64];
	uint64_t nbytes, off, data; /* off: of the local header */
	uint32_t crc;
};

/* The zip64 field takes the place of what is all ones. */
static void take_zip64(struct cursor *c, struct entry *e, bool local)
{
	bool large = e->nbytes == UINT32_MAX;
	bool far = !local && e->off == UINT32_MAX;

	if (!large && !far)
		return;
	ck_assert_uint_eq(le(c, 2), 1);
	ck_assert_uint_eq(le(c, 2), (large ? 16U : 0U) + (far ? 8U : 0U));
	if (large) {
		e->nbytes = le(c, 8);
		ck_assert_uint_eq(le(c, 8), e->nbytes);
	}
	if (far)
		e->off = le(c, 8);
}

/* From "version needed" on. */
static size_t take_common(struct cursor *c, struct entry *e)
{
	uint64_t needed = le(c, 2);
	size_t name_nbytes;

	ck_assert_uint_eq(le(c, 2), 0x0800);
	ck_assert_uint_eq(le(c, 2), 0);
	ck_assert_uint_eq(le(c, 4), 0x00210000);
	e->crc = (uint32_t)le(c, 4);
	e->nbytes = le(c, 4);
	ck_assert_uint_eq(le(c, 4), e->nbytes);
	ck_assert(e->nbytes < UINT32_MAX || needed == 45);
	name_nbytes = (size_t)le(c, 2);
	ck_assert_uint_lt(name_nbytes, sizeof(e->name));
	return name_nbytes;
}

static void take_name(struct cursor *c, struct entry *e, size_t n)
{
	memcpy(e->name, cursor_bytes(c, n), n);
	e->name[n] = '\0';
}

static void take_central(struct cursor *c, struct entry *e)
{
	size_t name_nbytes;

	EXPECT_BYTES(c, "PK\1\2");
	le(c, 2);
	name_nbytes = take_common(c, e);
	le(c, 2);
	ck_assert_uint_eq(le(c, 2), 0);
	ck_assert_uint_eq(le(c, 8), 0);
	e->off = le(c, 4);
	take_name(c, e, name_nbytes);
	take_zip64(c, e, false);
}

/* The local header of an entry tells the same; its data are aligned. */
static void check_local(struct layout_fixture *x, struct entry *e)
{
	uint8_t bytes[256];
	struct entry local = {.off = 0};
	struct cursor c;
	size_t name_nbytes, npad, nfields, begin;
	ssize_t n = vfile_read(&x->f, e->off, sizeof(bytes), bytes, &x->rd);

	ck_assert_int_ge(n, 0);
	c = cursor_of(bytes, (size_t)n);
	EXPECT_BYTES(&c, "PK\3\4");
	name_nbytes = take_common(&c, &local);
	nfields = (size_t)le(&c, 2);
	take_name(&c, &local, name_nbytes);
	begin = cursor_pos(&c);
	take_zip64(&c, &local, true);
	EXPECT_BYTES(&c, "FB");
	npad = (size_t)le(&c, 2);
	ck_assert_ptr_nonnull(cursor_bytes(&c, npad));
	ck_assert_uint_eq(cursor_pos(&c), begin + nfields);
	ck_assert_str_eq(local.name, e->name);
	ck_assert_uint_eq(local.nbytes, e->nbytes);
	ck_assert_uint_eq(local.crc, e->crc);
	e->data = e->off + cursor_pos(&c);
	ck_assert_uint_eq(e->data % 64, 0);
}

/* All entries, in malloc memory; the records fill the file. */
static struct entry *read_zip(struct layout_fixture *x, size_t *n)
{
	uint8_t end[98], *directory;
	uint64_t nbytes, off, pos = 0;
	struct entry *v;
	struct cursor c = cursor_of(end, sizeof(end));

	ck_assert_int_eq(reader_init(&x->rd, x->f.nrender, &x->stats, NULL), 0);
	ck_assert_int_eq(vfile_read(&x->f, x->f.nbytes - 98, 98, end, &x->rd),
			 98);
	EXPECT_BYTES(&c, "PK\6\6\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0"
			 "\0");
	*n = (size_t)le(&c, 8);
	ck_assert_uint_eq(le(&c, 8), *n);
	nbytes = le(&c, 8);
	off = le(&c, 8);
	ck_assert_uint_eq(off + nbytes + 98, x->f.nbytes);
	EXPECT_BYTES(&c, "PK\6\7\0\0\0\0");
	ck_assert_uint_eq(le(&c, 8), off + nbytes);
	EXPECT_BYTES(&c, "\1\0\0\0PK\5\6\0\0\0\0");
	ck_assert_uint_eq(le(&c, 2), *n < 65535 ? *n : 65535);
	ck_assert_uint_eq(le(&c, 2), *n < 65535 ? *n : 65535);
	ck_assert_uint_eq(le(&c, 4), nbytes);
	ck_assert_uint_eq(le(&c, 4), off < UINT32_MAX ? off : UINT32_MAX);
	ck_assert_uint_eq(le(&c, 2), 0);
	directory = malloc((size_t)nbytes);
	v = calloc(*n, sizeof(*v));
	ck_assert_int_eq(vfile_read(&x->f, off, (size_t)nbytes, directory,
				    &x->rd),
			 (ssize_t)nbytes);
	c = cursor_of(directory, (size_t)nbytes);
	for (size_t i = 0; i < *n; i++) {
		take_central(&c, &v[i]);
		ck_assert_uint_eq(v[i].off, pos);
		check_local(x, &v[i]);
		pos = v[i].data + v[i].nbytes;
	}
	ck_assert_uint_eq(pos, off);
	ck_assert_uint_eq(cursor_left(&c), 0);
	free(directory);
	return v;
}

/* ---- what is in it ---- */

/* A record is the tensor's bytes, zeros, and the CRC of both. */
static void check_record(struct layout_fixture *x, const struct tensor *t,
			 const struct entry *e, const uint8_t *whole)
{
	const uint8_t *p = whole + e->data;
	size_t n = (size_t)t->nbytes, nsum = (size_t)e->nbytes - 4;
	uint8_t data[4096];
	uint32_t crc;

	if (!n) {
		ck_assert_uint_eq(e->nbytes, 0);
		ck_assert_uint_eq(e->crc, 0);
		return;
	}
	ck_assert_uint_eq(e->crc, 0x2144df1c);
	ck_assert_uint_eq(crc_of(p, (size_t)e->nbytes), e->crc);
	ck_assert_uint_le(n, sizeof(data));
	ck_assert_int_eq(tensor_read(t, 0, n, data, &x->rd), 0);
	ck_assert(memcmp(p, data, n) == 0);
	for (size_t i = n; i < nsum; i++)
		ck_assert_uint_eq(p[i], 0);
	crc = crc_of(p, nsum);
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_eq(p[nsum + i], crc >> 8 * i & 0xff);
}

static void check_fixed(const struct entry *e, const char *name,
			const char *content, const uint8_t *whole)
{
	ck_assert_str_eq(e->name, name);
	ck_assert_uint_eq(e->nbytes, strlen(content));
	ck_assert(memcmp(whole + e->data, content, strlen(content)) == 0);
	ck_assert_uint_eq(e->crc,
			  crc_of((const uint8_t *)content, strlen(content)));
}

static void check_file(struct layout_fixture *x)
{
	uint8_t *whole = layout_read_all(x);
	struct entry *v;
	char name[64];
	size_t n;

	layout_check_slices(x, whole);
	reader_release(&x->rd);
	v = read_zip(x, &n);
	ck_assert_uint_eq(n, x->set.n + 3);
	ck_assert_str_eq(v[0].name, "archive/data.pkl");
	ck_assert_uint_eq(v[0].crc,
			  crc_of(whole + v[0].data, (size_t)v[0].nbytes));
	check_fixed(&v[1], "archive/byteorder", "little", whole);
	check_fixed(&v[n - 1], "archive/version", "3\n", whole);
	for (size_t i = 0; i < x->set.n; i++) {
		snprintf(name, sizeof(name), "archive/data/%zu", i);
		ck_assert_str_eq(v[2 + i].name, name);
		check_record(x, &x->set.v[i], &v[2 + i], whole);
	}
	free(v);
	free(whole);
}

START_TEST(every_record)
{
	struct layout_fixture x;

	layout_setup(&x, 20000, 0);
	layout_add_many(&x);
	lay_out(&x);
	check_file(&x);
	layout_done(&x);
}
END_TEST

START_TEST(every_type)
{
	struct layout_fixture x;
	char name[64];

	layout_setup(&x, 4000, 0);
	for (int dt = 0; dt < DT_COUNT; dt++) {
		if (!torch_can_hold((enum dtype)dt))
			continue;
		for (int n = 0; n < 4; n++) {
			snprintf(name, sizeof(name), "%d of type %d", n, dt);
			ADD(&x, name, (enum dtype)dt, n);
		}
	}
	ck_assert(!torch_can_hold(DT_F4) && !torch_can_hold(DT_F6_E2M3));
	lay_out(&x);
	check_file(&x);
	layout_done(&x);
}
END_TEST

START_TEST(no_tensors)
{
	struct layout_fixture x;

	layout_setup(&x, 0, 0);
	lay_out(&x);
	check_file(&x);
	layout_done(&x);
}
END_TEST

START_TEST(refuses_what_torch_does_not_have)
{
	struct layout_fixture x;

	layout_setup(&x, 100, 0);
	ADD(&x, "w", DT_U8, 2);
	ADD(&x, "half", DT_F4, 2);
	ck_assert_int_eq(torch_layout(&x.f, x.set.v, x.set.n, &x.arena, &x.err),
			 -EINVAL);
	ck_assert_int_eq(x.err.class, ERR_MAPPING);
	ck_assert_ptr_nonnull(strstr(error_text(&x.err), "\"half\""));
	ck_assert_ptr_nonnull(strstr(error_text(&x.err), "F4"));
	layout_done(&x);
}
END_TEST

/* ---- the pickle ---- */

#define DICT "ccollections\nOrderedDict\n)R"
#define STORAGE "X\7\0\0\0storage"

/* The bytes that torch.load of 2.13 was seen to accept. */
static void expect_pickle(struct layout_fixture *x, const char *want, size_t n)
{
	struct strbuf sb = STRBUF_INIT;

	torch_pickle_chunk(x->set.v, x->set.n, 0, &sb);
	ck_assert_uint_eq(sb.len, n);
	ck_assert(memcmp(sb.p, want, n) == 0);
	strbuf_release(&sb);
}

START_TEST(pickle_bytes)
{
	static const char want[] =
		"\x80\2" DICT "("
		"X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((" STORAGE
		"ctorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\7tQ"
		"K\0K\2K\3\x86K\3K\1\x86\x89" DICT "tR"
		"X\1\0\0\0sctorch._utils\n_rebuild_tensor_v2\n((" STORAGE
		"ctorch\nLongStorage\nX\1\0\0\0001X\3\0\0\0cpuK\2tQ"
		"K\0))\x89" DICT "tR"
		"X\1\0\0\0ectorch._utils\n_rebuild_tensor_v3\n((" STORAGE
		"ctorch.storage\nUntypedStorage\nX\1\0\0\0002X\3\0\0\0cpu"
		"M\x2c\1tQK\0(K\1K\1K\2K\x94t(M\x28\1M\x28\1K\x94K\1t\x89" DICT
		"ctorch\nfloat8_e4m3fn\ntR"
		"X\1\0\0\0zctorch._utils\n_rebuild_tensor_v2\n((" STORAGE
		"ctorch\nBoolStorage\nX\1\0\0\0003X\3\0\0\0cpuK\0tQ"
		"K\0K\0K\5\x86K\5K\1\x86\x89" DICT "tR"
		"u.";
	struct layout_fixture x;

	layout_setup(&x, 1000, 0);
	ADD(&x, "w", DT_F32, 2, 3);
	ADD(&x, "s", DT_I64);
	ADD(&x, "e", DT_F8_E4M3, 1, 1, 2, 148);
	ADD(&x, "z", DT_BOOL, 0, 5);
	expect_pickle(&x, want, sizeof(want) - 1);
	layout_done(&x);
}
END_TEST

/* Numbers at the borders of their forms. */
START_TEST(pickle_integers)
{
	static const struct {
		uint64_t n;
		const char *form;
		size_t nform;
	} rows[] = {
		{255, "K\xff", 2},
		{256, "M\0\1", 3},
		{65535, "M\xff\xff", 3},
		{65536, "J\0\0\1\0", 5},
		{2147483647, "J\xff\xff\xff\x7f", 5},
		{2147483648, "\x8a\5\0\0\0\x80\0", 7},
		{549755813887, "\x8a\5\xff\xff\xff\xff\x7f", 7},
		{549755813888, "\x8a\6\0\0\0\0\x80\0", 8},
		{UINT64_C(1) << 62, "\x8a\10\0\0\0\0\0\0\0\x40", 10},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strbuf sb = STRBUF_INIT;
		uint64_t dims[1] = {rows[i].n};
		struct tensor t = {.name = str_of("w"),
				   .dims = dims,
				   .ndim = 1,
				   .nbytes = dims[0],
				   .dtype = DT_U8};

		torch_pickle_chunk(&t, 1, 0, &sb);
		ck_assert(memmem(sb.p, sb.len, rows[i].form, rows[i].nform) !=
			  NULL);
		strbuf_release(&sb);
	}
}
END_TEST

/* ---- sizes ---- */

START_TEST(zip64)
{
	struct layout_fixture x;
	struct entry *v;
	size_t n;

	layout_setup(&x, 1, 14 * GIB);
	ADD(&x, "small", DT_U8, 3);
	ADD(&x, "under", DT_U8, 4 * GIB - 6);
	ADD(&x, "exact", DT_U8, 4 * GIB - 5);
	ADD(&x, "over", DT_F64, GIB / 2 + 1);
	ADD(&x, "last", DT_BF16, 1);
	lay_out(&x);
	v = read_zip(&x, &n);
	ck_assert_uint_eq(v[3].nbytes, UINT32_MAX - 1);
	ck_assert_uint_eq(v[4].nbytes, UINT32_MAX);
	ck_assert_uint_eq(v[5].nbytes, 4 * GIB + 16);
	ck_assert_uint_gt(v[6].off, 12 * GIB);
	free(v);
	layout_done(&x);
}
END_TEST

START_TEST(many_tensors)
{
	enum { N = 70000 };
	struct layout_fixture x;
	struct entry *v;
	char name[64];
	size_t n;

	layout_setup(&x, 1, GIB);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "model.layers.%d.weight", i);
		ADD(&x, name, DT_F32, 3, 5);
	}
	lay_out(&x);
	v = read_zip(&x, &n);
	ck_assert_uint_eq(n, N + 3);
	ck_assert_str_eq(v[N + 1].name, "archive/data/69999");
	free(v);
	layout_done(&x);
}
END_TEST

/* ---- checksums ---- */

enum { NTHREADS = 4 };

struct thread {
	pthread_t id;
	struct layout_fixture *x;
	const uint8_t *whole;
	bool same;
};

static void *read_backwards(void *arg)
{
	struct thread *t = arg;
	struct stats stats = {0};
	struct reader rd;
	uint8_t part[100];

	t->same = reader_init(&rd, t->x->f.nrender, &stats, NULL) == 0;
	for (uint64_t off = t->x->f.nbytes; t->same && off >= 100; off -= 100)
		t->same = vfile_read(&t->x->f, off - 100, 100, part, &rd) ==
				  100 &&
			  memcmp(part, t->whole + off - 100, 100) == 0;
	reader_release(&rd);
	return NULL;
}

/* Threads that all come first to a checksum. */
START_TEST(threads)
{
	struct layout_fixture x, y;
	struct thread t[NTHREADS];
	uint8_t *whole;

	layout_setup(&y, 20000, 0);
	layout_add_many(&y);
	lay_out(&y);
	whole = layout_read_all(&y);
	layout_setup(&x, 20000, 0);
	layout_add_many(&x);
	lay_out(&x);
	for (int i = 0; i < NTHREADS; i++) {
		t[i] = (struct thread){.x = &x, .whole = whole};
		ck_assert_int_eq(pthread_create(&t[i].id, NULL, read_backwards,
						&t[i]),
				 0);
	}
	for (int i = 0; i < NTHREADS; i++) {
		pthread_join(t[i].id, NULL);
		ck_assert(t[i].same);
	}
	free(whole);
	layout_done(&x);
	layout_done(&y);
}
END_TEST

/* A tensor is read once for its checksum, and not at all if the source fails:
 * then the read does. */
START_TEST(computed_once)
{
	struct layout_fixture x;
	struct reader rd;
	uint8_t b[4];
	uint64_t sum = 0;

	layout_setup(&x, 5000, 0);
	ADD(&x, "w", DT_U8, 5000);
	lay_out(&x);
	ck_assert_int_eq(reader_init(&rd, x.f.nrender, &x.stats, NULL), 0);
	for (size_t i = 0; i < x.f.nregions; i++)
		if (x.f.regions[i].kind == REGION_CHECKSUM)
			sum = x.f.regions[i].off;
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(vfile_read(&x.f, sum + i, 1, b, &rd), 1);
	ck_assert_uint_eq(atomic_load(&x.src->nread), 5000);
	vfile_release(&x.f);
	lay_out(&x);
	ck_assert_int_eq(truncate(x.path, 10), 0);
	ck_assert_int_eq(vfile_read(&x.f, sum, 4, b, &rd), -EIO);
	reader_release(&rd);
	layout_done(&x);
}
END_TEST

Suite *suite_torch_layout(void)
{
	Suite *s = suite_create("torch_layout");
	TCase *t = tcase_create("torch_layout");

	tcase_add_test(t, every_record);
	tcase_add_test(t, every_type);
	tcase_add_test(t, no_tensors);
	tcase_add_test(t, refuses_what_torch_does_not_have);
	tcase_add_test(t, pickle_bytes);
	tcase_add_test(t, pickle_integers);
	tcase_add_test(t, zip64);
	tcase_add_test(t, many_tensors);
	tcase_add_test(t, threads);
	tcase_add_test(t, computed_once);
	suite_add_tcase(s, t);
	return s;
}
