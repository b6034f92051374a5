/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors are listed; see select.h. */
#include "cli/select.h"

#include <fnmatch.h>
#include <stdlib.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at s[i]: their number of them; *first is behind leading zeros. */
static size_t digits(struct str s, size_t i, size_t *first)
{
	size_t end = i;

	while (end < s.n && is_digit(s.p[end]))
		end++;
	while (i + 1 < end && s.p[i] == '0')
		i++;
	*first = i;
	return end - i;
}

int name_cmp(struct str a, struct str b)
{
	size_t i = 0, k = 0;

	while (i < a.n && k < b.n) {
		size_t x, y, n, m;
		int c;

		if (!is_digit(a.p[i]) || !is_digit(b.p[k])) {
			c = (unsigned char)a.p[i++] - (unsigned char)b.p[k++];
			if (c)
				return c;
			continue;
		}
		n = digits(a, i, &x);
		m = digits(b, k, &y);
		if (n != m)
			return n < m ? -1 : 1;
		c = memcmp(a.p + x, b.p + y, n);
		if (c)
			return c;
		i = x + n;
		k = y + m;
	}
	if (i < a.n || k < b.n)
		return i < a.n ? 1 : -1;
	return str_cmp(a, b); /* only zeros in front tell them apart */
}

/* ---- sorting ---- */

typedef int (*tensor_cmp)(const struct tensor *a, const struct tensor *b);

static int by_name(const struct tensor *a, const struct tensor *b)
{
	return name_cmp(a->name, b->name);
}

static int by_bytes(const struct tensor *a, const struct tensor *b)
{
	return (a->nbytes < b->nbytes) - (a->nbytes > b->nbytes);
}

static int by_dtype(const struct tensor *a, const struct tensor *b)
{
	return (int)a->dtype - (int)b->dtype;
}

struct sorting {
	const struct tensor_set *set;
	tensor_cmp cmp;
};

/* What is equal keeps its order. */
static int compare_places(const void *x, const void *y, void *arg)
{
	const struct sorting *s = arg;
	uint32_t i = *(const uint32_t *)x, k = *(const uint32_t *)y;
	int c = s->cmp(&s->set->v[i], &s->set->v[k]);

	return c ? c : (i > k) - (i < k);
}

static int sort_by(struct selection *s, const struct tensor_set *set,
		   const char *word, struct error *err)
{
	static const struct {
		const char *word;
		tensor_cmp cmp;
	} orders[] = {
		{"name", by_name},
		{"bytes", by_bytes},
		{"dtype", by_dtype},
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct sorting by = {set, orders[i].cmp};

		if (strcmp(word, orders[i].word) != 0)
			continue;
		qsort_r(s->v, s->n, sizeof(*s->v), compare_places, &by);
		return 0;
	}
	return error_set(err, ERR_USAGE,
			 "--sort=%s: it must be name, bytes or dtype", word);
}

/* ---- globs ---- */

/* name as a C string is in *text. */
static bool matches(struct strbuf *text, struct str name,
		    const char *const *globs, size_t nglobs)
{
	strbuf_reset(text);
	strbuf_addstr(text, name);
	strbuf_addc(text, '\0');
	for (size_t i = 0; i < nglobs && !text->failed; i++)
		if (fnmatch(globs[i], text->p, 0) == 0)
			return true;
	return nglobs == 0;
}

int select_tensors(struct selection *s, const struct tensor_set *set,
		   const char *const *globs, size_t nglobs, const char *sort,
		   struct error *err)
{
	struct strbuf text = STRBUF_INIT;
	int ret = 0;

	s->n = 0;
	s->v = malloc((set->n + 1) * sizeof(*s->v));
	if (!s->v)
		return error_nomem(err);
	for (uint32_t i = 0; i < set->n; i++)
		if (matches(&text, set->v[i].name, globs, nglobs))
			s->v[s->n++] = i;
	if (text.failed)
		ret = error_nomem(err);
	else if (nglobs && !s->n)
		ret = error_set(err, ERR_USAGE,
				"%s: no name matches; wconv list SOURCE shows "
				"them",
				globs[0]);
	strbuf_release(&text);
	return ret || !sort ? ret : sort_by(s, set, sort, err);
}
