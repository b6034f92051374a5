/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy .npy, version 1.0 or 2.0: magic, header padded so that the data
 * begins at a multiple of 64, then the elements in C order. */
#ifndef WC_FORMATS_NPY_H
#define WC_FORMATS_NPY_H

#include "core/tensor.h"
#include "core/vfile.h"

/* Whether a .npy can hold the type: not the sub-byte ones. */
bool npy_can_hold(enum dtype dt);

/* Size of the file of a tensor that npy_can_hold. */
uint64_t npy_nbytes(const struct tensor *t);

/*
 * Lay out the file of t. What it needs beside the tensor lies in arena.
 * Returns 0 or -ENOMEM.
 */
int npy_layout(struct vfile *f, const struct tensor *t, struct arena *arena);

#endif
