/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern at work on made-up sizes: each axis gets a prime of its own, the
 * tensors of one side follow, and the other side must come out of them.
 */
#include <ctype.h>
#include <string.h>

#include "models/pattern.h"
#include "models/pattern_ast.h"

/* Dimensions under `...`. */
#define HIDDEN 29

static const uint64_t primes[PATTERN_MAX_AXES] = {
	2,  3,	5,  7,	11, 13, 17, 19, 23,  31,  37,  41,  43,	 47,  53,  59,
	61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137};

struct made {
	const struct pattern *p;
	const struct axis_env *env; /* which axes have values without shapes */
	uint64_t size[PATTERN_MAX_AXES];
};

/* What the pattern is told: the sizes of axes that env knows. */
static bool made_value(const void *ctx, struct str name, uint64_t *out)
{
	const struct made *m = ctx;
	uint64_t unused;

	if (!m->env->value(m->env->ctx, name, &unused))
		return false;
	for (unsigned i = 0; i < m->p->naxes; i++)
		if (str_eq(m->p->axes[i].name, name))
			*out = m->size[i];
	return true;
}

static void make_sizes(struct made *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->p->naxes; i++) {
		const struct axis *a = &m->p->axes[i];

		if (a->kind == AXIS_NUMBER)
			m->size[i] = a->value;
		else
			m->size[i] = a->kind == AXIS_DOTS ? HIDDEN
							  : primes[n++];
	}
}

/* The shape that tensor k of a side has. */
static int make_shape(const struct made *m, int side, unsigned k,
		      struct tensor *t, struct arena *arena, struct error *err)
{
	const struct product *shape = pattern_shape(m->p, side, k);
	uint64_t *dims = arena_array(arena, shape->n, sizeof(*dims));

	if (!dims)
		return error_nomem(err);
	for (unsigned d = 0; d < shape->n; d++)
		if (pattern_factor_size(&shape->v[d], m->size, &dims[d]))
			return error_set(err, ERR_MODEL,
					 "the pattern \"%.*s\": its sizes "
					 "overflow 64 bits",
					 STR_ARG(m->p->text));
	t->dims = dims;
	t->ndim = (uint8_t)shape->n;
	return 0;
}

static int compare(const struct made *m, int side, unsigned k,
		   const struct pattern_out *got, struct arena *arena,
		   struct error *err)
{
	struct tensor want = {.ndim = 0};
	int ret = make_shape(m, side, k, &want, arena, err);

	if (ret)
		return ret;
	if (tensor_has_dims(&want, got->dims, got->ndim))
		return 0;
	return error_set(err, ERR_MODEL,
			 "the pattern \"%.*s\": tensor %u of the %s side comes "
			 "out in another shape",
			 STR_ARG(m->p->text), k + 1, side ? "right" : "left");
}

struct str pattern_unknown_axis(const struct pattern *p,
				const struct axis_env *env)
{
	uint64_t unused;

	for (unsigned i = 0; i < p->naxes; i++)
		if (p->axes[i].kind == AXIS_CONFIG &&
		    isupper((unsigned char)p->axes[i].name.p[0]) &&
		    !env->value(env->ctx, p->axes[i].name, &unused))
			return p->axes[i].name;
	return (struct str){"", 0};
}

int pattern_check(const struct pattern *p, int from, const struct str *names,
		  const struct axis_env *env, struct arena *arena,
		  struct error *err)
{
	struct made m = {.p = p, .env = env};
	struct axis_env made_env = {made_value, &m, NULL, NULL};
	struct tensor t[PATTERN_MAX_TENSORS];
	const struct tensor *in[PATTERN_MAX_TENSORS];
	struct pattern_out out[PATTERN_MAX_TENSORS];
	int ret = 0;

	make_sizes(&m);
	for (unsigned k = 0; k < p->sides[from].ntensors && !ret; k++) {
		t[k] = (struct tensor){.name = names[k], .dtype = DT_F32};
		in[k] = &t[k];
		ret = make_shape(&m, from, k, &t[k], arena, err);
	}
	if (!ret)
		ret = pattern_compile(p, from, in, &made_env, out, arena, err);
	for (unsigned k = 0; k < p->sides[!from].ntensors && !ret; k++)
		ret = compare(&m, !from, k, &out[k], arena, err);
	return ret;
}
