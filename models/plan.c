/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule takes which source tensor, and the proof; see plan.h. */
#include "models/plan.h"

#include <errno.h>
#include <stdlib.h>

#include "models/near.h"
#include "models/plan_build.h"
#include "models/quantized.h"
#include "models/template.h"

/*
 * The first member of a family is looked for among this many: a model whose
 * first layers are missing is refused anyway.
 */
#define FIRST_AMONG 100

/* Names listed with their near miss; the others are only named. */
#define MAX_EXPLAINED 20

/* Missing names listed one by one. */
#define MAX_MISSING 50

/* ---- taking source tensors ---- */

static int drop(struct plan_builder *b, uint32_t i, const struct rule *r)
{
	struct plan *p = b->plan;

	/* grown by doubling: the capacity is the next power of two */
	if ((p->ndropped & (p->ndropped - 1)) == 0) {
		size_t cap = p->ndropped ? 2 * p->ndropped : 1;
		struct dropped *v = realloc(p->dropped, cap * sizeof(*v));

		if (!v)
			return error_nomem(b->err);
		p->dropped = v;
	}
	p->dropped[p->ndropped++] = (struct dropped){i, r};
	return 0;
}

/* Member i of name k of a match is this rule's, and only this rule's. */
static int take_member(struct plan_builder *b, const struct match *m,
		       unsigned k, const struct tensor *part)
{
	size_t i = (size_t)(part - b->src->v);
	struct match own;

	if ((k != m->slot || part != m->in[k]) &&
	    (!match_tensor(b->scope, part, &own, &b->scratch) ||
	     own.rule != m->rule || own.slot != k))
		return error_set(b->err, ERR_MAPPING,
				 "%.*s needs %.*s, which another rule takes",
				 STR_ARG(m->rule->text), STR_ARG(part->name));
	if (b->used[i])
		return error_set(b->err, ERR_MAPPING,
				 "%.*s is taken twice, the second time by %.*s",
				 STR_ARG(part->name), STR_ARG(m->rule->text));
	b->used[i] = true;
	return 0;
}

static int take_members(struct plan_builder *b, const struct match *m)
{
	int ret = plan_collect(b, m);

	for (unsigned k = 0; k < m->rule->nnames[b->scope->from]; k++)
		for (size_t i = 0; i < b->members.n && !ret; i++)
			ret = take_member(b, m, k,
					  b->members.v[k * b->members.n + i]);
	return ret;
}

/* The source name of a match's slot with one capture at another value. */
static bool member_name(struct plan_builder *b, const struct match *m,
			unsigned slot, int cap, int64_t value)
{
	struct expr_env look = space_env(rule_space(b->scope, m->rule));
	struct binding at = m->b;

	at.v[cap].num = value;
	strbuf_reset(&b->scratch);
	return name_fill(&m->rule->names[b->scope->from][slot], &m->rule->caps,
			 &look, &at, &b->scratch);
}

/*
 * A capture with a range is complete: count the members of the family that
 * the slot's tensor belongs to, at the first member that is there.
 */
static void count_family(struct plan_builder *b, const struct match *m,
			 unsigned slot)
{
	const struct tensor *first = NULL;
	int64_t range;
	int cap = match_ranged_cap(b->scope, m->rule, &m->b, &range);

	if (cap < 0)
		return;
	for (int64_t i = 0; i <= m->b.v[cap].num && i < FIRST_AMONG && !first;
	     i++)
		if (member_name(b, m, slot, cap, i))
			first = tensor_set_find(b->src,
						strbuf_str(&b->scratch));
	b->seen[(first ? first : m->in[slot]) - b->src->v]++;
}

/* A stack is counted at its first member. */
static void count_families(struct plan_builder *b, const struct match *m)
{
	const struct rule *r = m->rule;
	struct match first = *m;

	for (unsigned f = 0; f < r->nfront[b->scope->from]; f++)
		first.b.v[r->front[b->scope->from][f]].num = 0;
	for (unsigned k = 0; k < r->nnames[b->scope->from]; k++)
		count_family(b, &first, k);
}

static int take(struct plan_builder *b, const struct match *m)
{
	int ret = take_members(b, m);

	if (ret)
		return ret;
	count_families(b, m);
	return plan_add_targets(b, m);
}

/* ---- what is missing ---- */

/* Before each name: of an error, or of the notes. */
static const char *missing_item(const struct plan_builder *b)
{
	return b->o->partial ? "\n  " : ERROR_ITEM;
}

static bool missing_member(struct plan_builder *b, const struct match *m,
			   int cap, int64_t i, struct strbuf *list)
{
	if (!member_name(b, m, m->slot, cap, i) ||
	    tensor_set_find(b->src, strbuf_str(&b->scratch)))
		return false;
	if (list)
		strbuf_addf(list, "%s%.*s", missing_item(b),
			    STR_ARG(strbuf_str(&b->scratch)));
	return true;
}

/* The range that a family lacks members of. */
struct missing_axis {
	const struct space_scope *in;
	struct str name;
};

/* The members that the family counted at source tensor k lacks. */
static size_t list_family(struct plan_builder *b, size_t k, size_t listed,
			  struct strbuf *list, struct missing_axis *axis)
{
	struct match m;
	int64_t range = 0;
	size_t n = 0;
	int cap;

	if (!b->seen[k] ||
	    !match_tensor(b->scope, &b->src->v[k], &m, &b->scratch))
		return 0;
	cap = match_ranged_cap(b->scope, m.rule, &m.b, &range);
	if (cap < 0 || (int64_t)b->seen[k] >= range)
		return 0;
	*axis = (struct missing_axis){rule_space(b->scope, m.rule),
				      m.rule->caps.v[cap].name};
	/* as many as the range lacks: a range that lies may be any number */
	for (int64_t i = 0; i < range && listed + n < MAX_MISSING; i++)
		n += missing_member(b, &m, cap, i, list);
	return (size_t)(range - (int64_t)b->seen[k]);
}

static int check_families(struct plan_builder *b)
{
	struct strbuf list = STRBUF_INIT;
	struct missing_axis axis = {NULL, {"", 0}};
	struct strbuf by = STRBUF_INIT;
	size_t n = 0;
	int ret = 0;

	for (size_t k = 0; k < b->src->n; k++)
		n += list_family(b, k, n, &list, &axis);
	if (n > MAX_MISSING)
		strbuf_addf(&list, "%sand %zu more", missing_item(b),
			    n - MAX_MISSING);
	if (n)
		space_add_axis_origin(axis.in, axis.name, &by);
	if (n && b->o->partial)
		strbuf_addf(&b->plan->notes, "missing by %.*s:%.*s\n",
			    STR_ARG(strbuf_str(&by)),
			    STR_ARG(strbuf_str(&list)));
	else if (n)
		ret = error_set(b->err, ERR_MAPPING,
				"%zu tensor%s missing: by %.*s %.*s is %lld, "
				"but there is no%.*s",
				n, n == 1 ? " is" : "s are",
				STR_ARG(strbuf_str(&by)),
				STR_ARG(space_axis_text(axis.in, axis.name)),
				(long long)space_lookup(axis.in, axis.name).num,
				STR_ARG(strbuf_str(&list)));
	strbuf_release(&by);
	strbuf_release(&list);
	return ret;
}

static void describe(const struct tensor *t, struct strbuf *sb)
{
	strbuf_addf(sb, ERROR_ITEM "%.*s %s [", STR_ARG(t->name),
		    dtype_info(t->dtype)->safetensors);
	strbuf_add_dims(sb, t->dims, t->ndim, ',');
	strbuf_adds(sb, "]");
}

/* 0: they are not what a quantizing tool made. */
static int refuse_quantized(struct plan_builder *b, const uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct str name = b->src->v[v[i]].name;
		const char *tool = quantized_by(name);

		if (tool)
			return error_set(
				b->err, ERR_MAPPING,
				"the weights are quantized (%s: %.*s) "
				"and no rule undoes that: use the "
				"model as it was before, or dequantize "
				"and save it with the tool that did it",
				tool, STR_ARG(name));
	}
	return 0;
}

static int refuse_unmapped(struct plan_builder *b, const uint32_t *v, size_t n)
{
	struct strbuf list = STRBUF_INIT, set = STRBUF_INIT;
	struct strbuf remedy = STRBUF_INIT;
	int ret = refuse_quantized(b, v, n);

	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++) {
		const struct tensor *t = &b->src->v[v[i]];

		describe(t, &list);
		if (i < MAX_EXPLAINED) {
			strbuf_adds(&list, ": ");
			near_miss(b->scope, t, &list);
		}
	}
	scope_add_settings(b->scope, " with ", &set);
	plan_add_remedy(b, &remedy);
	ret = error_set(b->err, ERR_MAPPING,
			"%zu of %zu tensors have no place in the %.*s rules"
			"%.*s (--partial passes them through as they are%.*s):"
			"%.*s",
			n, b->src->n, STR_ARG(b->scope->table->model),
			STR_ARG(strbuf_str(&set)), STR_ARG(strbuf_str(&remedy)),
			STR_ARG(strbuf_str(&list)));
	strbuf_release(&remedy);
	strbuf_release(&set);
	strbuf_release(&list);
	return ret;
}

/* ---- the plan ---- */

/* Source tensor i, which no rule takes, is none that one need take. */
static int take_extra(struct plan_builder *b, uint32_t i)
{
	bool keep = b->o->keep_extra || b->o->partial;
	struct strbuf *notes = &b->plan->notes;

	b->used[i] = true;
	strbuf_adds(notes, keep ? "kept, beside the weights: "
				: "left out, a value that no rule takes: ");
	strbuf_add_shown(notes, b->src->v[i].name);
	strbuf_adds(notes, keep ? "\n" : " (--keep-extra keeps it)\n");
	return keep ? plan_add_passed(b, i) : 0;
}

/* No rule takes source tensor i. */
static int pass(struct plan_builder *b, uint32_t i, uint32_t *unmapped,
		size_t *n)
{
	if (b->src->v[i].is_extra)
		return take_extra(b, i);
	unmapped[(*n)++] = i;
	return b->o->partial ? plan_add_passed(b, i) : 0;
}

/* No tensor of the template is made of source tensor i. */
static int leave(struct plan_builder *b, uint32_t i)
{
	b->used[i] = true;
	return drop(b, i, NULL);
}

static int take_all(struct plan_builder *b, uint32_t *unmapped, size_t *n)
{
	for (uint32_t i = 0; i < b->src->n; i++) {
		const struct tensor *t = &b->src->v[i];
		struct match m;
		int ret = 0;

		if (b->used[i])
			continue;
		if (!match_tensor(b->scope, t, &m, &b->scratch)) {
			ret = b->scope->template ? leave(b, i)
						 : pass(b, i, unmapped, n);
		} else if (!m.rule->nnames[1 - b->scope->from]) {
			b->used[i] = true;
			ret = drop(b, i, m.rule);
		} else {
			ret = take(b, &m);
		}
		if (ret)
			return ret;
	}
	return 0;
}

static void note_passed(struct plan_builder *b, const uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		strbuf_adds(&b->plan->notes, "passed through, no rule: ");
		strbuf_add_shown(&b->plan->notes, b->src->v[v[i]].name);
		strbuf_addc(&b->plan->notes, '\n');
	}
}

/*
 * The proof over the index space of tensors; elements within a rule are
 * proved by its pattern. Each source is taken by one rule, dropped by one, or
 * passed; each target was added once, since names are unique in a set.
 */
static int prove(const struct plan_builder *b, size_t nunmapped)
{
	size_t taken = 0, made = 0;

	for (size_t i = 0; i < b->src->n; i++)
		taken += b->used[i];
	for (size_t i = 0; i < b->plan->target.n; i++)
		made += b->plan->origins[i].nsources > 0;
	if (taken + nunmapped == b->src->n && made == b->plan->target.n)
		return 0;
	return error_set(b->err, ERR_MAPPING,
			 "the plan does not account for every tensor (%zu of "
			 "%zu)",
			 taken, b->src->n);
}

struct place {
	uint32_t first; /* see place_of */
	uint32_t nth;	/* as it was made */
};

static int by_place(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return a->nth < b->nth ? -1 : 1;
}

/* Where a target stands: as the template has it, or at its first source. */
static uint32_t place_of(const struct plan_builder *b, size_t i)
{
	const struct tensor_set *template = b->scope->template;
	const struct origin *o = &b->plan->origins[i];
	const struct tensor *t = NULL;
	uint32_t first = o->sources[0];

	if (template)
		t = tensor_set_find(template, b->plan->target.v[i].name);
	if (t)
		return (uint32_t)(t - template->v);
	for (uint32_t k = 1; k < o->nsources; k++)
		if (o->sources[k] < first)
			first = o->sources[k];
	return first;
}

/*
 * Targets come in the order of their sources' bytes. They were made so, but
 * copies were appended: each moves behind the tensor whose bytes it has.
 */
static int sort_targets(struct plan_builder *b)
{
	struct plan *p = b->plan;
	size_t n = p->target.n;
	struct place *v = calloc(n + 1, sizeof(*v));
	struct origin *origins = calloc(n + 1, sizeof(*origins));
	uint32_t *order = calloc(n + 1, sizeof(*order));
	int ret = v && origins && order ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !ret; i++)
		v[i] = (struct place){place_of(b, i), (uint32_t)i};
	if (!ret)
		qsort(v, n, sizeof(*v), by_place);
	for (size_t i = 0; i < n && !ret; i++) {
		order[i] = v[i].nth;
		origins[i] = p->origins[v[i].nth];
	}
	if (!ret)
		ret = tensor_set_reorder(&p->target, order);
	if (!ret) {
		free(p->origins);
		p->origins = origins;
		origins = NULL;
	}
	free(v);
	free(order);
	free(origins);
	return ret ? error_nomem(b->err) : 0;
}

static int build(struct plan_builder *b)
{
	uint32_t *unmapped = malloc((b->src->n + 1) * sizeof(*unmapped));
	size_t n = 0;
	int ret;

	if (!unmapped)
		return error_nomem(b->err);
	ret = take_all(b, unmapped, &n);
	if (!ret && n && !b->o->partial)
		ret = refuse_unmapped(b, unmapped, n);
	if (!ret) {
		note_passed(b, unmapped, n);
		ret = check_families(b);
	}
	if (!ret && !b->o->partial && !b->scope->adapter && !b->scope->template)
		ret = plan_check_needs(b);
	if (!ret) {
		plan_add_notes(b);
		ret = plan_add_copies(b);
	}
	if (!ret && b->scope->template)
		ret = template_check(b);
	if (!ret)
		ret = sort_targets(b);
	if (!ret)
		ret = prove(b, n);
	free(unmapped);
	return ret;
}

int plan_make(struct plan *p, const struct scope *scope,
	      const struct plan_options *o, struct error *err)
{
	struct plan_builder b = {.plan = p,
				 .scope = scope,
				 .src = scope->src,
				 .o = o,
				 .err = err};
	int ret;

	*p = (struct plan){.target = TENSOR_SET_INIT};
	b.used = calloc(b.src->n + 1, sizeof(*b.used));
	b.seen = calloc(b.src->n + 1, sizeof(*b.seen));
	ret = b.used && b.seen ? build(&b) : error_nomem(err);
	/* a name that was not worked out, a note that was not taken */
	if (b.scratch.failed || p->notes.failed)
		ret = error_nomem(err);
	free(b.used);
	free(b.seen);
	free(b.members.v);
	strbuf_release(&b.scratch);
	return ret;
}

int plan_raw(struct plan *p, const struct tensor_set *src,
	     const struct plan_options *o, struct error *err)
{
	struct plan_builder b = {.plan = p, .src = src, .o = o, .err = err};
	int ret = 0;

	*p = (struct plan){.target = TENSOR_SET_INIT};
	for (uint32_t i = 0; i < src->n && !ret; i++)
		ret = plan_add_passed(&b, i);
	strbuf_release(&b.scratch);
	return ret;
}

void plan_release(struct plan *p)
{
	tensor_set_release(&p->target);
	arena_release(&p->arena);
	free(p->origins);
	free(p->dropped);
	strbuf_release(&p->notes);
}
