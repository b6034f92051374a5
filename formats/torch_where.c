/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the weights are in the saved object. Training code wraps them:
 *
 *     {'model': {...}, 'model_ema': {...}, 'optimizer': {...}, 'epoch': 3}
 *
 * so a dictionary with one of the usual keys stands for what is under it,
 * again and again, as long as nothing else beside it holds tensors but copies
 * that are averages of it (ema) and what belongs to training. Where that
 * leaves a choice it is the user's: --key. The state of training beside what is
 * under no usual key leaves one too.
 */
#include "formats/name_list.h"
#include "formats/torch_priv.h"

/* Of a dictionary without tensors, for a sentence. */
#define OBJECTS_LOOKED_AT 100

/* ---- what a key stands for ---- */

enum role { ROLE_OTHER, ROLE_WEIGHTS, ROLE_AVERAGE, ROLE_TRAINING };

/* One of the words that '_' and '.' separate. */
static bool has_word(struct str s, const char *const *v, size_t n)
{
	size_t from = 0;

	for (size_t i = 0; s.n && i <= s.n; i++) {
		if (i < s.n && s.p[i] != '_' && s.p[i] != '.')
			continue;
		if (str_is_one_of((struct str){s.p + from, i - from}, v, n))
			return true;
		from = i + 1;
	}
	return false;
}

#define HAS_WORD(s, list) has_word(s, list, sizeof(list) / sizeof(list[0]))

static enum role role_of_key(struct str key)
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

	if (HAS_WORD(key, training))
		return ROLE_TRAINING;
	if (HAS_WORD(key, average))
		return ROLE_AVERAGE;
	return STR_IS_ONE_OF(key, weights) ? ROLE_WEIGHTS : ROLE_OTHER;
}

static struct str key_text(const struct pvalue *key)
{
	return key->type == PV_STR ? key->s : str_of("");
}

/* Of a value that holds tensors: only a dictionary can be the weights. */
static enum role role_of(const struct pvalue *key, const struct pvalue *v)
{
	enum role role = role_of_key(key_text(key));

	return role == ROLE_TRAINING || v->type == PV_DICT ? role : ROLE_OTHER;
}

/* What a dictionary has of each role, where tensors are. */
struct roles {
	size_t n[ROLE_TRAINING + 1];
	struct pvalue *last[ROLE_TRAINING + 1]; /* the value */
	struct str key[ROLE_TRAINING + 1];	/* its key */
	bool has_state; /* of training: more than single tensors */
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
		r->has_state |= role == ROLE_TRAINING && is_container(v);
		r->last[role] = v;
		r->key[role] = key_text(key);
		name_list_add(&r->all, r->key[role]);
	}
}

/*
 * Of the usual keys the first under which there is an object of a class, as
 * torch.save(model) writes a network; or NULL.
 */
static const struct pvalue *find_object(const struct pvalue *dict,
					struct str *key)
{
	for (uint32_t i = 0; dict->type == PV_DICT && i < nchildren(dict);
	     i++) {
		const struct pvalue *v = child_of(dict, i);
		enum role role;

		*key = key_text(dict->seq.v[2 * i]);
		role = role_of_key(*key);
		if ((role == ROLE_WEIGHTS || role == ROLE_AVERAGE) &&
		    is_object(v))
			return v;
	}
	return NULL;
}

/* key: under which it is, or NULL where it is the whole. */
static int refuse_object(struct torch_file *f, const struct str *key,
			 const struct pvalue *v)
{
	struct str none = str_of("");

	return REFUSE_FILE(f,
			   "%s%.*s%sit holds an object of %.*s.%.*s and no "
			   "dictionary of tensors: save its state_dict() "
			   "instead",
			   key ? "under \"" : "", STR_ARG(key ? *key : none),
			   key ? "\" " : "", STR_ARG(v->global->module),
			   STR_ARG(v->global->name));
}

static int refuse_choice(struct torch_file *f, struct roles *r)
{
	return REFUSE_FILE(f,
			   "its weights may be under more than one key of the "
			   "saved object: %s; choose with --key=KEY (--key= "
			   "takes all)",
			   name_list_text(&r->all));
}

/* It was written in training, but none of its keys is one of the usual. */
static int refuse_state(struct torch_file *f, const struct pvalue *dict,
			struct roles *r)
{
	struct str key;
	const struct pvalue *object = find_object(dict, &key);

	if (object && r->n[ROLE_OTHER] == 0)
		return refuse_object(f, &key, object);
	if (r->n[ROLE_OTHER] > 0)
		return refuse_choice(f, r);
	return REFUSE_FILE(
		f,
		"it holds the state of training (%s) and no weights; "
		"--key= takes all",
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
	} else if (outer && r.has_state) {
		rc = refuse_state(f, *root, &r);
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

/* ---- --key ---- */

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

int torch_find_weights(struct torch_file *f, struct pvalue **root)
{
	return f->opt->key ? follow_key(f, root) : unwrap(f, root);
}

/* ---- nothing ---- */

/* The objects of a dictionary, under their keys with a prefix. */
static void list_objects(const struct pvalue *dict, struct str prefix,
			 struct name_list *list)
{
	struct strbuf name = STRBUF_INIT;

	for (uint32_t i = 0; i < nchildren(dict) && i < OBJECTS_LOOKED_AT;
	     i++) {
		const struct pvalue *v = child_of(dict, i);

		if (!is_object(v))
			continue;
		strbuf_reset(&name);
		strbuf_addf(&name, "%.*s%s%.*s (%.*s.%.*s)", STR_ARG(prefix),
			    prefix.n ? "." : "",
			    STR_ARG(key_text(dict->seq.v[2 * i])),
			    STR_ARG(v->global->module),
			    STR_ARG(v->global->name));
		name_list_add(list, strbuf_str(&name));
	}
	strbuf_release(&name);
}

/* No tensors, but arrays of numpy, perhaps, in it or one level below. */
static int refuse_objects(struct torch_file *f, const struct pvalue *dict)
{
	struct name_list list = NAME_LIST_INIT;
	int rc;

	list_objects(dict, str_of(""), &list);
	for (uint32_t i = 0; i < nchildren(dict) && i < OBJECTS_LOOKED_AT; i++)
		if (child_of(dict, i)->type == PV_DICT)
			list_objects(child_of(dict, i),
				     key_text(dict->seq.v[2 * i]), &list);
	if (list.n == 0)
		rc = REFUSE_FILE(f, "%s", "it holds no tensors");
	else
		rc = REFUSE_FILE(f,
				 "it holds no tensors, but objects: %s; save "
				 "arrays as tensors, or as .npy files",
				 name_list_text(&list));
	name_list_release(&list);
	return rc;
}

int torch_refuse_empty(struct torch_file *f, const struct pvalue *root)
{
	const struct pvalue *object;
	struct str key;

	if (root->type == PV_OPAQUE && root->called)
		return REFUSE_FILE(
			f,
			"this file wants to call %.*s.%.*s: only its "
			"result could be the weights, and it was "
			"not called",
			STR_ARG(root->global->module),
			STR_ARG(root->global->name));
	if (root->type == PV_OPAQUE)
		return refuse_object(f, NULL, root);
	object = find_object(root, &key);
	if (object)
		return refuse_object(f, &key, object);
	if (root->type == PV_DICT)
		return refuse_objects(f, root);
	return REFUSE_FILE(f, "it holds %s",
			   root->type == PV_TENSOR
				   ? "a single tensor without a name, no "
				     "dictionary of tensors"
				   : "no tensors");
}
