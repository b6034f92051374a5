/* SPDX-License-Identifier: Apache-2.0 */
/* A plan of a plan: MindSpore to HuggingFace to MindSpore; see plan.h. */
#include <errno.h>
#include <stdlib.h>

#include "models/plan.h"

/* How many source tensors stand behind those of an origin. */
static size_t count_behind(const struct origin *o, const struct plan *first)
{
	size_t n = 0;

	for (uint32_t k = 0; k < o->nsources; k++)
		n += first->origins[o->sources[k]].nsources;
	return n;
}

/* The parts of one fused tensor, fused again, have one source. */
static int compose_origin(struct plan *p, struct origin *o,
			  const struct plan *first)
{
	uint32_t *v =
		arena_array(&p->arena, count_behind(o, first) + 1, sizeof(*v));
	uint32_t n = 0;

	if (!v)
		return -ENOMEM;
	for (uint32_t k = 0; k < o->nsources; k++) {
		const struct origin *from = &first->origins[o->sources[k]];

		for (uint32_t i = 0; i < from->nsources; i++)
			if (n == 0 || v[n - 1] != from->sources[i])
				v[n++] = from->sources[i];
	}
	o->sources = v;
	o->nsources = n;
	return 0;
}

/* What either plan drops, as tensors of the source. */
static int compose_dropped(struct plan *p, const struct plan *first)
{
	struct dropped *v =
		calloc(p->ndropped + first->ndropped + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < first->ndropped; i++)
		v[n++] = first->dropped[i];
	for (size_t i = 0; i < p->ndropped; i++) {
		v[n] = p->dropped[i];
		v[n].source = first->origins[v[n].source].sources[0];
		n++;
	}
	free(p->dropped);
	p->dropped = v;
	p->ndropped = n;
	return 0;
}

int plan_compose(struct plan *p, const struct plan *first, struct error *err)
{
	int ret = compose_dropped(p, first);

	for (size_t i = 0; i < p->target.n && !ret; i++)
		ret = compose_origin(p, &p->origins[i], first);
	strbuf_addstr(&p->notes, strbuf_str(&first->notes));
	return ret || p->notes.failed ? error_nomem(err) : 0;
}
