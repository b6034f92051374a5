/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual file: regions one after the other, each of bytes whose number is
 * known and whose values are made when they are read.
 *
 *   off of region:  0        h0          d0              h1        size
 *                   | header | tensor 0  | header        | tensor 1|
 *                     render   tensor      render          tensor
 *
 * A file may be a window on the regions of another (a ckpt shard is a run of
 * parameters of the whole ckpt). Immutable once laid out, but for the cells of
 * checksums.
 */
#ifndef WC_CORE_VFILE_H
#define WC_CORE_VFILE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/tensor.h"

enum region_kind {
	REGION_RENDER,	 /* f->render(f->ctx, number) makes it */
	REGION_TENSOR,	 /* bytes from.. of a tensor */
	REGION_SOURCE,	 /* bytes from.. of a source, passed through */
	REGION_BYTES,	 /* bytes in memory: reports */
	REGION_CHECKSUM, /* the CRC-32 of a tensor's bytes */
};

/*
 * The CRC-32 of a tensor's bytes and of npad zeros behind them. It is computed
 * when it is first read, by reading the tensor once. No lock is held meanwhile:
 * readers that come together compute it each, and store the same value.
 */
struct checksum {
	const struct tensor *tensor;
	uint32_t npad;
	atomic_uint_fast64_t cell; /* 0, or CHECKSUM_KNOWN | the CRC */
};

#define CHECKSUM_KNOWN (UINT64_C(1) << 32)
#define CHECKSUM_NBYTES 4 /* little-endian */

struct region {
	uint64_t off; /* in the file; the next region's is its end */
	union {
		const struct tensor *tensor;
		struct source *source;
		const char *bytes;
		struct checksum *checksum;
		uint64_t number; /* of what is to be rendered */
	};
	uint64_t from; /* first byte taken of tensor, source or bytes */
	enum region_kind kind;
};

/* Append item number's bytes to out. Pure: the same bytes at every call. */
typedef void (*render_fn)(const void *ctx, uint64_t number, struct strbuf *out);

struct vfile {
	struct region *regions; /* [nregions], by off */
	size_t nregions, cap;
	uint64_t base;	 /* where the window starts in regions' offsets */
	uint64_t nbytes; /* exact size */
	size_t nrender;	 /* longest rendered region */
	render_fn render;
	void *ctx;     /* owned by whoever laid the file out (an arena) */
	bool borrowed; /* regions belong to another vfile */
};

#define VFILE_INIT                                                             \
	{                                                                      \
		NULL, 0, 0, 0, 0, 0, NULL, NULL, false                         \
	}

/*
 * Append a region of nbytes (0: nothing is appended). 0, -ENOMEM, or -EFBIG
 * where the file would have 2^64 bytes.
 */
int vfile_add_render(struct vfile *f, uint64_t number, uint64_t nbytes);
int vfile_add_tensor(struct vfile *f, const struct tensor *t, uint64_t from,
		     uint64_t nbytes);
int vfile_add_source(struct vfile *f, struct source *s);
int vfile_add_bytes(struct vfile *f, const char *p, uint64_t nbytes);

/* CHECKSUM_NBYTES; c must outlive f. */
int vfile_add_checksum(struct vfile *f, struct checksum *c);

/* Make *f the bytes [off, off+nbytes) of whole, which must outlive it. */
void vfile_window(struct vfile *f, const struct vfile *whole, uint64_t off,
		  uint64_t nbytes);

/* The number of the region that has byte off. */
size_t vfile_region(const struct vfile *f, uint64_t off);

/* The offset of the first tensor's bytes at or behind off, or nbytes. */
uint64_t vfile_next_tensor(const struct vfile *f, uint64_t off);

/*
 * Read up to n bytes at off. Returns the number read, short only at the end
 * of the file, or -EIO: then no byte of buf is to be used.
 */
ssize_t vfile_read(const struct vfile *f, uint64_t off, size_t n, void *buf,
		   struct reader *rd);

/*
 * What the bytes at off begin with: a run of a source, unchanged, or bytes
 * that are made. off must lie inside the file; the run may be a whole region.
 */
void vfile_run(const struct vfile *f, uint64_t off, struct source_run *out);

void vfile_release(struct vfile *f);

#endif
