/* SPDX-License-Identifier: Apache-2.0 */
/* Names in expressions; see scope.h. */
#include "models/scope.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "models/settle.h"

enum axis_state { AXIS_TODO, AXIS_BUSY, AXIS_DONE };

static const struct setting *find_setting(const struct scope *s, struct str key)
{
	for (size_t i = 0; i < s->nsettings; i++)
		if (str_eq(s->settings[i].key, key))
			return &s->settings[i];
	return NULL;
}

bool scope_is_set(const struct scope *s, struct str name)
{
	return find_setting(s, name) != NULL;
}

/* How people set it: --tie is short for --set tie. */
static const char *option_of(struct str key)
{
	return str_is(key, "tie") ? "--" : "--set ";
}

void scope_add_settings(const struct scope *s, const char *sep,
			struct strbuf *sb)
{
	for (size_t i = 0; i < s->nsettings; i++) {
		const struct setting *set = &s->settings[i];

		strbuf_addf(sb, "%s%s%.*s=%.*s", sep, option_of(set->key),
			    STR_ARG(set->key), STR_ARG(set->value));
		sep = " ";
	}
}

/* A key of config.json, under the space's own, or what the user set. */
static struct value lookup_config(const struct scope *s, unsigned space,
				  struct str name)
{
	struct str under = s->table->spaces[space].config;
	struct strbuf sb = STRBUF_INIT;
	struct value v;

	if (!under.n)
		return config_get(s->config, name);
	strbuf_addf(&sb, "%.*s.%.*s", STR_ARG(under), STR_ARG(name));
	v = sb.failed ? VALUE_MISSING : config_get(s->config, strbuf_str(&sb));
	strbuf_release(&sb);
	return v;
}

static struct value lookup_key(const struct scope *s, unsigned space,
			       struct str name)
{
	const struct setting *set = find_setting(s, name);

	if (set)
		return value_parse(set->value);
	if (str_is(name, "adapter"))
		return value_bool(s->adapter);
	if (s->template && str_is(name, "template"))
		return value_bool(true);
	return lookup_config(s, space, name);
}

struct value space_lookup(const struct space_scope *in, struct str name)
{
	const struct scope *s = in->s;
	const struct table_option *o = table_option(s->table, name);
	const struct axis *a = table_axis_in(s->table, in->space, name);

	if (o)
		return s->options[o - s->table->options];
	if (a)
		return s->axes[a - s->table->axes];
	return lookup_key(s, in->space, name);
}

struct value scope_lookup(const struct scope *s, struct str name)
{
	return space_lookup(&s->spaces[0], name);
}

/* ---- axes ---- */

/* Computing one axis; others it mentions are computed on the way. */
struct axis_eval {
	struct scope *s;
	unsigned space;
	const struct axis *self; /* its own name means the config key */
	struct strbuf *why;
};

static struct value axis_value(struct scope *s, size_t k, struct strbuf *why);

static struct value lookup_in_axis(const void *ctx, struct str name)
{
	const struct axis_eval *e = ctx;
	const struct axis *a = table_axis_in(e->s->table, e->space, name);

	if (a && a != e->self)
		return axis_value(e->s, (size_t)(a - e->s->table->axes),
				  e->why);
	return a ? lookup_key(e->s, e->space, name)
		 : space_lookup(&e->s->spaces[e->space], name);
}

/* None at all is no number: the next of an axis's expressions counts. */
static struct value count_names(const void *ctx, struct str text)
{
	const struct axis_eval *e = ctx;
	const struct space *space = &e->s->table->spaces[e->space];
	struct expr_env look = {.lookup = lookup_in_axis, .ctx = ctx};
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct caps caps = {.n = 0};
	struct name name;
	int64_t n = 0;
	int rc;

	rc = name_parse(&name, text, e->s->from, &caps, space->words,
			space->nwords, &arena, &err);
	for (size_t i = 0; i < e->s->src->n && !rc; i++) {
		struct binding b = {.set = 0};

		n += name_match(&name, &caps, e->s->src->v[i].name, &look, &b);
	}
	e->why->failed |= rc == -ENOMEM;
	error_release(&err);
	arena_release(&arena);
	return n ? value_int(n) : VALUE_MISSING;
}

static void try_axis(struct scope *s, size_t k, const struct expr *alt,
		     const struct expr_env *env)
{
	size_t mark = env->why->len;
	struct value v = expr_eval(alt, env);
	struct str why = strbuf_str(env->why);

	if (v.kind != VALUE_NONE) { /* VALUE_OTHER: there, but no size */
		s->axes[k] = v.kind == VALUE_INT
				     ? value_int(v.num)
				     : (struct value){.kind = VALUE_OTHER};
		s->by[k] = alt;
	} else if (why.n > mark && !str_ends(why, ")")) {
		/* here, not in an axis that it mentions */
		strbuf_addf(env->why, " (%.*s of the %.*s rules is %.*s)",
			    STR_ARG(s->table->axes[k].name),
			    STR_ARG(s->table->model), STR_ARG(expr_text(alt)));
	}
}

/* The space that axis number k is in. */
static unsigned space_of(const struct table *t, size_t k)
{
	unsigned i = 0;

	while (k - t->spaces[i].axis >= t->spaces[i].naxes)
		i++;
	return i;
}

static struct value axis_value(struct scope *s, size_t k, struct strbuf *why)
{
	const struct axis *a = &s->table->axes[k];
	struct axis_eval e = {s, space_of(s->table, k), a, why};
	struct expr_env env = {.lookup = lookup_in_axis,
			       .count = count_names,
			       .ctx = &e,
			       .why = why};
	size_t mark = why->len;

	if (s->state[k] != AXIS_TODO) /* BUSY: it mentions itself, no value */
		return s->axes[k];
	s->state[k] = AXIS_BUSY;
	for (unsigned i = 0; i < a->nalts && s->axes[k].kind == VALUE_NONE; i++)
		try_axis(s, k, a->alts[i], &env);
	if (s->axes[k].kind != VALUE_NONE)
		why->len = mark;
	s->state[k] = AXIS_DONE;
	return s->axes[k];
}

/* Zeros to add may be none at all; any other size is at least 1. */
static int64_t least_size(const struct scope *s, size_t k)
{
	const struct table *t = s->table;
	unsigned space = space_of(t, k);

	for (size_t i = 0; i < t->nrules; i++)
		if (t->rules[i].space == space && t->rules[i].pattern &&
		    pattern_pads(t->rules[i].pattern, t->axes[k].name))
			return 0;
	return isupper((unsigned char)t->axes[k].name.p[0]) ? 1 : 0;
}

/* Axes of axes of axes: no table goes deeper, and a ring has no end. */
#define MAX_AXIS_DEPTH 3

/* Whether what gave axis k its value mentions what the user set. */
static bool axis_is_set(const struct scope *s, size_t k, unsigned depth)
{
	const struct space *space = &s->table->spaces[space_of(s->table, k)];

	if (!s->by[k] || depth == MAX_AXIS_DEPTH)
		return false;
	for (size_t i = 0; i < s->nsettings; i++)
		if (expr_mentions(s->by[k], s->settings[i].key))
			return true;
	for (size_t i = space->axis; i < space->axis + space->naxes; i++)
		if (i != k &&
		    expr_mentions(s->by[k], s->table->axes[i].name) &&
		    axis_is_set(s, i, depth + 1))
			return true;
	return false;
}

static void add_axis_origin(const struct scope *s, size_t k, struct strbuf *sb)
{
	bool all = s->axes[k].kind == VALUE_NONE;

	if (axis_is_set(s, k, 0))
		strbuf_adds(sb, "--set");
	else if (s->config)
		strbuf_adds(sb, config_name(s->config));
	else if (!all || !s->nsettings)
		strbuf_addf(sb, "the %.*s rules", STR_ARG(s->table->model));
	if (all)
		scope_add_settings(s, s->config ? " with " : "", sb);
}

/* What is wrong with axis k, into sb; nothing if it is right. */
static void find_wrong(const struct scope *s, size_t k,
		       const struct strbuf *why, struct strbuf *sb)
{
	struct value v = s->axes[k];

	if (v.kind == VALUE_OTHER)
		strbuf_addf(sb, ": %.*s is no whole number",
			    STR_ARG(expr_text(s->by[k])));
	else if (v.kind == VALUE_NONE && why->len)
		strbuf_addf(sb, " contradicts itself: %.*s",
			    STR_ARG(strbuf_str(why)));
	else if (v.kind == VALUE_INT && v.num < 1 && v.num < least_size(s, k))
		strbuf_addf(sb, ": %.*s is %lld, which is no size",
			    STR_ARG(expr_text(s->by[k])), (long long)v.num);
}

static int check_axis(const struct scope *s, size_t k, const struct strbuf *why,
		      struct error *err)
{
	struct strbuf wrong = STRBUF_INIT, origin = STRBUF_INIT;
	int ret = 0;

	find_wrong(s, k, why, &wrong);
	if (wrong.len)
		add_axis_origin(s, k, &origin);
	if (wrong.failed || origin.failed)
		ret = error_nomem(err);
	else if (wrong.len)
		ret = error_set(err, ERR_MAPPING, "%.*s%.*s",
				STR_ARG(strbuf_str(&origin)),
				STR_ARG(strbuf_str(&wrong)));
	strbuf_release(&wrong);
	strbuf_release(&origin);
	return ret;
}

static void forget_axes(struct scope *s)
{
	for (size_t k = 0; k < s->table->naxes; k++) {
		s->axes[k] = VALUE_MISSING;
		s->by[k] = NULL;
		s->state[k] = AXIS_TODO;
	}
}

bool scope_set_options(struct scope *s, const struct value *options)
{
	struct strbuf why = STRBUF_INIT;
	bool ok;

	for (size_t i = 0; i < s->table->noptions; i++)
		s->options[i] = options[i];
	forget_axes(s);
	for (size_t k = 0; k < s->table->naxes; k++) {
		strbuf_reset(&why);
		axis_value(s, k, &why);
	}
	ok = !why.failed;
	strbuf_release(&why);
	return ok;
}

static int compute_axes(struct scope *s, struct error *err)
{
	struct strbuf why = STRBUF_INIT;
	int ret = 0;

	forget_axes(s);
	for (size_t k = 0; k < s->table->naxes && !ret; k++) {
		strbuf_reset(&why);
		axis_value(s, k, &why);
		ret = why.failed ? error_nomem(err)
				 : check_axis(s, k, &why, err);
	}
	strbuf_release(&why);
	return ret;
}

/* ---- options and settings ---- */

static int bad_option(const struct table_option *o, struct str given,
		      struct error *err)
{
	struct strbuf sb = STRBUF_INIT;
	int ret;

	for (unsigned i = 0; i < o->nvalues; i++) {
		strbuf_adds(&sb, i ? ", " : "");
		strbuf_add_value(&sb, o->values[i]);
	}
	ret = error_set(err, ERR_USAGE,
			"%s%.*s=%.*s: the values of %.*s are %.*s",
			option_of(o->name), STR_ARG(o->name), STR_ARG(given),
			STR_ARG(o->name), STR_ARG(strbuf_str(&sb)));
	strbuf_release(&sb);
	return ret;
}

/* A number option takes any number, the others one of their values. */
static bool allowed(const struct table_option *o, struct value v)
{
	if (v.kind == VALUE_INT && o->values[0].kind == VALUE_INT)
		return true;
	for (unsigned i = 0; i < o->nvalues; i++)
		if (o->values[i].kind == v.kind && value_eq(o->values[i], v))
			return true;
	return false;
}

int scope_check_option(const struct table_option *o, struct str given,
		       struct error *err)
{
	return allowed(o, value_parse(given)) ? 0 : bad_option(o, given, err);
}

static int set_options(struct scope *s, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < s->table->noptions && !ret; i++) {
		const struct table_option *o = &s->table->options[i];
		const struct setting *set = find_setting(s, o->name);

		s->options[i] = set ? value_parse(set->value) : o->values[0];
		if (set)
			ret = scope_check_option(o, set->value, err);
	}
	return ret;
}

static int unknown_key(const struct scope *s, struct str key, struct error *err)
{
	struct strbuf sb = STRBUF_INIT;
	int ret;

	for (size_t i = 0; i < s->table->noptions; i++) {
		strbuf_adds(&sb, i ? ", " : "");
		strbuf_addstr(&sb, s->table->options[i].name);
	}
	ret = error_set(err, ERR_USAGE,
			"%s%.*s: the %.*s rules have no such option; they "
			"have %s",
			option_of(key), STR_ARG(key), STR_ARG(s->table->model),
			sb.len ? sb.p : "none");
	strbuf_release(&sb);
	return ret;
}

/* Whether the name is looked up in config.json; most axes hide theirs. */
static bool is_key(const struct table *t, unsigned space, struct str name)
{
	const struct axis *a = table_axis_in(t, space, name);

	for (unsigned i = 0; a && i < a->nalts; i++)
		if (expr_mentions(a->alts[i], name))
			return true;
	return !a && table_mentions_in(t, space, name);
}

/* In which space it is a key that config.json has, or else in which it is. */
static bool find_key(const struct scope *s, struct str name, unsigned *space)
{
	bool found = false;

	for (unsigned k = 0; k < s->table->nspaces; k++) {
		if (!is_key(s->table, k, name))
			continue;
		*space = k;
		found = true;
		if (lookup_config(s, k, name).kind != VALUE_NONE)
			break;
	}
	return found;
}

/* What is set must mean something, and not contradict config.json. */
static int check_setting(const struct scope *s, const struct setting *set,
			 struct error *err)
{
	struct value mine = value_parse(set->value), theirs;
	struct strbuf sb = STRBUF_INIT;
	unsigned space;
	int ret;

	if (table_option(s->table, set->key))
		return 0;
	if (!find_key(s, set->key, &space))
		return unknown_key(s, set->key, err);
	theirs = lookup_config(s, space, set->key);
	if (theirs.kind == VALUE_NONE || value_eq(mine, theirs))
		return 0;
	strbuf_add_value(&sb, theirs);
	ret = error_set(err, ERR_MAPPING,
			"--set %.*s=%.*s contradicts %s, which says %.*s",
			STR_ARG(set->key), STR_ARG(set->value),
			config_name(s->config), STR_ARG(strbuf_str(&sb)));
	strbuf_release(&sb);
	return ret;
}

/* The values of all options and axes. */
static int compute(struct scope *s, struct error *err)
{
	int ret = set_options(s, err);

	if (!ret && s->from == 1)
		ret = scope_settle(s, err);
	return ret ? ret : compute_axes(s, err);
}

int scope_init(struct scope *s, const struct table *table,
	       const struct config *config, const struct tensor_set *src,
	       int from, bool adapter, const struct setting *settings,
	       size_t nsettings, struct error *err)
{
	int ret = 0;

	*s = (struct scope){.table = table,
			    .config = config,
			    .src = src,
			    .from = from,
			    .adapter = adapter,
			    .settings = settings,
			    .nsettings = nsettings};
	for (unsigned k = 0; k < TABLE_MAX_SPACES; k++)
		s->spaces[k] = (struct space_scope){s, k};
	s->options = calloc(table->noptions + 1, sizeof(*s->options));
	s->axes = calloc(table->naxes + 1, sizeof(*s->axes));
	s->by = calloc(table->naxes + 1, sizeof(*s->by));
	s->state = calloc(table->naxes + 1, sizeof(*s->state));
	if (!s->options || !s->axes || !s->by || !s->state)
		return error_nomem(err);
	for (size_t i = 0; i < nsettings && !ret; i++)
		ret = check_setting(s, &settings[i], err);
	return ret ? ret : compute(s, err);
}

int scope_use_template(struct scope *s, const struct tensor_set *template,
		       struct error *err)
{
	s->template = template;
	return compute(s, err);
}

static bool axis_size(const void *ctx, struct str name, uint64_t *out)
{
	const struct space_scope *in = ctx;
	const struct axis *a = table_axis_in(in->s->table, in->space, name);
	struct value v;

	if (!a)
		return false;
	v = in->s->axes[a - in->s->table->axes];
	*out = (uint64_t)v.num;
	return v.kind == VALUE_INT;
}

static struct str axis_text(const void *ctx, struct str name)
{
	return space_axis_text(ctx, name);
}

/* Listing what an axis mentions and nobody gives. */
struct missing_keys {
	const struct space_scope *in;
	const struct axis *axis; /* its own name means the config key */
	unsigned depth;
	struct strbuf *list; /* "a, b" */
};

static bool is_listed(struct str list, struct str name)
{
	while (list.n) {
		const char *end = memchr(list.p, ',', list.n);
		size_t n = end ? (size_t)(end - list.p) : list.n;

		if (str_eq((struct str){list.p, n}, name))
			return true;
		n += end ? 2 : 0;
		list = (struct str){list.p + n, list.n - n};
	}
	return false;
}

static void add_missing_key(void *ctx, struct str name)
{
	const struct missing_keys *mk = ctx;
	const struct table *t = mk->in->s->table;
	const struct axis *a = table_axis_in(t, mk->in->space, name);
	struct missing_keys below = {mk->in, a, mk->depth + 1, mk->list};

	if (a && a != mk->axis) {
		if (below.depth < MAX_AXIS_DEPTH &&
		    space_lookup(mk->in, name).kind == VALUE_NONE)
			expr_each_name(a->alts[0], add_missing_key, &below);
		return;
	}
	if (table_option(t, name) || is_listed(strbuf_str(mk->list), name) ||
	    lookup_key(mk->in->s, mk->in->space, name).kind != VALUE_NONE)
		return;
	strbuf_adds(mk->list, mk->list->len ? ", " : "");
	strbuf_addstr(mk->list, name);
}

static void axis_keys(const void *ctx, struct str name, struct strbuf *list)
{
	struct missing_keys mk = {ctx, NULL, 0, list};

	add_missing_key(&mk, name);
}

struct axis_env space_axis_env(const struct space_scope *in)
{
	return (struct axis_env){axis_size, in, axis_text, axis_keys};
}

struct str space_axis_text(const struct space_scope *in, struct str name)
{
	const struct scope *s = in->s;
	const struct axis *a = table_axis_in(s->table, in->space, name);
	size_t k = a ? (size_t)(a - s->table->axes) : 0;

	if (!a)
		return (struct str){"", 0};
	return expr_text(s->by[k] ? s->by[k] : a->alts[0]);
}

void space_add_axis_origin(const struct space_scope *in, struct str name,
			   struct strbuf *sb)
{
	const struct axis *a = table_axis_in(in->s->table, in->space, name);

	if (a)
		add_axis_origin(in->s, (size_t)(a - in->s->table->axes), sb);
}

void scope_release(struct scope *s)
{
	free(s->options);
	free(s->axes);
	free(s->by);
	free(s->state);
}
