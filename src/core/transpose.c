/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of 16 or 32 bit elements, transposed in registers where the processor
 * has vectors that every compiler for it knows (SSE2); see transpose.h.
 *
 * A square of elements that fills as many vectors as each has elements is
 * transposed by interleaving them pairwise, a doubling at a time. The squares
 * of a block go to a small copy, whose rows are then whole cache lines: rows
 * of a matrix are often a power of two apart, and writing a part of a line
 * each would push them out of the cache before they are full.
 */
#include "core/transpose.h"

#include <string.h>

void transpose_plain(uint8_t *to, size_t step_to, const uint8_t *from,
		     size_t step_from, size_t width)
{
	size_t n = transpose_side(width);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			memcpy(to + k * step_to + i * width,
			       from + i * step_from + k * width, width);
}

#ifdef __SSE2__
#include <emmintrin.h>

#define VECTOR sizeof(__m128i)

static inline __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline void store(uint8_t *p, __m128i v)
{
	_mm_storeu_si128((__m128i *)(void *)p, v);
}

/* 8 x 8 elements of 16 bits. */
static void square16(uint8_t *to, size_t step_to, const uint8_t *from,
		     size_t step_from)
{
	__m128i a[8], b[8];

	for (int i = 0; i < 8; i++)
		a[i] = load(from + (size_t)i * step_from);
	for (int i = 0; i < 4; i++) { /* pairs of rows 0 4, 1 5, 2 6, 3 7 */
		b[2 * i] = _mm_unpacklo_epi16(a[i], a[i + 4]);
		b[2 * i + 1] = _mm_unpackhi_epi16(a[i], a[i + 4]);
	}
	for (int i = 0; i < 4; i++) {
		a[2 * i] = _mm_unpacklo_epi16(b[i], b[i + 4]);
		a[2 * i + 1] = _mm_unpackhi_epi16(b[i], b[i + 4]);
	}
	for (int i = 0; i < 4; i++) {
		store(to + (size_t)(2 * i) * step_to,
		      _mm_unpacklo_epi16(a[i], a[i + 4]));
		store(to + (size_t)(2 * i + 1) * step_to,
		      _mm_unpackhi_epi16(a[i], a[i + 4]));
	}
}

/* 4 x 4 elements of 32 bits. */
static void square32(uint8_t *to, size_t step_to, const uint8_t *from,
		     size_t step_from)
{
	__m128i a[4], b[4];

	for (int i = 0; i < 4; i++)
		a[i] = load(from + (size_t)i * step_from);
	for (int i = 0; i < 2; i++) {
		b[2 * i] = _mm_unpacklo_epi32(a[i], a[i + 2]);
		b[2 * i + 1] = _mm_unpackhi_epi32(a[i], a[i + 2]);
	}
	for (int i = 0; i < 2; i++) {
		store(to + (size_t)(2 * i) * step_to,
		      _mm_unpacklo_epi32(b[i], b[i + 2]));
		store(to + (size_t)(2 * i + 1) * step_to,
		      _mm_unpackhi_epi32(b[i], b[i + 2]));
	}
}

/*
 * Past the cache: it would read each line before it is written, and what is
 * transposed is mostly larger.
 */
static inline void put_rows(uint8_t *to, size_t step_to, const uint8_t *pack,
			    size_t n)
{
	for (size_t k = 0; k < n; k++, to += step_to, pack += TRANSPOSE_ROW)
		for (size_t i = 0; i < TRANSPOSE_ROW; i += VECTOR)
			_mm_stream_si128((__m128i *)(void *)(to + i),
					 load(pack + i));
}

void transpose_block(uint8_t *to, size_t step_to, const uint8_t *from,
		     size_t step_from, size_t width)
{
	uint8_t pack[TRANSPOSE_ROW * TRANSPOSE_ROW / 2];
	size_t n = transpose_side(width), side = VECTOR / width;

	for (size_t i = 0; i < n; i += side) {
		for (size_t k = 0; k < n; k += side) {
			uint8_t *at = pack + k * TRANSPOSE_ROW + i * width;
			const uint8_t *src = from + i * step_from + k * width;

			if (width == 2)
				square16(at, TRANSPOSE_ROW, src, step_from);
			else
				square32(at, TRANSPOSE_ROW, src, step_from);
		}
	}
	if (((uintptr_t)to | step_to) % VECTOR == 0)
		put_rows(to, step_to, pack, n);
	else
		for (size_t k = 0; k < n; k++)
			memcpy(to + k * step_to, pack + k * TRANSPOSE_ROW,
			       TRANSPOSE_ROW);
}

void transpose_end(void)
{
	_mm_sfence();
}

#else

void transpose_block(uint8_t *to, size_t step_to, const uint8_t *from,
		     size_t step_from, size_t width)
{
	transpose_plain(to, step_to, from, step_from, width);
}

void transpose_end(void)
{
}

#endif
