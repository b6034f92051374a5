/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that other tables use or extend, and where an error stands. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"
#include "models/builtin.h"
#include "models/json_line.h"
#include "models/table_rules.h"

/* Tables that extend tables. */
#define MAX_EXTENDS 4

/* "ORIGIN:LINE: WHERE: TEXT", without what is not known. */
static void say(struct table_loader *l, const char *where, const char *text)
{
	unsigned line = json_line(l->text, l->root, l->at);
	char number[16] = "";

	if (line)
		snprintf(number, sizeof(number), ":%u", line);
	error_set(l->err, ERR_MODEL, "%s%s: %s%s%s", l->origin, number, where,
		  where[0] ? ": " : "", text);
}

int table_bad(struct table_loader *l, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return error_nomem(l->err);
	say(l, "", text);
	free(text);
	return -EINVAL;
}

int table_context(struct table_loader *l, const char *where, int ret)
{
	if (ret != -ENOMEM)
		say(l, where, error_text(l->err));
	return ret;
}

/* ---- other tables ---- */

static const struct builtin_table *find_builtin(const char *name)
{
	for (size_t i = 0; i < builtin_ntables; i++)
		if (strcmp(builtin_tables[i].name, name) == 0)
			return &builtin_tables[i];
	return NULL;
}

static cJSON *find(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Move an item behind those of a list or object. */
static bool move(cJSON *into, const char *key, cJSON *from, cJSON *item)
{
	cJSON_DetachItemViaPointer(from, item);
	if (key ? cJSON_AddItemToObject(into, key, item)
		: cJSON_AddItemToArray(into, item))
		return true;
	cJSON_Delete(item);
	return false;
}

/* The same for all those that the other lacks. */
static bool merge_members(cJSON *into, cJSON *from)
{
	for (cJSON *e = from->child, *next; e; e = next) {
		next = e->next;
		if ((!e->string || !find(into, e->string)) &&
		    !move(into, e->string, from, e))
			return false;
	}
	return true;
}

/* What base has and root lacks; the names of the table are its own. */
static bool merge(cJSON *root, cJSON *base)
{
	static const char *const keys[] = {"axes",  "options", "words",
					   "keep",  "parts",   "rules",
					   "sides", "config",  "yaml"};

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		cJSON *mine = find(root, keys[k]), *its = find(base, keys[k]);

		if (its && !mine && !move(root, keys[k], base, its))
			return false;
		if (its && mine && strcmp(keys[k], "sides") != 0 &&
		    !merge_members(mine, its))
			return false;
	}
	return true;
}

static int extend(struct table_loader *l, cJSON *root, unsigned depth);

static int load(struct table_loader *l, const char *name, unsigned depth,
		cJSON **root)
{
	const struct builtin_table *b = find_builtin(name);

	*root = NULL;
	if (!b)
		return table_bad(l, "there is no part and no table \"%s\"",
				 name);
	if (depth > MAX_EXTENDS)
		return table_bad(l, "tables extend each other too deeply");
	l->origin = b->name;
	l->text = (struct str){b->text, b->nbytes};
	if (json_tree(root, l->text, NULL) == -ENOMEM)
		return error_nomem(l->err);
	l->root = *root;
	l->at = NULL;
	if (!cJSON_IsObject(*root))
		return table_bad(l, "not a JSON object");
	return extend(l, *root, depth);
}

static int extend(struct table_loader *l, cJSON *root, unsigned depth)
{
	const cJSON *name = find(root, "extends");
	struct table_loader saved = *l;
	cJSON *base;
	int ret;

	if (!name)
		return 0;
	l->at = name;
	if (!cJSON_IsString(name))
		return table_bad(l, "\"extends\" must be a table's name");
	ret = load(l, name->valuestring, depth + 1, &base);
	*l = saved;
	if (!ret && !merge(root, base))
		ret = error_nomem(l->err);
	cJSON_Delete(base);
	return ret;
}

int table_load(struct table_loader *l, const char *name, cJSON **root)
{
	return load(l, name, 0, root);
}

int table_extend(struct table_loader *l, cJSON *root)
{
	return extend(l, root, 0);
}
