/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the Values of a ckpt to its parameters: neighbours with one name are
 * slices of one parameter; the last of them tells type and shape.
 */
#ifndef WC_FORMATS_CKPT_PARAM_H
#define WC_FORMATS_CKPT_PARAM_H

#include "core/extents.h"
#include "formats/reading.h"
#include "formats/wire.h"

enum ckpt_kind { CKPT_NOTHING, CKPT_TENSOR, CKPT_MAP };

/* A Value; strings and content are where they stand in the file. */
struct ckpt_value {
	uint64_t at; /* of the Value */
	enum ckpt_kind kind;
	uint64_t tag, tag_nbytes;
	uint64_t type, type_nbytes;
	uint64_t content, content_nbytes;
	unsigned ndim; /* TENSOR_MAX_NDIM + 1: more than that */
	uint64_t dims[TENSOR_MAX_NDIM];
};

/* load_checkpoint cuts ".__param_key__" and digits off a name. */
#define CKPT_MAX_TAG (TENSOR_MAX_NAME + 64)

/* The parameter whose slices are being collected. */
struct ckpt_param {
	struct reading *r;
	struct wire *w;
	char tag[CKPT_MAX_TAG];
	size_t tag_nbytes;
	struct ckpt_value last;	   /* CKPT_NOTHING: there is none */
	char type[32];		   /* its type's first bytes */
	struct extent_part *parts; /* [nparts]; owned */
	size_t nparts, cap;
	uint64_t nbytes;     /* of all slices so far */
	uint64_t nparams;    /* taken so far, also those left out */
	uint64_t nvalueless; /* Values with neither tensor nor map */
};

void ckpt_param_init(struct ckpt_param *p, struct reading *r, struct wire *w);

/* Take the next Value of the file: a slice, or the first of a parameter. */
int ckpt_param_take(struct ckpt_param *p, const struct ckpt_value *v);

/* The file is over. */
int ckpt_param_end(struct ckpt_param *p);

void ckpt_param_release(struct ckpt_param *p);

#endif
