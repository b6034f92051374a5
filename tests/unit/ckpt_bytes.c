/* SPDX-License-Identifier: Apache-2.0 */
/* See ckpt_bytes.h. */
#include "tests/unit/ckpt_bytes.h"

static void put_varint(struct strbuf *sb, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		strbuf_addc(sb, (char)(v | 0x80));
	strbuf_addc(sb, (char)v);
}

static void put_len(struct strbuf *sb, int tag, struct str bytes)
{
	strbuf_addc(sb, (char)tag);
	put_varint(sb, bytes.n);
	strbuf_addstr(sb, bytes);
}

void ckpt_put(struct strbuf *sb, const char *name, const char *type,
	      const int64_t *dims, struct str content)
{
	struct strbuf tensor = STRBUF_INIT, value = STRBUF_INIT;

	for (; *dims >= 0; dims++) {
		strbuf_addc(&tensor, 0x08);
		put_varint(&tensor, (uint64_t)*dims);
	}
	put_len(&tensor, 0x12, str_of(type));
	put_len(&tensor, 0x1a, content);
	put_len(&value, 0x0a, str_of(name));
	put_len(&value, 0x12, strbuf_str(&tensor));
	put_len(sb, 0x0a, strbuf_str(&value));
	strbuf_release(&tensor);
	strbuf_release(&value);
}
