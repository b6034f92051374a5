/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that find what a SOURCE means. */
#ifndef WC_FORMATS_LOCATE_PRIV_H
#define WC_FORMATS_LOCATE_PRIV_H

#include "formats/locate.h"

static inline bool has_suffix(const char *name, const char *suffix)
{
	return str_ends(str_of(name), suffix);
}

/* ---- locate_dir.c ---- */

/* Fill entries. Returns 0 or -errno. */
int location_list(struct location *l);

/* "prefix" "suffix" in the arena, or NULL. */
const char *location_concat(struct location *l, const char *prefix,
			    const char *suffix);

/* Whether a name is one of n ascending ones. */
bool location_contains(const char *const *names, size_t n, const char *name);

/* ---- locate.c ---- */

/* The file called name is all that is meant. */
int location_use(struct location *l, const char *name, struct error *err);

/* A file of model weights, or an index of some, by its suffix. */
bool location_candidate(const char *name, const char *suffix);

/* ---- locate_ms.c ---- */

/*
 * Several files of that suffix without an index: one model at several times,
 * or if they are .ckpt parts of one; neither leaves weights NULL.
 */
int locate_ckpts(struct location *l, const char *suffix, struct error *err);

/*
 * A distributed checkpoint: a directory rank_N for each rank. all: the files
 * of all ranks are meant; else there must be one rank only. None leaves
 * weights NULL.
 */
int locate_ranks(struct location *l, bool all, struct error *err);

/* ---- locate_split.c ---- */

/* The suffix of a name that is a piece of a model, or NULL. */
const char *location_split_suffix(const char *name);

/* All pieces with that suffix are meant; or those of any, if there are some. */
int locate_split(struct location *l, const char *suffix, struct error *err);
int locate_any_split(struct location *l, struct error *err);

#endif
