/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strategy file, JSON or protobuf. Parameters that can be cut as it says are
 * cut for each rank, and the slices joined: that must give the same bytes.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "formats/strategy.h"

/* Ranks and parameters that are tried; elements along each dimension. */
#define MAX_RANKS 8
#define MAX_PARAMS 4
#define EXTENT 8

static const uint64_t dims[] = {EXTENT, EXTENT, EXTENT, EXTENT};

/* Whole parameters of the names and ranks in the file. */
static void make_full(const struct strategy *s, struct tensor_set *full)
{
	for (size_t i = 0; i < s->n && full->n < MAX_PARAMS; i++) {
		struct tensor t = {
			.name = s->v[i].name,
			.dims = dims,
			.ndim = (uint8_t)s->v[i].ndim,
			.dtype = DT_U32,
			.recipe = RECIPE_EXTENT,
			.extent = {fuzz_labels(), 0},
		};

		if (s->v[i].ndim > 4)
			continue;
		FUZZ_CHECK(tensor_nbytes(t.dtype, t.dims, t.ndim, &t.nbytes));
		tensor_set_add(full, &t); /* of the first stage that has it */
	}
}

static void same_bytes(const struct tensor *a, const struct tensor *b)
{
	uint8_t *x = malloc(a->nbytes), *y = malloc(a->nbytes);

	FUZZ_CHECK(x && y && a->nbytes == b->nbytes && a->ndim == b->ndim);
	fuzz_read(a, x);
	fuzz_read(b, y);
	FUZZ_CHECK(memcmp(x, y, a->nbytes) == 0);
	free(x);
	free(y);
}

static void join(const struct strategy *s, const struct tensor_set *ranks,
		 const struct tensor_set *full)
{
	struct tensor_set again = TENSOR_SET_INIT;
	struct error err = ERROR_INIT;

	FUZZ_CHECK(!strategy_join(s, ranks, strategy_nranks(s), &again, &err));
	for (size_t i = 0; i < full->n; i++) {
		const struct tensor *t =
			tensor_set_find(&again, full->v[i].name);

		FUZZ_CHECK(t);
		same_bytes(t, &full->v[i]);
	}
	tensor_set_release(&again);
}

static void cut_and_join(const struct strategy *s)
{
	struct tensor_set full = TENSOR_SET_INIT, ranks[MAX_RANKS];
	struct error err = ERROR_INIT;
	int rc = 0;

	make_full(s, &full);
	for (uint32_t r = 0; r < strategy_nranks(s); r++) {
		ranks[r] = (struct tensor_set)TENSOR_SET_INIT;
		if (!rc)
			rc = strategy_slice(s, r, &full, &ranks[r], &err);
	}
	if (fuzz_refused(rc, &err) == 0)
		join(s, ranks, &full);
	for (uint32_t r = 0; r < strategy_nranks(s); r++)
		tensor_set_release(&ranks[r]);
	tensor_set_release(&full);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *name = n && data[0] == '{' ? "a.json" : "a.ckpt";
	struct error err = ERROR_INIT;
	struct strategy s;
	int rc = strategy_open(&s, fuzz_file(name, data, n), &err);

	if (fuzz_refused(rc, &err) == 0) {
		FUZZ_CHECK(strategy_nranks(&s) <= STRATEGY_MAX_RANKS);
		if (strategy_nranks(&s) <= MAX_RANKS)
			cut_and_join(&s);
	}
	strategy_release(&s);
	return 0;
}
