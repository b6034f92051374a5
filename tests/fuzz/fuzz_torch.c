/* SPDX-License-Identifier: Apache-2.0 */
/* A file of PyTorch: zip archives and the pickles before them. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	fuzz_show(fuzz_file("a.bin", data, n));
	return 0;
}
