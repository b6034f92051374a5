/* SPDX-License-Identifier: Apache-2.0 */
/* See fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "models/plan.h"
#include "view/view.h"

void fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* ---- files ---- */

static char dir[200];

static void remove_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}

const char *fuzz_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (*dir)
		return dir;
	snprintf(dir, sizeof(dir), "%s/wconv-fuzz-XXXXXX", tmp ? tmp : "/tmp");
	FUZZ_CHECK(mkdtemp(dir));
	atexit(remove_dir);
	return dir;
}

const char *fuzz_file(const char *name, const void *bytes, size_t n)
{
	static char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(write(fd, bytes, n) == (ssize_t)n);
	close(fd);
	return path;
}

int fuzz_refused(int rc, struct error *err)
{
	FUZZ_CHECK(rc <= 0);
	if (rc && rc != -ENOMEM)
		FUZZ_CHECK(err->text && *err->text);
	for (const char *p = err->text; p && *p; p++)
		FUZZ_CHECK((unsigned char)*p >= ' ' || *p == '\n');
	error_release(err);
	return rc;
}

/* ---- views ---- */

/* Nodes that are read of a view, and bytes at either end of a file. */
#define SHOW_NODES 64
#define SHOW_NBYTES 256

static void show_file(struct view *v, uint64_t node, uint64_t nbytes,
		      struct reader *rd)
{
	uint64_t last = nbytes < SHOW_NBYTES ? 0 : nbytes - SHOW_NBYTES;
	uint8_t buf[SHOW_NBYTES + 1];
	struct view_file *f;

	FUZZ_CHECK(!view_open_file(v, node, &f));
	FUZZ_CHECK(view_read(f, 0, SHOW_NBYTES, buf, rd) >= 0);
	FUZZ_CHECK(view_read(f, last, sizeof(buf), buf, rd) ==
		   (ssize_t)(nbytes - last));
	FUZZ_CHECK(view_read(f, nbytes, sizeof(buf), buf, rd) == 0);
	view_close(f);
}

static void show_node(struct view *v, uint64_t node, struct reader *rd)
{
	struct strbuf name = STRBUF_INIT;
	struct node_stat st;

	FUZZ_CHECK(view_stat(v, node, &st));
	if (!st.is_dir) {
		show_file(v, node, st.nbytes, rd);
		return;
	}
	for (uint64_t k = 0, child = 0; k < SHOW_NODES; k++) {
		strbuf_reset(&name);
		child = view_next(v, node, child, &name);
		if (!child)
			break;
		FUZZ_CHECK(view_lookup(v, node, strbuf_str(&name)) == child);
	}
	strbuf_release(&name);
}

void fuzz_show(const char *path)
{
	struct reader rd = {.strip = NULL};
	struct error err = ERROR_INIT;
	struct view_options opt;
	struct view *v;

	view_options_init(&opt);
	opt.source = path;
	FUZZ_CHECK(!view_options_take(&opt, "to", "raw", &err));
	if (fuzz_refused(view_open(&v, &opt, &err), &err) == 0) {
		uint64_t n = view_nnodes(v);

		FUZZ_CHECK(!view_reader_init(v, &rd));
		for (uint64_t i = 1; i <= n && i <= SHOW_NODES; i++)
			show_node(v, i, &rd);
		reader_release(&rd);
		view_free(v);
	}
	view_options_release(&opt);
}

/* ---- tensors ---- */

static struct source *labels;

static void free_labels(void)
{
	source_free(labels);
}

struct source *fuzz_labels(void)
{
	struct error err = ERROR_INIT;
	uint32_t *v;

	if (labels)
		return labels;
	v = malloc(FUZZ_NLABELS * sizeof(*v));
	FUZZ_CHECK(v);
	for (uint32_t i = 0; i < FUZZ_NLABELS; i++)
		v[i] = i;
	FUZZ_CHECK(!source_open(
		&labels, fuzz_file("labels", v, FUZZ_NLABELS * 4), &err));
	atexit(free_labels);
	free(v);
	return labels;
}

void fuzz_read(const struct tensor *t, void *buf)
{
	struct reader rd = {.strip = NULL};
	struct stats stats = {.tiles_hit = 0};

	FUZZ_CHECK(!reader_init(&rd, 0, &stats, NULL));
	FUZZ_CHECK(!tensor_read(t, 0, t->nbytes, buf, &rd));
	reader_release(&rd);
}

/* ---- models ---- */

static const struct {
	const char *name;
	unsigned ndim;
	uint64_t dims[2];
} model[] = {
	{"model.embed_tokens.weight", 2, {64, 32}},
	{"model.layers.0.input_layernorm.weight", 1, {32}},
	{"model.layers.0.self_attn.q_proj.weight", 2, {32, 32}},
	{"model.layers.0.self_attn.k_proj.weight", 2, {16, 32}},
	{"model.layers.0.self_attn.v_proj.weight", 2, {16, 32}},
	{"model.layers.0.self_attn.o_proj.weight", 2, {32, 32}},
	{"model.layers.0.post_attention_layernorm.weight", 1, {32}},
	{"model.layers.0.mlp.gate_proj.weight", 2, {48, 32}},
	{"model.layers.0.mlp.up_proj.weight", 2, {48, 32}},
	{"model.layers.0.mlp.down_proj.weight", 2, {32, 48}},
	{"model.norm.weight", 1, {32}},
	{"lm_head.weight", 2, {64, 32}},
};

void fuzz_model(struct tensor_set *set)
{
	*set = (struct tensor_set)TENSOR_SET_INIT;
	for (size_t i = 0; i < sizeof(model) / sizeof(model[0]); i++) {
		struct tensor t = {
			.name = str_of(model[i].name),
			.dims = model[i].dims,
			.ndim = (uint8_t)model[i].ndim,
			.dtype = DT_BF16,
			.recipe = RECIPE_EXTENT,
			.extent = {fuzz_labels(), 0},
		};

		FUZZ_CHECK(tensor_nbytes(t.dtype, t.dims, t.ndim, &t.nbytes));
		FUZZ_CHECK(!tensor_set_add(set, &t));
	}
}

static struct models tables;

static void free_tables(void)
{
	models_release(&tables);
}

const struct models *fuzz_models(void)
{
	struct error err = ERROR_INIT;

	if (!tables.n) {
		FUZZ_CHECK(!models_open(&tables, NULL, &err));
		atexit(free_tables);
	}
	return &tables;
}

/* Plan a set by a table; *p is released by the caller. */
static int plan(struct plan *p, const struct table *t, const struct config *c,
		const struct tensor_set *set, int from, bool partial)
{
	struct plan_options o = {.partial = partial};
	struct error err = ERROR_INIT;
	struct scope scope;
	int rc = scope_init(&scope, t, c, set, from, false, NULL, 0, &err);

	*p = (struct plan){.target = TENSOR_SET_INIT};
	if (!rc)
		rc = plan_make(p, &scope, &o, &err);
	scope_release(&scope);
	return fuzz_refused(rc, &err);
}

void fuzz_plan(const struct table *t, const struct config *c, bool partial)
{
	struct plan there, back;
	struct tensor_set set;

	fuzz_model(&set);
	if (plan(&there, t, c, &set, 0, partial) == 0) {
		plan(&back, t, c, &there.target, 1, partial);
		plan_release(&back);
	}
	plan_release(&there);
	tensor_set_release(&set);
}
