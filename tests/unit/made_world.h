/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made-up worlds for a table: all combinations of the values of its options
 * and of what its conditions ask of config.json, each with numbers in
 * config.json that make every axis whole.
 */
#ifndef WC_TESTS_MADE_WORLD_H
#define WC_TESTS_MADE_WORLD_H

#include "models/scope.h"

#define WORLD_MAX_KEYS 64
#define WORLD_MAX_VALUES 8
#define WORLD_MAX_OPTIONS 16

/* More combinations than that are sampled. */
#define WORLD_MAX 80

/* A key of config.json that the table looks up. */
struct world_key {
	struct str name;
	bool axis; /* an axis is made of it */
	/* JSON; "" is a key that is not there, "?" a number to be found */
	struct str values[WORLD_MAX_VALUES];
	unsigned nvalues;
};

struct worlds {
	const struct table *table;
	struct arena arena;
	struct world_key keys[WORLD_MAX_KEYS];
	unsigned nkeys;
	int64_t numbers[WORLD_MAX_KEYS]; /* of the last world */
	uint64_t n;			 /* worlds there are to see */
	uint64_t ncombinations;
	uint64_t seed;
};

struct world {
	struct str config; /* JSON */
	struct setting set[WORLD_MAX_OPTIONS];
	size_t nset;
};

void worlds_init(struct worlds *w, const struct table *table);

/* World k of w->n; number 0 has the defaults. Lives in w->arena. */
void worlds_get(struct worlds *w, uint64_t k, struct world *out);

void worlds_release(struct worlds *w);

#endif
