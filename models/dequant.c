/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of fp8 weights and their scales; see dequant.h. */
#include "models/dequant.h"

#include <errno.h>
#include <stdlib.h>

#include "core/scaled.h"

#define SUFFIX "_scale_inv"

#define DEFAULT_BLOCK 128

static uint64_t block_size(const struct config *c, const char *key)
{
	struct value v = config_get(c, str_of(key));

	return v.kind == VALUE_INT && v.num > 0 ? (uint64_t)v.num
						: DEFAULT_BLOCK;
}

/* The scales of an fp8 tensor, or NULL. */
static const struct tensor *find_scales(const struct tensor_set *set,
					const struct tensor *t,
					struct strbuf *name)
{
	if (t->dtype != DT_F8_E4M3)
		return NULL;
	strbuf_reset(name);
	strbuf_addstr(name, t->name);
	strbuf_adds(name, SUFFIX);
	return name->failed ? NULL : tensor_set_find(set, strbuf_str(name));
}

static bool is_blocks(uint64_t n, uint64_t block, uint64_t count)
{
	return count == n / block + (n % block != 0);
}

static int check_shapes(const struct scaled *s, struct error *err)
{
	const struct tensor *w = s->weight, *x = s->scales;
	struct strbuf sb[2] = {STRBUF_INIT, STRBUF_INIT};
	int ret;

	if (x->dtype == DT_F32 && w->ndim == 2 && x->ndim == 2 &&
	    is_blocks(w->dims[0], s->rows, x->dims[0]) &&
	    is_blocks(w->dims[1], s->cols, x->dims[1]))
		return 0;
	strbuf_add_dims(&sb[0], w->dims, w->ndim, ',');
	strbuf_add_dims(&sb[1], x->dims, x->ndim, ',');
	ret = error_set(err, ERR_MAPPING,
			"%.*s is %s [%.*s], which are not the F32 scales of "
			"blocks of %llu x %llu of %.*s [%.*s]",
			STR_ARG(x->name), dtype_info(x->dtype)->safetensors,
			STR_ARG(strbuf_str(&sb[1])),
			(unsigned long long)s->rows,
			(unsigned long long)s->cols, STR_ARG(w->name),
			STR_ARG(strbuf_str(&sb[0])));
	strbuf_release(&sb[0]);
	strbuf_release(&sb[1]);
	return ret;
}

/* t becomes what it and its scales stand for. */
static int join(struct tensor_set *set, struct tensor *t,
		const struct tensor *scales, const struct config *c,
		struct error *err)
{
	struct scaled *s = arena_alloc(&set->arena, sizeof(*s));
	struct tensor *parts = arena_array(&set->arena, 2, sizeof(*parts));
	int ret;

	if (!s || !parts)
		return error_nomem(err);
	parts[0] = *t;
	parts[1] = *scales;
	*s = (struct scaled){
		&parts[0], &parts[1],
		block_size(c, "quantization_config.weight_block_size.0"),
		block_size(c, "quantization_config.weight_block_size.1")};
	ret = check_shapes(s, err);
	if (ret)
		return ret;
	t->dtype = DT_BF16;
	t->recipe = RECIPE_SCALED;
	t->scaled = s;
	if (!tensor_nbytes(DT_BF16, t->dims, t->ndim, &t->nbytes))
		return error_set(err, ERR_MAPPING,
				 "%.*s: too large to be scaled",
				 STR_ARG(t->name));
	return 0;
}

static int join_all(struct tensor_set *set, const struct config *c, bool *gone,
		    size_t *n, struct error *err)
{
	struct strbuf name = STRBUF_INIT;
	int ret = 0;

	for (size_t i = 0; i < set->n && !ret; i++) {
		const struct tensor *scales =
			find_scales(set, &set->v[i], &name);

		if (!scales)
			continue;
		gone[scales - set->v] = true;
		++*n;
		ret = join(set, &set->v[i], scales, c, err);
	}
	if (name.failed)
		ret = error_nomem(err);
	strbuf_release(&name);
	return ret;
}

int dequant(struct tensor_set *set, const struct config *c, size_t *n,
	    struct error *err)
{
	bool *gone = calloc(set->n + 1, sizeof(*gone));
	int ret;

	*n = 0;
	if (!gone)
		return error_nomem(err);
	ret = join_all(set, c, gone, n, err);
	if (!ret && *n && tensor_set_drop(set, gone))
		ret = error_nomem(err);
	free(gone);
	return ret;
}
