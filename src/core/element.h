/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that elements stand for: for statistics and comparisons. */
#ifndef WC_CORE_ELEMENT_H
#define WC_CORE_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/dtype.h"
#include "core/strbuf.h"

/* Whether elements of that type are numbers here: not sub-byte, not complex. */
bool element_is_number(enum dtype dt);

/*
 * The values of n little-endian elements; 64-bit integers are rounded to
 * double. Only for types that are numbers.
 */
void element_values(enum dtype dt, const void *in, double *out, size_t n);

/*
 * Append one element as text that tells it from its neighbours; one that is no
 * number here as the hexadecimal digits of its bytes.
 */
void element_add(struct strbuf *sb, enum dtype dt, const void *in);

#endif
