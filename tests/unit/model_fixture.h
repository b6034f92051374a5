/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model_case that each test of a file has anew, and the steps that are the
 * same in all of them. Their own text is for what a test composes.
 */
#ifndef WC_TESTS_MODEL_FIXTURE_H
#define WC_TESTS_MODEL_FIXTURE_H

#include <check.h>
#include <string.h>

#include "model_case.h"

static struct model_case m;
static struct strbuf text;

static inline void setup(void)
{
	memset(&m, 0, sizeof(m));
	m.err = (struct error)ERROR_INIT;
	text = (struct strbuf)STRBUF_INIT;
}

static inline void teardown(void)
{
	model_release(&m);
	strbuf_release(&text);
}

static inline void load(const char *rest)
{
	model_load(&m, rest);
}

static inline void plan(int from)
{
	if (model_plan(&m, from))
		ck_abort_msg("%s", error_text(&m.err));
}

static inline void check_refused(int from, enum error_class class,
				 const char *want)
{
	ck_assert_int_lt(model_plan(&m, from), 0);
	ck_assert_str_eq(error_text(&m.err), want);
	ck_assert_int_eq(m.err.class, class);
}

#endif
