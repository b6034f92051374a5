/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a view: source, model, plan, tree; see view.h. */
#include "view/view.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "view/view_priv.h"

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

	if (!*v->opt.source)
		return error_set(err, ERR_USAGE, "SOURCE is an empty name");
	opt.key = v->opt.key;
	opt.strategy = v->opt.strategy;
	opt.keep_extra = v->opt.keep_extra;
	opt.check_crc = v->opt.check_crc;
	opt.for_all = v->opt.for_all;
	opt.raw = view_is_raw(&v->opt);
	/* two bytes without a type are of the one that is asked for */
	if (v->opt.cast && dtype_width(v->opt.dtype) == 2)
		opt.void2 = v->opt.dtype;
	return checkpoint_open(&v->source, v->opt.source, &opt, err);
}

static int open_template(struct view *v, struct error *err)
{
	struct source_options opt = SOURCE_OPTIONS_INIT;

	if (v->opt.map && !v->opt.template)
		return error_set(err, ERR_USAGE,
				 "--map=%s needs --template, a checkpoint with "
				 "the names that are wanted",
				 v->opt.map);
	return v->opt.template ? checkpoint_open(&v->template, v->opt.template,
						 &opt, err)
			       : 0;
}

/* --config names the file, or the directory that has it. */
static int open_given_config(struct view *v, struct error *err)
{
	struct strbuf path = STRBUF_INIT;
	struct stat st;
	int ret;

	strbuf_adds(&path, v->opt.config);
	if (stat(v->opt.config, &st) == 0 && S_ISDIR(st.st_mode))
		strbuf_adds(&path, "/config.json");
	ret = path.failed ? error_nomem(err)
			  : config_open(&v->config, path.p, err);
	if (!ret)
		ret = source_open(&v->config_file, path.p, err);
	strbuf_release(&path);
	return ret;
}

/* --config is for sources without one; it counts before what is there. */
static int open_config(struct view *v, struct error *err)
{
	if (v->opt.config)
		return open_given_config(v, err);
	return v->source.config_path
		       ? config_open(&v->config, v->source.config_path, err)
		       : 0;
}

static int open_all(struct view *v, struct error *err)
{
	int ret = open_source(v, err);

	if (!ret)
		ret = open_config(v, err);
	if (!ret)
		ret = open_template(v, err);
	if (!ret)
		ret = view_make_plan(v, err);
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
	for (struct laid_out *l = v->files; l; l = l->next)
		vfile_release(&l->file);
	tile_cache_free(v->tiles);
	for (uint32_t r = 0; r < v->nranks; r++)
		tensor_set_release(&v->ranks[r]);
	free(v->ranks);
	plan_release(&v->plan);
	plan_release(&v->way);
	scope_release(&v->scope);
	scope_release(&v->way_scope);
	free(v->way_set);
	models_release(&v->models);
	config_free(v->config);
	source_free(v->config_file);
	checkpoint_release(&v->source);
	checkpoint_release(&v->template);
	strbuf_release(&v->warnings);
	strbuf_release(&v->report);
	strbuf_release(&v->supplied);
	strbuf_release(&v->missing);
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

bool view_suits_ckpt(const struct view *v)
{
	return v->table ? view_shows_ms(v)
			: v->source.reading.is_mindspore || v->opt.ranks;
}

const char *view_dtype_word(const struct view *v, enum dtype dt)
{
	const struct dtype_info *info = dtype_info(dt);

	return v->table && view_shows_ms(v) && info->mindspore
		       ? info->mindspore
		       : info->safetensors;
}

int view_reader_init(struct view *v, struct reader *rd)
{
	return reader_init(rd, v->nrender, &v->stats, v->tiles);
}
