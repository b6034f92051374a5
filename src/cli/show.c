/* SPDX-License-Identifier: Apache-2.0 */
/* wconv cat, and what the commands share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#include "core/checked.h"

/* Bytes of one step. */
#define STEP ((size_t)1 << 20)

static void print_warnings(const char *lines)
{
	while (*lines) {
		int n = (int)strcspn(lines, "\n");

		fprintf(stderr, "wconv: warning: %.*s\n", n, lines);
		lines += n + (lines[n] == '\n');
	}
}

int cli_open(const struct cli *c, struct view **out, struct error *err)
{
	struct view_options opt = c->opt;
	int ret;

	opt.source = c->args[0];
	ret = view_open(out, &opt, err);
	if (!ret)
		print_warnings(view_warnings(*out));
	return ret;
}

int cli_write(const void *p, size_t n, struct error *err)
{
	if (n && fwrite(p, 1, n, stdout) != n)
		return error_errno(err, ERR_OUTPUT, errno, "standard output");
	return 0;
}

/* ---- cat ---- */

/* OFF:LEN; without --range everything. */
static int parse_range(const char *text, uint64_t *off, uint64_t *n,
		       struct error *err)
{
	const char *colon = text ? strchr(text, ':') : NULL;
	char *first = colon ? strndup(text, (size_t)(colon - text)) : NULL;
	bool ok = !text ||
		  (first && parse_size(first, off) && parse_size(colon + 1, n));

	free(first);
	return ok ? 0
		  : error_set(err, ERR_USAGE,
			      "--range=%s: it must be OFF:LEN, such as 0:4096",
			      text);
}

static int no_such_file(const struct view *v, const char *path,
			struct error *err)
{
	if (view_no_ckpt(v) && strstr(path, "ckpt"))
		return error_set(err, ERR_MAPPING, "%s", view_no_ckpt(v));
	return error_set(err, ERR_USAGE,
			 "%s: the view has no such file; .wconvfs/mapping.tsv "
			 "lists its parameters",
			 path);
}

static int copy_out(struct view_file *f, uint64_t off, uint64_t n,
		    struct reader *rd, uint8_t *buf, const char *path,
		    struct error *err)
{
	while (n > 0) {
		ssize_t got = view_read(f, off, min_size(n, STEP), buf, rd);
		int ret;

		if (got < 0)
			return error_errno(err, ERR_SOURCE, (int)-got,
					   "%s at byte %llu", path,
					   (unsigned long long)off);
		if (got == 0)
			break;
		ret = cli_write(buf, (size_t)got, err);
		if (ret)
			return ret;
		off += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return 0;
}

int cli_cat(const struct cli *c, struct error *err)
{
	const char *path = c->args[1];
	uint64_t off = 0, n = UINT64_MAX, node;
	uint8_t *buf = malloc(STEP);
	struct reader rd = {.strip = NULL};
	struct view_file *f = NULL;
	struct view *v = NULL;
	int ret = parse_range(c->range, &off, &n, err);

	if (!ret)
		ret = cli_open(c, &v, err);
	if (ret)
		goto out;
	node = view_find(v, path);
	ret = node ? view_open_file(v, node, &f) : no_such_file(v, path, err);
	if (node && ret == -EISDIR)
		ret = error_set(err, ERR_USAGE,
				"\"%s\" is a directory of the view; name a "
				"file, such as model.ckpt or config.json",
				path);
	else if (node && ret)
		ret = error_nomem(err);
	else if (!ret && (!buf || view_reader_init(v, &rd)))
		ret = error_nomem(err);
	if (!ret)
		ret = copy_out(f, off, n, &rd, buf, path, err);
out:
	if (f)
		view_close(f);
	reader_release(&rd);
	view_free(v);
	free(buf);
	return ret;
}
