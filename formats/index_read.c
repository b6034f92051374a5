/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shard indexes, read: see index.h. metadata is not looked at: total_size is
 * informative, and the writers disagree on it.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/slurp.h"
#include "formats/index.h"

/* 90,000 tensors take 11 MB; a JSON tree takes ten times its text. */
#define INDEX_MAX_NBYTES (UINT64_C(64) << 20)

/* What MindSpore's index is called: it may be the map itself. */
#define INDEX_FLAT_NAME "param_name_map.json"

/* Files of the same directory only: an index must not lead out of it. */
static bool is_plain_name(const char *file)
{
	return *file && !strchr(file, '/') && strcmp(file, ".") != 0 &&
	       strcmp(file, "..") != 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

ptrdiff_t index_find(const struct index *ix, const char *file)
{
	const char **at = NULL;

	if (ix->nfiles > 0)
		at = bsearch(&file, ix->files, ix->nfiles, sizeof(*ix->files),
			     by_text);
	return at ? at - ix->files : -1;
}

/* files[0..n) sorted, each once. */
static void sort_files(struct index *ix)
{
	size_t n = 0;

	if (ix->nfiles > 0)
		qsort(ix->files, ix->nfiles, sizeof(*ix->files), by_text);
	for (size_t i = 0; i < ix->nfiles; i++)
		if (n == 0 || strcmp(ix->files[n - 1], ix->files[i]) != 0)
			ix->files[n++] = ix->files[i];
	ix->nfiles = n;
}

static int take_line(struct index *ix, const cJSON *line, const char *path,
		     struct error *err)
{
	if (!cJSON_IsString(line))
		return error_set(err, ERR_SOURCE,
				 "%s: weight_map of \"%s\" is no file name",
				 path, line->string);
	if (!is_plain_name(line->valuestring))
		return error_set(err, ERR_SOURCE,
				 "%s: weight_map of \"%s\" is \"%s\", which is "
				 "no file name of that directory",
				 path, line->string, line->valuestring);
	ix->v[ix->n++].name = str_of(line->string);
	/* Most name the file of the one before; sort_files does the rest. */
	if (!ix->nfiles ||
	    strcmp(ix->files[ix->nfiles - 1], line->valuestring) != 0)
		ix->files[ix->nfiles++] = line->valuestring;
	return 0;
}

/* Say in each line which of the sorted files it is. */
static void number_files(struct index *ix, const cJSON *map)
{
	const cJSON *line;
	size_t n = 0, at = 0;

	cJSON_ArrayForEach(line, map)
	{
		if (strcmp(ix->files[at], line->valuestring) != 0)
			at = (size_t)index_find(ix, line->valuestring);
		ix->v[n++].file = (uint32_t)at;
	}
}

static int take_map(struct index *ix, const cJSON *map, const char *path,
		    struct error *err)
{
	const cJSON *line;
	size_t n = 0;

	cJSON_ArrayForEach(line, map) n++;
	ix->v = calloc(n + 1, sizeof(*ix->v));
	ix->files = calloc(n + 1, sizeof(*ix->files));
	if (!ix->v || !ix->files)
		return error_nomem(err);
	cJSON_ArrayForEach(line, map)
	{
		int rc = take_line(ix, line, path, err);

		if (rc)
			return rc;
	}
	sort_files(ix);
	number_files(ix, map);
	return 0;
}

int index_read(struct index *ix, const char *path, struct error *err)
{
	struct strbuf text = STRBUF_INIT;
	const cJSON *map;
	int rc;

	*ix = (struct index)INDEX_INIT;
	rc = slurp(&text, path, INDEX_MAX_NBYTES, err);
	if (rc)
		goto out;
	rc = json_tree(&ix->json, strbuf_str(&text), NULL);
	map = cJSON_GetObjectItemCaseSensitive(ix->json, "weight_map");
	ix->is_mindspore = str_ends(str_of(path), "/" INDEX_FLAT_NAME);
	if (!map && ix->is_mindspore)
		map = ix->json;
	if (rc == -ENOMEM)
		error_nomem(err);
	else if (rc)
		rc = error_set(err, ERR_SOURCE, "%s is not valid JSON", path);
	else if (!cJSON_IsObject(map))
		rc = error_set(err, ERR_SOURCE,
			       "%s is no index of shards: it has no "
			       "\"weight_map\" of tensor names and files",
			       path);
	else
		rc = take_map(ix, map, path, err);
out:
	strbuf_release(&text);
	return rc;
}

const char *index_file_of(const struct index *ix, struct str name)
{
	for (size_t i = 0; i < ix->n; i++)
		if (str_eq(ix->v[i].name, name))
			return ix->files[ix->v[i].file];
	return NULL;
}

void index_release(struct index *ix)
{
	free(ix->v);
	free(ix->files);
	cJSON_Delete(ix->json);
	*ix = (struct index)INDEX_INIT;
}
