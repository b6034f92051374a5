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

#include "core/tensor.h"
#include "core/vfile.h"

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

#endif
