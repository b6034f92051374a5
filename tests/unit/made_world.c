/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up worlds; see made_world.h. */
#include "made_world.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "temp_source.h"

/* ---- which keys there are, and what is asked of them ---- */

static struct world_key *key_of(struct worlds *w, struct str name)
{
	unsigned k = 0;

	while (k < w->nkeys && !str_eq(w->keys[k].name, name))
		k++;
	ck_assert_uint_lt(k, WORLD_MAX_KEYS);
	if (k == w->nkeys)
		w->keys[w->nkeys++] = (struct world_key){.name = name};
	return &w->keys[k];
}

static struct str keep(struct worlds *w, struct strbuf *sb)
{
	struct str s = arena_str(&w->arena, strbuf_str(sb));

	ck_assert_ptr_nonnull(s.p);
	strbuf_release(sb);
	return s;
}

static void add_value(struct world_key *key, struct str json)
{
	for (unsigned i = 0; i < key->nvalues; i++)
		if (str_eq(key->values[i], json))
			return;
	if (key->nvalues < WORLD_MAX_VALUES)
		key->values[key->nvalues++] = json;
}

static void add_number(struct worlds *w, struct world_key *key, long n)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_addf(&sb, "%ld", n);
	add_value(key, keep(w, &sb));
}

static struct str skip(struct str s, const char *bytes)
{
	while (s.n && strchr(bytes, s.p[0]))
		s = (struct str){s.p + 1, s.n - 1};
	return s;
}

/* What stands behind a key: == 'text', < 4, or nothing of that kind. */
static void note_comparison(struct worlds *w, struct world_key *key,
			    struct str rest, bool axis)
{
	struct strbuf sb = STRBUF_INIT;
	struct str other = skip(rest, " =!<>");
	size_t n = 1;

	if (other.n && (other.p[0] == '\'' || other.p[0] == '"')) {
		while (n < other.n && other.p[n] != other.p[0])
			n++;
		strbuf_add_json(&sb, (struct str){other.p + 1, n - 1});
		add_value(key, str_of(""));
		add_value(key, keep(w, &sb));
	} else if (skip(rest, " ").p != other.p &&
		   isdigit((unsigned char)*other.p)) {
		add_number(w, key, strtol(other.p, NULL, 10));
		add_number(w, key, strtol(other.p, NULL, 10) + 1);
	} else {
		add_value(key, str_of(axis ? "?" : ""));
		if (!axis && !key->axis)
			add_value(key, str_of("true"));
	}
	key->axis |= axis;
}

static bool is_keyword(struct str w)
{
	static const char *const words[] = {"and",   "or",    "not",
					    "if",    "true",  "True",
					    "false", "False", "adapter"};

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
		if (str_is(w, words[k]))
			return true;
	return isdigit((unsigned char)w.p[0]);
}

static size_t word_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && (isalnum((unsigned char)s.p[n]) || s.p[n] == '_' ||
			   s.p[n] == '.'))
		n++;
	return n;
}

static size_t template_length(struct str s)
{
	size_t n = s.n - skip(s, " ").n;

	while (n < s.n && s.p[n] != ' ' && s.p[n] != ')')
		n++;
	return n;
}

/* The expression whose keys are noted, and what its names mean. */
struct expr_place {
	unsigned space;
	const struct caps *caps; /* or NULL */
	const struct axis *self; /* the axis that it is for, or NULL */
};

/* Names that are no key: captures, options, and axes but in themselves. */
static bool is_key(const struct worlds *w, struct str word,
		   const struct expr_place *at)
{
	const struct axis *a = table_axis_in(w->table, at->space, word);
	const struct caps *caps = at->caps;

	for (unsigned k = 0; caps && k < caps->n; k++)
		if (str_eq(caps->v[k].name, word))
			return false;
	return !is_keyword(word) && !table_option(w->table, word) &&
	       (!a || a == at->self);
}

/* The key as it stands in config.json. */
static struct str whole_key(struct worlds *w, struct str word,
			    const struct expr_place *at)
{
	struct str config = w->table->spaces[at->space].config;
	struct strbuf sb = STRBUF_INIT;

	if (config.n)
		strbuf_addf(&sb, "%.*s.", STR_ARG(config));
	strbuf_addstr(&sb, word);
	return keep(w, &sb);
}

static void note_keys(struct worlds *w, struct str text,
		      const struct expr_place *at)
{
	while (text.n) {
		size_t n = word_length(text);
		struct str word = {text.p, n};

		if (text.p[0] == '\'' || text.p[0] == '"') {
			const char *end =
				memchr(text.p + 1, text.p[0], text.n - 1);

			n = (size_t)(end - text.p) + 1;
		}
		n = n ? n : 1;
		text = (struct str){text.p + n, text.n - n};
		if (str_is(word, "has") || str_is(word, "count")) {
			n = template_length(text);
			text = (struct str){text.p + n, text.n - n};
		} else if (word.n && is_key(w, word, at)) {
			note_comparison(w, key_of(w, whole_key(w, word, at)),
					text, at->self != NULL);
		}
	}
}

static uint64_t count_combinations(const struct worlds *w)
{
	uint64_t n = 1;

	for (size_t i = 0; i < w->table->noptions && n < 1000000; i++)
		n *= w->table->options[i].nvalues;
	for (unsigned k = 0; k < w->nkeys && n < 1000000; k++)
		n *= w->keys[k].nvalues ? w->keys[k].nvalues : 1;
	return n;
}

static void note_axes(struct worlds *w, unsigned space)
{
	const struct space *in = &w->table->spaces[space];

	for (size_t i = in->axis; i < in->axis + in->naxes; i++) {
		const struct axis *a = &w->table->axes[i];
		struct expr_place at = {space, NULL, a};

		for (unsigned k = 0; k < a->nalts; k++)
			note_keys(w, expr_text(a->alts[k]), &at);
	}
}

static void note_conds(struct worlds *w, const struct rule *r)
{
	for (unsigned k = 0; k < r->nconds; k++) {
		struct expr_place at = {r->conds[k].space, &r->caps, NULL};

		note_keys(w, expr_text(r->conds[k].expr), &at);
	}
}

void worlds_init(struct worlds *w, const struct table *t)
{
	*w = (struct worlds){.table = t, .arena = ARENA_INIT, .seed = 1};
	for (unsigned i = 0; i < t->nspaces; i++)
		note_axes(w, i);
	for (size_t i = 0; i < t->nrules; i++)
		note_conds(w, &t->rules[i]);
	w->ncombinations = count_combinations(w);
	w->n = w->ncombinations < WORLD_MAX ? w->ncombinations : WORLD_MAX;
}

void worlds_release(struct worlds *w)
{
	arena_release(&w->arena);
}

/* ---- numbers that make the axes whole ---- */

/* Put a value at a dotted key. */
static void put(cJSON *root, struct str key, const char *json)
{
	char part[200];
	const char *dot;

	while ((dot = memchr(key.p, '.', key.n))) {
		size_t n = (size_t)(dot - key.p);
		cJSON *next;

		ck_assert_uint_lt(n, sizeof(part));
		memcpy(part, key.p, n);
		part[n] = '\0';
		next = cJSON_GetObjectItemCaseSensitive(root, part);
		root = next ? next : cJSON_AddObjectToObject(root, part);
		key = (struct str){key.p + n + 1, key.n - n - 1};
	}
	ck_assert_uint_lt(key.n, sizeof(part));
	memcpy(part, key.p, key.n);
	part[key.n] = '\0';
	cJSON_AddItemToObject(root, part, cJSON_Parse(json));
}

/* config.json with the chosen values, and numbers for "?". */
static struct str make_config(struct worlds *w, const struct str *values,
			      const int64_t *numbers)
{
	cJSON *root = cJSON_CreateObject();
	struct strbuf sb = STRBUF_INIT;
	char *text;

	for (unsigned k = 0; k < w->nkeys; k++) {
		strbuf_reset(&sb);
		if (str_is(values[k], "?"))
			strbuf_addf(&sb, "%lld", (long long)numbers[k]);
		else
			strbuf_addstr(&sb, values[k]);
		if (sb.len)
			put(root, w->keys[k].name, sb.p);
	}
	text = cJSON_PrintUnformatted(root);
	strbuf_reset(&sb);
	strbuf_adds(&sb, text);
	cJSON_free(text);
	cJSON_Delete(root);
	return keep(w, &sb);
}

/* Axes with a value count, those of 0 little; ranges of 2 and sizes unlike each
 * other more. */
static int rate_axes(const struct scope *s)
{
	int points = 0;

	for (size_t i = 0; i < s->table->naxes; i++) {
		const struct axis *a = &s->table->axes[i];
		bool range = islower((unsigned char)a->name.p[0]);
		int64_t n = s->axes[i].num;

		if (s->axes[i].kind != VALUE_INT)
			continue;
		points += n == 0 ? 10 : 100 + (range ? n == 2 : n > 1);
		if (range && n > 3)
			points -= 90;
		points -= n > 48 ? 40 : 0;
		for (size_t k = 0; k < i; k++)
			points -= s->axes[k].num == n && !range;
	}
	return points;
}

static int rate(const struct worlds *w, const struct world *world)
{
	struct tensor_set none = TENSOR_SET_INIT;
	struct error err = ERROR_INIT;
	struct config *config;
	struct scope s;
	int points = -1;

	ck_assert_int_eq(config_parse(&config, world->config, "", &err), 0);
	if (scope_init(&s, w->table, config, &none, 0, false, world->set,
		       world->nset, &err) == 0)
		points = rate_axes(&s);
	scope_release(&s);
	config_free(config);
	error_release(&err);
	return points;
}

static void find_numbers(struct worlds *w, const struct str *values,
			 struct world *world, unsigned tries)
{
	static const int64_t some[] = {2, 2, 2, 3, 3, 4, 5, 6, 7, 8, 12, 24};
	int64_t numbers[WORLD_MAX_KEYS];
	int best;

	world->config = make_config(w, values, w->numbers);
	best = rate(w, world);
	while (tries--) {
		struct world other = *world;
		int points;

		for (unsigned k = 0; k < w->nkeys; k++)
			numbers[k] = some[test_random(&w->seed) % 12];
		other.config = make_config(w, values, numbers);
		points = rate(w, &other);
		if (points <= best)
			continue;
		best = points;
		memcpy(w->numbers, numbers, sizeof(numbers));
		*world = other;
	}
	ck_assert_msg(best >= 0, "no numbers make the axes of %.*s whole",
		      STR_ARG(w->table->model));
}

/* ---- worlds ---- */

static struct str value_text_of(struct worlds *w, struct value v)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_add_value(&sb, v);
	return keep(w, &sb);
}

void worlds_get(struct worlds *w, uint64_t k, struct world *out)
{
	const struct table *t = w->table;
	struct str values[WORLD_MAX_KEYS];
	unsigned tries = k ? 60 : 1500;

	if (k && w->n < w->ncombinations)
		k = test_random(&w->seed) % w->ncombinations;
	*out = (struct world){.nset = t->noptions};
	ck_assert_uint_le(t->noptions, WORLD_MAX_OPTIONS);
	for (size_t i = 0; i < t->noptions; i++) {
		const struct table_option *o = &t->options[i];

		out->set[i].key = o->name;
		out->set[i].value = value_text_of(w, o->values[k % o->nvalues]);
		k /= o->nvalues;
	}
	for (unsigned i = 0; i < w->nkeys; i++) {
		unsigned n = w->keys[i].nvalues;

		values[i] = n ? w->keys[i].values[k % n] : str_of("");
		k /= n ? n : 1;
	}
	find_numbers(w, values, out, tries);
}
