/* SPDX-License-Identifier: Apache-2.0 */
/* Filling in the `config` of a table; see supply.h. */
#include "models/supply.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "models/match.h"

/* A key whose name ends so holds a list of one. */
#define LIST_SUFFIX "[]"

/* The type of the weights: transformers' key for it, where nobody set it. */
#define DTYPE_KEY "torch_dtype"

struct supplier {
	const struct scope *s;
	const struct plan *p;
	int64_t *shown; /* [naxes] what shapes and names show; -1: nothing */
	size_t nkeys;	/* of the table's config_keys, filled so far */
	struct strbuf *missing;
};

/* ---- what shapes and names show of the axes ---- */

static void show(struct supplier *sp, const struct rule *r, struct str name,
		 int64_t value, bool most)
{
	const struct table *t = sp->s->table;
	const struct axis *a = table_axis_in(t, r->space, name);
	int64_t *shown = a ? &sp->shown[a - t->axes] : NULL;

	if (shown && (*shown < 0 || (most && value > *shown)))
		*shown = value;
}

static void show_tensor(struct supplier *sp, const struct tensor *t,
			const struct match *m)
{
	const struct rule *r = m->rule;

	for (unsigned k = 0; k < r->caps.n; k++)
		if ((m->b.set >> k & 1) && r->caps.v[k].kind == CAP_NUM)
			show(sp, r, r->caps.v[k].name, m->b.v[k].num + 1, true);
	for (unsigned d = 0; r->pattern && d < t->ndim; d++) {
		struct str axis =
			pattern_dim_axis(r->pattern, sp->s->from, m->slot, d);

		if (axis.n && t->dims[d] <= INT64_MAX)
			show(sp, r, axis, (int64_t)t->dims[d], false);
	}
}

static int show_all(struct supplier *sp)
{
	const struct tensor_set *src = sp->s->src;
	struct strbuf scratch = STRBUF_INIT;
	struct match m;
	int ret;

	for (size_t k = 0; k < sp->s->table->naxes; k++)
		sp->shown[k] = -1;
	for (size_t i = 0; i < src->n; i++)
		if (match_tensor(sp->s, &src->v[i], &m, &scratch))
			show_tensor(sp, &src->v[i], &m);
	ret = scratch.failed ? -ENOMEM : 0;
	strbuf_release(&scratch);
	return ret;
}

/* ---- values ---- */

/* What most of the bytes are, as transformers calls it. */
static struct value dtype_of(const struct tensor_set *set)
{
	static const struct {
		enum dtype dtype;
		const char *word;
	} words[] = {
		{DT_F32, "float32"},
		{DT_BF16, "bfloat16"},
		{DT_F16, "float16"},
	};
	uint64_t n[3] = {0, 0, 0};
	size_t most = 0;

	for (size_t i = 0; i < set->n; i++)
		for (size_t k = 0; k < 3; k++)
			if (set->v[i].dtype == words[k].dtype)
				n[k] += set->v[i].nbytes;
	for (size_t k = 1; k < 3; k++)
		if (n[k] > n[most])
			most = k;
	return n[most] ? value_text(str_of(words[most].word)) : VALUE_MISSING;
}

static struct value lookup(const void *ctx, struct str name)
{
	const struct supplier *sp = ctx;
	const struct axis *a = table_axis(sp->s->table, name);
	struct value v = scope_lookup(sp->s, name);

	if (v.kind == VALUE_NONE && a && sp->shown[a - sp->s->table->axes] >= 0)
		return value_int(sp->shown[a - sp->s->table->axes]);
	if (v.kind == VALUE_NONE && str_is(name, DTYPE_KEY))
		return dtype_of(&sp->p->target);
	return v;
}

struct has_env {
	const struct supplier *sp;
	const struct expr *expr;
};

static struct value lookup_has(const void *ctx, struct str name)
{
	const struct has_env *e = ctx;

	return lookup(e->sp, name);
}

/* The config is of the side that is shown, so are its names. */
static bool has_tensor(const void *ctx, unsigned k)
{
	const struct has_env *e = ctx;

	return tensor_set_find(&e->sp->p->target, expr_has(e->expr, k)) != NULL;
}

static struct value first_value(const struct supplier *sp,
				const struct config_key *key)
{
	struct value v = VALUE_MISSING;

	for (size_t i = 0; i < key->nalts && v.kind == VALUE_NONE; i++) {
		struct has_env e = {sp, key->alts[i]};
		struct expr_env env = {
			.lookup = lookup_has, .has = has_tensor, .ctx = &e};

		v = expr_eval(key->alts[i], &env);
	}
	return v;
}

/* ---- JSON ---- */

/* A text that is a number: 1e-05, which is no value of expressions. */
static bool is_number(const char *text)
{
	char *end;

	strtod(text, &end);
	return (*text == '-' || (*text >= '0' && *text <= '9')) && !*end &&
	       !strpbrk(text, "xX");
}

static cJSON *json_of_text(struct str s)
{
	char *text = strndup(s.p, s.n);
	cJSON *j = NULL;

	if (text)
		j = is_number(text) ? cJSON_CreateRaw(text)
				    : cJSON_CreateString(text);
	free(text);
	return j;
}

static cJSON *json_of(struct value v)
{
	switch (v.kind) {
	case VALUE_BOOL:
		return cJSON_CreateBool(v.num != 0);
	case VALUE_INT:
		return cJSON_CreateNumber((double)v.num);
	default:
		return json_of_text(v.text);
	}
}

static bool add(cJSON *into, const char *key, cJSON *item)
{
	size_t n = strlen(key), suffix = strlen(LIST_SUFFIX);
	bool list = n > suffix && strcmp(key + n - suffix, LIST_SUFFIX) == 0;
	char *name = strndup(key, list ? n - suffix : n);
	cJSON *holder = list ? cJSON_CreateArray() : item;
	bool ok = name && item && holder;

	if (ok && list)
		ok = cJSON_AddItemToArray(holder, item);
	ok = ok && cJSON_AddItemToObject(into, name, holder);
	if (!ok)
		cJSON_Delete(item);
	free(name);
	return ok;
}

static void note_missing(struct supplier *sp, const char *key)
{
	strbuf_adds(sp->missing, sp->missing->len ? ", " : "");
	strbuf_adds(sp->missing, key);
}

/* The members of form, in the order in which the table was loaded. */
static bool fill(struct supplier *sp, const cJSON *form, cJSON *into)
{
	bool ok = true;

	for (const cJSON *e = form->child; e && ok; e = e->next) {
		struct value v;

		if (cJSON_IsObject(e)) {
			cJSON *object =
				cJSON_AddObjectToObject(into, e->string);

			ok = object && fill(sp, e, object);
			continue;
		}
		v = first_value(sp, &sp->s->table->config_keys[sp->nkeys++]);
		if (v.kind == VALUE_NONE || v.kind == VALUE_OTHER)
			note_missing(sp, e->string);
		else
			ok = add(into, e->string, json_of(v));
	}
	return ok;
}

static int supply(struct supplier *sp, struct strbuf *json)
{
	struct str form_text = sp->s->table->config_text;
	cJSON *form = cJSON_ParseWithLength(form_text.p, form_text.n);
	cJSON *out = cJSON_CreateObject();
	char *text = NULL;

	if (form && out && fill(sp, form, out))
		text = cJSON_Print(out);
	if (text) {
		strbuf_adds(json, text);
		strbuf_addc(json, '\n');
	}
	cJSON_free(text);
	cJSON_Delete(form);
	cJSON_Delete(out);
	return text && !json->failed && !sp->missing->failed ? 0 : -ENOMEM;
}

int config_supply(const struct scope *s, const struct plan *p,
		  struct strbuf *json, struct strbuf *missing,
		  struct error *err)
{
	struct supplier sp = {.s = s, .p = p, .missing = missing};
	int ret;

	if (!s->table->config_text.n)
		return 0;
	sp.shown = calloc(s->table->naxes + 1, sizeof(*sp.shown));
	ret = sp.shown ? show_all(&sp) : -ENOMEM;
	if (!ret)
		ret = supply(&sp, json);
	free(sp.shown);
	return ret ? error_nomem(err) : 0;
}
