/* SPDX-License-Identifier: Apache-2.0 */
/* wconv models: the rule tables there are, and what is in one. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/grid.h"
#include "view/rules.h"

static void add_aliases(struct strbuf *sb, const struct table *t)
{
	for (size_t i = 0; i < t->naliases; i++) {
		strbuf_adds(sb, i ? ", " : "");
		strbuf_addstr(sb, t->aliases[i]);
	}
}

/* "qkv_concat=false|true", the default first. */
static void add_options(struct strbuf *sb, const struct table *t)
{
	for (size_t i = 0; i < t->noptions; i++) {
		strbuf_adds(sb, i ? ", " : "");
		strbuf_addstr(sb, t->options[i].name);
		for (unsigned k = 0; k < t->options[i].nvalues; k++) {
			strbuf_addc(sb, k ? '|' : '=');
			strbuf_add_value(sb, t->options[i].values[k]);
		}
	}
}

static int describe(const struct cli *c, const char *name, struct error *err)
{
	struct strbuf out = STRBUF_INIT;
	int ret = rules_describe(c->opt.rules, name, &out, err);

	if (!ret)
		ret = cli_write(out.p, out.len, err);
	strbuf_release(&out);
	return ret;
}

static int print_table(const struct cli *c, const struct models *m,
		       struct error *err)
{
	static const char *const heads[] = {"model", "also called", "options",
					    "what it is for"};
	struct grid g = {.ncolumns = 4};
	struct strbuf sb = STRBUF_INIT;
	int ret;

	grid_heads(&g, heads);
	for (size_t i = 0; i < m->n; i++) {
		grid_add(&g, m->v[i]->model);
		add_aliases(&sb, m->v[i]);
		grid_take(&g, &sb);
		add_options(&sb, m->v[i]);
		grid_take(&g, &sb);
		grid_add(&g, m->v[i]->about);
	}
	ret = grid_print(&g, c->tsv, err);
	strbuf_release(&sb);
	grid_release(&g);
	return ret;
}

/* A line of what a table says; control bytes of a user's are no commands. */
static void add_line(struct strbuf *out, const char *before, struct strbuf *sb)
{
	if (sb->len) {
		strbuf_adds(out, before);
		strbuf_add_shown(out, strbuf_str(sb));
		strbuf_addc(out, '\n');
	}
	out->failed |= sb->failed;
	strbuf_reset(sb);
}

/* Options make columns wider than terminals are: a paragraph a model. */
static int print_text(const struct models *m, struct error *err)
{
	struct strbuf out = STRBUF_INIT, sb = STRBUF_INIT;
	int ret;

	for (size_t i = 0; i < m->n; i++) {
		strbuf_addf(&sb, "%.*s: %.*s", STR_ARG(m->v[i]->model),
			    STR_ARG(m->v[i]->about));
		add_line(&out, "", &sb);
		add_aliases(&sb, m->v[i]);
		add_line(&out, "    also called ", &sb);
		add_options(&sb, m->v[i]);
		add_line(&out, "    --set ", &sb);
	}
	ret = out.failed ? error_nomem(err) : cli_write(out.p, out.len, err);
	strbuf_release(&sb);
	strbuf_release(&out);
	return ret;
}

static int list(const struct cli *c, struct error *err)
{
	struct models m;
	int ret = models_open(&m, c->opt.rules, err);

	if (!ret)
		ret = !c->tsv && isatty(STDOUT_FILENO)
			      ? print_text(&m, err)
			      : print_table(c, &m, err);
	models_release(&m);
	return ret;
}

int cli_models(const struct cli *c, struct error *err)
{
	return c->nargs ? describe(c, c->args[0], err) : list(c, err);
}
