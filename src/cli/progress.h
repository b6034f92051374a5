/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a long command is: on a terminal a bar that is written over, with
 * rate and time left; else a line each tenth. To standard error.
 */
#ifndef WC_CLI_PROGRESS_H
#define WC_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct progress {
	uint64_t total; /* bytes */
	struct timespec start;
	unsigned tenths; /* shown so far */
	bool quiet, terminal;
};

void progress_start(struct progress *p, uint64_t total, bool quiet);

/* nbytes are done; called a few times a second. */
void progress_show(struct progress *p, uint64_t nbytes);

/* Wipe the line of a terminal: something else will be printed. */
void progress_end(const struct progress *p);

/* Seconds since the start. */
double progress_seconds(const struct progress *p);

#endif
