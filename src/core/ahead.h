/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making what a sequential reader will want next while it is busy with what it
 * has: a tile takes many times as long as the read that needs it first.
 */
#ifndef WC_CORE_AHEAD_H
#define WC_CORE_AHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "core/vfile.h"

/*
 * For a reader of f who has come to byte off and reads n bytes at a time: make
 * the next tile that is not there, where it is near. At most one; none where
 * other readers would be short of room. What fails is left for the read to
 * tell. rd is the calling thread's.
 */
void vfile_ahead(const struct vfile *f, uint64_t off, size_t n,
		 struct reader *rd);

#endif
