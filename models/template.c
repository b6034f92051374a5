/* SPDX-License-Identifier: Apache-2.0 */
/* Holding rules and plans against a template; see template.h. */
#include "models/template.h"

#include <errno.h>

/* Names listed with their reason; the others are counted. */
#define MAX_LISTED 50

static void add_shape(struct strbuf *sb, const uint64_t *dims, unsigned ndim)
{
	strbuf_addc(sb, '[');
	strbuf_add_dims(sb, dims, ndim, ',');
	strbuf_addc(sb, ']');
}

/* ---- one match ---- */

/* The tensor that the template has for target k of a match, or NULL. */
static const struct tensor *wanted(const struct scope *s, const struct match *m,
				   unsigned k, struct strbuf *scratch,
				   struct strbuf *why)
{
	struct expr_env look = space_env(rule_space(s, m->rule));
	const struct tensor *t = NULL;

	strbuf_reset(scratch);
	if (name_fill(&m->rule->names[1 - s->from][k], &m->rule->caps, &look,
		      &m->b, scratch))
		t = tensor_set_find(s->template, strbuf_str(scratch));
	if (!t && why)
		strbuf_addf(why, "%.*s is not in the template",
			    STR_ARG(strbuf_str(scratch)));
	return t;
}

/*
 * Whether the shapes that the rule makes are those of the tensors t. Memory
 * that runs out is noted in scratch.
 */
static bool shapes_agree(const struct scope *s, const struct match *m,
			 const struct tensor *const *t, struct strbuf *scratch,
			 struct strbuf *why)
{
	const struct rule *r = m->rule;
	struct axis_env env = space_axis_env(rule_space(s, r));
	struct pattern_out out[PATTERN_MAX_TENSORS] = {
		{m->in[0]->ndim, m->in[0]->dims, 0, NULL}};
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	int rc = r->pattern ? pattern_compile(r->pattern, s->from, m->in, &env,
					      out, &arena, &err)
			    : 0;
	bool ok = rc == 0;

	scratch->failed |= rc == -ENOMEM;
	if (!ok && why)
		strbuf_adds(why, error_text(&err));
	for (unsigned k = 0; k < r->nnames[1 - s->from] && ok; k++) {
		ok = tensor_has_dims(t[k], out[k].dims, out[k].ndim);
		if (ok || !why)
			continue;
		strbuf_addf(why, "%.*s of the source makes it ",
			    STR_ARG(m->in[0]->name));
		add_shape(why, out[k].dims, out[k].ndim);
		strbuf_adds(why, ", the template has ");
		add_shape(why, t[k]->dims, t[k]->ndim);
	}
	error_release(&err);
	arena_release(&arena);
	return ok;
}

static bool allows(const struct scope *s, const struct match *m,
		   struct strbuf *scratch, struct strbuf *why)
{
	const struct rule *r = m->rule;
	const struct tensor *t[PATTERN_MAX_TENSORS];

	/* stacks are only whole in the plan: template_check sees them */
	if (r->nfront[0] || r->nfront[1])
		return true;
	for (unsigned k = 0; k < r->nnames[1 - s->from]; k++) {
		t[k] = wanted(s, m, k, scratch, why);
		if (!t[k])
			return false;
	}
	return shapes_agree(s, m, t, scratch, why);
}

/* The same with the other words that are written the same on the source. */
static bool allows_other_words(const struct scope *s, struct match *m,
			       unsigned cap, struct strbuf *scratch)
{
	const struct words *w = m->rule->caps.v[cap].words;
	int64_t first = m->b.v[cap].num;
	struct str text = w->pairs[first].side[s->from];

	for (size_t i = 0; i < w->npairs; i++) {
		m->b.v[cap].num = (int64_t)i;
		if ((int64_t)i != first &&
		    str_eq(w->pairs[i].side[s->from], text) &&
		    allows(s, m, scratch, NULL))
			return true;
	}
	m->b.v[cap].num = first;
	return false;
}

bool template_allows(const struct scope *s, struct match *m,
		     struct strbuf *scratch, struct strbuf *why)
{
	const struct caps *caps = &m->rule->caps;

	if (!s->template || !m->rule->nnames[1 - s->from] ||
	    allows(s, m, scratch, why))
		return true;
	for (unsigned k = 0; k < caps->n; k++)
		if (caps->v[k].kind == CAP_WORD && (m->b.set >> k & 1) &&
		    allows_other_words(s, m, k, scratch))
			return true;
	return false;
}

/* ---- the whole plan ---- */

/* Why a rule that makes t does not, in the binding; the later, the nearer. */
static enum match_stage why_not(struct plan_builder *b, const struct rule *r,
				const struct binding *at, struct strbuf *why)
{
	struct expr_env look = space_env(rule_space(b->scope, r));
	enum match_stage stage = MATCH_NAME;

	if (!match_conds(b->scope, r, at, &b->scratch))
		return MATCH_NAME;
	for (unsigned k = 0; k < r->nnames[b->scope->from]; k++) {
		const struct tensor *part;
		struct match m;

		strbuf_reset(&b->scratch);
		if (!name_fill(&r->names[b->scope->from][k], &r->caps, &look,
			       at, &b->scratch))
			return MATCH_NAME;
		part = tensor_set_find(b->src, strbuf_str(&b->scratch));
		strbuf_reset(why);
		if (!part) {
			strbuf_addf(why, "the source has no %.*s",
				    STR_ARG(strbuf_str(&b->scratch)));
			return MATCH_WHEN;
		}
		stage = match_rule(b->scope, r, k, part, &m, &b->scratch, why);
		if (stage != MATCH_YES)
			return stage;
	}
	strbuf_adds(why, "another rule takes its source");
	return stage;
}

static void explain(struct plan_builder *b, const struct tensor *t,
		    struct strbuf *out)
{
	int to = 1 - b->scope->from;
	const struct table *table = b->scope->table;
	struct strbuf why = STRBUF_INIT, best = STRBUF_INIT;
	enum match_stage nearest = MATCH_NAME;

	strbuf_addf(&best, "no rule of %.*s makes it", STR_ARG(table->model));
	for (const struct rule *r = table->rules;
	     r < table->rules + table->nrules; r++) {
		for (unsigned k = 0; k < r->nnames[to]; k++) {
			struct expr_env look =
				space_env(rule_space(b->scope, r));
			struct binding at = {.set = 0};
			enum match_stage stage;

			if (!name_match(&r->names[to][k], &r->caps, t->name,
					&look, &at))
				continue;
			strbuf_reset(&why);
			stage = why_not(b, r, &at, &why);
			if (stage < nearest || !why.len)
				continue;
			nearest = stage;
			strbuf_reset(&best);
			strbuf_addstr(&best, strbuf_str(&why));
		}
	}
	strbuf_addstr(out, strbuf_str(&best));
	strbuf_release(&why);
	strbuf_release(&best);
}

/* Whether a rule says that a tensor of the side that is made comes from
 * nothing: what a one-sided rule drops when that side is read. */
static bool has_no_counterpart(const struct scope *s, struct str name)
{
	int to = 1 - s->from;

	for (size_t i = 0; i < s->table->nrules; i++) {
		const struct rule *r = &s->table->rules[i];
		struct expr_env look = space_env(rule_space(s, r));
		struct binding at = {.set = 0};

		if (!r->nnames[s->from] && !r->copy_of[to].nparts &&
		    name_match(&r->names[to][0], &r->caps, name, &look, &at))
			return true;
	}
	return false;
}

/* Append a line if t of the template was not made so. */
static bool list_tensor(struct plan_builder *b, const struct tensor *t,
			const char *item, struct strbuf *list)
{
	const struct tensor *made = tensor_set_find(&b->plan->target, t->name);

	if (made && tensor_has_dims(made, t->dims, t->ndim))
		return false;
	if (!made && has_no_counterpart(b->scope, t->name)) {
		strbuf_adds(&b->plan->notes,
			    "in the template, has no counterpart: ");
		strbuf_add_shown(&b->plan->notes, t->name);
		strbuf_addc(&b->plan->notes, '\n');
		return false;
	}
	if (!list)
		return true;
	strbuf_adds(list, item);
	strbuf_add_shown(list, t->name);
	strbuf_adds(list, ": ");
	if (!made) {
		explain(b, t, list);
		return true;
	}
	strbuf_adds(list, "the source makes it ");
	add_shape(list, made->dims, made->ndim);
	strbuf_adds(list, ", the template has ");
	add_shape(list, t->dims, t->ndim);
	return true;
}

int template_check(struct plan_builder *b)
{
	const struct tensor_set *set = b->scope->template;
	const char *item = b->o->partial ? "\n  " : ERROR_ITEM;
	struct strbuf list = STRBUF_INIT;
	size_t n = 0;
	int ret = 0;

	for (size_t i = 0; i < set->n; i++)
		n += list_tensor(b, &set->v[i], item,
				 n < MAX_LISTED ? &list : NULL);
	if (n > MAX_LISTED)
		strbuf_addf(&list, "%sand %zu more", item, n - MAX_LISTED);
	if (n && b->o->partial)
		strbuf_addf(&b->plan->notes,
			    "in the template, but not made:%.*s\n",
			    STR_ARG(strbuf_str(&list)));
	else if (n)
		ret = error_set(b->err, ERR_MAPPING,
				"%zu of %zu tensors of the template cannot be "
				"made (--partial leaves them out):%.*s",
				n, set->n, STR_ARG(strbuf_str(&list)));
	strbuf_release(&list);
	return ret;
}

/* ---- the side that is read ---- */

static void list_source(const struct tensor *t, const struct tensor *have,
			struct strbuf *list)
{
	strbuf_addf(list, ERROR_ITEM "%.*s: ", STR_ARG(t->name));
	if (!have) {
		strbuf_adds(list, "it is not in the source");
		return;
	}
	add_shape(list, have->dims, have->ndim);
	strbuf_adds(list, " in the source, ");
	add_shape(list, t->dims, t->ndim);
	strbuf_adds(list, " in the template");
}

int template_check_source(const struct tensor_set *template,
			  const struct tensor_set *src, struct error *err)
{
	struct strbuf list = STRBUF_INIT;
	size_t n = 0;
	int ret = 0;

	for (size_t i = 0; i < template->n; i++) {
		const struct tensor *t = &template->v[i];
		const struct tensor *have = tensor_set_find(src, t->name);

		if (have && tensor_has_dims(have, t->dims, t->ndim))
			continue;
		if (n++ < MAX_LISTED)
			list_source(t, have, &list);
	}
	if (n > MAX_LISTED)
		strbuf_addf(&list, ERROR_ITEM "and %zu more", n - MAX_LISTED);
	if (n)
		ret = error_set(err, ERR_MAPPING,
				"the template is of the source's own side, and "
				"%zu of its %zu tensors are not in the "
				"source so:%.*s",
				n, template->n, STR_ARG(strbuf_str(&list)));
	strbuf_release(&list);
	return ret;
}
