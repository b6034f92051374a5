/* SPDX-License-Identifier: Apache-2.0 */
/* Names in expressions; see scope.h. */
#include "models/scope.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

enum axis_state { AXIS_TODO, AXIS_BUSY, AXIS_DONE };

static const struct setting *find_setting(const struct scope *s, struct str key)
{
	for (size_t i = 0; i < s->nsettings; i++)
		if (str_eq(s->settings[i].key, key))
			return &s->settings[i];
	return NULL;
}

/* A key of config.json, or what the user set in its place. */
static struct value lookup_key(const struct scope *s, struct str name)
{
	const struct setting *set = find_setting(s, name);

	if (set)
		return value_parse(set->value);
	if (str_is(name, "adapter"))
		return value_bool(s->adapter);
	return config_get(s->config, name);
}

struct value scope_lookup(const struct scope *s, struct str name)
{
	const struct table_option *o = table_option(s->table, name);
	const struct axis *a = table_axis(s->table, name);

	if (o)
		return s->options[o - s->table->options];
	if (a)
		return s->axes[a - s->table->axes];
	return lookup_key(s, name);
}

/* ---- axes ---- */

/* Computing one axis; others it mentions are computed on the way. */
struct axis_eval {
	struct scope *s;
	const struct axis *self; /* its own name means the config key */
	struct strbuf *why;
};

static struct value axis_value(struct scope *s, size_t k, struct strbuf *why);

static struct value lookup_in_axis(const void *ctx, struct str name)
{
	const struct axis_eval *e = ctx;
	const struct axis *a = table_axis(e->s->table, name);

	if (a && a != e->self)
		return axis_value(e->s, (size_t)(a - e->s->table->axes),
				  e->why);
	return a ? lookup_key(e->s, name) : scope_lookup(e->s, name);
}

static struct value count_names(const void *ctx, struct str text)
{
	const struct axis_eval *e = ctx;
	struct expr_env look = {.lookup = lookup_in_axis, .ctx = ctx};
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct caps caps = {.n = 0};
	struct name name;
	int64_t n = 0;

	if (name_parse(&name, text, e->s->from, &caps, e->s->table->words,
		       e->s->table->nwords, &arena, &err) == 0) {
		for (size_t i = 0; i < e->s->src->n; i++) {
			struct binding b = {.set = 0};

			n += name_match(&name, &caps, e->s->src->v[i].name,
					&look, &b);
		}
	}
	error_release(&err);
	arena_release(&arena);
	return value_int(n);
}

static struct value axis_value(struct scope *s, size_t k, struct strbuf *why)
{
	const struct axis *a = &s->table->axes[k];
	struct axis_eval e = {s, a, why};
	struct expr_env env = {.lookup = lookup_in_axis,
			       .count = count_names,
			       .ctx = &e,
			       .why = why};

	if (s->state[k] != AXIS_TODO) /* BUSY: it mentions itself, no value */
		return s->axes[k];
	s->state[k] = AXIS_BUSY;
	for (unsigned i = 0; i < a->nalts; i++) {
		struct value v = expr_eval(a->alts[i], &env);

		if (v.kind == VALUE_INT) {
			s->axes[k] = v;
			strbuf_reset(why);
			break;
		}
	}
	s->state[k] = AXIS_DONE;
	return s->axes[k];
}

/* An axis is as long as it says: upper-case ones are sizes, at least 1. */
static int check_axis(const struct scope *s, size_t k, const struct strbuf *why,
		      struct error *err)
{
	const struct axis *a = &s->table->axes[k];
	struct str last = expr_text(a->alts[a->nalts - 1]);
	struct value v = s->axes[k];

	if (v.kind == VALUE_NONE && why->len)
		return error_set(err, ERR_MAPPING,
				 "config.json contradicts itself: %.*s (%.*s "
				 "of the %.*s rules is %.*s)",
				 STR_ARG(strbuf_str(why)), STR_ARG(a->name),
				 STR_ARG(s->table->model), STR_ARG(last));
	if (v.kind == VALUE_INT &&
	    v.num < (isupper((unsigned char)a->name.p[0]) ? 1 : 0))
		return error_set(err, ERR_MAPPING,
				 "config.json: %.*s is %lld, which is no size",
				 STR_ARG(last), (long long)v.num);
	return 0;
}

static int compute_axes(struct scope *s, struct error *err)
{
	struct strbuf why = STRBUF_INIT;
	int ret = 0;

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
			"--set %.*s=%.*s: the values of %.*s are %.*s",
			STR_ARG(o->name), STR_ARG(given), STR_ARG(o->name),
			STR_ARG(strbuf_str(&sb)));
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

static int set_options(struct scope *s, struct error *err)
{
	for (size_t i = 0; i < s->table->noptions; i++) {
		const struct table_option *o = &s->table->options[i];
		const struct setting *set = find_setting(s, o->name);

		s->options[i] = set ? value_parse(set->value) : o->values[0];
		if (set && !allowed(o, s->options[i]))
			return bad_option(o, set->value, err);
	}
	return 0;
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
			"--set %.*s: the %.*s rules have no such option; they "
			"have %s",
			STR_ARG(key), STR_ARG(s->table->model),
			sb.len ? sb.p : "none");
	strbuf_release(&sb);
	return ret;
}

/* What is set must mean something, and not contradict config.json. */
static int check_setting(const struct scope *s, const struct setting *set,
			 struct error *err)
{
	struct value mine = value_parse(set->value);
	struct value theirs = config_get(s->config, set->key);
	struct strbuf sb = STRBUF_INIT;
	int ret;

	if (table_option(s->table, set->key))
		return 0;
	if (!table_mentions(s->table, set->key))
		return unknown_key(s, set->key, err);
	if (theirs.kind == VALUE_NONE || value_eq(mine, theirs))
		return 0;
	strbuf_add_value(&sb, theirs);
	ret = error_set(err, ERR_MAPPING,
			"--set %.*s=%.*s contradicts config.json, which says "
			"%.*s",
			STR_ARG(set->key), STR_ARG(set->value),
			STR_ARG(strbuf_str(&sb)));
	strbuf_release(&sb);
	return ret;
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
	s->options = calloc(table->noptions + 1, sizeof(*s->options));
	s->axes = calloc(table->naxes + 1, sizeof(*s->axes));
	s->state = calloc(table->naxes + 1, sizeof(*s->state));
	if (!s->options || !s->axes || !s->state)
		return error_nomem(err);
	for (size_t i = 0; i < nsettings && !ret; i++)
		ret = check_setting(s, &settings[i], err);
	if (!ret)
		ret = set_options(s, err);
	return ret ? ret : compute_axes(s, err);
}

static bool upper_axis(const void *ctx, struct str name, uint64_t *out)
{
	const struct scope *s = ctx;
	const struct axis *a = table_axis(s->table, name);
	struct value v;

	if (!a || !isupper((unsigned char)name.p[0]))
		return false;
	v = s->axes[a - s->table->axes];
	*out = (uint64_t)v.num;
	return v.kind == VALUE_INT;
}

struct axis_env scope_axis_env(const struct scope *s)
{
	return (struct axis_env){upper_axis, s};
}

struct str scope_axis_text(const struct scope *s, struct str name)
{
	const struct axis *a = table_axis(s->table, name);

	return a && a->nalts ? expr_text(a->alts[0]) : (struct str){"", 0};
}

void scope_release(struct scope *s)
{
	free(s->options);
	free(s->axes);
	free(s->state);
}
