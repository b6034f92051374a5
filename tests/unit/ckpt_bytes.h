/* SPDX-License-Identifier: Apache-2.0 */
/* MindSpore checkpoints put together by hand. */
#ifndef WC_TESTS_CKPT_BYTES_H
#define WC_TESTS_CKPT_BYTES_H

#include "core/strbuf.h"

/* Append a Value; dims end with -1. */
void ckpt_put(struct strbuf *sb, const char *name, const char *type,
	      const int64_t *dims, struct str content);

/* CKPT(sb, "name", "Float32", "content", dims ...) */
#define CKPT(sb, name, type, content, ...)                                     \
	ckpt_put(sb, name, type, (const int64_t[]){__VA_ARGS__, -1},           \
		 (struct str){content, sizeof(content) - 1})

/* A scalar of four bytes. */
#define CKPT_SCALAR(sb, name)                                                  \
	ckpt_put(sb, name, "Int32", (const int64_t[]){-1},                     \
		 (struct str){"abcd", 4})

#endif
