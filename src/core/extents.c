/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what lies in several runs; see extents.h. */
#include "core/extents.h"

#include "core/checked.h"

/* The part that holds byte off. */
static size_t part_find(const struct extents *e, uint64_t off)
{
	size_t lo = 0, hi = e->n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (e->parts[mid].at <= off)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

int extents_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
		 struct reader *rd)
{
	const struct extents *e = t->extents;
	uint8_t *out = buf;

	for (size_t i = part_find(e, off); n > 0; i++) {
		const struct extent_part *p = &e->parts[i];
		uint64_t end = i + 1 < e->n ? e->parts[i + 1].at : t->nbytes;
		size_t take = min_size(end - off, n);
		int err = reader_read(rd, p->src, p->off + (off - p->at), take,
				      out);

		if (err)
			return err;
		out += take;
		off += take;
		n -= take;
	}
	return 0;
}

void extents_run(const struct tensor *t, uint64_t off, uint64_t n,
		 struct source_run *out)
{
	const struct extents *e = t->extents;
	size_t i = part_find(e, off);
	const struct extent_part *p = &e->parts[i];
	uint64_t end = i + 1 < e->n ? e->parts[i + 1].at : t->nbytes;

	*out = (struct source_run){p->src, p->off + (off - p->at),
				   min_u64(end - off, n)};
}
