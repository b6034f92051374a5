/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns at work on tensors in memory whose elements are labels. The pieces
 * are walked one element at a time and everything that core/gather.h promises
 * of them is checked on the way.
 */
#ifndef WC_TESTS_PATTERN_CASE_H
#define WC_TESTS_PATTERN_CASE_H

#include "models/pattern.h"

#define CASE_MAX_NDIM 16
#define CASE_MAX_NELEM 65536

struct sample {
	struct tensor t;
	uint64_t dims[CASE_MAX_NDIM];
	uint32_t *v; /* [nelem] owned */
};

/* A tensor of zeros. */
void sample_init(struct sample *s, const char *name, const uint64_t *dims,
		 unsigned ndim);

/* Number its elements from first on; returns the number behind the last. */
uint32_t sample_number(struct sample *s, uint32_t first);

void sample_release(struct sample *s);

/* Axis values: pairs of a name and a value up to a NULL name. */
struct axis_pair {
	const char *name;
	uint64_t value;
};

struct axis_env axis_pairs(const struct axis_pair *pairs);

/* Parse text, which must be a pattern. */
const struct pattern *must_parse(struct arena *arena, const char *text);

/*
 * Compile p for in[] and make out[] (uninitialised; released by the caller if
 * 0 is returned) by walking the pieces. Returns pattern_compile's result.
 */
int sample_apply(const struct pattern *p, int from, const struct sample *in,
		 const struct axis_env *env, struct sample *out,
		 struct error *err);

#endif
