/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A safetensors file, laid out: see safetensors.h. Its header is rendered,
 * not stored:
 *
 *   number   HEAD                      0 1 2 ...            TAIL
 *            length, {"__metadata__":  64 entries each      } and padding
 *
 * Every tensor is aligned to its element size: in the order it is given where
 * that is so anyway, and a view of a view has the order of the first; else by
 * descending alignment, the official writer's order.
 */
#include "formats/safetensors.h"

#include <errno.h>
#include <inttypes.h>

#include "core/checked.h"

/* What readers accept. */
#define HEADER_MAX_NBYTES 100000000

#define CHUNK_ENTRIES 64

#define NUMBER_HEAD UINT64_MAX
#define NUMBER_TAIL (UINT64_MAX - 1)

static const char metadata[] = "{\"__metadata__\":{\"format\":\"pt\"}";

struct layout {
	const struct tensor *v;
	size_t n;
	uint32_t *order; /* [n]: v[order[i]] is the i-th in the file */
	uint64_t *off;	 /* [n + 1]: data offset of the i-th, their sum */
	uint64_t header_nbytes; /* a multiple of 8 */
	unsigned npad;		/* spaces at its end */
};

bool safetensors_can_hold(enum dtype dt)
{
	return dt != DT_C128;
}

static void render_entry(const struct layout *l, size_t i, struct strbuf *out)
{
	const struct tensor *t = &l->v[l->order[i]];

	strbuf_addc(out, ',');
	strbuf_add_json(out, t->name);
	strbuf_adds(out, ":{\"dtype\":\"");
	strbuf_adds(out, dtype_info(t->dtype)->safetensors);
	strbuf_adds(out, "\",\"shape\":[");
	strbuf_add_dims(out, t->dims, t->ndim, ',');
	strbuf_adds(out, "],\"data_offsets\":[");
	strbuf_add_u64(out, l->off[i]);
	strbuf_addc(out, ',');
	strbuf_add_u64(out, l->off[i + 1]);
	strbuf_adds(out, "]}");
}

static void render(const void *ctx, uint64_t number, struct strbuf *out)
{
	const struct layout *l = ctx;

	if (number == NUMBER_HEAD) {
		for (unsigned i = 0; i < 8; i++)
			strbuf_addc(out, (char)(l->header_nbytes >> 8 * i));
		strbuf_adds(out, metadata);
	} else if (number == NUMBER_TAIL) {
		strbuf_addc(out, '}');
		for (unsigned i = 0; i < l->npad; i++)
			strbuf_addc(out, ' ');
	} else {
		size_t i = (size_t)number * CHUNK_ENTRIES;
		size_t end = min_size(l->n, i + CHUNK_ENTRIES);

		for (; i < end; i++)
			render_entry(l, i, out);
	}
}

/* Alignment in bytes; sub-byte types are packed without any. */
static unsigned alignment(const struct tensor *t)
{
	unsigned width = dtype_width(t->dtype);

	return width ? width : 1;
}

static void sort_by_alignment(struct layout *l)
{
	size_t at = 0;

	for (unsigned width = 8; width > 0; width /= 2)
		for (size_t i = 0; i < l->n; i++)
			if (alignment(&l->v[i]) == width)
				l->order[at++] = (uint32_t)i;
}

/* Whether the tensors are aligned in the order in which they are given. */
static bool are_aligned(const struct layout *l)
{
	uint64_t off = 0; /* wraps where place() refuses */

	for (size_t i = 0; i < l->n; i++) {
		if (off % alignment(&l->v[i]) != 0)
			return false;
		off += l->v[i].nbytes;
	}
	return true;
}

static void choose_order(struct layout *l)
{
	if (!are_aligned(l)) {
		sort_by_alignment(l);
		return;
	}
	for (size_t i = 0; i < l->n; i++)
		l->order[i] = (uint32_t)i;
}

static int place(struct layout *l, struct error *err)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct tensor *t = &l->v[l->order[i]];

		if (add_overflows(l->off[i], t->nbytes, &l->off[i + 1]))
			return error_set(err, ERR_MAPPING,
					 "the tensors have more than 2^64 "
					 "bytes in all");
		if (str_is(t->name, "__metadata__"))
			return error_set(err, ERR_MAPPING,
					 "a safetensors file cannot hold a "
					 "tensor called __metadata__");
	}
	return 0;
}

static struct layout *layout_new(const struct tensor *v, size_t n,
				 struct arena *arena)
{
	struct layout *l = arena_alloc(arena, sizeof(*l));

	if (!l || n > UINT32_MAX)
		return NULL;
	l->v = v;
	l->n = n;
	l->order = arena_array(arena, n, sizeof(*l->order));
	l->off = arena_array(arena, n + 1, sizeof(*l->off));
	return l->order && l->off ? l : NULL;
}

/* Append the regions of the entries; each is rendered once for its length. */
static int add_entries(struct vfile *f, struct layout *l)
{
	struct strbuf text = STRBUF_INIT;
	int rc = 0;

	for (size_t k = 0; k * CHUNK_ENTRIES < l->n && !rc; k++) {
		strbuf_reset(&text);
		render(l, k, &text);
		rc = text.failed ? -ENOMEM : vfile_add_render(f, k, text.len);
	}
	strbuf_release(&text);
	return rc;
}

static int add_header(struct vfile *f, struct layout *l)
{
	int rc = vfile_add_render(f, NUMBER_HEAD, 8 + sizeof(metadata) - 1);

	if (!rc)
		rc = add_entries(f, l);
	if (rc)
		return rc;
	l->npad = (unsigned)(-(f->nbytes + 1) % 8);
	rc = vfile_add_render(f, NUMBER_TAIL, 1 + l->npad);
	l->header_nbytes = f->nbytes - 8;
	return rc;
}

int safetensors_layout(struct vfile *f, const struct tensor *v, size_t n,
		       struct arena *arena, struct error *err)
{
	struct layout *l = layout_new(v, n, arena);
	int rc;

	if (!l)
		return error_nomem(err);
	choose_order(l);
	rc = place(l, err);
	if (rc)
		return rc;
	f->render = render;
	f->ctx = l;
	if (add_header(f, l))
		return error_nomem(err);
	if (l->header_nbytes > HEADER_MAX_NBYTES)
		return error_set(err, ERR_MAPPING,
				 "the safetensors header would have %" PRIu64
				 " bytes; readers accept %d",
				 l->header_nbytes, HEADER_MAX_NBYTES);
	for (size_t i = 0; i < n; i++) {
		const struct tensor *t = &v[l->order[i]];

		if (vfile_add_tensor(f, t, 0, t->nbytes))
			return error_nomem(err);
	}
	return 0;
}
