/* SPDX-License-Identifier: Apache-2.0 */
/* Rule tables in files; see rules.h. */
#include "view/rules.h"

#include "core/slurp.h"
#include "models/check.h"
#include "models/describe.h"

static int say(const struct check_result *r, const char *path,
	       const struct strbuf *wrong, struct strbuf *out,
	       struct error *err)
{
	if (r->nwrong)
		return error_set(err, ERR_MODEL, "%s: %zu thing%s wrong:%.*s",
				 path, r->nwrong,
				 r->nwrong == 1 ? " is" : "s are",
				 STR_ARG(strbuf_str(wrong)));
	strbuf_addf(out, "%s: %.*s, %zu rules, %zu patterns, nothing wrong\n",
		    path, STR_ARG(r->model), r->nrules, r->npatterns);
	strbuf_addstr(out, strbuf_str(&r->notes));
	return out->failed ? error_nomem(err) : 0;
}

int rules_check(const char *path, struct strbuf *out, struct error *err)
{
	struct strbuf text = STRBUF_INIT, wrong = STRBUF_INIT;
	struct check_result r;
	int ret = slurp(&text, path, TABLE_MAX_NBYTES, err);

	if (!ret) {
		ret = check_rules(&r, strbuf_str(&text), path, &wrong, err);
		if (!ret)
			ret = say(&r, path, &wrong, out, err);
		check_release(&r);
	}
	strbuf_release(&text);
	strbuf_release(&wrong);
	return ret;
}

int rules_describe(const char *path, const char *name, struct strbuf *out,
		   struct error *err)
{
	struct strbuf text = STRBUF_INIT;
	struct table *t = NULL;
	int ret = path ? slurp(&text, path, TABLE_MAX_NBYTES, err) : 0;

	if (!ret && path)
		ret = table_parse(&t, strbuf_str(&text), path, err);
	table_free(t);
	if (!ret)
		ret = describe_table(out, name, strbuf_str(&text), err);
	strbuf_release(&text);
	return ret;
}
