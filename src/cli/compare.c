/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing two tensors; see compare.h. */
#include "cli/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "core/checked.h"
#include "core/element.h"

/* Elements of a step. */
#define STEP ((size_t)64 << 10)

/* Bytes of the widest element. */
#define MAX_WIDTH 16

static int parse(const char *text, const char *option, double *out,
		 struct error *err)
{
	char *end;

	*out = 0;
	if (!text)
		return 0;
	*out = strtod(text, &end);
	if (*text && !*end && *out >= 0 && isfinite(*out))
		return 0;
	return error_set(err, ERR_USAGE,
			 "--%s=%s: it must be a number such as 1e-6", option,
			 text);
}

int tolerance_parse(struct tolerance *t, const char *atol, const char *rtol,
		    struct error *err)
{
	int ret = parse(atol, "atol", &t->atol, err);

	t->any = atol || rtol;
	return ret ? ret : parse(rtol, "rtol", &t->rtol, err);
}

bool compare_init(struct compare *c, struct view *x, struct view *y,
		  const struct tolerance *t)
{
	*c = (struct compare){.tolerance = *t};
	for (int i = 0; i < 2; i++) {
		c->bytes[i] = malloc(STEP * MAX_WIDTH);
		c->values[i] = malloc(STEP * sizeof(*c->values[i]));
		if (!c->bytes[i] || !c->values[i] ||
		    view_reader_init(i ? y : x, &c->rd[i]))
			return false;
	}
	return true;
}

void compare_release(struct compare *c)
{
	for (int i = 0; i < 2; i++) {
		free(c->bytes[i]);
		free(c->values[i]);
		reader_release(&c->rd[i]);
	}
}

bool compare_across_types(const struct tolerance *t, const struct tensor *a,
			  const struct tensor *b)
{
	return t->any && element_is_number(a->dtype) &&
	       element_is_number(b->dtype);
}

static bool is_close(const struct tolerance *t, double a, double b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) && isnan(b);
	if (isinf(a) || isinf(b))
		return a == b;
	return fabs(a - b) <= t->atol + t->rtol * fabs(b);
}

/* The element, or of a sub-byte type the byte, as text. */
static void note(struct difference *d, const struct compare *c,
		 const struct tensor *a, const struct tensor *b, uint64_t at,
		 size_t i, size_t wa, size_t wb)
{
	if (d->n++)
		return;
	d->first = at;
	element_add(&d->a, a->dtype, c->bytes[0] + i * wa);
	element_add(&d->b, b->dtype, c->bytes[1] + i * wb);
}

/* Elements [at, at+n), which are in the buffers. */
static void compare_step(struct compare *c, const struct tensor *a,
			 const struct tensor *b, uint64_t at, size_t n,
			 size_t wa, size_t wb, struct difference *d)
{
	const uint8_t *x = c->bytes[0], *y = c->bytes[1];

	if (wa == wb && a->dtype == b->dtype && !memcmp(x, y, n * wa))
		return;
	if (!c->tolerance.any || !element_is_number(a->dtype)) {
		for (size_t i = 0; i < n; i++)
			if (memcmp(x + i * wa, y + i * wb, wa))
				note(d, c, a, b, at + i, i, wa, wb);
		return;
	}
	element_values(a->dtype, x, c->values[0], n);
	element_values(b->dtype, y, c->values[1], n);
	for (size_t i = 0; i < n; i++)
		if (!is_close(&c->tolerance, c->values[0][i], c->values[1][i]))
			note(d, c, a, b, at + i, i, wa, wb);
}

static int read_part(const struct tensor *t, uint64_t off, size_t n,
		     uint8_t *buf, struct reader *rd, struct error *err)
{
	int ret = tensor_read(t, off, n, buf, rd);

	return ret ? error_errno(err, ERR_SOURCE, -ret, "%.*s",
				 STR_ARG(t->name))
		   : 0;
}

int compare(struct compare *c, const struct tensor *a, const struct tensor *b,
	    struct difference *d, struct error *err)
{
	/* elements of a sub-byte type are compared as the bytes they are in */
	size_t wa = dtype_width(a->dtype) ? dtype_width(a->dtype) : 1;
	size_t wb = dtype_width(b->dtype) ? dtype_width(b->dtype) : 1;
	uint64_t nelem = a->nbytes / wa;
	int ret = 0;

	for (uint64_t at = 0; at < nelem && !ret; at += STEP) {
		size_t n = min_size(nelem - at, STEP);

		ret = read_part(a, at * wa, n * wa, c->bytes[0], &c->rd[0],
				err);
		if (!ret)
			ret = read_part(b, at * wb, n * wb, c->bytes[1],
					&c->rd[1], err);
		if (!ret)
			compare_step(c, a, b, at, n, wa, wb, d);
	}
	if (!dtype_width(a->dtype))
		d->first = d->first * 8 / dtype_info(a->dtype)->bits;
	if (!ret && (d->a.failed || d->b.failed))
		return error_nomem(err);
	return ret;
}

void compare_add_index(struct strbuf *sb, const struct tensor *t, uint64_t i)
{
	uint64_t left = tensor_nelem(t);

	if (!t->ndim)
		strbuf_addc(sb, '0');
	for (unsigned k = 0; k < t->ndim; k++) {
		left /= t->dims[k];
		strbuf_addf(sb, "%s%" PRIu64, k ? "," : "", i / left);
		i %= left;
	}
}
