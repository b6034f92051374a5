/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view: a source, converted, as a tree of virtual files. What wconvfs mounts
 * and wconv lists, hashes and prints; it knows nothing of FUSE.
 *
 * Nodes are numbered from 1 (the root). Numbers are stable for a given source
 * and options. Everything is immutable once the view is open, but for the
 * counters and the tile cache.
 */
#ifndef WC_VIEW_VIEW_H
#define WC_VIEW_VIEW_H

#include "core/error.h"
#include "core/reader.h"
#include "core/vfile.h"
#include "models/detect.h"
#include "models/plan.h"
#include "view/options.h"

struct view;

#define VIEW_ROOT UINT64_C(1)

/*
 * Open what the options say: source, model, mapping, layout. Everything is
 * validated here. *out is freed with view_free. Exit codes 1 to 4.
 */
int view_open(struct view **out, const struct view_options *opt,
	      struct error *err);

void view_free(struct view *v);

/* One line on what is shown: model, direction, sizes. */
const char *view_summary(const struct view *v);

/* Warnings for the user, a line each, or "" (memory MindSpore will want). */
const char *view_warnings(const struct view *v);

/* ---- what is behind it ---- */

const struct tensor_set *view_tensors(const struct view *v);
const struct tensor_set *view_sources(const struct view *v);
const struct plan *view_plan(const struct view *v);

/* The values of axes and options; only where tensors have a rule. */
const struct scope *view_scope(const struct view *v);

/* The word for a type on the side that is shown: "Float32" or "F32". */
const char *view_dtype_word(const struct view *v, enum dtype dt);

/*
 * Append "file: name, name" and how tensor i of view_tensors is made. A stack
 * is made of hundreds: view_add_some_sources ends in "and N more".
 */
void view_add_sources(const struct view *v, size_t i, struct strbuf *out);
void view_add_some_sources(const struct view *v, size_t i, struct strbuf *out);
void view_add_how(const struct view *v, size_t i, struct strbuf *out);

/* ---- the tree ---- */

struct node_stat {
	bool is_dir;
	bool is_ckpt;	 /* a ckpt: its reader wants memory, not a cache */
	bool is_beside;	 /* config.json, and what is passed through */
	uint64_t nbytes; /* exact size of a file */
	unsigned nlink;
	struct timespec mtime;
};

/* Number of nodes: they are 1..view_nnodes. */
uint64_t view_nnodes(const struct view *v);

/* False if there is no such node. */
bool view_stat(const struct view *v, uint64_t node, struct node_stat *st);

/* Whether a ckpt suits what is shown: MindSpore's parameters, converted or as
 * they are, or those of ranks. */
bool view_suits_ckpt(const struct view *v);

/* The node called name in directory dir, or 0. */
uint64_t view_lookup(const struct view *v, uint64_t dir, struct str name);

/* The node at a path such as "params/x.npy" (no leading slash needed), or 0. */
uint64_t view_find(const struct view *v, const char *path);

/* Why there is no ckpt form of this source, or NULL. */
const char *view_no_ckpt(const struct view *v);

/*
 * The entry of a directory behind node `after`, of which 0 is before all: its
 * node, or 0 past the end. name is appended to *name.
 */
uint64_t view_next(const struct view *v, uint64_t dir, uint64_t after,
		   struct strbuf *name);

/* An open file of the view; files under params/ and stats.json are laid out
 * here, all others are shared. */
struct view_file;

/* 0, -ENOENT, -EISDIR or -ENOMEM. view_close frees it. */
int view_open_file(struct view *v, uint64_t node, struct view_file **out);
ssize_t view_read(struct view_file *f, uint64_t off, size_t n, void *buf,
		  struct reader *rd);
void view_close(struct view_file *f);

/* Work for a reader who has come to off by reads of n bytes (core/ahead.h). */
void view_ahead(const struct view_file *f, uint64_t off, size_t n,
		struct reader *rd);

/* How the file is laid out; as long as it is open. */
const struct vfile *view_vfile(const struct view_file *f);

/* Buffers for one reading thread. 0 or -ENOMEM; reader_release frees. */
int view_reader_init(struct view *v, struct reader *rd);

/*
 * Extended attributes: the k-th name of a node (NULL past the end), and the
 * value of one. view_xattr returns 0, -ENODATA or -ENOMEM.
 */
const char *view_xattr_name(const struct view *v, uint64_t node, unsigned k);
int view_xattr(const struct view *v, uint64_t node, const char *name,
	       struct strbuf *value);

#endif
