/* SPDX-License-Identifier: Apache-2.0 */
/* Loading all tables and choosing one; see detect.h. */
#include "models/detect.h"

#include <stdlib.h>

#include "core/slurp.h"
#include "models/builtin.h"
#include "models/map.h"

static int grow(struct models *m, struct error *err)
{
	struct table **v = realloc(m->v, (m->n + 1) * sizeof(struct table *));

	if (!v)
		return error_nomem(err);
	m->v = v;
	return 0;
}

static int add(struct models *m, struct str text, const char *origin,
	       struct error *err)
{
	int ret = grow(m, err);

	if (!ret)
		ret = table_parse(&m->v[m->n], text, origin, err);
	if (!ret)
		m->n++;
	return ret;
}

static int add_user(struct models *m, const char *path, struct error *err)
{
	struct strbuf sb = STRBUF_INIT;
	int ret = slurp(&sb, path, TABLE_MAX_NBYTES, err);

	if (!ret)
		ret = add(m, strbuf_str(&sb), path, err);
	if (!ret)
		m->user = m->v[m->n - 1];
	strbuf_release(&sb);
	return ret;
}

int models_open(struct models *m, const char *rules, struct error *err)
{
	int ret = 0;

	*m = (struct models){NULL, 0, NULL};
	for (size_t i = 0; i < builtin_ntables && !ret; i++) {
		struct str text = {builtin_tables[i].text,
				   builtin_tables[i].nbytes};

		ret = add(m, text, builtin_tables[i].name, err);
	}
	if (!ret && rules)
		ret = add_user(m, rules, err);
	return ret;
}

void models_release(struct models *m)
{
	for (size_t i = 0; i < m->n; i++)
		table_free(m->v[i]);
	free(m->v);
	*m = (struct models){NULL, 0, NULL};
}

/* ---- choosing ---- */

static struct value lookup(const void *ctx, struct str name)
{
	const struct side_query *p = ctx;

	if (str_is(name, "adapter"))
		return value_bool(p->adapter);
	return config_get(p->config, name);
}

struct detect_env {
	const struct side_query *p;
	const struct expr *expr;
};

static struct value lookup_detect(const void *ctx, struct str name)
{
	const struct detect_env *e = ctx;

	return lookup(e->p, name);
}

static bool has_tensor(const void *ctx, unsigned k)
{
	const struct detect_env *e = ctx;

	return tensor_set_find(e->p->src, expr_has(e->expr, k)) != NULL;
}

static bool detected(const struct table *t, const struct side_query *p)
{
	for (size_t i = 0; i < t->ndetect; i++) {
		struct detect_env e = {p, t->detect[i]};
		struct expr_env env = {
			.lookup = lookup_detect, .has = has_tensor, .ctx = &e};

		if (value_true(expr_eval(t->detect[i], &env)))
			return true;
	}
	return false;
}

static void list_models(const struct models *m, struct strbuf *sb)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i]->refuse.n)
			continue;
		strbuf_adds(sb, sb->len ? ", " : "");
		strbuf_addstr(sb, m->v[i]->model);
	}
}

/*
 * Tables may share a name, as one model in two forms: the one of the source,
 * and what has the name as its own before what is also called so.
 */
static int rank_named(const struct table *t, struct str name,
		      const struct side_query *q)
{
	int fits = q->config && detected(t, q) ? 1 : side_takes_all(t, q);

	return fits < 0 ? fits : 2 * fits + str_eq(t->model, name);
}

/* *best is NULL where no table is called so. 0 or -ENOMEM. */
static int find_named(const struct models *m, struct str name,
		      const struct side_query *q, const struct table **best)
{
	int rank = -1;

	*best = m->user;
	if (m->user && table_is(m->user, name))
		return 0;
	*best = NULL;
	for (size_t i = 0; i < m->n; i++) {
		int r;

		if (!table_is(m->v[i], name))
			continue;
		r = rank_named(m->v[i], name, q);
		if (r < 0)
			return r;
		if (r > rank)
			*best = m->v[i];
		rank = r > rank ? r : rank;
	}
	return 0;
}

static int choose_named(const struct models *m, struct str name,
			const struct side_query *q, const struct table **out,
			struct error *err)
{
	struct strbuf sb = STRBUF_INIT;
	int ret;

	if (find_named(m, name, q, out))
		return error_nomem(err);
	if (*out)
		return 0;
	list_models(m, &sb);
	ret = error_set(err, ERR_MODEL,
			"--model %.*s: there is no such table; there are %s",
			STR_ARG(name), sb.p ? sb.p : "");
	strbuf_release(&sb);
	return ret;
}

/* Those whose rules take all names, though config.json is of none. */
static int list_fitting(const struct models *m, const struct side_query *p,
			struct strbuf *sb)
{
	for (size_t i = 0; i < m->n; i++) {
		int fits = m->v[i]->refuse.n ? 0 : side_takes_all(m->v[i], p);

		if (fits < 0)
			return fits;
		if (!fits)
			continue;
		strbuf_adds(sb, sb->len ? ", " : "");
		strbuf_addstr(sb, m->v[i]->model);
	}
	return 0;
}

/* What --model may be: what fits, else all there are. */
static int refuse_what(const struct models *m, const struct side_query *p,
		       struct str what, struct error *err)
{
	struct strbuf list = STRBUF_INIT;
	int ret = p->config ? list_fitting(m, p, &list) : 0;

	if (ret) {
		ret = error_nomem(err);
	} else if (list.len) {
		ret = error_set(err, ERR_MODEL,
				"the model is not known (%.*s): all its names "
				"have a place in the rules of %s; if its "
				"network is that of one of them, say so with "
				"--model, or give your own with --rules",
				STR_ARG(what), list.p);
	} else {
		list_models(m, &list);
		ret = error_set(err, ERR_MODEL,
				"the model is not known (%.*s): %schoose the "
				"rules with --model, of %s, or give your own "
				"with --rules",
				STR_ARG(what),
				p->config ? ""
					  : "name its config.json with "
					    "--config, ",
				list.p ? list.p : "");
	}
	strbuf_release(&list);
	return ret;
}

static int refuse_none(const struct models *m, const struct side_query *p,
		       struct error *err)
{
	struct strbuf what = STRBUF_INIT;
	int ret;

	if (p->config)
		config_describe(p->config, &what);
	else
		strbuf_adds(&what, "there is no config.json, and no table's "
				   "rules take all names");
	ret = refuse_what(m, p, strbuf_str(&what), err);
	strbuf_release(&what);
	return ret;
}

static int refuse_several(const struct models *m, const bool *candidate,
			  const struct side_query *p, struct error *err)
{
	struct strbuf list = STRBUF_INIT;
	int ret;

	for (size_t i = 0; i < m->n; i++) {
		if (!candidate[i])
			continue;
		strbuf_adds(&list, list.len ? ", " : "");
		strbuf_addstr(&list, m->v[i]->model);
	}
	ret = error_set(err, ERR_MODEL,
			p->config
				? "several rule tables are for what "
				  "config.json says: choose one with "
				  "--model, of %s"
				: "there is no config.json beside the source, "
				  "and several rule tables fit its tensors: "
				  "name one with --config=FILE, or choose "
				  "the rules with --model, of %s",
			list.p ? list.p : "");
	strbuf_release(&list);
	return ret;
}

/* An adapter has no config.json of its own, and few names to tell it by. */
static int refuse_adapter(struct error *err)
{
	return error_set(err, ERR_MODEL,
			 "the source is an adapter, whose rules are those of "
			 "its base model: name that with --config=DIR "
			 "(adapter_config.json says which it is), or the "
			 "rules with --model");
}

static int choose_detected(const struct models *m, const struct side_query *p,
			   const struct table **out, struct error *err)
{
	bool *candidate = calloc(m->n + 1, sizeof(*candidate));
	size_t n = 0;
	int ret = 0;

	if (!candidate)
		return error_nomem(err);
	for (size_t i = 0; i < m->n && ret >= 0; i++) {
		ret = p->config ? detected(m->v[i], p)
				: side_takes_all(m->v[i], p);
		candidate[i] = ret > 0;
		if (candidate[i] && n++ == 0)
			*out = m->v[i];
	}
	if (ret < 0)
		ret = error_nomem(err);
	else if (n != 1 && p->adapter && !p->config)
		ret = refuse_adapter(err);
	else if (n == 0)
		ret = refuse_none(m, p, err);
	else
		ret = n > 1 ? refuse_several(m, candidate, p, err) : 0;
	free(candidate);
	return ret;
}

static int choose(const struct models *m, const char *name,
		  const struct side_query *q, const struct table **out,
		  struct error *err)
{
	if (name)
		return choose_named(m, str_of(name), q, out, err);
	/* who gives rules means them, unless they say what they are for */
	if (m->user && (!m->user->ndetect || detected(m->user, q))) {
		*out = m->user;
		return 0;
	}
	return choose_detected(m, q, out, err);
}

int models_choose(const struct models *m, const char *name,
		  const struct side_query *q, const struct table **out,
		  struct error *err)
{
	int ret = choose(m, name, q, out, err);

	if (ret || !(*out)->refuse.n)
		return ret;
	return error_set(err, ERR_MODEL, "%.*s: %.*s", STR_ARG((*out)->model),
			 STR_ARG((*out)->refuse));
}

/* The table that is detected among those whose rules ask for a map. */
static const struct table *detected_for_map(const struct models *m,
					    const struct side_query *q)
{
	for (size_t i = 0; i < m->n; i++)
		if (table_mentions(m->v[i], str_of("map")) &&
		    detected(m->v[i], q))
			return m->v[i];
	return NULL;
}

int models_choose_map(struct models *m, const char *map, const char *name,
		      const struct side_query *q, const struct table **out,
		      struct error *err)
{
	const struct table *under = detected_for_map(m, q);
	int ret = 0;

	if (m->user)
		return error_set(err, ERR_USAGE,
				 "--rules and --map: names are by the one or "
				 "by the other; leave one out");
	if (name)
		ret = models_choose(m, name, q, &under, err);
	if (!ret)
		ret = grow(m, err);
	if (!ret)
		ret = map_open(&m->v[m->n], map, under ? under->model.p : NULL,
			       err);
	if (ret)
		return ret;
	*out = m->user = m->v[m->n++];
	return 0;
}
