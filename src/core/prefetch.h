/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that reads a source before a sequential reader does, so that what
 * is read is in the page cache by then. The kernel's readahead begins again
 * only where a reader comes to what is there already, and it is late for one
 * that is busy with something else between two reads.
 *
 * It begins with the first source that is read sequentially. What it does is
 * never needed: one that a stalled source holds is missed by nobody.
 */
#ifndef WC_CORE_PREFETCH_H
#define WC_CORE_PREFETCH_H

#include <stddef.h>
#include <stdint.h>

#include "core/source.h"

struct prefetch;

/*
 * NULL: there is no memory, or no /dev/null. The sources it is told of must
 * outlive prefetch_free.
 */
struct prefetch *prefetch_new(void);

/* Waits for the thread, whatever it reads. */
void prefetch_free(struct prefetch *p);

/* A reader is about to read n bytes of s at off. Any thread may say so. */
void prefetch_note(struct prefetch *p, struct source *s, uint64_t off,
		   size_t n);

#endif
