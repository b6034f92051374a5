/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open, read-only file with the identity it had when it was opened. The
 * only place of the program that reads weight bytes.
 *
 * A source that is changed or truncated in place answers -EIO from then on,
 * with one log line; one that is renamed, unlinked or replaced by rename goes
 * on being served, since the descriptor stays open.
 */
#ifndef WC_CORE_SOURCE_H
#define WC_CORE_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "core/error.h"

struct source {
	char *path; /* absolute, symbolic links resolved; owned */
	int fd;
	dev_t dev;
	ino_t ino;
	uint64_t nbytes;
	struct timespec mtime;
	atomic_bool changed;	    /* no byte of it is sure any more */
	atomic_bool logged;	    /* its one log line is out */
	atomic_bool no_uncached;    /* its filesystem has no RWF_DONTCACHE */
	atomic_uint_fast64_t nread; /* bytes read so far */
	/* of prefetch.h: where its reader is, since how many bytes, and what
	 * was read before it came there */
	atomic_uint_fast64_t next, run, ahead;
};

/*
 * Open a regular file (through symbolic links). *out is owned by the caller:
 * source_free. Fails with a sentence for anything but a regular file.
 */
int source_open(struct source **out, const char *path, struct error *err);

/*
 * Read exactly n bytes at off. uncached: large reads leave no page cache
 * behind where the filesystem can do that. Returns 0, or -EIO if the bytes
 * are not there any more or the file is not the one that was opened.
 */
int source_read(struct source *s, uint64_t off, size_t n, void *buf,
		bool uncached);

/* The same into several places; what iov[] says afterwards is not defined. */
int source_readv(struct source *s, uint64_t off, struct iovec *iov,
		 unsigned niov, bool uncached);

/*
 * Have the kernel cache bytes [off, off+n), unless the last of them is there
 * already. null is /dev/null, opened for writing: what is sent there is never
 * copied. False if they cannot be read: source_read then tells why.
 */
bool source_touch(struct source *s, uint64_t off, size_t n, int null);

/*
 * Copy bytes [off, off+n) to offset `to` of the file fd inside the kernel.
 * Returns how many were copied and are sure; source_read the others, which
 * tells why they were not.
 */
size_t source_copy(struct source *s, uint64_t off, size_t n, int fd,
		   uint64_t to);

/* A model may have more shards than the usual soft limit has open files. */
void source_allow_many(void);

void source_free(struct source *s);

#endif
