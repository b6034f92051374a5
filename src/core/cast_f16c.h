/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Narrowing to f16 by the processor's own instruction (F16C of x86-64), which
 * rounds as cast.c does: subnormals too, and overflow to infinity.
 */
#ifndef WC_CORE_CAST_F16C_H
#define WC_CORE_CAST_F16C_H

#include "core/cast.h"

/* The cast from that type to f16, or NULL where the processor has none. */
cast_fn cast_f16c(enum dtype from);

#endif
