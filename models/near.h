/* SPDX-License-Identifier: Apache-2.0 */
/* Why a name found no rule, for the sentence that refuses it. */
#ifndef WC_MODELS_NEAR_H
#define WC_MODELS_NEAR_H

#include "models/match.h"

/*
 * Append what keeps t from the rule that came nearest: its condition, range,
 * shape or missing partner; else the rule whose name is most like t's.
 */
void near_miss(const struct scope *s, const struct tensor *t,
	       struct strbuf *out);

#endif
