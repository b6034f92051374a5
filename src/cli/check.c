/* SPDX-License-Identifier: Apache-2.0 */
/* wconv check-rules: whether a rule table of the user's own is right. */
#include "cli/cli.h"
#include "view/rules.h"

int cli_check_rules(const struct cli *c, struct error *err)
{
	struct strbuf out = STRBUF_INIT;
	int ret = rules_check(c->args[0], &out, err);

	if (!ret)
		ret = cli_write(out.p, out.len, err);
	strbuf_release(&out);
	return ret;
}
