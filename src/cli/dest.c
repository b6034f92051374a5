/* SPDX-License-Identifier: Apache-2.0 */
/* Where a conversion goes; see dest.h. */
#include "cli/dest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MAX_SUFFIXES 3

/* A form of checkpoint: its names outside and inside a view. */
struct form {
	const char *word;
	const char *suffixes[MAX_SUFFIXES + 1];
	const char *whole[2]; /* one file of all tensors, where it may be */
	const char *shards;   /* the directory of shards */
	const char *shard_suffix;
};

static const struct form forms[] = {
	{"ckpt", {".ckpt"}, {"model.ckpt"}, "ckpt", ".ckpt"},
	{"safetensors",
	 {".safetensors"},
	 {"safetensors/model.safetensors", "model.safetensors"},
	 "safetensors",
	 ".safetensors"},
	{"pytorch",
	 {".bin", ".pt", ".pth"},
	 {"pytorch/pytorch_model.bin"},
	 "pytorch",
	 ".bin"},
};

#define NFORMS (sizeof(forms) / sizeof(forms[0]))

/* ---- what the words mean ---- */

static const struct form *form_of_name(const char *name)
{
	for (size_t i = 0; i < NFORMS; i++)
		for (const char *const *s = forms[i].suffixes; *s; s++)
			if (str_ends(str_of(name), *s))
				return &forms[i];
	return NULL;
}

static const struct form *form_of_word(const char *word)
{
	for (size_t i = 0; i < NFORMS; i++)
		if (strcmp(forms[i].word, word) == 0)
			return &forms[i];
	return NULL;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int dest_parse(struct dest *d, const char *text, const char *form,
	       bool one_file, struct error *err)
{
	const struct form *named = form_of_name(text);

	*d = (struct dest){.text = text, .dir = {.fd = -1}};
	d->form = form ? form_of_word(form) : NULL;
	if (!*text)
		return error_set(err, ERR_USAGE, "DEST is an empty name");
	if (form && !d->form)
		return error_set(err, ERR_USAGE,
				 "--format=%s: it must be ckpt, safetensors or "
				 "pytorch",
				 form);
	d->is_dir = !one_file && (!named || is_directory(text));
	if (d->is_dir || one_file)
		return 0;
	if (d->form && d->form != named)
		return error_set(
			err, ERR_USAGE,
			"--format=%s contradicts the name %s: leave it "
			"out, or name another file",
			form, text);
	d->form = named;
	return 0;
}

/* ---- the files of the view ---- */

/* name is taken over. */
static int add_output(struct dest *d, struct view *v, uint64_t node, char *name,
		      struct error *err)
{
	struct output *more = NULL, *o;

	if (name)
		more = realloc(d->v, (d->n + 1) * sizeof(*more));
	if (!more) {
		free(name);
		return error_nomem(err);
	}
	d->v = more;
	o = &d->v[d->n++];
	*o = (struct output){.name = name, .fd = -1};
	pthread_mutex_init(&o->writing, NULL);
	if (view_open_file(v, node, &o->file))
		return error_nomem(err);
	o->bytes = view_vfile(o->file);
	return recipe_of(o->bytes, o->recipe) ? error_nomem(err) : 0;
}

/* Why a view lacks a form. */
static int no_form(const struct dest *d, const struct view *v,
		   struct error *err)
{
	if (view_no_ckpt(v) && d->form == &forms[0])
		return error_set(err, ERR_MAPPING, "%s", view_no_ckpt(v));
	if (d->form == &forms[0])
		return error_set(
			err, ERR_MAPPING,
			"%s: what is shown is HuggingFace's, which has "
			"no ckpt form: make safetensors or a PyTorch "
			"file of it, or say --to=raw or --to=ms",
			d->text);
	if (d->form == &forms[2] && view_find(v, forms[0].shards))
		return error_set(err, ERR_MAPPING,
				 "%s: what is shown is MindSpore's, which has "
				 "no PyTorch form: make a ckpt or safetensors "
				 "of it, or say --to=hf",
				 d->text);
	return error_set(err, ERR_MAPPING,
			 "%s: what is shown of this source has no %s form; "
			 "wconv cat SOURCE .wconvfs/report.txt says more",
			 d->text, d->form->word);
}

static int choose_file(struct dest *d, struct view *v, struct error *err)
{
	const char *slash = strrchr(d->text, '/');
	uint64_t node = 0;

	for (size_t i = 0; i < 2 && !node && d->form->whole[i]; i++)
		node = view_find(v, d->form->whole[i]);
	if (!node)
		return no_form(d, v, err);
	return add_output(d, v, node, strdup(slash ? slash + 1 : d->text), err);
}

/* Which files of a directory of the view are wanted. */
enum wanted { WANT_ALL, WANT_BESIDE, WANT_WEIGHTS };

static bool is_wanted(const struct form *form, const struct node_stat *st,
		      struct str name, enum wanted wanted)
{
	if (st->is_dir || (wanted == WANT_BESIDE && !st->is_beside))
		return false;
	/* beside passed files: the form's shards, and the index of them */
	return wanted != WANT_WEIGHTS ||
	       (!st->is_beside && (str_ends(name, form->shard_suffix) ||
				   str_ends(name, ".index.json")));
}

/* prefix: what is before the names of its files where they go. */
static int add_directory(struct dest *d, struct view *v, uint64_t dir,
			 const char *prefix, enum wanted wanted,
			 struct error *err)
{
	struct strbuf name = STRBUF_INIT;
	uint64_t node = 0;
	int ret = 0;

	while (!ret) {
		struct node_stat st;

		strbuf_reset(&name);
		strbuf_adds(&name, prefix);
		node = view_next(v, dir, node, &name);
		if (!node)
			break;
		if (name.failed)
			ret = error_nomem(err);
		else if (view_stat(v, node, &st) &&
			 is_wanted(d->form, &st, strbuf_str(&name), wanted))
			ret = add_output(d, v, node, strdup(name.p), err);
	}
	strbuf_release(&name);
	return ret;
}

/* --ranks: what each of them loads, in its directory. */
static int add_ranks(struct dest *d, struct view *v, struct error *err)
{
	struct strbuf name = STRBUF_INIT;
	uint64_t node = 0;
	int ret = 0;

	while (!ret) {
		struct node_stat st;

		strbuf_reset(&name);
		node = view_next(v, VIEW_ROOT, node, &name);
		if (!node)
			break;
		if (!view_stat(v, node, &st) || !st.is_dir ||
		    !str_starts(strbuf_str(&name), str_of("rank_")))
			continue;
		strbuf_addc(&name, '/');
		ret = name.failed ? error_nomem(err)
				  : add_directory(d, v, node, name.p, WANT_ALL,
						  err);
	}
	strbuf_release(&name);
	return ret;
}

/* A ckpt where the view is MindSpore's and can hold it, else safetensors. */
static const struct form *form_of_view(const struct view *v)
{
	return view_suits_ckpt(v) && view_find(v, forms[0].shards) ? &forms[0]
								   : &forms[1];
}

static int choose_directory(struct dest *d, struct view *v, struct error *err)
{
	uint64_t dir;
	size_t npassed;
	int ret;

	if (!d->form)
		d->form = form_of_view(v);
	dir = view_find(v, d->form->shards);
	ret = add_directory(d, v, VIEW_ROOT, "", WANT_BESIDE, err);
	npassed = d->n;
	if (!ret && d->form == &forms[0])
		ret = add_ranks(d, v, err);
	if (ret || d->n > npassed)
		return ret; /* in the place of what no rank loads */
	/* a HuggingFace view has its shards beside config.json */
	if (!dir && d->form == &forms[1])
		ret = add_directory(d, v, VIEW_ROOT, "", WANT_WEIGHTS, err);
	else if (dir)
		ret = add_directory(d, v, dir, "", WANT_ALL, err);
	if (!ret && d->n == npassed)
		return no_form(d, v, err);
	return ret;
}

int dest_choose(struct dest *d, struct view *v, struct error *err)
{
	return d->is_dir ? choose_directory(d, v, err) : choose_file(d, v, err);
}

/* ---- the place ---- */

/* The directory a path is in; "." for a mere name. */
static char *parent_of(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n ? strndup(path, n) : strdup(".");
}

static int open_directory(struct dest *d)
{
	d->dir.fd = open(d->dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->dir.fd < 0 ? -errno : 0;
}

static int no_directory(const struct dest *d, int ret, struct error *err)
{
	if (ret == -ENOMEM)
		return error_nomem(err);
	if (ret == -ENOENT)
		return error_set(err, ERR_OUTPUT,
				 "%s: there is no such directory; make it with "
				 "mkdir",
				 d->dir.path);
	if (ret == -ENOTDIR && d->is_dir)
		return error_set(err, ERR_OUTPUT,
				 "%s is no directory; the name of a single "
				 "file ends in .ckpt, .safetensors or .bin",
				 d->dir.path);
	return error_errno(err, ERR_OUTPUT, -ret, "%s", d->dir.path);
}

/* The directory at path, which is taken over. */
static int use_directory(struct dest *d, char *path)
{
	if (!path)
		return -ENOMEM;
	free(d->dir.path);
	d->dir.path = path;
	return open_directory(d);
}

int dest_open(struct dest *d, struct error *err)
{
	int ret = use_directory(d, d->is_dir ? strdup(d->text)
					     : parent_of(d->text));

	d->is_new = ret == -ENOENT && d->is_dir;
	if (d->is_new)
		ret = use_directory(d, parent_of(d->text));
	return ret ? no_directory(d, ret, err) : 0;
}

int dest_make(struct dest *d, struct error *err)
{
	int ret;

	if (!d->is_new)
		return 0;
	if (mkdir(d->text, 0777) < 0)
		return error_errno(err, ERR_OUTPUT, errno,
				   "%s: cannot make the directory", d->text);
	close(d->dir.fd);
	ret = use_directory(d, strdup(d->text));
	return ret ? no_directory(d, ret, err) : 0;
}

static bool is_source(const struct source *s, const struct stat *st)
{
	return s->dev == st->st_dev && s->ino == st->st_ino;
}

/* Replacing a file that is read from would be the end of it. */
static bool is_of_source(const struct output *o, const struct view *v,
			 const struct stat *st)
{
	const struct tensor_set *set = view_sources(v);
	const struct region *r = o->bytes->nregions ? o->bytes->regions : NULL;

	for (size_t i = 0; i < set->nsources; i++)
		if (is_source(set->sources[i], st))
			return true;
	return r && r->kind == REGION_SOURCE && is_source(r->source, st);
}

static const char *what_is_there(const struct dest *d)
{
	if (!d->is_dir)
		return "files are there already";
	if (d->resumes)
		return "files are there that this run would make otherwise, "
		       "since source or options were others, or that were "
		       "changed";
	return "files are there already; --resume continues what a run began";
}

int dest_check_names(const struct dest *d, const struct view *v,
		     struct error *err)
{
	struct strbuf names = STRBUF_INIT;
	struct stat st;
	int ret = 0;

	for (size_t i = 0; i < d->n && !d->is_new && !ret; i++) {
		const struct output *o = &d->v[i];

		if (o->finished)
			continue;
		if (fstatat(d->dir.fd, o->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			/* found before the bytes are written, not after */
			if (errno == ENAMETOOLONG)
				ret = error_errno(err, ERR_OUTPUT, errno, "%s",
						  o->name);
			continue;
		}
		if (is_of_source(o, v, &st))
			ret = error_set(err, ERR_OUTPUT,
					"%s/%s: it is a file of the source; "
					"write somewhere else",
					d->dir.path, o->name);
		else if (S_ISDIR(st.st_mode))
			ret = error_set(err, ERR_OUTPUT,
					"%s/%s: it is a directory; remove it, "
					"or write somewhere else",
					d->dir.path, o->name);
		else
			strbuf_addf(&names, ERROR_ITEM "%s", o->name);
	}
	if (!ret && names.len && !d->dir.replace)
		ret = error_set(err, ERR_OUTPUT,
				"%s: %s; --force replaces them%s", d->dir.path,
				what_is_there(d), names.p);
	strbuf_release(&names);
	return ret;
}

uint64_t dest_needed(const struct dest *d)
{
	uint64_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->v[i].finished ? 0 : d->v[i].bytes->nbytes;
	return n;
}

/* Free on the disk for them. */
static uint64_t free_nbytes(const struct dest *d)
{
	struct statvfs st;
	uint64_t n;

	/* filesystems without a size do not say what is free */
	if (fstatvfs(d->dir.fd, &st) < 0 || !st.f_blocks)
		return UINT64_MAX;
	n = (uint64_t)st.f_bavail * st.f_frsize;
	for (size_t i = 0; i < d->n && !d->is_new; i++)
		n += output_leftover(&d->v[i], &d->dir);
	return n;
}

int dest_check_space(const struct dest *d, struct error *err)
{
	uint64_t needed = dest_needed(d), have = free_nbytes(d);
	struct strbuf text = STRBUF_INIT;
	int ret;

	if (needed <= have)
		return 0;
	strbuf_add_size(&text, needed);
	strbuf_adds(&text, " are needed, ");
	strbuf_add_size(&text, have);
	strbuf_adds(&text, " are free: ");
	strbuf_add_size(&text, needed - have);
	strbuf_adds(&text, " are missing");
	ret = text.failed ? error_nomem(err)
			  : error_set(err, ERR_OUTPUT, "%s: %s", d->dir.path,
				      text.p);
	strbuf_release(&text);
	return ret;
}

void dest_release(struct dest *d)
{
	for (size_t i = 0; i < d->n; i++)
		output_release(&d->v[i]);
	free(d->v);
	free(d->dir.path);
	if (d->dir.fd >= 0)
		close(d->dir.fd);
}
