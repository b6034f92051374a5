/* SPDX-License-Identifier: Apache-2.0 */
/* What readers share: see reading.h. */
#include "formats/reading.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/*
 * The state of training that MindSpore's optimizers, loss scalers, callbacks
 * and gradient accumulation keep beside the weights: WORD.PARAMETER, or the
 * word alone. No model class has a parameter of such a name.
 */
static const struct {
	const char *word;
	bool is_prefix; /* of parameters' names, behind it a dot */
} words[] = {
	{"accu_grads", true},
	{"accum", true},
	{"adam_m", true},
	{"adam_v", true},
	{"exp_avg", true},
	{"exp_avg_sq", true},
	{"max_exp_avg_sq", true},
	{"mean_grad", true},
	{"mean_square", true},
	{"moment", true},
	{"moment1", true},
	{"moment2", true},
	{"moments", true},
	{"stat", true},
	{"vhat", true},
	{"beta1_power", false},
	{"beta2_power", false},
	{"current_iterator_step", false},
	{"epoch_num", false},
	{"global_step", false},
	{"last_overflow_iterator_step", false},
	{"learning_rate", false},
	{"loss_scale", false},
	{"momentum", false},
	{"scale_sense", false},
	{"step_num", false},
	{"weight_decay", false},
};

#define NWORDS (sizeof(words) / sizeof(words[0]))

_Static_assert(NWORDS <= TRAINING_MAX_WORDS, "a count for each word");

/* The word that a name has, or -1. */
static ptrdiff_t find_word(struct str name)
{
	for (size_t i = 0; i < NWORDS; i++) {
		struct str word = str_of(words[i].word);

		if (!str_starts(name, word))
			continue;
		if (words[i].is_prefix
			    ? name.n > word.n && name.p[word.n] == '.'
			    : name.n == word.n)
			return (ptrdiff_t)i;
	}
	return -1;
}

bool is_training_name(struct str name)
{
	return find_word(name) >= 0;
}

bool reading_leaves_out(struct reading *r, struct str name)
{
	ptrdiff_t i = r->keep_extra ? -1 : find_word(name);

	if (i >= 0)
		r->left_out[i]++;
	return i >= 0;
}

bool reading_is_extra(const struct tensor *t)
{
	return is_training_name(t->name) ||
	       (t->ndim == 0 && !memchr(t->name.p, '.', t->name.n));
}

static void note_training(const struct reading *r, struct strbuf *notes)
{
	const char *before = "left out, the state of a training: ";

	for (size_t i = 0; i < NWORDS; i++) {
		if (!r->left_out[i])
			continue;
		strbuf_adds(notes, before);
		if (words[i].is_prefix)
			strbuf_addf(notes, "%zu of %s.*", r->left_out[i],
				    words[i].word);
		else
			strbuf_adds(notes, words[i].word);
		before = ", ";
	}
	if (before[0] == ',')
		strbuf_adds(notes, " (--keep-extra keeps it)\n");
}

static void note_list(struct name_list *l, const char *what,
		      struct strbuf *notes)
{
	if (l->n == 0)
		return;
	strbuf_addf(notes, "%s: ", what);
	name_list_note(l, notes);
}

void reading_note(struct reading *r, struct strbuf *notes)
{
	note_training(r, notes);
	note_list(&r->texts, "left out, a text and no tensor", notes);
	note_list(&r->maps, "left out, a map parameter and no tensor", notes);
	if (r->nvalueless)
		strbuf_addf(notes,
			    "left out: %" PRIu64 " entries without a value\n",
			    r->nvalueless);
	note_list(&r->nibbles,
		  "Int4, two values a byte, read as I8 of the packed bytes",
		  notes);
}

void reading_release(struct reading *r)
{
	name_list_release(&r->texts);
	name_list_release(&r->maps);
	name_list_release(&r->nibbles);
}
