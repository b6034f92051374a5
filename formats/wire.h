/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protobuf wire format, walked in a file: fields are told from each other
 * without reading what is skipped.
 *
 *   field    tag (varint: number << 3 | type), then by type
 *     0      a varint: 7 bits a byte, lowest first, at most 10 bytes
 *     1, 5   8 or 4 bytes
 *     2      a varint n, and n bytes
 *     3, 4   the begin and the end of a group of fields
 *
 * Varints may be longer than they need be. A field never reaches past the end
 * of what it is in.
 */
#ifndef WC_FORMATS_WIRE_H
#define WC_FORMATS_WIRE_H

#include "core/error.h"
#include "core/source.h"

/* Groups in groups; protobuf's own readers stop at 100 too. */
#define WIRE_MAX_GROUPS 100

/* Bytes that can be looked at together. */
#define WIRE_WINDOW (64u << 10)

enum wire_type {
	WIRE_VARINT,
	WIRE_FIXED64,
	WIRE_LEN,
	WIRE_GROUP,
	WIRE_GROUP_END,
	WIRE_FIXED32,
};

struct wire {
	struct source *s;
	struct error *err;
	const char *what; /* "MindSpore checkpoint", for sentences */
	uint64_t pos;	  /* of the next byte */
	uint8_t *window;  /* [WIRE_WINDOW]; owned */
	uint64_t at;	  /* of window[0] in the file */
	size_t n;	  /* bytes in it */
	size_t step;	  /* of them, read at a time */
};

struct wire_field {
	uint64_t at; /* of its tag */
	uint32_t number;
	enum wire_type type;
	uint64_t value;	     /* WIRE_VARINT */
	uint64_t begin, end; /* WIRE_LEN: its bytes */
};

/* Walk s from its first byte on. 0 or -ENOMEM; wire_release frees. */
int wire_init(struct wire *w, struct source *s, const char *what,
	      struct error *err);
void wire_release(struct wire *w);

/*
 * Take the field at pos, of a message that ends at end. Then pos is behind it,
 * but for WIRE_LEN, where it is at begin: the caller goes in or sets it to end.
 * A group is taken whole. ERR_SOURCE with a sentence.
 */
int wire_next(struct wire *w, uint64_t end, struct wire_field *f);

/* Take a varint of what ends at end: an item of a packed field. */
int wire_varint(struct wire *w, uint64_t end, uint64_t *out);

/*
 * n bytes at off, n at most WIRE_WINDOW; they must be in the file. NULL with a
 * sentence if they cannot be read. Good until the next call for w.
 */
const uint8_t *wire_bytes(struct wire *w, uint64_t off, size_t n);

/* The sentence for a file that is broken at byte at: why says how. */
int wire_refuse(struct wire *w, uint64_t at, const char *why);

#endif
