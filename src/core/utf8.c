/* SPDX-License-Identifier: Apache-2.0 */
/* Checking UTF-8; see utf8.h. */
#include "core/utf8.h"

bool utf8_take(struct cursor *c)
{
	int lead = cursor_next(c), low = 0x80, high = 0xbf, more;

	if (lead >= 0xc2 && lead <= 0xdf)
		more = 1;
	else if (lead >= 0xe0 && lead <= 0xef)
		more = 2;
	else if (lead >= 0xf0 && lead <= 0xf4)
		more = 3;
	else
		return false;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f; /* surrogates are no characters */
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	for (; more > 0; more--) {
		int b = cursor_next(c);

		if (b < low || b > high)
			return false;
		low = 0x80;
		high = 0xbf;
	}
	return true;
}

bool utf8_valid(struct str s)
{
	struct cursor c = cursor_of(s.p, s.n);

	while (cursor_left(&c) > 0) {
		if (cursor_peek(&c) < 0x80)
			cursor_next(&c);
		else if (!utf8_take(&c))
			return false;
	}
	return true;
}
