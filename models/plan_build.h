/* SPDX-License-Identifier: Apache-2.0 */
/* Between plan.c (which source goes where) and plan_target.c (what becomes
 * of it): the state of one plan being made. */
#ifndef WC_MODELS_PLAN_BUILD_H
#define WC_MODELS_PLAN_BUILD_H

#include "models/match.h"
#include "models/plan.h"

/* The source tensors that one match takes. */
struct members {
	const struct tensor **v; /* [names of the side * n] name by name */
	size_t n;		 /* of each name; 1 unless they are stacked */
	size_t cap;
	/* [nfront] of a stack; n is their product */
	uint64_t dims[RULE_MAX_CAPS];
};

struct plan_builder {
	struct plan *plan;
	const struct scope *scope; /* NULL: raw */
	const struct tensor_set *src;
	const struct plan_options *o;
	struct error *err;
	struct strbuf scratch;
	struct members members;
	size_t cap;	/* of plan->origins */
	size_t ntried;	/* targets, made or found to be there */
	bool *used;	/* [src->n] a rule has taken it */
	uint32_t *seen; /* [src->n] members of a ranged family, at its first */
};

/*
 * plan_stack.c: find all members of a match, into b->members. Refuses stacks
 * that are not complete.
 */
int plan_collect(struct plan_builder *b, const struct match *m);

/*
 * The tensor that stands for name k of the match: the member itself, or the
 * stack of all, which must have one shape.
 */
int plan_stack(struct plan_builder *b, const struct match *m, unsigned k,
	       const struct tensor **out);

/*
 * Member i of n of a tensor that is a stack and stays where it is. The caller
 * gives it its name and shape.
 */
void plan_slice(const struct tensor *stack, uint64_t i, uint64_t n,
		struct tensor *out);

/* Make the targets of a two-sided rule's match, of b->members. */
int plan_add_targets(struct plan_builder *b, const struct match *m);

/*
 * plan_needs.c: whether the source has what the table says is needed, once the
 * targets are made. ERR_MAPPING with the names it lacks.
 */
int plan_check_needs(struct plan_builder *b);

/* Pass source tensor i through. */
int plan_add_passed(struct plan_builder *b, uint32_t i);

/*
 * plan_remedy.c: "; all have one with --set infer=true", if options that the
 * user did not set would give every tensor a place.
 */
void plan_add_remedy(const struct plan_builder *b, struct strbuf *out);

/* plan_note.c: to plan->notes, whose failed is to be asked. */
void plan_add_notes(struct plan_builder *b);

/* Make the copies ("A = B") of the target side. */
int plan_add_copies(struct plan_builder *b);

#endif
