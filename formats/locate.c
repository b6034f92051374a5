/* SPDX-License-Identifier: Apache-2.0 */
/* Which files a SOURCE means: see locate.h. */
#include "formats/locate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "formats/name_list.h"

#define INDEX_SUFFIX ".index.json"

#define ADAPTER_STEM "adapter_model"
#define ADAPTER_CONFIG "adapter_config.json"

/* The forms of a model directory that can be read, best first. */
static const struct form {
	const char *stem, *suffix;
} forms[] = {
	{"model", ".safetensors"},
};

#define NFORMS (sizeof(forms) / sizeof(forms[0]))

static bool has_suffix(const char *name, const char *suffix)
{
	return str_ends(str_of(name), suffix);
}

bool is_torch_name(const char *name)
{
	return has_suffix(name, ".bin") || has_suffix(name, ".pt") ||
	       has_suffix(name, ".pth");
}

bool is_weights_name(const char *name)
{
	static const char *const suffixes[] = {
		".safetensors", ".ckpt", ".h5", ".msgpack", ".onnx", ".gguf",
	};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (has_suffix(name, suffixes[i]))
			return true;
	return is_torch_name(name);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool contains(const char *const *names, size_t n, const char *name)
{
	return n > 0 && bsearch(&name, names, n, sizeof(*names), by_text);
}

bool location_has(const struct location *l, const char *name)
{
	return contains(l->entries, l->nentries, name);
}

const char *location_path(struct location *l, const char *name)
{
	size_t ndir = strlen(l->dir), nname = strlen(name);
	char *path = arena_alloc(&l->arena, ndir + nname + 2);

	if (!path)
		return NULL;
	memcpy(path, l->dir, ndir);
	path[ndir] = '/';
	memcpy(path + ndir + 1, name, nname);
	return path;
}

/* "prefix" "suffix" in the arena, or NULL. */
static const char *concat(struct location *l, const char *prefix,
			  const char *suffix)
{
	size_t nprefix = strlen(prefix), nsuffix = strlen(suffix);
	char *p = arena_alloc(&l->arena, nprefix + nsuffix + 1);

	if (!p)
		return NULL;
	memcpy(p, prefix, nprefix);
	memcpy(p + nprefix, suffix, nsuffix);
	return p;
}

static bool is_regular(DIR *d, const struct dirent *e)
{
	struct stat st;

	if (e->d_type == DT_REG)
		return true;
	if (e->d_type != DT_LNK && e->d_type != DT_UNKNOWN)
		return false;
	return fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode);
}

/* Append a name to an array in malloc memory. */
static int append_name(struct location *l, const char *name, size_t *cap)
{
	struct str copy = arena_str(&l->arena, str_of(name));

	if (!copy.p)
		return -ENOMEM;
	if (l->nentries == *cap) {
		size_t more = *cap ? 2 * *cap : 64;
		const char **v = realloc(l->entries, more * sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->entries = v;
		*cap = more;
	}
	l->entries[l->nentries++] = copy.p;
	return 0;
}

/* Fill entries. Returns 0 or -errno. */
static int list_entries(struct location *l)
{
	DIR *d = opendir(l->dir);
	struct dirent *e;
	size_t cap = 0;
	int rc = 0;

	if (!d)
		return -errno;
	while (!rc && (errno = 0, e = readdir(d)) != NULL)
		if (is_regular(d, e))
			rc = append_name(l, e->d_name, &cap);
	if (!rc)
		rc = -errno;
	closedir(d);
	if (l->nentries > 0)
		qsort(l->entries, l->nentries, sizeof(*l->entries), by_text);
	return rc;
}

static int use_file(struct location *l, const char *name, struct error *err)
{
	l->weights = arena_array(&l->arena, 1, sizeof(*l->weights));
	if (!l->weights)
		return error_nomem(err);
	l->weights[0] = name;
	l->nweights = 1;
	return 0;
}

/* The index that was just read becomes the one of the weights. */
static int use_read_index(struct location *l, const char *name,
			  struct error *err)
{
	struct name_list missing = NAME_LIST_INIT;
	int rc = 0;

	l->index_name = name;
	l->weights = l->index.files;
	l->nweights = l->index.nfiles;
	for (size_t i = 0; i < l->nweights; i++)
		if (!location_has(l, l->weights[i]))
			name_list_add(&missing, str_of(l->weights[i]));
	if (l->nweights == 0)
		rc = error_set(err, ERR_SOURCE, "%s/%s names no tensors",
			       l->dir, name);
	else if (missing.n > 0)
		rc = error_set(err, ERR_SOURCE,
			       "%s/%s names files that are not there: %s",
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
			       "there: %s",
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
	return use_file(l, name, err);
}

/* A file of model weights, or an index of some, by its suffix. */
static bool is_candidate(const char *name, const char *suffix)
{
	return has_suffix(name, suffix) && name[0] != '.' &&
	       !str_starts(str_of(name), str_of(ADAPTER_STEM));
}

/* The only entry with that suffix, or NULL; *n: how many there are. */
static const char *only_entry(const struct location *l, const char *suffix,
			      size_t *n)
{
	const char *found = NULL;

	*n = 0;
	for (size_t i = 0; i < l->nentries; i++) {
		const char *name = l->entries[i];

		if (!is_candidate(name, suffix))
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

		if (!is_candidate(name, suffix))
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
		rc = error_set(err, ERR_SOURCE,
			       "%s holds %zu files of weights and no index "
			       "that says which belong together: %s; name one "
			       "of them",
			       l->dir, all.n, name_list_text(&all));
	name_list_release(&all);
	return rc;
}

/* Look for one form in the directory: none of it leaves weights NULL. */
static int locate_form(struct location *l, const struct form *form,
		       struct error *err)
{
	const char *single = concat(l, form->stem, form->suffix);
	const char *index_suffix = concat(l, form->suffix, INDEX_SUFFIX);
	const char *index, *only;
	size_t n;

	index = single ? concat(l, single, INDEX_SUFFIX) : NULL;
	if (!index || !index_suffix)
		return error_nomem(err);
	if (location_has(l, single))
		return use_file(l, single, err);
	if (location_has(l, index))
		return use_index(l, index, err);
	only = only_entry(l, index_suffix, &n);
	if (only)
		return use_index(l, only, err);
	only = only_entry(l, form->suffix, &n);
	if (only)
		return use_file_or_series(l, only, form->suffix, err);
	return n > 1 ? use_several(l, form->suffix, err) : 0;
}

static int locate_adapter(struct location *l, struct error *err)
{
	for (size_t i = 0; i < NFORMS; i++) {
		const char *name = concat(l, ADAPTER_STEM, forms[i].suffix);

		if (!name)
			return error_nomem(err);
		if (!location_has(l, name))
			continue;
		l->is_adapter = location_has(l, ADAPTER_CONFIG);
		return use_file(l, name, err);
	}
	return 0;
}

/* Nothing in the directory can be read: why. */
static int refuse_dir(const struct location *l, struct error *err)
{
	const char *torch = NULL, *ckpt = NULL;

	for (size_t i = l->nentries; i-- > 0;) {
		if (is_torch_name(l->entries[i]))
			torch = l->entries[i];
		else if (has_suffix(l->entries[i], ".ckpt"))
			ckpt = l->entries[i];
	}
	if (torch)
		return error_set(err, ERR_SOURCE,
				 "%s holds weights as PyTorch files only (%s), "
				 "which are not supported yet by this version: "
				 "a safetensors copy is needed",
				 l->dir, torch);
	if (ckpt)
		return error_set(err, ERR_SOURCE,
				 "%s holds a MindSpore checkpoint (%s), which "
				 "is not supported yet as a source by this "
				 "version",
				 l->dir, ckpt);
	return error_set(err, ERR_SOURCE,
			 "%s holds no weights: no model.safetensors, no index "
			 "of shards, no other *.safetensors file",
			 l->dir);
}

/* Tell which other files of weights the directory has. */
static void note_unused(const struct location *l, struct strbuf *notes)
{
	struct name_list unused = NAME_LIST_INIT;

	for (size_t i = 0; i < l->nentries; i++)
		if (is_weights_name(l->entries[i]) &&
		    !contains(l->weights, l->nweights, l->entries[i]))
			name_list_add(&unused, str_of(l->entries[i]));
	if (unused.n > 0)
		strbuf_addf(notes, "%s is read; left out: %s\n",
			    l->index_name ? l->index_name : l->weights[0],
			    name_list_text(&unused));
	name_list_release(&unused);
}

static int locate_in_dir(struct location *l, struct strbuf *notes,
			 struct error *err)
{
	bool unread_model;
	int rc = list_entries(l);

	if (rc)
		return error_errno(err, ERR_SOURCE, -rc, "%s", l->dir);
	/* Then the adapter beside it is not what the directory is about. */
	unread_model = location_has(l, "pytorch_model.bin") ||
		       location_has(l, "pytorch_model.bin.index.json");
	for (size_t i = 0; i < NFORMS && !rc && !l->weights; i++)
		rc = locate_form(l, &forms[i], err);
	if (!rc && !l->weights && !unread_model)
		rc = locate_adapter(l, err);
	if (rc)
		return rc;
	if (!l->weights)
		return refuse_dir(l, err);
	note_unused(l, notes);
	return 0;
}

/* Take the first index of that form that names the file. */
static int locate_index_of(struct location *l, const char *file,
			   const char *suffix, struct error *err)
{
	const char *index_suffix = concat(l, suffix, INDEX_SUFFIX);

	if (!index_suffix)
		return error_nomem(err);
	for (size_t i = 0; i < l->nentries; i++) {
		const char *name = l->entries[i];
		int rc;

		if (!has_suffix(name, index_suffix) || name[0] == '.')
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
	if (has_suffix(name, ".json"))
		return use_index(l, name, err);
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
	return use_file(l, name, err);
}

/* A file is found by its name and by what lies beside it. */
static int locate_beside(struct location *l, const char *path,
			 struct strbuf *notes, struct error *err)
{
	const char *slash = strrchr(path, '/');
	struct str dir = slash ? (struct str){path, (size_t)(slash - path)}
			       : str_of(".");
	struct str base = str_of(slash ? slash + 1 : path);

	l->dir = arena_str(&l->arena, dir.n ? dir : str_of("/")).p;
	base = arena_str(&l->arena, base);
	if (!l->dir || !base.p)
		return error_nomem(err);
	if (list_entries(l))
		strbuf_addf(notes,
			    "%s cannot be listed: only %s itself is read\n",
			    l->dir, base.p);
	return locate_file(l, base.p, err);
}

int locate(struct location *l, const char *path, struct strbuf *notes,
	   struct error *err)
{
	struct str dir = str_of(path);
	struct stat st;

	*l = (struct location){.arena = ARENA_INIT, .index = INDEX_INIT};
	if (stat(path, &st) < 0)
		return error_errno(err, ERR_SOURCE, errno, "%s", path);
	l->is_dir = S_ISDIR(st.st_mode);
	if (!l->is_dir)
		return locate_beside(l, path, notes, err);
	while (dir.n > 1 && dir.p[dir.n - 1] == '/')
		dir.n--;
	l->dir = arena_str(&l->arena, dir).p;
	if (!l->dir)
		return error_nomem(err);
	return locate_in_dir(l, notes, err);
}

void location_release(struct location *l)
{
	free(l->entries);
	index_release(&l->index);
	arena_release(&l->arena);
}
