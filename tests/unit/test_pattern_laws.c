/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every pattern that the model families use, each against loops written out
 * for it. A law's loops fill the right tensors from the numbered left ones;
 * the pattern must make the same of them, and the left ones back again. Then
 * the vectors that the converters' documents write out in full.
 *
 * Sizes: one letter, one size, all different where the pattern allows it.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pattern_case.h"

enum { G = 2, R = 3, D = 4, C = 5, H = 3, N = 2, P = 4, E = 3, F = 6 };
enum { O = 5, I = 7, K = 3, A = 3, B = 5, V = 3, Z = 3, M = 6, Q = 9 };

static const struct axis_pair known[] = {
	{"G", G}, {"D", D}, {"H", H}, {"N", N}, {"P", P}, {"E", E},  {"A", A},
	{"B", B}, {"V", V}, {"Z", Z}, {"I", I}, {"K", K}, {NULL, 0},
};

/* Row-major offsets: a digit behind another. */
#define X2(i, j, J) ((i) * (J) + (j))
#define X3(i, j, J, k, K_) X2(X2(i, j, J), k, K_)
#define X4(i, j, J, k, K_, l, L) X2(X3(i, j, J, k, K_), l, L)
#define FOR(i, n) for (unsigned i = 0; i < (n); i++)

typedef void (*ref_fn)(const uint32_t *const *l, uint32_t *const *r);

/* A function that fills the right tensors from the left ones. */
#define REF(name) static void name(const uint32_t *const *l, uint32_t *const *r)

/* `... -> ...` and all that only re-shapes */
REF(same)
{
	FOR(i, O * I * K)
	r[0][i] = l[0][i];
}

REF(transpose)
{
	FOR(o, O)
	FOR(i, I)
	r[0][X2(i, o, O)] = l[0][X2(o, i, I)];
}

REF(thirds)
{
	FOR(o, O)
	FOR(c, C)
	{
		r[0][X2(o, c, C)] = l[0][X2(o, c, C)];
		r[1][X2(o, c, C)] = l[0][X2(O + o, c, C)];
		r[2][X2(o, c, C)] = l[0][X2(2 * O + o, c, C)];
	}
}

REF(two_parts)
{
	FOR(c, C)
	{
		FOR(a, A)
		r[0][X2(a, c, C)] = l[0][X2(a, c, C)];
		FOR(b, B)
		r[1][X2(b, c, C)] = l[0][X2(A + b, c, C)];
	}
}

static void grouped_rows(const uint32_t *const *l, uint32_t *const *r,
			 unsigned width)
{
	FOR(g, G)
	FOR(d, D)
	FOR(c, width)
	{
		FOR(i, R)
		r[0][X4(g, i, R + 2, d, D, c, width)] =
			l[0][X4(g, i, R, d, D, c, width)];
		r[0][X4(g, R, R + 2, d, D, c, width)] =
			l[1][X3(g, d, D, c, width)];
		r[0][X4(g, R + 1, R + 2, d, D, c, width)] =
			l[2][X3(g, d, D, c, width)];
	}
}

REF(grouped)
{
	grouped_rows(l, r, C);
}

REF(grouped_bias)
{
	grouped_rows(l, r, 1);
}

REF(joined)
{
	FOR(c, C)
	{
		FOR(i, G * R * D)
		r[0][X2(i, c, C)] = l[0][X2(i, c, C)];
		FOR(i, G * D)
		{
			r[0][X2(G * R * D + i, c, C)] = l[1][X2(i, c, C)];
			r[0][X2(G * R * D + G * D + i, c, C)] =
				l[2][X2(i, c, C)];
		}
	}
}

REF(per_head)
{
	FOR(h, H)
	FOR(t, 3)
	FOR(d, D)
	FOR(c, C)
	r[t][X3(h, d, D, c, C)] = l[0][X4(h, t, 3, d, D, c, C)];
}

REF(interleave)
{
	FOR(f, F)
	FOR(c, C)
	{
		r[0][X2(2 * f, c, C)] = l[0][X2(f, c, C)];
		r[0][X2(2 * f + 1, c, C)] = l[1][X2(f, c, C)];
	}
}

REF(kv_pairs)
{
	FOR(g, G)
	FOR(d, D)
	FOR(c, C)
	{
		r[0][X3(g, d, D, c, C)] = l[0][X4(g, 0, 2, d, D, c, C)];
		r[1][X3(g, d, D, c, C)] = l[0][X4(g, 1, 2, d, D, c, C)];
	}
}

REF(rope)
{
	FOR(h, H)
	FOR(p, P)
	FOR(t, 2)
	FOR(c, C)
	r[0][X4(h, t, 2, p, P, c, C)] = l[0][X4(h, p, P, t, 2, c, C)];
}

REF(rope_part)
{
	FOR(c, C)
	{
		FOR(h, N)
		FOR(p, P)
		FOR(t, 2)
		r[0][X4(h, t, 2, p, P, c, C)] = l[0][X4(h, p, P, t, 2, c, C)];
		FOR(v, V)
		r[0][X2(N * P * 2 + v, c, C)] = l[0][X2(N * P * 2 + v, c, C)];
	}
}

/* The row of a rotary row behind a fixed part, pairs to planes. */
REF(rope_behind)
{
	FOR(h, H)
	FOR(c, C)
	{
		FOR(n, N)
		r[0][X3(h, n, N + 2 * P, c, C)] =
			l[0][X3(h, n, N + 2 * P, c, C)];
		FOR(p, P)
		FOR(t, 2)
		r[0][X3(h, N + t * P + p, N + 2 * P, c, C)] =
			l[0][X3(h, N + 2 * p + t, N + 2 * P, c, C)];
	}
}

REF(rope_split)
{
	FOR(h, H)
	FOR(c, C)
	{
		FOR(n, N)
		r[0][X3(h, n, N, c, C)] = l[0][X3(h, n, N + 2 * P, c, C)];
		FOR(p, P)
		FOR(t, 2)
		r[1][X4(h, t, 2, p, P, c, C)] =
			l[0][X3(h, N + 2 * p + t, N + 2 * P, c, C)];
	}
}

REF(latent_rope)
{
	FOR(c, C)
	{
		FOR(z, Z)
		r[0][X2(z, c, C)] = l[0][X2(z, c, C)];
		FOR(p, P)
		FOR(t, 2)
		r[1][X3(t, p, P, c, C)] = l[0][X2(Z + 2 * p + t, c, C)];
	}
}

REF(latent_rope_join)
{
	FOR(c, C)
	{
		FOR(z, Z)
		r[0][X2(z, c, C)] = l[0][X2(z, c, C)];
		FOR(p, P)
		FOR(t, 2)
		r[0][X2(Z + t * P + p, c, C)] = l[0][X2(Z + 2 * p + t, c, C)];
		FOR(q, Q)
		r[0][X2(Z + 2 * P + q, c, C)] = l[1][X2(q, c, C)];
	}
}

REF(head_parts)
{
	FOR(h, H)
	FOR(c, C)
	{
		FOR(n, N)
		r[0][X3(h, n, N, c, C)] = l[0][X3(h, n, N + A, c, C)];
		FOR(a, A)
		r[1][X3(h, a, A, c, C)] = l[0][X3(h, N + a, N + A, c, C)];
	}
}

REF(head_parts_join)
{
	uint32_t *two[] = {r[0], r[0] + H * N * C};

	head_parts(l, two);
}

REF(kv_join)
{
	const uint32_t *kv[] = {l[1]};
	uint32_t *two[] = {r[0] + Q * C, r[0] + (Q + G * D) * C};

	FOR(i, Q * C)
	r[0][i] = l[0][i];
	kv_pairs(kv, two);
}

REF(planes)
{
	FOR(t, 3)
	FOR(h, H)
	FOR(d, D)
	FOR(c, C)
	r[0][X4(h, t, 3, d, D, c, C)] = l[0][X4(t, h, H, d, D, c, C)];
}

REF(conv1d)
{
	FOR(i, I)
	FOR(t, 3)
	FOR(o, O)
	r[t][X2(o, i, I)] = l[0][X3(i, t, 3, o, O)];
}

REF(experts_transposed)
{
	FOR(e, E)
	FOR(o, O)
	FOR(i, I)
	r[0][X3(e, i, I, o, O)] = l[0][X3(e, o, O, i, I)];
}

REF(experts_gate_up)
{
	FOR(e, E)
	FOR(f, F)
	FOR(c, C)
	FOR(t, 2)
	r[0][X4(e, c, C, t, 2, f, F)] = l[t][X3(e, f, F, c, C)];
}

REF(last_axis)
{
	FOR(o, O)
	{
		FOR(a, A)
		r[0][X2(o, a, A + B)] = l[0][X2(o, a, A)];
		FOR(b, B)
		r[0][X2(o, A + b, A + B)] = l[1][X2(o, b, B)];
	}
}

REF(parallel_qkv)
{
	FOR(c, C)
	FOR(t, 3)
	FOR(p, P)
	FOR(n, N * D)
	r[0][X4(p, t, 3, n, N * D, c, C)] = l[0][X4(c, t, 3, p, P, n, N * D)];
}

REF(parallel_ffn)
{
	FOR(c, C)
	FOR(t, 2)
	FOR(p, P)
	FOR(m, M)
	r[0][X4(p, t, 2, m, M, c, C)] = l[0][X4(c, t, 2, p, P, m, M)];
}

/* Shapes end in a 0; a side's list ends with an empty shape. */
static const struct law {
	const char *text;
	ref_fn ref;
	uint64_t left[3][5], right[3][5];
} laws[] = {
	{"... -> ...", same, {{O, I, K}}, {{O, I, K}}},
	{"o i k -> o i k", same, {{O, I, K}}, {{O, I, K}}},
	{"(o I K) -> o I K", same, {{O * I * K}}, {{O, I, K}}},
	{"o i k -> o i 1 k", same, {{O, I, K}}, {{O, I, 1, K}}},
	{"n c -> 1 n c", same, {{O * I, K}}, {{1, O *I, K}}},
	{"e c -> 1 e 1 c", same, {{O, I *K}}, {{1, O, 1, I *K}}},
	{"o i -> i o", transpose, {{O, I}}, {{I, O}}},
	{"(o+o+o) ... -> o ..., o ..., o ...",
	 thirds,
	 {{3 * O, C}},
	 {{O, C}, {O, C}, {O, C}}},
	{"(A+B) ... -> A ..., B ...",
	 two_parts,
	 {{A + B, C}},
	 {{A, C}, {B, C}}},
	{"(G r D) ..., (G D) ..., (G D) ... -> (G (r+1+1) D) ...",
	 grouped,
	 {{G * R * D, C}, {G * D, C}, {G * D, C}},
	 {{G * (R + 2) * D, C}}},
	{"(G r D) ..., (G D) ..., (G D) ... -> (G (r+1+1) D) ...",
	 grouped_bias,
	 {{G * R * D}, {G * D}, {G * D}},
	 {{G * (R + 2) * D}}},
	{"(G r D) ..., (G D) ..., (G D) ... -> ((G r D)+(G D)+(G D)) ...",
	 joined,
	 {{G * R * D, C}, {G * D, C}, {G * D, C}},
	 {{G * (R + 2) * D, C}}},
	{"(H (1+1+1) d) ... -> (H d) ..., (H d) ..., (H d) ...",
	 per_head,
	 {{H * 3 * D, C}},
	 {{H * D, C}, {H * D, C}, {H * D, C}}},
	{"f ..., f ... -> (f (1+1)) ...",
	 interleave,
	 {{F, C}, {F, C}},
	 {{2 * F, C}}},
	{"(G (1+1) D) c -> (G D) c, (G D) c",
	 kv_pairs,
	 {{G * 2 * D, C}},
	 {{G * D, C}, {G * D, C}}},
	{"(G (1+1) d) c -> (G d) c, (G d) c",
	 kv_pairs,
	 {{G * 2 * D, C}},
	 {{G * D, C}, {G * D, C}}},
	{"(h P 2) ... -> (h 2 P) ...",
	 rope,
	 {{H * P * 2, C}},
	 {{H * 2 * P, C}}},
	{"(H p 2) ... -> (H 2 p) ...",
	 rope,
	 {{H * P * 2, C}},
	 {{H * 2 * P, C}}},
	{"((n P 2)+V) ... -> ((n 2 P)+V) ...",
	 rope_part,
	 {{N * P * 2 + V, C}},
	 {{N * P * 2 + V, C}}},
	{"(H (N+(p 2))) c -> (H (N+(2 p))) c",
	 rope_behind,
	 {{H * (N + 2 * P), C}},
	 {{H * (N + 2 * P), C}}},
	{"(H (N+(p 2))) c -> (H N) c, (H 2 p) c",
	 rope_split,
	 {{H * (N + 2 * P), C}},
	 {{H * N, C}, {H * 2 * P, C}}},
	{"(z+(P 2)) c -> z c, (2 P) c",
	 latent_rope,
	 {{Z + 2 * P, C}},
	 {{Z, C}, {2 * P, C}}},
	{"(Z+(P 2)) c, q c -> ((Z+(2 P))+q) c",
	 latent_rope_join,
	 {{Z + 2 * P, C}, {Q, C}},
	 {{Z + 2 * P + Q, C}}},
	{"(H (N+a)) c -> (H N) c, (H a) c",
	 head_parts,
	 {{H * (N + A), C}},
	 {{H * N, C}, {H * A, C}}},
	{"(H (N+a)) c -> ((H N)+(H a)) c",
	 head_parts_join,
	 {{H * (N + A), C}},
	 {{H * (N + A), C}}},
	{"q c, (G (1+1) D) c -> (q+(G D)+(G D)) c",
	 kv_join,
	 {{Q, C}, {G * 2 * D, C}},
	 {{Q + 2 * G * D, C}}},
	{"(3 H d) ... -> (H 3 d) ...",
	 planes,
	 {{3 * H * D, C}},
	 {{H * 3 * D, C}}},
	{"i (o+o+o) -> o i, o i, o i",
	 conv1d,
	 {{I, 3 * O}},
	 {{O, I}, {O, I}, {O, I}}},
	{"e o i -> e i o", experts_transposed, {{E, O, I}}, {{E, I, O}}},
	{"E o i -> (E i) o", experts_transposed, {{E, O, I}}, {{E * I, O}}},
	{"e f c, e f c -> e c (f+f)",
	 experts_gate_up,
	 {{E, F, C}, {E, F, C}},
	 {{E, C, 2 * F}}},
	{"E f c, E f c -> (E c) (f+f)",
	 experts_gate_up,
	 {{E, F, C}, {E, F, C}},
	 {{E * C, 2 * F}}},
	{"o A, o b -> o (A+b)", last_axis, {{O, A}, {O, B}}, {{O, A + B}}},
	{"c (3 P N d) -> (P 3 N d) c",
	 parallel_qkv,
	 {{C, 3 * P *N *D}},
	 {{P * 3 * N * D, C}}},
	{"c (2 P m) -> (P 2 m) c",
	 parallel_ffn,
	 {{C, 2 * P *M}},
	 {{P * 2 * M, C}}},
};

static unsigned init_side(struct sample *s, const uint64_t shapes[3][5])
{
	unsigned k, ndim;

	for (k = 0; k < 3 && shapes[k][0]; k++) {
		for (ndim = 0; shapes[k][ndim]; ndim++)
			;
		sample_init(&s[k], "t", shapes[k], ndim);
	}
	return k;
}

static void check_same(const struct sample *got, const struct sample *want,
		       unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		const struct tensor *g = &got[k].t, *w = &want[k].t;

		ck_assert_uint_eq(g->ndim, w->ndim);
		for (unsigned d = 0; d < g->ndim; d++)
			ck_assert_uint_eq(g->dims[d], w->dims[d]);
		for (uint64_t i = 0; i < tensor_nelem(w); i++)
			ck_assert_uint_eq(got[k].v[i], want[k].v[i]);
	}
}

static void release(struct sample *s, unsigned n)
{
	while (n--)
		sample_release(&s[n]);
}

/* Make side !from of `in`, compare with `want`. */
static void check_way(const struct pattern *p, int from,
		      const struct sample *in, const struct sample *want,
		      const struct axis_env *env)
{
	unsigned n = pattern_ntensors(p, !from);
	struct error err = ERROR_INIT;
	struct sample out[3];

	if (sample_apply(p, from, in, env, out, &err))
		ck_abort_msg("%s", error_text(&err));
	check_same(out, want, n);
	release(out, n);
}

START_TEST(law_holds_both_ways)
{
	const struct law *law = &laws[_i];
	struct axis_env env = axis_pairs(known);
	struct arena arena = ARENA_INIT;
	const struct pattern *p = must_parse(&arena, law->text);
	struct sample left[3], right[3];
	const uint32_t *l[3] = {NULL};
	uint32_t *r[3] = {NULL}, next = 1;
	unsigned nl = init_side(left, law->left);
	unsigned nr = init_side(right, law->right);

	ck_assert_uint_eq(nl, pattern_ntensors(p, 0));
	ck_assert_uint_eq(nr, pattern_ntensors(p, 1));
	for (unsigned k = 0; k < nl; k++) {
		next = sample_number(&left[k], next);
		l[k] = left[k].v;
	}
	for (unsigned k = 0; k < nr; k++)
		r[k] = right[k].v;
	law->ref(l, r);
	check_way(p, 0, left, right, &env);
	check_way(p, 1, right, left, &env);
	release(left, nl);
	release(right, nr);
	arena_release(&arena);
}
END_TEST

/* Tensors of rows, each a label of two letters. */
static const struct {
	const char *text;
	struct axis_pair pairs[4];
	const char *left[3], *right[3];
} vectors[] = {
	{"(G r D), (G D), (G D) -> (G (r+1+1) D)",
	 {{"G", 2}, {"D", 2}},
	 {"q0 q1 q2 q3 q4 q5 q6 q7", "k0 k1 k2 k3", "v0 v1 v2 v3"},
	 {"q0 q1 q2 q3 k0 k1 v0 v1 q4 q5 q6 q7 k2 k3 v2 v3"}},
	{"f, f -> (f (1+1))",
	 {{NULL, 0}},
	 {"g0 g1 g2", "h0 h1 h2"},
	 {"g0 h0 g1 h1 g2 h2"}},
	{"(h P 2) -> (h 2 P)",
	 {{"P", 4}},
	 {"r0 r1 r2 r3 r4 r5 r6 r7"},
	 {"r0 r2 r4 r6 r1 r3 r5 r7"}},
	{"(h P 2) -> (h 2 P)",
	 {{"P", 2}},
	 {"r0 r1 r2 r3 r4 r5 r6 r7"},
	 {"r0 r2 r1 r3 r4 r6 r5 r7"}},
	{"(H (1+1+1) d) -> (H d), (H d), (H d)",
	 {{"H", 2}},
	 {"r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 ra rb"},
	 {"r0 r1 r6 r7", "r2 r3 r8 r9", "r4 r5 ra rb"}},
	{"(G (r+1+1) D) -> (G r D), (G D), (G D)",
	 {{"G", 2}, {"D", 2}},
	 {"r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 ra rb rc rd re rf"},
	 {"r0 r1 r2 r3 r8 r9 ra rb", "r4 r5 rc rd", "r6 r7 re rf"}},
	{"(o+o+o) -> o, o, o",
	 {{NULL, 0}},
	 {"r0 r1 r2 r3 r4 r5"},
	 {"r0 r1", "r2 r3", "r4 r5"}},
};

/* The number of a row is its label. */
static unsigned read_rows(const char *const *texts, struct sample *s)
{
	unsigned k;

	for (k = 0; k < 3 && texts[k]; k++) {
		uint64_t n = (strlen(texts[k]) + 1) / 3;

		sample_init(&s[k], "t", &n, 1);
		for (uint64_t i = 0; i < n; i++)
			s[k].v[i] = (uint32_t)texts[k][3 * i] << 8 |
				    (uint32_t)texts[k][3 * i + 1];
	}
	return k;
}

START_TEST(vectors_written_out)
{
	struct axis_env env = axis_pairs(vectors[_i].pairs);
	struct arena arena = ARENA_INIT;
	const struct pattern *p = must_parse(&arena, vectors[_i].text);
	struct sample left[3], right[3];
	unsigned nl = read_rows(vectors[_i].left, left);
	unsigned nr = read_rows(vectors[_i].right, right);

	check_way(p, 0, left, right, &env);
	check_way(p, 1, right, left, &env);
	release(left, nl);
	release(right, nr);
	arena_release(&arena);
}
END_TEST

Suite *suite_pattern_laws(void);

Suite *suite_pattern_laws(void)
{
	Suite *s = suite_create("pattern_laws");
	TCase *tc = tcase_create("laws");

	tcase_add_loop_test(tc, law_holds_both_ways, 0,
			    (int)(sizeof(laws) / sizeof(*laws)));
	tcase_add_loop_test(tc, vectors_written_out, 0,
			    (int)(sizeof(vectors) / sizeof(*vectors)));
	suite_add_tcase(s, tc);
	return s;
}
