/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a view: source, model, plan, tree; see view.h. */
#include "view/view.h"

#include <errno.h>
#include <stdlib.h>

#include "models/dequant.h"
#include "view/view_priv.h"

/* Only the keys that a table knows can be set. */
static int check_raw(const struct view *v, struct error *err)
{
	if (v->opt.model || v->opt.nset || v->opt.rules)
		return error_set(err, ERR_USAGE,
				 "--to=raw shows the source as it is: --model, "
				 "--rules and --set have no meaning with it");
	return 0;
}

static int check_side(const struct view *v, struct error *err)
{
	if (v->opt.to == SIDE_HF)
		return error_set(err, ERR_USAGE,
				 "--to=hf: the source is a HuggingFace model "
				 "already; show it as MindSpore (--to=ms) or "
				 "as it is (--to=raw)");
	return v->opt.to == SIDE_RAW ? check_raw(v, err) : 0;
}

static int open_plan(struct view *v, struct error *err)
{
	struct plan_options o = {v->opt.cast, v->opt.dtype, v->opt.partial};
	const struct tensor_set *src = &v->source.tensors;
	int ret;

	if (v->opt.to == SIDE_RAW)
		return plan_raw(&v->plan, src, &o, err);
	if (v->source.reading.is_mindspore)
		return error_set(err, ERR_USAGE,
				 "%s: MindSpore wrote it, and this version "
				 "cannot show it as HuggingFace does; --to=raw "
				 "shows it as it is",
				 v->opt.source);
	ret = dequant(&v->source.tensors, v->config, &v->nscaled, err);
	if (!ret)
		ret = models_open(&v->models, v->opt.rules, err);
	if (!ret)
		ret = models_choose(&v->models, v->opt.model, v->config, src, 0,
				    v->source.is_adapter, &v->table, err);
	if (!ret)
		ret = scope_init(&v->scope, v->table, v->config, src, 0,
				 v->source.is_adapter, v->opt.set, v->opt.nset,
				 err);
	return ret ? ret : plan_make(&v->plan, &v->scope, &o, err);
}

static void take_mtime(struct view *v)
{
	for (size_t i = 0; i < v->source.tensors.nsources; i++) {
		struct timespec t = v->source.tensors.sources[i]->mtime;

		if (t.tv_sec > v->mtime.tv_sec ||
		    (t.tv_sec == v->mtime.tv_sec &&
		     t.tv_nsec > v->mtime.tv_nsec))
			v->mtime = t;
	}
}

static int open_source(struct view *v, struct error *err)
{
	struct source_options opt = SOURCE_OPTIONS_INIT;

	opt.key = v->opt.key;
	/* two bytes without a type are of the one that is asked for */
	if (v->opt.cast && dtype_width(v->opt.dtype) == 2)
		opt.void2 = v->opt.dtype;
	return checkpoint_open(&v->source, v->opt.source, &opt, err);
}

static int open_all(struct view *v, struct error *err)
{
	int ret = check_side(v, err);

	if (!ret)
		ret = open_source(v, err);
	if (!ret && v->source.config_path)
		ret = config_open(&v->config, v->source.config_path, err);
	if (!ret)
		ret = open_plan(v, err);
	if (ret)
		return ret;
	take_mtime(v);
	/* without memory for tiles gathers are read directly */
	v->tiles = tile_cache_new(TILE_BUDGET);
	return view_build_tree(v, err);
}

int view_open(struct view **out, const struct view_options *opt,
	      struct error *err)
{
	struct view *v = calloc(1, sizeof(*v));
	int ret;

	if (!v)
		return error_nomem(err);
	v->opt = *opt;
	ret = open_all(v, err);
	if (ret) {
		view_free(v);
		return ret;
	}
	*out = v;
	return 0;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->nnodes; i++)
		if (v->nodes[i].file)
			vfile_release((struct vfile *)v->nodes[i].file);
	tile_cache_free(v->tiles);
	plan_release(&v->plan);
	scope_release(&v->scope);
	models_release(&v->models);
	config_free(v->config);
	checkpoint_release(&v->source);
	strbuf_release(&v->warnings);
	strbuf_release(&v->report);
	arena_release(&v->arena);
	free(v->nodes);
	free(v->params);
	free(v->param_number);
	free(v->shard);
	free(v->no_ckpt);
	free(v->summary);
	free(v);
}

const char *view_summary(const struct view *v)
{
	return v->summary;
}

const char *view_warnings(const struct view *v)
{
	return v->warnings.p ? v->warnings.p : "";
}

const struct tensor_set *view_tensors(const struct view *v)
{
	return &v->plan.target;
}

const struct tensor_set *view_sources(const struct view *v)
{
	return &v->source.tensors;
}

const struct plan *view_plan(const struct view *v)
{
	return &v->plan;
}

const struct scope *view_scope(const struct view *v)
{
	return &v->scope;
}

const char *view_no_ckpt(const struct view *v)
{
	return v->no_ckpt;
}

const char *view_dtype_word(const struct view *v, enum dtype dt)
{
	const struct dtype_info *info = dtype_info(dt);

	return v->table && info->mindspore ? info->mindspore
					   : info->safetensors;
}

int view_reader_init(struct view *v, struct reader *rd)
{
	return reader_init(rd, v->nrender, &v->stats, v->tiles);
}
