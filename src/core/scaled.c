/* SPDX-License-Identifier: Apache-2.0 */
/* Reading block-scaled fp8; see scaled.h. */
#include "core/scaled.h"

#include <endian.h>
#include <string.h>

#include "core/cast.h"
#include "core/checked.h"
#include "core/stats.h"

/* Elements that are multiplied, then rounded, at a time. */
#define STEP 256

/* Factors read at a time: some rows of blocks of any model. */
#define NSCALES 256

struct scales {
	const struct scaled *s;
	uint64_t first; /* of those that are here */
	size_t n;
	uint8_t raw[4 * NSCALES];
};

/*
 * The bits of an F8_E4M3 as an f32: exponent and mantissa of it stand in the
 * upper mantissa bits of an f32 2^120 times smaller, subnormals too. It has no
 * infinities; all ones is NaN.
 */
static float widen(uint8_t x)
{
	uint32_t bits = (uint32_t)(x & 0x7f) << 20;
	float f;

	if ((x & 0x7f) == 0x7f)
		bits = 0x7fc00000;
	memcpy(&f, &bits, sizeof(f));
	f *= 0x1p120f;
	return x & 0x80 ? -f : f;
}

static int load_scale(struct scales *w, uint64_t k, float *out,
		      struct reader *rd)
{
	const struct tensor *t = w->s->scales;
	uint32_t bits;

	if (k < w->first || k - w->first >= w->n) {
		uint64_t left = t->nbytes / 4 - k;
		int err;

		w->first = k;
		w->n = (size_t)min_u64(left, NSCALES);
		err = tensor_read(t, 4 * k, 4 * w->n, w->raw, rd);
		if (err)
			return err;
	}
	memcpy(&bits, w->raw + 4 * (k - w->first), sizeof(bits));
	bits = le32toh(bits);
	memcpy(out, &bits, sizeof(*out));
	return 0;
}

/* Elements [first, first + n) of one block's row, from in to out. */
static uint64_t scale_run(const uint8_t *in, float scale, size_t n,
			  uint8_t *out)
{
	uint32_t product[STEP];
	uint64_t over = 0;

	while (n) {
		size_t step = min_size(n, STEP);

		for (size_t i = 0; i < step; i++) {
			float f = widen(in[i]) * scale;

			memcpy(&product[i], &f, sizeof(f));
			product[i] = htole32(product[i]);
		}
		over += cast_run(DT_F32, DT_BF16, product, out, step);
		in += step;
		out += 2 * step;
		n -= step;
	}
	return over;
}

/*
 * n elements from first on, in place: the fp8 bytes are read into the second
 * half of the output, and a run's output never reaches its input's end.
 */
static int read_elements(const struct scaled *s, uint64_t first, size_t n,
			 uint8_t *out, struct reader *rd)
{
	uint64_t ncols = s->weight->dims[1], per_row = s->scales->dims[1];
	const uint8_t *in = out + n;
	struct scales w = {.s = s, .n = 0};
	uint64_t over = 0;
	int err = tensor_read(s->weight, first, n, out + n, rd);

	while (n && !err) {
		uint64_t row = first / ncols, col = first % ncols;
		uint64_t left = min_u64(s->cols - col % s->cols, ncols - col);
		size_t step = min_size(n, (size_t)min_u64(left, n));
		float scale;

		err = load_scale(&w, row / s->rows * per_row + col / s->cols,
				 &scale, rd);
		if (err)
			break;
		over += scale_run(in, scale, step, out);
		in += step;
		out += 2 * step;
		first += step;
		n -= step;
	}
	if (over)
		stats_add(&rd->stats->overflows, over);
	return err;
}

int scaled_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
		struct reader *rd)
{
	uint8_t *out = buf, whole[2];
	int err = 0;

	if (n && off % 2) {
		err = read_elements(t->scaled, off / 2, 1, whole, rd);
		*out++ = whole[1];
		off++;
		n--;
	}
	if (!err && n > 1)
		err = read_elements(t->scaled, off / 2, n / 2, out, rd);
	if (!err && n % 2) {
		err = read_elements(t->scaled, (off + n) / 2, 1, whole, rd);
		out[n - 1] = whole[0];
	}
	return err;
}
