/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MindSpore strategy files: how each parameter of a distributed training is
 * cut, and so which slice of it a rank holds.
 *
 * The devices of a stage form a matrix D of k dimensions; rank r of the stage
 * has the coordinates c of r in it, row-major. The tensor map gives each
 * dimension of the parameter device axes m, counted from the last of D:
 *
 *   parts    product of D[k-1-m] over its axes (-1: not cut)
 *   part     mixed radix of c[k-1-m], the first axis the most significant
 *
 * An optimizer shard cuts each slice again along dimension 0 into size parts,
 * for the ranks that hold the same slice otherwise: part is their mixed radix
 * over the device axes that no dimension uses, from the last one on until
 * their product is size; of the last of these, the low digits may be enough.
 * Size -1 is all of them. All parts are equal.
 *
 * MindSpore's transform_checkpoints gives the same slices, but where D's first
 * axis is the only unused one and the map is not in descending order: there it
 * ignores that order, which without an optimizer shard it follows.
 */
#ifndef WC_FORMATS_STRATEGY_H
#define WC_FORMATS_STRATEGY_H

#include "core/tensor.h"

/* Ranks of one training; the largest clusters have some 10^4. */
#define STRATEGY_MAX_RANKS 65536

/* Dimensions of a device matrix: one a kind of parallelism. */
#define STRATEGY_MAX_NDEV 64

/* The device axes that cut one dimension. */
struct strategy_axes {
	unsigned n;
	const int32_t *v; /* [n] -1: none */
};

/* One axis of an optimizer's shard: rank r is at (r / stride) mod n. */
struct strategy_shard {
	uint32_t stride, n;
};

/* How one parameter is cut in one stage. */
struct strategy_layout {
	struct str name;
	uint32_t stage;
	unsigned ndev, ndim;
	const uint32_t *dev;		  /* [ndev] the device matrix */
	const struct strategy_axes *dims; /* [ndim] */
	unsigned nshard;
	const struct strategy_shard *shard; /* [nshard] outermost first */
};

struct strategy {
	struct arena arena;
	char *path;		   /* for sentences; owned */
	struct strategy_layout *v; /* [n] by name, then stage; owned */
	size_t n, cap;
	uint32_t nstages, ndevices; /* ndevices in each stage */
};

/*
 * Read a strategy file: JSON if its name ends with .json, else protobuf.
 * ERR_SOURCE with a sentence. strategy_release also after a failure.
 */
int strategy_open(struct strategy *s, const char *path, struct error *err);
void strategy_release(struct strategy *s);

static inline uint32_t strategy_nranks(const struct strategy *s)
{
	return s->nstages * s->ndevices;
}

/* How a parameter is cut in a stage, or NULL: then each rank has all of it. */
const struct strategy_layout *strategy_find(const struct strategy *s,
					    struct str name, uint32_t stage);

/* Whether some stage has that parameter. */
bool strategy_knows(const struct strategy *s, struct str name);

/*
 * Append to full the whole parameters whose slices are in ranks[0..nranks),
 * rank r's at r, empty where its file is not there. In the order of rank 0,
 * then what other ranks have beside it. The tensors of ranks must outlive
 * full. ERR_SOURCE with a sentence: slices that are missing or do not fit.
 */
int strategy_join(const struct strategy *s, const struct tensor_set *ranks,
		  uint32_t nranks, struct tensor_set *full, struct error *err);

/*
 * Append to out what rank holds of the tensors of full, in their order: its
 * slices, then all of what the strategy does not know; nothing of parameters
 * of other stages only. full must outlive out. ERR_MAPPING with a sentence
 * where a dimension does not divide and, asked of the first rank of a stage,
 * where its ranks do not hold all of a parameter.
 */
int strategy_slice(const struct strategy *s, uint32_t rank,
		   const struct tensor_set *full, struct tensor_set *out,
		   struct error *err);

#endif
