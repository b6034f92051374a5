/* SPDX-License-Identifier: Apache-2.0 */
/* Mount point checks and the readahead knob; see mountpoint.h. */
#include "fs/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUSERMOUNT "fusermount3"

/* As the kernel shows the type of our mounts. */
#define OUR_TYPE "fuse.wconvfs"

/* Two paths of at most 4096 bytes, each of which may be written as \ooo, and
 * two lists of options of at most a page. */
#define MOUNTINFO_LINE (48 << 10)

static bool is_octal(const char *p)
{
	for (int i = 0; i < 3; i++)
		if (p[i] < '0' || p[i] > '7')
			return false;
	return true;
}

/* Undo the \ooo escapes of mountinfo in place. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && is_octal(s + 1)) {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
					(s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/*
 * One line of mountinfo (proc(5)), which is cut; false if it is none:
 *
 *   ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE ...
 */
static bool parse_mount(char *line, char **path, struct mounted *out)
{
	char *rest = strstr(line, " - ");
	char *field[5], *next;

	if (!rest)
		return false;
	*rest = '\0';
	rest += 3;
	for (int i = 0; i < 5; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &next);
		if (!field[i])
			return false;
	}
	*path = field[4];
	unescape(*path);
	out->id = strtoul(field[0], NULL, 10);
	snprintf(out->device, sizeof(out->device), "%s", field[2]);
	out->ours = strncmp(rest, OUR_TYPE " ", sizeof(OUR_TYPE)) == 0;
	return true;
}

/* The topmost mount at a path, or a mount wherever it is. */
struct search {
	const char *path;	     /* NULL: anywhere */
	const struct mounted *mount; /* NULL: any */
	struct mounted *found;
	char *where; /* [PATH_MAX] of what is found, or NULL */
};

static bool is_same(const struct mounted *a, const struct mounted *b)
{
	return a->id == b->id && strcmp(a->device, b->device) == 0;
}

static bool matches(const struct search *s, char *line)
{
	struct mounted m;
	char *path;

	memset(&m, 0, sizeof(m)); /* it is sent by a pipe, padding too */
	if (!parse_mount(line, &path, &m) || strlen(path) >= PATH_MAX ||
	    (s->path && strcmp(path, s->path) != 0) ||
	    (s->mount && !is_same(&m, s->mount)))
		return false;
	*s->found = m;
	if (s->where)
		snprintf(s->where, PATH_MAX, "%s", path);
	return true;
}

/* Take the whole lines out of buf[0..n). Returns the bytes that are left. */
static size_t take_lines(char *buf, size_t n, const struct search *s,
			 bool *found)
{
	char *line = buf, *end;

	while ((end = memchr(line, '\n', n))) {
		*end = '\0';
		if (matches(s, line))
			*found = true;
		n -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	memmove(buf, line, n);
	return n;
}

/*
 * The last mount that matches, which is the topmost one of a path. It is asked
 * when a mount is to end, and needs no memory but this.
 */
static bool search(const struct search *s)
{
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char buf[MOUNTINFO_LINE];
	bool found = false;
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return false;
	while ((got = read(fd, buf + n, sizeof(buf) - n)) > 0) {
		n = take_lines(buf, n + (size_t)got, s, &found);
		if (n == sizeof(buf))
			break;
	}
	close(fd);
	return found;
}

static bool find_mount(const char *path, struct mounted *out)
{
	return search(&(struct search){.path = path, .found = out});
}

static bool is_inside(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strncmp(path, dir, n) != 0)
		return false;
	return path[n] == '\0' || path[n] == '/' || strcmp(dir, "/") == 0;
}

/* The kernel does not mind files below a mount point; users lose them. */
static int check_empty(const char *path, struct error *err)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	if (!d)
		return error_errno(err, ERR_MOUNT, errno,
				   "cannot look into the mount point %s", path);
	while (n <= 2 && (e = readdir(d)))
		n++;
	closedir(d);
	if (n <= 2) /* . and .. */
		return 0;
	return error_set(err, ERR_MOUNT,
			 "the mount point %s is not empty: choose an empty "
			 "directory, or hide its files with -o nonempty",
			 path);
}

bool mountpoint_is_dead(const char *path)
{
	struct statfs st;

	return statfs(path, &st) < 0 &&
	       (errno == ENOTCONN || errno == ECONNABORTED);
}

/* Where the dead mount that a path lies in is mounted. */
static int refuse_stale(const char *path, struct error *err)
{
	char *root = strdup(path), *slash;
	int ret;

	if (!root)
		return error_nomem(err);
	while ((slash = strrchr(root, '/')) && slash > root) {
		*slash = '\0';
		if (!mountpoint_is_dead(root)) {
			*slash = '/';
			break;
		}
	}
	ret = error_set(err, ERR_MOUNT,
			"the mount point %s lies in a stale mount, whose "
			"process has ended: run " FUSERMOUNT " -u %s",
			path, root);
	free(root);
	return ret;
}

static int check_type(const char *path, dev_t *dev, struct error *err)
{
	struct stat st;

	if (stat(path, &st) == 0) {
		*dev = st.st_dev;
		if (S_ISDIR(st.st_mode))
			return 0;
		return error_set(err, ERR_MOUNT,
				 "the mount point %s is not a directory: name "
				 "an empty directory",
				 path);
	}
	if (errno == ENOENT)
		return error_set(err, ERR_MOUNT,
				 "the mount point %s does not exist: make it "
				 "with mkdir",
				 path);
	if (errno == ENOTCONN)
		return refuse_stale(path, err);
	return error_errno(err, ERR_MOUNT, errno, "the mount point %s", path);
}

static int check_place(const char *path, const char *source, struct error *err)
{
	struct mounted m;
	struct stat st;

	if (find_mount(path, &m) && m.ours)
		return error_set(err, ERR_MOUNT,
				 "wconvfs is mounted at %s already: unmount it "
				 "with " FUSERMOUNT " -u %s, or choose another "
				 "directory",
				 path, path);
	if (is_inside(source, path))
		return error_set(err, ERR_MOUNT,
				 "the source %s lies inside the mount point "
				 "%s: choose a directory outside of it",
				 source, path);
	if (is_inside(path, source) && stat(source, &st) == 0 &&
	    S_ISDIR(st.st_mode))
		return error_set(err, ERR_MOUNT,
				 "the mount point %s lies inside the source "
				 "%s: choose a directory outside of it",
				 path, source);
	return 0;
}

/* Whether a program is found in a ":"-separated list of directories. */
static bool in_path(const char *program, const char *dirs)
{
	while (dirs && *dirs) {
		const char *end = strchrnul(dirs, ':');
		char *full;
		bool found;

		if (asprintf(&full, "%.*s/%s", (int)(end - dirs), dirs,
			     program) < 0)
			return false;
		found = access(full, X_OK) == 0;
		free(full);
		if (found)
			return true;
		dirs = *end ? end + 1 : end;
	}
	return false;
}

static int check_system(struct error *err)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return error_set(err, ERR_MOUNT,
				 "/dev/fuse is missing: load the module with "
				 "modprobe fuse, or start the container with "
				 "--device /dev/fuse --cap-add SYS_ADMIN");
	if (fd < 0)
		return error_errno(err, ERR_MOUNT, errno,
				   "cannot open /dev/fuse, which mounting "
				   "needs: ask for read and write permission");
	close(fd);
	if (geteuid() != 0 && !in_path(FUSERMOUNT, getenv("PATH")) &&
	    !in_path(FUSERMOUNT, "/usr/bin:/bin:/usr/local/bin"))
		return error_set(err, ERR_MOUNT,
				 FUSERMOUNT
				 " is missing, which mounts for "
				 "users other than root: install the package "
				 "fuse3");
	return 0;
}

/*
 * Until something is mounted or we end: of those who would mount there at the
 * same time, none sees the others. Directories that cannot be locked are not.
 */
static int lock(struct mountpoint *mp, struct error *err)
{
	mp->lock = open(mp->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mp->lock < 0 || flock(mp->lock, LOCK_EX | LOCK_NB) == 0 ||
	    errno != EWOULDBLOCK)
		return 0;
	return error_set(err, ERR_MOUNT,
			 "another wconvfs is about to mount at %s: wait for "
			 "it, or choose another directory",
			 mp->path);
}

static void unlock(struct mountpoint *mp)
{
	if (mp->lock >= 0)
		close(mp->lock);
	mp->lock = -1;
}

int mountpoint_open(struct mountpoint *mp, const char *path, const char *source,
		    bool nonempty, struct error *err)
{
	int ret;

	memset(mp, 0, sizeof(*mp));
	mp->lock = -1;
	if (strncmp(path, "/dev/fd/", 8) == 0) {
		mp->passed = true;
		mp->path = strdup(path);
		return mp->path ? 0 : error_nomem(err);
	}
	ret = check_type(path, &mp->before, err);
	if (ret)
		return ret;
	mp->path = realpath(path, NULL);
	if (!mp->path)
		return error_errno(err, ERR_MOUNT, errno, "the mount point %s",
				   path);
	ret = lock(mp, err);
	if (!ret)
		ret = check_place(mp->path, source, err);
	if (!ret && !nonempty)
		ret = check_empty(mp->path, err);
	if (!ret)
		ret = check_system(err);
	return ret;
}

void mountpoint_release(struct mountpoint *mp)
{
	unlock(mp);
	free(mp->path);
	mp->path = NULL;
}

void mountpoint_note(struct mountpoint *mp)
{
	char before[sizeof(mp->now.device)];
	struct mounted m;

	memset(&mp->now, 0, sizeof(mp->now));
	snprintf(before, sizeof(before), "%u:%u", major(mp->before),
		 minor(mp->before));
	if (!mp->passed && find_mount(mp->path, &m) &&
	    strcmp(m.device, before) != 0)
		mp->now = m;
	unlock(mp);
}

bool mountpoint_find(const struct mounted *m, char *path)
{
	struct mounted seen;

	return m->id &&
	       search(&(struct search){
		       .mount = m, .found = &seen, .where = path}) &&
	       find_mount(path, &seen) && is_same(&seen, m);
}

/* Run a program that needs no input; 0, or -errno, -EIO if it failed. */
static int run_program(char *const argv[])
{
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;
	int ret, status;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	ret = posix_spawnp(&pid, argv[0], NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	if (ret)
		return -ret;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EIO : 0;
}

int mountpoint_detach(const char *path)
{
	char *const argv[] = {
		(char *)FUSERMOUNT, (char *)"-u", (char *)"-q", (char *)"-z",
		(char *)"--",	    (char *)path, NULL};

	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return 0;
	return errno == EPERM ? run_program(argv) : -errno;
}

/* A mount that no longer answers has a real path without a slash at its end. */
static char *path_of(const char *path)
{
	char *name = strdup(path), *real;
	size_t n = name ? strlen(name) : 0;

	while (n > 1 && name[n - 1] == '/')
		name[--n] = '\0';
	real = name ? realpath(name, NULL) : NULL;
	if (!real)
		return name;
	free(name);
	return real;
}

static int unmount(const char *path, struct error *err)
{
	char *const argv[] = {(char *)FUSERMOUNT, (char *)"-u", (char *)"-q",
			      (char *)"--",	  (char *)path, NULL};

	if (umount2(path, UMOUNT_NOFOLLOW) == 0 ||
	    (errno == EPERM && run_program(argv) == 0))
		return 0;
	if (errno == EBUSY)
		return error_set(err, ERR_MOUNT,
				 "%s: somebody has a file or directory of it "
				 "open (fuser -m %s tells who)",
				 path, path);
	return error_set(err, ERR_MOUNT,
			 "%s: cannot unmount it: it is not yours, or in use",
			 path);
}

int mountpoint_unmount(const char *path, struct error *err)
{
	char *real = path_of(path);
	struct mounted m;
	int ret;

	if (!real)
		return error_nomem(err);
	if (find_mount(real, &m) && m.ours)
		ret = unmount(real, err);
	else
		ret = error_set(err, ERR_MOUNT, "%s: no wconvfs is mounted",
				path);
	free(real);
	return ret;
}

int mountpoint_verify(const struct mountpoint *mp, struct error *err)
{
	struct stat st;

	if (mp->passed)
		return 0;
	if (stat(mp->path, &st) < 0)
		return error_errno(err, ERR_MOUNT, errno,
				   "the mount at %s does not answer", mp->path);
	if (st.st_dev == mp->before)
		return error_set(err, ERR_MOUNT,
				 "mounted, but %s does not show it: was "
				 "something else mounted there, or does this "
				 "process have its own mounts?",
				 mp->path);
	return 0;
}

int mountpoint_readahead(const struct mountpoint *mp, uint64_t kib)
{
	struct mounted m;
	char path[80], text[24];
	int fd, n, ret = 0;

	if (mp->passed || !find_mount(mp->path, &m))
		return -ENOENT;
	snprintf(path, sizeof(path), "/sys/class/bdi/%s/read_ahead_kb",
		 m.device);
	n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)kib);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)n) != n)
		ret = -errno;
	close(fd);
	return ret;
}
