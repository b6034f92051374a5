/* SPDX-License-Identifier: Apache-2.0 */
/* A byte buffer that grows; see strbuf.h. */
#include "core/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for n more bytes and a NUL. Returns false once memory has run out. */
static bool grow(struct strbuf *sb, size_t n)
{
	size_t want = sb->len + n + 1, cap = sb->cap ? sb->cap : 64;
	char *p;

	if (sb->failed || want < n)
		sb->failed = true;
	if (sb->failed || want <= sb->cap)
		return !sb->failed;
	while (cap < want)
		cap += cap / 2;
	p = realloc(sb->p, cap);
	if (!p) {
		sb->failed = true;
		return false;
	}
	sb->p = p;
	sb->cap = cap;
	return true;
}

void strbuf_add(struct strbuf *sb, const void *p, size_t n)
{
	if (!grow(sb, n))
		return;
	if (n)
		memcpy(sb->p + sb->len, p, n);
	sb->len += n;
	sb->p[sb->len] = '\0';
}

void strbuf_adds(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s));
}

void strbuf_addstr(struct strbuf *sb, struct str s)
{
	strbuf_add(sb, s.p, s.n);
}

void strbuf_addc(struct strbuf *sb, char c)
{
	strbuf_add(sb, &c, 1);
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !grow(sb, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(sb->p + sb->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	sb->len += (size_t)n;
}

static void add_json_byte(struct strbuf *sb, char c)
{
	switch (c) {
	case '"':
		strbuf_adds(sb, "\\\"");
		break;
	case '\\':
		strbuf_adds(sb, "\\\\");
		break;
	case '\n':
		strbuf_adds(sb, "\\n");
		break;
	case '\r':
		strbuf_adds(sb, "\\r");
		break;
	case '\t':
		strbuf_adds(sb, "\\t");
		break;
	case '\b':
		strbuf_adds(sb, "\\b");
		break;
	case '\f':
		strbuf_adds(sb, "\\f");
		break;
	default:
		if ((unsigned char)c < 0x20)
			strbuf_addf(sb, "\\u%04x", (unsigned)c);
		else
			strbuf_addc(sb, c);
	}
}

void strbuf_add_json(struct strbuf *sb, struct str s)
{
	strbuf_addc(sb, '"');
	for (size_t i = 0; i < s.n; i++)
		add_json_byte(sb, s.p[i]);
	strbuf_addc(sb, '"');
}

void strbuf_add_tsv(struct strbuf *sb, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '\\':
			strbuf_adds(sb, "\\\\");
			break;
		case '\t':
			strbuf_adds(sb, "\\t");
			break;
		case '\n':
			strbuf_adds(sb, "\\n");
			break;
		case '\0':
			strbuf_adds(sb, "\\0");
			break;
		default:
			strbuf_addc(sb, s.p[i]);
		}
	}
}

void strbuf_add_dims(struct strbuf *sb, const uint64_t *dims, unsigned ndim,
		     char sep)
{
	for (unsigned i = 0; i < ndim; i++) {
		if (i)
			strbuf_addc(sb, sep);
		strbuf_addf(sb, "%llu", (unsigned long long)dims[i]);
	}
}

void strbuf_reserve(struct strbuf *sb, size_t n)
{
	if (n > sb->len)
		grow(sb, n - sb->len);
}

void strbuf_release(struct strbuf *sb)
{
	free(sb->p);
	*sb = (struct strbuf)STRBUF_INIT;
}
