/* SPDX-License-Identifier: Apache-2.0 */
/* File names of tensors; see filename.h. */
#include "view/filename.h"

#include <openssl/evp.h>

#define KEPT_NBYTES 200

/* What a shortened name ends in: '~' and as many digits of its SHA-256. */
#define DIGEST_NDIGITS 16

static const char hex[] = "0123456789abcdef";

/* Whether a name that is not shortened ends as if it were, from i on. */
static bool looks_shortened(struct str name, size_t i)
{
	if (name.p[i] != '~' || name.n - i != 1 + DIGEST_NDIGITS)
		return false;
	while (++i < name.n)
		if (!name.p[i] || !strchr(hex, name.p[i]))
			return false;
	return true;
}

static bool needs_escape(struct str name, size_t i)
{
	unsigned char c = (unsigned char)name.p[i];

	return c < 0x20 || c == 0x7f || c == '/' || c == '%' ||
	       (c == '.' && i == 0) || looks_shortened(name, i);
}

static void escape(struct str name, struct strbuf *out)
{
	for (size_t i = 0; i < name.n; i++) {
		if (needs_escape(name, i))
			strbuf_addf(out, "%%%02X", (unsigned char)name.p[i]);
		else
			strbuf_addc(out, name.p[i]);
	}
	if (!name.n) /* an empty name is a legal one */
		strbuf_adds(out, "%");
}

/* Cut at a character border: not within UTF-8, not within %XX. */
static size_t border(const char *p, size_t n)
{
	while (n && ((unsigned char)p[n] & 0xc0) == 0x80)
		n--;
	if (n >= 1 && p[n - 1] == '%')
		return n - 1;
	return n >= 2 && p[n - 2] == '%' ? n - 2 : n;
}

static void add_digest(struct str name, struct strbuf *out)
{
	unsigned char md[EVP_MAX_MD_SIZE];

	if (!EVP_Digest(name.p, name.n, md, NULL, EVP_sha256(), NULL)) {
		out->failed = true;
		return;
	}
	strbuf_addc(out, '~');
	for (int i = 0; i < DIGEST_NDIGITS / 2; i++) {
		strbuf_addc(out, hex[md[i] >> 4]);
		strbuf_addc(out, hex[md[i] & 15]);
	}
}

void filename_of(struct str name, const char *suffix, struct strbuf *out)
{
	size_t from = out->len;

	escape(name, out);
	if (!out->failed &&
	    out->len - from + strlen(suffix) > FILENAME_MAX_NBYTES) {
		out->len = from + border(out->p + from, KEPT_NBYTES);
		add_digest(name, out);
	}
	strbuf_adds(out, suffix);
}

static int hex_digit(char c)
{
	const char *p = c ? strchr("0123456789ABCDEF", c) : NULL;

	return p ? (int)(p - "0123456789ABCDEF") : -1;
}

/* The name behind an escaped one; false if it is no escaping's result. */
static bool unescape(struct str s, struct strbuf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int hi, lo;

		if (s.p[i] != '%') {
			strbuf_addc(out, s.p[i]);
			continue;
		}
		if (s.n == 1)
			return true;
		if (s.n - i < 3)
			return false;
		hi = hex_digit(s.p[i + 1]);
		lo = hex_digit(s.p[i + 2]);
		if (hi < 0 || lo < 0)
			return false;
		strbuf_addc(out, (char)(hi << 4 | lo));
		i += 2;
	}
	return true;
}

/* Whether t's file name is that one. */
static bool is_name_of(const struct tensor *t, struct str filename,
		       const char *suffix)
{
	struct strbuf sb = STRBUF_INIT;
	bool same;

	filename_of(t->name, suffix, &sb);
	same = !sb.failed && str_eq(strbuf_str(&sb), filename);
	strbuf_release(&sb);
	return same;
}

/* Shortened names cannot be unescaped; they are few. */
static const struct tensor *find_long(const struct tensor_set *set,
				      struct str filename, const char *suffix)
{
	/* an escaped byte takes three */
	size_t shortest = (FILENAME_MAX_NBYTES - strlen(suffix)) / 3;

	for (size_t i = 0; i < set->n; i++)
		if (set->v[i].name.n > shortest &&
		    is_name_of(&set->v[i], filename, suffix))
			return &set->v[i];
	return NULL;
}

const struct tensor *filename_find(const struct tensor_set *set,
				   struct str filename, const char *suffix)
{
	struct strbuf name = STRBUF_INIT;
	const struct tensor *t = NULL;
	size_t n = strlen(suffix);

	if (!str_ends(filename, suffix))
		return NULL;
	if (unescape((struct str){filename.p, filename.n - n}, &name))
		t = tensor_set_find(set, strbuf_str(&name));
	strbuf_release(&name);
	if (t && is_name_of(t, filename, suffix))
		return t;
	if (filename.n > KEPT_NBYTES)
		return find_long(set, filename, suffix);
	return NULL;
}
