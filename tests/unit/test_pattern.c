/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns: what they refuse and in which words, what fits them, and borders.
 * test_pattern_laws.c has the transforms of the model families,
 * test_pattern_random.c all others.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/strbuf.h"
#include "pattern_case.h"

static struct arena arena;
static struct error err;

static void setup(void)
{
	arena = (struct arena)ARENA_INIT;
	err = (struct error)ERROR_INIT;
}

static void teardown(void)
{
	arena_release(&arena);
	error_release(&err);
}

static const struct axis_pair no_values[] = {{NULL, 0}};

/* Fails to parse with: the pattern "TEXT": WANT */
static void check_bad(const char *text, const char *want)
{
	const struct pattern *p = NULL;
	char *sentence = NULL;

	ck_assert_int_lt(pattern_parse(&p, str_of(text), &arena, &err), 0);
	ck_assert_ptr_null(p);
	ck_assert_int_ge(
		asprintf(&sentence, "the pattern \"%s\": %s", text, want), 0);
	ck_assert_str_eq(error_text(&err), sentence);
	ck_assert_int_eq(err.class, ERR_MODEL);
	free(sentence);
}

static const struct {
	const char *text, *want;
} malformed[] = {
	{"", "an empty tensor on the left side"},
	{"o i", "it has no \"->\""},
	{"o i ->", "an empty tensor on the right side"},
	{"-> o i", "an empty tensor on the left side"},
	{"a -> a -> a", "a second \"->\""},
	{"a, -> a", "an empty tensor on the left side"},
	{"a,, b -> a, b", "an empty tensor on the left side"},
	{"a -> a,", "an empty tensor on the right side"},
	{"(a b -> a b", "\"(\" without \")\""},
	{"a -> (a", "\"(\" without \")\""},
	{"(a, b) -> a, b", "\"(\" without \")\""},
	{"a b) -> a b", "\")\" without \"(\""},
	{"a+b -> a, b", "\"+\" outside parentheses"},
	{"() -> a", "an empty term"},
	{"(a+) -> a", "an empty term"},
	{"(+a) -> a", "an empty term"},
	{"a * b -> a b", "unexpected \"*\""},
	{"a - b -> a b", "unexpected \"-\""},
	{"a .. -> a", "unexpected \".\""},
	{"(a ?) -> a", "unexpected \"?\""},
	{"a \303\274 -> a", "unexpected byte 0xc3"},
	{"... a -> a ...", "\"...\" must be the end of a tensor"},
	{"(a ...) -> a ...", "\"...\" must be the end of a tensor"},
	{"a ... ... -> a ...", "\"...\" must be the end of a tensor"},
	{"a ... -> a", "\"...\" must be in every tensor or in none"},
	{"a, b ... -> a ..., b ...",
	 "\"...\" must be in every tensor or in none"},
	{"2x -> 2x", "\"2x\" is no axis and no number"},
	{"02 -> 02", "the number 02 begins with 0"},
	{"18446744073709551616 -> a",
	 "the number 18446744073709551616 is too large"},
	{"v c -> (v+(0 Z)+z) c", "1 block on the left side, 2 on the right"},
	{"v c -> (v+(0 (Z 0))) c",
	 "axis 0 is twice in a block of the right side"},
	{"00 -> a", "the number 00 begins with 0"},
	{"as c -> c as", "\"as\" stands behind the right side only"},
	{"e c -> (e c), c as c e",
	 "\"as\" needs a right side of one tensor, without \"...\" and no "
	 "stack"},
	{"a a -> a a", "axis a is twice in a block of the left side"},
	{"a b -> (a (b+(b a)))",
	 "axis a is twice in a block of the right side"},
	{"2 a 2 -> 2 a 2", "axis 2 is twice in a block of the left side"},
	{"(a+b) -> a", "2 blocks on the left side, 1 on the right"},
	{"a -> a, b", "1 block on the left side, 2 on the right"},
	{"o i -> o j", "block 1 has o i on the left side, o j on the right"},
	{"(G r D), (G D) -> (G (1+r) D)",
	 "block 1 has G r D on the left side, G D on the right"},
	{"f c, f c -> (f (1+2)) c",
	 "block 2 has f c on the left side, f c 2 on the right"},
	{"1, a -> a, 1",
	 "block 1 has no axes on the left side, a on the right"},
	{"a,b,c,d,e,f,g,h,i -> a", "more than 8 tensors on the left side"},
	{"(((((((((a))))))))) -> a",
	 "more than 8 parentheses inside each other"},
	{"((1+1) (1+1) (1+1) (1+1) (1+1) (1+1) (1+1) "
	 "(1+1) (1+1) (1+1) (1+1) (1+1) (1+1)) -> a",
	 "more than 4096 blocks"},
	{"((1+1) (1+1) (1+1) (1+1) (1+1) (1+1)"
	 " (1+1) (1+1) (1+1) (1+1) (1+1) (1+1)), 1 -> a",
	 "more than 4096 blocks"},
	{"a b c d e f g h i j k l m n o p q r s t u v w x y z "
	 "A B C D E F G -> a",
	 "more than 32 axes"},
};

START_TEST(malformed_text_is_a_sentence)
{
	check_bad(malformed[_i].text, malformed[_i].want);
}
END_TEST

START_TEST(hostile_text_is_a_sentence)
{
	static const char bytes[] = "aB1(+) ,.->2_";
	char text[512];
	unsigned seed = 7;

	memset(text, '(', sizeof(text));
	for (size_t n = 1; n <= sizeof(text); n += 37) {
		const struct pattern *p;

		ck_assert_int_lt(pattern_parse(&p, (struct str){text, n},
					       &arena, &err),
				 0);
	}
	for (int i = 0; i < 20000; i++) {
		const struct pattern *p;
		size_t n = (size_t)(i % 40);

		for (size_t k = 0; k < n; k++) {
			seed = seed * 1664525u + 1013904223u;
			text[k] = bytes[(seed >> 8) % (sizeof(bytes) - 1)];
		}
		if (pattern_parse(&p, (struct str){text, n}, &arena, &err))
			ck_assert(strstr(error_text(&err), "the pattern \""));
	}
}
END_TEST

START_TEST(long_text_is_refused)
{
	char text[600];
	const struct pattern *p;

	memset(text, ' ', sizeof(text));
	ck_assert_int_lt(pattern_parse(&p, (struct str){text, sizeof(text)},
				       &arena, &err),
			 0);
	ck_assert(strstr(error_text(&err), "has 600 bytes, more than 512"));
}
END_TEST

START_TEST(well_formed_text)
{
	const struct pattern *p;

	p = must_parse(&arena, "(G r D)...,(G D)...,(G D)...->(G(r+1+1)D)...");
	ck_assert_uint_eq(pattern_ntensors(p, 0), 3);
	ck_assert_uint_eq(pattern_ntensors(p, 1), 1);
	must_parse(&arena, "\to  i->i o ");
	must_parse(&arena, "as_ _as -> _as as_");
	must_parse(&arena, "((((((((a)))))))) -> a");
	must_parse(&arena, "1 -> 1 1 (1 1)");
	must_parse(&arena, "18446744073709551615 -> 18446744073709551615");
}
END_TEST

/* Compiling for inputs of those shapes, named a, b, c. */
struct shape {
	unsigned ndim;
	uint64_t dims[4];
};

static int compile(const char *text, int from, const struct shape *shapes,
		   const struct axis_pair *pairs, struct pattern_out *out)
{
	static const char *const names[] = {"a", "b", "c"};
	const struct pattern *p = must_parse(&arena, text);
	struct tensor *t = arena_array(&arena, 3, sizeof(*t));
	const struct tensor *in[3];
	struct axis_env env = axis_pairs(pairs);

	for (unsigned k = 0; k < 3; k++) {
		t[k].name = str_of(names[k]);
		t[k].dims = shapes[k].dims;
		t[k].ndim = (uint8_t)shapes[k].ndim;
		in[k] = &t[k];
	}
	return pattern_compile(p, from, in, &env, out, &arena, &err);
}

static const struct {
	const char *text;
	int from;
	struct shape in[3];
	struct axis_pair pairs[4];
	const char *want;
} unsolvable[] = {
	{"(G r D) ..., (G D) ... -> (G (r+1) D) ...",
	 0,
	 {{2, {24, 8}}, {2, {20, 8}}},
	 {{"G", 4}, {"D", 5}},
	 "a: dimension 0 is 24, the pattern \"(G r D) ..., (G D) ... -> "
	 "(G (r+1) D) ...\" needs a multiple of G D = 20 (axis r)"},
	{"(o+o+o) -> o, o, o",
	 0,
	 {{1, {10}}},
	 {{NULL, 0}},
	 "a: dimension 0 is 10, the pattern \"(o+o+o) -> o, o, o\" needs a "
	 "multiple of 3 (axis o)"},
	{"(p 2) -> (2 p)",
	 0,
	 {{1, {9}}},
	 {{NULL, 0}},
	 "a: dimension 0 is 9, the pattern \"(p 2) -> (2 p)\" needs a "
	 "multiple of 2 (axis p)"},
	{"(H (N+(p 2))) -> (H N), (H 2 p)",
	 0,
	 {{1, {21}}},
	 {{"H", 3}, {"N", 2}},
	 "a: dimension 0 is 21, the pattern \"(H (N+(p 2))) -> (H N), "
	 "(H 2 p)\" needs 6 plus a multiple of 6 (axis p, H = 3, N = 2)"},
	{"(N+x) -> N, x",
	 0,
	 {{1, {4}}},
	 {{"N", 5}},
	 "a: dimension 0 is 4, the pattern \"(N+x) -> N, x\" needs 5 plus a "
	 "multiple of 1 (axis x, N = 5)"},
	{"o i, i -> i o, i",
	 0,
	 {{2, {5, 6}}, {1, {7}}},
	 {{NULL, 0}},
	 "b: dimension 0 is 7, the pattern \"o i, i -> i o, i\" makes it 6 "
	 "(i = 6)"},
	{"(G D) c -> G D c",
	 0,
	 {{2, {24, 3}}},
	 {{"G", 4}, {"D", 5}},
	 "a: dimension 0 is 24, the pattern \"(G D) c -> G D c\" makes it 20 "
	 "(G = 4, D = 5)"},
	{"2 c -> c 2",
	 0,
	 {{2, {3, 3}}},
	 {{NULL, 0}},
	 "a: dimension 0 is 3, the pattern \"2 c -> c 2\" makes it 2"},
	{"o 1 -> o",
	 0,
	 {{2, {3, 2}}},
	 {{NULL, 0}},
	 "a: dimension 1 is 2, the pattern \"o 1 -> o\" makes it 1"},
	{"(a b) -> a b",
	 0,
	 {{1, {6}}},
	 {{NULL, 0}},
	 "a: dimension 0 is 6, the pattern \"(a b) -> a b\" leaves the axes "
	 "a, b unknown"},
	{"(a+b) -> a, b",
	 0,
	 {{1, {6}}},
	 {{NULL, 0}},
	 "a: dimension 0 is 6, the pattern \"(a+b) -> a, b\" leaves the axes "
	 "a, b unknown"},
	{"(G x) -> G x",
	 0,
	 {{1, {0}}},
	 {{"G", 0}},
	 "a: dimension 0 is 0, the pattern \"(G x) -> G x\" leaves the axis x "
	 "unknown"},
	{"(G x) -> G x",
	 0,
	 {{1, {6}}},
	 {{"G", 0}},
	 "a: dimension 0 is 6, the pattern \"(G x) -> G x\" makes it 0 "
	 "(G = 0)"},
	{"o i -> i o",
	 0,
	 {{1, {6}}},
	 {{NULL, 0}},
	 "a: it has 1 dimension, the pattern \"o i -> i o\" needs 2"},
	{"o i ... -> i o ...",
	 1,
	 {{1, {6}}},
	 {{NULL, 0}},
	 "a: it has 1 dimension, the pattern \"o i ... -> i o ...\" needs at "
	 "least 2"},
	{"f ..., f ... -> (f (1+1)) ...",
	 0,
	 {{2, {6, 2}}, {1, {6}}},
	 {{NULL, 0}},
	 "b: \"...\" of the pattern \"f ..., f ... -> (f (1+1)) ...\" is 0 "
	 "dimensions here, 1 in a"},
	{"f ..., f ... -> (f (1+1)) ...",
	 0,
	 {{2, {6, 2}}, {2, {6, 3}}},
	 {{NULL, 0}},
	 "b: dimension 1 is 3, the pattern \"f ..., f ... -> (f (1+1)) ...\" "
	 "needs 2 as in a (under \"...\")"},
	{"x (A B) -> x A B",
	 0,
	 {{2, {2, 6}}},
	 {{"A", UINT64_C(1) << 33}, {"B", UINT64_C(1) << 33}},
	 "a: the sizes of the pattern \"x (A B) -> x A B\" overflow 64 bits"},
	{"a b c -> c b a",
	 0,
	 {{3, {UINT64_C(1) << 62, 2, 2}}},
	 {{NULL, 0}},
	 "a: the sizes of the pattern \"a b c -> c b a\" overflow 64 bits"},
	{"a b c -> c b a",
	 0,
	 {{3, {0, UINT64_C(1) << 62, 8}}},
	 {{NULL, 0}},
	 "a: the sizes of the pattern \"a b c -> c b a\" overflow 64 bits"},
	{"a ... -> (a 1) ...",
	 0,
	 {{3, {0, UINT64_C(1) << 62, 8}}},
	 {{NULL, 0}},
	 "a: the sizes of the pattern \"a ... -> (a 1) ...\" overflow 64 bits"},
	{"a, b -> (a+b)",
	 0,
	 {{1, {UINT64_MAX}}, {1, {UINT64_MAX}}},
	 {{NULL, 0}},
	 "a: the sizes of the pattern \"a, b -> (a+b)\" overflow 64 bits"},
};

START_TEST(shapes_that_do_not_solve_are_a_sentence)
{
	struct pattern_out out[3];

	ck_assert_int_lt(compile(unsolvable[_i].text, unsolvable[_i].from,
				 unsolvable[_i].in, unsolvable[_i].pairs, out),
			 0);
	ck_assert_str_eq(error_text(&err), unsolvable[_i].want);
	ck_assert_int_eq(err.class, ERR_MAPPING);
}
END_TEST

START_TEST(too_many_dimensions_are_refused)
{
	uint64_t dims[64];
	struct tensor t = {.name = str_of("a"), .dims = dims, .ndim = 64};
	const struct tensor *in[] = {&t};
	struct pattern_out out;
	const struct pattern *p;

	for (int i = 0; i < 64; i++)
		dims[i] = 1;
	p = must_parse(&arena, "a ... -> a 1 ...");
	ck_assert_int_lt(pattern_compile(p, 0, in, NULL, &out, &arena, &err),
			 0);
	ck_assert(strstr(error_text(&err), "makes 65 dimensions of it"));
}
END_TEST

START_TEST(an_upper_axis_without_a_value_is_solved)
{
	struct shape in[3] = {{2, {24, 8}}, {2, {4, 8}}};
	struct axis_pair pairs[] = {{"D", 2}, {NULL, 0}};
	struct pattern_out out[3];

	ck_assert_int_eq(compile("(G r D) c, (G D) c -> (G (r+1) D) c", 0, in,
				 pairs, out),
			 0);
	ck_assert_uint_eq(out[0].dims[0], 28);
	ck_assert_uint_eq(out[0].gather->npieces, 2);
	/* r D c are contiguous on both sides: two axes stay */
	ck_assert_uint_eq(out[0].gather->pieces[0].naxes, 2);
	ck_assert_uint_eq(out[0].gather->pieces[0].axes[1].n, 12 * 8);
}
END_TEST

START_TEST(a_lower_axis_takes_no_value_from_the_table)
{
	struct shape in[3] = {{1, {24}}};
	struct axis_pair pairs[] = {{"o", 7}, {NULL, 0}};
	struct pattern_out out[3];

	ck_assert_int_eq(compile("o -> 1 o", 0, in, pairs, out), 0);
	ck_assert_uint_eq(out[0].dims[1], 24);
}
END_TEST

/* Whether slot 0 of the left side fits, and why not. */
static void check_fit(const char *text, const struct shape *s, const char *why)
{
	static const struct axis_pair pairs[] = {
		{"H", 32}, {"c", 1}, {NULL, 0}};
	const struct pattern *p = must_parse(&arena, text);
	struct axis_env env = axis_pairs(pairs);
	struct strbuf sb = STRBUF_INIT;

	ck_assert_int_eq(pattern_fits(p, 0, 0, s->dims, s->ndim, &env, &sb),
			 !why);
	ck_assert_int_eq(pattern_fits(p, 0, 0, s->dims, s->ndim, &env, NULL),
			 !why);
	ck_assert_str_eq(sb.p ? sb.p : "", why ? why : "");
	strbuf_release(&sb);
}

START_TEST(what_fits)
{
	struct shape two = {2, {32, 24}}, one = {1, {3}}, none = {0, {0}};

	check_fit("o i -> i o", &two, NULL);
	check_fit("o ... -> 1 o ...", &two, NULL);
	check_fit("o i ... -> i o ...", &two, NULL);
	check_fit("H i -> i H", &two, NULL);
	check_fit("X c -> c X", &two, NULL);
	check_fit("(H 2) i -> i (2 H)", &two, NULL); /* no single axis */
	check_fit("... -> ...", &none, NULL);
	check_fit("o i -> i o", &one, "it has 1 dimension, not 2");
	check_fit("o i k -> o i 1 k", &two, "it has 2 dimensions, not 3");
	check_fit("o i k ... -> o (i k) ...", &two,
		  "it has 2 dimensions, fewer than 3");
	check_fit("o H -> H o", &two, "dimension 1 is 24, H is 32");
	check_fit("o 1 -> o", &two, "dimension 1 is 24, not 1");
	check_fit("3 c -> c 3", &two, "dimension 0 is 32, not 3");
}
END_TEST

START_TEST(what_moves_nothing_is_a_copy)
{
	struct shape in[3] = {{2, {24, 8}}, {1, {8}}};
	struct pattern_out out[3];

	ck_assert_int_eq(
		compile("o i, c -> (o i) 1, 1 c", 0, in, no_values, out), 0);
	ck_assert_int_eq(out[0].copy_of, 0);
	ck_assert_ptr_null(out[0].gather);
	ck_assert_uint_eq(out[0].ndim, 2);
	ck_assert_uint_eq(out[0].dims[0], 24 * 8);
	ck_assert_int_eq(out[1].copy_of, 1);
	/* the shape, too, where it stays */
	ck_assert_int_eq(compile("... -> ...", 0, in, no_values, out), 0);
	ck_assert_int_eq(out[0].copy_of, 0);
	ck_assert_ptr_eq(out[0].dims, in[0].dims);
	/* a part of a tensor is none */
	ck_assert_int_eq(compile("(o+o) c -> o c, o c", 0, in, no_values, out),
			 0);
	ck_assert_int_eq(out[0].copy_of, -1);
	ck_assert_uint_eq(out[1].gather->pieces[0].base_in, 12 * 8);
}
END_TEST

START_TEST(scalars)
{
	struct shape in[3] = {{0, {0}}};
	struct pattern_out out[3];

	ck_assert_int_eq(compile("... -> 1 ...", 0, in, no_values, out), 0);
	ck_assert_int_eq(out[0].copy_of, 0);
	ck_assert_uint_eq(out[0].ndim, 1);
	in[0] = (struct shape){1, {2}};
	ck_assert_int_eq(compile("(1+1) -> 1, 1", 0, in, no_values, out), 0);
	ck_assert_int_eq(out[1].copy_of, -1);
	ck_assert_uint_eq(out[1].gather->pieces[0].naxes, 0);
	ck_assert_uint_eq(out[1].gather->pieces[0].base_in, 1);
}
END_TEST

START_TEST(tensors_without_elements)
{
	struct shape in[3] = {{2, {0, 5}}, {2, {0, 5}}};
	struct axis_pair zero[] = {{"A", 0}, {NULL, 0}};
	struct pattern_out out[3];

	ck_assert_int_eq(compile("o i -> i o", 0, in, no_values, out), 0);
	ck_assert_int_eq(out[0].copy_of, 0);
	ck_assert_uint_eq(out[0].dims[0], 5);
	ck_assert_int_eq(
		compile("o c, o c -> (o (1+1)) c", 0, in, no_values, out), 0);
	ck_assert_uint_eq(out[0].dims[0], 0);
	in[0] = (struct shape){2, {4, 5}};
	ck_assert_int_eq(compile("(A+b) c -> A c, b c", 0, in, zero, out), 0);
	ck_assert_int_eq(out[0].copy_of, -1);
	ck_assert_uint_eq(out[0].gather->npieces, 0);
	ck_assert_int_eq(out[1].copy_of, 0);
}
END_TEST

START_TEST(sizes_up_to_the_limit)
{
	struct shape in[3] = {{2, {UINT64_C(1) << 62, 2}}};
	struct pattern_out out[3];

	ck_assert_int_eq(compile("o i -> i o", 0, in, no_values, out), 0);
	ck_assert_uint_eq(out[0].gather->pieces[0].axes[0].stride_out,
			  UINT64_C(1) << 62);
}
END_TEST

#define NELEM(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *suite_pattern(void);

Suite *suite_pattern(void)
{
	Suite *s = suite_create("pattern");
	TCase *tc = tcase_create("pattern");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, malformed_text_is_a_sentence, 0,
			    NELEM(malformed));
	tcase_add_test(tc, hostile_text_is_a_sentence);
	tcase_add_test(tc, long_text_is_refused);
	tcase_add_test(tc, well_formed_text);
	tcase_add_loop_test(tc, shapes_that_do_not_solve_are_a_sentence, 0,
			    NELEM(unsolvable));
	tcase_add_test(tc, too_many_dimensions_are_refused);
	tcase_add_test(tc, an_upper_axis_without_a_value_is_solved);
	tcase_add_test(tc, a_lower_axis_takes_no_value_from_the_table);
	tcase_add_test(tc, what_fits);
	tcase_add_test(tc, what_moves_nothing_is_a_copy);
	tcase_add_test(tc, scalars);
	tcase_add_test(tc, tensors_without_elements);
	tcase_add_test(tc, sizes_up_to_the_limit);
	suite_add_tcase(s, tc);
	return s;
}
