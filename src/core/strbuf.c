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
	size_t room = sb->cap - sb->len;
	va_list ap;
	int n;

	if (sb->failed)
		return;
	va_start(ap, fmt);
	n = vsnprintf(room ? sb->p + sb->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0 || !grow(sb, (size_t)n)) {
		if (room)
			sb->p[sb->len] = '\0';
		return;
	}
	if ((size_t)n >= room) { /* it was cut */
		va_start(ap, fmt);
		vsnprintf(sb->p + sb->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	sb->len += (size_t)n;
}

static void add_json_byte(struct strbuf *sb, char c)
{
	static const char plain[] = "\"\\\n\r\t\b\f";
	static const char escaped[] = "\"\\nrtbf";
	const char *at = c ? strchr(plain, c) : NULL;

	if (at) {
		strbuf_addc(sb, '\\');
		strbuf_addc(sb, escaped[at - plain]);
	} else {
		strbuf_addf(sb, "\\u%04x", (unsigned)c);
	}
}

static bool is_json_plain(char c)
{
	return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

void strbuf_add_json(struct strbuf *sb, struct str s)
{
	size_t from = 0;

	strbuf_addc(sb, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (is_json_plain(s.p[i]))
			continue;
		strbuf_add(sb, s.p + from, i - from);
		add_json_byte(sb, s.p[i]);
		from = i + 1;
	}
	if (s.n)
		strbuf_add(sb, s.p + from, s.n - from);
	strbuf_addc(sb, '"');
}

void strbuf_add_tsv(struct strbuf *sb, struct str s)
{
	static const char plain[] = "\\\t\n"; /* and the NUL behind them */
	static const char escaped[] = "\\tn0";
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		const char *at;

		if ((unsigned char)s.p[i] >= 0x20 && s.p[i] != '\\')
			continue;
		at = memchr(plain, s.p[i], sizeof(plain));
		if (!at)
			continue;
		strbuf_add(sb, s.p + from, i - from);
		strbuf_addc(sb, '\\');
		strbuf_addc(sb, escaped[at - plain]);
		from = i + 1;
	}
	if (s.n)
		strbuf_add(sb, s.p + from, s.n - from);
}

void strbuf_add_padded(struct strbuf *sb, uint64_t n, unsigned width)
{
	char digits[20]; /* of 2^64 - 1 */
	size_t at = sizeof(digits);

	while (n || (width > sizeof(digits) - at && at > 0)) {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	}
	strbuf_add(sb, digits + at, sizeof(digits) - at);
}

void strbuf_add_u64(struct strbuf *sb, uint64_t n)
{
	strbuf_add_padded(sb, n, 1);
}

void strbuf_add_shown(struct strbuf *sb, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x20 && c != 0x7f)
			strbuf_addc(sb, s.p[i]);
		else
			strbuf_addf(sb, "\\x%02x", c);
	}
}

void strbuf_add_dims(struct strbuf *sb, const uint64_t *dims, unsigned ndim,
		     char sep)
{
	for (unsigned i = 0; i < ndim; i++) {
		if (i)
			strbuf_addc(sb, sep);
		strbuf_add_u64(sb, dims[i]);
	}
}

void strbuf_add_shape(struct strbuf *sb, const uint64_t *dims, unsigned ndim)
{
	if (ndim)
		strbuf_add_dims(sb, dims, ndim, 'x');
	else
		strbuf_adds(sb, "scalar");
}

void strbuf_reserve(struct strbuf *sb, size_t n)
{
	if (n > sb->len)
		grow(sb, n - sb->len);
}

void strbuf_add_size(struct strbuf *sb, uint64_t n)
{
	static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
	double x = (double)n;
	size_t k = 0;

	while (x >= 1000 && k < 4) {
		x /= 1000;
		k++;
	}
	if (k == 0)
		strbuf_addf(sb, "%llu bytes", (unsigned long long)n);
	else
		strbuf_addf(sb, "%.*f %s", x < 10 ? 2 : 1, x, units[k]);
}

void strbuf_release(struct strbuf *sb)
{
	free(sb->p);
	*sb = (struct strbuf)STRBUF_INIT;
}
