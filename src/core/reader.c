/* SPDX-License-Identifier: Apache-2.0 */
/* A thread's buffers; see reader.h. */
#include "core/reader.h"

#include <errno.h>
#include <stdlib.h>

#include "core/prefetch.h"

int reader_init(struct reader *rd, size_t nrender, struct stats *stats,
		struct tile_cache *tiles)
{
	*rd = (struct reader){.stats = stats, .tiles = tiles};
	rd->strip = malloc((size_t)4 * READER_STRIP);
	rd->windows = malloc((size_t)READER_DEPTH * READER_WINDOW);
	rd->block = malloc(READER_BLOCK);
	strbuf_reserve(&rd->render, nrender);
	if (rd->strip && rd->windows && rd->block && !rd->render.failed)
		return 0;
	reader_release(rd);
	return -ENOMEM;
}

int reader_readv(struct reader *rd, struct source *s, uint64_t off, size_t n,
		 struct iovec *iov, unsigned niov)
{
	/* what is read ahead stays in the page cache until it is read */
	if (rd->prefetch && !rd->uncached)
		prefetch_note(rd->prefetch, s, off, n);
	return source_readv(s, off, iov, niov, rd->uncached);
}

int reader_read(struct reader *rd, struct source *s, uint64_t off, size_t n,
		void *buf)
{
	struct iovec iov = {buf, n};

	return reader_readv(rd, s, off, n, &iov, 1);
}

void reader_release(struct reader *rd)
{
	free(rd->strip);
	free(rd->windows);
	free(rd->block);
	rd->strip = rd->windows = rd->block = NULL;
	strbuf_release(&rd->render);
}
