/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What MindSpore's trainings leave in a directory:
 *
 *   PREFIX-E_S.ckpt            the model after step S of epoch E
 *   NAME.ckpt ...              parts of one model, a layer each
 *   rank_N/NAME.ckpt           the slices of rank N of a distributed training
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "formats/locate_priv.h"
#include "formats/name_list.h"
#include "formats/strategy.h"

static const char *const suffixes[] = {".ckpt", ".safetensors"};

#define NSUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

/* Longer numbers are none of an epoch, a step or a rank. */
#define MAX_DIGITS 9

/* ---- epochs ---- */

struct epoch {
	size_t nprefix; /* bytes before "-E_S" */
	uint32_t epoch, step;
};

/* The digits of s that end at *end: their value; *end becomes their begin. */
static bool number_before(const char *s, size_t *end, uint32_t *value)
{
	size_t begin = *end;
	uint32_t scale = 1;

	*value = 0;
	while (begin > 0 && s[begin - 1] >= '0' && s[begin - 1] <= '9' &&
	       *end - begin < MAX_DIGITS) {
		begin--;
		*value += (uint32_t)(s[begin] - '0') * scale;
		scale *= 10;
	}
	scale = (uint32_t)(*end - begin);
	*end = begin;
	return scale > 0;
}

/* A name PREFIX-E_S.SUFFIX, taken apart. */
static bool parse_epoch(const char *name, const char *suffix, struct epoch *out)
{
	size_t end = strlen(name) - strlen(suffix);

	if (!number_before(name, &end, &out->step) || end < 1 ||
	    name[end - 1] != '_')
		return false;
	end--;
	if (!number_before(name, &end, &out->epoch) || end < 1 ||
	    name[end - 1] != '-')
		return false;
	out->nprefix = end - 1;
	return true;
}

static bool is_later(const struct epoch *a, const struct epoch *b)
{
	return a->epoch > b->epoch ||
	       (a->epoch == b->epoch && a->step > b->step);
}

/* What the candidates of a directory are to each other. */
struct choice {
	const char *first, *last; /* candidates; last: the latest epoch */
	size_t n, nepochs;	  /* candidates; those with epoch and step */
	bool one_prefix;	  /* of those */
};

static void choose(const struct location *l, const char *suffix,
		   struct choice *c)
{
	struct epoch best = {0, 0, 0}, each;

	*c = (struct choice){.one_prefix = true};
	for (size_t i = 0; i < l->nentries; i++) {
		const char *name = l->entries[i];

		if (!location_candidate(name, suffix))
			continue;
		if (c->n++ == 0)
			c->first = c->last = name;
		if (!parse_epoch(name, suffix, &each))
			continue;
		if (c->nepochs > 0)
			c->one_prefix &= each.nprefix == best.nprefix &&
					 memcmp(name, c->last, best.nprefix) ==
						 0;
		if (c->nepochs++ == 0 || is_later(&each, &best)) {
			best = each;
			c->last = name;
		}
	}
}

static void add_candidates(const struct location *l, const char *suffix,
			   struct name_list *names)
{
	for (size_t i = 0; i < l->nentries; i++)
		if (location_candidate(l->entries[i], suffix))
			name_list_add(names, str_of(l->entries[i]));
}

static int refuse_choice(const struct location *l, const char *suffix,
			 const char *what, struct error *err)
{
	struct name_list all = NAME_LIST_INIT;
	int rc;

	add_candidates(l, suffix, &all);
	rc = error_set(err, ERR_SOURCE,
		       "%s holds %zu checkpoints %s: %s; name one of them",
		       l->dir, all.n, what, name_list_text(&all));
	name_list_release(&all);
	return rc;
}

static int use_all(struct location *l, const char *suffix, struct error *err)
{
	struct name_list all = NAME_LIST_INIT;

	l->weights = arena_array(&l->arena, l->nentries, sizeof(*l->weights));
	if (!l->weights)
		return error_nomem(err);
	for (size_t i = 0; i < l->nentries; i++)
		if (location_candidate(l->entries[i], suffix))
			l->weights[l->nweights++] = l->entries[i];
	add_candidates(l, suffix, &all);
	strbuf_addf(l->notes,
		    "%zu files without an index are read as parts of one "
		    "model: ",
		    all.n);
	name_list_note(&all, l->notes);
	name_list_release(&all);
	return 0;
}

int locate_ckpts(struct location *l, const char *suffix, struct error *err)
{
	struct choice c;

	choose(l, suffix, &c);
	if (c.nepochs == 0)
		return strcmp(suffix, suffixes[0]) == 0
			       ? use_all(l, suffix, err)
			       : 0;
	if (c.nepochs < c.n || !c.one_prefix)
		return refuse_choice(l, suffix,
				     "that are not the epochs of one training",
				     err);
	strbuf_addf(l->notes,
		    "%s is the latest of %zu checkpoints by its epoch and "
		    "step\n",
		    c.last, c.n);
	return location_use(l, c.last, err);
}

/* ---- ranks ---- */

/* The number of a name rank_N. */
static bool parse_rank(const char *name, uint32_t *rank)
{
	size_t end = strlen(name);

	return number_before(name, &end, rank) && end == 5 &&
	       memcmp(name, "rank_", 5) == 0 && *rank < STRATEGY_MAX_RANKS;
}

static bool is_directory(DIR *d, const char *name)
{
	struct stat st;

	return fstatat(dirfd(d), name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* Name the directories of ranks: ranks[N] = "rank_N". */
static int list_ranks(struct location *l, DIR *d)
{
	const struct dirent *e;
	uint32_t rank;

	while ((errno = 0, e = readdir(d)) != NULL) {
		if (!parse_rank(e->d_name, &rank) ||
		    !is_directory(d, e->d_name))
			continue;
		if (!l->ranks)
			l->ranks = arena_array(&l->arena, STRATEGY_MAX_RANKS,
					       sizeof(*l->ranks));
		if (!l->ranks)
			return -ENOMEM;
		l->ranks[rank] = arena_str(&l->arena, str_of(e->d_name)).p;
		if (!l->ranks[rank])
			return -ENOMEM;
		if (rank >= l->nranks)
			l->nranks = rank + 1;
		l->nweights++;
	}
	return -errno;
}

/* When a rank's file was saved, if its name tells. */
struct moment {
	bool known;
	struct epoch epoch;
	const char *file;
};

/* A training that was killed may have saved its last step on some ranks only:
 * slices of two steps make no model. */
static int check_moment(const struct location *l, const struct moment *first,
			const struct moment *at, struct error *err)
{
	if (!first->known || !at->known ||
	    (first->epoch.epoch == at->epoch.epoch &&
	     first->epoch.step == at->epoch.step))
		return 0;
	return error_set(err, ERR_SOURCE,
			 "%s: the ranks are not of one step: the latest are %s "
			 "and %s; remove what the others do not have",
			 l->dir, first->file, at->file);
}

/* The file of a rank's directory: sub is that directory. */
static int choose_file(struct location *sub, const char **file,
		       struct moment *at, struct error *err)
{
	struct choice c = {.n = 0};
	int rc = location_list(sub);
	size_t i = 0;

	if (rc)
		return error_errno(err, ERR_SOURCE, -rc, "%s", sub->dir);
	for (; i < NSUFFIXES && c.n == 0; i++)
		choose(sub, suffixes[i], &c);
	if (c.n == 0)
		return error_set(err, ERR_SOURCE,
				 "%s holds no checkpoint: no *.ckpt and no "
				 "*.safetensors file",
				 sub->dir);
	if (c.n > 1 && (c.nepochs < c.n || !c.one_prefix))
		return refuse_choice(sub, suffixes[i - 1],
				     "that are not the epochs of one training",
				     err);
	*file = c.last;
	at->known = parse_epoch(c.last, suffixes[i - 1], &at->epoch);
	return 0;
}

/* ranks[rank] becomes "rank_N/FILE". */
static int find_file(struct location *l, uint32_t rank, struct moment *at,
		     struct error *err)
{
	struct location sub = {.arena = ARENA_INIT, .index = INDEX_INIT};
	const char *prefix = location_concat(l, l->ranks[rank], "/");
	const char *file = NULL;
	int rc;

	sub.dir = location_path(l, l->ranks[rank]);
	if (!prefix || !sub.dir)
		return error_nomem(err);
	rc = choose_file(&sub, &file, at, err);
	l->ranks[rank] = rc ? NULL : location_concat(l, prefix, file);
	location_release(&sub);
	return rc || l->ranks[rank] ? rc : error_nomem(err);
}

static int find_files(struct location *l, struct error *err)
{
	struct moment first = {.known = false}, at;
	size_t n = 0;

	l->weights = arena_array(&l->arena, l->nweights, sizeof(*l->weights));
	if (!l->weights)
		return error_nomem(err);
	for (uint32_t r = 0; r < l->nranks; r++) {
		int rc = l->ranks[r] ? find_file(l, r, &at, err) : 0;

		if (rc)
			return rc;
		if (!l->ranks[r])
			continue;
		at.file = l->weights[n++] = l->ranks[r];
		if (n == 1)
			first = at;
		rc = check_moment(l, &first, &at, err);
		if (rc)
			return rc;
	}
	return 0;
}

int locate_ranks(struct location *l, bool all, struct error *err)
{
	DIR *d = opendir(l->dir);
	int rc = d ? list_ranks(l, d) : -errno;

	if (d)
		closedir(d);
	if (rc)
		return error_errno(err, ERR_SOURCE, -rc, "%s", l->dir);
	if (!l->nweights)
		return 0;
	if (!all && l->nweights > 1)
		return error_set(err, ERR_SOURCE,
				 "%s holds a distributed checkpoint, the "
				 "slices of %zu ranks: --strategy=FILE says "
				 "how they are joined, or name one rank's "
				 "directory",
				 l->dir, l->nweights);
	return find_files(l, err);
}
