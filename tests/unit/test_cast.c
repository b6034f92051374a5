/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Casts, against a reference that knows nothing of bit tricks: the values of
 * all f16 and bf16 numbers by ldexp, and the nearest of them by search.
 */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cast.h"
#include "core/reader.h"
#include "core/tensor.h"
#include "temp_source.h"

Suite *suite_cast(void);

/* A 16-bit format. */
struct small {
	enum dtype dtype;
	unsigned nmant; /* mantissa bits */
	int emin;	/* exponent of the smallest normal number */
	uint16_t inf, nan;
};

static const struct small f16 = {DT_F16, 10, -14, 0x7c00, 0x7e00};
static const struct small bf16 = {DT_BF16, 7, -126, 0x7f80, 0x7fc0};

/* The value of a number without sign; of inf, what would come next. */
static double value_of(const struct small *s, unsigned bits)
{
	int mant = (int)(bits & ((1u << s->nmant) - 1));
	int exp = (int)(bits >> s->nmant), bias = (int)s->nmant;

	if (exp == 0)
		return ldexp(mant, s->emin - bias);
	return ldexp(mant + (1 << s->nmant), s->emin + exp - 1 - bias);
}

/* The value of any pattern but a NaN. */
static double signed_value(const struct small *s, unsigned bits)
{
	unsigned a = bits & 0x7fff;
	double v = a == s->inf ? (double)INFINITY : value_of(s, a);

	return bits & 0x8000 ? -v : v;
}

static bool is_nan(const struct small *s, unsigned bits)
{
	return (bits & 0x7fff) > s->inf;
}

/* The nearest number to x, of two the even one. */
static uint16_t nearest(const struct small *s, double x)
{
	unsigned lo = 0, hi = s->inf; /* value(lo) <= |x| < value(hi) */
	unsigned sign = signbit(x) ? 0x8000 : 0;
	double a = fabs(x), mid;

	if (isnan(x))
		return s->nan;
	if (a >= value_of(s, hi))
		return (uint16_t)(hi | sign);
	while (hi - lo > 1) {
		unsigned m = (lo + hi) / 2;

		if (value_of(s, m) <= a)
			lo = m;
		else
			hi = m;
	}
	mid = (value_of(s, lo) + value_of(s, hi)) / 2;
	if (a > mid || (a == mid && lo % 2))
		lo = hi;
	return (uint16_t)(lo | sign);
}

/* Elements to cast, gathered one by one. */
struct batch {
	enum dtype from;
	uint8_t *in;
	size_t n, cap;
};

static void add(struct batch *b, const void *element)
{
	size_t width = dtype_width(b->from);

	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 4096;
		b->in = realloc(b->in, b->cap * width);
		ck_assert_ptr_nonnull(b->in);
	}
	memcpy(b->in + b->n++ * width, element, width);
}

/* As the type of the batch, which must hold x. */
static void add_value(struct batch *b, double x)
{
	float f = (float)x;

	if (b->from == DT_F64)
		add(b, &x);
	else
		add(b, &f);
}

/* x, and what lies directly beside it in the type of the batch. */
static void add_around(struct batch *b, double x)
{
	for (int sign = 1; sign >= -1; sign -= 2) {
		double v = sign * x, up = sign * (double)INFINITY;

		add_value(b, v);
		if (b->from == DT_F64) {
			add_value(b, nextafter(v, up));
			add_value(b, nextafter(v, -up));
		} else {
			add_value(b, nextafterf((float)v, (float)up));
			add_value(b, nextafterf((float)v, (float)-up));
		}
	}
}

static double batch_value(const struct batch *b, size_t i)
{
	double d;
	float f;

	if (b->from == DT_F64) {
		memcpy(&d, b->in + i * sizeof(d), sizeof(d));
		return d;
	}
	memcpy(&f, b->in + i * sizeof(f), sizeof(f));
	return f;
}

/* Cast at odd addresses and compare each element and the overflows. */
static void check_small(const struct batch *b, const struct small *to)
{
	size_t width = dtype_width(b->from);
	uint8_t *in = malloc(b->n * width + 1), *out = malloc(b->n * 2 + 1);
	uint64_t over = 0, got;

	memcpy(in + 1, b->in, b->n * width);
	got = cast_run(b->from, to->dtype, in + 1, out + 1, b->n);
	for (size_t i = 0; i < b->n; i++) {
		double x = batch_value(b, i);
		uint16_t want = nearest(to, x), bits;

		memcpy(&bits, out + 1 + 2 * i, sizeof(bits));
		ck_assert_msg(bits == want, "%a gave %#x, not %#x", x, bits,
			      want);
		over += isfinite(x) && (want & 0x7fff) == to->inf;
	}
	ck_assert_uint_eq(got, over);
	free(in);
	free(out);
}

static void check_narrowing(enum dtype from, const struct small *to)
{
	struct batch b = {.from = from};
	uint64_t seed = 1;

	for (unsigned i = 0; i < to->inf; i++) {
		double lo = value_of(to, i), hi = value_of(to, i + 1);

		add_around(&b, lo);
		add_around(&b, (lo + hi) / 2);
	}
	add_around(&b, value_of(to, to->inf));
	add_around(&b, from == DT_F64 ? 1.7e308 : 3.4e38);
	add_value(&b, (double)INFINITY);
	add_value(&b, -(double)INFINITY);
	add_value(&b, (double)NAN);
	for (size_t i = 0; i < 100003; i++) {
		uint64_t bits = test_random(&seed);

		add(&b, &bits);
	}
	check_small(&b, to);
	free(b.in);
}

START_TEST(narrows_f32_to_f16)
{
	check_narrowing(DT_F32, &f16);
}
END_TEST

START_TEST(narrows_f32_to_bf16)
{
	check_narrowing(DT_F32, &bf16);
}
END_TEST

START_TEST(narrows_f64_to_f16)
{
	check_narrowing(DT_F64, &f16);
}
END_TEST

START_TEST(narrows_f64_to_bf16)
{
	check_narrowing(DT_F64, &bf16);
}
END_TEST

/* The double just above a tie is the tie itself as a float. */
START_TEST(f64_is_not_rounded_by_way_of_f32)
{
	double in[2] = {nextafter(1 + ldexp(1, -11), 2),
			nextafter(1 + ldexp(1, -8), 2)};
	uint16_t out;

	ck_assert_uint_eq(cast_run(DT_F64, DT_F16, &in[0], &out, 1), 0);
	ck_assert_uint_eq(out, 0x3c01);
	ck_assert_uint_eq(cast_run(DT_F64, DT_BF16, &in[1], &out, 1), 0);
	ck_assert_uint_eq(out, 0x3f81);
}
END_TEST

/* All 2^16 patterns at once, and the answers. */
static uint64_t cast_all(enum dtype from, enum dtype to, void *out)
{
	static uint16_t in[1 << 16];

	for (unsigned i = 0; i < 1 << 16; i++)
		in[i] = (uint16_t)i;
	return cast_run(from, to, in, out, 1 << 16);
}

static void check_widening(const struct small *s)
{
	static uint32_t out[1 << 16];

	ck_assert_uint_eq(cast_all(s->dtype, DT_F32, out), 0);
	for (unsigned i = 0; i < 1 << 16; i++) {
		unsigned mant = i & ((1u << s->nmant) - 1);
		uint32_t sign = (uint32_t)(i >> 15) << 31;
		float f;

		if (is_nan(s, i)) {
			ck_assert_uint_eq(out[i],
					  sign | 0x7f800000u |
						  mant << (23 - s->nmant));
			continue;
		}
		memcpy(&f, &out[i], sizeof(f));
		ck_assert(f == signed_value(s, i));
		ck_assert(!signbit(f) == !sign);
	}
}

START_TEST(widens_every_f16)
{
	check_widening(&f16);
}
END_TEST

START_TEST(widens_every_bf16)
{
	check_widening(&bf16);
}
END_TEST

static void check_across(const struct small *from, const struct small *to)
{
	static uint16_t out[1 << 16];
	uint64_t over = 0, got = cast_all(from->dtype, to->dtype, out);

	for (unsigned i = 0; i < 1 << 16; i++) {
		uint16_t want = to->nan;

		if (!is_nan(from, i))
			want = nearest(to, signed_value(from, i));
		ck_assert_uint_eq(out[i], want);
		over += (i & 0x7fff) < from->inf && (want & 0x7fff) == to->inf;
	}
	ck_assert_uint_eq(got, over);
}

START_TEST(casts_every_f16_to_bf16)
{
	check_across(&f16, &bf16);
}
END_TEST

START_TEST(casts_every_bf16_to_f16)
{
	check_across(&bf16, &f16);
}
END_TEST

static uint32_t f32_of(double x, uint64_t *over)
{
	uint32_t bits;

	*over += cast_run(DT_F64, DT_F32, &x, &bits, 1);
	return bits;
}

/* Between a float and the next: below, at and above the middle. */
static void check_f32_step(uint32_t bits)
{
	uint32_t next = bits + 1;
	float a, b;
	double mid, top = ldexp(1, 128);
	uint64_t over = 0;

	memcpy(&a, &bits, sizeof(a));
	memcpy(&b, &next, sizeof(b));
	mid = ((double)a + (isinf(b) ? top : (double)b)) / 2;
	ck_assert_uint_eq(f32_of((double)a, &over), bits);
	ck_assert_uint_eq(f32_of(nextafter(mid, 0), &over), bits);
	ck_assert_uint_eq(over, 0);
	ck_assert_uint_eq(f32_of(mid, &over), bits % 2 ? next : bits);
	ck_assert_uint_eq(f32_of(nextafter(mid, top), &over), next);
	ck_assert_uint_eq(f32_of(-nextafter(mid, top), &over),
			  next | 0x80000000u);
	ck_assert_uint_eq(over, isinf(b) ? 3 : 0);
}

START_TEST(narrows_f64_to_f32)
{
	uint64_t seed = 2, over = 0;

	for (int i = 0; i < 100000; i++)
		check_f32_step((uint32_t)test_random(&seed) % 0x7f800000u);
	for (uint32_t i = 0; i < 100; i++) {
		check_f32_step(i); /* zero, the first subnormals */
		check_f32_step(0x007fffceu + i); /* to the first normals */
		check_f32_step(0x7f7fffffu - i); /* the last numbers */
	}
	ck_assert_uint_eq(f32_of(-0.0, &over), 0x80000000u);
	ck_assert_uint_eq(f32_of((double)INFINITY, &over), 0x7f800000u);
	ck_assert_uint_eq(over, 0);
	ck_assert_uint_eq(f32_of(-1e300, &over), 0xff800000u);
	ck_assert_uint_eq(over, 1);
}
END_TEST

START_TEST(f64_nan_stays_a_nan_in_f32)
{
	const uint64_t in[] = {0x7ff8000000000000, 0x7ff0000000000001,
			       0xfff4000000000000, 0x7ff0000020000000};
	const uint32_t want[] = {0x7fc00000, 0x7fc00000, 0xffe00000,
				 0x7fc00001};
	uint32_t out[4];

	ck_assert_uint_eq(cast_run(DT_F64, DT_F32, in, out, 4), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(out[i], want[i]);
}
END_TEST

START_TEST(knows_its_pairs)
{
	static const enum dtype floats[] = {DT_F64, DT_F32, DT_F16, DT_BF16};

	for (unsigned i = 0; i < 4; i++) {
		ck_assert(!cast_supported(floats[i], DT_F64));
		for (unsigned k = 1; k < 4; k++)
			ck_assert(cast_supported(floats[i], floats[k]));
		ck_assert(!cast_supported(floats[i], DT_I32));
		ck_assert(!cast_supported(DT_F8_E4M3, floats[i]));
		ck_assert(!cast_supported(DT_I64, floats[i]));
	}
}
END_TEST

/* ---- Reading ranges of a cast ---- */

struct fixture {
	struct temp_source file;
	struct stats stats;
	struct reader rd;
	uint64_t dims;
	struct tensor child, cast;
	uint8_t *want;
};

static void setup(struct fixture *x, enum dtype from, enum dtype to, size_t n)
{
	size_t nin = n * dtype_width(from) + 3;
	uint8_t *bytes = malloc(nin);
	uint64_t seed = 3;

	memset(&x->stats, 0, sizeof(x->stats));
	for (size_t i = 0; i < nin; i++)
		bytes[i] = (uint8_t)(test_random(&seed) >> 32);
	temp_source_make(&x->file, bytes, nin);
	x->child = temp_source_tensor(&x->file, from, 3, n, &x->dims);
	x->cast = x->child;
	x->cast.dtype = (uint8_t)to;
	x->cast.recipe = RECIPE_CAST;
	x->cast.nbytes = n * dtype_width(to);
	x->cast.cast = &x->child;
	x->want = malloc(x->cast.nbytes);
	cast_run(from, to, bytes + 3, x->want, n);
	free(bytes);
	ck_assert_int_eq(reader_init(&x->rd, 0, &x->stats, NULL), 0);
}

static void done(struct fixture *x)
{
	reader_release(&x->rd);
	temp_source_free(&x->file);
	free(x->want);
}

static void check_range(struct fixture *x, uint64_t off, size_t n)
{
	uint8_t *got = malloc(n + 1);

	got[n] = 0xa5;
	ck_assert_int_eq(tensor_read(&x->cast, off, n, got, &x->rd), 0);
	ck_assert_msg(memcmp(got, x->want + off, n) == 0, "%zu bytes at %llu",
		      n, (unsigned long long)off);
	ck_assert_uint_eq(got[n], 0xa5);
	free(got);
}

static const enum dtype read_pairs[][2] = {
	{DT_F64, DT_F16}, {DT_F64, DT_F32},  {DT_F32, DT_BF16},
	{DT_F16, DT_F32}, {DT_BF16, DT_F16}, {DT_F32, DT_F32},
};

START_TEST(reads_any_byte_range)
{
	enum dtype from = read_pairs[_i][0], to = read_pairs[_i][1];
	size_t size;
	struct fixture x;
	uint64_t seed = 4;

	setup(&x, from, to, (2 * READER_STRIP + 99) / dtype_width(to));
	size = x.cast.nbytes;
	for (uint64_t off = 0; off < 9; off++)
		for (size_t k = 0; k < 19; k++)
			check_range(&x, off, k);
	for (uint64_t off = READER_STRIP - 3; off < READER_STRIP + 4; off++) {
		check_range(&x, off, 7);
		check_range(&x, 1, off);
		check_range(&x, size - off, off);
	}
	check_range(&x, 1, size - 2);
	for (int i = 0; i < 50; i++) {
		uint64_t off = test_random(&seed) % size;

		check_range(&x, off, test_random(&seed) % (size - off + 1));
	}
	done(&x);
}
END_TEST

/* However a reader cuts the file, each overflow counts once. */
START_TEST(counts_each_overflow_once)
{
	struct fixture x;
	uint64_t want, off = 0, seed = 5;

	setup(&x, DT_F32, DT_F16, 50001);
	check_range(&x, 0, x.cast.nbytes);
	want = stats_get(&x.stats.overflows);
	ck_assert_uint_gt(want, 1000);
	while (off < x.cast.nbytes) {
		size_t n = test_random(&seed) % 9 + 1;

		if (n > x.cast.nbytes - off)
			n = x.cast.nbytes - off;
		check_range(&x, off, n);
		off += n;
	}
	ck_assert_uint_eq(stats_get(&x.stats.overflows), 2 * want);
	done(&x);
}
END_TEST

START_TEST(a_failing_source_fails_the_cast)
{
	struct fixture x;
	uint8_t buf[64];

	setup(&x, DT_F32, DT_F16, 5000);
	ck_assert_int_eq(truncate(x.file.path, 10000), 0);
	ck_assert_int_eq(tensor_read(&x.cast, 8000, 64, buf, &x.rd), -EIO);
	done(&x);
}
END_TEST

/* Bits of every kind: all 16-bit patterns, others spread over the exponents. */
static void fill_bits(uint8_t *p, size_t width, size_t n)
{
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (width == 2)
			x = i;
		memcpy(p + i * width, &x, width);
	}
}

/* The loops for vectors that not every processor has. */
START_TEST(processors_agree)
{
	enum { N = 65536 + 77 };
	static const enum dtype types[] = {DT_F64, DT_F32, DT_F16, DT_BF16};
	enum dtype from = types[_i / 4], to = types[_i % 4];
	size_t win = dtype_width(from), wout = dtype_width(to);
	uint8_t *in = calloc(N, win), *a = calloc(N, wout),
		*b = calloc(N, wout);

	if (cast_supported(from, to)) {
		fill_bits(in, win, N);
		ck_assert_uint_eq(cast_run(from, to, in, a, N),
				  cast_run_plain(from, to, in, b, N));
		ck_assert(memcmp(a, b, N * wout) == 0);
	}
	free(in);
	free(a);
	free(b);
}
END_TEST

Suite *suite_cast(void)
{
	Suite *s = suite_create("cast");
	TCase *values = tcase_create("values"),
	      *ranges = tcase_create("ranges");

	tcase_add_test(values, narrows_f32_to_f16);
	tcase_add_test(values, narrows_f32_to_bf16);
	tcase_add_test(values, narrows_f64_to_f16);
	tcase_add_test(values, narrows_f64_to_bf16);
	tcase_add_test(values, f64_is_not_rounded_by_way_of_f32);
	tcase_add_test(values, widens_every_f16);
	tcase_add_test(values, widens_every_bf16);
	tcase_add_test(values, casts_every_f16_to_bf16);
	tcase_add_test(values, casts_every_bf16_to_f16);
	tcase_add_test(values, narrows_f64_to_f32);
	tcase_add_test(values, f64_nan_stays_a_nan_in_f32);
	tcase_add_test(values, knows_its_pairs);
	tcase_add_loop_test(values, processors_agree, 0, 16);
	suite_add_tcase(s, values);
	tcase_add_loop_test(ranges, reads_any_byte_range, 0,
			    sizeof(read_pairs) / sizeof(read_pairs[0]));
	tcase_add_test(ranges, counts_each_overflow_once);
	tcase_add_test(ranges, a_failing_source_fails_the_cast);
	suite_add_tcase(s, ranges);
	return s;
}
