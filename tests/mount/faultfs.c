/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filesystem with faults, for tests: shows the files of one directory, and
 * does what it finds in another.
 *
 *   faultfs DIR FAULTS MOUNTPOINT      in the foreground, 16 threads
 *
 * For a file NAME of DIR, at each read of it:
 *
 *   FAULTS/NAME.eio      there: EIO. With two numbers in it, FROM TO: only for
 *                        reads that touch these bytes
 *   FAULTS/NAME.stall    there: wait until it is gone
 *
 * and when its attributes are asked for:
 *
 *   FAULTS/NAME.attr     there: EIO
 *
 * Nothing is cached but attributes, and these for good, as a network
 * filesystem's may be: only who asks for fresh ones sees a change.
 */
#define FUSE_USE_VERSION 312

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_US 10000
#define CACHED_SECONDS 1000

/* Opened before there are threads. */
static int dir_fd, faults_fd;

static const char *relative(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static void *fault_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	(void)conn;
	cfg->attr_timeout = cfg->entry_timeout = CACHED_SECONDS;
	cfg->direct_io = 1;
	return NULL;
}

/* Whether a fault is on for the bytes [off, off + n) of a file. */
static bool is_on(const char *path, const char *kind, off_t off, size_t n)
{
	char name[512], text[64] = "";
	long long from, to;
	int fd;

	snprintf(name, sizeof(name), "%s.%s", relative(path), kind);
	fd = openat(faults_fd, name, O_RDONLY);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	if (sscanf(text, "%lld %lld", &from, &to) != 2)
		return true;
	return off < to && off + (off_t)n > from;
}

static int fault_getattr(const char *path, struct stat *st,
			 struct fuse_file_info *fi)
{
	int ret;

	if (is_on(path, "attr", 0, 1))
		return -EIO;
	ret = fi ? fstat((int)fi->fh, st)
		 : fstatat(dir_fd, relative(path), st, 0);
	return ret < 0 ? -errno : 0;
}

static int fault_readdir(const char *path, void *buf, fuse_fill_dir_t fill,
			 off_t off, struct fuse_file_info *fi,
			 enum fuse_readdir_flags flags)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	(void)path;
	(void)off;
	(void)fi;
	(void)flags;
	if (!d)
		return -errno;
	while ((e = readdir(d)))
		fill(buf, e->d_name, NULL, 0, 0);
	closedir(d);
	return 0;
}

static int fault_open(const char *path, struct fuse_file_info *fi)
{
	int fd = openat(dir_fd, relative(path), O_RDONLY);

	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	return 0;
}

static int fault_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	close((int)fi->fh);
	return 0;
}

static int fault_read(const char *path, char *buf, size_t n, off_t off,
		      struct fuse_file_info *fi)
{
	ssize_t got;

	while (is_on(path, "stall", off, n))
		usleep(POLL_US);
	if (is_on(path, "eio", off, n))
		return -EIO;
	got = pread((int)fi->fh, buf, n, off);
	return got < 0 ? -errno : (int)got;
}

static const struct fuse_operations ops = {
	.init = fault_init,
	.getattr = fault_getattr,
	.readdir = fault_readdir,
	.open = fault_open,
	.release = fault_release,
	.read = fault_read,
};

int main(int argc, char **argv)
{
	char *args[] = {(char *)"faultfs", (char *)"-f",
			(char *)"-omax_threads=16", argc == 4 ? argv[3] : NULL,
			NULL};

	if (argc != 4) {
		fprintf(stderr, "usage: faultfs DIR FAULTS MOUNTPOINT\n");
		return 2;
	}
	dir_fd = open(argv[1], O_RDONLY | O_DIRECTORY);
	faults_fd = open(argv[2], O_RDONLY | O_DIRECTORY);
	if (dir_fd < 0 || faults_fd < 0) {
		perror("faultfs");
		return 1;
	}
	return fuse_main(4, args, &ops, NULL);
}
