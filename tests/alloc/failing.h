/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out at a call of the test's choice. failing.c defines
 * malloc and its relatives for all of a process, libraries included: linked
 * into a test program, or preloaded (failing.so), where the environment says
 *
 *   FAIL_ALLOC=N        the N-th call of the process fails
 *   FAIL_ALLOC_LOG=F    at its end, append the number of its calls to F
 */
#ifndef WC_TESTS_FAILING_H
#define WC_TESTS_FAILING_H

#include <stddef.h>
#include <stdint.h>

/* Let the n-th call from now on fail, and no other; 0: none. */
void failing_at(uint64_t n);

/* Calls since then. */
uint64_t failing_calls(void);

/* Note of the next n calls which functions they are made from, in places; 0: no
 * more. Calls from the same ones, up to DEPTH of them, note the same number. */
void failing_note(uint64_t *places, size_t n);

/* Whether it was that library that asked for what failed. */
_Bool failing_was_in(const char *library);

/* Blocks that are allocated and not freed. */
int64_t failing_live(void);

#endif
