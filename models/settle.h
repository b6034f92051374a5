/* SPDX-License-Identifier: Apache-2.0 */
/* Options that a way back leaves open. */
#ifndef WC_MODELS_SETTLE_H
#define WC_MODELS_SETTLE_H

#include "models/scope.h"

/*
 * Choose the values of the options that the user did not set: those that leave
 * the fewest tensors of the source without a rule; ties go to the defaults.
 * By names and fit only: what the axes say after that is final.
 */
int scope_settle(struct scope *s, struct error *err);

#endif
