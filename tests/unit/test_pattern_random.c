/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random valid patterns against lists. A random list of blocks, each a set of
 * axes, is written in two random ways: the sides of a pattern. The reference
 * computes no stride: it lists the elements of a side in order, each under its
 * key (block, axis values), and the same key is the same element.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/strbuf.h"
#include "pattern_case.h"

enum { MAX_BLOCKS = 6, NAXES = 8, DOTS = NAXES, MAX_NELEM = 1500 };

static const char names[NAXES + 1] = "ABCDEF23";

/* A key: five bits for each axis' value, the block above them. */
#define VALUE_BITS 5
#define BLOCK_SHIFT (VALUE_BITS * (NAXES + 1))

struct world {
	unsigned seed;
	unsigned nblocks;
	unsigned blocks[MAX_BLOCKS]; /* sets of axes */
	bool table;		     /* 2 x 2 blocks: rows and columns */
	unsigned rows[2], cols[2];
	uint64_t size[NAXES + 1];
	bool dots;
	uint64_t hidden[2];
	unsigned nhidden;
};

static unsigned rnd(struct world *w, unsigned n)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (w->seed >> 8) % n;
}

static unsigned subset(struct world *w, unsigned set)
{
	unsigned out = 0, a;

	for (a = 0; a < NAXES; a++)
		if (set & 1u << a && rnd(w, 2))
			out |= 1u << a;
	return out;
}

static void make_world(struct world *w)
{
	unsigned all = (1u << NAXES) - 1, a, b, left;

	for (a = 0; a < NAXES; a++)
		w->size[a] = rnd(w, 25) ? 1 + rnd(w, 3) : 0;
	w->size[6] = 2;
	w->size[7] = 3;
	w->table = rnd(w, 4) == 0;
	w->nblocks = w->table ? 4 : 1 + rnd(w, MAX_BLOCKS);
	left = subset(w, all);
	for (b = 0; b < 2; b++) {
		w->rows[b] = subset(w, left & 0x55);
		w->cols[b] = subset(w, left & 0xaa);
	}
	for (b = 0; b < w->nblocks; b++)
		w->blocks[b] = w->table ? w->rows[b / 2] | w->cols[b % 2]
					: subset(w, left);
	w->dots = rnd(w, 3) == 0;
	w->nhidden = rnd(w, 3);
	w->size[DOTS] = 1;
	for (a = 0; a < w->nhidden; a++) {
		w->hidden[a] = 1 + rnd(w, 3);
		w->size[DOTS] *= w->hidden[a];
	}
}

/* Axes in random order, some in parentheses. */
static void write_axes(struct world *w, struct strbuf *sb, unsigned set)
{
	bool open = false, first = true;
	unsigned a;

	if (!set || rnd(w, 12) == 0)
		strbuf_adds(sb, set ? "1 " : "1");
	while (set) {
		do
			a = rnd(w, NAXES);
		while (!(set & 1u << a));
		set &= ~(1u << a);
		if (!first)
			strbuf_addc(sb, ' ');
		if (!open && rnd(w, 4) == 0) {
			strbuf_addc(sb, '(');
			open = true;
		}
		strbuf_addc(sb, names[a]);
		if (open && rnd(w, 2)) {
			strbuf_addc(sb, ')');
			open = false;
		}
		first = false;
	}
	if (open)
		strbuf_addc(sb, ')');
}

/* Blocks lo to hi-1 as one product; the axes in `done` stand outside. */
static void write_blocks(struct world *w, struct strbuf *sb, unsigned lo,
			 unsigned hi, unsigned done)
{
	unsigned common = ~0u, front, back, b, cut;

	if (hi - lo == 1) {
		write_axes(w, sb, w->blocks[lo] & ~done);
		return;
	}
	for (b = lo; b < hi; b++)
		common &= w->blocks[b] & ~done;
	front = subset(w, common);
	back = subset(w, common & ~front);
	if (front) {
		write_axes(w, sb, front);
		strbuf_addc(sb, ' ');
	}
	for (b = lo; b < hi; b = cut) {
		cut = b + 1 + rnd(w, hi - b);
		if (b == lo && cut == hi) /* two terms at least */
			cut--;
		strbuf_addc(sb, b == lo ? '(' : '+');
		write_blocks(w, sb, b, cut, done | front | back);
	}
	strbuf_addc(sb, ')');
	if (back) {
		strbuf_addc(sb, ' ');
		write_axes(w, sb, back);
	}
}

static void write_table(struct world *w, struct strbuf *sb)
{
	strbuf_addc(sb, '(');
	write_axes(w, sb, w->rows[0]);
	strbuf_addc(sb, '+');
	write_axes(w, sb, w->rows[1]);
	strbuf_adds(sb, ") (");
	write_axes(w, sb, w->cols[0]);
	strbuf_addc(sb, '+');
	write_axes(w, sb, w->cols[1]);
	strbuf_addc(sb, ')');
}

static void write_side(struct world *w, struct strbuf *sb)
{
	unsigned lo, hi;

	for (lo = 0; lo < w->nblocks; lo = hi) {
		hi = lo + 1 + rnd(w, w->nblocks - lo);
		if (lo)
			strbuf_adds(sb, ", ");
		if (w->table && lo == 0 && rnd(w, 2)) {
			hi = 4;
			write_table(w, sb);
		} else {
			write_blocks(w, sb, lo, hi, 0);
		}
		if (w->dots)
			strbuf_adds(sb, " ...");
	}
}

/* Elements in order, by key. */
struct list {
	uint64_t *v;
	size_t n;
	uint64_t nblocks;
};

static struct list list_new(size_t n, uint64_t nblocks)
{
	struct list l = {calloc(n + 1, sizeof(uint64_t)), n, nblocks};

	ck_assert_ptr_nonnull(l.v);
	return l;
}

static struct list list_axis(const struct world *w, unsigned a)
{
	struct list l = list_new(w->size[a], 1);

	for (uint64_t i = 0; i < l.n; i++)
		l.v[i] = i << VALUE_BITS * a;
	return l;
}

static struct list list_one(void)
{
	return list_new(1, 1);
}

/* Each of a with each of b, b varying fastest; frees both. */
static struct list list_times(struct list a, struct list b)
{
	const uint64_t mask = (UINT64_C(1) << BLOCK_SHIFT) - 1;
	struct list l = list_new(a.n * b.n, a.nblocks * b.nblocks);

	for (size_t i = 0; i < l.n; i++) {
		uint64_t x = a.v[i / b.n], y = b.v[i % b.n], block;

		block = (x >> BLOCK_SHIFT) * b.nblocks + (y >> BLOCK_SHIFT);
		l.v[i] = block << BLOCK_SHIFT | (x & mask) | (y & mask);
	}
	free(a.v);
	free(b.v);
	return l;
}

/* a, then b; frees both. */
static struct list list_plus(struct list a, struct list b)
{
	struct list l = list_new(a.n + b.n, a.nblocks + b.nblocks);

	if (a.n)
		memcpy(l.v, a.v, a.n * sizeof(*l.v));
	for (size_t i = 0; i < b.n; i++)
		l.v[a.n + i] = b.v[i] + (a.nblocks << BLOCK_SHIFT);
	free(a.v);
	free(b.v);
	return l;
}

static struct list list_product(const struct world *w, const char **s,
				struct sample *dims);

static struct list list_group(const struct world *w, const char **s)
{
	struct list l = list_product(w, s, NULL);

	while (*(*s)++ == '+')
		l = list_plus(l, list_product(w, s, NULL));
	return l;
}

/* The factors up to one of ",)+" or the end; dims: note the size of each. */
static struct list list_product(const struct world *w, const char **s,
				struct sample *dims)
{
	struct list l = list_one(), f;

	for (; **s && !strchr(",)+", **s);) {
		char c = *(*s)++;

		if (c == ' ' || c == '.')
			continue;
		if (c == '(')
			f = list_group(w, s);
		else if (c == '1')
			f = list_one();
		else
			f = list_axis(w, (unsigned)(strchr(names, c) - names));
		if (dims)
			dims->dims[dims->t.ndim++] = f.n;
		l = list_times(l, f);
	}
	return l;
}

/* The tensors of a side and all their elements. */
static struct list list_side(const struct world *w, const char *s,
			     struct sample *tensors)
{
	struct list all = list_new(0, 0), l;
	uint64_t dims[CASE_MAX_NDIM];
	struct sample shape;

	for (;; s++) {
		memset(&shape, 0, sizeof(shape));
		l = list_product(w, &s, &shape);
		if (w->dots) {
			l = list_times(l, list_axis(w, DOTS));
			for (unsigned i = 0; i < w->nhidden; i++)
				shape.dims[shape.t.ndim++] = w->hidden[i];
		}
		memcpy(dims, shape.dims, sizeof(dims));
		sample_init(tensors++, "t", dims, shape.t.ndim);
		all = list_plus(all, l);
		if (*s != ',')
			return all;
	}
}

static int cmp_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * Number the left elements and give the same numbers to their keys on the
 * right: the rank of the key does for both.
 */
static void number(struct sample *s, unsigned n, const struct list *keys,
		   const struct list *sorted)
{
	size_t at = 0;

	for (unsigned k = 0; k < n; k++)
		for (uint64_t i = 0; i < tensor_nelem(&s[k].t); i++, at++) {
			uint64_t *p = bsearch(&keys->v[at], sorted->v,
					      sorted->n, sizeof(*p), cmp_u64);

			ck_assert_ptr_nonnull(p);
			s[k].v[i] = (uint32_t)(p - sorted->v) + 1;
		}
	ck_assert_uint_eq(at, keys->n);
}

/*
 * Compile from one side, compare with the other. With axes kept back from the
 * environment it may be unsolvable, but never wrong.
 */
static bool check_way(const struct pattern *p, int from, struct sample *in,
		      struct sample *want, const struct axis_pair *pairs,
		      bool must)
{
	struct sample out[MAX_BLOCKS];
	struct axis_env env = axis_pairs(pairs);
	struct error err = ERROR_INIT;

	if (sample_apply(p, from, in, &env, out, &err)) {
		if (must || !strstr(error_text(&err), "unknown"))
			ck_abort_msg("%s", error_text(&err));
		error_release(&err);
		return false;
	}
	for (unsigned k = 0; k < pattern_ntensors(p, !from); k++) {
		const struct tensor *t = &want[k].t;

		ck_assert_uint_eq(out[k].t.ndim, t->ndim);
		for (unsigned d = 0; d < t->ndim; d++)
			ck_assert_uint_eq(out[k].dims[d], t->dims[d]);
		for (uint64_t i = 0; i < tensor_nelem(t); i++)
			ck_assert_uint_eq(out[k].v[i], want[k].v[i]);
		sample_release(&out[k]);
	}
	return true;
}

/* Both directions; returns how often fewer values than all were enough. */
static unsigned check_ways(struct world *w, const struct pattern *p,
			   struct sample *left, struct sample *right)
{
	static const char *const text[] = {"A", "B", "C", "D", "E", "F"};
	struct axis_pair all[7] = {{NULL, 0}}, some[7] = {{NULL, 0}};
	unsigned a, n = 0, solved = 0;

	for (a = 0; a < 6; a++) {
		all[a] = (struct axis_pair){text[a], w->size[a]};
		if (rnd(w, 2))
			some[n++] = all[a];
	}
	check_way(p, 0, left, right, all, true);
	check_way(p, 1, right, left, all, true);
	solved += check_way(p, 0, left, right, some, false);
	solved += check_way(p, 1, right, left, some, false);
	return solved;
}

static unsigned check_world(struct world *w, unsigned *nfull)
{
	struct strbuf side[2] = {STRBUF_INIT, STRBUF_INIT};
	struct sample tensors[2][MAX_BLOCKS];
	struct arena arena = ARENA_INIT;
	const struct pattern *p;
	unsigned solved = 0;
	struct list keys[2];
	char text[600];

	write_side(w, &side[0]);
	write_side(w, &side[1]);
	ck_assert(!side[0].failed && !side[1].failed);
	snprintf(text, sizeof(text), "%s -> %s", side[0].p, side[1].p);
	p = must_parse(&arena, text);
	keys[0] = list_side(w, side[0].p, tensors[0]);
	keys[1] = list_side(w, side[1].p, tensors[1]);
	ck_assert_uint_eq(keys[0].n, keys[1].n);
	if (keys[0].n <= MAX_NELEM) {
		struct list sorted = list_new(keys[0].n, 0);

		memcpy(sorted.v, keys[0].v, sorted.n * sizeof(*sorted.v));
		qsort(sorted.v, sorted.n, sizeof(*sorted.v), cmp_u64);
		for (int i = 0; i < 2; i++)
			number(tensors[i], pattern_ntensors(p, i), &keys[i],
			       &sorted);
		solved = check_ways(w, p, tensors[0], tensors[1]);
		*nfull += keys[0].n > 1;
		free(sorted.v);
	}
	for (int i = 0; i < 2; i++) {
		for (unsigned k = 0; k < pattern_ntensors(p, i); k++)
			sample_release(&tensors[i][k]);
		free(keys[i].v);
		strbuf_release(&side[i]);
	}
	arena_release(&arena);
	return solved;
}

START_TEST(random_patterns_are_the_bijection_they_say)
{
	unsigned solved = 0, full = 0;
	struct world w = {.seed = (unsigned)_i};

	for (int i = 0; i < 500; i++) {
		make_world(&w);
		solved += check_world(&w, &full);
	}
	/* the generator makes cases that mean something */
	ck_assert_uint_gt(full, 300);
	ck_assert_uint_gt(solved, 100);
}
END_TEST

Suite *suite_pattern_random(void);

Suite *suite_pattern_random(void)
{
	Suite *s = suite_create("pattern_random");
	TCase *tc = tcase_create("random");

	tcase_add_loop_test(tc, random_patterns_are_the_bijection_they_say, 0,
			    8);
	suite_add_tcase(s, tc);
	return s;
}
