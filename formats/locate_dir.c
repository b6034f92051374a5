/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a directory and their names: see locate_priv.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "formats/locate_priv.h"

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

bool is_training_file(const char *name)
{
	static const char *const stems[] = {
		"training_args.", "optimizer",	   "scheduler",
		"rng_state",	  "random_states", "scaler.",
	};

	for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++)
		if (str_starts(str_of(name), str_of(stems[i])))
			return true;
	return has_suffix(name, "_optim_states.pt"); /* DeepSpeed */
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool location_contains(const char *const *names, size_t n, const char *name)
{
	return n > 0 && bsearch(&name, names, n, sizeof(*names), by_text);
}

bool location_has(const struct location *l, const char *name)
{
	return location_contains(l->entries, l->nentries, name);
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

const char *location_concat(struct location *l, const char *prefix,
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

/* A hub cache's link whose blob is gone or was never there. */
static int note_dangling(struct location *l, DIR *d, const struct dirent *e)
{
	struct stat st;

	if (l->dangling || e->d_type != DT_LNK || !is_weights_name(e->d_name) ||
	    fstatat(dirfd(d), e->d_name, &st, 0) == 0 || errno != ENOENT)
		return 0;
	l->dangling = arena_str(&l->arena, str_of(e->d_name)).p;
	return l->dangling ? 0 : -ENOMEM;
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

int location_list(struct location *l)
{
	DIR *d = opendir(l->dir);
	struct dirent *e;
	size_t cap = 0;
	int rc = 0;

	if (!d)
		return -errno;
	while (!rc && (errno = 0, e = readdir(d)) != NULL)
		rc = is_regular(d, e) ? append_name(l, e->d_name, &cap)
				      : note_dangling(l, d, e);
	if (!rc)
		rc = -errno;
	closedir(d);
	if (l->nentries > 0)
		qsort(l->entries, l->nentries, sizeof(*l->entries), by_text);
	return rc;
}
