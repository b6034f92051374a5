/* SPDX-License-Identifier: Apache-2.0 */
/* The MindFormers YAML of a config.json; see model_config.h. */
#include "view/model_config.h"

#include <sys/stat.h>

#include "models/detect.h"
#include "models/supply.h"

#define CONFIG_FILE "config.json"

/* The config.json that a path means: itself, in it, or beside it. */
static int find_config(const char *path, struct strbuf *out, struct error *err)
{
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		strbuf_addf(out, "%s/" CONFIG_FILE, path);
	else if (str_ends(str_of(path), ".json") &&
		 !str_ends(str_of(path), ".index.json"))
		strbuf_adds(out, path);
	else
		strbuf_addf(out, "%.*s" CONFIG_FILE,
			    slash ? (int)(slash + 1 - path) : 0, path);
	return out->failed ? error_nomem(err) : 0;
}

static int supply(const struct table *t, const struct side_query *q,
		  struct strbuf *yaml, struct strbuf *missing,
		  struct error *err)
{
	struct scope s = {.table = NULL};
	int ret;

	if (!t->yaml.text.n)
		return error_set(err, ERR_MODEL,
				 "the %.*s rules do not say what MindFormers' "
				 "YAML is of such a model",
				 STR_ARG(t->model));
	ret = scope_init(&s, t, q->config, q->src, 0, false, q->settings,
			 q->nsettings, err);
	if (!ret)
		ret = yaml_supply(&s, yaml, missing, err);
	scope_release(&s);
	return ret;
}

int model_config(const struct view_options *opt, struct strbuf *yaml,
		 struct strbuf *missing, struct error *err)
{
	struct tensor_set none = TENSOR_SET_INIT;
	struct models models = {NULL, 0, NULL};
	const struct table *table = NULL;
	struct config *config = NULL;
	struct strbuf path = STRBUF_INIT;
	struct side_query q = {
		.src = &none, .settings = opt->set, .nsettings = opt->nset};
	int ret = find_config(opt->config, &path, err);

	if (!ret)
		ret = config_open(&config, path.p, err);
	q.config = config;
	if (!ret)
		ret = models_open(&models, opt->rules, err);
	if (!ret)
		ret = models_choose(&models, opt->model, &q, &table, err);
	if (!ret)
		ret = supply(table, &q, yaml, missing, err);
	models_release(&models);
	config_free(config);
	strbuf_release(&path);
	tensor_set_release(&none);
	return ret;
}
