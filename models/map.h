/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map of names, as a rule table: {"MindSpore name": "PyTorch name", ...}.
 * null says that a name has no counterpart yet: it is as if it were not there.
 */
#ifndef WC_MODELS_MAP_H
#define WC_MODELS_MAP_H

#include "core/tensor.h"
#include "models/table.h"

/* As many as a table may have rules; guesses compare each with each. */
#define MAP_MAX_NAMES 9000

/*
 * The table of a map in a file; it is called what the file is. Rules of the
 * built-in table `under` (may be NULL) that hold where the option `map` is
 * true come before those of the map. ERR_MODEL with a sentence: no map, a name
 * twice, a name that rules cannot hold. *out is freed with table_free.
 */
int map_open(struct table **out, const char *path, const char *under,
	     struct error *err);

/*
 * Append a map from the MindSpore tensors to the PyTorch ones, by shapes and
 * names, as a first guess: JSON, a name a line, in the order of ms. null where
 * nothing of that shape is left. ERR_MODEL where there are more names than a
 * map may have.
 */
int map_guess(const struct tensor_set *ms, const struct tensor_set *pt,
	      struct strbuf *out, struct error *err);

#endif
