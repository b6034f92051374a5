/* SPDX-License-Identifier: Apache-2.0 */
/* A first map of names between a model and a template. */
#ifndef WC_VIEW_MAP_INIT_H
#define WC_VIEW_MAP_INIT_H

#include "core/error.h"
#include "core/strbuf.h"

/*
 * Append a map from the names of the MindSpore checkpoint of the two to those
 * of the PyTorch one, as models/map.h guesses it: JSON. key: where the weights
 * are in a PyTorch file, or NULL. ERR_SOURCE; ERR_USAGE where not exactly one
 * of the two is MindSpore's.
 */
int map_init(const char *model, const char *template, const char *key,
	     struct strbuf *out, struct error *err);

#endif
