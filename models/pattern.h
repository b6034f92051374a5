/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns: the one notation for every transform (models/README.md).
 *
 *   pattern = side "->" side ["as" tensor]
 *   side    = tensor {"," tensor}
 *   tensor  = factor {factor} ["..."] (one factor a dimension)
 *   factor  = AXIS | INTEGER | "(" product {"+" product} ")"
 *   product = factor {factor}
 *
 * Expanding all sums turns a side into a list of blocks in order of
 * appearance; block k of one side is block k of the other, with the same set
 * of axes. So a pattern is a bijection, read in either direction. A block with
 * the factor 0 has no partner: zeros when written, ignored when read. `as`:
 * the same bytes under another declared shape.
 */
#ifndef WC_MODELS_PATTERN_H
#define WC_MODELS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/gather.h"

/* A rule fuses at most this many differently named tensors. */
#define PATTERN_MAX_TENSORS 8

/* Axes of one pattern, `...` included. */
#define PATTERN_MAX_AXES 32

struct pattern; /* parsed text; lives in an arena, immutable */

/* Parse. The error's sentence names the text and what is wrong with it. */
int pattern_parse(const struct pattern **out, struct str text,
		  struct arena *arena, struct error *err);

/*
 * The same where the tensors of a side are stacks: axes stand in front of each
 * of them that the text does not write, by side. Their values are asked for
 * like those of upper-case axes.
 */
struct pattern_front {
	const struct str *names; /* [n] they outlive the pattern */
	unsigned n;
};

int pattern_parse_stacked(const struct pattern **out, struct str text,
			  const struct pattern_front front[2],
			  struct arena *arena, struct error *err);

/* Its text, as written. */
struct str pattern_text(const struct pattern *p);

/* Tensors on a side: 0 left, 1 right. */
unsigned pattern_ntensors(const struct pattern *p, int side);

/* Whether that axis measures zeros and nothing else. */
bool pattern_pads(const struct pattern *p, struct str axis);

/*
 * Values of the upper-case axes: a rule table's `axes` by config and options.
 * Returns false where an axis has no value; it is then solved from shapes
 * like a lower-case one, if they determine it.
 */
typedef bool (*axis_value_fn)(const void *ctx, struct str name, uint64_t *out);

/* What the value of an axis is taken from, for a sentence; or "". */
typedef struct str (*axis_text_fn)(const void *ctx, struct str name);

/* Add to the list "a, b" what would give an axis its value and is missing. */
typedef void (*axis_keys_fn)(const void *ctx, struct str name,
			     struct strbuf *list);

struct axis_env {
	axis_value_fn value;
	const void *ctx;
	axis_text_fn text; /* may be NULL */
	axis_keys_fn keys; /* may be NULL */
};

/*
 * Whether a tensor of that shape fits slot of a side: its rank, its literal
 * dimensions, and dimensions that are one axis of known value. why (may be
 * NULL) receives what does not fit, as half a sentence: "dimension 1 is 24,
 * H is 32 (hidden_size)". Of a stack, dims is the shape of a member.
 */
bool pattern_fits(const struct pattern *p, int side, unsigned slot,
		  const uint64_t *dims, unsigned ndim,
		  const struct axis_env *env, struct strbuf *why);

/*
 * The axis that dimension d of slot is, of a member if it is a stack; "" where
 * it is a number, several factors or none that is written.
 */
struct str pattern_dim_axis(const struct pattern *p, int side, unsigned slot,
			    unsigned d);

/* The first upper-case axis that env has no value for, or "". */
struct str pattern_unknown_axis(const struct pattern *p,
				const struct axis_env *env);

/*
 * Try the pattern from one side on made-up sizes: that it can be solved from
 * the shapes of that side alone, with the axes that env has a value for, and
 * makes the shapes of the other. names are those of the tensors.
 */
int pattern_check(const struct pattern *p, int from, const struct str *names,
		  const struct axis_env *env, struct arena *arena,
		  struct error *err);

/* What a pattern makes of one output tensor. */
struct pattern_out {
	unsigned ndim;
	const uint64_t *dims;
	/* exactly one of the two: */
	int copy_of; /* input slot whose bytes it is as they are, or -1 */
	const struct gather *gather; /* piece.src point into in[] */
};

/*
 * Solve the axes from the shapes of in[] (the tensors of side `from`, all of
 * one element width), prove that the pattern names each source element once
 * and produces each target element once, and compile it: out[k] for each
 * tensor of the other side, in arena. Fails with ERR_MAPPING and a sentence
 * naming tensor, pattern, axis and both numbers.
 */
int pattern_compile(const struct pattern *p, int from,
		    const struct tensor *const *in, const struct axis_env *env,
		    struct pattern_out *out, struct arena *arena,
		    struct error *err);

#endif
