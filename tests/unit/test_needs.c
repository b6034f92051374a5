/* SPDX-License-Identifier: Apache-2.0 */
/* What a model cannot do without: "needed" of a group of rules. */
#include <check.h>
#include <string.h>

#include "model_case.h"

static struct model_case m;

#define TABLE                                                                  \
	"{`model`: `t`, `axes`: {`i`: `n`}, `rules`: ["                        \
	"{`needed`: true, `rules`: [[`emb`, `e`], [`l.{i}.norm`, "             \
	"`m.{i}.norm`]]}, {`needed`: `n and not tie`, `rules`: "               \
	"[[`head`, `h`]]}, {`when`: `tie`, `rules`: [[``, `h = e`]]},"         \
	"{`needed`: true, `rules`: [[`old`, `x`]]}, [`new`, `x`],"             \
	"[`**.lora_A, **.lora_B`, `**.a, **.b`, `r i, o r -> r i, o r`]]}"

static void setup(void)
{
	memset(&m, 0, sizeof(m));
	model_init(&m, TABLE);
	model_config(&m, "{`n`: 1}");
}

static void teardown(void)
{
	model_release(&m);
}

#define WHOLE "emb F32 2\nl.0.norm F32 2\nold F32 1\n"

static void refused(const char *want)
{
	ck_assert_int_lt(model_plan(&m, 0), 0);
	ck_assert_int_eq(m.err.class, ERR_MAPPING);
	ck_assert_msg(strstr(error_text(&m.err), want), "%s\nhas no: %s",
		      error_text(&m.err), want);
}

static void made(int from, size_t n)
{
	ck_assert_msg(!model_plan(&m, from), "%s", error_text(&m.err));
	ck_assert_uint_eq(m.plan.target.n, n);
}

START_TEST(what_is_needed_and_not_there_is_refused)
{
	model_add_lines(&m, "emb F32 2\nl.0.norm F32 2\n");
	refused("the source lacks 2 names that every model of the t rules has "
		"(--partial does without):\n  head\n  old");
	model_clear(&m);
	model_add_lines(&m, "head F32 2\nemb F32 2\nold F32 1\n");
	refused("lacks 1 name that every model of the t rules has "
		"(--partial does without):\n  l.{i}.norm");
}
END_TEST

START_TEST(what_another_rule_makes_is_not_missing)
{
	model_add_lines(&m, "emb F32 2\nl.0.norm F32 2\nhead F32 2\n"
			    "new F32 1\n");
	made(0, 4);
}
END_TEST

START_TEST(conditions_say_when_it_is_needed)
{
	model_add_lines(&m, WHOLE);
	refused("\n  head");
	model_config(&m, "{`n`: 1, `tie`: true}");
	made(0, 4);
	model_config(&m, "{}"); /* who knows */
	made(0, 3);
}
END_TEST

START_TEST(parts_are_not_asked)
{
	model_add_lines(&m, "emb F32 2\nl.0.norm F32 2\n");
	m.options.partial = true;
	made(0, 2);
	m.options.partial = false;
	m.adapter = true;
	made(0, 2);
	m.adapter = false;
	model_clear(&m);
	model_add_lines(&m, "q.lora_A F32 2x3\nq.lora_B F32 4x2\n");
	made(0, 2); /* nothing that is needed: an adapter */
}
END_TEST

START_TEST(the_way_back_needs_the_same)
{
	model_add_lines(&m, "e F32 2\nm.0.norm F32 2\nh F32 2\nx F32 1\n");
	made(1, 4);
	model_clear(&m);
	model_add_lines(&m, "e F32 2\nm.0.norm F32 2\nx F32 1\n");
	ck_assert_int_lt(model_plan(&m, 1), 0);
	ck_assert(strstr(error_text(&m.err), "\n  h"));
}
END_TEST

START_TEST(half_of_a_lora_is_refused)
{
	model_add_lines(&m, WHOLE "head F32 2\nq.lora_A F32 2x3\n");
	refused("q.lora_B is missing beside it");
	model_add_lines(&m, "q.lora_B F32 4x5\n");
	refused("q.lora_B"); /* of another rank */
}
END_TEST

static void table(const char *text, const char *lines)
{
	model_release(&m);
	memset(&m, 0, sizeof(m));
	model_init(&m, text);
	model_config(&m, "{}");
	model_add_lines(&m, lines);
}

START_TEST(each_word_and_each_of_a_list_is_needed)
{
#define WORDS                                                                  \
	"{`model`: `t`, `words`: {`ln`: [[`weight`, `gamma`], [`bias`, "       \
	"`beta`], [`w`, `gamma`]]}, `rules`: [{`needed`: true, `rules`: ["     \
	"[`{x:a|b}.{i}.{ln}`, `{x}.{i}.{ln}`]]}]}"
	table(WORDS, "a.0.weight F32 2\na.0.bias F32 2\nb.0.w F32 2\n");
	refused("lacks 1 name that every model of the t rules has "
		"(--partial does without):\n  b.{i}.bias");
	table(WORDS, "a.0.weight F32 2\na.0.bias F32 2\nb.0.bias F32 2\n");
	refused("\n  b.{i}.weight or b.{i}.w");
	model_add_lines(&m, "b.0.w F32 2\n");
	made(0, 4);
}
END_TEST

START_TEST(of_two_ways_to_write_it_any_will_do)
{
#define PREFIX                                                                 \
	"{`model`: `t`, `rules`: [{`needed`: true, `rules`: [[`a`, `x`], "     \
	"[`p.a`, `x`], [`b`, `y`], [`p.b`, `y`]]}]}"
	table(PREFIX, "p.a F32 1\nb F32 1\n");
	made(0, 2);
	table(PREFIX, "p.a F32 1\n");
	refused("lacks 1 name that every model of the t rules has "
		"(--partial does without):\n  b or p.b");
	table(PREFIX, "x F32 1\n");
	ck_assert_int_lt(model_plan(&m, 1), 0);
	ck_assert(strstr(error_text(&m.err), "1 name"));
	ck_assert(strstr(error_text(&m.err), "\n  y"));
}
END_TEST

START_TEST(the_word_must_be_one)
{
	model_release(&m);
	memset(&m, 0, sizeof(m));
	m.err = (struct error)ERROR_INIT;
	for (int i = 0; i < 2; i++) {
		static const char *const texts[] = {
			"{\"model\": \"t\", \"rules\": [{\"needed\": 1, "
			"\"rules\": [[\"a\", \"b\"]]}]}",
			"{\"model\": \"t\", \"rules\": [{\"needed\": "
			"\"has a\", \"rules\": [[\"a\", \"b\"]]}]}",
		};
		struct error err = ERROR_INIT;
		struct table *t;

		ck_assert_int_lt(table_parse(&t, str_of(texts[i]), "f", &err),
				 0);
		ck_assert_int_eq(err.class, ERR_MODEL);
		ck_assert(strstr(error_text(&err), "\"needed\""));
		error_release(&err);
	}
}
END_TEST

Suite *suite_needs(void);
Suite *suite_needs(void)
{
	Suite *s = suite_create("needs");
	TCase *tc = tcase_create("needs");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_needed_and_not_there_is_refused);
	tcase_add_test(tc, what_another_rule_makes_is_not_missing);
	tcase_add_test(tc, conditions_say_when_it_is_needed);
	tcase_add_test(tc, parts_are_not_asked);
	tcase_add_test(tc, the_way_back_needs_the_same);
	tcase_add_test(tc, half_of_a_lora_is_refused);
	tcase_add_test(tc, each_word_and_each_of_a_list_is_needed);
	tcase_add_test(tc, of_two_ways_to_write_it_any_will_do);
	tcase_add_test(tc, the_word_must_be_one);
	suite_add_tcase(s, tc);
	return s;
}
