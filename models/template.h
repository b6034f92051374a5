/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template: a checkpoint of the side that is made. Its names and shapes say
 * what is wanted, where names alone do not decide what a tensor is called or
 * which of two shapes it has; its order is that of the targets, and so are its
 * floating types, unless --dtype tells (plan_target.c). Its values say nothing.
 */
#ifndef WC_MODELS_TEMPLATE_H
#define WC_MODELS_TEMPLATE_H

#include "models/match.h"
#include "models/plan_build.h"

/*
 * Whether all that a match makes is in the scope's template, in these shapes.
 * Where a word of the rule stands for several on the side that is made, m->b
 * becomes the one that is. why (may be NULL): half a sentence.
 */
bool template_allows(const struct scope *s, struct match *m,
		     struct strbuf *scratch, struct strbuf *why);

/*
 * Whether the plan made all of the template. ERR_MAPPING with the names that
 * are missing and why, and with both shapes where they differ; if partial,
 * notes of the plan.
 */
int template_check(struct plan_builder *b);

/*
 * A template of the side that is read: whether the source has all of it.
 * ERR_MAPPING with the names that are missing or have other shapes.
 */
int template_check_source(const struct tensor_set *template,
			  const struct tensor_set *src, struct error *err);

#endif
