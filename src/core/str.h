/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A borrowed byte string with its length. Tensor names are arbitrary UTF-8 and
 * may hold NUL, so names are never C strings below the command line.
 */
#ifndef WC_CORE_STR_H
#define WC_CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
	const char *p; /* not NUL-terminated */
	size_t n;
};

/* A string literal or NUL-terminated string as a struct str. */
static inline struct str str_of(const char *s)
{
	return (struct str){s, strlen(s)};
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *s)
{
	return str_eq(a, str_of(s));
}

static inline bool str_starts(struct str a, struct str prefix)
{
	return a.n >= prefix.n && memcmp(a.p, prefix.p, prefix.n) == 0;
}

static inline bool str_ends(struct str a, const char *suffix)
{
	size_t n = strlen(suffix);

	return a.n >= n && memcmp(a.p + a.n - n, suffix, n) == 0;
}

/* Whether it is one of v[n]. */
static inline bool str_is_one_of(struct str a, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(a, v[i]))
			return true;
	return false;
}

/* The same of an array. */
#define STR_IS_ONE_OF(a, list)                                                 \
	str_is_one_of(a, list, sizeof(list) / sizeof((list)[0]))

/* Byte order, shorter first; for qsort. */
static inline int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

#endif
