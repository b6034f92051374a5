/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up shapes of the left tensors of a pattern. */
#ifndef WC_TESTS_MADE_SHAPE_H
#define WC_TESTS_MADE_SHAPE_H

#include "models/scope.h"

/*
 * The dims of tensor `slot` on the left of a pattern's text: axes that the
 * space has are as long as it says, all others get primes in the order in
 * which they appear. `...` is hidden[nhidden]. Returns the number of dims.
 * It knows the grammar, and nothing of models/pattern*.c.
 */
unsigned made_dims(struct str pattern, unsigned slot,
		   const struct space_scope *in, const uint64_t *hidden,
		   unsigned nhidden, uint64_t *dims);

#endif
