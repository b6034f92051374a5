/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule tables: what a table may hold, what it becomes when its groups are
 * resolved, and what is refused in which words. Here ` stands for ".
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "model_fixture.h"

/* The rules of the table as written, a line each. */
static void check_rules(const char *const *want, size_t n)
{
	ck_assert_uint_eq(m.table->nrules, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(str_is(m.table->rules[i].text, want[i]),
			      "rule %zu is %.*s", i,
			      STR_ARG(m.table->rules[i].text));
}

#define CHECK_RULES(...)                                                       \
	do {                                                                   \
		static const char *const want[] = {__VA_ARGS__};               \
		check_rules(want, sizeof(want) / sizeof(want[0]));             \
	} while (0)

/* ---- what is read ---- */

START_TEST(names_are_split_at_commas_or_listed)
{
	load("`rules`: [[`a,b ,  c`, `x`, `o, o, o -> (o+o+o)`],"
	     "[[`a b`, `c`], [`x`, `y`], `o, p -> o, p`],"
	     "[`d`, ``], [``, `e = f`], [`g = h`, ``], [`i`, []]]");
	CHECK_RULES("a, b, c -> x", "a b, c -> x, y", "d -> nothing",
		    "nothing -> e", "g -> nothing", "i -> nothing");
	ck_assert_uint_eq(m.table->rules[0].nnames[0], 3);
	ck_assert(str_is(pattern_text(m.table->rules[0].pattern),
			 "o, o, o -> (o+o+o)"));
	ck_assert_uint_eq(m.table->rules[2].nnames[1], 0);
	ck_assert(str_is(m.table->rules[3].copy_of[1].text, "f"));
	ck_assert_uint_eq(m.table->rules[3].copy_of[0].nparts, 0);
	ck_assert(str_is(m.table->rules[4].copy_of[0].text, "h"));
}
END_TEST

START_TEST(groups_put_their_prefixes_before_names)
{
	load("`rules`: [[`a`, `b`],"
	     "{`at`: [`l.{i}.`, `m.{i}.`], `rules`: ["
	     "  [`c`, `d`], {`at`: [`p.`, ``], `rules`: ["
	     "    [`e = f`, ``], [`g, h`, `k`, `o, o -> (o+o)`]]},"
	     "  [`n`, `n`]]},"
	     "[`q`, `r`]]");
	CHECK_RULES("a -> b", "l.{i}.c -> m.{i}.d", "l.{i}.p.e -> nothing",
		    "l.{i}.p.g, l.{i}.p.h -> m.{i}.k", "l.{i}.n -> m.{i}.n",
		    "q -> r");
	ck_assert(str_is(m.table->rules[2].copy_of[0].text, "l.{i}.p.f"));
}
END_TEST

START_TEST(conditions_of_groups_add_up)
{
	load("`rules`: [{`when`: `a`, `rules`: [[`1`, `1`],"
	     "  {`when`: `b or c`, `rules`: [[`2`, `2`]]}, [`3`, `3`]]},"
	     "[`4`, `4`]]");
	ck_assert_uint_eq(m.table->rules[0].nconds, 1);
	ck_assert_uint_eq(m.table->rules[1].nconds, 2);
	ck_assert(str_is(expr_text(m.table->rules[1].conds[0].expr), "a"));
	ck_assert(str_is(expr_text(m.table->rules[1].conds[1].expr), "b or c"));
	ck_assert_uint_eq(m.table->rules[2].nconds, 1);
	ck_assert_uint_eq(m.table->rules[3].nconds, 0);
}
END_TEST

START_TEST(has_is_relative_to_its_group_or_absolute)
{
	const struct cond *c;

	load("`rules`: [{`at`: [`l.{i}.`, `m.{i}.`],"
	     "`when`: `has a and has /top`, `rules`: ["
	     "{`at`: [`in.`, `on.`], `rules`: [[`x`, `y`]]},"
	     "{`at`: [`in.`, `on.`], `when`: `not has b`, `rules`: ["
	     "[`z`, `z`]]}]}]");
	c = m.table->rules[0].conds;
	ck_assert(str_is(c->has[0][0].text, "l.{i}.a"));
	ck_assert(str_is(c->has[0][1].text, "m.{i}.a"));
	ck_assert(str_is(c->has[1][0].text, "top"));
	ck_assert(str_is(c->has[1][1].text, "top"));
	c = m.table->rules[1].conds;
	ck_assert(str_is(c[0].has[0][0].text, "l.{i}.a"));
	ck_assert(str_is(c[1].has[0][0].text, "l.{i}.in.b"));
	ck_assert(str_is(c[1].has[0][1].text, "m.{i}.on.b"));
}
END_TEST

START_TEST(axes_have_alternatives)
{
	const struct axis *a;

	load("`axes`: {`D`: [`head_dim`, `h / n`], `F`: 4, `i`: `layers`},"
	     "`rules`: [[`a`, `b`]]");
	a = table_axis(m.table, str_of("D"));
	ck_assert_uint_eq(a->nalts, 2);
	ck_assert(str_is(expr_text(a->alts[1]), "h / n"));
	a = table_axis(m.table, str_of("F"));
	ck_assert_uint_eq(a->nalts, 1);
	ck_assert(str_is(expr_text(a->alts[0]), "4"));
	ck_assert_ptr_null(table_axis(m.table, str_of("d")));
}
END_TEST

START_TEST(options_have_values_the_first_is_the_default)
{
	const struct table_option *o;

	load("`options`: {`fused`: [false, true], `layout`: [`x`, `true`],"
	     "`n`: 3, `many`: [2, 1]}, `rules`: [[`a`, `b`]]");
	o = table_option(m.table, str_of("fused"));
	ck_assert_uint_eq(o->nvalues, 2);
	ck_assert(o->values[0].kind == VALUE_BOOL && !o->values[0].num);
	o = table_option(m.table, str_of("layout"));
	ck_assert(o->values[1].kind == VALUE_TEXT);
	ck_assert(str_is(o->values[1].text, "true"));
	o = table_option(m.table, str_of("n"));
	ck_assert_uint_eq(o->nvalues, 1);
	ck_assert(o->values[0].kind == VALUE_INT && o->values[0].num == 3);
	ck_assert_ptr_null(table_option(m.table, str_of("d")));
}
END_TEST

START_TEST(words_are_an_object_or_a_list_of_pairs)
{
	load("`words`: {`o`: {`a`: `x`, `b`: `y`},"
	     "`l`: [[`a`, `x`], [`a`, `y`]], `none`: []},"
	     "`rules`: [[`{o}.{l}`, `{l}.{o}`]]");
	ck_assert_uint_eq(m.table->nwords, 3);
	ck_assert_uint_eq(m.table->words[0].npairs, 2);
	ck_assert(str_is(m.table->words[0].pairs[1].side[0], "b"));
	ck_assert(str_is(m.table->words[0].pairs[1].side[1], "y"));
	ck_assert(str_is(m.table->words[1].pairs[1].side[0], "a"));
	ck_assert(str_is(m.table->words[1].pairs[1].side[1], "y"));
	ck_assert_uint_eq(m.table->words[2].npairs, 0);
}
END_TEST

START_TEST(table_is_found_by_model_and_aliases)
{
	load("`about`: `A line`, `aliases`: [`u`, `v`], `rules`: [[`a`, `b`]]");
	ck_assert(table_is(m.table, str_of("t")));
	ck_assert(table_is(m.table, str_of("u")));
	ck_assert(table_is(m.table, str_of("v")));
	ck_assert(!table_is(m.table, str_of("U")));
	ck_assert(!table_is(m.table, str_of("")));
	ck_assert(str_is(m.table->about, "A line"));
}
END_TEST

START_TEST(single_alias_and_detection_need_no_list)
{
	load("`aliases`: `u`, `detect`: `model_type == 'x'`,"
	     "`rules`: [[`a`, `b`]]");
	ck_assert(table_is(m.table, str_of("u")));
	ck_assert_uint_eq(m.table->ndetect, 1);
	ck_assert(str_is(expr_text(m.table->detect[0]), "model_type == 'x'"));
}
END_TEST

START_TEST(mentioned_names_are_known)
{
	load("`detect`: [`arch == 'x'`], `axes`: {`H`: [`hidden`, `dim`]},"
	     "`rules`: [{`when`: `tie and not c.d`, `rules`: [[`a`, `b`]]}]");
	ck_assert(table_mentions(m.table, str_of("arch")));
	ck_assert(table_mentions(m.table, str_of("dim")));
	ck_assert(table_mentions(m.table, str_of("tie")));
	ck_assert(table_mentions(m.table, str_of("c.d")));
	ck_assert(!table_mentions(m.table, str_of("c")));
	ck_assert(!table_mentions(m.table, str_of("a")));
	ck_assert(!table_mentions(m.table, str_of("x")));
}
END_TEST

/* ---- what is refused ---- */

static const struct {
	const char *json, *want;
} refused[] = {
	{"", "not a JSON object (byte 0)"},
	{"[]", "not a JSON object (byte 2)"},
	{"{`model`: `t`, `rules`: [[`a`, `b`]]} x",
	 "not a JSON object (byte 38)"},
	{"{`model`: `t`, `rules`: [[`a`, `b`]]", "not a JSON object (byte 35)"},
	{"{`rules`: [[`a`, `b`]]}", "the key \"model\" is missing"},
	{"{`model`: ``, `rules`: [[`a`, `b`]]}",
	 "the key \"model\" is missing"},
	{"{`model`: 4, `rules`: []}", "model must be a text"},
	{"{`model`: `t`}", "there are no rules"},
	{"{`model`: `t`, `rules`: []}", "there are no rules"},
	{"{`model`: `t`, `Rules`: []}", "\"Rules\" is no key of a table"},
	{"{`model`: `t`, `use`: `x`}", "\"use\" is no key of a table"},
	{"{`model`: `t`, `rules`: [[`a`, `b`]], `model`: `u`}",
	 "the key \"model\" is there twice"},
	{"{`model`: `t`, `keep`: [{`when`: `1`}], `rules`: [[`a`, `b`]]}",
	 "keep must be a list of names"},
	{"{`model`: `t`, `keep`: [{`names`: `a`, `type`: `Int8`}], `rules`: "
	 "[[`a`, `b`]]}",
	 "must be one like Float32"},
	{"{`model`: `t`, `keep`: [{`names`: `a`, `if`: `1`}], `rules`: "
	 "[[`a`, `b`]]}",
	 "\"if\" is no key of what is kept"},
	{"{`model`: `t`, `refuse`: ``, `rules`: []}", "there are no rules"},
	{"{`model`: `t`, `refuse`: `x`, `rules`: [[`a`, `b`]]}",
	 "a table that refuses has no rules"},
	{"{`model`: `t`, `about`: []}", "about must be a text"},
	{"{`model`: `t`, `aliases`: [4]}", "an alias must be a text"},
	{"{`model`: `t`, `detect`: [`a =`]}",
	 "detect: the expression \"a =\": something is left over at its end"},
	/* axes */
	{"{`model`: `t`, `axes`: [`x`]}", "\"axes\" must be an object"},
	{"{`model`: `t`, `axes`: 5}", "\"axes\" must be an object"},
	{"{`model`: `t`, `axes`: {`N`: []}}", "axis N has no expressions"},
	{"{`model`: `t`, `axes`: {`N`: `1 if has a`}}",
	 "axis N: has is for conditions, here count NAME tells"},
	{"{`model`: `t`, `axes`: {`N`: [`a`, `a *`]}}",
	 "N: the expression \"a *\": a value is missing"},
	{"{`model`: `t`, `axes`: {`N`: 2.5}}",
	 "N: the expression \"2.5\": a malformed number"},
	{"{`model`: `t`, `axes`: {`N`: {}}}",
	 "N: the expression \"{}\": a value is missing"},
	/* options */
	{"{`model`: `t`, `options`: [`x`]}", "\"options\" must be an object"},
	{"{`model`: `t`, `options`: {`o`: []}}", "option o has no values"},
	{"{`model`: `t`, `options`: {`o`: [1, null]}}",
	 "option o: a value that is no text, whole number or truth value"},
	{"{`model`: `t`, `options`: {`o`: 2.5}}",
	 "option o: a value that is no text, whole number or truth value"},
	{"{`model`: `t`, `options`: {`o`: 1e300}}",
	 "option o: a value that is no text, whole number or truth value"},
	/* words */
	{"{`model`: `t`, `words`: [[`x`, `y`]]}",
	 "\"words\" must be an object"},
	{"{`model`: `t`, `words`: {`w`: [`x`, `y`]}}",
	 "a pair of words must be a list of two"},
	{"{`model`: `t`, `words`: {`w`: [[`x`]]}}",
	 "a pair of words must be a list of two"},
	{"{`model`: `t`, `words`: {`w`: [[`x`, `y`, `z`]]}}",
	 "a pair of words must be a list of two"},
	{"{`model`: `t`, `words`: {`w`: {`x`: 4}}}",
	 "a pair of words must be a list of two"},
	{"{`model`: `t`, `words`: {`w`: [[`x`, 4]]}}", "a word must be a text"},
};

START_TEST(malformed_table_is_a_sentence)
{
	char *json = json_of(refused[_i].json);
	struct table *t = NULL;

	ck_assert_int_lt(table_parse(&t, str_of(json), "my.json", &m.err), 0);
	ck_assert_msg(strstr(error_text(&m.err), refused[_i].want), "%s",
		      error_text(&m.err));
	ck_assert(str_starts(str_of(error_text(&m.err)), str_of("my.json:")));
	ck_assert_int_eq(m.err.class, ERR_MODEL);
	ck_assert_ptr_null(t);
	free(json);
}
END_TEST

#define NEST4(x) "{`rules`: [{`rules`: [{`rules`: [{`rules`: [" x "]}]}]}]}"

static const struct {
	const char *rule, *want;
} refused_rules[] = {
	{"5", "a rule must be a list, a group an object"},
	{"`a`", "a rule must be a list, a group an object"},
	{"[]", "a rule has two or three texts"},
	{"[`a`]", "a rule has two or three texts"},
	{"[`a`, `b`, `o -> o`, `x`]", "a rule has two or three texts"},
	{"[`a`, `b`, 5]", "a rule has two or three texts"},
	{"[`a`, 5]", "its first two parts must be texts"},
	{"[`a`, [5]]", "a name must be a text"},
	{"[``, ``]", "it names nothing"},
	{"[`a`, `b, `, `(o+o) -> o, o`]", "an empty name"},
	{"[`a,, b`, `c`, `o, o -> (o+o)`]", "an empty name"},
	{"[`a, b,`, `c`, `o, o -> (o+o)`]", "an empty name"},
	{"[`a`, [``]]", "an empty name"},
	{"[`a,b,c,d,e,f,g,h,i`, `x`, `o -> o`]", "too many names"},
	{"[`a, b`, `c`]", "several names need a pattern"},
	{"[`a`, `b, c`]", "several names need a pattern"},
	{"[`a, b`, `c`, `o -> o`]",
	 "its pattern has another number of tensors than it has names"},
	{"[`a`, `b`, `o -> o, p`]", "block"},
	{"[`a`, `b`, `(o+o) -> o, o`]",
	 "its pattern has another number of tensors than it has names"},
	{"[`a`, `b`, `o ->`]",
	 "the pattern \"o ->\": an empty tensor on the right side"},
	{"[`a.{i}, b`, `c`, `o, o -> (o+o)`]",
	 "a capture of one side only must stand in each of its names"},
	{"[`a.*`, `b`]", "a capture stands on one side only"},
	{"[`*.*`, `*`]", "a capture stands on one side only"},
	{"[`{x:a|b}`, `a`]", "a capture stands on one side only"},
	{"[`{w}`, `a`]", "a capture stands on one side only"},
	{"[`{x:a|b}`, `{x:a|c}`]", "a capture with two lists"},
	{"[`a.{i`, `b`]", "the name \"a.{i\": a { that is not closed"},
	{"[`a = b`, `c`]", "A = B stands in one-sided rules only"},
	{"[`a`, `b = c`]", "A = B stands in one-sided rules only"},
	{"[`a, b`, ``]", "a one-sided rule has one name"},
	{"[`a`, ``, `o -> o`]", "its pattern has another number of tensors"},
	{"{`rule`: []}", "\"rule\" is no key of a group"},
	{"{`use`: `x`, `rules`: []}", "a group has \"rules\" or \"use\""},
	{"{`at`: [`a`, `b`]}", "a group has \"rules\" or \"use\""},
	{"{`use`: `x`}", "there is no part and no table \"x\""},
	{"{`rules`: {}}", "\"rules\" must be a list"},
	{"{`note`: `a`, `rules`: []}", "\"note\" must be a list of two texts"},
	{"{`note`: [`a`, 1], `rules`: []}",
	 "\"note\" must be a list of two texts"},
	{"{`at`: `a`, `rules`: []}", "\"at\" must be a list of two texts"},
	{"{`at`: [`a`], `rules`: []}", "\"at\" must be a list of two texts"},
	{"{`at`: [`a`, 4], `rules`: []}", "\"at\" must be a list of two texts"},
	{"{`at`: [`a`, `b`, `c`], `rules`: []}",
	 "\"at\" must be a list of two texts"},
	{"{`when`: 4, `rules`: []}", "\"when\" must be a text"},
	{"{`when`: `a and`, `rules`: []}",
	 "when: the expression \"a and\": a value is missing"},
	{"{`when`: `has l.{i}`, `rules`: [[`a`, `b`]]}",
	 "a has with a capture the rule lacks"},
	{"{`when`: `has l.{`, `rules`: [[`a`, `b`]]}",
	 "the name \"l.{\": a { that is not closed"},
	{NEST4(NEST4("{`rules`: []}")), "groups nested too deeply"},
};

START_TEST(malformed_rule_is_a_sentence)
{
	struct table *t = NULL;
	char *json;

	strbuf_addf(&text,
		    "{`model`: `t`, `words`: {`w`: {`p`: `q`}}, `rules`: [%s]}",
		    refused_rules[_i].rule);
	json = json_of(text.p);
	ck_assert_int_lt(table_parse(&t, str_of(json), "my.json", &m.err), 0);
	ck_assert_msg(strstr(error_text(&m.err), refused_rules[_i].want),
		      "%s: %s", refused_rules[_i].rule, error_text(&m.err));
	ck_assert(
		str_starts(str_of(error_text(&m.err)), str_of("my.json:1: ")));
	ck_assert_int_eq(m.err.class, ERR_MODEL);
	free(json);
}
END_TEST

START_TEST(rule_is_named_as_it_is_written)
{
	struct table *t = NULL;
	char *json = json_of("{`model`: `t`, `rules`: [[`a`,  `b,c`]]}");

	ck_assert_int_lt(table_parse(&t, str_of(json), "my.json", &m.err), 0);
	ck_assert_str_eq(error_text(&m.err),
			 "my.json:1: the rule [\"a\",\"b,c\"]: several names "
			 "need a pattern");
	free(json);
}
END_TEST

START_TEST(eight_groups_may_be_nested)
{
	load("`rules`: [" NEST4(NEST4("[`a`, `b`]")) "]");
	CHECK_RULES("a -> b");
}
END_TEST

/* A table, every prefix of it, and it with every byte changed. */
START_TEST(damaged_table_is_a_table_or_a_sentence)
{
	static const char table[] =
		"{\"model\":\"t\",\"aliases\":[\"u\"],\"detect\":[\"a==1\"],"
		"\"axes\":{\"N\":[\"n\",\"m/2\"],\"i\":3},\"options\":{\"o\":"
		"[false,true]},\"words\":{\"w\":{\"p\":\"q\"},\"v\":[[\"a\","
		"\"b\"]]},\"rules\":[[\"a.*\",\"b.*\"],{\"at\":[\"l.{i}.\","
		"\"m.{i+1}.\"],\"when\":\"o and has x\",\"rules\":[[\"{w}, c\","
		"\"{w}\",\"N o, N o -> N (o+o)\"],[\"{x:a|b}\",\"{x}\"]]}]}";
	static const char bytes[] = "\"[]{}:,0a \\";
	char copy[sizeof(table)];
	struct table *t;

	for (size_t i = 0; i < sizeof(table); i++) {
		t = NULL;
		memcpy(copy, table, sizeof(table));
		if (table_parse(&t, (struct str){copy, i}, "t", &m.err) == 0)
			ck_assert_uint_eq(i, sizeof(table) - 1);
		table_free(t);
		for (size_t k = 0; k + 1 < sizeof(bytes); k++) {
			t = NULL;
			copy[i] = bytes[k];
			table_parse(&t, (struct str){copy, sizeof(table) - 1},
				    "t", &m.err);
			table_free(t);
		}
	}
}
END_TEST

#define LEN(v) ((int)(sizeof(v) / sizeof((v)[0])))

Suite *suite_table(void);
Suite *suite_table(void)
{
	Suite *s = suite_create("table");
	TCase *tc = tcase_create("read");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, names_are_split_at_commas_or_listed);
	tcase_add_test(tc, groups_put_their_prefixes_before_names);
	tcase_add_test(tc, conditions_of_groups_add_up);
	tcase_add_test(tc, has_is_relative_to_its_group_or_absolute);
	tcase_add_test(tc, axes_have_alternatives);
	tcase_add_test(tc, options_have_values_the_first_is_the_default);
	tcase_add_test(tc, words_are_an_object_or_a_list_of_pairs);
	tcase_add_test(tc, table_is_found_by_model_and_aliases);
	tcase_add_test(tc, single_alias_and_detection_need_no_list);
	tcase_add_test(tc, mentioned_names_are_known);
	tcase_add_test(tc, eight_groups_may_be_nested);
	suite_add_tcase(s, tc);
	tc = tcase_create("refused");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, malformed_table_is_a_sentence, 0, LEN(refused));
	tcase_add_loop_test(tc, malformed_rule_is_a_sentence, 0,
			    LEN(refused_rules));
	tcase_add_test(tc, rule_is_named_as_it_is_written);
	tcase_add_test(tc, damaged_table_is_a_table_or_a_sentence);
	suite_add_tcase(s, tc);
	return s;
}
