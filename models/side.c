/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing by names; see side.h. */
#include "models/side.h"

#include <errno.h>
#include <stdlib.h>

#include "models/match.h"

/* Names that are tried, evenly spread: a side is not a matter of one name. */
#define SAMPLE 256

#define MINDSPORE "ms"

struct setting *side_source_settings(const struct table *t,
				     const struct setting *set, size_t nset,
				     size_t *n)
{
	struct setting *v = calloc(nset + 1, sizeof(*v));

	*n = 0;
	for (size_t i = 0; v && i < nset; i++)
		if (!table_option(t, set[i].key))
			v[(*n)++] = set[i];
	return v;
}

/* Whether the name is one that a rule spells out, whatever the options and
 * axes are. */
static bool may_match(const struct table *t, int from, struct str name)
{
	for (size_t i = 0; i < t->nrules; i++) {
		const struct rule *r = &t->rules[i];

		for (unsigned k = 0; k < r->nnames[from]; k++)
			if (!name_is_loose(&r->names[from][k]) &&
			    name_may_match(&r->names[from][k], &r->caps, name))
				return true;
	}
	return false;
}

/* At least so many of the names have no rule; counting stops at limit. */
static size_t count_strange(const struct table *t, const struct side_query *q,
			    int from, size_t step, size_t limit)
{
	size_t n = 0;

	for (size_t i = 0; i < q->src->n && n < limit; i += step)
		n += !q->src->v[i].is_extra &&
		     !may_match(t, from, q->src->v[i].name);
	return n;
}

/* Whether the match says nothing of the side: by a loose name, unless it only
 * leaves out what another rule spells out. */
static bool says_nothing(const struct scope *s, const struct match *m,
			 struct str name)
{
	return name_is_loose(&m->rule->names[s->from][m->slot]) &&
	       (m->rule->nnames[1 - s->from] ||
		!may_match(s->table, s->from, name));
}

/* Names of the scope's source that no rule takes, or one that says nothing. 0
 * or -ENOMEM. */
static int count_in_scope(const struct scope *s, size_t step, size_t limit,
			  size_t *out)
{
	struct strbuf scratch = STRBUF_INIT;
	struct match m;
	size_t n = 0;
	bool failed;

	for (size_t i = 0; i < s->src->n && n < limit; i += step)
		n += match_tensor(s, &s->src->v[i], &m, &scratch)
			     ? says_nothing(s, &m, s->src->v[i].name)
			     : !s->src->v[i].is_extra;
	*out = n;
	failed = scratch.failed;
	strbuf_release(&scratch);
	return failed ? -ENOMEM : 0;
}

/*
 * How many of the names that are tried have no rule if the source is side
 * from; all of them where the table does not fit the source at all. Counting
 * stops at limit. 0 or -ENOMEM.
 */
static int count_unmatched(const struct table *t, const struct side_query *q,
			   int from, size_t step, size_t limit, size_t *out)
{
	bool shown = q->to && str_is(t->sides[from], q->to);
	struct error err = ERROR_INIT;
	struct scope s = {.table = t};
	struct setting *own = NULL; /* of the source alone */
	size_t nset = q->nsettings;
	int rc = 0;

	/* most tables are none of it, and options are dear to choose */
	*out = count_strange(t, q, from, step, limit);
	if (*out >= limit)
		return 0;
	if (shown) {
		own = side_source_settings(t, q->settings, nset, &nset);
		rc = own ? 0 : -ENOMEM;
	}
	if (!rc)
		rc = scope_init(&s, t, q->config, q->src, from, q->adapter,
				own ? own : q->settings, nset, &err);
	if (!rc)
		rc = count_in_scope(&s, step, limit, out);
	else if (rc != -ENOMEM)
		*out = q->src->n;
	scope_release(&s);
	error_release(&err);
	free(own);
	return rc == -ENOMEM ? rc : 0;
}

static bool may_be(const struct table *t, const struct side_query *q, int from)
{
	return !q->is_mindspore || str_is(t->sides[from], MINDSPORE);
}

int side_takes_all(const struct table *t, const struct side_query *q)
{
	size_t step = q->src->n / SAMPLE + 1;

	for (int from = 0; from < 2 && q->src->n; from++) {
		size_t left;

		if (!may_be(t, q, from) ||
		    count_strange(t, q, from, step, 1) > 0)
			continue;
		if (count_unmatched(t, q, from, 1, 1, &left))
			return -ENOMEM;
		if (left == 0)
			return 1;
	}
	return 0;
}

/* The side whose rules leave fewer names; prefer where that is no matter. A
 * side, or -ENOMEM. */
static int side_of_names(const struct table *t, const struct side_query *q,
			 int prefer)
{
	size_t step = q->src->n / SAMPLE + 1;
	size_t left, other;

	if (!may_be(t, q, !prefer))
		return prefer;
	if (!may_be(t, q, prefer))
		return !prefer;
	if (count_unmatched(t, q, prefer, step, SIZE_MAX, &left))
		return -ENOMEM;
	if (left == 0)
		return prefer;
	if (count_unmatched(t, q, !prefer, step, left, &other))
		return -ENOMEM;
	return other < left ? !prefer : prefer;
}

static int refuse_side(const struct table *t, const char *to, struct error *err)
{
	return error_set(err, ERR_USAGE,
			 "--to=%s: the %.*s rules are between %.*s and %.*s; "
			 "name one of these sides, or raw",
			 to, STR_ARG(t->model), STR_ARG(t->sides[0]),
			 STR_ARG(t->sides[1]));
}

static int refuse_same(const struct table *t, const struct side_choice *c,
		       struct error *err)
{
	return error_set(err, ERR_USAGE,
			 "--to=%.*s: the source has the names of that side "
			 "already; show it as the other one (--to=%.*s) or as "
			 "it is (--to=raw)",
			 STR_ARG(t->sides[c->shown]),
			 STR_ARG(t->sides[!c->shown]));
}

/* A value that no layout has must not look like names that do not fit. */
static int check_options(const struct table *t, const struct side_query *q,
			 struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < q->nsettings && !ret; i++) {
		const struct table_option *o =
			table_option(t, q->settings[i].key);

		if (o)
			ret = scope_check_option(o, q->settings[i].value, err);
	}
	return ret;
}

int side_choose(struct side_choice *out, const struct table *t,
		const struct side_query *q, struct error *err)
{
	bool is[2] = {q->to && str_is(t->sides[0], q->to),
		      q->to && str_is(t->sides[1], q->to)};
	int prefer = is[0] && !is[1];
	int ret = check_options(t, q, err);

	if (ret)
		return ret;
	if (q->to && !is[0] && !is[1])
		return refuse_side(t, q->to, err);
	if (!may_be(t, q, 0) && !may_be(t, q, 1))
		return error_set(err, ERR_USAGE,
				 "MindSpore wrote the source, and the %.*s "
				 "rules are between %.*s and %.*s",
				 STR_ARG(t->model), STR_ARG(t->sides[0]),
				 STR_ARG(t->sides[1]));
	out->from = side_of_names(t, q, prefer);
	if (out->from < 0)
		return error_nomem(err);
	out->shown = !q->to || is[!out->from] ? !out->from : out->from;
	if (out->from == out->shown && !str_is(t->sides[out->shown], MINDSPORE))
		return refuse_same(t, out, err);
	return 0;
}
