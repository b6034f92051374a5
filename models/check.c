/* SPDX-License-Identifier: Apache-2.0 */
/* Checking tables; see check.h. */
#include "models/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct checker {
	struct check_result *out;
	const struct table *t;
	const struct rule *r;
	const char *origin;
	struct strbuf *wrong;
	struct arena arena; /* of one rule */
	bool nomem;	    /* no finding says anything then */
};

static void __attribute__((format(printf, 2, 3)))
wrong(struct checker *c, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strbuf_adds(c->wrong, ERROR_ITEM);
	strbuf_adds(c->wrong, c->origin);
	if (c->r->line)
		strbuf_addf(c->wrong, ":%u", c->r->line);
	strbuf_addf(c->wrong, ": %s", text);
	c->out->nwrong++;
}

/* ---- names ---- */

/* Axes and keys in the arithmetic of names: any number will do. */
static struct value made_value(const void *ctx, struct str name)
{
	(void)ctx;
	(void)name;
	return value_int(11);
}

/* A value for each capture; another of those it may have in each variant. */
static void make_binding(const struct caps *caps, unsigned variant,
			 struct binding *b)
{
	static const char *const stars[] = {"some", "more"};

	b->set = (1u << caps->n) - 1;
	for (unsigned k = 0; k < caps->n; k++) {
		const struct cap *cap = &caps->v[k];

		b->v[k].num = 3 + k + 1000 * (variant % 2);
		b->v[k].text = (struct str){"", 0};
		if (cap->kind == CAP_ALT)
			b->v[k].text = cap->alts[cap->nalts - 1 -
						 variant % cap->nalts];
		if (cap->kind == CAP_STAR)
			b->v[k].text = str_of(stars[(k + variant) % 2]);
		if (cap->kind == CAP_WORD)
			b->v[k].num = (int64_t)(cap->words->npairs - 1 -
						variant % cap->words->npairs);
	}
}

static bool no_words(const struct caps *caps)
{
	for (unsigned k = 0; k < caps->n; k++)
		if (caps->v[k].kind == CAP_WORD && !caps->v[k].words->npairs)
			return true;
	return false;
}

static void check_name(struct checker *c, const struct name *n)
{
	const struct caps *caps = &c->r->caps;
	struct expr_env look = {.lookup = made_value};
	struct strbuf made = STRBUF_INIT, again = STRBUF_INIT;
	struct binding b, got = {.set = 0};

	make_binding(caps, 0, &b);
	if (!name_fill(n, caps, &look, &b, &made))
		wrong(c, "the name %.*s cannot be worked out",
		      STR_ARG(n->text));
	else if (!name_match(n, caps, strbuf_str(&made), &look, &got) ||
		 !name_fill(n, caps, &look, &got, &again) ||
		 !str_eq(strbuf_str(&made), strbuf_str(&again)))
		wrong(c, "the name %.*s does not take %.*s, which it makes",
		      STR_ARG(n->text), STR_ARG(strbuf_str(&made)));
	c->nomem |= made.failed || again.failed;
	strbuf_release(&made);
	strbuf_release(&again);
}

static void check_names(struct checker *c)
{
	if (no_words(&c->r->caps)) {
		wrong(c, "%.*s: a list of words that is empty",
		      STR_ARG(c->r->text));
		return;
	}
	for (int side = 0; side < 2; side++)
		for (unsigned k = 0; k < c->r->nnames[side]; k++)
			check_name(c, &c->r->names[side][k]);
}

/* ---- patterns ---- */

static bool has_axis(const void *ctx, struct str name, uint64_t *out)
{
	const struct checker *c = ctx;

	*out = 0;
	return table_axis_in(c->t, c->r->space, name) != NULL;
}

static void check_pattern(struct checker *c, int from)
{
	struct axis_env env = {has_axis, c, NULL, NULL};
	struct str names[PATTERN_MAX_TENSORS];
	struct error err = ERROR_INIT;
	int rc;

	for (unsigned k = 0; k < c->r->nnames[from]; k++)
		names[k] = c->r->names[from][k].text;
	rc = pattern_check(c->r->pattern, from, names, &env, &c->arena, &err);
	c->nomem |= rc == -ENOMEM;
	if (rc)
		wrong(c, "from the %s alone, with made-up sizes: %s",
		      from ? "right" : "left", error_text(&err));
	error_release(&err);
}

/* An axis that the table lacks would be solved, and hold nothing. */
static bool check_axes(struct checker *c)
{
	struct axis_env env = {has_axis, c, NULL, NULL};
	struct str axis = pattern_unknown_axis(c->r->pattern, &env);

	if (axis.n)
		wrong(c,
		      "%.*s: the pattern \"%.*s\": %.*s is none of the table's "
		      "axes; one of the pattern's own is written in lower case",
		      STR_ARG(c->r->text), STR_ARG(pattern_text(c->r->pattern)),
		      STR_ARG(axis));
	return !axis.n;
}

/* ---- order ---- */

/* Under the same conditions; conditions of a group are shared by its rules. */
static bool same_conds(const struct rule *a, const struct rule *b)
{
	if (a->nconds > b->nconds)
		return false;
	for (unsigned k = 0; k < a->nconds; k++)
		if (a->conds[k].expr != b->conds[k].expr)
			return false;
	return true;
}

/* A template of the target side may want the second of two rules. */
static bool has_template(const struct rule *r)
{
	for (unsigned k = 0; k < r->nconds; k++)
		if (expr_mentions(r->conds[k].expr, str_of("template")))
			return true;
	return false;
}

/* How many bindings have each of its captures' texts in one. */
static unsigned nvariants(const struct caps *caps)
{
	size_t n = 2;

	for (unsigned k = 0; k < caps->n; k++) {
		const struct cap *cap = &caps->v[k];
		size_t its = cap->kind == CAP_ALT    ? cap->nalts
			     : cap->kind == CAP_WORD ? cap->words->npairs
						     : 0;

		n = its > n ? its : n;
	}
	return (unsigned)n;
}

static bool has_cap(const struct rule *r, struct str name)
{
	for (unsigned k = 0; k < r->caps.n; k++)
		if (str_eq(r->caps.v[k].name, name))
			return true;
	return false;
}

/* A capture with a range takes some numbers only; the same one in the rule
 * that is checked takes the same. */
static bool has_range(const struct checker *c, const struct rule *r)
{
	for (unsigned k = 0; k < r->caps.n; k++) {
		struct str name = r->caps.v[k].name;

		if (r->caps.v[k].kind == CAP_NUM &&
		    table_axis_in(c->t, r->space, name) &&
		    (r->space != c->r->space || !has_cap(c->r, name)))
			return true;
	}
	return false;
}

/* Whether r, of one name and any shape, takes all that a name would. */
static bool takes_all(struct checker *c, const struct rule *r,
		      const struct name *n)
{
	struct expr_env look = {.lookup = made_value};
	struct strbuf made = STRBUF_INIT;
	struct binding b, got = {.set = 0};
	bool all = true;

	for (unsigned v = 0; v < nvariants(&c->r->caps) && all; v++) {
		strbuf_reset(&made);
		make_binding(&c->r->caps, v, &b);
		got.set = 0;
		all = name_fill(n, &c->r->caps, &look, &b, &made) &&
		      name_match(&r->names[0][0], &r->caps, strbuf_str(&made),
				 &look, &got);
	}
	c->nomem |= made.failed;
	strbuf_release(&made);
	return all;
}

/* A rule before it that takes one of its names, whatever the shape. */
static void check_reached(struct checker *c)
{
	if (has_template(c->r))
		return;
	for (const struct rule *r = c->t->rules; r < c->r; r++) {
		bool taken = false;

		if (r->pattern || r->nnames[0] != 1 || has_range(c, r) ||
		    !same_conds(r, c->r))
			continue;
		for (unsigned k = 0; k < c->r->nnames[0] && !taken; k++)
			taken = takes_all(c, r, &c->r->names[0][k]);
		if (!taken)
			continue;
		wrong(c, "%.*s is never reached: the rule of line %u takes all",
		      STR_ARG(c->r->text), r->line);
		return;
	}
}

static bool makes_same(const struct rule *a, const struct rule *b)
{
	if (a->nnames[1] != b->nnames[1] || !a->nnames[1])
		return false;
	for (unsigned k = 0; k < a->nnames[1]; k++)
		if (!str_eq(a->names[1][k].text, b->names[1][k].text))
			return false;
	return true;
}

/* Two names of one thing, of which a source has one; or a mistake. Part of a
 * table that is used twice, for names with a prefix and without, is none. */
static void note_same(struct checker *c)
{
	for (const struct rule *r = c->t->rules; r < c->r; r++) {
		if (r->line == c->r->line || !r->nnames[0] ||
		    !c->r->nnames[0] || !makes_same(r, c->r) ||
		    !same_conds(r, c->r))
			continue;
		strbuf_addf(
			&c->out->notes,
			"%s:%u: %.*s makes what the rule of line %u does: a "
			"source may have the names of one of them, and the "
			"way back gives those of line %u\n",
			c->origin, c->r->line, STR_ARG(c->r->text), r->line,
			r->line);
		return;
	}
}

/* ---- the table ---- */

static void check_rule(struct checker *c)
{
	check_names(c);
	check_reached(c);
	note_same(c);
	if (!c->r->pattern)
		return;
	c->out->npatterns++;
	if (!check_axes(c))
		return;
	check_pattern(c, 0);
	check_pattern(c, 1);
}

static int unreadable(struct check_result *out, struct strbuf *wrong,
		      const struct error *err, int ret)
{
	if (ret == -ENOMEM)
		return ret;
	strbuf_addf(wrong, ERROR_ITEM "%s", error_text(err));
	out->nwrong++;
	return 0;
}

int check_rules(struct check_result *out, struct str json, const char *origin,
		struct strbuf *wrong, struct error *err)
{
	struct checker c = {.out = out, .origin = origin, .wrong = wrong};
	struct table *t;
	int ret;

	*out = (struct check_result){.notes = STRBUF_INIT};
	ret = table_parse_lines(&t, json, origin, err);
	if (ret)
		return unreadable(out, wrong, err, ret);
	c.t = t;
	out->model = arena_str(&out->arena, t->model);
	out->nrules = t->nrules;
	for (size_t i = 0; i < t->nrules; i++) {
		c.r = &t->rules[i];
		/* tables that this one uses are built in and checked */
		if (str_eq(t->spaces[c.r->space].table, str_of(origin)))
			check_rule(&c);
		arena_release(&c.arena);
		c.arena = (struct arena)ARENA_INIT;
	}
	table_free(t);
	c.nomem |= wrong->failed || out->notes.failed;
	return c.nomem || !out->model.p ? error_nomem(err) : 0;
}

void check_release(struct check_result *r)
{
	arena_release(&r->arena);
	strbuf_release(&r->notes);
}
