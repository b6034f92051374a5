/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the saved object to named tensors.
 *
 * Dictionaries, lists and tuples are walked; the keys that lead to a tensor,
 * joined by dots, are its name. Training code wraps the weights:
 *
 *     {'model': {...}, 'model_ema': {...}, 'optimizer': {...}, 'epoch': 3}
 *
 * so a dictionary with one of the usual keys stands for what is under it,
 * again and again, as long as nothing else beside it holds tensors but copies
 * that are averages of it (ema) and what belongs to training. Where that
 * leaves a choice it is the user's: --key.
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

/* Marks of containers. */
enum { MARK_NEW, MARK_OPEN, MARK_EMPTY, MARK_HOLDS, MARK_ON_PATH };

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
	size_t nskipped; /* tensors under keys that make no name */
};

static bool is_container(const struct pvalue *v)
{
	return v->type == PV_DICT || v->type == PV_LIST || v->type == PV_TUPLE;
}

static uint32_t nchildren(const struct pvalue *v)
{
	return v->type == PV_DICT ? v->seq.n / 2 : v->seq.n;
}

static struct pvalue *child_of(const struct pvalue *v, uint32_t i)
{
	return v->seq.v[v->type == PV_DICT ? 2 * i + 1 : i];
}

/* Once mark_holders has been there. */
static bool holds(const struct pvalue *v)
{
	return v->type == PV_TENSOR ||
	       (is_container(v) && v->mark == MARK_HOLDS);
}

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
		return REFUSE_FILE(f,
				   "tensor \"%.*s\" is %s, which is not "
				   "supported",
				   STR_ARG(name), t->odd);
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

/* Take child i of the container on top. */
static int visit(struct walk *w, struct pvalue *v, uint32_t i)
{
	struct pvalue *c = child_of(v, i);

	if (is_container(c) && c->mark == MARK_ON_PATH)
		return refuse_cycle(w, v, i);
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

/* ---- where the weights are ---- */

enum role { ROLE_OTHER, ROLE_WEIGHTS, ROLE_AVERAGE, ROLE_TRAINING };

static bool is_word(struct str s, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(s, v[i]))
			return true;
	return false;
}

#define IS_WORD(s, list) is_word(s, list, sizeof(list) / sizeof(list[0]))

/* One of the words that '_' and '.' separate. */
static bool has_word(struct str s, const char *const *v, size_t n)
{
	size_t from = 0;

	for (size_t i = 0; s.n && i <= s.n; i++) {
		if (i < s.n && s.p[i] != '_' && s.p[i] != '.')
			continue;
		if (is_word((struct str){s.p + from, i - from}, v, n))
			return true;
		from = i + 1;
	}
	return false;
}

#define HAS_WORD(s, list) has_word(s, list, sizeof(list) / sizeof(list[0]))

static enum role role_of(const struct pvalue *key, const struct pvalue *v)
{
	static const char *const weights[] = {
		"model",       "state_dict", "module", "model_state_dict",
		"model_state", "weights",    "net",    "model_weights",
		"params",
	};
	static const char *const average[] = {"ema", "swa"};
	static const char *const training[] = {
		"optimizer", "optimizers", "optim",  "scheduler", "schedulers",
		"lr",	     "scaler",	   "amp",    "rng",	  "random",
		"args",	     "config",	   "cfg",    "hyper",	  "callbacks",
		"loops",     "epoch",	   "step",   "steps",	  "iteration",
		"iter",	     "best",	   "metric", "metrics",	  "loss",
		"sampler",   "trainer",	   "stats",  "history",	  "meta",
	};
	struct str s = key->type == PV_STR ? key->s : (struct str){NULL, 0};

	if (HAS_WORD(s, training))
		return ROLE_TRAINING;
	if (v->type != PV_DICT)
		return ROLE_OTHER;
	if (HAS_WORD(s, average))
		return ROLE_AVERAGE;
	return IS_WORD(s, weights) ? ROLE_WEIGHTS : ROLE_OTHER;
}

/* What a dictionary has of each role, where tensors are. */
struct roles {
	size_t n[ROLE_TRAINING + 1];
	struct pvalue *last[ROLE_TRAINING + 1]; /* the value */
	struct str key[ROLE_TRAINING + 1];	/* its key */
	struct name_list all;
};

static void find_roles(struct roles *r, const struct pvalue *dict)
{
	*r = (struct roles){.all = NAME_LIST_INIT};
	for (uint32_t i = 0; i < nchildren(dict); i++) {
		const struct pvalue *key = dict->seq.v[2 * i];
		struct pvalue *v = child_of(dict, i);
		enum role role;

		if (!holds(v))
			continue;
		role = role_of(key, v);
		r->n[role]++;
		r->last[role] = v;
		r->key[role] = key->type == PV_STR ? key->s : str_of("");
		name_list_add(&r->all, r->key[role]);
	}
}

static int refuse_choice(struct torch_file *f, struct roles *r)
{
	return REFUSE_FILE(f,
			   "its weights may be under more than one key of the "
			   "saved object: %s; choose with --key=KEY (--key= "
			   "takes all)",
			   name_list_text(&r->all));
}

static void note_left_out(struct torch_file *f, struct roles *r, enum role role)
{
	if (r->all.n <= 1)
		return;
	strbuf_addf(f->notes,
		    "%s: the tensors under \"%.*s\" are shown, of those that "
		    "are under ",
		    f->s->path, STR_ARG(r->key[role]));
	name_list_note(&r->all, f->notes);
}

/*
 * Step from *root to what it wraps, or leave it where it is no wrapping. Only
 * at the outermost level is anything else beside the weights a question.
 */
static int unwrap_once(struct torch_file *f, struct pvalue **root, bool outer)
{
	enum role role = ROLE_WEIGHTS;
	struct roles r;
	int rc = 0;

	find_roles(&r, *root);
	if (r.n[ROLE_WEIGHTS] == 0)
		role = ROLE_AVERAGE;
	if (r.n[role] > 1 || (r.n[role] > 0 && r.n[ROLE_OTHER] > 0)) {
		if (outer)
			rc = refuse_choice(f, &r);
	} else if (r.n[role] == 1) {
		note_left_out(f, &r, role);
		*root = r.last[role];
	}
	name_list_release(&r.all);
	return rc;
}

static int unwrap(struct torch_file *f, struct pvalue **root)
{
	struct pvalue *before = NULL;
	bool outer = true;
	int rc = 0;

	/* Each step spends a key; a dictionary inside itself ends in a cycle
	 * that the depth ends. */
	for (int depth = 0; depth < 16 && !rc && *root != before; depth++) {
		before = *root;
		if (before->type == PV_DICT)
			rc = unwrap_once(f, root, outer);
		outer = false;
	}
	return rc;
}

static int refuse_key(struct torch_file *f, const struct pvalue *at,
		      struct str rest)
{
	struct roles r;
	int rc;

	if (at->type != PV_DICT)
		return REFUSE_FILE(f,
				   "--key=%s: what is before \"%.*s\" is no "
				   "dictionary that has it",
				   f->opt->key, STR_ARG(rest));
	find_roles(&r, at);
	rc = REFUSE_FILE(f,
			 "--key=%s: there is no key \"%.*s\"; the keys that "
			 "hold tensors are: %s",
			 f->opt->key, STR_ARG(rest),
			 r.all.n ? name_list_text(&r.all) : "none");
	name_list_release(&r.all);
	return rc;
}

/* s as a number of at most nine digits, or -1. */
static int64_t number_of(struct str s)
{
	int64_t n = 0;

	if (s.n == 0 || s.n > 9 || (s.n > 1 && s.p[0] == '0'))
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		n = 10 * n + (s.p[i] - '0');
	}
	return n;
}

/* What a container holds under that part of a name, or NULL. */
static struct pvalue *child_called(const struct pvalue *v, struct str part)
{
	struct pvalue *c = pickle_get(v, part);
	int64_t i = c ? -1 : number_of(part);

	if (i < 0 || !is_container(v))
		return c;
	if (v->type != PV_DICT)
		return i < v->seq.n ? v->seq.v[i] : NULL;
	for (uint32_t k = 0; k < nchildren(v) && !c; k++) {
		const struct pvalue *key = v->seq.v[2 * k];

		if (key->type == PV_INT && key->i == i)
			c = child_of(v, k);
	}
	return c;
}

/* Follow --key; a key may have dots itself: the longest that fits is taken. */
static int follow_key(struct torch_file *f, struct pvalue **root)
{
	struct str rest = str_of(f->opt->key);

	while (rest.n > 0) {
		struct str part = rest;
		struct pvalue *v = child_called(*root, part);

		while (!v && part.n > 0) {
			part.n--;
			if (rest.p[part.n] == '.')
				v = child_called(*root, part);
		}
		if (!v)
			return refuse_key(f, *root, rest);
		*root = v;
		rest.p += part.n + (part.n < rest.n);
		rest.n -= part.n + (part.n < rest.n);
	}
	return 0;
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

/* There is no tensor: what there is. */
static int refuse_empty(struct torch_file *f, const struct pvalue *root)
{
	if (root->type == PV_OPAQUE && root->called)
		return REFUSE_FILE(
			f,
			"this file wants to call %.*s.%.*s: only its "
			"result could be the weights, and it was "
			"not called",
			STR_ARG(root->global->module),
			STR_ARG(root->global->name));
	if (root->type == PV_OPAQUE)
		return REFUSE_FILE(f,
				   "it holds an object of %.*s.%.*s and no "
				   "dictionary of tensors: save its "
				   "state_dict() instead",
				   STR_ARG(root->global->module),
				   STR_ARG(root->global->name));
	return REFUSE_FILE(f, "it holds %s",
			   root->type == PV_TENSOR
				   ? "a single tensor without a name, no "
				     "dictionary of tensors"
				   : "no tensors");
}

static int select_from(struct walk *w, struct pvalue *root)
{
	struct torch_file *f = w->f;
	int rc = mark_holders(w, root);

	if (!rc)
		rc = f->opt->key ? follow_key(f, &root) : unwrap(f, &root);
	if (!rc && !is_container(root))
		rc = refuse_empty(f, root);
	if (!rc)
		rc = flatten(w, root);
	if (rc)
		return rc;
	if (f->n == 0 && !(root->type == PV_DICT && root->seq.n == 0))
		return refuse_empty(f, root);
	if (w->nskipped > 0)
		strbuf_addf(f->notes,
			    "%s: %zu keys that are no text hold tensors, which "
			    "are left out\n",
			    f->s->path, w->nskipped);
	return 0;
}

int torch_select(struct torch_file *f)
{
	struct walk w = {.f = f, .name = STRBUF_INIT, .budget = WALK_BUDGET};
	int rc = select_from(&w, f->pickle.top);

	if (!rc && !f->opt->key && !f->opt->keep_prefix)
		while (strip_prefix(f, str_of("module.")) ||
		       strip_prefix(f, str_of("_orig_mod.")))
			;
	strbuf_release(&w.name);
	free(w.stack);
	return rc;
}
