/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks: captures on one side only. Elements are followed by their labels:
 * element e of the k-th tensor added is LABEL_STEP * k + e.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "model_fixture.h"

/* n tensors prefix + 0.. + suffix, the last one first. */
static void add_many(const char *prefix, unsigned n, const char *suffix,
		     const char *dims)
{
	for (unsigned k = n; k-- > 0;) {
		strbuf_reset(&text);
		strbuf_addf(&text, "%s%u%s", prefix, k, suffix);
		model_add(&m, text.p, DT_F32, dims);
	}
}

static void plan_fails(int from, const char *want)
{
	ck_assert_int_lt(model_plan(&m, from), 0);
	ck_assert_msg(strstr(error_text(&m.err), want), "%s",
		      error_text(&m.err));
	ck_assert_int_eq(m.err.class, ERR_MAPPING);
}

static const struct tensor *target(const char *name)
{
	const struct tensor *t = tensor_set_find(&m.plan.target, str_of(name));

	ck_assert_msg(t, "no %s", name);
	return t;
}

static uint64_t *labels(const char *name)
{
	const struct tensor *t = target(name);
	uint64_t *v = calloc(tensor_nelem(t) + 1, sizeof(*v));

	ck_assert_ptr_nonnull(v);
	tensor_labels(t, v);
	return v;
}

static void check_dims(const char *name, const char *want)
{
	const struct tensor *t = target(name);
	struct strbuf sb = STRBUF_INIT;

	strbuf_add_dims(&sb, t->dims, t->ndim, 'x');
	ck_assert_str_eq(sb.p ? sb.p : "", want);
	strbuf_release(&sb);
}

/* The label of an element of tensor k, in the order of model_add. */
static uint64_t label(uint64_t k, uint64_t e)
{
	return LABEL_STEP * k + e;
}

/* Make the plan's targets the source, labels and all. */
static void turn_round(void)
{
	struct tensor_set src = TENSOR_SET_INIT;
	uint64_t off = 0;

	for (size_t i = 0; i < m.plan.target.n; i++) {
		const struct tensor *t = &m.plan.target.v[i];
		struct tensor copy = {.ndim = t->ndim, .dtype = t->dtype};
		uint64_t *dims =
			arena_array(&src.arena, t->ndim, sizeof(*dims));

		copy.name = arena_str(&src.arena, t->name);
		memcpy(dims, t->dims, t->ndim * sizeof(*dims));
		copy.dims = dims;
		copy.nbytes = t->nbytes;
		copy.recipe = RECIPE_EXTENT;
		copy.extent.src = &m.source;
		copy.extent.off = 4 * LABEL_STEP * off++;
		ck_assert_int_eq(tensor_set_add(&src, &copy), 0);
	}
	model_clear(&m);
	m.src = src;
}

/* ---- to the right ---- */

START_TEST(members_are_stacked_in_numeric_order)
{
	uint64_t *v;

	load("`rules`: [[`x.{e}.w`, `y.w`]]");
	add_many("x.", 12, ".w", "3");
	plan(0);
	ck_assert_uint_eq(m.plan.target.n, 1);
	check_dims("y.w", "12x3");
	v = labels("y.w");
	for (unsigned e = 0; e < 12; e++)
		for (unsigned c = 0; c < 3; c++)
			ck_assert_uint_eq(v[3 * e + c], label(11 - e, c));
	free(v);
	ck_assert_uint_eq(m.plan.origins[0].nsources, 12);
}
END_TEST

START_TEST(two_names_are_fused_member_by_member)
{
	const unsigned E = 3, F = 2, C = 5;
	uint64_t *v;

	load("`rules`: [[`l.{i}.x.{e}.g, l.{i}.x.{e}.u`, `m.{i}.w`,"
	     "`f c, f c -> e c (f+f)`]]");
	add_many("l.7.x.", E, ".g", "2x5");
	add_many("l.7.x.", E, ".u", "2x5");
	plan(0);
	check_dims("m.7.w", "3x5x4");
	v = labels("m.7.w");
	for (unsigned e = 0; e < E; e++)
		for (unsigned c = 0; c < C; c++)
			for (unsigned k = 0; k < 2 * F; k++) {
				unsigned t = E - 1 - e + (k < F ? 0 : E);

				ck_assert_uint_eq(v[(e * C + c) * 2 * F + k],
						  label(t, (k % F) * C + c));
			}
	free(v);
}
END_TEST

START_TEST(two_captures_are_two_axes)
{
	uint64_t *v;

	load("`rules`: [[`x.{a}.{b}`, `y`, `c -> b a c`]]");
	model_add_lines(&m, "x.0.0 F32 2\nx.0.1 F32 2\nx.0.2 F32 2\n"
			    "x.1.0 F32 2\nx.1.1 F32 2\nx.1.2 F32 2\n");
	plan(0);
	check_dims("y", "3x2x2");
	v = labels("y");
	for (unsigned a = 0; a < 2; a++)
		for (unsigned b = 0; b < 3; b++)
			for (unsigned c = 0; c < 2; c++)
				ck_assert_uint_eq(v[(b * 2 + a) * 2 + c],
						  label(3 * a + b, c));
	free(v);
}
END_TEST

START_TEST(the_same_bytes_have_another_shape)
{
	load("`axes`: {`e`: `n`}, `rules`: [[`x.{e}.g, x.{e}.u`, `w`,"
	     "`f C, f C -> (e C) (f+f) as C (e (f+f))`]]");
	model_config(&m, "{`n`: 3}");
	add_many("x.", 3, ".g", "2x5");
	add_many("x.", 3, ".u", "2x5");
	plan(0);
	check_dims("w", "5x12");
}
END_TEST

START_TEST(stacks_of_hundreds)
{
	load("`axes`: {`e`: `n`}, `rules`: [[`x.{e}.g, x.{e}.u`, `w`,"
	     "`c, c -> e (c+c)`]]");
	model_config(&m, "{`n`: 700}");
	add_many("x.", 700, ".g", "2");
	add_many("x.", 700, ".u", "2");
	plan(0);
	check_dims("w", "700x4");
	ck_assert_uint_eq(m.plan.origins[0].nsources, 1400);
}
END_TEST

START_TEST(mixed_types_are_cast_before_they_are_stacked)
{
	load("`rules`: [[`x.{e}`, `y`]]");
	model_add_lines(&m, "x.0 F32 2\nx.1 BF16 2\n");
	plan_fails(0, "x.0 is F32 but x.1 is BF16");
	m.options = (struct plan_options){.cast = true, .dtype = DT_BF16};
	plan(0);
	ck_assert_int_eq(target("y")->dtype, DT_BF16);
	ck_assert_int_eq(target("y")->recipe, RECIPE_STACK);
	ck_assert_int_eq(target("y")->stack.v[0]->recipe, RECIPE_CAST);
	ck_assert_int_eq(target("y")->stack.v[1]->recipe, RECIPE_EXTENT);
}
END_TEST

/* ---- and back ---- */

START_TEST(a_tensor_is_taken_apart)
{
	uint64_t *v;

	load("`rules`: [[`x.{e}.w`, `y.w`, `o i -> e i o`]]");
	model_add(&m, "y.w", DT_F32, "4x2x3");
	plan(1);
	ck_assert_uint_eq(m.plan.target.n, 4);
	for (unsigned e = 0; e < 4; e++) {
		strbuf_reset(&text);
		strbuf_addf(&text, "x.%u.w", e);
		check_dims(text.p, "3x2");
		v = labels(text.p);
		for (unsigned o = 0; o < 3; o++)
			for (unsigned i = 0; i < 2; i++)
				ck_assert_uint_eq(v[2 * o + i],
						  label(0,
							(2 * e + i) * 3 + o));
		free(v);
	}
}
END_TEST

START_TEST(there_and_back_is_the_same)
{
	uint64_t *v;

	load("`axes`: {`C`: `c`, `e`: `n`}, `rules`: [[`x.{e}.g, x.{e}.u`, `w`,"
	     "`f C, f C -> (e C) (f+f) as C (e (f+f))`]]");
	model_config(&m, "{`c`: 5, `n`: 3}");
	add_many("x.", 3, ".g", "2x5");
	add_many("x.", 3, ".u", "2x5");
	plan(0);
	turn_round();
	plan(1);
	ck_assert_uint_eq(m.plan.target.n, 6);
	check_dims("x.2.u", "2x5");
	v = labels("x.2.u");
	for (unsigned f = 0; f < 2; f++)
		for (unsigned c = 0; c < 5; c++)
			ck_assert_uint_eq(v[5 * f + c],
					  (2 * 5 + c) * 4 + 2 + f);
	free(v);
}
END_TEST

START_TEST(a_plain_stack_needs_no_copy_on_the_way_back)
{
	load("`rules`: [[`x.{e}.w`, `y.w`]]");
	model_add(&m, "y.w", DT_F32, "2x3");
	plan(1);
	ck_assert_int_eq(target("x.1.w")->recipe, RECIPE_EXTENT);
	ck_assert_uint_eq(target("x.1.w")->extent.off, 12);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(missing_members_are_named)
{
	load("`rules`: [[`x.{e}.w`, `y.w`]]");
	model_add_lines(&m, "x.0.w F32 2\nx.1.w F32 2\nx.4.w F32 2\n");
	plan_fails(0, "x.2.w\n  x.3.w");
}
END_TEST

START_TEST(a_stack_begins_with_0)
{
	load("`rules`: [[`x.{e}.w`, `y.w`]]");
	model_add_lines(&m, "x.1.w F32 2\n");
	plan_fails(0, "1 tensor is missing of a stack of 2, by the rule "
		      "x.{e}.w -> y.w:\n  x.0.w");
}
END_TEST

START_TEST(the_range_says_how_many_there_are)
{
	load("`axes`: {`e`: `experts`}, `rules`: [[`x.{e}.w`, `y.w`]]");
	model_config(&m, "{`experts`: 3}");
	model_add_lines(&m, "x.0.w F32 2\nx.1.w F32 2\n");
	plan_fails(0, "x.2.w");
	model_add_lines(&m, "x.2.w F32 2\nx.3.w F32 2\n");
	plan_fails(0, "e is 3, but experts is 3");
	model_clear(&m);
	model_add_lines(&m, "y.w F32 4x2\n");
	plan_fails(1, "dimension 0 is 4, e is 3");
}
END_TEST

START_TEST(members_have_one_shape)
{
	load("`rules`: [[`x.{e}.w`, `y.w`]]");
	model_add_lines(&m, "x.0.w F32 2\nx.1.w F32 3\n");
	plan_fails(0, "x.0.w is [2] but x.1.w is [3]");
}
END_TEST

START_TEST(a_member_that_another_rule_takes_is_missed)
{
	load("`rules`: [[`x.1.w`, `z`], [`x.{e}.w`, `y.w`]]");
	model_add_lines(&m, "x.0.w F32 2\nx.1.w F32 2\nx.2.w F32 2\n");
	plan_fails(0, "needs x.1.w, which another rule takes");
}
END_TEST

START_TEST(layers_are_counted_by_their_stacks)
{
	load("`axes`: {`i`: `layers`}, `rules`: [[`l.{i}.x.{e}`, `m.{i}`]]");
	model_config(&m, "{`layers`: 3}");
	model_add_lines(&m, "l.0.x.0 F32 2\nl.0.x.1 F32 2\nl.2.x.0 F32 2\n");
	plan_fails(0, "l.1.x.0");
}
END_TEST

Suite *suite_stack(void);
Suite *suite_stack(void)
{
	Suite *s = suite_create("stack");
	TCase *tc = tcase_create("stack");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, members_are_stacked_in_numeric_order);
	tcase_add_test(tc, two_names_are_fused_member_by_member);
	tcase_add_test(tc, two_captures_are_two_axes);
	tcase_add_test(tc, the_same_bytes_have_another_shape);
	tcase_add_test(tc, stacks_of_hundreds);
	tcase_add_test(tc, mixed_types_are_cast_before_they_are_stacked);
	tcase_add_test(tc, a_tensor_is_taken_apart);
	tcase_add_test(tc, there_and_back_is_the_same);
	tcase_add_test(tc, a_plain_stack_needs_no_copy_on_the_way_back);
	tcase_add_test(tc, missing_members_are_named);
	tcase_add_test(tc, a_stack_begins_with_0);
	tcase_add_test(tc, the_range_says_how_many_there_are);
	tcase_add_test(tc, members_have_one_shape);
	tcase_add_test(tc, a_member_that_another_rule_takes_is_missed);
	tcase_add_test(tc, layers_are_counted_by_their_stacks);
	suite_add_tcase(s, tc);
	return s;
}
