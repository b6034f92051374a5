/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up shapes; see made_shape.h. */
#include "made_shape.h"

#include <check.h>
#include <ctype.h>

#define MAX_LOCAL 16

struct shaper {
	const char *p, *end;
	const struct space_scope *in;
	struct str local[MAX_LOCAL];
	unsigned nlocal;
};

static const uint64_t primes[MAX_LOCAL] = {2,  3,  5,  7,  11, 13, 17, 19,
					   23, 29, 31, 37, 41, 43, 47, 53};

static int peek(struct shaper *sh)
{
	while (sh->p < sh->end && *sh->p == ' ')
		sh->p++;
	return sh->p < sh->end ? *sh->p : -1;
}

static uint64_t number(struct str word)
{
	uint64_t n = 0;

	for (size_t i = 0; i < word.n; i++)
		n = 10 * n + (uint64_t)(word.p[i] - '0');
	return n ? n : 1; /* a factor 0 marks a block, it is no axis */
}

static uint64_t axis_size(struct shaper *sh, struct str word)
{
	const struct space_scope *in = sh->in;
	struct value v = table_axis_in(in->s->table, in->space, word)
				 ? space_lookup(in, word)
				 : VALUE_MISSING;
	unsigned k = 0;

	if (isdigit((unsigned char)word.p[0]))
		return number(word);
	if (v.kind == VALUE_INT)
		return (uint64_t)v.num;
	while (k < sh->nlocal && !str_eq(sh->local[k], word))
		k++;
	ck_assert_uint_lt(k, MAX_LOCAL);
	if (k == sh->nlocal)
		sh->local[sh->nlocal++] = word;
	return primes[k];
}

static struct str take_word(struct shaper *sh)
{
	struct str w = {sh->p, 0};

	while (sh->p < sh->end &&
	       (isalnum((unsigned char)*sh->p) || *sh->p == '_')) {
		sh->p++;
		w.n++;
	}
	ck_assert_uint_gt(w.n, 0);
	return w;
}

/* One factor: an axis, or the sum of products in parentheses. */
static uint64_t factor(struct shaper *sh)
{
	uint64_t sum = 0, product = 1;

	if (peek(sh) != '(')
		return axis_size(sh, take_word(sh));
	sh->p++;
	while (peek(sh) != ')') {
		if (peek(sh) == '+') {
			sh->p++;
			sum += product;
			product = 1;
		}
		product *= factor(sh);
	}
	sh->p++;
	return sum + product;
}

static unsigned tensor(struct shaper *sh, const uint64_t *hidden,
		       unsigned nhidden, uint64_t *dims)
{
	unsigned n = 0;

	for (;;) {
		int c = peek(sh);

		if (c == ',' || c == '-')
			return n;
		if (c != '.') {
			dims[n++] = factor(sh);
			continue;
		}
		sh->p += 3;
		for (unsigned k = 0; k < nhidden; k++)
			dims[n++] = hidden[k];
	}
}

unsigned made_dims(struct str pattern, unsigned slot,
		   const struct space_scope *in, const uint64_t *hidden,
		   unsigned nhidden, uint64_t *dims)
{
	struct shaper sh = {
		.p = pattern.p, .end = pattern.p + pattern.n, .in = in};
	unsigned n = tensor(&sh, hidden, nhidden, dims);

	for (unsigned k = 0; k < slot; k++) {
		ck_assert_int_eq(peek(&sh), ',');
		sh.p++;
		n = tensor(&sh, hidden, nhidden, dims);
	}
	return n;
}
