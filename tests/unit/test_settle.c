/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options on the way back, of random tables: what is chosen is the first
 * combination of those that leave the fewest names over, counted here by
 * arithmetic on groups of names that one condition rules.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "model_case.h"
#include "temp_source.h"

#define NP 3
#define NQ 2
#define NGROUPS 6

/* Whose names have a rule where p and q are that, or whatever they are. */
struct group {
	int p, q; /* or -1 */
	unsigned n;
};

static struct model_case m;

static bool ruled(const struct group *g, int p, int q)
{
	return (g->p < 0 || g->p == p) && (g->q < 0 || g->q == q);
}

/* As a number: p is 1, 2 or 3, q is 1 or 2. */
static int expected(const struct group *g)
{
	unsigned least = UINT32_MAX;
	int best = -1;

	for (int c = 0; c < NP * NQ; c++) {
		unsigned left = 0;

		for (int k = 0; k < NGROUPS; k++)
			left += ruled(&g[k], c / NQ, c % NQ) ? 0 : g[k].n;
		if (left < least)
			best = c;
		least = left < least ? left : least;
	}
	return best;
}

/* Few names, which a sample may lack, or many; the same at times. */
static unsigned random_count(uint64_t *seed)
{
	static const unsigned counts[] = {0, 1, 2, 3, 150, 400};

	return counts[test_random(seed) % 6];
}

static void make_table(const struct group *g, struct strbuf *text)
{
	strbuf_adds(text, "{`model`: `t`, `options`: {`p`: [1, 2, 3], "
			  "`q`: [1, 2]}, `rules`: [");
	for (int k = 0; k < NGROUPS; k++) {
		strbuf_addf(text, "%s{`when`: `true", k ? ", " : "");
		if (g[k].p >= 0)
			strbuf_addf(text, " and p == %d", g[k].p + 1);
		if (g[k].q >= 0)
			strbuf_addf(text, " and q == %d", g[k].q + 1);
		strbuf_addf(text, "`, `rules`: [[`l%c.{i}`, `g%c.{i}`]]}",
			    'a' + k, 'a' + k);
	}
	strbuf_adds(text, "]}");
}

static void add_names(const struct group *g)
{
	char name[32];

	for (int k = 0; k < NGROUPS; k++) {
		for (unsigned i = 0; i < g[k].n; i++) {
			snprintf(name, sizeof(name), "g%c.%u", 'a' + k, i);
			model_add(&m, name, DT_F32, "1");
		}
	}
}

static void check_random(uint64_t *seed)
{
	struct strbuf text = STRBUF_INIT;
	struct group g[NGROUPS];
	int want;

	for (int k = 0; k < NGROUPS; k++)
		g[k] = (struct group){(int)(test_random(seed) % 4) - 1,
				      (int)(test_random(seed) % 3) - 1,
				      random_count(seed)};
	make_table(g, &text);
	model_init(&m, text.p);
	add_names(g);
	m.options.partial = true;
	ck_assert_int_eq(model_plan(&m, 1), 0);
	want = expected(g);
	ck_assert_int_eq(m.scope.options[0].num, want / NQ + 1);
	ck_assert_int_eq(m.scope.options[1].num, want % NQ + 1);
	model_release(&m);
	strbuf_release(&text);
}

START_TEST(the_first_with_the_fewest_names_left_is_chosen)
{
	uint64_t seed = 11;

	for (int i = 0; i < 400; i++)
		check_random(&seed);
}
END_TEST

Suite *suite_settle(void);
Suite *suite_settle(void)
{
	Suite *s = suite_create("settle");
	TCase *tc = tcase_create("settle");

	tcase_add_test(tc, the_first_with_the_fewest_names_left_is_chosen);
	suite_add_tcase(s, tc);
	return s;
}
