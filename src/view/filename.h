/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensor names as file names, one to one: %XX for '/', '%', control bytes and
 * a leading '.'; a name that would be too long is its first 200 bytes (at a
 * character border), '~' and 16 hex digits of the SHA-256 of the whole name;
 * one that ends like that by itself has %7E there.
 */
#ifndef WC_VIEW_FILENAME_H
#define WC_VIEW_FILENAME_H

#include "core/strbuf.h"
#include "core/tensor.h"

/* What NAME_MAX leaves for the name and its suffix. */
#define FILENAME_MAX_NBYTES 255

/* Append the file name of a tensor name, suffix (".npy") included. */
void filename_of(struct str name, const char *suffix, struct strbuf *out);

/* The tensor whose file name is given, or NULL. */
const struct tensor *filename_find(const struct tensor_set *set,
				   struct str filename, const char *suffix);

#endif
