/* SPDX-License-Identifier: Apache-2.0 */
/* Reading small files whole; see slurp.h. */
#include "core/slurp.h"

#include "core/source.h"

int slurp(struct strbuf *out, const char *path, uint64_t max, struct error *err)
{
	struct source *s;
	int ret = source_open(&s, path, err);

	if (ret)
		return ret;
	if (s->nbytes > max) {
		ret = error_set(err, ERR_SOURCE,
				"%s: %llu bytes, over the %llu that such a "
				"file may have",
				path, (unsigned long long)s->nbytes,
				(unsigned long long)max);
		goto out;
	}
	/* one more: an empty file still gives a text */
	strbuf_reserve(out, out->len + (size_t)s->nbytes + 1);
	if (out->failed) {
		ret = error_nomem(err);
		goto out;
	}
	ret = source_read(s, 0, (size_t)s->nbytes, out->p + out->len, false);
	if (ret) {
		error_errno(err, ERR_SOURCE, -ret, "%s", path);
		goto out;
	}
	out->len += (size_t)s->nbytes;
	out->p[out->len] = '\0';
out:
	source_free(s);
	return ret;
}
