/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sizes of a pattern's axes, and whether a tensor fits one.
 *
 * No block holds an axis twice, so the size of a dimension, the sum of its
 * blocks, is linear in each axis: fixed + step * axis. A dimension with one
 * axis left unknown gives its value; that is repeated until nothing is new,
 * and then every dimension is checked.
 */
#include "models/pattern.h"

#include <string.h>

#include "core/checked.h"
#include "models/pattern_ast.h"

struct solver {
	const struct pattern *p;
	int from;
	const struct tensor *const *in;
	struct pattern_sizes *s;
	const struct axis_env *env;
	struct error *err;
};

/* What tensor k's shape is solved from. */
static const struct product *shape_of(const struct solver *sv, unsigned k)
{
	return pattern_shape(sv->p, sv->from, k);
}

static unsigned ntensors(const struct solver *sv)
{
	return sv->p->sides[sv->from].ntensors;
}

bool pattern_product_size(const struct product *t, const uint64_t *size,
			  uint64_t *out)
{
	uint64_t total = 1, n;
	unsigned i;

	for (i = 0; i < t->n; i++)
		if (pattern_factor_size(&t->v[i], size, &n) ||
		    mul_overflows(total, n, &total))
			return true;
	*out = total;
	return false;
}

bool pattern_factor_size(const struct factor *f, const uint64_t *size,
			 uint64_t *out)
{
	uint64_t total = 0, n;
	unsigned i;

	if (!f->nterms) {
		*out = size[f->axis];
		return false;
	}
	for (i = 0; i < f->nterms; i++)
		if (pattern_product_size(&f->terms[i], size, &n) ||
		    add_overflows(total, n, &total))
			return true;
	*out = total;
	return false;
}

static bool config_value(const struct axis_env *env, const struct axis *a,
			 uint64_t *out)
{
	return a->kind == AXIS_CONFIG && env && env->value &&
	       env->value(env->ctx, a->name, out);
}

/* What is known before any shape is. */
static void know_values(struct solver *sv)
{
	struct pattern_sizes *s = sv->s;
	unsigned i;

	for (i = 0; i < sv->p->naxes; i++) {
		const struct axis *a = &sv->p->axes[i];

		s->size[i] = a->value;
		if (a->kind == AXIS_NUMBER ||
		    config_value(sv->env, a, &s->size[i]))
			s->known |= AXIS_BIT(i);
	}
}

static int overflow(struct solver *sv, unsigned k)
{
	return error_set(sv->err, ERR_MAPPING,
			 "%.*s: the sizes of the pattern \"%.*s\" overflow "
			 "64 bits",
			 STR_ARG(sv->in[k]->name), STR_ARG(sv->p->text));
}

/* ", G = 4, D = 5": the values of named axes, where there are any. */
static void add_values(struct strbuf *sb, struct solver *sv, uint32_t axes,
		       const char *sep)
{
	unsigned i;

	for (i = 0; i < sv->p->naxes; i++) {
		const struct axis *a = &sv->p->axes[i];

		if (!(axes & AXIS_BIT(i)) || a->kind == AXIS_NUMBER)
			continue;
		strbuf_adds(sb, sep);
		strbuf_addf(sb, "%.*s = %llu", STR_ARG(a->name),
			    (unsigned long long)sv->s->size[i]);
		sep = ", ";
	}
}

/* "G D": the names of axes. */
static void add_names(struct strbuf *sb, struct solver *sv, uint32_t axes,
		      const char *sep)
{
	bool first = true;
	unsigned i;

	for (i = 0; i < sv->p->naxes; i++) {
		if (!(axes & AXIS_BIT(i)))
			continue;
		if (!first)
			strbuf_adds(sb, sep);
		strbuf_addstr(sb, sv->p->axes[i].name);
		first = false;
	}
}

/* NAME: dimension D is N, the pattern "..." + what sb holds; sb is released. */
static int bad_dim(struct solver *sv, unsigned k, unsigned d, struct strbuf *sb)
{
	const struct tensor *t = sv->in[k];
	int rc;

	if (sb->failed)
		rc = error_nomem(sv->err);
	else
		rc = error_set(sv->err, ERR_MAPPING,
			       "%.*s: dimension %u is %llu, the pattern "
			       "\"%.*s\" %.*s",
			       STR_ARG(t->name), d,
			       (unsigned long long)t->dims[d],
			       STR_ARG(sv->p->text), STR_ARG(strbuf_str(sb)));
	strbuf_release(sb);
	return rc;
}

static int bad_size(struct solver *sv, unsigned k, unsigned d, uint64_t size)
{
	uint32_t axes = shape_of(sv, k)->v[d].axes & sv->s->known;
	struct strbuf sb = STRBUF_INIT;
	size_t n;

	strbuf_addf(&sb, "makes it %llu", (unsigned long long)size);
	n = sb.len;
	add_values(&sb, sv, axes, " (");
	if (sb.len > n)
		strbuf_addc(&sb, ')');
	return bad_dim(sv, k, d, &sb);
}

/* Whether a set is a single axis that is a number. */
static bool is_number(const struct pattern *p, uint32_t axes)
{
	return axes && !(axes & (axes - 1)) &&
	       p->axes[__builtin_ctz(axes)].kind == AXIS_NUMBER;
}

/* No value of axis a makes the dimension fixed + step * a. */
static int not_divisible(struct solver *sv, unsigned k, unsigned d, unsigned a,
			 uint64_t fixed, uint64_t step)
{
	const struct factor *f = &shape_of(sv, k)->v[d];
	bool plain = f->nblocks == 1; /* a product: step is its other axes */
	uint32_t rest = f->axes & ~AXIS_BIT(a);
	struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, "needs ");
	if (fixed)
		strbuf_addf(&sb, "%llu plus ", (unsigned long long)fixed);
	strbuf_adds(&sb, "a multiple of ");
	if (plain && !is_number(sv->p, rest)) {
		add_names(&sb, sv, rest, " ");
		strbuf_adds(&sb, " = ");
	}
	strbuf_addf(&sb, "%llu (axis %.*s", (unsigned long long)step,
		    STR_ARG(sv->p->axes[a].name));
	if (!plain)
		add_values(&sb, sv, rest, ", ");
	strbuf_addc(&sb, ')');
	return bad_dim(sv, k, d, &sb);
}

/* Solve dimension d of tensor k for axis a, unless it says nothing of it. */
static int solve_axis(struct solver *sv, unsigned k, unsigned d, unsigned a,
		      bool *found)
{
	const struct factor *f = &shape_of(sv, k)->v[d];
	uint64_t n = sv->in[k]->dims[d], *size = sv->s->size, fixed, step;

	size[a] = 0;
	if (pattern_factor_size(f, size, &fixed))
		return overflow(sv, k);
	size[a] = 1;
	if (pattern_factor_size(f, size, &step))
		return overflow(sv, k);
	step -= fixed;
	if (step == 0) /* another axis is 0 */
		return n == fixed ? 0 : bad_size(sv, k, d, fixed);
	if (n < fixed || (n - fixed) % step)
		return not_divisible(sv, k, d, a, fixed, step);
	size[a] = (n - fixed) / step;
	sv->s->known |= AXIS_BIT(a);
	*found = true;
	return 0;
}

/* One pass over all dimensions. */
static int solve_pass(struct solver *sv, bool *found)
{
	unsigned k, d;
	int rc = 0;

	*found = false;
	for (k = 0; k < ntensors(sv); k++) {
		const struct product *t = shape_of(sv, k);

		for (d = 0; d < pattern_rank(sv->p, t); d++) {
			uint32_t open = t->v[d].axes & ~sv->s->known;

			if (!open || (open & (open - 1)))
				continue;
			rc = solve_axis(sv, k, d, (unsigned)__builtin_ctz(open),
					found);
			if (rc)
				return rc;
		}
	}
	return 0;
}

/* What the user can do about axes without a value. */
static void add_missing(struct strbuf *sb, struct solver *sv, uint32_t axes)
{
	const struct axis_env *env = sv->env;
	struct strbuf keys = STRBUF_INIT;

	for (unsigned i = 0; i < sv->p->naxes && env && env->keys; i++)
		if (axes & AXIS_BIT(i) && sv->p->axes[i].kind == AXIS_CONFIG)
			env->keys(env->ctx, sv->p->axes[i].name, &keys);
	if (keys.len)
		strbuf_addf(sb,
			    ": name the config.json with --config, or give "
			    "%.*s with --set",
			    STR_ARG(strbuf_str(&keys)));
	sb->failed |= keys.failed;
	strbuf_release(&keys);
}

static int unknown_axes(struct solver *sv, unsigned k, unsigned d,
			uint32_t axes)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, axes & (axes - 1) ? "leaves the axes "
					   : "leaves the axis ");
	add_names(&sb, sv, axes, ", ");
	strbuf_adds(&sb, " unknown");
	add_missing(&sb, sv, axes);
	return bad_dim(sv, k, d, &sb);
}

/* Axes of zero blocks, and those that an `as` hides, stand in no dimension. */
static int check_known(struct solver *sv)
{
	uint32_t open = 0;
	struct strbuf sb = STRBUF_INIT;
	int rc;

	for (unsigned i = 0; i < sv->p->naxes; i++)
		open |= AXIS_BIT(i) & ~sv->s->known;
	if (!open)
		return 0;
	add_names(&sb, sv, open, ", ");
	strbuf_adds(&sb, " unknown");
	add_missing(&sb, sv, open);
	rc = sb.failed
		     ? error_nomem(sv->err)
		     : error_set(sv->err, ERR_MAPPING,
				 "%.*s: the pattern \"%.*s\" leaves the "
				 "axis %.*s",
				 STR_ARG(sv->in[0]->name), STR_ARG(sv->p->text),
				 STR_ARG(strbuf_str(&sb)));
	strbuf_release(&sb);
	return rc;
}

/* Every axis has a value, and every dimension is what the pattern makes it. */
static int check_dims(struct solver *sv)
{
	unsigned k, d;

	for (k = 0; k < ntensors(sv); k++) {
		const struct product *t = shape_of(sv, k);

		for (d = 0; d < pattern_rank(sv->p, t); d++) {
			uint32_t open = t->v[d].axes & ~sv->s->known;
			uint64_t size;

			if (open)
				return unknown_axes(sv, k, d, open);
			if (pattern_factor_size(&t->v[d], sv->s->size, &size))
				return overflow(sv, k);
			if (size != sv->in[k]->dims[d])
				return bad_size(sv, k, d, size);
		}
	}
	return check_known(sv);
}

static int check_rank(struct solver *sv, unsigned k)
{
	const struct tensor *t = sv->in[k];
	unsigned rank = pattern_rank(sv->p, shape_of(sv, k));

	if (t->ndim == rank || (sv->p->dots && t->ndim > rank))
		return 0;
	return error_set(sv->err, ERR_MAPPING,
			 "%.*s: it has %u dimension%s, the pattern \"%.*s\" "
			 "needs %s%u",
			 STR_ARG(t->name), t->ndim, t->ndim == 1 ? "" : "s",
			 STR_ARG(sv->p->text), sv->p->dots ? "at least " : "",
			 rank);
}

/* The dimensions under `...` of tensor k are those of tensor 0. */
static int check_hidden(struct solver *sv, unsigned k)
{
	const struct tensor *t = sv->in[k];
	unsigned rank = pattern_rank(sv->p, shape_of(sv, k));
	unsigned n = sv->s->nhidden, d;

	if (t->ndim != rank + n)
		return error_set(sv->err, ERR_MAPPING,
				 "%.*s: \"...\" of the pattern \"%.*s\" is %u "
				 "dimension%s here, %u in %.*s",
				 STR_ARG(t->name), STR_ARG(sv->p->text),
				 t->ndim - rank, t->ndim - rank == 1 ? "" : "s",
				 n, STR_ARG(sv->in[0]->name));
	for (d = 0; d < n; d++)
		if (t->dims[rank + d] != sv->s->hidden[d])
			return error_set(sv->err, ERR_MAPPING,
					 "%.*s: dimension %u is %llu, the "
					 "pattern \"%.*s\" needs %llu as in "
					 "%.*s (under \"...\")",
					 STR_ARG(t->name), rank + d,
					 (unsigned long long)t->dims[rank + d],
					 STR_ARG(sv->p->text),
					 (unsigned long long)sv->s->hidden[d],
					 STR_ARG(sv->in[0]->name));
	return 0;
}

static int check_ranks(struct solver *sv)
{
	const struct product *first = shape_of(sv, 0);
	unsigned k, rank = pattern_rank(sv->p, first);
	int rc;

	for (k = 0; k < ntensors(sv); k++) {
		rc = check_rank(sv, k);
		if (rc)
			return rc;
	}
	sv->s->nhidden = sv->in[0]->ndim - rank;
	sv->s->hidden = sv->s->nhidden ? sv->in[0]->dims + rank : NULL;
	for (k = 1; k < ntensors(sv); k++) {
		rc = check_hidden(sv, k);
		if (rc)
			return rc;
	}
	return 0;
}

/* The extent of the axis that stands for all that `...` hides. */
static int size_hidden(struct solver *sv)
{
	uint64_t n = 1;
	unsigned i, d;

	if (!sv->p->dots)
		return 0;
	for (d = 0; d < sv->s->nhidden; d++)
		if (mul_overflows(n, sv->s->hidden[d], &n))
			return overflow(sv, 0);
	for (i = 0; sv->p->axes[i].kind != AXIS_DOTS; i++)
		;
	sv->s->size[i] = n;
	sv->s->known |= AXIS_BIT(i);
	return 0;
}

int pattern_solve(struct pattern_sizes *out, const struct pattern *p, int from,
		  const struct tensor *const *in, const struct axis_env *env,
		  struct error *err)
{
	struct solver sv = {p, from, in, out, env, err};
	bool found;
	int rc;

	memset(out, 0, sizeof(*out));
	know_values(&sv);
	rc = check_ranks(&sv);
	if (!rc)
		rc = size_hidden(&sv);
	if (rc)
		return rc;
	do {
		rc = solve_pass(&sv, &found);
	} while (!rc && found);
	return rc ? rc : check_dims(&sv);
}

static bool rank_fits(const struct pattern *p, unsigned rank, unsigned ndim,
		      struct strbuf *why)
{
	if (ndim == rank || (p->dots && ndim > rank))
		return true;
	if (why)
		strbuf_addf(why, "it has %u dimension%s, %s%u", ndim,
			    ndim == 1 ? "" : "s",
			    p->dots ? "fewer than " : "not ", rank);
	return false;
}

/* Dimension d is n, and should be axis a's value v. */
static void explain_dim(const struct axis *a, unsigned d, uint64_t n,
			uint64_t v, const struct axis_env *env,
			struct strbuf *why)
{
	struct str text = {"", 0};

	strbuf_addf(why, "dimension %u is %llu, ", d, (unsigned long long)n);
	if (a->kind == AXIS_NUMBER) {
		strbuf_addf(why, "not %llu", (unsigned long long)v);
		return;
	}
	strbuf_addf(why, "%.*s is %llu", STR_ARG(a->name),
		    (unsigned long long)v);
	if (env->text)
		text = env->text(env->ctx, a->name);
	if (text.n && !str_eq(text, a->name))
		strbuf_addf(why, " (%.*s)", STR_ARG(text));
}

/* A dimension that is one axis of a value known without any shape. */
static bool dim_fits(const struct pattern *p, const struct factor *f,
		     unsigned d, uint64_t n, const struct axis_env *env,
		     struct strbuf *why)
{
	const struct axis *a = &p->axes[f->axis];
	uint64_t v = a->value;

	if (f->nterms || (a->kind != AXIS_NUMBER && !config_value(env, a, &v)))
		return true;
	if (v == n)
		return true;
	if (why)
		explain_dim(a, d, n, v, env, why);
	return false;
}

bool pattern_fits(const struct pattern *p, int side, unsigned slot,
		  const uint64_t *dims, unsigned ndim,
		  const struct axis_env *env, struct strbuf *why)
{
	const struct product *t = pattern_shape(p, side, slot);
	unsigned front = p->sides[side].nfront;
	unsigned rank = pattern_rank(p, t) - front, d;

	if (!rank_fits(p, rank, ndim, why))
		return false;
	for (d = 0; d < rank; d++)
		if (!dim_fits(p, &t->v[front + d], d, dims[d], env, why))
			return false;
	return true;
}

struct str pattern_dim_axis(const struct pattern *p, int side, unsigned slot,
			    unsigned d)
{
	const struct product *t = pattern_shape(p, side, slot);
	unsigned at = p->sides[side].nfront + d;
	const struct factor *f = &t->v[at];

	if (at >= pattern_rank(p, t) || f->nterms ||
	    p->axes[f->axis].kind == AXIS_NUMBER)
		return (struct str){"", 0};
	return p->axes[f->axis].name;
}
