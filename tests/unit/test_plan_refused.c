/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan refuses, in which words: names without a place, names that are
 * missing, two rules for one thing, types, and a config.json that contradicts
 * itself or the tensors.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_fixture.h"

/* The sentence has that in it. */
static void check_says(const char *want)
{
	ck_assert_int_lt(model_plan(&m, 0), 0);
	ck_assert_msg(strstr(error_text(&m.err), want), "%s\nhas no: %s",
		      error_text(&m.err), want);
	ck_assert_int_eq(m.err.class, ERR_MAPPING);
}

/* ---- names without a place ---- */

START_TEST(unmapped_names_are_listed_with_their_near_misses)
{
	load("`axes`: {`H`: `hidden`, `i`: `n`}, `options`: {`o`: [false,"
	     "true]}, `rules`: [[`l.{i}.w`, `m.{i}.w`, `H c -> H c`],"
	     "{`when`: `o`, `rules`: [[`opt.w`, `opt.w`]]},"
	     "[`a.*, b.*`, `c.*`, `H, H -> (H+H)`]]");
	model_config(&m, "{`hidden`: 4, `n`: 1}");
	model_add_lines(&m, "l.0.w F32 4x2\nl.1.w F32 4x2\nl.0.W F16 4\n"
			    "opt.w I8\na.1 F32 4\nb.2 F32 4\na.3 F32 4\n"
			    "b.3 F32 5\n");
	check_refused(
		0, ERR_MAPPING,
		"7 of 8 tensors have no place in the t rules (--partial "
		"passes them through as they are):"
		"\n  l.1.w F32 [4,2]: i is 1, but n is 1"
		"\n  l.0.W F16 [4]: the nearest rule is for l.{i}.w"
		"\n  opt.w I8 []: the rule for opt.w needs \"o\""
		"\n  a.1 F32 [4]: b.1 is missing beside it"
		"\n  b.2 F32 [4]: a.2 is missing beside it"
		"\n  a.3 F32 [4]: b.3 beside it: dimension 0 is 5, H is 4 "
		"(hidden)"
		"\n  b.3 F32 [5]: dimension 0 is 5, H is 4 (hidden), in "
		"the rule a.*, b.* -> c.* by \"H, H -> (H+H)\"");
}
END_TEST

START_TEST(conditions_that_hold_are_not_what_is_missing)
{
	load("`options`: {`o`: [false, true], `k`: [true, false]}, `rules`: ["
	     "{`when`: `not k`, `rules`: [{`when`: `o`, `rules`: [[`a`, `b`]]}"
	     "]}, {`when`: `k`, `rules`: [{`when`: `o`, `rules`: [[`a`, `c`]]}"
	     "]}]");
	model_add_lines(&m, "a F32 4\n");
	check_refused(0, ERR_MAPPING,
		      "1 of 1 tensors have no place in the t rules (--partial "
		      "passes them through as they are; all have one with "
		      "--set o=true):\n  a F32 [4]: the rule for a needs "
		      "\"o\"");
}
END_TEST

START_TEST(every_unmapped_name_is_listed)
{
	char name[32];

	load("`rules`: [[`a`, `b`]]");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "x.%d.y", i);
		model_add(&m, name, DT_F32, "");
	}
	check_says("300 of 300 tensors");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "\n  x.%d.y F32 []", i);
		ck_assert(strstr(error_text(&m.err), name));
	}
}
END_TEST

START_TEST(first_of_two_near_misses_is_told)
{
	load("`rules`: [[`a`, `b`, `o i -> i o`], [`a`, `c`, `o i j -> o i j`]"
	     "]");
	model_add(&m, "a", DT_F32, "4");
	check_says("a F32 [4]: it has 1 dimension, not 2, in the rule a -> b");
}
END_TEST

START_TEST(shape_that_does_not_fit_is_explained)
{
	load("`rules`: [[`a`, `b`, `o i -> i o`], [`d`, `e`, `o 3 -> 3 o`]]");
	model_add_lines(&m, "a F32 4\nd F32 2x4\n");
	check_says("a F32 [4]: it has 1 dimension, not 2, in the rule a -> b "
		   "by \"o i -> i o\"");
	check_says("d F32 [2,4]: dimension 1 is 4, not 3, in the rule");
}
END_TEST

/* ---- what is missing ---- */

START_TEST(missing_members_of_a_range_are_listed)
{
	load("`axes`: {`i`: [`layers`, `num_layers`]},"
	     "`rules`: [[`l.{i}.w`, `m.{i}.w`], [`l.{i}.b`, `m.{i}.b`]]");
	model_config(&m, "{`num_layers`: 4}");
	model_add_lines(&m, "l.2.w F32 1\nl.0.w F32 1\n");
	check_refused(0, ERR_MAPPING,
		      "2 tensors are missing: by config.json num_layers is 4, "
		      "but there is no\n  l.1.w\n  l.3.w");
}
END_TEST

START_TEST(missing_part_of_a_range_is_listed_in_any_shape)
{
	load("`axes`: {`i`: `n`}, `rules`: [[`q.{i}, k.{i}`, `qk.{i}`,"
	     "`o, o -> (o+o)`]]");
	model_config(&m, "{`n`: 3}");
	model_add_lines(&m, "q.0 F32 1\nk.0 F32 1\nq.2 F32 1\nk.2 F32 1\n");
	check_says("2 tensors are missing: by config.json n is 3, but there "
		   "is no\n  q.1\n  k.1");
}
END_TEST

START_TEST(long_list_of_missing_names_is_cut)
{
	load("`axes`: {`i`: `n`}, `rules`: [[`l.{i}`, `m.{i}`]]");
	model_config(&m, "{`n`: 1000000}");
	model_add(&m, "l.7", DT_F32, "");
	check_says("999999 tensors are missing");
	check_says("\n  l.50\n  and 999949 more");
}
END_TEST

START_TEST(copy_whose_range_is_unknown_is_refused)
{
	load("`axes`: {`m`: `mtp`}, `rules`: [[`a`, `b`],"
	     "[``, `c.{m} = b`]]");
	model_add(&m, "a", DT_F32, "");
	check_says("{m} of \"nothing -> c.{m}\" has no range");
}
END_TEST

/* Else a number of a file decides how long one waits, for how much memory. */
START_TEST(copies_beyond_any_model_are_refused)
{
	load("`axes`: {`e`: `n`}, `rules`: [[`a`, `b`], [``, `c.{e} = b`]]");
	model_config(&m, "{`n`: 2000000000}");
	model_add(&m, "a", DT_F32, "2");
	check_refused(0, ERR_MAPPING,
		      "over 1048577 tensors would be made, the last of them "
		      "from b: look at the ranges of the table, and at the "
		      "numbers of config.json that they are made of");
}
END_TEST

START_TEST(slices_beyond_any_model_are_refused)
{
	load("`rules`: [[`a`, `b.{e}`, `e c -> c`]]");
	model_add(&m, "a", DT_F32, "2000000000x0");
	check_says("over 1048577 tensors would be made, the last of them from "
		   "a: ");
}
END_TEST

START_TEST(target_name_without_a_value_is_refused)
{
	load("`rules`: [[`a.{i}`, `b.{i+L}`], [`c.{i}`, `d.{i-1}`]]");
	model_add(&m, "a.0", DT_F32, "");
	check_says("a.0: \"b.{i+L}\" cannot be worked out");
	model_release(&m);
	load("`rules`: [[`c.{i}`, `d.{i-1}`]]");
	model_add(&m, "c.0", DT_F32, "");
	check_says("c.0: \"d.{i-1}\" cannot be worked out");
}
END_TEST

/* ---- two rules for one thing ---- */

START_TEST(two_sources_for_one_target_are_refused)
{
	load("`rules`: [[`a`, `x`], [`b`, `x`]]");
	model_add_lines(&m, "a F32 1\nb F32 1\n");
	check_refused(0, ERR_MAPPING,
		      "x would be made twice, the second time from b");
}
END_TEST

START_TEST(passed_name_does_not_replace_a_target)
{
	load("`rules`: [[`a`, `x`]]");
	m.options.partial = true;
	model_add_lines(&m, "a F32 1\nx F32 1\n");
	check_refused(0, ERR_MAPPING,
		      "x would be made twice, the second time from x");
}
END_TEST

START_TEST(part_that_an_earlier_rule_takes_is_refused)
{
	load("`rules`: [[`k`, `k`], [`q, k`, `qk`, `o, o -> (o+o)`]]");
	model_add_lines(&m, "q F32 1\nk F32 1\n");
	check_refused(0, ERR_MAPPING,
		      "q, k -> qk needs k, which another rule takes");
	model_clear(&m);
	model_add_lines(&m, "k F32 1\nq F32 1\n");
	check_refused(0, ERR_MAPPING,
		      "q, k -> qk needs k, which another rule takes");
}
END_TEST

START_TEST(part_in_the_same_place_of_an_earlier_rule_is_refused)
{
	load("`rules`: [[`p, k`, `pk`, `o, o -> (o+o)`],"
	     "[`q, k`, `qk`, `o, o -> (o+o)`]]");
	model_add_lines(&m, "q F32 1\nk F32 1\np F32 1\n");
	check_refused(0, ERR_MAPPING,
		      "q, k -> qk needs k, which another rule takes");
}
END_TEST

START_TEST(tensor_is_no_part_of_itself)
{
	load("`rules`: [[`{x:a|b}, {x:a|b}`, `c.{x}`, `o, o -> (o+o)`]]");
	model_add(&m, "a", DT_F32, "1");
	check_says("needs a, which another rule takes");
}
END_TEST

/* ---- types and shapes ---- */

START_TEST(parts_of_two_types_are_refused)
{
	load("`rules`: [[`a, b`, `c`, `o, o -> (o+o)`]]");
	model_add_lines(&m, "a F32 1\nb BF16 1\n");
	check_refused(0, ERR_MAPPING,
		      "a is F32 but b is BF16: a, b -> c needs one type, "
		      "choose it with --dtype");
}
END_TEST

START_TEST(parts_that_cannot_be_cast_are_refused)
{
	load("`rules`: [[`a, b`, `c`, `o, o -> (o+o)`]]");
	m.options.cast = true;
	m.options.dtype = DT_F32;
	model_add_lines(&m, "a F32 1\nb I32 1\n");
	check_says("a is F32 but b is I32");
}
END_TEST

START_TEST(small_type_is_not_rearranged)
{
	load("`rules`: [[`a`, `b`, `o i -> i o`]]");
	model_add(&m, "a", DT_F4, "2x2");
	check_refused(0, ERR_MAPPING,
		      "a: a F4 tensor can be renamed, but not rearranged by "
		      "\"o i -> i o\"");
}
END_TEST

START_TEST(shapes_that_contradict_each_other_are_refused)
{
	load("`rules`: [[`a, b`, `c`, `o i, o i -> (o+o) i`],"
	     "[`d`, `e, f`, `(o+o) -> o, o`]]");
	model_add_lines(&m, "a F32 2x3\nb F32 2x4\n");
	check_refused(0, ERR_MAPPING,
		      "b: dimension 1 is 4, the pattern \"o i, o i -> (o+o) "
		      "i\" makes it 3 (i = 3)");
	model_clear(&m);
	model_add(&m, "d", DT_F32, "5");
	check_says("d: dimension 0 is 5, the pattern \"(o+o) -> o, o\" needs "
		   "a multiple of 2");
}
END_TEST

/* ---- axes ---- */

START_TEST(axis_that_does_not_divide_is_refused)
{
	static const struct {
		const char *config, *want;
	} v[] = {
		{"{`h`: 64, `n`: 7}",
		 "config.json contradicts itself: 64 / 7 is not a whole number "
		 "(D of the t rules is h / n)"},
		{"{`h`: 64, `n`: 0}",
		 "config.json contradicts itself: 64 / 0 is not a whole number "
		 "(D of the t rules is h / n)"},
		{"{`d`: 0}", "config.json: d is 0, which is no size"},
		{"{`d`: -8}", "config.json: d is -8, which is no size"},
		{"{`d`: `8`}", "config.json: d is no whole number"},
		{"{`d`: 2.5}", "config.json: d is no whole number"},
		{"{`e`: 0}", "config.json: e is 0, which is no size"},
		{"{`d`: 2, `layers`: -1}",
		 "config.json: layers is -1, which is no size"},
		{"{`d`: 2, `h`: 7}",
		 "config.json contradicts itself: 7 / 2 is not a whole number "
		 "(Q of the t rules is h / 2 + D)"},
	};

	load("`axes`: {`Q`: `h / 2 + D`, `D`: [`d`, `h / n`, `e`],"
	     "`i`: `layers`}, `rules`: [[`a`, `b`]]");
	model_add(&m, "a", DT_F32, "");
	for (size_t k = 0; k < sizeof(v) / sizeof(v[0]); k++) {
		model_config(&m, v[k].config);
		check_refused(0, ERR_MAPPING, v[k].want);
	}
}
END_TEST

START_TEST(axes_without_a_value_name_the_keys)
{
	load("`axes`: {`N`: `heads`, `G`: [`kv_heads`, `heads`],"
	     "`R`: `N / G`, `D`: `hidden / heads`, `H`: `size`}, `rules`:"
	     "[[`q, k`, `qk`, `(G R D) H, (G D) H -> (G (R+1) D) H`]]");
	model_add(&m, "qk", DT_F32, "24x8");
	check_refused(1, ERR_MAPPING,
		      "qk: dimension 0 is 24, the pattern \"(G R D) H, "
		      "(G D) H -> (G (R+1) D) H\" leaves the axes G, R, D "
		      "unknown: name the config.json with --config, or give "
		      "kv_heads, heads, hidden with --set");
}
END_TEST

START_TEST(alternative_that_divides_is_taken)
{
	load("`axes`: {`D`: [`h / n`, `h / k`]}, `rules`: [[`a`, `b.{D}`]]");
	model_config(&m, "{`h`: 64, `n`: 7, `k`: 8}");
	model_add(&m, "a", DT_F32, "");
	ck_assert_int_eq(model_plan(&m, 0), 0);
	ck_assert(str_is(m.plan.target.v[0].name, "b.8"));
}
END_TEST

START_TEST(alternative_that_failed_is_no_contradiction)
{
	load("`axes`: {`X`: `D * unknown`, `D`: [`h / n`, `d`]},"
	     "`rules`: [[`a`, `b.{D}`]]");
	model_config(&m, "{`h`: 64, `n`: 7, `d`: 9}");
	model_add(&m, "a", DT_F32, "");
	ck_assert_int_eq(model_plan(&m, 0), 0);
	ck_assert(str_is(m.plan.target.v[0].name, "b.9"));
}
END_TEST

/* ---- a config.json that lies about a llama ---- */

#define CONFIG(heads, kv, hidden, inter, layers, vocab)                        \
	"{`architectures`: [`LlamaForCausalLM`], "                             \
	"`num_attention_heads`: " #heads ", `num_key_value_heads`: " #kv       \
	", `hidden_size`: " #hidden ", `intermediate_size`: " #inter           \
	", `num_hidden_layers`: " #layers ", `vocab_size`: " #vocab "}"

static const char llama[] = "model.embed_tokens.weight F32 20x8\n"
			    "model.layers.0.self_attn.q_proj.weight F32 8x8\n"
			    "model.layers.0.self_attn.k_proj.weight F32 4x8\n"
			    "model.layers.0.self_attn.v_proj.weight F32 4x8\n"
			    "model.layers.0.self_attn.o_proj.weight F32 8x8\n"
			    "model.layers.0.mlp.gate_proj.weight F32 12x8\n"
			    "model.layers.0.mlp.up_proj.weight F32 12x8\n"
			    "model.layers.0.mlp.down_proj.weight F32 8x12\n"
			    "model.layers.0.input_layernorm.weight F32 8\n"
			    "model.layers.0.post_attention_layernorm.weight F32"
			    " 8\nmodel.norm.weight F32 8\n"
			    "lm_head.weight F32 20x8\n";

static const struct {
	const char *config, *want[3];
} lies[] = {
	{CONFIG(3, 1, 8, 12, 1, 20), {"8 / 3 is not a whole number", "D of"}},
	{CONFIG(4, 3, 8, 12, 1, 20), {"4 / 3 is not a whole number", "R of"}},
	{CONFIG(4, 0, 8, 12, 1, 20),
	 {"num_key_value_heads is 0, which is no size"}},
	{CONFIG(4, 4, 8, 12, 1, 20),
	 {"self_attn.k_proj.weight F32 [4,8]: dimension 0 is 4, K is 8",
	  "self_attn.v_proj.weight F32 [4,8]: dimension 0 is 4, K is 8"}},
	{CONFIG(4, 2, 16, 12, 1, 20),
	 {"model.norm.weight F32 [8]: dimension 0 is 8, H is 16",
	  "model.embed_tokens.weight F32 [20,8]: dimension 1 is 8, H is 16"}},
	{CONFIG(4, 2, 8, 10, 1, 20),
	 {"mlp.gate_proj.weight F32 [12,8]: dimension 0 is 12, F is 10",
	  "mlp.down_proj.weight F32 [8,12]: dimension 1 is 12, F is 10"}},
	{CONFIG(4, 2, 8, 12, 1, 21),
	 {"model.embed_tokens.weight F32 [20,8]: dimension 0 is 20, V is 21",
	  "lm_head.weight F32 [20,8]: dimension 0 is 20, V is 21"}},
	{CONFIG(4, 2, 8, 12, 0, 20),
	 {"mlp.up_proj.weight F32 [12,8]: i is 0, but num_hidden_layers is 0"}},
	{CONFIG(4, 2, 8, 12, 2, 20),
	 {"9 tensors are missing: by config.json num_hidden_layers is 2, but",
	  "\n  model.layers.1.self_attn.q_proj.weight",
	  "\n  model.layers.1.post_attention_layernorm.weight"}},
};

static void check_lie(const char *table, int i, const char *concat)
{
	model_init_builtin(&m, table);
	model_config(&m, lies[i].config);
	model_add_lines(&m, llama);
	model_set(&m, "qkv_concat", concat);
	for (int k = 0; k < 3 && lies[i].want[k]; k++)
		check_says(lies[i].want[k]);
}

START_TEST(llama_whose_config_lies_is_refused)
{
	check_lie("llama", _i, "false");
}
END_TEST

START_TEST(qwen2_whose_config_lies_is_refused)
{
	check_lie("qwen2", _i, "false");
}
END_TEST

START_TEST(fused_llama_whose_config_lies_is_refused)
{
	model_init_builtin(&m, "llama");
	model_config(&m, lies[_i].config);
	model_add_lines(&m, llama);
	model_set(&m, "qkv_concat", "true");
	ck_assert_int_lt(model_plan(&m, 0), 0);
	ck_assert_int_eq(m.err.class, ERR_MAPPING);
}
END_TEST

START_TEST(llama_whose_config_is_right_is_planned)
{
	static const char *const tables[] = {"llama", "qwen2"};

	for (int k = 0; k < 4; k++) {
		model_init_builtin(&m, tables[k / 2]);
		model_config(&m, CONFIG(4, 2, 8, 12, 1, 20));
		model_add_lines(&m, llama);
		model_set(&m, "qkv_concat", k % 2 ? "true" : "false");
		if (model_plan(&m, 0))
			ck_abort_msg("%s", error_text(&m.err));
		ck_assert_uint_eq(m.plan.target.n, k % 2 ? 9 : 12);
		model_release(&m);
	}
	model_init_builtin(&m, "llama");
}
END_TEST

#define LEN(v) ((int)(sizeof(v) / sizeof((v)[0])))

Suite *suite_plan_refused(void);
Suite *suite_plan_refused(void)
{
	const TTest *const tests[] = {
		unmapped_names_are_listed_with_their_near_misses,
		conditions_that_hold_are_not_what_is_missing,
		every_unmapped_name_is_listed,
		first_of_two_near_misses_is_told,
		shape_that_does_not_fit_is_explained,
		missing_members_of_a_range_are_listed,
		missing_part_of_a_range_is_listed_in_any_shape,
		long_list_of_missing_names_is_cut,
		copy_whose_range_is_unknown_is_refused,
		copies_beyond_any_model_are_refused,
		slices_beyond_any_model_are_refused,
		target_name_without_a_value_is_refused,
		two_sources_for_one_target_are_refused,
		passed_name_does_not_replace_a_target,
		part_that_an_earlier_rule_takes_is_refused,
		part_in_the_same_place_of_an_earlier_rule_is_refused,
		tensor_is_no_part_of_itself,
		parts_of_two_types_are_refused,
		parts_that_cannot_be_cast_are_refused,
		small_type_is_not_rearranged,
		shapes_that_contradict_each_other_are_refused,
		axis_that_does_not_divide_is_refused,
		axes_without_a_value_name_the_keys,
		alternative_that_divides_is_taken,
		alternative_that_failed_is_no_contradiction,
		llama_whose_config_is_right_is_planned,
	};
	Suite *s = suite_create("plan_refused");
	TCase *tc = tcase_create("refused");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (int k = 0; k < LEN(tests); k++)
		tcase_add_test(tc, tests[k]);
	tcase_add_loop_test(tc, llama_whose_config_lies_is_refused, 0,
			    LEN(lies));
	tcase_add_loop_test(tc, qwen2_whose_config_lies_is_refused, 0,
			    LEN(lies));
	tcase_add_loop_test(tc, fused_llama_whose_config_lies_is_refused, 0,
			    LEN(lies));
	suite_add_tcase(s, tc);
	return s;
}
