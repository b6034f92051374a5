/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The safetensors header, read with every check of the rust crate 0.8.0 and
 * two of our own: duplicate names (there the last one wins) and the accidents
 * of its deserializer (an entry as an array, a dtype as an object) are
 * refused. The file format is drawn in safetensors.h.
 */
#include "formats/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/checked.h"
#include "formats/json_pull.h"
#include "formats/safetensors_crc.h"

/* The crate's own cap. */
#define HEADER_MAX_NBYTES 100000000

#define PREFIX_NBYTES 8

/* Characters of the input that an error sentence shows. */
#define EXCERPT_NBYTES 24

/* One tensor of the header. The file holds bytes [begin, end) of its data. */
struct entry {
	struct str name;      /* in the arena */
	const uint64_t *dims; /* in the arena */
	uint64_t begin, end;
	size_t nth; /* place in the JSON text */
	uint8_t ndim, dtype;
	uint8_t have; /* HAVE_*: the fields seen */
};

enum { HAVE_DTYPE = 1, HAVE_SHAPE = 2, HAVE_OFFSETS = 4, HAVE_ALL = 7 };

struct header {
	const struct source *s;
	struct arena *arena;
	struct error *err;
	struct json json;
	struct entry *v; /* [n]; owned */
	size_t n, cap;
	uint64_t data_nbytes;
	bool has_metadata;
	struct reading *r;
	bool is_mindspore; /* __metadata__ has "format": "ms" */
	bool has_crc;	   /* and "crc_num", this: */
	uint64_t crc;
};

/* Refuse the tensor called name: why is a format for what follows. */
#define REFUSE(h, name, why, ...)                                              \
	error_set((h)->err, ERR_SOURCE, "%s: tensor \"%.*s\": " why,           \
		  (h)->s->path, STR_ARG(name), __VA_ARGS__)

/* The printable bytes at the cursor, for a sentence. */
static void excerpt(const struct cursor *c, char out[EXCERPT_NBYTES + 3])
{
	struct cursor at = *c;
	size_t n = 0;
	int b;

	if (cursor_left(&at) == 0) {
		memcpy(out, "the end", sizeof("the end"));
		return;
	}
	out[n++] = '`';
	while (n <= EXCERPT_NBYTES && (b = cursor_next(&at)) >= 0x20 &&
	       b < 0x7f)
		out[n++] = (char)b;
	out[n++] = '\'';
	out[n] = '\0';
}

/* The sentence for a failure of the pull parser; name: of a tensor, or NULL. */
static int refuse_json(struct header *h, const struct str *name)
{
	char found[EXCERPT_NBYTES + 3];
	const struct json *j = &h->json;

	excerpt(&j->c, found);
	if (name)
		return REFUSE(h, *name,
			      "expected %s at byte %zu of the header, found %s",
			      j->fail, cursor_pos(&j->c), found);
	return error_set(h->err, ERR_SOURCE,
			 "%s: expected %s at byte %zu of the header, found %s",
			 h->s->path, j->fail, cursor_pos(&j->c), found);
}

/* A zip archive, or a pickle of protocol 2 to 5. */
static bool looks_like_torch(const uint8_t head[PREFIX_NBYTES])
{
	return memcmp(head, "PK\3\4", 4) == 0 ||
	       (head[0] == 0x80 && head[1] >= 2 && head[1] <= 5);
}

/* A length that no safetensors file has: most likely it is none at all. */
static int refuse_length(struct header *h, const uint8_t *head, uint64_t n)
{
	const char *path = h->s->path;

	if (looks_like_torch(head))
		return error_set(h->err, ERR_SOURCE,
				 "%s is not a safetensors file (it looks like "
				 "a PyTorch file)",
				 path);
	if (n > HEADER_MAX_NBYTES)
		return error_set(h->err, ERR_SOURCE,
				 "%s is not a safetensors file: its header "
				 "would have %" PRIu64 " bytes, more than the "
				 "%d allowed",
				 path, n, HEADER_MAX_NBYTES);
	return error_set(h->err, ERR_SOURCE,
			 "%s is cut off or not a safetensors file: its header "
			 "has %" PRIu64 " bytes, the file %" PRIu64
			 "; fetch it again",
			 path, n, h->s->nbytes);
}

/* "crc_num": digits. */
static void take_crc(struct header *h, struct str digits)
{
	h->has_crc = digits.n > 0 && digits.n < 20;
	h->crc = 0;
	for (size_t i = 0; i < digits.n && h->has_crc; i++) {
		h->has_crc = digits.p[i] >= '0' && digits.p[i] <= '9';
		h->crc = 10 * h->crc + (uint64_t)(digits.p[i] - '0');
	}
}

/* A name in __metadata__ and what is said of it: what MindSpore writes. */
static void take_metadata(struct header *h, const struct json_text *key,
			  const struct json_text *value)
{
	char name[TENSOR_MAX_NAME];

	if (json_text_is(key, "format") && json_text_is(value, "ms"))
		h->is_mindspore = true;
	if (json_text_is(key, "crc_num"))
		take_crc(h, value->raw);
	if (!json_text_is(value, "Int4") || key->n > sizeof(name))
		return;
	json_unescape(key, name);
	name_list_add(&h->r->nibbles, (struct str){name, key->n});
}

/* "__metadata__": null or strings. */
static int parse_metadata(struct header *h)
{
	struct json_text key, value;
	size_t nth = 0;

	if (h->has_metadata)
		return error_set(h->err, ERR_SOURCE,
				 "%s: the header has __metadata__ twice",
				 h->s->path);
	h->has_metadata = true;
	if (json_peek(&h->json) == 'n') {
		json_word(&h->json, "null");
	} else {
		json_open(&h->json, '{');
		while (json_more(&h->json, '}', &nth))
			if (json_key(&h->json, &key) &&
			    json_string(&h->json, &value))
				take_metadata(h, &key, &value);
	}
	return h->json.fail ? refuse_json(h, NULL) : 0;
}

static int parse_dtype(struct header *h, struct entry *e)
{
	struct json_text text;
	char word[32];
	enum dtype dt;

	if (!json_string(&h->json, &text))
		return refuse_json(h, &e->name);
	if (text.n <= sizeof(word))
		json_unescape(&text, word);
	if (text.n > sizeof(word) ||
	    !dtype_from_safetensors((struct str){word, text.n}, &dt))
		return REFUSE(h, e->name, "unknown dtype \"%.*s\"",
			      (int)min_size(text.raw.n, sizeof(word)),
			      text.raw.p);
	e->dtype = (uint8_t)dt;
	return 0;
}

static int parse_shape(struct header *h, struct entry *e)
{
	uint64_t dims[TENSOR_MAX_NDIM], *copy;
	size_t nth = 0;

	json_open(&h->json, '[');
	while (json_more(&h->json, ']', &nth)) {
		if (nth > TENSOR_MAX_NDIM)
			return REFUSE(h, e->name,
				      "more than %d dimensions are not "
				      "supported",
				      TENSOR_MAX_NDIM);
		json_u64(&h->json, &dims[nth - 1]);
	}
	if (h->json.fail)
		return refuse_json(h, &e->name);
	copy = arena_array(h->arena, nth, sizeof(*copy));
	if (!copy)
		return error_nomem(h->err);
	if (nth > 0)
		memcpy(copy, dims, nth * sizeof(*copy));
	e->dims = copy;
	e->ndim = (uint8_t)nth;
	return 0;
}

static int parse_offsets(struct header *h, struct entry *e)
{
	uint64_t v[2] = {0, 0};
	size_t nth = 0;

	json_open(&h->json, '[');
	while (json_more(&h->json, ']', &nth)) {
		if (nth > 2)
			break;
		json_u64(&h->json, &v[nth - 1]);
	}
	if (h->json.fail)
		return refuse_json(h, &e->name);
	if (nth != 2)
		return REFUSE(h, e->name,
			      "data_offsets are %s than two numbers",
			      nth < 2 ? "fewer" : "more");
	e->begin = v[0];
	e->end = v[1];
	return 0;
}

static int parse_field(struct header *h, struct entry *e,
		       const struct json_text *key)
{
	static const struct {
		const char *name;
		uint8_t bit;
		int (*parse)(struct header *h, struct entry *e);
	} fields[] = {
		{"dtype", HAVE_DTYPE, parse_dtype},
		{"shape", HAVE_SHAPE, parse_shape},
		{"data_offsets", HAVE_OFFSETS, parse_offsets},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!json_text_is(key, fields[i].name))
			continue;
		if (e->have & fields[i].bit)
			return REFUSE(h, e->name, "%s is there twice",
				      fields[i].name);
		e->have |= fields[i].bit;
		return fields[i].parse(h, e);
	}
	return json_skip(&h->json) ? 0 : refuse_json(h, &e->name);
}

static int append_entry(struct header *h, const struct entry *e)
{
	if (h->n == h->cap) {
		size_t cap = h->cap ? 2 * h->cap : 256;
		struct entry *v = realloc(h->v, cap * sizeof(*v));

		if (!v)
			return error_nomem(h->err);
		h->v = v;
		h->cap = cap;
	}
	h->v[h->n] = *e;
	h->v[h->n].nth = h->n;
	h->n++;
	return 0;
}

/* The name of a tensor, unescaped into the arena. */
static int parse_name(struct header *h, const struct json_text *key,
		      struct str *name)
{
	char *p;

	if (key->n > TENSOR_MAX_NAME)
		return error_set(h->err, ERR_SOURCE,
				 "%s: a tensor name has %zu bytes, more than "
				 "the %d supported: \"%.*s...\"",
				 h->s->path, key->n, TENSOR_MAX_NAME,
				 EXCERPT_NBYTES, key->raw.p);
	p = arena_alloc(h->arena, key->n + 1);
	if (!p)
		return error_nomem(h->err);
	json_unescape(key, p);
	*name = (struct str){p, key->n};
	return 0;
}

static int parse_entry(struct header *h, const struct json_text *key)
{
	struct entry e = {.nth = 0};
	struct json_text field;
	size_t nth = 0;
	int rc = parse_name(h, key, &e.name);

	if (rc)
		return rc;
	json_open(&h->json, '{');
	while (json_more(&h->json, '}', &nth)) {
		if (!json_key(&h->json, &field))
			break;
		rc = parse_field(h, &e, &field);
		if (rc)
			return rc;
	}
	if (h->json.fail)
		return refuse_json(h, &e.name);
	if (e.have != HAVE_ALL)
		return REFUSE(h, e.name, "%s is missing",
			      !(e.have & HAVE_DTYPE)   ? "dtype"
			      : !(e.have & HAVE_SHAPE) ? "shape"
						       : "data_offsets");
	return append_entry(h, &e);
}

static int parse_header(struct header *h)
{
	struct json_text key;
	size_t nth = 0;
	int rc;

	json_open(&h->json, '{');
	while (json_more(&h->json, '}', &nth)) {
		if (!json_key(&h->json, &key))
			break;
		rc = json_text_is(&key, "__metadata__") ? parse_metadata(h)
							: parse_entry(h, &key);
		if (rc)
			return rc;
	}
	return json_end(&h->json) ? 0 : refuse_json(h, NULL);
}

/* In the order of their bytes; empty ones as the header lists them. */
static int by_bytes(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return x->nth < y->nth ? -1 : 1;
}

static int check_size(struct header *h, const struct entry *e)
{
	struct strbuf shape = STRBUF_INIT;
	uint64_t want, have = e->end - e->begin;
	const char *type = dtype_info(e->dtype)->safetensors;
	bool fits = tensor_nbytes(e->dtype, e->dims, e->ndim, &want);
	int rc;

	if (fits && want == have)
		return 0;
	strbuf_add_dims(&shape, e->dims, e->ndim, ',');
	if (!fits)
		rc = REFUSE(h, e->name,
			    "%s of shape [%s] is no whole number of bytes "
			    "below 2^64",
			    type, shape.p ? shape.p : "");
	else
		rc = REFUSE(h, e->name,
			    "%s of shape [%s] takes %" PRIu64
			    " bytes, but data_offsets hold %" PRIu64,
			    type, shape.p ? shape.p : "", want, have);
	strbuf_release(&shape);
	return rc;
}

/* The entry begins before prev, the one sorted before it, ends. */
static int refuse_overlap(struct header *h, const struct entry *e,
			  const struct entry *prev)
{
	if (str_eq(prev->name, e->name))
		return REFUSE(h, e->name, "%s", "the header has it twice");
	return REFUSE(
		h, e->name,
		"data_offsets %" PRIu64 " to %" PRIu64
		" overlap those of tensor \"%.*s\", which end at %" PRIu64,
		e->begin, e->end, STR_ARG(prev->name), prev->end);
}

/* Sorted: each must begin where the one before ends. */
static int check_range(struct header *h, const struct entry *e,
		       const struct entry *prev)
{
	uint64_t pos = prev ? prev->end : 0;

	if (e->end < e->begin)
		return REFUSE(h, e->name,
			      "data_offsets end %" PRIu64
			      " is before their begin %" PRIu64,
			      e->end, e->begin);
	if (e->begin > pos)
		return REFUSE(h, e->name,
			      "data_offsets begin %" PRIu64
			      " leaves a hole behind byte %" PRIu64,
			      e->begin, pos);
	if (e->begin < pos)
		return refuse_overlap(h, e, prev);
	if (e->end > h->data_nbytes)
		return REFUSE(h, e->name,
			      "data_offsets end %" PRIu64
			      " is past the %" PRIu64 " bytes of data: the "
			      "file is cut off, fetch it again",
			      e->end, h->data_nbytes);
	return check_size(h, e);
}

static int check_ranges(struct header *h)
{
	const struct entry *prev = NULL;
	uint64_t pos;
	int rc;

	if (h->n > 0)
		qsort(h->v, h->n, sizeof(*h->v), by_bytes);
	for (size_t i = 0; i < h->n; i++) {
		rc = check_range(h, &h->v[i], prev);
		if (rc)
			return rc;
		prev = &h->v[i];
	}
	pos = prev ? prev->end : 0;
	if (pos != h->data_nbytes)
		return error_set(h->err, ERR_SOURCE,
				 "%s: the last tensor ends at byte %" PRIu64
				 " of %" PRIu64 " bytes of data",
				 h->s->path, pos, h->data_nbytes);
	return 0;
}

/* The set holds that name already. */
static int add_duplicate(struct header *h, const struct tensor *t)
{
	const struct source *other;
	struct str name = t->name;
	uint64_t off;

	tensor_first_byte(tensor_set_find(h->r->set, name), &other, &off);
	if (!other || other == h->s)
		return REFUSE(h, name, "%s", "the header has it twice");
	if (reading_take_copy(h->r, t))
		return 0;
	return REFUSE(h, name, "%s has one of that name too", other->path);
}

static int add_tensors(struct header *h, struct source *s)
{
	uint64_t data_off = s->nbytes - h->data_nbytes;
	struct tensor_set *set = h->r->set;

	for (size_t i = 0; i < h->n; i++) {
		const struct entry *e = &h->v[i];
		struct tensor t = {
			.name = e->name,
			.dims = e->dims,
			.nbytes = e->end - e->begin,
			.ndim = e->ndim,
			.dtype = e->dtype,
			.recipe = RECIPE_EXTENT,
			.extent = {s, data_off + e->begin},
		};
		int rc;

		if (h->is_mindspore && reading_leaves_out(h->r, e->name))
			continue;
		t.is_extra = h->is_mindspore && reading_is_extra(&t);
		rc = tensor_set_add(set, &t);
		if (rc == -EEXIST)
			rc = add_duplicate(h, &t);
		else if (rc)
			rc = error_nomem(h->err);
		if (rc)
			return rc;
	}
	return 0;
}

/* One integer; NumPy's arrays of one bool are no number to Python. */
static bool is_number(const struct entry *e)
{
	return e->ndim == 0 && e->dtype != DT_BOOL &&
	       dtype_info(e->dtype)->kind == KIND_INT;
}

/* Compare MindSpore's checksum. */
static int check_crc(struct header *h, struct source *s)
{
	struct crc_item *v = calloc(h->n + 1, sizeof(*v));
	uint32_t crc;
	int rc;

	if (!v)
		return error_nomem(h->err);
	for (size_t i = 0; i < h->n; i++)
		v[i] = (struct crc_item){
			.name = h->v[i].name,
			.off = s->nbytes - h->data_nbytes + h->v[i].begin,
			.nbytes = h->v[i].end - h->v[i].begin,
			.is_number = is_number(&h->v[i]),
		};
	rc = safetensors_crc(s, v, h->n, &crc, h->err);
	free(v);
	if (rc || crc == h->crc)
		return rc;
	return error_set(h->err, ERR_SOURCE,
			 "%s is damaged: its CRC-32 is %08" PRIx32
			 ", but it says %08" PRIx64,
			 s->path, crc, h->crc);
}

/* Read the length and then the JSON text; *text is the caller's to free. */
static int load_header(struct header *h, struct source *s, char **text)
{
	uint8_t head[PREFIX_NBYTES];
	struct cursor c = cursor_of(head, sizeof(head));
	uint64_t n = 0;

	if (s->nbytes < PREFIX_NBYTES)
		return error_set(h->err, ERR_SOURCE,
				 "%s has %" PRIu64 " bytes: too short for a "
				 "safetensors file",
				 s->path, s->nbytes);
	if (source_read(s, 0, sizeof(head), head, false))
		return error_errno(h->err, ERR_SOURCE, EIO, "%s", s->path);
	cursor_le64(&c, &n);
	if (n == 0 || n > HEADER_MAX_NBYTES || n > s->nbytes - PREFIX_NBYTES)
		return refuse_length(h, head, n);
	*text = malloc((size_t)n + 1);
	if (!*text)
		return error_nomem(h->err);
	if (source_read(s, PREFIX_NBYTES, (size_t)n, *text, false))
		return error_errno(h->err, ERR_SOURCE, EIO, "%s", s->path);
	json_init(&h->json, *text, (size_t)n);
	if (json_peek(&h->json) != '{' && looks_like_torch(head))
		return refuse_length(h, head, n);
	h->data_nbytes = s->nbytes - PREFIX_NBYTES - n;
	return 0;
}

int safetensors_read(struct reading *r, struct source *s, struct error *err)
{
	struct header h = {.s = s, .arena = &r->set->arena, .err = err, .r = r};
	char *text = NULL;
	int rc = load_header(&h, s, &text);

	if (!rc)
		rc = parse_header(&h);
	if (!rc)
		rc = check_ranges(&h);
	if (!rc)
		rc = add_tensors(&h, s);
	r->has_crc = h.has_crc;
	if (!rc && r->check_crc && h.has_crc)
		rc = check_crc(&h, s);
	r->is_mindspore |= h.is_mindspore;
	free(h.v);
	free(text);
	return rc;
}
