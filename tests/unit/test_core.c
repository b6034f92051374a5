/* SPDX-License-Identifier: Apache-2.0 */
/* The small things everything stands on: texts, sets, sources, files. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/source.h"
#include "core/tensor.h"
#include "core/vfile.h"
#include "temp_source.h"

Suite *suite_core(void);

START_TEST(errors_are_one_line_whatever_names_hold)
{
	struct error err = ERROR_INIT;

	ck_assert_int_eq(error_set(&err, ERR_MAPPING, "a\nb\x1b[31m%s", "\x7f"),
			 -EINVAL);
	ck_assert_str_eq(error_text(&err), "a\\x0ab\\x1b[31m\\x7f");
	ck_assert_int_eq(err.class, ERR_MAPPING);
	error_release(&err);
}
END_TEST

START_TEST(error_lists_have_a_line_an_item)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERR_MAPPING, "two:%s", ERROR_ITEM "x" ERROR_ITEM "y");
	ck_assert_str_eq(error_text(&err), "two:\n  x\n  y");
	error_release(&err);
}
END_TEST

START_TEST(errno_errors_say_what_the_system_said)
{
	struct error err = ERROR_INIT;

	ck_assert_int_eq(error_errno(&err, ERR_SOURCE, ENOENT, "%s", "f"),
			 -ENOENT);
	ck_assert_str_eq(error_text(&err), "f: No such file or directory");
	ck_assert_int_eq(error_nomem(&err), -ENOMEM);
	ck_assert_str_eq(error_text(&err), "out of memory");
	error_release(&err);
}
END_TEST

START_TEST(json_text_is_escaped)
{
	static const char raw[] = "a\"b\\c\n\x01/\xc3\xa9";
	struct strbuf sb = STRBUF_INIT;

	strbuf_add_json(&sb, str_of(raw));
	ck_assert_str_eq(sb.p, "\"a\\\"b\\\\c\\n\\u0001/\xc3\xa9\"");
	strbuf_release(&sb);
}
END_TEST

START_TEST(shown_text_has_no_control_bytes)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_add_shown(&sb, (struct str){"a\033[1m\\\n\177\0\303\251", 11});
	ck_assert_str_eq(sb.p, "a\\x1b[1m\\\\x0a\\x7f\\x00\303\251");
	strbuf_release(&sb);
}
END_TEST

START_TEST(tsv_text_escapes_the_four_bytes)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_add_tsv(&sb, (struct str){"a\\b\tc\nd\0e", 9});
	ck_assert_str_eq(sb.p, "a\\\\b\\tc\\nd\\0e");
	strbuf_release(&sb);
}
END_TEST

START_TEST(arena_memory_is_zeroed_aligned_and_apart)
{
	struct arena a = ARENA_INIT;
	unsigned char *p[300];

	for (size_t i = 0; i < 300; i++) {
		size_t n = i == 150 ? (size_t)1 << 20 : i;

		p[i] = arena_alloc(&a, n);
		ck_assert_ptr_nonnull(p[i]);
		ck_assert_uint_eq((uintptr_t)p[i] % 8, 0);
		for (size_t k = 0; k < n; k++)
			ck_assert_uint_eq(p[i][k], 0);
		memset(p[i], (int)(i % 255) + 1, n);
	}
	for (size_t i = 1; i < 300; i++)
		ck_assert_uint_eq(p[i][0], i % 255 + 1);
	ck_assert_ptr_null(arena_array(&a, SIZE_MAX / 2, 4));
	arena_release(&a);
}
END_TEST

START_TEST(a_size_that_overflows_or_splits_a_byte_is_refused)
{
	uint64_t n, half = UINT64_C(1) << 32;

	ck_assert(tensor_nbytes(DT_F32, (uint64_t[]){2, 3}, 2, &n));
	ck_assert_uint_eq(n, 24);
	ck_assert(tensor_nbytes(DT_F32, NULL, 0, &n));
	ck_assert_uint_eq(n, 4);
	ck_assert(tensor_nbytes(DT_F4, (uint64_t[]){6}, 1, &n));
	ck_assert_uint_eq(n, 3);
	ck_assert(!tensor_nbytes(DT_F4, (uint64_t[]){3}, 1, &n));
	ck_assert(!tensor_nbytes(DT_U8, (uint64_t[]){half, half}, 2, &n));
	ck_assert(!tensor_nbytes(DT_U8, (uint64_t[]){half, half, 0}, 3, &n));
	ck_assert(
		!tensor_nbytes(DT_F64, (uint64_t[]){UINT64_C(1) << 58}, 1, &n));
}
END_TEST

static struct tensor named(struct arena *a, size_t i)
{
	struct strbuf sb = STRBUF_INIT;
	struct tensor t = {.dtype = DT_U8};

	strbuf_addf(&sb, "tensor.%zu", i);
	t.name = arena_str(a, strbuf_str(&sb));
	strbuf_release(&sb);
	return t;
}

START_TEST(a_set_finds_every_name_and_refuses_a_second)
{
	struct tensor_set set = TENSOR_SET_INIT;
	struct tensor t;

	ck_assert_ptr_null(tensor_set_find(&set, str_of("tensor.0")));
	for (size_t i = 0; i < 1000; i++) {
		t = named(&set.arena, i);
		ck_assert_int_eq(tensor_set_add(&set, &t), 0);
		ck_assert_int_eq(tensor_set_add(&set, &t), -EEXIST);
	}
	ck_assert_uint_eq(set.n, 1000);
	for (size_t i = 0; i < 1000; i++)
		ck_assert_ptr_eq(tensor_set_find(&set, set.v[i].name),
				 &set.v[i]);
	ck_assert_ptr_null(tensor_set_find(&set, str_of("tensor.1000")));
	tensor_set_release(&set);
}
END_TEST

START_TEST(a_reordered_set_still_finds_its_names)
{
	struct tensor_set set = TENSOR_SET_INIT;
	uint32_t order[100];

	for (size_t i = 0; i < 100; i++) {
		struct tensor t = named(&set.arena, i);

		ck_assert_int_eq(tensor_set_add(&set, &t), 0);
		order[i] = (uint32_t)(99 - i);
	}
	ck_assert_int_eq(tensor_set_reorder(&set, order), 0);
	ck_assert(str_is(set.v[0].name, "tensor.99"));
	ck_assert_ptr_eq(tensor_set_find(&set, str_of("tensor.7")), &set.v[92]);
	tensor_set_release(&set);
}
END_TEST

START_TEST(names_with_a_nul_are_told_apart)
{
	struct tensor_set set = TENSOR_SET_INIT;
	struct tensor a = {.name = {"x\0a", 3}}, b = {.name = {"x\0b", 3}};

	ck_assert_int_eq(tensor_set_add(&set, &a), 0);
	ck_assert_int_eq(tensor_set_add(&set, &b), 0);
	ck_assert_ptr_eq(tensor_set_find(&set, (struct str){"x\0b", 3}),
			 &set.v[1]);
	tensor_set_release(&set);
}
END_TEST

START_TEST(a_source_must_be_a_regular_file)
{
	struct error err = ERROR_INIT;
	struct source *s;

	ck_assert_int_lt(source_open(&s, "/dev/null", &err), 0);
	ck_assert_str_eq(error_text(&err), "/dev/null: not a regular file");
	ck_assert_int_eq(source_open(&s, "/nowhere/at/all", &err), -ENOENT);
	error_release(&err);
}
END_TEST

START_TEST(a_read_past_the_end_of_a_source_is_an_io_error)
{
	struct temp_source t;
	char buf[8];

	temp_source_make(&t, "12345678", 8);
	atomic_store(&t.src->logged, true); /* the line is not wanted here */
	ck_assert_int_eq(source_read(t.src, 2, 6, buf, false), 0);
	ck_assert_int_eq(source_read(t.src, 2, 7, buf, false), -EIO);
	temp_source_free(&t);
}
END_TEST

START_TEST(a_source_is_read_into_several_places)
{
	char a[3], b[8] = "        ", c[2];
	struct iovec some[] = {{a, 3}, {b + 2, 2}, {c, 2}};
	struct iovec more[] = {{a, 3}, {b + 2, 3}, {c, 2}};
	struct temp_source t;

	temp_source_make(&t, "12345678", 8);
	atomic_store(&t.src->logged, true);
	ck_assert_int_eq(source_readv(t.src, 1, some, 3, false), 0);
	ck_assert_mem_eq(a, "234", 3);
	ck_assert_mem_eq(b, "  56    ", 8);
	ck_assert_mem_eq(c, "78", 2);
	ck_assert_int_eq(source_readv(t.src, 1, more, 3, false), -EIO);
	temp_source_free(&t);
}
END_TEST

START_TEST(a_source_changed_in_place_gives_io_errors)
{
	struct temp_source t;
	char buf[8];

	temp_source_make(&t, "12345678", 8);
	atomic_store(&t.src->logged, true);
	ck_assert_int_eq(truncate(t.path, 4), 0);
	ck_assert_int_eq(source_read(t.src, 0, 2, buf, false), -EIO);
	temp_source_free(&t);
}
END_TEST

START_TEST(an_unlinked_source_goes_on_being_read)
{
	struct temp_source t;
	char buf[8];

	temp_source_make(&t, "12345678", 8);
	ck_assert_int_eq(unlink(t.path), 0);
	ck_assert_int_eq(source_read(t.src, 0, 8, buf, false), 0);
	ck_assert_mem_eq(buf, "12345678", 8);
	source_free(t.src);
}
END_TEST

/* ---- virtual files ---- */

static void render_digits(const void *ctx, uint64_t number, struct strbuf *out)
{
	(void)ctx;
	strbuf_addf(out, "<%04llu>", (unsigned long long)number);
}

/* "<0007>" + bytes 2..5 of the source + "memory" + all of the source */
static void make_file(struct vfile *f, struct temp_source *t,
		      struct tensor *tensor, uint64_t *dims)
{
	temp_source_make(t, "abcdefgh", 8);
	*tensor = temp_source_tensor(t, DT_U8, 0, 8, dims);
	*f = (struct vfile)VFILE_INIT;
	f->render = render_digits;
	ck_assert_int_eq(vfile_add_render(f, 7, 6), 0);
	ck_assert_int_eq(vfile_add_tensor(f, tensor, 2, 4), 0);
	ck_assert_int_eq(vfile_add_bytes(f, "", 0), 0);
	ck_assert_int_eq(vfile_add_bytes(f, "memory", 6), 0);
	ck_assert_int_eq(vfile_add_source(f, t->src), 0);
}

static const char whole[] = "<0007>cdefmemoryabcdefgh";

START_TEST(every_slice_of_a_virtual_file_is_that_of_the_whole)
{
	struct stats stats = {0};
	struct temp_source t;
	struct tensor tensor;
	struct reader rd;
	struct vfile f;
	uint64_t dims;
	char buf[64];

	make_file(&f, &t, &tensor, &dims);
	ck_assert_uint_eq(f.nbytes, strlen(whole));
	ck_assert_int_eq(reader_init(&rd, f.nrender, &stats, NULL), 0);
	for (size_t off = 0; off <= f.nbytes + 1; off++) {
		for (size_t n = 0; n <= f.nbytes + 2; n++) {
			size_t want = off < f.nbytes ? f.nbytes - off : 0;

			want = n < want ? n : want;
			ck_assert_int_eq(vfile_read(&f, off, n, buf, &rd),
					 (ssize_t)want);
			ck_assert_int_eq(memcmp(buf, whole + off, want), 0);
		}
	}
	reader_release(&rd);
	vfile_release(&f);
	temp_source_free(&t);
}
END_TEST

START_TEST(a_window_is_a_file_of_its_own)
{
	struct stats stats = {0};
	struct vfile f, window;
	struct temp_source t;
	struct tensor tensor;
	struct reader rd;
	uint64_t dims;
	char buf[64];

	make_file(&f, &t, &tensor, &dims);
	vfile_window(&window, &f, 3, 10);
	ck_assert_int_eq(reader_init(&rd, f.nrender, &stats, NULL), 0);
	ck_assert_int_eq(vfile_read(&window, 0, 64, buf, &rd), 10);
	ck_assert_mem_eq(buf, whole + 3, 10);
	ck_assert_int_eq(vfile_read(&window, 9, 64, buf, &rd), 1);
	ck_assert_int_eq(vfile_read(&window, 10, 64, buf, &rd), 0);
	ck_assert_uint_eq(vfile_next_tensor(&window, 0), 3);
	ck_assert_uint_eq(vfile_next_tensor(&window, 4), 10);
	reader_release(&rd);
	vfile_release(&window);
	vfile_release(&f);
	temp_source_free(&t);
}
END_TEST

START_TEST(a_failed_region_fails_the_read)
{
	struct stats stats = {0};
	struct temp_source t;
	struct tensor tensor;
	struct reader rd;
	struct vfile f;
	uint64_t dims;
	char buf[64];

	make_file(&f, &t, &tensor, &dims);
	atomic_store(&t.src->logged, true);
	ck_assert_int_eq(reader_init(&rd, f.nrender, &stats, NULL), 0);
	ck_assert_int_eq(truncate(t.path, 3), 0);
	ck_assert_int_eq(vfile_read(&f, 0, 6, buf, &rd), 6);
	ck_assert_int_eq(vfile_read(&f, 0, 7, buf, &rd), -EIO);
	ck_assert_uint_eq(stats_get(&stats.errors), 1);
	reader_release(&rd);
	vfile_release(&f);
	temp_source_free(&t);
}
END_TEST

Suite *suite_core(void)
{
	Suite *s = suite_create("core");
	TCase *texts = tcase_create("texts"), *sets = tcase_create("sets");
	TCase *files = tcase_create("files");

	tcase_add_test(texts, errors_are_one_line_whatever_names_hold);
	tcase_add_test(texts, error_lists_have_a_line_an_item);
	tcase_add_test(texts, errno_errors_say_what_the_system_said);
	tcase_add_test(texts, json_text_is_escaped);
	tcase_add_test(texts, shown_text_has_no_control_bytes);
	tcase_add_test(texts, tsv_text_escapes_the_four_bytes);
	tcase_add_test(texts, arena_memory_is_zeroed_aligned_and_apart);
	tcase_add_test(sets, a_size_that_overflows_or_splits_a_byte_is_refused);
	tcase_add_test(sets, a_set_finds_every_name_and_refuses_a_second);
	tcase_add_test(sets, a_reordered_set_still_finds_its_names);
	tcase_add_test(sets, names_with_a_nul_are_told_apart);
	tcase_add_test(files, a_source_must_be_a_regular_file);
	tcase_add_test(files, a_read_past_the_end_of_a_source_is_an_io_error);
	tcase_add_test(files, a_source_is_read_into_several_places);
	tcase_add_test(files, a_source_changed_in_place_gives_io_errors);
	tcase_add_test(files, an_unlinked_source_goes_on_being_read);
	tcase_add_test(files,
		       every_slice_of_a_virtual_file_is_that_of_the_whole);
	tcase_add_test(files, a_window_is_a_file_of_its_own);
	tcase_add_test(files, a_failed_region_fails_the_read);
	suite_add_tcase(s, texts);
	suite_add_tcase(s, sets);
	suite_add_tcase(s, files);
	return s;
}
