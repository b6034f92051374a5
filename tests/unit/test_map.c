/* SPDX-License-Identifier: Apache-2.0 */
/* A first map of names between two checkpoints. */
#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "models/map.h"

Suite *suite_map(void);

/* Names with a length each: tensors of one dimension. */
struct made {
	const char *name;
	uint64_t n;
};

static void fill(struct tensor_set *set, const struct made *v, size_t n)
{
	*set = (struct tensor_set)TENSOR_SET_INIT;
	for (size_t i = 0; i < n; i++) {
		struct tensor t = {.name = str_of(v[i].name), .ndim = 1};

		t.dims = &v[i].n;
		ck_assert_int_eq(tensor_set_add(set, &t), 0);
	}
}

static void expect(const struct made *ms, size_t nms, const struct made *pt,
		   size_t npt, const char *const *want)
{
	struct tensor_set a, b;
	struct strbuf got = STRBUF_INIT, text = STRBUF_INIT;
	struct error err = ERROR_INIT;

	fill(&a, ms, nms);
	fill(&b, pt, npt);
	strbuf_adds(&text, "{");
	for (size_t i = 0; i < nms; i++)
		strbuf_addf(&text, "%s\n  \"%s\": %s%s%s", i ? "," : "",
			    ms[i].name, want[i] ? "\"" : "",
			    want[i] ? want[i] : "null", want[i] ? "\"" : "");
	strbuf_adds(&text, "\n}\n");
	ck_assert_int_eq(map_guess(&a, &b, &got, &err), 0);
	ck_assert_str_eq(got.p, text.p);
	strbuf_release(&got);
	strbuf_release(&text);
	tensor_set_release(&a);
	tensor_set_release(&b);
}

#define N(v) (sizeof(v) / sizeof((v)[0]))
#define EXPECT(ms, pt, ...)                                                    \
	expect(ms, N(ms), pt, N(pt), (const char *const[]){__VA_ARGS__})

START_TEST(cells_have_names_of_their_own)
{
	static const struct made ms[] = {{"bn.gamma", 3},
					 {"bn.beta", 3},
					 {"bn.moving_mean", 3},
					 {"bn.moving_variance", 3},
					 {"emb.embedding_table", 3}};
	static const struct made pt[] = {
		{"emb.weight", 3},	{"bn.weight", 3},
		{"bn.bias", 3},		{"bn.running_var", 3},
		{"bn.running_mean", 3}, {"bn.num_batches_tracked", 1}};

	EXPECT(ms, pt, "bn.weight", "bn.bias", "bn.running_mean",
	       "bn.running_var", "emb.weight");
}
END_TEST

START_TEST(words_in_front_that_all_share_do_not_count)
{
	static const struct made ms[] = {{"net.a.0.w", 2}, {"net.a.1.w", 2}};
	static const struct made pt[] = {
		{"module.x.a.1.w", 2}, {"module.x.a.0.w", 2}, {"module.y", 2}};

	EXPECT(ms, pt, "module.x.a.0.w", "module.x.a.1.w");
}
END_TEST

START_TEST(shapes_must_be_equal)
{
	static const struct made ms[] = {{"a.w", 2}, {"b.w", 3}};
	static const struct made pt[] = {{"a.w", 3}, {"b.w", 4}};

	EXPECT(ms, pt, NULL, "a.w"); /* the only one of its shape */
}
END_TEST

START_TEST(most_words_win)
{
	static const struct made ms[] = {{"blocks.3.attn.out.weight", 2},
					 {"blocks.3.mlp.out.weight", 2},
					 {"head", 1}};
	static const struct made pt[] = {{"h.3.mlp.weight", 2},
					 {"h.3.attn.proj.weight", 2},
					 {"tail", 1}};

	EXPECT(ms, pt, "h.3.attn.proj.weight", "h.3.mlp.weight", "tail");
}
END_TEST

START_TEST(what_is_not_told_apart_is_null)
{
	static const struct made ms[] = {{"a.x", 2}, {"b.y", 2}, {"c.z", 5}};
	static const struct made pt[] = {{"p.q", 2}, {"r.s", 2}};

	EXPECT(ms, pt, NULL, NULL, NULL);
}
END_TEST

START_TEST(no_more_names_than_a_map_may_have)
{
	static char names[MAP_MAX_NAMES + 1][8];
	static struct made ms[MAP_MAX_NAMES + 1];
	struct tensor_set a, b;
	struct strbuf got = STRBUF_INIT;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < N(ms); i++) {
		snprintf(names[i], sizeof(names[i]), "w.%04zu", i);
		ms[i] = (struct made){names[i], 1};
	}
	fill(&a, ms, N(ms));
	fill(&b, ms, 1);
	ck_assert_int_eq(map_guess(&a, &b, &got, &err), -EINVAL);
	ck_assert_int_eq(err.class, ERR_MODEL);
	error_release(&err);
	strbuf_release(&got);
	tensor_set_release(&a);
	tensor_set_release(&b);
}
END_TEST

Suite *suite_map(void)
{
	Suite *s = suite_create("map");
	TCase *tc = tcase_create("map");

	tcase_add_test(tc, cells_have_names_of_their_own);
	tcase_add_test(tc, words_in_front_that_all_share_do_not_count);
	tcase_add_test(tc, shapes_must_be_equal);
	tcase_add_test(tc, most_words_win);
	tcase_add_test(tc, what_is_not_told_apart_is_null);
	tcase_add_test(tc, no_more_names_than_a_map_may_have);
	suite_add_tcase(s, tc);
	return s;
}
