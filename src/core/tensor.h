/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tensor: name, element type, shape, and the recipe of its bytes. Immutable
 * once the view that holds it is open. A tensor's size depends on its type and
 * shape only, so every size is known before a weight byte is read.
 *
 * Recipes, in the order in which they compose:
 *
 *   extent   nbytes bytes of a source at an offset
 *   extents  several runs of bytes, of one source or more (core/extents.h)
 *   scaled   block-scaled fp8 as bf16 (core/scaled.h)
 *   stack    tensors of one size, one behind the other
 *   gather   elements of other tensors, as a pattern says (core/gather.h)
 *   slice    nbytes bytes of another tensor at an offset
 *   cast     another tensor's elements in another floating type (core/cast.h)
 */
#ifndef WC_CORE_TENSOR_H
#define WC_CORE_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/dtype.h"
#include "core/error.h"
#include "core/reader.h"
#include "core/source.h"

/* numpy's limit is 64; nothing that holds weights goes past it. */
#define TENSOR_MAX_NDIM 64

/* Names go into file names, headers and index lines; real ones have < 200. */
#define TENSOR_MAX_NAME 4096

enum recipe {
	RECIPE_EXTENT,
	RECIPE_EXTENTS,
	RECIPE_SCALED,
	RECIPE_STACK,
	RECIPE_GATHER,
	RECIPE_SLICE,
	RECIPE_CAST,
};

struct extents;
struct gather;
struct scaled;

struct tensor {
	struct str name;
	const uint64_t *dims; /* [ndim], outermost first */
	uint64_t nbytes;
	uint8_t ndim;
	uint8_t dtype;	/* enum dtype */
	uint8_t recipe; /* enum recipe */
	bool is_extra;	/* beside the weights: no rule need take it */
	union {
		struct {
			struct source *src;
			uint64_t off; /* bytes from the start of src */
		} extent;
		const struct extents *extents;
		const struct scaled *scaled;
		struct {
			const struct tensor *const *v; /* [n] */
			uint64_t n;
		} stack;
		const struct gather *gather;
		struct {
			const struct tensor *of;
			uint64_t off; /* bytes */
		} slice;
		const struct tensor *cast; /* read this, cast to dtype */
	};
};

/* Elements of a tensor. */
uint64_t tensor_nelem(const struct tensor *t);

/* Whether its shape is that one. */
bool tensor_has_dims(const struct tensor *t, const uint64_t *dims,
		     unsigned ndim);

/*
 * Bytes of a tensor of that type and shape. Returns false if they overflow
 * 64 bits (multiplying left to right) or are no whole number of bytes.
 */
bool tensor_nbytes(enum dtype dt, const uint64_t *dims, unsigned ndim,
		   uint64_t *out);

/*
 * Read bytes [off, off+n) of a tensor, which must lie inside it. rd is the
 * calling thread's. Returns 0 or -EIO.
 */
int tensor_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
		struct reader *rd);

/* Bytes that lie in a source as they are read. */
struct source_run {
	struct source *src; /* NULL: the bytes are made */
	uint64_t off;
	uint64_t nbytes;
};

/*
 * What bytes [off, off+n) of a tensor begin with (n > 0): a run of the source,
 * or bytes that are made; nbytes of it, at most n.
 */
void tensor_run(const struct tensor *t, uint64_t off, uint64_t n,
		struct source_run *out);

/* The first source byte a tensor is made of, for ordering. */
void tensor_first_byte(const struct tensor *t, const struct source **src,
		       uint64_t *off);

/* A slot of the hash table, open addressing. */
struct tensor_slot {
	uint32_t place; /* index + 1, 0 is free */
	uint32_t hash;	/* of its name: most others are told apart by it */
};

/* An ordered, hashed set of tensors and what they borrow from. */
struct tensor_set {
	struct arena arena; /* names, dims, recipes */
	struct tensor *v;   /* [n] in order; stable once building is over */
	size_t n, cap;
	struct tensor_slot *slots;
	size_t nslots;
	uint64_t seed;		 /* of the hash: names come from files */
	struct source **sources; /* [nsources], owned, in file order */
	size_t nsources;
};

#define TENSOR_SET_INIT                                                        \
	{                                                                      \
		ARENA_INIT, NULL, 0, 0, NULL, 0, 0, NULL, 0                    \
	}

/*
 * Append a copy of *t; name, dims and recipe must outlive the set or lie in
 * its arena. Returns 0, -EEXIST if the name is there already, -ENOMEM.
 */
int tensor_set_add(struct tensor_set *set, const struct tensor *t);

/* The tensor of that name, or NULL. */
const struct tensor *tensor_set_find(const struct tensor_set *set,
				     struct str name);

/* Bytes of all of them. */
uint64_t tensor_set_nbytes(const struct tensor_set *set);

/* Put v[order[i]] at place i; order is a permutation. 0 or -ENOMEM. */
int tensor_set_reorder(struct tensor_set *set, const uint32_t *order);

/* Take out the tensors i with gone[i]; the others move. 0 or -ENOMEM. */
int tensor_set_drop(struct tensor_set *set, const bool *gone);

/* Take ownership of a source. Returns 0 or -ENOMEM (s is then still yours). */
int tensor_set_own(struct tensor_set *set, struct source *s);

void tensor_set_release(struct tensor_set *set);

#endif
