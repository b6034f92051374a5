/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MindSpore checkpoint, laid out: see ckpt.h. Every message is a rendered
 * header and a run of its tensor's bytes. protobuf-c packs the header; the
 * content it is given is a marker, at which the packing stops.
 */
#include "formats/ckpt.h"

#include <errno.h>
#include <inttypes.h>

#include "core/checked.h"
#include "formats/ckpt.pb-c.h"

/* load_checkpoint takes a dim into an int32. */
#define DIM_MAX INT32_MAX

/* A rendered region's number: tensor index << 32 | slice. */
#define SLICE_BITS 32

/* Stands for the content of a message and is never read. */
static uint8_t content_marker;

/* What load_checkpoint 2.10 accepts of the types that save_checkpoint can
 * name: no complex, no 8-bit float. */
bool ckpt_can_hold(enum dtype dt)
{
	const struct dtype_info *info = dtype_info(dt);

	return info->mindspore && info->kind != KIND_OTHER;
}

static uint64_t slice_nbytes(const struct tensor *t, uint64_t slice)
{
	return min_u64(t->nbytes - slice * CKPT_SLICE_NBYTES,
		       CKPT_SLICE_NBYTES);
}

/* A message and the memory that its pointers lead to. */
struct message {
	Checkpoint checkpoint;
	Checkpoint__Value value, *values[1];
	TensorProto tensor;
	int64_t dims[TENSOR_MAX_NDIM];
	char tag[TENSOR_MAX_NAME + 1];
};

static void message_fill(struct message *m, const struct tensor *t,
			 uint64_t slice)
{
	checkpoint__init(&m->checkpoint);
	checkpoint__value__init(&m->value);
	tensor_proto__init(&m->tensor);
	m->checkpoint.n_value = 1;
	m->checkpoint.value = m->values;
	m->values[0] = &m->value;
	memcpy(m->tag, t->name.p, t->name.n);
	m->tag[t->name.n] = '\0';
	m->value.tag = m->tag;
	m->value.value_case = CHECKPOINT__VALUE__VALUE_TENSOR;
	m->value.tensor = &m->tensor;
	for (unsigned i = 0; i < t->ndim; i++)
		m->dims[i] = (int64_t)t->dims[i];
	m->tensor.n_dims = t->ndim;
	m->tensor.dims = m->dims;
	m->tensor.tensor_type = (char *)dtype_info(t->dtype)->mindspore;
	m->tensor.tensor_content.len = (size_t)slice_nbytes(t, slice);
	m->tensor.tensor_content.data = &content_marker;
}

static uint64_t header_nbytes(const struct tensor *t, uint64_t slice)
{
	struct message m;

	message_fill(&m, t, slice);
	return checkpoint__get_packed_size(&m.checkpoint) -
	       slice_nbytes(t, slice);
}

/* Where protobuf-c appends the packed bytes. */
struct header_buffer {
	ProtobufCBuffer base;
	struct strbuf *out;
};

static void append_header(ProtobufCBuffer *base, size_t n, const uint8_t *p)
{
	struct header_buffer *b = (struct header_buffer *)base;

	if (p != &content_marker)
		strbuf_add(b->out, p, n);
}

static void render(const void *ctx, uint64_t number, struct strbuf *out)
{
	const struct tensor_set *set = ctx;
	struct header_buffer b = {{append_header}, out};
	struct message m;

	message_fill(&m, &set->v[number >> SLICE_BITS],
		     number & ((UINT64_C(1) << SLICE_BITS) - 1));
	checkpoint__pack_to_buffer(&m.checkpoint, &b.base);
}

#define REFUSE(err, t, why, ...)                                               \
	error_set(err, ERR_MAPPING, "tensor \"%.*s\": a MindSpore ckpt " why,  \
		  STR_ARG((t)->name), __VA_ARGS__)

static int check(const struct tensor *t, struct error *err)
{
	if (!ckpt_can_hold(t->dtype))
		return REFUSE(err, t, "cannot hold the type %s",
			      dtype_info(t->dtype)->safetensors);
	for (unsigned i = 0; i < t->ndim; i++)
		if (t->dims[i] > DIM_MAX)
			return REFUSE(err, t,
				      "cannot hold a dimension of %" PRIu64
				      " (2^31 or more)",
				      t->dims[i]);
	if (t->name.n > TENSOR_MAX_NAME)
		return REFUSE(err, t, "is not made for a name of %zu bytes",
			      t->name.n);
	if (memchr(t->name.p, '\0', t->name.n))
		return REFUSE(err, t, "cannot hold %s",
			      "its name: there is a NUL character in it");
	return 0;
}

/* All messages of one tensor. */
static int add_messages(struct vfile *f, const struct tensor *t, size_t i)
{
	uint64_t slice = 0;

	for (uint64_t from = 0; from < t->nbytes; from += CKPT_SLICE_NBYTES) {
		uint64_t number = (uint64_t)i << SLICE_BITS | slice;

		if (slice >> SLICE_BITS ||
		    vfile_add_render(f, number, header_nbytes(t, slice)) ||
		    vfile_add_tensor(f, t, from, slice_nbytes(t, slice)))
			return -ENOMEM;
		slice++;
	}
	return 0;
}

int ckpt_layout(struct vfile *f, const struct tensor_set *set,
		const uint64_t **ends, struct arena *arena, struct error *err)
{
	uint64_t *end = NULL;

	if (set->n > UINT32_MAX)
		return error_nomem(err);
	if (ends) {
		*ends = end = arena_array(arena, set->n, sizeof(*end));
		if (!end)
			return error_nomem(err);
	}
	f->render = render;
	f->ctx = (void *)set;
	for (size_t i = 0; i < set->n; i++) {
		const struct tensor *t = &set->v[i];
		int rc = t->nbytes ? check(t, err) : 0;

		if (rc)
			return rc;
		if (add_messages(f, t, i))
			return error_nomem(err);
		if (end)
			end[i] = f->nbytes;
	}
	return 0;
}
