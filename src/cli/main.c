/* SPDX-License-Identifier: Apache-2.0 */
/* wconv: what wconvfs mounts, without FUSE. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static const char help[] =
	"Usage: wconv COMMAND [OPTIONS] SOURCE ...\n"
	"\n"
	"Look at a HuggingFace model as MindSpore sees it, nothing written:\n"
	"\n"
	"  wconv list ~/models/llama3            its parameters\n"
	"  wconv explain ~/models/llama3 lm_head.weight\n"
	"  wconv cat ~/models/llama3 model.ckpt > llama3.ckpt\n"
	"\n"
	"Commands:\n"
	"  list SOURCE [--tsv|--json]     parameters, types, shapes, sizes\n"
	"  hash SOURCE                    name, type, shape, SHA-256, as TSV\n"
	"  cat SOURCE PATH [--range=OFF:LEN]\n"
	"                                 a file as wconvfs shows it\n"
	"  explain SOURCE NAME            where a parameter comes from\n"
	"  models [--tsv]                 the rule tables there are\n"
	"  check-rules FILE               whether a rule table is right\n"
	"\n"
	"Options:\n"
	"  --model=NAME       the rules to use (default: by config.json)\n"
	"  --to=ms|hf|raw     the side to show (raw: the source as it is)\n"
	"  --dtype=TYPE       source (default), fp32, fp16 or bf16\n"
	"  --set KEY=VALUE    an option of the rules, see wconv models\n"
	"  --rules=FILE       a rule table of your own\n"
	"  --config=FILE      the config.json, if none is beside SOURCE\n"
	"  --strategy=FILE    how the slices of rank_0, rank_1 ... are cut\n"
	"  --keep-extra       the state of training too\n"
	"  --key=PATH         where the weights are in a PyTorch file\n"
	"  --partial          pass tensors through that no rule takes\n"
	"  --shard-size=SIZE  of ckpt/ and safetensors/ (default 5GB)\n"
	"  -h, --help         -V, --version\n"
	"\n"
	"SOURCE is a model directory, a safetensors or PyTorch file, one of "
	"its\n"
	"shards or their index. Exit: 0, 1 usage, 2 source, 3 model unknown,\n"
	"4 mapping incomplete.\n";

static const struct command {
	const char *name;
	int nargs;
	int (*run)(const struct cli *c, struct error *err);
	const char *usage;
} commands[] = {
	{"list", 1, cli_list, "wconv list SOURCE"},
	{"hash", 1, cli_hash, "wconv hash SOURCE"},
	{"cat", 2, cli_cat, "wconv cat SOURCE PATH"},
	{"explain", 2, cli_explain, "wconv explain SOURCE NAME"},
	{"models", 0, cli_models, "wconv models"},
	{"check-rules", 1, cli_check_rules, "wconv check-rules FILE"},
};

/* getopt's table: ours, then the shared ones by name. */
enum { OPT_TSV = 256, OPT_JSON, OPT_RANGE, OPT_SHARED };

#define MAX_OPTIONS 32

static void fill_options(struct option *v)
{
	static const struct option own[] = {
		{"tsv", no_argument, NULL, OPT_TSV},
		{"json", no_argument, NULL, OPT_JSON},
		{"range", required_argument, NULL, OPT_RANGE},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
	};
	size_t n = sizeof(own) / sizeof(own[0]);

	memcpy(v, own, sizeof(own));
	for (size_t i = 0; view_option_values[i]; i++)
		v[n++] = (struct option){view_option_values[i],
					 required_argument, NULL, OPT_SHARED};
	for (size_t i = 0; view_option_flags[i]; i++)
		v[n++] = (struct option){view_option_flags[i], no_argument,
					 NULL, OPT_SHARED};
	v[n] = (struct option){NULL, 0, NULL, 0};
}

static int bad_option(char **argv, struct error *err)
{
	return error_set(err, ERR_USAGE,
			 "%s: no such option, or its value is missing; wconv "
			 "--help lists them",
			 argv[optind - 1]);
}

/* Returns 1 where help or version was printed. */
static int parse(struct cli *c, int argc, char **argv, struct error *err)
{
	struct option options[MAX_OPTIONS];
	int k, which, ret = 0;

	fill_options(options);
	opterr = 0;
	while (!ret &&
	       (k = getopt_long(argc, argv, "hV", options, &which)) != -1) {
		switch (k) {
		case 'h':
			fputs(help, stdout);
			return 1;
		case 'V':
			puts("wconv " WCONVFS_VERSION);
			return 1;
		case OPT_TSV:
			c->tsv = true;
			break;
		case OPT_JSON:
			c->json = true;
			break;
		case OPT_RANGE:
			c->range = optarg;
			break;
		case OPT_SHARED:
			ret = view_options_take(&c->opt, options[which].name,
						optarg, err);
			break;
		default:
			ret = bad_option(argv, err);
		}
	}
	c->args = (const char *const *)argv + optind;
	c->nargs = argc - optind;
	return ret;
}

static int run(struct cli *c, struct error *err)
{
	const char *name = c->nargs ? c->args[0] : NULL;

	if (!name)
		return error_set(err, ERR_USAGE,
				 "a command is missing; wconv --help lists "
				 "them");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		c->args++;
		c->nargs--;
		if (c->nargs != commands[i].nargs)
			return error_set(err, ERR_USAGE, "usage: %s [OPTIONS]",
					 commands[i].usage);
		return commands[i].run(c, err);
	}
	return error_set(err, ERR_USAGE,
			 "%s: no such command; wconv --help lists them", name);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct cli c = {.tsv = false};
	int ret;

	view_options_init(&c.opt);
	ret = parse(&c, argc, argv, &err);
	if (!ret)
		ret = run(&c, &err);
	if (ret >= 0 && fflush(stdout))
		ret = error_errno(&err, ERR_SOURCE, errno, "standard output");
	if (ret < 0)
		fprintf(stderr, "wconv: %s\n", error_text(&err));
	ret = ret < 0 ? (int)err.class : 0;
	error_release(&err);
	view_options_release(&c.opt);
	return ret;
}
