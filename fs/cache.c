/* SPDX-License-Identifier: Apache-2.0 */
/* Page cache or direct I/O; see cache.h. */
#include "fs/cache.h"

#include <string.h>
#include <unistd.h>

/*
 * MindSpore holds the file's bytes and the parameters made of them, and the
 * kernel may cache both the source and the view: four times the size, and
 * something for everything else.
 */
#define CACHE_COPIES 4
#define CACHE_RESERVE (UINT64_C(1) << 30)

bool cache_mode_parse(const char *word, enum cache_mode *out)
{
	if (strcmp(word, "auto") == 0)
		*out = CACHE_AUTO;
	else if (strcmp(word, "page") == 0)
		*out = CACHE_PAGE;
	else if (strcmp(word, "direct") == 0)
		*out = CACHE_DIRECT;
	else
		return false;
	return true;
}

uint64_t cache_mem_free(void)
{
	long pages = sysconf(_SC_AVPHYS_PAGES);
	long page = sysconf(_SC_PAGESIZE);

	if (pages < 0 || page < 0)
		return 0;
	return (uint64_t)pages * (uint64_t)page;
}

bool cache_is_direct(enum cache_mode mode, const struct node_stat *st,
		     uint64_t free_nbytes)
{
	if (!st->is_ckpt || mode == CACHE_PAGE)
		return false;
	if (mode == CACHE_DIRECT)
		return true;
	return free_nbytes < CACHE_RESERVE ||
	       (free_nbytes - CACHE_RESERVE) / CACHE_COPIES < st->nbytes;
}
