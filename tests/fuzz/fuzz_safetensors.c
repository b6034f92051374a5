/* SPDX-License-Identifier: Apache-2.0 */
/* A safetensors file: the header above all. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	fuzz_show(fuzz_file("a.safetensors", data, n));
	return 0;
}

/* A header that was changed has another length, as a rule. */
static void mend_length(uint8_t *data, size_t n)
{
	size_t end = n;

	while (end > 8 && data[end - 1] != '}')
		end--;
	for (int i = 0; i < 8 && end > 8; i++)
		data[i] = (uint8_t)((uint64_t)(end - 8) >> 8 * i);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max,
			       unsigned seed)
{
	n = LLVMFuzzerMutate(data, n, max);
	if (seed % 8)
		mend_length(data, n);
	return n;
}
