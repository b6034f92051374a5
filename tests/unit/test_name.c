/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name templates: what matches them, with which values, what filling them
 * gives back, and what is refused. The values are written here as a text:
 * "i=3 x=q *1=a.b".
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/strbuf.h"
#include "models/name.h"
#include "temp_source.h"

static struct arena arena;
static struct error err;
static struct caps caps;

static void setup(void)
{
	arena = (struct arena)ARENA_INIT;
	err = (struct error)ERROR_INIT;
	caps.n = 0;
}

static void teardown(void)
{
	arena_release(&arena);
	error_release(&err);
}

#define S(text)                                                                \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

/* gate/w1, up/w3; a.x/A and a.x/B: the left repeats; c/Z and d/Z: the right. */
static const struct word_pair mlp[] = {{{S("gate"), S("w1")}},
				       {{S("up"), S("w3")}}};
static const struct word_pair lora[] = {{{S("a.x"), S("A")}},
					{{S("a.x"), S("B")}},
					{{S("c"), S("Z")}},
					{{S("d"), S("Z")}},
					{{S("d.e"), S("ZZ")}}};
static const struct words words[] = {{S("mlp"), mlp, 2}, {S("lora"), lora, 5}};

/* The axes are L = 4 and M = 10; BIG is near the end of 64 bits. */
static struct value lookup(const void *ctx, struct str name)
{
	(void)ctx;
	if (str_is(name, "L"))
		return value_int(4);
	if (str_is(name, "M"))
		return value_int(10);
	if (str_is(name, "BIG"))
		return value_int(INT64_MAX - 5);
	if (str_is(name, "word"))
		return value_text(str_of("text"));
	return VALUE_MISSING;
}

static const struct expr_env axes = {.lookup = lookup};

static int try_parse(struct name *n, const char *text, int side)
{
	return name_parse(n, str_of(text), side, &caps, words, 2, &arena, &err);
}

static struct name parse(const char *text, int side)
{
	struct name n;

	if (try_parse(&n, text, side))
		ck_abort_msg("%s", error_text(&err));
	ck_assert(str_is(n.text, text));
	return n;
}

static void show(const struct binding *b, struct strbuf *sb)
{
	for (unsigned k = 0; k < caps.n; k++) {
		const struct cap *c = &caps.v[k];

		if (!(b->set >> k & 1))
			continue;
		strbuf_addf(sb, "%s%.*s=", sb->len ? " " : "",
			    STR_ARG(c->name));
		if (c->kind == CAP_NUM || c->kind == CAP_WORD)
			strbuf_addf(sb, "%lld", (long long)b->v[k].num);
		else
			strbuf_addstr(sb, b->v[k].text);
	}
}

/*
 * A left template and a name: the values, or NULL for no match. Filling the
 * template with the values gives the name again.
 */
struct example {
	const char *tmpl, *name, *want;
};

static void check_match(const struct example *e, int side)
{
	struct name n = parse(e->tmpl, side);
	struct strbuf got = STRBUF_INIT, back = STRBUF_INIT;
	struct binding b = {.set = 0};

	strbuf_reserve(&got, 1);
	if (!name_match(&n, &caps, str_of(e->name), &axes, &b)) {
		ck_assert_msg(!e->want, "%s: no match with %s", e->name,
			      e->tmpl);
		ck_assert_uint_eq(b.set, 0);
	} else {
		show(&b, &got);
		ck_assert_msg(e->want && str_is(strbuf_str(&got), e->want),
			      "%s with %s: %s, not %s", e->name, e->tmpl,
			      got.len ? got.p : "nothing bound",
			      e->want ? e->want : "no match");
		ck_assert(name_fill(&n, &caps, &axes, &b, &back));
		ck_assert(str_is(strbuf_str(&back), e->name));
	}
	strbuf_release(&got);
	strbuf_release(&back);
}

static const struct example left[] = {
	/* literals: whole names, never a part of one */
	{"a.b", "a.b", ""},
	{"a.b", "a.bc", NULL},
	{"a.b", "xa.b", NULL},
	{"a.b", "a.", NULL},
	{"a.b", "", NULL},
	{"a.b", "aXb", NULL},
	/* numbers: as they are written, without leading zeros */
	{"l.{i}.w", "l.0.w", "i=0"},
	{"l.{i}.w", "l.12.w", "i=12"},
	{"l.{i}.w", "l.00.w", NULL},
	{"l.{i}.w", "l.01.w", NULL},
	{"l.{i}.w", "l..w", NULL},
	{"l.{i}.w", "l.-1.w", NULL},
	{"l.{i}.w", "l.+1.w", NULL},
	{"l.{i}.w", "l.1a.w", NULL},
	{"l.{i}.w", "l.1.2.w", NULL},
	{"l{i}", "l999999999999999999", "i=999999999999999999"},
	{"l{i}", "l9999999999999999999", NULL},
	{"l{i}**", "l1234567890123456789", NULL},
	{"l{i}**", "l12x", "i=12 *1=x"},
	{"{i}", "7", "i=7"},
	{"{i}.{j}", "7.8", "i=7 j=8"},
	{"{i}{j}", "78", NULL},
	/* the same capture twice is the same number */
	{"{i}.{i}", "7.7", "i=7"},
	{"{i}.{i}", "7.8", NULL},
	{"{i}.{i+1}", "7.8", "i=7"},
	{"{i}.{i+1}", "7.7", NULL},
	{"{i-1}.{i}", "6.7", "i=7"},
	/* arithmetic */
	{"{i+1}", "1", "i=0"},
	{"{i+1}", "0", NULL},
	{"{i-1}", "0", "i=1"},
	{"{m+L}", "4", "m=0"},
	{"{m+L}", "6", "m=2"},
	{"{m+L}", "3", NULL},
	{"{L+m}", "6", "m=2"},
	{"{m+L*2-1}", "9", "m=2"},
	{"{m+X}", "9", NULL},
	{"{m+word}", "9", NULL},
	{"{m-BIG}", "999999999999999999", NULL},
	{"{m+BIG}", "999999999999999999", NULL},
	/* constants */
	{"{L+1}", "5", ""},
	{"{L+1}", "4", NULL},
	{"{L+1}", "05", NULL},
	{"{L}.{M}", "4.10", ""},
	{"{L-5}", "0", NULL},
	{"{X}", "4", NULL},
	{"{3}", "3", ""},
	{"{'3'}", "3", NULL},
	/* alternatives */
	{"{x:q|k|v}_proj", "k_proj", "x=k"},
	{"{x:q|k|v}_proj", "o_proj", NULL},
	{"{x:q|k|v}_proj", "_proj", NULL},
	{"{x:q|qk}_proj", "qk_proj", "x=qk"},
	{"{x:a|ab}{y:bc|c}", "abc", "x=a y=bc"},
	{"{x:|n}orm", "orm", "x="},
	{"{x:|n}orm", "norm", "x=n"},
	{"{x:a|b}.{x}", "a.a", "x=a"},
	{"{x:a|b}.{x}", "a.b", NULL},
	{"{x}.{x:a|b}", "b.b", "x=b"},
	{"{x}.{x:a|b}", "7.7", NULL},
	{"{x:a|b}.{x:a|b}", "b.b", "x=b"},
	{"{x:a.b|c}", "a.b", "x=a.b"},
	{"{x:**|{i|*}", "**", "x=**"},
	/* stars: greedy, * without dots */
	{"*", "abc", "*1=abc"},
	{"*", "a.c", NULL},
	{"*", "", "*1="},
	{"**", "a.b.c", "*1=a.b.c"},
	{"*.w", "a.w", "*1=a"},
	{"*.w", "a.b.w", NULL},
	{"**.w", "a.b.w", "*1=a.b"},
	{"**.w", "w", NULL},
	{"a.*.c", "a..c", "*1="},
	{"**.*", "a.b.c", "*1=a.b *2=c"},
	{"*.**", "a.b.c", "*1=a *2=b.c"},
	{"**n**", "n.n.n", "*1=n.n. *2="},
	{"**norm*.w", "a.norm1.w", "*1=a. *2=1"},
	{"**norm*.w", "a.norm1.b.w", NULL},
	{"***", "a.b", "*1=a.b *2="},
	{"**.{i}", "a.1.2", "*1=a.1 i=2"},
	{"**{i}", "a12", "*1=a1 i=2"},
	{"**.{i}.{i}", "1.1.2.2", "*1=1.1 i=2"},
	/* words: all are read */
	{"m.{mlp}.w", "m.gate.w", "mlp=0"},
	{"m.{mlp}.w", "m.up.w", "mlp=1"},
	{"m.{mlp}.w", "m.w1.w", NULL},
	{"{lora}", "a.x", "lora=0"},
	{"{lora}", "c", "lora=2"},
	{"{lora}", "d.e", "lora=4"},
	{"{mlp}{mlp}", "upup", "mlp=1"},
	{"{mlp}{mlp}", "upgate", NULL},
};

START_TEST(left_names_match)
{
	check_match(&left[_i], 0);
}
END_TEST

static const struct example right[] = {
	{"m.{mlp}.w", "m.w1.w", "mlp=0"}, {"m.{mlp}.w", "m.gate.w", NULL},
	{"{lora}", "A", "lora=0"},	  {"{lora}", "B", "lora=1"},
	{"{lora}", "Z", "lora=2"},	  {"{lora}", "ZZ", "lora=4"},
	{"{lora}Z", "ZZ", "lora=2"},	  {"l.{i}.w", "l.3.w", "i=3"},
};

START_TEST(right_names_match)
{
	check_match(&right[_i], 1);
}
END_TEST

/* ---- from one side to the other ---- */

struct pair {
	const char *left, *right; /* templates */
	const char *from, *to;	  /* names; the left one is read */
	const char *back;	  /* what to gives; NULL: from */
};

static const struct pair pairs[] = {
	{"a.{i}.w", "b.{i}.v", "a.3.w", "b.3.v", NULL},
	{"l.{m+L}.w", "mtp.{m}.w", "l.6.w", "mtp.2.w", NULL},
	{"mtp.{m}.w", "l.{m+L}.w", "mtp.0.w", "l.4.w", NULL},
	{"h.{i}.w", "h.{i+1}.w", "h.0.w", "h.1.w", NULL},
	{"h.{i-1}.w", "h.{i}.w", "h.0.w", "h.1.w", NULL},
	{"last.w", "l.{L+1}.w", "last.w", "l.5.w", NULL},
	{"{x:k|v}_proj", "w{x}", "v_proj", "wv", NULL},
	{"{x:k|v}_proj", "w{x:k|v}", "v_proj", "wv", NULL},
	{"w{x}", "{x:k|v}_proj", "wk", "k_proj", NULL},
	{"*.{i}.*", "*{i}*", "a.1.b", "a1b", NULL},
	{"**.weight", "**.gamma", "a.b.weight", "a.b.gamma", NULL},
	{"m.{mlp}", "f.{mlp}", "m.up", "f.w3", NULL},
	{"m.{lora}", "f.{lora}", "m.a.x", "f.A", NULL},
	{"m.{lora}", "f.{lora}", "m.d", "f.Z", "m.c"},
	{"{i}.{j}", "{j}.{i}", "1.2", "2.1", NULL},
};

static void check_step(const struct name *a, const struct name *b,
		       const char *from, const char *to)
{
	struct binding bound = {.set = 0};
	struct strbuf sb = STRBUF_INIT;

	ck_assert(name_match(a, &caps, str_of(from), &axes, &bound));
	ck_assert(name_fill(b, &caps, &axes, &bound, &sb));
	ck_assert_str_eq(sb.p, to);
	strbuf_release(&sb);
}

START_TEST(names_go_to_the_other_side_and_back)
{
	const struct pair *p = &pairs[_i];
	struct name a = parse(p->left, 0), b = parse(p->right, 1);

	check_step(&a, &b, p->from, p->to);
	check_step(&b, &a, p->to, p->back ? p->back : p->from);
	for (unsigned k = 0; k < caps.n; k++)
		ck_assert(caps.v[k].in[0] && caps.v[k].in[1]);
}
END_TEST

START_TEST(second_word_of_a_repeated_one_is_read)
{
	struct name a = parse("m.{lora}", 0), b = parse("f.{lora}", 1);

	check_step(&b, &a, "f.B", "m.a.x");
	check_step(&a, &b, "m.a.x", "f.A");
}
END_TEST

START_TEST(values_bound_before_constrain_a_match)
{
	struct name a = parse("{i}.{x:p|q}.*", 0), b = parse("*.{x}.{i}", 0);
	struct binding bound = {.set = 0}, before;

	ck_assert(name_match(&a, &caps, str_of("3.q.s"), &axes, &bound));
	before = bound;
	ck_assert(name_match(&b, &caps, str_of("s.q.3"), &axes, &bound));
	ck_assert(!name_match(&b, &caps, str_of("s.q.4"), &axes, &bound));
	ck_assert(!name_match(&b, &caps, str_of("s.p.3"), &axes, &bound));
	ck_assert(!name_match(&b, &caps, str_of("t.q.3"), &axes, &bound));
	ck_assert_mem_eq(&before, &bound, sizeof(bound));
}
END_TEST

START_TEST(name_is_not_filled_without_its_values)
{
	static const struct binding none = {.set = 0};
	static const char *const texts[] = {"{i}", "*",	    "{x:a|b}", "{mlp}",
					    "{X}", "{L-5}", "{L*BIG}"};
	struct strbuf sb = STRBUF_INIT;

	for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
		struct name n;

		caps.n = 0;
		n = parse(texts[k], 0);
		ck_assert(!name_fill(&n, &caps, &axes, &none, &sb));
	}
	strbuf_release(&sb);
}
END_TEST

START_TEST(name_is_not_filled_with_a_negative_number)
{
	struct name n = parse("{i-1}", 0);
	struct strbuf sb = STRBUF_INIT;
	struct binding b = {.set = 1};

	ck_assert(!name_fill(&n, &caps, &axes, &b, &sb));
	b.v[0].num = 1;
	ck_assert(name_fill(&n, &caps, &axes, &b, &sb));
	ck_assert_str_eq(sb.p, "0");
	strbuf_release(&sb);
}
END_TEST

START_TEST(name_with_nul_bytes_is_bytes)
{
	struct name n = parse("a*b", 0);
	struct binding b = {.set = 0};

	ck_assert(name_match(&n, &caps, (struct str){"a\0b", 3}, &axes, &b));
	ck_assert_uint_eq(b.v[0].text.n, 1);
	ck_assert(!name_match(&n, &caps, (struct str){"a\0b\0", 4}, &axes, &b));
}
END_TEST

/* ---- what is refused ---- */

static const struct example malformed[] = {
	{"a.{i", "a { that is not closed", NULL},
	{"a.{", "a { that is not closed", NULL},
	{"{}", "an empty {}", NULL},
	{"{:a|b}", "an empty {}", NULL},
	{"{i+}", "the expression \"i+\": a value is missing", NULL},
	{"{i j}", "something is left over at its end", NULL},
	{"{{i}}", "the expression \"{i\": a value is missing", NULL},
	{"{2*i}", "a capture may only be added to", NULL},
	{"{L-i}", "a capture may only be added to", NULL},
	{"{i+i}", "a capture may only be added to", NULL},
	{"{i if L}", "a capture may only be added to", NULL},
	{"{x:a|b}{x:a|c}", "a capture with two lists", NULL},
	{"{x:a|b}{x:a}", "a capture with two lists", NULL},
	{"{mlp}{mlp:a|b}", "a capture with two lists", NULL},
	{"{mlp:a|b}{mlp}", "a capture with two lists", NULL},
	{"*{*1:a|b}", "a capture with two lists", NULL},
	{"{x:a|b}{x+1}", "arithmetic with what is no number", NULL},
	{"{x+1}{x:a|b}", "arithmetic with what is no number", NULL},
	{"*a*b*", "too many stars", NULL},
	{"{a}{b}{c}{d}{e}{f}{g}{h}{i}", "too many captures in one rule", NULL},
	{"{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}"
	 "{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}",
	 "too many captures", NULL},
};

START_TEST(malformed_template_is_a_sentence)
{
	const char *text = malformed[_i].tmpl;
	struct name n;

	ck_assert_int_lt(try_parse(&n, text, 0), 0);
	ck_assert_msg(strstr(error_text(&err), malformed[_i].name), "%s: %s",
		      text, error_text(&err));
	ck_assert_int_eq(err.class, ERR_MODEL);
}
END_TEST

START_TEST(hostile_template_ends_in_a_name_or_a_sentence)
{
	static const char bytes[] = "{{}}**.:||iL1+-a{}";
	char text[24];
	uint64_t seed = 3;

	for (int i = 0; i < 30000; i++) {
		size_t n = test_random(&seed) % sizeof(text);
		struct binding b = {.set = 0};
		struct name name;

		for (size_t k = 0; k < n; k++)
			text[k] =
				bytes[test_random(&seed) % (sizeof(bytes) - 1)];
		caps.n = 0;
		if (name_parse(&name, (struct str){text, n}, 0, &caps, words, 2,
			       &arena, &err)) {
			ck_assert(error_text(&err)[0]);
			continue;
		}
		name_match(&name, &caps, str_of("a.1.i+1..2|a"), &axes, &b);
		name_match(&name, &caps, (struct str){text, n}, &axes, &b);
	}
}
END_TEST

/* ---- random templates filled and matched ---- */

/* Append a random part; what is between two dots matches in one way only. */
static void add_part(uint64_t *seed, unsigned k, struct strbuf *sb)
{
	static const char *const parts[] = {"{i}",	 "{j+1}", "{L+1}",
					    "{x:q|k|v}", "{mlp}", "{m+L*2}",
					    "*",	 "abc",	  "{y:|_a}",
					    "{lora}"};

	strbuf_adds(sb, k ? "." : "");
	strbuf_adds(sb, parts[test_random(seed) % 10]);
}

static void bind_all(uint64_t *seed, struct binding *b)
{
	static const char *const stars[] = {"weight", "bias", "", "a-b"};

	for (unsigned k = 0; k < caps.n; k++) {
		const struct cap *c = &caps.v[k];
		uint64_t r = test_random(seed);

		b->set |= 1u << k;
		b->v[k].num = (int64_t)(r % 1000);
		if (c->kind == CAP_ALT)
			b->v[k].text = c->alts[r % c->nalts];
		else if (c->kind == CAP_WORD)
			b->v[k].num = (int64_t)(r % c->words->npairs);
		else
			b->v[k].text = str_of(stars[r % 4]);
	}
}

START_TEST(match_is_the_inverse_of_fill)
{
	uint64_t seed = 17;

	for (int i = 0; i < 5000; i++) {
		struct strbuf sb = STRBUF_INIT, out = STRBUF_INIT;
		struct strbuf again = STRBUF_INIT;
		struct binding b = {.set = 0}, got = {.set = 0};
		int side = i & 1;
		struct name n;

		caps.n = 0;
		for (unsigned k = 0; k < 4; k++)
			add_part(&seed, k, &sb);
		if (try_parse(&n, sb.p, side)) { /* three stars */
			strbuf_release(&sb);
			continue;
		}
		bind_all(&seed, &b);
		ck_assert(name_fill(&n, &caps, &axes, &b, &out));
		ck_assert_msg(name_match(&n, &caps, strbuf_str(&out), &axes,
					 &got),
			      "%s does not match %s", sb.p, out.p);
		ck_assert_uint_eq(got.set, b.set);
		for (unsigned k = 0; k < caps.n; k++)
			if (caps.v[k].kind == CAP_NUM)
				ck_assert_int_eq(got.v[k].num, b.v[k].num);
		ck_assert(name_fill(&n, &caps, &axes, &got, &again));
		ck_assert(str_eq(strbuf_str(&out), strbuf_str(&again)));
		strbuf_release(&sb);
		strbuf_release(&out);
		strbuf_release(&again);
	}
}
END_TEST

/* The longest name there is, made for backtracking: seconds, not hours. */
START_TEST(backtracking_is_bounded)
{
	static const char *const tmpl[] = {"**a**b", "**a*.w", "**{i}**b",
					   "**{x:a|aa|aaa}**{mlp}"};
	static char text[4096];
	struct timespec from, to;

	for (size_t k = 0; k < sizeof(tmpl) / sizeof(tmpl[0]); k++) {
		struct binding b = {.set = 0};
		struct name n;

		memset(text, k == 2 ? '1' : 'a', sizeof(text));
		caps.n = 0;
		n = parse(tmpl[k], 0);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		ck_assert(!name_match(&n, &caps, (struct str){text, 4096},
				      &axes, &b));
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		ck_assert_int_lt(to.tv_sec - from.tv_sec, 20);
	}
}
END_TEST

#define LEN(v) ((int)(sizeof(v) / sizeof((v)[0])))

Suite *suite_name(void);
Suite *suite_name(void)
{
	Suite *s = suite_create("name");
	TCase *tc = tcase_create("names");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, left_names_match, 0, LEN(left));
	tcase_add_loop_test(tc, right_names_match, 0, LEN(right));
	tcase_add_loop_test(tc, names_go_to_the_other_side_and_back, 0,
			    LEN(pairs));
	tcase_add_test(tc, second_word_of_a_repeated_one_is_read);
	tcase_add_test(tc, values_bound_before_constrain_a_match);
	tcase_add_test(tc, name_is_not_filled_without_its_values);
	tcase_add_test(tc, name_is_not_filled_with_a_negative_number);
	tcase_add_test(tc, name_with_nul_bytes_is_bytes);
	tcase_add_test(tc, match_is_the_inverse_of_fill);
	tcase_add_test(tc, backtracking_is_bounded);
	suite_add_tcase(s, tc);
	tc = tcase_create("refused");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, malformed_template_is_a_sentence, 0,
			    LEN(malformed));
	tcase_add_test(tc, hostile_template_ends_in_a_name_or_a_sentence);
	suite_add_tcase(s, tc);
	return s;
}
