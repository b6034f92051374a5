/* SPDX-License-Identifier: Apache-2.0 */
/* A SOURCE, opened: see checkpoint.h. */
#include "formats/checkpoint.h"

#include <errno.h>
#include <stdlib.h>

#include "core/checked.h"
#include "core/cursor.h"
#include "formats/locate.h"
#include "formats/name_list.h"
#include "formats/safetensors.h"

/* Each file that is passed through keeps a descriptor open. */
#define PASSED_MAX 128

/* First bytes of a file that a format may look at. */
#define HEAD_NBYTES 16

struct format_ops {
	const char *name;
	/* Whether a file of that name with those first bytes is of it. */
	bool (*recognise)(const char *name, struct cursor head);
	/* Append the file's tensors to the set, which owns s already. */
	int (*read)(struct tensor_set *set, struct source *s,
		    struct error *err);
};

/* By its name, or by a plausible header length and what follows it. */
static bool is_safetensors(const char *name, struct cursor head)
{
	uint64_t n;

	if (str_ends(str_of(name), ".safetensors"))
		return true;
	return cursor_le64(&head, &n) && n <= UINT32_MAX &&
	       cursor_peek(&head) == '{';
}

static const struct format_ops formats[] = {
	{"safetensors", is_safetensors, safetensors_read},
};

/* A zip archive or a pickle: what torch.save writes. */
static bool is_torch(struct cursor head)
{
	const uint8_t *p = cursor_bytes(&head, 4);

	return p && (memcmp(p, "PK\3\4", 4) == 0 ||
		     (p[0] == 0x80 && p[1] >= 2 && p[1] <= 5));
}

/* No format recognises the file. */
static int refuse_format(const char *path, struct cursor head,
			 struct error *err)
{
	if (is_torch(head) || is_torch_name(path))
		return error_set(err, ERR_SOURCE,
				 "%s is a PyTorch file, which is not supported "
				 "yet by this version: a safetensors copy is "
				 "needed",
				 path);
	if (str_ends(str_of(path), ".ckpt"))
		return error_set(err, ERR_SOURCE,
				 "%s is a MindSpore checkpoint, which is not "
				 "supported yet as a source by this version",
				 path);
	return error_set(err, ERR_SOURCE,
			 "%s is not a checkpoint in a format this version "
			 "reads (safetensors)",
			 path);
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
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].recognise(path, head))
			return name_link(path, s,
					 formats[i].read(&c->tensors, s, err),
					 err);
	return refuse_format(path, head, err);
}

static int read_files(struct checkpoint *c, struct location *l,
		      struct error *err)
{
	for (size_t i = 0; i < l->nweights; i++) {
		const char *path = location_path(l, l->weights[i]);
		int rc = path ? read_file(c, path, err) : error_nomem(err);

		if (rc)
			return rc;
	}
	return 0;
}

/* The tensor of one line of the index must be where the line says. */
static int check_line(const struct checkpoint *c, const struct location *l,
		      const struct index_entry *e, bool *listed,
		      struct name_list *missing, struct error *err)
{
	const struct tensor *t = tensor_set_find(&c->tensors, e->name);
	size_t at = 0;

	if (!t) {
		name_list_add(missing, e->name);
		return 0;
	}
	listed[t - c->tensors.v] = true;
	/* Sources were opened in the order of the index's files. */
	if (t->extent.src == c->tensors.sources[e->file])
		return 0;
	while (c->tensors.sources[at] != t->extent.src)
		at++;
	return error_set(err, ERR_SOURCE,
			 "%s/%s: tensor \"%.*s\" should be in %s, but it is in "
			 "%s",
			 l->dir, l->index_name, STR_ARG(e->name),
			 l->index.files[e->file], l->index.files[at]);
}

static void note_unlisted(struct checkpoint *c, const struct location *l,
			  const bool *listed)
{
	struct name_list names = NAME_LIST_INIT;

	for (size_t i = 0; i < c->tensors.n; i++)
		if (!listed[i])
			name_list_add(&names, c->tensors.v[i].name);
	if (names.n > 0)
		strbuf_addf(&c->notes,
			    "%s does not list %zu of the tensors in its "
			    "files: %s\n",
			    l->index_name, names.n, name_list_text(&names));
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

	if (!path || !copy.p)
		return error_nomem(err);
	if (source_open(&c->passed[c->npassed], path, &why)) {
		strbuf_addf(&c->notes, "%s is not shown: %s\n", name,
			    error_text(&why));
		error_release(&why);
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
	if (rest.n > 0)
		strbuf_addf(&c->notes,
			    "only %d files are shown beside the "
			    "weights; left out: %s\n",
			    PASSED_MAX, name_list_text(&rest));
	name_list_release(&rest);
	return rc;
}

/*
 * A file given by itself may lie anywhere, in a home directory too: only a
 * config beside it makes that directory a model's.
 */
static bool is_model_dir(const struct location *l)
{
	return l->is_dir || l->nweights > 1 || location_has(l, "config.json") ||
	       location_has(l, "adapter_config.json");
}

static int take_place(struct checkpoint *c, struct location *l,
		      struct error *err)
{
	const char *config = location_path(l, "config.json");

	c->is_adapter = l->is_adapter;
	c->dir = strdup(l->dir);
	if (!c->dir || !config)
		return error_nomem(err);
	if (location_has(l, "config.json")) {
		c->config_path = strdup(config);
		if (!c->config_path)
			return error_nomem(err);
	}
	return is_model_dir(l) ? pass_files(c, l, err) : 0;
}

int checkpoint_open(struct checkpoint *c, const char *path, struct error *err)
{
	struct location l;
	int rc;

	*c = (struct checkpoint){.tensors = TENSOR_SET_INIT,
				 .notes = STRBUF_INIT};
	rc = locate(&l, path, &c->notes, err);
	if (!rc)
		rc = read_files(c, &l, err);
	if (!rc && l.index_name)
		rc = check_index(c, &l, err);
	if (!rc)
		rc = take_place(c, &l, err);
	if (!rc && c->notes.failed)
		rc = error_nomem(err);
	location_release(&l);
	return rc;
}

void checkpoint_release(struct checkpoint *c)
{
	for (size_t i = 0; i < c->npassed; i++)
		source_free(c->passed[i]);
	free(c->passed);
	free(c->dir);
	free(c->config_path);
	strbuf_release(&c->notes);
	tensor_set_release(&c->tensors);
	*c = (struct checkpoint){.tensors = TENSOR_SET_INIT,
				 .notes = STRBUF_INIT};
}
