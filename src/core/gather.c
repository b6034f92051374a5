/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading gathers.
 *
 * A byte range of the output is cut, piece by piece, into boxes: runs of bytes
 * that are contiguous on both sides, repeated along axes of (count, stride_out,
 * stride_in). An output range is at most one box that is whole and two of its
 * edges a level, so what follows needs no range checks:
 *
 *      range  ......######        edge: one index of axis 0, some of axis 1
 *             ############        whole indices of axis 0
 *             ############
 *             ####........        edge
 *
 * Strides are in bytes here, and the innermost run is too, so that ranges which
 * begin or end inside an element are no special case.
 *
 * Each box is copied in the order of its source. Long runs are read to where
 * they belong. Short ones are read through the window, many at a time, and
 * copied from there; inside the window the order no longer matters, so there
 * the copy is blocked for the cache.
 *
 * A child may be a gather too: each level of nesting has a window of its own.
 * A box without a child is zeros.
 */
#include "core/gather.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/checked.h"
#include "core/gather_copy.h"
#include "core/tile.h"

#define MAX_AXES TENSOR_MAX_NDIM

/* Runs of this many bytes are read to where they belong. */
#define LONG_RUN 32768

/*
 * What a read costs beyond its bytes, in bytes: gaps in the source that are
 * not larger are read along.
 */
#define READ_COST 8192

/*
 * Rows of this many bytes are worth a place of their own in a read, of which
 * so many go into one.
 */
#define SCATTER_RUN 1024
#define SCATTER_ROWS 128

/* A request that reads this many times its bytes is better made from tiles. */
#define TILE_GAIN 4

/* Smaller requests build no tile, unless one comes after the other. */
#define TILE_MIN_REQUEST (64u << 10)

struct box {
	const struct tensor *src;
	uint64_t out, in; /* first byte, of the output and of src */
	uint64_t run;	  /* bytes contiguous on both sides */
	unsigned naxes;
	struct copy_axis axes[MAX_AXES];
};

/*
 * How a box is read. Its axes by descending in: first those that are looped
 * over, then one that is taken in blocks, then those of which one read gets
 * all, gaps too.
 */
struct plan {
	bool direct; /* none of this: each run to where it belongs */
	bool dense;  /* one read a block, else one an index of it */
	unsigned nloop;
	struct copy_axis block; /* n 1 where there is no axis left for it */
	uint64_t nblock;	/* its indices in the window at a time */
	unsigned inner;		/* first of the last axes */
	uint64_t span;		/* source bytes of those */
};

/* The walk over the pieces of one output range. */
struct walk {
	uint64_t lo, hi;	     /* the range, in bytes of the output */
	struct box box;		     /* the piece; its axes by descending out */
	uint64_t span[MAX_AXES + 1]; /* output bytes of axes [k..] */
	int (*visit)(struct walk *w, struct box *box);
	uint8_t *buf; /* where byte lo goes */
	struct reader *rd;
	uint64_t cost;	/* of visit_cost */
	bool scattered; /* a piece of short runs in another order */
};

/* ---- Reading a box ---- */

static void sort_by_source(struct box *b)
{
	for (unsigned i = 1; i < b->naxes; i++) {
		struct copy_axis a = b->axes[i];
		unsigned k = i;

		for (; k && b->axes[k - 1].in < a.in; k--)
			b->axes[k] = b->axes[k - 1];
		b->axes[k] = a;
	}
}

static void plan_read(const struct box *b, struct plan *p)
{
	unsigned k = b->naxes;
	uint64_t span = b->run, room;

	p->dense = b->run < LONG_RUN;
	for (; k && p->dense; k--) {
		const struct copy_axis *a = &b->axes[k - 1];

		p->dense = a->in < span + READ_COST;
		if (!p->dense || (a->n - 1) * a->in + span > READER_WINDOW)
			break;
		span += (a->n - 1) * a->in;
	}
	p->inner = k;
	p->span = span;
	p->nloop = k ? k - 1 : 0;
	p->block = k ? b->axes[k - 1] : (struct copy_axis){1, 0, 0};
	p->direct = b->naxes == 0 || (span == b->run && !p->dense);
	room = p->dense && k ? (READER_WINDOW - span) / p->block.in + 1
			     : READER_WINDOW / span;
	p->nblock = min_u64(p->block.n, room ? room : 1);
	if (b->run < COPY_LINE && p->nblock >= COPY_LINE / b->run)
		p->nblock -=
			p->nblock % (COPY_LINE / b->run); /* whole blocks */
}

/* What reading it costs, in bytes. */
static uint64_t plan_cost(const struct box *b, const struct plan *p)
{
	uint64_t nreads = p->block.n, nbytes = p->block.n * p->span;

	if (p->dense) {
		nreads = (p->block.n + p->nblock - 1) / p->nblock;
		nbytes = (p->block.n - 1) * p->block.in + p->span;
	}
	nbytes += nreads * READ_COST;
	for (unsigned i = 0; i < p->nloop; i++)
		nbytes *= b->axes[i].n;
	return nbytes;
}

/* The next tuple of indices, the last axis first. False after the last one. */
static bool next_tuple(const struct copy_axis *axes, unsigned n,
		       uint64_t *index, uint64_t *out, uint64_t *in)
{
	for (unsigned k = n; k--;) {
		*out += axes[k].out;
		*in += axes[k].in;
		if (++index[k] < axes[k].n)
			return true;
		*out -= axes[k].n * axes[k].out;
		*in -= axes[k].n * axes[k].in;
		index[k] = 0;
	}
	return false;
}

static int read_direct(struct walk *w, const struct box *b)
{
	uint64_t index[MAX_AXES] = {0}, out = b->out, in = b->in;
	int err;

	do {
		err = tensor_read(b->src, in, b->run, w->buf + (out - w->lo),
				  w->rd);
	} while (!err && next_tuple(b->axes, b->naxes, index, &out, &in));
	return err;
}

/*
 * Rows that lie one behind the other in a source, and apart in the output: the
 * kernel can put each where it belongs.
 */
static bool can_scatter(const struct box *b)
{
	return b->src->recipe == RECIPE_EXTENT && b->run >= SCATTER_RUN &&
	       b->axes[b->naxes - 1].in == b->run;
}

static int scatter_rows(struct walk *w, const struct box *b, uint64_t out,
			uint64_t in)
{
	const struct copy_axis *row = &b->axes[b->naxes - 1];
	const struct tensor *t = b->src;
	struct iovec iov[SCATTER_ROWS];
	int err = 0;

	for (uint64_t left = row->n, n; left && !err; left -= n) {
		n = min_u64(left, SCATTER_ROWS);
		for (uint64_t i = 0; i < n; i++, out += row->out) {
			iov[i].iov_base = w->buf + (out - w->lo);
			iov[i].iov_len = b->run;
		}
		err = reader_readv(w->rd, t->extent.src, t->extent.off + in,
				   n * b->run, iov, (unsigned)n);
		in += n * b->run;
	}
	return err;
}

static int read_scattered(struct walk *w, const struct box *b)
{
	uint64_t index[MAX_AXES] = {0}, out = b->out, in = b->in;
	int err;

	do {
		err = scatter_rows(w, b, out, in);
	} while (!err &&
		 next_tuple(b->axes, b->naxes - 1, index, &out, &in));
	return err;
}

/* The window of the gather that is being read. */
static uint8_t *window_of(const struct reader *rd)
{
	return rd->windows + (size_t)(rd->depth - 1) * READER_WINDOW;
}

/* Read n indices of the block axis, from source byte in on. */
static int fill_window(struct walk *w, const struct box *b,
		       const struct plan *p, uint64_t n, uint64_t in)
{
	uint8_t *window = window_of(w->rd);
	int err = 0;

	if (p->dense)
		return tensor_read(b->src, in, (n - 1) * p->block.in + p->span,
				   window, w->rd);
	for (; n && !err; n--) {
		err = tensor_read(b->src, in, p->span, window, w->rd);
		in += p->block.in;
		window += p->span;
	}
	return err;
}

/* Copy some indices of the block axis from the window to out. */
static void empty_window(struct walk *w, const struct box *b,
			 const struct plan *p, const struct copy_axis *some,
			 uint64_t out)
{
	struct copy_axis axes[MAX_AXES + 1];
	unsigned n = 0;

	if (some->n > 1)
		axes[n++] = *some;
	for (unsigned i = p->inner; i < b->naxes; i++)
		axes[n++] = b->axes[i];
	copy_order(axes, n);
	copy_axes(w->buf + (out - w->lo), axes, n, window_of(w->rd), b->run);
}

/* All indices of the block axis, one window after the other. */
static int read_blocks(struct walk *w, const struct box *b,
		       const struct plan *p, uint64_t out, uint64_t in)
{
	struct copy_axis some = p->block;
	uint64_t left = p->block.n;

	some.in = p->dense ? p->block.in : p->span;
	while (left) {
		int err;

		some.n = min_u64(p->nblock, left);
		err = fill_window(w, b, p, some.n, in);
		if (err)
			return err;
		empty_window(w, b, p, &some, out);
		out += some.n * some.out;
		in += some.n * p->block.in;
		left -= some.n;
	}
	return 0;
}

static int visit_read(struct walk *w, struct box *b)
{
	uint64_t index[MAX_AXES] = {0}, out = b->out, in = b->in;
	struct plan p;
	int err;

	if (!b->src) {
		do
			memset(w->buf + (out - w->lo), 0, b->run);
		while (next_tuple(b->axes, b->naxes, index, &out, &in));
		return 0;
	}
	sort_by_source(b);
	plan_read(b, &p);
	if (p.direct)
		return read_direct(w, b);
	if (can_scatter(b))
		return read_scattered(w, b);
	do {
		err = read_blocks(w, b, &p, out, in);
	} while (!err && next_tuple(b->axes, p.nloop, index, &out, &in));
	return err;
}

static int visit_cost(struct walk *w, struct box *b)
{
	struct plan p;

	if (!b->src)
		return 0;
	sort_by_source(b);
	plan_read(b, &p);
	w->cost += plan_cost(b, &p);
	return 0;
}

/* ---- From a range to boxes ---- */

/* Visit n indices of axis k, at out and in, with all of the axes after it. */
static int visit_axes(struct walk *w, unsigned k, uint64_t n, uint64_t out,
		      uint64_t in)
{
	struct box b;

	b.src = w->box.src;
	b.out = out;
	b.in = in;
	b.run = w->box.run;
	b.naxes = w->box.naxes - k;
	memcpy(b.axes, w->box.axes + k, b.naxes * sizeof(*b.axes));
	if (b.naxes)
		b.axes[0].n = n;
	return w->visit(w, &b);
}

/* Visit bytes [lo, hi) of the output, which lie in the run at out and in. */
static int visit_run(struct walk *w, uint64_t lo, uint64_t hi, uint64_t out,
		     uint64_t in)
{
	struct box b;

	b.src = w->box.src;
	b.out = lo;
	b.in = in + (lo - out);
	b.run = hi - lo;
	b.naxes = 0;
	return w->visit(w, &b);
}

/*
 * Visit what the range takes of axes [k..] at out and in. The output of one
 * index of an axis never reaches into that of the next.
 */
static int clip(struct walk *w, unsigned k, uint64_t out, uint64_t in)
{
	const struct copy_axis *a = &w->box.axes[k];
	uint64_t lo = w->lo > out ? w->lo : out;
	uint64_t hi = min_u64(w->hi, out + w->span[k]);
	uint64_t first, last, end;
	int err = 0;

	if (lo >= hi)
		return 0;
	if (k == w->box.naxes)
		return visit_run(w, lo, hi, out, in);
	first = (lo - out) / a->out;
	last = end = (hi - out - 1) / a->out + 1;
	if (first * a->out < lo - out) {
		err = clip(w, k + 1, out + first * a->out, in + first * a->in);
		first++;
	}
	if (first < end && (end - 1) * a->out + w->span[k + 1] > hi - out)
		last--;
	if (!err && first < last)
		err = visit_axes(w, k, last - first, out + first * a->out,
				 in + first * a->in);
	if (!err && last < end)
		err = clip(w, k + 1, out + last * a->out, in + last * a->in);
	return err;
}

/* Take a piece in bytes. Returns false if it is nowhere in the range. */
static bool load_piece(struct walk *w, const struct piece *piece,
		       uint64_t width)
{
	struct box *b = &w->box;

	b->out = piece->base_out * width;
	if (b->out >= w->hi)
		return false;
	b->src = piece->src;
	b->in = piece->base_in * width;
	b->run = width;
	b->naxes = 0;
	for (unsigned i = 0; i < piece->naxes; i++) {
		const struct gather_axis *a = &piece->axes[i];

		if (a->n == 0)
			return false;
		if (a->n == 1)
			continue;
		assert(b->naxes < MAX_AXES);
		b->axes[b->naxes++] = (struct copy_axis){
			a->n, a->stride_out * width, a->stride_in * width};
	}
	for (struct copy_axis *a; b->naxes; b->naxes--) {
		a = &b->axes[b->naxes - 1];
		if (a->out != b->run || a->in != b->run)
			break;
		b->run *= a->n;
	}
	w->span[b->naxes] = b->run;
	for (unsigned k = b->naxes; k--;)
		w->span[k] =
			w->span[k + 1] + (b->axes[k].n - 1) * b->axes[k].out;
	return b->out + w->span[0] > w->lo;
}

static void note_order(struct walk *w)
{
	const struct box *b = &w->box;

	for (unsigned i = 1; i < b->naxes && b->run < LONG_RUN; i++)
		if (b->axes[i - 1].in < b->axes[i].in)
			w->scattered = true;
}

static int walk_pieces(struct walk *w, const struct tensor *t)
{
	const struct gather *g = t->gather;
	unsigned width = g->width ? g->width : dtype_width(t->dtype);
	int err = 0;

	for (size_t i = 0; i < g->npieces && !err; i++) {
		if (!load_piece(w, &g->pieces[i], width))
			continue;
		note_order(w);
		err = clip(w, 0, w->box.out, w->box.in);
	}
	return err;
}

/* ---- Reading a range ---- */

static int read_range(const struct tensor *t, uint64_t off, size_t n,
		      uint8_t *buf, struct reader *rd)
{
	struct walk w;

	w.lo = off;
	w.hi = off + n;
	w.visit = visit_read;
	w.buf = buf;
	w.rd = rd;
	return walk_pieces(&w, t);
}

/* Whether the sources of a range are so scattered that tiles are better. */
static bool wants_tiles(const struct tensor *t, uint64_t off, size_t n)
{
	struct walk w;

	w.lo = off;
	w.hi = off + n;
	w.visit = visit_cost;
	w.cost = 0;
	w.scattered = false;
	(void)walk_pieces(&w, t);
	return w.scattered && w.cost / TILE_GAIN > n;
}

static int fill_tile(const struct tensor *t, struct tile *tile,
		     struct reader *rd)
{
	int err = read_range(t, tile->off, tile->n, tile->bytes, rd);

	tile_publish(rd->tiles, tile, err);
	if (!err)
		stats_add(&rd->stats->tiles_built, 1);
	return err;
}

static int read_tiles(const struct tensor *t, uint64_t off, size_t n,
		      uint8_t *buf, struct reader *rd)
{
	bool build = n >= TILE_MIN_REQUEST;

	while (n) {
		struct tile *tile;
		int got = tile_claim(rd->tiles, t, off, build, &tile);
		size_t step;

		if (got == TILE_NONE)
			return read_range(t, off, n, buf, rd);
		if (got == TILE_READY)
			stats_add(&rd->stats->tiles_hit, 1);
		if (got == TILE_FILL)
			got = fill_tile(t, tile, rd);
		if (got < 0)
			return got;
		step = min_size(tile->off + tile->n - off, n);
		memcpy(buf, tile->bytes + (off - tile->off), step);
		tile_unpin(rd->tiles, tile, step);
		off += step;
		buf += step;
		n -= step;
	}
	return 0;
}

int gather_read(const struct tensor *t, uint64_t off, size_t n, void *buf,
		struct reader *rd)
{
	int err;

	assert(rd->depth < READER_DEPTH);
	rd->depth++;
	if (rd->tiles && wants_tiles(t, off, n))
		err = read_tiles(t, off, n, buf, rd);
	else
		err = read_range(t, off, n, buf, rd);
	rd->depth--;
	return err;
}

bool gather_ahead(const struct tensor *t, uint64_t off, size_t n, uint64_t *end,
		  struct reader *rd)
{
	struct tile *tile;

	*end = t->nbytes;
	if (!rd->tiles || n < TILE_MIN_REQUEST ||
	    !wants_tiles(t, off, min_size(t->nbytes - off, n)))
		return true;
	switch (tile_claim_ahead(rd->tiles, t, off, &tile, end)) {
	case TILE_READY:
		return true;
	case TILE_NONE:
		return false;
	case TILE_FILL:
		break;
	}
	rd->depth++;
	if (fill_tile(t, tile, rd) == 0)
		tile_unpin(rd->tiles, tile, 0);
	rd->depth--;
	return false;
}
