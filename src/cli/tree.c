/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wconv list --tree: names as the tree that their dots make, with what is
 * below each. Numbered branches that are alike are one, shown by the first:
 *
 *   layers                   288  13.0 GB
 *     0 ... 31               288  13.0 GB
 *       attention.wq.weight    1  33.6 MB  BFloat16  4096x4096
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/grid.h"
#include "cli/select.h"

struct tree {
	const struct view *view;
	const struct tensor_set *set;
	const uint32_t *v; /* sorted by name: a branch is a run of them */
	struct grid grid;
};

/* Names from..end of the tree share the first `skip` bytes. */
struct branch {
	size_t from, end;
	size_t skip;
};

static struct str name_of(const struct tree *t, size_t i)
{
	return t->set->v[t->v[i]].name;
}

/* The component of a name behind skip bytes, with the dot before it cut. */
static struct str component(struct str name, size_t skip)
{
	struct str s = {name.p + skip, name.n - skip};
	const char *dot = s.n ? memchr(s.p, '.', s.n) : NULL;

	if (dot)
		s.n = (size_t)(dot - s.p);
	return s;
}

/* The names from i that have the same component there. */
static struct branch branch_at(const struct tree *t, const struct branch *in,
			       size_t i)
{
	struct str c = component(name_of(t, i), in->skip);
	struct branch b = {i, i + 1, in->skip + c.n};

	while (b.end < in->end &&
	       str_eq(component(name_of(t, b.end), in->skip), c))
		b.end++;
	b.skip += name_of(t, i).n > b.skip; /* the dot */
	return b;
}

static bool is_number(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

static bool same_type(const struct tensor *a, const struct tensor *b)
{
	return a->dtype == b->dtype && tensor_has_dims(a, b->dims, b->ndim);
}

/* Whether two branches have the same names, types and shapes in them. */
static bool alike(const struct tree *t, const struct branch *a,
		  const struct branch *b)
{
	if (a->end - a->from != b->end - b->from)
		return false;
	for (size_t i = 0; i < a->end - a->from; i++) {
		struct str x = name_of(t, a->from + i);
		struct str y = name_of(t, b->from + i);

		x = (struct str){x.p + a->skip, x.n - a->skip};
		y = (struct str){y.p + b->skip, y.n - b->skip};
		if (!str_eq(x, y) || !same_type(&t->set->v[t->v[a->from + i]],
						&t->set->v[t->v[b->from + i]]))
			return false;
	}
	return true;
}

/* A row: the name, indented; what is below it; its type if it is a tensor. */
static void add_row(struct tree *t, unsigned depth, struct str name,
		    const struct branch *b, const struct tensor *leaf)
{
	struct grid *g = &t->grid;
	struct strbuf sb = STRBUF_INIT;
	uint64_t nbytes = 0;

	for (size_t i = b->from; i < b->end; i++)
		nbytes += t->set->v[t->v[i]].nbytes;
	for (unsigned i = 0; i < depth; i++)
		strbuf_adds(&sb, "  ");
	strbuf_addstr(&sb, name);
	grid_take(g, &sb);
	strbuf_addf(&sb, "%zu", b->end - b->from);
	grid_take(g, &sb);
	strbuf_add_size(&sb, nbytes);
	grid_take(g, &sb);
	grid_add(g, str_of(leaf ? view_dtype_word(t->view, leaf->dtype) : ""));
	if (leaf)
		strbuf_add_shape(&sb, leaf->dims, leaf->ndim);
	grid_take(g, &sb);
	strbuf_release(&sb);
}

static void add_branches(struct tree *t, const struct branch *in,
			 unsigned depth);

/* One branch, or a run of numbered ones that are like it, up to all.end. */
static void add_branch(struct tree *t, const struct branch *in,
		       const struct branch *b, const struct branch *last,
		       unsigned depth)
{
	struct str first = component(name_of(t, b->from), in->skip);
	struct branch all = {b->from, last->end, b->skip};
	struct strbuf name = STRBUF_INIT;
	size_t n = b->end - b->from;
	const struct tensor *leaf = NULL;

	/* a branch of one tensor needs no rows for its components */
	if (n == 1 && !is_number(first)) {
		first = name_of(t, b->from);
		all.skip = first.n;
		first = (struct str){first.p + in->skip, first.n - in->skip};
	}
	strbuf_addstr(&name, first);
	if (last->from != b->from) {
		strbuf_adds(&name, " ... ");
		strbuf_addstr(&name,
			      component(name_of(t, last->from), in->skip));
	}
	/* a name may be a tensor and have others below it */
	if (name_of(t, b->from).n == all.skip)
		leaf = &t->set->v[t->v[b->from]];
	add_row(t, depth, strbuf_str(&name), &all, leaf);
	t->grid.text.failed |= name.failed;
	strbuf_release(&name);
	if (!leaf || n > 1)
		add_branches(t,
			     &(struct branch){b->from + (leaf != NULL), b->end,
					      b->skip + (leaf != NULL)},
			     depth + 1);
}

static void add_branches(struct tree *t, const struct branch *in,
			 unsigned depth)
{
	size_t i = in->from;

	while (i < in->end) {
		struct branch b = branch_at(t, in, i), last = b;

		while (is_number(component(name_of(t, b.from), in->skip)) &&
		       last.end < in->end) {
			struct branch next = branch_at(t, in, last.end);

			if (!is_number(component(name_of(t, next.from),
						 in->skip)) ||
			    !alike(t, &b, &next))
				break;
			last = next;
		}
		add_branch(t, in, &b, &last, depth);
		i = last.end;
	}
}

int cli_print_tree(const struct view *v, const struct selection *s, bool tsv,
		   struct error *err)
{
	static const char *const heads[] = {"name", "tensors", "size", "dtype",
					    "shape"};
	struct tree t = {.view = v, .set = view_tensors(v)};
	struct branch root = {0, s->n, 0};

	t.v = s->v;
	t.grid.ncolumns = 5;
	grid_heads(&t.grid, heads);
	add_branches(&t, &root, 0);
	return grid_print(&t.grid, tsv, err);
}
