/* SPDX-License-Identifier: Apache-2.0 */
/* wconv models: the rule tables there are, and what is in one. */
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/grid.h"
#include "view/rules.h"

static void add_aliases(struct grid *g, const struct table *t)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < t->naliases; i++) {
		strbuf_adds(&sb, i ? ", " : "");
		strbuf_addstr(&sb, t->aliases[i]);
	}
	grid_take(g, &sb);
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
	grid_take(g, &sb);
	strbuf_release(&sb);
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

static int list(const struct cli *c, struct error *err)
{
	static const char *const heads[] = {"model", "also called", "options",
					    "what it is for"};
	struct grid g = {.ncolumns = 4};
	struct models m;
	int ret = models_open(&m, c->opt.rules, err);

	grid_heads(&g, heads);
	for (size_t i = 0; i < m.n; i++) {
		grid_add(&g, m.v[i]->model);
		add_aliases(&g, m.v[i]);
		add_options(&g, m.v[i]);
		grid_add(&g, m.v[i]->about);
	}
	if (!ret)
		ret = grid_print(&g, c->tsv, err);
	grid_release(&g);
	models_release(&m);
	return ret;
}

int cli_models(const struct cli *c, struct error *err)
{
	return c->nargs ? describe(c, c->args[0], err) : list(c, err);
}
