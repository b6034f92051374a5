/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: every tensor of the target side, with its recipe, from the names
 * and shapes of the source and a rule table. Made once, at open; reads no
 * weight byte.
 *
 * The proof it carries: each source tensor is named by exactly one rule (or is
 * dropped by one), each target tensor is made by exactly one, and within a
 * rule the pattern is a bijection of elements (models/pattern.h). Nothing is
 * lost or invented.
 */
#ifndef WC_MODELS_PLAN_H
#define WC_MODELS_PLAN_H

#include "models/scope.h"

struct plan_options {
	bool cast; /* cast floating tensors to dtype */
	enum dtype dtype;
	bool partial;	 /* unmapped names pass through as they are */
	bool keep_extra; /* extra tensors do, and else are left out */
	bool own_types;	 /* not the template's */
};

enum origin_kind {
	ORIGIN_RULE,
	ORIGIN_COPY,   /* "A = B": the sources are those of B */
	ORIGIN_PASSED, /* as it is: raw, or no rule and partial or extra */
};

/* Where a target tensor comes from. */
struct origin {
	const struct rule *rule; /* NULL if PASSED */
	const uint32_t *sources; /* [nsources] indexes into the source set */
	uint32_t nsources;
	uint8_t slot; /* which of the rule's targets it is */
	uint8_t kind; /* enum origin_kind */
};

struct plan {
	struct tensor_set target;
	struct origin *origins; /* [target.n] */
	struct arena arena;	/* sources of the origins */
	struct dropped {
		uint32_t source;
		const struct rule *rule; /* NULL: the template wants it not */
	} * dropped; /* [ndropped] source tensors without counterpart */
	size_t ndropped;
	size_t npassed;	     /* PASSED target tensors that are not extra */
	struct strbuf notes; /* what was let pass or assumed, a line each */
};

/*
 * Plan the conversion of scope->src, which must outlive the plan. ERR_MAPPING
 * with names and numbers: unmapped or missing names, two rules for one
 * target, shapes and types that contradict. plan_release frees, also after a
 * failure.
 */
int plan_make(struct plan *p, const struct scope *scope,
	      const struct plan_options *o, struct error *err);

/* The source as it is, cast if asked for. */
int plan_raw(struct plan *p, const struct tensor_set *src,
	     const struct plan_options *o, struct error *err);

/*
 * p was made of first's target: let its origins name the tensors that first
 * was made of. first must outlive p.
 */
int plan_compose(struct plan *p, const struct plan *first, struct error *err);

void plan_release(struct plan *p);

#endif
