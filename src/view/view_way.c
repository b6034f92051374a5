/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MindSpore to MindSpore: to the other side, and back with the options, which
 * are of the layout that is made, not of the one that is read. An option that
 * what is made does not ask for, and what is read does, is the source's.
 */
#include <errno.h>
#include <stdlib.h>

#include "models/side.h"
#include "view/view_priv.h"

/* Whether those settings plan src by other rules than those of plan; not where
 * they do not fit it. */
static int plans_apart(struct view *v, const struct tensor_set *src, int from,
		       const struct setting *set, size_t nset,
		       const struct plan *plan, bool *apart, struct error *err)
{
	struct plan_options o = {.keep_extra = v->opt.keep_extra};
	struct scope scope = {.table = NULL};
	struct plan other = {.target = TENSOR_SET_INIT};
	struct error why = ERROR_INIT;
	int ret = view_plan_from(v, &scope, &other, src, from, set, nset, &o,
				 &why);

	*apart = !ret && other.target.n != plan->target.n;
	for (size_t i = 0; !ret && !*apart && i < plan->target.n; i++)
		*apart = other.origins[i].rule != plan->origins[i].rule;
	plan_release(&other);
	scope_release(&scope);
	error_release(&why);
	return ret == -ENOMEM ? error_nomem(err) : 0;
}

/* Whether what is made depends on that setting of the user's. */
static int is_of_target(struct view *v, size_t i, bool *yes, struct error *err)
{
	struct setting *others = calloc(v->opt.nset + 1, sizeof(*others));
	size_t n = 0;
	int ret;

	if (!others)
		return error_nomem(err);
	for (size_t k = 0; k < v->opt.nset; k++)
		if (k != i)
			others[n++] = v->opt.set[k];
	ret = plans_apart(v, &v->way.target, !v->side.from, others, n, &v->plan,
			  yes, err);
	free(others);
	return ret;
}

/* Take over into the settings of the source, which are *n, what is its own. */
static int place_settings(struct view *v, size_t *n, struct strbuf *notes,
			  struct error *err)
{
	for (size_t i = 0; i < v->opt.nset; i++) {
		const struct setting *s = &v->opt.set[i];
		bool reads, makes = false;
		int ret;

		if (!table_option(v->table, s->key))
			continue;
		v->way_set[*n] = *s;
		ret = plans_apart(v, &v->source.tensors, v->side.from,
				  v->way_set, *n + 1, &v->way, &reads, err);
		if (!ret && reads)
			ret = is_of_target(v, i, &makes, err);
		if (ret)
			return ret;
		*n += reads && !makes;
		if (makes)
			strbuf_addf(notes,
				    "the names of the source do not tell its "
				    "own %.*s: it is read as by default\n",
				    STR_ARG(s->key));
	}
	return 0;
}

static int plan_ways(struct view *v, size_t n, const struct plan_options *o,
		     struct error *err)
{
	struct plan_options uncast = {.partial = o->partial,
				      .keep_extra = o->keep_extra};
	int from = v->side.from;
	int ret = view_plan_from(v, &v->way_scope, &v->way, &v->source.tensors,
				 from, v->way_set, n, &uncast, err);

	return ret ? ret
		   : view_plan_from(v, &v->scope, &v->plan, &v->way.target,
				    !from, v->opt.set, v->opt.nset, o, err);
}

static void forget_ways(struct view *v)
{
	plan_release(&v->plan);
	plan_release(&v->way);
	scope_release(&v->scope);
	scope_release(&v->way_scope);
	v->plan = v->way = (struct plan){.target = TENSOR_SET_INIT};
	v->scope = v->way_scope = (struct scope){.table = NULL};
}

int view_plan_both_ways(struct view *v, const struct plan_options *o,
			struct error *err)
{
	struct strbuf notes = STRBUF_INIT;
	size_t n, nown;
	int ret;

	v->way_set =
		side_source_settings(v->table, v->opt.set, v->opt.nset, &n);
	if (!v->way_set)
		return error_nomem(err);
	nown = n;
	ret = plan_ways(v, n, o, err);
	/* a template has a say in what is made */
	if (!ret && !v->opt.template)
		ret = place_settings(v, &nown, &notes, err);
	if (!ret && nown > n) {
		forget_ways(v);
		ret = plan_ways(v, nown, o, err);
	}
	strbuf_addstr(&v->way.notes, strbuf_str(&notes));
	v->way.notes.failed |= notes.failed;
	strbuf_release(&notes);
	return ret ? ret : plan_compose(&v->plan, &v->way, err);
}
