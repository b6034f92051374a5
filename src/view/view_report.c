/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of a view: report.txt, stats.json, the summary, the warnings. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/ckpt.h"
#include "formats/safetensors.h"
#include "view/memory.h"
#include "view/view_priv.h"

/*
 * load_checkpoint reads the whole file and copies each parameter out of it: 2 x
 * the size, and once more for tensors that it joins from 512 MiB slices
 * (measured with MindSpore 2.10).
 */
static uint64_t load_nbytes(const struct view *v)
{
	uint64_t n = 2 * v->ckpt->nbytes;

	for (size_t i = 0; i < v->plan.target.n; i++)
		if (v->plan.target.v[i].nbytes > CKPT_SLICE_NBYTES)
			n += v->plan.target.v[i].nbytes;
	return n;
}

static void add_source(const struct view *v, struct strbuf *sb)
{
	const struct tensor_set *set = &v->source.tensors;

	strbuf_addf(sb, "source: %s, %zu tensor%s in %zu file%s, ",
		    v->opt.source, set->n, set->n == 1 ? "" : "s",
		    set->nsources, set->nsources == 1 ? "" : "s");
	strbuf_add_size(sb, tensor_set_nbytes(set));
	strbuf_addc(sb, '\n');
	strbuf_addstr(sb, strbuf_str(&v->source.notes));
	if (v->nscaled)
		strbuf_addf(sb,
			    "block-scaled fp8, read as BF16 by its scales: %zu "
			    "tensors\n",
			    v->nscaled);
}

/* How an option came to its value; unnamed ones are assumptions. */
static void add_options(const struct view *v, struct strbuf *sb)
{
	const struct table *t = v->table;

	for (size_t i = 0; t && i < t->noptions; i++) {
		bool set = false;

		if (t->options[i].nvalues == 1 &&
		    t->options[i].values[0].kind == VALUE_BOOL)
			continue; /* no choice: what a map says of itself */
		for (size_t k = 0; k < v->opt.nset; k++)
			set |= str_eq(v->opt.set[k].key, t->options[i].name);
		strbuf_addf(sb, "option %.*s: ", STR_ARG(t->options[i].name));
		strbuf_add_value(sb, v->scope.options[i]);
		strbuf_adds(sb, set ? " (set)\n"
				    : " (assumed; --set changes it)\n");
	}
}

/* A side as people call it; others are called what the table calls them. */
static const char *side_word(struct str side)
{
	return str_is(side, "hf")   ? "HuggingFace"
	       : str_is(side, "ms") ? "MindSpore"
				    : side.p;
}

static void add_model(const struct view *v, struct strbuf *sb)
{
	bool by_config = v->config && !v->opt.model && !v->opt.map;

	if (!v->table) {
		strbuf_adds(sb, "model: none, the source is shown as it is\n");
		return;
	}
	strbuf_addf(sb, "model: %.*s rules, %s to %s (%s%s)\n",
		    STR_ARG(v->table->model),
		    side_word(v->table->sides[v->side.from]),
		    side_word(v->table->sides[v->side.shown]),
		    by_config ? "by " : "",
		    v->opt.map	   ? "--map"
		    : v->opt.model ? "--model"
		    : by_config	   ? config_name(v->config)
				   : "by the tensors' names");
	add_options(v, sb);
}

static void add_target(const struct view *v, struct strbuf *sb)
{
	const struct tensor_set *set = &v->plan.target;
	size_t ncast = 0;

	for (size_t i = 0; i < set->n; i++)
		ncast += set->v[i].recipe == RECIPE_CAST;
	strbuf_addf(sb, "shown: %zu tensor%s, ", set->n,
		    set->n == 1 ? "" : "s");
	strbuf_add_size(sb, tensor_set_nbytes(set));
	strbuf_addf(sb, ", in %zu shard%s", v->nshards,
		    v->nshards == 1 ? "" : "s");
	if (ncast)
		strbuf_addf(sb, "; %zu %s cast to %s", ncast,
			    ncast == 1 ? "is" : "are",
			    v->opt.cast ? view_dtype_word(v, v->opt.dtype)
					: "the template's types");
	strbuf_addc(sb, '\n');
}

static void add_memory(const struct view *v, struct strbuf *sb)
{
	strbuf_adds(sb, "\nMindSpore's load_checkpoint of model.ckpt (");
	strbuf_add_size(sb, v->ckpt->nbytes);
	strbuf_adds(sb, ") will want about ");
	strbuf_add_size(sb, load_nbytes(v));
	strbuf_adds(sb,
		    " of memory: twice its size, three times for tensors over "
		    "512 MiB.\nMindSpore 2.10 also refuses a ckpt that is "
		    "larger than the free memory (MemFree, page cache not "
		    "counted).\nWhere that is too much, load the shards of "
		    "ckpt/ or safetensors/ one by one.\n");
}

static const char no_config[] =
	"there is no config.json, and the rules do not say what is in it: "
	"--config=FILE names one\n";

static void add_missing(const struct view *v, struct strbuf *sb)
{
	if (v->lacks_config)
		strbuf_adds(sb, no_config);
	if (v->missing.len)
		strbuf_addf(sb,
			    "config.json lacks what no tensor tells: %.*s; "
			    "--set KEY=VALUE adds one, --config=FILE names a "
			    "whole one\n",
			    STR_ARG(strbuf_str(&v->missing)));
}

static void add_supplied(const struct view *v, struct strbuf *sb)
{
	if (v->supplied.len)
		strbuf_adds(
			sb,
			"config.json is made from the rules and the tensors\n");
	add_missing(v, sb);
}

/* A line that ends in a name. */
static void add_named(struct strbuf *sb, const char *what, struct str name)
{
	strbuf_adds(sb, what);
	strbuf_add_shown(sb, name);
	strbuf_addc(sb, '\n');
}

/* The same, with its type. */
static void add_typed(struct strbuf *sb, const char *what,
		      const struct tensor *t)
{
	strbuf_adds(sb, what);
	strbuf_adds(sb, dtype_info(t->dtype)->safetensors);
	add_named(sb, ": ", t->name);
}

/* What the source's reader and MindSpore make of unusual tensors. */
static void add_forms(const struct view *v, struct strbuf *sb)
{
	const struct tensor_set *set = &v->plan.target;

	if (v->no_ckpt)
		strbuf_addf(sb, "\nmodel.ckpt and ckpt/ are left out: %s\n",
			    v->no_ckpt);
	for (size_t i = 0; i < set->n; i++) {
		if (!safetensors_can_hold(set->v[i].dtype))
			add_typed(sb,
				  "safetensors/ is left out: it cannot hold ",
				  &set->v[i]);
		if (v->ckpt && !set->v[i].nbytes)
			add_named(sb, "empty, so not in model.ckpt: ",
				  set->v[i].name);
		if (safetensors_can_hold(set->v[i].dtype) &&
		    !ckpt_can_hold(set->v[i].dtype))
			add_typed(sb,
				  "MindSpore's safetensors reader does not "
				  "know ",
				  &set->v[i]);
	}
}

static void add_copies(const struct view *v, struct strbuf *sb)
{
	for (size_t i = 0; i < v->plan.target.n; i++) {
		if (v->plan.origins[i].kind != ORIGIN_COPY)
			continue;
		strbuf_adds(sb, "copied: ");
		strbuf_add_shown(sb, v->plan.target.v[i].name);
		strbuf_adds(sb, " has the bytes of ");
		view_add_some_sources(v, i, sb);
		strbuf_addc(sb, '\n');
	}
}

static const char *why_dropped(const struct rule *r)
{
	if (!r)
		return "dropped, the template wants it not: ";
	return r->copy_of[0].nparts || r->copy_of[1].nparts
		       ? "dropped, another has its bytes: "
		       : "dropped, has no counterpart: ";
}

static void add_dropped(const struct view *v, struct strbuf *sb)
{
	for (size_t i = 0; i < v->plan.ndropped; i++) {
		const struct dropped *d = &v->plan.dropped[i];

		add_named(sb, why_dropped(d->rule),
			  v->source.tensors.v[d->source].name);
	}
}

static int write_summary(struct view *v, struct error *err)
{
	struct str rules = v->table ? v->table->model : str_of("raw");
	struct strbuf sb = STRBUF_INIT;

	strbuf_addf(&sb, "%s: %.*s, %zu tensors, ", v->opt.source,
		    STR_ARG(rules), v->plan.target.n);
	strbuf_add_size(&sb, tensor_set_nbytes(&v->plan.target));
	v->summary = sb.failed ? NULL : strdup(sb.p);
	strbuf_release(&sb);
	return v->summary ? 0 : error_nomem(err);
}

static void write_warnings(struct view *v)
{
	uint64_t limit = memory_limit();
	struct strbuf *sb = &v->warnings;

	if (v->plan.npassed && v->table)
		strbuf_addf(sb,
			    "%zu tensors have no rule and are shown "
			    "as they are (.wconvfs/report.txt lists them)\n",
			    v->plan.npassed);
	add_missing(v, sb);
	if (!v->ckpt || 2 * v->ckpt->nbytes <= limit)
		return;
	strbuf_adds(sb, "load_checkpoint of model.ckpt will want ");
	strbuf_add_size(sb, load_nbytes(v));
	strbuf_adds(sb, " of memory, and there are ");
	strbuf_add_size(sb, limit);
	strbuf_adds(sb, "; load the shards of ckpt/ one by one\n");
}

int view_write_report(struct view *v, struct error *err)
{
	struct strbuf *sb = &v->report;

	add_source(v, sb);
	add_model(v, sb);
	add_target(v, sb);
	add_supplied(v, sb);
	if (v->ckpt)
		add_memory(v, sb);
	add_forms(v, sb);
	strbuf_addc(sb, '\n');
	add_copies(v, sb);
	add_dropped(v, sb);
	strbuf_addstr(sb, strbuf_str(&v->plan.notes));
	write_warnings(v);
	if (sb->failed || v->warnings.failed)
		return error_nomem(err);
	return write_summary(v, err);
}

void view_write_stats(struct view *v, struct strbuf *out)
{
	const struct {
		const char *name;
		atomic_uint_fast64_t *counter;
	} rows[] = {
		{"reads", &v->stats.reads},
		{"bytes_read", &v->stats.bytes},
		{"read_errors", &v->stats.errors},
		{"cast_overflows", &v->stats.overflows},
		{"tiles_built", &v->stats.tiles_built},
		{"tiles_hit", &v->stats.tiles_hit},
	};
	uint64_t nread = 0;

	for (size_t i = 0; i < v->source.tensors.nsources; i++)
		nread += atomic_load(&v->source.tensors.sources[i]->nread);
	strbuf_adds(out, "{\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		strbuf_addf(out, "  \"%s\": %" PRIu64 ",\n", rows[i].name,
			    stats_get(rows[i].counter));
	strbuf_addf(out, "  \"source_bytes_read\": %" PRIu64 "\n}", nread);
	while (!out->failed && out->len < STATS_NBYTES - 1)
		strbuf_addc(out, ' ');
	strbuf_addc(out, '\n');
}
