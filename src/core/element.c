/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that elements stand for; see element.h. */
#include "core/element.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/cast.h"
#include "core/checked.h"

/* Elements that are widened at a time. */
#define BATCH 256

/* An 8-bit float: sign, exponent, mantissa. */
struct small_float {
	int mantissa_bits, bias;
	bool has_sign;
	bool has_inf; /* as IEEE: the highest exponent is inf and NaN */
	bool fnuz;    /* no negative zero: its code is the only NaN */
};

static const struct small_float small_floats[DT_COUNT] = {
	[DT_F8_E5M2] = {2, 15, true, true, false},
	[DT_F8_E4M3] = {3, 7, true, false, false},
	[DT_F8_E8M0] = {0, 127, false, false, false},
	[DT_F8_E4M3FNUZ] = {3, 8, true, false, true},
	[DT_F8_E5M2FNUZ] = {2, 16, true, false, true},
};

static bool small_is_nan(const struct small_float *f, unsigned code)
{
	unsigned mantissa = code & ((1u << f->mantissa_bits) - 1);

	if (f->fnuz)
		return code == 0x80;
	if (!f->has_sign)
		return code == 0xff;
	if (f->has_inf)
		return (code & 0x7f) >> f->mantissa_bits == 0x1f && mantissa;
	return (code & 0x7f) == 0x7f;
}

static double small_value(const struct small_float *f, unsigned code)
{
	unsigned mantissa = code & ((1u << f->mantissa_bits) - 1);
	unsigned exponent = (f->has_sign ? code & 0x7f : code) >>
			    f->mantissa_bits;
	double sign = f->has_sign && code & 0x80 ? -1 : 1;

	if (small_is_nan(f, code))
		return (double)NAN;
	if (f->has_inf && exponent == 0x1f)
		return sign * (double)INFINITY;
	if (exponent == 0 && f->has_sign)
		return sign * ldexp(mantissa, 1 - f->bias - f->mantissa_bits);
	return sign * ldexp(mantissa + (1u << f->mantissa_bits),
			    (int)exponent - f->bias - f->mantissa_bits);
}

bool element_is_number(enum dtype dt)
{
	return dtype_info(dt)->kind != KIND_OTHER || small_floats[dt].bias != 0;
}

static uint64_t load(enum dtype dt, const uint8_t *p)
{
	uint64_t v = 0;

	memcpy(&v, p, dtype_width(dt));
	return le64toh(v);
}

static int64_t as_signed(enum dtype dt, uint64_t v)
{
	unsigned shift = 64 - dtype_info(dt)->bits;

	return (int64_t)(v << shift) >> shift;
}

static bool is_signed(enum dtype dt)
{
	return dt == DT_I8 || dt == DT_I16 || dt == DT_I32 || dt == DT_I64;
}

static double value(enum dtype dt, const uint8_t *p)
{
	uint64_t bits = load(dt, p);
	double v;

	if (dt == DT_F64) {
		memcpy(&v, &bits, sizeof(v));
		return v;
	}
	if (small_floats[dt].bias)
		return small_value(&small_floats[dt], (unsigned)bits);
	return is_signed(dt) ? (double)as_signed(dt, bits) : (double)bits;
}

static bool is_widened(enum dtype dt)
{
	return dt == DT_F32 || dt == DT_F16 || dt == DT_BF16;
}

/* At most BATCH elements of a type that is widened. */
static void widen(enum dtype dt, const uint8_t *in, double *out, size_t n)
{
	uint32_t wide[BATCH];
	float v;

	cast_run(dt, DT_F32, in, wide, n);
	for (size_t i = 0; i < n; i++) {
		wide[i] = le32toh(wide[i]);
		memcpy(&v, &wide[i], sizeof(v));
		out[i] = (double)v;
	}
}

void element_values(enum dtype dt, const void *in, double *out, size_t n)
{
	const uint8_t *p = in;
	size_t width = dtype_width(dt);

	while (n > 0) {
		size_t k = min_size(n, BATCH);

		if (is_widened(dt))
			widen(dt, p, out, k);
		for (size_t i = 0; i < k && !is_widened(dt); i++)
			out[i] = value(dt, p + i * width);
		p += k * width;
		out += k;
		n -= k;
	}
}

void element_add(struct strbuf *sb, enum dtype dt, const void *in)
{
	const uint8_t *p = in;
	double v;

	if (dtype_info(dt)->kind == KIND_INT) {
		if (is_signed(dt))
			strbuf_addf(sb, "%" PRId64, as_signed(dt, load(dt, p)));
		else
			strbuf_addf(sb, "%" PRIu64, load(dt, p));
		return;
	}
	if (element_is_number(dt)) {
		element_values(dt, in, &v, 1);
		strbuf_addf(sb, dt == DT_F64 ? "%.17g" : "%.9g", v);
		return;
	}
	strbuf_adds(sb, "0x");
	for (unsigned i = (dtype_info(dt)->bits + 7) / 8; i > 0; i--)
		strbuf_addf(sb, "%02x", p[i - 1]);
}
