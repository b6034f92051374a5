/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Casts between floating types.
 *
 * A narrowing rounds the bits of the source value once. Where the result is
 * normal, half a unit is added to the bits (less one where the kept part is
 * even) and the rest is cut off; a carry into the exponent is what it should
 * be. Where it is subnormal, adding the power of two whose last mantissa bit
 * is the target's smallest step makes the processor round there: one addition
 * of exact values, one rounding. Both are computed for every element and one
 * is selected, so that the loops have no branches and compilers vectorise
 * them.
 */
#include "core/cast.h"

#include <endian.h>
#include <float.h>
#include <string.h>

#include "core/cast_f16c.h"
#include "core/checked.h"
#include "core/tensor.h"

/* The subnormal sums would be rounded twice in wider registers. */
_Static_assert(FLT_EVAL_METHOD == 0, "float arithmetic must be in float");

/*
 * Elements of an inner loop: a constant, since gcc -O2 vectorises only loops
 * that leave no remainder.
 */
#define LANES 256

#define F32_INF 0x7f800000u
#define F64_INF 0x7ff0000000000000u

static inline uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void store16(uint8_t *p, uint32_t v)
{
	uint16_t le = htole16((uint16_t)v);

	memcpy(p, &le, sizeof(le));
}

static inline void store32(uint8_t *p, uint32_t v)
{
	uint32_t le = htole32(v);

	memcpy(p, &le, sizeof(le));
}

static inline float f32_of_bits(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline uint32_t bits_of_f32(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static inline double f64_of_bits(uint64_t u)
{
	double d;

	memcpy(&d, &u, sizeof(d));
	return d;
}

static inline uint64_t bits_of_f64(double d)
{
	uint64_t u;

	memcpy(&u, &d, sizeof(u));
	return u;
}

/*
 * cond (0 or 1) ? x : y. With ?: gcc moves the float addition that made x or y
 * into a branch, which keeps it from vectorising the loop.
 */
static inline uint32_t pick(uint32_t cond, uint32_t x, uint32_t y)
{
	uint32_t mask = 0u - cond;

	return (x & mask) | (y & ~mask);
}

/* 1 if a < b, both below 2^31: SSE2 compares signed numbers only. */
static inline uint32_t less(uint32_t a, uint32_t b)
{
	return (int32_t)a < (int32_t)b;
}

/* Each converter adds one to *over where a finite value became infinite. */

static inline uint32_t bf16_from_f32(uint32_t u, uint32_t *over)
{
	uint32_t a = u & 0x7fffffffu;
	uint32_t r = (u + 0x7fffu + (u >> 16 & 1u)) >> 16;

	*over += less(a, F32_INF) & less(0x7f7f7fffu, a);
	return pick(less(F32_INF, a), 0x7fc0u, r);
}

static inline uint32_t f16_from_f32(uint32_t u, uint32_t *over)
{
	uint32_t a = u & 0x7fffffffu, sign = u >> 16 & 0x8000u;
	uint32_t normal = (a + 0xfffu + (a >> 13 & 1u) - (112u << 23)) >> 13;
	/* 0.5 is 2^-24 (the smallest f16) times 2^23. */
	uint32_t tiny = bits_of_f32(f32_of_bits(a) + 0.5f) - 0x3f000000u;
	uint32_t r = pick(less(a, 0x38800000u), tiny, normal); /* 2^-14 */

	r = pick(less(a, 0x477ff000u), r, 0x7c00u); /* 65520 */
	*over += less(a, F32_INF) & less(0x477fefffu, a);
	return pick(less(F32_INF, a), 0x7e00u, r | sign);
}

/* Exact: a subnormal is 2^-14 * (1 + m/1024) - 2^-14. Payloads are kept. */
static inline uint32_t f32_from_f16(uint32_t h, uint32_t *over)
{
	uint32_t a = (h & 0x7fffu) << 13, sign = (h & 0x8000u) << 16;
	uint32_t normal = a + (112u << 23);
	uint32_t tiny = bits_of_f32(f32_of_bits(a + 0x38800000u) -
				    f32_of_bits(0x38800000u));
	uint32_t r = pick(less(a, 0x00800000u), tiny, normal);

	(void)over;
	r = pick(less(a, 0x0f800000u), r, a + (224u << 23)); /* inf */
	return r | sign;
}

static inline uint32_t f32_from_f64(uint64_t u, uint32_t *over)
{
	uint64_t a = u & 0x7fffffffffffffffu;
	uint32_t sign = (uint32_t)(u >> 32) & 0x80000000u;
	uint32_t r = bits_of_f32((float)f64_of_bits(u));
	uint32_t top = (uint32_t)(u >> 29) & 0x003fffffu;

	/* Halfway between the largest f32 and 2^128. */
	*over += (a < F64_INF) & (a >= 0x47effffff0000000u);
	return pick(a > F64_INF, sign | 0x7fc00000u | top, r);
}

/*
 * f64 to a type of 16 bits that cuts cut mantissa bits off and whose exponent
 * bias is rebias less: the general form of f16_from_f32.
 */
static inline uint32_t small_from_f64(uint64_t u, unsigned cut, uint64_t rebias,
				      uint32_t *over)
{
	uint64_t a = u & 0x7fffffffffffffffu, half = UINT64_C(1) << (cut - 1);
	uint64_t least = (rebias + 1) << 52; /* smallest normal */
	uint64_t step = least + ((uint64_t)cut << 52);
	uint32_t inf = 0x8000u - (1u << (52 - cut)); /* all exponent bits */
	uint64_t limit = (rebias << 52) + ((uint64_t)inf << cut) - half;
	uint64_t normal = (a + half - 1 + (a >> cut & 1u) - (rebias << 52)) >>
			  cut;
	uint64_t tiny = bits_of_f64(f64_of_bits(a) + f64_of_bits(step)) - step;
	uint32_t r = pick(a < least, (uint32_t)tiny, (uint32_t)normal);

	r = pick(a >= limit, inf, r);
	*over += (a < F64_INF) & (a >= limit);
	return r | ((uint32_t)(u >> 48) & 0x8000u);
}

static inline uint32_t bf16_from_f64(uint64_t u, uint32_t *over)
{
	uint32_t r = small_from_f64(u, 45, 1023 - 127, over);

	return pick((u & 0x7fffffffffffffffu) > F64_INF, 0x7fc0u, r);
}

static inline uint32_t f16_from_f64(uint64_t u, uint32_t *over)
{
	uint32_t r = small_from_f64(u, 42, 1023 - 15, over);

	return pick((u & 0x7fffffffffffffffu) > F64_INF, 0x7e00u, r);
}

/* The other three pairs have nothing to round, or a detour that is exact. */

static inline uint32_t f32_from_bf16(uint32_t h, uint32_t *over)
{
	(void)over;
	return h << 16;
}

static inline uint32_t f16_from_bf16(uint32_t h, uint32_t *over)
{
	return f16_from_f32(h << 16, over);
}

static inline uint32_t bf16_from_f16(uint32_t h, uint32_t *over)
{
	return bf16_from_f32(f32_from_f16(h, over), over);
}

/*
 * x86-64 processors of the last ten years have vectors twice as wide as those
 * that all have, and compare and narrow in them what takes three steps there:
 * the same loops are compiled for them too. The results are the same.
 */
#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE __attribute__((target("avx2")))
#define HAVE_WIDE __builtin_cpu_supports("avx2")
#else
#define WIDE
#define HAVE_WIDE 0
#endif

/* A loop over elements of win bytes in and wout bytes out. */
#define CAST_LOOP(attribute, name, convert, load, win, store, wout)            \
	attribute static uint64_t name(const uint8_t *restrict in,             \
				       uint8_t *restrict out, size_t n)        \
	{                                                                      \
		uint64_t total = 0;                                            \
		uint32_t over;                                                 \
                                                                               \
		for (; n >= LANES; n -= LANES) {                               \
			over = 0;                                              \
			for (size_t i = 0; i < LANES; i++)                     \
				store(out + i * (wout),                        \
				      convert(load(in + i * (win)), &over));   \
			in += (size_t)LANES * (win);                           \
			out += (size_t)LANES * (wout);                         \
			total += over;                                         \
		}                                                              \
		over = 0;                                                      \
		for (size_t i = 0; i < n; i++)                                 \
			store(out + i * (wout),                                \
			      convert(load(in + i * (win)), &over));           \
		return total + over;                                           \
	}

#define CASTS(attribute, suffix)                                               \
	CAST_LOOP(attribute, run_f64_f32_##suffix, f32_from_f64, load64, 8,    \
		  store32, 4)                                                  \
	CAST_LOOP(attribute, run_f64_f16_##suffix, f16_from_f64, load64, 8,    \
		  store16, 2)                                                  \
	CAST_LOOP(attribute, run_f64_bf16_##suffix, bf16_from_f64, load64, 8,  \
		  store16, 2)                                                  \
	CAST_LOOP(attribute, run_f32_f16_##suffix, f16_from_f32, load32, 4,    \
		  store16, 2)                                                  \
	CAST_LOOP(attribute, run_f32_bf16_##suffix, bf16_from_f32, load32, 4,  \
		  store16, 2)                                                  \
	CAST_LOOP(attribute, run_f16_f32_##suffix, f32_from_f16, load16, 2,    \
		  store32, 4)                                                  \
	CAST_LOOP(attribute, run_f16_bf16_##suffix, bf16_from_f16, load16, 2,  \
		  store16, 2)                                                  \
	CAST_LOOP(attribute, run_bf16_f32_##suffix, f32_from_bf16, load16, 2,  \
		  store32, 4)                                                  \
	CAST_LOOP(attribute, run_bf16_f16_##suffix, f16_from_bf16, load16, 2,  \
		  store16, 2)

CASTS(, plain)
CASTS(WIDE, wide)

static uint64_t copy16(const uint8_t *restrict in, uint8_t *restrict out,
		       size_t n)
{
	memcpy(out, in, n * 2);
	return 0;
}

static uint64_t copy32(const uint8_t *restrict in, uint8_t *restrict out,
		       size_t n)
{
	memcpy(out, in, n * 4);
	return 0;
}

#define CAST_TABLE(suffix)                                                     \
	{                                                                      \
		[DT_F64] = {[DT_F32] = run_f64_f32_##suffix,                   \
			    [DT_F16] = run_f64_f16_##suffix,                   \
			    [DT_BF16] = run_f64_bf16_##suffix},                \
		[DT_F32] = {[DT_F32] = copy32,                                 \
			    [DT_F16] = run_f32_f16_##suffix,                   \
			    [DT_BF16] = run_f32_bf16_##suffix},                \
		[DT_F16] = {[DT_F32] = run_f16_f32_##suffix,                   \
			    [DT_F16] = copy16,                                 \
			    [DT_BF16] = run_f16_bf16_##suffix},                \
		[DT_BF16] = {[DT_F32] = run_bf16_f32_##suffix,                 \
			     [DT_F16] = run_bf16_f16_##suffix,                 \
			     [DT_BF16] = copy16},                              \
	}

static const cast_fn plain[DT_COUNT][DT_COUNT] = CAST_TABLE(plain);
static const cast_fn wide[DT_COUNT][DT_COUNT] = CAST_TABLE(wide);

static cast_fn find_cast(enum dtype from, enum dtype to)
{
	cast_fn run = to == DT_F16 ? cast_f16c(from) : NULL;

	if (run)
		return run;
	return HAVE_WIDE ? wide[from][to] : plain[from][to];
}

bool cast_supported(enum dtype from, enum dtype to)
{
	return plain[from][to] != NULL;
}

uint64_t cast_run(enum dtype from, enum dtype to, const void *in, void *out,
		  size_t nelem)
{
	return find_cast(from, to)(in, out, nelem);
}

uint64_t cast_run_plain(enum dtype from, enum dtype to, const void *in,
			void *out, size_t nelem)
{
	return plain[from][to](in, out, nelem);
}

/*
 * Bytes [skip, skip + n) of one element's cast. Its overflow counts in the
 * read that has its first byte, so that a reader of everything, in whatever
 * pieces, counts each element once.
 */
static uint64_t cast_part(cast_fn run, const uint8_t *in, size_t skip, size_t n,
			  uint8_t *out)
{
	uint8_t whole[8];
	uint64_t over = run(in, whole, 1);

	memcpy(out, whole + skip, n);
	return skip ? 0 : over;
}

/* Cast the elements in the strip to n bytes from skip bytes into the first. */
static uint64_t cast_strip(cast_fn run, size_t win, size_t wout,
			   const uint8_t *in, size_t skip, size_t n,
			   uint8_t *out)
{
	uint64_t over = 0;
	size_t head, nelem;

	if (skip || n < wout) {
		head = min_size(wout - skip, n);
		over += cast_part(run, in, skip, head, out);
		in += win;
		out += head;
		n -= head;
	}
	nelem = n / wout;
	over += run(in, out, nelem);
	if (n % wout)
		over += cast_part(run, in + nelem * win, 0, n % wout,
				  out + nelem * wout);
	return over;
}

int cast_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
	      struct reader *rd)
{
	const struct tensor *child = t->cast;
	size_t win = dtype_width(child->dtype), wout = dtype_width(t->dtype);
	cast_fn run = find_cast(child->dtype, t->dtype);
	uint8_t *out = buf;

	while (n) {
		size_t skip = (size_t)(off % wout);
		size_t step = min_size(n, READER_STRIP - skip);
		size_t nelem = (skip + step + wout - 1) / wout;
		uint64_t over;
		int err = tensor_read(child, off / wout * win, nelem * win,
				      rd->strip, rd);

		if (err)
			return err;
		over = cast_strip(run, win, wout, rd->strip, skip, step, out);
		if (over)
			stats_add(&rd->stats->overflows, over);
		out += step;
		off += step;
		n -= step;
	}
	return 0;
}
