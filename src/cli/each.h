/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on each item of a list, such as the tensors of a view, by several
 * threads; what comes out of it is told in their order.
 */
#ifndef WC_CLI_EACH_H
#define WC_CLI_EACH_H

#include "cli/crew.h"

struct each {
	size_t n; /* items */
	void *ctx;
	/* A thread's own state, NULL where memory runs out; and its end. */
	void *(*begin)(void *ctx);
	void (*end)(void *state);
	/* An item, in any thread; crew_did tells of the bytes that are done. */
	int (*work)(void *state, size_t i, struct crew *crew,
		    struct error *err);
	/* The items that are worked on, in their order, one at a time. */
	int (*tell)(void *ctx, size_t i, struct error *err);
};

/*
 * On a terminal progress is shown, of nbytes in all, but where the standard
 * output goes to it too. The first failure is told.
 */
int each_run(const struct each *e, uint64_t nbytes, struct error *err);

#endif
