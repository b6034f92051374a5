/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch files from before 1.6, and of _use_new_zipfile_serialization=False:
 *
 *   pickle  0x1950a86a20f9469cfc6c
 *   pickle  1001, the version
 *   pickle  {'protocol_version', 'little_endian', 'type_sizes'}
 *   pickle  the saved object
 *   pickle  [key ...] in the order of what follows
 *   for each key: i64 numel, then numel elements, without padding
 *
 * The storages are little-endian whatever little_endian says: torch swaps
 * them when it writes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/checked.h"
#include "formats/torch_priv.h"

#define FIRST_NBYTES ((size_t)1 << 20)

static const uint8_t magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9,
				0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};

#define VERSION 1001

/* A storage and where it is. */
struct place {
	const struct pstorage *s;
	uint64_t off; /* 0: not in the file */
};

struct legacy {
	struct torch_file *f;
	size_t ntext;	      /* bytes in f->text */
	size_t end;	      /* of the pickles */
	struct pickle keys;   /* the last one */
	struct place *places; /* [nplaces] by key, each once; owned */
	size_t nplaces;
};

/* ---- the pickles ---- */

static int take_magic(struct legacy *l, struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 2); /* PROTO */

	if (p && cursor_peek(c) == 0x95) /* FRAME, in protocol 4 */
		cursor_bytes(c, 9);
	p = p ? cursor_bytes(c, sizeof(magic)) : NULL;
	if (p && memcmp(p, magic, sizeof(magic)) == 0)
		return 0;
	return REFUSE_FILE(l->f, "%s",
			   "it begins like a pickle, but not with the number "
			   "that torch.save writes first");
}

/* The second and the third pickle: nothing of them is needed. */
static int take_preamble(struct legacy *l, struct cursor *c, bool *more)
{
	struct torch_file *f = l->f;

	for (int i = 0; i < 2; i++) {
		struct pickle p;
		int rc = pickle_load(&p, c, f->s->path, f->err);

		if (!rc && i == 0 &&
		    (p.top->type != PV_INT || p.top->i != VERSION))
			rc = REFUSE_FILE(f, "its version is not %d", VERSION);
		*more = p.truncated;
		pickle_release(&p);
		if (rc)
			return rc;
	}
	return 0;
}

/* All pickles of the text; *more: they go on behind it. */
static int load_pickles(struct legacy *l, bool *more)
{
	struct torch_file *f = l->f;
	struct cursor c = cursor_of(f->text, l->ntext);
	int rc = take_magic(l, &c);

	if (!rc)
		rc = take_preamble(l, &c, more);
	if (rc)
		return rc;
	pickle_release(&f->pickle);
	rc = pickle_load(&f->pickle, &c, f->s->path, f->err);
	*more = f->pickle.truncated;
	if (rc)
		return rc;
	pickle_release(&l->keys);
	rc = pickle_load(&l->keys, &c, f->s->path, f->err);
	*more = l->keys.truncated;
	l->end = cursor_pos(&c);
	return rc;
}

/* Their length is nowhere: read more and more of the file. */
static int read_pickles(struct legacy *l)
{
	struct torch_file *f = l->f;
	size_t all = min_size(f->s->nbytes, PICKLE_MAX_NBYTES);
	bool more = true;
	int rc = 0;

	for (size_t n = FIRST_NBYTES; more; n *= 2) {
		l->ntext = min_size(n, all);
		free(f->text);
		f->text = malloc(l->ntext);
		if (!f->text)
			return error_nomem(f->err);
		if (source_read(f->s, 0, l->ntext, f->text, false))
			return error_errno(f->err, ERR_SOURCE, EIO, "%s",
					   f->s->path);
		more = false;
		rc = load_pickles(l, &more);
		more = more && l->ntext < all;
	}
	return rc;
}

/* ---- the storages ---- */

static int by_key(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return str_cmp(x->s->key, y->s->key);
}

static struct place *find_place(const struct legacy *l, struct str key)
{
	struct pstorage s = {.key = key};
	struct place want = {&s, 0};

	if (l->nplaces == 0)
		return NULL;
	return bsearch(&want, l->places, l->nplaces, sizeof(want), by_key);
}

/* The storages that the object names, each once. */
static int list_places(struct legacy *l)
{
	struct torch_file *f = l->f;
	const struct pstorage *s;
	size_t n = 0;

	for (s = f->pickle.storages; s; s = s->next)
		n++;
	l->places = calloc(n + 1, sizeof(*l->places));
	if (!l->places)
		return error_nomem(f->err);
	n = 0;
	for (s = f->pickle.storages; s; s = s->next)
		l->places[n++].s = s;
	if (n > 0)
		qsort(l->places, n, sizeof(*l->places), by_key);
	for (size_t i = 0; i < n; i++) {
		const struct pstorage *last =
			l->nplaces ? l->places[l->nplaces - 1].s : NULL;

		s = l->places[i].s;
		if (!last || !str_eq(last->key, s->key))
			l->places[l->nplaces++] = l->places[i];
		else if (last->dtype != s->dtype || last->numel != s->numel)
			return REFUSE_FILE(f,
					   "storage \"%.*s\" is named with two "
					   "types or sizes",
					   STR_ARG(s->key));
	}
	return 0;
}

/* The storage of that key is next in the file, at *off. */
static int take_storage(struct legacy *l, struct str key, uint64_t *off)
{
	struct torch_file *f = l->f;
	struct place *p = find_place(l, key);
	uint8_t bytes[8];
	struct cursor c = cursor_of(bytes, sizeof(bytes));
	uint64_t numel = 0, left = f->s->nbytes - *off, nbytes;

	if (!p || p->off)
		return REFUSE_FILE(f, "storage \"%.*s\" %s", STR_ARG(key),
				   p ? "is there twice"
				     : "belongs to no tensor");
	if (left < sizeof(bytes))
		return REFUSE_FILE(f,
				   "it ends before storage \"%.*s\": the file "
				   "is cut off",
				   STR_ARG(key));
	if (source_read(f->s, *off, sizeof(bytes), bytes, false))
		return error_errno(f->err, ERR_SOURCE, EIO, "%s", f->s->path);
	cursor_le64(&c, &numel);
	if (numel != p->s->numel)
		return REFUSE_FILE(f,
				   "storage \"%.*s\" has %" PRIu64
				   " elements, its tensors say %" PRIu64,
				   STR_ARG(key), numel, p->s->numel);
	/* The pickle machine has checked that it does not overflow. */
	nbytes = numel * dtype_width(p->s->dtype);
	left -= sizeof(bytes);
	if (nbytes > left)
		return REFUSE_FILE(f,
				   "storage \"%.*s\" has %" PRIu64
				   " bytes, the file holds %" PRIu64
				   " of them: it is cut off",
				   STR_ARG(key), nbytes, left);
	p->off = *off + sizeof(bytes);
	*off = p->off + nbytes;
	return 0;
}

static int place_storages(struct legacy *l)
{
	const struct pvalue *keys = l->keys.top;
	uint64_t off = l->end;
	int rc = list_places(l);

	if (!rc && keys->type != PV_LIST)
		rc = REFUSE_FILE(l->f, "%s", "its list of storages is none");
	for (size_t i = 0; !rc && i < keys->seq.n; i++) {
		const struct pvalue *key = keys->seq.v[i];

		rc = key->type == PV_STR
			     ? take_storage(l, key->s, &off)
			     : REFUSE_FILE(l->f, "%s",
					   "the key of a storage is no string");
	}
	return rc;
}

static int place_tensors(struct legacy *l)
{
	struct torch_file *f = l->f;

	for (size_t i = 0; i < f->n; i++) {
		struct str key = f->v[i].t->storage->key;
		const struct place *p = find_place(l, key);

		if (!p || !p->off)
			return REFUSE_FILE(f,
					   "tensor \"%.*s\": its storage "
					   "\"%.*s\" is not in the file",
					   STR_ARG(f->v[i].name), STR_ARG(key));
		f->v[i].data_off = p->off;
	}
	return 0;
}

int torch_read_legacy(struct torch_file *f)
{
	struct legacy l = {.f = f, .keys = {.arena = ARENA_INIT}};
	int rc = read_pickles(&l);

	if (!rc)
		rc = torch_select(f);
	if (!rc)
		rc = place_storages(&l);
	if (!rc)
		rc = place_tensors(&l);
	if (!rc)
		rc = torch_add(f);
	pickle_release(&l.keys);
	free(l.places);
	return rc;
}
