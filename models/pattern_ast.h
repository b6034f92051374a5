/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parsed form of a pattern, shared by pattern*.c alone.
 *
 * A tensor is one product: a factor for each dimension, and for `...` one
 * more at its end. The dimensions that `...` hides stand last, in the same
 * order, in every tensor of the pattern, so one axis of their product's extent
 * is all they need.
 *
 *   (G (r+1+1) D) ...    product: group                       dots
 *                                 product: G  group         D
 *                                             r | 1 | 1
 */
#ifndef WC_MODELS_PATTERN_AST_H
#define WC_MODELS_PATTERN_AST_H

#include "core/tensor.h"
#include "models/pattern.h"

/* The longest pattern of the rule tables has about 90 bytes. */
#define PATTERN_MAX_TEXT 512

/* Parentheses inside parentheses; bounds every recursion over a pattern. */
#define PATTERN_MAX_DEPTH 8

/* Blocks of one side: `((1+1) (1+1) ...)` doubles them with every factor. */
#define PATTERN_MAX_BLOCKS 4096

enum axis_kind {
	AXIS_LOCAL,  /* lower case: solved from shapes */
	AXIS_CONFIG, /* upper case: of the table, else solved */
	AXIS_NUMBER, /* named by its digits */
	AXIS_DOTS,   /* all that `...` hides */
};

struct axis {
	struct str name;
	enum axis_kind kind;
	uint64_t value; /* of an AXIS_NUMBER */
};

/* Sets of axes are bit masks: bit i is pattern.axes[i]. */
_Static_assert(PATTERN_MAX_AXES <= 32, "axis sets are uint32_t");

#define AXIS_BIT(i) ((uint32_t)1 << (i))

struct product;

/* An axis, or a group: a sum of terms. */
struct factor {
	unsigned axis;	  /* where there are no terms */
	unsigned nterms;  /* 0: an axis */
	unsigned nblocks; /* that expanding its sums makes */
	uint32_t axes;	  /* all in it; `1` is none */
	const struct product *terms;
};

struct product {
	unsigned n;
	unsigned nblocks;
	uint32_t axes;
	const struct factor *v; /* [n] the last varies fastest */
};

/* The number of a block without a partner: it has the factor 0. */
#define NO_BLOCK UINT16_MAX

_Static_assert(PATTERN_MAX_BLOCKS < NO_BLOCK, "block numbers are uint16_t");

struct pattern_side {
	unsigned ntensors;
	unsigned nblocks;
	unsigned nfront; /* leading factors of each tensor: stacking */
	struct product tensors[PATTERN_MAX_TENSORS];
	const uint16_t *partner; /* [nblocks] of the other side, or NO_BLOCK */
};

struct pattern {
	struct str text;
	bool dots;		  /* every tensor ends in `...` */
	uint32_t zero;		  /* the axis 0, if it is there */
	const struct product *as; /* declared shape of the right, or NULL */
	unsigned naxes;
	struct axis axes[PATTERN_MAX_AXES];
	struct pattern_side sides[2];
};

/* Dimensions that a tensor of the pattern writes out. */
static inline unsigned pattern_rank(const struct pattern *p,
				    const struct product *tensor)
{
	return tensor->n - (p->dots ? 1 : 0);
}

/* What the shape of a tensor is read from: the tensor, or its `as`. */
static inline const struct product *pattern_shape(const struct pattern *p,
						  int side, unsigned k)
{
	return side && p->as ? p->as : &p->sides[side].tensors[k];
}

/* The tensor that holds block *k of a side; *k becomes its number there. */
unsigned pattern_find_block(const struct pattern_side *side, unsigned *k);

/*
 * Fill sides[].partner. ERR_MODEL where the blocks that are not zero are not
 * the same in number and axes.
 */
int pattern_pair_blocks(struct pattern *p, struct arena *arena,
			struct error *err);

/* Values of a pattern's axes for the shapes of some tensors. */
struct pattern_sizes {
	uint64_t size[PATTERN_MAX_AXES];
	uint32_t known;
	unsigned nhidden;	/* dimensions under `...` */
	const uint64_t *hidden; /* [nhidden] of the first tensor */
};

/* Sizes by axis values. Return true on overflow, as in core/checked.h. */
bool pattern_factor_size(const struct factor *f, const uint64_t *size,
			 uint64_t *out);
bool pattern_product_size(const struct product *t, const uint64_t *size,
			  uint64_t *out);

/*
 * Find the value of every axis from the shapes of in[], the tensors of side
 * `from`, and check each of their dimensions against it.
 */
int pattern_solve(struct pattern_sizes *out, const struct pattern *p, int from,
		  const struct tensor *const *in, const struct axis_env *env,
		  struct error *err);

#endif
