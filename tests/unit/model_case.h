/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model in memory: a table, a config.json and tensors that have names,
 * types and shapes but no bytes. Texts of JSON are written with ` for ".
 */
#ifndef WC_TESTS_MODEL_CASE_H
#define WC_TESTS_MODEL_CASE_H

#include "models/builtin.h"
#include "models/plan.h"

#define MODEL_MAX_SET 16

/* Element e of the k-th tensor added is at byte (LABEL_STEP * k + e) * width
 * of the only source, so that an extent tells what it was made of. */
#define LABEL_STEP (UINT64_C(1) << 24)

/* An element that is made of no other: a zero. */
#define LABEL_NONE UINT64_MAX

struct model_case {
	struct table *table;
	struct config *config; /* or NULL */
	struct source source;  /* closed: nothing reads it */
	struct tensor_set src;
	struct setting set[MODEL_MAX_SET];
	size_t nset;
	struct plan_options options;
	bool adapter;
	struct scope scope;
	struct plan plan;
	struct error err;
};

void model_init(struct model_case *m, const char *table);

/* The same with what stands behind the name of the model. */
void model_load(struct model_case *m, const char *rest);

/* The same with JSON as it is, and with a built-in table. */
void model_init_text(struct model_case *m, struct str json, const char *origin);
void model_init_builtin(struct model_case *m, const char *name);

void model_config(struct model_case *m, const char *config);
void model_set(struct model_case *m, const char *key, const char *value);

/* Add a tensor: its dims as "4x8", "" is a scalar. */
void model_add(struct model_case *m, const char *name, enum dtype dt,
	       const char *dims);

void model_add_dims(struct model_case *m, const char *name, enum dtype dt,
		    const uint64_t *dims, unsigned ndim);

/* Take all tensors out, and the plan. */
void model_clear(struct model_case *m);

/* Lines of "name DTYPE dims", as "a.weight F32 4x8". */
void model_add_lines(struct model_case *m, const char *lines);

/* Plan it; again after a change. Returns what scope_init or plan_make does. */
int model_plan(struct model_case *m, int from);

void model_release(struct model_case *m);

/* The JSON with " for `; freed by the caller. */
char *json_of(const char *text);

/* "name F32 4x8", as model_add_lines has it. */
void strbuf_add_tensor(struct strbuf *sb, const struct tensor *t);

/*
 * Where the elements of t come from: out[e] is the label of element e, see
 * LABEL_STEP. out has room for them all.
 */
void tensor_labels(const struct tensor *t, uint64_t *out);

#endif
