/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model whose tensors are each cut over several files, a piece in each:
 *
 *   consolidated.00.pth, consolidated.01.pth ...     as Meta publishes Llama
 *
 * What belongs together is told by the names alone; how the pieces are joined,
 * by the rules of the model.
 */
#include "formats/locate_priv.h"
#include "formats/name_list.h"

#define STEM "consolidated."

/* Far more than any model was cut into; the names say how many there are. */
#define MAX_PIECES 1000

static const char *const suffixes[] = {".pth", ".pt", ".bin", ".safetensors"};

#define NSUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

/* K of a name "consolidated.K" suffix. */
static bool parse_piece(const char *name, const char *suffix, uint32_t *k)
{
	struct str s = str_of(name);
	size_t i = strlen(STEM), end = s.n - strlen(suffix);

	if (!str_starts(s, str_of(STEM)) || !str_ends(s, suffix) || i >= end)
		return false;
	for (*k = 0; i < end && *k < MAX_PIECES; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		*k = 10 * *k + (uint32_t)(name[i] - '0');
	}
	return *k < MAX_PIECES;
}

const char *location_split_suffix(const char *name)
{
	uint32_t k;

	for (size_t i = 0; i < NSUFFIXES; i++)
		if (parse_piece(name, suffixes[i], &k))
			return suffixes[i];
	return NULL;
}

/* All pieces, by their numbers: names with several widths are no order. */
static int collect(struct location *l, const char *suffix, struct error *err)
{
	uint32_t k;

	l->weights = arena_array(&l->arena, MAX_PIECES, sizeof(*l->weights));
	if (!l->weights)
		return error_nomem(err);
	for (size_t i = 0; i < l->nentries; i++) {
		if (!parse_piece(l->entries[i], suffix, &k))
			continue;
		if (l->weights[k])
			return error_set(err, ERR_SOURCE,
					 "%s: %s and %s are both piece %u of "
					 "one model",
					 l->dir, l->weights[k], l->entries[i],
					 (unsigned)k);
		l->weights[k] = l->entries[i];
		if (k >= l->nweights)
			l->nweights = k + 1;
	}
	return 0;
}

int locate_split(struct location *l, const char *suffix, struct error *err)
{
	struct name_list missing = NAME_LIST_INIT;
	struct strbuf name = STRBUF_INIT;
	int rc = collect(l, suffix, err);

	for (size_t k = 0; k < l->nweights && !rc; k++) {
		if (l->weights[k])
			continue;
		strbuf_reset(&name);
		strbuf_addf(&name, STEM "%02zu%s", k, suffix);
		name_list_add(&missing, strbuf_str(&name));
	}
	if (missing.n > 0)
		rc = error_set(err, ERR_SOURCE,
			       "%s holds pieces of a model up to %s, but these "
			       "are not there: %s",
			       l->dir, l->weights[l->nweights - 1],
			       name_list_text(&missing));
	l->is_split = true;
	strbuf_release(&name);
	name_list_release(&missing);
	return rc;
}

int locate_any_split(struct location *l, struct error *err)
{
	for (size_t i = 0; i < l->nentries; i++) {
		const char *suffix = location_split_suffix(l->entries[i]);

		if (suffix)
			return locate_split(l, suffix, err);
	}
	return 0;
}
