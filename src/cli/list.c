/* SPDX-License-Identifier: Apache-2.0 */
/* wconv list and wconv models: tables for people, TSV and JSON for programs. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cli.h"

/* ---- a table of texts ---- */

#define MAX_COLUMNS 6

struct grid {
	struct strbuf text; /* cells, each with a NUL behind it */
	unsigned ncolumns;
	size_t width[MAX_COLUMNS]; /* characters of the widest cell */
	size_t ncells;
};

/* Characters of UTF-8 text: bytes that begin one. */
static size_t width_of(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static void add_cell(struct grid *g, struct str s)
{
	unsigned column = (unsigned)(g->ncells++ % g->ncolumns);
	struct str shown;
	size_t from = g->text.len;

	strbuf_add_tsv(&g->text, s); /* no NUL, tab or newline is left */
	shown = (struct str){g->text.p + from, g->text.len - from};
	if (!g->text.failed && width_of(shown) > g->width[column])
		g->width[column] = width_of(shown);
	strbuf_addc(&g->text, '\0');
}

static void pad(struct strbuf *out, size_t n)
{
	while (n-- > 0)
		strbuf_addc(out, ' ');
}

/* All cells: columns aligned, or separated by tabs. */
static int print_grid(struct grid *g, bool tsv, struct error *err)
{
	struct strbuf out = STRBUF_INIT;
	const char *p = g->text.p;
	int ret;

	for (size_t i = 0; i < g->ncells && !g->text.failed; i++) {
		struct str s = str_of(p);
		unsigned column = (unsigned)(i % g->ncolumns);
		bool last = column + 1 == g->ncolumns;

		strbuf_addstr(&out, s);
		if (tsv && !last)
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
	strbuf_release(&g->text);
	return ret;
}

static void add_heads(struct grid *g, const char *const *heads)
{
	for (unsigned i = 0; i < g->ncolumns; i++)
		add_cell(g, str_of(heads[i]));
}

/* ---- list ---- */

static void add_tensor(struct grid *g, const struct view *v, size_t i,
		       bool all_sources)
{
	const struct tensor *t = &view_tensors(v)->v[i];
	struct strbuf sb = STRBUF_INIT;

	add_cell(g, t->name);
	add_cell(g, str_of(view_dtype_word(v, t->dtype)));
	cli_add_shape(t, &sb);
	add_cell(g, strbuf_str(&sb));
	strbuf_reset(&sb);
	strbuf_addf(&sb, "%" PRIu64, t->nbytes);
	add_cell(g, strbuf_str(&sb));
	strbuf_reset(&sb);
	if (all_sources)
		view_add_sources(v, i, &sb);
	else
		view_add_some_sources(v, i, &sb);
	add_cell(g, strbuf_str(&sb));
	strbuf_reset(&sb);
	view_add_how(v, i, &sb);
	add_cell(g, strbuf_str(&sb));
	g->text.failed |= sb.failed;
	strbuf_release(&sb);
}

static void add_json_tensor(struct strbuf *out, const struct view *v, size_t i)
{
	const struct tensor *t = &view_tensors(v)->v[i];
	struct strbuf sb = STRBUF_INIT;

	strbuf_adds(out, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
	strbuf_add_json(out, t->name);
	strbuf_addf(out, ", \"dtype\": \"%s\", \"shape\": [",
		    view_dtype_word(v, t->dtype));
	strbuf_add_dims(out, t->dims, t->ndim, ',');
	strbuf_addf(out, "], \"bytes\": %" PRIu64 ", \"source\": ", t->nbytes);
	view_add_sources(v, i, &sb);
	strbuf_add_json(out, strbuf_str(&sb));
	strbuf_adds(out, ", \"how\": ");
	strbuf_reset(&sb);
	view_add_how(v, i, &sb);
	strbuf_add_json(out, strbuf_str(&sb));
	strbuf_addc(out, '}');
	out->failed |= sb.failed;
	strbuf_release(&sb);
}

static int print_json(const struct view *v, struct error *err)
{
	struct strbuf out = STRBUF_INIT;
	int ret;

	strbuf_addc(&out, '[');
	for (size_t i = 0; i < view_tensors(v)->n; i++)
		add_json_tensor(&out, v, i);
	strbuf_adds(&out, "\n]\n");
	ret = out.failed ? error_nomem(err) : cli_write(out.p, out.len, err);
	strbuf_release(&out);
	return ret;
}

static int print_list(const struct view *v, bool tsv, struct error *err)
{
	static const char *const heads[] = {"name",  "dtype",  "shape",
					    "bytes", "source", "how"};
	struct grid g = {.ncolumns = 6};

	add_heads(&g, heads);
	for (size_t i = 0; i < view_tensors(v)->n; i++)
		add_tensor(&g, v, i, tsv);
	return print_grid(&g, tsv, err);
}

int cli_list(const struct cli *c, struct error *err)
{
	struct view *v;
	int ret = cli_open(c, &v, err);

	if (ret)
		return ret;
	ret = c->json ? print_json(v, err) : print_list(v, c->tsv, err);
	view_free(v);
	return ret;
}

/* ---- models ---- */

static void add_aliases(struct grid *g, const struct table *t)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < t->naliases; i++) {
		strbuf_adds(&sb, i ? ", " : "");
		strbuf_addstr(&sb, t->aliases[i]);
	}
	add_cell(g, strbuf_str(&sb));
	g->text.failed |= sb.failed;
	strbuf_release(&sb);
}

/* "qkv_concat=false|true", the default first. */
static void add_options(struct grid *g, const struct table *t)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < t->noptions; i++) {
		strbuf_adds(&sb, i ? ", " : "");
		strbuf_addstr(&sb, t->options[i].name);
		for (unsigned k = 0; k < t->options[i].nvalues; k++) {
			strbuf_addc(&sb, k ? '|' : '=');
			strbuf_add_value(&sb, t->options[i].values[k]);
		}
	}
	add_cell(g, strbuf_str(&sb));
	g->text.failed |= sb.failed;
	strbuf_release(&sb);
}

int cli_models(const struct cli *c, struct error *err)
{
	static const char *const heads[] = {"model", "also called", "options",
					    "what it is for"};
	struct grid g = {.ncolumns = 4};
	struct models m;
	int ret = models_open(&m, c->opt.rules, err);

	add_heads(&g, heads);
	for (size_t i = 0; i < m.n; i++) {
		add_cell(&g, m.v[i]->model);
		add_aliases(&g, m.v[i]);
		add_options(&g, m.v[i]);
		add_cell(&g, m.v[i]->about);
	}
	if (ret)
		strbuf_release(&g.text);
	else
		ret = print_grid(&g, c->tsv, err);
	models_release(&m);
	return ret;
}
