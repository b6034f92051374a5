/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CRC-32 of zip, gzip and PNG: zlib's, made several times faster where the
 * processor multiplies without carry. Whole tensors go through it.
 */
#ifndef WC_CORE_CRC_H
#define WC_CORE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of what crc is that of and of n more bytes; at first crc is 0. */
uint32_t crc_update(uint32_t crc, const void *p, size_t n);

#endif
