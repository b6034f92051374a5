/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MindSpore checkpoint, read: see ckpt.h. Values are walked by their
 * headers; contents are never read here.
 *
 * All that load_checkpoint 2.10 accepts is accepted: fields in any order,
 * packed dims, numbers that are longer than they need be, unknown fields,
 * slices with any borders, messages in two parts. Where it would crash or
 * make up bytes (content that does not fit the shape), the file is refused,
 * and so it is where a parameter is there twice, of which it takes the last.
 */
#include "formats/ckpt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/checked.h"
#include "core/crc.h"
#include "core/cursor.h"
#include "formats/ckpt_param.h"
#include "formats/wire.h"

/* Values: a model has some 10^5; each costs us memory. */
#define MAX_VALUES (UINT64_C(1) << 24)

/* "crc_num" and a number of ten bytes. */
#define TRAILER_NBYTES 17
#define TRAILER_WORD "crc_num"

/* Bytes read at a time to check the whole file. */
#define VERIFY_NBYTES ((size_t)1 << 20)

/* Field numbers: formats/ckpt.proto. */
enum { CHECKPOINT_VALUE = 1 };
enum { VALUE_TAG = 1, VALUE_TENSOR = 2, VALUE_MAP = 3 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_CONTENT = 3 };

/* ---- one Value ---- */

static int add_dim(struct ckpt_value *v, uint64_t dim)
{
	if (v->ndim < TENSOR_MAX_NDIM)
		v->dims[v->ndim] = dim;
	if (v->ndim <= TENSOR_MAX_NDIM)
		v->ndim++;
	return 0;
}

static int take_dims(struct wire *w, const struct wire_field *f,
		     struct ckpt_value *v)
{
	uint64_t dim;
	int rc = 0;

	if (f->type == WIRE_VARINT)
		return add_dim(v, f->value);
	while (w->pos < f->end && !rc) {
		rc = wire_varint(w, f->end, &dim);
		if (!rc)
			add_dim(v, dim);
	}
	return rc;
}

/* A tensor that comes in two parts is put together, as protobuf does. */
static int take_tensor(struct wire *w, uint64_t end, struct ckpt_value *v)
{
	if (v->kind != CKPT_TENSOR)
		*v = (struct ckpt_value){.at = v->at,
					 .kind = CKPT_TENSOR,
					 .tag = v->tag,
					 .tag_nbytes = v->tag_nbytes};
	while (w->pos < end) {
		struct wire_field f;
		int rc = wire_next(w, end, &f);

		if (!rc && f.number == TENSOR_DIMS)
			rc = f.type == WIRE_VARINT || f.type == WIRE_LEN
				     ? take_dims(w, &f, v)
				     : 0;
		if (rc)
			return rc;
		if (f.type != WIRE_LEN)
			continue;
		if (f.number == TENSOR_TYPE) {
			v->type = f.begin;
			v->type_nbytes = f.end - f.begin;
		} else if (f.number == TENSOR_CONTENT) {
			v->content = f.begin;
			v->content_nbytes = f.end - f.begin;
		}
		w->pos = f.end;
	}
	return 0;
}

static int take_value(struct wire *w, uint64_t end, struct ckpt_value *v)
{
	int rc = 0;

	while (w->pos < end && !rc) {
		struct wire_field f;

		rc = wire_next(w, end, &f);
		if (rc || f.type != WIRE_LEN)
			continue;
		if (f.number == VALUE_TAG) {
			v->tag = f.begin;
			v->tag_nbytes = f.end - f.begin;
		} else if (f.number == VALUE_TENSOR) {
			rc = take_tensor(w, f.end, v);
		} else if (f.number == VALUE_MAP) {
			v->kind = CKPT_MAP;
		}
		w->pos = f.end;
	}
	return rc;
}

/* ---- the file ---- */

static int take_values(struct wire *w, uint64_t end, struct ckpt_param *p)
{
	uint64_t n = 0;
	int rc = 0;

	while (w->pos < end && !rc) {
		struct ckpt_value v = {.kind = CKPT_NOTHING};
		struct wire_field f;

		rc = wire_next(w, end, &f);
		if (rc || f.type != WIRE_LEN)
			continue;
		if (f.number == CHECKPOINT_VALUE) {
			v.at = f.at;
			rc = n++ < MAX_VALUES
				     ? take_value(w, f.end, &v)
				     : wire_refuse(w, f.at,
						   "over 2^24 parameters");
			if (!rc)
				rc = ckpt_param_take(p, &v);
		}
		w->pos = f.end;
	}
	return rc ? rc : ckpt_param_end(p);
}

/* What encrypted files begin with. */
static const char *cipher_of(const uint8_t magic[4])
{
	static const char *const ciphers[] = {"AES-GCM", "AES-CBC", "SM4-CBC"};

	if (magic[0] < 0xd8 || magic[0] > 0xda || magic[1] != 0x5e ||
	    magic[2] != 0x3a || magic[3] != 0x7f)
		return NULL;
	return ciphers[magic[0] - 0xd8];
}

static int refuse_encrypted(struct source *s, struct error *err)
{
	uint8_t magic[4];
	const char *cipher;

	if (s->nbytes < sizeof(magic))
		return 0;
	if (source_read(s, 0, sizeof(magic), magic, false))
		return error_errno(err, ERR_SOURCE, EIO, "%s", s->path);
	cipher = cipher_of(magic);
	if (!cipher)
		return 0;
	return error_set(err, ERR_SOURCE,
			 "%s is an encrypted MindSpore checkpoint (%s), which "
			 "is not supported: load it in MindSpore with its "
			 "dec_key and save it without enc_key",
			 s->path, cipher);
}

/* Where the messages end: *crc is filled if a trailer follows there. */
static int find_end(struct source *s, uint64_t *end, bool *has_crc,
		    uint64_t *crc, struct error *err)
{
	uint8_t bytes[TRAILER_NBYTES];
	struct cursor c = cursor_of(bytes, sizeof(bytes));
	size_t nword = sizeof(TRAILER_WORD) - 1;

	*end = s->nbytes;
	*has_crc = false;
	*crc = 0;
	if (s->nbytes < sizeof(bytes))
		return 0;
	*end -= sizeof(bytes);
	if (source_read(s, *end, sizeof(bytes), bytes, false))
		return error_errno(err, ERR_SOURCE, EIO, "%s", s->path);
	*has_crc = memcmp(cursor_bytes(&c, nword), TRAILER_WORD, nword) == 0;
	if (!*has_crc)
		*end = s->nbytes;
	/* a number past 64 bits is no CRC either */
	*crc = bytes[nword] || bytes[nword + 1] ? UINT64_MAX : 0;
	cursor_bytes(&c, 2);
	while (*has_crc && *crc != UINT64_MAX && cursor_left(&c))
		*crc = *crc << 8 | (uint64_t)cursor_next(&c);
	return 0;
}

bool ckpt_recognise(const char *name, struct cursor head)
{
	struct cursor start = head;
	const uint8_t *magic = cursor_bytes(&start, 4);
	int nlen = 0;

	if (str_ends(str_of(name), ".ckpt") || (magic && cipher_of(magic)))
		return true;
	/* a Value whose first field is its tag */
	if (!cursor_take(&head, 0x0a))
		return false;
	while (nlen++ < 10 && cursor_next(&head) >= 0x80)
		;
	return cursor_peek(&head) == 0x0a;
}

int ckpt_read(struct reading *r, struct source *s, struct error *err)
{
	struct ckpt_param p;
	struct wire w;
	uint64_t end, crc;
	bool has_crc;
	int rc = refuse_encrypted(s, err);

	if (!rc)
		rc = find_end(s, &end, &has_crc, &crc, err);
	if (rc)
		return rc;
	rc = wire_init(&w, s, "MindSpore checkpoint", err);
	if (rc)
		return rc;
	ckpt_param_init(&p, r, &w);
	rc = take_values(&w, end, &p);
	if (!rc && !p.nparams)
		rc = error_set(err, ERR_SOURCE,
			       "%s holds no parameter: it is no MindSpore "
			       "checkpoint, or an empty one",
			       s->path);
	r->is_mindspore = true;
	r->nvalueless += p.nvalueless;
	ckpt_param_release(&p);
	wire_release(&w);
	return rc;
}

/* The CRC of the first n bytes. */
static int crc_of(struct source *s, uint64_t n, uint32_t *out,
		  struct error *err)
{
	uint8_t *block = malloc(VERIFY_NBYTES);
	int rc = block ? 0 : error_nomem(err);

	*out = 0;
	for (uint64_t off = 0; off < n && !rc;) {
		size_t step = min_size(n - off, VERIFY_NBYTES);

		if (source_read(s, off, step, block, true))
			rc = error_errno(err, ERR_SOURCE, EIO, "%s", s->path);
		else
			*out = crc_update(*out, block, step);
		off += step;
	}
	free(block);
	return rc;
}

int ckpt_verify(struct source *s, bool *has_crc, struct error *err)
{
	uint64_t end, stored;
	uint32_t crc;
	int rc = find_end(s, &end, has_crc, &stored, err);

	if (rc || !*has_crc)
		return rc;
	rc = crc_of(s, end, &crc, err);
	if (rc || crc == stored)
		return rc;
	return error_set(err, ERR_SOURCE,
			 "%s is damaged: its CRC-32 is %08" PRIx32
			 ", but it says %08" PRIx64,
			 s->path, crc, stored);
}
