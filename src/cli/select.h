/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors are listed, and in which order. */
#ifndef WC_CLI_SELECT_H
#define WC_CLI_SELECT_H

#include "view/view.h"

struct selection {
	uint32_t *v; /* [n] indexes into the set; owned */
	size_t n;
};

/*
 * The tensors whose names match one of the globs (all, where there is none),
 * in the order of the set or by sort: name, bytes (largest first), dtype.
 * ERR_USAGE for another word or where nothing matches.
 */
int select_tensors(struct selection *s, const struct tensor_set *set,
		   const char *const *globs, size_t nglobs, const char *sort,
		   struct error *err);

/* As strcmp, runs of digits by their number: layers.2 before layers.10. */
int name_cmp(struct str a, struct str b);

#endif
