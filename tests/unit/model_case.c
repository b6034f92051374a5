/* SPDX-License-Identifier: Apache-2.0 */
/* Models in memory; see model_case.h. */
#include "model_case.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gather.h"

char *json_of(const char *text)
{
	char *copy = strdup(text);

	ck_assert_ptr_nonnull(copy);
	for (char *p = copy; *p; p++)
		if (*p == '`')
			*p = '"';
	return copy;
}

void model_init_text(struct model_case *m, struct str json, const char *origin)
{
	*m = (struct model_case){
		.src = TENSOR_SET_INIT,
		.plan = {.target = TENSOR_SET_INIT},
		.err = ERROR_INIT,
	};
	m->source.fd = -1;
	if (table_parse(&m->table, json, origin, &m->err))
		ck_abort_msg("%s", error_text(&m->err));
}

void model_init(struct model_case *m, const char *table)
{
	char *json = json_of(table);

	model_init_text(m, str_of(json), "table");
	free(json);
}

void model_load(struct model_case *m, const char *rest)
{
	struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "{`model`: `t`, %s}", rest);
	model_init(m, text.p);
	strbuf_release(&text);
}

void model_init_builtin(struct model_case *m, const char *name)
{
	for (size_t i = 0; i < builtin_ntables; i++) {
		const struct builtin_table *t = &builtin_tables[i];

		if (strcmp(t->name, name) == 0) {
			model_init_text(m, (struct str){t->text, t->nbytes},
					name);
			return;
		}
	}
	ck_abort_msg("there is no table %s", name);
}

void model_config(struct model_case *m, const char *config)
{
	char *json = json_of(config);

	config_free(m->config);
	if (config_parse(&m->config, str_of(json), "config.json", &m->err))
		ck_abort_msg("%s", error_text(&m->err));
	free(json);
}

void model_set(struct model_case *m, const char *key, const char *value)
{
	ck_assert_uint_lt(m->nset, MODEL_MAX_SET);
	m->set[m->nset++] = (struct setting){str_of(key), str_of(value)};
}

static unsigned parse_dims(const char *text, uint64_t dims[TENSOR_MAX_NDIM])
{
	unsigned n = 0;
	char *end;

	while (*text) {
		ck_assert_uint_lt(n, TENSOR_MAX_NDIM);
		dims[n++] = strtoull(text, &end, 10);
		ck_assert(end > text && (*end == 'x' || !*end));
		text = *end ? end + 1 : end;
	}
	return n;
}

void model_add(struct model_case *m, const char *name, enum dtype dt,
	       const char *text)
{
	uint64_t dims[TENSOR_MAX_NDIM];

	model_add_dims(m, name, dt, dims, parse_dims(text, dims));
}

void model_add_dims(struct model_case *m, const char *name, enum dtype dt,
		    const uint64_t *dims, unsigned ndim)
{
	struct tensor t = {
		.name = arena_str(&m->src.arena, str_of(name)),
		.ndim = (uint8_t)ndim,
		.dtype = (uint8_t)dt,
		.recipe = RECIPE_EXTENT,
		.extent = {&m->source, LABEL_STEP * m->src.n * dtype_width(dt)},
	};
	uint64_t *v = arena_array(&m->src.arena, ndim, sizeof(*v));

	ck_assert_ptr_nonnull(v);
	memcpy(v, dims, ndim * sizeof(*v));
	t.dims = v;
	ck_assert(tensor_nbytes(dt, dims, ndim, &t.nbytes));
	ck_assert_int_eq(tensor_set_add(&m->src, &t), 0);
}

void model_clear(struct model_case *m)
{
	plan_release(&m->plan);
	m->plan = (struct plan){.target = TENSOR_SET_INIT};
	tensor_set_release(&m->src);
	m->src = (struct tensor_set)TENSOR_SET_INIT;
}

static void add_line(struct model_case *m, const char *line)
{
	char name[256], word[16], dims[64] = "";
	int n = sscanf(line, "%255s %15s %63s", name, word, dims);
	enum dtype dt;

	if (n <= 0)
		return;
	ck_assert_int_ge(n, 2);
	ck_assert(dtype_from_safetensors(str_of(word), &dt));
	model_add(m, name, dt, dims);
}

void model_add_lines(struct model_case *m, const char *lines)
{
	char *copy = strdup(lines), *rest = copy, *line;

	ck_assert_ptr_nonnull(copy);
	while ((line = strsep(&rest, "\n")))
		add_line(m, line);
	free(copy);
}

int model_plan(struct model_case *m, int from)
{
	int ret;

	plan_release(&m->plan);
	scope_release(&m->scope);
	m->plan = (struct plan){.target = TENSOR_SET_INIT};
	ret = scope_init(&m->scope, m->table, m->config, &m->src, from,
			 m->adapter, m->set, m->nset, &m->err);
	return ret ? ret : plan_make(&m->plan, &m->scope, &m->options, &m->err);
}

void model_release(struct model_case *m)
{
	plan_release(&m->plan);
	scope_release(&m->scope);
	tensor_set_release(&m->src);
	config_free(m->config);
	table_free(m->table);
	error_release(&m->err);
}

void strbuf_add_tensor(struct strbuf *sb, const struct tensor *t)
{
	strbuf_addf(sb, "%.*s %s", STR_ARG(t->name),
		    dtype_info(t->dtype)->safetensors);
	strbuf_adds(sb, t->ndim ? " " : "");
	strbuf_add_dims(sb, t->dims, t->ndim, 'x');
}

/* ---- labels ---- */

static void walk_piece(const struct piece *p, const uint64_t *from,
		       uint64_t *to)
{
	uint64_t total = 1;

	for (unsigned k = 0; k < p->naxes; k++)
		total *= p->axes[k].n;
	for (uint64_t i = 0; i < total; i++) {
		uint64_t in = p->base_in, out = p->base_out, rest = i;

		for (unsigned k = p->naxes; k-- > 0;) {
			uint64_t at = rest % p->axes[k].n;

			rest /= p->axes[k].n;
			in += at * p->axes[k].stride_in;
			out += at * p->axes[k].stride_out;
		}
		to[out] = from[in];
	}
}

static void label_piece(const struct piece *p, uint64_t *out)
{
	uint64_t n = tensor_nelem(p->src);
	uint64_t *from = calloc(n + 1, sizeof(*from));

	ck_assert_ptr_nonnull(from);
	tensor_labels(p->src, from);
	walk_piece(p, from, out);
	free(from);
}

static void label_stack(const struct tensor *t, uint64_t *out)
{
	for (uint64_t k = 0; k < t->stack.n; k++) {
		tensor_labels(t->stack.v[k], out);
		out += tensor_nelem(t->stack.v[k]);
	}
}

static void label_slice(const struct tensor *t, uint64_t *out)
{
	const struct tensor *of = t->slice.of;
	uint64_t *all = calloc(tensor_nelem(of) + 1, sizeof(*all));

	ck_assert_ptr_nonnull(all);
	tensor_labels(of, all);
	memcpy(out, all + t->slice.off / dtype_width(t->dtype),
	       tensor_nelem(t) * sizeof(*out));
	free(all);
}

void tensor_labels(const struct tensor *t, uint64_t *out)
{
	uint64_t n = tensor_nelem(t);

	switch (t->recipe) {
	case RECIPE_EXTENT:
		for (uint64_t e = 0; e < n; e++)
			out[e] = t->extent.off / dtype_width(t->dtype) + e;
		break;
	case RECIPE_CAST:
		tensor_labels(t->cast, out);
		break;
	case RECIPE_STACK:
		label_stack(t, out);
		break;
	case RECIPE_SLICE:
		label_slice(t, out);
		break;
	case RECIPE_GATHER:
		for (uint64_t e = 0; e < n; e++)
			out[e] = LABEL_NONE;
		for (size_t k = 0; k < t->gather->npieces; k++)
			if (t->gather->pieces[k].src)
				label_piece(&t->gather->pieces[k], out);
		break;
	default:
		ck_abort_msg("a recipe that no plan makes");
	}
}
