/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule table a source needs. */
#ifndef WC_MODELS_DETECT_H
#define WC_MODELS_DETECT_H

#include "models/side.h"

/* All tables there are: the built-in ones and the user's. */
struct models {
	struct table **v; /* [n] owned; the user's is the last */
	size_t n;
	const struct table *user; /* of --rules, or NULL */
};

/*
 * Load the built-in tables and, if rules is not NULL, the user's file.
 * ERR_MODEL with a sentence. models_release frees, also after a failure.
 */
int models_open(struct models *m, const char *rules, struct error *err);

void models_release(struct models *m);

/*
 * The table for a source: the one called name, of several the one that fits;
 * without a name the user's own
 * if it has no `detect`, else the one whose `detect` holds; where there is no
 * config.json, the one whose rules take all names. ERR_MODEL with the
 * candidates where that is none or several, and with the sentence of a table
 * that refuses.
 */
int models_choose(const struct models *m, const char *name,
		  const struct side_query *q, const struct table **out,
		  struct error *err);

/*
 * The table of a map of names (models/map.h), which becomes the user's.
 * Before its names come the rules of the table called `name`; without a name
 * those of the one that is detected, if its rules are made for a map.
 */
int models_choose_map(struct models *m, const char *map, const char *name,
		      const struct side_query *q, const struct table **out,
		      struct error *err);

#endif
