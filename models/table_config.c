/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys "config" and "yaml" of tables: the config.json of the left side,
 * and what MindFormers' YAML says of the model. Objects whose values are
 * expressions; with "extends" what another table has under the same key.
 */
#include "models/table_rules.h"

#define MAX_FORM_KEYS 128

/* Objects in objects; reading and merging recurse. */
#define MAX_FORM_DEPTH 8

static int take_members(struct table_loader *l, struct config_form *form,
			const cJSON *j, unsigned depth);

static int take_member(struct table_loader *l, struct config_form *form,
		       const cJSON *j, unsigned depth)
{
	struct form_key *key = &form->keys[form->nkeys];

	l->at = j;
	if (cJSON_IsObject(j))
		return take_members(l, form, j, depth + 1);
	if (form->nkeys == MAX_FORM_KEYS)
		return table_bad(l, "over %d keys", MAX_FORM_KEYS);
	form->nkeys++;
	return table_take_exprs(l, j, j->string, &key->alts, &key->nalts);
}

static int take_members(struct table_loader *l, struct config_form *form,
			const cJSON *j, unsigned depth)
{
	int ret = depth > MAX_FORM_DEPTH ? table_bad(l, "nested too deeply")
					 : 0;

	for (const cJSON *e = j->child; e && !ret; e = e->next)
		ret = take_member(l, form, e, depth);
	return ret;
}

/* Put the members of mine into base: in place of its own, or behind them. */
static bool overlay(cJSON *base, const cJSON *mine, unsigned depth)
{
	bool ok = depth <= MAX_FORM_DEPTH;

	for (const cJSON *e = mine->child; e && ok; e = e->next) {
		cJSON *its = cJSON_GetObjectItemCaseSensitive(base, e->string);
		cJSON *copy;

		if (cJSON_IsObject(e) && cJSON_IsObject(its)) {
			ok = overlay(its, e, depth + 1);
			continue;
		}
		if (cJSON_IsNull(e)) {
			cJSON_DeleteItemFromObjectCaseSensitive(base,
								e->string);
			continue;
		}
		copy = cJSON_Duplicate(e, true);
		ok = copy &&
		     (its ? cJSON_ReplaceItemInObjectCaseSensitive(
				    base, e->string, copy)
			  : cJSON_AddItemToObject(base, e->string, copy));
		if (!ok)
			cJSON_Delete(copy);
	}
	return ok;
}

static int extend_form(struct table_loader *l, const cJSON *j, unsigned depth,
		       cJSON **out);

/* What another table has under j's key, with what that extends. */
static int load_form(struct table_loader *l, const cJSON *j, const cJSON *name,
		     unsigned depth, cJSON **out)
{
	struct table_loader saved = *l;
	cJSON *root = NULL;
	const cJSON *form;
	int ret;

	l->at = name;
	if (!cJSON_IsString(name))
		return table_bad(l, "\"extends\" must be a table's name");
	if (depth > MAX_FORM_DEPTH)
		return table_bad(l, "tables extend each other too deeply");
	ret = table_load(l, name->valuestring, &root);
	*l = saved;
	form = cJSON_GetObjectItemCaseSensitive(root, j->string);
	if (!ret && !cJSON_IsObject(form))
		ret = table_bad(l, "the table \"%s\" has no \"%s\"",
				name->valuestring, j->string);
	if (!ret)
		ret = extend_form(l, form, depth + 1, out);
	cJSON_Delete(root);
	return ret;
}

/* A copy of j over what it extends, to be freed with cJSON_Delete. */
static int extend_form(struct table_loader *l, const cJSON *j, unsigned depth,
		       cJSON **out)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(j, "extends");
	int ret = 0;

	if (name)
		ret = load_form(l, j, name, depth, out);
	else
		*out = cJSON_CreateObject();
	if (!ret && !overlay(*out, j, 0))
		ret = error_nomem(l->err);
	cJSON_DeleteItemFromObjectCaseSensitive(*out, "extends");
	return ret;
}

static int read_form(struct table_loader *l, const cJSON *j,
		     struct config_form *form)
{
	struct arena *arena = &l->table->arena;
	char *text = cJSON_PrintUnformatted(j);

	if (text)
		form->text = arena_str(arena, str_of(text));
	cJSON_free(text);
	form->keys = arena_array(arena, MAX_FORM_KEYS, sizeof(*form->keys));
	if (!form->text.p || !form->keys)
		return error_nomem(l->err);
	return take_members(l, form, j, 0);
}

static int take_form(struct table_loader *l, const cJSON *j,
		     struct config_form *form)
{
	cJSON *whole = NULL;
	int ret;

	if (!cJSON_IsObject(j))
		return table_bad(l, "\"%s\" must be an object", j->string);
	ret = extend_form(l, j, 0, &whole);
	if (!ret)
		ret = read_form(l, whole, form);
	cJSON_Delete(whole);
	return ret;
}

int table_take_config(struct table_loader *l, const cJSON *j)
{
	return take_form(l, j, &l->table->config);
}

int table_take_yaml(struct table_loader *l, const cJSON *j)
{
	return take_form(l, j, &l->table->yaml);
}
