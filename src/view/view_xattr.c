/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: what a parameter is, what a file holds. */
#include <errno.h>

#include "view/view_priv.h"

/* A value, made for one node; NULL where a view has nothing to say. */
struct xattr {
	const char *name;
	void (*add)(const struct view *v, uint64_t node, struct strbuf *out);
};

/* The place of a parameter's node in the target set. */
static size_t index_of(const struct view *v, uint64_t node)
{
	return (size_t)(view_param(v, node) - v->plan.target.v);
}

static void add_name(const struct view *v, uint64_t node, struct strbuf *out)
{
	strbuf_addstr(out, view_param(v, node)->name);
}

static void add_source(const struct view *v, uint64_t node, struct strbuf *out)
{
	view_add_some_sources(v, index_of(v, node), out);
}

static void add_pattern(const struct view *v, uint64_t node, struct strbuf *out)
{
	view_add_how(v, index_of(v, node), out);
}

static void add_dtype(const struct view *v, uint64_t node, struct strbuf *out)
{
	strbuf_adds(out, view_dtype_word(v, view_param(v, node)->dtype));
}

static void add_shape(const struct view *v, uint64_t node, struct strbuf *out)
{
	const struct tensor *t = view_param(v, node);

	strbuf_add_shape(out, t->dims, t->ndim);
}

/* Where its bytes begin in model.ckpt. */
static void add_offset(const struct view *v, uint64_t node, struct strbuf *out)
{
	size_t i = index_of(v, node);
	uint64_t start = v->ckpt && i ? v->ckpt_ends[i - 1] : 0;

	if (v->ckpt && v->plan.target.v[i].nbytes)
		strbuf_addf(out, "%llu",
			    (unsigned long long)vfile_next_tensor(v->ckpt,
								  start));
}

static void add_tensors(const struct view *v, uint64_t node, struct strbuf *out)
{
	strbuf_addf(out, "%llu",
		    (unsigned long long)v->nodes[node - 1].ntensors);
}

static void add_bytes(const struct view *v, uint64_t node, struct strbuf *out)
{
	strbuf_addf(out, "%llu",
		    (unsigned long long)v->nodes[node - 1].data_nbytes);
}

static const struct xattr of_param[] = {
	{"user.wconvfs.name", add_name},
	{"user.wconvfs.source", add_source},
	{"user.wconvfs.pattern", add_pattern},
	{"user.wconvfs.dtype", add_dtype},
	{"user.wconvfs.shape", add_shape},
	{"user.wconvfs.offset", add_offset},
	{NULL, NULL},
};

static const struct xattr of_file[] = {
	{"user.wconvfs.tensors", add_tensors},
	{"user.wconvfs.bytes", add_bytes},
	{NULL, NULL},
};

static const struct xattr of_none[] = {{NULL, NULL}};

static const struct xattr *xattrs_of(const struct view *v, uint64_t node)
{
	if (view_param(v, node))
		return of_param;
	if (node == 0 || node > v->nnodes || !v->nodes[node - 1].ntensors)
		return of_none;
	return of_file;
}

const char *view_xattr_name(const struct view *v, uint64_t node, unsigned k)
{
	const struct xattr *x = xattrs_of(v, node);

	while (x->name && k-- > 0)
		x++;
	return x->name;
}

int view_xattr(const struct view *v, uint64_t node, const char *name,
	       struct strbuf *value)
{
	for (const struct xattr *x = xattrs_of(v, node); x->name; x++) {
		if (strcmp(x->name, name) != 0)
			continue;
		x->add(v, node, value);
		return value->failed ? -ENOMEM : 0;
	}
	return -ENODATA;
}
