/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing and evaluating the expressions of rule tables; see expr.h. */
#include "models/expr.h"

#include <ctype.h>
#include <errno.h>

#include "core/cursor.h"

/* Deeper nesting than any rule needs; the parser recurses. */
#define MAX_DEPTH 32

/* Evaluation recurses over chains of operators: bound them by the text. */
#define MAX_TEXT 2000

enum op {
	OP_NAME,
	OP_CONST,
	OP_HAS,
	OP_COUNT,
	OP_NOT,
	OP_NEG,
	OP_IF,
	OP_OR,
	OP_AND,
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_FLOORDIV,
	OP_MOD,
};

struct node {
	enum op op;
	struct node *a, *b;
	struct value value; /* CONST */
	struct str name;    /* NAME, HAS, COUNT */
	unsigned k;	    /* HAS: its number */
};

struct expr {
	struct str text;
	const struct node *root;
	struct str has[EXPR_MAX_HAS];
	unsigned nhas;
};

/* ---- parsing: one function a level of precedence ---- */

struct parser {
	struct cursor c;
	struct arena *arena;
	struct expr *e;
	unsigned depth;
	const char *wrong; /* first complaint */
	bool nomem;
};

static void skip_space(struct parser *p)
{
	while (cursor_peek(&p->c) == ' ')
		cursor_next(&p->c);
}

static struct node *complain(struct parser *p, const char *what)
{
	if (!p->wrong)
		p->wrong = what;
	return NULL;
}

static struct node *node_new(struct parser *p, enum op op, struct node *a,
			     struct node *b)
{
	struct node *n = arena_alloc(p->arena, sizeof(*n));

	if (!n) {
		p->nomem = true;
		return NULL;
	}
	*n = (struct node){.op = op, .a = a, .b = b};
	return n;
}

static bool is_word(int c)
{
	return c >= 0 && (isalnum(c) || c == '_' || c == '.');
}

/* The word at the cursor, not taken; empty if there is none. */
static struct str peek_word(struct parser *p)
{
	struct cursor c;

	skip_space(p);
	c = p->c;
	while (is_word(cursor_peek(&c)))
		cursor_next(&c);
	return (struct str){(const char *)p->c.p, (size_t)(c.p - p->c.p)};
}

static bool take_word(struct parser *p, const char *word)
{
	struct str w = peek_word(p);

	if (!str_is(w, word))
		return false;
	cursor_bytes(&p->c, w.n);
	return true;
}

/* An operator; none of them is a prefix of a longer one tried later. */
static bool take_op(struct parser *p, const char *op)
{
	size_t n = strlen(op);

	skip_space(p);
	if (cursor_left(&p->c) < n || memcmp(p->c.p, op, n) != 0)
		return false;
	cursor_bytes(&p->c, n);
	return true;
}

/* What follows `has` or `count`: everything up to a space or ')'. */
static struct str take_template(struct parser *p)
{
	struct str s;

	skip_space(p);
	s.p = (const char *)p->c.p;
	while (cursor_peek(&p->c) > ' ' && cursor_peek(&p->c) != ')')
		cursor_next(&p->c);
	s.n = (size_t)((const char *)p->c.p - s.p);
	return s;
}

static struct node *parse_or(struct parser *p);

static struct node *parse_text(struct parser *p, int quote)
{
	struct node *n = node_new(p, OP_CONST, NULL, NULL);
	struct str s = {(const char *)p->c.p, 0};
	int c;

	while ((c = cursor_next(&p->c)) >= 0 && c != quote)
		s.n++;
	if (c < 0)
		return complain(p, "a text that is not closed");
	if (n)
		n->value = value_text(s);
	return n;
}

static struct node *parse_template(struct parser *p, enum op op)
{
	struct node *n = node_new(p, op, NULL, NULL);
	struct str name = take_template(p);

	if (!name.n)
		return complain(p, "a name is missing behind has or count");
	if (!n)
		return NULL;
	n->name = name;
	if (op == OP_HAS) {
		if (p->e->nhas == EXPR_MAX_HAS)
			return complain(p, "too many has");
		n->k = p->e->nhas;
		p->e->has[p->e->nhas++] = name;
	}
	return n;
}

static bool is_keyword(struct str w)
{
	return str_is(w, "and") || str_is(w, "or") || str_is(w, "not") ||
	       str_is(w, "if");
}

static struct node *parse_word(struct parser *p)
{
	struct str w = peek_word(p);
	struct node *n;

	if (!w.n || is_keyword(w))
		return complain(p, "a value is missing");
	cursor_bytes(&p->c, w.n);
	if (str_is(w, "has"))
		return parse_template(p, OP_HAS);
	if (str_is(w, "count"))
		return parse_template(p, OP_COUNT);
	n = node_new(p, OP_CONST, NULL, NULL);
	if (!n)
		return NULL;
	n->value = value_parse(w);
	if (n->value.kind != VALUE_TEXT)
		return n;
	if (isdigit((unsigned char)w.p[0]) || w.p[0] == '.')
		return complain(p, "a malformed number");
	n->op = OP_NAME;
	n->name = w;
	return n;
}

static struct node *parse_atom(struct parser *p)
{
	struct node *n;

	skip_space(p);
	if (cursor_take(&p->c, '\''))
		return parse_text(p, '\'');
	if (cursor_take(&p->c, '"'))
		return parse_text(p, '"');
	if (!cursor_take(&p->c, '('))
		return parse_word(p);
	n = parse_or(p);
	if (!take_op(p, ")"))
		return complain(p, "a ) is missing");
	return n;
}

static struct node *parse_unary(struct parser *p)
{
	struct node *n;

	if (++p->depth > MAX_DEPTH)
		return complain(p, "nested too deeply");
	if (take_op(p, "-")) {
		n = parse_unary(p);
		n = n ? node_new(p, OP_NEG, n, NULL) : NULL;
	} else {
		n = parse_atom(p);
	}
	p->depth--;
	return n;
}

struct binary {
	const char *text;
	enum op op;
};

/* level: operators of one precedence, longest first, ended by NULL. */
static struct node *parse_binary(struct parser *p, const struct binary *level,
				 struct node *(*next)(struct parser *))
{
	struct node *a = next(p);

	for (const struct binary *o = level; a && o->text;) {
		struct node *b;

		if (!take_op(p, o->text)) {
			o++;
			continue;
		}
		b = next(p);
		a = b ? node_new(p, o->op, a, b) : NULL;
		o = level;
	}
	return a;
}

static struct node *parse_product(struct parser *p)
{
	static const struct binary level[] = {{"//", OP_FLOORDIV},
					      {"/", OP_DIV},
					      {"*", OP_MUL},
					      {"%", OP_MOD},
					      {NULL, OP_CONST}};

	return parse_binary(p, level, parse_unary);
}

static struct node *parse_sum(struct parser *p)
{
	static const struct binary level[] = {
		{"+", OP_ADD}, {"-", OP_SUB}, {NULL, OP_CONST}};

	return parse_binary(p, level, parse_product);
}

static struct node *parse_comparison(struct parser *p)
{
	static const struct binary level[] = {{"==", OP_EQ},   {"!=", OP_NE},
					      {"<=", OP_LE},   {">=", OP_GE},
					      {"<", OP_LT},    {">", OP_GT},
					      {NULL, OP_CONST}};

	return parse_binary(p, level, parse_sum);
}

static struct node *parse_not(struct parser *p)
{
	struct node *n;

	if (++p->depth > MAX_DEPTH)
		return complain(p, "nested too deeply");
	if (take_word(p, "not")) {
		n = parse_not(p);
		n = n ? node_new(p, OP_NOT, n, NULL) : NULL;
	} else {
		n = parse_comparison(p);
	}
	p->depth--;
	return n;
}

static struct node *parse_and(struct parser *p)
{
	struct node *a = parse_not(p);

	while (a && take_word(p, "and")) {
		struct node *b = parse_not(p);

		a = b ? node_new(p, OP_AND, a, b) : NULL;
	}
	return a;
}

static struct node *parse_or(struct parser *p)
{
	struct node *a = parse_and(p);

	while (a && take_word(p, "or")) {
		struct node *b = parse_and(p);

		a = b ? node_new(p, OP_OR, a, b) : NULL;
	}
	return a;
}

static struct node *parse_all(struct parser *p)
{
	struct node *n = parse_or(p);

	if (n && take_word(p, "if")) {
		struct node *cond = parse_or(p);

		n = cond ? node_new(p, OP_IF, n, cond) : NULL;
	}
	skip_space(p);
	if (n && cursor_left(&p->c))
		return complain(p, "something is left over at its end");
	return n;
}

int expr_parse(const struct expr **out, struct str text, struct arena *arena,
	       struct error *err)
{
	struct expr *e = arena_alloc(arena, sizeof(*e));
	struct parser p = {.c = {0}, .arena = arena, .e = e};

	if (text.n > MAX_TEXT)
		return error_set(err, ERR_MODEL,
				 "an expression of %zu bytes, over %d", text.n,
				 MAX_TEXT);
	if (!e)
		return error_nomem(err);
	e->text = arena_str(arena, text);
	if (!e->text.p)
		return error_nomem(err);
	p.c = cursor_of(e->text.p, e->text.n);
	e->root = parse_all(&p);
	if (p.nomem)
		return error_nomem(err);
	if (!e->root || p.wrong)
		return error_set(err, ERR_MODEL, "the expression \"%.*s\": %s",
				 STR_ARG(text),
				 p.wrong ? p.wrong : "cannot be read");
	*out = e;
	return 0;
}

/* ---- evaluation ---- */

static struct value eval(const struct node *n, const struct expr_env *env);

static struct value divide(int64_t a, int64_t b, const struct expr_env *env)
{
	if (b != 0 && a % b != 0 && env->fractions)
		return value_real((double)a / (double)b);
	if (b == 0 || a % b != 0) {
		if (env->why && !env->why->len)
			strbuf_addf(env->why,
				    "%lld / %lld is not a whole number",
				    (long long)a, (long long)b);
		return VALUE_MISSING;
	}
	return value_int(a / b);
}

/* Rounds down, as Python's // does. */
static struct value floordiv(int64_t a, int64_t b)
{
	int64_t q;

	if (b == 0)
		return VALUE_MISSING;
	q = a / b;
	if (a % b != 0 && (a < 0) != (b < 0))
		q--;
	return value_int(q);
}

static struct value arithmetic(enum op op, int64_t a, int64_t b,
			       const struct expr_env *env)
{
	int64_t r;

	if (b == -1 && (op == OP_DIV || op == OP_FLOORDIV))
		return arithmetic(OP_SUB, 0, a, env); /* may overflow */
	switch (op) {
	case OP_ADD:
		return __builtin_add_overflow(a, b, &r) ? VALUE_MISSING
							: value_int(r);
	case OP_SUB:
		return __builtin_sub_overflow(a, b, &r) ? VALUE_MISSING
							: value_int(r);
	case OP_MUL:
		return __builtin_mul_overflow(a, b, &r) ? VALUE_MISSING
							: value_int(r);
	case OP_DIV:
		return divide(a, b, env);
	case OP_FLOORDIV:
		return floordiv(a, b);
	case OP_MOD:
		if (b <= 0)
			return VALUE_MISSING;
		return value_int(a % b < 0 ? a % b + b : a % b);
	case OP_LT:
		return value_bool(a < b);
	case OP_LE:
		return value_bool(a <= b);
	case OP_GT:
		return value_bool(a > b);
	case OP_GE:
		return value_bool(a >= b);
	default:
		return VALUE_MISSING;
	}
}

static struct value eval_binary(const struct node *n,
				const struct expr_env *env)
{
	struct value a = eval(n->a, env), b;

	if (n->op == OP_AND && !value_true(a))
		return a;
	if (n->op == OP_OR && value_true(a))
		return a;
	b = eval(n->b, env);
	switch (n->op) {
	case OP_AND:
	case OP_OR:
		return b;
	case OP_EQ:
		return value_bool(value_eq(a, b));
	case OP_NE:
		return value_bool(!value_eq(a, b));
	default:
		if (!value_is_number(a) || !value_is_number(b))
			return VALUE_MISSING;
		return arithmetic(n->op, a.num, b.num, env);
	}
}

static struct value eval(const struct node *n, const struct expr_env *env)
{
	struct value v;

	switch (n->op) {
	case OP_CONST:
		return n->value;
	case OP_NAME:
		return env->lookup(env->ctx, n->name);
	case OP_HAS:
		return value_bool(env->has && env->has(env->ctx, n->k));
	case OP_COUNT:
		return env->count ? env->count(env->ctx, n->name)
				  : VALUE_MISSING;
	case OP_NOT:
		return value_bool(!value_true(eval(n->a, env)));
	case OP_NEG:
		v = eval(n->a, env);
		return value_is_number(v) ? arithmetic(OP_SUB, 0, v.num, env)
					  : VALUE_MISSING;
	case OP_IF:
		return value_true(eval(n->b, env)) ? eval(n->a, env)
						   : VALUE_MISSING;
	default:
		return eval_binary(n, env);
	}
}

struct value expr_eval(const struct expr *e, const struct expr_env *env)
{
	return eval(e->root, env);
}

struct str expr_text(const struct expr *e)
{
	return e->text;
}

struct str expr_has(const struct expr *e, unsigned k)
{
	return k < e->nhas ? e->has[k] : (struct str){NULL, 0};
}

static bool mentions(const struct node *n, struct str name)
{
	if (!n)
		return false;
	return (n->op == OP_NAME && str_eq(n->name, name)) ||
	       mentions(n->a, name) || mentions(n->b, name);
}

bool expr_mentions(const struct expr *e, struct str name)
{
	return mentions(e->root, name);
}

static void each_name(const struct node *n,
		      void (*see)(void *ctx, struct str name), void *ctx)
{
	if (!n)
		return;
	if (n->op == OP_NAME)
		see(ctx, n->name);
	each_name(n->a, see, ctx);
	each_name(n->b, see, ctx);
}

void expr_each_name(const struct expr *e,
		    void (*see)(void *ctx, struct str name), void *ctx)
{
	each_name(e->root, see, ctx);
}

static struct str first_lower(const struct node *n)
{
	struct str s = {NULL, 0};

	if (!n)
		return s;
	if (n->op == OP_NAME && islower((unsigned char)n->name.p[0]))
		return n->name;
	s = first_lower(n->a);
	return s.p ? s : first_lower(n->b);
}

struct str expr_capture(const struct expr *e)
{
	return first_lower(e->root);
}

static bool is_shift(const struct node *n, struct str name)
{
	switch (n->op) {
	case OP_NAME:
		return str_eq(n->name, name);
	case OP_ADD:
		return (is_shift(n->a, name) && !mentions(n->b, name)) ||
		       (is_shift(n->b, name) && !mentions(n->a, name));
	case OP_SUB:
		return is_shift(n->a, name) && !mentions(n->b, name);
	default:
		return false;
	}
}

bool expr_is_shift(const struct expr *e, struct str name)
{
	return is_shift(e->root, name);
}
