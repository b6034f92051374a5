/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rules take for granted, said of the tensors that they took. Rules of
 * one note need not stand together: a part may be used twice.
 */
#include "models/plan_build.h"

/* Names listed one by one. */
#define MAX_NAMES 10

struct note_list {
	struct str note;
	struct strbuf names;
	size_t n;
};

static struct str note_of(const struct plan_builder *b, const struct rule *r)
{
	const struct str none = {"", 0};

	return r && r->note[b->scope->from].n ? r->note[b->scope->from] : none;
}

static void add_name(struct plan_builder *b, struct note_list *list,
		     const struct rule *r, uint32_t source)
{
	if (!str_eq(note_of(b, r), list->note) || list->n++ >= MAX_NAMES)
		return;
	strbuf_adds(&list->names, "\n  ");
	strbuf_add_shown(&list->names, b->src->v[source].name);
}

static void collect_names(struct plan_builder *b, struct note_list *list)
{
	const struct plan *p = b->plan;

	for (size_t i = 0; i < p->target.n; i++)
		if (p->origins[i].kind == ORIGIN_RULE && !p->origins[i].slot)
			add_name(b, list, p->origins[i].rule,
				 p->origins[i].sources[0]);
	for (size_t i = 0; i < p->ndropped; i++)
		add_name(b, list, p->dropped[i].rule, p->dropped[i].source);
}

static bool is_new(const struct plan_builder *b, size_t k)
{
	const struct rule *rules = b->scope->table->rules;
	struct str note = note_of(b, &rules[k]);

	for (size_t i = 0; i < k; i++)
		if (str_eq(note_of(b, &rules[i]), note))
			return false;
	return note.n > 0;
}

void plan_add_notes(struct plan_builder *b)
{
	struct strbuf *notes = &b->plan->notes;

	for (size_t i = 0; i < b->scope->table->nrules; i++) {
		struct note_list list = {
			.note = note_of(b, &b->scope->table->rules[i])};

		if (!is_new(b, i))
			continue;
		collect_names(b, &list);
		if (list.n > MAX_NAMES)
			strbuf_addf(&list.names, "\n  and %zu more",
				    list.n - MAX_NAMES);
		if (list.n)
			strbuf_addf(notes, "assumed: %.*s:%.*s\n",
				    STR_ARG(list.note),
				    STR_ARG(strbuf_str(&list.names)));
		notes->failed |= list.names.failed;
		strbuf_release(&list.names);
	}
}
