/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every built-in table goes there and back (made_check.h); tables that are
 * wrong show that each kind of it is found.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "made_check.h"

static struct checker checker;

START_TEST(built_in_table_goes_there_and_back)
{
	check_table(&checker, &builtin_tables[_i]);
	ck_assert_msg(!checker.why.len, "%s: %s", builtin_tables[_i].name,
		      checker.why.p);
	checker_release(&checker);
}
END_TEST

/* ---- tables made for this test ---- */

static void check_text(const char *text)
{
	char *json = json_of(text);
	struct builtin_table t = {"made", json, strlen(json)};

	check_table(&checker, &t);
	free(json);
}

#define T(rest) "{`model`: `made`, " rest "}"

static const char *const right[] = {
	T("`rules`: [[`a`, `b`]]"),
	/* fit: a norm, a transpose, and the rest */
	T("`rules`: [[`**.weight, **.bias`, `**.gamma, **.beta`,"
	  "`c, c -> c, c`], [`*.w`, `*.t`, `o i -> i o`], [`*.w`, `*.w`]]"),
	/* fused or not, by an option and by config.json */
	T("`axes`: {`N`: `heads`, `G`: [`kv`, `heads`], `R`: `N / G`,"
	  "`D`: [`dim`, `hidden / N`], `i`: `layers`}, `options`: {`fused`: "
	  "[false, true], `n`: [1, 2]}, `rules`: [{`at`: [`l.{i}.`,"
	  "`m.{i}.`], `rules`: [{`when`: `fused and kind == 'x'`, `rules`: ["
	  "[`q.*, k.*`, `qk.*`, `(G R D) ..., (G D) ... -> (G (R+1) D) ...`]]}"
	  ", {`when`: `fused and kind != 'x'`, `rules`: [[`q.*, k.*`, `qk.*`,"
	  "`(G R D) ..., (G D) ... -> ((G R D)+(G D)) ...`]]},"
	  "[`{x:q|k}.*`, `w{x}.*`]]}]"),
	/* two names on the left for one on the right */
	T("`rules`: [[`b.{i}`, `y.{i}`], [`c`, `y.0`], [`x.b.{i}`, `y.{i}`]]"),
	/* one or two names on the left for one on the right */
	T("`axes`: {`G`: `heads`}, `rules`: [[`kv`, `y`, `(G (1+1) d) -> "
	  "(G (1+1) d)`], [`k, v`, `y`, `(G d), (G d) -> (G (1+1) d)`]]"),
	/* words that repeat on either side, arithmetic, constants */
	T("`axes`: {`L`: `text.layers`, `m`: `text.mtp`}, `words`: {`w`: ["
	  "[`a`, `x`], [`b`, `y`], [`a`, `z`], [`c`, `y`]]}, `rules`: ["
	  "[`l.{m+L}.{w}`, `mtp.{m}.{w}`], [`l.{L-1}.{w}`, `last.{w}`]]"),
	/* stacks: of a known number, of any, and taken apart */
	T("`axes`: {`e`: `experts`}, `rules`: [[`x.{e}.w`, `w`,"
	  "`f c -> e c f`], [`y.{i}.{n}.w`, `y.{i}.w`], [`z`, `z.{e}`],"
	  "[`a.{e}.w, a.{e}.v`, `a`, `f c, f c -> e (f+f) c`]]"),
	/* rows of zeros */
	T("`axes`: {`Z`: `pad`}, `rules`: [[`a`, `b`,"
	  "`v c -> (v+(0 Z)) c`]]"),
	/* dropped tensors, copies, a range */
	T("`axes`: {`i`: `layers`}, `rules`: [[`emb`, `e`], [`head`, `h`],"
	  "[`l.{i}.freq`, ``], [`l.{i}.rope = rope`, ``], [`rope`, `r`],"
	  "{`when`: `tie`, `rules`: [[``, `h = e`]]},"
	  "[``, `copy.{i} = e`]]"),
	/* an option that leaves a part out; a range that is counted */
	T("`axes`: {`i`: [`count a.{n}.w`, `count x.{n}.w`]}, `options`: {"
	  "`part`: [`all`, `a`]}, `rules`: [[`a.{i}.w`, `x.{i}.w`],"
	  "{`when`: `part == 'all'`, `rules`: [[`b.{i}.w`, `y.{i}.w`]]},"
	  "{`when`: `part != 'all'`, `rules`: [[`**`, ``]]}]"),
	/* a condition on what else is there, and one on a number */
	T("`axes`: {`E`: `experts if experts > 0`}, `rules`: ["
	  "{`when`: `has gate`, `rules`: [[`w`, `moe.w`]]}, [`w`, `w`],"
	  "{`when`: `experts > 3`, `rules`: [[`gate`, `gate`, "
	  "`(E c) -> E c`]]}]"),
};

START_TEST(right_table_is_right)
{
	check_text(right[_i]);
	ck_assert_msg(!checker.why.len, "%s", checker.why.p);
	checker_release(&checker);
}
END_TEST

#define LONG40 "                                        "

static const struct {
	const char *table, *want;
} wrongs[] = {
	{T("`options`: {`o`: [false, true]}, `rules`: [{`when`: `o`, `rules`: "
	   "[[`a.w`, `b.w`]]}, [`**`, `**`]]"),
	 "a.w, which a.w -> b.w owns, is taken by ** -> **"},
	{T("`options`: {`o`: [false, true]}, `rules`: [{`when`: `o`, `rules`: "
	   "[[`a.w`, `b.w`]]}, {`when`: `not o`, `rules`: [[`a.w`, `c.w`]]},"
	   "[`x**`, `b.**`]]"),
	 "b.w, which a.w -> b.w owns, is taken by x** -> b.**"},
	{T("`rules`: [[`a.*`, `b.*`], [`a.weight`, `c`]]"),
	 "a.weight -> c: never reached"},
	{T("`rules`: [{`when`: `1 == 2`, `rules`: [[`a`, `b`]]}, [`c`, `c`]]"),
	 "a -> b: never reached"},
	{T("`rules`: [[`b.w`, `y.w`, `o i -> i o`], [`c.w`, `y.w`]]"),
	 "back: c.w is missing"},
	{T("`rules`: [[`a`, `b`, `v c -> (v+(0 Z)) c`]]"),
	 "leaves the axis Z unknown"},
	{T("`rules`: [[`a`, `b`, `x y -> (x y)`]]"),
	 "back: b: dimension 0 is 6, the pattern \"x y -> (x y)\" leaves the "
	 "axes x, y unknown"},
	{T("`rules`: [[`a`, `b`, `(x y) -> x y`]]"),
	 "to the right: a: dimension 0 is 6, the pattern \"(x y) -> x y\" "
	 "leaves the axes x, y unknown"},
	{T("`rules`: [[`{x:a|ab}{y:|b}`, `{x}.{y}`]]"),
	 "takes its own ab for another"},
	{T("`rules`: [[`{i}{j}`, `{i}.{j}`]]"), "does not match its own"},
	{T("`rules`: [[`k`, ``], {`when`: `has k`, `rules`: [[`a`, `b`]]}]"),
	 "back: 1 of 1 tensors have no place"},
	{T("\n" LONG40 LONG40 LONG40 LONG40 "\n`rules`: [[`a`, `b`]]"), ""},
	{T("\n" LONG40 LONG40 LONG40 LONG40 " \n`rules`: [[`a`, `b`]]"),
	 "a line of 161 characters"},
};

START_TEST(wrong_table_is_found_out)
{
	const char *want = wrongs[_i].want;

	check_text(wrongs[_i].table);
	ck_assert_msg(want[0] ? checker.why.p && strstr(checker.why.p, want)
			      : !checker.why.len,
		      "%s, not %s", checker.why.len ? checker.why.p : "nothing",
		      want);
	checker_release(&checker);
}
END_TEST

#define LEN(v) ((int)(sizeof(v) / sizeof((v)[0])))

Suite *suite_tables(void);
Suite *suite_tables(void)
{
	Suite *s = suite_create("tables");
	TCase *tc = tcase_create("tables");

	tcase_add_loop_test(tc, built_in_table_goes_there_and_back, 0,
			    (int)builtin_ntables);
	tcase_add_loop_test(tc, right_table_is_right, 0, LEN(right));
	tcase_add_loop_test(tc, wrong_table_is_found_out, 0, LEN(wrongs));
	suite_add_tcase(s, tc);
	return s;
}
