/* SPDX-License-Identifier: Apache-2.0 */
/* Between plan.c (which source goes where) and plan_target.c (what becomes
 * of it): the state of one plan being made. */
#ifndef WC_MODELS_PLAN_BUILD_H
#define WC_MODELS_PLAN_BUILD_H

#include "models/match.h"
#include "models/plan.h"

struct plan_builder {
	struct plan *plan;
	const struct scope *scope; /* NULL: raw */
	const struct tensor_set *src;
	const struct plan_options *o;
	struct error *err;
	struct strbuf scratch;
	size_t cap;	/* of plan->origins */
	bool *used;	/* [src->n] a rule has taken it */
	uint32_t *seen; /* [src->n] members of a ranged family, at its first */
};

/* Make the targets of a two-sided rule's match. */
int plan_add_targets(struct plan_builder *b, const struct match *m);

/* Pass source tensor i through. */
int plan_add_passed(struct plan_builder *b, uint32_t i);

/* Make the copies ("A = B") of the target side. */
int plan_add_copies(struct plan_builder *b);

#endif
