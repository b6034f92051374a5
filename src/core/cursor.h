/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to walk untrusted bytes: a position and an end. Nothing reads
 * past the end; a failed read leaves the position where it was.
 */
#ifndef WC_CORE_CURSOR_H
#define WC_CORE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *begin, *p, *end;
};

static inline struct cursor cursor_of(const void *p, size_t n)
{
	const uint8_t *b = p;

	return (struct cursor){b, b, b + n};
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

static inline size_t cursor_pos(const struct cursor *c)
{
	return (size_t)(c->p - c->begin);
}

/* The next byte without taking it, or -1 at the end. */
static inline int cursor_peek(const struct cursor *c)
{
	return c->p < c->end ? *c->p : -1;
}

/* The next byte, or -1 at the end. */
static inline int cursor_next(struct cursor *c)
{
	return c->p < c->end ? *c->p++ : -1;
}

/* Take byte b if it is next. */
static inline bool cursor_take(struct cursor *c, int b)
{
	if (cursor_peek(c) != b)
		return false;
	c->p++;
	return true;
}

/* The next n bytes, or NULL if fewer are left. */
static inline const uint8_t *cursor_bytes(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (cursor_left(c) < n)
		return NULL;
	c->p += n;
	return p;
}

static inline bool cursor_le64(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = cursor_bytes(c, 8);

	if (!p)
		return false;
	*out = 0;
	for (int i = 7; i >= 0; i--)
		*out = *out << 8 | p[i];
	return true;
}

#endif
