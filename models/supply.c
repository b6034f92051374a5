/* SPDX-License-Identifier: Apache-2.0 */
/* Filling in the `config` and `yaml` of a table; see supply.h. */
#include "models/supply.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "models/match.h"
#include "models/yaml.h"

/* A key whose name ends so holds a list of one. */
#define LIST_SUFFIX "[]"

/* One whose name ends so is left out where nothing tells it. */
#define OPTIONAL_SUFFIX "?"

/* The type of the weights: transformers' key for it, where nobody set it. */
#define DTYPE_KEY "torch_dtype"

struct supplier {
	const struct scope *s;
	const struct config_form *form;
	const struct tensor_set *tensors; /* of the side that it is for */
	int64_t *shown; /* [naxes] what shapes and names show; -1: nothing */
	size_t nkeys;	/* of the form's keys, filled so far */
	struct strbuf *missing;
	struct error *err;
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

/* An axis of the table or of one it uses, if that has the same keys. */
static struct value axis_of(const struct supplier *sp, struct str name)
{
	const struct table *t = sp->s->table;

	for (unsigned k = 0; k < t->nspaces; k++) {
		const struct axis *a = t->spaces[k].config.n
					       ? NULL
					       : table_axis_in(t, k, name);
		size_t i = a ? (size_t)(a - t->axes) : 0;

		if (a && sp->s->axes[i].kind == VALUE_INT)
			return sp->s->axes[i];
		if (a && sp->shown[i] >= 0)
			return value_int(sp->shown[i]);
	}
	return VALUE_MISSING;
}

static struct value lookup(const void *ctx, struct str name)
{
	const struct supplier *sp = ctx;
	struct value v = scope_lookup(sp->s, name);

	if (str_is(name, DTYPE_KEY) && !scope_is_set(sp->s, name)) {
		struct value most = dtype_of(sp->tensors);

		return most.kind == VALUE_NONE ? v : most;
	}
	return v.kind == VALUE_NONE ? axis_of(sp, name) : v;
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

	return tensor_set_find(e->sp->tensors, expr_has(e->expr, k)) != NULL;
}

static struct value first_value(const struct supplier *sp,
				const struct form_key *key)
{
	struct value v = VALUE_MISSING;

	for (size_t i = 0; i < key->nalts && v.kind == VALUE_NONE; i++) {
		struct has_env e = {sp, key->alts[i]};
		struct expr_env env = {.lookup = lookup_has,
				       .has = has_tensor,
				       .ctx = &e,
				       .fractions = true};

		v = expr_eval(key->alts[i], &env);
	}
	return v;
}

/* ---- JSON ---- */

/* A text that is a number, or null: 1e-05 is no value of expressions. */
static bool is_literal(const char *text)
{
	char *end;

	if (strcmp(text, "null") == 0)
		return true;
	strtod(text, &end);
	return (*text == '-' || (*text >= '0' && *text <= '9')) && !*end &&
	       !strpbrk(text, "xX");
}

static cJSON *json_of_text(struct str s)
{
	char *text = strndup(s.p, s.n);
	cJSON *j = NULL;

	if (text)
		j = is_literal(text) ? cJSON_CreateRaw(text)
				     : cJSON_CreateString(text);
	free(text);
	return j;
}

/* Numbers are written as config.json has them. */
static void write_verbatim(cJSON *j)
{
	for (; j; j = j->next) {
		if (cJSON_IsNumber(j) && j->valuestring)
			j->type = cJSON_Raw;
		write_verbatim(j->child);
	}
}

static cJSON *json_of_key(const cJSON *key)
{
	cJSON *j = cJSON_Duplicate(key, true);

	write_verbatim(j);
	return j;
}

static cJSON *json_of(struct value v)
{
	if (v.json)
		return json_of_key(v.json);
	switch (v.kind) {
	case VALUE_BOOL:
		return cJSON_CreateBool(v.num != 0);
	case VALUE_INT:
		return cJSON_CreateNumber((double)v.num);
	case VALUE_REAL:
		return cJSON_CreateNumber(v.real);
	default:
		return json_of_text(v.text);
	}
}

/* A key of a form, without what it ends in. */
struct form_name {
	struct str name;
	bool list;     /* "x[]": a list of one */
	bool optional; /* "x?": left out without a word where nothing tells */
};

static struct form_name form_name(const char *key)
{
	struct form_name f = {.name = str_of(key)};

	f.optional = str_ends(f.name, OPTIONAL_SUFFIX);
	if (f.optional)
		f.name.n -= strlen(OPTIONAL_SUFFIX);
	f.list = str_ends(f.name, LIST_SUFFIX);
	if (f.list)
		f.name.n -= strlen(LIST_SUFFIX);
	return f;
}

/* A list of item, which is taken, or NULL. */
static cJSON *list_of(cJSON *item)
{
	cJSON *list = cJSON_CreateArray();

	if (cJSON_AddItemToArray(list, item))
		return list;
	cJSON_Delete(list);
	cJSON_Delete(item);
	return NULL;
}

/* item is taken. */
static bool add(cJSON *into, const struct form_name *f, cJSON *item)
{
	char *name = strndup(f->name.p, f->name.n);
	cJSON *whole = f->list ? list_of(item) : item;
	bool ok = name && cJSON_AddItemToObject(into, name, whole);

	if (!ok)
		cJSON_Delete(whole);
	free(name);
	return ok;
}

static bool fill(struct supplier *sp, const cJSON *form, cJSON *into);

/* A member without a name is the value in place of the object. */
static void take_whole(cJSON **object)
{
	cJSON *whole = cJSON_DetachItemFromObjectCaseSensitive(*object, "");

	if (!whole)
		return;
	cJSON_Delete(*object);
	*object = whole;
}

/* An object none of whose members is known is left out, if it may be. */
static bool fill_object(struct supplier *sp, const cJSON *e,
			const struct form_name *f, cJSON *into)
{
	size_t mark = sp->missing->len;
	cJSON *object = cJSON_CreateObject();
	bool ok = object && fill(sp, e, object);

	if (ok && f->optional && !object->child) {
		sp->missing->len = mark;
		cJSON_Delete(object);
		return true;
	}
	if (ok) {
		take_whole(&object);
		return add(into, f, object);
	}
	cJSON_Delete(object);
	return false;
}

/* Whether an axis of the table is made of that key: it is whole. */
static bool is_size(const struct table *t, struct str key)
{
	for (size_t k = 0; k < t->naxes; k++)
		for (unsigned i = 0; i < t->axes[k].nalts; i++)
			if (expr_mentions(t->axes[k].alts[i], key))
				return true;
	return false;
}

/* What is set contradicts the shapes. */
static bool refuse_fraction(struct supplier *sp, struct str key, double value)
{
	error_set(sp->err, ERR_MAPPING,
		  "config.json would say that %.*s is %g, which is no whole "
		  "number: what --set says does not fit the tensors",
		  STR_ARG(key), value);
	return false;
}

static bool fill_value(struct supplier *sp, const struct form_name *f,
		       cJSON *into)
{
	struct value v = first_value(sp, &sp->form->keys[sp->nkeys++]);

	if (v.kind == VALUE_REAL && !v.json && is_size(sp->s->table, f->name))
		return refuse_fraction(sp, f->name, v.real);
	if (v.kind != VALUE_NONE && (v.kind != VALUE_OTHER || v.json))
		return add(into, f, json_of(v));
	if (!f->optional) {
		strbuf_adds(sp->missing, sp->missing->len ? ", " : "");
		strbuf_addstr(sp->missing, f->name);
	}
	return true;
}

/* The members of form, in the order in which the table was loaded. */
static bool fill(struct supplier *sp, const cJSON *form, cJSON *into)
{
	bool ok = true;

	for (const cJSON *e = form->child; e && ok; e = e->next) {
		struct form_name f = form_name(e->string);

		ok = cJSON_IsObject(e) ? fill_object(sp, e, &f, into)
				       : fill_value(sp, &f, into);
	}
	return ok;
}

/* ---- as a text ---- */

static bool print_json(const cJSON *j, struct strbuf *out)
{
	char *text = cJSON_Print(j);

	if (text) {
		strbuf_adds(out, text);
		strbuf_addc(out, '\n');
	}
	cJSON_free(text);
	return text;
}

static int supply(struct supplier *sp,
		  bool (*print)(const cJSON *j, struct strbuf *out),
		  struct strbuf *out)
{
	struct str text = sp->form->text;
	cJSON *form = cJSON_ParseWithLength(text.p, text.n);
	cJSON *j = cJSON_CreateObject();
	bool ok = form && j && fill(sp, form, j) && print(j, out);

	cJSON_Delete(form);
	cJSON_Delete(j);
	return ok && !out->failed && !sp->missing->failed ? 0 : -ENOMEM;
}

/* shown: the tensors of the side whose configuration it is, for `has`. */
static int supply_form(const struct scope *s, const struct config_form *form,
		       const struct tensor_set *shown,
		       bool (*print)(const cJSON *j, struct strbuf *out),
		       struct strbuf *out, struct strbuf *missing,
		       struct error *err)
{
	struct supplier sp = {.s = s,
			      .form = form,
			      .tensors = shown,
			      .missing = missing,
			      .err = err};
	int ret;

	if (!form->text.n)
		return 0;
	sp.shown = calloc(s->table->naxes + 1, sizeof(*sp.shown));
	ret = sp.shown ? show_all(&sp) : -ENOMEM;
	if (!ret)
		ret = supply(&sp, print, out);
	free(sp.shown);
	if (ret && err->text)
		return -EINVAL;
	return ret ? error_nomem(err) : 0;
}

int config_supply(const struct scope *s, const struct tensor_set *shown,
		  struct strbuf *json, struct strbuf *missing,
		  struct error *err)
{
	return supply_form(s, &s->table->config, shown, print_json, json,
			   missing, err);
}

int yaml_supply(const struct scope *s, struct strbuf *yaml,
		struct strbuf *missing, struct error *err)
{
	return supply_form(s, &s->table->yaml, s->src, yaml_add, yaml, missing,
			   err);
}
