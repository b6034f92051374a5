/* SPDX-License-Identifier: Apache-2.0 */
/*
 * every SECONDS SOURCE [KEY=VALUE]... - open a view of SOURCE with those
 * options and read all its files, once for each N with the N-th allocation
 * failing; or, where that would take longer, for N spread evenly. Each time it
 * must be refused for that or show the same bytes as ever, and free what it
 * allocated. Prints a line of TAP. With ONLY=N in the environment one
 * allocation fails: for a debugger.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/alloc/failing.h"
#include "view/view.h"

#define STEP 65536

static const char *source;
static char **settings; /* up to a NULL */
static uint8_t buf[STEP];

/* What a run has come to. */
struct outcome {
	int rc;
	uint64_t sum; /* of all bytes shown */
	uint64_t nnodes;
};

static int read_file(struct view *v, uint64_t node, struct reader *rd,
		     struct outcome *o)
{
	uint64_t off = 0;
	struct view_file *f;
	ssize_t n;
	int rc = view_open_file(v, node, &f);

	if (rc)
		return rc;
	while ((n = view_read(f, off, STEP, buf, rd)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			o->sum = (o->sum ^ buf[i]) * UINT64_C(0x100000001b3);
		off += (uint64_t)n;
	}
	view_close(f);
	return (int)n;
}

static int read_names(struct view *v, uint64_t dir)
{
	struct strbuf name = STRBUF_INIT;
	uint64_t node = 0;
	int rc = 0;

	while (!rc && (node = view_next(v, dir, node, &name))) {
		rc = name.failed ? -ENOMEM : 0;
		strbuf_reset(&name);
	}
	strbuf_release(&name);
	return rc;
}

static int read_attributes(struct view *v, uint64_t node)
{
	struct strbuf value = STRBUF_INIT;
	const char *name;
	int rc = 0;

	for (unsigned k = 0; !rc && (name = view_xattr_name(v, node, k)); k++) {
		rc = view_xattr(v, node, name, &value);
		rc = rc == -ENODATA ? 0 : rc;
	}
	strbuf_release(&value);
	return rc;
}

/* stats.json, whose content is the reads before it, is not of the sum. */
static int read_all(struct view *v, struct reader *rd, struct outcome *o)
{
	uint64_t stats = view_find(v, ".wconvfs/stats.json");
	int rc = 0;

	o->nnodes = view_nnodes(v);
	for (uint64_t i = 1; i <= o->nnodes && !rc; i++) {
		struct node_stat st;
		struct outcome apart;

		view_stat(v, i, &st);
		rc = read_attributes(v, i);
		if (!rc)
			rc = st.is_dir ? read_names(v, i)
				       : read_file(v, i, rd,
						   i == stats ? &apart : o);
	}
	return rc;
}

static int set_options(struct view_options *opt, struct error *err)
{
	int rc = 0;

	view_options_init(opt);
	opt->source = source;
	for (char **s = settings; *s && !rc; s++) {
		char key[64];
		size_t n = strcspn(*s, "=");

		snprintf(key, sizeof(key), "%.*s", (int)n, *s);
		rc = view_options_take(opt, key, *s + n + 1, err);
	}
	return rc;
}

static struct outcome run(void)
{
	struct outcome o = {.sum = 0};
	struct reader rd = {.strip = NULL};
	struct error err = ERROR_INIT;
	struct view_options opt;
	struct view *v = NULL;

	o.rc = set_options(&opt, &err);
	if (!o.rc)
		o.rc = view_open(&v, &opt, &err);
	if (!o.rc) {
		o.rc = view_reader_init(v, &rd);
		if (!o.rc)
			o.rc = read_all(v, &rd, &o);
		reader_release(&rd);
		view_free(v);
	}
	error_release(&err);
	view_options_release(&opt);
	return o;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/*
 * Blocks that the n-th allocation's failure leaves behind. What a library
 * keeps from its first use on is no leak: it is not kept again.
 */
static bool leaks(uint64_t n)
{
	int64_t live = failing_live();

	failing_at(n);
	run();
	failing_at(0);
	/* libzip 1.7 loses the source of a file that it cannot open */
	return failing_live() != live && !failing_was_in("/libzip.so");
}

/* What is wrong with a run whose n-th allocation failed, or NULL. */
static const char *fault_of(uint64_t n, const struct outcome *want)
{
	int64_t live = failing_live();
	struct outcome o;

	failing_at(n);
	o = run();
	failing_at(0);
	if (o.rc && o.rc != -ENOMEM)
		return "another error";
	if (!o.rc && (o.sum != want->sum || o.nnodes != want->nnodes))
		return "other bytes";
	return failing_live() != live && leaks(n) ? "a leak" : NULL;
}

int main(int argc, char **argv)
{
	uint64_t total, step, nruns = 0, nfaults = 0;
	struct outcome want;
	double start;

	if (argc < 3)
		return 1;
	source = argv[2];
	settings = argv + 3;
	run(); /* libraries keep what they make at their first use */
	start = now();
	failing_at(0);
	want = run();
	total = failing_calls();
	step = 1 + (uint64_t)((double)total * (now() - start) /
			      strtod(argv[1], NULL));
	if (want.rc)
		return 1;
	if (getenv("ONLY")) {
		const char *fault =
			fault_of(strtoull(getenv("ONLY"), NULL, 10), &want);

		puts(fault ? fault : "ok");
		return fault != NULL;
	}
	for (uint64_t n = 1; n <= total; n += step, nruns++) {
		const char *fault = fault_of(n, &want);

		if (fault && nfaults++ < 20)
			printf("# allocation %" PRIu64 ": %s\n", n, fault);
	}
	printf("%sok - %s: %" PRIu64 " of %" PRIu64 " allocations fail\n",
	       nfaults ? "not " : "", source, nruns, total);
	return nfaults != 0;
}
