/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a view, each laid out at open. Of MindSpore's side:
 *
 *   model.ckpt
 *   ckpt/mindspore_model*.ckpt, mindspore_model.ckpt.index.json
 *   safetensors/model*.safetensors, model.safetensors.index.json,
 *               param_name_map.json
 *   rank_N/model_N.ckpt                     (--ranks)
 *
 * of the others, as transformers saves a model:
 *
 *   model.safetensors, or its shards and model.safetensors.index.json
 *   pytorch/pytorch_model.bin
 *
 * and of all:
 *
 *   params/NAME.npy                         (laid out when opened)
 *   config.json, tokenizer ...              (passed through)
 *   .wconvfs/mapping.tsv, report.txt, stats.json, version
 */
#include <errno.h>
#include <stdlib.h>

#include "core/checked.h"
#include "formats/ckpt.h"
#include "formats/index.h"
#include "formats/npy.h"
#include "formats/safetensors.h"
#include "formats/torch_layout.h"
#include "view/view_priv.h"

/* ---- nodes ---- */

/* Append a node; its number, or 0 without memory. */
static uint32_t add_node(struct view *v, uint32_t parent, const char *name,
			 const struct vfile *file)
{
	struct node *n;

	if (v->nnodes == v->cap) {
		size_t cap = v->cap ? 2 * v->cap : 32;
		struct node *nodes = realloc(v->nodes, cap * sizeof(*nodes));

		if (!nodes)
			return 0;
		v->nodes = nodes;
		v->cap = cap;
	}
	n = &v->nodes[v->nnodes];
	*n = (struct node){.parent = parent, .file = file};
	n->name = arena_str(&v->arena, str_of(name)).p;
	if (!n->name)
		return 0;
	if (file && file->nrender > v->nrender)
		v->nrender = file->nrender;
	return (uint32_t)++v->nnodes;
}

uint32_t view_add_dir(struct view *v, uint32_t parent, const char *name)
{
	uint32_t node = add_node(v, parent, name, NULL);

	if (node)
		v->nodes[node - 1].is_dir = true;
	return node;
}

/* A file that the view releases, whether or not it comes to a node. */
static struct vfile *new_file(struct view *v)
{
	struct laid_out *l = arena_alloc(&v->arena, sizeof(*l));

	if (!l)
		return NULL;
	l->next = v->files;
	v->files = l;
	return &l->file;
}

/* A file of text in memory, which outlives the view. */
static int add_text(struct view *v, uint32_t dir, const char *name,
		    struct str text)
{
	struct vfile *f = new_file(v);
	int ret = f ? vfile_add_bytes(f, text.p, text.n) : -ENOMEM;

	return ret || !add_node(v, dir, name, f) ? -ENOMEM : 0;
}

/* ---- shards ---- */

/* Consecutive tensors share a shard while their data fits --shard-size. */
static int cut_shards(struct view *v)
{
	const struct tensor_set *set = &v->plan.target;
	uint64_t limit = v->opt.shard_nbytes ? v->opt.shard_nbytes : UINT64_MAX;
	uint64_t used = 0;

	v->shard = calloc(set->n + 1, sizeof(*v->shard));
	if (!v->shard)
		return -ENOMEM;
	v->nshards = 1;
	for (size_t i = 0; i < set->n; i++) {
		uint64_t n = set->v[i].nbytes;

		if (used && (n > limit || used > limit - n)) {
			v->nshards++;
			used = 0;
		}
		used += n;
		v->shard[i] = (uint32_t)(v->nshards - 1);
	}
	return 0;
}

/* The first tensor behind shard k, whose first is i. */
static size_t shard_end(const struct view *v, size_t i)
{
	size_t end = i;

	while (end < v->plan.target.n && v->shard[end] == v->shard[i])
		end++;
	return end;
}

/* A file holds the tensors [i, end): for its attributes. */
static void count_tensors(struct view *v, uint32_t node,
			  const struct tensor_set *set, size_t i, size_t end)
{
	v->nodes[node - 1].ntensors = end - i;
	for (; i < end; i++)
		v->nodes[node - 1].data_nbytes += set->v[i].nbytes;
}

/* A shard of the tensors [i, end), already laid out as f. */
static int add_shard(struct view *v, uint32_t dir, const char *prefix,
		     const char *suffix, size_t i, size_t end, struct vfile *f)
{
	size_t k = v->plan.target.n ? v->shard[i] + (size_t)1 : 1;
	struct strbuf name = STRBUF_INIT;
	uint32_t node;

	index_shard_name(&name, prefix, k, v->nshards, suffix);
	node = name.failed ? 0 : add_node(v, dir, name.p, f);
	strbuf_release(&name);
	if (!node)
		return -ENOMEM;
	count_tensors(v, node, &v->plan.target, i, end);
	return 0;
}

static int add_index(struct view *v, uint32_t dir, const char *name,
		     const struct index_form *form)
{
	const struct tensor_set *set = &v->plan.target;
	struct vfile *f = new_file(v);
	int ret = f ? index_layout(f, set->v, v->shard, set->n, v->nshards,
				   form, &v->arena)
		    : -ENOMEM;

	return ret || !add_node(v, dir, name, f) ? -ENOMEM : 0;
}

/* ---- safetensors ---- */

static int add_safetensors_shards(struct view *v, uint32_t dir,
				  struct error *err)
{
	const struct tensor_set *set = &v->plan.target;
	size_t i = 0;

	do {
		size_t end = shard_end(v, i);
		const struct tensor *first = set->n ? set->v + i : NULL;
		struct vfile *f = new_file(v);
		int ret = f ? safetensors_layout(f, first, end - i, &v->arena,
						 err)
			    : error_nomem(err);

		if (ret)
			return ret;
		if (add_shard(v, dir, "model", "safetensors", i, end, f))
			return error_nomem(err);
		i = end;
	} while (i < set->n);
	return 0;
}

static int add_safetensors_index(struct view *v, uint32_t dir)
{
	static const struct index_form form = {"model", "safetensors", false};

	return add_index(v, dir, "model.safetensors.index.json", &form);
}

/* In a directory of its own: beside model.ckpt, for MindSpore. */
static int add_safetensors_dir(struct view *v, struct error *err)
{
	uint32_t dir = view_add_dir(v, VIEW_ROOT, "safetensors");
	int ret = dir ? add_safetensors_shards(v, dir, err) : error_nomem(err);

	if (ret)
		return ret;
	/* the map is the index under another name: one file */
	if (add_safetensors_index(v, dir) ||
	    !add_node(v, dir, "param_name_map.json",
		      v->nodes[v->nnodes - 1].file))
		return error_nomem(err);
	return 0;
}

/* As transformers looks for them: it takes a file without an index first. */
static int add_safetensors_root(struct view *v, struct error *err)
{
	int ret = add_safetensors_shards(v, VIEW_ROOT, err);

	if (ret || v->nshards == 1)
		return ret;
	return add_safetensors_index(v, VIEW_ROOT) ? error_nomem(err) : 0;
}

/* ---- pytorch/ ---- */

static int add_pytorch(struct view *v, struct error *err)
{
	const struct tensor_set *set = &v->plan.target;
	uint32_t dir = view_add_dir(v, VIEW_ROOT, "pytorch");
	struct vfile *f = new_file(v);
	int ret = dir && f ? torch_layout(f, set->v, set->n, &v->arena, err)
			   : error_nomem(err);
	uint32_t node;

	if (ret)
		return ret;
	node = add_node(v, dir, "pytorch_model.bin", f);
	if (!node)
		return error_nomem(err);
	count_tensors(v, node, set, 0, set->n);
	return 0;
}

/* ---- model.ckpt, ckpt/ ---- */

/* Shards of a ckpt are runs of the whole: a ckpt has no global header. */
static int add_ckpt_shards(struct view *v)
{
	static const struct index_form form = {"mindspore_model", "ckpt", true};
	const struct tensor_set *set = &v->plan.target;
	uint32_t dir = view_add_dir(v, VIEW_ROOT, "ckpt");
	uint64_t off = 0;
	size_t i = 0;

	if (!dir)
		return -ENOMEM;
	do {
		size_t end = shard_end(v, i);
		uint64_t to = end ? v->ckpt_ends[end - 1] : 0;
		struct vfile *f = new_file(v);

		if (!f)
			return -ENOMEM;
		vfile_window(f, v->ckpt, off, to - off);
		if (add_shard(v, dir, "mindspore_model", "ckpt", i, end, f))
			return -ENOMEM;
		v->nodes[v->nnodes - 1].is_ckpt = true;
		off = to;
		i = end;
	} while (i < set->n);
	return add_index(v, dir, "mindspore_model.ckpt.index.json", &form);
}

int view_add_ckpt(struct view *v, uint32_t dir, const char *name,
		  const struct tensor_set *set, const uint64_t **ends,
		  struct error *err)
{
	struct vfile *f = new_file(v);
	int ret = f ? ckpt_layout(f, set, ends, &v->arena, err)
		    : error_nomem(err);
	uint32_t node;

	if (ret)
		return ret;
	node = add_node(v, dir, name, f);
	if (!node)
		return error_nomem(err);
	v->nodes[node - 1].is_ckpt = true;
	count_tensors(v, node, set, 0, set->n);
	return 0;
}

/* Where a ckpt cannot hold the tensors it is left out; no_ckpt says why. */
static int add_ckpt(struct view *v, struct error *err)
{
	int ret = view_add_ckpt(v, VIEW_ROOT, "model.ckpt", &v->plan.target,
				&v->ckpt_ends, err);

	if (ret == -EINVAL) {
		v->no_ckpt = err->text;
		err->text = NULL;
		return 0;
	}
	if (ret)
		return ret;
	v->ckpt = v->nodes[v->nnodes - 1].file;
	return add_ckpt_shards(v) ? error_nomem(err) : 0;
}

/* ---- params/, passed files, .wconvfs/ ---- */

static int add_params(struct view *v)
{
	const struct tensor_set *set = &v->plan.target;
	uint64_t nrender; /* of the file's header: reads do not allocate */

	v->params_dir = view_add_dir(v, VIEW_ROOT, "params");
	v->params = calloc(set->n + 1, sizeof(*v->params));
	v->param_number = calloc(set->n + 1, sizeof(*v->param_number));
	if (!v->params_dir || !v->params || !v->param_number)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->n; i++) {
		if (!npy_can_hold(set->v[i].dtype))
			continue;
		nrender = npy_nbytes(&set->v[i]) - set->v[i].nbytes;
		if (nrender > v->nrender)
			v->nrender = (size_t)nrender;
		v->param_number[i] = (uint32_t)v->nparams;
		v->params[v->nparams++] = i;
	}
	return 0;
}

static int add_config_file(struct view *v)
{
	struct vfile *f = new_file(v);

	if (!f || vfile_add_source(f, v->config_file) ||
	    !add_node(v, VIEW_ROOT, "config.json", f))
		return -ENOMEM;
	return 0;
}

/* What stands beside the source, or --config, or what the rules can tell. */
static int add_config(struct view *v)
{
	int ret;

	if (!v->supplied.len && !v->config_file)
		return 0;
	ret = v->supplied.len ? add_text(v, VIEW_ROOT, "config.json",
					 strbuf_str(&v->supplied))
			      : add_config_file(v);
	if (!ret)
		v->nodes[v->nnodes - 1].is_beside = true;
	return ret;
}

/* A passed-through file never hides one of our own. */
static int add_passed(struct view *v)
{
	for (size_t i = 0; i < v->source.npassed; i++) {
		const char *name = v->source.passed_names[i];
		struct vfile *f;

		if (view_lookup(v, VIEW_ROOT, str_of(name)))
			continue;
		f = new_file(v);
		if (!f || vfile_add_source(f, v->source.passed[i]) ||
		    !add_node(v, VIEW_ROOT, name, f))
			return -ENOMEM;
		v->nodes[v->nnodes - 1].is_beside = true;
	}
	return 0;
}

static int add_control(struct view *v, struct error *err)
{
	uint32_t dir = view_add_dir(v, VIEW_ROOT, ".wconvfs");
	struct vfile *mapping = new_file(v);
	int ret = view_write_report(v, err);

	if (ret)
		return ret;
	if (!dir || !mapping || view_layout_mapping(v, mapping) ||
	    !add_node(v, dir, "mapping.tsv", mapping) ||
	    add_text(v, dir, "report.txt", strbuf_str(&v->report)) ||
	    !add_node(v, dir, "stats.json", NULL) ||
	    add_text(v, dir, "version", str_of(WCONVFS_VERSION "\n")))
		return error_nomem(err);
	return 0;
}

static bool holds_all(const struct view *v, bool (*can_hold)(enum dtype dt))
{
	const struct tensor_set *set = &v->plan.target;

	for (size_t i = 0; i < set->n; i++)
		if (!can_hold(set->v[i].dtype))
			return false;
	return true;
}

/* A form that cannot hold all tensors is left out; the report says so. */
static int add_forms(struct view *v, struct error *err)
{
	bool ms = view_shows_ms(v);
	int ret = ms ? add_ckpt(v, err) : 0;

	if (!ret && holds_all(v, safetensors_can_hold))
		ret = ms ? add_safetensors_dir(v, err)
			 : add_safetensors_root(v, err);
	if (!ret && !ms && holds_all(v, torch_can_hold))
		ret = add_pytorch(v, err);
	return ret ? ret : view_add_ranks(v, err);
}

int view_build_tree(struct view *v, struct error *err)
{
	int ret;

	if (!view_add_dir(v, 0, "") || cut_shards(v))
		return error_nomem(err);
	ret = add_forms(v, err);
	if (ret)
		return ret;
	if (add_params(v) || add_config(v) || add_passed(v))
		return error_nomem(err);
	return add_control(v, err);
}
