/* SPDX-License-Identifier: Apache-2.0 */
/* Values; see value.h. */
#include "models/value.h"

bool value_true(struct value v)
{
	switch (v.kind) {
	case VALUE_NONE:
		return false;
	case VALUE_BOOL:
	case VALUE_INT:
		return v.num != 0;
	case VALUE_REAL:
		return v.real != 0;
	case VALUE_TEXT:
		return v.text.n > 0;
	case VALUE_OTHER:
		return true;
	}
	return false;
}

bool value_is_number(struct value v)
{
	return v.kind == VALUE_INT || v.kind == VALUE_BOOL;
}

bool value_eq(struct value a, struct value b)
{
	if (value_is_number(a) && value_is_number(b))
		return a.num == b.num;
	return a.kind == b.kind && a.kind == VALUE_TEXT &&
	       str_eq(a.text, b.text);
}

/* Digits only, at most 18 of them: fits int64. */
static bool parse_number(struct str s, int64_t *out)
{
	int64_t n = 0;

	if (s.n == 0 || s.n > 18)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = 10 * n + (s.p[i] - '0');
	}
	*out = n;
	return true;
}

struct value value_parse(struct str word)
{
	int64_t n;

	if (str_is(word, "true") || str_is(word, "True"))
		return value_bool(true);
	if (str_is(word, "false") || str_is(word, "False"))
		return value_bool(false);
	if (parse_number(word, &n))
		return value_int(n);
	return value_text(word);
}

void strbuf_add_value(struct strbuf *sb, struct value v)
{
	switch (v.kind) {
	case VALUE_NONE:
		strbuf_adds(sb, "nothing");
		break;
	case VALUE_BOOL:
		strbuf_adds(sb, v.num ? "true" : "false");
		break;
	case VALUE_INT:
		strbuf_addf(sb, "%lld", (long long)v.num);
		break;
	case VALUE_REAL:
		strbuf_addf(sb, "%.17g", v.real);
		break;
	case VALUE_TEXT:
		strbuf_addstr(sb, v.text);
		break;
	case VALUE_OTHER:
		strbuf_adds(sb, "something else");
		break;
	}
}
