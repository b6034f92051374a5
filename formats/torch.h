/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch checkpoints (.bin, .pt, .pth), read without Python and without ever
 * running what a pickle asks for (see pickle.h):
 *
 *   zip, torch >= 1.6     PK\3\4 ... DIR/data.pkl, DIR/data/KEY ...
 *   legacy, before 1.6    five pickles in a row, then the storages
 *
 * A tensor is a view of a storage: name it by the keys that lead to it in the
 * saved object, joined by dots. Checked against torch 2.13.
 */
#ifndef WC_FORMATS_TORCH_H
#define WC_FORMATS_TORCH_H

#include "core/cursor.h"
#include "core/strbuf.h"
#include "core/tensor.h"

struct torch_options {
	const char *key;  /* --key: where the weights are in the saved object,
			     keys joined by dots; "": all of it; NULL: found
			     by the rules of torch_where.c */
	bool keep_prefix; /* an index has the names: strip no "module." */
};

/* Whether a file with those first bytes, 8 at least, is one. */
bool torch_recognise(struct cursor head);

/*
 * Append the tensors of s, which the set owns already, in the order of their
 * bytes. What was left out is told in notes. ERR_SOURCE with a sentence.
 */
int torch_read(struct tensor_set *set, struct source *s,
	       const struct torch_options *opt, struct strbuf *notes,
	       struct error *err);

#endif
