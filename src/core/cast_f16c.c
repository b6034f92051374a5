/* SPDX-License-Identifier: Apache-2.0 */
/* Narrowing by the processor; see cast_f16c.h. */
#include "core/cast_f16c.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

#define F16C __attribute__((target("avx2,f16c")))

/* Floats of a vector. */
#define LANES 8

/*
 * Eight floats. NaN becomes 0x7e00, as cast.h says. over: a count in each lane
 * of the finite values that became infinite.
 */
F16C static inline __m128i narrow(__m256i u, __m256i *over)
{
	const __m256i inf = _mm256_set1_epi32(0x7f800000);
	const __m256i last = _mm256_set1_epi32(0x477fefff); /* below 65520 */
	__m256i a = _mm256_and_si256(u, _mm256_set1_epi32(0x7fffffff));
	__m256i nan = _mm256_cmpgt_epi32(a, inf);
	__m256i large = _mm256_and_si256(_mm256_cmpgt_epi32(a, last),
					 _mm256_cmpgt_epi32(inf, a));
	__m128i h = _mm256_cvtps_ph(_mm256_castsi256_ps(u),
				    _MM_FROUND_TO_NEAREST_INT);
	__m128i is_nan = _mm_packs_epi32(_mm256_castsi256_si128(nan),
					 _mm256_extracti128_si256(nan, 1));

	*over = _mm256_sub_epi32(*over, large); /* true is -1 */
	return _mm_blendv_epi8(h, _mm_set1_epi16(0x7e00), is_nan);
}

F16C static uint64_t sum(__m256i over)
{
	uint32_t v[LANES];
	uint64_t n = 0;

	_mm256_storeu_si256((__m256i *)(void *)v, over);
	for (int i = 0; i < LANES; i++)
		n += v[i];
	return n;
}

F16C static uint64_t from_f32(const uint8_t *restrict in, uint8_t *restrict out,
			      size_t n)
{
	__m256i over = _mm256_setzero_si256();
	size_t i;

	for (i = 0; i + LANES <= n; i += LANES) {
		__m256i u = _mm256_loadu_si256((const void *)(in + 4 * i));

		_mm_storeu_si128((void *)(out + 2 * i), narrow(u, &over));
	}
	return sum(over) +
	       cast_run_plain(DT_F32, DT_F16, in + 4 * i, out + 2 * i, n - i);
}

F16C static uint64_t from_bf16(const uint8_t *restrict in,
			       uint8_t *restrict out, size_t n)
{
	__m256i over = _mm256_setzero_si256();
	size_t i;

	for (i = 0; i + LANES <= n; i += LANES) {
		__m128i h = _mm_loadu_si128((const void *)(in + 2 * i));
		__m256i u = _mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16);

		_mm_storeu_si128((void *)(out + 2 * i), narrow(u, &over));
	}
	return sum(over) +
	       cast_run_plain(DT_BF16, DT_F16, in + 2 * i, out + 2 * i, n - i);
}

static bool has_f16c(void)
{
	static atomic_int known; /* to ask takes long in a virtual machine */
	unsigned a, b, c, d;

	if (!known)
		known = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) &&
					__builtin_cpu_supports("avx2")
				? 1
				: -1;
	return known > 0;
}

cast_fn cast_f16c(enum dtype from)
{
	if ((from != DT_F32 && from != DT_BF16) || !has_f16c())
		return NULL;
	return from == DT_F32 ? from_f32 : from_bf16;
}

#else

cast_fn cast_f16c(enum dtype from)
{
	(void)from;
	return NULL;
}

#endif
