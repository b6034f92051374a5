/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tile cache: output ranges of gathers whose source elements lie far
 * apart (transposes), made once in source order and then served by memcpy.
 *
 * Slots are made with the cache. Its mutex is held only to claim or to publish
 * a slot: one reader fills it while those that want the same tile wait, and
 * readers of other tiles take other slots. A slot that somebody copies from is
 * pinned and not reused. Tensors are known by their address: a cache must not
 * outlive the tensors that were read through it.
 */
#ifndef WC_CORE_TILE_H
#define WC_CORE_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/tensor.h"

/* All tiles together; untouched slots cost no memory. */
#define TILE_BUDGET (64u << 20)

struct tile_cache;

/* NULL if there is no memory for it. tile_cache_free frees it. */
struct tile_cache *tile_cache_new(size_t budget_nbytes);
void tile_cache_free(struct tile_cache *c);

struct tile {
	uint8_t *bytes; /* [n] */
	uint64_t off;	/* of the tensor's bytes */
	size_t n;
};

enum tile_claim {
	TILE_NONE,  /* not there, and not worth making or no slot for it */
	TILE_READY, /* there; pinned until tile_unpin */
	TILE_FILL,  /* the caller makes it, then tile_publish */
};

/*
 * Claim the tile that holds byte off of t. It is made only where build says so
 * or where the same tile was missed several times in a row. Waits while
 * another reader fills it. Returns an enum tile_claim, or the -errno of the
 * fill that was waited for.
 */
int tile_claim(struct tile_cache *c, const struct tensor *t, uint64_t off,
	       bool build, struct tile **out);

/*
 * The same for a reader who will come to byte off soon: TILE_READY where its
 * tile is there or being made (it is not waited for and not pinned), TILE_NONE
 * where that would take the last slot that another reader could have. *end
 * becomes the first byte behind the tile.
 */
enum tile_claim tile_claim_ahead(struct tile_cache *c, const struct tensor *t,
				 uint64_t off, struct tile **out,
				 uint64_t *end);

/*
 * The end of TILE_FILL. err 0: its bytes are right, and it is pinned as if it
 * had been TILE_READY. Else those who wait get err and the slot is free.
 */
void tile_publish(struct tile_cache *c, struct tile *tile, int err);

/* The end of TILE_READY; nread: bytes that were copied from it. */
void tile_unpin(struct tile_cache *c, struct tile *tile, size_t nread);

#endif
