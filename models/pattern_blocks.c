/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks of a pattern's sides, and which is which on the other side. A
 * block's number in a tensor is a choice of a term in each sum, written in
 * mixed radix, the last factor varying fastest.
 */
#include <string.h>

#include "models/pattern_ast.h"

/* The axes of block b of a product. */
static uint32_t block_axes(const struct product *t, unsigned b)
{
	uint32_t axes = 0;
	unsigned i, k;

	for (i = t->n; i-- > 0; b /= t->v[i].nblocks) {
		const struct factor *f = &t->v[i];
		const struct product *term = f->terms;

		if (!f->nterms) {
			axes |= f->axes;
			continue;
		}
		for (k = b % f->nblocks; k >= term->nblocks; term++)
			k -= term->nblocks;
		axes |= block_axes(term, k);
	}
	return axes;
}

unsigned pattern_find_block(const struct pattern_side *side, unsigned *k)
{
	unsigned t;

	for (t = 0; *k >= side->tensors[t].nblocks; t++)
		*k -= side->tensors[t].nblocks;
	return t;
}

static uint32_t side_block_axes(const struct pattern_side *side, unsigned k)
{
	unsigned t = pattern_find_block(side, &k);

	return block_axes(&side->tensors[t], k);
}

static int bad_block(const struct pattern *p, unsigned k, const uint32_t *axes,
		     struct error *err)
{
	struct strbuf names[2] = {STRBUF_INIT, STRBUF_INIT};
	int side, rc;
	unsigned i;

	for (side = 0; side < 2; side++) {
		for (i = 0; i < p->naxes; i++) {
			if (!(axes[side] & AXIS_BIT(i)))
				continue;
			if (names[side].len)
				strbuf_addc(&names[side], ' ');
			strbuf_addstr(&names[side], p->axes[i].name);
		}
		if (!axes[side])
			strbuf_adds(&names[side], "no axes");
	}
	if (names[0].failed || names[1].failed)
		rc = error_nomem(err);
	else
		rc = error_set(err, ERR_MODEL,
			       "the pattern \"%.*s\": block %u has %.*s on the "
			       "left side, %.*s on the right",
			       STR_ARG(p->text), k + 1,
			       STR_ARG(strbuf_str(&names[0])),
			       STR_ARG(strbuf_str(&names[1])));
	strbuf_release(&names[0]);
	strbuf_release(&names[1]);
	return rc;
}

/* The next block of a side from *k on that has a partner. */
static bool next_block(const struct pattern *p, int side, unsigned *k,
		       uint32_t *axes)
{
	for (; *k < p->sides[side].nblocks; ++*k) {
		*axes = side_block_axes(&p->sides[side], *k);
		if (!(*axes & p->zero))
			return true;
	}
	return false;
}

static int bad_count(const struct pattern *p, struct error *err)
{
	unsigned n[2] = {0, 0};
	uint32_t axes;

	for (int side = 0; side < 2; side++)
		for (unsigned k = 0; next_block(p, side, &k, &axes); k++)
			n[side]++;
	return error_set(err, ERR_MODEL,
			 "the pattern \"%.*s\": %u block%s on the left side, "
			 "%u on the right",
			 STR_ARG(p->text), n[0], n[0] == 1 ? "" : "s", n[1]);
}

/*
 * The n-th block of the left that has a partner is the n-th such of the right:
 * what makes it a bijection.
 */
static int pair_blocks(const struct pattern *p, uint16_t *partner[2],
		       struct error *err)
{
	unsigned k[2] = {0, 0}, n = 0;
	uint32_t axes[2];

	for (;; n++, k[0]++, k[1]++) {
		bool left = next_block(p, 0, &k[0], &axes[0]);

		if (left != next_block(p, 1, &k[1], &axes[1]))
			return bad_count(p, err);
		if (!left)
			return 0;
		if (axes[0] != axes[1])
			return bad_block(p, n, axes, err);
		partner[0][k[0]] = (uint16_t)k[1];
		partner[1][k[1]] = (uint16_t)k[0];
	}
}

int pattern_pair_blocks(struct pattern *p, struct arena *arena,
			struct error *err)
{
	uint16_t *partner[2];

	for (int side = 0; side < 2; side++) {
		size_t n = p->sides[side].nblocks;

		partner[side] = arena_array(arena, n, sizeof(uint16_t));
		if (!partner[side])
			return error_nomem(err);
		memset(partner[side], 0xff, n * sizeof(uint16_t));
		p->sides[side].partner = partner[side];
	}
	return pair_blocks(p, partner, err);
}

bool pattern_pads(const struct pattern *p, struct str axis)
{
	uint32_t zeros = 0, others = 0;

	for (int side = 0; side < 2; side++) {
		for (unsigned k = 0; k < p->sides[side].nblocks; k++) {
			uint32_t axes = side_block_axes(&p->sides[side], k);

			if (axes & p->zero)
				zeros |= axes;
			else
				others |= axes;
		}
	}
	for (unsigned i = 0; i < p->naxes; i++)
		if (str_eq(p->axes[i].name, axis))
			return zeros & ~others & AXIS_BIT(i);
	return false;
}
