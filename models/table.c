/* SPDX-License-Identifier: Apache-2.0 */
/* Loading rule tables from JSON: all but the rules; see table.h. */
#include "models/table.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "models/table_rules.h"

/* A string of the JSON, copied into the table. */
static int take_text(struct table_loader *l, const cJSON *j, const char *what,
		     struct str *out)
{
	if (!cJSON_IsString(j))
		return table_bad(l, "%s must be a text", what);
	*out = arena_str(&l->table->arena, str_of(j->valuestring));
	return out->p ? 0 : error_nomem(l->err);
}

/* A single value or a list of them: the number of values. */
static size_t list_size(const cJSON *j)
{
	return cJSON_IsArray(j) ? (size_t)cJSON_GetArraySize(j) : 1;
}

static const cJSON *list_first(const cJSON *j)
{
	return cJSON_IsArray(j) ? j->child : j;
}

static const cJSON *list_next(const cJSON *list, const cJSON *j)
{
	return cJSON_IsArray(list) ? j->next : NULL;
}

static int take_aliases(struct table_loader *l, const cJSON *j)
{
	struct table *t = l->table;
	struct str *v = arena_array(&t->arena, list_size(j), sizeof(*v));

	if (!v)
		return error_nomem(l->err);
	t->aliases = v;
	for (const cJSON *e = list_first(j); e; e = list_next(j, e)) {
		int ret = take_text(l, e, "an alias", &v[t->naliases]);

		if (ret)
			return ret;
		t->naliases++;
	}
	return 0;
}

/* An expression, or a list of them; numbers stand for themselves. */
static int take_exprs(struct table_loader *l, const cJSON *j, const char *what,
		      const struct expr *const **out, size_t *nout)
{
	const struct expr **v =
		arena_array(&l->table->arena, list_size(j), sizeof(*v));
	size_t n = 0;

	if (!v)
		return error_nomem(l->err);
	for (const cJSON *e = list_first(j); e; e = list_next(j, e)) {
		char *text = cJSON_IsString(e) ? NULL
					       : cJSON_PrintUnformatted(e);
		struct str s = str_of(text ? text : "");
		int ret;

		if (cJSON_IsString(e))
			s = str_of(e->valuestring);
		ret = expr_parse(&v[n], s, &l->table->arena, l->err);
		cJSON_free(text);
		if (ret)
			return table_context(l, what, ret);
		n++;
	}
	*out = v;
	*nout = n;
	return 0;
}

static int take_axes(struct table_loader *l, const cJSON *j)
{
	struct table *t = l->table;

	t->axes = arena_array(&t->arena, (size_t)cJSON_GetArraySize(j),
			      sizeof(*t->axes));
	if (!t->axes)
		return error_nomem(l->err);
	for (const cJSON *e = j->child; e; e = e->next) {
		struct axis *a = &t->axes[t->naxes];
		size_t n;
		int ret;

		a->name = arena_str(&t->arena, str_of(e->string));
		if (!a->name.p)
			return error_nomem(l->err);
		ret = take_exprs(l, e, e->string, &a->alts, &n);
		if (ret)
			return ret;
		a->nalts = (unsigned)n;
		t->naxes++;
	}
	return 0;
}

static struct value json_value(const cJSON *j, struct arena *arena)
{
	if (cJSON_IsBool(j))
		return value_bool(cJSON_IsTrue(j));
	if (cJSON_IsNumber(j))
		return value_int((int64_t)j->valueint);
	if (cJSON_IsString(j))
		return value_text(arena_str(arena, str_of(j->valuestring)));
	return VALUE_MISSING;
}

static int take_option(struct table_loader *l, const cJSON *j,
		       struct table_option *o)
{
	struct arena *arena = &l->table->arena;
	struct value *v = arena_array(arena, list_size(j), sizeof(*v));

	o->name = arena_str(arena, str_of(j->string));
	if (!v || !o->name.p)
		return error_nomem(l->err);
	for (const cJSON *e = list_first(j); e; e = list_next(j, e)) {
		v[o->nvalues] = json_value(e, arena);
		if (v[o->nvalues].kind == VALUE_NONE)
			return table_bad(l,
					 "option %s: a value that is "
					 "no text, number or truth value",
					 j->string);
		o->nvalues++;
	}
	o->values = v;
	return o->nvalues ? 0
			  : table_bad(l, "option %s has no values", j->string);
}

static int take_options(struct table_loader *l, const cJSON *j)
{
	struct table *t = l->table;

	t->options = arena_array(&t->arena, (size_t)cJSON_GetArraySize(j),
				 sizeof(*t->options));
	if (!t->options)
		return error_nomem(l->err);
	for (const cJSON *e = j->child; e; e = e->next) {
		int ret = take_option(l, e, &t->options[t->noptions]);

		if (ret)
			return ret;
		t->noptions++;
	}
	return 0;
}

/* {"left": "right", ...} or [["left", "right"], ...] */
static int take_pair(struct table_loader *l, const cJSON *j,
		     struct word_pair *pair)
{
	const cJSON *left = cJSON_GetArrayItem(j, 0);
	int ret;

	if (cJSON_IsString(j)) {
		pair->side[0] = arena_str(&l->table->arena, str_of(j->string));
		return take_text(l, j, "a word", &pair->side[1]);
	}
	if (!left || !left->next || left->next->next)
		return table_bad(l, "a pair of words must be a list of two");
	ret = take_text(l, left, "a word", &pair->side[0]);
	return ret ? ret : take_text(l, left->next, "a word", &pair->side[1]);
}

static int take_words(struct table_loader *l, const cJSON *j)
{
	struct table *t = l->table;

	t->words = arena_array(&t->arena, (size_t)cJSON_GetArraySize(j),
			       sizeof(*t->words));
	if (!t->words)
		return error_nomem(l->err);
	for (const cJSON *e = j->child; e; e = e->next) {
		struct words *w = &t->words[t->nwords++];
		struct word_pair *v = arena_array(
			&t->arena, (size_t)cJSON_GetArraySize(e), sizeof(*v));

		w->name = arena_str(&t->arena, str_of(e->string));
		if (!v || !w->name.p)
			return error_nomem(l->err);
		w->pairs = v;
		for (const cJSON *p = e->child; p; p = p->next) {
			int ret = take_pair(l, p, &v[w->npairs]);

			if (ret)
				return ret;
			w->npairs++;
		}
	}
	return 0;
}

static int take_model(struct table_loader *l, const cJSON *j)
{
	return take_text(l, j, "model", &l->table->model);
}

static int take_about(struct table_loader *l, const cJSON *j)
{
	return take_text(l, j, "about", &l->table->about);
}

static int take_detect(struct table_loader *l, const cJSON *j)
{
	return take_exprs(l, j, "detect", &l->table->detect,
			  &l->table->ndetect);
}

/* In the order in which they depend on each other: rules need words. */
static const struct {
	const char *key;
	int (*take)(struct table_loader *l, const cJSON *j);
} keys[] = {
	{"model", take_model},	   {"about", take_about},
	{"aliases", take_aliases}, {"detect", take_detect},
	{"axes", take_axes},	   {"options", take_options},
	{"words", take_words},	   {"rules", table_take_rules},
};

#define NKEYS (sizeof(keys) / sizeof(keys[0]))

static int check_keys(struct table_loader *l, const cJSON *root)
{
	for (const cJSON *e = root->child; e; e = e->next) {
		size_t k = 0;

		while (k < NKEYS && strcmp(keys[k].key, e->string) != 0)
			k++;
		if (k == NKEYS)
			return table_bad(l, "\"%s\" is no key of a table",
					 e->string);
	}
	return 0;
}

static int take_all(struct table_loader *l, const cJSON *root)
{
	int ret = check_keys(l, root);

	for (size_t k = 0; k < NKEYS && !ret; k++) {
		const cJSON *j =
			cJSON_GetObjectItemCaseSensitive(root, keys[k].key);

		if (j)
			ret = keys[k].take(l, j);
	}
	if (!ret && !l->table->model.n)
		ret = table_bad(l, "the key \"model\" is missing");
	if (!ret && !l->table->nrules)
		ret = table_bad(l, "there are no rules");
	return ret;
}

int table_parse(struct table **out, struct str json, const char *origin,
		struct error *err)
{
	struct table *t = calloc(1, sizeof(*t));
	struct table_loader l = {t, origin, err};
	const char *end = NULL;
	cJSON *root;
	int ret;

	if (!t)
		return error_nomem(err);
	root = cJSON_ParseWithLengthOpts(json.p ? json.p : "", json.n, &end,
					 false);
	if (cJSON_IsObject(root))
		ret = take_all(&l, root);
	else
		ret = table_bad(&l, "not a JSON object (byte %zu)",
				end && json.p ? (size_t)(end - json.p) : 0);
	cJSON_Delete(root);
	if (ret) {
		table_free(t);
		return ret;
	}
	*out = t;
	return 0;
}

bool table_is(const struct table *t, struct str name)
{
	if (str_eq(t->model, name))
		return true;
	for (size_t i = 0; i < t->naliases; i++)
		if (str_eq(t->aliases[i], name))
			return true;
	return false;
}

const struct axis *table_axis(const struct table *t, struct str name)
{
	for (size_t i = 0; i < t->naxes; i++)
		if (str_eq(t->axes[i].name, name))
			return &t->axes[i];
	return NULL;
}

const struct table_option *table_option(const struct table *t, struct str name)
{
	for (size_t i = 0; i < t->noptions; i++)
		if (str_eq(t->options[i].name, name))
			return &t->options[i];
	return NULL;
}

static bool any_mentions(const struct expr *const *v, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (expr_mentions(v[i], name))
			return true;
	return false;
}

bool table_mentions(const struct table *t, struct str name)
{
	if (any_mentions(t->detect, t->ndetect, name))
		return true;
	for (size_t i = 0; i < t->naxes; i++)
		if (any_mentions(t->axes[i].alts, t->axes[i].nalts, name))
			return true;
	for (size_t i = 0; i < t->nrules; i++)
		for (unsigned k = 0; k < t->rules[i].nconds; k++)
			if (expr_mentions(t->rules[i].conds[k].expr, name))
				return true;
	return false;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	arena_release(&t->arena);
	free(t);
}
