/* SPDX-License-Identifier: Apache-2.0 */
/* A file of numpy. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	fuzz_show(fuzz_file("a.npy", data, n));
	return 0;
}

/* The length of a header of version 1 that was changed: up to its newline. */
static void mend_length(uint8_t *data, size_t n)
{
	size_t end = n;

	while (end > 10 && data[end - 1] != '\n')
		end--;
	if (end > 10 && end - 10 <= UINT16_MAX && data[6] == 1) {
		data[8] = (uint8_t)((end - 10) & 0xff);
		data[9] = (uint8_t)((end - 10) >> 8);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max,
			       unsigned seed)
{
	n = LLVMFuzzerMutate(data, n, max);
	if (seed % 8)
		mend_length(data, n);
	return n;
}
