/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read files in a way and print the seconds and the bytes it took.
 *
 *   reader WAY FILE...
 *
 *   seq       read(2) of 1 MiB, one file after the other
 *   mmap      the same through a mapping
 *   random    20,000 reads of 4 KiB, anywhere in the first file
 *   N         N threads, each a part of the first file, in 1 MiB reads
 *   each:N    N threads, each all of the first file
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)
#define PAGE 4096
#define NRANDOM 20000
#define MAX_THREADS 64

struct part {
	const char *path;
	uint64_t off, end;
	pthread_t thread;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		die(path);
	return (uint64_t)st.st_size;
}

static void *read_part(void *arg)
{
	const struct part *p = arg;
	char *buf = malloc(CHUNK);
	int fd = open(p->path, O_RDONLY);
	uint64_t off = p->off;

	if (!buf || fd < 0)
		die(p->path);
	while (off < p->end) {
		size_t n = p->end - off < CHUNK ? (size_t)(p->end - off)
						: CHUNK;
		ssize_t got = pread(fd, buf, n, (off_t)off);

		if (got <= 0)
			die(p->path);
		off += (uint64_t)got;
	}
	close(fd);
	free(buf);
	return NULL;
}

static uint64_t read_whole(const char *path)
{
	struct part p = {.path = path, .end = size_of(path)};

	read_part(&p);
	return p.end;
}

static uint64_t read_mapped(const char *path)
{
	uint64_t n = size_of(path);
	char *buf = malloc(CHUNK);
	int fd = open(path, O_RDONLY);
	const char *p = mmap(NULL, (size_t)n, PROT_READ, MAP_PRIVATE, fd, 0);

	if (!buf || p == MAP_FAILED)
		die(path);
	for (uint64_t off = 0; off < n; off += CHUNK) {
		memcpy(buf, p + off,
		       n - off < CHUNK ? (size_t)(n - off) : CHUNK);
		/* or the copy is thrown out */
		__asm__ volatile("" : : "r"(buf) : "memory");
	}
	munmap((void *)(uintptr_t)p, (size_t)n);
	close(fd);
	free(buf);
	return n;
}

static uint64_t read_random(const char *path)
{
	uint64_t n = size_of(path) / PAGE, x = 88172645463325252u;
	char buf[PAGE];
	int fd = open(path, O_RDONLY);

	for (int i = 0; i < NRANDOM; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (pread(fd, buf, PAGE, (off_t)(x % n * PAGE)) != PAGE)
			die(path);
	}
	close(fd);
	return (uint64_t)NRANDOM * PAGE;
}

static uint64_t read_threads(const char *path, unsigned n, int each)
{
	static struct part v[MAX_THREADS];
	uint64_t size = size_of(path);

	if (n < 1 || n > MAX_THREADS)
		exit(1);
	for (unsigned i = 0; i < n; i++) {
		v[i] = (struct part){
			.path = path,
			.off = each ? 0 : size / n * i,
			.end = each || i + 1 == n ? size : size / n * (i + 1)};
		if (pthread_create(&v[i].thread, NULL, read_part, &v[i]))
			die("thread");
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(v[i].thread, NULL);
	return each ? n * size : size;
}

int main(int argc, char **argv)
{
	struct timespec a, b;
	uint64_t n = 0;
	unsigned threads;

	if (argc < 3)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (strcmp(argv[1], "random") == 0)
		n = read_random(argv[2]);
	else if (sscanf(argv[1], "each:%u", &threads) == 1)
		n = read_threads(argv[2], threads, 1);
	else if (sscanf(argv[1], "%u", &threads) == 1)
		n = read_threads(argv[2], threads, 0);
	else
		for (int i = 2; i < argc; i++)
			n += strcmp(argv[1], "mmap") == 0 ? read_mapped(argv[i])
							  : read_whole(argv[i]);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%.6f %" PRIu64 "\n",
	       (double)(b.tv_sec - a.tv_sec) +
		       (double)(b.tv_nsec - a.tv_nsec) / 1e9,
	       n);
	return 0;
}
