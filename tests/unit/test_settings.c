/* SPDX-License-Identifier: Apache-2.0 */
/* What the user sets: what is refused of it, and where refusals name it. */
#include <check.h>
#include <string.h>

#include "model_fixture.h"

#define OPTIONS                                                                \
	"`options`: {`fused`: [false, true], `kind`: [`x`, `y`], `n`: [1, 2]}" \
	", `axes`: {`H`: `hidden`, `D`: [`D`, `H / heads`]},"                  \
	"`rules`: [[`a`, `b`]]"

START_TEST(malformed_settings_are_refused)
{
	static const struct {
		const char *key, *value, *want;
	} v[] = {
		{"fuse", "true",
		 "--set fuse: the t rules have no such option; they have "
		 "fused, kind, n"},
		{"a", "1",
		 "--set a: the t rules have no such option; they have fused, "
		 "kind, n"},
		{"H", "1",
		 "--set H: the t rules have no such option; they have fused, "
		 "kind, n"},
		{"fused", "yes",
		 "--set fused=yes: the values of fused are false, true"},
		{"fused", "1",
		 "--set fused=1: the values of fused are false, true"},
		{"kind", "z", "--set kind=z: the values of kind are x, y"},
		{"kind", "", "--set kind=: the values of kind are x, y"},
		{"n", "x", "--set n=x: the values of n are 1, 2"},
		{"n", "-1", "--set n=-1: the values of n are 1, 2"},
	};

	load(OPTIONS);
	model_add(&m, "a", DT_F32, "");
	for (size_t k = 0; k < sizeof(v) / sizeof(v[0]); k++) {
		m.nset = 0;
		model_set(&m, v[k].key, v[k].value);
		check_refused(0, ERR_USAGE, v[k].want);
	}
}
END_TEST

START_TEST(table_without_options_says_so)
{
	load("`rules`: [[`a`, `b`]]");
	model_set(&m, "x", "1");
	check_refused(0, ERR_USAGE,
		      "--set x: the t rules have no such option; they have "
		      "none");
}
END_TEST

START_TEST(setting_must_not_contradict_config)
{
	load(OPTIONS);
	model_config(&m, "{`hidden`: 64, `heads`: `many`, `D`: 4}");
	model_set(&m, "hidden", "32");
	check_refused(0, ERR_MAPPING,
		      "--set hidden=32 contradicts config.json, which says 64");
	m.nset = 0;
	model_set(&m, "heads", "8");
	check_refused(0, ERR_MAPPING,
		      "--set heads=8 contradicts config.json, which says many");
	m.nset = 0;
	model_set(&m, "D", "8");
	check_refused(0, ERR_MAPPING,
		      "--set D=8 contradicts config.json, which says 4");
}
END_TEST

/* ---- refusals that what is set brings about ---- */

START_TEST(missing_members_are_those_of_what_was_set)
{
	load("`axes`: {`L`: [`layers`, `n`], `i`: `L * 2`}, `rules`:"
	     "[[`a.{i}`, `b.{i}`]], `options`: {`o`: [1, 2]}");
	model_add(&m, "a.0", DT_F32, "");
	model_set(&m, "layers", "1");
	check_refused(0, ERR_MAPPING,
		      "1 tensor is missing: by --set L * 2 is 2, but there is "
		      "no\n  a.1");
	m.nset = 0;
	model_set(&m, "o", "2");
	model_config(&m, "{`n`: 1}");
	check_refused(0, ERR_MAPPING,
		      "1 tensor is missing: by config.json L * 2 is 2, but "
		      "there is no\n  a.1");
}
END_TEST

START_TEST(contradiction_names_what_was_set)
{
	load("`axes`: {`D`: `h / n`, `i`: `layers`}, `options`: {`n`: [1, 2]},"
	     "`rules`: [[`a`, `b`]]");
	model_add(&m, "a", DT_F32, "");
	model_config(&m, "{`h`: 7}");
	model_set(&m, "n", "2");
	check_refused(0, ERR_MAPPING,
		      "config.json with --set n=2 contradicts itself: 7 / 2 is "
		      "not a whole number (D of the t rules is h / n)");
	m.nset = 0;
	model_set(&m, "layers", "x");
	check_refused(0, ERR_MAPPING,
		      "--set: layers is no whole number");
}
END_TEST

START_TEST(names_without_a_place_are_so_with_what_was_set)
{
	load("`options`: {`lora`: [false, true], `tie`: [`auto`, `drop`]},"
	     "`rules`: [{`when`: `not lora`, `rules`: [[`a`, `b`]]}]");
	model_add(&m, "a", DT_F32, "");
	model_set(&m, "lora", "true");
	model_set(&m, "tie", "drop");
	check_refused(0, ERR_MAPPING,
		      "1 of 1 tensors have no place in the t rules with --set "
		      "lora=true --tie=drop (--partial passes them through as "
		      "they are):\n  a F32 []: the rule for a needs \"not "
		      "lora\"");
}
END_TEST

START_TEST(needed_names_are_so_with_what_was_set)
{
	load("`options`: {`head`: [false, true]}, `rules`: [[`a`, `a`],"
	     "{`needed`: true, `rules`: [[`d`, `d`],"
	     "{`when`: `head`, `rules`: [[`c`, `c`]]}]}]");
	model_add(&m, "a", DT_F32, "");
	model_add(&m, "d", DT_F32, "");
	model_set(&m, "head", "true");
	check_refused(0, ERR_MAPPING,
		      "the source lacks 1 name that every model of the t rules "
		      "has with --set head=true (--partial does without):"
		      "\n  c");
}
END_TEST

/* One that does for some and not for all is no way out. */
START_TEST(option_that_gives_all_a_place_is_told)
{
	load("`options`: {`infer`: [false, true], `n`: [1, 2]}, `rules`:"
	     "[[`a`, `b`], {`when`: `infer`, `rules`: [[`q`, `q`]]}]");
	model_add(&m, "a", DT_F32, "");
	model_add(&m, "q", DT_F32, "");
	check_refused(0, ERR_MAPPING,
		      "1 of 2 tensors have no place in the t rules (--partial "
		      "passes them through as they are; all have one with "
		      "--set infer=true):\n  q F32 []: the rule for q needs "
		      "\"infer\"");
	model_add(&m, "z", DT_F32, "");
	check_refused(0, ERR_MAPPING,
		      "2 of 3 tensors have no place in the t rules (--partial "
		      "passes them through as they are):\n  q F32 []: the rule "
		      "for q needs \"infer\"\n  z F32 []: the nearest rule is "
		      "for a");
}
END_TEST

#define LEN(v) ((int)(sizeof(v) / sizeof((v)[0])))

Suite *suite_settings(void);
Suite *suite_settings(void)
{
	const TTest *const tests[] = {
		malformed_settings_are_refused,
		table_without_options_says_so,
		setting_must_not_contradict_config,
		missing_members_are_those_of_what_was_set,
		contradiction_names_what_was_set,
		names_without_a_place_are_so_with_what_was_set,
		needed_names_are_so_with_what_was_set,
		option_that_gives_all_a_place_is_told,
	};
	Suite *s = suite_create("settings");
	TCase *tc = tcase_create("settings");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (int k = 0; k < LEN(tests); k++)
		tcase_add_test(tc, tests[k]);
	suite_add_tcase(s, tc);
	return s;
}
