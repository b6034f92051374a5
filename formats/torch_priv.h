/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the PyTorch reader: torch_zip.c and torch_legacy.c find the
 * pickle and the storages, torch_where.c the weights in the saved object,
 * torch_dict.c their names, torch_tensor.c makes their recipes.
 */
#ifndef WC_FORMATS_TORCH_PRIV_H
#define WC_FORMATS_TORCH_PRIV_H

#include "formats/pickle.h"
#include "formats/torch.h"

/* A tensor of the saved object under one name. */
struct torch_entry {
	struct str name; /* in the set's arena */
	const struct ptensor *t;
	size_t nth;	   /* in the object's order */
	uint64_t data_off; /* of its storage in the file, once that is known */
};

/* One file as it is read. */
struct torch_file {
	struct tensor_set *set;
	struct source *s;
	const struct torch_options *opt;
	struct strbuf *notes;
	struct error *err;
	struct pickle pickle;  /* of the saved object */
	void *text;	       /* its bytes; owned */
	struct torch_entry *v; /* [n]; owned */
	size_t n, cap;
	bool big_endian;
};

/* Refuse the file: why is a format for what follows. */
#define REFUSE_FILE(f, why, ...)                                               \
	error_set((f)->err, ERR_SOURCE, "%s: " why, (f)->s->path, __VA_ARGS__)

/* All of it: pickle, storages, tensors. */
int torch_read_zip(struct torch_file *f);
int torch_read_legacy(struct torch_file *f);

/* Marks of containers. */
enum { MARK_NEW, MARK_OPEN, MARK_EMPTY, MARK_HOLDS, MARK_ON_PATH };

static inline bool is_container(const struct pvalue *v)
{
	return v->type == PV_DICT || v->type == PV_LIST || v->type == PV_TUPLE;
}

static inline uint32_t nchildren(const struct pvalue *v)
{
	return v->type == PV_DICT ? v->seq.n / 2 : v->seq.n;
}

static inline struct pvalue *child_of(const struct pvalue *v, uint32_t i)
{
	return v->seq.v[v->type == PV_DICT ? 2 * i + 1 : i];
}

/* Whether there is a tensor in it, once torch_select has marked that. */
static inline bool holds(const struct pvalue *v)
{
	return v->type == PV_TENSOR ||
	       (is_container(v) && v->mark == MARK_HOLDS);
}

/* Whether it is of a class, not a number, a text or a set of such. */
static inline bool is_object(const struct pvalue *v)
{
	return v->type == PV_OPAQUE && !str_is(v->global->module, "builtins") &&
	       !str_is(v->global->module, "__builtin__");
}

/*
 * From *root, which is marked, to what holds the weights: by --key, or by the
 * usual keys. torch_where.c.
 */
int torch_find_weights(struct torch_file *f, struct pvalue **root);

/* There is no tensor below root: say what there is. */
int torch_refuse_empty(struct torch_file *f, const struct pvalue *root);

/* Fill v from pickle.top: torch_dict.c. */
int torch_select(struct torch_file *f);

/* Add v to the set; each has its data_off: torch_tensor.c. */
int torch_add(struct torch_file *f);

#endif
