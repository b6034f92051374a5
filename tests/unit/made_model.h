/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A made-up model for a table in a world: tensors for the left names of all
 * rules that can stand beside each other there.
 */
#ifndef WC_TESTS_MADE_MODEL_H
#define WC_TESTS_MADE_MODEL_H

#include "made_world.h"
#include "model_case.h"

#define MADE_MAX_TENSORS 1000

/* A rule with values for its captures; of stacks, those of member 0. */
struct instance {
	const struct rule *rule;
	struct binding b;
	unsigned shape; /* which of the shapes that its rule allows */
	bool banned;	/* another rule takes its names */
};

/* What a tensor of the model is. */
struct made_tensor {
	struct instance *of;
	unsigned slot; /* of the rule's left names */
	struct binding b;
};

struct made_model {
	struct model_case m; /* the model, and its plan to the right */
	struct instance *v;  /* [n] candidates, of all rules */
	size_t n, cap;
	struct made_tensor made[MADE_MAX_TENSORS]; /* as m.src */
	bool *covered; /* [nrules] the rule has been in some model */
};

void made_model_init(struct made_model *mm, const struct builtin_table *t);
void made_model_release(struct made_model *mm);

/* Enter a world: its config.json and options; the model is empty. */
void made_model_enter(struct made_model *mm, const struct world *w);

/* Which rules a model is made of. */
enum made_of {
	MADE_OF_ALL,
	MADE_OF_NEW_FIRST, /* those that were in no model yet come first */
	MADE_OF_NEW /* those alone: beside others they lose their names */
};

/* Make the model. Returns whether a rule is in it that was in none before. */
bool made_model_build(struct made_model *mm, enum made_of of);

/*
 * Every binding of a rule's captures: numbers 0 and 1 or all of a range, all
 * alternatives and words, two texts for a star.
 */
void for_bindings(const struct scope *s, const struct rule *r,
		  void (*visit)(void *ctx, const struct binding *b), void *ctx);

#endif
