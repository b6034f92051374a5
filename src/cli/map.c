/* SPDX-License-Identifier: Apache-2.0 */
/* wconv map: a map of names to begin with. */
#include "cli/cli.h"
#include "view/map_init.h"

int cli_map(const struct cli *c, struct error *err)
{
	struct strbuf out = STRBUF_INIT;
	int ret;

	if (!c->init)
		return error_set(err, ERR_USAGE,
				 "wconv map --init MODEL TEMPLATE writes a "
				 "first map; --map=FILE of the other commands "
				 "uses it");
	ret = map_init(c->args[0], c->args[1], c->opt.key, &out, err);
	if (!ret)
		ret = cli_write(out.p, out.len, err);
	strbuf_release(&out);
	return ret;
}
