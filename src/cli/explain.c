/* SPDX-License-Identifier: Apache-2.0 */
/* wconv explain: where one parameter comes from, in words and numbers. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "core/extents.h"
#include "core/gather.h"
#include "core/scaled.h"
#include "view/model_config.h"

static void add_tensor(const struct tensor *t, const char *word,
		       struct strbuf *out)
{
	strbuf_addf(out, "%.*s\n    %s, shape ", STR_ARG(t->name), word);
	strbuf_add_shape(out, t->dims, t->ndim);
	strbuf_addf(out, ", %" PRIu64 " bytes\n", t->nbytes);
}

/* A source whose elements do not lie in order. */
static void add_view(const struct tensor *t, struct strbuf *out)
{
	const struct source *s;
	uint64_t off;

	tensor_first_byte(t, &s, &off);
	if (s)
		strbuf_addf(out,
			    "    a view of what begins at byte %" PRIu64
			    " of %s\n",
			    off, s->path);
}

static void add_source(const struct tensor *t, struct strbuf *out)
{
	strbuf_adds(out, "  ");
	add_tensor(t, dtype_info(t->dtype)->safetensors, out);
	if (t->recipe == RECIPE_EXTENT)
		strbuf_addf(out, "    bytes %" PRIu64 " to %" PRIu64 " of %s\n",
			    t->extent.off, t->extent.off + t->nbytes,
			    t->extent.src->path);
	else if (t->recipe == RECIPE_GATHER)
		add_view(t, out);
	else if (t->recipe == RECIPE_SCALED)
		strbuf_addf(out,
			    "    fp8 in blocks of %" PRIu64 "x%" PRIu64
			    ", scaled by %.*s\n",
			    t->scaled->rows, t->scaled->cols,
			    STR_ARG(t->scaled->scales->name));
	else if (t->recipe == RECIPE_EXTENTS)
		for (size_t i = 0; i < t->extents->n; i++)
			strbuf_addf(out, "    from byte %" PRIu64 " of %s\n",
				    t->extents->parts[i].off,
				    t->extents->parts[i].src->path);
}

/* The axes of a pattern that config.json or options give. */
static void add_axes(const struct view *v, const struct rule *r,
		     struct strbuf *out)
{
	const struct scope *s = view_scope(v);
	const struct space *space = &s->table->spaces[r->space];
	struct str text = pattern_text(r->pattern);

	for (size_t i = space->axis; i < space->axis + space->naxes; i++) {
		const struct axis *a = &s->table->axes[i];

		if (s->axes[i].kind != VALUE_INT ||
		    !memmem(text.p, text.n, a->name.p, a->name.n))
			continue;
		strbuf_addf(out, "    %.*s = %" PRId64 " (%.*s)\n",
			    STR_ARG(a->name), s->axes[i].num,
			    STR_ARG(space_axis_text(&s->spaces[r->space],
						    a->name)));
	}
}

/* The runs that a read copies. */
static void add_pieces(const struct gather *g, struct strbuf *out)
{
	for (size_t i = 0; i < g->npieces; i++) {
		const struct piece *p = &g->pieces[i];
		uint64_t runs = 1, len = 1;

		for (unsigned k = 0; k < p->naxes; k++) {
			if (p->axes[k].stride_out == 1 &&
			    p->axes[k].stride_in == 1)
				len = p->axes[k].n;
			else
				runs *= p->axes[k].n;
		}
		strbuf_addf(out, "%" PRIu64 " run%s of %" PRIu64 " elements %s",
			    runs, runs == 1 ? "" : "s", len,
			    p->src ? "from " : "that are zero\n");
		if (!p->src)
			continue;
		if (p->src->recipe == RECIPE_STACK)
			strbuf_addf(out, "the stack of %" PRIu64 " from ",
				    p->src->stack.n);
		strbuf_addf(out, "%.*s\n", STR_ARG(p->src->name));
	}
}

/* How its bytes are put together. */
static void add_recipe(const struct tensor *t, struct strbuf *out)
{
	if (t->recipe == RECIPE_CAST) {
		strbuf_addf(out,
			    "each value is cast from %s, rounded to "
			    "nearest even\n",
			    dtype_info(t->cast->dtype)->safetensors);
		t = t->cast;
	}
	if (t->recipe == RECIPE_SLICE) {
		strbuf_addf(out,
			    "it is bytes %" PRIu64 " to %" PRIu64
			    " of what is made so:\n",
			    t->slice.off, t->slice.off + t->nbytes);
		t = t->slice.of;
	}
	if (t->recipe == RECIPE_GATHER)
		add_pieces(t->gather, out);
	else if (t->recipe == RECIPE_STACK)
		strbuf_addf(out,
			    "it is %" PRIu64 " tensors, one behind the other\n",
			    t->stack.n);
	else if (t->recipe == RECIPE_SCALED)
		strbuf_addf(out,
			    "each value is the fp8 value times its block's "
			    "factor\n");
	else
		strbuf_addf(out,
			    "its bytes are those of the source, in %zu run%s\n",
			    t->recipe == RECIPE_EXTENTS ? t->extents->n : 1,
			    t->recipe == RECIPE_EXTENTS && t->extents->n != 1
				    ? "s"
				    : "");
}

static void explain_shown(const struct view *v, size_t i, struct strbuf *out)
{
	const struct tensor *t = &view_tensors(v)->v[i];
	const struct origin *o = &view_plan(v)->origins[i];

	add_tensor(t, view_dtype_word(v, t->dtype), out);
	strbuf_adds(out, "is made from\n");
	for (uint32_t k = 0; k < o->nsources; k++)
		add_source(&view_sources(v)->v[o->sources[k]], out);
	if (o->rule) {
		strbuf_addf(out, "by the rule\n    %.*s\n",
			    STR_ARG(o->rule->text));
		if (o->rule->pattern) {
			strbuf_addf(out, "    \"%.*s\"\n",
				    STR_ARG(pattern_text(o->rule->pattern)));
			add_axes(v, o->rule, out);
		}
	}
	add_recipe(t, out);
}

/* A name of the source side: what becomes of it. */
static void explain_source(const struct view *v, uint32_t i, struct strbuf *out)
{
	const struct plan *p = view_plan(v);

	strbuf_adds(out, "a tensor of the source\n");
	add_source(&view_sources(v)->v[i], out);
	for (size_t k = 0; k < p->ndropped; k++) {
		if (p->dropped[k].source != i)
			continue;
		if (p->dropped[k].rule)
			strbuf_addf(out, "is dropped by the rule %.*s\n",
				    STR_ARG(p->dropped[k].rule->text));
		else
			strbuf_adds(out, "is not wanted by the template\n");
	}
	for (size_t k = 0; k < p->target.n; k++) {
		for (uint32_t n = 0; n < p->origins[k].nsources; n++)
			if (p->origins[k].sources[n] == i)
				strbuf_addf(out, "is used in %.*s\n",
					    STR_ARG(p->target.v[k].name));
	}
}

static int explain(const struct view *v, struct str name, struct strbuf *out,
		   struct error *err)
{
	const struct tensor *t = tensor_set_find(view_tensors(v), name);
	const struct tensor *s = tensor_set_find(view_sources(v), name);

	if (!t && !s)
		return error_set(err, ERR_USAGE,
				 "%.*s: no parameter and no source tensor has "
				 "this name; wconv list shows them",
				 STR_ARG(name));
	if (t)
		explain_shown(v, (size_t)(t - view_tensors(v)->v), out);
	else
		explain_source(v, (uint32_t)(s - view_sources(v)->v), out);
	return out->failed ? error_nomem(err) : 0;
}

/* Of a config.json alone: the block `model_config`. */
static int explain_config(const struct cli *c, struct error *err)
{
	struct strbuf out = STRBUF_INIT, missing = STRBUF_INIT;
	int ret = model_config(&c->opt, &out, &missing, err);

	if (!ret && missing.len)
		strbuf_addf(&out, "# nothing tells, give with --set: %s\n",
			    missing.p);
	if (!ret)
		ret = cli_write(out.p, out.len, err);
	strbuf_release(&out);
	strbuf_release(&missing);
	return ret;
}

int cli_explain(const struct cli *c, struct error *err)
{
	struct strbuf out = STRBUF_INIT;
	struct view *v;
	int ret;

	if (c->nargs == 0 && c->opt.config)
		return explain_config(c, err);
	if (c->nargs != 2)
		return error_set(err, ERR_USAGE,
				 "usage: wconv explain SOURCE NAME, or wconv "
				 "explain --config=SOURCE [OPTIONS]");
	ret = cli_open(c, &v, err);
	if (ret)
		return ret;
	ret = explain(v, str_of(c->args[1]), &out, err);
	if (!ret)
		ret = cli_write(out.p, out.len, err);
	strbuf_release(&out);
	view_free(v);
	return ret;
}
