/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit tests: tests/unit/test_NAME.c defines the suite NAME as
 *
 *     Suite *suite_NAME(void);
 *
 * and is found by its file name: SUITES(X) comes from the Makefile. Each test
 * runs in a process of its own (CK_FORK=no: all in this one, for a debugger).
 * CK_RUN_SUITE=NAME runs one suite. The output is TAP.
 */
#include <check.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW "10"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOW "10"
#endif
#endif

#ifndef SLOW
#define SLOW "1"
#endif

#define DECLARE(name) Suite *suite_##name(void);
#define ADD(name) srunner_add_suite(sr, suite_##name());

SUITES(DECLARE)

int main(void)
{
	SRunner *sr;
	int failed;

	/* Read by Check when a test case is made; a user's own value wins. */
	setenv("CK_DEFAULT_TIMEOUT", "60", 0);
	setenv("CK_TIMEOUT_MULTIPLIER", SLOW, 0);
	sr = srunner_create(NULL);
	SUITES(ADD)
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
