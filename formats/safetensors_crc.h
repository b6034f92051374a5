/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksum that MindSpore puts into a safetensors file (crc_num of
 * __metadata__): the CRC-32 of names and data, in the order of the names.
 */
#ifndef WC_FORMATS_SAFETENSORS_CRC_H
#define WC_FORMATS_SAFETENSORS_CRC_H

#include "core/source.h"
#include "core/str.h"

struct crc_item {
	struct str name;
	uint64_t off, nbytes; /* of the data, from the start of the file */
	bool is_number;	      /* one integer, without dimensions */
};

/*
 * Compute it over v[n], which it sorts by name. 0, or a negative errno with a
 * sentence.
 */
int safetensors_crc(struct source *s, struct crc_item *v, size_t n,
		    uint32_t *out, struct error *err);

#endif
