/* SPDX-License-Identifier: Apache-2.0 */
/* Source files; see source.h. */
#include "core/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

/* Linux 6.14; the C library's headers are older. */
#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x00000080
#endif

/* Smaller reads are not worth losing the page cache's readahead for. */
#define UNCACHED_MIN ((size_t)1 << 20)

static int take_identity(struct source *s, struct error *err)
{
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return error_errno(err, ERR_SOURCE, errno, "%s", s->path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_SOURCE, "%s: not a regular file",
				 s->path);
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->nbytes = (uint64_t)st.st_size;
	s->mtime = st.st_mtim;
	return 0;
}

int source_open(struct source **out, const char *path, struct error *err)
{
	struct source *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return error_nomem(err);
	s->fd = -1;
	s->path = realpath(path, NULL);
	if (!s->path) {
		ret = error_errno(err, ERR_SOURCE, errno, "%s", path);
		goto fail;
	}
	/* O_NONBLOCK: a FIFO must be refused, not waited for */
	s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0) {
		ret = error_errno(err, ERR_SOURCE, errno, "%s", path);
		goto fail;
	}
	ret = take_identity(s, err);
	if (ret)
		goto fail;
	*out = s;
	return 0;
fail:
	source_free(s);
	return ret;
}

static int refuse(struct source *s, const char *why)
{
	if (!atomic_exchange(&s->logged, true))
		log_line("%s: %s; reads of it give an I/O error", s->path, why);
	return -EIO;
}

/* Bytes that changed once are never sure again, whatever the times say. */
static int refuse_for_good(struct source *s, const char *why)
{
	atomic_store(&s->changed, true);
	return refuse(s, why);
}

static ssize_t read_some(struct source *s, uint64_t off,
			 const struct iovec *iov, unsigned niov, size_t n,
			 bool uncached)
{
	ssize_t got;

	if (uncached && n >= UNCACHED_MIN && !atomic_load(&s->no_uncached)) {
		got = preadv2(s->fd, iov, (int)niov, (off_t)off, RWF_DONTCACHE);
		if (got >= 0 || errno != EOPNOTSUPP)
			return got;
		atomic_store(&s->no_uncached, true);
	}
	return preadv(s->fd, iov, (int)niov, (off_t)off);
}

/*
 * After the bytes were read and before they are used: is it still the same
 * file? A network filesystem is asked, not what the kernel remembers of it;
 * that it does not answer says nothing about the next time.
 */
static int check_identity(struct source *s)
{
	struct statx st;

	if (statx(s->fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
		  STATX_SIZE | STATX_MTIME, &st) < 0)
		return refuse(s, strerror(errno));
	if (st.stx_size == s->nbytes &&
	    st.stx_mtime.tv_sec == s->mtime.tv_sec &&
	    st.stx_mtime.tv_nsec == (uint32_t)s->mtime.tv_nsec)
		return 0;
	return refuse_for_good(s, "changed since it was opened");
}

/* Take n bytes, which were read, off the front. */
static void skip(struct iovec **iov, unsigned *niov, size_t n)
{
	for (; *niov && n >= (*iov)->iov_len; --*niov, ++*iov)
		n -= (*iov)->iov_len;
	if (*niov) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

int source_readv(struct source *s, uint64_t off, struct iovec *iov,
		 unsigned niov, bool uncached)
{
	size_t n = 0, left;

	for (unsigned i = 0; i < niov; i++)
		n += iov[i].iov_len;
	if (atomic_load_explicit(&s->changed, memory_order_relaxed))
		return -EIO;
	for (left = n; left > 0;) {
		ssize_t got = read_some(s, off, iov, niov, left, uncached);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return refuse(s, strerror(errno));
		if (got == 0)
			return refuse_for_good(s,
					       "truncated since it was opened");
		skip(&iov, &niov, (size_t)got);
		off += (uint64_t)got;
		left -= (size_t)got;
	}
	if (check_identity(s))
		return -EIO;
	atomic_fetch_add_explicit(&s->nread, n, memory_order_relaxed);
	return 0;
}

int source_read(struct source *s, uint64_t off, size_t n, void *buf,
		bool uncached)
{
	struct iovec iov = {buf, n};

	return source_readv(s, off, &iov, 1, uncached);
}

bool source_touch(struct source *s, uint64_t off, size_t n, int null)
{
	off_t at = (off_t)off, end = at + (off_t)n;
	struct iovec iov = {&(uint8_t){0}, 1};

	if (preadv2(s->fd, &iov, 1, end - 1, RWF_NOWAIT) == 1)
		return true;
	while (at < end)
		if (sendfile(null, s->fd, &at, (size_t)(end - at)) <= 0)
			return false;
	return true;
}

size_t source_copy(struct source *s, uint64_t off, size_t n, int fd,
		   uint64_t to)
{
	off_t in = (off_t)off, out = (off_t)to;
	size_t left = n;

	if (atomic_load_explicit(&s->changed, memory_order_relaxed))
		return 0;
	while (left > 0) {
		ssize_t got = copy_file_range(s->fd, &in, fd, &out, left, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		left -= (size_t)got;
	}
	if (check_identity(s))
		return 0;
	atomic_fetch_add_explicit(&s->nread, n - left, memory_order_relaxed);
	return n - left;
}

void source_allow_many(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

void source_free(struct source *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s);
}
