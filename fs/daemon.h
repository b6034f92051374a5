/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going into the background. The daemon is forked before anything is mounted,
 * so that it has no threads to lose, and tells its parent by a pipe how the
 * mount went; the parent waits for that.
 */
#ifndef WC_FS_DAEMON_H
#define WC_FS_DAEMON_H

#include <sys/types.h>

#include "core/error.h"
#include "core/strbuf.h"
#include "fs/mountpoint.h"

/* How long a mount may take to answer. */
#define START_SECONDS 10

/*
 * Fork a daemon: no terminal, / as its directory, its log in syslog. *report
 * is the child's end of the pipe, or the parent's. Returns 0 in the child, in
 * the parent its process id, or -errno.
 */
pid_t daemon_fork(int *report, struct error *err);

/* In the daemon: tell the parent, which goes on waiting after a warning. */
void daemon_warn(int report, const char *text);
void daemon_ready(int report);
void daemon_failed(int report, const struct error *err);

/*
 * In the parent: wait until the daemon's mount has answered, for at most ten
 * seconds. Its warnings are appended to *warnings, a line each. Closes report.
 */
int daemon_wait(pid_t pid, int report, const struct mountpoint *mp,
		struct strbuf *warnings, struct error *err);

#endif
