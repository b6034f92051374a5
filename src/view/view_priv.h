/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the view: what a view holds. */
#ifndef WC_VIEW_VIEW_PRIV_H
#define WC_VIEW_VIEW_PRIV_H

#include "core/stats.h"
#include "core/tile.h"
#include "formats/checkpoint.h"
#include "models/detect.h"
#include "models/plan.h"
#include "view/view.h"

/* A directory or file whose place in the tree is fixed. */
struct node {
	const char *name;
	uint32_t parent; /* node number */
	bool is_dir, is_ckpt, is_beside;
	const struct vfile *file; /* NULL: a directory, or stats.json */
	uint64_t ntensors;	  /* shown in the file, for its attributes */
	uint64_t data_nbytes;	  /* of them */
};

/* A file that was laid out at open; in the arena. */
struct laid_out {
	struct vfile file;
	struct laid_out *next;
};

struct view {
	struct view_options opt; /* texts borrowed from the caller */
	struct checkpoint source;
	struct checkpoint template; /* of --template: names and shapes */
	struct config *config;	    /* or NULL */
	struct source *config_file; /* of --config, or NULL */
	size_t nscaled;		    /* source tensors of block-scaled fp8 */
	struct models models;
	const struct table *table; /* NULL: raw */
	struct side_choice side;   /* of the table */
	struct scope scope;
	struct plan plan;
	/* MindSpore to MindSpore goes by way of the other side: */
	struct scope way_scope;
	struct plan way;
	struct setting *way_set; /* owned */
	struct arena arena;	 /* layouts, nodes and their names */

	struct laid_out *files;	  /* all of them, the last one first */
	const struct vfile *ckpt; /* NULL: no_ckpt says why */
	char *no_ckpt;
	const uint64_t *ckpt_ends; /* [target.n] behind each tensor */
	uint32_t *shard;	   /* [target.n] */
	size_t nshards;
	struct tensor_set *ranks; /* [nranks] of --ranks; owned */
	uint32_t nranks;

	struct node *nodes; /* [nnodes], node number - 1 */
	size_t nnodes, cap;
	uint64_t params_dir;	/* node number */
	uint32_t *params;	/* [nparams] tensors that a .npy can hold */
	uint32_t *param_number; /* [target.n] their place in params */
	size_t nparams;
	size_t nrender; /* longest rendered region of any file */

	struct timespec mtime;
	char *summary;
	struct strbuf warnings, report;
	struct strbuf supplied; /* a config.json, or "" */
	struct strbuf missing;	/* keys that it lacks */
	bool lacks_config;	/* there is none, and the rules make none */
	struct stats stats;
	struct tile_cache *tiles;
};

/* Bytes of stats.json: its size must not change while it is counted. */
#define STATS_NBYTES 4096

/* view_plan.c: choose the model and its side, and plan the conversion. */
int view_make_plan(struct view *v, struct error *err);

/* Plan src, read as side from, with the first nset of the settings. */
int view_plan_from(struct view *v, struct scope *scope, struct plan *plan,
		   const struct tensor_set *src, int from,
		   const struct setting *set, size_t nset,
		   const struct plan_options *o, struct error *err);

/* view_way.c: the plan from MindSpore to MindSpore. */
int view_plan_both_ways(struct view *v, const struct plan_options *o,
			struct error *err);

/* Whether what is shown is MindSpore's: by the rules, or raw. */
bool view_shows_ms(const struct view *v);

/* view_layout.c: lay out all files and build the tree. */
int view_build_tree(struct view *v, struct error *err);

/* Append a directory; its node, or 0 without memory. */
uint32_t view_add_dir(struct view *v, uint32_t parent, const char *name);

/* Append a ckpt of set. ends: as of ckpt_layout. */
int view_add_ckpt(struct view *v, uint32_t dir, const char *name,
		  const struct tensor_set *set, const uint64_t **ends,
		  struct error *err);

/* view_ranks.c: the files of --ranks. */
int view_add_ranks(struct view *v, struct error *err);

/* view_tree.c: the tensor of a node under params/, or NULL. */
const struct tensor *view_param(const struct view *v, uint64_t node);

/* view_report.c: the texts of report.txt, the summary and the warnings. */
int view_write_report(struct view *v, struct error *err);
void view_write_stats(struct view *v, struct strbuf *out);

/* view_mapping.c: lay out mapping.tsv. */
int view_layout_mapping(struct view *v, struct vfile *f);

#endif
