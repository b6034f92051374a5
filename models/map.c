/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of names as rule tables: see map.h. */
#include "models/map.h"

#include <errno.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/slurp.h"

/* Two names of the greatest length a line. */
#define MAP_MAX_NBYTES (UINT64_C(16) << 20)

struct map_loader {
	const char *path;
	const cJSON *map;
	cJSON *rules; /* of the table */
	cJSON *first; /* PyTorch name -> MindSpore name, as met */
	struct error *err;
};

/* What the language of rules would take for something else. */
static bool is_plain(const char *name)
{
	size_t n = strlen(name);

	return n && !strpbrk(name, "{*") && !strstr(name, " = ") &&
	       name[0] != ' ' && name[n - 1] != ' ';
}

/* Append an item, which is taken over; NULL without memory. */
static cJSON *append(cJSON *list, cJSON *item)
{
	if (cJSON_AddItemToArray(list, item))
		return item;
	cJSON_Delete(item);
	return NULL;
}

/* [["pt"], ["ms"]]: in lists, names may have commas. */
static bool add_rule(struct map_loader *l, const char *pt, const char *ms)
{
	cJSON *rule = append(l->rules, cJSON_CreateArray());
	cJSON *left = append(rule, cJSON_CreateArray());
	cJSON *right = append(rule, cJSON_CreateArray());

	return left && right && (!pt || append(left, cJSON_CreateString(pt))) &&
	       append(right, cJSON_CreateString(ms)) &&
	       (!pt || cJSON_AddStringToObject(l->first, pt, ms));
}

/* A PyTorch name for the second time: the MindSpore tensor is a copy. */
static bool add_copy(struct map_loader *l, const char *ms, const char *of)
{
	struct strbuf sb = STRBUF_INIT;
	bool ok;

	strbuf_addf(&sb, "%s = %s", ms, of);
	ok = !sb.failed && add_rule(l, NULL, sb.p);
	strbuf_release(&sb);
	return ok;
}

static int take_entry(struct map_loader *l, const cJSON *e)
{
	const cJSON *of;

	if (cJSON_IsNull(e))
		return 0;
	if (!cJSON_IsString(e))
		return error_set(l->err, ERR_MODEL,
				 "%s: \"%s\" must be a name or null", l->path,
				 e->string);
	if (!is_plain(e->string) || !is_plain(e->valuestring))
		return error_set(l->err, ERR_MODEL,
				 "%s: \"%s\": \"%s\": a name in a map must not "
				 "be empty or have {, * or \" = \"",
				 l->path, e->string, e->valuestring);
	if (cJSON_GetObjectItemCaseSensitive(l->map, e->string) != e)
		return error_set(l->err, ERR_MODEL, "%s: \"%s\" is there twice",
				 l->path, e->string);
	of = cJSON_GetObjectItemCaseSensitive(l->first, e->valuestring);
	if (of ? add_copy(l, e->string, of->valuestring)
	       : add_rule(l, e->valuestring, e->string))
		return 0;
	return error_nomem(l->err);
}

static int take_map(struct map_loader *l, cJSON *root, const char *under)
{
	const char *slash = strrchr(l->path, '/');
	cJSON *options = cJSON_AddObjectToObject(root, "options");
	const char *model = slash ? slash + 1 : l->path;
	int ret = 0;

	l->rules = cJSON_AddArrayToObject(root, "rules");
	if (!cJSON_AddStringToObject(root, "model", model) ||
	    !cJSON_AddTrueToObject(options, "map") || !l->rules ||
	    (under &&
	     !cJSON_AddStringToObject(append(l->rules, cJSON_CreateObject()),
				      "use", under)))
		return error_nomem(l->err);
	for (const cJSON *e = l->map->child; e && !ret; e = e->next)
		ret = take_entry(l, e);
	return ret;
}

static int parse(struct map_loader *l, struct table **out, const char *under)
{
	cJSON *root = cJSON_CreateObject();
	char *text = NULL;
	int ret;

	l->first = cJSON_CreateObject();
	ret = root && l->first ? take_map(l, root, under) : error_nomem(l->err);
	if (!ret) {
		text = cJSON_PrintUnformatted(root);
		ret = text ? table_parse(out, str_of(text), l->path, l->err)
			   : error_nomem(l->err);
	}
	cJSON_free(text);
	cJSON_Delete(l->first);
	cJSON_Delete(root);
	return ret;
}

int map_open(struct table **out, const char *path, const char *under,
	     struct error *err)
{
	struct map_loader l = {.path = path, .err = err};
	struct strbuf sb = STRBUF_INIT;
	int ret = slurp(&sb, path, MAP_MAX_NBYTES, err);
	cJSON *map = NULL;

	if (!ret && json_tree(&map, strbuf_str(&sb), NULL) == -ENOMEM)
		ret = error_nomem(err);
	l.map = map;
	if (!ret && !cJSON_IsObject(map))
		ret = error_set(err, ERR_MODEL,
				"%s: not a JSON object of MindSpore names with "
				"a PyTorch name each",
				path);
	if (!ret && cJSON_GetArraySize(map) > MAP_MAX_NAMES)
		ret = error_set(err, ERR_MODEL,
				"%s: %d names are more than the %d of a map: "
				"write a rule table (--rules)",
				path, cJSON_GetArraySize(map), MAP_MAX_NAMES);
	if (!ret)
		ret = parse(&l, out, under);
	cJSON_Delete(map);
	strbuf_release(&sb);
	return ret;
}
