/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element types: one table for every name and property.
 *
 * The order is the safetensors library's (rust crate 0.8.0, enum Dtype):
 * ascending alignment. A later entry is never less aligned than an earlier
 * one, and the official writer lays tensors out by descending entry. C128 is
 * PyTorch's alone: its word is for listings, no safetensors file may have it.
 *
 *   id            safetensors     MindSpore (str(dtype))   .npy     bits kind
 */
#ifndef WC_CORE_DTYPE_H
#define WC_CORE_DTYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

#define DTYPES(X)                                                              \
	X(BOOL, "BOOL", "Bool", "|b1", 8, INT)                                 \
	X(F4, "F4", NULL, NULL, 4, OTHER)                                      \
	X(F6_E2M3, "F6_E2M3", NULL, NULL, 6, OTHER)                            \
	X(F6_E3M2, "F6_E3M2", NULL, NULL, 6, OTHER)                            \
	X(U8, "U8", "UInt8", "|u1", 8, INT)                                    \
	X(I8, "I8", "Int8", "|i1", 8, INT)                                     \
	X(F8_E5M2, "F8_E5M2", "Float8E5M2", "<V1", 8, OTHER)                   \
	X(F8_E4M3, "F8_E4M3", "Float8E4M3FN", "<V1", 8, OTHER)                 \
	X(F8_E8M0, "F8_E8M0", NULL, "<V1", 8, OTHER)                           \
	X(F8_E4M3FNUZ, "F8_E4M3FNUZ", NULL, "<V1", 8, OTHER)                   \
	X(F8_E5M2FNUZ, "F8_E5M2FNUZ", NULL, "<V1", 8, OTHER)                   \
	X(I16, "I16", "Int16", "<i2", 16, INT)                                 \
	X(U16, "U16", "UInt16", "<u2", 16, INT)                                \
	X(F16, "F16", "Float16", "<f2", 16, FLOAT)                             \
	X(BF16, "BF16", "BFloat16", "<V2", 16, FLOAT)                          \
	X(I32, "I32", "Int32", "<i4", 32, INT)                                 \
	X(U32, "U32", "UInt32", "<u4", 32, INT)                                \
	X(F32, "F32", "Float32", "<f4", 32, FLOAT)                             \
	X(C64, "C64", "Complex64", "<c8", 64, OTHER)                           \
	X(F64, "F64", "Float64", "<f8", 64, FLOAT)                             \
	X(I64, "I64", "Int64", "<i8", 64, INT)                                 \
	X(U64, "U64", "UInt64", "<u8", 64, INT)                                \
	X(C128, "C128", NULL, "<c16", 128, OTHER)

enum dtype {
#define DTYPE_ID(id, st, ms, npy, bits, kind) DT_##id,
	DTYPES(DTYPE_ID)
#undef DTYPE_ID
		DT_COUNT
};

enum dtype_kind {
	KIND_INT,   /* never cast */
	KIND_FLOAT, /* --dtype casts it */
	KIND_OTHER, /* never cast: complex, sub-byte and 8-bit floats */
};

struct dtype_info {
	const char *safetensors; /* the word in a safetensors header */
	const char *mindspore;	 /* the word in a ckpt, NULL: there is none */
	const char *npy;	 /* descr of a .npy, NULL: cannot be held */
	unsigned bits;		 /* per element */
	enum dtype_kind kind;
};

extern const struct dtype_info dtype_table[DT_COUNT];

static inline const struct dtype_info *dtype_info(enum dtype dt)
{
	return &dtype_table[dt];
}

/* Bytes of one element; 0 for sub-byte types. */
static inline unsigned dtype_width(enum dtype dt)
{
	return dtype_table[dt].bits % 8 ? 0 : dtype_table[dt].bits / 8;
}

/* Look up a safetensors word, exact case. Returns false if unknown. */
bool dtype_from_safetensors(struct str word, enum dtype *out);

/* Look up a MindSpore word, exact case. Returns false if unknown. */
bool dtype_from_mindspore(struct str word, enum dtype *out);

#endif
