/* SPDX-License-Identifier: Apache-2.0 */
/* The MindSpore checkpoint that is read: the golden corpus, files that were
 * laid out, sizes, and damage. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "formats/ckpt.h"
#include "tests/unit/ckpt_bytes.h"
#include "tests/unit/layout_fixture.h"
#include "tests/unit/temp_source.h"

#define CORPUS "tests/golden/formats/ckpt"

#define MIB (UINT64_C(1) << 20)

Suite *suite_ckpt_read(void);

/* A ckpt that was read, or refused. */
struct fixture {
	struct source *src;
	struct tensor_set set;
	struct reading r;
	struct strbuf notes;
	struct error err;
	int rc;
};

static void read_path(struct fixture *x, const char *path, bool keep_extra)
{
	*x = (struct fixture){.set = TENSOR_SET_INIT, .err = ERROR_INIT};
	x->r.set = &x->set;
	x->r.keep_extra = keep_extra;
	ck_assert_int_eq(source_open(&x->src, path, &x->err), 0);
	x->rc = ckpt_read(&x->r, x->src, &x->err);
	reading_note(&x->r, &x->notes);
	if (x->rc) {
		ck_assert_int_eq(x->rc, -EINVAL);
		ck_assert_int_eq(x->err.class, ERR_SOURCE);
		ck_assert_msg(strstr(error_text(&x->err), x->src->path) != NULL,
			      "%s", error_text(&x->err));
	}
}

static void done(struct fixture *x)
{
	reading_release(&x->r);
	tensor_set_release(&x->set);
	source_free(x->src);
	strbuf_release(&x->notes);
	error_release(&x->err);
}

static void read_bytes(struct fixture *x, struct temp_source *file,
		       const void *p, size_t n)
{
	temp_source_make(file, p, n);
	read_path(x, file->path, true);
}

/* ---- the corpus ---- */

/* One line of expected.tsv. */
struct line {
	char file[64], name[64], dtype[16], shape[64], sha256[65];
};

#define MAX_LINES 200

static size_t read_expected(struct line *v)
{
	FILE *f = fopen(CORPUS "/expected.tsv", "r");
	char text[512];
	size_t n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(text, sizeof(text), f)) {
		ck_assert_uint_lt(n, MAX_LINES);
		ck_assert_int_ge(sscanf(text,
					"%63[^\t]\t%63[^\t]\t%15[^\t]\t"
					"%63[^\t]\t%64[0-9a-f]",
					v[n].file, v[n].name, v[n].dtype,
					v[n].shape, v[n].sha256),
				 3);
		n++;
	}
	fclose(f);
	return n;
}

static void check_sha256(const struct tensor *t, const char *want)
{
	unsigned char digest[32];
	struct stats stats = {0};
	struct reader rd;
	char hex[65], data[8192];

	ck_assert_uint_le(t->nbytes, sizeof(data));
	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	ck_assert_int_eq(tensor_read(t, 0, (size_t)t->nbytes, data, &rd), 0);
	EVP_Digest(data, (size_t)t->nbytes, digest, NULL, EVP_sha256(), NULL);
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	ck_assert_str_eq(hex, want);
	reader_release(&rd);
}

/* A line of a file that was read: a tensor, or a note on what is none. */
static size_t check_line(struct fixture *x, const struct line *want)
{
	const struct tensor *t = tensor_set_find(&x->set, str_of(want->name));
	bool nibbles = strcmp(want->dtype, "Int4") == 0;
	struct strbuf shape = STRBUF_INIT;

	if (strcmp(want->shape, "-") == 0 || nibbles)
		ck_assert_msg(x->notes.p && strstr(x->notes.p, want->name),
			      "%s: no note on %s", want->file, want->name);
	if (strcmp(want->shape, "-") == 0) {
		ck_assert_ptr_null(t);
		return 0;
	}
	ck_assert_ptr_nonnull(t);
	strbuf_addc(&shape, '[');
	strbuf_add_dims(&shape, t->dims, t->ndim, ',');
	strbuf_addc(&shape, ']');
	ck_assert_str_eq(shape.p, want->shape);
	strbuf_release(&shape);
	ck_assert_str_eq(dtype_info(t->dtype)->safetensors,
			 nibbles ? "I8" : want->dtype);
	check_sha256(t, want->sha256);
	return 1;
}

/* The lines [i, end) are those of one file. */
static void check_file(const struct line *v, size_t i, size_t end)
{
	struct fixture x;
	char path[512];
	size_t ntensors = 0;

	snprintf(path, sizeof(path), CORPUS "/%s", v[i].file);
	read_path(&x, path, true);
	if (strcmp(v[i].name, "error") == 0) {
		ck_assert_msg(x.rc != 0, "%s was read", v[i].file);
	} else if (strcmp(v[i].name, "any") != 0) {
		ck_assert_msg(x.rc == 0, "%s", error_text(&x.err));
		for (; i < end; i++)
			ntensors += check_line(&x, &v[i]);
		ck_assert_uint_eq(x.set.n, ntensors);
	}
	done(&x);
}

START_TEST(corpus)
{
	static struct line v[MAX_LINES];
	size_t n = read_expected(v), nfiles = 0;

	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n; end++)
			if (strcmp(v[end].file, v[i].file) != 0)
				break;
		check_file(v, i, end);
		nfiles++;
	}
	ck_assert_uint_gt(nfiles, 50);
}
END_TEST

static void expect_refused(const char *file, const char *words)
{
	struct fixture x;
	char path[512];

	snprintf(path, sizeof(path), CORPUS "/%s", file);
	read_path(&x, path, true);
	ck_assert_msg(x.rc && strstr(error_text(&x.err), words),
		      "no \"%s\" in: %s", words, error_text(&x.err));
	done(&x);
}

START_TEST(sentences)
{
	expect_refused("encrypted_aes_gcm.ckpt", "encrypted MindSpore "
						 "checkpoint (AES-GCM)");
	expect_refused("encrypted_aes_cbc.ckpt", "AES-CBC");
	expect_refused("empty_file.ckpt", "holds no parameter");
	expect_refused("content_short.ckpt", "takes 400 bytes, but the file "
					     "holds 8");
	expect_refused("dim_negative.ckpt", "dimension 0 is negative (-");
	expect_refused("dims_overflow.ckpt", "2^64");
	expect_refused("dtype_unknown.ckpt", "unknown type \"");
	expect_refused("random_op.ckpt", "unknown type \"random_op\"");
	expect_refused("wire6.ckpt", "wire type 6");
	expect_refused("text.ckpt", "damaged or no MindSpore checkpoint");
	expect_refused("trunc_last_byte.ckpt", "reaches past the end");
	expect_refused("group_unclosed.ckpt", "100 groups");
	expect_refused("tag_not_utf8.ckpt", "not UTF-8");
	expect_refused("str_bad_length.ckpt", "characters of 4");
	expect_refused("dup_nonadjacent.ckpt", "there twice");
	expect_refused("len_2e63.ckpt", "reaches past the end");
}
END_TEST

START_TEST(stored_crcs)
{
	static const struct {
		const char *file;
		bool has_crc;
		int rc;
	} rows[] = {
		{CORPUS "/crc.ckpt", true, 0},
		{CORPUS "/crc_bad.ckpt", true, -EINVAL},
		{CORPUS "/min.ckpt", false, 0},
		{CORPUS "/empty_file.ckpt", false, 0},
		{CORPUS "/crc_cut.ckpt", false, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = ERROR_INIT;
		struct source *s;
		bool has_crc;

		ck_assert_int_eq(source_open(&s, rows[i].file, &err), 0);
		ck_assert_int_eq(ckpt_verify(s, &has_crc, &err), rows[i].rc);
		ck_assert(has_crc == rows[i].has_crc);
		ck_assert(!rows[i].rc ||
			  strstr(error_text(&err), "CRC-32 is") != NULL);
		error_release(&err);
		source_free(s);
	}
}
END_TEST

/* ---- what was laid out ---- */

/* Write the laid out file to a temporary one of that path. */
static void write_layout(struct layout_fixture *x, char *path)
{
	uint8_t *p = layout_read_all(x);
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, (size_t)x->f.nbytes),
			 (ssize_t)x->f.nbytes);
	close(fd);
	free(p);
}

static void expect_same(const struct tensor *a, const struct tensor *b,
			struct reader *rd)
{
	static uint8_t x[20000], y[20000];

	ck_assert(str_eq(a->name, b->name));
	ck_assert_uint_eq(a->dtype, b->dtype);
	ck_assert_uint_eq(a->ndim, b->ndim);
	for (unsigned i = 0; i < a->ndim; i++)
		ck_assert_uint_eq(a->dims[i], b->dims[i]);
	ck_assert_int_eq(tensor_read(a, 0, (size_t)a->nbytes, x, rd), 0);
	ck_assert_int_eq(tensor_read(b, 0, (size_t)b->nbytes, y, rd), 0);
	ck_assert(memcmp(x, y, (size_t)a->nbytes) == 0);
}

START_TEST(what_is_written_is_read)
{
	char path[] = "/tmp/wconv-test-XXXXXX";
	struct layout_fixture x;
	struct fixture y;
	size_t k = 0;

	layout_setup(&x, 20000, 0);
	layout_add_many(&x);
	ck_assert_int_eq(ckpt_layout(&x.f, &x.set, NULL, &x.arena, &x.err), 0);
	write_layout(&x, path);
	read_path(&y, path, false);
	ck_assert_msg(y.rc == 0, "%s", error_text(&y.err));
	ck_assert_uint_eq(y.notes.len, 0);
	for (size_t i = 0; i < x.set.n; i++)
		if (x.set.v[i].nbytes > 0)
			expect_same(&x.set.v[i], &y.set.v[k++], &x.rd);
	ck_assert_uint_eq(y.set.n, k);
	done(&y);
	unlink(path);
	layout_done(&x);
}
END_TEST

/* The headers of a laid out file at their places in a sparse one. */
static void write_sparse(struct layout_fixture *x, char *path)
{
	int fd = mkstemp(path);
	char buf[512];

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)x->f.nbytes), 0);
	ck_assert_int_eq(reader_init(&x->rd, x->f.nrender, &x->stats, NULL), 0);
	for (size_t i = 0; i < x->f.nregions; i++) {
		const struct region *r = &x->f.regions[i];
		size_t n;

		if (r->kind != REGION_RENDER)
			continue;
		n = (size_t)(r[1].off - r->off);
		ck_assert_uint_le(n, sizeof(buf));
		ck_assert_int_eq(vfile_read(&x->f, r->off, n, buf, &x->rd),
				 (ssize_t)n);
		ck_assert_int_eq(pwrite(fd, buf, n, (off_t)r->off), (ssize_t)n);
	}
	close(fd);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* 1 TiB in 3000 tensors of 700 slices: some megabytes of headers are read. */
START_TEST(a_terabyte_opens_fast)
{
	char path[] = "/tmp/wconv-test-XXXXXX", name[64];
	struct layout_fixture x;
	struct fixture y;
	double start;

	layout_setup(&x, 0, 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "model.layers.%d.weight", i);
		ADD(&x, name, DT_BF16, 7168, i % 8 ? 25600 : 40000);
	}
	ck_assert_int_eq(ckpt_layout(&x.f, &x.set, NULL, &x.arena, &x.err), 0);
	ck_assert_uint_gt(x.f.nbytes, UINT64_C(1) << 40);
	write_sparse(&x, path);
	start = seconds();
	read_path(&y, path, false);
	ck_assert_msg(y.rc == 0, "%s", error_text(&y.err));
	ck_assert(seconds() - start < 5);
	ck_assert_uint_eq(y.set.n, 3000);
	ck_assert_uint_lt(atomic_load(&y.src->nread), 40 * MIB);
	for (size_t i = 0; i < y.set.n; i++) {
		ck_assert(str_eq(y.set.v[i].name, x.set.v[i].name));
		ck_assert_uint_eq(y.set.v[i].nbytes, x.set.v[i].nbytes);
	}
	/* over 512 MiB: two slices, of which the second is the rest */
	ck_assert_uint_eq(y.set.v[0].recipe, RECIPE_EXTENTS);
	ck_assert_uint_eq(y.set.v[1].recipe, RECIPE_EXTENT);
	done(&y);
	unlink(path);
	layout_done(&x);
}
END_TEST

/* ---- hand-made files ---- */

/* Slices that end inside elements, the last one of the upper halves too. */
START_TEST(slices_of_any_length)
{
	struct strbuf sb = STRBUF_INIT;
	struct stats stats = {0};
	struct temp_source file;
	struct reader rd;
	struct fixture x;
	char got[8];

	CKPT(&sb, "a", "Int32", "abc", 2);
	CKPT(&sb, "a", "Int32", "", 2);
	CKPT(&sb, "a", "Int32", "defgh", 2);
	CKPT(&sb, "b", "BFloat16", "..A", 3);
	CKPT(&sb, "b", "BFloat16", "B..CD..E", 3);
	CKPT(&sb, "b", "BFloat16", "F", 3);
	CKPT(&sb, "c.__param_key__12", "UInt8", "x", 1);
	read_bytes(&x, &file, sb.p, sb.len);
	ck_assert_msg(x.rc == 0, "%s", error_text(&x.err));
	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	ck_assert_uint_eq(x.set.n, 3);
	for (size_t from = 0; from <= 8; from++)
		for (size_t n = 0; from + n <= 8; n++) {
			ck_assert_int_eq(
				tensor_read(&x.set.v[0], from, n, got, &rd), 0);
			ck_assert(memcmp(got, &"abcdefgh"[from], n) == 0);
		}
	for (size_t from = 0; from <= 6; from++)
		for (size_t n = 0; from + n <= 6; n++) {
			ck_assert_int_eq(
				tensor_read(&x.set.v[1], from, n, got, &rd), 0);
			ck_assert(memcmp(got, &"ABCDEF"[from], n) == 0);
		}
	ck_assert(str_is(x.set.v[2].name, "c"));
	reader_release(&rd);
	done(&x);
	temp_source_free(&file);
	strbuf_release(&sb);
}
END_TEST

START_TEST(training_state_is_left_out)
{
	char extra[] =
		"adam_m.w adam_m.v adam_v.w moments.w accum.a.b moment1.x "
		"global_step learning_rate beta1_power epoch_num step_num "
		"loss_scale scale_sense stat.x exp_avg.w exp_avg_sq.w "
		"current_iterator_step last_overflow_iterator_step "
		"lamb_m.w accum_update.w exp_avg_sq_row_w "
		"exp_avg_insta_col_w exp_avg_insta_row_w afactor_step "
		"learning_rate_group_0 grad_accumulation.w "
		"accumulation_step muon_m.w pma_weight_ema.w";
	static const char *const kept[] = {"w",
					   "adam_m",
					   "accum",
					   "model.moments.w",
					   "learning_rates",
					   "step",
					   "statistics.x",
					   "lamb_m."};
	size_t nextra = 0;
	char *rest;
	const size_t nkept = sizeof(kept) / sizeof(kept[0]);
	struct strbuf sb = STRBUF_INIT;
	struct temp_source file;
	struct fixture x;

	for (char *w = extra; (w = strtok_r(w, " ", &rest)); w = NULL, nextra++)
		CKPT_SCALAR(&sb, w);
	for (size_t i = 0; i < nkept; i++)
		CKPT_SCALAR(&sb, kept[i]);
	read_bytes(&x, &file, sb.p, sb.len);
	ck_assert_uint_eq(x.set.n, nextra + nkept);
	ck_assert_uint_eq(x.notes.len, 0);
	done(&x);
	read_path(&x, file.path, false);
	ck_assert_uint_eq(x.set.n, nkept);
	for (size_t i = 0; i < nkept; i++)
		ck_assert(str_is(x.set.v[i].name, kept[i]));
	ck_assert_ptr_nonnull(
		strstr(x.notes.p, "2 of adam_m.*, 1 of adam_v.*"));
	ck_assert_ptr_nonnull(strstr(x.notes.p, "global_step, "));
	ck_assert_ptr_nonnull(strstr(x.notes.p, "--keep-extra"));
	done(&x);
	temp_source_free(&file);
	strbuf_release(&sb);
}
END_TEST

START_TEST(a_name_in_two_files_is_refused)
{
	struct strbuf sb = STRBUF_INIT;
	struct temp_source file, other;
	struct fixture x;

	CKPT(&sb, "w", "UInt8", "x", 1);
	read_bytes(&x, &file, sb.p, sb.len);
	sb.p[sb.len - 1] = 'y';
	temp_source_make(&other, sb.p, sb.len);
	ck_assert_int_eq(ckpt_read(&x.r, other.src, &x.err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(&x.err), file.path));
	ck_assert_ptr_nonnull(strstr(error_text(&x.err), other.path));
	done(&x);
	temp_source_free(&file);
	temp_source_free(&other);
	strbuf_release(&sb);
}
END_TEST

START_TEST(limits)
{
	struct strbuf sb = STRBUF_INIT;
	struct temp_source file;
	struct fixture x;
	char name[5000];
	int64_t dims[TENSOR_MAX_NDIM + 2];

	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = 'n';
	for (size_t n = TENSOR_MAX_NAME; n < sizeof(name); n += 60) {
		strbuf_reset(&sb);
		name[n] = '\0';
		CKPT(&sb, name, "UInt8", "x", 1);
		name[n] = 'n';
		read_bytes(&x, &file, sb.p, sb.len);
		ck_assert((x.rc == 0) == (n == TENSOR_MAX_NAME));
		ck_assert(x.rc == 0 || strstr(error_text(&x.err), "4096"));
		done(&x);
		temp_source_free(&file);
	}
	for (size_t i = 0; i < TENSOR_MAX_NDIM + 2; i++)
		dims[i] = 1;
	for (int n = TENSOR_MAX_NDIM; n <= TENSOR_MAX_NDIM + 1; n++) {
		strbuf_reset(&sb);
		dims[n] = -1;
		ckpt_put(&sb, "w", "UInt8", dims, (struct str){"x", 1});
		dims[n] = 1;
		read_bytes(&x, &file, sb.p, sb.len);
		ck_assert((x.rc == 0) == (n == TENSOR_MAX_NDIM));
		done(&x);
		temp_source_free(&file);
	}
	strbuf_release(&sb);
}
END_TEST

/* ---- damage ---- */

/* Every tensor of what was read can be read, in the file as it is. */
static void read_tensors(struct fixture *x)
{
	struct stats stats = {0};
	struct reader rd;
	char buf[256];

	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	for (size_t i = 0; i < x->set.n; i++) {
		const struct tensor *t = &x->set.v[i];
		size_t n = t->nbytes < 256 ? (size_t)t->nbytes : 256;

		ck_assert_int_eq(tensor_read(t, 0, n, buf, &rd), 0);
		ck_assert_int_eq(tensor_read(t, t->nbytes - n, n, buf, &rd), 0);
	}
	reader_release(&rd);
}

static void damage(const char *file, uint64_t *seed)
{
	char bytes[20000], copy[20000], path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), CORPUS "/%s", file);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	for (int i = 0; i < 400 && n > 0; i++) {
		size_t len = test_random(seed) % 3 ? n : test_random(seed) % n;
		struct temp_source temp;
		struct fixture x;

		memcpy(copy, bytes, n);
		for (uint64_t k = test_random(seed) % 4; k--;)
			copy[test_random(seed) % n] = (char)test_random(seed);
		read_bytes(&x, &temp, copy, len);
		if (!x.rc)
			read_tensors(&x);
		done(&x);
		temp_source_free(&temp);
	}
}

START_TEST(damaged_files)
{
	static struct line v[MAX_LINES];
	size_t n = read_expected(v);
	uint64_t seed = 20240607;

	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(v[i].file, v[i - 1].file) != 0)
			damage(v[i].file, &seed);
}
END_TEST

Suite *suite_ckpt_read(void)
{
	Suite *s = suite_create("ckpt_read");
	TCase *t = tcase_create("ckpt_read");

	tcase_add_test(t, corpus);
	tcase_add_test(t, sentences);
	tcase_add_test(t, stored_crcs);
	tcase_add_test(t, what_is_written_is_read);
	tcase_add_test(t, a_terabyte_opens_fast);
	tcase_add_test(t, slices_of_any_length);
	tcase_add_test(t, training_state_is_left_out);
	tcase_add_test(t, a_name_in_two_files_is_refused);
	tcase_add_test(t, limits);
	tcase_add_test(t, damaged_files);
	suite_add_tcase(s, t);
	return s;
}
