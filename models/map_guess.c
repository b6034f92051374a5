/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A first map between two checkpoints, to be edited. Shapes must be equal;
 * names are compared by their dotted words, those of MindSpore's cells as
 * PyTorch has them, without the words in front that all names of a side share.
 * The surest pairs are made first:
 *
 *   1. one name is the other, or its end
 *   2. the last words are equal, and most of the others; at least one
 *   3. no others of that shape are left
 */
#include <errno.h>
#include <stdlib.h>

#include "models/map.h"

/* Words of a name that are compared, from its end. */
#define MAX_WORDS 16

struct words_of {
	struct str v[MAX_WORDS]; /* [n] the last one first */
	unsigned n;
};

struct guess_side {
	const struct tensor_set *set;
	struct words_of *words; /* [set->n] */
	uint32_t *partner;	/* [set->n] index + 1 on the other side, or 0 */
};

/* What cells call the parameters of a layer. */
static struct str as_pytorch(struct str word)
{
	static const char *const pairs[][2] = {
		{"gamma", "weight"},
		{"beta", "bias"},
		{"moving_mean", "running_mean"},
		{"moving_variance", "running_var"},
		{"embedding_table", "weight"},
		{"embedding_weight", "weight"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (str_is(word, pairs[i][0]))
			return str_of(pairs[i][1]);
	return word;
}

static void split(struct str name, struct words_of *out)
{
	out->n = 0;
	while (name.n && out->n < MAX_WORDS) {
		size_t at = name.n;

		while (at && name.p[at - 1] != '.')
			at--;
		out->v[out->n++] =
			as_pytorch((struct str){name.p + at, name.n - at});
		name.n = at ? at - 1 : 0;
	}
}

/* Bytes of the words in front that all names share, dots included. */
static size_t shared_prefix(const struct tensor_set *set)
{
	struct str a = set->n ? set->v[0].name : (struct str){"", 0};
	size_t n = a.n;

	for (size_t i = 1; i < set->n; i++) {
		struct str b = set->v[i].name;
		size_t k = 0;

		while (k < n && k < b.n && a.p[k] == b.p[k])
			k++;
		n = k;
	}
	while (n && a.p[n - 1] != '.')
		n--;
	return set->n > 1 ? n : 0;
}

static int side_init(struct guess_side *s, const struct tensor_set *set)
{
	size_t skip = shared_prefix(set);

	s->set = set;
	s->words = calloc(set->n + 1, sizeof(*s->words));
	s->partner = calloc(set->n + 1, sizeof(*s->partner));
	if (!s->words || !s->partner)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++) {
		struct str name = set->v[i].name;

		split((struct str){name.p + skip, name.n - skip}, &s->words[i]);
	}
	return 0;
}

static void side_release(struct guess_side *s)
{
	free(s->words);
	free(s->partner);
}

/* Words that both names have, in the same order. */
static unsigned common_words(const struct words_of *a, const struct words_of *b)
{
	unsigned row[MAX_WORDS + 1] = {0};

	for (unsigned i = 0; i < a->n; i++) {
		unsigned diagonal = 0;

		for (unsigned j = 0; j < b->n; j++) {
			unsigned up = row[j + 1];

			if (str_eq(a->v[i], b->v[j]))
				row[j + 1] = diagonal + 1;
			else if (row[j] > up)
				row[j + 1] = row[j];
			diagonal = up;
		}
	}
	return row[b->n];
}

/* How sure a pair is; 0 is not at all. */
static unsigned likeness(const struct words_of *a, const struct words_of *b,
			 int pass)
{
	unsigned n = a->n < b->n ? a->n : b->n, k = 0;

	while (k < n && str_eq(a->v[k], b->v[k]))
		k++;
	switch (pass) {
	case 1: /* the nearer in length, the better */
		return k && k == n ? 2 * MAX_WORDS - (a->n + b->n - 2 * n) : 0;
	case 2:
		n = common_words(a, b);
		return k && n > 1 ? n * MAX_WORDS + k : 0;
	default:
		return 1;
	}
}

/* The partner of ms tensor i that is surest, index + 1, or 0; *n: how many
 * there are to choose from. */
static uint32_t find_partner(const struct guess_side *ms,
			     const struct guess_side *pt, size_t i, int pass,
			     size_t *n)
{
	unsigned most = 0;
	uint32_t best = 0;

	*n = 0;
	for (size_t j = 0; j < pt->set->n; j++) {
		const struct tensor *t = &pt->set->v[j];
		unsigned like;

		if (pt->partner[j] ||
		    !tensor_has_dims(&ms->set->v[i], t->dims, t->ndim))
			continue;
		++*n;
		like = likeness(&ms->words[i], &pt->words[j], pass);
		if (like > most)
			best = (uint32_t)j + 1;
		most = like > most ? like : most;
	}
	return best;
}

/* Whether pt tensor j is the only one left of its shape, n there, and has
 * only one to go with. */
static bool is_alone(const struct guess_side *ms, const struct guess_side *pt,
		     size_t j, size_t n)
{
	size_t back;

	find_partner(pt, ms, j, 3, &back);
	return n == 1 && back == 1;
}

static void make_pairs(struct guess_side *ms, struct guess_side *pt, int pass)
{
	for (size_t i = 0; i < ms->set->n; i++) {
		uint32_t j;
		size_t n;

		if (ms->partner[i])
			continue;
		j = find_partner(ms, pt, i, pass, &n);
		if (!j || (pass == 3 && !is_alone(ms, pt, j - 1, n)))
			continue;
		ms->partner[i] = j;
		pt->partner[j - 1] = (uint32_t)i + 1;
	}
}

static void write_map(const struct guess_side *ms, const struct guess_side *pt,
		      struct strbuf *out)
{
	strbuf_addc(out, '{');
	for (size_t i = 0; i < ms->set->n; i++) {
		uint32_t j = ms->partner[i];

		strbuf_adds(out, i ? ",\n  " : "\n  ");
		strbuf_add_json(out, ms->set->v[i].name);
		strbuf_adds(out, ": ");
		if (j)
			strbuf_add_json(out, pt->set->v[j - 1].name);
		else
			strbuf_adds(out, "null");
	}
	strbuf_adds(out, "\n}\n");
}

int map_guess(const struct tensor_set *ms, const struct tensor_set *pt,
	      struct strbuf *out, struct error *err)
{
	struct guess_side a = {NULL, NULL, NULL}, b = {NULL, NULL, NULL};
	int ret;

	if (ms->n > MAP_MAX_NAMES)
		return error_set(err, ERR_MODEL,
				 "the checkpoint of MindSpore has %zu "
				 "parameters, and a map at most %d names: "
				 "write a rule table (--rules)",
				 ms->n, MAP_MAX_NAMES);
	ret = side_init(&a, ms) || side_init(&b, pt) ? error_nomem(err) : 0;
	for (int pass = 1; pass <= 3 && !ret; pass++)
		make_pairs(&a, &b, pass);
	if (!ret)
		write_map(&a, &b, out);
	if (!ret && out->failed)
		ret = error_nomem(err);
	side_release(&a);
	side_release(&b);
	return ret;
}
