/* SPDX-License-Identifier: Apache-2.0 */
/* What gathers do inside memory: copy runs of bytes along axes. */
#ifndef WC_CORE_GATHER_COPY_H
#define WC_CORE_GATHER_COPY_H

#include <stddef.h>
#include <stdint.h>

/* A cache line. */
#define COPY_LINE 64

struct copy_axis {
	uint64_t n, out, in; /* out, in: strides in bytes */
};

/*
 * Axes by descending in, reordered: the one with the closest output comes next
 * to the last, whose source is the closest, unless it is the last.
 */
void copy_order(struct copy_axis *axes, unsigned n);

/* Copy a run of bytes at each index of the n axes, in copy_order. */
void copy_axes(uint8_t *to, const struct copy_axis *axes, unsigned n,
	       const uint8_t *from, size_t run);

#endif
