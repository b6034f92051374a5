/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy .npy, version 1.0 to 3.0: magic, header padded so that the data
 * begins at a multiple of 64, then the elements in C order. */
#ifndef WC_FORMATS_NPY_H
#define WC_FORMATS_NPY_H

#include "core/cursor.h"
#include "core/strbuf.h"
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

/* Whether a file with those first bytes, 6 at least, is one. */
bool npy_recognise(struct cursor head);

/* Append the name of the tensor in the file at path: NAME.npy, %XX undone. */
void npy_tensor_name(const char *path, struct strbuf *out);

/*
 * Append the array of s, which the set owns already, as a tensor. void2: what
 * the two bytes of '<V2' are, or DT_COUNT. ERR_SOURCE with a sentence.
 */
int npy_read(struct tensor_set *set, struct source *s, struct str name,
	     enum dtype void2, struct error *err);

#endif
