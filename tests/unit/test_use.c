/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables made of others: parts, use, extends, config; names that keep their
 * type; options that are settled by what is there.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "model_fixture.h"

static void load_fails(const char *rest, const char *want)
{
	char *json;
	struct table *t = NULL;
	struct error err = ERROR_INIT;

	strbuf_reset(&text);
	strbuf_addf(&text, "{`model`: `t`,\n%s}", rest);
	json = json_of(text.p);
	ck_assert_int_lt(table_parse(&t, str_of(json), "my.json", &err), 0);
	ck_assert_str_eq(error_text(&err), want);
	error_release(&err);
	free(json);
}

static void plan_makes(int from, const char *want)
{
	struct strbuf got = STRBUF_INIT;

	if (model_plan(&m, from))
		ck_abort_msg("%s", error_text(&m.err));
	strbuf_reserve(&got, 1);
	for (size_t i = 0; i < m.plan.target.n; i++) {
		strbuf_adds(&got, i ? "\n" : "");
		strbuf_add_tensor(&got, &m.plan.target.v[i]);
	}
	ck_assert_str_eq(got.len ? got.p : "", want);
	strbuf_release(&got);
}

static void plan_fails(int from, const char *want)
{
	ck_assert_int_lt(model_plan(&m, from), 0);
	ck_assert_msg(strstr(error_text(&m.err), want), "%s",
		      error_text(&m.err));
}

/* ---- parts ---- */

START_TEST(parts_are_taken_in_behind_prefixes)
{
	load("`rules`: [{`at`: [`x.{i}.`, `y.{i}.`], `use`: `p`},"
	     "{`at`: [`z.`, `z.`], `when`: `on`, `use`: `p`}],"
	     "`parts`: {`p`: [[`a`, `b`], {`at`: [`q.`, ``], `use`: `r`}],"
	     "`r`: [[`c`, `d`]]}");
	ck_assert_uint_eq(m.table->nrules, 4);
	ck_assert(str_is(m.table->rules[1].text, "x.{i}.q.c -> y.{i}.d"));
	ck_assert(str_is(m.table->rules[3].text, "z.q.c -> z.d"));
	ck_assert_uint_eq(m.table->rules[1].nconds, 0);
	ck_assert_uint_eq(m.table->rules[3].nconds, 1);
}
END_TEST

START_TEST(a_part_of_itself_is_refused)
{
	load_fails("`rules`: [{`use`: `p`}], `parts`: {\n`p`: [{`use`: `p`}]}",
		   "my.json:3: groups nested too deeply");
}
END_TEST

START_TEST(what_is_used_must_be_there)
{
	load_fails("`rules`: [\n\n{`use`: `nope`}]",
		   "my.json:4: there is no part and no table \"nope\"");
	load_fails("`extends`: `nope`, `rules`: []",
		   "my.json:2: there is no part and no table \"nope\"");
	load_fails("`rules`: [{`use`: 5}]",
		   "my.json:2: \"use\" must be the name of a part or of a "
		   "table");
	load_fails("`parts`: [], `rules`: []",
		   "my.json:2: \"parts\" must be an object");
}
END_TEST

/* ---- other tables ---- */

START_TEST(a_used_table_has_its_own_axes_and_keys)
{
	load("`axes`: {`V`: `own_size`}, `rules`: [[`e`, `f`, `V -> V`],"
	     "{`at`: [`lm.`, `llm.`], `config`: `text`, `use`: `llama`}]");
	model_config(&m, "{`own_size`: 3, `vocab_size`: 99,"
			 "`text`: {`vocab_size`: 7, `hidden_size`: 5}}");
	model_add_lines(&m, "e F32 3\nlm.lm_head.weight F32 7x5\n");
	plan_makes(0, "f F32 3\nllm.lm_head.weight F32 7x5");
	model_clear(&m);
	model_add_lines(&m, "lm.lm_head.weight F32 99x5\n");
	plan_fails(0, "dimension 0 is 99, V is 7");
}
END_TEST

START_TEST(config_keys_move_for_a_group)
{
	load("`axes`: {`N`: `n`}, `rules`: [[`a`, `b`, `N -> N`],"
	     "{`config`: `sub`, `rules`: [[`c`, `d`, `N -> N`],"
	     "{`config`: `deep`, `when`: `flag`, `rules`: [[`e`, `f`,"
	     "`N -> N`]]}]}]");
	model_config(&m, "{`n`: 1, `sub`: {`n`: 2, `deep`: {`n`: 3,"
			 "`flag`: true}}}");
	model_add_lines(&m, "a F32 1\nc F32 2\ne F32 3\n");
	plan_makes(0, "b F32 1\nd F32 2\nf F32 3");
	model_config(&m, "{`n`: 1, `sub`: {`n`: 2, `deep`: {`n`: 3}}}");
	plan_fails(0, "the rule for e needs \"flag\"");
}
END_TEST

START_TEST(options_are_shared_with_a_used_table)
{
	load("`options`: {`qkv_concat`: [true, false]}, `rules`: ["
	     "{`use`: `llama`}]");
	ck_assert_int_eq(
		table_option(m.table, str_of("qkv_concat"))->values[0].num, 1);
	ck_assert_ptr_nonnull(table_option(m.table, str_of("qkv_layout")));
	for (size_t i = 1; i < m.table->noptions; i++)
		ck_assert(!str_is(m.table->options[i].name, "qkv_concat"));
}
END_TEST

START_TEST(set_keys_are_checked_where_they_are_used)
{
	load("`rules`: [{`config`: `text`, `use`: `llama`}]");
	model_config(&m, "{`text`: {`vocab_size`: 7}}");
	model_set(&m, "vocab_size", "8");
	model_add_lines(&m, "lm_head.weight F32 7x5\n");
	plan_fails(0, "--set vocab_size=8 contradicts config.json, which says "
		      "7");
}
END_TEST

START_TEST(extending_adds_to_what_is_there)
{
	load("`extends`: `qwen2`, `axes`: {`V`: `my_size`, `X`: `x`},"
	     "`options`: {`mine`: [1]}, `rules`: [[`lm_head.weight`, `mine`,"
	     "`V X -> V X`]]");
	model_config(&m, "{`my_size`: 4, `x`: 2, `vocab_size`: 9,"
			 "`hidden_size`: 2}");
	model_add_lines(&m, "lm_head.weight F32 4x2\n"
			    "model.layers.0.mlp.down_proj.weight F32 2x3\n");
	plan_makes(0, "mine F32 4x2\n"
		      "model.layers.0.feed_forward.w2.weight F32 2x3");
	ck_assert(str_is(m.table->model, "t"));
	ck_assert_uint_eq(m.table->ndetect, 0);
	ck_assert_ptr_nonnull(table_option(m.table, str_of("qkv_concat")));
	ck_assert_ptr_nonnull(table_option(m.table, str_of("mine")));
}
END_TEST

/* ---- types that stay ---- */

START_TEST(kept_names_do_not_follow_the_type)
{
	load("`keep`: [`a.{i}`, `**bias`, `right`], `rules`: ["
	     "[`a.{i}`, `b.{i}`], [`left`, `right`], [`*.bias`, `x.*`],"
	     "[`o`, `p`]]");
	m.options = (struct plan_options){.cast = true, .dtype = DT_BF16};
	model_add_lines(&m, "a.0 F32 1\nleft F32 1\nq.bias F32 1\no F32 1\n");
	plan_makes(0, "b.0 F32 1\nright F32 1\nx.q F32 1\np BF16 1");
}
END_TEST

START_TEST(kept_names_have_their_own_type_under_a_condition)
{
	load("`options`: {`o`: [false, true]}, `keep`: [{`names`: [`**a`],"
	     "`when`: `not o`, `type`: `Float32`}, {`names`: `b`,"
	     "`when`: `o`}], `rules`: [[`*`, `*`]]");
	m.options = (struct plan_options){.cast = true, .dtype = DT_BF16};
	model_add_lines(&m, "a F16 1\nb F16 1\nia I32 1\n");
	plan_makes(0, "a F32 1\nb BF16 1\nia I32 1");
	model_set(&m, "o", "true");
	plan_makes(0, "a BF16 1\nb F16 1\nia I32 1");
	m.options.cast = false;
	plan_makes(0, "a F16 1\nb F16 1\nia I32 1");
}
END_TEST

START_TEST(names_are_kept_behind_the_prefix_of_their_use)
{
	load("`keep`: `n`, `rules`: [{`at`: [`l.`, `m.`], `rules`: ["
	     "[`n`, `n`]]}, [`n`, `n`]]");
	m.options = (struct plan_options){.cast = true, .dtype = DT_F16};
	model_add_lines(&m, "l.n F32 1\nn F32 1\n");
	plan_makes(0, "m.n F16 1\nn F32 1");
}
END_TEST

/* ---- options on the way back ---- */

#define LAYOUTS                                                                \
	"`options`: {`fused`: [false, true], `order`: [`x`, `y`]}, `rules`: [" \
	"{`when`: `fused`, `rules`: [[`q, k`, `qk`, `c, c -> (c+c)`]]},"       \
	"{`when`: `not fused`, `rules`: [[`{x:q|k}`, `w{x}`]]},"               \
	"{`when`: `order == 'y'`, `rules`: [[`n`, `m`]]}]"

START_TEST(names_decide_options_on_the_way_back)
{
	load(LAYOUTS);
	model_add_lines(&m, "qk F32 4\n");
	plan_makes(1, "q F32 2\nk F32 2");
	ck_assert_int_eq(m.scope.options[0].num, 1);
	ck_assert(str_is(m.scope.options[1].text, "x"));
	model_add_lines(&m, "m F32 1\n");
	plan_makes(1, "q F32 2\nk F32 2\nn F32 1");
	ck_assert(str_is(m.scope.options[1].text, "y"));
}
END_TEST

START_TEST(ties_go_to_the_defaults)
{
	load(LAYOUTS);
	model_add_lines(&m, "other F32 4\n");
	plan_fails(1, "other");
	ck_assert_int_eq(m.scope.options[0].num, 0);
	ck_assert(str_is(m.scope.options[1].text, "x"));
}
END_TEST

START_TEST(an_option_that_is_set_stays)
{
	load(LAYOUTS);
	model_set(&m, "fused", "false");
	model_add_lines(&m, "qk F32 4\n");
	plan_fails(1, "qk");
}
END_TEST

START_TEST(to_the_right_options_are_the_defaults)
{
	load(LAYOUTS);
	model_add_lines(&m, "n F32 1\n");
	plan_fails(0, "n F32 [1]");
}
END_TEST

Suite *suite_use(void);
Suite *suite_use(void)
{
	Suite *s = suite_create("use");
	TCase *tc = tcase_create("use");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, parts_are_taken_in_behind_prefixes);
	tcase_add_test(tc, a_part_of_itself_is_refused);
	tcase_add_test(tc, what_is_used_must_be_there);
	tcase_add_test(tc, a_used_table_has_its_own_axes_and_keys);
	tcase_add_test(tc, config_keys_move_for_a_group);
	tcase_add_test(tc, options_are_shared_with_a_used_table);
	tcase_add_test(tc, set_keys_are_checked_where_they_are_used);
	tcase_add_test(tc, extending_adds_to_what_is_there);
	tcase_add_test(tc, kept_names_do_not_follow_the_type);
	tcase_add_test(tc, kept_names_have_their_own_type_under_a_condition);
	tcase_add_test(tc, names_are_kept_behind_the_prefix_of_their_use);
	tcase_add_test(tc, names_decide_options_on_the_way_back);
	tcase_add_test(tc, ties_go_to_the_defaults);
	tcase_add_test(tc, an_option_that_is_set_stays);
	tcase_add_test(tc, to_the_right_options_are_the_defaults);
	suite_add_tcase(s, tc);
	return s;
}
