/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a mount: mounted, served, unmounted.
 *
 * SIGTERM, SIGINT and SIGHUP unmount lazily: nobody finds the files any more,
 * and those who have one open are served until they close it. A second signal
 * ends the process at once.
 */
#ifndef WC_FS_MOUNT_H
#define WC_FS_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "fs/cache.h"
#include "fs/keeper.h"
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

/* What a mount is made of; borrowed. */
struct mount {
	struct view *view;
	struct mountpoint *mp;
	const struct mount_options *opt;
	struct keeper *keeper;
	int report; /* a daemon's pipe to its parent (fs/daemon.h), or -1 */
};

/*
 * Mount and serve. Returns 0 when it was unmounted, by others or by a signal.
 * A parent is told how it went; without one warnings are logged. Closes
 * m->report.
 */
int mount_serve(const struct mount *m, struct error *err);

#endif
