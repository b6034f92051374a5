/* SPDX-License-Identifier: Apache-2.0 */
/* A rule table as text for people: what it is for, options, rules. */
#ifndef WC_MODELS_DESCRIBE_H
#define WC_MODELS_DESCRIBE_H

#include "models/table.h"

/*
 * Append the description of the table that is called name, or has the alias:
 * of the built-in ones or, if json is given, of that text, which table_parse
 * takes. ERR_MODEL with a sentence where there is none.
 */
int describe_table(struct strbuf *out, const char *name, struct str json,
		   struct error *err);

#endif
