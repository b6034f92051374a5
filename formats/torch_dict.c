/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the saved object to named tensors.
 *
 * Dictionaries, lists and tuples are walked; the keys that lead to a tensor,
 * joined by dots, are its name. Where the walk begins: torch_where.c.
 *
 * The object may contain itself and may unfold to any size: each container is
 * looked into once to see whether it holds a tensor, and the walk that makes
 * names has a budget. Nothing recurses.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "formats/name_list.h"
#include "formats/torch_priv.h"

/* Steps and bytes of names. 100,000 tensors take some 20 million. */
#define WALK_BUDGET (UINT64_C(1) << 28)

/* What a part of a name costs, and what it names, beside a step. */
#define PART_COST 64

/* A container that is being walked. */
struct frame {
	struct pvalue *v;
	uint32_t next; /* its next child */
	bool holds;
	size_t nname; /* the walk's name up to here */
};

struct walk {
	struct torch_file *f;
	struct frame *stack; /* [n]; owned */
	size_t n, cap;
	struct strbuf name;
	uint64_t budget;
	size_t nskipped;	  /* tensors under keys that make no name */
	struct name_list objects; /* beside the tensors */
};

static int push_frame(struct walk *w, struct pvalue *v, uint8_t mark)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 64;
		struct frame *stack = realloc(w->stack, cap * sizeof(*stack));

		if (!stack)
			return error_nomem(w->f->err);
		w->stack = stack;
		w->cap = cap;
	}
	v->mark = mark;
	w->stack[w->n++] = (struct frame){v, 0, false, w->name.len};
	return 0;
}

/* The container on top is done. */
static void pop_holder(struct walk *w)
{
	struct frame *top = &w->stack[--w->n];

	top->v->mark = top->holds ? MARK_HOLDS : MARK_EMPTY;
	if (w->n > 0 && top->holds)
		w->stack[w->n - 1].holds = true;
}

/*
 * Mark every container below root by whether it holds a tensor. One that
 * contains itself counts as holding: the walk of names tells the user.
 */
static int mark_holders(struct walk *w, struct pvalue *root)
{
	int rc = is_container(root) ? push_frame(w, root, MARK_OPEN) : 0;

	while (!rc && w->n > 0) {
		struct frame *top = &w->stack[w->n - 1];
		struct pvalue *c;

		if (top->next == nchildren(top->v)) {
			pop_holder(w);
			continue;
		}
		c = child_of(top->v, top->next++);
		if (is_container(c) && c->mark == MARK_NEW)
			rc = push_frame(w, c, MARK_OPEN);
		else if (holds(c) || (is_container(c) && c->mark == MARK_OPEN))
			top->holds = true;
	}
	return rc;
}

/* ---- names ---- */

/* Append child i's part of the name; false if its key is no text or number. */
static bool add_part(struct walk *w, const struct pvalue *v, uint32_t i)
{
	const struct pvalue *key = v->type == PV_DICT ? v->seq.v[2 * i] : NULL;

	if (key && key->type != PV_STR && key->type != PV_INT)
		return false;
	if (w->n > 1)
		strbuf_addc(&w->name, '.');
	if (!key)
		strbuf_addf(&w->name, "%" PRIu32, i);
	else if (key->type == PV_INT)
		strbuf_addf(&w->name, "%" PRId64, key->i);
	else
		strbuf_addstr(&w->name, key->s);
	return true;
}

/* Bytes of the sequence that begins with b, by its first byte; 0: none. */
static unsigned utf8_length(int b)
{
	if (b < 0x80)
		return 1;
	if (b < 0xc2 || b > 0xf4)
		return 0;
	return b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
}

static bool is_utf8(struct str s)
{
	struct cursor c = cursor_of(s.p, s.n);

	while (cursor_left(&c) > 0) {
		unsigned n = utf8_length(cursor_peek(&c));
		const uint8_t *p = n > 0 ? cursor_bytes(&c, n) : NULL;

		if (!p)
			return false;
		for (unsigned i = 1; i < n; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		/* overlong, surrogates, past U+10FFFF */
		if ((p[0] == 0xe0 && p[1] < 0xa0) ||
		    (p[0] == 0xed && p[1] > 0x9f) ||
		    (p[0] == 0xf0 && p[1] < 0x90) ||
		    (p[0] == 0xf4 && p[1] > 0x8f))
			return false;
	}
	return true;
}

static int spend(struct walk *w, uint64_t cost)
{
	if (cost > w->budget)
		return REFUSE_FILE(w->f, "%s",
				   "the saved object unfolds to more names "
				   "than a checkpoint has: it holds the same "
				   "lists again and again");
	w->budget -= cost;
	return 0;
}

static int grow_entries(struct torch_file *f)
{
	size_t cap = f->cap ? 2 * f->cap : 256;
	struct torch_entry *v = realloc(f->v, cap * sizeof(*v));

	if (!v)
		return error_nomem(f->err);
	f->v = v;
	f->cap = cap;
	return 0;
}

static int add_entry(struct walk *w, const struct ptensor *t)
{
	struct torch_file *f = w->f;
	struct str name = strbuf_str(&w->name);

	if (spend(w, name.n))
		return -EINVAL;
	if (w->name.failed)
		return error_nomem(f->err);
	if (name.n > TENSOR_MAX_NAME)
		return REFUSE_FILE(f,
				   "a tensor name has %zu bytes, more than the "
				   "%d supported: \"%.24s...\"",
				   name.n, TENSOR_MAX_NAME, name.p);
	if (!is_utf8(name))
		return REFUSE_FILE(f, "the tensor name \"%.*s\" is no UTF-8",
				   STR_ARG(name));
	if (t->odd)
		return REFUSE_FILE(f, "tensor \"%.*s\" is %s", STR_ARG(name),
				   t->odd);
	if (f->n == f->cap && grow_entries(f))
		return -ENOMEM;
	name = arena_str(&f->set->arena, name);
	if (!name.p)
		return error_nomem(f->err);
	f->v[f->n] = (struct torch_entry){name, t, f->n, 0};
	f->n++;
	return 0;
}

static int refuse_cycle(struct walk *w, const struct pvalue *v, uint32_t i)
{
	(void)add_part(w, v, i);
	return REFUSE_FILE(w->f,
			   "the saved object contains itself at \"%.*s\": its "
			   "tensors have no end of names",
			   STR_ARG(strbuf_str(&w->name)));
}

/* Child i is no data that can be read, as an array of numpy is none. */
static void list_object(struct walk *w, const struct pvalue *v, uint32_t i)
{
	const struct pglobal *class = child_of(v, i)->global;

	if (w->objects.n >= NAME_LIST_SHOWN) {
		w->objects.n++;
		return;
	}
	(void)add_part(w, v, i);
	strbuf_addf(&w->name, " (%.*s.%.*s)", STR_ARG(class->module),
		    STR_ARG(class->name));
	name_list_add(&w->objects, strbuf_str(&w->name));
}

/* Take child i of the container on top. */
static int visit(struct walk *w, struct pvalue *v, uint32_t i)
{
	struct pvalue *c = child_of(v, i);

	if (is_container(c) && c->mark == MARK_ON_PATH)
		return refuse_cycle(w, v, i);
	if (is_object(c))
		list_object(w, v, i);
	if (!holds(c))
		return 0;
	if (spend(w, PART_COST))
		return -EINVAL;
	if (!add_part(w, v, i)) {
		w->nskipped++;
		return 0;
	}
	if (w->name.len > 2 * TENSOR_MAX_NAME)
		return REFUSE_FILE(w->f,
				   "a tensor name has more than the %d bytes "
				   "supported: \"%.24s...\"",
				   TENSOR_MAX_NAME, w->name.p);
	return c->type == PV_TENSOR ? add_entry(w, c->tensor)
				    : push_frame(w, c, MARK_ON_PATH);
}

/* Entries for all tensors below root. */
static int flatten(struct walk *w, struct pvalue *root)
{
	int rc = holds(root) ? push_frame(w, root, MARK_ON_PATH) : 0;

	while (!rc && w->n > 0) {
		struct frame *top = &w->stack[w->n - 1];

		w->name.len = top->nname;
		if (top->next == nchildren(top->v)) {
			top->v->mark = MARK_HOLDS;
			w->n--;
			continue;
		}
		rc = spend(w, 1);
		if (!rc)
			rc = visit(w, top->v, top->next++);
	}
	return rc;
}

/* ---- the whole ---- */

/* Parallel and compiled modules put their own name in front of every tensor. */
static bool strip_prefix(struct torch_file *f, struct str prefix)
{
	for (size_t i = 0; i < f->n; i++)
		if (!str_starts(f->v[i].name, prefix) ||
		    f->v[i].name.n == prefix.n)
			return false;
	for (size_t i = 0; i < f->n; i++) {
		f->v[i].name.p += prefix.n;
		f->v[i].name.n -= prefix.n;
	}
	if (f->n > 0)
		strbuf_addf(f->notes,
			    "%s: every name began with \"%.*s\", which is "
			    "left out\n",
			    f->s->path, STR_ARG(prefix));
	return f->n > 0;
}

/*
 * A torch.optim.swa_utils.AveragedModel saves how many models it is the mean of
 * beside what stands under "module.": that is no weight.
 */
static bool drop_count(struct torch_file *f)
{
	size_t count = f->n;

	for (size_t i = 0; i < f->n; i++) {
		const struct torch_entry *e = &f->v[i];

		if (str_is(e->name, "n_averaged") && e->t->ndim == 0)
			count = i;
		else if (!str_starts(e->name, str_of("module.")))
			return false;
	}
	if (count == f->n || f->n == 1)
		return false;
	memmove(&f->v[count], &f->v[count + 1],
		(--f->n - count) * sizeof(*f->v));
	strbuf_addf(f->notes,
		    "%s: n_averaged, how many models were averaged, is no "
		    "weight and left out\n",
		    f->s->path);
	return true;
}

/* --key=: what is wanted is the object as it was saved. */
static bool takes_all(const struct torch_file *f)
{
	return f->opt->key && !*f->opt->key;
}

static int select_from(struct walk *w, struct pvalue *root)
{
	struct torch_file *f = w->f;
	int rc = mark_holders(w, root);

	if (!rc)
		rc = torch_find_weights(f, &root);
	if (!rc && !is_container(root))
		rc = torch_refuse_empty(f, root);
	if (!rc)
		rc = flatten(w, root);
	if (rc)
		return rc;
	if (f->n == 0 && !(root->type == PV_DICT && root->seq.n == 0))
		return torch_refuse_empty(f, root);
	if (w->objects.n > 0) {
		strbuf_addf(f->notes,
			    "%s: objects among the weights that are no tensors "
			    "are left out: ",
			    f->s->path);
		name_list_note(&w->objects, f->notes);
	}
	if (w->nskipped > 0)
		strbuf_addf(f->notes,
			    "%s: %zu keys that are no text hold tensors, which "
			    "are left out\n",
			    f->s->path, w->nskipped);
	return 0;
}

int torch_select(struct torch_file *f)
{
	struct walk w = {
		.f = f,
		.name = STRBUF_INIT,
		.budget = WALK_BUDGET,
		.objects = NAME_LIST_INIT,
	};
	int rc = select_from(&w, f->pickle.top);

	if (!rc && !takes_all(f) && !f->opt->keep_prefix)
		while (drop_count(f) || strip_prefix(f, str_of("module.")) ||
		       strip_prefix(f, str_of("_orig_mod.")))
			;
	name_list_release(&w.objects);
	strbuf_release(&w.name);
	free(w.stack);
	return rc;
}
