/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pickle (protocols 0 to 5), read as data. A pickle is a program for a small
 * stack machine; this one knows the few callables that torch.save needs and
 * computes what they would return. Nothing else is ever called or made:
 *
 *   - an object of a class that is not known (argparse.Namespace, an optimizer)
 *     becomes opaque: a name, without its content;
 *   - the result of a call that is not known is opaque too, unless what is to
 *     be called can only do harm (os.system): then the pickle is refused;
 *   - calling something opaque is refused.
 *
 * Time and memory are bounded by the input's size and by the caps below, and
 * nothing here recurses.
 */
#ifndef WC_FORMATS_PICKLE_H
#define WC_FORMATS_PICKLE_H

#include "core/arena.h"
#include "core/cursor.h"
#include "core/error.h"

/* A name and a tensor of a state dict take some 200 bytes. */
#define PICKLE_MAX_NBYTES ((size_t)256 << 20)

/* What the objects of one pickle may take; a byte can cost 32 or more. */
#define PICKLE_MAX_MEMORY ((size_t)512 << 20)

enum pvalue_type {
	PV_NONE,
	PV_BOOL,
	PV_INT,
	PV_STR,
	PV_TUPLE,
	PV_LIST,
	PV_DICT, /* OrderedDict too */
	PV_GLOBAL,
	PV_OPAQUE, /* any other object: float, set, ndarray, Namespace ... */
	PV_STORAGE,
	PV_TENSOR,
};

/* A class or a function, by its name only. */
struct pglobal {
	struct str module, name;
	uint8_t call;  /* what calling it gives: an enum of pickle_priv.h */
	uint8_t dtype; /* of a storage class or a torch.dtype */
};

/* The bytes a tensor is a view of. */
struct pstorage {
	struct str key;
	uint64_t numel;		       /* elements of dtype; bytes if untyped */
	uint64_t view_off, view_numel; /* the part that is meant, the same */
	uint8_t dtype;
	bool untyped;
	const struct pstorage *next; /* of all that the pickle names */
};

struct ptensor {
	const struct pstorage *storage;
	const char *odd; /* "sparse: save ...", why it cannot be shown and what
			    would do; NULL: all is checked */
	uint64_t off;	 /* elements */
	const uint64_t *dims, *strides; /* [ndim] elements */
	uint8_t ndim, dtype;
};

struct pvalue {
	uint8_t type;
	uint8_t mark; /* for whoever walks the values; 0 */
	bool called;  /* PV_OPAQUE: a call's result, not an object's name */
	union {
		int64_t i; /* PV_INT, PV_BOOL */
		struct str s;
		struct {
			struct pvalue **v; /* a dict's: key, value, key ... */
			uint32_t n, cap;
		} seq;
		const struct pglobal *global; /* PV_GLOBAL, PV_OPAQUE */
		const struct pstorage *storage;
		const struct ptensor *tensor;
	};
};

struct pickle {
	struct arena arena; /* all values; strings may lie in the input */
	struct pvalue *top; /* what the pickle is of */
	const struct pstorage *storages; /* the last one; one for each use */
	bool truncated;			 /* why it failed: the input ended */
};

/*
 * Run the pickle at the cursor, which then stands behind its STOP. path is
 * for sentences. The input must outlive the values. ERR_SOURCE with a
 * sentence; pickle_release also after a failure.
 */
int pickle_load(struct pickle *p, struct cursor *c, const char *path,
		struct error *err);

void pickle_release(struct pickle *p);

/* The value of a dict under that string key, or NULL. */
struct pvalue *pickle_get(const struct pvalue *dict, struct str key);

#endif
