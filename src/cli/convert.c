/* SPDX-License-Identifier: Apache-2.0 */
/* wconv convert: files of a view as real files. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/dest.h"
#include "cli/pump.h"

/* What a run would do, for programs too: name, bytes, what. */
static int print_plan(const struct dest *d, struct error *err)
{
	struct strbuf out = STRBUF_INIT;
	int ret;

	strbuf_adds(&out, "file\tbytes\twhat\n");
	for (size_t i = 0; i < d->n; i++) {
		strbuf_add_tsv(&out, str_of(d->v[i].name));
		strbuf_addf(&out, "\t%" PRIu64 "\t%s\n", d->v[i].bytes->nbytes,
			    d->v[i].finished ? "is finished" : "write");
	}
	ret = out.failed ? error_nomem(err) : cli_write(out.p, out.len, err);
	strbuf_release(&out);
	return ret;
}

static void print_end(const struct dest *d, size_t nwritten,
		      const struct progress *p)
{
	struct strbuf sb = STRBUF_INIT;
	double seconds = progress_seconds(p);

	strbuf_addf(&sb, "%zu file%s, ", nwritten, nwritten == 1 ? "" : "s");
	strbuf_add_size(&sb, p->total);
	strbuf_addf(&sb, ", in %.1f s (", seconds);
	strbuf_add_size(&sb, (uint64_t)((double)p->total / (seconds + 1e-9)));
	strbuf_addf(&sb, "/s) written to %s", d->text);
	if (nwritten < d->n)
		strbuf_addf(&sb, "; %zu were finished already",
			    d->n - nwritten);
	if (!sb.failed)
		fprintf(stderr, "wconv: %s\n", sb.p);
	strbuf_release(&sb);
}

/* All that can be known before a byte is written. */
static int prepare(const struct cli *c, struct dest *d, struct view *v,
		   struct error *err)
{
	int ret = dest_choose(d, v, err);

	if (!ret)
		ret = dest_open(d, err);
	d->dir.replace = c->force;
	d->resumes = c->resume;
	if (!ret && c->resume && d->is_dir && !d->is_new)
		ret = manifest_read(&d->dir, d->v, d->n, err);
	if (!ret && c->dry_run)
		ret = print_plan(d, err);
	if (!ret)
		ret = dest_check_names(d, v, err);
	return ret ? ret : dest_check_space(d, err);
}

static size_t count_unfinished(const struct dest *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += !d->v[i].finished;
	return n;
}

static int write_all(const struct cli *c, struct dest *d, struct view *v,
		     struct error *err)
{
	struct manifest manifest = {-1};
	struct progress progress;
	struct pump pump = {v, &d->dir, d->v, d->n, &manifest, &progress};
	uint64_t noverflows = 0;
	size_t nwritten = count_unfinished(d);
	int ret = dest_make(d, err);

	if (ret)
		return ret;
	progress_start(&progress, dest_needed(d), c->quiet);
	if (d->is_dir)
		ret = manifest_begin(&manifest, &d->dir, d->v, d->n, err);
	if (!ret)
		ret = pump_run(&pump, &noverflows, err);
	manifest_end(&manifest);
	if (ret)
		return ret;
	if (noverflows)
		fprintf(stderr,
			"wconv: warning: %" PRIu64 " finite value%s became "
			"infinite in the cast\n",
			noverflows, noverflows == 1 ? "" : "s");
	if (!c->quiet)
		print_end(d, nwritten, &progress);
	return 0;
}

int cli_convert(const struct cli *c, struct error *err)
{
	struct view *v = NULL;
	struct cli one = *c;
	struct dest d;
	int ret = dest_parse(&d, c->args[1], c->format, c->one_file, err);

	if (!ret && !d.is_dir)
		one.opt.shard_nbytes = 0; /* one file is one shard */
	if (!ret)
		ret = cli_open(&one, &v, err);
	if (!ret)
		ret = prepare(c, &d, v, err);
	if (!ret && !c->dry_run)
		ret = write_all(c, &d, v, err);
	dest_release(&d);
	view_free(v);
	return ret;
}
