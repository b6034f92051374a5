/* SPDX-License-Identifier: Apache-2.0 */
/* A config.json: the choice of a table, its axes, plans. */
#include "tests/fuzz/fuzz.h"

#include "models/dequant.h"

/* A pair of block-scaled fp8: weight_block_size is for it. */
static void fuzz_blocks(const struct config *c)
{
	static const uint64_t dims[] = {4, 4};
	struct tensor_set set = TENSOR_SET_INIT;
	struct error err = ERROR_INIT;
	struct tensor t = {
		.name = str_of("w"),
		.dims = dims,
		.nbytes = 16,
		.ndim = 2,
		.dtype = DT_F8_E4M3,
		.recipe = RECIPE_EXTENT,
		.extent = {fuzz_labels(), 0},
	};
	uint8_t buf[32];
	size_t n;

	FUZZ_CHECK(!tensor_set_add(&set, &t));
	t.name = str_of("w_scale_inv");
	t.dtype = DT_F32;
	t.nbytes = 64;
	FUZZ_CHECK(!tensor_set_add(&set, &t));
	if (fuzz_refused(dequant(&set, c, &n, &err), &err) == 0 && n == 1)
		fuzz_read(&set.v[0], buf);
	tensor_set_release(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct models *m = fuzz_models();
	const struct table *chosen;
	struct error err = ERROR_INIT;
	struct strbuf sb = STRBUF_INIT;
	struct tensor_set set;
	struct side_query q = {.src = &set};
	struct config *c;

	if (fuzz_refused(config_parse(&c, (struct str){(const char *)data, n},
				      "config.json", &err),
			 &err))
		return 0;
	config_describe(c, &sb);
	strbuf_release(&sb);
	fuzz_model(&set);
	q.config = c;
	if (fuzz_refused(models_choose(m, NULL, &q, &chosen, &err), &err) == 0)
		fuzz_plan(chosen, c, false);
	tensor_set_release(&set);
	/* any of the others, not all: there are dozens */
	fuzz_plan(m->v[n % m->n], c, true);
	fuzz_blocks(c);
	config_free(c);
	return 0;
}
