/* SPDX-License-Identifier: Apache-2.0 */
/* wconv stat: what kind of numbers each tensor holds. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/each.h"
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

/* The statistics of a view's tensors. */
struct measuring {
	struct view *v;
	struct stat *stats; /* [tensors] */
	struct grid *grid;
};

/* A thread's. */
struct measurer {
	const struct measuring *m;
	uint8_t *buf;	/* BLOCK elements of any width */
	double *values; /* [BLOCK] */
	struct reader rd;
};

static void end(void *state)
{
	struct measurer *k = state;

	reader_release(&k->rd);
	free(k->values);
	free(k->buf);
	free(k);
}

static void *begin(void *ctx)
{
	struct measuring *m = ctx;
	struct measurer *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->m = m;
	k->buf = malloc((size_t)BLOCK * sizeof(double));
	k->values = malloc(BLOCK * sizeof(*k->values));
	if (k->buf && k->values && view_reader_init(m->v, &k->rd) == 0)
		return k;
	end(k);
	return NULL;
}

static int measure(void *state, size_t i, struct crew *crew, struct error *err)
{
	struct measurer *k = state;
	const struct tensor *t = &view_tensors(k->m->v)->v[i];
	struct stat *s = &k->m->stats[i];
	size_t width = dtype_width(t->dtype);
	uint64_t off = 0;

	*s = (struct stat){.min = (double)INFINITY, .max = -(double)INFINITY};
	while (off < t->nbytes && element_is_number(t->dtype)) {
		size_t n = min_size(t->nbytes - off, BLOCK * width);
		int ret = tensor_read(t, off, n, k->buf, &k->rd);

		if (ret)
			return error_errno(err, ERR_SOURCE, -ret, "%.*s",
					   STR_ARG(t->name));
		element_values(t->dtype, k->buf, k->values, n / width);
		add_block(s, k->values, n / width);
		crew_did(crew, n);
		off += n;
	}
	crew_did(crew, t->nbytes - off);
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

static int add_row(void *ctx, size_t i, struct error *err)
{
	const struct measuring *m = ctx;
	const struct tensor *t = &view_tensors(m->v)->v[i];
	const struct stat *s = &m->stats[i];
	struct grid *g = m->grid;
	bool number = element_is_number(t->dtype), any = s->finite.n > 0;
	int exact = dtype_width(t->dtype) < 8 ? 9 : 17; /* of an element */
	struct strbuf sb = STRBUF_INIT;

	grid_add(g, t->name);
	grid_add(g, str_of(view_dtype_word(m->v, t->dtype)));
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
	(void)err; /* the grid remembers */
	return 0;
}

int cli_stat(const struct cli *c, struct error *err)
{
	static const char *const heads[] = {
		"name", "dtype", "shape", "min", "max",
		"mean", "std",	 "zeros", "nan", "inf",
	};
	struct grid g = {.ncolumns = sizeof(heads) / sizeof(heads[0])};
	struct measuring m = {.grid = &g};
	struct each each = {0, &m, begin, end, measure, add_row};
	int ret = cli_open(c, &m.v, err);

	grid_heads(&g, heads);
	if (!ret) {
		each.n = view_tensors(m.v)->n;
		m.stats = calloc(each.n + 1, sizeof(*m.stats));
		ret = m.stats ? each_run(&each,
					 tensor_set_nbytes(view_tensors(m.v)),
					 err)
			      : error_nomem(err);
	}
	if (!ret)
		ret = grid_print(&g, c->tsv, err);
	grid_release(&g);
	free(m.stats);
	view_free(m.v);
	return ret;
}
