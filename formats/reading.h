/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of the files of one SOURCE share: where tensors go, what is
 * left out, and what the report says of it.
 */
#ifndef WC_FORMATS_READING_H
#define WC_FORMATS_READING_H

#include "core/tensor.h"
#include "formats/index.h"
#include "formats/name_list.h"

/* Words that name training state: see reading.c. */
#define TRAINING_MAX_WORDS 64

struct reading {
	struct tensor_set *set; /* receives the tensors */
	const struct index *index; /* MindSpore's of the files, or NULL */
	const char *file;	/* the one being read, as in the index */
	bool keep_extra;	/* the state of training too */
	bool check_crc;	   /* compare the checksum of a file that has one */
	bool has_crc;	   /* out: the last one has */
	bool is_mindspore; /* out: a file says that MindSpore wrote it */
	size_t left_out[TRAINING_MAX_WORDS]; /* names, by their word */
	struct name_list texts;		     /* entries that are strings */
	struct name_list maps;		     /* map parameters */
	struct name_list nibbles;	     /* Int4: two values a byte */
	struct name_list copies;	     /* in two files */
	uint64_t nvalueless;		     /* entries without a value */
};

/* Whether a name is one of training state: adam_m.X, global_step ... */
bool is_training_name(struct str name);

/* Whether a tensor of that name is left out; it is counted then. */
bool reading_leaves_out(struct reading *r, struct str name);

/*
 * Whether a tensor of MindSpore's is no parameter: training state that is
 * kept, or a single value under a name that is no path, as append_dict has
 * them. Some networks have parameters like that (logit_scale), so it is extra
 * only where no rule takes it.
 */
bool reading_is_extra(const struct tensor *t);

/*
 * A tensor whose name the set has from another file: MindFormers' scripts that
 * write a file a layer repeat one that two layers share. The index says which
 * of the two is meant, and the set has that one then. False: nothing says it,
 * or they differ in shape or type.
 */
bool reading_take_copy(struct reading *r, const struct tensor *t);

/* Append a line for each kind of thing that was left out or is unusual. */
void reading_note(struct reading *r, struct strbuf *notes);

void reading_release(struct reading *r);

#endif
