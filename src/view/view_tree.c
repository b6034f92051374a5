/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a view: names to nodes, nodes to files; see view.h. */
#include <errno.h>
#include <stdlib.h>

#include "core/ahead.h"
#include "formats/npy.h"
#include "view/filename.h"
#include "view/view_priv.h"

#define NPY_SUFFIX ".npy"

uint64_t view_nnodes(const struct view *v)
{
	return v->nnodes + v->nparams;
}

const struct tensor *view_param(const struct view *v, uint64_t node)
{
	if (node <= v->nnodes || node > view_nnodes(v))
		return NULL;
	return &v->plan.target.v[v->params[node - v->nnodes - 1]];
}

static unsigned count_dirs(const struct view *v, uint64_t parent)
{
	unsigned n = 0;

	for (size_t i = 0; i < v->nnodes; i++)
		n += v->nodes[i].is_dir && v->nodes[i].parent == parent;
	return n;
}

bool view_stat(const struct view *v, uint64_t node, struct node_stat *st)
{
	const struct tensor *t = view_param(v, node);
	const struct node *n;

	*st = (struct node_stat){.nlink = 1, .mtime = v->mtime};
	if (t) {
		st->nbytes = npy_nbytes(t);
		return true;
	}
	if (node == 0 || node > v->nnodes)
		return false;
	n = &v->nodes[node - 1];
	st->is_dir = n->is_dir;
	st->is_ckpt = n->is_ckpt;
	st->is_beside = n->is_beside;
	if (n->is_dir)
		st->nlink = 2 + count_dirs(v, node);
	else
		st->nbytes = n->file ? n->file->nbytes : STATS_NBYTES;
	return true;
}

static uint64_t lookup_param(const struct view *v, struct str name)
{
	const struct tensor *t =
		filename_find(&v->plan.target, name, NPY_SUFFIX);

	if (!t || !npy_can_hold(t->dtype))
		return 0;
	return v->nnodes + 1 + v->param_number[t - v->plan.target.v];
}

uint64_t view_lookup(const struct view *v, uint64_t dir, struct str name)
{
	if (dir == v->params_dir)
		return lookup_param(v, name);
	for (size_t i = 1; i < v->nnodes; i++)
		if (v->nodes[i].parent == dir && str_is(name, v->nodes[i].name))
			return i + 1;
	return 0;
}

uint64_t view_find(const struct view *v, const char *path)
{
	uint64_t node = VIEW_ROOT;

	while (node && *path) {
		size_t n = strcspn(path, "/");

		if (n)
			node = view_lookup(v, node, (struct str){path, n});
		path += n + (path[n] == '/');
	}
	return node;
}

uint64_t view_next(const struct view *v, uint64_t dir, uint64_t after,
		   struct strbuf *name)
{
	if (dir == v->params_dir) {
		uint64_t k = after > v->nnodes ? after - v->nnodes : 0;

		if (k >= v->nparams)
			return 0;
		filename_of(v->plan.target.v[v->params[k]].name, NPY_SUFFIX,
			    name);
		return v->nnodes + 1 + k;
	}
	/* node i + 1; those of most directories stand together */
	for (uint64_t i = after ? after : 1; i < v->nnodes; i++) {
		if (v->nodes[i].parent != dir)
			continue;
		strbuf_adds(name, v->nodes[i].name);
		return i + 1;
	}
	return 0;
}

/* ---- open files ---- */

struct view_file {
	const struct vfile *file;
	struct vfile own; /* what was laid out for this open alone */
	struct arena arena;
};

static int open_param(struct view_file *vf, const struct tensor *t)
{
	vf->file = &vf->own;
	return npy_layout(&vf->own, t, &vf->arena);
}

/* A snapshot, padded: its size stays what stat said. */
static int open_stats(struct view *v, struct view_file *vf)
{
	struct strbuf sb = STRBUF_INIT;
	struct str text;

	view_write_stats(v, &sb);
	text = arena_str(&vf->arena, strbuf_str(&sb));
	strbuf_release(&sb);
	vf->file = &vf->own;
	return text.p ? vfile_add_bytes(&vf->own, text.p, text.n) : -ENOMEM;
}

int view_open_file(struct view *v, uint64_t node, struct view_file **out)
{
	const struct tensor *t = view_param(v, node);
	struct view_file *vf;
	int ret = 0;

	if (!t && (node == 0 || node > v->nnodes))
		return -ENOENT;
	if (!t && v->nodes[node - 1].is_dir)
		return -EISDIR;
	vf = calloc(1, sizeof(*vf));
	if (!vf)
		return -ENOMEM;
	if (t)
		ret = open_param(vf, t);
	else if (v->nodes[node - 1].file)
		vf->file = v->nodes[node - 1].file;
	else
		ret = open_stats(v, vf);
	if (ret) {
		view_close(vf);
		return ret;
	}
	*out = vf;
	return 0;
}

ssize_t view_read(struct view_file *f, uint64_t off, size_t n, void *buf,
		  struct reader *rd)
{
	return vfile_read(f->file, off, n, buf, rd);
}

void view_ahead(const struct view_file *f, uint64_t off, size_t n,
		struct reader *rd)
{
	vfile_ahead(f->file, off, n, rd);
}

const struct vfile *view_vfile(const struct view_file *f)
{
	return f->file;
}

void view_close(struct view_file *f)
{
	vfile_release(&f->own);
	arena_release(&f->arena);
	free(f);
}
