/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is written. It grows under a temporary name in the directory
 * where it belongs and gets its own name when every byte of it is on the disk:
 * nobody ever finds half a file.
 *
 * The temporary name is the same in each run, and locked while it is written:
 * what a killed run left is taken over, and two runs do not meet.
 */
#ifndef WC_CLI_OUTPUT_H
#define WC_CLI_OUTPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cli/recipe.h"
#include "core/error.h"
#include "view/view.h"

struct output {
	char *name; /* in the directory, or in one in it; owned */
	struct view_file *file;
	const struct vfile *bytes; /* what it will hold */
	char recipe[RECIPE_HEX];   /* see recipe.h */
	bool finished;		   /* by an earlier run */
	pthread_mutex_t writing;   /* one at a time: see pump.h */
	int fd;			   /* while it is written, else -1 */
	uint64_t left;		   /* bytes that are not written yet */
	struct timespec mtime;	   /* once it is on the disk */
};

/* The directory that outputs are written to. */
struct outdir {
	char *path;
	int fd;
	bool replace; /* what has the name already is replaced */
};

/* Open the temporary file, empty. ERR_OUTPUT. */
int output_begin(struct output *o, const struct outdir *dir, struct error *err);

/* Write n bytes at off. ERR_OUTPUT. */
int output_write(const struct output *o, uint64_t off, const void *p, size_t n,
		 struct error *err);

/* Have the disk begin with bytes [off, off+n), while others are being made. */
void output_flush(const struct output *o, uint64_t off, uint64_t n);

/* All is written: on the disk, with the time it has from now on. ERR_OUTPUT. */
int output_sync(struct output *o, struct error *err);

/* Give it its own name, and close it. ERR_OUTPUT. */
int output_finish(struct output *o, const struct outdir *dir,
		  struct error *err);

/* Close it and remove the temporary file. Nothing to do: nothing is done. */
void output_abandon(struct output *o, const struct outdir *dir);

/* Bytes that a temporary file of another run holds on the disk. */
uint64_t output_leftover(const struct output *o, const struct outdir *dir);

void output_release(struct output *o);

#endif
