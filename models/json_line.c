/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding values by walking text and tree side by side: the children of a cJSON
 * value are in the order of the text, which is known to be JSON. Values that
 * were added to the tree later stand behind those of the text.
 */
#include "models/json_line.h"

struct walk {
	const char *p, *end;
	const cJSON *node;
	const char *found;
};

static void skip_space(struct walk *w)
{
	while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' ||
				 *w->p == '\n' || *w->p == '\r'))
		w->p++;
}

static int peek(struct walk *w)
{
	skip_space(w);
	return w->p < w->end ? *w->p : -1;
}

static void skip_string(struct walk *w)
{
	for (w->p++; w->p < w->end && *w->p != '"'; w->p++)
		if (*w->p == '\\')
			w->p++;
	w->p++;
}

/* A string, a number or a word. */
static void skip_scalar(struct walk *w)
{
	if (peek(w) == '"') {
		skip_string(w);
		return;
	}
	while (w->p < w->end && *w->p != ',' && *w->p != ']' && *w->p != '}')
		w->p++;
}

static void walk(struct walk *w, const cJSON *j)
{
	int first = peek(w);

	if (j == w->node)
		w->found = w->p;
	if (first != '[' && first != '{') {
		skip_scalar(w);
		return;
	}
	w->p++;
	for (const cJSON *e = j->child; e && !w->found; e = e->next) {
		if (peek(w) == ']' || peek(w) == '}')
			break;
		if (first == '{') {
			skip_string(w);
			if (peek(w) == ':')
				w->p++;
		}
		walk(w, e);
		if (peek(w) == ',')
			w->p++;
	}
	if (!w->found && peek(w) >= 0)
		w->p++; /* the closing bracket */
}

unsigned json_line_of(struct str text, size_t byte)
{
	unsigned n = 1;

	for (size_t i = 0; i < byte && i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

unsigned json_line(struct str text, const cJSON *root, const cJSON *node)
{
	struct walk w = {text.p, text.p + text.n, node, NULL};

	if (!root || !node)
		return 0;
	walk(&w, root);
	return w.found ? json_line_of(text, (size_t)(w.found - text.p)) : 0;
}
