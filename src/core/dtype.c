/* SPDX-License-Identifier: Apache-2.0 */
/* The table of element types; see dtype.h. */
#include "core/dtype.h"

#include <stddef.h>

const struct dtype_info dtype_table[DT_COUNT] = {
#define DTYPE_ROW(id, st, ms, npy, bits, kind)                                 \
	[DT_##id] = {st, ms, npy, bits, KIND_##kind},
	DTYPES(DTYPE_ROW)
#undef DTYPE_ROW
};

bool dtype_from_safetensors(struct str word, enum dtype *out)
{
	for (int dt = 0; dt < DT_COUNT; dt++) {
		if (dt != DT_C128 &&
		    str_is(word, dtype_table[dt].safetensors)) {
			*out = (enum dtype)dt;
			return true;
		}
	}
	return false;
}

bool dtype_from_mindspore(struct str word, enum dtype *out)
{
	for (int dt = 0; dt < DT_COUNT; dt++) {
		const char *name = dtype_table[dt].mindspore;

		if (name && str_is(word, name)) {
			*out = (enum dtype)dt;
			return true;
		}
	}
	return false;
}
