/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a mount.
 *
 * In the foreground the process serves until it is unmounted or gets SIGTERM,
 * SIGINT or SIGHUP. As a daemon it forks before anything else is done, so that
 * the child has no threads to lose: the child mounts and serves, the parent
 * waits until the mount has answered it.
 */
#ifndef WC_FS_MOUNT_H
#define WC_FS_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "core/strbuf.h"
#include "fs/cache.h"
#include "fs/mountpoint.h"
#include "view/view.h"

struct mount_options {
	const char *fuse; /* for libfuse: "a,b=c", escaped */
	enum cache_mode cache;
	uid_t uid; /* owner of the files */
	gid_t gid;
	uint64_t readahead_nbytes; /* 0: leave the kernel's */
	bool readahead_asked;	   /* by the user: failing is worth a word */
	bool single;		   /* one thread */
	bool clone_fd;		   /* a device descriptor for each thread */
	unsigned max_threads;	   /* 0: libfuse's default, 10 */
};

/*
 * Mount v and serve it. Returns 0 when it was unmounted or stopped by a
 * signal. report: the pipe of a daemon (mount_fork), which is told how it
 * went and closed, or -1: warnings are logged.
 */
int mount_serve(struct view *v, const struct mountpoint *mp,
		const struct mount_options *opt, int report, struct error *err);

/*
 * Fork a daemon: no terminal, / as its directory, its log in syslog. *report
 * is the child's end of the pipe, or the parent's. Returns 0 in the child, in
 * the parent its process id, or -errno.
 */
pid_t mount_fork(int *report, struct error *err);

/*
 * In the parent: wait until the daemon's mount has answered, for at most ten
 * seconds. Its warnings are appended to *warnings, a line each. Closes report.
 */
int mount_wait(pid_t pid, int report, const struct mountpoint *mp,
	       struct strbuf *warnings, struct error *err);

#endif
