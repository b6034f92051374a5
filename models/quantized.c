/* SPDX-License-Identifier: Apache-2.0 */
/* Names of quantized weights; see quantized.h. */
#include "models/quantized.h"

/* No converter's side has parameters that end like these. */
static const struct {
	const char *suffix;
	const char *tool;
} names[] = {
	{".qweight", "GPTQ or AWQ"},
	{".qzeros", "GPTQ or AWQ"},
	{".SCB", "bitsandbytes"},
	{".absmax", "bitsandbytes"},
	{".quant_map", "bitsandbytes"},
	{".weight_packed", "compressed-tensors"},
	{".weight_scale", "fp8 or int8 with scales"},
	{".weight_scale_2", "NVFP4"},
	{"_proj_blocks", "MXFP4"},
	{".codebooks", "AQLM"},
	{".W_q", "HQQ"},
	{".weight._data", "quanto"},
};

const char *quantized_by(struct str name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_ends(name, names[i].suffix))
			return names[i].tool;
	return NULL;
}
