/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON values as YAML; see yaml.h. */
#include "models/yaml.h"

#include <cjson/cJSON.h>
#include <ctype.h>

/* A number with an exponent needs a point and the exponent's sign. */
static void add_number(const char *text, struct strbuf *out)
{
	size_t n = strcspn(text, "eE");

	strbuf_addf(out, "%.*s", (int)n, text);
	if (!text[n])
		return;
	if (!memchr(text, '.', n))
		strbuf_adds(out, ".0");
	strbuf_addc(out, 'e');
	if (isdigit((unsigned char)text[n + 1]))
		strbuf_addc(out, '+');
	strbuf_adds(out, text + n + 1);
}

static bool add_flow(const cJSON *j, struct strbuf *out);

static bool add_list(const cJSON *list, struct strbuf *out)
{
	bool ok = true;

	strbuf_addc(out, '[');
	for (const cJSON *e = list->child; e && ok; e = e->next) {
		strbuf_adds(out, e == list->child ? "" : ", ");
		ok = add_flow(e, out);
	}
	strbuf_addc(out, ']');
	return ok;
}

/* Words stand as they are; other keys are quoted, as JSON does it. */
static bool add_key(const char *key, struct strbuf *out)
{
	cJSON *text;
	bool ok;

	if (isalpha((unsigned char)*key) &&
	    key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
			    "XYZ0123456789_")] == '\0') {
		strbuf_adds(out, key);
		return true;
	}
	text = cJSON_CreateString(key);
	ok = text && add_flow(text, out);
	cJSON_Delete(text);
	return ok;
}

static bool add_braces(const cJSON *object, struct strbuf *out)
{
	bool ok = true;

	strbuf_addc(out, '{');
	for (const cJSON *e = object->child; e && ok; e = e->next) {
		strbuf_adds(out, e == object->child ? "" : ", ");
		ok = add_key(e->string, out);
		strbuf_adds(out, ": ");
		ok = ok && add_flow(e, out);
	}
	strbuf_addc(out, '}');
	return ok;
}

/* On one line. */
static bool add_flow(const cJSON *j, struct strbuf *out)
{
	char *text;

	if (cJSON_IsArray(j))
		return add_list(j, out);
	if (cJSON_IsObject(j))
		return add_braces(j, out);
	text = cJSON_PrintUnformatted(j);
	if (text && (cJSON_IsRaw(j) || cJSON_IsNumber(j)))
		add_number(text, out);
	else if (text)
		strbuf_adds(out, text);
	cJSON_free(text);
	return text;
}

static bool add_block(const cJSON *object, unsigned indent, struct strbuf *out)
{
	bool ok = true;

	for (const cJSON *e = object->child; e && ok; e = e->next) {
		bool block = cJSON_IsObject(e) && e->child;

		strbuf_addf(out, "%*s", (int)indent, "");
		ok = add_key(e->string, out);
		strbuf_adds(out, block ? ":\n" : ": ");
		if (block) {
			ok = ok && add_block(e, indent + 2, out);
		} else {
			ok = ok && add_flow(e, out);
			strbuf_addc(out, '\n');
		}
	}
	return ok;
}

bool yaml_add(const cJSON *object, struct strbuf *out)
{
	return add_block(object, 0, out);
}
