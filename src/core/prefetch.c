/* SPDX-License-Identifier: Apache-2.0 */
/* Reading sources ahead of their readers; see prefetch.h. */
#include "core/prefetch.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/checked.h"

/* How far ahead of the reader. */
#define WINDOW (UINT64_C(32) << 20)

/* What is read at a time. */
#define STEP ((size_t)512 << 10)

/*
 * Reads that are not further apart belong to one run: those of a merge take
 * turns between two tensors, and several threads answer one reader.
 */
#define NEAR (UINT64_C(64) << 20)

/* A shorter run is not worth a thread, nor disk traffic that may be in vain. */
#define RUN_MIN (UINT64_C(4) << 20)

struct prefetch {
	pthread_mutex_t lock; /* of the thread's start and its sleep */
	pthread_cond_t wake;
	pthread_t thread;
	bool started;
	atomic_bool over;
	_Atomic(struct source *) wanted; /* the last one that was asked for */
	int null;			 /* /dev/null */
};

/* The next step for a source; false where it is far enough ahead. */
static bool step(struct prefetch *p, struct source *s)
{
	uint64_t next = atomic_load(&s->next), off = atomic_load(&s->ahead);

	if (off < next)
		off = next;
	if (off >= s->nbytes || off - next >= WINDOW ||
	    atomic_load(&s->changed))
		return false;
	if (!source_touch(s, off, min_size(s->nbytes - off, STEP), p->null))
		return false;
	atomic_store(&s->ahead, off + STEP);
	return true;
}

static void *run(void *arg)
{
	struct prefetch *p = arg;

	while (!p->over) {
		struct source *s;

		pthread_mutex_lock(&p->lock);
		while (!p->over && !p->wanted)
			pthread_cond_wait(&p->wake, &p->lock);
		s = atomic_exchange(&p->wanted, NULL);
		pthread_mutex_unlock(&p->lock);
		while (s && !p->over && !p->wanted && step(p, s))
			;
	}
	return NULL;
}

static void start(struct prefetch *p)
{
	if (p->started || p->over)
		return;
	p->started = pthread_create(&p->thread, NULL, run, p) == 0;
	p->over = !p->started;
}

static void ask(struct prefetch *p, struct source *s)
{
	pthread_mutex_lock(&p->lock);
	start(p);
	p->wanted = s;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

void prefetch_note(struct prefetch *p, struct source *s, uint64_t off, size_t n)
{
	uint64_t next = atomic_load(&s->next), end = off + n;

	if (off + NEAR < next || off > next + NEAR) {
		atomic_store(&s->next, end);
		atomic_store(&s->ahead, end);
		atomic_store(&s->run, 0);
		return;
	}
	if (end <= next)
		return;
	atomic_store(&s->next, end);
	if (atomic_fetch_add(&s->run, n) >= RUN_MIN &&
	    end < s->nbytes && atomic_load(&s->ahead) < end + WINDOW / 2)
		ask(p, s);
}

struct prefetch *prefetch_new(void)
{
	struct prefetch *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (p->null < 0) {
		free(p);
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	return p;
}

void prefetch_free(struct prefetch *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->over = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (p->started)
		pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	close(p->null);
	free(p);
}
