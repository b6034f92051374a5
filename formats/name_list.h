/* SPDX-License-Identifier: Apache-2.0 */
/* The first few of many names, for a sentence: "a, b, c and 7 more". */
#ifndef WC_FORMATS_NAME_LIST_H
#define WC_FORMATS_NAME_LIST_H

#include "core/strbuf.h"

/* More names than that help nobody. */
#define NAME_LIST_SHOWN 5

struct name_list {
	struct strbuf text; /* owned */
	size_t n;	    /* names, also those not shown */
};

#define NAME_LIST_INIT                                                         \
	{                                                                      \
		STRBUF_INIT, 0                                                 \
	}

static inline void name_list_add(struct name_list *l, struct str name)
{
	if (l->n++ >= NAME_LIST_SHOWN)
		return;
	if (l->n > 1)
		strbuf_adds(&l->text, ", ");
	strbuf_add_shown(&l->text, name);
}

/* The list as text; no name may be added any more. */
static inline const char *name_list_text(struct name_list *l)
{
	if (l->n > NAME_LIST_SHOWN)
		strbuf_addf(&l->text, " and %zu more", l->n - NAME_LIST_SHOWN);
	return l->text.p ? l->text.p : "";
}

/* Append the list to a text, as the end of a line. */
static inline void name_list_note(struct name_list *l, struct strbuf *out)
{
	strbuf_adds(out, name_list_text(l));
	strbuf_addc(out, '\n');
	out->failed |= l->text.failed;
}

static inline void name_list_release(struct name_list *l)
{
	strbuf_release(&l->text);
}

#endif
