/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32 by carry-less multiplication: see crc.h. After "Fast CRC Computation
 * for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009), whose
 * names the constants have.
 *
 * A message is a polynomial, and its CRC the remainder of a division. What is
 * 512 bits away from the end may be replaced by anything of the same
 * remainder: by its product with x^512 mod P, which is 64 bits shorter. So 64
 * bytes are folded onto the next 64, those at last into 16, and these 16 are
 * divided (Barrett: two multiplications). Bits are in reflected order.
 */
#include "core/crc.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define FOLD_NBYTES 64

/* Fewer bytes are not worth it. */
#define FAST_MIN 256

#define TARGET __attribute__((target("pclmul,sse4.1")))

/* x^n mod P, reflected, for n of the comments. */
#define K1 0x154442bd4 /* 4 * 128 + 32 */
#define K2 0x1c6e41596 /* 4 * 128 - 32 */
#define K3 0x1751997d0 /* 128 + 32 */
#define K4 0x0ccaa009e /* 128 - 32 */
#define K5 0x163cd6124 /* 64 */
#define P 0x1db710641
#define MU 0x1f7011641 /* x^64 / P */

/* x moved on by the distance of k, and what stands there added. */
TARGET static __m128i fold(__m128i x, __m128i k, __m128i there)
{
	__m128i low = _mm_clmulepi64_si128(x, k, 0x00);
	__m128i high = _mm_clmulepi64_si128(x, k, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

/* The remainder of 128 bits. */
TARGET static uint32_t reduce(__m128i x)
{
	const __m128i k34 = _mm_set_epi64x(K4, K3);
	const __m128i k5 = _mm_set_epi64x(0, K5);
	const __m128i barrett = _mm_set_epi64x(MU, P);
	const __m128i low32 = _mm_set_epi32(0, -1, 0, -1);
	__m128i t;

	/* to 96 bits, to 64 */
	x = _mm_xor_si128(_mm_srli_si128(x, 8),
			  _mm_clmulepi64_si128(x, k34, 0x10));
	t = _mm_clmulepi64_si128(_mm_and_si128(x, low32), k5, 0x00);
	x = _mm_xor_si128(_mm_srli_si128(x, 4), t);
	t = _mm_clmulepi64_si128(_mm_and_si128(x, low32), barrett, 0x10);
	t = _mm_clmulepi64_si128(_mm_and_si128(t, low32), barrett, 0x00);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, t), 1);
}

TARGET static __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* n is a multiple of FOLD_NBYTES, and not 0. */
TARGET static uint32_t update_fast(uint32_t crc, const uint8_t *p, size_t n)
{
	const __m128i k12 = _mm_set_epi64x(K2, K1);
	const __m128i k34 = _mm_set_epi64x(K4, K3);
	__m128i x[4];

	for (int i = 0; i < 4; i++)
		x[i] = load(p + 16 * i);
	x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)~crc));
	for (n -= FOLD_NBYTES; n; n -= FOLD_NBYTES) {
		p += FOLD_NBYTES;
		for (int i = 0; i < 4; i++)
			x[i] = fold(x[i], k12, load(p + 16 * i));
	}
	for (int i = 1; i < 4; i++)
		x[0] = fold(x[0], k34, x[i]);
	return ~reduce(x[0]);
}

static int is_fast(void)
{
	return __builtin_cpu_supports("pclmul") &&
	       __builtin_cpu_supports("sse4.1");
}

#else
#define FOLD_NBYTES 64
#define FAST_MIN SIZE_MAX

static int is_fast(void)
{
	return 0;
}

static uint32_t update_fast(uint32_t crc, const uint8_t *p, size_t n)
{
	return (uint32_t)crc32_z(crc, p, n);
}
#endif

uint32_t crc_update(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *bytes = p;
	size_t whole = n - n % FOLD_NBYTES;

	if (n >= FAST_MIN && is_fast()) {
		crc = update_fast(crc, bytes, whole);
		bytes += whole;
		n -= whole;
	}
	/* zlib takes a null pointer for a question */
	return n ? (uint32_t)crc32_z(crc, bytes, n) : crc;
}
