/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing patterns (models/pattern.h). A text may come from a user's file of
 * rules: whatever it holds, parsing ends, in a pattern whose two sides have
 * the same blocks or in a sentence.
 */
#include "models/pattern.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/checked.h"
#include "models/pattern_ast.h"

static const char *const side_names[] = {"left", "right"};

/*
 * Factors and terms are collected on two stacks, since a product knows only
 * at its end how many it has; each takes at least one byte of the text.
 */
struct parser {
	struct pattern *p;
	struct arena *arena;
	struct error *err;
	size_t pos;
	const struct pattern_front *front; /* [2] or NULL */
	int side;
	unsigned depth;
	unsigned ndots; /* tensors that end in `...` */
	unsigned nfactors, nterms;
	struct factor factors[PATTERN_MAX_TEXT];
	struct product terms[PATTERN_MAX_TEXT];
};

static int __attribute__((format(printf, 2, 3)))
bad(struct parser *ps, const char *fmt, ...)
{
	char msg[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return error_set(ps->err, ERR_MODEL, "the pattern \"%.*s\": %s",
			 STR_ARG(ps->p->text), msg);
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(int c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_word(int c)
{
	return is_digit(c) || is_upper(c) || c == '_' || (c >= 'a' && c <= 'z');
}

/* The next byte that is no space, or -1 at the end. */
static int peek(struct parser *ps)
{
	struct str s = ps->p->text;

	while (ps->pos < s.n && (s.p[ps->pos] == ' ' || s.p[ps->pos] == '\t'))
		ps->pos++;
	return ps->pos < s.n ? (unsigned char)s.p[ps->pos] : -1;
}

static bool accept(struct parser *ps, const char *token)
{
	struct str s = ps->p->text, rest;

	peek(ps);
	rest = (struct str){s.p + ps->pos, s.n - ps->pos};
	if (!str_starts(rest, str_of(token)))
		return false;
	ps->pos += strlen(token);
	return true;
}

static struct str take_word(struct parser *ps)
{
	struct str s = ps->p->text, w = {s.p + ps->pos, 0};

	while (ps->pos < s.n && is_word((unsigned char)s.p[ps->pos])) {
		ps->pos++;
		w.n++;
	}
	return w;
}

/* What stands where it must not. */
static int unexpected(struct parser *ps)
{
	int c = peek(ps);

	if (c < 0)
		return bad(ps, "it ends too early");
	if (c == ')')
		return bad(ps, "\")\" without \"(\"");
	if (c == '+')
		return bad(ps, "\"+\" outside parentheses");
	if (accept(ps, "..."))
		return bad(ps, "\"...\" must be the end of a tensor");
	if (accept(ps, "->"))
		return bad(ps, "a second \"->\"");
	if (c < ' ' || c > '~')
		return bad(ps, "unexpected byte 0x%02x", (unsigned)c);
	return bad(ps, "unexpected \"%c\"", c);
}

/* The value of digits, or an error. */
static int parse_number(struct parser *ps, struct str w, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < w.n; i++) {
		if (!is_digit((unsigned char)w.p[i]))
			return bad(ps, "\"%.*s\" is no axis and no number",
				   STR_ARG(w));
		if (mul_overflows(v, 10, &v) ||
		    add_overflows(v, (uint64_t)(w.p[i] - '0'), &v))
			return bad(ps, "the number %.*s is too large",
				   STR_ARG(w));
	}
	if (w.p[0] == '0' && w.n > 1)
		return bad(ps, "the number %.*s begins with 0", STR_ARG(w));
	*out = v;
	return 0;
}

static int axis_kind(struct parser *ps, struct axis *a)
{
	int c = (unsigned char)a->name.p[0], rc = 0;

	if (str_is(a->name, "..."))
		a->kind = AXIS_DOTS;
	else if (is_upper(c))
		a->kind = AXIS_CONFIG;
	else if (!is_digit(c))
		a->kind = AXIS_LOCAL;
	else {
		a->kind = AXIS_NUMBER;
		rc = parse_number(ps, a->name, &a->value);
		if (!a->value) /* the mark of a zero block, one long */
			a->value = 1;
	}
	return rc;
}

/* The number of the axis of that name, a new one where it is the first. */
static int find_axis(struct parser *ps, struct str name, unsigned *out)
{
	struct pattern *p = ps->p;
	struct axis a = {name, AXIS_LOCAL, 0};
	int rc;

	for (*out = 0; *out < p->naxes; ++*out)
		if (str_eq(p->axes[*out].name, name))
			return 0;
	rc = axis_kind(ps, &a);
	if (rc)
		return rc;
	if (p->naxes == PATTERN_MAX_AXES)
		return bad(ps, "more than %d axes", PATTERN_MAX_AXES);
	p->axes[p->naxes++] = a;
	return 0;
}

static int parse_axis(struct parser *ps, struct str name, struct factor *out)
{
	const struct axis *a;
	int rc;

	if (str_is(name, "as"))
		return bad(ps, "\"as\" stands behind the right side only");
	*out = (struct factor){.nblocks = 1};
	rc = find_axis(ps, name, &out->axis);
	if (rc)
		return rc;
	a = &ps->p->axes[out->axis];
	if (str_is(name, "0"))
		ps->p->zero = AXIS_BIT(out->axis);
	if (a->kind != AXIS_NUMBER || a->value != 1 || str_is(name, "0"))
		out->axes = AXIS_BIT(out->axis);
	return 0;
}

static int parse_product(struct parser *ps, struct product *out);

/* The terms from `first` on the stack become a factor. */
static int make_group(struct parser *ps, unsigned first, struct factor *out)
{
	unsigned n = ps->nterms - first, i;
	struct product *v = arena_array(ps->arena, n, sizeof(*v));

	if (!v)
		return error_nomem(ps->err);
	memcpy(v, ps->terms + first, n * sizeof(*v));
	ps->nterms = first;
	*out = (struct factor){.nterms = n, .terms = v};
	for (i = 0; i < n; i++) {
		out->axes |= v[i].axes;
		out->nblocks += v[i].nblocks;
	}
	if (out->nblocks > PATTERN_MAX_BLOCKS)
		return bad(ps, "more than %d blocks", PATTERN_MAX_BLOCKS);
	return 0;
}

/* "(" product {"+" product} ")" behind its "(" */
static int parse_group(struct parser *ps, struct factor *out)
{
	unsigned first = ps->nterms;
	struct product t;
	int rc;

	if (++ps->depth > PATTERN_MAX_DEPTH)
		return bad(ps, "more than %d parentheses inside each other",
			   PATTERN_MAX_DEPTH);
	do {
		rc = parse_product(ps, &t);
		if (rc)
			return rc;
		ps->terms[ps->nterms++] = t;
	} while (accept(ps, "+"));
	if (!accept(ps, ")")) {
		int c = peek(ps);

		if (c < 0 || c == ',' || c == '-')
			return bad(ps, "\"(\" without \")\"");
		return unexpected(ps);
	}
	ps->depth--;
	return make_group(ps, first, out);
}

/* Append a factor to a product; an axis is in a block of it once at most. */
static int add_factor(struct parser *ps, struct product *t,
		      const struct factor *f)
{
	uint32_t both = t->axes & f->axes;

	if (both) {
		struct str a = ps->p->axes[__builtin_ctz(both)].name;

		return bad(ps, "axis %.*s is twice in a block of the %s side",
			   STR_ARG(a), side_names[ps->side]);
	}
	t->axes |= f->axes;
	t->nblocks *= f->nblocks;
	if (t->nblocks > PATTERN_MAX_BLOCKS)
		return bad(ps, "more than %d blocks", PATTERN_MAX_BLOCKS);
	ps->factors[ps->nfactors++] = *f;
	t->n++;
	return 0;
}

/* "as" ends the right side. */
static bool at_as(struct parser *ps)
{
	size_t pos = ps->pos;
	bool as = ps->side && !ps->depth && str_is(take_word(ps), "as");

	ps->pos = pos;
	return as;
}

/* The axes that stand in front of each tensor of the side. */
static int add_front(struct parser *ps, struct product *t)
{
	const struct pattern_front *front = &ps->front[ps->side];
	struct factor f;
	int rc = 0;

	for (unsigned i = 0; i < front->n && !rc; i++) {
		rc = parse_axis(ps, front->names[i], &f);
		if (!rc)
			rc = add_factor(ps, t, &f);
		if (!rc)
			ps->p->axes[f.axis].kind = AXIS_CONFIG;
	}
	return rc;
}

static int parse_factors(struct parser *ps, struct product *t)
{
	struct factor f;
	int rc = 0;

	while (!rc) {
		if (is_word(peek(ps)) && !at_as(ps))
			rc = parse_axis(ps, take_word(ps), &f);
		else if (accept(ps, "("))
			rc = parse_group(ps, &f);
		else
			break;
		if (!rc)
			rc = add_factor(ps, t, &f);
	}
	return rc;
}

/* `...` at the end of a tensor. */
static int parse_dots(struct parser *ps, struct product *t)
{
	struct str name = {ps->p->text.p + ps->pos, 3};
	struct factor f;
	int rc, c;

	if (ps->depth || !accept(ps, "..."))
		return 0;
	c = peek(ps);
	if (c >= 0 && c != ',' && c != '-')
		return bad(ps, "\"...\" must be the end of a tensor");
	ps->ndots++;
	rc = parse_axis(ps, name, &f);
	return rc ? rc : add_factor(ps, t, &f);
}

/* A tensor, or a term of a sum. */
static int parse_product(struct parser *ps, struct product *out)
{
	unsigned first = ps->nfactors;
	struct factor *v;
	int rc;

	*out = (struct product){.nblocks = 1};
	rc = ps->depth || !ps->front ? 0 : add_front(ps, out);
	if (!rc)
		rc = parse_factors(ps, out);
	if (!rc)
		rc = parse_dots(ps, out);
	if (rc)
		return rc;
	if (!out->n && ps->depth && (peek(ps) == ')' || peek(ps) == '+'))
		return bad(ps, "an empty term");
	if (!out->n && !ps->depth &&
	    (peek(ps) < 0 || peek(ps) == ',' || peek(ps) == '-'))
		return bad(ps, "an empty tensor on the %s side",
			   side_names[ps->side]);
	if (!out->n)
		return unexpected(ps);
	v = arena_array(ps->arena, out->n, sizeof(*v));
	if (!v)
		return error_nomem(ps->err);
	memcpy(v, ps->factors + first, out->n * sizeof(*v));
	ps->nfactors = first;
	out->v = v;
	return 0;
}

static int parse_side(struct parser *ps, int which)
{
	struct pattern_side *side = &ps->p->sides[which];
	struct product t;
	int rc;

	ps->side = which;
	do {
		rc = parse_product(ps, &t);
		if (rc)
			return rc;
		if (side->ntensors == PATTERN_MAX_TENSORS)
			return bad(ps, "more than %d tensors on the %s side",
				   PATTERN_MAX_TENSORS, side_names[which]);
		side->tensors[side->ntensors++] = t;
		side->nblocks += t.nblocks;
		if (side->nblocks > PATTERN_MAX_BLOCKS)
			return bad(ps, "more than %d blocks",
				   PATTERN_MAX_BLOCKS);
	} while (accept(ps, ","));
	return 0;
}

static int check_dots(struct parser *ps)
{
	unsigned n = ps->p->sides[0].ntensors + ps->p->sides[1].ntensors;

	if (ps->ndots != 0 && ps->ndots != n)
		return bad(ps, "\"...\" must be in every tensor or in none");
	ps->p->dots = ps->ndots != 0;
	return 0;
}

/* The declared shape behind "as". */
static int parse_as(struct parser *ps)
{
	struct pattern *p = ps->p;
	struct product *as = arena_alloc(ps->arena, sizeof(*as));
	int rc;

	take_word(ps);
	if (!as)
		return error_nomem(ps->err);
	if (p->sides[1].ntensors != 1 || p->sides[1].nfront || ps->ndots)
		return bad(ps, "\"as\" needs a right side of one tensor, "
			       "without \"...\" and no stack");
	ps->front = NULL;
	rc = parse_product(ps, as);
	p->as = as;
	return rc;
}

static int parse(struct parser *ps)
{
	int rc = parse_side(ps, 0);

	if (rc)
		return rc;
	if (!accept(ps, "->"))
		return peek(ps) < 0 ? bad(ps, "it has no \"->\"")
				    : unexpected(ps);
	rc = parse_side(ps, 1);
	if (!rc && at_as(ps))
		rc = parse_as(ps);
	if (rc)
		return rc;
	if (peek(ps) >= 0)
		return unexpected(ps);
	rc = check_dots(ps);
	return rc ? rc : pattern_pair_blocks(ps->p, ps->arena, ps->err);
}

int pattern_parse_stacked(const struct pattern **out, struct str text,
			  const struct pattern_front front[2],
			  struct arena *arena, struct error *err)
{
	struct parser ps = {.arena = arena, .front = front, .err = err};
	int rc;

	if (text.n > PATTERN_MAX_TEXT)
		return error_set(err, ERR_MODEL,
				 "the pattern \"%.64s...\" has %zu bytes, more "
				 "than %d",
				 text.p, text.n, PATTERN_MAX_TEXT);
	ps.p = arena_alloc(arena, sizeof(*ps.p));
	if (!ps.p)
		return error_nomem(err);
	ps.p->text = arena_str(arena, text);
	if (!ps.p->text.p)
		return error_nomem(err);
	for (int side = 0; front && side < 2; side++)
		ps.p->sides[side].nfront = front[side].n;
	rc = parse(&ps);
	if (!rc)
		*out = ps.p;
	return rc;
}

int pattern_parse(const struct pattern **out, struct str text,
		  struct arena *arena, struct error *err)
{
	return pattern_parse_stacked(out, text, NULL, arena, err);
}

struct str pattern_text(const struct pattern *p)
{
	return p->text;
}

unsigned pattern_ntensors(const struct pattern *p, int side)
{
	return p->sides[side].ntensors;
}
