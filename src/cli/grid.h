/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of texts: columns aligned on a terminal, separated by tabs where a
 * program reads it.
 */
#ifndef WC_CLI_GRID_H
#define WC_CLI_GRID_H

#include <stdbool.h>

#include "core/error.h"
#include "core/strbuf.h"

#define GRID_MAX_COLUMNS 12

struct grid {
	struct strbuf text; /* cells, each with a NUL behind it */
	unsigned ncolumns;
	size_t width[GRID_MAX_COLUMNS]; /* characters of the widest cell */
	size_t ncells;
};

/* The heads of the columns, the first row. */
void grid_heads(struct grid *g, const char *const *heads);

/*
 * The next cell. Control bytes are shown escaped: names come from files, and a
 * terminal obeys what it is sent.
 */
void grid_add(struct grid *g, struct str s);

/* The content of *sb as the next cell, and *sb empty again. */
void grid_take(struct grid *g, struct strbuf *sb);

/* Print and free all. tsv: with tabs, though it is a terminal. */
int grid_print(struct grid *g, bool tsv, struct error *err);

void grid_release(struct grid *g);

#endif
