/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapping.tsv: a line for each tensor that is shown, then one for each source
 * tensor that is not. Rendered in chunks of lines, never stored.
 */
#include <errno.h>
#include <string.h>

#include "core/checked.h"
#include "view/view_priv.h"

/* Lines of one rendered region. */
#define CHUNK 64

/* Sources that are named where one line has to do; no pattern has more. */
#define SOME_SOURCES PATTERN_MAX_TENSORS

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The file that holds a source tensor. */
static const char *file_of(const struct tensor *t)
{
	const struct source *src;
	uint64_t off;

	tensor_first_byte(t, &src, &off);
	return src ? base_name(src->path) : "";
}

static void add_file(struct strbuf *out, const char *file)
{
	strbuf_adds(out, file);
	strbuf_adds(out, ": ");
}

static void add_sources(const struct view *v, size_t i, uint32_t most,
			struct strbuf *out)
{
	const struct origin *o = &v->plan.origins[i];
	const char *last = NULL;

	for (uint32_t k = 0; k < o->nsources && k < most; k++) {
		const struct tensor *t = &v->source.tensors.v[o->sources[k]];
		const char *file = file_of(t);

		strbuf_adds(out, k ? ", " : "");
		if (!last || strcmp(last, file) != 0)
			add_file(out, file);
		strbuf_add_tsv(out, t->name);
		last = file;
	}
	if (o->nsources > most)
		strbuf_addf(out, " and %u more", o->nsources - most);
}

void view_add_sources(const struct view *v, size_t i, struct strbuf *out)
{
	add_sources(v, i, UINT32_MAX, out);
}

void view_add_some_sources(const struct view *v, size_t i, struct strbuf *out)
{
	add_sources(v, i, SOME_SOURCES, out);
}

/* Elements change places, by a pattern that may also leave them where they
 * are, or because the source is a view with strides. */
static bool is_rearranged(const struct tensor *t)
{
	while (t->recipe == RECIPE_CAST)
		t = t->cast;
	return t->recipe == RECIPE_GATHER || t->recipe == RECIPE_STACK ||
	       t->recipe == RECIPE_SLICE;
}

void view_add_how(const struct view *v, size_t i, struct strbuf *out)
{
	const struct origin *o = &v->plan.origins[i];
	const struct tensor *t = &v->plan.target.v[i];
	const struct tensor *src = &v->source.tensors.v[o->sources[0]];

	if (o->kind == ORIGIN_PASSED)
		strbuf_adds(out, "as it is");
	else if (o->kind == ORIGIN_COPY)
		strbuf_adds(out, "copy");
	else if (o->rule->pattern && is_rearranged(t))
		strbuf_addstr(out, pattern_text(o->rule->pattern));
	else
		strbuf_adds(out, "=");
	if (t->dtype != src->dtype)
		strbuf_addf(out, "; cast %s to %s",
			    view_dtype_word(v, src->dtype),
			    view_dtype_word(v, t->dtype));
}

/* The columns of type and shape. */
static void add_type(const struct view *v, const struct tensor *t,
		     struct strbuf *out)
{
	strbuf_adds(out, "\t");
	strbuf_adds(out, view_dtype_word(v, t->dtype));
	strbuf_adds(out, "\t");
	strbuf_add_shape(out, t->dims, t->ndim);
	strbuf_adds(out, "\t");
}

static void add_shown(const struct view *v, size_t i, struct strbuf *out)
{
	const struct tensor *t = &v->plan.target.v[i];

	strbuf_add_tsv(out, t->name);
	add_type(v, t, out);
	view_add_sources(v, i, out);
	strbuf_adds(out, "\t");
	view_add_how(v, i, out);
	strbuf_adds(out, "\n");
}

static void add_dropped(const struct view *v, size_t i, struct strbuf *out)
{
	const struct tensor *t =
		&v->source.tensors.v[v->plan.dropped[i].source];

	strbuf_adds(out, "-");
	add_type(v, t, out);
	add_file(out, file_of(t));
	strbuf_add_tsv(out, t->name);
	strbuf_adds(out, "\tdropped\n");
}

static void render(const void *ctx, uint64_t chunk, struct strbuf *out)
{
	const struct view *v = ctx;
	size_t n = v->plan.target.n + v->plan.ndropped;
	size_t i = (size_t)chunk * CHUNK;
	size_t end = min_size(n, i + CHUNK);

	if (i == 0)
		strbuf_adds(out, "name\tdtype\tshape\tsource\thow\n");
	for (; i < end; i++) {
		if (i < v->plan.target.n)
			add_shown(v, i, out);
		else
			add_dropped(v, i - v->plan.target.n, out);
	}
}

int view_layout_mapping(struct view *v, struct vfile *f)
{
	size_t n = v->plan.target.n + v->plan.ndropped;
	struct strbuf sb = STRBUF_INIT;
	int ret = 0;

	f->render = render;
	f->ctx = v;
	for (uint64_t chunk = 0; chunk * CHUNK < n && !ret; chunk++) {
		strbuf_reset(&sb);
		render(v, chunk, &sb);
		ret = sb.failed ? -ENOMEM : vfile_add_render(f, chunk, sb.len);
	}
	strbuf_release(&sb);
	return ret;
}
