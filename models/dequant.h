/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block-scaled fp8 is a matter of reading, not of rules: a tensor X of type
 * F8_E4M3 with a tensor X_scale_inv beside it is the bf16 tensor X
 * (core/scaled.h), whatever the model.
 */
#ifndef WC_MODELS_DEQUANT_H
#define WC_MODELS_DEQUANT_H

#include "core/tensor.h"
#include "models/config.h"

/*
 * Replace such pairs in a set; *n counts them. The size of a block is
 * quantization_config.weight_block_size of config.json (c may be NULL), else
 * 128 x 128. ERR_MAPPING if the shapes contradict it.
 */
int dequant(struct tensor_set *set, const struct config *c, size_t *n,
	    struct error *err);

#endif
