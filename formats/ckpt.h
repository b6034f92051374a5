/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MindSpore checkpoint: proto2 messages one after the other, each with one
 * Value (formats/ckpt.proto); what mindspore.save_checkpoint 2.10.0 writes.
 *
 *   0A vlen                      Checkpoint.value
 *      0A L name                 tag
 *      12 tlen                   tensor
 *         08 d0 08 d1 ...        dims, unpacked, none for a scalar
 *         12 T type              "Float32" ...
 *         1A n content           n raw little-endian bytes
 *
 * A tensor over 512 MiB is a run of such messages with 512 MiB of content
 * each (the last: the rest), all with the full dims. Empty tensors are left
 * out: the format cannot tell shape (0,) from a scalar.
 */
#ifndef WC_FORMATS_CKPT_H
#define WC_FORMATS_CKPT_H

#include "core/cursor.h"
#include "core/tensor.h"
#include "core/vfile.h"
#include "formats/reading.h"

#define CKPT_SLICE_NBYTES (UINT64_C(512) << 20)

/* Whether a ckpt that load_checkpoint accepts can hold the type. */
bool ckpt_can_hold(enum dtype dt);

/*
 * Lay out the whole set as one ckpt, in its order. *ends (optional, [set->n],
 * in arena) receives the file offset behind each tensor's last message: where
 * shards may be cut. Fails with ERR_MAPPING naming the first tensor whose
 * type or shape (a dim of 2^31 or more) it cannot hold.
 */
int ckpt_layout(struct vfile *f, const struct tensor_set *set,
		const uint64_t **ends, struct arena *arena, struct error *err);

/* Whether a file of that name with those first bytes is a ckpt. */
bool ckpt_recognise(const char *name, struct cursor head);

/*
 * Append the parameters of s to r->set, in the order of the file, which is
 * walked by its headers. Contents become extents of s; a BFloat16 that is
 * stored as float32 becomes a gather of the upper halves. Strings and map
 * parameters are no tensors: they are counted in r. A checksum at the end is
 * not compared. ERR_SOURCE with a sentence naming file, parameter and value.
 */
int ckpt_read(struct reading *r, struct source *s, struct error *err);

/*
 * Read the whole of s and compare its checksum; *has_crc: whether it has one.
 * ERR_SOURCE with both numbers if they differ.
 */
int ckpt_verify(struct source *s, bool *has_crc, struct error *err);

#endif
