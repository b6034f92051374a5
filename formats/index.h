/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shard indexes: {"metadata": {"total_size": N}, "weight_map": {name: file}},
 * the form that transformers, MindFormers and MindSpore share.
 */
#ifndef WC_FORMATS_INDEX_H
#define WC_FORMATS_INDEX_H

#include "core/tensor.h"
#include "core/vfile.h"

/* The name of shard k (from 1) of n: "PREFIX-00001-of-0000N.SUFFIX", or
 * "PREFIX.SUFFIX" where there is one shard only. */
void index_shard_name(struct strbuf *sb, const char *prefix, size_t k, size_t n,
		      const char *suffix);

/* The files of an index. */
struct index_form {
	const char *prefix, *suffix; /* of their names, that outlive it */
	bool no_empty;		     /* they do not hold empty tensors */
};

/*
 * Lay out the index of the tensors v, whose shard numbers (from 0, of nshards)
 * are shard[]; v, shard and form must outlive f. total_size: their data bytes.
 * Returns 0 or -ENOMEM.
 */
int index_layout(struct vfile *f, const struct tensor *v, const uint32_t *shard,
		 size_t n, size_t nshards, const struct index_form *form,
		 struct arena *arena);

/* A line of an index: a tensor and the file that holds it. */
struct index_entry {
	struct str name; /* borrowed from the index */
	uint32_t file;	 /* index into files */
};

/* An index that was read. */
struct index {
	struct index_entry *v; /* [n]; owned */
	size_t n;
	const char **files; /* [nfiles] names, ascending; owned */
	size_t nfiles;
	struct cJSON *json; /* holds the strings; owned */
	bool is_mindspore;  /* it is called as MindSpore's are */
};

#define INDEX_INIT                                                             \
	{                                                                      \
		NULL, 0, NULL, 0, NULL, false                                  \
	}

/*
 * Read the index at path. Files are plain names: of the same directory. One
 * called param_name_map.json may be {name: file} without more around it.
 * ERR_SOURCE with a sentence. index_release also after a failure.
 */
int index_read(struct index *ix, const char *path, struct error *err);

/* The place of a file in files, or -1. */
ptrdiff_t index_find(const struct index *ix, const char *file);

/* The file that a tensor is in, or NULL: there is no line for it. */
const char *index_file_of(const struct index *ix, struct str name);

void index_release(struct index *ix);

#endif
