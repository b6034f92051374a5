/* SPDX-License-Identifier: Apache-2.0 */
/* Writing outputs by several threads; see pump.h. */
#include "cli/pump.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "cli/crew.h"
#include "core/checked.h"

/* What a thread takes at a time. */
#define CHUNK_NBYTES (UINT64_C(8) << 20)

/*
 * Made bytes are made and written in steps that stay in the second cache.
 * Larger writes also make the kernel take larger pieces of memory, which a
 * virtual machine may have to get from its host first (2.2 GB: 2.1 s of system
 * time with steps of 1 MiB, 0.9 s with these).
 */
#define STEP_NBYTES ((size_t)256 << 10)

/* The kernel copies slower from what begins inside a line of the cache. */
#define BUFFER_ALIGN 4096

/*
 * The kernel copies runs of a source that are at least this long, and whose
 * bytes have the same places in their pages on both sides: it may share their
 * blocks then. Others are faster read and written (2.2 GB: 1.1 s of system time
 * copied, 0.8 s so).
 */
#define COPY_MIN_NBYTES ((uint64_t)256 << 10)
#define COPY_ALIGN 4096

/* What the threads share; lock is for at and off, and the outputs' left. */
struct work {
	const struct pump *pump;
	struct crew crew;
	pthread_mutex_t lock;
	size_t at;    /* the output whose chunks are being taken */
	uint64_t off; /* the next chunk of it */
	uint64_t noverflows; /* once a worker has ended */
};

struct worker {
	struct work *work;
	struct reader rd;
	uint8_t *buf; /* [STEP_NBYTES] */
};

struct chunk {
	struct output *o;
	uint64_t off, nbytes;
};

/* ---- what one thread does ---- */

/* 1 with a chunk, 0 where there is none left, or an error. */
static int take_locked(struct work *w, struct chunk *c, struct error *err)
{
	const struct pump *p = w->pump;
	int ret;

	while (w->at < p->n && p->v[w->at].finished)
		w->at++;
	if (w->at == p->n)
		return 0;
	c->o = &p->v[w->at];
	if (w->off == 0) {
		ret = output_begin(c->o, p->dir, err);
		if (ret)
			return ret;
		c->o->left = c->o->bytes->nbytes;
	}
	c->off = w->off;
	c->nbytes = min_u64(c->o->bytes->nbytes - c->off, CHUNK_NBYTES);
	w->off += c->nbytes;
	if (w->off == c->o->bytes->nbytes) {
		w->at++;
		w->off = 0;
	}
	return 1;
}

static int take(struct work *w, struct chunk *c, struct error *err)
{
	int ret;

	pthread_mutex_lock(&w->lock);
	ret = take_locked(w, c, err);
	pthread_mutex_unlock(&w->lock);
	return ret;
}

/* Bytes [off, off+n) by way of memory. */
static int make(struct worker *k, struct output *o, uint64_t off, uint64_t n,
		struct error *err)
{
	int ret = 0;

	while (n > 0 && !ret) {
		size_t step = min_size(n, STEP_NBYTES);
		ssize_t got = vfile_read(o->bytes, off, step, k->buf, &k->rd);

		if (got < 0)
			return error_errno(err, ERR_SOURCE, (int)-got,
					   "%s at byte %llu", o->name,
					   (unsigned long long)off);
		pthread_mutex_lock(&o->writing);
		ret = output_write(o, off, k->buf, (size_t)got, err);
		pthread_mutex_unlock(&o->writing);
		off += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return ret;
}

/* Bytes of a source: what the kernel does not copy is read and written. */
static int copy(struct worker *k, struct output *o, uint64_t off,
		const struct source_run *run, struct error *err)
{
	size_t n;

	pthread_mutex_lock(&o->writing);
	n = source_copy(run->src, run->off, (size_t)run->nbytes, o->fd, off);
	pthread_mutex_unlock(&o->writing);
	return make(k, o, off + n, run->nbytes - n, err);
}

static int write_chunk(struct worker *k, const struct chunk *c,
		       struct error *err)
{
	uint64_t made = c->off, off = c->off, end = c->off + c->nbytes;
	int ret = 0;

	while (off < end && !ret) {
		struct source_run run;

		vfile_run(c->o->bytes, off, &run);
		run.nbytes = min_u64(run.nbytes, end - off);
		if (run.src && run.nbytes >= COPY_MIN_NBYTES &&
		    run.off % COPY_ALIGN == off % COPY_ALIGN) {
			ret = make(k, c->o, made, off - made, err);
			if (!ret)
				ret = copy(k, c->o, off, &run, err);
			made = off + run.nbytes;
		}
		off += run.nbytes;
	}
	return ret ? ret : make(k, c->o, made, end - made, err);
}

/* The chunk is written; with the last one of a file, so is the file. */
static int end_chunk(struct work *w, const struct chunk *c, struct error *err)
{
	bool last;
	int ret;

	output_flush(c->o, c->off, c->nbytes);
	crew_did(&w->crew, c->nbytes);
	pthread_mutex_lock(&w->lock);
	c->o->left -= c->nbytes;
	last = c->o->left == 0;
	pthread_mutex_unlock(&w->lock);
	if (!last)
		return 0;
	ret = output_sync(c->o, err);
	if (!ret) {
		pthread_mutex_lock(&w->lock);
		ret = manifest_add(w->pump->manifest, c->o, err);
		pthread_mutex_unlock(&w->lock);
	}
	return ret ? ret : output_finish(c->o, w->pump->dir, err);
}

static int work_on(void *state, struct error *err)
{
	struct worker *k = state;
	struct chunk c = {NULL, 0, 0};
	int ret = take(k->work, &c, err);

	if (ret <= 0)
		return ret;
	ret = write_chunk(k, &c, err);
	if (!ret)
		ret = end_chunk(k->work, &c, err);
	return ret ? ret : 1;
}

/* ---- all of them ---- */

static void end_worker(void *state)
{
	struct worker *k = state;

	if (k->rd.stats)
		k->work->noverflows = stats_get(&k->rd.stats->overflows);
	reader_release(&k->rd);
	free(k->buf);
	free(k);
}

static void *begin_worker(void *ctx)
{
	struct work *w = ctx;
	struct worker *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->work = w;
	k->buf = aligned_alloc(BUFFER_ALIGN, STEP_NBYTES);
	if (k->buf && view_reader_init(w->pump->view, &k->rd) == 0)
		return k;
	end_worker(k);
	return NULL;
}

static void abandon(void *ctx)
{
	const struct pump *p = ((struct work *)ctx)->pump;

	for (size_t i = 0; i < p->n; i++)
		output_abandon(&p->v[i], p->dir);
}

int pump_run(const struct pump *p, uint64_t *noverflows, struct error *err)
{
	struct work w = {.pump = p};
	int ret;

	w.crew = (struct crew){.ctx = &w,
			       .begin = begin_worker,
			       .end = end_worker,
			       .work = work_on,
			       .finish = abandon,
			       .progress = p->progress};
	pthread_mutex_init(&w.lock, NULL);
	ret = crew_run(&w.crew, err);
	pthread_mutex_destroy(&w.lock);
	*noverflows = w.noverflows;
	return ret;
}
