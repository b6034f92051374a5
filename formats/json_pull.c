/* SPDX-License-Identifier: Apache-2.0 */
/* A strict pull parser for JSON: see json_pull.h. */
#include "formats/json_pull.h"

#include "core/checked.h"
#include "core/utf8.h"

static bool fail(struct json *j, const char *expected)
{
	if (!j->fail)
		j->fail = expected;
	return false;
}

void json_init(struct json *j, const void *p, size_t n)
{
	*j = (struct json){.c = cursor_of(p, n)};
}

int json_peek(struct json *j)
{
	int b = cursor_peek(&j->c);

	while (b == ' ' || b == '\t' || b == '\n' || b == '\r') {
		cursor_next(&j->c);
		b = cursor_peek(&j->c);
	}
	return b;
}

bool json_open(struct json *j, int bracket)
{
	if (j->fail)
		return false;
	if (json_peek(j) != bracket)
		return fail(j, bracket == '{' ? "an object" : "an array");
	if (j->depth == JSON_MAX_DEPTH)
		return fail(j, "a value that is not nested that deep");
	j->depth++;
	cursor_next(&j->c);
	return true;
}

bool json_more(struct json *j, int close, size_t *nth)
{
	if (j->fail)
		return false;
	if (json_peek(j) == close) {
		cursor_next(&j->c);
		j->depth--;
		return false;
	}
	if (*nth > 0 && !cursor_take(&j->c, ','))
		return fail(j, close == '}' ? "',' or '}'" : "',' or ']'");
	(*nth)++;
	return true;
}

static int hex_digit(int b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	if (b >= 'a' && b <= 'f')
		return b - 'a' + 10;
	if (b >= 'A' && b <= 'F')
		return b - 'A' + 10;
	return -1;
}

/* The four digits behind \u, or -1. */
static int32_t take_hex4(struct cursor *c)
{
	int32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int d = hex_digit(cursor_next(c));

		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* The character behind a backslash, or -1. */
static int32_t take_escape(struct cursor *c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int b = cursor_next(c);
	int32_t high, low;

	if (b != 'u') {
		const char *at = b > 0 ? strchr(from, b) : NULL;

		return at ? to[at - from] : -1;
	}
	high = take_hex4(c);
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || !cursor_take(c, '\\') || !cursor_take(c, 'u'))
		return -1;
	low = take_hex4(c);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	return 0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00);
}

static size_t utf8_size(int32_t ch)
{
	return ch < 0x80 ? 1 : ch < 0x800 ? 2 : ch < 0x10000 ? 3 : 4;
}

/* Take one character of a string; *n grows by its unescaped size. */
static bool take_char(struct json *j, size_t *n)
{
	struct cursor at = j->c;
	int b = cursor_peek(&at);
	int32_t ch;

	if (b == '\\') {
		cursor_next(&at);
		ch = take_escape(&at);
		if (ch < 0)
			return fail(j, "an escape of a character");
		*n += utf8_size(ch);
	} else if (b >= 0x80) {
		if (!utf8_take(&at))
			return fail(j, "UTF-8");
		*n += (size_t)(at.p - j->c.p);
	} else if (b >= 0x20) {
		cursor_next(&at);
		(*n)++;
	} else {
		return fail(j, b < 0 ? "'\"' at the end of a string"
				     : "no raw control character");
	}
	j->c = at;
	return true;
}

/* Take the plain ASCII in front; most strings are nothing else. */
static size_t take_plain(struct json *j)
{
	const uint8_t *from = j->c.p, *p = from;

	while (p < j->c.end && *p >= 0x20 && *p < 0x80 && *p != '"' &&
	       *p != '\\')
		p++;
	j->c.p = p;
	return (size_t)(p - from);
}

bool json_string(struct json *j, struct json_text *out)
{
	const uint8_t *begin;
	size_t n;

	if (j->fail)
		return false;
	if (json_peek(j) != '"')
		return fail(j, "a string");
	cursor_next(&j->c);
	begin = j->c.p;
	n = take_plain(j);
	while (cursor_peek(&j->c) != '"')
		if (!take_char(j, &n))
			return false;
	out->raw = (struct str){(const char *)begin, (size_t)(j->c.p - begin)};
	out->n = n;
	cursor_next(&j->c);
	return true;
}

bool json_key(struct json *j, struct json_text *out)
{
	if (!json_string(j, out))
		return false;
	if (json_peek(j) != ':')
		return fail(j, "':'");
	cursor_next(&j->c);
	return true;
}

static bool is_digit(int b)
{
	return b >= '0' && b <= '9';
}

bool json_u64(struct json *j, uint64_t *out)
{
	static const char what[] = "an integer of 0 to 2^64-1";
	uint64_t v = 0;
	struct cursor at;
	int b;

	if (j->fail)
		return false;
	b = json_peek(j);
	at = j->c;
	if (!is_digit(b))
		return fail(j, what);
	do {
		cursor_next(&at);
		if (mul_overflows(v, 10, &v) ||
		    add_overflows(v, (uint64_t)(b - '0'), &v))
			return fail(j, what);
		b = cursor_peek(&at);
	} while (is_digit(b) && v > 0);
	/* A digit here follows a leading zero. */
	if (is_digit(b) || b == '.' || b == 'e' || b == 'E')
		return fail(j, what);
	j->c = at;
	*out = v;
	return true;
}

static bool take_digits(struct cursor *c)
{
	if (!is_digit(cursor_peek(c)))
		return false;
	while (is_digit(cursor_peek(c)))
		cursor_next(c);
	return true;
}

/* Nobody wants its value, so its range is not checked either. */
static bool skip_number(struct json *j)
{
	struct cursor at = j->c;

	cursor_take(&at, '-');
	if (!cursor_take(&at, '0') && !take_digits(&at))
		return fail(j, "a value");
	if (cursor_take(&at, '.') && !take_digits(&at))
		return fail(j, "a number");
	if (cursor_take(&at, 'e') || cursor_take(&at, 'E')) {
		if (!cursor_take(&at, '+'))
			cursor_take(&at, '-');
		if (!take_digits(&at))
			return fail(j, "a number");
	}
	j->c = at;
	return true;
}

bool json_word(struct json *j, const char *word)
{
	struct cursor at;
	size_t n = strlen(word);
	const uint8_t *p;

	if (j->fail)
		return false;
	json_peek(j);
	at = j->c;
	p = cursor_bytes(&at, n);
	if (!p || memcmp(p, word, n) != 0)
		return fail(j, word);
	j->c = at;
	return true;
}

static bool skip_scalar(struct json *j)
{
	struct json_text text;

	switch (json_peek(j)) {
	case '"':
		return json_string(j, &text);
	case 'n':
		return json_word(j, "null");
	case 't':
		return json_word(j, "true");
	case 'f':
		return json_word(j, "false");
	default:
		return skip_number(j);
	}
}

bool json_skip(struct json *j)
{
	/* The containers that were entered here: json_open keeps the cap. */
	char close[JSON_MAX_DEPTH];
	size_t nth[JSON_MAX_DEPTH];
	unsigned n = 0;
	struct json_text key;

	do {
		int b;

		if (n > 0 && !json_more(j, close[n - 1], &nth[n - 1])) {
			n--;
			continue;
		}
		if (n > 0 && close[n - 1] == '}' && !json_key(j, &key))
			break;
		b = json_peek(j);
		if (b != '{' && b != '[') {
			skip_scalar(j);
		} else if (json_open(j, b)) {
			close[n] = b == '{' ? '}' : ']';
			nth[n++] = 0;
		}
	} while (n > 0 && !j->fail);
	return !j->fail;
}

bool json_end(struct json *j)
{
	if (j->fail)
		return false;
	return json_peek(j) < 0 || fail(j, "the end");
}

static char *put_utf8(char *out, int32_t ch)
{
	static const int lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = utf8_size(ch);

	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (ch & 0x3f));
		ch >>= 6;
	}
	out[0] = (char)(lead[n] | ch);
	return out + n;
}

void json_unescape(const struct json_text *t, char *out)
{
	struct cursor c = cursor_of(t->raw.p, t->raw.n);

	if (t->n == t->raw.n) {
		memcpy(out, t->raw.p, t->n);
		return;
	}
	while (cursor_left(&c) > 0) {
		int b = cursor_next(&c);

		if (b == '\\')
			out = put_utf8(out, take_escape(&c));
		else
			*out++ = (char)b;
	}
}

bool json_text_is(const struct json_text *t, const char *word)
{
	char text[32];

	if (t->n != strlen(word) || t->n > sizeof(text))
		return false;
	json_unescape(t, text);
	return memcmp(text, word, t->n) == 0;
}
