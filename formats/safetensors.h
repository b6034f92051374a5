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
#include "formats/reading.h"

/*
 * Read the header of s and append its tensors to r->set, in the order of their
 * bytes, as extents of s. Names and dims lie in the set's arena. Every rule of
 * the real reader is enforced; duplicate names, which it lets pass, are
 * refused (also a name that the set holds already from another file). Where
 * __metadata__ says that MindSpore wrote it, the state of training is left
 * out. ERR_SOURCE with a sentence naming file, tensor and value.
 */
int safetensors_read(struct reading *r, struct source *s, struct error *err);

/* Whether a safetensors file has a word for the type. */
bool safetensors_can_hold(enum dtype dt);

/*
 * Lay out a file of the n tensors v: by descending alignment, else in the
 * order given; the header in offset order with __metadata__
 * {"format":"pt"}. What the file needs beside the tensors lies in arena.
 * Every tensor must be of a type that safetensors_can_hold. Returns 0 or
 * -ENOMEM.
 */
int safetensors_layout(struct vfile *f, const struct tensor *v, size_t n,
		       struct arena *arena, struct error *err);

#endif
