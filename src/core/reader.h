/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one thread needs to read virtual files: buffers of fixed size, made
 * once, so that no read allocates.
 */
#ifndef WC_CORE_READER_H
#define WC_CORE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/stats.h"
#include "core/strbuf.h"

/* Output of one cast step; its input is at most four times that (f64->f16). */
#define READER_STRIP (128u << 10)

/* Source bytes a gather of short runs reads at a time. */
#define READER_WINDOW (512u << 10)

/*
 * Gathers of gathers that can be read: a rank's slice of a rule's gather of
 * tensors that are joined from slices of halves of float32.
 */
#define READER_DEPTH 4

/* Bytes of a tensor whose checksum is being computed. */
#define READER_BLOCK (256u << 10)

struct iovec;
struct prefetch;
struct source;
struct tensor;
struct tile_cache;

struct reader {
	uint8_t *strip;		  /* [4 * READER_STRIP]: input of a cast */
	uint8_t *windows;	  /* [READER_DEPTH][READER_WINDOW] */
	unsigned depth;		  /* of them in use, by gathers being read */
	uint8_t *block;		  /* [READER_BLOCK]: of a checksum */
	struct strbuf render;	  /* rendered bytes of one region */
	struct stats *stats;	  /* shared; relaxed atomics */
	struct tile_cache *tiles; /* shared, may be NULL: gather without */
	struct prefetch *prefetch; /* shared, may be NULL: not told of reads */
	bool uncached;		  /* large source reads leave no page cache */
};

/*
 * Make a thread's buffers; nrender: the longest region that may be rendered.
 * Returns 0 or -ENOMEM. reader_release frees them.
 */
int reader_init(struct reader *rd, size_t nrender, struct stats *stats,
		struct tile_cache *tiles);

/* source_read for a reader: n bytes of s at off. */
int reader_read(struct reader *rd, struct source *s, uint64_t off, size_t n,
		void *buf);

/* The same into several places that have room for n bytes together. */
int reader_readv(struct reader *rd, struct source *s, uint64_t off, size_t n,
		 struct iovec *iov, unsigned niov);

void reader_release(struct reader *rd);

#endif
