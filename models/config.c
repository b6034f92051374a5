/* SPDX-License-Identifier: Apache-2.0 */
/* config.json by cJSON; see config.h. */
#include "models/config.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/slurp.h"

/* Real ones have a few KB; id2label tables reach some hundred. */
#define CONFIG_MAX_NBYTES (UINT64_C(16) << 20)

/* Longest key that is looked up. */
#define KEY_MAX 200

/* Numbers are doubles in cJSON: whole ones are exact up to here. */
#define EXACT_MAX 9007199254740992.0

struct config {
	cJSON *root;
	char *name; /* of the file, without directories */
};

/* The next number in a JSON text, and *p behind it; empty at the end. */
static struct str next_number(const char **p, const char *end)
{
	struct str s = {NULL, 0};
	bool quoted = false;

	for (; *p < end; (*p)++) {
		if (**p == '"')
			quoted = !quoted;
		else if (quoted && **p == '\\')
			(*p)++;
		else if (!quoted && **p && strchr("-0123456789", **p))
			break;
	}
	s.p = *p;
	while (*p < end && **p && strchr("+-.0123456789eE", **p))
		(*p)++;
	s.n = (size_t)(*p - s.p);
	return s;
}

/*
 * Numbers keep their text, which cJSON forgets: as the valuestring of their
 * nodes, which are in the order of the text.
 */
static bool keep_numbers(cJSON *j, const char **p, const char *end)
{
	for (; j; j = j->next) {
		if (cJSON_IsNumber(j)) {
			struct str s = next_number(p, end);

			j->valuestring = strndup(s.p, s.n);
			if (!j->valuestring)
				return false;
		}
		if (!keep_numbers(j->child, p, end))
			return false;
	}
	return true;
}

static int by_name(const void *pa, const void *pb)
{
	const cJSON *const *a = pa, *const *b = pb;

	return strcmp((*a)->string, (*b)->string);
}

/* Readers differ in which of two members of one name they take. */
static int refuse_twins(const cJSON *object, const char *name,
			struct error *err)
{
	size_t n = 0;
	const cJSON **v;
	int ret = 0;

	for (const cJSON *j = object->child; j; j = j->next)
		n++;
	v = malloc((n + 1) * sizeof(*v));
	if (!v)
		return error_nomem(err);
	n = 0;
	for (const cJSON *j = object->child; j; j = j->next)
		v[n++] = j;
	qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 1; i < n && !ret; i++)
		if (by_name(&v[i - 1], &v[i]) == 0)
			ret = error_set(err, ERR_SOURCE,
					"%s has \"%s\" twice: leave one of "
					"them",
					name, v[i]->string);
	free(v);
	return ret;
}

/* cJSON ends the nesting: 1000 deep. */
static int check_members(const cJSON *j, const char *name, struct error *err)
{
	int ret = cJSON_IsObject(j) ? refuse_twins(j, name, err) : 0;

	for (j = j->child; j && !ret; j = j->next)
		ret = check_members(j, name, err);
	return ret;
}

static int refuse_json(struct str text, const char *end, const char *name,
		       struct error *err)
{
	size_t line = 1;

	for (const char *p = text.p; p && p < end; p++)
		line += *p == '\n';
	return error_set(err, ERR_SOURCE,
			 "%s: not a JSON object (see line %zu)", name, line);
}

int config_parse(struct config **out, struct str text, const char *name,
		 struct error *err)
{
	struct config *c = calloc(1, sizeof(*c));
	const char *end = text.p;
	int rc;

	if (!c)
		return error_nomem(err);
	rc = json_tree(&c->root, text, &end);
	if (rc == -ENOMEM)
		error_nomem(err);
	else if (rc || !cJSON_IsObject(c->root))
		rc = refuse_json(text, end, name, err);
	else
		rc = check_members(c->root, name, err);
	if (rc) {
		config_free(c);
		return rc;
	}
	c->name = strdup(strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
	end = text.p;
	if (!c->name || !keep_numbers(c->root, &end, text.p + text.n)) {
		config_free(c);
		return error_nomem(err);
	}
	*out = c;
	return 0;
}

const char *config_name(const struct config *c)
{
	return c ? c->name : "config.json";
}

int config_open(struct config **out, const char *path, struct error *err)
{
	struct strbuf sb = STRBUF_INIT;
	int ret = slurp(&sb, path, CONFIG_MAX_NBYTES, err);

	if (!ret)
		ret = config_parse(out, strbuf_str(&sb), path, err);
	strbuf_release(&sb);
	return ret;
}

static struct value plain_value(const cJSON *j)
{
	if (cJSON_IsArray(j))
		j = cJSON_GetArrayItem(j, 0);
	if (!j || cJSON_IsNull(j))
		return VALUE_MISSING;
	if (cJSON_IsBool(j))
		return value_bool(cJSON_IsTrue(j));
	if (cJSON_IsString(j))
		return value_text(str_of(j->valuestring));
	if (cJSON_IsNumber(j) && fabs(j->valuedouble) <= EXACT_MAX &&
	    floor(j->valuedouble) == j->valuedouble)
		return value_int((int64_t)j->valuedouble);
	return (struct value){.kind = VALUE_OTHER};
}

static struct value value_of(const cJSON *j)
{
	struct value v = plain_value(j);

	v.json = j;
	return v;
}

/* A member of an object, or an element of a list. */
static const cJSON *child_of(const cJSON *j, const char *name)
{
	int n = 0;

	if (!cJSON_IsArray(j))
		return cJSON_GetObjectItemCaseSensitive(j, name);
	for (; *name >= '0' && *name <= '9' && n < INT_MAX / 100; name++)
		n = 10 * n + (*name - '0');
	return *name ? NULL : cJSON_GetArrayItem(j, n);
}

struct value config_get(const struct config *c, struct str key)
{
	const cJSON *j = c ? c->root : NULL;
	size_t at = 0;

	while (j && at <= key.n) {
		char part[KEY_MAX + 1];
		size_t n = 0;

		while (at + n < key.n && key.p[at + n] != '.')
			n++;
		if (n > KEY_MAX)
			return VALUE_MISSING;
		memcpy(part, key.p + at, n);
		part[n] = '\0';
		j = child_of(j, part);
		at += n + 1;
	}
	return value_of(j);
}

void config_describe(const struct config *c, struct strbuf *sb)
{
	static const char *const keys[] = {"architectures", "model_type"};

	for (size_t i = 0; i < 2; i++) {
		struct value v = config_get(c, str_of(keys[i]));

		strbuf_addf(sb, "%s%s ", i ? ", " : "", keys[i]);
		strbuf_add_value(sb, v);
	}
}

void config_free(struct config *c)
{
	if (!c)
		return;
	cJSON_Delete(c->root);
	free(c->name);
	free(c);
}
