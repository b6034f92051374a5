/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of a view: relaxed atomics, read for stats.json. */
#ifndef WC_CORE_STATS_H
#define WC_CORE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

struct stats {
	atomic_uint_fast64_t reads;	  /* vfile_read calls */
	atomic_uint_fast64_t bytes;	  /* bytes they returned */
	atomic_uint_fast64_t errors;	  /* of them, failed */
	atomic_uint_fast64_t overflows;	  /* finite values cast to infinity */
	atomic_uint_fast64_t tiles_built; /* gather tiles filled */
	atomic_uint_fast64_t tiles_hit;	  /* reads served from one */
};

static inline void stats_add(atomic_uint_fast64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t stats_get(atomic_uint_fast64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

#endif
