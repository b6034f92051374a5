/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that work side by side until no work is left, while the one that
 * started them shows how far they are and looks for signals.
 */
#ifndef WC_CLI_CREW_H
#define WC_CLI_CREW_H

#include <pthread.h>
#include <stdatomic.h>

#include "cli/progress.h"
#include "core/error.h"

struct crew {
	void *ctx;
	/* A thread's own state, NULL where memory runs out; and its end. */
	void *(*begin)(void *ctx);
	void (*end)(void *state);
	/* A piece of work: 1, or 0 where there is none left, or an error. */
	int (*work)(void *state, struct error *err);
	/* What must not be cut short by a signal, behind all work; or NULL. */
	void (*finish)(void *ctx);
	struct progress *progress; /* started, of the bytes of all the work */

	/* crew.c's; lock is for those without atomic */
	atomic_bool stop;
	atomic_uint_fast64_t nbytes; /* that are done */
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a thread has ended */
	unsigned nrunning;
	int ret; /* of the first failure */
	struct error *err;
};

/*
 * Work until there is none left, or one fails: the first failure is told, the
 * others end with the piece that they are at. So does a signal that ends the
 * program, which gives -EINTR without a sentence.
 */
int crew_run(struct crew *c, struct error *err);

/* nbytes more are done; from any thread. */
void crew_did(struct crew *c, uint64_t nbytes);

/* The signal that ended crew_run, or 0. */
int crew_signal(void);

#endif
