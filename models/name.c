/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing, matching and filling name templates; see name.h. */
#include "models/name.h"

#include <ctype.h>
#include <errno.h>

/* Parts of one template: literals and captures in turn. */
#define MAX_PARTS 40

/* Stars of one template: matching tries every split of the name. */
#define MAX_STARS 2

enum part_kind { PART_LITERAL, PART_CONST, PART_NUM, PART_CAP };

struct name_part {
	enum part_kind kind;
	struct str text;	 /* LITERAL */
	bool dotted;		 /* CAP of a star: ** takes dots */
	unsigned cap;		 /* NUM, CAP: index into caps */
	const struct expr *expr; /* CONST, NUM with arithmetic, else NULL */
};

/* ---- parsing ---- */

struct builder {
	struct name_part v[MAX_PARTS];
	unsigned n, nstars;
	struct caps *caps;
	const struct words *words;
	size_t nwords;
	struct arena *arena;
	struct str text;
	int side;
	struct error *err;
};

static int bad(struct builder *b, const char *what)
{
	return error_set(b->err, ERR_MODEL, "the name \"%.*s\": %s",
			 STR_ARG(b->text), what);
}

static int add_part(struct builder *b, struct name_part part)
{
	if (b->n == MAX_PARTS)
		return bad(b, "too many captures");
	b->v[b->n++] = part;
	return 0;
}

static int add_literal(struct builder *b, const char *p, size_t n)
{
	if (!n)
		return 0;
	return add_part(b, (struct name_part){.kind = PART_LITERAL,
					      .text = {p, n}});
}

/* The capture of that name, made if it is new; its side is noted. */
static int find_cap(struct builder *b, struct str name, unsigned *out)
{
	struct caps *caps = b->caps;
	unsigned k = 0;

	while (k < caps->n && !str_eq(caps->v[k].name, name))
		k++;
	if (k == RULE_MAX_CAPS)
		return bad(b, "too many captures in one rule");
	if (k == caps->n)
		caps->v[caps->n++] = (struct cap){.name = name};
	caps->v[k].in[b->side] = true;
	*out = k;
	return 0;
}

static int add_star(struct builder *b, bool dotted)
{
	static const char *const names[MAX_STARS] = {"*1", "*2"};
	struct name_part part = {.kind = PART_CAP, .dotted = dotted};
	int ret;

	if (b->nstars == MAX_STARS)
		return bad(b, "too many stars");
	ret = find_cap(b, str_of(names[b->nstars++]), &part.cap);
	if (ret)
		return ret;
	b->caps->v[part.cap].kind = CAP_STAR;
	return add_part(b, part);
}

/* A capture's list may be written again, but not another one. */
static bool same_list(const struct cap *cap, const struct str *alts, size_t n)
{
	if (cap->kind != CAP_ALT || cap->nalts != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!str_eq(cap->alts[i], alts[i]))
			return false;
	return true;
}

/* {x:a|b|c}: body is "x:a|b|c", colon the place of its ':'. */
static int add_alternatives(struct builder *b, struct str body, size_t colon)
{
	struct name_part part = {.kind = PART_CAP};
	struct str rest = {body.p + colon + 1, body.n - colon - 1};
	struct str *alts = arena_array(b->arena, rest.n + 1, sizeof(*alts));
	struct cap *cap;
	size_t n = 0, from = 0;
	int ret = find_cap(b, (struct str){body.p, colon}, &part.cap);

	if (ret)
		return ret;
	if (!alts)
		return error_nomem(b->err);
	for (size_t i = 0; i <= rest.n; i++) {
		if (i < rest.n && rest.p[i] != '|')
			continue;
		alts[n++] = (struct str){rest.p + from, i - from};
		from = i + 1;
	}
	cap = &b->caps->v[part.cap];
	if (cap->shifted)
		return bad(b, "arithmetic with what is no number");
	if (cap->kind != CAP_NUM && !same_list(cap, alts, n))
		return bad(b, "a capture with two lists");
	cap->kind = CAP_ALT;
	cap->alts = alts;
	cap->nalts = n;
	return add_part(b, part);
}

static const struct words *find_words(struct builder *b, struct str name)
{
	for (size_t i = 0; i < b->nwords; i++)
		if (str_eq(b->words[i].name, name))
			return &b->words[i];
	return NULL;
}

static int add_number(struct builder *b, struct str body)
{
	struct name_part part = {.kind = PART_NUM};
	struct str capture;
	int ret = expr_parse(&part.expr, body, b->arena, b->err);

	if (ret)
		return ret;
	capture = expr_capture(part.expr);
	if (!capture.p) {
		part.kind = PART_CONST;
		return add_part(b, part);
	}
	ret = find_cap(b, capture, &part.cap);
	if (ret)
		return ret;
	if (capture.n == body.n) { /* no arithmetic */
		part.expr = NULL;
		return add_part(b, part);
	}
	if (!expr_is_shift(part.expr, capture))
		return bad(b, "a capture may only be added to");
	if (b->caps->v[part.cap].kind != CAP_NUM)
		return bad(b, "arithmetic with what is no number");
	b->caps->v[part.cap].shifted = true;
	return add_part(b, part);
}

static int add_capture(struct builder *b, struct str body)
{
	const char *colon = memchr(body.p, ':', body.n);
	const struct words *words;
	struct name_part part = {.kind = PART_CAP};
	int ret;

	if (!body.n || colon == body.p)
		return bad(b, "an empty {}");
	if (colon)
		return add_alternatives(b, body, (size_t)(colon - body.p));
	words = find_words(b, body);
	if (!words) /* an alternative's name looks like {i} as well */
		return add_number(b, body);
	ret = find_cap(b, body, &part.cap);
	if (ret)
		return ret;
	if (b->caps->v[part.cap].kind == CAP_ALT)
		return bad(b, "a capture with two lists");
	b->caps->v[part.cap].kind = CAP_WORD;
	b->caps->v[part.cap].words = words;
	return add_part(b, part);
}

static int parse(struct builder *b)
{
	const char *p = b->text.p, *end = p + b->text.n, *from = p;
	int ret = 0;

	while (p < end && !ret) {
		const char *close;

		if (*p != '{' && *p != '*') {
			p++;
			continue;
		}
		ret = add_literal(b, from, (size_t)(p - from));
		if (ret)
			return ret;
		if (*p == '*') {
			bool dotted = end - p > 1 && p[1] == '*';

			p += dotted ? 2 : 1;
			ret = add_star(b, dotted);
		} else {
			close = memchr(p, '}', (size_t)(end - p));
			if (!close)
				return bad(b, "a { that is not closed");
			ret = add_capture(
				b,
				(struct str){p + 1, (size_t)(close - p - 1)});
			p = close + 1;
		}
		from = p;
	}
	return ret ? ret : add_literal(b, from, (size_t)(end - from));
}

int name_parse(struct name *out, struct str text, int side, struct caps *caps,
	       const struct words *words, size_t nwords, struct arena *arena,
	       struct error *err)
{
	struct builder b = {.caps = caps,
			    .words = words,
			    .nwords = nwords,
			    .arena = arena,
			    .side = side,
			    .err = err};
	struct name_part *parts;
	int ret;

	b.text = arena_str(arena, text);
	if (!b.text.p)
		return error_nomem(err);
	ret = parse(&b);
	if (ret)
		return ret;
	parts = arena_array(arena, b.n, sizeof(*parts));
	if (!parts)
		return error_nomem(err);
	memcpy(parts, b.v, b.n * sizeof(*parts));
	*out = (struct name){b.text, side, parts, b.n};
	return 0;
}

bool name_has(const struct name *n, unsigned cap)
{
	for (unsigned k = 0; k < n->nparts; k++)
		if ((n->parts[k].kind == PART_NUM ||
		     n->parts[k].kind == PART_CAP) &&
		    n->parts[k].cap == cap)
			return true;
	return false;
}

bool name_is_loose(const struct name *n)
{
	for (unsigned k = 0; k < n->nparts; k++)
		if (n->parts[k].dotted)
			return true;
	return false;
}

/* ---- arithmetic on captures ---- */

/* An environment in which one capture has a given value. */
struct with_cap {
	const struct expr_env *outer;
	struct str name;
	int64_t num;
};

static struct value lookup_cap(const void *ctx, struct str name)
{
	const struct with_cap *w = ctx;

	if (w->name.p && str_eq(name, w->name))
		return value_int(w->num);
	return w->outer->lookup(w->outer->ctx, name);
}

/* The part's number when its capture is num. */
static bool part_number(const struct name_part *part, const struct caps *caps,
			int64_t num, const struct expr_env *look, int64_t *out)
{
	struct with_cap w = {look, {NULL, 0}, num};
	struct expr_env env = {.lookup = lookup_cap, .ctx = &w};
	struct value v;

	if (!part->expr) {
		*out = num;
		return true;
	}
	if (part->kind == PART_NUM)
		w.name = caps->v[part->cap].name;
	v = expr_eval(part->expr, &env);
	*out = v.num;
	return v.kind == VALUE_INT;
}

/* ---- matching ---- */

struct matcher {
	const struct name *n;
	const struct caps *caps;
	const struct expr_env *look;
};

static bool match_from(const struct matcher *m, unsigned k, struct str rest,
		       struct binding *b);

static struct str skip(struct str s, size_t n)
{
	return (struct str){s.p + n, s.n - n};
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* 0 or digits without a leading zero, taken whole; 0 bytes if none. */
static size_t take_number(struct str s, int64_t *out)
{
	size_t n = 0;

	*out = 0;
	while (n < s.n && n < 18 && is_digit(s.p[n]))
		*out = 10 * *out + (s.p[n++] - '0');
	if ((n > 1 && s.p[0] == '0') || (n < s.n && is_digit(s.p[n])))
		return 0;
	return n;
}

static bool match_number(const struct matcher *m, unsigned k, struct str rest,
			 struct binding *b)
{
	const struct name_part *part = &m->n->parts[k];
	int64_t num, at0;
	size_t n = take_number(rest, &num);

	if (n && !m->look) /* any number may do */
		return match_from(m, k + 1, skip(rest, n), b);
	if (!n || !part_number(part, m->caps, 0, m->look, &at0))
		return false;
	if (part->kind == PART_CONST)
		return num == at0 && match_from(m, k + 1, skip(rest, n), b);
	/* the arithmetic adds a constant to the capture */
	if (__builtin_sub_overflow(num, at0, &num) || num < 0)
		return false;
	if (b->set >> part->cap & 1)
		return b->v[part->cap].num == num &&
		       match_from(m, k + 1, skip(rest, n), b);
	b->v[part->cap].num = num;
	b->set |= 1u << part->cap;
	return match_from(m, k + 1, skip(rest, n), b);
}

/* Bind capture part->cap to a text of the name and go on behind it. */
static bool match_text(const struct matcher *m, unsigned k, struct str rest,
		       struct str text, int64_t num, struct binding *b)
{
	unsigned cap = m->n->parts[k].cap;
	unsigned saved = b->set; /* values are read only where it is on */

	if (!str_starts(rest, text))
		return false;
	b->v[cap].num = num;
	b->v[cap].text = text;
	b->set |= 1u << cap;
	if (match_from(m, k + 1, skip(rest, text.n), b))
		return true;
	b->set = saved;
	return false;
}

/* Greedy, as a regular expression's [^.]* or .* */
static bool match_star(const struct matcher *m, unsigned k, struct str rest,
		       struct binding *b)
{
	size_t n = 0;

	while (n < rest.n && (m->n->parts[k].dotted || rest.p[n] != '.'))
		n++;
	for (;; n--) {
		if (match_text(m, k, rest, (struct str){rest.p, n}, 0, b))
			return true;
		if (n == 0)
			return false;
	}
}

/* The text of a bound ALT, WORD or STAR on this side. */
static struct str bound_text(const struct cap *cap, const struct binding *b,
			     unsigned k, int side)
{
	return cap->kind == CAP_WORD ? cap->words->pairs[b->v[k].num].side[side]
				     : b->v[k].text;
}

static bool match_cap(const struct matcher *m, unsigned k, struct str rest,
		      struct binding *b)
{
	unsigned c = m->n->parts[k].cap;
	const struct cap *cap = &m->caps->v[c];

	if (b->set >> c & 1)
		return match_text(m, k, rest, bound_text(cap, b, c, m->n->side),
				  b->v[c].num, b);
	switch (cap->kind) {
	case CAP_STAR:
		return match_star(m, k, rest, b);
	case CAP_ALT:
		for (size_t i = 0; i < cap->nalts; i++)
			if (match_text(m, k, rest, cap->alts[i], 0, b))
				return true;
		return false;
	case CAP_WORD:
		for (size_t i = 0; i < cap->words->npairs; i++)
			if (match_text(m, k, rest,
				       cap->words->pairs[i].side[m->n->side],
				       (int64_t)i, b))
				return true;
		return false;
	case CAP_NUM:
		break;
	}
	return match_number(m, k, rest, b);
}

static bool match_from(const struct matcher *m, unsigned k, struct str rest,
		       struct binding *b)
{
	const struct name_part *part = &m->n->parts[k];

	if (k == m->n->nparts)
		return rest.n == 0;
	switch (part->kind) {
	case PART_LITERAL:
		return str_starts(rest, part->text) &&
		       match_from(m, k + 1, skip(rest, part->text.n), b);
	case PART_CONST:
		return match_number(m, k, rest, b);
	case PART_NUM:
		/* {x} of an {x:a|b} elsewhere in the rule, or a number */
		if (m->caps->v[part->cap].kind != CAP_NUM && !part->expr)
			return match_cap(m, k, rest, b);
		return match_number(m, k, rest, b);
	case PART_CAP:
		return match_cap(m, k, rest, b);
	}
	return false;
}

/* Most names of a model differ in their last words: those are seen first. */
static bool may_end(const struct name *n, struct str text)
{
	const struct name_part *last = &n->parts[n->nparts - 1];
	size_t len = last->text.n;

	return last->kind != PART_LITERAL ||
	       (text.n >= len &&
		memcmp(text.p + text.n - len, last->text.p, len) == 0);
}

bool name_match(const struct name *n, const struct caps *caps, struct str text,
		const struct expr_env *look, struct binding *b)
{
	struct matcher m = {n, caps, look};
	struct binding got;

	if (n->nparts && !may_end(n, text))
		return false;
	got = *b;
	if (!match_from(&m, 0, text, &got))
		return false;
	*b = got;
	return true;
}

bool name_may_match(const struct name *n, const struct caps *caps,
		    struct str text)
{
	struct binding b = {.set = 0};

	return name_match(n, caps, text, NULL, &b);
}

/* ---- filling ---- */

static bool fill_part(const struct name *n, const struct name_part *part,
		      const struct caps *caps, const struct expr_env *look,
		      const struct binding *b, struct strbuf *out)
{
	const struct cap *cap;
	int64_t num;

	if (part->kind == PART_LITERAL) {
		strbuf_addstr(out, part->text);
		return true;
	}
	if (part->kind == PART_CONST) {
		if (!part_number(part, caps, 0, look, &num) || num < 0)
			return false;
		strbuf_addf(out, "%lld", (long long)num);
		return true;
	}
	if (!(b->set >> part->cap & 1))
		return false;
	cap = &caps->v[part->cap];
	if (cap->kind != CAP_NUM) {
		strbuf_addstr(out, bound_text(cap, b, part->cap, n->side));
		return true;
	}
	if (!part_number(part, caps, b->v[part->cap].num, look, &num) ||
	    num < 0)
		return false;
	strbuf_addf(out, "%lld", (long long)num);
	return true;
}

bool name_fill(const struct name *n, const struct caps *caps,
	       const struct expr_env *look, const struct binding *b,
	       struct strbuf *out)
{
	for (unsigned k = 0; k < n->nparts; k++)
		if (!fill_part(n, &n->parts[k], caps, look, b, out))
			return false;
	return !out->failed;
}

void name_show(const struct name *n, const struct caps *caps,
	       const struct expr_env *look, const struct binding *b,
	       struct strbuf *out)
{
	for (unsigned k = 0; k < n->nparts; k++) {
		const struct name_part *part = &n->parts[k];

		if (fill_part(n, part, caps, look, b, out))
			continue;
		if (part->kind == PART_CONST)
			strbuf_addc(out, '*');
		else
			strbuf_addf(out, "{%.*s}",
				    STR_ARG(caps->v[part->cap].name));
	}
}
