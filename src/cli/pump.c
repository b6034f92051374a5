/* SPDX-License-Identifier: Apache-2.0 */
/* Writing outputs by several threads; see pump.h. */
#include "cli/pump.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

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

/* More threads than this wait for the disk only. */
#define MAX_THREADS 16

#define SHOW_INTERVAL_NS 200000000L

/* What the threads share; lock is for all but the atomic fields. */
struct work {
	const struct pump *pump;
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a thread has ended */
	size_t at;	      /* the output whose chunks are being taken */
	uint64_t off;	      /* the next chunk of it */
	unsigned nrunning;
	int ret; /* of the first failure */
	struct error *err;
	atomic_bool stop;
	atomic_uint_fast64_t nwritten;
};

struct worker {
	struct work *work;
	pthread_t thread;
	struct reader rd;
	uint8_t *buf; /* [STEP_NBYTES] */
};

struct chunk {
	struct output *o;
	uint64_t off, nbytes;
};

static volatile sig_atomic_t caught_signal;

static void catch_signal(int number)
{
	caught_signal = number;
}

/* ---- what one thread does ---- */

/* e is taken over; only the first failure is told. */
static void fail(struct work *w, int ret, struct error *e)
{
	pthread_mutex_lock(&w->lock);
	atomic_store(&w->stop, true);
	if (!w->ret) {
		w->ret = ret;
		*w->err = *e;
		*e = (struct error)ERROR_INIT;
	}
	pthread_mutex_unlock(&w->lock);
	error_release(e);
}

/* 1 with a chunk, 0 where there is none left, or an error. */
static int take_locked(struct work *w, struct chunk *c, struct error *err)
{
	const struct pump *p = w->pump;
	int ret;

	while (w->at < p->n && p->v[w->at].finished)
		w->at++;
	if (w->at == p->n || atomic_load(&w->stop))
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

	atomic_fetch_add(&w->nwritten, c->nbytes);
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

static void *work_on(void *arg)
{
	struct worker *k = arg;
	struct work *w = k->work;
	struct error err = ERROR_INIT;
	struct chunk c = {NULL, 0, 0};
	int ret;

	while ((ret = take(w, &c, &err)) > 0) {
		ret = write_chunk(k, &c, &err);
		if (!ret)
			ret = end_chunk(w, &c, &err);
		if (ret)
			break;
	}
	if (ret < 0)
		fail(w, ret, &err);
	pthread_mutex_lock(&w->lock);
	w->nrunning--;
	pthread_cond_signal(&w->ended);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- all of them ---- */

/* Until the threads have ended: show how far they are, look for signals. */
static void watch(struct work *w)
{
	struct progress *shown = w->pump->progress;

	pthread_mutex_lock(&w->lock);
	while (w->nrunning > 0) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += SHOW_INTERVAL_NS;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&w->ended, &w->lock, &until);
		if (caught_signal)
			atomic_store(&w->stop, true);
		pthread_mutex_unlock(&w->lock);
		progress_show(shown, atomic_load(&w->nwritten));
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	progress_end(shown);
}

static unsigned count_threads(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	/* one more: one waits for the disk while the others compute */
	return n < MAX_THREADS ? (unsigned)n + 1 : MAX_THREADS;
}

static int start(struct worker *k, struct work *w, struct error *err)
{
	int ret;

	k->work = w;
	k->buf = aligned_alloc(BUFFER_ALIGN, STEP_NBYTES);
	if (!k->buf || view_reader_init(w->pump->view, &k->rd)) {
		free(k->buf);
		return error_nomem(err);
	}
	pthread_mutex_lock(&w->lock);
	ret = pthread_create(&k->thread, NULL, work_on, k);
	w->nrunning += !ret;
	pthread_mutex_unlock(&w->lock);
	if (ret) {
		reader_release(&k->rd);
		free(k->buf);
		return error_errno(err, ERR_OUTPUT, ret, "no thread");
	}
	return 0;
}

/* The signals that end a program end the threads first. */
static void catch_signals(bool on)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction was, act = {.sa_handler = on ? catch_signal : SIG_DFL};

	act.sa_flags = SA_RESTART;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		/* nohup's stay ignored */
		if (sigaction(numbers[i], NULL, &was) == 0 &&
		    was.sa_handler != SIG_IGN)
			sigaction(numbers[i], &act, NULL);
	/* a file over the limit of sizes is an error like others */
	signal(SIGXFSZ, on ? SIG_IGN : SIG_DFL);
}

static void stop_workers(struct worker *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		pthread_join(v[i].thread, NULL);
		reader_release(&v[i].rd);
		free(v[i].buf);
	}
}

int pump_run(const struct pump *p, uint64_t *noverflows, struct error *err)
{
	struct work w = {.pump = p, .err = err};
	struct worker workers[MAX_THREADS];
	struct error no_thread = ERROR_INIT;
	unsigned n = count_threads(), started = 0;
	int ret = 0;

	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.ended, NULL);
	catch_signals(true);
	while (started < n && !(ret = start(&workers[started], &w, &no_thread)))
		started++;
	if (started > 0) {
		watch(&w);
		*noverflows = stats_get(&workers[0].rd.stats->overflows);
		stop_workers(workers, started);
		ret = w.ret; /* fewer threads take longer, that is all */
		error_release(&no_thread);
	} else {
		*err = no_thread;
	}
	for (size_t i = 0; i < p->n; i++)
		output_abandon(&p->v[i], p->dir);
	catch_signals(false);
	pthread_cond_destroy(&w.ended);
	pthread_mutex_destroy(&w.lock);
	return caught_signal && !ret ? -EINTR : ret;
}

int pump_signal(void)
{
	return caught_signal;
}
