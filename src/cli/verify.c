/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wconv verify: whether two sources hold the same tensors.
 *
 * They may be of two worlds, of two layouts of one, or of two forms. Each can
 * be shown as it is and converted; the pair of showings with the most names in
 * common is compared. So a model and what it was converted to are compared as
 * MindSpore has them, and two layouts of MindSpore as HuggingFace does.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/compare.h"
#include "cli/each.h"
#include "cli/grid.h"

enum showing { AS_IS, CONVERTED, NSHOWINGS };

/* One of the two sources. */
struct side {
	struct view *v[NSHOWINGS]; /* NULL: not possible, err says why */
	struct error err[NSHOWINGS];
};

static void side_open(struct side *s, const struct cli *c, const char *source)
{
	struct view_options opt = c->opt;

	opt.source = source;
	if (!view_is_raw(&opt))
		view_open(&s->v[CONVERTED], &opt, &s->err[CONVERTED]);
	opt.to = VIEW_RAW;
	opt.model = NULL;
	opt.rules = opt.template = opt.map = opt.ranks = NULL;
	opt.nset = 0;
	view_open(&s->v[AS_IS], &opt, &s->err[AS_IS]);
}

static void side_release(struct side *s)
{
	for (int i = 0; i < NSHOWINGS; i++) {
		view_free(s->v[i]);
		error_release(&s->err[i]);
	}
}

static size_t count_common(const struct view *a, const struct view *b)
{
	const struct tensor_set *set = view_tensors(a);
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += tensor_set_find(view_tensors(b), set->v[i].name) != NULL;
	return n;
}

/* The first pair of showings, in this order, with the most common names. */
static int choose(const struct cli *c, struct side *a, struct side *b,
		  struct view **x, struct view **y, struct error *err)
{
	static const enum showing pairs[][2] = {
		{AS_IS, AS_IS},
		{CONVERTED, AS_IS},
		{AS_IS, CONVERTED},
		{CONVERTED, CONVERTED},
	};
	size_t most = 0;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct view *p = a->v[pairs[i][0]], *q = b->v[pairs[i][1]];
		size_t n = p && q ? count_common(p, q) : 0;

		if (n <= most)
			continue;
		most = n;
		*x = p;
		*y = q;
	}
	if (most)
		return 0;
	for (int i = 0; i < NSHOWINGS; i++) {
		struct error *e = a->err[i].text ? &a->err[i] : &b->err[i];

		if (!e->text)
			continue;
		*err = *e;
		*e = (struct error)ERROR_INIT;
		return -EINVAL;
	}
	return error_set(err, ERR_MAPPING,
			 "%s and %s: no tensor of the one has the name of one "
			 "of the other, converted or not",
			 c->args[0], c->args[1]);
}

/* ---- the report ---- */

/* What is known of a tensor of A and its counterpart in B. */
struct pair {
	const struct tensor *b; /* NULL: there is none */
	struct difference d;
};

struct report {
	struct view *x, *y;
	struct tolerance tolerance;
	struct pair *pairs; /* [tensors of x] */
	struct grid grid;
	size_t nsame, ndiffering;
};

static void add_row(struct report *r, const char *what, struct str name,
		    struct strbuf *where, struct strbuf *a, struct strbuf *b)
{
	struct grid *g = &r->grid;

	grid_add(g, str_of(what));
	grid_add(g, name);
	grid_take(g, where);
	grid_take(g, a);
	grid_take(g, b);
	r->ndiffering++;
}

/* "BF16 24x20" */
static void add_type(struct strbuf *sb, const struct tensor *t)
{
	strbuf_addf(sb, "%s ", dtype_info(t->dtype)->safetensors);
	strbuf_add_shape(sb, t->dims, t->ndim);
}

static void add_missing(struct report *r, const char *what,
			const struct tensor *a, const struct tensor *b)
{
	struct strbuf sb[3] = {STRBUF_INIT, STRBUF_INIT, STRBUF_INIT};

	if (a)
		add_type(&sb[1], a);
	if (b)
		add_type(&sb[2], b);
	add_row(r, what, a ? a->name : b->name, &sb[0], &sb[1], &sb[2]);
	strbuf_release(&sb[1]);
	strbuf_release(&sb[2]);
}

/* At "3,17 (2 of 480)": its first index, how many of all elements. */
static void add_difference(struct report *r, const struct tensor *a,
			   struct difference *d)
{
	struct strbuf where = STRBUF_INIT;

	compare_add_index(&where, a, d->first);
	strbuf_addf(&where, " (%" PRIu64 " of %" PRIu64 ")", d->n,
		    tensor_nelem(a));
	add_row(r, "differs", a->name, &where, &d->a, &d->b);
	strbuf_release(&where);
}

/* What makes the values of two tensors incomparable, or NULL. */
static const char *unlike(const struct tolerance *t, const struct tensor *a,
			  const struct tensor *b)
{
	if (!tensor_has_dims(a, b->dims, b->ndim))
		return "shape";
	return a->dtype != b->dtype && !compare_across_types(t, a, b) ? "dtype"
								      : NULL;
}

static int add_pair(void *ctx, size_t i, struct error *err)
{
	struct report *r = ctx;
	const struct tensor *a = &view_tensors(r->x)->v[i];
	struct pair *p = &r->pairs[i];
	const char *what = p->b ? unlike(&r->tolerance, a, p->b) : "missing";

	(void)err; /* the grid remembers */
	if (what)
		add_missing(r, what, a, p->b);
	else if (p->d.n)
		add_difference(r, a, &p->d);
	else
		r->nsame++;
	return 0;
}

static void add_extra(struct report *r)
{
	const struct tensor_set *a = view_tensors(r->x);
	const struct tensor_set *b = view_tensors(r->y);

	for (size_t i = 0; i < b->n; i++)
		if (!tensor_set_find(a, b->v[i].name))
			add_missing(r, "extra", NULL, &b->v[i]);
}

/* ---- by threads ---- */

struct verifier {
	const struct report *r;
	struct compare cmp;
};

static void end(void *state)
{
	struct verifier *k = state;

	compare_release(&k->cmp);
	free(k);
}

static void *begin(void *ctx)
{
	struct report *r = ctx;
	struct verifier *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->r = r;
	if (compare_init(&k->cmp, r->x, r->y, &r->tolerance))
		return k;
	end(k);
	return NULL;
}

static int verify_pair(void *state, size_t i, struct crew *crew,
		       struct error *err)
{
	struct verifier *k = state;
	const struct tensor *a = &view_tensors(k->r->x)->v[i];
	struct pair *p = &k->r->pairs[i];
	int ret = 0;

	p->b = tensor_set_find(view_tensors(k->r->y), a->name);
	if (p->b && !unlike(&k->r->tolerance, a, p->b))
		ret = compare(&k->cmp, a, p->b, &p->d, err);
	crew_did(crew, a->nbytes);
	return ret;
}

static int verify_all(struct report *r, struct error *err)
{
	struct each each = {view_tensors(r->x)->n, r,	    begin, end,
			    verify_pair,	   add_pair};
	int ret;

	r->pairs = calloc(each.n + 1, sizeof(*r->pairs));
	if (!r->pairs)
		return error_nomem(err);
	ret = each_run(&each, tensor_set_nbytes(view_tensors(r->x)), err);
	add_extra(r);
	for (size_t i = 0; i < each.n; i++) {
		strbuf_release(&r->pairs[i].d.a);
		strbuf_release(&r->pairs[i].d.b);
	}
	free(r->pairs);
	return ret;
}

/* ---- ---- */

static int print_end(const struct report *r, struct error *err)
{
	struct strbuf sb = STRBUF_INIT;
	int ret;

	if (r->ndiffering)
		strbuf_addf(&sb, "%zu of %zu tensors differ\n", r->ndiffering,
			    r->ndiffering + r->nsame);
	else
		strbuf_addf(&sb, "%zu tensors are the same\n", r->nsame);
	ret = sb.failed ? error_nomem(err) : cli_write(sb.p, sb.len, err);
	strbuf_release(&sb);
	return ret;
}

static int verify(const struct cli *c, struct view *x, struct view *y,
		  struct error *err)
{
	static const char *const heads[] = {"what", "name", "first index", "A",
					    "B"};
	struct report r = {.x = x, .y = y, .grid = {.ncolumns = 5}};
	int ret = tolerance_parse(&r.tolerance, c->atol, c->rtol, err);

	grid_heads(&r.grid, heads);
	if (!ret)
		ret = verify_all(&r, err);
	if (!ret && r.ndiffering)
		ret = grid_print(&r.grid, c->tsv, err);
	if (!ret)
		ret = print_end(&r, err);
	grid_release(&r.grid);
	return ret ? ret : r.ndiffering > 0;
}

int cli_verify(const struct cli *c, struct error *err)
{
	struct side a = {{NULL}, {ERROR_INIT, ERROR_INIT}};
	struct side b = {{NULL}, {ERROR_INIT, ERROR_INIT}};
	struct view *x = NULL, *y = NULL;
	int ret;

	side_open(&a, c, c->args[0]);
	side_open(&b, c, c->args[1]);
	ret = choose(c, &a, &b, &x, &y, err);
	if (!ret)
		ret = verify(c, x, y, err);
	side_release(&a);
	side_release(&b);
	return ret;
}
