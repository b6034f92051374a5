/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user names as SOURCE, opened: which files of which format hold its
 * tensors, and what lies beside them. Formats are one array of ops; the first
 * that recognises the path opens it.
 */
#ifndef WC_FORMATS_CHECKPOINT_H
#define WC_FORMATS_CHECKPOINT_H

#include "core/tensor.h"

struct checkpoint {
	struct tensor_set tensors; /* by file, then by offset */
	char *dir;	   /* the directory that holds the files; owned */
	char *config_path; /* config.json beside them, or NULL; owned */
	bool is_adapter;   /* a PEFT adapter: adapter_config.json */
	struct source **passed; /* [npassed] files shown as they are: config,
				   tokenizer ...; owned */
	const char **passed_names; /* [npassed] their names, in the arena */
	size_t npassed;
	struct strbuf notes; /* lines for the report: what was preferred or
				left out, and why */
};

/*
 * Open a directory, an index, one shard (its index's other shards come
 * along), a single file or an adapter directory. Symbolic links are followed.
 * checkpoint_release also after a failure. ERR_SOURCE with a sentence.
 */
int checkpoint_open(struct checkpoint *c, const char *path,
		    struct error *err);

void checkpoint_release(struct checkpoint *c);

#endif
