/* SPDX-License-Identifier: Apache-2.0 */
/* The key "config" of tables: the config.json of the left side. */
#include "models/table_rules.h"

#define MAX_CONFIG_KEYS 128

static int take_member(struct table_loader *l, const cJSON *j)
{
	struct table *t = l->table;
	struct config_key *key = &t->config_keys[t->nconfig_keys];
	int ret = 0;

	l->at = j;
	if (cJSON_IsObject(j)) {
		for (const cJSON *e = j->child; e && !ret; e = e->next)
			ret = take_member(l, e);
		return ret;
	}
	if (t->nconfig_keys == MAX_CONFIG_KEYS)
		return table_bad(l, "over %d keys of a config.json",
				 MAX_CONFIG_KEYS);
	t->nconfig_keys++;
	return table_take_exprs(l, j, j->string, &key->alts, &key->nalts);
}

int table_take_config(struct table_loader *l, const cJSON *j)
{
	struct table *t = l->table;
	char *text;

	if (!cJSON_IsObject(j))
		return table_bad(l, "\"config\" must be an object");
	text = cJSON_PrintUnformatted(j);
	t->config_keys = arena_array(&t->arena, MAX_CONFIG_KEYS,
				     sizeof(*t->config_keys));
	if (text)
		t->config_text = arena_str(&t->arena, str_of(text));
	cJSON_free(text);
	if (!t->config_text.p || !t->config_keys)
		return error_nomem(l->err);
	return take_member(l, j);
}
