/* SPDX-License-Identifier: Apache-2.0 */
/* A table of texts; see grid.h. */
#include "cli/grid.h"

#include <unistd.h>

#include "cli/cli.h"

/* Characters of UTF-8 text: bytes that begin one. */
static size_t width_of(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* s as in a TSV, other control bytes as \\xNN: a terminal would obey them. */
static void add_shown(struct strbuf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		unsigned char next = i + 1 < s.n ? (unsigned char)s.p[i + 1]
						 : 0;

		if (c == '\t' || c == '\n' || c == '\0' || c == '\\')
			strbuf_add_tsv(out, (struct str){s.p + i, 1});
		else if (c < 0x20 || c == 0x7f)
			strbuf_addf(out, "\\x%02x", c);
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
			strbuf_addf(out, "\\u%04x", (unsigned)s.p[++i] & 0xff);
		else
			strbuf_addc(out, (char)c);
	}
}

void grid_add(struct grid *g, struct str s)
{
	unsigned column = (unsigned)(g->ncells++ % g->ncolumns);
	struct str shown;
	size_t from = g->text.len;

	add_shown(&g->text, s); /* no NUL, tab or newline is left */
	shown = (struct str){g->text.p + from, g->text.len - from};
	if (!g->text.failed && width_of(shown) > g->width[column])
		g->width[column] = width_of(shown);
	strbuf_addc(&g->text, '\0');
}

void grid_take(struct grid *g, struct strbuf *sb)
{
	grid_add(g, strbuf_str(sb));
	g->text.failed |= sb->failed;
	strbuf_reset(sb);
}

void grid_heads(struct grid *g, const char *const *heads)
{
	for (unsigned i = 0; i < g->ncolumns; i++)
		grid_add(g, str_of(heads[i]));
}

static void pad(struct strbuf *out, size_t n)
{
	while (n-- > 0)
		strbuf_addc(out, ' ');
}

int grid_print(struct grid *g, bool tsv, struct error *err)
{
	bool aligned = !tsv && isatty(STDOUT_FILENO);
	struct strbuf out = STRBUF_INIT;
	const char *p = g->text.p;
	int ret;

	for (size_t i = 0; i < g->ncells && !g->text.failed; i++) {
		struct str s = str_of(p);
		unsigned column = (unsigned)(i % g->ncolumns);
		bool last = column + 1 == g->ncolumns;

		strbuf_addstr(&out, s);
		if (!aligned && !last)
			strbuf_addc(&out, '\t');
		else if (!last)
			pad(&out, g->width[column] - width_of(s) + 2);
		if (last)
			strbuf_addc(&out, '\n');
		p += s.n + 1;
	}
	ret = out.failed || g->text.failed ? error_nomem(err)
					   : cli_write(out.p, out.len, err);
	strbuf_release(&out);
	grid_release(g);
	return ret;
}

void grid_release(struct grid *g)
{
	strbuf_release(&g->text);
}
