/* SPDX-License-Identifier: Apache-2.0 */
/* Between the commands of wconv. */
#ifndef WC_CLI_CLI_H
#define WC_CLI_CLI_H

#include <stdio.h>

#include "core/error.h"
#include "view/view.h"

/* What the command line says. */
struct cli {
	struct view_options opt;
	bool tsv, json, tree, totals, force, resume, dry_run, quiet, init;
	uint64_t given;	    /* which of main's own_options, bit by bit */
	const char *range;  /* --range, or NULL */
	bool one_file;	    /* DEST is a file of that format, whatever its
				    name is */
	const char *format; /* --format, or NULL; so are the others */
	const char *sort, *atol, *rtol;
	const char *const *args; /* behind the command; [nargs] */
	int nargs;
};

/* A command: 0, 1 where the answer is no, or -errno with *err filled. */
int cli_list(const struct cli *c, struct error *err);
int cli_hash(const struct cli *c, struct error *err);
int cli_cat(const struct cli *c, struct error *err);
int cli_explain(const struct cli *c, struct error *err);
int cli_models(const struct cli *c, struct error *err);
int cli_stat(const struct cli *c, struct error *err);
int cli_verify(const struct cli *c, struct error *err);
int cli_convert(const struct cli *c, struct error *err);
int cli_map(const struct cli *c, struct error *err);
int cli_check_rules(const struct cli *c, struct error *err);

/* The same with the script's command line, which ends in NULL. */
int cli_convert_weight(char **argv, struct error *err);

/* Open the view of args[0], printing its warnings to standard error. */
int cli_open(const struct cli *c, struct view **out, struct error *err);

/* list --tree; s is sorted by name. */
struct selection;
int cli_print_tree(const struct view *v, const struct selection *s, bool tsv,
		   struct error *err);

/* Write all of it to standard output. */
int cli_write(const void *p, size_t n, struct error *err);

#endif
