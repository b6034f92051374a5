/* SPDX-License-Identifier: Apache-2.0 */
/* check-rules: what is wrong with a table, and in which line. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "model_case.h"
#include "models/builtin.h"
#include "models/check.h"

static const struct {
	const char *json;
	const char *want; /* sentences, each behind a newline */
} cases[] = {
	{"{`model`: `t`, `rules`: [[`a`, `b`]]}", ""},
	{"{`model`: `t`,\n`rules`: [\n[`a`, `b`,\n`o i -> i`]]}",
	 "\nt.json:3: [\"a\",\"b\",\"o i -> i\"]: the pattern \"o i -> i\": "
	 "block 1 has o i on the left side, i on the right"},
	{"{`model`: `t`,\n`rules`: [[`a`, `b`],\n  5]}",
	 "\nt.json:3: a rule must be a list, a group an object"},
	{"{`model`: `t`,\n`rules`: [[`a`, `b`]\n",
	 "\nt.json:2: not a JSON object (byte 35)"},
	{"{`model`: `t`,\n`rule`: []}",
	 "\nt.json:2: \"rule\" is no key of a table"},
	/* solvable from one side alone, or from none */
	{"{`model`: `t`, `rules`: [\n[`a`, `b`, `x y -> (x y)`]]}",
	 "\nt.json:2: from the right alone, with made-up sizes: b: dimension "
	 "0 is 6, the pattern \"x y -> (x y)\" leaves the axes x, y unknown"},
	{"{`model`: `t`, `axes`: {`X`: `x`}, `rules`: [\n"
	 "[`a`, `b`, `X y -> (X y)`]]}",
	 ""},
	{"{`model`: `t`, `rules`: [\n\n[`a`, `b`, `(x+y) -> (y+x)`]]}",
	 "\nt.json:3: [\"a\",\"b\",\"(x+y) -> (y+x)\"]: the pattern \"(x+y) -> "
	 "(y+x)\": block 1 has x on the left side, y on the right"},
	{"{`model`: `t`, `rules`: [\n[`a`, `b`, `(x+y) -> (x+y)`]]}",
	 "\nt.json:2: from the left alone, with made-up sizes: a: dimension 0 "
	 "is 5, the pattern \"(x+y) -> (x+y)\" leaves the axes x, y unknown"
	 "\nt.json:2: from the right alone, with made-up sizes: b: dimension 0 "
	 "is 5, the pattern \"(x+y) -> (x+y)\" leaves the axes x, y unknown"},
	{"{`model`: `t`, `rules`: [\n[`a`, `b`, `v c -> (v+(0 Z)) c`]]}",
	 "\nt.json:2: a -> b: the pattern \"v c -> (v+(0 Z)) c\": Z is none of "
	 "the table's axes"},
	{"{`model`: `t`, `axes`: {`h`: `x`}, `rules`: [\n"
	 "[`a`, `b`, `o H -> o H`]]}",
	 "\nt.json:2: a -> b: the pattern \"o H -> o H\": H is none of the "
	 "table's axes; one of the pattern's own is written in lower case"},
	/* stacks: the range tells what a shape does not */
	{"{`model`: `t`, `rules`: [\n[`a.{e}`, `b`, `f c -> (e f) c`]]}",
	 "\nt.json:2: from the right alone"},
	{"{`model`: `t`, `axes`: {`e`: `n`}, `rules`: [\n"
	 "[`a.{e}`, `b`, `f c -> (e f) c`]]}",
	 ""},
	/* names */
	{"{`model`: `t`, `rules`: [\n[`a.{i}{j}`, `b.{i}.{j}`]]}",
	 "\nt.json:2: the name a.{i}{j} does not take a.34, which it makes"},
	{"{`model`: `t`, `words`: {`w`: []}, `rules`: [\n[`{w}`, `{w}`]]}",
	 "\nt.json:2: {w} -> {w}: a list of words that is empty"},
	/* order */
	{"{`model`: `t`, `rules`: [\n[`a`, `b`],\n[`a`, `c`]]}",
	 "\nt.json:3: a -> c is never reached: the rule of line 2 takes all"},
	{"{`model`: `t`, `rules`: [\n[`*.w`, `*.x`],\n[`{i}.w`, `{i}.y`],\n"
	 "[`q.w, k.w`, `qk`, `o, o -> (o+o)`]]}",
	 "\nt.json:3: {i}.w -> {i}.y is never reached: the rule of line 2 "
	 "takes "
	 "all\nt.json:4: q.w, k.w -> qk is never reached: the rule of line 2 "
	 "takes all"},
	{"{`model`: `t`, `rules`: [\n[`a.{x:u|v}`, `b.{x}`],\n[`a.{x:u|v|w}`, "
	 "`c.{x}`],\n[`a.{x:v|u}`, `d.{x}`]]}",
	 "\nt.json:4: "},
	{"{`model`: `t`, `axes`: {`i`: `n`}, `rules`: [\n[`a.{i}`, `b.{i}`],\n"
	 "[`a.{j}`, `c.{j}`],\n[`a.3`, `d`]]}",
	 "\nt.json:4: "},
	{"{`model`: `t`, `axes`: {`i`: `n`}, `rules`: [\n[`{i}.*.w`, "
	 "`{i}.*.x`],"
	 "\n[`{i}.q.w`, `{i}.q`]]}",
	 "\nt.json:3: "},
	{"{`model`: `t`, `rules`: [{`when`: `x`, `rules`: [[`a`, `b`]]},\n"
	 "[`a`, `c`]]}",
	 ""},
	{"{`model`: `t`, `rules`: [[`a`, `b`, `o i -> i o`],\n[`a`, `b`]]}",
	 ""},
	/* a part is checked where it stands */
	{"{`model`: `t`, `rules`: [{`use`: `p`}], `parts`: {`p`: [\n"
	 "[`a`, `b`, `x y -> (x y)`]]}}",
	 "\nt.json:2: from the right alone"},
};

START_TEST(complaints_name_their_line)
{
	char *json = json_of(cases[_i].json);
	struct strbuf wrong = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct check_result r;

	ck_assert_int_eq(check_rules(&r, str_of(json), "t.json", &wrong, &err),
			 0);
	for (size_t i = 0; i < wrong.len; i++)
		if (wrong.p[i] == ERROR_ITEM[0])
			wrong.p[i] = '\n';
	ck_assert_msg(cases[_i].want[0]
			      ? wrong.len && str_starts(strbuf_str(&wrong),
							str_of(cases[_i].want))
			      : !wrong.len,
		      "%s: %s", cases[_i].json, wrong.len ? wrong.p : "");
	ck_assert_int_eq(!r.nwrong, !wrong.len);
	check_release(&r);
	strbuf_release(&wrong);
	error_release(&err);
	free(json);
}
END_TEST

/* Other names of the same thing are right; so it is no complaint. */
START_TEST(rules_that_make_the_same_are_pointed_out)
{
	char *json = json_of("{`model`: `t`, `rules`: [\n[`a`, `c`],\n"
			     "[`b`, `c`],\n[`d`, `e`],\n"
			     "{`when`: `x`, `rules`: [[`f`, `e`]]}]}");
	struct strbuf wrong = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct check_result r;

	ck_assert_int_eq(check_rules(&r, str_of(json), "t.json", &wrong, &err),
			 0);
	ck_assert_uint_eq(wrong.len, 0);
	ck_assert_str_eq(r.notes.p,
			 "t.json:3: b -> c makes what the rule of line 2 does: "
			 "a source may have the names of one of them, and the "
			 "way back gives those of line 2\n"
			 "t.json:5: f -> e makes what the rule of line 4 does: "
			 "a source may have the names of one of them, and the "
			 "way back gives those of line 4\n");
	check_release(&r);
	strbuf_release(&wrong);
	error_release(&err);
	free(json);
}
END_TEST

START_TEST(built_in_tables_are_right)
{
	const struct builtin_table *t = &builtin_tables[_i];
	struct strbuf wrong = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct check_result r;

	ck_assert_int_eq(check_rules(&r, (struct str){t->text, t->nbytes},
				     t->name, &wrong, &err),
			 0);
	ck_assert_msg(!wrong.len, "%s", wrong.p);
	check_release(&r);
	strbuf_release(&wrong);
	error_release(&err);
}
END_TEST

Suite *suite_check_rules(void);
Suite *suite_check_rules(void)
{
	Suite *s = suite_create("check_rules");
	TCase *tc = tcase_create("check_rules");

	tcase_add_loop_test(tc, complaints_name_their_line, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, rules_that_make_the_same_are_pointed_out);
	tcase_add_loop_test(tc, built_in_tables_are_right, 0,
			    (int)builtin_ntables);
	suite_add_tcase(s, tc);
	return s;
}
