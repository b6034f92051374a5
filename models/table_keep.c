/* SPDX-License-Identifier: Apache-2.0 */
/* The key "keep" of tables: names whose type does not follow --dtype. */
#include "models/table_rules.h"

#define MAX_KEEP 64

/* What is read of the key, and of one of its objects. */
struct keeper {
	struct table_loader *l;
	struct group *g;
	struct keep as; /* when and type; names are filled in */
};

static int take_kept(struct keeper *k, const cJSON *j)
{
	struct table_loader *l = k->l;
	struct table *t = l->table;
	const struct space *space = &t->spaces[k->g->space];
	struct keep *keep = &t->keep[t->nkeep];
	int ret = 0;

	if (!cJSON_IsString(j))
		return table_bad(l, "keep must be a list of names");
	if (t->nkeep == MAX_KEEP)
		return table_bad(l, "over %d names to keep", MAX_KEEP);
	*keep = k->as;
	for (int side = 0; side < 2 && !ret; side++) {
		struct strbuf *at = &k->g->at[side];
		size_t len = at->len;

		strbuf_adds(at, j->valuestring);
		ret = name_parse(&keep->name[side], strbuf_str(at), side,
				 &keep->caps, space->words, space->nwords,
				 &t->arena, l->err);
		at->len = len;
	}
	keep->space = k->g->space;
	t->nkeep++;
	return ret ? table_context(l, "keep", ret) : 0;
}

/* One name or a list of them. */
static int take_names(struct keeper *k, const cJSON *j)
{
	int ret = 0;

	if (!cJSON_IsArray(j))
		return take_kept(k, j);
	for (const cJSON *e = j->child; e && !ret; e = e->next)
		ret = take_kept(k, e);
	return ret;
}

static int take_type(struct keeper *k, const cJSON *j)
{
	k->as.typed =
		cJSON_IsString(j) &&
		dtype_from_mindspore(str_of(j->valuestring), &k->as.dtype) &&
		dtype_info(k->as.dtype)->kind == KIND_FLOAT;
	return k->as.typed ? 0
			   : table_bad(k->l, "the type of what is kept must be "
					     "one like Float32");
}

static int take_when(struct keeper *k, const cJSON *j)
{
	struct table_loader *l = k->l;
	int ret;

	if (!cJSON_IsString(j))
		return table_bad(l, "when must be a text");
	ret = expr_parse(&k->as.when, str_of(j->valuestring), &l->table->arena,
			 l->err);
	return ret ? table_context(l, "keep", ret) : 0;
}

/* {"names": ..., "when": CONDITION, "type": TYPE} */
static int take_object(struct keeper *k, const cJSON *j)
{
	const cJSON *names = NULL;
	int ret = 0;

	k->as = (struct keep){.when = NULL};
	for (const cJSON *e = j->child; e && !ret; e = e->next) {
		if (strcmp(e->string, "names") == 0)
			names = e;
		else if (strcmp(e->string, "when") == 0)
			ret = take_when(k, e);
		else if (strcmp(e->string, "type") == 0)
			ret = take_type(k, e);
		else
			ret = table_bad(k->l,
					"\"%s\" is no key of what is kept",
					e->string);
	}
	if (!ret)
		ret = take_names(k, names);
	k->as = (struct keep){.when = NULL};
	return ret;
}

int table_take_keep(struct table_loader *l, struct group *g)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(l->root, "keep");
	struct keeper k = {.l = l, .g = g};
	struct table *t = l->table;
	int ret = 0;

	if (!j)
		return 0;
	l->at = j;
	if (!t->keep)
		t->keep = arena_array(&t->arena, MAX_KEEP, sizeof(*t->keep));
	if (!t->keep)
		return error_nomem(l->err);
	if (!cJSON_IsArray(j))
		return take_kept(&k, j);
	for (const cJSON *e = j->child; e && !ret; e = e->next)
		ret = cJSON_IsObject(e) ? take_object(&k, e) : take_kept(&k, e);
	return ret;
}
