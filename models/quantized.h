/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights that were quantized by a tool which keeps them as codes, with tables
 * and scales beside them. No rule undoes that (block-scaled fp8: dequant.h);
 * they are told by the names that the tools give.
 */
#ifndef WC_MODELS_QUANTIZED_H
#define WC_MODELS_QUANTIZED_H

#include "core/str.h"

/* The tool that a tensor of that name is of, or NULL. */
const char *quantized_by(struct str name);

#endif
