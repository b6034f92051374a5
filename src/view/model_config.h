/* SPDX-License-Identifier: Apache-2.0 */
/* What a config.json amounts to in the YAML files of MindFormers. */
#ifndef WC_VIEW_MODEL_CONFIG_H
#define WC_VIEW_MODEL_CONFIG_H

#include "core/strbuf.h"
#include "view/options.h"

/*
 * Append the block `model_config` of the model whose config.json opt->config
 * is, or the folder of, or a file beside; weights are not looked at. To
 * *missing what nothing tells, with commas. ERR_SOURCE, ERR_MODEL, ERR_MAPPING
 * with a sentence.
 */
int model_config(const struct view_options *opt, struct strbuf *yaml,
		 struct strbuf *missing, struct error *err);

#endif
