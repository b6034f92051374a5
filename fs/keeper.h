/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: a small second process that outlives the one that serves, so
 * that not even SIGKILL leaves a dead mount behind.
 *
 *   wconvfs                      keeper
 *   -------                      ------
 *   fork ----------------------> closes all but the pipe, waits
 *   open the source, mount
 *   what is mounted where -----> remembers it
 *   serve ...
 *   unmounted, all is well ----> ends
 *     or killed: end of pipe --> still there, and dead? unmount lazily, end
 *
 * It is forked before there are threads, sources or memory to speak of, and
 * ignores SIGTERM, SIGINT and SIGHUP. It never unmounts what it was not told
 * of: the mount's number and device must be the same, and must not answer.
 */
#ifndef WC_FS_KEEPER_H
#define WC_FS_KEEPER_H

#include <sys/types.h>

#include "core/error.h"
#include "fs/mountpoint.h"

struct keeper {
	pid_t pid;
	int fd; /* our end of the pipe; -1: closed */
};

/* Returns 0 in the keeper, which does keeper_run; else its pid, or -errno. */
pid_t keeper_fork(struct keeper *k, struct error *err);

/* In the keeper: wait, clean up. */
void keeper_run(const struct keeper *k);

/* From here on the mount is its to clean up. */
void keeper_watch(const struct keeper *k, const struct mountpoint *mp);

/* The mount is gone: nothing is the keeper's to clean up. */
void keeper_dismiss(const struct keeper *k);

/* Have it end, its work done, and wait for that if it is our child. */
void keeper_end(struct keeper *k);

/* Close the pipe, whose other end tells the keeper when the last closes it. */
void keeper_release(struct keeper *k);

#endif
