/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule table as text; see describe.h. It is made of the JSON, in which the
 * groups of rules still stand as they were written.
 */
#include "models/describe.h"

#include <errno.h>

#include "core/json.h"
#include "models/builtin.h"

/* Groups in groups are indented by that much. */
#define INDENT 2

static void indent(struct strbuf *out, unsigned depth)
{
	for (unsigned i = 0; i < depth * INDENT; i++)
		strbuf_addc(out, ' ');
}

/* A value as it is in JSON; texts without their quotes. */
static void add_value(struct strbuf *out, const cJSON *v)
{
	char *text;

	if (cJSON_IsString(v)) {
		strbuf_adds(out, v->valuestring);
		return;
	}
	text = cJSON_PrintUnformatted(v);
	strbuf_adds(out, text ? text : "");
	out->failed |= !text;
	cJSON_free(text);
}

/* One value, or those of a list with sep between them. */
static void add_values(struct strbuf *out, const cJSON *v, const char *sep)
{
	const cJSON *item;

	if (!cJSON_IsArray(v)) {
		add_value(out, v);
		return;
	}
	cJSON_ArrayForEach(item, v)
	{
		strbuf_adds(out, item == v->child ? "" : sep);
		add_value(out, item);
	}
}

/* A member of the table with its values, one a line. */
static void add_list(struct strbuf *out, const cJSON *table, const char *key,
		     const char *title)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(table, key), *item;

	if (!v)
		return;
	strbuf_addf(out, "%s\n", title);
	if (cJSON_IsString(v))
		strbuf_addf(out, "  %s\n", v->valuestring);
	else if (v->child)
		for (item = v->child; item; item = item->next) {
			strbuf_adds(out, "  ");
			if (item->string)
				strbuf_addf(out, "%s = ", item->string);
			add_values(out, item, cJSON_IsObject(v) ? " | " : " ");
			strbuf_addc(out, '\n');
		}
}

static void add_rules(struct strbuf *out, const cJSON *rules, unsigned depth);

/* "at", "when" and what else a group has stand on a line above its rules. */
static void add_group(struct strbuf *out, const cJSON *group, unsigned depth)
{
	const cJSON *item;

	indent(out, depth);
	for (item = group->child; item; item = item->next) {
		if (!item->string || !strcmp(item->string, "rules"))
			continue;
		strbuf_addf(out, "%s%s ", item == group->child ? "" : ", ",
			    item->string);
		add_values(out, item, " <-> ");
	}
	strbuf_adds(out, ":\n");
	item = cJSON_GetObjectItemCaseSensitive(group, "rules");
	add_rules(out, item, depth + 1);
}

/* "left <-> right" and the pattern below it. */
static void add_rule(struct strbuf *out, const cJSON *rule, unsigned depth)
{
	const char *left = cJSON_GetStringValue(cJSON_GetArrayItem(rule, 0));
	const char *right = cJSON_GetStringValue(cJSON_GetArrayItem(rule, 1));
	const char *pattern = cJSON_GetStringValue(cJSON_GetArrayItem(rule, 2));

	indent(out, depth);
	strbuf_addf(out, "%s <-> %s\n", left && *left ? left : "nothing",
		    right && *right ? right : "nothing");
	if (!pattern)
		return;
	indent(out, depth + 2);
	strbuf_addf(out, "%s\n", pattern);
}

static void add_rules(struct strbuf *out, const cJSON *rules, unsigned depth)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, rules)
	{
		if (cJSON_IsObject(item))
			add_group(out, item, depth);
		else if (cJSON_IsArray(item))
			add_rule(out, item, depth);
	}
}

static void add_parts(struct strbuf *out, const cJSON *table)
{
	const cJSON *parts = cJSON_GetObjectItemCaseSensitive(table, "parts");
	const cJSON *part;

	cJSON_ArrayForEach(part, parts)
	{
		strbuf_addf(out, "rules of the part %s\n", part->string);
		add_rules(out, part, 1);
	}
}

static bool is_text(const cJSON *item, const char *text)
{
	return cJSON_IsString(item) && !strcmp(item->valuestring, text);
}

static bool has_alias(const cJSON *table, const char *name)
{
	const cJSON *item, *list;

	list = cJSON_GetObjectItemCaseSensitive(table, "aliases");
	cJSON_ArrayForEach(item, list)
	{
		if (is_text(item, name))
			return true;
	}
	return false;
}

static bool has_name(const cJSON *table, const char *name)
{
	return is_text(cJSON_GetObjectItemCaseSensitive(table, "model"), name);
}

static void add_golden(struct strbuf *out, const cJSON *table)
{
	bool any = false;

	for (size_t i = 0; i < golden_ncases; i++) {
		const struct golden_case *c = &golden_cases[i];

		if (!has_name(table, c->model) && !has_alias(table, c->model))
			continue;
		strbuf_adds(out, any ? ""
				     : "golden cases, compared by make "
				       "test\n");
		strbuf_addf(out, "  %s (%s)\n", c->name, c->status);
		any = true;
	}
	if (!any)
		strbuf_adds(out, "golden cases: none\n");
}

static void describe(struct strbuf *out, const cJSON *table)
{
	const cJSON *rules = cJSON_GetObjectItemCaseSensitive(table, "rules");
	const char *model = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(table, "model"));

	strbuf_addf(out, "%s\n", model);
	add_list(out, table, "about", "for");
	add_list(out, table, "aliases", "also called");
	add_list(out, table, "extends", "all rules of this table too");
	add_list(out, table, "sides", "sides, in place of hf and ms");
	add_list(out, table, "detect", "detected by any of");
	add_list(out, table, "options", "options (--set), the default first");
	add_list(out, table, "axes", "axes, the first that has a value");
	add_list(out, table, "keep", "types that do not follow --dtype");
	strbuf_adds(out, "rules\n");
	add_rules(out, rules, 1);
	add_parts(out, table);
	add_golden(out, table);
}

/* Describe the table if its name, or one of its aliases, is name. */
static bool try(struct strbuf *out, const char *name, bool alias,
		struct str json)
{
	cJSON *table;
	bool found;

	out->failed |= json_tree(&table, json, NULL) == -ENOMEM;
	found = alias ? has_alias(table, name) : has_name(table, name);
	if (found)
		describe(out, table);
	cJSON_Delete(table);
	return found;
}

static bool try_builtin(struct strbuf *out, const char *name, bool alias)
{
	bool found = false;

	for (size_t i = 0; i < builtin_ntables; i++) {
		struct str text = {builtin_tables[i].text,
				   builtin_tables[i].nbytes};

		found |= try(out, name, alias, text);
	}
	return found;
}

int describe_table(struct strbuf *out, const char *name, struct str json,
		   struct error *err)
{
	bool found = false;

	if (json.p)
		found = try(out, name, false, json) ||
			try(out, name, true, json);
	/* an alias may be of several tables */
	if (!found && !try_builtin(out, name, false) &&
	    !try_builtin(out, name, true) && !out->failed)
		return error_set(err, ERR_MODEL,
				 "%s: there is no such table; wconv models "
				 "lists them",
				 name);
	return out->failed ? error_nomem(err) : 0;
}
