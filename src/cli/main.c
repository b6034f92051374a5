/* SPDX-License-Identifier: Apache-2.0 */
/* wconv: what wconvfs mounts, without FUSE. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/crew.h"

/* clang-format off */
static const char help[] =
"Show a model as a checkpoint of the other framework, or make it one:\n"
"\n"
"  wconv list ~/models/llama3                      its parameters\n"
"  wconv convert ~/models/llama3 llama3.ckpt\n"
"  wconv explain ~/models/llama3 lm_head.weight    where it comes from\n"
"\n"
"Usage: wconv COMMAND [OPTIONS] SOURCE ...\n"
"Commands:\n"
"  list SOURCE [GLOB ...]     parameters [--sort=name|bytes|dtype] [--tree]\n"
"                             [--totals] [--tsv] [--json]\n"
"  stat SOURCE                range, mean, deviation, zeros, NaN [--tsv]\n"
"  hash SOURCE                name, type, shape, SHA-256, as TSV\n"
"  cat SOURCE PATH            a file as wconvfs shows it [--range=OFF:LEN]\n"
"  convert SOURCE DEST        to DEST.ckpt, .safetensors, .bin or a directory\n"
"                             [--format=ckpt|safetensors|pytorch]\n"
"                             [--force] [--resume] [--dry-run] [--quiet]\n"
"  convert_weight --model=NAME --input_path=PATH --output_path=PATH\n"
"                             MindFormers' script [--reversed] [--KEY=VALUE]\n"
"  verify A B                 the same tensors? [--atol=X] [--rtol=X] [--tsv]\n"
"  explain SOURCE NAME        where a parameter comes from\n"
"  explain --config=SOURCE    MindFormers' YAML of its config.json\n"
"  map --init MODEL TEMPLATE  a first map of names, to be edited\n"
"  models [NAME]              the rule tables there are, or one [--tsv]\n"
"  check-rules FILE           whether a rule table is right\n"
"\n"
"Options (man wconv says more):\n"
"  --model=NAME       the rules to use (default: by config.json)\n"
"  --to=ms|hf|raw     the side to show (raw: the source as it is)\n"
"  --dtype=TYPE       source (default), fp32, fp16 or bf16\n"
"  --set KEY=VALUE    an option of the rules, see wconv models\n"
VIEW_OPTIONS_HELP
"  --shard-size=SIZE  of shards (5GB)       -h, --help    -V, --version\n"
"Exit: 0, 1 usage, 2 source, 3 model unknown, 4 mapping, 6 output\n";

/* clang-format on */

/* An option of our own: where struct cli keeps it. */
static const struct own_option {
	const char *name;
	bool has_value;
	size_t at;
} own_options[] = {
	{"tsv", false, offsetof(struct cli, tsv)},
	{"json", false, offsetof(struct cli, json)},
	{"tree", false, offsetof(struct cli, tree)},
	{"totals", false, offsetof(struct cli, totals)},
	{"sort", true, offsetof(struct cli, sort)},
	{"range", true, offsetof(struct cli, range)},
	{"atol", true, offsetof(struct cli, atol)},
	{"rtol", true, offsetof(struct cli, rtol)},
	{"format", true, offsetof(struct cli, format)},
	{"force", false, offsetof(struct cli, force)},
	{"resume", false, offsetof(struct cli, resume)},
	{"dry-run", false, offsetof(struct cli, dry_run)},
	{"quiet", false, offsetof(struct cli, quiet)},
	{"init", false, offsetof(struct cli, init)},
};

#define NOWN (sizeof(own_options) / sizeof(own_options[0]))

static const struct command {
	const char *name;
	int min_args, max_args;
	int (*run)(const struct cli *c, struct error *err);
	const char *usage;
	const char *options; /* of our own, a blank around each */
} commands[] = {
	{"list", 1, INT_MAX, cli_list, "wconv list SOURCE [GLOB ...]",
	 " tsv json tree totals sort "},
	{"hash", 1, 1, cli_hash, "wconv hash SOURCE", " tsv "},
	{"stat", 1, 1, cli_stat, "wconv stat SOURCE", " tsv "},
	{"cat", 2, 2, cli_cat, "wconv cat SOURCE PATH", " range "},
	{"convert", 2, 2, cli_convert, "wconv convert SOURCE DEST",
	 " format force resume dry-run quiet "},
	{"verify", 2, 2, cli_verify, "wconv verify A B", " atol rtol tsv "},
	{"explain", 0, 2, cli_explain, "wconv explain SOURCE NAME", ""},
	{"map", 2, 2, cli_map, "wconv map --init MODEL TEMPLATE", " init "},
	{"models", 0, 1, cli_models, "wconv models [NAME]", " tsv "},
	{"check-rules", 1, 1, cli_check_rules, "wconv check-rules FILE", ""},
};

/* getopt's codes: own options, then the shared ones by name. */
enum { OPT_OWN = 256, OPT_SHARED = OPT_OWN + NOWN };

#define MAX_OPTIONS 64

static void fill_options(struct option *v)
{
	size_t n = 0;

	v[n++] = (struct option){"help", no_argument, NULL, 'h'};
	v[n++] = (struct option){"version", no_argument, NULL, 'V'};
	for (size_t i = 0; i < NOWN; i++)
		v[n++] = (struct option){own_options[i].name,
					 own_options[i].has_value, NULL,
					 OPT_OWN + (int)i};
	for (size_t i = 0; view_option_values[i]; i++)
		v[n++] = (struct option){view_option_values[i],
					 required_argument, NULL, OPT_SHARED};
	for (size_t i = 0; view_option_flags[i]; i++)
		v[n++] = (struct option){view_option_flags[i], no_argument,
					 NULL, OPT_SHARED};
	v[n] = (struct option){NULL, 0, NULL, 0};
}

/* k: ':' or '?' from getopt; word: the argument it was looking at. */
static int bad_option(int k, const char *word, struct error *err)
{
	if (k == ':')
		return error_set(err, ERR_USAGE, "option %s needs a value",
				 word);
	/* a code of ours: the option is there, but is a mere flag */
	if (optopt >= OPT_OWN || optopt == 'h' || optopt == 'V')
		return error_set(err, ERR_USAGE, "option %s takes no value",
				 word);
	if (optopt)
		return error_set(err, ERR_USAGE,
				 "unknown option -%c; wconv --help lists them",
				 optopt);
	return error_set(err, ERR_USAGE,
			 "unknown option %s; wconv --help lists them", word);
}

static void take_own(struct cli *c, size_t i)
{
	void *at = (char *)c + own_options[i].at;

	if (own_options[i].has_value)
		*(const char **)at = optarg;
	else
		*(bool *)at = true;
	c->given |= UINT64_C(1) << i;
}

/* *done: help or version was printed, and that is all. */
static int parse(struct cli *c, int argc, char **argv, bool *done,
		 struct error *err)
{
	struct option options[MAX_OPTIONS];
	int k, which, ret = 0;

	fill_options(options);
	opterr = 0;
	while (!ret &&
	       (k = getopt_long(argc, argv, ":hV", options, &which)) != -1) {
		if (k == 'h') {
			fputs(help, stdout);
			*done = true;
			return 0;
		}
		if (k == 'V') {
			puts("wconv " WCONVFS_VERSION);
			*done = true;
			return 0;
		}
		if (option_is_value(argv, optind, optarg))
			ret = bad_option(':', argv[optind - 2], err);
		else if (k == OPT_SHARED)
			ret = view_options_take(&c->opt, options[which].name,
						optarg, err);
		else if (k >= OPT_OWN)
			take_own(c, (size_t)(k - OPT_OWN));
		else
			ret = bad_option(k, argv[optind - 1], err);
	}
	c->args = (const char *const *)argv + optind;
	c->nargs = argc - optind;
	return ret;
}

/* An option that a command does not have is not passed over. */
static int check_options(const struct cli *c, const struct command *cmd,
			 struct error *err)
{
	char word[32];

	for (size_t i = 0; i < NOWN; i++) {
		snprintf(word, sizeof(word), " %s ", own_options[i].name);
		if (c->given >> i & 1 && !strstr(cmd->options, word))
			return error_set(err, ERR_USAGE,
					 "wconv %s has no option --%s; wconv "
					 "--help lists them",
					 cmd->name, own_options[i].name);
	}
	return 0;
}

static int run_command(struct cli *c, const struct command *cmd,
		       struct error *err)
{
	int ret = check_options(c, cmd, err);

	c->args++;
	c->nargs--;
	if (!ret && (c->nargs < cmd->min_args || c->nargs > cmd->max_args))
		ret = error_set(err, ERR_USAGE, "usage: %s [OPTIONS]",
				cmd->usage);
	return ret ? ret : cmd->run(c, err);
}

static int run(struct cli *c, struct error *err)
{
	const char *name = c->nargs ? c->args[0] : NULL;

	if (!name)
		return error_set(err, ERR_USAGE,
				 "a command is missing; wconv --help lists "
				 "them");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return run_command(c, &commands[i], err);
	return error_set(err, ERR_USAGE,
			 "%s: no such command; wconv --help lists them", name);
}

/* Its options are not getopt's. */
static int convert_weight(char **argv, struct error *err)
{
	for (char **arg = argv; *arg; arg++) {
		if (strcmp(*arg, "-h") == 0 || strcmp(*arg, "--help") == 0) {
			fputs(help, stdout);
			return 0;
		}
	}
	return cli_convert_weight(argv, err);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct cli c = {.tsv = false};
	bool done = false;
	int ret;

	source_allow_many();
	view_options_init(&c.opt);
	if (argc > 1 && strcmp(argv[1], "convert_weight") == 0) {
		ret = convert_weight(argv + 2, &err);
	} else {
		ret = parse(&c, argc, argv, &done, &err);
		if (!ret && !done)
			ret = run(&c, &err);
	}
	if (ret >= 0 && fflush(stdout))
		ret = error_errno(&err, ERR_OUTPUT, errno, "standard output");
	if (ret == -EINTR && crew_signal())
		raise(crew_signal());
	if (ret < 0)
		fprintf(stderr, "wconv: %s\n", error_text(&err));
	ret = ret < 0 ? (int)err.class : ret;
	error_release(&err);
	view_options_release(&c.opt);
	return ret;
}
