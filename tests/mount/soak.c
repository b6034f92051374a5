/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64 readers that do what comes to their mind, for a while.
 *
 *   soak DIR WANT SECONDS PID GROWTH <paths
 *
 * Each stats, lists, reads and maps DIR/path at random and compares with
 * WANT/path. Process PID, who serves DIR, must not have more descriptors at
 * the end than at the beginning, nor GROWTH KB more of memory than after a
 * quarter of the time, both at rest. Prints a line of numbers; exit code 0 if
 * all is right.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define READERS 64
#define FILES_MAX 4096
#define PATH_SIZE 1024
#define PAGE 4096
#define RANGE_MAX ((size_t)1 << 20)
#define XATTR_MAX 8192

struct file {
	char path[PATH_SIZE]; /* under DIR */
	char dir[PATH_SIZE];
	const uint8_t *want; /* [n] */
	size_t n;
	unsigned entries; /* of dir */
	char xattrs[XATTR_MAX];
	size_t xattrs_n;
};

struct reader {
	pthread_t thread;
	uint64_t random;
	uint8_t *buf; /* [RANGE_MAX], of whole pages */
};

static struct file *files; /* [nfiles] */
static size_t nfiles;
static atomic_bool over;
static atomic_ulong nops, nbytes, ndifferences;

static bool fail(const char *path, const char *what)
{
	if (atomic_fetch_add(&ndifferences, 1) < 20)
		printf("%s: %s (%s)\n", path, what, strerror(errno));
	return false;
}

/* splitmix64 */
static uint64_t next_random(struct reader *r)
{
	uint64_t z = r->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static size_t below(struct reader *r, size_t n)
{
	return (size_t)(next_random(r) % n);
}

static unsigned count_entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* All names and values, one behind the other. */
static size_t get_xattrs(const char *path, char *out)
{
	char names[1024];
	ssize_t left = listxattr(path, names, sizeof(names));
	size_t at = 0;

	for (const char *p = names; left > 0;) {
		size_t n = strlen(p) + 1;
		ssize_t got;

		memcpy(out + at, p, n);
		at += n;
		got = getxattr(path, p, out + at, XATTR_MAX - 1024 - at);
		at += got > 0 ? (size_t)got : 0;
		p += n;
		left -= (ssize_t)n;
	}
	return at;
}

/* ---- what a reader does with a file ---- */

static void do_stat(struct reader *r, const struct file *f)
{
	struct stat st;

	(void)r;
	if (stat(f->path, &st) < 0 || (size_t)st.st_size != f->n)
		fail(f->path, "stat says something else");
}

static void do_list(struct reader *r, const struct file *f)
{
	(void)r;
	if (count_entries(f->dir) != f->entries)
		fail(f->dir, "has another number of entries");
}

static void do_xattr(struct reader *r, const struct file *f)
{
	char *now = (char *)r->buf;

	if (get_xattrs(f->path, now) != f->xattrs_n ||
	    memcmp(now, f->xattrs, f->xattrs_n) != 0)
		fail(f->path, "has other attributes");
}

static void read_range(struct reader *r, const struct file *f, int fd,
		       size_t off, size_t n)
{
	size_t expect = off < f->n ? f->n - off : 0;
	ssize_t got;

	if (expect > n)
		expect = n;
	got = pread(fd, r->buf, n, (off_t)off);
	if (got < 0 || (size_t)got != expect)
		fail(f->path, "a read returned another length");
	else if (memcmp(r->buf, f->want + off, expect) != 0)
		fail(f->path, "a read returned other bytes");
	else
		atomic_fetch_add(&nbytes, expect);
}

/* Some reads of a file; every other time what is cached is forgotten. */
static void do_read(struct reader *r, const struct file *f)
{
	int fd = open(f->path, O_RDONLY);

	if (fd < 0) {
		fail(f->path, "open");
		return;
	}
	for (size_t i = below(r, 4) + 1; i > 0; i--) {
		size_t max = below(r, 4) ? 8192 : RANGE_MAX;
		size_t off = below(r, f->n + 2), n = 1 + below(r, max);

		if (below(r, 2))
			posix_fadvise(fd, (off_t)off, (off_t)n,
				      POSIX_FADV_DONTNEED);
		read_range(r, f, fd, off, n);
	}
	close(fd);
}

static void do_direct(struct reader *r, const struct file *f)
{
	int fd = open(f->path, O_RDONLY | O_DIRECT);

	if (fd < 0)
		fail(f->path, "open with O_DIRECT");
	else
		read_range(r, f, fd, below(r, f->n / PAGE + 1) * PAGE,
			   RANGE_MAX);
	if (fd >= 0)
		close(fd);
}

static void do_map(struct reader *r, const struct file *f)
{
	size_t off = below(r, f->n / PAGE + 1) * PAGE;
	size_t n = f->n - off < RANGE_MAX ? f->n - off : RANGE_MAX;
	int fd = open(f->path, O_RDONLY);
	void *p = MAP_FAILED;

	if (n > 0 && fd >= 0)
		p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, (off_t)off);
	if (fd >= 0)
		close(fd);
	if (n == 0)
		return;
	if (p == MAP_FAILED) {
		fail(f->path, "mmap");
		return;
	}
	if (memcmp(p, f->want + off, n) != 0)
		fail(f->path, "a mapping has other bytes");
	munmap(p, n);
	atomic_fetch_add(&nbytes, n);
}

static void do_miss(struct reader *r, const struct file *f)
{
	char path[PATH_SIZE + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%s.%zu", f->path, below(r, 1000));
	if (stat(path, &st) == 0 || errno != ENOENT)
		fail(path, "should not be there");
}

static void *run_reader(void *arg)
{
	static void (*const ops[])(struct reader *, const struct file *) = {
		do_read, do_read, do_read, do_direct, do_map,
		do_map,	 do_stat, do_list, do_xattr,  do_miss,
	};
	struct reader *r = arg;

	while (!over) {
		const struct file *f = &files[below(r, nfiles)];

		ops[below(r, sizeof(ops) / sizeof(*ops))](r, f);
		atomic_fetch_add(&nops, 1);
	}
	return NULL;
}

/* ---- beginning and end ---- */

static bool map_want(struct file *f, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *p = NULL;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(path, "cannot open");
	f->n = (size_t)st.st_size;
	if (f->n)
		p = mmap(NULL, f->n, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return fail(path, "mmap");
	f->want = p;
	return true;
}

static bool load_files(const char *dir, const char *want)
{
	char line[400], path[PATH_SIZE];

	files = calloc(FILES_MAX, sizeof(*files));
	while (files && nfiles < FILES_MAX &&
	       fgets(line, sizeof(line), stdin)) {
		struct file *f = &files[nfiles++];

		line[strcspn(line, "\n")] = '\0';
		snprintf(f->path, sizeof(f->path), "%.500s/%s", dir, line);
		snprintf(path, sizeof(path), "%.500s/%s", want, line);
		snprintf(f->dir, sizeof(f->dir), "%s", f->path);
		*strrchr(f->dir, '/') = '\0';
		f->entries = count_entries(f->dir);
		f->xattrs_n = get_xattrs(f->path, f->xattrs);
		if (!map_want(f, path))
			return false;
	}
	return nfiles > 0;
}

static long count_fds(const char *pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	return (long)count_entries(path);
}

static long resident_kb(const char *pid)
{
	char path[64], line[256];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static void sleep_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* All readers for a while. */
static bool run_readers(struct reader *readers, long ms)
{
	size_t n;

	over = false;
	for (n = 0; n < READERS; n++)
		if (pthread_create(&readers[n].thread, NULL, run_reader,
				   &readers[n]) != 0)
			break;
	sleep_ms(ms);
	over = true;
	for (size_t i = 0; i < n; i++)
		pthread_join(readers[i].thread, NULL);
	sleep_ms(200); /* releases are not waited for */
	return n == READERS || fail("soak", "cannot start a reader");
}

static bool make_readers(struct reader *readers)
{
	for (size_t i = 0; i < READERS; i++) {
		readers[i].random = i << 32;
		readers[i].buf = aligned_alloc(PAGE, RANGE_MAX);
		if (!readers[i].buf)
			return fail("soak", "no memory");
	}
	return true;
}

/*
 * What is resident is compared between two moments of rest: under load it
 * depends on how many reads are being answered.
 */
static bool soak(long seconds, const char *pid, long growth)
{
	static struct reader readers[READERS];
	long fds = count_fds(pid), rss, fds_end, rss_end;

	if (!make_readers(readers) || !run_readers(readers, seconds * 250))
		return false;
	rss = resident_kb(pid);
	if (!run_readers(readers, seconds * 750))
		return false;
	rss_end = resident_kb(pid);
	fds_end = count_fds(pid);
	printf("%d readers, %ld s: %lu operations, %lu bytes, %lu differences, "
	       "%ld -> %ld KB resident, %ld -> %ld descriptors\n",
	       READERS, seconds, nops, nbytes, ndifferences, rss, rss_end, fds,
	       fds_end);
	return ndifferences == 0 && rss > 0 && rss_end <= rss + growth &&
	       fds_end == fds;
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: see the first lines of soak.c\n");
		return 2;
	}
	if (!load_files(argv[1], argv[2]))
		return 1;
	return !soak(strtol(argv[3], NULL, 10), argv[4],
		     strtol(argv[5], NULL, 10));
}
