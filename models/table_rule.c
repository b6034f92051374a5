/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one rule of a table, with what its groups put around it. */
#include "models/json_line.h"
#include "models/table_rules.h"

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
	const struct space *space = &t->spaces[b->f->group.space];
	struct strbuf *at = &b->f->group.at[side];
	size_t len = at->len;
	int ret;

	strbuf_addstr(at, text);
	if (at->failed)
		return error_nomem(b->f->l->err);
	ret = name_parse(out, strbuf_str(at), side, &b->rule.caps, space->words,
			 space->nwords, &t->arena, b->f->l->err);
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
		if (!ret && comma && n + 1 == rest.n)
			ret = rule_bad(b, "an empty name");
		n += comma ? 1 : 0;
		rest = (struct str){rest.p + n, rest.n - n};
	}
	return ret;
}

/*
 * A capture that stands on one side alone is an axis in front of that side's
 * tensors, so each of its names has it.
 */
static int add_front(struct rule_builder *b, unsigned cap, int side)
{
	struct rule *r = &b->rule;

	if (r->caps.v[cap].kind != CAP_NUM)
		return rule_bad(b, "a capture stands on one side only");
	for (unsigned k = 0; k < r->nnames[side]; k++)
		if (!name_has(&r->names[side][k], cap))
			return rule_bad(b, "a capture of one side only must "
					   "stand in each of its names");
	r->front[side][r->nfront[side]++] = (uint8_t)cap;
	return 0;
}

static int add_fronts(struct rule_builder *b)
{
	const struct rule *r = &b->rule;
	int ret = 0;

	if (!r->nnames[0] || !r->nnames[1])
		return 0;
	for (unsigned k = 0; k < r->caps.n && !ret; k++)
		if (r->caps.v[k].in[0] != r->caps.v[k].in[1])
			ret = add_front(b, k, r->caps.v[k].in[0] ? 0 : 1);
	return ret;
}

/* Without a pattern such a rule stacks: "... -> e ..." */
static void add_stack_text(const struct rule *r, struct strbuf *sb)
{
	for (int side = 0; side < 2; side++) {
		strbuf_adds(sb, side ? " -> " : "");
		for (unsigned k = 0; k < r->nfront[!side]; k++)
			strbuf_addf(
				sb, "%.*s ",
				STR_ARG(r->caps.v[r->front[!side][k]].name));
		strbuf_adds(sb, "...");
	}
}

static int parse_pattern(struct rule_builder *b, struct str text)
{
	struct table_loader *l = b->f->l;
	struct rule *r = &b->rule;
	struct str names[2][RULE_MAX_CAPS];
	struct pattern_front front[2];
	int ret;

	for (int side = 0; side < 2; side++) {
		for (unsigned k = 0; k < r->nfront[side]; k++)
			names[side][k] = r->caps.v[r->front[side][k]].name;
		front[side] =
			(struct pattern_front){names[side], r->nfront[side]};
	}
	ret = pattern_parse_stacked(&r->pattern, text, front, &l->table->arena,
				    l->err);
	return ret ? table_context(l, b->json, ret) : 0;
}

/* j: the pattern's text, or NULL. */
static int add_pattern(struct rule_builder *b, const cJSON *j)
{
	struct rule *r = &b->rule;
	struct strbuf sb = STRBUF_INIT;
	int ret;

	if (j && (!cJSON_IsString(j) || j->next))
		return rule_bad(b, "a rule has two or three texts");
	if (!j && !r->nfront[0] && !r->nfront[1])
		return 0;
	if (!j && (r->nnames[0] > 1 || r->nnames[1] > 1))
		return rule_bad(b, "several names need a pattern");
	if (j)
		strbuf_adds(&sb, j->valuestring);
	else
		add_stack_text(r, &sb);
	ret = sb.failed ? error_nomem(b->f->l->err)
			: parse_pattern(b, strbuf_str(&sb));
	strbuf_release(&sb);
	if (ret)
		return ret;
	for (int side = 0; side < 2; side++)
		if (pattern_ntensors(r->pattern, side) != r->nnames[side])
			return rule_bad(b, "its pattern has another number "
					   "of tensors than it has names");
	return 0;
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
	return 0;
}

/* The name of one `has` on one side: relative to its group, or /NAME. */
static int parse_has(struct rule_builder *b, struct str has, unsigned nth,
		     int side, struct caps *caps, struct name *out)
{
	struct flattener *f = b->f;
	struct table *t = f->l->table;
	const struct space *space = &t->spaces[f->group.when_space[nth]];
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
		ret = name_parse(out, strbuf_str(&sb), side, caps, space->words,
				 space->nwords, &t->arena, f->l->err);
	strbuf_release(&sb);
	return ret;
}

static int add_has(struct rule_builder *b, struct cond *cond, unsigned nth)
{
	struct caps caps = b->rule.caps;
	struct str has;
	size_t n = 0;

	while (expr_has(cond->expr, (unsigned)n).p)
		n++;
	cond->has = arena_array(&b->f->l->table->arena, n, sizeof(*cond->has));
	if (!cond->has)
		return error_nomem(b->f->l->err);
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
		v[k].space = g->when_space[k];
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
	if (!sb.failed)
		r->text = arena_str(&b->f->l->table->arena, strbuf_str(&sb));
	strbuf_release(&sb);
	return r->text.p ? 0 : error_nomem(b->f->l->err);
}

int table_read_rule(struct flattener *f, const cJSON *j, struct rule *out)
{
	char *json = cJSON_PrintUnformatted(j);
	struct rule_builder b = {.f = f, .json = json ? json : ""};
	int n = cJSON_GetArraySize(j);
	int ret = 0;

	b.rule.space = (uint8_t)f->group.space;
	memcpy(b.rule.note, f->group.note, sizeof(b.rule.note));
	b.rule.needed = f->group.needed;
	b.rule.needed_space = f->group.needed_space;
	if (f->l->lines)
		b.rule.line = json_line(f->l->text, f->l->root, j);
	if (n < 2 || n > 3)
		ret = rule_bad(&b, "a rule has two or three texts");
	if (!ret)
		ret = add_side(&b, j->child, 0);
	if (!ret)
		ret = add_side(&b, j->child->next, 1);
	if (!ret)
		ret = add_fronts(&b);
	if (!ret)
		ret = add_pattern(&b, j->child->next->next);
	if (!ret)
		ret = check_rule(&b);
	if (!ret)
		ret = add_conds(&b);
	if (!ret)
		ret = add_text(&b);
	*out = b.rule;
	cJSON_free(json);
	return ret;
}
