/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table in every world that its options and conditions make: a made-up model
 * goes to the right and back. Nothing is known here of any single table.
 */
#ifndef WC_TESTS_MADE_CHECK_H
#define WC_TESTS_MADE_CHECK_H

#include "made_model.h"

/* Tensors that rules own, for the question who else would take them. */
struct owned {
	struct str name;
	const struct rule *rule;
	size_t world;
};

struct checker {
	struct made_model mm;
	struct worlds worlds;
	struct world v[WORLD_MAX];  /* [worlds.n] as they were seen */
	struct tensor_set sides[2]; /* all names, each with an owner */
	struct owned *owned[2];	    /* of the tensors of sides[] */
	struct strbuf why;	    /* what is wrong, "" if nothing is */
};

/*
 * Check that
 *   - lines are short;
 *   - names match what they make, and take it for what it is;
 *   - to the right every element is there once, but for dropped tensors;
 *   - back, names, shapes and elements are what they were, but where one form
 *     of the left side is written for several; and make the same right tensors
 *     again;
 *   - every rule is reached;
 *   - no ** rule takes a name that a rule under other options owns, unless it
 *     drops it.
 * checker_release frees.
 */
void check_table(struct checker *c, const struct builtin_table *t);

void checker_release(struct checker *c);

#endif
