/* SPDX-License-Identifier: Apache-2.0 */
/* The MindSpore checkpoint that is shown. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/ckpt.h"
#include "tests/unit/layout_fixture.h"

#define MIB (UINT64_C(1) << 20)

Suite *suite_ckpt(void);

static void layout_ckpt(struct layout_fixture *x, const uint64_t **ends)
{
	ck_assert_msg(ckpt_layout(&x->f, &x->set, ends, &x->arena, &x->err) ==
			      0,
		      "%s", error_text(&x->err));
}

static void expect_hex(struct layout_fixture *x, const char *hex)
{
	uint8_t *p = layout_read_all(x);
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < x->f.nbytes; i++)
		strbuf_addf(&sb, "%02X", p[i]);
	ck_assert_str_eq(sb.p, hex);
	strbuf_release(&sb);
	free(p);
}

/* A ckpt of one tensor whose data are the n bytes of data. */
static void expect_ckpt(const char *name, enum dtype dt, const int64_t *dims,
			const char *data, size_t n, const char *hex)
{
	struct layout_fixture x;
	FILE *f;

	layout_setup(&x, 0, 0);
	f = fopen(x.path, "w");
	ck_assert_uint_eq(fwrite(data, 1, n, f), n);
	fclose(f);
	source_free(x.src);
	ck_assert_int_eq(source_open(&x.src, x.path, &x.err), 0);
	layout_add(&x, str_of(name), dt, dims);
	layout_ckpt(&x, NULL);
	expect_hex(&x, hex);
	layout_done(&x);
}

/* What mindspore.save_checkpoint 2.10.0 wrote. */
START_TEST(bytes_of_mindspore)
{
	expect_ckpt("w", DT_F32, (const int64_t[]){2, -1},
		    "\0\0\x80\x3f\0\0\0\x40", 8,
		    "0A1A0A01771215080212"
		    "07466C6F617433321A080000803F00000040");
	expect_ckpt("w", DT_F32, (const int64_t[]){-1}, "\0\0\x40\x40", 4,
		    "0A140A0177120F1207466C6F617433321A0400004040");
	expect_ckpt("epoch_num", DT_I64, (const int64_t[]){-1},
		    "\3\0\0\0\0\0\0\0", 8,
		    "0A1E0A0965706F63685F6E756D12111205496E743634"
		    "1A080300000000000000");
}
END_TEST

static void put_varint(struct strbuf *sb, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		strbuf_addc(sb, (char)(v | 0x80));
	strbuf_addc(sb, (char)v);
}

/* The header of one message, written down once more. */
static void put_header(struct strbuf *sb, const struct tensor *t, uint64_t n)
{
	struct strbuf inner = STRBUF_INIT, value = STRBUF_INIT;
	struct str type = str_of(dtype_info(t->dtype)->mindspore);

	for (unsigned i = 0; i < t->ndim; i++) {
		strbuf_addc(&inner, 0x08);
		put_varint(&inner, t->dims[i]);
	}
	strbuf_addc(&inner, 0x12);
	put_varint(&inner, type.n);
	strbuf_addstr(&inner, type);
	strbuf_addc(&inner, 0x1a);
	put_varint(&inner, n);
	strbuf_addc(&value, 0x0a);
	put_varint(&value, t->name.n);
	strbuf_addstr(&value, t->name);
	strbuf_addc(&value, 0x12);
	put_varint(&value, inner.len + n);
	strbuf_add(&value, inner.p, inner.len);
	strbuf_addc(sb, 0x0a);
	put_varint(sb, value.len + n);
	strbuf_add(sb, value.p, value.len);
	strbuf_release(&inner);
	strbuf_release(&value);
}

/* Headers of the first slices of every size that matters, by offset. */
static void check_headers(struct layout_fixture *x, const uint64_t *ends)
{
	uint64_t off = 0;

	ck_assert_int_eq(reader_init(&x->rd, x->f.nrender, &x->stats, NULL), 0);
	for (size_t i = 0; i < x->set.n; i++) {
		const struct tensor *t = &x->set.v[i];

		for (uint64_t from = 0; from < t->nbytes;) {
			uint64_t n = t->nbytes - from;
			struct strbuf want = STRBUF_INIT;
			uint8_t got[512];

			n = n < 512 * MIB ? n : 512 * MIB;
			put_header(&want, t, n);
			ck_assert_uint_le(want.len, sizeof(got));
			ck_assert_int_eq(vfile_read(&x->f, off, want.len, got,
						    &x->rd),
					 (ssize_t)want.len);
			ck_assert(memcmp(got, want.p, want.len) == 0);
			off += want.len + n;
			from += n;
			strbuf_release(&want);
		}
		ck_assert_uint_eq(ends[i], off);
	}
	ck_assert_uint_eq(x->f.nbytes, off);
}

START_TEST(slices_are_512_mib)
{
	const uint64_t *ends;
	struct layout_fixture x;
	uint8_t last;

	layout_setup(&x, 1, 3300 * MIB);
	ADD(&x, "small", DT_BF16, 3);
	ADD(&x, "exact", DT_U8, 512 * MIB);
	ADD(&x, "over", DT_U8, 512 * MIB + 1);
	ADD(&x, "big", DT_F32, 550, MIB);
	ADD(&x, "scalar", DT_F32);
	layout_ckpt(&x, &ends);
	check_headers(&x, ends);
	/* One header for small, exact and scalar, two for over, five. */
	ck_assert_uint_eq(x.f.nregions, 2 * (3 + 2 + 5));
	ck_assert_int_eq(vfile_read(&x.f, ends[2] - 1, 1, &last, &x.rd), 1);
	ck_assert_uint_eq(last, 0);
	layout_done(&x);
}
END_TEST

START_TEST(of_any_size)
{
	const uint64_t *ends;
	struct layout_fixture x;
	char name[64];

	layout_setup(&x, 0, 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "model.layers.%d.weight", i);
		ADD(&x, name, DT_BF16, 7168, 32768);
	}
	layout_ckpt(&x, &ends);
	check_headers(&x, ends);
	ck_assert_uint_gt(x.f.nbytes, UINT64_C(1300) * 1000 * 1000 * 1000);
	layout_done(&x);
}
END_TEST

START_TEST(leaves_empty_tensors_out)
{
	const uint64_t *ends;
	struct layout_fixture x;

	layout_setup(&x, 100, 0);
	ADD(&x, "e", DT_F32, 0, 3);
	ADD(&x, "a", DT_U8, 5);
	ADD(&x, "f", DT_C64, 0);
	layout_ckpt(&x, &ends);
	check_headers(&x, ends);
	ck_assert_uint_eq(ends[0], 0);
	ck_assert_uint_eq(ends[1], ends[2]);
	layout_done(&x);
}
END_TEST

static void expect_no_ckpt(struct str name, enum dtype dt, const int64_t *dims,
			   const char *words)
{
	struct layout_fixture x;

	layout_setup(&x, 0, 0);
	layout_add(&x, name, dt, dims);
	ck_assert_int_eq(ckpt_layout(&x.f, &x.set, NULL, &x.arena, &x.err),
			 -EINVAL);
	ck_assert_int_eq(x.err.class, ERR_MAPPING);
	ck_assert_msg(strstr(error_text(&x.err), words) != NULL, "%s",
		      error_text(&x.err));
	layout_done(&x);
}

START_TEST(refuses_what_mindspore_cannot_load)
{
	const int64_t one[] = {8, -1}, large[] = {INT64_C(1) << 31, -1};

	expect_no_ckpt(str_of("cplx"), DT_C64, one, "\"cplx\"");
	expect_no_ckpt(str_of("w"), DT_F8_E4M3, one, "F8_E4M3");
	expect_no_ckpt(str_of("w"), DT_F8_E5M2, one, "F8_E5M2");
	expect_no_ckpt(str_of("w"), DT_F8_E8M0, one, "F8_E8M0");
	expect_no_ckpt(str_of("w"), DT_F4, one, "F4");
	expect_no_ckpt(str_of("w"), DT_U8, large, "2147483648");
	expect_no_ckpt((struct str){"a\0b", 3}, DT_U8, one, "NUL");
	ck_assert(ckpt_can_hold(DT_BOOL) && ckpt_can_hold(DT_BF16) &&
		  ckpt_can_hold(DT_F64) && ckpt_can_hold(DT_U64));
}
END_TEST

START_TEST(shards_are_windows)
{
	const uint64_t *ends;
	struct layout_fixture x;
	struct vfile shard;
	uint8_t *whole, part[20000];

	layout_setup(&x, 20000, 0);
	layout_add_many(&x);
	layout_ckpt(&x, &ends);
	whole = layout_read_all(&x);
	layout_check_slices(&x, whole);
	for (size_t from = 0; from < x.set.n; from += 50) {
		uint64_t off = from ? ends[from - 1] : 0;
		uint64_t n = ends[from + 49] - off;

		vfile_window(&shard, &x.f, off, n);
		ck_assert_uint_eq(shard.nbytes, n);
		ck_assert_int_eq(vfile_read(&shard, 0, sizeof(part), part,
					    &x.rd),
				 (ssize_t)n);
		ck_assert(memcmp(part, whole + off, n) == 0);
		ck_assert_int_eq(part[0], 0x0a);
		vfile_release(&shard);
	}
	free(whole);
	layout_done(&x);
}
END_TEST

Suite *suite_ckpt(void)
{
	Suite *s = suite_create("ckpt");
	TCase *t = tcase_create("ckpt");

	tcase_add_test(t, bytes_of_mindspore);
	tcase_add_test(t, slices_are_512_mib);
	tcase_add_test(t, of_any_size);
	tcase_add_test(t, leaves_empty_tensors_out);
	tcase_add_test(t, refuses_what_mindspore_cannot_load);
	tcase_add_test(t, shards_are_windows);
	suite_add_tcase(s, t);
	return s;
}
