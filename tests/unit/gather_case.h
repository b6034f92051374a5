/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathers for tests: the pieces of common patterns, and beside them what the
 * pattern means, written the other way round: the source element of an output
 * element, by division.
 */
#ifndef WC_TESTS_GATHER_CASE_H
#define WC_TESTS_GATHER_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "core/gather.h"
#include "temp_source.h"

#define CASE_CHILDREN 12
#define CASE_PIECES 24
#define CASE_AXES 80

/* The sizes of a case's axes; each case says which is which. */
struct sizes {
	uint64_t a, b, c, d;
};

struct gather_case;

/* A case made with some sizes and a type. */
struct made {
	const struct gather_case *kase;
	struct sizes s;
	struct temp_source file;
	enum dtype dtype;
	struct tensor children[CASE_CHILDREN];
	uint64_t child_dims[CASE_CHILDREN];
	size_t nchildren;
	struct piece pieces[CASE_PIECES];
	struct gather_axis axes[CASE_AXES];
	size_t naxes;
	struct gather gather;
	uint64_t dims[4];
	struct tensor out;
	uint8_t *bytes; /* of the file */
	uint8_t *want;	/* all of the output */
};

struct gather_case {
	const char *pattern;
	void (*make)(struct made *m, const struct sizes *s);
	uint64_t (*source)(const struct sizes *s, uint64_t i, size_t *child);
	struct sizes tiny, large;
};

extern const struct gather_case gather_cases[];
extern const size_t ngather_cases;

/* The case of that pattern. */
const struct gather_case *gather_case_find(const char *pattern);

/* Random children in a file, at odd offsets, and the gather of them. */
void made_init(struct made *m, const struct gather_case *kase,
	       const struct sizes *s, enum dtype dt);
void made_release(struct made *m);

#endif
