/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bytes of a virtual file follow from, as one number: rendered bytes,
 * and for tensors the recipe down to the place in a source file, with that
 * file's path, size and time. Two files of one recipe have the same bytes.
 */
#ifndef WC_CLI_RECIPE_H
#define WC_CLI_RECIPE_H

#include "core/vfile.h"

#define RECIPE_HEX 65 /* digits of a SHA-256 and the NUL */

/* The recipe of f as lower-case hexadecimal. 0 or -ENOMEM. */
int recipe_of(const struct vfile *f, char hex[RECIPE_HEX]);

#endif
