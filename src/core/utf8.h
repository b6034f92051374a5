/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as Unicode 16, table 3-7, has it: no surrogates, nothing over-long. */
#ifndef WC_CORE_UTF8_H
#define WC_CORE_UTF8_H

#include "core/cursor.h"
#include "core/str.h"

/* Take one character of two to four bytes; false, somewhere in it, if it is
 * none. */
bool utf8_take(struct cursor *c);

bool utf8_valid(struct str s);

#endif
