/* SPDX-License-Identifier: Apache-2.0 */
/* The protobuf wire format in a file: see wire.h. */
#include "formats/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/checked.h"
#include "core/cursor.h"

/* Read after a jump: the header of a message, with room for a long name. */
#define STEP_FIRST 4096

#define VARINT_MAX_NBYTES 10
#define NUMBER_MAX ((UINT32_C(1) << 29) - 1)

int wire_init(struct wire *w, struct source *s, const char *what,
	      struct error *err)
{
	*w = (struct wire){.s = s, .err = err, .what = what};
	w->window = malloc(WIRE_WINDOW);
	return w->window ? 0 : error_nomem(err);
}

void wire_release(struct wire *w)
{
	free(w->window);
	w->window = NULL;
}

int wire_refuse(struct wire *w, uint64_t at, const char *why)
{
	return error_set(w->err, ERR_SOURCE,
			 "%s is damaged or no %s: %s at byte %" PRIu64,
			 w->s->path, w->what, why, at);
}

/*
 * Get the window to hold need bytes at off. After a jump little is read, then
 * more and more: messages may be small and close together.
 */
static int fill(struct wire *w, uint64_t off, size_t need)
{
	bool near = off >= w->at && off - w->at <= w->n;

	if (near && need <= w->n - (size_t)(off - w->at))
		return 0;
	w->step = near && w->n ? min_size(4 * w->step, WIRE_WINDOW)
			       : STEP_FIRST;
	if (w->step < need)
		w->step = need;
	w->n = 0;
	w->at = off;
	need = min_size(w->s->nbytes - off, w->step);
	if (source_read(w->s, off, need, w->window, false))
		return error_errno(w->err, ERR_SOURCE, EIO, "%s", w->s->path);
	w->n = need;
	return 0;
}

const uint8_t *wire_bytes(struct wire *w, uint64_t off, size_t n)
{
	return fill(w, off, n) ? NULL : w->window + (off - w->at);
}

int wire_varint(struct wire *w, uint64_t end, uint64_t *out)
{
	size_t most = min_size(end - w->pos, VARINT_MAX_NBYTES);
	const uint8_t *p = wire_bytes(w, w->pos, most);
	struct cursor c;
	uint64_t v = 0;
	int b = 0x80;

	if (!p)
		return -EIO;
	c = cursor_of(p, most);
	for (unsigned shift = 0; b & 0x80; shift += 7) {
		b = cursor_next(&c);
		if (b < 0)
			return wire_refuse(w, w->pos,
					   most < VARINT_MAX_NBYTES
						   ? "a number is cut off"
						   : "a number has more than "
						     "10 bytes");
		if (shift == 63 && b & 0x7e)
			return wire_refuse(w, w->pos,
					   "a number is over 64 bits");
		v |= (uint64_t)(b & 0x7f) << shift;
	}
	w->pos += cursor_pos(&c);
	*out = v;
	return 0;
}

static int take_tag(struct wire *w, uint64_t end, struct wire_field *f)
{
	uint64_t tag = 0;
	int rc;

	f->at = w->pos;
	rc = wire_varint(w, end, &tag);
	if (rc)
		return rc;
	if (tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
		return wire_refuse(w, f->at,
				   "a field has no valid number (0, or 2^29 "
				   "and more)");
	if ((tag & 7) > WIRE_FIXED32)
		return wire_refuse(w, f->at,
				   "a field has wire type 6 or 7, which does "
				   "not exist");
	f->number = (uint32_t)(tag >> 3);
	f->type = (enum wire_type)(tag & 7);
	return 0;
}

/* Skip n bytes of what ends at end. */
static int skip(struct wire *w, uint64_t end, uint64_t n)
{
	if (n > end - w->pos)
		return wire_refuse(w, w->pos,
				   "a field reaches past the end of what it "
				   "is in (truncated?)");
	w->pos += n;
	return 0;
}

static int take_len(struct wire *w, uint64_t end, struct wire_field *f)
{
	uint64_t n = 0;
	int rc = wire_varint(w, end, &n);

	f->begin = w->pos;
	if (!rc)
		rc = skip(w, end, n);
	f->end = w->pos;
	return rc;
}

/* What follows the tag of a field that is no group; pos is then behind it. */
static int take_payload(struct wire *w, uint64_t end, struct wire_field *f)
{
	switch (f->type) {
	case WIRE_VARINT:
		return wire_varint(w, end, &f->value);
	case WIRE_FIXED64:
		return skip(w, end, 8);
	case WIRE_FIXED32:
		return skip(w, end, 4);
	case WIRE_LEN:
		return take_len(w, end, f);
	default:
		return 0;
	}
}

/* The rest of a group whose begin is f. */
static int take_group(struct wire *w, uint64_t end, const struct wire_field *f)
{
	uint32_t open[WIRE_MAX_GROUPS];
	unsigned depth = 0;

	open[depth++] = f->number;
	while (depth > 0) {
		struct wire_field in = {.at = w->pos};
		int rc;

		if (w->pos == end)
			return wire_refuse(w, f->at, "a group never ends");
		rc = take_tag(w, end, &in);
		if (!rc)
			rc = take_payload(w, end, &in);
		if (rc)
			return rc;
		if (in.type == WIRE_GROUP && depth == WIRE_MAX_GROUPS)
			return wire_refuse(w, in.at,
					   "over 100 groups in each other");
		if (in.type == WIRE_GROUP)
			open[depth++] = in.number;
		else if (in.type == WIRE_GROUP_END &&
			 open[--depth] != in.number)
			return wire_refuse(w, in.at,
					   "a group ends that did not begin");
	}
	return 0;
}

int wire_next(struct wire *w, uint64_t end, struct wire_field *f)
{
	int rc = take_tag(w, end, f);

	if (rc)
		return rc;
	if (f->type == WIRE_GROUP_END)
		return wire_refuse(w, f->at, "a group ends that did not begin");
	rc = f->type == WIRE_GROUP ? take_group(w, end, f)
				   : take_payload(w, end, f);
	if (!rc && f->type == WIRE_LEN)
		w->pos = f->begin;
	return rc;
}
