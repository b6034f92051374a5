/* SPDX-License-Identifier: Apache-2.0 */
/* Which files a SOURCE means: see locate.h. */
#include "formats/locate_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "formats/foreign.h"
#include "formats/name_list.h"

#define INDEX_SUFFIX ".index.json"

/*
 * MindSpore's index of safetensors files, and the file beside them that
 * unified_safetensors leaves out of it.
 */
#define MS_INDEX "param_name_map.json"
#define MS_UNLISTED "hyper_param.safetensors"

#define ADAPTER_STEM "adapter_model"
#define ADAPTER_CONFIG "adapter_config.json"

/* The forms of a model directory that can be read, best first. */
static const struct form {
	const char *stem, *suffix;
} forms[] = {
	{"model", ".safetensors"},
	{"pytorch_model", ".bin"},
	{"model", ".pth"},
	{"model", ".pt"},
	{"mindspore_model", ".ckpt"},
};

#define NFORMS (sizeof(forms) / sizeof(forms[0]))

int location_use(struct location *l, const char *name, struct error *err)
{
	l->weights = arena_array(&l->arena, 1, sizeof(*l->weights));
	if (!l->weights)
		return error_nomem(err);
	l->weights[0] = name;
	l->nweights = 1;
	return 0;
}

/* The files of the index, and the one that MindSpore does not list. */
static int take_files(struct location *l)
{
	bool more = strcmp(l->index_name, MS_INDEX) == 0 &&
		    location_has(l, MS_UNLISTED) &&
		    index_find(&l->index, MS_UNLISTED) < 0;

	l->weights = arena_array(&l->arena, l->index.nfiles + 1,
				 sizeof(*l->weights));
	if (!l->weights)
		return -ENOMEM;
	for (size_t i = 0; i < l->index.nfiles; i++) {
		if (more && strcmp(MS_UNLISTED, l->index.files[i]) < 0) {
			l->weights[l->nweights++] = MS_UNLISTED;
			more = false;
		}
		l->weights[l->nweights++] = l->index.files[i];
	}
	if (more && l->nweights)
		l->weights[l->nweights++] = MS_UNLISTED;
	return 0;
}

/* The index that was just read becomes the one of the weights. */
static int use_read_index(struct location *l, const char *name,
			  struct error *err)
{
	struct name_list missing = NAME_LIST_INIT;
	int rc = 0;

	l->index_name = name;
	if (take_files(l))
		return error_nomem(err);
	for (size_t i = 0; i < l->nweights; i++)
		if (!location_has(l, l->weights[i]))
			name_list_add(&missing, str_of(l->weights[i]));
	if (l->nweights == 0)
		rc = error_set(err, ERR_SOURCE, "%s/%s names no tensors",
			       l->dir, name);
	else if (missing.n > 0)
		rc = error_set(err, ERR_SOURCE,
			       "%s/%s names files that are not there, fetch "
			       "them too: %s",
			       l->dir, name, name_list_text(&missing));
	name_list_release(&missing);
	return rc;
}

static int read_index(struct location *l, const char *name, struct error *err)
{
	const char *path = location_path(l, name);

	return path ? index_read(&l->index, path, err) : error_nomem(err);
}

static int use_index(struct location *l, const char *name, struct error *err)
{
	int rc = read_index(l, name, err);

	return rc ? rc : use_read_index(l, name, err);
}

/* A file name PREFIX-K-of-N.SUFFIX, taken apart. */
struct numbered {
	size_t nprefix; /* bytes before "-K" */
	size_t ndigits; /* of K */
	size_t k, n;
};

/* The run of at most 9 digits that ends at end: its begin and value. */
static size_t number_before(const char *s, size_t end, size_t *value)
{
	size_t begin = end, scale = 1;

	*value = 0;
	while (begin > 0 && end - begin < 9 && s[begin - 1] >= '0' &&
	       s[begin - 1] <= '9') {
		begin--;
		*value += (size_t)(s[begin] - '0') * scale;
		scale *= 10;
	}
	return begin;
}

static bool parse_numbered(const char *name, const char *suffix,
			   struct numbered *out)
{
	size_t end = strlen(name), begin;

	if (!has_suffix(name, suffix))
		return false;
	begin = number_before(name, end - strlen(suffix), &out->n);
	if (begin < 4 || memcmp(name + begin - 4, "-of-", 4) != 0)
		return false;
	end = begin - 4;
	begin = number_before(name, end, &out->k);
	if (begin < 1 || name[begin - 1] != '-')
		return false;
	out->nprefix = begin - 1;
	out->ndigits = end - begin;
	return out->ndigits > 0 && out->k >= 1 && out->k <= out->n;
}

/* Whether b is a shard of the series that a is one of. */
static bool same_series(const char *a, const struct numbered *na, const char *b,
			const char *suffix)
{
	struct numbered nb;
	size_t tail = na->nprefix + 1 + na->ndigits;

	return parse_numbered(b, suffix, &nb) && nb.nprefix == na->nprefix &&
	       nb.ndigits == na->ndigits && memcmp(a, b, na->nprefix) == 0 &&
	       strcmp(a + tail, b + tail) == 0;
}

/* Shards from..to-1 of a's series are missing; a name may claim 10^9. */
static void add_missing(struct name_list *missing, const char *a,
			const struct numbered *na, size_t from, size_t to)
{
	struct strbuf name = STRBUF_INIT;

	for (; from < to && missing->n < NAME_LIST_SHOWN; from++) {
		strbuf_reset(&name);
		strbuf_addf(&name, "%.*s-%0*zu%s", (int)na->nprefix, a,
			    (int)na->ndigits, from,
			    a + na->nprefix + 1 + na->ndigits);
		name_list_add(missing, strbuf_str(&name));
	}
	missing->n += to > from ? to - from : 0;
	strbuf_release(&name);
}

/* All shards of the series that one shard belongs to. */
static int use_series(struct location *l, const char *shard, const char *suffix,
		      struct error *err)
{
	struct name_list missing = NAME_LIST_INIT;
	struct numbered first, each;
	size_t next = 1;
	int rc = 0;

	l->weights = arena_array(&l->arena, l->nentries, sizeof(*l->weights));
	if (!l->weights)
		return error_nomem(err);
	parse_numbered(shard, suffix, &first);
	/* One width of K: ascending names are ascending numbers. */
	for (size_t i = 0; i < l->nentries; i++) {
		if (!same_series(shard, &first, l->entries[i], suffix))
			continue;
		parse_numbered(l->entries[i], suffix, &each);
		add_missing(&missing, shard, &first, next, each.k);
		next = each.k + 1;
		l->weights[l->nweights++] = l->entries[i];
	}
	add_missing(&missing, shard, &first, next, first.n + 1);
	if (missing.n > 0)
		rc = error_set(err, ERR_SOURCE,
			       "%s/%s is one of %zu shards, but these are not "
			       "there, fetch them too: %s",
			       l->dir, shard, first.n,
			       name_list_text(&missing));
	name_list_release(&missing);
	return rc;
}

/* A file by itself, with the other shards if its name has a number. */
static int use_file_or_series(struct location *l, const char *name,
			      const char *suffix, struct error *err)
{
	struct numbered number;

	if (parse_numbered(name, suffix, &number) && number.n > 1)
		return use_series(l, name, suffix, err);
	return location_use(l, name, err);
}

bool location_candidate(const char *name, const char *suffix)
{
	return has_suffix(name, suffix) && name[0] != '.' &&
	       !str_starts(str_of(name), str_of(ADAPTER_STEM)) &&
	       !is_training_file(name);
}

/* The only entry with that suffix, or NULL; *n: how many there are. */
static const char *only_entry(const struct location *l, const char *suffix,
			      size_t *n)
{
	const char *found = NULL;

	*n = 0;
	for (size_t i = 0; i < l->nentries; i++) {
		const char *name = l->entries[i];

		if (!location_candidate(name, suffix))
			continue;
		if ((*n)++ == 0)
			found = name;
	}
	return *n == 1 ? found : NULL;
}

/* Several files without an index: one series of shards, or a question. */
static int use_several(struct location *l, const char *suffix,
		       struct error *err)
{
	struct name_list all = NAME_LIST_INIT;
	struct numbered number;
	const char *first = NULL;
	bool one_series = true;
	int rc;

	for (size_t i = 0; i < l->nentries; i++) {
		const char *name = l->entries[i];

		if (!location_candidate(name, suffix))
			continue;
		if (!first) {
			first = name;
			one_series = parse_numbered(name, suffix, &number);
		}
		one_series = one_series &&
			     same_series(first, &number, name, suffix);
		name_list_add(&all, str_of(name));
	}
	if (one_series)
		rc = use_series(l, first, suffix, err);
	else
		rc = is_torch_name(suffix) ? 0 : locate_ckpts(l, suffix, err);
	if (!rc && !l->weights)
		rc = error_set(err, ERR_SOURCE,
			       "%s holds %zu files of weights and no index "
			       "that says which belong together: %s; name one "
			       "of them",
			       l->dir, all.n, name_list_text(&all));
	name_list_release(&all);
	return rc;
}

/* Look for one form under its usual names; none of it leaves weights NULL. */
static int locate_usual(struct location *l, const struct form *form,
			struct error *err)
{
	const char *single = location_concat(l, form->stem, form->suffix);
	const char *index = single ? location_concat(l, single, INDEX_SUFFIX)
				   : NULL;
	/* its files may have a model.safetensors among them */
	bool ms = has_suffix(form->suffix, ".safetensors") &&
		  location_has(l, MS_INDEX);

	if (!index)
		return error_nomem(err);
	if (location_has(l, single) && !ms)
		return location_use(l, single, err);
	if (location_has(l, index))
		return use_index(l, index, err);
	return ms ? use_index(l, MS_INDEX, err) : 0;
}

/* Look for one form under any name. */
static int locate_any(struct location *l, const struct form *form,
		      struct error *err)
{
	const char *index_suffix =
		location_concat(l, form->suffix, INDEX_SUFFIX);
	const char *only;
	size_t n;

	if (!index_suffix)
		return error_nomem(err);
	only = only_entry(l, index_suffix, &n);
	if (only)
		return use_index(l, only, err);
	only = only_entry(l, form->suffix, &n);
	if (only)
		return use_file_or_series(l, only, form->suffix, err);
	return n > 1 ? use_several(l, form->suffix, err) : 0;
}

/* A directory of arrays, a tensor each. */
static int locate_arrays(struct location *l, struct error *err)
{
	l->weights = arena_array(&l->arena, l->nentries, sizeof(*l->weights));
	if (!l->weights)
		return error_nomem(err);
	for (size_t i = 0; i < l->nentries; i++)
		if (location_candidate(l->entries[i], ".npy"))
			l->weights[l->nweights++] = l->entries[i];
	if (l->nweights == 0)
		l->weights = NULL;
	return 0;
}

static int locate_adapter(struct location *l, struct error *err)
{
	for (size_t i = 0; i < NFORMS; i++) {
		const char *name =
			location_concat(l, ADAPTER_STEM, forms[i].suffix);

		if (!name)
			return error_nomem(err);
		if (!location_has(l, name))
			continue;
		l->is_adapter = location_has(l, ADAPTER_CONFIG);
		return location_use(l, name, err);
	}
	return 0;
}

/* What else is there: other frameworks' files, weights further below. */
static int refuse_empty(const struct location *l, struct error *err)
{
	struct strbuf below = STRBUF_INIT;
	int rc;

	for (size_t i = 0; i < l->nentries; i++) {
		const char *what = foreign_name(str_of(l->entries[i]));

		if (what)
			return error_set(err, ERR_SOURCE,
					 "%s holds no weights that are read, "
					 "and %s %s",
					 l->dir, l->entries[i], what);
	}
	foreign_find_below(l->dir, &below);
	if (below.len)
		rc = error_set(err, ERR_SOURCE,
			       "%s holds no weights, but %s does: name that",
			       l->dir, below.p);
	else
		rc = error_set(err, ERR_SOURCE,
			       "%s holds no weights: no model.safetensors or "
			       "pytorch_model.bin, no index of shards, no "
			       "other *.safetensors, *.bin, *.pth, *.pt, "
			       "*.ckpt or *.npy files",
			       l->dir);
	strbuf_release(&below);
	return rc;
}

/* Nothing in the directory can be read: why. */
static int refuse_dir(const struct location *l, bool distributed,
		      struct error *err)
{
	if (distributed)
		return error_set(err, ERR_SOURCE,
				 "%s holds no directories rank_0, rank_1 ... "
				 "whose slices --strategy could join",
				 l->dir);
	if (l->dangling)
		return error_set(err, ERR_SOURCE,
				 "%s/%s is a link to a file that is not there: "
				 "download or copy the model again",
				 l->dir, l->dangling);
	return refuse_empty(l, err);
}

/* Tell which other files of weights the directory has. */
static void note_unused(const struct location *l)
{
	struct name_list unused = NAME_LIST_INIT;

	for (size_t i = 0; i < l->nentries; i++)
		if (is_weights_name(l->entries[i]) &&
		    !location_contains(l->weights, l->nweights, l->entries[i]))
			name_list_add(&unused, str_of(l->entries[i]));
	if (unused.n > 0) {
		strbuf_addf(l->notes, "%s is read; left out: ",
			    l->index_name ? l->index_name : l->weights[0]);
		name_list_note(&unused, l->notes);
	}
	name_list_release(&unused);
}

static int locate_forms(struct location *l, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < NFORMS && !rc && !l->weights; i++)
		rc = locate_usual(l, &forms[i], err);
	if (!rc && !l->weights)
		rc = locate_any_split(l, err);
	for (size_t i = 0; i < NFORMS && !rc && !l->weights; i++)
		rc = locate_any(l, &forms[i], err);
	if (!rc && !l->weights)
		rc = locate_adapter(l, err);
	return rc;
}

static int locate_in_dir(struct location *l, bool distributed,
			 struct error *err)
{
	int rc = location_list(l);

	if (rc)
		return error_errno(err, ERR_SOURCE, -rc, "%s", l->dir);
	if (!distributed)
		rc = locate_forms(l, err);
	if (!rc && !l->weights)
		rc = locate_ranks(l, distributed, err);
	if (!rc && !l->weights && !distributed)
		rc = locate_arrays(l, err);
	if (rc)
		return rc;
	if (!l->weights)
		return refuse_dir(l, distributed, err);
	note_unused(l);
	return 0;
}

/* Take the first index of that form that names the file. */
static int locate_index_of(struct location *l, const char *file,
			   const char *suffix, struct error *err)
{
	const char *index_suffix = location_concat(l, suffix, INDEX_SUFFIX);

	if (!index_suffix)
		return error_nomem(err);
	for (size_t i = 0; i < l->nentries; i++) {
		const char *name = l->entries[i];
		int rc;

		if ((!has_suffix(name, index_suffix) || name[0] == '.') &&
		    (strcmp(name, MS_INDEX) != 0 ||
		     strcmp(suffix, ".safetensors") != 0))
			continue;
		rc = read_index(l, name, err);
		if (rc)
			return rc;
		if (index_find(&l->index, file) >= 0)
			return use_read_index(l, name, err);
		index_release(&l->index);
	}
	return 0;
}

static int locate_file(struct location *l, const char *name, struct error *err)
{
	const char *split = location_split_suffix(name);

	if (has_suffix(name, ".json"))
		return use_index(l, name, err);
	if (split && location_has(l, name))
		return locate_split(l, split, err);
	for (size_t i = 0; i < NFORMS; i++) {
		const char *suffix = forms[i].suffix;
		int rc;

		if (!has_suffix(name, suffix))
			continue;
		l->is_adapter =
			str_starts(str_of(name), str_of(ADAPTER_STEM)) &&
			location_has(l, ADAPTER_CONFIG);
		rc = l->is_adapter ? 0 : locate_index_of(l, name, suffix, err);
		if (rc || l->weights)
			return rc;
		return use_file_or_series(l, name, suffix, err);
	}
	return location_use(l, name, err);
}

/* A file is found by its name and by what lies beside it. */
static int locate_beside(struct location *l, const char *path,
			 struct error *err)
{
	const char *slash = strrchr(path, '/');
	struct str dir = slash ? (struct str){path, (size_t)(slash - path)}
			       : str_of(".");
	struct str base = str_of(slash ? slash + 1 : path);
	int rc;

	l->dir = arena_str(&l->arena, dir.n ? dir : str_of("/")).p;
	base = arena_str(&l->arena, base);
	if (!l->dir || !base.p)
		return error_nomem(err);
	rc = location_list(l);
	if (rc == -ENOMEM)
		return error_nomem(err);
	if (rc)
		strbuf_addf(l->notes,
			    "%s cannot be listed: only %s itself is read\n",
			    l->dir, base.p);
	return locate_file(l, base.p, err);
}

static int refuse_path(const char *path, int errnum, struct error *err)
{
	if (errnum == ENOENT && foreign_path(path))
		return error_set(err, ERR_SOURCE,
				 "%s: there is no such path here; a model of "
				 "the hub is downloaded first, and named by "
				 "its directory",
				 path);
	return error_errno(err, ERR_SOURCE, errnum, "%s", path);
}

int locate(struct location *l, const char *path, bool distributed,
	   struct strbuf *notes, struct error *err)
{
	struct str dir = str_of(path);
	struct stat st;

	*l = (struct location){
		.arena = ARENA_INIT, .index = INDEX_INIT, .notes = notes};
	if (stat(path, &st) < 0)
		return refuse_path(path, errno, err);
	l->is_dir = S_ISDIR(st.st_mode);
	if (!l->is_dir && distributed)
		return error_set(err, ERR_SOURCE,
				 "%s is a file: --strategy joins the slices in "
				 "a directory of rank_0, rank_1 ...",
				 path);
	if (!l->is_dir)
		return locate_beside(l, path, err);
	while (dir.n > 1 && dir.p[dir.n - 1] == '/')
		dir.n--;
	l->dir = arena_str(&l->arena, dir).p;
	if (!l->dir)
		return error_nomem(err);
	return locate_in_dir(l, distributed, err);
}

void location_release(struct location *l)
{
	free(l->entries);
	index_release(&l->index);
	arena_release(&l->arena);
}
