/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge CASES - which altered rule tables nothing notices.
 *
 * Standard input has a line for each: TABLE, what was done, and the table's
 * JSON, with tabs between. A table is noticed that cannot be read, in which
 * check-rules finds something wrong, or under which a case of the table of
 * that name no longer gives the tensors that its .tsv says, or takes other
 * things for granted than under the table as it is; or gives tensors of
 * these names and shapes though a number of its config.json is made to lie, or
 * not though one is left out, where the table as it is knows better; or does
 * without one of the tensors where that does not, or the other way round. The
 * others are printed, as TABLE and what was done.
 *
 * CASES has a line for each case: name, source, config.json, model, side to
 * show, dtype, settings with blanks between, .tsv, template; "-" stands for
 * none, and without a .tsv the source must be refused. Tables that are used by
 * others are those built in: only their own cases see a table altered.
 */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/reader.h"
#include "core/slurp.h"
#include "core/stats.h"
#include "formats/checkpoint.h"
#include "models/check.h"
#include "models/dequant.h"
#include "models/detect.h"
#include "models/plan.h"
#include "view/options.h"

enum { NAME, SOURCE, CONFIG, MODEL, TO, DTYPE, SET, TSV, TEMPLATE, NFIELDS };

struct golden {
	char *line; /* the fields lie in it */
	char *field[NFIELDS];
	struct view_options opt;
	struct checkpoint source;
	struct checkpoint template;
	struct config *config;
	const struct table *table; /* the one built in */
	struct side_choice side;
	char **want; /* [nwant] lines of the .tsv, sorted */
	size_t nwant;
	char *notes;  /* of the plan under the table as it is; NULL: not yet */
	bool *spares; /* [2 * source.tensors.n] does without; NULL: not known */
};

/* A case under another config.json. */
struct variant {
	struct golden *g;
	struct config *config;
	bool passes; /* under the table as it is */
};

static struct variant *variants; /* [nvariants] */
static size_t nvariants;
static struct golden *cases; /* [ncases] */
static size_t ncases;
static struct models models;
static struct reader reader;
static struct stats stats;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "judge: %s: %s\n", what, why);
	exit(2);
}

/* ---- reading the cases ---- */

static void split(char *line, char **field, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		field[i] = line;
		line = strchr(line, '\t');
		if (line)
			*line++ = '\0';
		else if (i + 1 < n)
			die(field[0], "a line of too few fields");
	}
}

static const char *given(const struct golden *g, int field)
{
	return strcmp(g->field[field], "-") ? g->field[field] : NULL;
}

static char *next_line(FILE *f, char **line, size_t *cap)
{
	ssize_t n = getline(line, cap, f);

	if (n > 0 && (*line)[n - 1] == '\n')
		(*line)[n - 1] = '\0';
	return n > 0 ? *line : NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_want(struct golden *g)
{
	FILE *f;
	char *line = NULL;
	size_t cap = 0;

	if (!given(g, TSV))
		return;
	f = fopen(g->field[TSV], "r");
	if (!f)
		die(g->field[TSV], "cannot be opened");
	while (next_line(f, &line, &cap)) {
		g->want = realloc(g->want, (g->nwant + 1) * sizeof(char *));
		g->want[g->nwant++] = strdup(line);
	}
	free(line);
	fclose(f);
	qsort(g->want, g->nwant, sizeof(char *), by_text);
}

static void take_settings(struct golden *g, struct error *err)
{
	char *save = NULL;

	if (!given(g, SET))
		return;
	for (char *s = strtok_r(g->field[SET], " ", &save); s;
	     s = strtok_r(NULL, " ", &save))
		if (view_options_take(&g->opt, "set", s, err))
			die(g->field[NAME], error_text(err));
}

/* What the case is without its table: the tensors and what they mean. */
static void open_case(struct golden *g)
{
	struct source_options so = SOURCE_OPTIONS_INIT;
	struct error err = ERROR_INIT;
	size_t nscaled;
	int ret;

	view_options_init(&g->opt);
	if (given(g, DTYPE) &&
	    view_options_take(&g->opt, "dtype", g->field[DTYPE], &err))
		die(g->field[NAME], error_text(&err));
	take_settings(g, &err);
	ret = checkpoint_open(&g->source, g->field[SOURCE], &so, &err);
	if (!ret && given(g, CONFIG))
		ret = config_open(&g->config, g->field[CONFIG], &err);
	else if (!ret && g->source.config_path)
		ret = config_open(&g->config, g->source.config_path, &err);
	if (!ret && given(g, TEMPLATE))
		ret = checkpoint_open(&g->template, g->field[TEMPLATE], &so,
				      &err);
	if (!ret)
		ret = dequant(&g->source.tensors, g->config, &nscaled, &err);
	if (ret)
		die(g->field[NAME], error_text(&err));
	error_release(&err);
}

static void choose_table(struct golden *g)
{
	struct side_query q = {
		.config = g->config,
		.src = &g->source.tensors,
		.adapter = g->source.is_adapter,
		.is_mindspore = g->source.reading.is_mindspore,
		.to = given(g, TO),
		.settings = g->opt.set,
		.nsettings = g->opt.nset,
	};
	struct error err = ERROR_INIT;
	int ret = models_choose(&models, given(g, MODEL), &q, &g->table, &err);

	if (!ret)
		ret = side_choose(&g->side, g->table, &q, &err);
	if (ret)
		die(g->field[NAME], error_text(&err));
	error_release(&err);
}

static void read_cases(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;

	if (!f)
		die(path, "cannot be opened");
	while (next_line(f, &line, &cap)) {
		struct golden *g;

		cases = realloc(cases, (ncases + 1) * sizeof(*cases));
		g = &cases[ncases++];
		*g = (struct golden){.line = strdup(line)};
		split(g->line, g->field, NFIELDS);
		open_case(g);
		choose_table(g);
		read_want(g);
	}
	free(line);
	fclose(f);
}

/* ---- what a table gives ---- */

static const char *word_of(const struct table *t, int side, enum dtype dt)
{
	const struct dtype_info *info = dtype_info(dt);

	return str_is(t->sides[side], "ms") ? info->mindspore
					    : info->safetensors;
}

static void add_hash(const struct tensor *t, struct strbuf *out)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	void *bytes = malloc(t->nbytes + 1);
	unsigned n = 0;

	if (!bytes || tensor_read(t, 0, t->nbytes, bytes, &reader) ||
	    !EVP_Digest(bytes, t->nbytes, md, &n, EVP_sha256(), NULL))
		die("a tensor", "cannot be read");
	for (unsigned i = 0; i < n; i++)
		strbuf_addf(out, "%02x", md[i]);
	free(bytes);
}

static int by_prefix(const void *key, const void *line)
{
	const char *prefix = *(char *const *)key;

	return strncmp(prefix, *(char *const *)line, strlen(prefix));
}

/* A line of the .tsv; its hash only if bytes are asked for, they take long. */
static bool is_wanted(const struct golden *g, const struct table *t,
		      const struct tensor *x, bool bytes)
{
	struct strbuf line = STRBUF_INIT;
	char *key;
	bool found;

	strbuf_addf(&line, "%.*s\t%s\t", STR_ARG(x->name),
		    word_of(t, g->side.shown, x->dtype));
	if (x->ndim)
		strbuf_add_dims(&line, x->dims, x->ndim, 'x');
	else
		strbuf_adds(&line, "scalar");
	strbuf_addc(&line, '\t');
	if (bytes)
		add_hash(x, &line);
	key = line.p;
	found = bsearch(&key, g->want, g->nwant, sizeof(char *), by_prefix);
	strbuf_release(&line);
	return found;
}

static bool gives_all(const struct golden *g, const struct table *t,
		      const struct tensor_set *set, bool bytes)
{
	bool same = set->n == g->nwant;

	for (size_t i = 0; i < set->n && same; i++)
		same = is_wanted(g, t, &set->v[i], bytes);
	return same;
}

static int make_plan(const struct golden *g, const struct config *config,
		     const struct tensor_set *src, struct scope *scope,
		     struct plan *plan, struct error *err)
{
	struct plan_options o = {.cast = g->opt.cast, .dtype = g->opt.dtype};
	int ret = scope_init(scope, scope->table, config, src, g->side.from,
			     g->source.is_adapter, g->opt.set, g->opt.nset,
			     err);

	if (!ret && given(g, TEMPLATE))
		ret = scope_use_template(scope, &g->template.tensors, err);
	return ret ? ret : plan_make(plan, scope, &o, err);
}

/* The first plan of a case, by the table as it is, says what others must. */
static bool says_the_same(struct golden *g, const struct plan *plan)
{
	const char *notes = plan->notes.len ? plan->notes.p : "";

	if (!g->notes)
		g->notes = strdup(notes);
	return strcmp(g->notes, notes) == 0;
}

/* Whether the case comes out under the table as its .tsv says, or not. */
static bool passes(struct golden *g, const struct config *config,
		   const struct table *t, bool bytes)
{
	struct error err = ERROR_INIT;
	struct scope scope = {.table = t};
	struct plan plan = {.target = TENSOR_SET_INIT};
	int ret = make_plan(g, config, &g->source.tensors, &scope, &plan, &err);
	bool same = given(g, TSV) ? !ret && gives_all(g, t, &plan.target, bytes)
				  : ret && ret != -ENOMEM;

	if (same && !ret && bytes)
		same = says_the_same(g, &plan);
	plan_release(&plan);
	scope_release(&scope);
	error_release(&err);
	return same;
}

/* ---- config.json made to lie ---- */

static void add_variant(struct golden *g, const cJSON *root)
{
	char *text = cJSON_PrintUnformatted(root);
	struct error err = ERROR_INIT;
	struct variant v = {.g = g};

	variants = realloc(variants, (nvariants + 1) * sizeof(*variants));
	if (!text || !variants ||
	    config_parse(&v.config, str_of(text), "config.json", &err))
		die(g->field[NAME], error_text(&err));
	v.passes = passes(g, v.config, g->table, false);
	variants[nvariants++] = v;
	cJSON_free(text);
}

/*
 * Each number one more, each truth the other, and each key without a value; so
 * in its objects.
 */
static void add_variants(struct golden *g, const cJSON *root, cJSON *in)
{
	for (cJSON *e = in->child; e; e = e->next) {
		double was = e->valuedouble;
		int type = e->type;

		if (cJSON_IsObject(e))
			add_variants(g, root, e);
		if (!cJSON_IsNumber(e) && !cJSON_IsBool(e))
			continue;
		if (cJSON_IsNumber(e))
			cJSON_SetNumberValue(e, was + 1);
		else
			e->type = type == cJSON_True ? cJSON_False : cJSON_True;
		add_variant(g, root);
		if (type == cJSON_Number)
			cJSON_SetNumberValue(e, was);
		e->type = cJSON_NULL;
		add_variant(g, root);
		e->type = type;
	}
}

static void vary(struct golden *g)
{
	const char *path = given(g, CONFIG) ? given(g, CONFIG)
					    : g->source.config_path;
	struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	cJSON *root, *copy;

	if (!g->config || !given(g, TSV))
		return;
	if (slurp(&text, path, 1 << 20, &err))
		die(path, error_text(&err));
	root = cJSON_ParseWithLength(text.p, text.len);
	copy = cJSON_Duplicate(root, true);
	if (!copy)
		die(path, "no memory");
	add_variants(g, copy, copy);
	cJSON_Delete(root);
	cJSON_Delete(copy);
	strbuf_release(&text);
}

/* ---- sources that lack a tensor ---- */

/* A character of a name and past it; all numbers are the same. */
static char next_of(struct str s, size_t *i)
{
	char c = s.p[(*i)++];

	if (!isdigit((unsigned char)c))
		return c;
	while (*i < s.n && isdigit((unsigned char)s.p[*i]))
		(*i)++;
	return '0';
}

static bool are_alike(struct str a, struct str b)
{
	size_t i = 0, j = 0;

	while (i < a.n && j < b.n)
		if (next_of(a, &i) != next_of(b, &j))
			return false;
	return i == a.n && j == b.n;
}

/* Whether the source will do without its tensor k; or all of names alike. */
static bool does_without(const struct golden *g, const struct table *t,
			 size_t k, bool all)
{
	const struct tensor *v = g->source.tensors.v;
	struct tensor_set src = TENSOR_SET_INIT;
	struct plan plan = {.target = TENSOR_SET_INIT};
	struct scope scope = {.table = t};
	struct error err = ERROR_INIT;
	int ret = 0;

	for (size_t i = 0; i < g->source.tensors.n && !ret; i++)
		if (i != k && !(all && are_alike(v[i].name, v[k].name)))
			ret = tensor_set_add(&src, &v[i]);
	if (!ret)
		ret = make_plan(g, g->config, &src, &scope, &plan, &err);
	plan_release(&plan);
	scope_release(&scope);
	tensor_set_release(&src);
	error_release(&err);
	return !ret;
}

/* Whether the table says of each what it says as it is. */
static bool spares_the_same(struct golden *g, const struct table *t)
{
	size_t n = 2 * g->source.tensors.n;
	bool known = g->spares;

	if (!known)
		g->spares = malloc(n + 1);
	for (size_t i = 0; i < n && !known; i++)
		g->spares[i] = does_without(g, g->table, i / 2, i % 2);
	for (size_t i = 0; i < n; i++)
		if (does_without(g, t, i / 2, i % 2) != g->spares[i])
			return false;
	return true;
}

/* ---- the tables ---- */

static bool is_right(struct str json, const char *model)
{
	struct strbuf wrong = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct check_result r;
	bool right = check_rules(&r, json, model, &wrong, &err) == 0 &&
		     r.nwrong == 0;

	check_release(&r);
	strbuf_release(&wrong);
	error_release(&err);
	return right;
}

static bool pass_all(const struct table *t, const char *model)
{
	/* what noticed the last one is asked first */
	static size_t first;

	for (size_t i = 0; i < ncases; i++) {
		size_t k = (first + i) % ncases;

		if (str_is(cases[k].table->model, model) &&
		    !passes(&cases[k], cases[k].config, t, true)) {
			first = k;
			return false;
		}
	}
	return true;
}

static bool vary_all(const struct table *t, const char *model)
{
	for (size_t i = 0; i < nvariants; i++) {
		const struct variant *v = &variants[i];

		if (str_is(v->g->table->model, model) &&
		    passes(v->g, v->config, t, false) != v->passes)
			return false;
	}
	return true;
}

static bool spare_all(const struct table *t, const char *model)
{
	for (size_t i = 0; i < ncases; i++)
		if (str_is(cases[i].table->model, model) &&
		    given(&cases[i], TSV) && !spares_the_same(&cases[i], t))
			return false;
	return true;
}

static bool is_alive(struct str json, const char *model)
{
	struct error err = ERROR_INIT;
	struct table *t = NULL;
	bool alive;

	if (table_parse(&t, json, model, &err)) {
		error_release(&err);
		return false;
	}
	alive = pass_all(t, model) && is_right(json, model) &&
		vary_all(t, model) && spare_all(t, model);
	table_free(t);
	return alive;
}

/* The tables as they are must pass, or nothing is said of those altered. */
static void check_cases(void)
{
	for (size_t i = 0; i < ncases; i++)
		if (!passes(&cases[i], cases[i].config, cases[i].table, true))
			die(cases[i].field[NAME], "does not give its .tsv");
	for (size_t i = 0; i < ncases; i++)
		vary(&cases[i]);
}

static void judge_all(void)
{
	char *line = NULL, *field[3];
	size_t cap = 0, n = 0, alive = 0;

	while (next_line(stdin, &line, &cap)) {
		split(line, field, 3);
		n++;
		if (!is_alive(str_of(field[2]), field[0]))
			continue;
		alive++;
		printf("%s\t%s\n", field[0], field[1]);
	}
	fprintf(stderr, "%zu tables judged by %zu cases, %zu alive\n", n,
		ncases, alive);
	free(line);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;

	if (argc != 2)
		die("usage", "judge CASES <TABLES");
	if (models_open(&models, NULL, &err) ||
	    reader_init(&reader, 0, &stats, NULL))
		die("tables", error_text(&err));
	read_cases(argv[1]);
	check_cases();
	judge_all();
	return 0;
}
