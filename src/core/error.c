/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences for the user; see error.h. */
#include "core/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Names from files may hold terminal escapes and newlines: show control bytes
 * as \xNN. Only list items (ERROR_ITEM) go on new lines.
 */
static char *escape_controls(char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = strlen(text), at = 0;
	char *out = malloc(4 * n + 1);

	for (size_t i = 0; out && i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != 0x7f) {
			out[at++] = (char)c;
		} else if (c == (unsigned char)ERROR_ITEM[0]) {
			memcpy(out + at, "\n  ", 3);
			at += 3;
		} else {
			out[at++] = '\\';
			out[at++] = 'x';
			out[at++] = hex[c >> 4];
			out[at++] = hex[c & 15];
		}
	}
	if (out)
		out[at] = '\0';
	free(text);
	return out;
}

static char *format(const char *fmt, va_list ap)
{
	char *text;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}

/* text may be NULL (no memory for it); it is taken over. */
static void fill(struct error *err, enum error_class class, char *text)
{
	free(err->text);
	err->class = class;
	err->text = text ? escape_controls(text) : NULL;
}

int error_set(struct error *err, enum error_class class, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, class, format(fmt, ap));
	va_end(ap);
	return err->text ? -EINVAL : error_nomem(err);
}

int error_errno(struct error *err, enum error_class class, int errnum,
		const char *fmt, ...)
{
	char *what, *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = format(fmt, ap);
	va_end(ap);
	if (what && asprintf(&text, "%s: %s", what, strerror(errnum)) < 0)
		text = NULL;
	free(what);
	fill(err, class, text);
	return -errnum;
}

int error_nomem(struct error *err)
{
	fill(err, ERR_SOURCE, NULL);
	return -ENOMEM;
}

const char *error_text(const struct error *err)
{
	return err->text ? err->text : "out of memory";
}

void error_release(struct error *err)
{
	free(err->text);
	err->text = NULL;
}
