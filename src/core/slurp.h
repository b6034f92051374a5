/* SPDX-License-Identifier: Apache-2.0 */
/* Small whole files: JSON that is parsed at once. */
#ifndef WC_CORE_SLURP_H
#define WC_CORE_SLURP_H

#include "core/error.h"
#include "core/strbuf.h"

/*
 * Append the content of a regular file of at most max bytes to *out. ERR_SOURCE
 * with a sentence naming path and size.
 */
int slurp(struct strbuf *out, const char *path, uint64_t max,
	  struct error *err);

#endif
