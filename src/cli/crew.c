/* SPDX-License-Identifier: Apache-2.0 */
/* Threads side by side; see crew.h. */
#include "cli/crew.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

/* More threads than this wait for the disk only. */
#define MAX_THREADS 16

#define SHOW_INTERVAL_NS 200000000L

struct member {
	struct crew *crew;
	pthread_t thread;
	void *state;
};

static volatile sig_atomic_t caught_signal;

static void catch_signal(int number)
{
	caught_signal = number;
}

int crew_signal(void)
{
	return caught_signal;
}

void crew_did(struct crew *c, uint64_t nbytes)
{
	atomic_fetch_add(&c->nbytes, nbytes);
}

/* ---- what one thread does ---- */

/* e is taken over; only the first failure is told. */
static void fail(struct crew *c, int ret, struct error *e)
{
	pthread_mutex_lock(&c->lock);
	atomic_store(&c->stop, true);
	if (!c->ret) {
		c->ret = ret;
		*c->err = *e;
		*e = (struct error)ERROR_INIT;
	}
	pthread_mutex_unlock(&c->lock);
	error_release(e);
}

static void *work_on(void *arg)
{
	struct member *m = arg;
	struct crew *c = m->crew;
	struct error err = ERROR_INIT;
	int ret = 1;

	while (ret > 0 && !atomic_load(&c->stop))
		ret = c->work(m->state, &err);
	if (ret < 0)
		fail(c, ret, &err);
	pthread_mutex_lock(&c->lock);
	c->nrunning--;
	pthread_cond_signal(&c->ended);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* ---- all of them ---- */

/* Until the threads have ended: show how far they are, look for signals. */
static void watch(struct crew *c)
{
	pthread_mutex_lock(&c->lock);
	while (c->nrunning > 0) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += SHOW_INTERVAL_NS;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&c->ended, &c->lock, &until);
		if (caught_signal)
			atomic_store(&c->stop, true);
		pthread_mutex_unlock(&c->lock);
		progress_show(c->progress, atomic_load(&c->nbytes));
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	progress_show(c->progress, atomic_load(&c->nbytes));
	progress_end(c->progress);
}

static unsigned count_threads(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	/* one more: one waits for the disk while the others compute */
	return n < MAX_THREADS ? (unsigned)n + 1 : MAX_THREADS;
}

static int start(struct member *m, struct crew *c, struct error *err)
{
	int ret;

	m->crew = c;
	m->state = c->begin(c->ctx);
	if (!m->state)
		return error_nomem(err);
	pthread_mutex_lock(&c->lock);
	ret = pthread_create(&m->thread, NULL, work_on, m);
	c->nrunning += !ret;
	pthread_mutex_unlock(&c->lock);
	if (!ret)
		return 0;
	c->end(m->state);
	return error_errno(err, ERR_OUTPUT, ret, "no thread");
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

int crew_run(struct crew *c, struct error *err)
{
	struct member v[MAX_THREADS];
	struct error none = ERROR_INIT;
	unsigned n = count_threads(), started = 0;
	int ret = 0;

	c->err = err;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->ended, NULL);
	catch_signals(true);
	while (started < n && !ret) {
		ret = start(&v[started], c, &none);
		started += !ret;
	}
	if (started > 0) {
		watch(c);
		ret = c->ret; /* fewer threads take longer, that is all */
		error_release(&none);
	} else {
		*err = none;
	}
	for (unsigned i = 0; i < started; i++) {
		pthread_join(v[i].thread, NULL);
		c->end(v[i].state);
	}
	if (c->finish)
		c->finish(c->ctx);
	catch_signals(false);
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->lock);
	return caught_signal && !ret ? -EINTR : ret;
}
