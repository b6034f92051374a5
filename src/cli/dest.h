/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a conversion goes, and which files of the view go there.
 *
 *   NAME.ckpt, NAME.safetensors, NAME.bin (.pt, .pth)   one file of all tensors
 *   anything else: a directory                          shards, their index and
 *                                                       the passed files
 */
#ifndef WC_CLI_DEST_H
#define WC_CLI_DEST_H

#include "cli/output.h"

struct form;

struct dest {
	const char *text;	 /* as the user wrote it */
	const struct form *form; /* NULL: what suits the view */
	bool is_dir;
	struct outdir dir; /* open, where the outputs go */
	bool is_new;	   /* it is not there yet: dir is its parent */
	bool resumes;	   /* the run goes on with what another began */
	struct output *v;  /* [n] */
	size_t n;
};

/*
 * What text means. form: a word of --format, or NULL; one_file: it is a file of
 * that form, whatever its name is. ERR_USAGE. dest_release is called in any
 * case.
 */
int dest_parse(struct dest *d, const char *text, const char *form,
	       bool one_file, struct error *err);

/* The files of the view that go there. ERR_MAPPING where it has none. */
int dest_choose(struct dest *d, struct view *v, struct error *err);

/* Open the directory, or where it is to be made its parent. ERR_OUTPUT. */
int dest_open(struct dest *d, struct error *err);

/* Make and open a new directory, once all else is known to be right. */
int dest_make(struct dest *d, struct error *err);

/*
 * What is not finished must not be there already (unless it is replaced), must
 * not be a file of the source, and must find room. ERR_OUTPUT.
 */
int dest_check_names(const struct dest *d, const struct view *v,
		     struct error *err);
int dest_check_space(const struct dest *d, struct error *err);

/* Bytes that are to be written. */
uint64_t dest_needed(const struct dest *d);

void dest_release(struct dest *d);

#endif
