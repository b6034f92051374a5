/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shell cannot do in the mount tests.
 *
 *   readers WAY DIR WANT <paths   read DIR/path in a way, compare WANT/path
 *   readers shared-map FILE       whether MAP_SHARED works: ok or the errno
 *   readers erofs DIR FILE        each call that writes must give EROFS
 *   readers default-signals CMD   run CMD with no signal ignored
 *
 * Ways: mmap, odirect, sendfile, random, many (16 processes at once). Exit
 * code 0 if all is as it must be; otherwise a line says what is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)
#define RANDOM_READS 400
#define MANY 16

/* The bytes a file must have. */
struct want {
	uint8_t *p;
	size_t n;
};

typedef bool (*way_fn)(int fd, const char *path, const struct want *w);

static bool fail(const char *path, const char *what)
{
	printf("%s: %s (%s)\n", path, what, strerror(errno));
	return false;
}

static bool load(const char *path, struct want *w)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	size_t at = 0;
	ssize_t got = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(path, "cannot open");
	w->n = (size_t)st.st_size;
	w->p = malloc(w->n + 1);
	while (w->p && at < w->n && got > 0) {
		got = read(fd, w->p + at, w->n - at);
		at += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	return at == w->n ? true : fail(path, "cannot read");
}

/* Read [off, off+n) and one byte more where the file ends: all, and right. */
static bool check_range(int fd, const char *path, const struct want *w,
			size_t off, size_t n, uint8_t *buf)
{
	size_t expect = off >= w->n ? 0 : w->n - off;
	ssize_t got = pread(fd, buf, n, (off_t)off);

	if (expect > n)
		expect = n;
	if (got < 0 || (size_t)got != expect)
		return fail(path, "a read returned another length");
	if (memcmp(buf, w->p + off, expect) != 0)
		return fail(path, "a read returned other bytes");
	return true;
}

static bool by_mmap(int fd, const char *path, const struct want *w)
{
	void *p;
	bool same;

	if (w->n == 0)
		return true;
	p = mmap(NULL, w->n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return fail(path, "mmap");
	same = memcmp(p, w->p, w->n) == 0;
	munmap(p, w->n);
	return same ? true : fail(path, "the mapping has other bytes");
}

static bool by_odirect(int unused, const char *path, const struct want *w)
{
	static const size_t steps[] = {CHUNK, 4096 * 33, 8 * CHUNK};
	int fd = open(path, O_RDONLY | O_DIRECT);
	uint8_t *buf = aligned_alloc(4096, 8 * CHUNK);
	bool ok = fd >= 0 && buf;

	(void)unused;
	for (size_t s = 0; ok && s < sizeof(steps) / sizeof(*steps); s++)
		for (size_t off = 0; ok && off <= w->n; off += steps[s])
			ok = check_range(fd, path, w, off, steps[s], buf);
	free(buf);
	if (fd < 0)
		return fail(path, "open with O_DIRECT");
	close(fd);
	return ok;
}

static bool by_sendfile(int fd, const char *path, const struct want *w)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	bool same;
	ssize_t n;

	do {
		n = sendfile(out, fd, NULL, 3 * CHUNK + 1);
	} while (n > 0);
	if (out < 0 || n < 0)
		return fail(path, "sendfile");
	if (lseek(out, 0, SEEK_CUR) != (off_t)w->n) {
		close(out);
		return fail(path, "sendfile moved another length");
	}
	same = by_mmap(out, path, w);
	close(out);
	return same;
}

/* A generator of our own: the same reads on every machine. */
static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static bool by_random(int fd, const char *path, const struct want *w)
{
	uint8_t *buf = malloc(3 * CHUNK);
	uint32_t r = 2463534242u ^ (uint32_t)getpid();
	bool ok = buf;

	for (int i = 0; ok && i < RANDOM_READS; i++) {
		size_t off = next_random(&r) % (w->n + 2);
		size_t max = i % 8 ? 5000 : 3 * CHUNK;

		ok = check_range(fd, path, w, off, 1 + next_random(&r) % max,
				 buf);
	}
	/* and across the end */
	for (size_t back = 0; ok && back < 3 && back <= w->n; back++)
		ok = check_range(fd, path, w, w->n - back, 2, buf);
	free(buf);
	return ok;
}

/* One of many: from another place each, in other steps. */
static bool read_round(const char *path, const struct want *w, size_t number)
{
	uint8_t *buf = malloc(CHUNK);
	size_t step = CHUNK / (1 + number % 5) - number;
	size_t start = w->n / MANY * number;
	int fd = open(path, O_RDONLY);
	bool ok = fd >= 0 && buf;

	for (size_t off = start; ok && off < w->n; off += step)
		ok = check_range(fd, path, w, off, step, buf);
	for (size_t off = 0; ok && off < start; off += step)
		ok = check_range(fd, path, w, off, step, buf);
	return ok;
}

static bool by_many(int fd, const char *path, const struct want *w)
{
	bool ok = true;
	int status;

	(void)fd;
	fflush(stdout);
	for (size_t i = 0; i < MANY; i++) {
		pid_t pid = fork();

		if (pid < 0)
			ok = fail(path, "fork");
		if (pid == 0) {
			ok = read_round(path, w, i);
			fflush(stdout);
			_exit(!ok);
		}
	}
	while (wait(&status) > 0)
		ok &= status == 0;
	return ok;
}

static const struct {
	const char *name;
	way_fn read;
} ways[] = {
	{"mmap", by_mmap},	   {"odirect", by_odirect},
	{"sendfile", by_sendfile}, {"random", by_random},
	{"many", by_many},
};

static way_fn find_way(const char *name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (strcmp(ways[i].name, name) == 0)
			return ways[i].read;
	return NULL;
}

static bool check_file(way_fn read_it, const char *path, const char *want_path)
{
	struct want w = {NULL, 0};
	bool ok = load(want_path, &w);
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		ok = fail(path, "cannot open");
	errno = 0;
	ok = ok && read_it(fd, path, &w);
	if (fd >= 0)
		close(fd);
	free(w.p);
	return ok;
}

static int check_files(way_fn read_it, const char *dir, const char *want)
{
	char line[4096], path[8192], want_path[8192];
	bool ok = true, any = false;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof(path), "%s/%s", dir, line);
		snprintf(want_path, sizeof(want_path), "%s/%s", want, line);
		ok &= check_file(read_it, path, want_path);
		any = true;
	}
	return !(ok && any);
}

static int shared_map(const char *path)
{
	int fd = open(path, O_RDONLY);
	void *p;

	if (fd < 0)
		return !fail(path, "cannot open");
	p = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		puts("ok");
	else
		puts(errno == ENODEV ? "ENODEV" : strerror(errno));
	return 0;
}

static bool refused(const char *what, long ret)
{
	if (ret == -1 && errno == EROFS)
		return true;
	printf("%s: %s instead of EROFS\n", what,
	       ret == -1 ? strerror(errno) : "it succeeded");
	return false;
}

/* name: a file of dir; both descriptors are the directory's. */
static int erofs(const char *dir, const char *name)
{
	static const struct timespec now[2];
	int d = open(dir, O_RDONLY | O_DIRECTORY);
	char path[8192];
	bool ok = true;

	if (d < 0)
		return !fail(dir, "cannot open");
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ok &= refused("open O_WRONLY", openat(d, name, O_WRONLY));
	ok &= refused("open O_RDWR", openat(d, name, O_RDWR));
	ok &= refused("open O_TRUNC", openat(d, name, O_RDONLY | O_TRUNC));
	ok &= refused("open O_CREAT", openat(d, "new", O_CREAT | O_RDWR, 0600));
	ok &= refused("truncate", truncate(path, 0));
	ok &= refused("unlink", unlinkat(d, name, 0));
	ok &= refused("mkdir", mkdirat(d, "new", 0700));
	ok &= refused("rmdir", unlinkat(d, "params", AT_REMOVEDIR));
	ok &= refused("rename", renameat(d, name, d, "new"));
	ok &= refused("link", linkat(d, name, d, "new", 0));
	ok &= refused("symlink", symlinkat("x", d, "new"));
	ok &= refused("mkfifo", mkfifoat(d, "new", 0600));
	ok &= refused("chmod", fchmodat(d, name, 0600, 0));
	ok &= refused("chown", fchownat(d, name, 0, 0, 0));
	ok &= refused("utimens", utimensat(d, name, now, 0));
	ok &= refused("setxattr", setxattr(path, "user.x", "", 0, 0));
	ok &= refused("removexattr", removexattr(path, "user.wconvfs.name"));
	close(d);
	return !ok;
}

/* The shell starts background processes with SIGINT ignored. */
static int default_signals(char **argv)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	execvp(argv[0], argv);
	return !fail(argv[0], "cannot run");
}

int main(int argc, char **argv)
{
	way_fn way = argc > 1 ? find_way(argv[1]) : NULL;

	if (way && argc == 4)
		return check_files(way, argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "shared-map") == 0)
		return shared_map(argv[2]);
	if (argc == 4 && strcmp(argv[1], "erofs") == 0)
		return erofs(argv[2], argv[3]);
	if (argc > 2 && strcmp(argv[1], "default-signals") == 0)
		return default_signals(argv + 2);
	fprintf(stderr, "usage: see the first lines of readers.c\n");
	return 2;
}
