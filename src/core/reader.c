/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread's buffers; see reader.h. They are mapped: malloc would keep them for
 * each thread that ever had some, and nothing would bound what is resident.
 */
#include "core/reader.h"

#include <errno.h>
#include <sys/mman.h>

#include "core/prefetch.h"

/* Of a reader's buffers, one behind the other. */
#define STRIP_NBYTES ((size_t)4 * READER_STRIP)
#define WINDOWS_NBYTES ((size_t)READER_DEPTH * READER_WINDOW)
#define BUFFERS_NBYTES (STRIP_NBYTES + WINDOWS_NBYTES + READER_BLOCK)

int reader_init(struct reader *rd, size_t nrender, struct stats *stats,
		struct tile_cache *tiles)
{
	uint8_t *p = mmap(NULL, BUFFERS_NBYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*rd = (struct reader){.stats = stats, .tiles = tiles};
	if (p == MAP_FAILED)
		return -ENOMEM;
	rd->strip = p;
	rd->windows = p + STRIP_NBYTES;
	rd->block = p + STRIP_NBYTES + WINDOWS_NBYTES;
	strbuf_reserve(&rd->render, nrender);
	if (!rd->render.failed)
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
	if (rd->strip)
		munmap(rd->strip, BUFFERS_NBYTES);
	rd->strip = rd->windows = rd->block = NULL;
	strbuf_release(&rd->render);
}
