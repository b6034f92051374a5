/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule tables that are compiled in: models/NAME.json as they stand, in the
 * order of their names. models/embed.sh writes the array when it is built.
 */
#ifndef WC_MODELS_BUILTIN_H
#define WC_MODELS_BUILTIN_H

#include <stddef.h>

struct builtin_table {
	const char *name; /* NAME of models/NAME.json */
	const char *text; /* the JSON, with a NUL behind it */
	size_t nbytes;	  /* of text, the NUL not counted */
};

extern const struct builtin_table builtin_tables[]; /* [builtin_ntables] */
extern const size_t builtin_ntables;

/*
 * The cases of tests/golden, each a checkpoint with the table that its
 * conversion must give. models/golden.sh writes the array.
 */
struct golden_case {
	const char *name;
	const char *model;  /* a table's model or alias */
	const char *status; /* "exact", or "reference-differs" */
};

extern const struct golden_case golden_cases[]; /* [golden_ncases] */
extern const size_t golden_ncases;

#endif
