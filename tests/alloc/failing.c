/* SPDX-License-Identifier: Apache-2.0 */
/* See failing.h; on top of the GNU C library's own functions. */
#include "tests/alloc/failing.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);

static atomic_uint_fast64_t calls, fail_at;
static atomic_int_fast64_t live;
static _Atomic(void *) failed_caller;

#define DEPTH 12
static uint64_t *noted; /* [noted_max], of the calls from now on */
static size_t nnoted, noted_max;

void failing_at(uint64_t n)
{
	atomic_store(&calls, 0);
	atomic_store(&fail_at, n);
}

uint64_t failing_calls(void)
{
	return atomic_load(&calls);
}

_Bool failing_was_in(const char *library)
{
	Dl_info info;

	return dladdr(atomic_load(&failed_caller), &info) && info.dli_fname &&
	       strstr(info.dli_fname, library);
}

int64_t failing_live(void)
{
	return atomic_load(&live);
}

void failing_note(uint64_t *places, size_t n)
{
	void *pc[DEPTH];

	backtrace(pc, DEPTH); /* its first use allocates */
	noted = places;
	nnoted = 0;
	noted_max = n;
}

static void note_place(void)
{
	void *pc[DEPTH];
	int n = backtrace(pc, DEPTH);
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum = (sum ^ (uintptr_t)pc[i]) * UINT64_C(0x100000001b3);
	noted[nnoted++] = sum;
}

/* OpenSSL 3.0 locks a lock that it had no memory for: it is spared. */
static _Bool is_spared(void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname &&
	       strstr(info.dli_fname, "/libcrypto.so");
}

static _Bool fails(void *caller)
{
	if (is_spared(caller))
		return 0;
	if (nnoted < noted_max)
		note_place();
	if (atomic_fetch_add(&calls, 1) + 1 != atomic_load(&fail_at))
		return 0;
	atomic_store(&failed_caller, caller);
	errno = ENOMEM;
	return 1;
}

static void *counted(void *p)
{
	if (p)
		atomic_fetch_add(&live, 1);
	return p;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t n)
{
	return fails(CALLER) ? NULL : counted(__libc_malloc(n));
}

void *calloc(size_t n, size_t size)
{
	return fails(CALLER) ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t n)
{
	if (!p)
		return fails(CALLER) ? NULL : counted(__libc_malloc(n));
	if (!n) {
		free(p);
		return NULL;
	}
	return fails(CALLER) ? NULL : __libc_realloc(p, n);
}

void *memalign(size_t align, size_t n)
{
	return fails(CALLER) ? NULL : counted(__libc_memalign(align, n));
}

void *aligned_alloc(size_t align, size_t n)
{
	return fails(CALLER) ? NULL : counted(__libc_memalign(align, n));
}

int posix_memalign(void **out, size_t align, size_t n)
{
	*out = fails(CALLER) ? NULL : counted(__libc_memalign(align, n));
	return *out ? 0 : ENOMEM;
}

void free(void *p)
{
	if (p)
		atomic_fetch_sub(&live, 1);
	__libc_free(p);
}

/* ---- preloaded ---- */

static const char *log_path;

static void __attribute__((constructor)) begin(void)
{
	const char *n = getenv("FAIL_ALLOC");

	log_path = getenv("FAIL_ALLOC_LOG");
	unsetenv("LD_PRELOAD"); /* not for what this process starts */
	failing_at(n ? strtoull(n, NULL, 10) : 0);
}

static void __attribute__((destructor)) end(void)
{
	char text[32];
	int fd, n;

	if (!log_path)
		return;
	fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	n = snprintf(text, sizeof(text), "%llu\n",
		     (unsigned long long)atomic_load(&calls));
	if (fd >= 0 && write(fd, text, (size_t)n) == n)
		close(fd);
}
