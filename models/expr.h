/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expressions of rule tables: axes, conditions, arithmetic in names.
 *
 *   or and not   == != < <= > >=   + -   * / // %   - (unary)   ( )
 *   numbers, 'text', true, false, names (dotted), has NAME, count NAME,
 *   X if COND: nothing where COND does not hold
 *
 * `/` is exact division: it has no value where there is a remainder, unless
 * fractions are wanted, which are the end of a calculation. An
 * operation on a missing value has no value; in a condition that is false.
 * A missing value equals nothing, itself included.
 */
#ifndef WC_MODELS_EXPR_H
#define WC_MODELS_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "models/value.h"

struct expr;

/* What an expression is evaluated in. */
struct expr_env {
	struct value (*lookup)(const void *ctx, struct str name);
	/* the k-th `has` of the expression (expr_has) */
	bool (*has)(const void *ctx, unsigned k);
	/* tensors whose names match the template of a `count` */
	struct value (*count)(const void *ctx, struct str name);
	const void *ctx;
	bool fractions; /* `/` gives one where there is a remainder */
	/* may be NULL; if empty, receives "24 / 5 is not a whole number" */
	struct strbuf *why;
};

/* At most this many `has` in one condition. */
#define EXPR_MAX_HAS 8

/* Parse; lives in arena, immutable. Errors have the class ERR_MODEL. */
int expr_parse(const struct expr **out, struct str text, struct arena *arena,
	       struct error *err);

struct value expr_eval(const struct expr *e, const struct expr_env *env);

struct str expr_text(const struct expr *e);

/* The name behind the k-th `has`; p is NULL past the last. */
struct str expr_has(const struct expr *e, unsigned k);

/* Whether the expression mentions that name. */
bool expr_mentions(const struct expr *e, struct str name);

/* Call see with each name that it mentions, as often as it does. */
void expr_each_name(const struct expr *e,
		    void (*see)(void *ctx, struct str name), void *ctx);

/*
 * The capture an expression inside {...} of a name stands for: its first name
 * that begins in lower case. p is NULL where there is none (a constant).
 */
struct str expr_capture(const struct expr *e);

/*
 * Whether the expression is that name plus or minus what does not mention it,
 * so that the name's value follows from the expression's.
 */
bool expr_is_shift(const struct expr *e, struct str name);

#endif
