/* SPDX-License-Identifier: Apache-2.0 */
/* Strategy files that tests write. */
#ifndef WC_TESTS_UNIT_STRATEGY_FILE_H
#define WC_TESTS_UNIT_STRATEGY_FILE_H

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "formats/strategy.h"

/* Write text to a temporary file called *.json and open it. */
static inline int open_json(struct strategy *s, const char *text,
			    struct error *err)
{
	char path[] = "/tmp/wconv-test-XXXXXX.json";
	int fd = mkstemps(path, 5), rc;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	rc = strategy_open(s, path, err);
	unlink(path);
	return rc;
}

#endif
