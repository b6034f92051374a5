/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors and sets of them; see tensor.h. */
#include "core/tensor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/cast.h"
#include "core/checked.h"
#include "core/extents.h"
#include "core/gather.h"
#include "core/scaled.h"

uint64_t tensor_nelem(const struct tensor *t)
{
	uint64_t n = 1;

	/* cannot overflow: tensor_nbytes was computed from the same dims */
	for (unsigned i = 0; i < t->ndim; i++)
		n *= t->dims[i];
	return n;
}

bool tensor_has_dims(const struct tensor *t, const uint64_t *dims,
		     unsigned ndim)
{
	return t->ndim == ndim &&
	       (!ndim || memcmp(t->dims, dims, ndim * sizeof(*dims)) == 0);
}

bool tensor_nbytes(enum dtype dt, const uint64_t *dims, unsigned ndim,
		   uint64_t *out)
{
	uint64_t n = 1, nbits;

	for (unsigned i = 0; i < ndim; i++)
		if (mul_overflows(n, dims[i], &n))
			return false;
	if (mul_overflows(n, dtype_info(dt)->bits, &nbits) || nbits % 8)
		return false;
	*out = nbits / 8;
	return true;
}

static int stack_read(const struct tensor *t, uint64_t off, size_t n,
		      uint8_t *buf, struct reader *rd)
{
	uint64_t each = t->nbytes / t->stack.n;
	int err = 0;

	while (n && !err) {
		uint64_t at = off % each;
		size_t step = (size_t)min_u64(each - at, n);

		err = tensor_read(t->stack.v[off / each], at, step, buf, rd);
		off += step;
		buf += step;
		n -= step;
	}
	return err;
}

int tensor_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
		struct reader *rd)
{
	switch ((enum recipe)t->recipe) {
	case RECIPE_EXTENT:
		return reader_read(rd, t->extent.src, t->extent.off + off, n,
				   buf);
	case RECIPE_EXTENTS:
		return extents_read(t, off, n, buf, rd);
	case RECIPE_SCALED:
		return scaled_read(t, off, n, buf, rd);
	case RECIPE_STACK:
		return stack_read(t, off, n, buf, rd);
	case RECIPE_GATHER:
		return gather_read(t, off, n, buf, rd);
	case RECIPE_SLICE:
		return tensor_read(t->slice.of, t->slice.off + off, n, buf, rd);
	case RECIPE_CAST:
		return cast_read(t, off, n, buf, rd);
	}
	return -EIO;
}

void tensor_run(const struct tensor *t, uint64_t off, uint64_t n,
		struct source_run *out)
{
	uint64_t each;

	for (;;) {
		switch ((enum recipe)t->recipe) {
		case RECIPE_EXTENT:
			*out = (struct source_run){t->extent.src,
						   t->extent.off + off, n};
			return;
		case RECIPE_EXTENTS:
			extents_run(t, off, n, out);
			return;
		case RECIPE_STACK:
			each = t->nbytes / t->stack.n;
			t = t->stack.v[off / each];
			off %= each;
			n = min_u64(n, each - off);
			break;
		case RECIPE_SLICE:
			off += t->slice.off;
			t = t->slice.of;
			break;
		case RECIPE_SCALED:
		case RECIPE_GATHER:
		case RECIPE_CAST:
			*out = (struct source_run){NULL, 0, n};
			return;
		}
	}
}

/* The tensor whose bytes come first in t; NULL where it is made of none. */
static const struct tensor *first_part(const struct tensor *t)
{
	switch ((enum recipe)t->recipe) {
	case RECIPE_EXTENT:
	case RECIPE_EXTENTS:
		break;
	case RECIPE_SCALED:
		return t->scaled->weight;
	case RECIPE_STACK:
		return t->stack.v[0];
	case RECIPE_GATHER:
		for (size_t i = 0; i < t->gather->npieces; i++)
			if (t->gather->pieces[i].src)
				return t->gather->pieces[i].src;
		break;
	case RECIPE_SLICE:
		return t->slice.of;
	case RECIPE_CAST:
		return t->cast;
	}
	return NULL;
}

void tensor_first_byte(const struct tensor *t, const struct source **src,
		       uint64_t *off)
{
	const struct tensor *next;

	while ((next = first_part(t)))
		t = next;
	*src = NULL; /* no elements, or zeros: it stands nowhere */
	*off = 0;
	if (t->recipe == RECIPE_EXTENT) {
		*src = t->extent.src;
		*off = t->extent.off;
	} else if (t->recipe == RECIPE_EXTENTS && t->extents->n) {
		*src = t->extents->parts[0].src;
		*off = t->extents->parts[0].off;
	}
}

/*
 * FNV-1a from a random basis, mixed at the end: a header with crafted names
 * must not make look-ups slow. The order of the table is never shown.
 */
static uint32_t hash(const struct tensor_set *set, struct str s)
{
	uint64_t h = set->seed;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	return (uint32_t)(h * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* The slot of a name: where it is, or the free one where it belongs. */
static struct tensor_slot *slot_of(const struct tensor_set *set,
				   struct str name, uint32_t h)
{
	size_t mask = set->nslots - 1;
	struct tensor_slot *s = &set->slots[h & mask];

	while (s->place &&
	       (s->hash != h || !str_eq(set->v[s->place - 1].name, name)))
		s = &set->slots[(size_t)(s + 1 - set->slots) & mask];
	return s;
}

/* Put what is in old slots into the set's new, empty ones. */
static void move_slots(struct tensor_set *set, const struct tensor_slot *old,
		       size_t n)
{
	size_t mask = set->nslots - 1;

	for (size_t i = 0; i < n; i++) {
		size_t at = old[i].hash & mask;

		if (!old[i].place)
			continue;
		while (set->slots[at].place)
			at = (at + 1) & mask;
		set->slots[at] = old[i];
	}
}

static int grow(struct tensor_set *set)
{
	size_t cap = set->cap ? 2 * set->cap : 64;
	struct tensor *v = realloc(set->v, cap * sizeof(*v));
	struct tensor_slot *old = set->slots;
	size_t nold = set->nslots;

	if (!v)
		return -ENOMEM;
	set->v = v;
	set->slots = calloc(2 * cap, sizeof(*set->slots));
	if (!set->slots) {
		set->slots = old;
		return -ENOMEM;
	}
	if (!nold && getrandom(&set->seed, sizeof(set->seed), 0) < 0)
		set->seed = (uint64_t)(uintptr_t)set->slots;
	set->nslots = 2 * cap;
	set->cap = cap;
	move_slots(set, old, nold);
	free(old);
	return 0;
}

/* order[i] moves to i: tell the slots. */
static int renumber(struct tensor_set *set, const uint32_t *order)
{
	uint32_t *to = malloc((set->n + 1) * sizeof(*to));

	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		to[order[i]] = (uint32_t)i;
	for (size_t i = 0; i < set->nslots; i++)
		if (set->slots[i].place)
			set->slots[i].place = to[set->slots[i].place - 1] + 1;
	free(to);
	return 0;
}

int tensor_set_reorder(struct tensor_set *set, const uint32_t *order)
{
	struct tensor *v = malloc((set->cap + 1) * sizeof(*v));

	if (!v || renumber(set, order)) {
		free(v);
		return -ENOMEM;
	}
	for (size_t i = 0; i < set->n; i++)
		v[i] = set->v[order[i]];
	free(set->v);
	set->v = v;
	return 0;
}

int tensor_set_add(struct tensor_set *set, const struct tensor *t)
{
	struct tensor_slot *slot;
	uint32_t h;

	if (set->n == UINT32_MAX || (set->n == set->cap && grow(set)))
		return -ENOMEM;
	h = hash(set, t->name);
	slot = slot_of(set, t->name, h);
	if (slot->place)
		return -EEXIST;
	set->v[set->n++] = *t;
	*slot = (struct tensor_slot){(uint32_t)set->n, h};
	return 0;
}

const struct tensor *tensor_set_find(const struct tensor_set *set,
				     struct str name)
{
	const struct tensor_slot *slot;

	if (!set->nslots)
		return NULL;
	slot = slot_of(set, name, hash(set, name));
	return slot->place ? &set->v[slot->place - 1] : NULL;
}

uint64_t tensor_set_nbytes(const struct tensor_set *set)
{
	uint64_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += set->v[i].nbytes;
	return n;
}

int tensor_set_drop(struct tensor_set *set, const bool *gone)
{
	struct tensor_set fresh = TENSOR_SET_INIT;
	int ret = 0;

	for (size_t i = 0; i < set->n && !ret; i++)
		if (!gone[i])
			ret = tensor_set_add(&fresh, &set->v[i]);
	if (ret) {
		tensor_set_release(&fresh);
		return ret;
	}
	free(set->v);
	free(set->slots);
	fresh.arena = set->arena;
	fresh.sources = set->sources;
	fresh.nsources = set->nsources;
	*set = fresh;
	return 0;
}

int tensor_set_own(struct tensor_set *set, struct source *s)
{
	struct source **v = realloc(
		set->sources, (set->nsources + 1) * sizeof(struct source *));

	if (!v)
		return -ENOMEM;
	set->sources = v;
	v[set->nsources++] = s;
	return 0;
}

void tensor_set_release(struct tensor_set *set)
{
	for (size_t i = 0; i < set->nsources; i++)
		source_free(set->sources[i]);
	free(set->sources);
	free(set->slots);
	free(set->v);
	arena_release(&set->arena);
	*set = (struct tensor_set)TENSOR_SET_INIT;
}
