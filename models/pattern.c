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
	if (v == 0)
		return bad(ps, "the factor 0 is not supported");
	if (w.p[0] == '0')
		return bad(ps, "the number %.*s begins with 0", STR_ARG(w));
	*out = v;
	return 0;
}

static int axis_kind(struct parser *ps, struct axis *a)
{
	int c = (unsigned char)a->name.p[0];

	if (str_is(a->name, "..."))
		a->kind = AXIS_DOTS;
	else if (is_upper(c))
		a->kind = AXIS_CONFIG;
	else if (!is_digit(c))
		a->kind = AXIS_LOCAL;
	else {
		a->kind = AXIS_NUMBER;
		return parse_number(ps, a->name, &a->value);
	}
	return 0;
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
		return bad(ps, "\"as\" is not supported");
	*out = (struct factor){.nblocks = 1};
	rc = find_axis(ps, name, &out->axis);
	if (rc)
		return rc;
	a = &ps->p->axes[out->axis];
	if (a->kind != AXIS_NUMBER || a->value != 1)
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

static int parse_factors(struct parser *ps, struct product *t)
{
	struct factor f;
	int rc = 0;

	while (!rc) {
		if (is_word(peek(ps)))
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

/* The axes of block b of a product. */
static uint32_t block_axes(const struct product *t, unsigned b)
{
	uint32_t axes = 0;
	unsigned i, k;

	for (i = t->n; i-- > 0; b /= t->v[i].nblocks) {
		const struct factor *f = &t->v[i];
		const struct product *term = f->terms;

		if (!f->nterms) {
			axes |= f->axes;
			continue;
		}
		for (k = b % f->nblocks; k >= term->nblocks; term++)
			k -= term->nblocks;
		axes |= block_axes(term, k);
	}
	return axes;
}

unsigned pattern_find_block(const struct pattern_side *side, unsigned *k)
{
	unsigned t;

	for (t = 0; *k >= side->tensors[t].nblocks; t++)
		*k -= side->tensors[t].nblocks;
	return t;
}

static uint32_t side_block_axes(const struct pattern_side *side, unsigned k)
{
	unsigned t = pattern_find_block(side, &k);

	return block_axes(&side->tensors[t], k);
}

static int bad_block(struct parser *ps, unsigned k, const uint32_t *axes)
{
	struct strbuf names[2] = {STRBUF_INIT, STRBUF_INIT};
	int side, rc;
	unsigned i;

	for (side = 0; side < 2; side++) {
		for (i = 0; i < ps->p->naxes; i++) {
			if (!(axes[side] & AXIS_BIT(i)))
				continue;
			if (names[side].len)
				strbuf_addc(&names[side], ' ');
			strbuf_addstr(&names[side], ps->p->axes[i].name);
		}
		if (!axes[side])
			strbuf_adds(&names[side], "no axes");
	}
	if (names[0].failed || names[1].failed)
		rc = error_nomem(ps->err);
	else
		rc = error_set(ps->err, ERR_MODEL,
			       "the pattern \"%.*s\": block %u has %.*s on the "
			       "left side, %.*s on the right",
			       STR_ARG(ps->p->text), k + 1,
			       STR_ARG(strbuf_str(&names[0])),
			       STR_ARG(strbuf_str(&names[1])));
	strbuf_release(&names[0]);
	strbuf_release(&names[1]);
	return rc;
}

/* Block k of the left is block k of the right: what makes it a bijection. */
static int check_blocks(struct parser *ps)
{
	const struct pattern_side *l = &ps->p->sides[0], *r = &ps->p->sides[1];
	uint32_t axes[2];
	unsigned k;

	if (l->nblocks != r->nblocks)
		return bad(ps, "%u block%s on the left side, %u on the right",
			   l->nblocks, l->nblocks == 1 ? "" : "s", r->nblocks);
	for (k = 0; k < l->nblocks; k++) {
		axes[0] = side_block_axes(l, k);
		axes[1] = side_block_axes(r, k);
		if (axes[0] != axes[1])
			return bad_block(ps, k, axes);
	}
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

static int parse(struct parser *ps)
{
	int rc = parse_side(ps, 0);

	if (rc)
		return rc;
	if (!accept(ps, "->"))
		return peek(ps) < 0 ? bad(ps, "it has no \"->\"")
				    : unexpected(ps);
	rc = parse_side(ps, 1);
	if (rc)
		return rc;
	if (peek(ps) >= 0)
		return unexpected(ps);
	rc = check_dots(ps);
	return rc ? rc : check_blocks(ps);
}

int pattern_parse(const struct pattern **out, struct str text,
		  struct arena *arena, struct error *err)
{
	struct parser ps = {.arena = arena, .err = err};
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
	rc = parse(&ps);
	if (!rc)
		*out = ps.p;
	return rc;
}

struct str pattern_text(const struct pattern *p)
{
	return p->text;
}

unsigned pattern_ntensors(const struct pattern *p, int side)
{
	return p->sides[side].ntensors;
}
