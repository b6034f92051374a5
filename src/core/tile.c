/* SPDX-License-Identifier: Apache-2.0 */
/* The tile cache; see tile.h. */
#include "core/tile.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/checked.h"

#define NSLOTS 4

/*
 * Small reads of one tile in a row, after which it is made all the same: a
 * reader with a small buffer goes through all of it.
 */
#define PATIENCE 4

/*
 * Claims after which a tile that was not used, nor read to its end, counts as
 * left. Before that its slot is not taken: where more readers than slots take
 * turns, each would make the tile that the next one throws away.
 */
#define STALE 32

enum slot_state {
	SLOT_FREE,
	SLOT_FILLING,
	SLOT_READY,
	SLOT_FAILED, /* until the last of those who waited knows */
};

struct slot {
	struct tile tile; /* first: a tile is its slot */
	const struct tensor *tensor;
	enum slot_state state;
	bool ahead;	/* made for a reader who has not come yet */
	int err;	/* of SLOT_FAILED */
	unsigned pins;	/* who fills, waits for or copies from it */
	uint64_t stamp; /* of its last claim */
	uint64_t nread; /* bytes copied from it */
	pthread_cond_t filled;
};

struct tile_cache {
	pthread_mutex_t lock; /* of all that follows but the tiles' bytes */
	struct slot slots[NSLOTS];
	uint64_t clock;		     /* claims so far */
	const struct tensor *missed; /* the last small read that found none */
	uint64_t missed_off;	     /* of its tile */
	unsigned misses;	     /* in a row */
	size_t slot_nbytes;	     /* immutable */
	uint8_t *map;		     /* immutable */
};

static struct slot *slot_of(struct tile *tile)
{
	return (struct slot *)tile;
}

struct tile_cache *tile_cache_new(size_t budget_nbytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t each = budget_nbytes / NSLOTS / page * page;
	struct tile_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->slot_nbytes = each ? each : page;
	c->map = mmap(NULL, c->slot_nbytes * NSLOTS, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c->map == MAP_FAILED) {
		free(c);
		return NULL;
	}
	/* A transpose writes to as many pages as it has rows. */
	(void)madvise(c->map, c->slot_nbytes * NSLOTS, MADV_HUGEPAGE);
	pthread_mutex_init(&c->lock, NULL);
	for (size_t i = 0; i < NSLOTS; i++) {
		c->slots[i].tile.bytes = c->map + i * c->slot_nbytes;
		pthread_cond_init(&c->slots[i].filled, NULL);
	}
	return c;
}

void tile_cache_free(struct tile_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < NSLOTS; i++)
		pthread_cond_destroy(&c->slots[i].filled);
	pthread_mutex_destroy(&c->lock);
	munmap(c->map, c->slot_nbytes * NSLOTS);
	free(c);
}

/*
 * The tile around byte off: the whole tensor where a slot holds it, else a
 * band of whole indices of the outermost dimension whose index fits a slot.
 * Bands of one index of the dimensions outside it are equally large, so that
 * the source is read as often as need be and no more.
 */
static void tile_around(const struct tensor *t, uint64_t off, size_t slot,
			struct tile *tile)
{
	uint64_t unit = t->nbytes, outer = unit, nbands, band, start;

	for (unsigned i = 0; unit > slot && i < t->ndim; i++) {
		outer = unit;
		unit /= t->dims[i];
	}
	nbands = outer / unit; /* indices, and then bands, in outer */
	band = slot / unit < nbands ? slot / unit : nbands;
	nbands = (nbands + band - 1) / band;
	band = (outer / unit + nbands - 1) / nbands * unit;
	start = off / outer * outer;
	tile->off = start + (off - start) / band * band;
	tile->n = min_size(start + outer - tile->off, (size_t)band);
}

static struct slot *find(struct tile_cache *c, const struct tensor *t,
			 uint64_t off)
{
	for (size_t i = 0; i < NSLOTS; i++) {
		struct slot *s = &c->slots[i];

		if ((s->state == SLOT_FILLING || s->state == SLOT_READY) &&
		    s->tensor == t && s->tile.off == off)
			return s;
	}
	return NULL;
}

static bool is_spare(const struct tile_cache *c, const struct slot *s)
{
	return s->state == SLOT_READY && !s->pins &&
	       (s->nread >= s->tile.n || c->clock - s->stamp >= STALE);
}

/* A free slot, or of those to spare the one unused for longest, or NULL. */
static struct slot *find_room(struct tile_cache *c, unsigned *nroom)
{
	struct slot *best = NULL;

	*nroom = 0;
	for (size_t i = 0; i < NSLOTS; i++) {
		struct slot *s = &c->slots[i];

		if (s->state != SLOT_FREE && !is_spare(c, s))
			continue;
		++*nroom;
		if (!best || (best->state != SLOT_FREE &&
			      (s->state == SLOT_FREE ||
			       s->stamp < best->stamp)))
			best = s;
	}
	return best;
}

/* A slot for a reader who is there. */
static struct slot *take_room(struct tile_cache *c)
{
	unsigned nroom;
	struct slot *s = find_room(c, &nroom);

	for (size_t i = 0; i < NSLOTS && !s; i++)
		if (c->slots[i].ahead && !c->slots[i].pins &&
		    c->slots[i].state == SLOT_READY)
			s = &c->slots[i];
	return s;
}

static void begin_fill(struct tile_cache *c, struct slot *s,
		       const struct tensor *t, const struct tile *want)
{
	s->tensor = t;
	s->tile.off = want->off;
	s->tile.n = want->n;
	s->state = SLOT_FILLING;
	s->ahead = false;
	s->pins = 1;
	s->nread = 0;
	s->stamp = c->clock;
}

static void drop_pin(struct slot *s)
{
	if (--s->pins == 0 && s->state == SLOT_FAILED)
		s->state = SLOT_FREE;
}

static int wait_filled(struct tile_cache *c, struct slot *s)
{
	int err;

	s->pins++;
	s->ahead = false;
	s->stamp = c->clock;
	while (s->state == SLOT_FILLING)
		pthread_cond_wait(&s->filled, &c->lock);
	if (s->state == SLOT_READY)
		return TILE_READY;
	err = s->err;
	drop_pin(s);
	return err;
}

/* Whether this small miss is one of many of the same tile. */
static bool missed_again(struct tile_cache *c, const struct tensor *t,
			 uint64_t off)
{
	if (c->missed != t || c->missed_off != off) {
		c->missed = t;
		c->missed_off = off;
		c->misses = 0;
	}
	return ++c->misses >= PATIENCE;
}

static int claim_locked(struct tile_cache *c, const struct tensor *t,
			const struct tile *want, bool build, struct tile **out)
{
	struct slot *s = find(c, t, want->off);

	c->clock++;
	if (s) {
		*out = &s->tile;
		return wait_filled(c, s);
	}
	if (!build && !missed_again(c, t, want->off))
		return TILE_NONE;
	s = take_room(c);
	if (!s)
		return TILE_NONE;
	begin_fill(c, s, t, want);
	*out = &s->tile;
	return TILE_FILL;
}

int tile_claim(struct tile_cache *c, const struct tensor *t, uint64_t off,
	       bool build, struct tile **out)
{
	struct tile want;
	int ret;

	tile_around(t, off, c->slot_nbytes, &want);
	pthread_mutex_lock(&c->lock);
	ret = claim_locked(c, t, &want, build, out);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

enum tile_claim tile_claim_ahead(struct tile_cache *c, const struct tensor *t,
				 uint64_t off, struct tile **out, uint64_t *end)
{
	struct tile want;
	enum tile_claim ret = TILE_READY;
	struct slot *s;
	unsigned nroom;

	tile_around(t, off, c->slot_nbytes, &want);
	*end = want.off + want.n;
	pthread_mutex_lock(&c->lock);
	if (!find(c, t, want.off)) {
		s = find_room(c, &nroom);
		ret = nroom > 1 ? TILE_FILL : TILE_NONE;
	}
	if (ret == TILE_FILL) {
		begin_fill(c, s, t, &want);
		s->ahead = true;
		*out = &s->tile;
	}
	pthread_mutex_unlock(&c->lock);
	return ret;
}

void tile_publish(struct tile_cache *c, struct tile *tile, int err)
{
	struct slot *s = slot_of(tile);

	pthread_mutex_lock(&c->lock);
	s->state = err ? SLOT_FAILED : SLOT_READY;
	s->err = err;
	if (err)
		drop_pin(s);
	pthread_cond_broadcast(&s->filled);
	pthread_mutex_unlock(&c->lock);
}

void tile_unpin(struct tile_cache *c, struct tile *tile, size_t nread)
{
	struct slot *s = slot_of(tile);

	pthread_mutex_lock(&c->lock);
	s->nread += nread;
	drop_pin(s);
	pthread_mutex_unlock(&c->lock);
}
