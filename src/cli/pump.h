/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing outputs by several threads. Each takes the next chunk of the file
 * that is being written, or of the one behind it; the one that writes the last
 * chunk of a file finishes it while the others go on. Memory is a buffer and a
 * reader a thread, whatever the sizes are.
 *
 * Bytes are made by all threads at once, but a file takes one write at a time:
 * in the kernel, writers of one file wait for each other spinning (2.2 GB
 * copied by three threads: 2.8 s of system time, in turns 1.2 s).
 */
#ifndef WC_CLI_PUMP_H
#define WC_CLI_PUMP_H

#include "cli/manifest.h"
#include "cli/output.h"
#include "cli/progress.h"

struct pump {
	struct view *view;
	const struct outdir *dir;
	struct output *v; /* [n]; finished ones are passed over */
	size_t n;
	struct manifest *manifest;
	struct progress *progress; /* started, of the bytes to be written */
};

/*
 * Write all of them. On failure the unfinished temporary files are removed and
 * the finished files stay; so it is with a signal, see crew.h. noverflows:
 * finite values that a cast made infinite.
 */
int pump_run(const struct pump *p, uint64_t *noverflows, struct error *err);

#endif
