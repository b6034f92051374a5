/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors and sets of them; see tensor.h. */
#include "core/tensor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/cast.h"
#include "core/checked.h"
#include "core/gather.h"

uint64_t tensor_nelem(const struct tensor *t)
{
	uint64_t n = 1;

	/* cannot overflow: tensor_nbytes was computed from the same dims */
	for (unsigned i = 0; i < t->ndim; i++)
		n *= t->dims[i];
	return n;
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

int tensor_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
		struct reader *rd)
{
	switch ((enum recipe)t->recipe) {
	case RECIPE_EXTENT:
		return source_read(t->extent.src, t->extent.off + off, n, buf,
				   rd->uncached);
	case RECIPE_GATHER:
		return gather_read(t, off, n, buf, rd);
	case RECIPE_CAST:
		return cast_read(t, off, n, buf, rd);
	}
	return -EIO;
}

void tensor_first_byte(const struct tensor *t, const struct source **src,
		       uint64_t *off)
{
	while (t->recipe != RECIPE_EXTENT) {
		if (t->recipe == RECIPE_CAST) {
			t = t->cast;
		} else if (t->gather->npieces) {
			t = t->gather->pieces[0].src;
		} else { /* no elements: it stands nowhere */
			*src = NULL;
			*off = 0;
			return;
		}
	}
	*src = t->extent.src;
	*off = t->extent.off;
}

/*
 * FNV-1a from a random basis, mixed at the end: a header with crafted names
 * must not make look-ups slow. The order of the table is never shown.
 */
static uint64_t hash(const struct tensor_set *set, struct str s)
{
	uint64_t h = set->seed;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	return h * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

/* The slot of a name: where it is, or the free one where it belongs. */
static uint32_t *slot_of(const struct tensor_set *set, struct str name)
{
	size_t i = hash(set, name) & (set->nslots - 1);

	while (set->slots[i] && !str_eq(set->v[set->slots[i] - 1].name, name))
		i = (i + 1) & (set->nslots - 1);
	return &set->slots[i];
}

static void rehash(struct tensor_set *set)
{
	memset(set->slots, 0, set->nslots * sizeof(*set->slots));
	for (size_t i = 0; i < set->n; i++)
		*slot_of(set, set->v[i].name) = (uint32_t)(i + 1);
}

static int grow(struct tensor_set *set)
{
	size_t cap = set->cap ? 2 * set->cap : 64;
	struct tensor *v = realloc(set->v, cap * sizeof(*v));
	uint32_t *slots;

	if (!v)
		return -ENOMEM;
	set->v = v;
	slots = malloc(2 * cap * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(set->slots);
	if (!set->nslots && getrandom(&set->seed, sizeof(set->seed), 0) < 0)
		set->seed = (uint64_t)(uintptr_t)slots;
	set->slots = slots;
	set->nslots = 2 * cap;
	set->cap = cap;
	rehash(set);
	return 0;
}

int tensor_set_reorder(struct tensor_set *set, const uint32_t *order)
{
	struct tensor *v = malloc((set->cap + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		v[i] = set->v[order[i]];
	free(set->v);
	set->v = v;
	if (set->n)
		rehash(set);
	return 0;
}

int tensor_set_add(struct tensor_set *set, const struct tensor *t)
{
	uint32_t *slot;

	if (set->n == set->cap && grow(set))
		return -ENOMEM;
	slot = slot_of(set, t->name);
	if (*slot)
		return -EEXIST;
	set->v[set->n++] = *t;
	*slot = (uint32_t)set->n;
	return 0;
}

const struct tensor *tensor_set_find(const struct tensor_set *set,
				     struct str name)
{
	uint32_t *slot;

	if (!set->nslots)
		return NULL;
	slot = slot_of(set, name);
	return *slot ? &set->v[*slot - 1] : NULL;
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
