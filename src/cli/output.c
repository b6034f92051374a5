/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a file under a temporary name; see output.h. */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a name: the temporary one must not be longer than a name may be. */
#define TEMP_NAME_KEPT 200

struct temp_name {
	char text[TEMP_NAME_KEPT + 64];
};

/* Bytes of the name that are the directory it is in, the slash too. */
static int dir_len(const struct output *o)
{
	const char *slash = strrchr(o->name, '/');

	return slash ? (int)(slash + 1 - o->name) : 0;
}

static struct temp_name temp_name(const struct output *o)
{
	struct temp_name t;
	int n = dir_len(o);

	snprintf(t.text, sizeof(t.text), "%.*s.%.*s.wconv-part", n, o->name,
		 TEMP_NAME_KEPT - n, o->name + n);
	return t;
}

/* "rank_0" of "rank_0/model.ckpt", or "." */
static struct temp_name dir_name(const struct output *o)
{
	struct temp_name t;
	int n = dir_len(o);

	snprintf(t.text, sizeof(t.text), "%.*s", n ? n : 1, n ? o->name : ".");
	return t;
}

static int failed(const struct output *o, const char *what, struct error *err)
{
	return error_errno(err, ERR_OUTPUT, errno, "%s: cannot %s", o->name,
			   what);
}

/* Whether the name still is that of the open file: a run may have ended. */
static bool same_file(const struct outdir *dir, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 &&
	       fstatat(dir->fd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* 1: the file got another name meanwhile; open it again. */
static int open_temp(struct output *o, const struct outdir *dir,
		     struct error *err)
{
	struct temp_name temp = temp_name(o);

	o->fd = openat(dir->fd, temp.text,
		       O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		       0666);
	if (o->fd < 0)
		return error_errno(err, ERR_OUTPUT, errno,
				   "%s: cannot create a file there", dir->path);
	if (flock(o->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return error_set(err, ERR_OUTPUT,
				 "%s/%s: another wconv writes it", dir->path,
				 o->name);
	if (!same_file(dir, temp.text, o->fd))
		return 1;
	if (ftruncate(o->fd, 0) < 0)
		return failed(o, "empty what an earlier run left", err);
	return 0;
}

int output_begin(struct output *o, const struct outdir *dir, struct error *err)
{
	int ret;

	if (dir_len(o) && mkdirat(dir->fd, dir_name(o).text, 0777) < 0 &&
	    errno != EEXIST)
		return failed(o, "make its directory", err);
	while ((ret = open_temp(o, dir, err)) == 1)
		close(o->fd);
	if (ret && o->fd >= 0) {
		close(o->fd);
		o->fd = -1;
	}
	return ret;
}

int output_write(const struct output *o, uint64_t off, const void *p, size_t n,
		 struct error *err)
{
	const char *at = p;

	while (n > 0) {
		ssize_t put = pwrite(o->fd, at, n, (off_t)off);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return failed(o, "write it", err);
		at += put;
		off += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

void output_flush(const struct output *o, uint64_t off, uint64_t n)
{
	/* a filesystem that has no such thing loses nothing */
	(void)sync_file_range(o->fd, (off_t)off, (off_t)n,
			      SYNC_FILE_RANGE_WRITE);
}

/* What the directory says of its files is on the disk. */
static int sync_dir(const struct output *o, const struct outdir *dir)
{
	int fd = openat(dir->fd, dir_name(o).text,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return ret;
}

/* Give the file its name; what has that name is only replaced if it may be. */
static int take_name(const struct output *o, const struct outdir *dir,
		     struct error *err)
{
	struct temp_name temp = temp_name(o);
	unsigned flags = dir->replace ? 0 : RENAME_NOREPLACE;
	int ret = renameat2(dir->fd, temp.text, dir->fd, o->name, flags);

	/* some network filesystems cannot say "only if it is not there" */
	if (ret < 0 && flags && (errno == EINVAL || errno == ENOSYS)) {
		if (faccessat(dir->fd, o->name, F_OK, AT_SYMLINK_NOFOLLOW))
			ret = renameat(dir->fd, temp.text, dir->fd, o->name);
		else
			errno = EEXIST;
	}
	if (ret < 0)
		return failed(o, "give the finished file its name", err);
	if (sync_dir(o, dir) < 0 && errno != EINVAL)
		return failed(o, "make its name last", err);
	return 0;
}

int output_sync(struct output *o, struct error *err)
{
	struct stat st;

	if (fsync(o->fd) < 0 || fstat(o->fd, &st) < 0)
		return failed(o, "write it to the disk", err);
	o->mtime = st.st_mtim;
	return 0;
}

int output_finish(struct output *o, const struct outdir *dir, struct error *err)
{
	int ret = take_name(o, dir, err);

	if (ret)
		return ret;
	/* closed last: the lock holds until the name is there */
	close(o->fd);
	o->fd = -1;
	return 0;
}

void output_abandon(struct output *o, const struct outdir *dir)
{
	if (o->fd < 0)
		return;
	unlinkat(dir->fd, temp_name(o).text, 0);
	close(o->fd);
	o->fd = -1;
}

uint64_t output_leftover(const struct output *o, const struct outdir *dir)
{
	struct stat st;

	if (fstatat(dir->fd, temp_name(o).text, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

void output_release(struct output *o)
{
	if (o->file)
		view_close(o->file);
	pthread_mutex_destroy(&o->writing);
	free(o->name);
}
