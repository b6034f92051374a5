/* SPDX-License-Identifier: Apache-2.0 */
/* Items by several threads; see each.h. */
#include "cli/each.h"

#include <stdlib.h>
#include <unistd.h>

/* lock is for all but the crew. */
struct work {
	const struct each *e;
	struct crew crew;
	pthread_mutex_t lock;
	size_t next; /* the item that a thread takes */
	size_t told; /* the items before it are told */
	bool *done;  /* [n] */
};

struct worker {
	struct work *work;
	void *state; /* of the user */
};

static bool take(struct work *w, size_t *i)
{
	pthread_mutex_lock(&w->lock);
	*i = w->next;
	w->next += *i < w->e->n;
	pthread_mutex_unlock(&w->lock);
	return *i < w->e->n;
}

/* Item i is worked on: tell of those that now are in turn. */
static int put(struct work *w, size_t i, struct error *err)
{
	int ret = 0;

	pthread_mutex_lock(&w->lock);
	w->done[i] = true;
	while (!ret && w->told < w->e->n && w->done[w->told])
		ret = w->e->tell(w->e->ctx, w->told++, err);
	if (ret)
		w->told = w->e->n; /* nobody tells of what follows */
	pthread_mutex_unlock(&w->lock);
	return ret;
}

static int work_on(void *state, struct error *err)
{
	struct worker *k = state;
	struct work *w = k->work;
	size_t i;
	int ret;

	if (!take(w, &i))
		return 0;
	ret = w->e->work(k->state, i, &w->crew, err);
	if (!ret)
		ret = put(w, i, err);
	return ret ? ret : 1;
}

static void *begin_worker(void *ctx)
{
	struct work *w = ctx;
	struct worker *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->work = w;
	k->state = w->e->begin(w->e->ctx);
	if (k->state)
		return k;
	free(k);
	return NULL;
}

static void end_worker(void *state)
{
	struct worker *k = state;

	k->work->e->end(k->state);
	free(k);
}

int each_run(const struct each *e, uint64_t nbytes, struct error *err)
{
	struct work w = {.e = e};
	struct progress progress;
	int ret;

	w.done = calloc(e->n + 1, sizeof(*w.done));
	if (!w.done)
		return error_nomem(err);
	progress_start(&progress, nbytes,
		       !isatty(STDERR_FILENO) || isatty(STDOUT_FILENO));
	w.crew = (struct crew){.ctx = &w,
			       .begin = begin_worker,
			       .end = end_worker,
			       .work = work_on,
			       .progress = &progress};
	pthread_mutex_init(&w.lock, NULL);
	ret = crew_run(&w.crew, err);
	pthread_mutex_destroy(&w.lock);
	free(w.done);
	return ret;
}
