/* SPDX-License-Identifier: Apache-2.0 */
/* Making what is read next; see ahead.h. */
#include "core/ahead.h"

#include "core/checked.h"
#include "core/gather.h"

/* How far from the reader a tile may begin: about one tile. */
#define AHEAD_MAX (16u << 20)

/*
 * The same for a tensor: false once there is nothing more to do. *end: the
 * byte behind what is there, or needs no making.
 */
static bool tensor_ahead(const struct tensor *t, uint64_t off, size_t n,
			 uint64_t *end, struct reader *rd)
{
	uint64_t base, each, width, from;
	bool go_on = true;

	*end = t->nbytes;
	switch ((enum recipe)t->recipe) {
	case RECIPE_EXTENT:
	case RECIPE_EXTENTS:
	case RECIPE_SCALED:
		break;
	case RECIPE_STACK:
		each = t->nbytes / t->stack.n;
		base = off - off % each;
		go_on = tensor_ahead(t->stack.v[off / each], off - base, n, end,
				     rd);
		*end += base;
		break;
	case RECIPE_GATHER:
		go_on = gather_ahead(t, off, n, end, rd);
		break;
	case RECIPE_SLICE:
		go_on = tensor_ahead(t->slice.of, t->slice.off + off, n, end,
				     rd);
		*end = min_u64(*end - t->slice.off, t->nbytes);
		break;
	case RECIPE_CAST:
		width = dtype_width(t->dtype);
		from = dtype_width(t->cast->dtype);
		go_on = tensor_ahead(t->cast, off / width * from,
				     n / width * from, end, rd);
		*end = *end / from * width;
		break;
	}
	return go_on;
}

void vfile_ahead(const struct vfile *f, uint64_t off, size_t n,
		 struct reader *rd)
{
	uint64_t pos = f->base + off;
	uint64_t stop = f->base + min_u64(f->nbytes, off + AHEAD_MAX);
	bool go_on = off < f->nbytes;

	for (size_t i = vfile_region(f, off); pos < stop && go_on;) {
		const struct region *r = &f->regions[i];
		uint64_t end = i + 1 < f->nregions ? f->regions[i + 1].off
						   : f->base + f->nbytes;
		uint64_t next = end;

		if (r->kind == REGION_TENSOR) {
			go_on = tensor_ahead(r->tensor, r->from + pos - r->off,
					     n, &next, rd);
			next = r->off + (next - r->from);
		}
		pos = min_u64(next, end);
		i += pos == end;
	}
}
