/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a ckpt, put together: see ckpt_param.h. */
#include "formats/ckpt_param.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/checked.h"
#include "core/gather.h"
#include "core/reader.h"
#include "core/utf8.h"

#define PARAM_KEY ".__param_key__"

/* Two values a byte; dims count the bytes. */
#define TYPE_NIBBLES "Int4"
#define TYPE_TEXT "str"
#define TEXT_UNIT 4 /* bytes of a character */

/* Of two tensors that should be one, at a time. */
#define COMPARED_NBYTES (16u << 10)

/* Refuse the parameter called name: why is a format for what follows. */
#define REFUSE(p, name, why, ...)                                              \
	error_set((p)->w->err, ERR_SOURCE, "%s: parameter \"%.*s\": " why,     \
		  (p)->w->s->path, STR_ARG(name), __VA_ARGS__)

void ckpt_param_init(struct ckpt_param *p, struct reading *r, struct wire *w)
{
	p->r = r;
	p->w = w;
	p->tag_nbytes = 0;
	p->last.kind = CKPT_NOTHING;
	p->parts = NULL;
	p->nparts = p->cap = 0;
	p->nbytes = p->nparams = p->nvalueless = 0;
}

void ckpt_param_release(struct ckpt_param *p)
{
	free(p->parts);
}

/* The name of a tag: without what MindSpore puts behind it. */
static struct str name_of(const char *tag, size_t n)
{
	struct str name = {tag, n};
	const size_t nkey = sizeof(PARAM_KEY) - 1;
	size_t digits = 0;

	while (digits < n && tag[n - digits - 1] >= '0' &&
	       tag[n - digits - 1] <= '9')
		digits++;
	if (digits > 0 && n - digits >= nkey &&
	    memcmp(tag + n - digits - nkey, PARAM_KEY, nkey) == 0)
		name.n = n - digits - nkey;
	return name;
}

/* ---- the end of a parameter ---- */

/* A word of a type that no table has. */
static int refuse_type(struct ckpt_param *p, struct str name)
{
	if (!p->last.type_nbytes)
		return REFUSE(p, name, "%s", "it has no type");
	return REFUSE(p, name, "unknown type \"%.*s\"",
		      (int)min_size(p->last.type_nbytes, sizeof(p->type)),
		      p->type);
}

static int find_type(struct ckpt_param *p, struct str name, struct str type,
		     enum dtype *dt)
{
	if (str_is(type, TYPE_NIBBLES)) {
		name_list_add(&p->r->nibbles, name);
		*dt = DT_I8;
		return 0;
	}
	return dtype_from_mindspore(type, dt) ? 0 : refuse_type(p, name);
}

static int check_dims(struct ckpt_param *p, struct str name)
{
	const struct ckpt_value *v = &p->last;

	if (v->ndim > TENSOR_MAX_NDIM)
		return REFUSE(p, name,
			      "more than %d dimensions are not supported",
			      TENSOR_MAX_NDIM);
	for (unsigned i = 0; i < v->ndim; i++)
		if (v->dims[i] > INT64_MAX)
			return REFUSE(p, name,
				      "dimension %u is negative (%" PRId64 ")",
				      i, (int64_t)v->dims[i]);
	return 0;
}

static int refuse_size(struct ckpt_param *p, const struct tensor *t, bool fits)
{
	const char *type = dtype_info(t->dtype)->mindspore;
	struct strbuf shape = STRBUF_INIT;
	int rc;

	strbuf_add_dims(&shape, t->dims, t->ndim, ',');
	if (!fits)
		rc = REFUSE(p, t->name,
			    "%s of shape [%s] has 2^64 bits or more", type,
			    shape.p ? shape.p : "");
	else
		rc = REFUSE(p, t->name,
			    "%s of shape [%s] takes %" PRIu64
			    " bytes, but the file holds %" PRIu64
			    " side by side",
			    type, shape.p ? shape.p : "", t->nbytes, p->nbytes);
	strbuf_release(&shape);
	return rc;
}

/* Let t be the collected bytes. */
static int take_bytes(struct ckpt_param *p, struct tensor *t)
{
	struct arena *arena = &p->r->set->arena;
	struct extent_part *parts;
	struct extents *e;

	if (p->nparts <= 1) {
		t->recipe = RECIPE_EXTENT;
		t->extent.src = p->w->s;
		t->extent.off = p->nparts ? p->parts[0].off : p->last.content;
		return 0;
	}
	e = arena_alloc(arena, sizeof(*e));
	parts = arena_array(arena, p->nparts, sizeof(*parts));
	if (!e || !parts)
		return -ENOMEM;
	memcpy(parts, p->parts, p->nparts * sizeof(*parts));
	*e = (struct extents){p->nparts, parts};
	t->recipe = RECIPE_EXTENTS;
	t->extents = e;
	return 0;
}

/* Let t be the upper halves of the collected bytes, which are float32. */
static int take_halves(struct ckpt_param *p, struct tensor *t)
{
	struct {
		struct gather gather;
		struct piece piece;
		struct gather_axis axis;
		struct tensor whole;
		uint64_t dim;
	} *m = arena_alloc(&p->r->set->arena, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->dim = p->nbytes / 2;
	m->whole = (struct tensor){.name = t->name,
				   .dims = &m->dim,
				   .ndim = 1,
				   .nbytes = p->nbytes,
				   .dtype = DT_U16};
	m->axis = (struct gather_axis){m->dim / 2, 1, 2};
	m->piece = (struct piece){&m->whole, 0, 1, 1, &m->axis};
	m->gather = (struct gather){.npieces = 1, .pieces = &m->piece};
	t->recipe = RECIPE_GATHER;
	t->gather = &m->gather;
	return take_bytes(p, &m->whole);
}

static int refuse_duplicate(struct ckpt_param *p, struct str name)
{
	const struct source *other;
	uint64_t off;

	tensor_first_byte(tensor_set_find(p->r->set, name), &other, &off);
	if (!other || other == p->w->s)
		return REFUSE(p, name, "%s",
			      "it is there twice, and not as slices side by "
			      "side");
	return REFUSE(p, name,
		      "%s has another of that name; if they are no parts of "
		      "one model, name one of the files",
		      other->path);
}

/* Compare the bytes of two tensors of one size: 0, or -errno. */
static int compare_bytes(const struct tensor *a, const struct tensor *b,
			 struct reader *rd, bool *same)
{
	unsigned char x[COMPARED_NBYTES], y[COMPARED_NBYTES];
	uint64_t off = 0;
	int rc = 0;

	*same = true;
	while (!rc && *same && off < a->nbytes) {
		size_t n = min_size(a->nbytes - off, sizeof(x));

		rc = tensor_read(a, off, n, x, rd);
		if (!rc)
			rc = tensor_read(b, off, n, y, rd);
		*same = !rc && memcmp(x, y, n) == 0;
		off += n;
	}
	return rc;
}

/*
 * A tensor that another file of the model has too, to the byte, is one: a
 * model in several files may have what they share in each of them.
 */
static int take_duplicate(struct ckpt_param *p, const struct tensor *t)
{
	const struct tensor *old = tensor_set_find(p->r->set, t->name);
	const struct source *src;
	struct stats stats = {0};
	struct reader rd;
	bool same = false;
	uint64_t off;
	int rc;

	tensor_first_byte(old, &src, &off);
	if (!src || src == p->w->s || old->dtype != t->dtype ||
	    !tensor_has_dims(old, t->dims, t->ndim))
		return refuse_duplicate(p, t->name);
	if (reader_init(&rd, 1, &stats, NULL))
		return error_nomem(p->w->err);
	rc = compare_bytes(old, t, &rd, &same);
	reader_release(&rd);
	if (rc)
		return REFUSE(p, t->name, "%s", "reading it failed");
	return same ? 0 : refuse_duplicate(p, t->name);
}

static int add_tensor(struct ckpt_param *p, struct tensor *t)
{
	struct tensor_set *set = p->r->set;
	uint64_t *dims = arena_array(&set->arena, t->ndim, sizeof(*dims));
	bool halves = p->nbytes != t->nbytes;
	int rc;

	t->name = arena_str(&set->arena, t->name);
	if (!dims || !t->name.p)
		return error_nomem(p->w->err);
	if (t->ndim > 0)
		memcpy(dims, t->dims, t->ndim * sizeof(*dims));
	t->dims = dims;
	t->is_extra = reading_is_extra(t);
	if (halves ? take_halves(p, t) : take_bytes(p, t))
		return error_nomem(p->w->err);
	rc = tensor_set_add(set, t);
	if (rc == -EEXIST)
		return take_duplicate(p, t);
	return rc ? error_nomem(p->w->err) : 0;
}

static int end_tensor(struct ckpt_param *p, struct str name, struct str type)
{
	const struct ckpt_value *v = &p->last;
	struct tensor t = {.name = name, .dims = v->dims};
	enum dtype dt = DT_I8;
	bool fits;
	int rc = find_type(p, name, type, &dt);

	if (!rc)
		rc = check_dims(p, name);
	if (rc)
		return rc;
	t.dtype = (uint8_t)dt;
	/* shape (0) with a value: how releases up to 2.0 wrote a scalar */
	if (v->ndim != 1 || v->dims[0] || !p->nbytes)
		t.ndim = (uint8_t)v->ndim;
	fits = tensor_nbytes(dt, t.dims, t.ndim, &t.nbytes);
	if (!fits ||
	    (p->nbytes != t.nbytes &&
	     (dt != DT_BF16 || p->nbytes / 2 != t.nbytes || p->nbytes % 2)))
		return refuse_size(p, &t, fits);
	return reading_leaves_out(p->r, name) ? 0 : add_tensor(p, &t);
}

static int end_text(struct ckpt_param *p, struct str name)
{
	uint64_t n = p->last.content_nbytes;

	if (n == 0 || n % TEXT_UNIT)
		return REFUSE(p, name,
			      "a text of %" PRIu64 " bytes is no number of "
			      "characters of 4",
			      n);
	name_list_add(&p->r->texts, name);
	return 0;
}

static int check_name(struct ckpt_param *p, struct str name)
{
	if (!utf8_valid(name))
		return error_set(
			p->w->err, ERR_SOURCE,
			"%s: the name of the parameter at byte %" PRIu64
			" is not UTF-8",
			p->w->s->path, p->last.at);
	if (name.n > TENSOR_MAX_NAME)
		return error_set(
			p->w->err, ERR_SOURCE,
			"%s: the name of the parameter at byte %" PRIu64
			" has %zu bytes, more than the %d supported",
			p->w->s->path, p->last.at, name.n, TENSOR_MAX_NAME);
	return 0;
}

int ckpt_param_end(struct ckpt_param *p)
{
	struct str name = name_of(p->tag, p->tag_nbytes);
	struct str type = {p->type, (size_t)p->last.type_nbytes};
	int rc;

	if (p->last.kind == CKPT_NOTHING)
		return 0;
	rc = check_name(p, name);
	if (rc)
		return rc;
	p->nparams++;
	if (p->last.kind == CKPT_MAP)
		name_list_add(&p->r->maps, name);
	else if (type.n > sizeof(p->type))
		rc = refuse_type(p, name);
	else if (str_is(type, TYPE_TEXT))
		rc = end_text(p, name);
	else
		rc = end_tensor(p, name, type);
	p->last.kind = CKPT_NOTHING;
	p->nparts = 0;
	p->nbytes = 0;
	return rc;
}

/* ---- slices ---- */

static int add_part(struct ckpt_param *p, const struct ckpt_value *v)
{
	if (!v->content_nbytes)
		return 0;
	if (p->nparts == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 16;
		struct extent_part *parts =
			realloc(p->parts, cap * sizeof(*parts));

		if (!parts)
			return error_nomem(p->w->err);
		p->parts = parts;
		p->cap = cap;
	}
	p->parts[p->nparts++] =
		(struct extent_part){p->nbytes, v->content, p->w->s};
	/* cannot overflow: contents are disjoint parts of one file */
	p->nbytes += v->content_nbytes;
	return 0;
}

/* The tag of v becomes the current one; the parameter before it ends. */
static int take_tag(struct ckpt_param *p, const struct ckpt_value *v)
{
	size_t n = (size_t)v->tag_nbytes;
	const uint8_t *tag;
	int rc;

	if (v->tag_nbytes > sizeof(p->tag))
		return wire_refuse(p->w, v->tag, "a name of over 4096 bytes");
	tag = wire_bytes(p->w, v->tag, n);
	if (!tag)
		return -EIO;
	if (n == p->tag_nbytes && memcmp(tag, p->tag, n) == 0)
		return 0;
	rc = ckpt_param_end(p);
	p->tag_nbytes = n;
	memcpy(p->tag, tag, n);
	return rc;
}

/* Keep the word of the type: its place in the file is far away later. */
static int take_type(struct ckpt_param *p, const struct ckpt_value *v)
{
	size_t n = min_size(v->type_nbytes, sizeof(p->type));
	const uint8_t *type = wire_bytes(p->w, v->type, n);

	if (!type)
		return -EIO;
	memcpy(p->type, type, n);
	return 0;
}

int ckpt_param_take(struct ckpt_param *p, const struct ckpt_value *v)
{
	int rc = take_tag(p, v);

	if (rc)
		return rc;
	if (v->kind == CKPT_NOTHING) {
		p->nvalueless++;
		return 0;
	}
	/* a map and a tensor of one name are not slices of one thing */
	if (p->last.kind != CKPT_NOTHING && p->last.kind != v->kind)
		rc = ckpt_param_end(p);
	if (!rc && v->kind == CKPT_TENSOR)
		rc = take_type(p, v);
	if (rc)
		return rc;
	p->last = *v;
	return v->kind == CKPT_TENSOR ? add_part(p, v) : 0;
}
