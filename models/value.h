/* SPDX-License-Identifier: Apache-2.0 */
/* Values of expressions, options and configuration keys. */
#ifndef WC_MODELS_VALUE_H
#define WC_MODELS_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/strbuf.h"

enum value_kind {
	VALUE_NONE, /* missing, null, or not computable */
	VALUE_BOOL,
	VALUE_INT,
	VALUE_TEXT,
	VALUE_OTHER, /* present but of no use here: an object, a fraction */
};

struct value {
	enum value_kind kind;
	int64_t num;	 /* BOOL (0 or 1), INT */
	struct str text; /* TEXT: borrowed */
};

#define VALUE_MISSING ((struct value){VALUE_NONE, 0, {NULL, 0}})

static inline struct value value_int(int64_t n)
{
	return (struct value){VALUE_INT, n, {NULL, 0}};
}

static inline struct value value_bool(bool b)
{
	return (struct value){VALUE_BOOL, b, {NULL, 0}};
}

static inline struct value value_text(struct str s)
{
	return (struct value){VALUE_TEXT, 0, s};
}

/* As a condition. */
bool value_true(struct value v);

/* An INT, or a BOOL as 0 or 1. */
bool value_is_number(struct value v);

/* Equal: texts by bytes, numbers and truth values by number. */
bool value_eq(struct value a, struct value b);

/* A word of the command line or of JSON: true, false, a number, else text. */
struct value value_parse(struct str word);

void strbuf_add_value(struct strbuf *sb, struct value v);

#endif
