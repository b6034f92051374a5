/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing options by what they leave over; see settle.h. */
#include "models/settle.h"

#include <stdlib.h>

#include "models/match.h"

/* Combinations that are tried; tables have some ten. */
#define MAX_TRIES 1024

/* The options that are open, each with the number of its value. */
struct settler {
	struct scope *s;
	struct value *now, *best; /* [table->noptions] */
	unsigned *which;	  /* [table->noptions] */
	struct strbuf scratch;
};

/* Tensors without a rule; counting stops at limit. */
static size_t count_unmatched(struct settler *st, size_t limit)
{
	const struct tensor_set *src = st->s->src;
	struct match m;
	size_t n = 0;

	for (size_t i = 0; i < src->n && n < limit; i++)
		n += !match_tensor(st->s, &src->v[i], &m, &st->scratch);
	return n;
}

/* The next combination, the last option first. False after the last one. */
static bool next_values(struct settler *st)
{
	const struct table *t = st->s->table;

	for (size_t i = t->noptions; i-- > 0;) {
		const struct table_option *o = &t->options[i];

		if (scope_is_set(st->s, o->name))
			continue;
		if (++st->which[i] < o->nvalues) {
			st->now[i] = o->values[st->which[i]];
			return true;
		}
		st->which[i] = 0;
		st->now[i] = o->values[0];
	}
	return false;
}

static void keep_values(struct settler *st)
{
	for (size_t i = 0; i < st->s->table->noptions; i++)
		st->best[i] = st->now[i];
}

static bool try_all(struct settler *st)
{
	size_t least = SIZE_MAX, tries = 0;

	do {
		size_t n;

		if (!scope_set_options(st->s, st->now))
			return false;
		n = count_unmatched(st, least);
		if (n < least)
			keep_values(st);
		least = n < least ? n : least;
	} while (least && ++tries < MAX_TRIES && next_values(st));
	return scope_set_options(st->s, st->best) && !st->scratch.failed;
}

int scope_settle(struct scope *s, struct error *err)
{
	size_t n = s->table->noptions;
	struct settler st = {.s = s};
	bool ok;

	st.now = calloc(n + 1, sizeof(*st.now));
	st.best = calloc(n + 1, sizeof(*st.best));
	st.which = calloc(n + 1, sizeof(*st.which));
	ok = st.now && st.best && st.which;
	for (size_t i = 0; i < n && ok; i++)
		st.now[i] = s->options[i];
	ok = ok && try_all(&st);
	free(st.now);
	free(st.best);
	free(st.which);
	strbuf_release(&st.scratch);
	return ok ? 0 : error_nomem(err);
}
