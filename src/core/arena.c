/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocation in blocks; see arena.h. */
#include "core/arena.h"

#include <stdint.h>
#include <stdlib.h>

/* A block holds thousands of names; larger requests get their own. */
#define BLOCK_NBYTES ((size_t)64 << 10)

struct arena_block {
	struct arena_block *next;
	size_t cap;
	_Alignas(8) char data[];
};

static struct arena_block *block_new(size_t cap)
{
	struct arena_block *b;

	if (cap > SIZE_MAX - sizeof(*b))
		return NULL;
	b = calloc(1, sizeof(*b) + cap);
	if (b)
		b->cap = cap;
	return b;
}

/* A block of its own, behind the head, which keeps being filled. */
static void *alloc_large(struct arena *a, size_t n)
{
	struct arena_block *b = block_new(n);

	if (!b)
		return NULL;
	if (a->head) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		a->head = b;
		a->used = n;
	}
	return b->data;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b;
	void *p;

	if (n > SIZE_MAX - 7)
		return NULL;
	n = (n + 7) & ~(size_t)7;
	if (n > BLOCK_NBYTES / 4)
		return alloc_large(a, n);
	if (!a->head || a->head->cap - a->used < n) {
		b = block_new(BLOCK_NBYTES);
		if (!b)
			return NULL;
		b->next = a->head;
		a->head = b;
		a->used = 0;
	}
	p = a->head->data + a->used;
	a->used += n;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t nbytes;

	if (__builtin_mul_overflow(n, size, &nbytes))
		return NULL;
	return arena_alloc(a, nbytes);
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

	if (p && s.n)
		memcpy(p, s.p, s.n);
	return (struct str){p, p ? s.n : 0};
}

void arena_release(struct arena *a)
{
	while (a->head) {
		struct arena_block *b = a->head;

		a->head = b->next;
		free(b);
	}
	a->used = 0;
}
