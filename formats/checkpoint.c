/* SPDX-License-Identifier: Apache-2.0 */
/* A SOURCE, opened: see checkpoint.h. */
#include "formats/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/checked.h"
#include "core/cursor.h"
#include "formats/ckpt.h"
#include "formats/foreign.h"
#include "formats/locate.h"
#include "formats/name_list.h"
#include "formats/npy.h"
#include "formats/publish.h"
#include "formats/safetensors.h"
#include "formats/strategy.h"
#include "formats/torch.h"

/* Each file that is passed through keeps a descriptor open. */
#define PASSED_MAX 128

struct format_ops {
	const char *name;
	/* Whether a file of that name with those first bytes is of it. */
	bool (*recognise)(const char *name, struct cursor head);
	/* Append the file's tensors to c->reading.set; c owns s already. */
	int (*read)(struct checkpoint *c, struct source *s, const char *path,
		    struct error *err);
};

/* What --check-crc found. */
static void note_crc(struct checkpoint *c, const char *path)
{
	if (c->opt.check_crc)
		strbuf_addf(&c->notes,
			    c->reading.has_crc ? "%s: its checksum is right\n"
					       : "%s has no checksum\n",
			    path);
}

/* By its name, or by a plausible header length and what follows it. */
static bool is_safetensors(const char *name, struct cursor head)
{
	uint64_t n;

	if (str_ends(str_of(name), ".safetensors"))
		return true;
	return cursor_le64(&head, &n) && n <= UINT32_MAX &&
	       cursor_peek(&head) == '{';
}

static int read_safetensors(struct checkpoint *c, struct source *s,
			    const char *path, struct error *err)
{
	int rc = safetensors_read(&c->reading, s, err);

	if (!rc)
		note_crc(c, path);
	return rc;
}

static bool is_torch(const char *name, struct cursor head)
{
	/* NumPy's archives are zip files too */
	return torch_recognise(head) && !str_ends(str_of(name), ".npz");
}

static int read_torch(struct checkpoint *c, struct source *s, const char *path,
		      struct error *err)
{
	struct torch_options opt = {c->opt.key, c->has_index};

	(void)path;
	c->has_torch = true;
	return torch_read(c->reading.set, s, &opt, &c->notes, err);
}

static bool is_npy(const char *name, struct cursor head)
{
	(void)name;
	return npy_recognise(head);
}

/* The name of an array is that of the file, as the user has it. */
static int read_npy(struct checkpoint *c, struct source *s, const char *path,
		    struct error *err)
{
	struct strbuf name = STRBUF_INIT;
	int rc;

	npy_tensor_name(path, &name);
	rc = name.failed ? error_nomem(err)
			 : npy_read(c->reading.set, s, strbuf_str(&name),
				    c->opt.void2, err);
	strbuf_release(&name);
	return rc;
}

static int read_ckpt(struct checkpoint *c, struct source *s, const char *path,
		     struct error *err)
{
	int rc = c->opt.check_crc ? ckpt_verify(s, &c->reading.has_crc, err)
				  : 0;

	if (!rc)
		note_crc(c, path);
	return rc ? rc : ckpt_read(&c->reading, s, err);
}

static const struct format_ops formats[] = {
	{"safetensors", is_safetensors, read_safetensors},
	{"torch", is_torch, read_torch},
	{"npy", is_npy, read_npy},
	/* the last: its suffix is PyTorch Lightning's too */
	{"ckpt", ckpt_recognise, read_ckpt},
};

/* No format recognises the file. */
static int refuse_format(const char *path, struct error *err)
{
	const char *what = foreign_name(str_of(path));

	if (what)
		return error_set(err, ERR_SOURCE, "%s %s", path, what);
	if (is_torch_name(path))
		return error_set(err, ERR_SOURCE,
				 "%s is no PyTorch file: it begins neither "
				 "like a zip archive nor like a pickle",
				 path);
	return error_set(err, ERR_SOURCE,
			 "%s is not a checkpoint in a format this version "
			 "reads (safetensors, PyTorch, MindSpore ckpt, "
			 ".npy)",
			 path);
}

/* What no file of weights begins with, whatever its name is. */
static int check_head(const char *path, struct cursor head, struct error *err)
{
	const char *what = foreign_begins(head);

	if (what)
		return error_set(err, ERR_SOURCE, "%s %s", path, what);
	if (is_weights_name(path) && foreign_text(head))
		return error_set(err, ERR_SOURCE,
				 "%s is a text in place of weights, which "
				 "begins with \"%.*s\": fetch the file again",
				 path, (int)cursor_left(&head), head.p);
	return 0;
}

/*
 * Sentences name the file that was opened. Behind a link (the hub cache's
 * blobs) that is not the name the user knows: put it in front.
 */
static int name_link(const char *path, const struct source *s, int rc,
		     struct error *err)
{
	const char *name = strrchr(path, '/');
	char *text;

	if (rc != -EINVAL || !err->text || !name ||
	    str_ends(str_of(s->path), name))
		return rc;
	text = err->text;
	err->text = NULL;
	error_set(err, err->class, "%s is a link to %s", path, text);
	free(text);
	return rc;
}

static int read_file(struct checkpoint *c, const char *path, struct error *err)
{
	uint8_t bytes[HEAD_NBYTES];
	struct cursor head;
	struct source *s;
	int rc = source_open(&s, path, err);
	size_t n;

	if (rc)
		return rc;
	if (tensor_set_own(&c->tensors, s)) {
		source_free(s);
		return error_nomem(err);
	}
	n = min_size(s->nbytes, sizeof(bytes));
	if (source_read(s, 0, n, bytes, false))
		return error_errno(err, ERR_SOURCE, EIO, "%s", path);
	head = cursor_of(bytes, n);
	rc = check_head(path, head, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].recognise(path, head))
			return name_link(path, s,
					 formats[i].read(c, s, path, err), err);
	return refuse_format(path, err);
}

static int read_files(struct checkpoint *c, struct location *l,
		      struct error *err)
{
	for (size_t i = 0; i < l->nweights; i++) {
		const char *path = location_path(l, l->weights[i]);
		int rc;

		c->reading.file = l->weights[i];
		rc = path ? read_file(c, path, err) : error_nomem(err);
		if (rc)
			return rc;
	}
	return 0;
}

/* The tensors of each of n files, in a set of its own; NULL: there is none. */
static int read_apart(struct checkpoint *c, struct location *l,
		      const char *const *files, uint32_t n, struct error *err)
{
	int rc = 0;

	c->ranks = calloc(n, sizeof(*c->ranks));
	if (!c->ranks)
		return error_nomem(err);
	c->nranks = n;
	for (uint32_t r = 0; r < n && !rc; r++) {
		const char *path;

		if (!files[r])
			continue;
		path = location_path(l, files[r]);
		c->reading.set = &c->ranks[r];
		rc = path ? read_file(c, path, err) : error_nomem(err);
	}
	c->reading.set = &c->tensors;
	return rc;
}

/* Tensor t of piece k of a model becomes one of the set: "NAME@k". */
static int take_piece(struct checkpoint *c, const struct tensor *t, uint32_t k,
		      bool numbered)
{
	struct strbuf name = STRBUF_INIT;
	struct tensor piece = *t;
	int rc = -ENOMEM;

	strbuf_addstr(&name, t->name);
	if (numbered)
		strbuf_addf(&name, "@%" PRIu32, k);
	if (!name.failed)
		piece.name = arena_str(&c->tensors.arena, strbuf_str(&name));
	if (!name.failed && piece.name.p)
		rc = tensor_set_add(&c->tensors, &piece);
	strbuf_release(&name);
	return rc;
}

/* Each file has a piece of every tensor: its number tells them apart. */
static int read_pieces(struct checkpoint *c, struct location *l,
		       struct error *err)
{
	bool numbered = !c->opt.raw || l->nweights > 1;
	int rc = read_apart(c, l, l->weights, (uint32_t)l->nweights, err);

	for (uint32_t k = 0; k < c->nranks && !rc; k++) {
		const struct tensor_set *set = &c->ranks[k];

		for (size_t i = 0; i < set->n && !rc; i++)
			if (take_piece(c, &set->v[i], k, numbered))
				rc = error_nomem(err);
	}
	return rc;
}

static int join_ranks(struct checkpoint *c, const struct location *l,
		      struct error *err)
{
	struct strategy s;
	int rc = strategy_open(&s, c->opt.strategy, err);

	if (!rc && c->nranks > strategy_nranks(&s))
		rc = error_set(err, ERR_SOURCE,
			       "%s has a rank %" PRIu32
			       ", but %s is of %" PRIu32 " ranks",
			       l->dir, c->nranks - 1, c->opt.strategy,
			       strategy_nranks(&s));
	if (!rc)
		rc = strategy_join(&s, c->ranks, c->nranks, &c->tensors, err);
	strategy_release(&s);
	return rc;
}

/* Whether a name of an index is one that reading has left out. */
static bool is_left_out(const struct checkpoint *c, struct str name)
{
	return c->reading.is_mindspore && !c->reading.keep_extra &&
	       is_training_name(name);
}

/* The tensor of one line of the index must be where the line says. */
static int check_line(const struct checkpoint *c, const struct location *l,
		      const struct index_entry *e, bool *listed,
		      struct name_list *missing, struct error *err)
{
	const struct tensor *t = tensor_set_find(&c->tensors, e->name);
	const struct source *src;
	uint64_t off;
	size_t at = 0;

	if (!t) {
		if (!is_left_out(c, e->name))
			name_list_add(missing, e->name);
		return 0;
	}
	listed[t - c->tensors.v] = true;
	tensor_first_byte(t, &src, &off);
	/* sources were opened in the order of weights */
	while (c->tensors.sources[at] != src)
		at++;
	if (strcmp(l->weights[at], l->index.files[e->file]) == 0)
		return 0;
	return error_set(err, ERR_SOURCE,
			 "%s/%s: tensor \"%.*s\" should be in %s, but it is in "
			 "%s",
			 l->dir, l->index_name, STR_ARG(e->name),
			 l->index.files[e->file], l->weights[at]);
}

static void note_unlisted(struct checkpoint *c, const struct location *l,
			  const bool *listed)
{
	struct name_list names = NAME_LIST_INIT;

	for (size_t i = 0; i < c->tensors.n; i++)
		if (!listed[i])
			name_list_add(&names, c->tensors.v[i].name);
	if (names.n > 0) {
		strbuf_addf(&c->notes,
			    "%s does not list %zu of the tensors in its "
			    "files: ",
			    l->index_name, names.n);
		name_list_note(&names, &c->notes);
	}
	name_list_release(&names);
}

static int check_index(struct checkpoint *c, const struct location *l,
		       struct error *err)
{
	struct name_list missing = NAME_LIST_INIT;
	bool *listed = calloc(c->tensors.n + 1, sizeof(*listed));
	int rc = listed ? 0 : error_nomem(err);

	for (size_t i = 0; i < l->index.n && !rc; i++)
		rc = check_line(c, l, &l->index.v[i], listed, &missing, err);
	if (!rc && missing.n > 0)
		rc = error_set(err, ERR_SOURCE,
			       "%s/%s lists tensors that its files do not "
			       "have: %s",
			       l->dir, l->index_name, name_list_text(&missing));
	if (!rc)
		note_unlisted(c, l, listed);
	name_list_release(&missing);
	free(listed);
	return rc;
}

/* Shown beside the weights: whatever is whole, visible and no weights. */
static bool is_passed(const char *name)
{
	struct str s = str_of(name);

	return name[0] != '.' && !is_weights_name(name) &&
	       !str_ends(s, ".index.json") && !str_ends(s, ".incomplete") &&
	       !str_ends(s, ".part") && !str_ends(s, ".tmp");
}

static int pass_file(struct checkpoint *c, struct location *l, const char *name,
		     struct error *err)
{
	const char *path = location_path(l, name);
	struct str copy = arena_str(&c->tensors.arena, str_of(name));
	struct error why = ERROR_INIT;
	int rc;

	if (!path || !copy.p)
		return error_nomem(err);
	rc = source_open(&c->passed[c->npassed], path, &why);
	if (rc == -ENOMEM) {
		error_release(&why);
		return error_nomem(err);
	}
	if (rc) {
		strbuf_addf(&c->notes, "%s is not shown: %s\n", name,
			    error_text(&why));
		error_release(&why);
		return 0;
	}
	if (c->opt.for_all && !may_publish(path, c->passed[c->npassed])) {
		strbuf_addf(&c->notes,
			    "%s is not shown: it is somebody's link to %s, "
			    "which is another's, and not everybody may read "
			    "that (-o allow_other)\n",
			    name, c->passed[c->npassed]->path);
		source_free(c->passed[c->npassed]);
		c->passed[c->npassed] = NULL;
		return 0;
	}
	c->passed_names[c->npassed++] = copy.p;
	return 0;
}

static int pass_files(struct checkpoint *c, struct location *l,
		      struct error *err)
{
	struct name_list rest = NAME_LIST_INIT;
	int rc = 0;

	c->passed = calloc(PASSED_MAX, sizeof(struct source *));
	c->passed_names = arena_array(&c->tensors.arena, PASSED_MAX,
				      sizeof(*c->passed_names));
	if (!c->passed || !c->passed_names)
		return error_nomem(err);
	for (size_t i = 0; i < l->nentries && !rc; i++) {
		const char *name = l->entries[i];

		if (!is_passed(name))
			continue;
		if (c->npassed < PASSED_MAX)
			rc = pass_file(c, l, name, err);
		else
			name_list_add(&rest, str_of(name));
	}
	if (rest.n > 0) {
		strbuf_addf(&c->notes,
			    "only %d files are shown beside the weights; left "
			    "out: ",
			    PASSED_MAX);
		name_list_note(&rest, &c->notes);
	}
	name_list_release(&rest);
	return rc;
}

/* What says the sizes of the model; beside pieces it has Meta's name. */
static const char *config_name(const struct location *l)
{
	static const char *const names[] = {"config.json", "params.json"};

	for (size_t i = 0; i < (l->is_split ? 2 : 1); i++)
		if (location_has(l, names[i]))
			return names[i];
	return NULL;
}

/*
 * A file given by itself may lie anywhere, in a home directory too: only a
 * config beside it makes that directory a model's.
 */
static bool is_model_dir(const struct location *l)
{
	return l->is_dir || l->nweights > 1 || config_name(l) ||
	       location_has(l, "adapter_config.json");
}

static int take_place(struct checkpoint *c, struct location *l,
		      struct error *err)
{
	const char *name = config_name(l);
	const char *config = name ? location_path(l, name) : NULL;

	c->is_adapter = l->is_adapter;
	c->dir = strdup(l->dir);
	if (!c->dir || (name && !config))
		return error_nomem(err);
	if (name) {
		c->config_path = strdup(config);
		if (!c->config_path)
			return error_nomem(err);
	}
	return is_model_dir(l) ? pass_files(c, l, err) : 0;
}

static int read_all(struct checkpoint *c, struct location *l, struct error *err)
{
	if (c->opt.strategy)
		return read_apart(c, l, l->ranks, l->nranks, err);
	return l->is_split ? read_pieces(c, l, err) : read_files(c, l, err);
}

int checkpoint_open(struct checkpoint *c, const char *path,
		    const struct source_options *opt, struct error *err)
{
	struct location l;
	int rc;

	*c = (struct checkpoint){
		.opt = *opt, .tensors = TENSOR_SET_INIT, .notes = STRBUF_INIT};
	c->reading.set = &c->tensors;
	c->reading.keep_extra = opt->keep_extra;
	c->reading.check_crc = opt->check_crc;
	rc = locate(&l, path, opt->strategy != NULL, &c->notes, err);
	c->has_index = l.index_name != NULL;
	c->reading.index = l.index.is_mindspore ? &l.index : NULL;
	if (!rc)
		rc = read_all(c, &l, err);
	if (!rc && opt->key && *opt->key && !c->has_torch)
		rc = error_set(err, ERR_USAGE,
			       "--key=%s is for PyTorch files, and %s holds "
			       "none",
			       opt->key, path);
	if (!rc && opt->strategy)
		rc = join_ranks(c, &l, err);
	if (!rc && l.index_name)
		rc = check_index(c, &l, err);
	if (!rc)
		rc = take_place(c, &l, err);
	c->reading.index = NULL;
	c->reading.file = NULL;
	reading_note(&c->reading, &c->notes);
	if (!rc && c->notes.failed)
		rc = error_nomem(err);
	location_release(&l);
	return rc;
}

void checkpoint_release(struct checkpoint *c)
{
	for (size_t i = 0; i < c->npassed; i++)
		source_free(c->passed[i]);
	for (uint32_t r = 0; r < c->nranks; r++)
		tensor_set_release(&c->ranks[r]);
	free(c->ranks);
	reading_release(&c->reading);
	free(c->passed);
	free(c->dir);
	free(c->config_path);
	strbuf_release(&c->notes);
	tensor_set_release(&c->tensors);
	*c = (struct checkpoint){.tensors = TENSOR_SET_INIT,
				 .notes = STRBUF_INIT};
}
