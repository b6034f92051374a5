/* SPDX-License-Identifier: Apache-2.0 */
/* An index of shards, beside a shard. */
#include "tests/fuzz/fuzz.h"

#include "formats/index.h"

static const char shard[] =
	"\x58\0\0\0\0\0\0\0"
	"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
	"\"b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[1,2]}}"
	"xy";

static void read_as(const char *name, const uint8_t *data, size_t n)
{
	struct error err = ERROR_INIT;
	struct index ix;
	int rc = index_read(&ix, fuzz_file(name, data, n), &err);

	for (size_t i = 0; !rc && i < ix.nfiles; i++)
		FUZZ_CHECK(index_find(&ix, ix.files[i]) == (ptrdiff_t)i);
	for (size_t i = 0; !rc && i < ix.n; i++)
		FUZZ_CHECK(ix.v[i].file < ix.nfiles);
	fuzz_refused(rc, &err);
	index_release(&ix);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	fuzz_file("model-1-of-1.safetensors", shard, sizeof(shard) - 1);
	read_as("param_name_map.json", data, n);
	read_as("model.safetensors.index.json", data, n);
	fuzz_show(fuzz_dir());
	return 0;
}
