/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing two tensors of one shape element by element: bit by bit, or as
 * numbers with a tolerance, |a - b| <= atol + rtol * |b| as numpy.isclose has
 * it; then two NaN are equal, and types may differ.
 */
#ifndef WC_CLI_COMPARE_H
#define WC_CLI_COMPARE_H

#include "view/view.h"

struct tolerance {
	bool any; /* else bits count */
	double atol, rtol;
};

struct compare {
	struct tolerance tolerance;
	uint8_t *bytes[2];
	double *values[2];
	struct reader rd[2];
};

struct difference {
	uint64_t n;	    /* elements that differ */
	uint64_t first;	    /* the first of them */
	struct strbuf a, b; /* its two values */
};

/* atol, rtol: texts of the options or NULL. */
int tolerance_parse(struct tolerance *t, const char *atol, const char *rtol,
		    struct error *err);

/*
 * Tensors of x are compared with those of y. Returns false where memory runs
 * out; compare_release in any case.
 */
bool compare_init(struct compare *c, struct view *x, struct view *y,
		  const struct tolerance *t);
void compare_release(struct compare *c);

/* Whether tensors of two types can be compared. */
bool compare_across_types(const struct tolerance *t, const struct tensor *a,
			  const struct tensor *b);

/* *d, zeroed before, is filled; the caller releases its texts. ERR_SOURCE. */
int compare(struct compare *c, const struct tensor *a, const struct tensor *b,
	    struct difference *d, struct error *err);

/* Append the index of an element: "3,17", or "0" of a scalar. */
void compare_add_index(struct strbuf *sb, const struct tensor *t, uint64_t i);

#endif
