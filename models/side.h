/* SPDX-License-Identifier: Apache-2.0 */
/* Which side of a rule table a source is, and which one is shown. */
#ifndef WC_MODELS_SIDE_H
#define WC_MODELS_SIDE_H

#include "models/scope.h"

/* What is known of a source, and what the user asks for. */
struct side_query {
	const struct config *config; /* or NULL */
	const struct tensor_set *src;
	bool adapter;	   /* src is a PEFT adapter */
	bool is_mindspore; /* a file says that MindSpore wrote it */
	const char *to;	   /* the side to show, or NULL: the other one */
	const struct setting *settings; /* [nsettings] */
	size_t nsettings;
};

/* shown == from: read as that side, and made anew with the settings. */
struct side_choice {
	int from, shown;
};

/*
 * The side that takes the names of the source, and the one to show: q->to, or
 * the other one. ERR_USAGE with a sentence: the table has no such side, or the
 * source is of it already. What is already MindSpore's may be shown as
 * MindSpore's in another layout.
 */
int side_choose(struct side_choice *out, const struct table *t,
		const struct side_query *q, struct error *err);

/* Whether all names have a rule on some side: 1, 0 or -ENOMEM. */
int side_takes_all(const struct table *t, const struct side_query *q);

/*
 * The settings that say something of what is read: not the options, which are
 * of the layout to make. [*n] in malloc memory, or NULL.
 */
struct setting *side_source_settings(const struct table *t,
				     const struct setting *set, size_t nset,
				     size_t *n);

#endif
