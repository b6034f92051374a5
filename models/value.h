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
	VALUE_REAL, /* a quotient that is not whole, where those are wanted */
	VALUE_TEXT,
	VALUE_OTHER, /* present but of no use here: an object, a fraction */
};

struct cJSON;

struct value {
	enum value_kind kind;
	int64_t num;		  /* BOOL (0 or 1), INT */
	double real;		  /* REAL */
	struct str text;	  /* TEXT: borrowed */
	const struct cJSON *json; /* the key of config.json it is, or NULL */
};

#define VALUE_MISSING ((struct value){.kind = VALUE_NONE})

static inline struct value value_int(int64_t n)
{
	return (struct value){.kind = VALUE_INT, .num = n};
}

static inline struct value value_bool(bool b)
{
	return (struct value){.kind = VALUE_BOOL, .num = b};
}

static inline struct value value_real(double x)
{
	return (struct value){.kind = VALUE_REAL, .real = x};
}

static inline struct value value_text(struct str s)
{
	return (struct value){.kind = VALUE_TEXT, .text = s};
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
