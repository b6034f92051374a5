/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual files; see vfile.h. */
#include "core/vfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/checked.h"
#include "core/crc.h"

/* Append *r with nbytes at the end of the file. */
static int append(struct vfile *f, struct region r, uint64_t nbytes)
{
	if (!nbytes)
		return 0;
	if (f->nregions == f->cap) {
		size_t cap = f->cap ? f->cap + f->cap / 2 : 4;
		struct region *v = realloc(f->regions, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		f->regions = v;
		f->cap = cap;
	}
	r.off = f->nbytes;
	if (add_overflows(f->nbytes, nbytes, &f->nbytes))
		return -EFBIG;
	f->regions[f->nregions++] = r;
	return 0;
}

int vfile_add_render(struct vfile *f, uint64_t number, uint64_t nbytes)
{
	struct region r = {.kind = REGION_RENDER, .number = number};

	if (nbytes > f->nrender)
		f->nrender = (size_t)nbytes;
	return append(f, r, nbytes);
}

int vfile_add_tensor(struct vfile *f, const struct tensor *t, uint64_t from,
		     uint64_t nbytes)
{
	struct region r = {.kind = REGION_TENSOR, .tensor = t, .from = from};

	return append(f, r, nbytes);
}

int vfile_add_source(struct vfile *f, struct source *s)
{
	struct region r = {.kind = REGION_SOURCE, .source = s};

	return append(f, r, s->nbytes);
}

int vfile_add_bytes(struct vfile *f, const char *p, uint64_t nbytes)
{
	struct region r = {.kind = REGION_BYTES, .bytes = p};

	return append(f, r, nbytes);
}

int vfile_add_checksum(struct vfile *f, struct checksum *c)
{
	struct region r = {.kind = REGION_CHECKSUM, .checksum = c};

	return append(f, r, CHECKSUM_NBYTES);
}

void vfile_window(struct vfile *f, const struct vfile *whole, uint64_t off,
		  uint64_t nbytes)
{
	*f = *whole;
	f->base = whole->base + off;
	f->nbytes = nbytes;
	f->borrowed = true;
}

size_t vfile_region(const struct vfile *f, uint64_t off)
{
	size_t lo = 0, hi = f->nregions;

	/* the last one that begins at or before it */
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->regions[mid].off <= f->base + off)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

uint64_t vfile_next_tensor(const struct vfile *f, uint64_t off)
{
	size_t i = vfile_region(f, off);

	while (i < f->nregions && (f->regions[i].kind != REGION_TENSOR ||
				   f->regions[i].off < f->base + off))
		i++;
	return i < f->nregions ? f->regions[i].off - f->base : f->nbytes;
}

static int crc_of(const struct checksum *c, uint32_t *out, struct reader *rd)
{
	static const uint8_t zeros[16];
	uint64_t left = c->tensor->nbytes;
	uint32_t crc = 0;

	while (left > 0) {
		size_t n = min_size(left, READER_BLOCK);
		int err = tensor_read(c->tensor, c->tensor->nbytes - left, n,
				      rd->block, rd);

		if (err)
			return err;
		crc = crc_update(crc, rd->block, n);
		left -= n;
	}
	*out = crc_update(crc, zeros, c->npad);
	return 0;
}

/* Values that overflow in a cast are counted where they are read, not here. */
static int checksum_compute(const struct checksum *c, uint32_t *out,
			    struct reader *rd)
{
	struct stats ignored = {0}, *counted = rd->stats;
	int err;

	rd->stats = &ignored;
	err = crc_of(c, out, rd);
	rd->stats = counted;
	return err;
}

static int checksum_read(struct checksum *c, uint64_t skip, size_t n, void *buf,
			 struct reader *rd)
{
	uint64_t cell = atomic_load_explicit(&c->cell, memory_order_relaxed);
	uint8_t bytes[CHECKSUM_NBYTES];
	uint32_t crc = (uint32_t)cell;

	if (!cell) {
		int err = checksum_compute(c, &crc, rd);

		if (err)
			return err;
		atomic_store_explicit(&c->cell, CHECKSUM_KNOWN | crc,
				      memory_order_relaxed);
	}
	for (unsigned i = 0; i < CHECKSUM_NBYTES; i++)
		bytes[i] = (uint8_t)(crc >> 8 * i);
	memcpy(buf, bytes + skip, n);
	return 0;
}

static int render_read(const struct vfile *f, const struct region *r,
		       uint64_t skip, size_t n, void *buf, struct reader *rd)
{
	strbuf_reset(&rd->render);
	f->render(f->ctx, r->number, &rd->render);
	if (rd->render.failed || rd->render.len < skip + n)
		return -EIO;
	memcpy(buf, rd->render.p + skip, n);
	return 0;
}

/* Bytes [skip, skip+n) of one region. */
static int region_read(const struct vfile *f, const struct region *r,
		       uint64_t skip, size_t n, void *buf, struct reader *rd)
{
	switch (r->kind) {
	case REGION_RENDER:
		return render_read(f, r, skip, n, buf, rd);
	case REGION_TENSOR:
		return tensor_read(r->tensor, r->from + skip, n, buf, rd);
	case REGION_SOURCE:
		return reader_read(rd, r->source, r->from + skip, n, buf);
	case REGION_CHECKSUM:
		return checksum_read(r->checksum, skip, n, buf, rd);
	case REGION_BYTES:
		memcpy(buf, r->bytes + r->from + skip, n);
		return 0;
	}
	return -EIO;
}

ssize_t vfile_read(const struct vfile *f, uint64_t off, size_t n, void *buf,
		   struct reader *rd)
{
	size_t want = off < f->nbytes ? min_size(f->nbytes - off, n) : 0;
	uint64_t pos = f->base + off;
	uint8_t *out = buf;
	size_t left = want;

	for (size_t i = vfile_region(f, off); left > 0; i++) {
		const struct region *r = &f->regions[i];
		uint64_t end = i + 1 < f->nregions ? f->regions[i + 1].off
						   : UINT64_MAX;
		size_t take = min_size(end - pos, left);
		int ret = region_read(f, r, pos - r->off, take, out, rd);

		if (ret) {
			stats_add(&rd->stats->errors, 1);
			return ret;
		}
		out += take;
		pos += take;
		left -= take;
	}
	stats_add(&rd->stats->reads, 1);
	stats_add(&rd->stats->bytes, want);
	return (ssize_t)want;
}

void vfile_run(const struct vfile *f, uint64_t off, struct source_run *out)
{
	uint64_t pos = f->base + off;
	size_t i = vfile_region(f, off);
	const struct region *r = &f->regions[i];
	uint64_t n = f->nbytes - off, from = r->from + (pos - r->off);

	if (i + 1 < f->nregions)
		n = min_u64(n, f->regions[i + 1].off - pos);
	if (r->kind == REGION_TENSOR)
		tensor_run(r->tensor, from, n, out);
	else if (r->kind == REGION_SOURCE)
		*out = (struct source_run){r->source, from, n};
	else
		*out = (struct source_run){NULL, 0, n};
}

void vfile_release(struct vfile *f)
{
	if (!f->borrowed)
		free(f->regions);
	*f = (struct vfile)VFILE_INIT;
}
