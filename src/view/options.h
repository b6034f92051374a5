/* SPDX-License-Identifier: Apache-2.0 */
/* The options that wconvfs and wconv share: what is shown, and how. */
#ifndef WC_VIEW_OPTIONS_H
#define WC_VIEW_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/dtype.h"
#include "core/error.h"
#include "models/scope.h"

/* --to: a side of the rules (ms, hf, original), or the source as it is. */
#define VIEW_RAW "raw"

struct view_options {
	const char *source;
	const char *model;     /* NULL: auto */
	const char *key;       /* of the weights in a PyTorch file, or NULL */
	const char *rules;     /* a table of the user's own, or NULL */
	const char *config;    /* a config.json that is not beside SOURCE */
	const char *template;  /* a checkpoint whose names are wanted */
	const char *map;       /* a map of names, for the template's */
	const char *strategy;  /* how the slices of ranks are joined */
	const char *ranks;     /* a strategy: show what each rank loads */
	const char *to;	       /* the side to show; NULL: the other one */
	bool keep_extra;       /* the state of training too */
	bool for_all;	       /* -o allow_other: every user sees it */
	bool check_crc;	       /* compare the checksum of a ckpt at open */
	bool cast;	       /* --dtype other than source */
	bool own_types;	       /* --dtype=source, whatever a template has */
	enum dtype dtype;      /* if cast */
	bool partial;	       /* pass unmapped names through */
	uint64_t shard_nbytes; /* --shard-size; 0: one shard */
	struct setting *set;   /* [nset] --set; owned, texts are borrowed */
	size_t nset;
};

bool view_is_raw(const struct view_options *o);

/* As the programs start: auto, source dtype, 5 GB shards. */
void view_options_init(struct view_options *o);
void view_options_release(struct view_options *o);

/*
 * Take one "key" / value pair of the shared options (key without dashes:
 * "model", "to", "dtype" ...; see view_option_values);
 * value is borrowed, NULL for flags. Returns 0, -ENOENT if the key is not one
 * of them, or -EINVAL with ERR_USAGE.
 */
int view_options_take(struct view_options *o, const char *key,
		      const char *value, struct error *err);

/* The names of the shared options that take a value / that are flags. */
extern const char *const view_option_values[];
extern const char *const view_option_flags[];

/*
 * Whether getopt, whose next argument is argv[next], took for a value what is
 * an option: of `--config --rules F`. --config=--rules is taken as it stands.
 */
bool option_is_value(char *const *argv, int next, const char *value);

/* "5GB", "512M", "1024": bytes; KB MB GB TB are powers of 1000, KiB ... and K M
 * G T alone of 1024. Returns false if it is malformed. */
bool parse_size(const char *text, uint64_t *out);

/* What the --help of both programs says of them in the same words. */
/* clang-format off */
#define VIEW_OPTIONS_HELP \
"  --rules=FILE       a rule table of your own\n" \
"  --config=FILE      the config.json, if none is beside SOURCE\n" \
"  --template=CKPT, --map=FILE    the names wanted, and a map to them\n" \
"  --strategy=FILE, --ranks=FILE  join slices of ranks, or cut them\n" \
"  --tie=HOW          tied tensors: auto, emit or drop\n" \
"  --partial, --keep-extra    tensors no rule takes; the state of training\n" \
"  --key=PATH, --check-crc    where weights are in a .bin; test checksums\n"
/* clang-format on */

#endif
