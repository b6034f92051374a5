/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns as pieces and as plain division; see gather_case.h. */
#include "gather_case.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void child(struct made *m, uint64_t nelem)
{
	ck_assert_uint_lt(m->nchildren, CASE_CHILDREN);
	m->child_dims[m->nchildren++] = nelem;
}

static void shape(struct made *m, unsigned ndim, uint64_t d0, uint64_t d1,
		  uint64_t d2, uint64_t d3)
{
	const uint64_t dims[4] = {d0, d1, d2, d3};

	memcpy(m->dims, dims, sizeof(dims));
	m->out.ndim = (uint8_t)ndim;
}

static void add_piece(struct made *m, size_t src, uint64_t base_out,
		      uint64_t base_in, const struct gather_axis *axes,
		      unsigned naxes)
{
	ck_assert_uint_lt(m->gather.npieces, CASE_PIECES);
	ck_assert_uint_le(m->naxes + naxes, CASE_AXES);
	if (naxes)
		memcpy(m->axes + m->naxes, axes, naxes * sizeof(*axes));
	m->pieces[m->gather.npieces++] = (struct piece){
		.src = &m->children[src],
		.base_out = base_out,
		.base_in = base_in,
		.naxes = naxes,
		.axes = m->axes + m->naxes,
	};
	m->naxes += naxes;
}

/* An axis is {n, stride_out, stride_in}. */
#define PIECE(m, src, base_out, base_in, ...)                                  \
	add_piece(m, src, base_out, base_in,                                   \
		  (struct gather_axis[]){__VA_ARGS__},                         \
		  sizeof((struct gather_axis[]){__VA_ARGS__}) /                \
			  sizeof(struct gather_axis))

/* a -> a */
static void make_copy(struct made *m, const struct sizes *s)
{
	child(m, s->a);
	shape(m, 1, s->a, 1, 1, 1);
	PIECE(m, 0, 0, 0, {s->a, 1, 1});
}

static uint64_t from_copy(const struct sizes *s, uint64_t i, size_t *src)
{
	(void)s;
	*src = 0;
	return i;
}

/* (a b d) c, (a d) c, (a d) c -> (a (b+1+1) d) c: query, key, value */
static void make_qkv(struct made *m, const struct sizes *s)
{
	uint64_t dc = s->d * s->c, group = (s->b + 2) * dc;

	child(m, s->a * s->b * dc);
	child(m, s->a * dc);
	child(m, s->a * dc);
	shape(m, 2, s->a * (s->b + 2) * s->d, s->c, 1, 1);
	PIECE(m, 0, 0, 0, {s->a, group, s->b * dc}, {s->b * dc, 1, 1});
	PIECE(m, 1, s->b * dc, 0, {s->a, group, dc}, {dc, 1, 1});
	PIECE(m, 2, (s->b + 1) * dc, 0, {s->a, group, dc}, {dc, 1, 1});
}

static uint64_t from_qkv(const struct sizes *s, uint64_t i, size_t *src)
{
	uint64_t c = i % s->c, d = i / s->c % s->d;
	uint64_t head = i / s->c / s->d % (s->b + 2);
	uint64_t group = i / s->c / s->d / (s->b + 2);

	*src = head < s->b ? 0 : head == s->b ? 1 : 2;
	if (head < s->b)
		return ((group * s->b + head) * s->d + d) * s->c + c;
	return (group * s->d + d) * s->c + c;
}

/* a c, a c -> (a 2) c: rows taken in turn */
static void make_rows(struct made *m, const struct sizes *s)
{
	child(m, s->a * s->c);
	child(m, s->a * s->c);
	shape(m, 2, 2 * s->a, s->c, 1, 1);
	for (size_t k = 0; k < 2; k++)
		PIECE(m, k, k * s->c, 0, {s->a, 2 * s->c, s->c}, {s->c, 1, 1});
}

static uint64_t from_rows(const struct sizes *s, uint64_t i, size_t *src)
{
	*src = i / s->c % 2;
	return i / s->c / 2 * s->c + i % s->c;
}

/* a b -> b a */
static void make_transpose(struct made *m, const struct sizes *s)
{
	child(m, s->a * s->b);
	shape(m, 2, s->b, s->a, 1, 1);
	PIECE(m, 0, 0, 0, {s->b, s->a, 1}, {s->a, 1, s->b});
}

static uint64_t from_transpose(const struct sizes *s, uint64_t i, size_t *src)
{
	*src = 0;
	return i % s->a * s->b + i / s->a;
}

/* a b -> c b a, c from the names: experts */
static void make_experts(struct made *m, const struct sizes *s)
{
	shape(m, 3, s->c, s->b, s->a, 1);
	for (size_t e = 0; e < s->c; e++) {
		child(m, s->a * s->b);
		PIECE(m, e, e * s->a * s->b, 0, {s->b, s->a, 1},
		      {s->a, 1, s->b});
	}
}

static uint64_t from_experts(const struct sizes *s, uint64_t i, size_t *src)
{
	*src = i / s->a / s->b;
	return i % s->a * s->b + i / s->a % s->b;
}

/* a b, a b -> c b (a+a): experts whose two halves are fused, transposed */
static void make_fused_experts(struct made *m, const struct sizes *s)
{
	uint64_t one = s->a * s->b;

	shape(m, 3, s->c, s->b, 2 * s->a, 1);
	for (size_t e = 0; e < 2 * s->c; e++) {
		child(m, one);
		PIECE(m, e, e / 2 * 2 * one + e % 2 * s->a, 0,
		      {s->b, 2 * s->a, 1}, {s->a, 1, s->b});
	}
}

static uint64_t from_fused_experts(const struct sizes *s, uint64_t i,
				   size_t *src)
{
	uint64_t column = i % (2 * s->a), row = i / (2 * s->a) % s->b;
	uint64_t expert = i / (2 * s->a) / s->b;

	*src = 2 * expert + column / s->a;
	return column % s->a * s->b + row;
}

/* (a b 2) c -> (a 2 b) c: rotary pairs to halves */
static void make_halves(struct made *m, const struct sizes *s)
{
	uint64_t bc = s->b * s->c;

	child(m, s->a * 2 * bc);
	shape(m, 2, s->a * 2 * s->b, s->c, 1, 1);
	PIECE(m, 0, 0, 0, {s->a, 2 * bc, 2 * bc}, {2, bc, s->c},
	      {s->b, s->c, 2 * s->c}, {s->c, 1, 1});
}

static uint64_t from_halves(const struct sizes *s, uint64_t i, size_t *src)
{
	uint64_t c = i % s->c, b = i / s->c % s->b;
	uint64_t half = i / s->c / s->b % 2, head = i / s->c / s->b / 2;

	*src = 0;
	return ((head * s->b + b) * 2 + half) * s->c + c;
}

/* a (2 b) -> a (b 2): halves to pairs, in the last dimension */
static void make_pairs(struct made *m, const struct sizes *s)
{
	child(m, s->a * 2 * s->b);
	shape(m, 2, s->a, 2 * s->b, 1, 1);
	PIECE(m, 0, 0, 0, {s->a, 2 * s->b, 2 * s->b}, {s->b, 2, 1},
	      {2, 1, s->b});
}

static uint64_t from_pairs(const struct sizes *s, uint64_t i, size_t *src)
{
	uint64_t column = i % (2 * s->b);

	*src = 0;
	return i - column + column % 2 * s->b + column / 2;
}

/* (a (1+1+1) d) c -> _, (a d) c, _: the keys of each head */
static void make_split(struct made *m, const struct sizes *s)
{
	uint64_t dc = s->d * s->c;

	child(m, s->a * 3 * dc);
	shape(m, 2, s->a * s->d, s->c, 1, 1);
	PIECE(m, 0, 0, dc, {s->a, dc, 3 * dc}, {dc, 1, 1});
}

static uint64_t from_split(const struct sizes *s, uint64_t i, size_t *src)
{
	uint64_t dc = s->d * s->c;

	*src = 0;
	return (3 * (i / dc) + 1) * dc + i % dc;
}

/* (a b d) c -> (b a d) c: (3 h d) and (h 3 d) */
static void make_swap(struct made *m, const struct sizes *s)
{
	uint64_t dc = s->d * s->c;

	child(m, s->a * s->b * dc);
	shape(m, 2, s->b * s->a * s->d, s->c, 1, 1);
	PIECE(m, 0, 0, 0, {s->b, s->a * dc, dc}, {s->a, dc, s->b * dc},
	      {dc, 1, 1});
}

static uint64_t from_swap(const struct sizes *s, uint64_t i, size_t *src)
{
	uint64_t dc = s->d * s->c, a = i / dc % s->a, b = i / dc / s->a;

	*src = 0;
	return (a * s->b + b) * dc + i % dc;
}

/* a b, a c -> a (b+c) */
static void make_concat(struct made *m, const struct sizes *s)
{
	uint64_t row = s->b + s->c;

	child(m, s->a * s->b);
	child(m, s->a * s->c);
	shape(m, 2, s->a, row, 1, 1);
	PIECE(m, 0, 0, 0, {s->a, row, s->b}, {s->b, 1, 1});
	PIECE(m, 1, s->b, 0, {s->a, row, s->c}, {s->c, 1, 1});
}

static uint64_t from_concat(const struct sizes *s, uint64_t i, size_t *src)
{
	uint64_t row = i / (s->b + s->c), column = i % (s->b + s->c);

	*src = column >= s->b;
	return *src ? row * s->c + column - s->b : row * s->b + column;
}

/* a b c d -> c d b a: convolutions */
static void make_conv(struct made *m, const struct sizes *s)
{
	child(m, s->a * s->b * s->c * s->d);
	shape(m, 4, s->c, s->d, s->b, s->a);
	PIECE(m, 0, 0, 0, {s->c * s->d, s->b * s->a, 1},
	      {s->b, s->a, s->c * s->d}, {s->a, 1, s->b * s->c * s->d});
}

static uint64_t from_conv(const struct sizes *s, uint64_t i, size_t *src)
{
	uint64_t a = i % s->a, b = i / s->a % s->b;
	uint64_t d = i / s->a / s->b % s->d, c = i / s->a / s->b / s->d;

	*src = 0;
	return ((a * s->b + b) * s->c + c) * s->d + d;
}

/* a b c -> c b a */
static void make_reverse(struct made *m, const struct sizes *s)
{
	child(m, s->a * s->b * s->c);
	shape(m, 3, s->c, s->b, s->a, 1);
	PIECE(m, 0, 0, 0, {s->c, s->b * s->a, 1}, {s->b, s->a, s->c},
	      {s->a, 1, s->b * s->c});
}

static uint64_t from_reverse(const struct sizes *s, uint64_t i, size_t *src)
{
	uint64_t a = i % s->a, b = i / s->a % s->b, c = i / s->a / s->b;

	*src = 0;
	return (a * s->b + b) * s->c + c;
}

/* Single elements, from the last child to the first: axes of one index. */
static void make_scalars(struct made *m, const struct sizes *s)
{
	shape(m, 1, s->a, 1, 1, 1);
	for (size_t k = 0; k < s->a; k++) {
		child(m, 2);
		PIECE(m, k, s->a - 1 - k, 1, {1, 1, 1});
		if (k % 2)
			m->pieces[k].naxes = 0;
	}
}

static uint64_t from_scalars(const struct sizes *s, uint64_t i, size_t *src)
{
	*src = s->a - 1 - i;
	return 1;
}

const struct gather_case gather_cases[] = {
	{"a -> a", make_copy, from_copy, {53, 0, 0, 0}, {70001, 0, 0, 0}},
	{"qkv", make_qkv, from_qkv, {2, 2, 3, 4}, {6, 4, 131, 29}},
	{"qkv bias", make_qkv, from_qkv, {3, 4, 1, 3}, {40, 5, 1, 300}},
	{"rows", make_rows, from_rows, {5, 0, 6, 0}, {300, 0, 211, 0}},
	{"wide rows", make_rows, from_rows, {2, 0, 7, 0}, {300, 0, 701, 0}},
	{"rows of one", make_rows, from_rows, {29, 0, 1, 0}, {45000, 0, 1, 0}},
	{"a b -> b a",
	 make_transpose,
	 from_transpose,
	 {7, 9, 0, 0},
	 {307, 401, 0, 0}},
	{"wide a b -> b a",
	 make_transpose,
	 from_transpose,
	 {3, 21, 0, 0},
	 {13, 9001, 0, 0}},
	{"tall a b -> b a",
	 make_transpose,
	 from_transpose,
	 {21, 3, 0, 0},
	 {9001, 13, 0, 0}},
	{"experts", make_experts, from_experts, {4, 5, 3, 0}, {97, 111, 11, 0}},
	{"fused experts",
	 make_fused_experts,
	 from_fused_experts,
	 {4, 3, 2, 0},
	 {75, 160, 5, 0}},
	{"halves", make_halves, from_halves, {2, 3, 4, 0}, {7, 32, 170, 0}},
	{"halves bias",
	 make_halves,
	 from_halves,
	 {4, 8, 1, 0},
	 {290, 128, 1, 0}},
	{"long halves",
	 make_halves,
	 from_halves,
	 {1, 2, 14, 0},
	 {2, 5, 4099, 0}},
	{"pairs", make_pairs, from_pairs, {4, 7, 0, 0}, {200, 190, 0, 0}},
	{"split", make_split, from_split, {4, 0, 3, 5}, {50, 0, 60, 20}},
	{"swap", make_swap, from_swap, {3, 4, 1, 5}, {3, 64, 23, 16}},
	{"swap bias", make_swap, from_swap, {3, 4, 1, 4}, {3, 400, 1, 64}},
	{"concat", make_concat, from_concat, {6, 4, 5, 0}, {100, 300, 437, 0}},
	{"conv", make_conv, from_conv, {4, 5, 2, 2}, {64, 128, 3, 3}},
	{"a b c -> c b a",
	 make_reverse,
	 from_reverse,
	 {4, 5, 3, 0},
	 {40, 50, 41, 0}},
	{"scalars", make_scalars, from_scalars, {9, 0, 0, 0}, {11, 0, 0, 0}},
};

const size_t ngather_cases = sizeof(gather_cases) / sizeof(gather_cases[0]);

const struct gather_case *gather_case_find(const char *pattern)
{
	for (size_t i = 0; i < ngather_cases; i++)
		if (strcmp(gather_cases[i].pattern, pattern) == 0)
			return &gather_cases[i];
	ck_abort_msg("no case %s", pattern);
	return NULL;
}

/* The whole output, element by element. */
static void make_want(struct made *m)
{
	size_t width = dtype_width(m->dtype);

	m->want = malloc(m->out.nbytes);
	for (uint64_t i = 0; i < m->out.nbytes / width; i++) {
		size_t k;
		uint64_t from = m->kase->source(&m->s, i, &k);

		memcpy(m->want + i * width,
		       m->bytes + m->children[k].extent.off + from * width,
		       width);
	}
}

void made_init(struct made *m, const struct gather_case *kase,
	       const struct sizes *s, enum dtype dt)
{
	uint64_t seed = 11, nbytes = 0;

	memset(m, 0, sizeof(*m));
	m->kase = kase;
	m->s = *s;
	m->dtype = dt;
	m->gather.pieces = m->pieces;
	kase->make(m, s);
	for (size_t k = 0; k < m->nchildren; k++)
		nbytes += 5 + m->child_dims[k] * dtype_width(dt);
	m->bytes = malloc(nbytes);
	for (uint64_t i = 0; i < nbytes; i++)
		m->bytes[i] = (uint8_t)(test_random(&seed) >> 40);
	temp_source_make(&m->file, m->bytes, nbytes);
	nbytes = 0;
	for (size_t k = 0; k < m->nchildren; k++) {
		nbytes += 5;
		m->children[k] = temp_source_tensor(&m->file, dt, nbytes,
						    m->child_dims[k],
						    &m->child_dims[k]);
		nbytes += m->children[k].nbytes;
	}
	m->out.dims = m->dims;
	m->out.dtype = (uint8_t)dt;
	m->out.recipe = RECIPE_GATHER;
	m->out.gather = &m->gather;
	ck_assert(tensor_nbytes(dt, m->dims, m->out.ndim, &m->out.nbytes));
	make_want(m);
}

void made_release(struct made *m)
{
	temp_source_free(&m->file);
	free(m->bytes);
	free(m->want);
}
