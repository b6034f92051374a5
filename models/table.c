/* SPDX-License-Identifier: Apache-2.0 */
/* Loading rule tables from JSON: all but the rules; see table.h. */
#include "models/table.h"

#include <errno.h>
#include <stdlib.h>

#include "core/json.h"
#include "models/json_line.h"
#include "models/table_rules.h"

#define MAX_OPTIONS 64

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

int table_take_exprs(struct table_loader *l, const cJSON *j, const char *what,
		     const struct expr *const **out, size_t *nout)
{
	const struct expr **v =
		arena_array(&l->table->arena, list_size(j), sizeof(*v));
	size_t n = 0;

	if (!v)
		return error_nomem(l->err);
	for (const cJSON *e = list_first(j); e; e = list_next(j, e)) {
		char *made = cJSON_IsString(e) ? NULL
					       : cJSON_PrintUnformatted(e);
		const char *text = made ? made : e->valuestring;
		int ret;

		if (!text)
			return error_nomem(l->err);
		ret = expr_parse(&v[n], str_of(text), &l->table->arena, l->err);
		cJSON_free(made);
		if (ret)
			return table_context(l, what, ret);
		n++;
	}
	*out = v;
	*nout = n;
	return 0;
}

static int need_object(struct table_loader *l, const cJSON *j)
{
	return cJSON_IsObject(j)
		       ? 0
		       : table_bad(l, "\"%s\" must be an object", j->string);
}

static int take_axis(struct table_loader *l, const cJSON *j, struct axis *a)
{
	size_t n;
	int ret;

	a->name = arena_str(&l->table->arena, str_of(j->string));
	if (!a->name.p)
		return error_nomem(l->err);
	ret = table_take_exprs(l, j, j->string, &a->alts, &n);
	if (ret)
		return ret;
	a->nalts = (unsigned)n;
	for (unsigned k = 0; k < a->nalts; k++)
		if (expr_has(a->alts[k], 0).p)
			return table_bad(l, "axis %s: has is for conditions, "
					    "here count NAME tells",
					 j->string);
	return n ? 0 : table_bad(l, "axis %s has no expressions", j->string);
}

/* Room for n axes behind those there are, as a space of its own. */
static int grow_axes(struct table_loader *l, size_t n, struct space *space)
{
	struct table *t = l->table;
	struct axis *v = arena_array(&t->arena, t->naxes + n, sizeof(*v));

	if (!v)
		return error_nomem(l->err);
	if (t->naxes)
		memcpy(v, t->axes, t->naxes * sizeof(*v));
	t->axes = v;
	space->axis = t->naxes;
	space->naxes = n;
	return 0;
}

static int take_axes(struct table_loader *l, const cJSON *j,
		     struct space *space)
{
	struct table *t = l->table;
	int ret = need_object(l, j);

	if (!ret)
		ret = grow_axes(l, (size_t)cJSON_GetArraySize(j), space);
	if (ret)
		return ret;
	for (const cJSON *e = j->child; e && !ret; e = e->next)
		ret = take_axis(l, e, &t->axes[t->naxes++]);
	return ret;
}

static struct value json_value(const cJSON *j, struct arena *arena)
{
	if (cJSON_IsBool(j))
		return value_bool(cJSON_IsTrue(j));
	if (cJSON_IsNumber(j) && j->valuedouble == j->valueint)
		return value_int(j->valueint);
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
					 "option %s: a value that is no "
					 "text, whole number or truth value",
					 j->string);
		o->nvalues++;
	}
	o->values = v;
	return o->nvalues ? 0
			  : table_bad(l, "option %s has no values", j->string);
}

/* An option that a used table shares with its user is the user's. */
static int take_options(struct table_loader *l, const cJSON *j)
{
	struct table *t = l->table;
	int ret = need_object(l, j);

	if (!ret && !t->options) {
		t->options = arena_array(&t->arena, MAX_OPTIONS,
					 sizeof(*t->options));
		ret = t->options ? 0 : error_nomem(l->err);
	}
	if (ret)
		return ret;
	for (const cJSON *e = j->child; e && !ret; e = e->next) {
		if (table_option(t, str_of(e->string)))
			continue;
		if (t->noptions == MAX_OPTIONS)
			return table_bad(l, "over %d options", MAX_OPTIONS);
		ret = take_option(l, e, &t->options[t->noptions++]);
	}
	return ret;
}

/* {"left": "right", ...} or [["left", "right"], ...] */
static int take_pair(struct table_loader *l, const cJSON *j,
		     struct word_pair *pair)
{
	const cJSON *left = cJSON_GetArrayItem(j, 0);
	int ret;

	if (cJSON_IsString(j) && j->string) {
		pair->side[0] = arena_str(&l->table->arena, str_of(j->string));
		return take_text(l, j, "a word", &pair->side[1]);
	}
	if (!left || !left->next || left->next->next)
		return table_bad(l, "a pair of words must be a list of two");
	ret = take_text(l, left, "a word", &pair->side[0]);
	return ret ? ret : take_text(l, left->next, "a word", &pair->side[1]);
}

static int take_words(struct table_loader *l, const cJSON *j,
		      struct space *space)
{
	struct table *t = l->table;
	int ret = need_object(l, j);
	struct words *w;

	if (ret)
		return ret;
	w = arena_array(&t->arena, (size_t)cJSON_GetArraySize(j), sizeof(*w));
	if (!w)
		return error_nomem(l->err);
	space->words = w;
	for (const cJSON *e = j->child; e; e = e->next, w++) {
		struct word_pair *v = arena_array(
			&t->arena, (size_t)cJSON_GetArraySize(e), sizeof(*v));

		w->name = arena_str(&t->arena, str_of(e->string));
		if (!v || !w->name.p)
			return error_nomem(l->err);
		w->pairs = v;
		space->nwords++;
		for (const cJSON *p = e->child; p && !ret; p = p->next)
			ret = take_pair(l, p, &v[w->npairs++]);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- spaces ---- */

/* The space of that table's names under that key, or where it will be. */
static struct space *find_space(struct table *t, struct str table,
				struct str config)
{
	size_t k = 0;

	while (k < t->nspaces && (!str_eq(t->spaces[k].table, table) ||
				  !str_eq(t->spaces[k].config, config)))
		k++;
	return k < TABLE_MAX_SPACES ? &t->spaces[k] : NULL;
}

/* Its number; *fresh is the space where it has to be filled, else NULL. */
static int enter_space(struct table_loader *l, struct str table,
		       struct str config, unsigned *number,
		       struct space **fresh)
{
	struct table *t = l->table;
	struct space *space = find_space(t, table, config);

	*fresh = NULL;
	if (!space)
		return table_bad(l, "over %d tables and keys are used",
				 TABLE_MAX_SPACES);
	*number = (unsigned)(space - t->spaces);
	if (*number < t->nspaces)
		return 0;
	space->table = arena_str(&t->arena, table);
	space->config = arena_str(&t->arena, config);
	if (!space->table.p || !space->config.p)
		return error_nomem(l->err);
	t->nspaces++;
	*fresh = space;
	return 0;
}

int table_add_space(struct table_loader *l, const cJSON *root, unsigned *number)
{
	struct table *t = l->table;
	const cJSON *axes = cJSON_GetObjectItemCaseSensitive(root, "axes");
	const cJSON *words = cJSON_GetObjectItemCaseSensitive(root, "words");
	const cJSON *opts = cJSON_GetObjectItemCaseSensitive(root, "options");
	struct str config = {"", 0};
	struct space *fresh;
	int ret;

	if (t->nspaces)
		config = t->spaces[*number].config;
	ret = enter_space(l, str_of(l->origin), config, number, &fresh);
	if (ret || !fresh)
		return ret;
	l->at = axes;
	if (axes)
		ret = take_axes(l, axes, fresh);
	l->at = words;
	if (!ret && words)
		ret = take_words(l, words, fresh);
	l->at = opts;
	return !ret && opts ? take_options(l, opts) : ret;
}

int table_move_space(struct table_loader *l, struct str key, unsigned *number)
{
	struct table *t = l->table;
	struct space from = t->spaces[*number], *fresh;
	struct strbuf sb = STRBUF_INIT;
	int ret;

	if (from.config.n)
		strbuf_addf(&sb, "%.*s.", STR_ARG(from.config));
	strbuf_addstr(&sb, key);
	ret = sb.failed ? error_nomem(l->err)
			: enter_space(l, from.table, strbuf_str(&sb), number,
				      &fresh);
	strbuf_release(&sb);
	if (ret || !fresh)
		return ret;
	ret = grow_axes(l, from.naxes, fresh);
	if (ret)
		return ret;
	for (size_t k = 0; k < from.naxes; k++)
		t->axes[t->naxes++] = t->axes[from.axis + k];
	fresh->words = from.words;
	fresh->nwords = from.nwords;
	return 0;
}

/* ---- the table ---- */

static int take_model(struct table_loader *l, const cJSON *j)
{
	return take_text(l, j, "model", &l->table->model);
}

static int take_about(struct table_loader *l, const cJSON *j)
{
	return take_text(l, j, "about", &l->table->about);
}

static int take_refuse(struct table_loader *l, const cJSON *j)
{
	return take_text(l, j, "refuse", &l->table->refuse);
}

static int take_detect(struct table_loader *l, const cJSON *j)
{
	return table_take_exprs(l, j, "detect", &l->table->detect,
				&l->table->ndetect);
}

/* "sides": what left and right are, where they are not "hf" and "ms". */
static int take_sides(struct table_loader *l, const cJSON *j)
{
	struct table *t = l->table;
	int ret = 0;

	if (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != 2)
		return table_bad(l, "sides must be a list of two texts");
	for (int side = 0; side < 2 && !ret; side++)
		ret = take_text(l, cJSON_GetArrayItem(j, side), "a side",
				&t->sides[side]);
	return ret;
}

static int take_own_space(struct table_loader *l)
{
	struct table *t = l->table;
	unsigned number = 0;
	int ret = table_add_space(l, l->root, &number);

	t->words = t->spaces[0].words;
	t->nwords = t->spaces[0].nwords;
	return ret;
}

/* Those without a function are read with the space of the rules. */
static const struct {
	const char *key;
	int (*take)(struct table_loader *l, const cJSON *j);
} keys[] = {
	{"model", take_model},
	{"about", take_about},
	{"aliases", take_aliases},
	{"detect", take_detect},
	{"refuse", take_refuse},
	{"sides", take_sides},
	{"config", table_take_config},
	{"yaml", table_take_yaml},
	{"parts", need_object},
	{"axes", NULL},
	{"options", NULL},
	{"words", NULL},
	{"keep", NULL},
	{"extends", NULL},
	{"rules", NULL},
};

#define NKEYS (sizeof(keys) / sizeof(keys[0]))

static int check_keys(struct table_loader *l)
{
	for (const cJSON *e = l->root->child; e; e = e->next) {
		size_t k = 0;

		while (k < NKEYS && strcmp(keys[k].key, e->string) != 0)
			k++;
		l->at = e;
		if (k == NKEYS)
			return table_bad(l, "\"%s\" is no key of a table",
					 e->string);
		if (cJSON_GetObjectItemCaseSensitive(l->root, e->string) != e)
			return table_bad(l, "the key \"%s\" is there twice",
					 e->string);
	}
	return 0;
}

static int take_all(struct table_loader *l)
{
	const cJSON *rules = cJSON_GetObjectItemCaseSensitive(l->root, "rules");
	int ret = check_keys(l);

	for (size_t k = 0; k < NKEYS && !ret; k++) {
		const cJSON *j =
			cJSON_GetObjectItemCaseSensitive(l->root, keys[k].key);

		l->at = j;
		if (j && keys[k].take)
			ret = keys[k].take(l, j);
	}
	l->at = NULL;
	if (!ret && !l->table->model.n)
		ret = table_bad(l, "the key \"model\" is missing");
	if (!ret)
		ret = take_own_space(l);
	if (!ret && rules)
		ret = table_take_rules(l, rules);
	l->at = NULL;
	if (!ret && l->table->refuse.n && l->table->nrules)
		ret = table_bad(l, "a table that refuses has no rules");
	if (!ret && !l->table->refuse.n && !l->table->nrules)
		ret = table_bad(l, "there are no rules");
	return ret;
}

static int not_json(struct table_loader *l, const char *end)
{
	size_t at = end && l->text.p ? (size_t)(end - l->text.p) : 0;

	return error_set(l->err, ERR_MODEL,
			 "%s:%u: not a JSON object (byte %zu)", l->origin,
			 json_line_of(l->text, at), at);
}

static int parse(struct table **out, struct str json, const char *origin,
		 bool lines, struct error *err)
{
	struct table *t = calloc(1, sizeof(*t));
	struct table_loader l = {.table = t,
				 .lines = lines,
				 .err = err,
				 .origin = origin,
				 .text = json};
	const char *end = NULL;
	cJSON *root;
	int ret;

	if (!t)
		return error_nomem(err);
	t->sides[0] = str_of("hf");
	t->sides[1] = str_of("ms");
	ret = json_tree(&root, json, &end);
	l.root = root;
	if (cJSON_IsObject(root))
		ret = table_extend(&l, root);
	else if (ret == -ENOMEM)
		error_nomem(err);
	else
		ret = not_json(&l, end);
	if (!ret)
		ret = take_all(&l);
	cJSON_Delete(root);
	if (ret) {
		table_free(t);
		return ret;
	}
	*out = t;
	return 0;
}

int table_parse(struct table **out, struct str json, const char *origin,
		struct error *err)
{
	return parse(out, json, origin, false, err);
}

int table_parse_lines(struct table **out, struct str json, const char *origin,
		      struct error *err)
{
	return parse(out, json, origin, true, err);
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

const struct axis *table_axis_in(const struct table *t, unsigned space,
				 struct str name)
{
	const struct space *s = &t->spaces[space];

	for (size_t i = s->axis; i < s->axis + s->naxes; i++)
		if (str_eq(t->axes[i].name, name))
			return &t->axes[i];
	return NULL;
}

const struct axis *table_axis(const struct table *t, struct str name)
{
	return table_axis_in(t, 0, name);
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

static bool form_mentions(const struct config_form *f, struct str name)
{
	for (size_t i = 0; i < f->nkeys; i++)
		if (any_mentions(f->keys[i].alts, f->keys[i].nalts, name))
			return true;
	return false;
}

bool table_mentions_in(const struct table *t, unsigned space, struct str name)
{
	const struct space *sp = &t->spaces[space];

	if (space == 0 &&
	    (any_mentions(t->detect, t->ndetect, name) ||
	     form_mentions(&t->config, name) || form_mentions(&t->yaml, name)))
		return true;
	for (size_t i = sp->axis; i < sp->axis + sp->naxes; i++)
		if (any_mentions(t->axes[i].alts, t->axes[i].nalts, name))
			return true;
	for (size_t i = 0; i < t->nrules; i++)
		for (unsigned k = 0; k < t->rules[i].nconds; k++)
			if (t->rules[i].conds[k].space == space &&
			    expr_mentions(t->rules[i].conds[k].expr, name))
				return true;
	return false;
}

bool table_mentions(const struct table *t, struct str name)
{
	for (unsigned k = 0; k < t->nspaces; k++)
		if (table_mentions_in(t, k, name))
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
