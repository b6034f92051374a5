/* SPDX-License-Identifier: Apache-2.0 */
/* Shard indexes, laid out: see index.h. Rendered, 64 lines at a time. */
#include "formats/index.h"

#include <errno.h>
#include <inttypes.h>

#include "core/checked.h"

#define CHUNK_LINES 64

#define NUMBER_HEAD UINT64_MAX
#define NUMBER_TAIL (UINT64_MAX - 1)

static const char tail[] = "\n  }\n}\n";

struct layout {
	const struct tensor *v;
	const uint32_t *shard;
	size_t n, nshards;
	size_t first; /* that is listed */
	const struct index_form *form;
	uint64_t total_nbytes;
};

void index_shard_name(struct strbuf *sb, const char *prefix, size_t k, size_t n,
		      const char *suffix)
{
	strbuf_adds(sb, prefix);
	if (n != 1) {
		strbuf_addc(sb, '-');
		strbuf_add_padded(sb, k, 5);
		strbuf_adds(sb, "-of-");
		strbuf_add_padded(sb, n, 5);
	}
	strbuf_addc(sb, '.');
	strbuf_adds(sb, suffix);
}

static bool is_listed(const struct layout *l, size_t i)
{
	return l->v[i].nbytes || !l->form->no_empty;
}

static void render_line(const struct layout *l, size_t i, struct strbuf *out)
{
	strbuf_adds(out, i > l->first ? ",\n    " : "\n    ");
	strbuf_add_json(out, l->v[i].name);
	strbuf_adds(out, ": \"");
	index_shard_name(out, l->form->prefix, (size_t)l->shard[i] + 1,
			 l->nshards, l->form->suffix);
	strbuf_addc(out, '"');
}

static void render(const void *ctx, uint64_t number, struct strbuf *out)
{
	const struct layout *l = ctx;

	if (number == NUMBER_HEAD) {
		strbuf_addf(out,
			    "{\n  \"metadata\": {\n    \"total_size\": %" PRIu64
			    "\n  },\n  \"weight_map\": {",
			    l->total_nbytes);
	} else if (number == NUMBER_TAIL) {
		strbuf_adds(out, tail);
	} else {
		size_t i = (size_t)number * CHUNK_LINES;
		size_t end = min_size(l->n, i + CHUNK_LINES);

		for (; i < end; i++)
			if (is_listed(l, i))
				render_line(l, i, out);
	}
}

static int add_rendered(struct vfile *f, const struct layout *l,
			uint64_t number, struct strbuf *text)
{
	strbuf_reset(text);
	render(l, number, text);
	return text->failed ? -ENOMEM : vfile_add_render(f, number, text->len);
}

int index_layout(struct vfile *f, const struct tensor *v, const uint32_t *shard,
		 size_t n, size_t nshards, const struct index_form *form,
		 struct arena *arena)
{
	struct layout *l = arena_alloc(arena, sizeof(*l));
	struct strbuf text = STRBUF_INIT;
	int rc;

	if (!l)
		return -ENOMEM;
	l->v = v;
	l->shard = shard;
	l->n = n;
	l->nshards = nshards;
	l->form = form;
	l->first = 0;
	while (l->first < n && !is_listed(l, l->first))
		l->first++;
	for (size_t i = 0; i < n; i++)
		l->total_nbytes += v[i].nbytes;
	f->render = render;
	f->ctx = l;
	rc = add_rendered(f, l, NUMBER_HEAD, &text);
	for (size_t k = 0; k * CHUNK_LINES < n && !rc; k++)
		rc = add_rendered(f, l, k, &text);
	if (!rc)
		rc = add_rendered(f, l, NUMBER_TAIL, &text);
	strbuf_release(&text);
	return rc;
}
