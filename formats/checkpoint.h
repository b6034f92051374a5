/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user names as SOURCE, opened: which files of which format hold its
 * tensors, and what lies beside them. Formats are one array of ops; the first
 * that recognises the path opens it.
 */
#ifndef WC_FORMATS_CHECKPOINT_H
#define WC_FORMATS_CHECKPOINT_H

#include "core/tensor.h"
#include "formats/reading.h"

/* What the user says of a source. */
struct source_options {
	const char *key;  /* where the weights are in a PyTorch file, or NULL:
			     see torch_options */
	enum dtype void2; /* the type of '<V2' in .npy files; DT_COUNT: none
			     was named */
	bool raw;	  /* names as the files have them, where they can be */
	bool keep_extra;  /* --keep-extra: the state of training too */
	const char *strategy; /* --strategy: a file that says how the slices in
				 rank_0, rank_1 ... are joined, or NULL */
	bool for_all;	      /* every user is to see it: formats/publish.h */
	bool check_crc;	      /* --check-crc: read all of a ckpt that has one */
};

#define SOURCE_OPTIONS_INIT                                                    \
	{                                                                      \
		.void2 = DT_COUNT                                              \
	}

struct checkpoint {
	struct source_options opt;
	struct tensor_set tensors; /* by file, then by offset */
	char *dir;		/* the directory that holds the files; owned */
	char *config_path;	/* config.json beside them (params.json, of
				   pieces), or NULL; owned */
	bool is_adapter;	/* a PEFT adapter: adapter_config.json */
	struct source **passed; /* [npassed] files shown as they are: config,
				   tokenizer ...; owned */
	const char **passed_names; /* [npassed] their names, in the arena */
	size_t npassed;
	bool has_index;		  /* an index of shards has the names */
	bool has_torch;		  /* PyTorch files, in which a key may lead */
	struct reading reading;	  /* is_mindspore: what a file says of itself */
	struct tensor_set *ranks; /* [nranks] of ranks whose slices are joined,
				     or of pieces; owned */
	uint32_t nranks;
	struct strbuf notes; /* lines for the report: what was preferred or
				left out, and why */
};

/*
 * Open a directory, an index, one shard (its index's other shards come
 * along), a single file, an adapter directory, or with a strategy a directory
 * of ranks. Symbolic links are followed. opt's texts are borrowed.
 * checkpoint_release also after a failure. ERR_SOURCE with a sentence, or
 * ERR_USAGE: a key for what holds no PyTorch file.
 */
int checkpoint_open(struct checkpoint *c, const char *path,
		    const struct source_options *opt, struct error *err);

void checkpoint_release(struct checkpoint *c);

#endif
