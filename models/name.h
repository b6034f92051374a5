/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name templates of rule tables.
 *
 *   {i}      a number (no leading zeros)     {m+L} {i-1}  with arithmetic
 *   {L+1}    a constant                      {x:a|b}      one of a list
 *   {word}   one of the pairs of `words`     *  **        any text; * no dot
 *
 * A capture has the same value wherever its name stands in a rule; the k-th
 * star of one name is the k-th star of every other name of the rule.
 */
#ifndef WC_MODELS_NAME_H
#define WC_MODELS_NAME_H

#include "core/arena.h"
#include "core/error.h"
#include "core/strbuf.h"
#include "models/expr.h"

/* Captures of one rule. */
#define RULE_MAX_CAPS 8

/* One of `words`: pairs left/right; where one repeats, the first is written. */
struct word_pair {
	struct str side[2];
};

struct words {
	struct str name;
	const struct word_pair *pairs; /* [npairs] */
	size_t npairs;
};

enum cap_kind { CAP_NUM, CAP_ALT, CAP_WORD, CAP_STAR };

struct cap {
	struct str name; /* "i"; stars: "*1" */
	enum cap_kind kind;
	const struct str *alts; /* ALT: [nalts] */
	size_t nalts;
	const struct words *words; /* WORD */
	bool shifted;		   /* {i+1} stands somewhere: a number */
	bool in[2];		   /* stands in a name of that side */
};

/* The captures of a rule, shared by its names. */
struct caps {
	struct cap v[RULE_MAX_CAPS];
	unsigned n;
};

/* Values of a rule's captures, where bit k of set is on. */
struct binding {
	unsigned set;
	struct {
		int64_t num;	 /* NUM; WORD: index of the pair */
		struct str text; /* ALT, STAR: borrowed from the name */
	} v[RULE_MAX_CAPS];
};

struct name_part;

struct name {
	struct str text; /* as written */
	int side;	 /* 0 left, 1 right: which word of a pair is meant */
	const struct name_part *parts;
	unsigned nparts;
};

/*
 * Parse a template; captures not yet in caps are added. words: the table's,
 * [nwords]. Class ERR_MODEL.
 */
int name_parse(struct name *out, struct str text, int side, struct caps *caps,
	       const struct words *words, size_t nwords, struct arena *arena,
	       struct error *err);

/* Whether capture number cap stands in the template. */
bool name_has(const struct name *n, unsigned cap);

/* Whether it has a `**`: what it matches says little of a model. */
bool name_is_loose(const struct name *n);

/*
 * Match a whole tensor name. b: captures bound so far constrain the match;
 * new ones are added to it only if it succeeds. look: values of axes.
 */
bool name_match(const struct name *n, const struct caps *caps, struct str text,
		const struct expr_env *look, struct binding *b);

/* Whether it matches with some values of the axes. */
bool name_may_match(const struct name *n, const struct caps *caps,
		    struct str text);

/*
 * Append the name that a binding gives. Returns false if a capture has no
 * value or the arithmetic has none.
 */
bool name_fill(const struct name *n, const struct caps *caps,
	       const struct expr_env *look, const struct binding *b,
	       struct strbuf *out);

/* Append the name for people: captures without a value stay, "{i}". */
void name_show(const struct name *n, const struct caps *caps,
	       const struct expr_env *look, const struct binding *b,
	       struct strbuf *out);

#endif
