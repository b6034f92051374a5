/* SPDX-License-Identifier: Apache-2.0 */
/* wconv map --init; see map_init.h. */
#include "view/map_init.h"

#include "formats/checkpoint.h"
#include "models/map.h"

static int guess(const struct checkpoint *a, const char *model,
		 const struct checkpoint *b, const char *template,
		 struct strbuf *out, struct error *err)
{
	bool ms = a->reading.is_mindspore;

	if (ms == b->reading.is_mindspore)
		return error_set(err, ERR_USAGE,
				 "%s and %s: a map is between a checkpoint of "
				 "MindSpore and one of PyTorch, and %s of them "
				 "is MindSpore's",
				 model, template, ms ? "each" : "none");
	return ms ? map_guess(&a->tensors, &b->tensors, out, err)
		  : map_guess(&b->tensors, &a->tensors, out, err);
}

int map_init(const char *model, const char *template, const char *key,
	     struct strbuf *out, struct error *err)
{
	struct source_options opt = SOURCE_OPTIONS_INIT;
	struct checkpoint a, b;
	int ret;

	opt.key = key;
	ret = checkpoint_open(&a, model, &opt, err);
	opt.key = NULL;
	if (!ret) {
		ret = checkpoint_open(&b, template, &opt, err);
		if (!ret)
			ret = guess(&a, model, &b, template, out, err);
		checkpoint_release(&b);
	}
	checkpoint_release(&a);
	return ret;
}
