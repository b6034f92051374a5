/* SPDX-License-Identifier: Apache-2.0 */
/* The recipe of a virtual file as a digest; see recipe.h. */
#include "cli/recipe.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "core/extents.h"
#include "core/gather.h"
#include "core/scaled.h"

struct digest {
	EVP_MD_CTX *ctx;
	struct strbuf render;
};

static void add(struct digest *d, const void *p, size_t n)
{
	EVP_DigestUpdate(d->ctx, p, n);
}

static void add_u64(struct digest *d, uint64_t v)
{
	add(d, &v, sizeof(v));
}

static void add_source(struct digest *d, const struct source *s)
{
	add(d, s->path, strlen(s->path) + 1);
	add_u64(d, s->nbytes);
	add_u64(d, (uint64_t)s->mtime.tv_sec);
	add_u64(d, (uint64_t)s->mtime.tv_nsec);
}

static void add_tensor(struct digest *d, const struct tensor *t);

static void add_gather(struct digest *d, const struct gather *g)
{
	add_u64(d, g->width);
	add_u64(d, g->npieces);
	for (size_t i = 0; i < g->npieces; i++) {
		const struct piece *p = &g->pieces[i];

		add_u64(d, p->base_out);
		add_u64(d, p->base_in);
		add_u64(d, p->naxes);
		for (unsigned k = 0; k < p->naxes; k++) {
			add_u64(d, p->axes[k].n);
			add_u64(d, p->axes[k].stride_out);
			add_u64(d, p->axes[k].stride_in);
		}
		add_u64(d, p->src != NULL);
		if (p->src)
			add_tensor(d, p->src);
	}
}

static void add_scaled(struct digest *d, const struct scaled *s)
{
	add_u64(d, s->rows);
	add_u64(d, s->cols);
	add_tensor(d, s->weight);
	add_tensor(d, s->scales);
}

static void add_extents(struct digest *d, const struct extents *e)
{
	add_u64(d, e->n);
	for (size_t i = 0; i < e->n; i++) {
		add_u64(d, e->parts[i].at);
		add_u64(d, e->parts[i].off);
		add_source(d, e->parts[i].src);
	}
}

static void add_tensor(struct digest *d, const struct tensor *t)
{
	add_u64(d, t->dtype);
	add_u64(d, t->recipe);
	add_u64(d, t->nbytes);
	switch ((enum recipe)t->recipe) {
	case RECIPE_EXTENT:
		add_u64(d, t->extent.off);
		add_source(d, t->extent.src);
		return;
	case RECIPE_EXTENTS:
		add_extents(d, t->extents);
		return;
	case RECIPE_SCALED:
		add_scaled(d, t->scaled);
		return;
	case RECIPE_STACK:
		for (uint64_t i = 0; i < t->stack.n; i++)
			add_tensor(d, t->stack.v[i]);
		return;
	case RECIPE_GATHER:
		add_gather(d, t->gather);
		return;
	case RECIPE_SLICE:
		add_u64(d, t->slice.off);
		add_tensor(d, t->slice.of);
		return;
	case RECIPE_CAST:
		add_tensor(d, t->cast);
		return;
	}
}

static void add_region(struct digest *d, const struct vfile *f,
		       const struct region *r, uint64_t nbytes)
{
	add_u64(d, r->kind);
	add_u64(d, r->off - f->base);
	add_u64(d, r->from);
	switch (r->kind) {
	case REGION_RENDER:
		strbuf_reset(&d->render);
		f->render(f->ctx, r->number, &d->render);
		add(d, d->render.p, d->render.len);
		return;
	case REGION_TENSOR:
		add_tensor(d, r->tensor);
		return;
	case REGION_SOURCE:
		add_source(d, r->source);
		return;
	case REGION_BYTES:
		add(d, r->bytes + r->from, nbytes);
		return;
	case REGION_CHECKSUM:
		add_u64(d, r->checksum->npad);
		add_tensor(d, r->checksum->tensor);
		return;
	}
}

/* The regions of the window that f is. */
static void add_regions(struct digest *d, const struct vfile *f)
{
	uint64_t end = f->base + f->nbytes;

	add_u64(d, f->nbytes);
	for (size_t i = vfile_region(f, 0); i < f->nregions; i++) {
		const struct region *r = &f->regions[i];
		uint64_t next = i + 1 < f->nregions ? f->regions[i + 1].off
						    : end;

		if (r->off >= end)
			break;
		add_region(d, f, r, next - r->off);
	}
}

int recipe_of(const struct vfile *f, char hex[RECIPE_HEX])
{
	struct digest d = {EVP_MD_CTX_new(), STRBUF_INIT};
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	bool ok = d.ctx && EVP_DigestInit_ex(d.ctx, EVP_sha256(), NULL);

	if (ok) {
		add_regions(&d, f);
		ok = EVP_DigestFinal_ex(d.ctx, md, &n) && !d.render.failed;
	}
	for (unsigned i = 0; ok && i < n; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", md[i]);
	strbuf_release(&d.render);
	EVP_MD_CTX_free(d.ctx);
	return ok ? 0 : -ENOMEM;
}
