/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a conversion to a directory has finished: DIR/.wconv-manifest.tsv, a
 * line a file with its name, size, time and recipe. The line is added when the
 * file is on the disk and before it gets its name, so that no file that has
 * its name is unknown; a line without its file says nothing. It stays when all
 * is done: `--resume` then finds nothing to do.
 */
#ifndef WC_CLI_MANIFEST_H
#define WC_CLI_MANIFEST_H

#include "cli/output.h"

struct manifest {
	int fd; /* -1: none is kept */
};

/*
 * Mark the outputs [n] that are finished: listed with their recipe, and there
 * as they were then. A directory without a manifest has none of them.
 */
int manifest_read(const struct outdir *dir, struct output *v, size_t n,
		  struct error *err);

/* Write it anew with the outputs that are finished, and keep it open. */
int manifest_begin(struct manifest *m, const struct outdir *dir,
		   const struct output *v, size_t n, struct error *err);

/* Add an output that is on the disk; so is the line when it returns. */
int manifest_add(struct manifest *m, const struct output *o, struct error *err);

void manifest_end(struct manifest *m);

#endif
