/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PyTorch file (torch.save, zip form) that is shown: all sizes and offsets
 * are known before a byte of a tensor is read, its CRCs too.
 *
 *   archive/data.pkl     the pickle: an OrderedDict of tensors
 *   archive/byteorder    "little"
 *   archive/data/0 ...   a tensor's bytes, zeros up to a whole element, and
 *                        the CRC-32 of both, little-endian
 *   archive/version      "3\n"
 *   central directory, zip64 end record and locator, end record
 *
 * The CRC-32 of anything with its own CRC-32 behind it is always the same
 * number. So the headers need no data: only that trailer does, and it is a
 * checksum region. The pickle gives the storages the elements that the trailer
 * takes; no tensor uses them. Measured with torch 2.13 (weights_only, mmap),
 * Python's zipfile and Info-ZIP. Every record begins at a multiple of 64.
 */
#ifndef WC_FORMATS_TORCH_LAYOUT_H
#define WC_FORMATS_TORCH_LAYOUT_H

#include "core/tensor.h"
#include "core/vfile.h"

/* Whether a PyTorch file can hold the type: not the sub-byte ones. */
bool torch_can_hold(enum dtype dt);

/*
 * Lay out a file of the n tensors v, in their order. What it needs beside them
 * lies in arena. Fails with ERR_MAPPING naming the first tensor whose type it
 * cannot hold.
 */
int torch_layout(struct vfile *f, const struct tensor *v, size_t n,
		 struct arena *arena, struct error *err);

/* ---- between the files of the layout ---- */

/* Zeros behind a tensor's bytes, so that the trailer ends an element. */
uint32_t torch_pad_nbytes(const struct tensor *t);

/* Bytes of a tensor's record. */
uint64_t torch_record_nbytes(const struct tensor *t);

/* The pickle comes in chunks: append chunk k of those of v[0..n). */
size_t torch_pickle_nchunks(size_t n);
void torch_pickle_chunk(const struct tensor *v, size_t n, size_t k,
			struct strbuf *out);

#endif
