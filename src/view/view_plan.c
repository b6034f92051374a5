/* SPDX-License-Identifier: Apache-2.0 */
/* From the source's tensors to those that are shown; see view.h. */
#include <stdlib.h>

#include "models/dequant.h"
#include "models/supply.h"
#include "models/template.h"
#include "view/view_priv.h"

bool view_shows_ms(const struct view *v)
{
	return !v->table || str_is(v->table->sides[v->side.shown], "ms");
}

/* Only the keys that a table knows can be set. */
static int check_raw(const struct view *v, struct error *err)
{
	if (v->opt.model || v->opt.nset || v->opt.rules || v->opt.template)
		return error_set(err, ERR_USAGE,
				 "--to=raw shows the source as it is: --model, "
				 "--rules, --set and --template have no "
				 "meaning with it");
	return 0;
}

static int choose(struct view *v, struct error *err)
{
	struct side_query q = {
		.config = v->config,
		.src = &v->source.tensors,
		.adapter = v->source.is_adapter,
		.is_mindspore = v->source.reading.is_mindspore,
		.to = v->opt.to,
		.settings = v->opt.set,
		.nsettings = v->opt.nset,
	};
	int ret = models_open(&v->models, v->opt.rules, err);

	if (!ret && v->opt.map)
		ret = models_choose_map(&v->models, v->opt.map, v->opt.model,
					&q, &v->table, err);
	else if (!ret)
		ret = models_choose(&v->models, v->opt.model, &q, &v->table,
				    err);
	return ret ? ret : side_choose(&v->side, v->table, &q, err);
}

/* Whether the template is of the side that is shown: MindSpore's is what
 * MindSpore wrote. */
static bool wants_template(const struct view *v)
{
	struct str shown = v->table->sides[v->side.shown];
	bool ms = str_is(v->table->sides[0], "ms") ||
		  str_is(v->table->sides[1], "ms");

	return !ms || str_is(shown, "ms") == v->template.reading.is_mindspore;
}

static int use_template(struct view *v, struct scope *scope, struct error *err)
{
	if (wants_template(v))
		return scope_use_template(scope, &v->template.tensors, err);
	return template_check_source(&v->template.tensors, &v->source.tensors,
				     err);
}

int view_plan_from(struct view *v, struct scope *scope, struct plan *plan,
		   const struct tensor_set *src, int from,
		   const struct setting *set, size_t nset,
		   const struct plan_options *o, struct error *err)
{
	int ret = scope_init(scope, v->table, v->config, src, from,
			     v->source.is_adapter, set, nset, err);

	if (!ret && v->opt.template && plan == &v->plan)
		ret = use_template(v, scope, err);
	return ret ? ret : plan_make(plan, scope, o, err);
}

/*
 * HuggingFace's side has a config.json: where the source has none, or is of a
 * third side, whose config.json has other keys, the rules supply it.
 */
static int supply_config(struct view *v, struct error *err)
{
	bool own = v->config && str_is(v->table->sides[v->side.from], "ms");

	if (own || !str_is(v->table->sides[v->side.shown], "hf"))
		return 0;
	v->lacks_config = !v->table->config.text.n && v->table->ndetect > 0 &&
			  !v->config;
	return config_supply(&v->scope, &v->plan.target, &v->supplied,
			     &v->missing, err);
}

int view_make_plan(struct view *v, struct error *err)
{
	struct plan_options o = {v->opt.cast, v->opt.dtype, v->opt.partial,
				 v->opt.keep_extra, v->opt.own_types};
	int ret;

	if (view_is_raw(&v->opt)) {
		ret = check_raw(v, err);
		return ret ? ret
			   : plan_raw(&v->plan, &v->source.tensors, &o, err);
	}
	ret = dequant(&v->source.tensors, v->config, &v->nscaled, err);
	if (!ret)
		ret = choose(v, err);
	if (ret)
		return ret;
	if (v->side.from == v->side.shown)
		return view_plan_both_ways(v, &o, err);
	ret = view_plan_from(v, &v->scope, &v->plan, &v->source.tensors,
			     v->side.from, v->opt.set, v->opt.nset, &o, err);
	return ret ? ret : supply_config(v, err);
}
