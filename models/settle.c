/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing options by what they leave over; see settle.h. */
#include "models/settle.h"

#include <stdlib.h>

#include "models/match.h"

/* Combinations that are tried; tables have some ten. */
#define MAX_TRIES 1024

/* Names that are tried of each combination before all are counted. */
#define SAMPLE 128

/* The combinations of the options that are open, by number. */
struct settler {
	struct scope *s;
	struct value *now; /* [table->noptions] */
	size_t ntries;
	size_t *low; /* [ntries] names of the sample without a rule */
	size_t step; /* every step-th name is of the sample */
	struct strbuf scratch;
	bool nomem;
};

static size_t count_combinations(const struct scope *s)
{
	const struct table *t = s->table;
	size_t n = 1;

	for (size_t i = 0; i < t->noptions && n < MAX_TRIES; i++)
		if (!scope_is_set(s, t->options[i].name))
			n *= t->options[i].nvalues;
	return n < MAX_TRIES ? n : MAX_TRIES;
}

/* Combination k, the last option varying fastest; 0: the defaults. */
static void set_combination(struct settler *st, size_t k)
{
	const struct table *t = st->s->table;

	for (size_t i = t->noptions; i-- > 0;) {
		const struct table_option *o = &t->options[i];

		if (scope_is_set(st->s, o->name))
			continue;
		st->now[i] = o->values[k % o->nvalues];
		k /= o->nvalues;
	}
	if (!scope_set_options(st->s, st->now))
		st->nomem = true;
}

/* Every step-th of the tensors, without a rule; counting stops at limit. */
static size_t count_unmatched(struct settler *st, size_t k, size_t step,
			      size_t limit)
{
	const struct tensor_set *src = st->s->src;
	struct match m;
	size_t n = 0;

	set_combination(st, k);
	for (size_t i = 0; i < src->n && n < limit; i += step)
		n += !match_tensor(st->s, &src->v[i], &m, &st->scratch);
	return n;
}

/*
 * The first combination that leaves nothing over; SIZE_MAX if there is none.
 * Where the sample leaves something, so do all names.
 */
static size_t find_clean(struct settler *st)
{
	for (size_t k = 0; k < st->ntries; k++) {
		st->low[k] = count_unmatched(st, k, st->step, SIZE_MAX);
		if (!st->low[k] && !count_unmatched(st, k, 1, 1))
			return k;
	}
	return SIZE_MAX;
}

/* The first of those that leave the fewest over, none of which is clean. */
static size_t find_least(struct settler *st)
{
	size_t best = 0, least;

	for (size_t k = 1; k < st->ntries; k++)
		if (st->low[k] < st->low[best])
			best = k;
	least = count_unmatched(st, best, 1, SIZE_MAX);
	for (size_t k = 0; k < st->ntries; k++) {
		/* an earlier one need not be better */
		size_t limit = least + (k < best);
		size_t n = st->low[k] < limit && k != best
				   ? count_unmatched(st, k, 1, limit)
				   : limit;

		if (n < limit) {
			best = k;
			least = n;
		}
	}
	return best;
}

static void try_all(struct settler *st)
{
	size_t best;

	st->step = st->s->src->n / SAMPLE + 1;
	best = find_clean(st);
	set_combination(st, best == SIZE_MAX ? find_least(st) : best);
}

int scope_settle(struct scope *s, struct error *err)
{
	size_t n = s->table->noptions;
	struct settler st = {.s = s, .ntries = count_combinations(s)};
	bool ok;

	st.now = calloc(n + 1, sizeof(*st.now));
	st.low = calloc(st.ntries, sizeof(*st.low));
	ok = st.now && st.low;
	for (size_t i = 0; i < n && ok; i++)
		st.now[i] = s->options[i];
	if (ok)
		try_all(&st);
	free(st.now);
	free(st.low);
	ok = ok && !st.nomem && !st.scratch.failed;
	strbuf_release(&st.scratch);
	return ok ? 0 : error_nomem(err);
}
