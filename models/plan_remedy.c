/* SPDX-License-Identifier: Apache-2.0 */
/* Which options would give every source tensor a place. */
#include "models/plan_build.h"
#include "models/settle.h"

static bool all_match(const struct plan_builder *b, const struct scope *s)
{
	struct strbuf scratch = STRBUF_INIT;
	struct match m;
	bool ok = true;

	for (size_t i = 0; i < b->src->n && ok; i++)
		ok = b->src->v[i].is_extra ||
		     match_tensor(s, &b->src->v[i], &m, &scratch);
	ok = ok && !scratch.failed;
	strbuf_release(&scratch);
	return ok;
}

static void add_changed(const struct scope *was, const struct scope *s,
			struct strbuf *out)
{
	for (size_t i = 0; i < s->table->noptions; i++) {
		if (value_eq(was->options[i], s->options[i]))
			continue;
		strbuf_addf(out, " --set %.*s=",
			    STR_ARG(s->table->options[i].name));
		strbuf_add_value(out, s->options[i]);
	}
}

void plan_add_remedy(const struct plan_builder *b, struct strbuf *out)
{
	const struct scope *s = b->scope;
	struct error none = ERROR_INIT;
	struct scope other;

	if (!scope_init(&other, s->table, s->config, s->src, s->from,
			s->adapter, s->settings, s->nsettings, &none) &&
	    !scope_settle(&other, &none) && all_match(b, &other)) {
		strbuf_adds(out, "; all have one with");
		add_changed(s, &other, out);
	}
	scope_release(&other);
	error_release(&none);
}
