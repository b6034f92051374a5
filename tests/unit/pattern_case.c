/* SPDX-License-Identifier: Apache-2.0 */
/* Walking the pieces of compiled patterns; see pattern_case.h. */
#include "pattern_case.h"

#include <check.h>
#include <stdlib.h>

void sample_init(struct sample *s, const char *name, const uint64_t *dims,
		 unsigned ndim)
{
	uint64_t n = 1;

	ck_assert_uint_le(ndim, CASE_MAX_NDIM);
	for (unsigned d = 0; d < ndim; d++) {
		s->dims[d] = dims[d];
		n *= dims[d];
	}
	ck_assert_uint_le(n, CASE_MAX_NELEM);
	s->v = calloc(n + 1, sizeof(*s->v));
	ck_assert_ptr_nonnull(s->v);
	s->t = (struct tensor){
		.name = str_of(name),
		.dims = s->dims,
		.nbytes = n * sizeof(*s->v),
		.ndim = (uint8_t)ndim,
		.dtype = DT_U32,
	};
}

uint32_t sample_number(struct sample *s, uint32_t first)
{
	for (uint64_t i = 0; i < tensor_nelem(&s->t); i++)
		s->v[i] = first++;
	return first;
}

void sample_release(struct sample *s)
{
	free(s->v);
	s->v = NULL;
}

static bool pair_value(const void *ctx, struct str name, uint64_t *out)
{
	const struct axis_pair *p = ctx;

	for (; p->name; p++)
		if (str_is(name, p->name)) {
			*out = p->value;
			return true;
		}
	return false;
}

struct axis_env axis_pairs(const struct axis_pair *pairs)
{
	return (struct axis_env){pair_value, pairs, NULL, NULL};
}

const struct pattern *must_parse(struct arena *arena, const char *text)
{
	struct error err = ERROR_INIT;
	const struct pattern *p = NULL;

	if (pattern_parse(&p, str_of(text), arena, &err))
		ck_abort_msg("%s", error_text(&err));
	ck_assert(str_is(pattern_text(p), text));
	return p;
}

/* The promises of core/gather.h on the axes of one piece. */
static void check_axes(const struct piece *piece)
{
	for (unsigned i = 0; i < piece->naxes; i++) {
		const struct gather_axis *a = &piece->axes[i];

		ck_assert_uint_ge(a->n, 2);
		if (i + 1 == piece->naxes)
			break;
		ck_assert_uint_gt(a->stride_out, a[1].stride_out);
		ck_assert(a->stride_out != a[1].n * a[1].stride_out ||
			  a->stride_in != a[1].n * a[1].stride_in);
	}
}

/* Copy the elements of one piece; both sides count what they see. */
static void walk(const struct piece *piece, const struct sample *src,
		 struct sample *out, uint8_t *nread, uint8_t *nwritten)
{
	uint64_t i[32] = {0}, from = piece->base_in, to = piece->base_out;
	unsigned k;

	ck_assert_uint_le(piece->naxes, 32);
	do {
		ck_assert_uint_lt(from, tensor_nelem(&src->t));
		ck_assert_uint_lt(to, tensor_nelem(&out->t));
		nread[from]++;
		nwritten[to]++;
		out->v[to] = src->v[from];
		for (k = piece->naxes; k-- > 0;) {
			const struct gather_axis *a = &piece->axes[k];

			from += a->stride_in;
			to += a->stride_out;
			if (++i[k] < a->n)
				break;
			from -= a->n * a->stride_in;
			to -= a->n * a->stride_out;
			i[k] = 0;
		}
	} while (k < piece->naxes);
}

static unsigned slot_of(const struct sample *in, unsigned n,
			const struct tensor *t)
{
	for (unsigned k = 0; k < n; k++)
		if (&in[k].t == t)
			return k;
	ck_abort_msg("a piece of no input");
}

static void make(const struct pattern_out *po, const struct sample *in,
		 unsigned nin, struct sample *out, uint8_t **nread)
{
	uint8_t *nwritten;

	sample_init(out, "out", po->dims, po->ndim);
	nwritten = calloc(tensor_nelem(&out->t) + 1, 1);
	ck_assert_ptr_nonnull(nwritten);
	ck_assert((po->copy_of >= 0) == !po->gather);
	if (po->copy_of >= 0) {
		const struct sample *s = &in[po->copy_of];
		struct gather_axis run = {tensor_nelem(&s->t), 1, 1};
		struct piece all = {&s->t, 0, 0, 1, &run};

		ck_assert_uint_eq(run.n, tensor_nelem(&out->t));
		if (run.n)
			walk(&all, s, out, nread[po->copy_of], nwritten);
	}
	for (size_t i = 0; po->gather && i < po->gather->npieces; i++) {
		const struct piece *p = &po->gather->pieces[i];
		unsigned slot = slot_of(in, nin, p->src);

		ck_assert(!i || p[-1].base_out < p->base_out);
		check_axes(p);
		walk(p, &in[slot], out, nread[slot], nwritten);
	}
	for (uint64_t i = 0; i < tensor_nelem(&out->t); i++)
		ck_assert_uint_eq(nwritten[i], 1);
	free(nwritten);
}

int sample_apply(const struct pattern *p, int from, const struct sample *in,
		 const struct axis_env *env, struct sample *out,
		 struct error *err)
{
	unsigned nin = pattern_ntensors(p, from), k;
	const struct tensor *t[PATTERN_MAX_TENSORS];
	struct pattern_out po[PATTERN_MAX_TENSORS];
	uint8_t *nread[PATTERN_MAX_TENSORS];
	struct arena arena = ARENA_INIT;
	int rc;

	for (k = 0; k < nin; k++)
		t[k] = &in[k].t;
	rc = pattern_compile(p, from, t, env, po, &arena, err);
	if (rc) {
		arena_release(&arena);
		return rc;
	}
	for (k = 0; k < nin; k++) {
		nread[k] = calloc(tensor_nelem(t[k]) + 1, 1);
		ck_assert_ptr_nonnull(nread[k]);
	}
	for (k = 0; k < pattern_ntensors(p, !from); k++)
		make(&po[k], in, nin, &out[k], nread);
	for (k = 0; k < nin; k++) {
		for (uint64_t i = 0; i < tensor_nelem(t[k]); i++)
			ck_assert_uint_eq(nread[k][i], 1);
		free(nread[k]);
	}
	arena_release(&arena);
	return 0;
}
