/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy .npy files as tensors, versions 1.0 to 3.0. The header is a Python
 * literal: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, with
 * any key order and spacing. Checked against numpy 2.4.
 *
 * bfloat16 has no descr of its own: '<V2', two bytes without a meaning, which
 * the user has to give.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/checked.h"
#include "core/cursor.h"
#include "core/gather.h"
#include "formats/npy.h"

#define PREFIX_NBYTES 12 /* magic, version, a length of up to four bytes */

/* numpy's own limit for what it parses is 10,000. */
#define HEADER_MAX_NBYTES 65535

struct header {
	struct source *s;
	struct error *err;
	struct cursor c;
	struct str descr;
	bool structured; /* descr is a list of fields */
	bool fortran;
	uint64_t dims[TENSOR_MAX_NDIM];
	unsigned ndim;
	unsigned have; /* keys seen: 1 descr, 2 fortran_order, 4 shape */
	uint64_t data_off;
};

#define REFUSE(h, why, ...)                                                    \
	error_set((h)->err, ERR_SOURCE, "%s: " why, (h)->s->path, __VA_ARGS__)

static int refuse_header(struct header *h)
{
	return REFUSE(h, "the .npy header is malformed at its byte %zu",
		      cursor_pos(&h->c));
}

/* ---- the literal ---- */

static bool skip_to(struct header *h, int b)
{
	while (cursor_peek(&h->c) == ' ' || cursor_peek(&h->c) == '\n')
		cursor_next(&h->c);
	return cursor_take(&h->c, b);
}

static bool take_string(struct header *h, struct str *out)
{
	int quote = skip_to(h, '\'') ? '\'' : skip_to(h, '"') ? '"' : 0;
	const uint8_t *end = quote ? memchr(h->c.p, quote, cursor_left(&h->c))
				   : NULL;

	if (!end)
		return false;
	*out = (struct str){(const char *)h->c.p, (size_t)(end - h->c.p)};
	cursor_bytes(&h->c, out->n + 1);
	return true;
}

static bool take_word(struct header *h, const char *word)
{
	size_t n = strlen(word);

	(void)skip_to(h, -2); /* nothing is -2: the blanks only */
	if (cursor_left(&h->c) < n || memcmp(h->c.p, word, n) != 0)
		return false;
	cursor_bytes(&h->c, n);
	return true;
}

/* Digits, and the L that Python 2 wrote behind some. */
static bool take_number(struct header *h, uint64_t *out)
{
	bool any = false;

	*out = 0;
	(void)skip_to(h, -2);
	for (int b; (b = cursor_peek(&h->c)) >= '0' && b <= '9'; any = true) {
		if (mul_overflows(*out, 10, out) ||
		    add_overflows(*out, (uint64_t)(b - '0'), out))
			return false;
		cursor_next(&h->c);
	}
	if (any)
		cursor_take(&h->c, 'L');
	return any;
}

static bool take_shape(struct header *h)
{
	if (!skip_to(h, '('))
		return false;
	while (!skip_to(h, ')')) {
		if (h->ndim == TENSOR_MAX_NDIM ||
		    !take_number(h, &h->dims[h->ndim++]))
			return false;
		if (!skip_to(h, ',') && cursor_peek(&h->c) != ')')
			return false;
	}
	return true;
}

static bool take_pair(struct header *h)
{
	struct str key = {NULL, 0};
	unsigned bit = 0;
	bool ok = false;

	if (!take_string(h, &key) || !skip_to(h, ':'))
		return false;
	if (str_is(key, "descr")) {
		bit = 1;
		h->structured = skip_to(h, '[');
		ok = !h->structured && take_string(h, &h->descr);
	} else if (str_is(key, "fortran_order")) {
		bit = 2;
		h->fortran = take_word(h, "True");
		ok = h->fortran || take_word(h, "False");
	} else if (str_is(key, "shape")) {
		bit = 4;
		ok = take_shape(h);
	}
	ok = ok && !(h->have & bit);
	h->have |= bit;
	return ok;
}

static int parse_literal(struct header *h)
{
	bool ok = skip_to(h, '{');

	while (ok && !skip_to(h, '}'))
		ok = take_pair(h) &&
		     (skip_to(h, ',') || cursor_peek(&h->c) == '}');
	(void)skip_to(h, -2);
	if (h->structured)
		return REFUSE(h, "%s",
			      "its elements have several fields: save an array "
			      "of each");
	if (!ok || cursor_left(&h->c) > 0 || h->have != 7)
		return refuse_header(h);
	return 0;
}

/* ---- the file ---- */

/* The header's text; the caller frees it. */
static int load_header(struct header *h, uint8_t **text)
{
	uint8_t p[PREFIX_NBYTES] = {0};
	size_t got = min_size(h->s->nbytes, sizeof(p)), at;
	uint64_t n;

	if (source_read(h->s, 0, got, p, false))
		return error_errno(h->err, ERR_SOURCE, EIO, "%s", h->s->path);
	if (got < 10 || memcmp(p, "\x93NUMPY", 6) != 0)
		return REFUSE(h, "%s", "it is no .npy file");
	if (p[6] < 1 || p[6] > 3)
		return REFUSE(h,
			      "its .npy version is %u.%u; 1.0 to 3.0 are "
			      "known",
			      (unsigned)p[6], (unsigned)p[7]);
	at = p[6] == 1 ? 10 : 12;
	n = (uint64_t)p[8] | (uint64_t)p[9] << 8;
	if (p[6] > 1)
		n |= (uint64_t)p[10] << 16 | (uint64_t)p[11] << 24;
	if (n > HEADER_MAX_NBYTES || n + at > h->s->nbytes)
		return REFUSE(h,
			      "its .npy header has %" PRIu64
			      " bytes, the file %" PRIu64 ", and at most %d "
			      "are supported",
			      n, h->s->nbytes, HEADER_MAX_NBYTES);
	*text = malloc((size_t)n + 1);
	if (!*text)
		return error_nomem(h->err);
	if (source_read(h->s, at, (size_t)n, *text, false))
		return error_errno(h->err, ERR_SOURCE, EIO, "%s", h->s->path);
	h->c = cursor_of(*text, (size_t)n);
	h->data_off = at + n;
	return 0;
}

/* The type of a descr; void: what '<V2' is, or DT_COUNT. */
static int find_dtype(struct header *h, enum dtype void2, enum dtype *out)
{
	struct str d = h->descr;
	struct str kind = {d.p + 1, d.n > 0 ? d.n - 1 : 0};

	if (d.n > 1 && d.p[0] == '>')
		return REFUSE(h,
			      "its elements are big-endian (\"%.*s\"), which "
			      "is not supported: save a.astype(a.dtype"
			      ".newbyteorder('<'))",
			      STR_ARG(d));
	if (str_is(kind, "V2") && void2 != DT_COUNT) {
		*out = void2;
		return 0;
	}
	if (d.n > 1 && d.p[1] == 'V')
		return REFUSE(h,
			      "its elements are %.*s bytes of no type "
			      "(\"%.*s\")%s",
			      (int)kind.n - 1, kind.p + 1, STR_ARG(d),
			      str_is(kind, "V2")
				      ? ": say with --dtype what they are, as "
					"a rule bf16"
				      : ", which is not supported");
	for (int dt = 0; dt < DT_COUNT; dt++) {
		const char *npy = dtype_info((enum dtype)dt)->npy;

		if (npy && str_is(kind, npy + 1)) {
			*out = (enum dtype)dt;
			return 0;
		}
	}
	return REFUSE(h,
		      "its elements are of type \"%.*s\", which no tensor "
		      "has",
		      STR_ARG(d));
}

/* Column order: the same bytes with the dimensions turned round. */
static int turn_round(struct tensor_set *set, struct tensor *t)
{
	struct tensor *row = arena_alloc(&set->arena, sizeof(*row));
	struct gather *g = arena_alloc(&set->arena, sizeof(*g));
	struct piece *p = arena_alloc(&set->arena, sizeof(*p));
	struct gather_axis *axes =
		arena_array(&set->arena, t->ndim, sizeof(*axes));
	uint64_t out = 1, in = 1;

	if (!row || !g || !p || !axes)
		return -ENOMEM;
	*row = *t;
	for (unsigned i = 0; i < t->ndim; i++) {
		unsigned back = t->ndim - 1 - i;

		axes[i].n = t->dims[i];
		axes[i].stride_in = in;
		in *= t->dims[i];
		axes[back].stride_out = out;
		out *= t->dims[back];
	}
	*p = (struct piece){row, 0, 0, t->ndim, axes};
	*g = (struct gather){1, p, 0};
	t->recipe = RECIPE_GATHER;
	t->gather = g;
	return 0;
}

static int add_tensor(struct header *h, struct tensor_set *set, struct str name,
		      enum dtype dt)
{
	uint64_t have = h->s->nbytes - h->data_off;
	uint64_t *dims = arena_array(&set->arena, h->ndim, sizeof(*dims));
	struct tensor t = {
		.name = arena_str(&set->arena, name),
		.dims = dims,
		.ndim = (uint8_t)h->ndim,
		.dtype = (uint8_t)dt,
		.recipe = RECIPE_EXTENT,
		.extent = {h->s, h->data_off},
	};
	int rc = 0;

	if (!dims || !t.name.p)
		return error_nomem(h->err);
	memcpy(dims, h->dims, h->ndim * sizeof(*dims));
	if (!tensor_nbytes(dt, dims, h->ndim, &t.nbytes))
		return REFUSE(h, "%s", "the size of its array overflows");
	if (t.nbytes != have)
		return REFUSE(h,
			      "its array has %" PRIu64 " bytes, the file holds "
			      "%" PRIu64 " of data",
			      t.nbytes, have);
	if (h->fortran && h->ndim > 1 && t.nbytes > 0)
		rc = turn_round(set, &t);
	if (!rc)
		rc = tensor_set_add(set, &t);
	if (rc == -EEXIST)
		return REFUSE(h, "there is another tensor called \"%.*s\"",
			      STR_ARG(name));
	return rc ? error_nomem(h->err) : 0;
}

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void npy_tensor_name(const char *path, struct strbuf *out)
{
	const char *slash = strrchr(path, '/');
	struct str s = str_of(slash ? slash + 1 : path);

	if (str_ends(s, ".npy"))
		s.n -= strlen(".npy");
	for (size_t i = 0; i < s.n; i++) {
		int hi = -1, lo = -1;

		if (s.p[i] == '%' && i + 2 < s.n) {
			hi = hex_digit(s.p[i + 1]);
			lo = hex_digit(s.p[i + 2]);
		}
		if (hi >= 0 && lo >= 0) {
			strbuf_addc(out, (char)(hi << 4 | lo));
			i += 2;
		} else {
			strbuf_addc(out, s.p[i]);
		}
	}
}

bool npy_recognise(struct cursor head)
{
	const uint8_t *p = cursor_bytes(&head, 6);

	return p && memcmp(p, "\x93NUMPY", 6) == 0;
}

int npy_read(struct tensor_set *set, struct source *s, struct str name,
	     enum dtype void2, struct error *err)
{
	struct header h = {.s = s, .err = err};
	uint8_t *text = NULL;
	enum dtype dt = DT_COUNT;
	int rc = load_header(&h, &text);

	if (!rc)
		rc = parse_literal(&h);
	if (!rc)
		rc = find_dtype(&h, void2, &dt);
	if (!rc)
		rc = add_tensor(&h, set, name, dt);
	free(text);
	return rc;
}
