/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block-scaled fp8, and which tensors are taken for it. The reference here
 * works with values: an fp8 by its definition, the nearest bf16 by looking at
 * both neighbours.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/scaled.h"
#include "core/stats.h"
#include "models/dequant.h"
#include "temp_source.h"

/* ---- the reference ---- */

static double value_of_fp8(uint8_t x)
{
	int e = x >> 3 & 15, m = x & 7;
	double v = e ? ldexp(8 + m, e - 10) : ldexp(m, -9);

	if ((x & 0x7f) == 0x7f)
		return NAN;
	return x & 0x80 ? -v : v;
}

static double value_of_bf16(uint16_t x)
{
	uint32_t bits = (uint32_t)x << 16;
	float f;

	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

/* Whether x is the bf16 nearest to v, the even one of two. */
static bool is_nearest(float v, uint16_t x)
{
	uint16_t up = (uint16_t)(x + 1), down = (uint16_t)(x - 1);
	double here = fabs((double)v - value_of_bf16(x));
	double above = fabs((double)v - value_of_bf16(up));
	double below = fabs((double)v - value_of_bf16(down));

	if (isnan(v))
		return x == 0x7fc0;
	if ((x & 0x7fff) == 0x7f80) /* infinite: past the half-way point */
		return fabs((double)v) >= ldexp(511, 119);
	if ((x & 0x7fff) == 0)
		return fabs((double)v) <= ldexp(1, -134);
	if (x & 1)
		return here < above && here < below;
	return here <= above && here <= below;
}

/* ---- a scaled tensor over a file ---- */

static struct temp_source file;
static struct reader rd;
static struct stats stats;
static struct tensor weight, scales, t;
static struct scaled scaled;
static uint64_t dims[2], scale_dims[2];
static uint8_t *fp8;
static float *factors;

static void make(uint64_t rows, uint64_t cols, uint64_t r, uint64_t c,
		 uint64_t seed)
{
	uint64_t sr = (rows + r - 1) / r, sc = (cols + c - 1) / c;
	size_t n = (size_t)(rows * cols), ns = (size_t)(sr * sc);
	uint8_t *bytes = malloc(n + 4 * ns + 3);
	uint64_t unused;

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[3 + i] = (uint8_t)test_random(&seed);
	factors = malloc(ns * sizeof(*factors));
	ck_assert_ptr_nonnull(factors);
	for (size_t i = 0; i < ns; i++)
		factors[i] = ldexpf((float)(test_random(&seed) % 0x1000000),
				    (int)(test_random(&seed) % 20) - 34);
	memcpy(bytes + 3 + n, factors, 4 * ns);
	temp_source_make(&file, bytes, n + 4 * ns + 3);
	fp8 = malloc(n);
	memcpy(fp8, bytes + 3, n);
	free(bytes);
	weight = temp_source_tensor(&file, DT_F8_E4M3, 3, n, &unused);
	scales = temp_source_tensor(&file, DT_F32, 3 + n, ns, &unused);
	dims[0] = rows;
	dims[1] = cols;
	scale_dims[0] = sr;
	scale_dims[1] = sc;
	weight.dims = dims;
	scales.dims = scale_dims;
	weight.ndim = scales.ndim = 2;
	scaled = (struct scaled){&weight, &scales, r, c};
	t = (struct tensor){.dims = dims,
			    .ndim = 2,
			    .dtype = DT_BF16,
			    .nbytes = 2 * n,
			    .recipe = RECIPE_SCALED,
			    .scaled = &scaled};
	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
}

static void clean(void)
{
	reader_release(&rd);
	temp_source_free(&file);
	free(fp8);
	free(factors);
}

static uint8_t *read_all(void)
{
	uint8_t *all = malloc(t.nbytes);

	ck_assert_ptr_nonnull(all);
	ck_assert_int_eq(tensor_read(&t, 0, t.nbytes, all, &rd), 0);
	return all;
}

static void check_values(const uint8_t *all)
{
	for (uint64_t i = 0; i < dims[0] * dims[1]; i++) {
		uint64_t row = i / dims[1], col = i % dims[1];
		float f = factors[row / scaled.rows * scale_dims[1] +
				  col / scaled.cols];
		float v = (float)value_of_fp8(fp8[i]) * f;
		uint16_t x = (uint16_t)(all[2 * i] | all[2 * i + 1] << 8);

		ck_assert_msg(is_nearest(v, x), "element %llu: %a is %04x",
			      (unsigned long long)i, (double)v, x);
	}
}

static const struct {
	uint64_t rows, cols, r, c;
} shapes[] = {
	{1, 1, 128, 128},     {3, 5, 2, 2},	 {128, 128, 128, 128},
	{129, 257, 128, 128}, {7, 1000, 4, 128}, {300, 3, 128, 1},
	{40, 7000, 1, 16},
};

START_TEST(values_are_products_rounded_once)
{
	uint8_t *all;

	make(shapes[_i].rows, shapes[_i].cols, shapes[_i].r, shapes[_i].c,
	     77 + (uint64_t)_i);
	all = read_all();
	check_values(all);
	free(all);
	clean();
}
END_TEST

START_TEST(every_range_reads_as_the_whole)
{
	uint64_t seed = 5;
	uint8_t *all, part[4096];

	make(37, 211, 16, 32, 3);
	all = read_all();
	for (unsigned i = 0; i < 3000; i++) {
		uint64_t off = test_random(&seed) % t.nbytes;
		size_t n = (size_t)(test_random(&seed) %
				    (i % 3 ? 9 : sizeof(part)));

		n = off + n > t.nbytes ? (size_t)(t.nbytes - off) : n;
		ck_assert_int_eq(tensor_read(&t, off, n, part, &rd), 0);
		ck_assert_mem_eq(part, all + off, n);
	}
	free(all);
	clean();
}
END_TEST

START_TEST(every_fp8_has_its_value)
{
	uint8_t bytes[3 + 256 + 4] = {0}, *all;

	make(16, 16, 16, 16, 1);
	temp_source_free(&file);
	factors[0] = 1;
	for (unsigned x = 0; x < 256; x++)
		bytes[3 + x] = (uint8_t)x;
	memcpy(bytes + 3 + 256, factors, 4);
	temp_source_make(&file, bytes, sizeof(bytes));
	weight.extent.src = scales.extent.src = file.src;
	all = read_all();
	for (unsigned x = 0; x < 256; x++) {
		uint16_t got = (uint16_t)(all[2 * x] | all[2 * x + 1] << 8);

		if ((x & 0x7f) == 0x7f)
			ck_assert_uint_eq(got, 0x7fc0);
		else
			ck_assert_double_eq(value_of_bf16(got),
					    value_of_fp8((uint8_t)x));
	}
	free(all);
	clean();
}
END_TEST

/* ---- which tensors are meant ---- */

static struct tensor_set set;
static struct error err;

static void add(const char *name, enum dtype dt, uint64_t rows, uint64_t cols)
{
	struct tensor x = {.name = str_of(name), .dtype = (uint8_t)dt};
	uint64_t *v = arena_array(&set.arena, 2, sizeof(*v));

	v[0] = rows;
	v[1] = cols;
	x.dims = v;
	x.ndim = 2;
	ck_assert(tensor_nbytes(dt, v, 2, &x.nbytes));
	ck_assert_int_eq(tensor_set_add(&set, &x), 0);
}

static int run(const char *config, size_t *n)
{
	struct config *c = NULL;
	int ret;

	err = (struct error)ERROR_INIT;
	if (config)
		ck_assert_int_eq(config_parse(&c, str_of(config), "config.json",
					      &err),
				 0);
	ret = dequant(&set, c, n, &err);
	config_free(c);
	return ret;
}

static void done(void)
{
	tensor_set_release(&set);
	error_release(&err);
}

START_TEST(pairs_become_one_bf16_tensor)
{
	size_t n;

	add("b.weight_scale_inv", DT_F32, 2, 3);
	add("a.weight", DT_BF16, 4, 4);
	add("b.weight", DT_F8_E4M3, 129, 300);
	add("c.weight", DT_F8_E4M3, 4, 4);
	add("d_scale_inv", DT_F32, 1, 1);
	ck_assert_int_eq(run(NULL, &n), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(set.n, 4);
	ck_assert_ptr_null(tensor_set_find(&set, str_of("b.weight_scale_inv")));
	ck_assert_ptr_nonnull(tensor_set_find(&set, str_of("d_scale_inv")));
	ck_assert_int_eq(tensor_set_find(&set, str_of("c.weight"))->dtype,
			 DT_F8_E4M3);
	{
		const struct tensor *b =
			tensor_set_find(&set, str_of("b.weight"));

		ck_assert_int_eq(b->dtype, DT_BF16);
		ck_assert_uint_eq(b->nbytes, 2 * 129 * 300);
		ck_assert_int_eq(b->recipe, RECIPE_SCALED);
		ck_assert_uint_eq(b->scaled->rows, 128);
	}
	done();
}
END_TEST

START_TEST(config_says_how_large_blocks_are)
{
	size_t n;

	add("w", DT_F8_E4M3, 10, 10);
	add("w_scale_inv", DT_F32, 3, 5);
	ck_assert_int_eq(run("{\"quantization_config\": "
			     "{\"weight_block_size\": [4, 2]}}",
			     &n),
			 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(set.v[0].scaled->rows, 4);
	ck_assert_uint_eq(set.v[0].scaled->cols, 2);
	done();
}
END_TEST

START_TEST(scales_of_another_shape_are_refused)
{
	size_t n;

	add("w", DT_F8_E4M3, 129, 128);
	add("w_scale_inv", DT_F32, 1, 1);
	ck_assert_int_lt(run(NULL, &n), 0);
	ck_assert_str_eq(error_text(&err),
			 "w_scale_inv is F32 [1,1], which are not the F32 "
			 "scales of blocks of 128 x 128 of w [129,128]");
	done();
}
END_TEST

Suite *suite_scaled(void);
Suite *suite_scaled(void)
{
	Suite *s = suite_create("scaled");
	TCase *tc = tcase_create("scaled");

	tcase_add_loop_test(tc, values_are_products_rounded_once, 0,
			    (int)(sizeof(shapes) / sizeof(shapes[0])));
	tcase_add_test(tc, every_range_reads_as_the_whole);
	tcase_add_test(tc, every_fp8_has_its_value);
	tcase_add_test(tc, pairs_become_one_bf16_tensor);
	tcase_add_test(tc, config_says_how_large_blocks_are);
	tcase_add_test(tc, scales_of_another_shape_are_refused);
	suite_add_tcase(s, tc);
	return s;
}
