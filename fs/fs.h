/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of the mounted filesystem: a thin layer over a view.
 *
 * The inode of a file is its node number in the view, the root is 1, and both
 * live as long as the mount: forget has nothing to do. Immutable while it is
 * mounted, but for the lists of open files and of buffers to read into.
 */
#ifndef WC_FS_FS_H
#define WC_FS_FS_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/cache.h"
#include "view/view.h"

struct fuse_lowlevel_ops;
struct handle;

struct fs {
	struct view *view; /* borrowed */
	uid_t uid;	   /* owner of everything */
	gid_t gid;
	enum cache_mode cache;
	uint64_t stats;	 /* node of stats.json, new at each open; 0: none */
	uint64_t nbytes; /* of all files together, for statfs */
	pthread_mutex_t lock;	/* of the two lists that follow */
	struct handle *handles; /* open files */
	struct worker *workers; /* those not in use, the last used first */
	unsigned nworkers;	/* of them */
	struct prefetch *prefetch;
};

/* The session's userdata is the struct fs. */
extern const struct fuse_lowlevel_ops fs_ops;

/*
 * Fill *fs for a view. Returns 0 or -errno; fs_release once no other thread
 * serves it.
 */
int fs_init(struct fs *fs, struct view *v);
void fs_release(struct fs *fs);

#endif
