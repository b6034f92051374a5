/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safetensors (format of the rust crate 0.8.0)
 *
 *   0        8             8+N                            EOF
 *   +--------+-------------+-------------------------------+
 *   | N (le) | JSON, N B   | tensor data, no holes         |
 *   +--------+-------------+-------------------------------+
 *
 * data_offsets are relative to 8+N. Ranges do not overlap and fill the data.
 */
#ifndef WC_FORMATS_SAFETENSORS_H
#define WC_FORMATS_SAFETENSORS_H

#include "core/tensor.h"
#include "core/vfile.h"

/*
 * Read the header of s and append its tensors to set, in the order of their
 * bytes, as extents of s. Names and dims lie in set's arena. Every rule of
 * the real reader is enforced; duplicate names, which it lets pass, are
 * refused (also a name that set holds already from another file). ERR_SOURCE
 * with a sentence naming file, tensor and value.
 */
int safetensors_read(struct tensor_set *set, struct source *s,
		     struct error *err);

/*
 * Lay out a file of the n tensors v: by descending alignment, else in the
 * order given; the header in offset order with __metadata__
 * {"format":"pt"}. What the file needs beside the tensors lies in arena.
 * Returns 0 or -ENOMEM: it can hold every dtype of core/dtype.h.
 */
int safetensors_layout(struct vfile *f, const struct tensor *v, size_t n,
		       struct arena *arena, struct error *err);

#endif
