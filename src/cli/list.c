/* SPDX-License-Identifier: Apache-2.0 */
/* wconv list: the parameters, for people and for programs. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/grid.h"
#include "cli/select.h"

/* ---- the table ---- */

static void add_tensor(struct grid *g, const struct view *v, size_t i,
		       bool all_sources)
{
	const struct tensor *t = &view_tensors(v)->v[i];
	struct strbuf sb = STRBUF_INIT;

	grid_add(g, t->name);
	grid_add(g, str_of(view_dtype_word(v, t->dtype)));
	strbuf_add_shape(&sb, t->dims, t->ndim);
	grid_take(g, &sb);
	strbuf_addf(&sb, "%" PRIu64, t->nbytes);
	grid_take(g, &sb);
	if (all_sources)
		view_add_sources(v, i, &sb);
	else
		view_add_some_sources(v, i, &sb);
	grid_take(g, &sb);
	view_add_how(v, i, &sb);
	grid_take(g, &sb);
	strbuf_release(&sb);
}

static int print_list(const struct view *v, const struct selection *s, bool tsv,
		      struct error *err)
{
	static const char *const heads[] = {"name",  "dtype",  "shape",
					    "bytes", "source", "how"};
	struct grid g = {.ncolumns = 6};
	bool all_sources = tsv || !isatty(STDOUT_FILENO);

	grid_heads(&g, heads);
	for (size_t i = 0; i < s->n; i++)
		add_tensor(&g, v, s->v[i], all_sources);
	return grid_print(&g, tsv, err);
}

/* ---- JSON ---- */

static void add_json_tensor(struct strbuf *out, const struct view *v, size_t i,
			    bool first)
{
	const struct tensor *t = &view_tensors(v)->v[i];
	struct strbuf sb = STRBUF_INIT;

	strbuf_adds(out, first ? "\n  {\"name\": " : ",\n  {\"name\": ");
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

static int print_json(const struct view *v, const struct selection *s,
		      struct error *err)
{
	struct strbuf out = STRBUF_INIT;
	int ret;

	strbuf_addc(&out, '[');
	for (size_t i = 0; i < s->n; i++)
		add_json_tensor(&out, v, s->v[i], i == 0);
	strbuf_adds(&out, "\n]\n");
	ret = out.failed ? error_nomem(err) : cli_write(out.p, out.len, err);
	strbuf_release(&out);
	return ret;
}

/* ---- totals ---- */

static void add_total(struct grid *g, const char *what, uint64_t n,
		      uint64_t nelem, uint64_t nbytes)
{
	const uint64_t numbers[] = {n, nelem, nbytes};
	struct strbuf sb = STRBUF_INIT;

	grid_add(g, str_of(what));
	for (size_t i = 0; i < 3; i++) {
		strbuf_addf(&sb, "%" PRIu64, numbers[i]);
		grid_take(g, &sb);
	}
	strbuf_add_size(&sb, nbytes);
	grid_take(g, &sb);
	strbuf_release(&sb);
}

static int print_totals(const struct view *v, const struct selection *s,
			bool tsv, struct error *err)
{
	static const char *const heads[] = {"dtype", "tensors", "elements",
					    "bytes", "size"};
	struct grid g = {.ncolumns = 5};
	uint64_t n = 0, all_nelem = 0, all_nbytes = 0;

	grid_heads(&g, heads);
	for (int dt = 0; dt < DT_COUNT; dt++) {
		uint64_t k = 0, nelem = 0, nbytes = 0;

		for (size_t i = 0; i < s->n; i++) {
			const struct tensor *t = &view_tensors(v)->v[s->v[i]];

			if (t->dtype != dt)
				continue;
			k++;
			nelem += tensor_nelem(t);
			nbytes += t->nbytes;
		}
		if (k)
			add_total(&g, view_dtype_word(v, (enum dtype)dt), k,
				  nelem, nbytes);
		n += k;
		all_nelem += nelem;
		all_nbytes += nbytes;
	}
	add_total(&g, "all", n, all_nelem, all_nbytes);
	return grid_print(&g, tsv, err);
}

/* ---- ---- */

static int list(const struct cli *c, const struct view *v,
		const struct selection *s, struct error *err)
{
	int ret;

	if (c->json)
		return print_json(v, s, err);
	if (c->totals)
		return print_totals(v, s, c->tsv, err);
	if (c->tree)
		return cli_print_tree(v, s, c->tsv, err);
	ret = print_list(v, s, c->tsv, err);
	/* a program that reads lines gets lines of one kind */
	if (ret || c->tsv || !isatty(STDOUT_FILENO))
		return ret;
	ret = cli_write("\n", 1, err);
	return ret ? ret : print_totals(v, s, c->tsv, err);
}

int cli_list(const struct cli *c, struct error *err)
{
	struct selection s = {NULL, 0};
	struct view *v;
	int ret = cli_open(c, &v, err);

	if (ret)
		return ret;
	ret = select_tensors(&s, view_tensors(v), c->args + 1,
			     (size_t)c->nargs - 1, c->tree ? "name" : c->sort,
			     err);
	if (!ret)
		ret = list(c, v, &s, err);
	free(s.v);
	view_free(v);
	return ret;
}
