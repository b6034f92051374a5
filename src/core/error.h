/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What open- and parse-time failures carry: a sentence for the user and the
 * exit code it leads to. It is filled where the failure is found and printed
 * once, in main. Serve-time failures are a bare -errno and a log line.
 */
#ifndef WC_CORE_ERROR_H
#define WC_CORE_ERROR_H

#include "core/str.h"

/* The exit code of the programs; 0 is success. */
enum error_class {
	ERR_USAGE = 1,	 /* the command line */
	ERR_SOURCE = 2,	 /* a source that cannot be read or is corrupt */
	ERR_MODEL = 3,	 /* no rule table fits, or more than one */
	ERR_MAPPING = 4, /* names, shapes or options that do not map */
	ERR_MOUNT = 5,	 /* FUSE and the mount point */
	ERR_OUTPUT = 6,	 /* a file that cannot be written */
};

struct error {
	enum error_class class;
	char *text; /* NULL until set; owned */
};

#define ERROR_INIT                                                             \
	{                                                                      \
		ERR_SOURCE, NULL                                               \
	}

/* Before each item of a list: it goes on a line of its own. */
#define ERROR_ITEM "\036"

/*
 * error_set - fill *err (a sentence, no newline at its end, no full stop).
 * Control bytes are escaped: names come from files. A second call replaces
 * the first. Returns -EINVAL, so that callers can say: return error_set(...);
 * or -ENOMEM where there is no memory for the sentence.
 */
int error_set(struct error *err, enum error_class class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As error_set, with ": strerror(errnum)" appended. Returns -errnum. */
int error_errno(struct error *err, enum error_class class, int errnum,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Out of memory. Returns -ENOMEM. */
int error_nomem(struct error *err);

/* The sentence, or "out of memory" where there was none for it. */
const char *error_text(const struct error *err);

void error_release(struct error *err);

/* For "%.*s": the length (cut at 2^31-1) and the bytes of a struct str. */
#define STR_ARG(s) (int)((s).n > 0x7fffffff ? 0x7fffffff : (s).n), (s).p

#endif
