/* SPDX-License-Identifier: Apache-2.0 */
/* wconv stat: what kind of numbers each tensor holds. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/grid.h"
#include "core/checked.h"
#include "core/element.h"

/* Elements of a block: its values are in the cache while they are added up. */
#define BLOCK 8192

struct moments {
	double n, mean, m2; /* m2: sum of squared distances from the mean */
};

struct stat {
	struct moments finite;
	double min, max; /* of finite values */
	uint64_t nzero, nnan, ninf;
};

/*
 * Join the moments of two sets of values, by Chan, Golub and LeVeque: no
 * difference of large sums is ever taken.
 */
static void join(struct moments *a, const struct moments *b)
{
	double n = a->n + b->n, delta = b->mean - a->mean;

	if (b->n <= 0)
		return;
	a->mean += delta * (b->n / n);
	a->m2 += b->m2 + delta * delta * (a->n * b->n / n);
	a->n = n;
}

/* The values that are finite are moved to the front of v. */
static size_t sort_out(struct stat *s, double *v, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		s->nzero += v[i] == 0;
		if (isfinite(v[i]))
			v[kept++] = v[i];
		else if (isnan(v[i]))
			s->nnan++;
		else
			s->ninf++;
	}
	return kept;
}

static void add_block(struct stat *s, double *v, size_t n)
{
	struct moments m = {0, 0, 0};
	double sum = 0;

	n = sort_out(s, v, n);
	for (size_t i = 0; i < n; i++) {
		sum += v[i];
		s->min = v[i] < s->min ? v[i] : s->min;
		s->max = v[i] > s->max ? v[i] : s->max;
	}
	if (!n)
		return;
	m.n = (double)n;
	m.mean = sum / m.n;
	sum = 0;
	for (size_t i = 0; i < n; i++) {
		double d = v[i] - m.mean;

		m.m2 += d * d;
		sum += d;
	}
	/* what rounding took from the mean */
	m.m2 -= sum * sum / m.n;
	m.mean += sum / m.n;
	join(&s->finite, &m);
}

/* buf: BLOCK elements of any width; values: BLOCK of them. */
static int measure(const struct tensor *t, struct stat *s, uint8_t *buf,
		   double *values, struct reader *rd)
{
	size_t width = dtype_width(t->dtype);
	uint64_t off = 0;

	*s = (struct stat){.min = (double)INFINITY, .max = -(double)INFINITY};
	while (off < t->nbytes) {
		size_t n = min_size(t->nbytes - off, BLOCK * width);
		int ret = tensor_read(t, off, n, buf, rd);

		if (ret)
			return ret;
		element_values(t->dtype, buf, values, n / width);
		add_block(s, values, n / width);
		off += n;
	}
	return 0;
}

static void add_number(struct grid *g, struct strbuf *sb, bool known,
		       int ndigits, double v)
{
	if (known)
		strbuf_addf(sb, "%.*g", ndigits, v);
	else
		strbuf_addc(sb, '-');
	grid_take(g, sb);
}

static void add_count(struct grid *g, struct strbuf *sb, bool known, uint64_t n)
{
	if (known)
		strbuf_addf(sb, "%" PRIu64, n);
	else
		strbuf_addc(sb, '-');
	grid_take(g, sb);
}

static void add_row(struct grid *g, const struct view *v,
		    const struct tensor *t, const struct stat *s)
{
	bool number = element_is_number(t->dtype), any = s->finite.n > 0;
	int exact = dtype_width(t->dtype) < 8 ? 9 : 17; /* of an element */
	struct strbuf sb = STRBUF_INIT;

	grid_add(g, t->name);
	grid_add(g, str_of(view_dtype_word(v, t->dtype)));
	strbuf_add_shape(&sb, t->dims, t->ndim);
	grid_take(g, &sb);
	add_number(g, &sb, any, exact, s->min);
	add_number(g, &sb, any, exact, s->max);
	add_number(g, &sb, any, 12, s->finite.mean);
	add_number(g, &sb, any, 12, sqrt(s->finite.m2 / (s->finite.n + !any)));
	add_count(g, &sb, number, s->nzero);
	add_count(g, &sb, number, s->nnan);
	add_count(g, &sb, number, s->ninf);
	strbuf_release(&sb);
}

static int stat_all(const struct view *v, struct grid *g, uint8_t *buf,
		    double *values, struct reader *rd, struct error *err)
{
	const struct tensor_set *set = view_tensors(v);

	for (size_t i = 0; i < set->n; i++) {
		const struct tensor *t = &set->v[i];
		struct stat s = {.min = 0};
		int ret = element_is_number(t->dtype)
				  ? measure(t, &s, buf, values, rd)
				  : 0;

		if (ret)
			return error_errno(err, ERR_SOURCE, -ret, "%.*s",
					   STR_ARG(t->name));
		add_row(g, v, t, &s);
	}
	return 0;
}

int cli_stat(const struct cli *c, struct error *err)
{
	static const char *const heads[] = {
		"name", "dtype", "shape", "min", "max",
		"mean", "std",	 "zeros", "nan", "inf",
	};
	struct grid g = {.ncolumns = sizeof(heads) / sizeof(heads[0])};
	uint8_t *buf = malloc((size_t)BLOCK * sizeof(double));
	double *values = malloc(BLOCK * sizeof(*values));
	struct reader rd = {.strip = NULL};
	struct view *v = NULL;
	int ret = cli_open(c, &v, err);

	grid_heads(&g, heads);
	if (!ret && (!buf || !values || view_reader_init(v, &rd)))
		ret = error_nomem(err);
	if (!ret)
		ret = stat_all(v, &g, buf, values, &rd, err);
	if (!ret)
		ret = grid_print(&g, c->tsv, err);
	grid_release(&g);
	reader_release(&rd);
	view_free(v);
	free(values);
	free(buf);
	return ret;
}
