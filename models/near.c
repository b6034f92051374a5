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

static void explain(const struct match *m, const struct scope *s,
		    enum match_stage stage, const struct strbuf *why,
		    struct strbuf *out)
{
	struct str rule = m->rule->names[s->from][m->slot].text;

	if (stage == MATCH_WHEN) {
		strbuf_addf(out, "the rule for %.*s needs", STR_ARG(rule));
		for (unsigned k = 0; k < m->rule->nconds; k++)
			strbuf_addf(out, "%s \"%.*s\"", k ? " and" : "",
				    STR_ARG(expr_text(m->rule->conds[k].expr)));
		return;
	}
	strbuf_addf(out, "%.*s", STR_ARG(strbuf_str(why)));
	if (stage == MATCH_FIT && m->rule->pattern)
		strbuf_addf(out, ", in the rule %.*s by \"%.*s\"",
			    STR_ARG(m->rule->text),
			    STR_ARG(pattern_text(m->rule->pattern)));
}

void near_miss(const struct scope *s, const struct tensor *t,
	       struct strbuf *out)
{
	struct strbuf scratch = STRBUF_INIT, why = STRBUF_INIT;
	struct strbuf nearest = STRBUF_INIT;
	enum match_stage best = MATCH_NAME;

	for (size_t i = 0; i < s->table->nrules; i++) {
		const struct rule *r = &s->table->rules[i];

		for (unsigned k = 0; k < r->nnames[s->from]; k++) {
			struct match m;
			enum match_stage stage;

			strbuf_reset(&why);
			stage = match_rule(s, r, k, t, &m, &scratch, &why);
			if (stage <= best)
				continue;
			best = stage;
			strbuf_reset(&nearest);
			explain(&m, s, stage, &why, &nearest);
		}
	}
	if (best == MATCH_NAME)
		most_alike(s, t, out);
	else
		strbuf_addstr(out, strbuf_str(&nearest));
	strbuf_release(&scratch);
	strbuf_release(&why);
	strbuf_release(&nearest);
}
