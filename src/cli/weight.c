/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wconv convert_weight: the command line of MindFormers' convert_weight.py.
 *
 *   --model KEY --input_path PATH --output_path PATH [--reversed]
 *   [--dtype fp32|bf16|fp16] [--KEY VALUE | --KEY=VALUE ...]
 *
 * KEY is an option of the model's rules, one of the script's own flags or a
 * shared option of wconv. What the script would pass over is passed over.
 */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/weight_models.h"

struct weight {
	const char *model, *input, *output, *dtype;
	bool reversed, quiet;
	struct setting *set; /* [nset] the other pairs; texts are argv's */
	size_t nset;
	struct arena arena;
};

/* ---- the command line ---- */

/* The value behind "=" or in the next argument; NULL: there is none. */
static const char *take_value(char **argv, int *i)
{
	const char *eq = strchr(argv[*i], '=');

	if (eq)
		return eq + 1;
	if (!argv[*i + 1] || strncmp(argv[*i + 1], "--", 2) == 0)
		return NULL;
	return argv[++*i];
}

/* The script's flag that begins like key, if that is one: argparse's rule. */
static struct str whole_flag(struct str key)
{
	static const char *const flags[] = {
		"model",       "reversed",	"input_path", "output_path",
		"dtype",       "n_head",	"layers",     "hidden_size",
		"is_pretrain", "telechat_type", "qkv_concat", "is_lora",
	};
	const char *found = NULL;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (str_is(key, flags[i]))
			return key;
		if (!str_starts(str_of(flags[i]), key))
			continue;
		if (found)
			return key;
		found = flags[i];
	}
	return found ? str_of(found) : key;
}

static int take_pair(struct weight *w, struct str key, const char *value,
		     struct error *err)
{
	const struct {
		const char *key;
		const char **at;
	} own[] = {
		{"model", &w->model},
		{"input_path", &w->input},
		{"output_path", &w->output},
		{"dtype", &w->dtype},
	};
	struct setting *more;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (str_is(key, own[i].key)) {
			*own[i].at = value;
			return 0;
		}
	}
	more = realloc(w->set, (w->nset + 1) * sizeof(*more));
	if (!more)
		return error_nomem(err);
	w->set = more;
	more[w->nset++] = (struct setting){key, str_of(value)};
	return 0;
}

static int take_argument(struct weight *w, char **argv, int *i,
			 struct error *err)
{
	const char *arg = argv[*i], *value;
	struct str key;

	if (strncmp(arg, "--", 2) != 0)
		return error_set(err, ERR_USAGE, "%s: an option begins with --",
				 arg);
	key = whole_flag((struct str){arg + 2, strcspn(arg, "=") - 2});
	if (str_is(key, "reversed"))
		w->reversed = true;
	else if (str_is(key, "quiet"))
		w->quiet = true;
	else if (!(value = take_value(argv, i)))
		return error_set(err, ERR_USAGE, "%s needs a value", arg);
	else
		return take_pair(w, key, value, err);
	return 0;
}

static int parse(struct weight *w, char **argv, struct error *err)
{
	int ret = 0;

	for (int i = 0; argv[i] && !ret; i++)
		ret = take_argument(w, argv, &i, err);
	if (!ret && (!w->model || !w->input || !w->output))
		ret = error_set(err, ERR_USAGE, "convert_weight needs --%s",
				!w->model   ? "model"
				: !w->input ? "input_path"
					    : "output_path");
	if (!ret && w->dtype && strcmp(w->dtype, "fp32") != 0 &&
	    strcmp(w->dtype, "fp16") != 0 && strcmp(w->dtype, "bf16") != 0)
		ret = error_set(err, ERR_USAGE,
				"--dtype %s: it must be fp32, fp16 or bf16",
				w->dtype);
	return ret;
}

/* ---- options of the rules ---- */

/* Python's words for a boolean, as the rules have them. */
static struct str boolean_word(struct str value)
{
	static const char *const words[][2] = {
		{"true", "true"},   {"yes", "true"}, {"1", "true"},
		{"false", "false"}, {"no", "false"}, {"0", "false"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (value.n == strlen(words[i][0]) &&
		    strncasecmp(value.p, words[i][0], value.n) == 0)
			return str_of(words[i][1]);
	return value;
}

/* The option of that name, of any table that the model may mean. */
static const struct table_option *find_option(const struct models *m,
					      const struct weight *w,
					      struct str key, bool *mentioned)
{
	const struct table_option *found = NULL;

	*mentioned = false;
	for (size_t i = 0; i < m->n; i++) {
		if (!table_is(m->v[i], str_of(w->model)))
			continue;
		*mentioned |= table_mentions(m->v[i], key);
		if (!found)
			found = table_option(m->v[i], key);
	}
	return found;
}

static int set_option(struct weight *w, struct view_options *opt,
		      const struct setting *s, bool is_boolean,
		      struct error *err)
{
	struct str value = is_boolean ? boolean_word(s->value) : s->value;
	struct strbuf text = STRBUF_INIT;
	struct str kept;

	strbuf_addf(&text, "%.*s=%.*s", STR_ARG(s->key), STR_ARG(value));
	kept = arena_str(&w->arena, strbuf_str(&text));
	strbuf_release(&text);
	return kept.p ? view_options_take(opt, "set", kept.p, err)
		      : error_nomem(err);
}

/* Of the script's --config only a config.json can be used; it takes YAML. */
static bool is_shared(const struct setting *s)
{
	if (str_is(s->key, "config"))
		return str_ends(s->value, ".json");
	for (const char *const *p = view_option_values; *p; p++)
		if (str_is(s->key, *p))
			return true;
	return false;
}

static int take_setting(struct weight *w, const struct models *m,
			struct view_options *opt, const struct setting *s,
			struct error *err)
{
	const struct table_option *o;
	struct str key = arena_str(&w->arena, s->key);
	bool mentioned;

	if (!key.p)
		return error_nomem(err);
	if (is_shared(s))
		return view_options_take(opt, key.p, s->value.p, err);
	o = find_option(m, w, s->key, &mentioned);
	if (weight_flag_counts(key.p, w->model) && (o || mentioned))
		return set_option(w, opt, s,
				  o && o->values[0].kind == VALUE_BOOL, err);
	fprintf(stderr, "wconv: warning: --%s has no meaning for %s\n", key.p,
		w->model);
	return 0;
}

static int take_settings(struct weight *w, struct view_options *opt,
			 struct error *err)
{
	const char *rules = NULL;
	struct models m;
	int ret;

	for (size_t i = 0; i < w->nset; i++)
		if (str_is(w->set[i].key, "rules"))
			rules = w->set[i].value.p;
	ret = models_open(&m, rules, err);
	for (size_t i = 0; i < w->nset && !ret; i++)
		ret = take_setting(w, &m, opt, &w->set[i], err);
	models_release(&m);
	return ret;
}

/* ---- paths ---- */

static bool exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/*
 * The script takes a file of the model's directory, which need not be one of
 * weights or be there: up to r1.4 only the directory counts.
 */
static const char *source_of(struct weight *w)
{
	static const char *const weights[] = {
		".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".index.json",
	};
	const char *slash = strrchr(w->input, '/');
	struct str dir = {w->input, slash ? (size_t)(slash - w->input) : 0};
	struct stat st;

	if (stat(w->input, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return w->input;
		for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]);
		     i++)
			if (str_ends(str_of(w->input), weights[i]))
				return w->input;
	}
	if (!slash)
		return exists(w->input) ? "." : w->input;
	dir = arena_str(&w->arena, dir.n ? dir : str_of("/"));
	return dir.p && exists(dir.p) ? dir.p : w->input;
}

/* save_checkpoint gives a name its .ckpt; torch.save takes any name. */
static int take_output(struct weight *w, struct cli *c, const char **dest,
		       struct error *err)
{
	struct str name = str_of(w->output);
	struct strbuf text = STRBUF_INIT;
	struct stat st;

	*dest = w->output;
	if ((stat(w->output, &st) == 0 && S_ISDIR(st.st_mode)) ||
	    str_ends(name, "/") || str_ends(name, ".safetensors"))
		return 0;
	if (w->reversed) {
		if (!weight_model(w->model).writes_safetensors ||
		    str_ends(name, ".bin") || str_ends(name, ".pth") ||
		    str_ends(name, ".pt")) {
			c->format = "pytorch";
			c->one_file = true;
		}
		return 0;
	}
	if (str_ends(name, ".ckpt"))
		return 0;
	strbuf_addf(&text, "%s.ckpt", w->output);
	*dest = arena_str(&w->arena, strbuf_str(&text)).p;
	strbuf_release(&text);
	return *dest ? 0 : error_nomem(err);
}

/* The directories above a path. */
static int make_parents(const char *path, struct error *err)
{
	char *p = strdup(path);
	int ret = p ? 0 : error_nomem(err);

	for (char *s = p; s && !ret && (s = strchr(s + 1, '/'));) {
		*s = '\0';
		if (mkdir(p, 0777) < 0 && errno != EEXIST && !exists(p))
			ret = error_errno(err, ERR_OUTPUT, errno,
					  "%s: cannot make the directory", p);
		*s = '/';
	}
	free(p);
	return ret;
}

/* ---- ---- */

static int run(struct weight *w, struct cli *c, struct error *err)
{
	struct weight_model model = weight_model(w->model);
	const char *dtype = w->dtype	  ? w->dtype
			    : w->reversed ? model.reversed_dtype
					  : model.dtype;
	const char *args[2] = {source_of(w)};
	int ret;

	c->args = args;
	c->nargs = 2;
	c->opt.model = w->model;
	c->opt.to = w->reversed ? "hf" : "ms";
	c->quiet = w->quiet;
	ret = view_options_take(&c->opt, "dtype", dtype, err);
	if (!ret)
		ret = take_settings(w, &c->opt, err);
	if (!ret)
		ret = take_output(w, c, &args[1], err);
	if (!ret)
		ret = make_parents(args[1], err);
	return ret ? ret : cli_convert(c, err);
}

int cli_convert_weight(char **argv, struct error *err)
{
	struct weight w = {.model = NULL};
	struct cli c = {.force = true}; /* as the script does */
	int ret = parse(&w, argv, err);

	view_options_init(&c.opt);
	if (!ret)
		ret = run(&w, &c, err);
	view_options_release(&c.opt);
	arena_release(&w.arena);
	free(w.set);
	return ret;
}
