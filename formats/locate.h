/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files a SOURCE means: by name only, nothing but indexes is read. The
 * order of preference is transformers': STEM.SUFFIX, its index, then what is
 * unambiguous (facts measured with transformers 4.57.6).
 */
#ifndef WC_FORMATS_LOCATE_H
#define WC_FORMATS_LOCATE_H

#include "core/arena.h"
#include "core/error.h"
#include "formats/index.h"

struct location {
	struct arena arena;   /* names */
	const char *dir;      /* as the user named it, links not resolved */
	const char **entries; /* [nentries] regular files in it, ascending */
	size_t nentries;
	const char **weights; /* [nweights] the files meant, ascending (of
				 ranks: by their number) */
	size_t nweights;
	struct index index;	/* of the weights, if ... */
	const char *index_name; /* ... this is not NULL */
	const char **ranks; /* [nranks] of a distributed checkpoint: the file
			       of each rank, NULL where it has none */
	uint32_t nranks;
	struct strbuf *notes; /* what was preferred to what */
	const char *dangling; /* weights that are a link to nothing, or NULL */
	bool is_dir;	      /* SOURCE is the directory itself */
	bool is_split;	      /* each of the weights has a piece of every
				 tensor, by the number in its name */
	bool is_adapter;
};

/*
 * Find the files of SOURCE; what was preferred to what goes to notes.
 * distributed: SOURCE is a directory of ranks. ERR_SOURCE with a sentence.
 * location_release also after a failure.
 */
int locate(struct location *l, const char *path, bool distributed,
	   struct strbuf *notes, struct error *err);

void location_release(struct location *l);

/* Whether the directory has a regular file of that name. */
bool location_has(const struct location *l, const char *name);

/* "dir/name" in the arena, or NULL. */
const char *location_path(struct location *l, const char *name);

/* Whether a file name is one of weights, in whatever framework's form. */
bool is_weights_name(const char *name);

/* Whether a file name is one of PyTorch weights. */
bool is_torch_name(const char *name);

/* Whether it is what trainers save beside the weights, as PyTorch files too. */
bool is_training_file(const char *name);

#endif
