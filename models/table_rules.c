/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the rules of a table: groups are resolved into a flat list. */
#include "models/table_rules.h"

#include <stdlib.h>

/* A table of a few dozen lines has some hundred rules at most. */
#define MAX_RULES 10000

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

static int flatten_list(struct flattener *f, const cJSON *list);

static int check_group(struct flattener *f, const cJSON *j)
{
	static const char *const keys[] = {"when",   "at",    "config", "note",
					   "needed", "rules", "use"};
	const size_t n = sizeof(keys) / sizeof(keys[0]);
	unsigned nbodies = 0;

	for (const cJSON *e = j->child; e; e = e->next) {
		size_t k = 0;

		while (k < n && strcmp(keys[k], e->string) != 0)
			k++;
		if (k == n)
			return table_bad(f->l, "\"%s\" is no key of a group",
					 e->string);
		nbodies += k >= n - 2;
	}
	return nbodies == 1 ? 0
			    : table_bad(f->l, "a group has \"rules\" or "
					      "\"use\"");
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
	g->when_space[g->nwhen] = g->space;
	g->nwhen++;
	return 0;
}

/* "text_config": where this group's keys are looked up. */
static int enter_config(struct flattener *f, const cJSON *key)
{
	if (!key)
		return 0;
	if (!cJSON_IsString(key) || !key->valuestring[0])
		return table_bad(f->l, "\"config\" must be a key");
	return table_move_space(f->l, str_of(key->valuestring),
				&f->group.space);
}

/* ["to the right", "back"]: what the rules take for granted. */
static int enter_note(struct flattener *f, const cJSON *note)
{
	for (int side = 0; side < 2 && note; side++) {
		const cJSON *e = cJSON_GetArrayItem(note, side);
		struct str *text = &f->group.note[side];

		if (!cJSON_IsString(e) || cJSON_GetArraySize(note) != 2)
			return table_bad(f->l, "\"note\" must be a list of two "
					       "texts");
		*text = arena_str(&f->l->table->arena, str_of(e->valuestring));
		if (!text->p)
			return error_nomem(f->l->err);
	}
	return 0;
}

/* When the rules are needed: true, or a condition on the source as a whole. */
static int enter_needed(struct flattener *f, const cJSON *needed)
{
	struct group *g = &f->group;
	int ret;

	if (!needed)
		return 0;
	if (!cJSON_IsString(needed) && !cJSON_IsTrue(needed))
		return table_bad(f->l, "\"needed\" must be true or a text");
	ret = expr_parse(&g->needed,
			 str_of(cJSON_IsTrue(needed) ? "true"
						     : needed->valuestring),
			 &f->l->table->arena, f->l->err);
	if (ret)
		return table_context(f->l, "needed", ret);
	if (expr_has(g->needed, 0).p)
		return table_bad(f->l, "\"needed\" takes no has");
	g->needed_space = g->space;
	return 0;
}

/* Another table's rules, in its own space. */
static int use_table(struct flattener *f, const char *name)
{
	struct table_loader saved = *f->l;
	struct group *g = &f->group;
	unsigned space = g->space;
	cJSON *root;
	int ret = table_load(f->l, name, &root);

	if (!ret)
		ret = table_add_space(f->l, root, &g->space);
	if (!ret)
		ret = table_take_keep(f->l, g);
	if (!ret)
		ret = flatten_list(
			f, cJSON_GetObjectItemCaseSensitive(root, "rules"));
	g->space = space;
	*f->l = saved;
	cJSON_Delete(root);
	return ret;
}

/* A part of this table, or another table. */
static int use(struct flattener *f, const cJSON *name)
{
	const cJSON *parts, *part;

	if (!cJSON_IsString(name))
		return table_bad(f->l, "\"use\" must be the name of a part or "
				       "of a table");
	parts = cJSON_GetObjectItemCaseSensitive(f->l->root, "parts");
	part = cJSON_GetObjectItemCaseSensitive(parts, name->valuestring);
	return part ? flatten_list(f, part) : use_table(f, name->valuestring);
}

static int flatten_body(struct flattener *f, const cJSON *j)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(j, "use");
	int ret;

	ret = enter_at(f, cJSON_GetObjectItemCaseSensitive(j, "at"));
	if (!ret)
		ret = enter_config(
			f, cJSON_GetObjectItemCaseSensitive(j, "config"));
	if (!ret)
		ret = enter_when(f,
				 cJSON_GetObjectItemCaseSensitive(j, "when"));
	if (!ret)
		ret = enter_note(f,
				 cJSON_GetObjectItemCaseSensitive(j, "note"));
	if (!ret)
		ret = enter_needed(
			f, cJSON_GetObjectItemCaseSensitive(j, "needed"));
	if (ret)
		return ret;
	return name ? use(f, name)
		    : flatten_list(
			      f, cJSON_GetObjectItemCaseSensitive(j, "rules"));
}

static int flatten_group(struct flattener *f, const cJSON *j)
{
	struct group *g = &f->group;
	size_t len[2] = {g->at[0].len, g->at[1].len};
	unsigned nwhen = g->nwhen, space = g->space;
	struct str note[2] = {g->note[0], g->note[1]};
	const struct expr *needed = g->needed;
	unsigned needed_space = g->needed_space;
	int ret = check_group(f, j);

	if (!ret && ++g->depth > MAX_GROUPS)
		ret = table_bad(f->l, "groups nested too deeply");
	if (!ret) {
		ret = flatten_body(f, j);
		g->depth--;
	}
	g->at[0].len = len[0];
	g->at[1].len = len[1];
	g->nwhen = nwhen;
	g->space = space;
	memcpy(g->note, note, sizeof(note));
	g->needed = needed;
	g->needed_space = needed_space;
	return ret;
}

static int flatten_rule(struct flattener *f, const cJSON *j)
{
	struct rule r;
	int ret = table_read_rule(f, j, &r);

	return ret ? ret : push_rule(f, &r);
}

static int flatten_list(struct flattener *f, const cJSON *list)
{
	int ret = 0;

	if (!cJSON_IsArray(list))
		return table_bad(f->l, "\"rules\" must be a list");
	for (const cJSON *j = list->child; j && !ret; j = j->next) {
		f->l->at = j;
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
	int ret = table_take_keep(l, &f.group);

	if (!ret)
		ret = flatten_list(&f, j);
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
