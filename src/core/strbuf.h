/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte buffer that grows. Allocation failure sticks: later calls do nothing
 * and `failed` tells once, at the end. p is always NUL-terminated when
 * it is not NULL. strbuf_reserve up front makes later writes allocation-free.
 */
#ifndef WC_CORE_STRBUF_H
#define WC_CORE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

struct strbuf {
	char *p;
	size_t len, cap;
	bool failed;
};

#define STRBUF_INIT                                                            \
	{                                                                      \
		NULL, 0, 0, false                                              \
	}

void strbuf_add(struct strbuf *sb, const void *p, size_t n);
void strbuf_adds(struct strbuf *sb, const char *s);
void strbuf_addstr(struct strbuf *sb, struct str s);
void strbuf_addc(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* n in decimal digits; padded: in at least width of them, of at most 20. */
void strbuf_add_u64(struct strbuf *sb, uint64_t n);
void strbuf_add_padded(struct strbuf *sb, uint64_t n, unsigned width);

/* s between quotes, as JSON: " \ and control bytes escaped, UTF-8 raw. */
void strbuf_add_json(struct strbuf *sb, struct str s);

/* s with \\ \t \n \0 for those four bytes (TSV columns), others raw. */
void strbuf_add_tsv(struct strbuf *sb, struct str s);

/* s for people to read: control bytes as \xNN, others raw. */
void strbuf_add_shown(struct strbuf *sb, struct str s);

/* dims joined by sep, or empty where there are none. */
void strbuf_add_dims(struct strbuf *sb, const uint64_t *dims, unsigned ndim,
		     char sep);

/* The same as people read it: joined by x, or "scalar". */
void strbuf_add_shape(struct strbuf *sb, const uint64_t *dims, unsigned ndim);

/* "1.5 GB": powers of 1000, as file managers and HuggingFace count. */
void strbuf_add_size(struct strbuf *sb, uint64_t n);

/* Make room for n bytes in all. */
void strbuf_reserve(struct strbuf *sb, size_t n);

static inline void strbuf_reset(struct strbuf *sb)
{
	sb->len = 0;
}

static inline struct str strbuf_str(const struct strbuf *sb)
{
	return (struct str){sb->p, sb->len};
}

void strbuf_release(struct strbuf *sb);

#endif
