/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --ranks: rank_N/model_N.ckpt, what rank N of a distributed network loads; as
 * MindSpore's transform_checkpoints writes them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "formats/ckpt.h"
#include "formats/strategy.h"
#include "view/view_priv.h"

static int lay_out(struct view *v, const struct strategy *s, uint32_t rank,
		   struct error *err)
{
	struct tensor_set *set = &v->ranks[rank];
	struct strbuf name = STRBUF_INIT;
	uint32_t dir = 0;
	int ret = strategy_slice(s, rank, &v->plan.target, set, err);

	strbuf_addf(&name, "rank_%" PRIu32, rank);
	if (!ret && !name.failed)
		dir = view_add_dir(v, VIEW_ROOT, name.p);
	strbuf_reset(&name);
	strbuf_addf(&name, "model_%" PRIu32 ".ckpt", rank);
	if (!ret)
		ret = dir && !name.failed
			      ? view_add_ckpt(v, dir, name.p, set, NULL, err)
			      : error_nomem(err);
	strbuf_release(&name);
	return ret;
}

/* A strategy for other parameters would give each rank all of them. */
static int check_known(const struct view *v, const struct strategy *s,
		       struct error *err)
{
	const struct tensor_set *set = &v->plan.target;

	for (size_t i = 0; i < set->n; i++)
		if (strategy_knows(s, set->v[i].name))
			return 0;
	return error_set(err, ERR_MAPPING,
			 "--ranks=%s: it knows none of the parameters shown; "
			 "give the strategy file of a network that has their "
			 "names",
			 v->opt.ranks);
}

static int lay_out_all(struct view *v, const struct strategy *s,
		       struct error *err)
{
	uint32_t n = strategy_nranks(s);
	int ret = check_known(v, s, err);

	if (ret)
		return ret;
	v->ranks = calloc(n, sizeof(*v->ranks));
	if (!v->ranks)
		return error_nomem(err);
	v->nranks = n;
	for (uint32_t r = 0; r < n && !ret; r++)
		ret = lay_out(v, s, r, err);
	return ret;
}

int view_add_ranks(struct view *v, struct error *err)
{
	struct strategy s;
	int ret;

	if (!v->opt.ranks)
		return 0;
	if (!view_shows_ms(v))
		return error_set(err, ERR_USAGE,
				 "--ranks=%s cuts MindSpore's parameters, and "
				 "what is shown is HuggingFace's; say --to=ms",
				 v->opt.ranks);
	ret = strategy_open(&s, v->opt.ranks, err);
	if (!ret)
		ret = lay_out_all(v, &s, err);
	strategy_release(&s);
	return ret;
}
