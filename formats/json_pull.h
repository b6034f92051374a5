/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict pull parser for JSON (RFC 8259) as serde_json reads it: UTF-8 and
 * surrogate pairs are checked, at most JSON_MAX_DEPTH nested containers, no
 * recursion, no allocation.
 *
 * The first failure sticks: fail says what was expected where the cursor
 * stands, and every later call returns false. So a caller may check once,
 * behind a loop:
 *
 *	json_open(&j, '[');
 *	while (json_more(&j, ']', &nth))
 *		json_u64(&j, &number);
 *	if (j.fail)
 *		...
 */
#ifndef WC_FORMATS_JSON_PULL_H
#define WC_FORMATS_JSON_PULL_H

#include "core/cursor.h"
#include "core/str.h"

/* What serde_json 1 accepts; the outermost container counts. */
#define JSON_MAX_DEPTH 127

struct json {
	struct cursor c;
	unsigned depth;	  /* containers open */
	const char *fail; /* "a string" ...: what was expected, or NULL */
};

/* A string as it stands in the input, checked but not unescaped. */
struct json_text {
	struct str raw; /* between the quotes; borrowed from the input */
	size_t n;	/* bytes when unescaped, at most raw.n */
};

void json_init(struct json *j, const void *p, size_t n);

/* The first byte of the next token, or -1 at the end. */
int json_peek(struct json *j);

/* Enter an array or object: bracket is '[' or '{'. */
bool json_open(struct json *j, int bracket);

/*
 * Whether one more item follows in the container that ends with close; the
 * comma, or the closing bracket, is taken. *nth counts the items, 0 at first.
 */
bool json_more(struct json *j, int close, size_t *nth);

/* A key of an object and its colon. */
bool json_key(struct json *j, struct json_text *out);

bool json_string(struct json *j, struct json_text *out);

/* An integer of 0..2^64-1 without sign, fraction, exponent, leading zero. */
bool json_u64(struct json *j, uint64_t *out);

/* One of the words null, true, false. */
bool json_word(struct json *j, const char *word);

/* Any value. */
bool json_skip(struct json *j);

/* Nothing but white space may be left. */
bool json_end(struct json *j);

/* Write the n bytes of a string (no NUL behind them). */
void json_unescape(const struct json_text *t, char *out);

/* Whether a string is the given ASCII word (of at most 32 bytes). */
bool json_text_is(const struct json_text *t, const char *word);

#endif
