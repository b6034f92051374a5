/* SPDX-License-Identifier: Apache-2.0 */
/*
 * every SECONDS SOURCE [KEY=VALUE]... - open a view of SOURCE with those
 * options and read all its files, once for each N with the N-th allocation
 * failing; or, where that would take longer, for the first N of each chain of
 * calls that allocates, and for others spread evenly. Each time it must be
 * refused for that or show the same bytes as ever, and free what it allocated.
 * Prints a line of TAP. With ONLY=N in the environment one allocation fails,
 * for a debugger.
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

/* ---- which ones ---- */

/* Calls of a run: which come first of all from where they are made. */
struct calls {
	uint64_t n;
	uint64_t *place; /* [n], from 0 on */
	bool *first;	 /* [n] */
};

static const uint64_t *places; /* for by_place */

static int by_place(const void *a, const void *b)
{
	uint64_t i = *(const uint64_t *)a, k = *(const uint64_t *)b;

	if (places[i] != places[k])
		return places[i] < places[k] ? -1 : 1;
	return (i > k) - (i < k);
}

static bool calls_find(struct calls *c, uint64_t n)
{
	uint64_t *order = malloc(n * sizeof(*order));

	c->n = n;
	c->place = calloc(n, sizeof(*c->place));
	c->first = calloc(n, sizeof(*c->first));
	if (!order || !c->place || !c->first)
		return false;
	failing_note(c->place, n);
	run();
	failing_note(NULL, 0);
	places = c->place;
	for (uint64_t i = 0; i < n; i++)
		order[i] = i;
	qsort(order, n, sizeof(*order), by_place);
	for (uint64_t i = 0; i < n; i++)
		c->first[order[i]] =
			!i || places[order[i]] != places[order[i - 1]];
	free(order);
	return true;
}

/* Runs in which a call fails, of those that are first or those that are not. */
struct trial {
	const struct outcome *want;
	uint64_t nruns, nfaults;
};

static void try_call(struct trial *t, uint64_t n)
{
	const char *fault = fault_of(n, t->want);

	t->nruns++;
	if (fault && t->nfaults++ < 20)
		printf("# allocation %" PRIu64 ": %s\n", n, fault);
}

/* All that are first, and of the others as many as there is time for. */
static void try_all(struct trial *t, const struct calls *c, double seconds)
{
	double start = now();
	uint64_t step = c->n;

	for (uint64_t i = 0; i < c->n; i++)
		if (c->first[i])
			try_call(t, i + 1);
	if (now() - start < seconds)
		step = 1 + (uint64_t)((double)c->n * (now() - start) /
				      (seconds - (now() - start)) /
				      (double)t->nruns);
	for (uint64_t i = 0; i < c->n; i += step)
		if (!c->first[i])
			try_call(t, i + 1);
}

int main(int argc, char **argv)
{
	struct outcome want;
	struct trial t = {&want, 0, 0};
	struct calls c;

	if (argc < 3)
		return 1;
	source = argv[2];
	settings = argv + 3;
	run(); /* libraries keep what they make at their first use */
	failing_at(0);
	want = run();
	if (want.rc || !calls_find(&c, failing_calls()))
		return 1;
	if (getenv("ONLY"))
		try_call(&t, strtoull(getenv("ONLY"), NULL, 10));
	else
		try_all(&t, &c, strtod(argv[1], NULL));
	printf("%sok - %s: %" PRIu64 " of %" PRIu64 " allocations fail\n",
	       t.nfaults ? "not " : "", source, t.nruns, c.n);
	return t.nfaults != 0;
}
