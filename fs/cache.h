/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an open file goes through the page cache.
 *
 * MindSpore refuses to load a ckpt that is larger than MemFree, and cached
 * pages are not free memory: caching the file while it is read can make its
 * own load fail. So a ckpt is read past the cache when memory is short; with
 * enough of it the cache serves cp, tar, sha256sum and many ranks at once.
 */
#ifndef WC_FS_CACHE_H
#define WC_FS_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "view/view.h"

enum cache_mode { CACHE_AUTO, CACHE_PAGE, CACHE_DIRECT };

/* "auto", "page" or "direct". False for any other word. */
bool cache_mode_parse(const char *word, enum cache_mode *out);

/* MemFree of /proc/meminfo, in bytes. */
uint64_t cache_mem_free(void);

/* Whether a file is to be opened with direct I/O, with so much memory free. */
bool cache_is_direct(enum cache_mode mode, const struct node_stat *st,
		     uint64_t free_nbytes);

#endif
