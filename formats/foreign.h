/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies where weights are looked for and is none that can be read: other
 * frameworks' files, pointers, error pages. A sentence of its own for each,
 * since what is to be done differs.
 */
#ifndef WC_FORMATS_FOREIGN_H
#define WC_FORMATS_FOREIGN_H

#include "core/cursor.h"
#include "core/error.h"
#include "core/strbuf.h"

/* First bytes of a file that foreign_begins and the formats may look at. */
#define HEAD_NBYTES 32

/* What a file that begins like that is: "is ...: what to do"; or NULL. */
const char *foreign_begins(struct cursor head);

/* The same by a file's name. */
const char *foreign_name(struct str name);

/* Whether these bytes are text, which no file of weights begins with. */
bool foreign_text(struct cursor head);

/* Whether what is no path is a model of the hub, or an address of one. */
bool foreign_path(const char *path);

/*
 * A directory below dir, two levels at most, with a file of a name that ends
 * like safetensors or PyTorch weights or a ckpt: its path goes to *out, which
 * stays empty where there is none. Of several it is the first by name.
 */
void foreign_find_below(const char *dir, struct strbuf *out);

#endif
