/* SPDX-License-Identifier: Apache-2.0 */
/* The directory that is mounted on: what can be wrong with it, and whether
 * the mount answers there. */
#ifndef WC_FS_MOUNTPOINT_H
#define WC_FS_MOUNTPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"

/* A mount, as the kernel knows it. */
struct mounted {
	unsigned long id; /* 0: unknown */
	char device[32];  /* "major:minor" */
	bool ours;	  /* one of wconvfs, of whatever process */
};

struct mountpoint {
	char *path;	    /* absolute, symbolic links resolved; owned */
	dev_t before;	    /* the device there before mounting */
	int lock;	    /* of those who mount there; -1: none */
	bool passed;	    /* "/dev/fd/N": opened and mounted by mount.fuse3 */
	struct mounted now; /* ours, once mountpoint_note has seen it */
};

/*
 * Check everything that would make mounting fail or be a mistake: the
 * directory itself, what is mounted there, where the source (an absolute
 * path) lies, and whether this system lets us mount at all. Fails with
 * ERR_MOUNT and what to do about it. *mp is released by the caller.
 */
int mountpoint_open(struct mountpoint *mp, const char *path, const char *source,
		    bool nonempty, struct error *err);
void mountpoint_release(struct mountpoint *mp);

/*
 * Remember in mp->now what has just been mounted, and let others look; asks
 * the kernel only.
 */
void mountpoint_note(struct mountpoint *mp);

/*
 * Where that very mount is seen now, also if a directory above it was renamed
 * or the mount moved: path[PATH_MAX]. False if it is gone, or another one is
 * mounted over it.
 */
bool mountpoint_find(const struct mounted *m, char *path);

/* Whether nobody serves a path; what is cached does not answer that. */
bool mountpoint_is_dead(const char *path);

/*
 * Unmount what is seen at a path, lazily: those who have files of it open may
 * go on. As root, or by fusermount3. Returns 0 or -errno.
 */
int mountpoint_detach(const char *path);

/*
 * Unmount one of ours at a path, which may be relative; nobody may have files
 * of it open. As root, or by fusermount3. ERR_MOUNT with what to do.
 */
int mountpoint_unmount(const char *path, struct error *err);

/* Wait for the mount to answer; fail if something else is seen there. */
int mountpoint_verify(const struct mountpoint *mp, struct error *err);

/*
 * Have the kernel read ahead that far in files of the mount, which must
 * answer already (its own start sets the value). Returns 0 or -errno.
 */
int mountpoint_readahead(const struct mountpoint *mp, uint64_t kib);

#endif
