/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions: what each operator gives, in which order they bind, what has no
 * value, and what is refused in which words. Random trees are written with as
 * few parentheses as the table of precedences here allows and computed twice.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/strbuf.h"
#include "models/expr.h"
#include "temp_source.h"

static struct arena arena;
static struct error err;
static struct strbuf why;
static char asked[64]; /* the template of the last `count` */

static void setup(void)
{
	arena = (struct arena)ARENA_INIT;
	err = (struct error)ERROR_INIT;
	why = (struct strbuf)STRBUF_INIT;
}

static void teardown(void)
{
	arena_release(&arena);
	error_release(&err);
	strbuf_release(&why);
}

/* ---- the world the expressions live in ---- */

static struct value lookup(const void *ctx, struct str name)
{
	(void)ctx;
	if (str_is(name, "hidden_size"))
		return value_int(64);
	if (str_is(name, "heads"))
		return value_int(8);
	if (str_is(name, "text_config.hidden_size"))
		return value_int(48);
	if (str_is(name, "big"))
		return value_int(INT64_MAX);
	if (str_is(name, "least"))
		return value_int(INT64_MIN);
	if (str_is(name, "yes"))
		return value_bool(true);
	if (str_is(name, "no"))
		return value_bool(false);
	if (str_is(name, "kind"))
		return value_text(str_of("llama"));
	if (str_is(name, "empty"))
		return value_text(str_of(""));
	if (str_is(name, "object"))
		return (struct value){.kind = VALUE_OTHER};
	return VALUE_MISSING;
}

/* The second `has` of an expression is there, the others are not. */
static bool has(const void *ctx, unsigned k)
{
	(void)ctx;
	return k == 1;
}

static struct value count(const void *ctx, struct str name)
{
	(void)ctx;
	ck_assert_uint_lt(name.n, sizeof(asked));
	memcpy(asked, name.p, name.n);
	asked[name.n] = '\0';
	return value_int(3);
}

static const struct expr *parse(const char *text)
{
	const struct expr *e = NULL;

	if (expr_parse(&e, str_of(text), &arena, &err))
		ck_abort_msg("%s", error_text(&err));
	ck_assert(str_is(expr_text(e), text));
	return e;
}

static struct value eval(const char *text)
{
	struct expr_env env = {
		.lookup = lookup, .has = has, .count = count, .why = &why};

	return expr_eval(parse(text), &env);
}

/* The value as the tests write it: "7", "true", "'text'", "-" for none. */
static void show(struct value v, struct strbuf *sb)
{
	strbuf_adds(sb, v.kind == VALUE_TEXT ? "'" : "");
	if (v.kind == VALUE_NONE)
		strbuf_adds(sb, "-");
	else
		strbuf_add_value(sb, v);
	strbuf_adds(sb, v.kind == VALUE_TEXT ? "'" : "");
}

static void check_eval(const char *text, const char *want)
{
	struct strbuf got = STRBUF_INIT;

	show(eval(text), &got);
	ck_assert_msg(str_is(strbuf_str(&got), want), "%s is %s, not %s", text,
		      got.p, want);
	strbuf_release(&got);
}

struct example {
	const char *text, *want;
};

static const struct example operators[] = {
	{"7", "7"},
	{"0", "0"},
	{"999999999999999999", "999999999999999999"},
	{"true", "true"},
	{"True", "true"},
	{"false", "false"},
	{"'a b'", "'a b'"},
	{"\"it's\"", "'it's'"},
	{"''", "''"},
	{"hidden_size", "64"},
	{"text_config.hidden_size", "48"},
	{"missing", "-"},
	{"2 + 3", "5"},
	{"2 - 3", "-1"},
	{"2 * 3", "6"},
	{"6 / 3", "2"},
	{"-6 / 3", "-2"},
	{"6 / -1", "-6"},
	{"7 // 2", "3"},
	{"-7 // 2", "-4"},
	{"7 // -2", "-4"},
	{"-7 // -2", "3"},
	{"7 // -1", "-7"},
	{"7 % 3", "1"},
	{"-7 % 3", "2"},
	{"6 % 3", "0"},
	{"-heads", "-8"},
	{"--heads", "8"},
	{"2 == 2", "true"},
	{"2 == 3", "false"},
	{"2 != 3", "true"},
	{"2 < 3", "true"},
	{"3 < 3", "false"},
	{"3 <= 3", "true"},
	{"4 <= 3", "false"},
	{"3 > 3", "false"},
	{"4 > 3", "true"},
	{"3 >= 3", "true"},
	{"2 >= 3", "false"},
	{"kind == 'llama'", "true"},
	{"kind != 'llama'", "false"},
	{"kind == 'LLAMA'", "false"},
	{"yes == 1", "true"},
	{"yes + yes", "2"},
	{"kind == 1", "false"},
	{"'1' == 1", "false"},
	{"object == object", "false"},
	{"yes and heads", "8"},
	{"no and heads", "false"},
	{"no or heads", "8"},
	{"yes or heads", "true"},
	{"not yes", "false"},
	{"not no", "true"},
	{"not 0", "true"},
	{"not 7", "false"},
	{"not ''", "true"},
	{"not 'x'", "false"},
	{"not missing", "true"},
	{"not object", "false"},
	{"heads if yes", "8"},
	{"heads if no", "-"},
	{"heads if missing", "-"},
	{"missing if yes", "-"},
};

START_TEST(operator_gives_its_value)
{
	check_eval(operators[_i].text, operators[_i].want);
}
END_TEST

static const struct example precedence[] = {
	{"2 + 3 * 4", "14"},
	{"(2 + 3) * 4", "20"},
	{"20 - 3 - 4", "13"},
	{"20 - (3 - 4)", "21"},
	{"48 / 4 / 2", "6"},
	{"48 / (4 / 2)", "24"},
	{"7 // 2 * 2", "6"},
	{"2 * 7 // 4", "3"},
	{"2 * 7 % 4", "2"},
	{"-2 + 3", "1"},
	{"-2 * -3", "6"},
	{"1 + 1 == 2", "true"},
	{"2 == 1 + 1", "true"},
	{"1 < 2 == true", "true"},
	{"not 1 == 2", "true"},
	{"not no and no", "false"},
	{"not (no and no)", "true"},
	{"yes or yes and no", "true"},
	{"(yes or yes) and no", "false"},
	{"no and no or yes", "true"},
	{"not yes or yes", "true"},
	{"1 + 2 if 1 == 1 and yes", "3"},
	{"no or 5 if no or yes", "5"},
	{"5 if not no", "5"},
	{"  ( ( hidden_size ) )  ", "64"},
	{"2+3*4-1", "13"},
	{"1<2", "true"},
	{"andy", "-"},
	{"notable", "-"},
};

START_TEST(operators_bind_in_this_order)
{
	check_eval(precedence[_i].text, precedence[_i].want);
}
END_TEST

static const struct example valueless[] = {
	{"missing + 1", "-"},
	{"1 + missing", "-"},
	{"-missing", "-"},
	{"-kind", "-"},
	{"missing < 1", "-"},
	{"kind < 1", "-"},
	{"kind + 1", "-"},
	{"object * 2", "-"},
	{"missing == missing", "false"},
	{"missing == 0", "false"},
	{"missing == ''", "false"},
	{"'' == missing", "false"},
	{"missing != 'x'", "true"},
	{"missing and yes", "-"},
	{"missing or 4", "4"},
	{"1 // 0", "-"},
	{"1 % 0", "-"},
	{"7 % -3", "-"},
	{"big + 1", "-"},
	{"big - -1", "-"},
	{"least - 1", "-"},
	{"big * 2", "-"},
	{"big * big", "-"},
	{"-least", "-"},
	{"least / -1", "-"},
	{"least // -1", "-"},
	{"least % 1", "0"},
	{"big + 0", "9223372036854775807"},
	{"least / 2", "-4611686018427387904"},
};

START_TEST(what_has_no_value)
{
	check_eval(valueless[_i].text, valueless[_i].want);
	ck_assert_uint_eq(why.len, 0);
}
END_TEST

START_TEST(division_says_why_it_is_not_exact)
{
	check_eval("hidden_size / 5", "-");
	ck_assert(str_is(strbuf_str(&why), "64 / 5 is not a whole number"));
	strbuf_reset(&why);
	check_eval("-7 / 2 + 1", "-");
	ck_assert(str_is(strbuf_str(&why), "-7 / 2 is not a whole number"));
	strbuf_reset(&why);
	check_eval("heads / 0", "-");
	ck_assert(str_is(strbuf_str(&why), "8 / 0 is not a whole number"));
}
END_TEST

START_TEST(first_reason_is_kept)
{
	check_eval("7 / 2 + 9 / 4", "-");
	ck_assert(str_is(strbuf_str(&why), "7 / 2 is not a whole number"));
}
END_TEST

START_TEST(what_is_not_evaluated_gives_no_reason)
{
	check_eval("1 / 2 if no", "-");
	check_eval("no and 1 / 2", "false");
	check_eval("yes or 1 / 2", "true");
	ck_assert_uint_eq(why.len, 0);
}
END_TEST

START_TEST(has_is_asked_by_number)
{
	const char *text = "has a.{i}.b or has *.b and not has /c";
	const struct expr *e = parse(text);

	ck_assert(str_is(expr_has(e, 0), "a.{i}.b"));
	ck_assert(str_is(expr_has(e, 1), "*.b"));
	ck_assert(str_is(expr_has(e, 2), "/c"));
	ck_assert_ptr_null(expr_has(e, 3).p);
	check_eval(text, "true");
	check_eval("has a", "false");
	check_eval("(has a) or (has b)", "true");
}
END_TEST

START_TEST(has_without_a_source_is_false)
{
	struct expr_env env = {.lookup = lookup};

	ck_assert(!value_true(expr_eval(parse("has a or has b"), &env)));
	ck_assert(!value_true(expr_eval(parse("count a"), &env)));
}
END_TEST

START_TEST(count_is_a_number)
{
	check_eval("count layers.*.weight + 1", "4");
	ck_assert_str_eq(asked, "layers.*.weight");
	check_eval("(count {i}) * 2", "6");
	ck_assert_str_eq(asked, "{i}");
}
END_TEST

START_TEST(names_are_found_in_expressions)
{
	const struct expr *e = parse("L - 1 + m if has x and 'k' == q.r");

	ck_assert(expr_mentions(e, str_of("L")));
	ck_assert(expr_mentions(e, str_of("m")));
	ck_assert(expr_mentions(e, str_of("q.r")));
	ck_assert(!expr_mentions(e, str_of("q")));
	ck_assert(!expr_mentions(e, str_of("x")));
	ck_assert(!expr_mentions(e, str_of("k")));
	ck_assert(str_is(expr_capture(e), "m"));
	ck_assert_ptr_null(expr_capture(parse("L + 1")).p);
}
END_TEST

START_TEST(shift_is_a_name_plus_something)
{
	static const char *const yes[] = {"i",	 "i+1",	  "1+i",
					  "i-L", "L+i-1", "(i + 1) - L * 2"};
	static const char *const no[] = {"2*i", "L-i",	 "i+i", "i/2",
					 "-i",	"i % 2", "L+1", "i == 1"};

	for (size_t k = 0; k < sizeof(yes) / sizeof(yes[0]); k++)
		ck_assert(expr_is_shift(parse(yes[k]), str_of("i")));
	for (size_t k = 0; k < sizeof(no) / sizeof(no[0]); k++)
		ck_assert(!expr_is_shift(parse(no[k]), str_of("i")));
}
END_TEST

/* ---- what is refused ---- */

#define DEEP "(((((((((((((((((((((((((((((((((((((((("

static const struct example malformed[] = {
	{"", "a value is missing"},
	{"   ", "a value is missing"},
	{"1 +", "a value is missing"},
	{"* 2", "a value is missing"},
	{"1 + * 2", "a value is missing"},
	{"not", "a value is missing"},
	{"a and", "a value is missing"},
	{"a or or b", "a value is missing"},
	{"a and and b", "a value is missing"},
	{"if a", "a value is missing"},
	{"a if", "a value is missing"},
	{"()", "a value is missing"},
	{"a = 1", "something is left over at its end"},
	{"1 2", "something is left over at its end"},
	{"a )", "something is left over at its end"},
	{"a if b else c", "something is left over at its end"},
	{"a if b if c", "something is left over at its end"},
	{"{i}", "a value is missing"},
	{"a\tb", "something is left over at its end"},
	{"(a", "a ) is missing"},
	{"(a if b)", "a ) is missing"},
	{"((a)", "a ) is missing"},
	{"'abc", "a text that is not closed"},
	{"\"abc'", "a text that is not closed"},
	{"12ab", "a malformed number"},
	{"2.5", "a malformed number"},
	{".5", "a malformed number"},
	{"1000000000000000000", "a malformed number"},
	{"has", "a name is missing behind has or count"},
	{"count )", "a name is missing behind has or count"},
	{"has a and has b and has c and has d and has e and has f and has g "
	 "and has h and has i",
	 "too many has"},
	{DEEP, "nested too deeply"},
	{"not not not not not not not not not not not not not not not not "
	 "not not not not not not not not not not not not not not not not a",
	 "nested too deeply"},
	{"---------------------------------1", "nested too deeply"},
};

START_TEST(malformed_text_is_a_sentence)
{
	const struct example *m = &malformed[_i];
	const struct expr *e = NULL;
	struct strbuf want = STRBUF_INIT;

	ck_assert_int_lt(expr_parse(&e, str_of(m->text), &arena, &err), 0);
	strbuf_addf(&want, "the expression \"%s\": %s", m->text, m->want);
	if (!strchr(m->text, '\t')) /* which is escaped */
		ck_assert_str_eq(error_text(&err), want.p);
	ck_assert(strstr(error_text(&err), m->want));
	ck_assert_int_eq(err.class, ERR_MODEL);
	ck_assert_ptr_null(e);
	strbuf_release(&want);
}
END_TEST

START_TEST(long_text_is_refused)
{
	struct strbuf sb = STRBUF_INIT;
	const struct expr *e;

	while (sb.len < 1999)
		strbuf_adds(&sb, sb.len ? "+1" : "1");
	ck_assert_int_eq(expr_parse(&e, strbuf_str(&sb), &arena, &err), 0);
	strbuf_adds(&sb, "+1");
	ck_assert_int_lt(expr_parse(&e, strbuf_str(&sb), &arena, &err), 0);
	ck_assert_str_eq(error_text(&err),
			 "an expression of 2001 bytes, over 2000");
	strbuf_release(&sb);
}
END_TEST

START_TEST(hostile_text_ends_in_a_value_or_a_sentence)
{
	static const char *const words[] = {
		"a",	 "L",	   "1",	 "0",  "'",   "\"",   "(",  ")",
		"+",	 "-",	   "/",	 "//", "*",   "%",    "==", "<",
		">=",	 "not",	   "or", "if", "and", "has ", " ",  " ",
		"least", "count ", ".",	 "\t", "!=",  "big",  "\\", "\377"};
	struct expr_env env = {.lookup = lookup, .has = has, .why = &why};
	uint64_t seed = 11;

	for (int i = 0; i < 30000; i++) {
		struct strbuf sb = STRBUF_INIT;
		const struct expr *e;

		for (uint64_t n = test_random(&seed) % 12; n > 0; n--)
			strbuf_adds(&sb, words[test_random(&seed) % 32]);
		strbuf_reserve(&sb, 1);
		if (expr_parse(&e, strbuf_str(&sb), &arena, &err) == 0)
			expr_eval(e, &env);
		else
			ck_assert(strstr(error_text(&err), "expression"));
		strbuf_release(&sb);
	}
}
END_TEST

/* ---- random trees, computed here as well ---- */

static const struct {
	const char *text;
	int level; /* binds tighter the higher it is */
} binaries[] = {{" or ", 1}, {" and ", 2}, {" == ", 4}, {" < ", 4},
		{" + ", 5},  {" - ", 5},   {" * ", 6},	{" // ", 6}};

enum { OR, AND, EQ, LT, ADD, SUB, MUL, FLOORDIV, NBINARY };

/* All operands are small numbers, and truth values count as 0 and 1. */
static int64_t apply(unsigned op, int64_t a, int64_t b)
{
	switch (op) {
	case OR:
		return a ? a : b;
	case AND:
		return a ? b : a;
	case EQ:
		return a == b;
	case LT:
		return a < b;
	case ADD:
		return a + b;
	case SUB:
		return a - b;
	case MUL:
		return a * b;
	default:
		return (a - (a % b + b) % b) / b;
	}
}

/* Write a random tree into sb; above: how tight what is around it binds. */
static int64_t tree(uint64_t *seed, unsigned depth, int above,
		    struct strbuf *sb)
{
	unsigned op = (unsigned)(test_random(seed) % NBINARY);
	int64_t n = (int64_t)(test_random(seed) % 10), a, b;
	bool paren;

	if (!depth || n < 2) {
		strbuf_addf(sb, "%d", (int)n);
		return n;
	}
	paren = binaries[op].level < above;
	strbuf_adds(sb, paren ? "(" : "");
	a = tree(seed, depth - 1, binaries[op].level, sb);
	strbuf_adds(sb, binaries[op].text);
	if (op == FLOORDIV) {
		b = 1 + n;
		strbuf_addf(sb, "%d", (int)b);
	} else {
		b = tree(seed, depth - 1, binaries[op].level + 1, sb);
	}
	strbuf_adds(sb, paren ? ")" : "");
	return apply(op, a, b);
}

START_TEST(random_trees_are_computed_alike)
{
	uint64_t seed = 5;

	for (int i = 0; i < 2000; i++) {
		struct strbuf sb = STRBUF_INIT;
		int64_t want = tree(&seed, 3, 0, &sb);
		struct value got = eval(sb.p);

		ck_assert(value_is_number(got));
		ck_assert_msg(got.num == want, "%s is %lld, not %lld", sb.p,
			      (long long)got.num, (long long)want);
		strbuf_release(&sb);
	}
}
END_TEST

#define LEN(v) ((int)(sizeof(v) / sizeof((v)[0])))

Suite *suite_expr(void);
Suite *suite_expr(void)
{
	Suite *s = suite_create("expr");
	TCase *tc = tcase_create("values");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, operator_gives_its_value, 0, LEN(operators));
	tcase_add_loop_test(tc, operators_bind_in_this_order, 0,
			    LEN(precedence));
	tcase_add_loop_test(tc, what_has_no_value, 0, LEN(valueless));
	tcase_add_test(tc, division_says_why_it_is_not_exact);
	tcase_add_test(tc, first_reason_is_kept);
	tcase_add_test(tc, what_is_not_evaluated_gives_no_reason);
	tcase_add_test(tc, has_is_asked_by_number);
	tcase_add_test(tc, has_without_a_source_is_false);
	tcase_add_test(tc, count_is_a_number);
	tcase_add_test(tc, names_are_found_in_expressions);
	tcase_add_test(tc, shift_is_a_name_plus_something);
	tcase_add_test(tc, random_trees_are_computed_alike);
	suite_add_tcase(s, tc);
	tc = tcase_create("refused");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, malformed_text_is_a_sentence, 0,
			    LEN(malformed));
	tcase_add_test(tc, long_text_is_refused);
	tcase_add_test(tc, hostile_text_ends_in_a_value_or_a_sentence);
	suite_add_tcase(s, tc);
	return s;
}
