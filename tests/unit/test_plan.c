/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans: which rule takes which tensor, what becomes of it, in which order.
 * The targets are written as lines "name DTYPE dims". Elements are told apart
 * by their labels: 3.5 is element 5 of the tensor that was added as number 3.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/gather.h"
#include "model_fixture.h"

/* The targets, in order. */
static void check_targets(const char *want)
{
	struct strbuf got = STRBUF_INIT;

	strbuf_reserve(&got, 1);
	for (size_t i = 0; i < m.plan.target.n; i++) {
		strbuf_adds(&got, i ? "\n" : "");
		strbuf_add_tensor(&got, &m.plan.target.v[i]);
	}
	ck_assert_str_eq(got.len ? got.p : "", want);
	strbuf_release(&got);
}

static void plan_makes(int from, const char *want)
{
	plan(from);
	check_targets(want);
}

/* The elements of a target: "0.0 0.1 1.0 ...". */
static void check_elements(const char *name, const char *want)
{
	const struct tensor *t = tensor_set_find(&m.plan.target, str_of(name));
	struct strbuf got = STRBUF_INIT;
	uint64_t v[64];

	ck_assert_ptr_nonnull(t);
	ck_assert_uint_le(tensor_nelem(t), 64);
	tensor_labels(t, v);
	strbuf_reserve(&got, 1);
	for (uint64_t e = 0; e < tensor_nelem(t); e++)
		strbuf_addf(&got, "%s%d.%d", e ? " " : "",
			    (int)(v[e] / LABEL_STEP), (int)(v[e] % LABEL_STEP));
	ck_assert_str_eq(got.len ? got.p : "", want);
	strbuf_release(&got);
}

static const struct origin *origin_of(const char *name)
{
	const struct tensor *t = tensor_set_find(&m.plan.target, str_of(name));

	ck_assert_ptr_nonnull(t);
	return &m.plan.origins[t - m.plan.target.v];
}

/* ---- which rule ---- */

START_TEST(first_rule_that_matches_wins)
{
	load("`rules`: [[`a.{i}.w`, `x.{i}`], [`a.0.w`, `y`], [`*.w`, `z.*`]]");
	model_add_lines(&m, "a.0.w F32 2\nb.w F32 3\n");
	plan_makes(0, "x.0 F32 2\nz.b F32 3");
}
END_TEST

START_TEST(fit_decides_between_rules)
{
	load("`rules`: [[`*.w`, `*.t`, `o i -> i o`], [`*.w`, `*.p`]]");
	model_add_lines(&m, "a.w F32 2x3\nb.w F32 4\nc.w F32 2x3x4\n");
	plan_makes(0, "a.t F32 3x2\nb.p F32 4\nc.p F32 2x3x4");
	check_elements("a.t", "0.0 0.3 0.1 0.4 0.2 0.5");
	check_elements("b.p", "1.0 1.1 1.2 1.3");
}
END_TEST

START_TEST(fit_is_about_known_dimensions_too)
{
	load("`axes`: {`H`: `hidden`}, `rules`: ["
	     "[`*`, `one.*`, `o 1 -> o`], [`*`, `h.*`, `H c -> c H`],"
	     "[`*`, `dots.*`, `H 2 c ... -> c H 2 ...`], [`*`, `rest.*`]]");
	model_config(&m, "{`hidden`: 4}");
	model_add_lines(&m, "a F32 9x1\nb F32 4x3\nc F32 5x3\n"
			    "d F32 4x2x3x5\ne F32 4x3x3x5\n");
	plan_makes(0, "one.a F32 9\nh.b F32 3x4\nrest.c F32 5x3\n"
		      "dots.d F32 3x4x2x5\nrest.e F32 4x3x3x5");
}
END_TEST

/* A weight with a bias beside it is a LayerNorm's, both of one dimension. */
START_TEST(pair_of_weight_and_bias_is_a_norm)
{
	load("`rules`: [[`**.weight, **.bias`, `**.gamma, **.beta`,"
	     "`c, c -> c, c`], [`**`, `**`]]");
	model_add_lines(&m, "a.norm.weight F32 4\na.norm.bias F32 4\n"
			    "fc.bias F32 3\nfc.weight F32 3x4\n"
			    "rms.weight F32 4\n");
	plan_makes(0, "a.norm.gamma F32 4\na.norm.beta F32 4\nfc.bias F32 3\n"
		      "fc.weight F32 3x4\nrms.weight F32 4");
	ck_assert_uint_eq(origin_of("a.norm.beta")->nsources, 2);
	ck_assert_uint_eq(origin_of("a.norm.beta")->slot, 1);
	check_elements("a.norm.beta", "1.0 1.1 1.2 1.3");
}
END_TEST

START_TEST(rules_are_read_from_the_right_as_well)
{
	load("`rules`: [[`a.{i}.w, a.{i}.v`, `b.{i}`, `o c, o c -> (o+o) c`],"
	     "[`x.{m+2}`, `y.{m}`, `o i -> i o`]]");
	model_add_lines(&m, "b.1 F32 4x2\ny.0 F32 2x3\n");
	plan_makes(1, "a.1.w F32 2x2\na.1.v F32 2x2\nx.2 F32 3x2");
	check_elements("a.1.v", "0.4 0.5 0.6 0.7");
	check_elements("x.2", "1.0 1.3 1.1 1.4 1.2 1.5");
}
END_TEST

START_TEST(conditions_see_captures)
{
	load("`words`: {`w`: {`p`: `q`}}, `rules`: ["
	     "{`when`: `i % 2 == 0 and i < 4`, `rules`: [[`l.{i}`, `e.{i}`]]},"
	     "{`when`: `x == 'b'`, `rules`: [[`{x:a|b}.{j}`, `{x}{j}`]]},"
	     "{`when`: `w == 'p'`, `rules`: [[`{w}`, `{w}`]]},"
	     "[`**`, `o.**`]]");
	model_add_lines(&m, "l.0 F32 1\nl.1 F32 1\nl.2 F32 1\nl.4 F32 1\n"
			    "a.5 F32 1\nb.5 F32 1\np F32 1\n");
	plan_makes(0, "e.0 F32 1\no.l.1 F32 1\ne.2 F32 1\no.l.4 F32 1\n"
		      "o.a.5 F32 1\nb5 F32 1\nq F32 1");
}
END_TEST

START_TEST(conditions_see_the_tensors_of_the_source)
{
	load("`rules`: [{`at`: [`l.{i}.`, `m.{i}.`], `rules`: ["
	     "{`when`: `has gate`, `rules`: [[`up`, `moe`]]},"
	     "{`when`: `not has /top`, `rules`: [[`up`, `bare`]]},"
	     "[`up`, `plain`], [`gate`, `gate`]]}, [`top`, `top`]]");
	model_add_lines(&m, "l.0.up F32 1\nl.1.up F32 1\nl.1.gate F32 1\n");
	plan_makes(0, "m.0.bare F32 1\nm.1.moe F32 1\nm.1.gate F32 1");
	model_add(&m, "top", DT_F32, "");
	plan_makes(0, "m.0.plain F32 1\nm.1.moe F32 1\nm.1.gate F32 1\n"
		      "top F32");
}
END_TEST

/* ---- one-sided rules ---- */

START_TEST(tensor_without_counterpart_is_dropped)
{
	load("`rules`: [[`*.inv_freq`, ``], [`*`, `*`], [`*.w`, `x.*`]]");
	model_add_lines(&m, "a.inv_freq F32 7\nb F32 1\na.w F32 2\n");
	plan_makes(0, "b F32 1\nx.a F32 2");
	ck_assert_uint_eq(m.plan.ndropped, 1);
	ck_assert_uint_eq(m.plan.dropped[0].source, 0);
	ck_assert(m.plan.dropped[0].rule == &m.table->rules[0]);
}
END_TEST

#define TIED                                                                   \
	"`rules`: [[`emb`, `e`], [`head`, `h`], [`rest.*`, `r.*`],"            \
	"{`when`: `tie`, `rules`: [[``, `h = e`]]}]"

START_TEST(copy_is_made_where_no_rule_made_it)
{
	load(TIED);
	model_config(&m, "{`tie`: true}");
	model_add_lines(&m, "rest.1 F32 1\nemb F32 2x2\nrest.2 F32 1\n");
	plan_makes(0, "r.1 F32 1\ne F32 2x2\nh F32 2x2\nr.2 F32 1");
	ck_assert_int_eq(origin_of("h")->kind, ORIGIN_COPY);
	ck_assert_int_eq(origin_of("e")->kind, ORIGIN_RULE);
	check_elements("h", "1.0 1.1 1.2 1.3");
}
END_TEST

START_TEST(copy_is_not_made_where_a_rule_made_it)
{
	load(TIED);
	model_config(&m, "{`tie`: true}");
	model_add_lines(&m, "emb F32 2\nhead F32 2\n");
	plan_makes(0, "e F32 2\nh F32 2");
	ck_assert_int_eq(origin_of("h")->kind, ORIGIN_RULE);
	check_elements("h", "1.0 1.1");
}
END_TEST

START_TEST(copy_needs_its_condition)
{
	load(TIED);
	model_config(&m, "{`tie`: false}");
	model_add_lines(&m, "emb F32 2\n");
	plan_makes(0, "e F32 2");
	model_config(&m, "{}");
	plan_makes(0, "e F32 2");
}
END_TEST

START_TEST(copy_is_dropped_when_it_is_read)
{
	load("`rules`: [[`emb`, `e`], [``, `{x:h|k} = e`]]");
	model_add_lines(&m, "e F32 2\nh F32 2\nk F32 2\n");
	plan_makes(1, "emb F32 2");
	ck_assert_uint_eq(m.plan.ndropped, 2);
}
END_TEST

START_TEST(copies_run_over_their_range)
{
	load("`axes`: {`m`: `mtp`, `k`: 2}, `rules`: [[`emb.{j}`, `e.{j}`],"
	     "[`x`, `x`], [``, `mtp.{m}.{k}.{j} = e.{j}`]]");
	model_config(&m, "{`mtp`: 2}");
	model_add_lines(&m, "emb.5 F32 2\nemb.7 F32 3\nx F32 1\n");
	plan_makes(0, "e.5 F32 2\nmtp.0.0.5 F32 2\nmtp.0.1.5 F32 2\n"
		      "mtp.1.0.5 F32 2\nmtp.1.1.5 F32 2\n"
		      "e.7 F32 3\nmtp.0.0.7 F32 3\nmtp.0.1.7 F32 3\n"
		      "mtp.1.0.7 F32 3\nmtp.1.1.7 F32 3\nx F32 1");
	check_elements("mtp.1.0.7", "1.0 1.1 1.2");
	model_config(&m, "{`mtp`: 0}");
	plan_makes(0, "e.5 F32 2\ne.7 F32 3\nx F32 1");
}
END_TEST

START_TEST(copies_of_the_left_side_are_made_when_it_is_written)
{
	load("`axes`: {`i`: `n`}, `rules`: [[`rope`, `r`],"
	     "[`l.{i}.rope = rope`, ``]]");
	model_config(&m, "{`n`: 2}");
	model_add_lines(&m, "r F32 2\n");
	plan_makes(1, "rope F32 2\nl.0.rope F32 2\nl.1.rope F32 2");
	check_elements("l.1.rope", "0.0 0.1");
}
END_TEST

/* ---- order ---- */

START_TEST(targets_come_in_the_order_of_their_sources)
{
	load("`rules`: [[`z.{i}`, `a.{i}`],"
	     "[`q, k, v`, `qkv`, `o, o, o -> (o+o+o)`],"
	     "[`f`, `f1, f2`, `(o+o) -> o, o`], [``, `c = a.1`],"
	     "[``, `d = f1`], [`*`, `*`]]");
	model_add_lines(&m, "y F32 1\nv F32 2\nz.1 F32 1\nq F32 2\nf F32 2\n"
			    "k F32 2\nb F32 1\n");
	plan_makes(0, "y F32 1\nqkv F32 6\na.1 F32 1\nc F32 1\nf1 F32 1\n"
		      "f2 F32 1\nd F32 1\nb F32 1");
	check_elements("qkv", "3.0 3.1 5.0 5.1 1.0 1.1");
	check_elements("f2", "4.1");
}
END_TEST

/* ---- --partial and raw ---- */

START_TEST(partial_passes_names_through_and_says_so)
{
	load("`rules`: [[`a`, `b`]]");
	m.options.partial = true;
	model_add_lines(&m, "x F32 2\na F32 1\ny F16 3\n");
	plan_makes(0, "x F32 2\nb F32 1\ny F16 3");
	ck_assert_uint_eq(m.plan.npassed, 2);
	ck_assert_int_eq(origin_of("x")->kind, ORIGIN_PASSED);
	ck_assert_ptr_null(origin_of("x")->rule);
	ck_assert_str_eq(m.plan.notes.p, "passed through, no rule: x\n"
					 "passed through, no rule: y\n");
}
END_TEST

START_TEST(partial_names_what_is_missing)
{
	load("`axes`: {`i`: `n`}, `rules`: [[`a.{i}`, `b.{i}`]]");
	model_config(&m, "{`n`: 3}");
	m.options.partial = true;
	model_add_lines(&m, "a.1 F32 2\n");
	plan_makes(0, "b.1 F32 2");
	ck_assert_str_eq(m.plan.notes.p,
			 "missing by config.json:\n  a.0\n  a.2\n");
}
END_TEST

START_TEST(raw_is_the_source_cast_if_asked)
{
	load("`rules`: [[`a`, `b`]]");
	model_add_lines(&m, "x F32 2x3\ny I64 4\nz F8_E4M3 5\n");
	ck_assert_int_eq(plan_raw(&m.plan, &m.src, &m.options, &m.err), 0);
	check_targets("x F32 2x3\ny I64 4\nz F8_E4M3 5");
	plan_release(&m.plan);
	m.options.cast = true;
	m.options.dtype = DT_F16;
	ck_assert_int_eq(plan_raw(&m.plan, &m.src, &m.options, &m.err), 0);
	check_targets("x F16 2x3\ny I64 4\nz F8_E4M3 5");
	ck_assert_uint_eq(m.plan.target.v[0].nbytes, 12);
	ck_assert_uint_eq(m.plan.npassed, 3);
}
END_TEST

/* ---- types ---- */

START_TEST(floats_are_cast_last_and_others_are_not)
{
	const struct tensor *t;

	load("`rules`: [[`*.t`, `*.t`, `o i -> i o`], [`*`, `*`]]");
	m.options.cast = true;
	m.options.dtype = DT_BF16;
	model_add_lines(&m, "a.t F32 2x3\nb F64 2\nc I32 2\nd BF16 2\n");
	plan_makes(0, "a.t BF16 3x2\nb BF16 2\nc I32 2\nd BF16 2");
	t = &m.plan.target.v[0];
	ck_assert_int_eq(t->recipe, RECIPE_CAST);
	ck_assert_int_eq(t->cast->recipe, RECIPE_GATHER);
	ck_assert_int_eq(t->cast->dtype, DT_F32);
	ck_assert_uint_eq(t->nbytes, 12);
	ck_assert_int_eq(m.plan.target.v[2].recipe, RECIPE_EXTENT);
	ck_assert_int_eq(m.plan.target.v[3].recipe, RECIPE_EXTENT);
}
END_TEST

START_TEST(parts_of_two_types_are_cast_before_they_are_joined)
{
	const struct piece *p;

	load("`rules`: [[`a, b`, `c`, `o, o -> (o+o)`]]");
	m.options.cast = true;
	m.options.dtype = DT_F16;
	model_add_lines(&m, "a F16 2\nb F32 2\n");
	plan_makes(0, "c F16 4");
	ck_assert_int_eq(m.plan.target.v[0].recipe, RECIPE_GATHER);
	p = m.plan.target.v[0].gather->pieces;
	ck_assert(p[0].src == &m.src.v[0]);
	ck_assert_int_eq(p[1].src->recipe, RECIPE_CAST);
	ck_assert_int_eq(p[1].src->dtype, DT_F16);
	ck_assert_uint_eq(p[1].src->nbytes, 4);
	check_elements("c", "0.0 0.1 1.0 1.1");
}
END_TEST

START_TEST(integers_and_small_types_are_renamed)
{
	load("`rules`: [[`a.*`, `b.*`]]");
	model_add_lines(&m, "a.1 F4 2x2\na.2 F6_E2M3 4\na.3 BOOL 3\na.4 C64\n");
	plan_makes(0, "b.1 F4 2x2\nb.2 F6_E2M3 4\nb.3 BOOL 3\nb.4 C64");
	ck_assert_uint_eq(m.plan.target.v[0].nbytes, 2);
	ck_assert_uint_eq(m.plan.target.v[1].nbytes, 3);
}
END_TEST

/* ---- borders ---- */

START_TEST(tensors_without_elements)
{
	load("`rules`: [[`t.*`, `t.*`, `o i -> i o`],"
	     "[`a.*, b.*`, `c.*`, `o x, p x -> (o+p) x`],"
	     "[`s`, `s1, s2`, `(o+o) x -> o x, o x`], [`*`, `*`]]");
	model_add_lines(&m, "z F32 0\nt.1 F32 0x3\na.1 F32 0x2\nb.1 F32 0x2\n"
			    "s F32 4x0\n");
	plan_makes(0, "z F32 0\nt.1 F32 3x0\nc.1 F32 0x2\ns1 F32 2x0\n"
		      "s2 F32 2x0");
	for (size_t i = 0; i < m.plan.target.n; i++)
		ck_assert_uint_eq(m.plan.target.v[i].nbytes, 0);
}
END_TEST

START_TEST(part_without_elements_adds_none)
{
	load("`rules`: [[`a, b`, `c`, `o x, p x -> (o+p) x`]]");
	model_add_lines(&m, "a F32 0x2\nb F32 2x2\n");
	plan_makes(0, "c F32 2x2");
	check_elements("c", "1.0 1.1 1.2 1.3");
}
END_TEST

START_TEST(source_without_tensors_is_a_plan_without)
{
	load("`axes`: {`i`: `n`}, `rules`: [[`a.{i}`, `b.{i}`]]");
	model_config(&m, "{`n`: 3}");
	plan_makes(0, "");
}
END_TEST

/* ---- options, keys, axes ---- */

#define FUSED                                                                  \
	"`options`: {`fused`: [false, true], `kind`: [`x`, `y`], `n`: [1]},"   \
	"`rules`: [{`when`: `fused`, `rules`: [[`a`, `fused`]]},"              \
	"{`when`: `kind == 'y'`, `rules`: [[`a`, `y`]]},"                      \
	"{`when`: `n == 7`, `rules`: [[`a`, `seven`]]}, [`a`, `plain`]]"

START_TEST(options_have_their_defaults)
{
	load(FUSED);
	model_config(&m, "{`fused`: true, `kind`: `y`, `n`: 7}");
	model_add(&m, "a", DT_F32, "");
	plan_makes(0, "plain F32");
}
END_TEST

START_TEST(options_are_set)
{
	static const struct {
		const char *key, *value, *want;
	} v[] = {{"fused", "true", "fused F32"},
		 {"fused", "false", "plain F32"},
		 {"kind", "y", "y F32"},
		 {"n", "7", "seven F32"},
		 {"n", "8", "plain F32"}};

	load(FUSED);
	model_add(&m, "a", DT_F32, "");
	for (size_t k = 0; k < sizeof(v) / sizeof(v[0]); k++) {
		m.nset = 0;
		model_set(&m, v[k].key, v[k].value);
		plan_makes(0, v[k].want);
	}
}
END_TEST

START_TEST(keys_are_set_where_config_lacks_them)
{
	load("`axes`: {`H`: `hidden`, `N`: `x.n`}, `rules`: ["
	     "[`a`, `b`, `(H N) -> N H`]]");
	model_config(&m, "{`hidden`: 2, `x`: {}}");
	model_add(&m, "a", DT_F32, "6");
	model_set(&m, "x.n", "3");
	model_set(&m, "hidden", "2");
	plan_makes(0, "b F32 3x2");
	check_elements("b", "0.0 0.3 0.1 0.4 0.2 0.5");
}
END_TEST

START_TEST(axis_is_the_first_alternative_with_a_value)
{
	static const struct {
		const char *config, *want;
	} v[] = {{"{`n`: 8, `g`: 2}", "b F32 2x6"},
		 {"{`n`: 4}", "b F32 4x3"},
		 {"{`n`: 4, `g`: null}", "b F32 4x3"},
		 {"{`G`: 6, `n`: 4}", "b F32 6x2"}};

	load("`axes`: {`G`: [`G`, `g`, `n`]},"
	     "`rules`: [[`a`, `b`, `(G x) -> G x`]]");
	model_add(&m, "a", DT_F32, "12");
	for (size_t k = 0; k < sizeof(v) / sizeof(v[0]); k++) {
		model_config(&m, v[k].config);
		plan_makes(0, v[k].want);
	}
}
END_TEST

START_TEST(axes_mention_each_other_and_count_names)
{
	load("`axes`: {`Q`: `N * D`, `D`: `H / N`, `N`: `n`, `H`: `h`,"
	     "`L`: `count l.*`}, `rules`: [[`a`, `a.{Q}.{L+1}`],"
	     "[`l.{i}`, `l.{i}`]]");
	model_config(&m, "{`n`: 3, `h`: 12}");
	model_add_lines(&m, "a F32\nl.0 F32\nl.5 F32\n");
	plan_makes(0, "a.12.3 F32\nl.0 F32\nl.5 F32");
}
END_TEST

START_TEST(none_to_count_is_no_value)
{
	load("`axes`: {`L`: [`count l.*`, `count m.*`, `7`]},"
	     "`rules`: [[`*.{i}`, `*.{i}.{L}`]]");
	model_add_lines(&m, "m.0 F32\nm.1 F32\n");
	plan_makes(0, "m.0.2 F32\nm.1.2 F32");
	model_clear(&m);
	model_add_lines(&m, "k.0 F32\n");
	plan_makes(0, "k.0.7 F32");
}
END_TEST

START_TEST(axis_that_mentions_itself_in_a_ring_has_no_value)
{
	load("`axes`: {`A`: `B + 1`, `B`: `A + 1`},"
	     "`rules`: [[`a`, `b`, `(A x) -> A x`], [`a`, `c`]]");
	model_add(&m, "a", DT_F32, "6");
	ck_assert_int_lt(model_plan(&m, 0), 0);
	ck_assert(strstr(error_text(&m.err), "leaves the axes A, x unknown"));
}
END_TEST

START_TEST(adapters_are_told_apart)
{
	load("`rules`: [{`when`: `adapter`, `rules`: [[`a`, `lora`]]},"
	     "[`a`, `full`]]");
	model_add(&m, "a", DT_F32, "");
	plan_makes(0, "full F32");
	m.adapter = true;
	plan_makes(0, "lora F32");
}
END_TEST

START_TEST(what_rules_assume_is_said_of_the_tensors_they_took)
{
	load("`rules`: [{`note`: [`it is a norm`, `it was a norm`], `rules`: ["
	     "[`*.w, *.b`, `*.g, *.h`, `c, c -> c, c`],"
	     "{`note`: [`tied`, ``], `rules`: [[`head`, ``]]}]},"
	     "[`*.w`, `*.w`]]");
	model_add(&m, "a.w", DT_F32, "2");
	model_add(&m, "a.b", DT_F32, "2");
	model_add(&m, "b.w", DT_F32, "2x2");
	model_add(&m, "head", DT_F32, "2");
	plan(0);
	ck_assert_str_eq(m.plan.notes.p, "assumed: it is a norm:\n  a.w\n"
					 "assumed: tied:\n  head\n");
	model_clear(&m);
	model_add(&m, "a.g", DT_F32, "2");
	model_add(&m, "a.h", DT_F32, "2");
	plan(1);
	ck_assert_str_eq(m.plan.notes.p, "assumed: it was a norm:\n  a.g\n");
	model_clear(&m);
	model_add(&m, "b.w", DT_F32, "2x2");
	plan(0);
	ck_assert_uint_eq(m.plan.notes.len, 0);
}
END_TEST

Suite *suite_plan(void);
Suite *suite_plan(void)
{
	const TTest *const tests[] = {
		first_rule_that_matches_wins,
		fit_decides_between_rules,
		fit_is_about_known_dimensions_too,
		pair_of_weight_and_bias_is_a_norm,
		rules_are_read_from_the_right_as_well,
		conditions_see_captures,
		conditions_see_the_tensors_of_the_source,
		tensor_without_counterpart_is_dropped,
		what_rules_assume_is_said_of_the_tensors_they_took,
		copy_is_made_where_no_rule_made_it,
		copy_is_not_made_where_a_rule_made_it,
		copy_needs_its_condition,
		copy_is_dropped_when_it_is_read,
		copies_run_over_their_range,
		copies_of_the_left_side_are_made_when_it_is_written,
		targets_come_in_the_order_of_their_sources,
		partial_passes_names_through_and_says_so,
		partial_names_what_is_missing,
		raw_is_the_source_cast_if_asked,
		floats_are_cast_last_and_others_are_not,
		parts_of_two_types_are_cast_before_they_are_joined,
		integers_and_small_types_are_renamed,
		tensors_without_elements,
		part_without_elements_adds_none,
		source_without_tensors_is_a_plan_without,
		options_have_their_defaults,
		options_are_set,
		keys_are_set_where_config_lacks_them,
		axis_is_the_first_alternative_with_a_value,
		axes_mention_each_other_and_count_names,
		none_to_count_is_no_value,
		axis_that_mentions_itself_in_a_ring_has_no_value,
		adapters_are_told_apart,
	};
	Suite *s = suite_create("plan");
	TCase *tc = tcase_create("plan");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t k = 0; k < sizeof(tests) / sizeof(tests[0]); k++)
		tcase_add_test(tc, tests[k]);
	suite_add_tcase(s, tc);
	return s;
}
