/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole-mount data lives in arenas: allocated piece by piece while a source is
 * opened, immutable afterwards, freed at once.
 */
#ifndef WC_CORE_ARENA_H
#define WC_CORE_ARENA_H

#include <stddef.h>

#include "core/str.h"

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t used; /* bytes used of the head block */
};

#define ARENA_INIT                                                             \
	{                                                                      \
		NULL, 0                                                        \
	}

/* n zeroed bytes aligned to 8, or NULL. n may be 0. */
void *arena_alloc(struct arena *a, size_t n);

/* An array of n zeroed elements, or NULL (also where its size overflows). */
void *arena_array(struct arena *a, size_t n, size_t size);

/* A copy of s with a NUL behind it (not counted); p is NULL on failure. */
struct str arena_str(struct arena *a, struct str s);

void arena_release(struct arena *a);

#endif
