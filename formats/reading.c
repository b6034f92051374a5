/* SPDX-License-Identifier: Apache-2.0 */
/* What readers share: see reading.h. */
#include "formats/reading.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/*
 * The state of training that MindSpore's optimizers, loss scalers, callbacks
 * and gradient accumulation keep beside the weights: WORD.PARAMETER or
 * WORD_PARAMETER, the longer of two such words first, or the word alone. No
 * model class has a parameter of such a name; the "linear.", "mu_" and "eta_"
 * of Ftrl and ASGD are not here, since some could.
 */
static const char *const words[] = {
	"accu_grads.",
	"accum.",
	"accum_update.",
	"accumulation_step",
	"adam_m.",
	"adam_v.",
	"ax.",
	"ax_.",
	"exp_avg.",
	"exp_avg_insta_col_",
	"exp_avg_insta_row_",
	"exp_avg_sq.",
	"exp_avg_sq_col_",
	"exp_avg_sq_row_",
	"exp_avg_sq_",
	"exp_inf.",
	"grad_accumulation.",
	"lamb_m.",
	"lamb_v.",
	"learning_rate_group_",
	"max_exp_avg_sq.",
	"mean_grad.",
	"mean_square.",
	"moment.",
	"moment1.",
	"moment2.",
	"moments.",
	"muon_m.",
	"pma_weight_ema.",
	"pma_weight_sma.",
	"prev.",
	"stat.",
	"step_size.",
	"vhat.",
	"afactor_step",
	"beta1_power",
	"beta2_power",
	"current_iterator_step",
	"epoch_num",
	"fake_lr",
	"fake_param",
	"global_step",
	"last_overflow_iterator_step",
	"learning_rate",
	"loss_scale",
	"momentum",
	"scale_sense",
	"state_step",
	"step_num",
	"step_t",
	"weight_decay",
};

#define NWORDS (sizeof(words) / sizeof(words[0]))

_Static_assert(NWORDS <= TRAINING_MAX_WORDS, "a count for each word");

static bool is_prefix(struct str word)
{
	return word.p[word.n - 1] == '.' || word.p[word.n - 1] == '_';
}

/* The word that a name has, or -1. */
static ptrdiff_t find_word(struct str name)
{
	for (size_t i = 0; i < NWORDS; i++) {
		struct str word = str_of(words[i]);

		if (is_prefix(word) ? str_starts(name, word) && name.n > word.n
				    : str_eq(name, word))
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

static bool is_alike(const struct tensor *a, const struct tensor *b)
{
	return a->dtype == b->dtype && a->ndim == b->ndim &&
	       (a->ndim == 0 ||
		memcmp(a->dims, b->dims, a->ndim * sizeof(*a->dims)) == 0);
}

bool reading_take_copy(struct reading *r, const struct tensor *t)
{
	const struct tensor *have = tensor_set_find(r->set, t->name);
	const char *file = r->index ? index_file_of(r->index, t->name) : NULL;

	if (!file || !is_alike(have, t))
		return false;
	if (strcmp(file, r->file) == 0)
		r->set->v[have - r->set->v].extent = t->extent;
	name_list_add(&r->copies, t->name);
	return true;
}

static void note_training(const struct reading *r, struct strbuf *notes)
{
	const char *before = "left out, the state of a training: ";

	for (size_t i = 0; i < NWORDS; i++) {
		if (!r->left_out[i])
			continue;
		strbuf_adds(notes, before);
		if (is_prefix(str_of(words[i])))
			strbuf_addf(notes, "%zu of %s*", r->left_out[i],
				    words[i]);
		else
			strbuf_adds(notes, words[i]);
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
	note_list(&r->copies,
		  "in two files, read from the one that the index names",
		  notes);
}

void reading_release(struct reading *r)
{
	name_list_release(&r->texts);
	name_list_release(&r->maps);
	name_list_release(&r->nibbles);
	name_list_release(&r->copies);
}
