/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern, the values of axes, and shapes:
 *
 *   (G R D) i -> ...      the pattern
 *   G=2                   values of upper-case axes
 *   32 16                 the shape of each tensor, of the left side
 *   <                     (or, behind that, of the right side)
 *
 * What it makes of tensors of labels has each label at most once; and made
 * back, each label stands where it was.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "core/cursor.h"
#include "models/pattern.h"

#define MAX_AXES 16
#define MAX_NDIM 8

/* Labels of all tensors of a side; label 0 is what zero blocks hold. */
#define MAX_NELEM (FUZZ_NLABELS / PATTERN_MAX_TENSORS)

struct input {
	struct str pattern;
	struct {
		struct str name;
		uint64_t value;
	} axes[MAX_AXES];
	unsigned naxes;
	struct tensor in[PATTERN_MAX_TENSORS];
	uint64_t dims[PATTERN_MAX_TENSORS][MAX_NDIM];
	unsigned nin;
	int from;
};

/* ---- reading it ---- */

static struct str take_line(struct cursor *c)
{
	struct str s = {(const char *)c->p, 0};
	int b;

	while ((b = cursor_next(c)) >= 0 && b != '\n')
		s.n++;
	return s;
}

static uint64_t take_number(struct cursor *c)
{
	uint64_t n = 0;

	while (cursor_peek(c) >= '0' && cursor_peek(c) <= '9')
		n = n * 10 + (uint64_t)(cursor_next(c) - '0');
	return n;
}

static void take_shape(struct input *x, struct str line)
{
	struct cursor c = cursor_of(line.p, line.n);
	struct tensor *t = &x->in[x->nin];

	if (x->nin == PATTERN_MAX_TENSORS)
		return;
	*t = (struct tensor){.name = str_of("in"),
			     .dims = x->dims[x->nin],
			     .dtype = DT_U32,
			     .recipe = RECIPE_EXTENT};
	while (cursor_left(&c) && t->ndim < MAX_NDIM) {
		x->dims[x->nin][t->ndim++] = take_number(&c);
		cursor_next(&c);
	}
	if (!tensor_nbytes(DT_U32, t->dims, t->ndim, &t->nbytes))
		return;
	t->extent.src = fuzz_labels();
	t->extent.off = 4 * (1 + x->nin * (uint64_t)(MAX_NELEM - 1));
	x->nin++;
}

static void take_axis(struct input *x, struct str line, const char *is)
{
	struct cursor c = cursor_of(is + 1, line.n - 1);

	c.end = (const uint8_t *)line.p + line.n;
	if (x->naxes == MAX_AXES)
		return;
	x->axes[x->naxes].name = (struct str){line.p, (size_t)(is - line.p)};
	x->axes[x->naxes++].value = take_number(&c);
}

static void take_input(struct input *x, const uint8_t *data, size_t n)
{
	struct cursor c = cursor_of(data, n);

	*x = (struct input){.pattern = take_line(&c)};
	while (cursor_left(&c)) {
		struct str line = take_line(&c);
		const char *is = memchr(line.p, '=', line.n);

		if (is)
			take_axis(x, line, is);
		else if (str_is(line, "<"))
			x->from = 1;
		else
			take_shape(x, line);
	}
}

static bool axis_value(const void *ctx, struct str name, uint64_t *out)
{
	const struct input *x = ctx;

	for (unsigned i = 0; i < x->naxes; i++)
		if (str_eq(x->axes[i].name, name)) {
			*out = x->axes[i].value;
			return true;
		}
	return false;
}

/* ---- making it ---- */

/* False where it has more bytes than there are: plans refuse it. */
static bool make(struct tensor *t, const struct pattern_out *out,
		 const struct tensor *const *in)
{
	*t = (struct tensor){.name = str_of("out"),
			     .dims = out->dims,
			     .ndim = (uint8_t)out->ndim,
			     .dtype = DT_U32};
	if (!tensor_nbytes(DT_U32, t->dims, t->ndim, &t->nbytes))
		return false;
	if (out->copy_of >= 0) {
		FUZZ_CHECK(!out->gather);
		FUZZ_CHECK(in[out->copy_of]->nbytes == t->nbytes);
		t->recipe = RECIPE_SLICE;
		t->slice.of = in[out->copy_of];
		return true;
	}
	FUZZ_CHECK(out->gather);
	t->recipe = RECIPE_GATHER;
	t->gather = out->gather;
	return true;
}

/* Labels are unique, but for those of zero blocks. */
static void check_labels(const struct tensor *t, uint8_t *seen)
{
	uint32_t *v = malloc(t->nbytes + 1);

	FUZZ_CHECK(v);
	fuzz_read(t, v);
	for (size_t i = 0; i < t->nbytes / 4; i++) {
		FUZZ_CHECK(v[i] < FUZZ_NLABELS);
		FUZZ_CHECK(!v[i] || !seen[v[i]]);
		seen[v[i]] = 1;
	}
	free(v);
}

static void check_same(const struct tensor *a, const struct tensor *b)
{
	uint32_t *x = malloc(a->nbytes + 1), *y = malloc(a->nbytes + 1);

	FUZZ_CHECK(x && y && a->ndim == b->ndim);
	for (unsigned d = 0; d < a->ndim; d++)
		FUZZ_CHECK(a->dims[d] == b->dims[d]);
	fuzz_read(a, x);
	fuzz_read(b, y);
	for (size_t i = 0; i < a->nbytes / 4; i++)
		FUZZ_CHECK(x[i] == y[i] || !y[i]);
	free(x);
	free(y);
}

struct side {
	struct tensor t[PATTERN_MAX_TENSORS];
	const struct tensor *p[PATTERN_MAX_TENSORS];
};

/* Whether the pattern makes out of in; what it makes is small enough. */
static bool apply(const struct pattern *p, int from, const struct input *x,
		  const struct tensor *const *in, struct side *out,
		  struct arena *arena)
{
	struct pattern_out po[PATTERN_MAX_TENSORS];
	struct axis_env env = {axis_value, x, NULL, NULL};
	struct error err = ERROR_INIT;
	uint64_t nbytes = 0;

	if (fuzz_refused(pattern_compile(p, from, in, &env, po, arena, &err),
			 &err))
		return false;
	for (unsigned k = 0; k < pattern_ntensors(p, !from); k++) {
		if (!make(&out->t[k], &po[k], in))
			return false;
		out->p[k] = &out->t[k];
		if (out->t[k].nbytes > UINT64_C(4) * FUZZ_NLABELS - nbytes)
			return false;
		nbytes += out->t[k].nbytes;
	}
	return true;
}

static void make_both_ways(const struct input *x, const struct pattern *p,
			   struct arena *arena)
{
	const struct tensor *in[PATTERN_MAX_TENSORS];
	uint8_t *seen = calloc(FUZZ_NLABELS, 1);
	struct side out, back;

	FUZZ_CHECK(seen);
	for (unsigned k = 0; k < x->nin; k++)
		in[k] = &x->in[k];
	if (apply(p, x->from, x, in, &out, arena)) {
		for (unsigned k = 0; k < pattern_ntensors(p, !x->from); k++)
			check_labels(&out.t[k], seen);
		if (apply(p, !x->from, x, out.p, &back, arena))
			for (unsigned k = 0; k < x->nin; k++)
				check_same(in[k], &back.t[k]);
	}
	free(seen);
}

static bool fits(const struct input *x)
{
	for (unsigned k = 0; k < x->nin; k++)
		if (x->in[k].nbytes / 4 >= MAX_NELEM)
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct axis_env env = {axis_value, NULL, NULL, NULL};
	const struct pattern *p;
	struct str names[PATTERN_MAX_TENSORS];
	struct input x;

	take_input(&x, data, n);
	env.ctx = &x;
	for (unsigned k = 0; k < PATTERN_MAX_TENSORS; k++)
		names[k] = str_of("in");
	if (fuzz_refused(pattern_parse(&p, x.pattern, &arena, &err), &err) ==
	    0) {
		for (int side = 0; side < 2; side++)
			fuzz_refused(pattern_check(p, side, names, &env, &arena,
						   &err),
				     &err);
		if (x.nin == pattern_ntensors(p, x.from) && fits(&x))
			make_both_ways(&x, p, &arena);
	}
	arena_release(&arena);
	return 0;
}
