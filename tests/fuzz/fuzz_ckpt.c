/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint of MindSpore. */
#include "tests/fuzz/fuzz.h"

#include "formats/ckpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *path = fuzz_file("a.ckpt", data, n);
	struct error err = ERROR_INIT;
	struct source *s;
	bool has_crc;

	fuzz_show(path);
	FUZZ_CHECK(!source_open(&s, path, &err));
	fuzz_refused(ckpt_verify(s, &has_crc, &err), &err);
	source_free(s);
	return 0;
}
