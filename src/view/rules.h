/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a rule table of the user's own without a model. */
#ifndef WC_VIEW_RULES_H
#define WC_VIEW_RULES_H

#include "core/error.h"
#include "core/strbuf.h"

/*
 * Check the table in a file (models/check.h). A line on what it holds is
 * appended to *out; ERR_MODEL with a sentence for each thing that is wrong.
 */
int rules_check(const char *path, struct strbuf *out, struct error *err);

/*
 * Describe the table called name, of the file path (if it is not NULL) or of
 * those that are built in: models/describe.h.
 */
int rules_describe(const char *path, const char *name, struct strbuf *out,
		   struct error *err);

#endif
