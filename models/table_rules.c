/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the rules of a table: groups are resolved into a flat list. */
#include "models/table_rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Groups in groups; loading recurses. */
#define MAX_GROUPS 8

/* A table of a few dozen lines has some hundred rules at most. */
#define MAX_RULES 10000

/* The groups around a rule: what is put before its names, and when. */
struct group {
	struct strbuf at[2];
	const struct expr *when[MAX_GROUPS]; /* [nwhen] */
	size_t when_at[MAX_GROUPS][2]; /* length of at where `when` stood */
	unsigned nwhen, depth;
};

struct flattener {
	struct table_loader *l;
	struct group group;
	struct rule *rules; /* grows; copied into the arena at the end */
	size_t n, cap;
};

int table_bad(struct table_loader *l, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return error_nomem(l->err);
	error_set(l->err, ERR_MODEL, "%s: %s", l->origin, text);
	free(text);
	return -EINVAL;
}

int table_context(struct table_loader *l, const char *where, int ret)
{
	if (ret != -ENOMEM)
		error_set(l->err, ERR_MODEL, "%s: %s: %s", l->origin, where,
			  error_text(l->err));
	return ret;
}

/* ---- one rule ---- */

struct rule_builder {
	struct flattener *f;
	struct rule rule;
	const char *json; /* the rule as written, for errors */
};

static int rule_bad(struct rule_builder *b, const char *what)
{
	return table_bad(b->f->l, "the rule %s: %s", b->json, what);
}

static struct str trim(struct str s)
{
	while (s.n && s.p[0] == ' ')
		s = (struct str){s.p + 1, s.n - 1};
	while (s.n && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}

/* Parse one name with the group's prefix. */
static int parse_name(struct rule_builder *b, struct str text, int side,
		      struct name *out)
{
	struct table *t = b->f->l->table;
	struct strbuf *at = &b->f->group.at[side];
	size_t len = at->len;
	int ret;

	strbuf_addstr(at, text);
	if (at->failed)
		return error_nomem(b->f->l->err);
	ret = name_parse(out, strbuf_str(at), side, &b->rule.caps, t->words,
			 t->nwords, &t->arena, b->f->l->err);
	at->len = len;
	return ret ? table_context(b->f->l, b->json, ret) : 0;
}

static int add_name(struct rule_builder *b, struct str text, int side)
{
	struct rule *r = &b->rule;
	const char *eq = memmem(text.p, text.n, " = ", 3);
	struct str a = trim(text);
	int ret;

	if (!a.n)
		return rule_bad(b, "an empty name");
	if (r->nnames[side] == PATTERN_MAX_TENSORS)
		return rule_bad(b, "too many names");
	if (eq) {
		struct str rest = {eq + 3, text.n - (size_t)(eq + 3 - text.p)};

		a = trim((struct str){text.p, (size_t)(eq - text.p)});
		ret = parse_name(b, trim(rest), side, &r->copy_of[side]);
		if (ret)
			return ret;
	}
	return parse_name(b, a, side, &r->names[side][r->nnames[side]++]);
}

/* "A, B" or ["A", "B"]; "" is a side without names. */
static int add_side(struct rule_builder *b, const cJSON *j, int side)
{
	struct str rest;
	int ret = 0;

	if (cJSON_IsArray(j)) {
		for (j = j->child; j && !ret; j = j->next)
			ret = cJSON_IsString(j)
				      ? add_name(b, str_of(j->valuestring),
						 side)
				      : rule_bad(b, "a name must be a text");
		return ret;
	}
	if (!cJSON_IsString(j))
		return rule_bad(b, "its first two parts must be texts");
	rest = trim(str_of(j->valuestring));
	while (rest.n && !ret) {
		const char *comma = memchr(rest.p, ',', rest.n);
		size_t n = comma ? (size_t)(comma - rest.p) : rest.n;

		ret = add_name(b, (struct str){rest.p, n}, side);
		n += comma ? 1 : 0;
		rest = (struct str){rest.p + n, rest.n - n};
	}
	return ret;
}

static int add_pattern(struct rule_builder *b, const cJSON *j)
{
	struct table_loader *l = b->f->l;
	struct rule *r = &b->rule;
	int ret;

	if (!cJSON_IsString(j) || j->next)
		return rule_bad(b, "a rule has two or three texts");
	ret = pattern_parse(&r->pattern, str_of(j->valuestring),
			    &l->table->arena, l->err);
	if (ret)
		return table_context(l, b->json, ret);
	for (int side = 0; side < 2; side++)
		if (pattern_ntensors(r->pattern, side) != r->nnames[side])
			return rule_bad(b, "its pattern has another number "
					   "of tensors than it has names");
	return 0;
}

/* An {x} whose list {x:a|b} came later in the rule is one of that list. */
static bool caps_one_sided(const struct rule *r)
{
	for (unsigned k = 0; k < r->caps.n; k++)
		if (!r->caps.v[k].in[0] || !r->caps.v[k].in[1])
			return true;
	return false;
}

static int check_rule(struct rule_builder *b)
{
	const struct rule *r = &b->rule;
	bool copies = r->copy_of[0].nparts || r->copy_of[1].nparts;

	if (!r->nnames[0] && !r->nnames[1])
		return rule_bad(b, "it names nothing");
	if (!r->nnames[0] || !r->nnames[1]) {
		if (r->pattern)
			return rule_bad(b, "a one-sided rule has no pattern");
		if (r->nnames[0] + r->nnames[1] != 1)
			return rule_bad(b, "a one-sided rule has one name");
		return 0;
	}
	if (copies)
		return rule_bad(b, "A = B stands in one-sided rules only");
	if (!r->pattern && (r->nnames[0] != 1 || r->nnames[1] != 1))
		return rule_bad(b, "several names need a pattern");
	if (caps_one_sided(r))
		return rule_bad(b, "a capture stands on one side only");
	return 0;
}

/* The name of one `has` on one side: relative to its group, or /NAME. */
static int parse_has(struct rule_builder *b, struct str has, unsigned nth,
		     int side, struct caps *caps, struct name *out)
{
	struct flattener *f = b->f;
	struct table *t = f->l->table;
	struct strbuf sb = STRBUF_INIT;
	int ret;

	if (has.p[0] == '/')
		has = (struct str){has.p + 1, has.n - 1};
	else
		strbuf_add(&sb, f->group.at[side].p,
			   f->group.when_at[nth][side]);
	strbuf_addstr(&sb, has);
	if (sb.failed)
		ret = error_nomem(f->l->err);
	else
		ret = name_parse(out, strbuf_str(&sb), side, caps, t->words,
				 t->nwords, &t->arena, f->l->err);
	strbuf_release(&sb);
	return ret;
}

static int add_has(struct rule_builder *b, struct cond *cond, unsigned nth)
{
	struct caps caps = b->rule.caps;
	struct str has;

	for (unsigned k = 0; (has = expr_has(cond->expr, k)).p; k++) {
		for (int side = 0; side < 2; side++) {
			int ret = parse_has(b, has, nth, side, &caps,
					    &cond->has[k][side]);

			if (ret)
				return table_context(b->f->l, b->json, ret);
		}
	}
	if (caps.n != b->rule.caps.n)
		return rule_bad(b, "a has with a capture the rule lacks");
	return 0;
}

static int add_conds(struct rule_builder *b)
{
	struct group *g = &b->f->group;
	struct cond *v =
		arena_array(&b->f->l->table->arena, g->nwhen, sizeof(*v));

	if (!v)
		return error_nomem(b->f->l->err);
	b->rule.conds = v;
	for (unsigned k = 0; k < g->nwhen; k++) {
		int ret;

		v[k].expr = g->when[k];
		ret = add_has(b, &v[k], k);
		if (ret)
			return ret;
		b->rule.nconds++;
	}
	return 0;
}

static int add_text(struct rule_builder *b)
{
	struct strbuf sb = STRBUF_INIT;
	struct rule *r = &b->rule;

	for (int side = 0; side < 2; side++) {
		if (side)
			strbuf_adds(&sb, " -> ");
		for (unsigned k = 0; k < r->nnames[side]; k++) {
			if (k)
				strbuf_adds(&sb, ", ");
			strbuf_addstr(&sb, r->names[side][k].text);
		}
		if (!r->nnames[side])
			strbuf_adds(&sb, "nothing");
	}
	r->text = arena_str(&b->f->l->table->arena, strbuf_str(&sb));
	strbuf_release(&sb);
	return r->text.p ? 0 : error_nomem(b->f->l->err);
}

static int push_rule(struct flattener *f, const struct rule *r)
{
	if (f->n == MAX_RULES)
		return table_bad(f->l, "over %d rules", MAX_RULES);
	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 32;
		struct rule *v = realloc(f->rules, cap * sizeof(*v));

		if (!v)
			return error_nomem(f->l->err);
		f->rules = v;
		f->cap = cap;
	}
	f->rules[f->n++] = *r;
	return 0;
}

static int flatten_rule(struct flattener *f, const cJSON *j)
{
	char *json = cJSON_PrintUnformatted(j);
	struct rule_builder b = {.f = f, .json = json ? json : ""};
	int n = cJSON_GetArraySize(j);
	int ret = 0;

	if (n < 2 || n > 3)
		ret = rule_bad(&b, "a rule has two or three texts");
	if (!ret)
		ret = add_side(&b, j->child, 0);
	if (!ret)
		ret = add_side(&b, j->child->next, 1);
	if (!ret && n == 3)
		ret = add_pattern(&b, j->child->next->next);
	if (!ret)
		ret = check_rule(&b);
	if (!ret)
		ret = add_conds(&b);
	if (!ret)
		ret = add_text(&b);
	if (!ret)
		ret = push_rule(f, &b.rule);
	cJSON_free(json);
	return ret;
}

/* ---- groups ---- */

static int flatten_list(struct flattener *f, const cJSON *list);

static int check_group(struct flattener *f, const cJSON *j)
{
	for (const cJSON *e = j->child; e; e = e->next)
		if (strcmp(e->string, "when") != 0 &&
		    strcmp(e->string, "at") != 0 &&
		    strcmp(e->string, "rules") != 0)
			return table_bad(f->l, "\"%s\" is no key of a group",
					 e->string);
	return 0;
}

/* The prefix comes first: a `has` is relative to the group's own `at`. */
static int enter_at(struct flattener *f, const cJSON *at)
{
	for (int side = 0; side < 2 && at; side++) {
		const cJSON *e = cJSON_GetArrayItem(at, side);

		if (!cJSON_IsString(e) || cJSON_GetArraySize(at) != 2)
			return table_bad(f->l, "\"at\" must be a list of two "
					       "texts");
		strbuf_adds(&f->group.at[side], e->valuestring);
		if (f->group.at[side].failed)
			return error_nomem(f->l->err);
	}
	return 0;
}

static int enter_when(struct flattener *f, const cJSON *when)
{
	struct group *g = &f->group;
	int ret;

	if (!when)
		return 0;
	if (!cJSON_IsString(when))
		return table_bad(f->l, "\"when\" must be a text");
	ret = expr_parse(&g->when[g->nwhen], str_of(when->valuestring),
			 &f->l->table->arena, f->l->err);
	if (ret)
		return table_context(f->l, "when", ret);
	g->when_at[g->nwhen][0] = g->at[0].len;
	g->when_at[g->nwhen][1] = g->at[1].len;
	g->nwhen++;
	return 0;
}

static int flatten_group(struct flattener *f, const cJSON *j)
{
	struct group *g = &f->group;
	size_t len[2] = {g->at[0].len, g->at[1].len};
	unsigned nwhen = g->nwhen;
	int ret = check_group(f, j);

	if (!ret && ++g->depth > MAX_GROUPS)
		ret = table_bad(f->l, "groups nested too deeply");
	if (!ret)
		ret = enter_at(f, cJSON_GetObjectItemCaseSensitive(j, "at"));
	if (!ret)
		ret = enter_when(f,
				 cJSON_GetObjectItemCaseSensitive(j, "when"));
	if (!ret)
		ret = flatten_list(
			f, cJSON_GetObjectItemCaseSensitive(j, "rules"));
	g->at[0].len = len[0];
	g->at[1].len = len[1];
	g->nwhen = nwhen;
	g->depth--;
	return ret;
}

static int flatten_list(struct flattener *f, const cJSON *list)
{
	int ret = 0;

	if (!cJSON_IsArray(list))
		return table_bad(f->l, "\"rules\" must be a list");
	for (const cJSON *j = list->child; j && !ret; j = j->next) {
		if (cJSON_IsArray(j))
			ret = flatten_rule(f, j);
		else if (cJSON_IsObject(j))
			ret = flatten_group(f, j);
		else
			ret = table_bad(f->l, "a rule must be a list, a "
					      "group an object");
	}
	return ret;
}

int table_take_rules(struct table_loader *l, const cJSON *j)
{
	struct flattener f = {.l = l,
			      .group = {.at = {STRBUF_INIT, STRBUF_INIT}}};
	struct table *t = l->table;
	int ret = flatten_list(&f, j);

	if (!ret && f.n) {
		t->rules = arena_array(&t->arena, f.n, sizeof(*t->rules));
		if (t->rules)
			memcpy(t->rules, f.rules, f.n * sizeof(*t->rules));
		else
			ret = error_nomem(l->err);
		t->nrules = ret ? 0 : f.n;
	}
	strbuf_release(&f.group.at[0]);
	strbuf_release(&f.group.at[1]);
	free(f.rules);
	return ret;
}
