/* SPDX-License-Identifier: Apache-2.0 */
/* Near misses; see near.h. */
#include "models/near.h"

/* Names are compared by their first bytes; longer ones are rare. */
#define COMPARED 120

/* "model.layers.12.x" -> "model.layers.{i}.x", as templates are written. */
static size_t generalise(struct str name, char out[COMPARED])
{
	size_t n = 0;

	for (size_t i = 0; i < name.n && n + 3 <= COMPARED;) {
		if (name.p[i] < '0' || name.p[i] > '9' ||
		    (i && name.p[i - 1] != '.')) {
			out[n++] = name.p[i++];
			continue;
		}
		memcpy(out + n, "{i}", 3);
		n += 3;
		while (i < name.n && name.p[i] >= '0' && name.p[i] <= '9')
			i++;
	}
	return n;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein distance. */
static unsigned distance(struct str a, struct str b)
{
	unsigned row[COMPARED + 1];

	a.n = a.n < COMPARED ? a.n : COMPARED;
	b.n = b.n < COMPARED ? b.n : COMPARED;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; i < a.n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < b.n; j++) {
			unsigned up = row[j + 1];

			row[j + 1] = min3(row[j] + 1, up + 1,
					  diagonal + (a.p[i] != b.p[j]));
			diagonal = up;
		}
	}
	return row[b.n];
}

static void most_alike(const struct scope *s, const struct tensor *t,
		       struct strbuf *out)
{
	char text[COMPARED];
	struct str name = {text, generalise(t->name, text)};
	unsigned best = COMPARED + 1;
	struct str found = {"", 0};

	for (size_t i = 0; i < s->table->nrules; i++) {
		const struct rule *r = &s->table->rules[i];

		for (unsigned k = 0; k < r->nnames[s->from]; k++) {
			struct str cand = r->names[s->from][k].text;
			unsigned d = distance(name, cand);

			if (d < best) {
				best = d;
				found = cand;
			}
		}
	}
	strbuf_addf(out, "the nearest rule is for %.*s", STR_ARG(found));
}

/* The conditions that do not hold, of one that came as far as MATCH_WHEN; how
 * many they are. */
static unsigned add_unmet(const struct match *m, const struct scope *s,
			  struct strbuf *scratch, struct strbuf *out)
{
	const struct rule *r = m->rule;
	unsigned n = 0;

	strbuf_addf(out, "the rule for %.*s needs",
		    STR_ARG(r->names[s->from][m->slot].text));
	for (unsigned k = 0; k < r->nconds; k++)
		if (!match_cond(s, r, k, &m->b, scratch))
			strbuf_addf(out, "%s \"%.*s\"", n++ ? " and" : "",
				    STR_ARG(expr_text(r->conds[k].expr)));
	return n;
}

static void explain(const struct match *m, enum match_stage stage,
		    const struct strbuf *why, struct strbuf *out)
{
	strbuf_addf(out, "%.*s", STR_ARG(strbuf_str(why)));
	if (stage == MATCH_FIT && m->rule->pattern)
		strbuf_addf(out, ", in the rule %.*s by \"%.*s\"",
			    STR_ARG(m->rule->text),
			    STR_ARG(pattern_text(m->rule->pattern)));
}

/* The rule that came farthest, and of those that lack conditions the one that
 * lacks the fewest. */
struct nearest {
	enum match_stage stage;
	unsigned nunmet;
	struct strbuf text, other;
};

static void consider(struct nearest *n, const struct scope *s,
		     const struct match *m, enum match_stage stage,
		     const struct strbuf *why, struct strbuf *scratch)
{
	unsigned nunmet = 0;

	if (stage < n->stage || stage == MATCH_NAME ||
	    (stage == n->stage && stage != MATCH_WHEN))
		return;
	strbuf_reset(&n->other);
	if (stage == MATCH_WHEN)
		nunmet = add_unmet(m, s, scratch, &n->other);
	else
		explain(m, stage, why, &n->other);
	if (stage == n->stage && nunmet >= n->nunmet)
		return;
	n->stage = stage;
	n->nunmet = nunmet;
	strbuf_reset(&n->text);
	strbuf_addstr(&n->text, strbuf_str(&n->other));
}

void near_miss(const struct scope *s, const struct tensor *t,
	       struct strbuf *out)
{
	struct strbuf scratch = STRBUF_INIT, why = STRBUF_INIT;
	struct nearest n = {MATCH_NAME, 0, STRBUF_INIT, STRBUF_INIT};

	for (size_t i = 0; i < s->table->nrules; i++) {
		const struct rule *r = &s->table->rules[i];

		for (unsigned k = 0; k < r->nnames[s->from]; k++) {
			struct match m;
			enum match_stage stage;

			strbuf_reset(&why);
			stage = match_rule(s, r, k, t, &m, &scratch, &why);
			consider(&n, s, &m, stage, &why, &scratch);
		}
	}
	if (n.stage == MATCH_NAME)
		most_alike(s, t, out);
	else
		strbuf_addstr(out, strbuf_str(&n.text));
	strbuf_release(&scratch);
	strbuf_release(&why);
	strbuf_release(&n.text);
	strbuf_release(&n.other);
}
