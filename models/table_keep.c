/* SPDX-License-Identifier: Apache-2.0 */
/* The key "keep" of tables: names whose type does not follow --dtype. */
#include "models/table_rules.h"

#define MAX_KEEP 64

static int take_kept(struct table_loader *l, struct group *g, struct str text)
{
	struct table *t = l->table;
	const struct space *space = &t->spaces[g->space];
	struct keep *keep = &t->keep[t->nkeep];
	int ret = 0;

	if (t->nkeep == MAX_KEEP)
		return table_bad(l, "over %d names to keep", MAX_KEEP);
	for (int side = 0; side < 2 && !ret; side++) {
		size_t len = g->at[side].len;

		strbuf_addstr(&g->at[side], text);
		ret = name_parse(&keep->name[side], strbuf_str(&g->at[side]),
				 side, &keep->caps, space->words, space->nwords,
				 &t->arena, l->err);
		g->at[side].len = len;
	}
	keep->space = g->space;
	t->nkeep++;
	return ret ? table_context(l, "keep", ret) : 0;
}

int table_take_keep(struct table_loader *l, struct group *g)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(l->root, "keep");
	struct table *t = l->table;
	int ret = 0;

	if (!j)
		return 0;
	l->at = j;
	if (!t->keep)
		t->keep = arena_array(&t->arena, MAX_KEEP, sizeof(*t->keep));
	if (!t->keep)
		return error_nomem(l->err);
	for (const cJSON *e = cJSON_IsArray(j) ? j->child : j; e && !ret;
	     e = cJSON_IsArray(j) ? e->next : NULL) {
		if (!cJSON_IsString(e))
			return table_bad(l, "keep must be a list of names");
		ret = take_kept(l, g, str_of(e->valuestring));
	}
	return ret;
}
