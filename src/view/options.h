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

/* The world that is shown: --to. */
enum view_side { SIDE_AUTO, SIDE_MS, SIDE_HF, SIDE_RAW };

struct view_options {
	const char *source;
	const char *model; /* NULL: auto */
	const char *key;   /* of the weights in a PyTorch file, or NULL */
	const char *rules; /* a table of the user's own, or NULL */
	enum view_side to;
	bool cast;	       /* --dtype other than source */
	enum dtype dtype;      /* if cast */
	bool partial;	       /* pass unmapped names through */
	uint64_t shard_nbytes; /* --shard-size; 0: one shard */
	struct setting *set;   /* [nset] --set; owned, texts are borrowed */
	size_t nset;
};

/* As the programs start: auto, source dtype, 5 GB shards. */
void view_options_init(struct view_options *o);
void view_options_release(struct view_options *o);

/*
 * Take one "key" / value pair of the shared options (key without dashes:
 * "model", "to", "dtype", "set", "key", "rules", "partial", "shard-size");
 * value is borrowed, NULL for flags. Returns 0, -ENOENT if the key is not one
 * of them, or -EINVAL with ERR_USAGE.
 */
int view_options_take(struct view_options *o, const char *key,
		      const char *value, struct error *err);

/* The names of the shared options that take a value / that are flags. */
extern const char *const view_option_values[];
extern const char *const view_option_flags[];

/* "5GB", "512M", "1024": bytes; KB MB GB TB are powers of 1000, KiB ... and K M
 * G T alone of 1024. Returns false if it is malformed. */
bool parse_size(const char *text, uint64_t *out);

#endif
