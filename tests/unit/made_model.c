/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up models; see made_model.h. */
#include "made_model.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "made_shape.h"
#include "models/match.h"

/* ---- captures ---- */

static unsigned nvalues(const struct scope *s, const struct rule *r, unsigned k)
{
	const struct cap *cap = &r->caps.v[k];
	int64_t range;

	switch (cap->kind) {
	case CAP_ALT:
		return (unsigned)cap->nalts;
	case CAP_WORD:
		return (unsigned)cap->words->npairs;
	case CAP_STAR:
		return 2;
	case CAP_NUM:
		break;
	}
	return match_range(s, r, k, &range) ? (unsigned)range : 2;
}

void for_bindings(const struct scope *s, const struct rule *r,
		  void (*visit)(void *ctx, const struct binding *b), void *ctx)
{
	static const char *const stars[] = {"weight", "bias"};
	unsigned total = 1;

	for (unsigned k = 0; k < r->caps.n; k++)
		total *= nvalues(s, r, k);
	for (unsigned i = 0; i < total; i++) {
		struct binding b = {.set = (1u << r->caps.n) - 1};
		unsigned rest = i;

		for (unsigned k = 0; k < r->caps.n; k++) {
			const struct cap *cap = &r->caps.v[k];
			unsigned n = nvalues(s, r, k);

			b.v[k].num = rest % n;
			if (cap->kind == CAP_ALT)
				b.v[k].text = cap->alts[rest % n];
			if (cap->kind == CAP_STAR)
				b.v[k].text = str_of(stars[rest % n]);
			rest /= n;
		}
		visit(ctx, &b);
	}
}

/* Tensors of one name of a rule: those of a stack, or one. */
static unsigned nmembers(const struct scope *s, const struct rule *r, int side)
{
	unsigned n = 1;

	for (unsigned k = 0; k < r->nfront[side]; k++)
		n *= nvalues(s, r, r->front[side][k]);
	return n;
}

/* The binding of member k of a stack. */
static struct binding member(const struct scope *s, const struct rule *r,
			     int side, const struct binding *b, unsigned k)
{
	struct binding out = *b;

	for (unsigned i = 0; i < r->nfront[side]; i++) {
		unsigned n = nvalues(s, r, r->front[side][i]);

		out.v[r->front[side][i]].num = k % n;
		k /= n;
	}
	return out;
}

/* ---- shapes ---- */

static const uint64_t sizes[] = {5, 3, 2, 2};

/* Without a pattern; a stack's members lie one behind the other. */
static unsigned plain_dims(const struct scope *s, const struct rule *r,
			   unsigned rank, uint64_t *dims)
{
	unsigned n = 0;

	for (unsigned k = 0; k < r->nfront[1]; k++)
		dims[n++] = nvalues(s, r, r->front[1][k]);
	memcpy(dims + n, sizes, rank * sizeof(*dims));
	return n + rank;
}

/* Shape number k of a left tensor: another rank each. False past the last. */
static bool shape_of(const struct made_model *mm, const struct instance *in,
		     unsigned slot, unsigned k, uint64_t *dims, unsigned *ndim)
{
	static const unsigned plain[] = {2, 1, 3, 4}, hidden[] = {1, 0, 2};
	const struct scope *s = &mm->m.scope;
	const struct pattern *p = in->rule->pattern;
	bool dots;

	if (!p) {
		*ndim = k < 4 ? plain_dims(s, in->rule, plain[k], dims) : 0;
		return k < 4;
	}
	dots = memmem(pattern_text(p).p, pattern_text(p).n, "...", 3);
	if (k >= (dots ? 3 : 1))
		return false;
	*ndim = made_dims(pattern_text(p), slot, rule_space(s, in->rule), sizes,
			  dots ? hidden[k] : 0, dims);
	return true;
}

/* ---- the model ---- */

void made_model_init(struct made_model *mm, const struct builtin_table *t)
{
	*mm = (struct made_model){.v = NULL};
	model_init_text(&mm->m, (struct str){t->text, t->nbytes}, t->name);
	mm->covered = calloc(mm->m.table->nrules + 1, sizeof(*mm->covered));
	ck_assert_ptr_nonnull(mm->covered);
}

void made_model_release(struct made_model *mm)
{
	model_release(&mm->m);
	free(mm->v);
	free(mm->covered);
}

struct collect {
	struct made_model *mm;
	const struct rule *rule;
};

/* Of words that are equal on the left, only the first is ever written. */
static bool is_written(const struct rule *r, const struct binding *b)
{
	for (unsigned k = 0; k < r->caps.n; k++) {
		const struct words *w = r->caps.v[k].words;

		if (r->caps.v[k].kind != CAP_WORD)
			continue;
		for (int64_t i = 0; i < b->v[k].num; i++)
			if (str_eq(w->pairs[i].side[0],
				   w->pairs[b->v[k].num].side[0]))
				return false;
	}
	return true;
}

/* Whether a binding is that of the first member of its stacks. */
static bool is_first(const struct rule *r, const struct binding *b)
{
	for (int side = 0; side < 2; side++)
		for (unsigned k = 0; k < r->nfront[side]; k++)
			if (b->v[r->front[side][k]].num)
				return false;
	return true;
}

static void add_instance(void *ctx, const struct binding *b)
{
	struct collect *c = ctx;
	struct made_model *mm = c->mm;

	if (!is_written(c->rule, b) || !is_first(c->rule, b))
		return;
	if (mm->n == mm->cap) {
		mm->cap = mm->cap ? 2 * mm->cap : 256;
		mm->v = realloc(mm->v, mm->cap * sizeof(*mm->v));
		ck_assert_ptr_nonnull(mm->v);
	}
	mm->v[mm->n++] = (struct instance){.rule = c->rule, .b = *b};
}

static void enter_scope(struct made_model *mm)
{
	struct model_case *m = &mm->m;

	scope_release(&m->scope);
	if (scope_init(&m->scope, m->table, m->config, &m->src, 0, false,
		       m->set, m->nset, &m->err))
		ck_abort_msg("%s", error_text(&m->err));
}

void made_model_enter(struct made_model *mm, const struct world *w)
{
	struct model_case *m = &mm->m;

	ck_assert_uint_le(w->nset, MODEL_MAX_SET);
	memcpy(m->set, w->set, w->nset * sizeof(*w->set));
	m->nset = w->nset;
	model_config(m, w->config.p);
	model_clear(m);
	enter_scope(mm);
	mm->n = 0;
	for (size_t i = 0; i < m->table->nrules; i++) {
		struct collect c = {mm, &m->table->rules[i]};

		if (c.rule->nnames[0])
			for_bindings(&m->scope, c.rule, add_instance, &c);
	}
}

/* The name of member k of a slot. */
static bool fill(const struct made_model *mm, const struct instance *in,
		 int side, unsigned slot, unsigned k, struct strbuf *out)
{
	const struct scope *s = &mm->m.scope;
	struct expr_env look = space_env(rule_space(s, in->rule));
	struct binding b = member(s, in->rule, side, &in->b, k);

	strbuf_reset(out);
	return name_fill(&in->rule->names[side][slot], &in->rule->caps, &look,
			 &b, out);
}

/* The names of one side exist and are not in use. */
static bool names_are_free(struct made_model *mm, const struct instance *in,
			   int side, const struct tensor_set *used)
{
	unsigned n = nmembers(&mm->m.scope, in->rule, side);
	struct strbuf name = STRBUF_INIT;
	bool ok = true;

	for (unsigned i = 0; i < n * in->rule->nnames[side] && ok; i++)
		ok = fill(mm, in, side, i / n, i % n, &name) &&
		     !tensor_set_find(used, strbuf_str(&name));
	strbuf_release(&name);
	return ok;
}

static void add_names(struct made_model *mm, const struct instance *in,
		      struct tensor_set *used)
{
	unsigned n = nmembers(&mm->m.scope, in->rule, 1);
	struct strbuf name = STRBUF_INIT;

	for (unsigned i = 0; i < n * in->rule->nnames[1]; i++) {
		struct tensor t = {.ndim = 0};

		ck_assert(fill(mm, in, 1, i / n, i % n, &name));
		t.name = arena_str(&used->arena, strbuf_str(&name));
		tensor_set_add(used, &t);
	}
	strbuf_release(&name);
}

static void add_tensors(struct made_model *mm, struct instance *in)
{
	const struct scope *s = &mm->m.scope;
	unsigned n = nmembers(s, in->rule, 0);
	struct strbuf name = STRBUF_INIT;
	uint64_t dims[TENSOR_MAX_NDIM];
	unsigned ndim;

	for (unsigned i = 0; i < n * in->rule->nnames[0]; i++) {
		struct binding b = member(s, in->rule, 0, &in->b, i % n);

		ck_assert(fill(mm, in, 0, i / n, i % n, &name));
		ck_assert(shape_of(mm, in, i / n, in->shape, dims, &ndim));
		ck_assert_uint_lt(mm->m.src.n, MADE_MAX_TENSORS);
		mm->made[mm->m.src.n] = (struct made_tensor){in, i / n, b};
		model_add_dims(&mm->m, name.p, DT_F32, dims, ndim);
	}
	strbuf_release(&name);
}

static bool conds_hold(struct made_model *mm, const struct instance *in)
{
	struct strbuf scratch = STRBUF_INIT;
	bool ok = match_conds(&mm->m.scope, in->rule, &in->b, &scratch);

	strbuf_release(&scratch);
	return ok;
}

static bool is_covered(const struct made_model *mm, const struct instance *in)
{
	return mm->covered[in->rule - mm->m.table->rules];
}

/*
 * Add what can stand beside each other. Conditions are asked of the model as
 * it was before: a `has` sees what the last pass made.
 */
static void fill_model(struct made_model *mm, enum made_of of)
{
	int first = of == MADE_OF_ALL ? 1 : 0, last = of == MADE_OF_NEW ? 0 : 1;
	struct tensor_set targets = TENSOR_SET_INIT;
	bool *holds = calloc(mm->n + 1, sizeof(*holds));

	ck_assert_ptr_nonnull(holds);
	for (size_t i = 0; i < mm->n; i++)
		holds[i] = conds_hold(mm, &mm->v[i]);
	model_clear(&mm->m);
	for (int round = first; round <= last; round++) {
		for (size_t i = 0; i < mm->n; i++) {
			struct instance *in = &mm->v[i];

			if (!holds[i] || in->banned ||
			    (!round && is_covered(mm, in)) ||
			    !names_are_free(mm, in, 0, &mm->m.src) ||
			    !names_are_free(mm, in, 1, &targets))
				continue;
			add_tensors(mm, in);
			add_names(mm, in, &targets);
		}
	}
	tensor_set_release(&targets);
	free(holds);
}

/*
 * An instance whose names another rule takes gets its next shape, or is
 * banned. Returns false if there was one.
 */
static bool check_owners(struct made_model *mm)
{
	struct strbuf scratch = STRBUF_INIT;
	struct instance *changed = NULL;
	uint64_t dims[TENSOR_MAX_NDIM];
	bool ok = true;
	unsigned ndim;

	for (size_t i = 0; i < mm->m.src.n; i++) {
		struct instance *in = mm->made[i].of;
		struct match m;

		if (in == changed ||
		    (match_tensor(&mm->m.scope, &mm->m.src.v[i], &m,
				  &scratch) &&
		     m.rule == in->rule))
			continue;
		ok = false;
		changed = in;
		in->banned = !shape_of(mm, in, 0, in->shape + 1, dims, &ndim);
		in->shape += in->banned ? 0 : 1;
	}
	strbuf_release(&scratch);
	return ok;
}

static void start_over(struct made_model *mm)
{
	for (size_t i = 0; i < mm->n; i++) {
		mm->v[i].banned = false;
		mm->v[i].shape = 0;
	}
	model_clear(&mm->m);
	enter_scope(mm);
}

bool made_model_build(struct made_model *mm, enum made_of of)
{
	bool found = false, settled = false;

	start_over(mm);
	for (int pass = 0; pass < 30 && !settled; pass++) {
		size_t before = mm->m.src.n;

		fill_model(mm, of);
		enter_scope(mm);
		settled = check_owners(mm) && before == mm->m.src.n;
	}
	ck_assert_msg(settled, "no model of %.*s settles",
		      STR_ARG(mm->m.table->model));
	for (size_t i = 0; i < mm->m.src.n; i++) {
		const struct rule *r = mm->made[i].of->rule;
		bool *c = &mm->covered[r - mm->m.table->rules];

		found |= !*c;
		*c = true;
	}
	return found;
}
