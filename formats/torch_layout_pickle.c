/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pickle of a PyTorch file that is shown: protocol 2, what torch.load with
 * weights_only accepts, without a memo. See torch_layout.h.
 *
 *   { name: _rebuild_tensor_v2(('storage', FloatStorage, key, 'cpu', numel),
 *                              0, size, stride, False, OrderedDict()), ... }
 *
 * Types without a storage class of their own are rebuilt by _rebuild_tensor_v3
 * from an UntypedStorage, whose numel counts bytes, and end with their dtype.
 */
#include "core/checked.h"
#include "formats/torch_layout.h"

#define CHUNK_TENSORS 64

/* Opcodes. */
#define PROTO_2 "\x80\x02"
#define MARK "("
#define EMPTY_TUPLE ")"
#define REDUCE "R"
#define TUPLE "t"
#define BINPERSID "Q"
#define NEWFALSE "\x89"
#define SETITEMS "u"
#define STOP "."
#define GLOBAL(module, name) "c" module "\n" name "\n"

#define ORDERED_DICT GLOBAL("collections", "OrderedDict") EMPTY_TUPLE REDUCE

static const struct {
	const char *storage; /* class of module torch; NULL: there is none */
	const char *dtype;   /* of module torch, for _rebuild_tensor_v3 */
} types[DT_COUNT] = {
	[DT_BOOL] = {"BoolStorage", NULL},
	[DT_U8] = {"ByteStorage", NULL},
	[DT_I8] = {"CharStorage", NULL},
	[DT_F8_E5M2] = {NULL, "float8_e5m2"},
	[DT_F8_E4M3] = {NULL, "float8_e4m3fn"},
	[DT_F8_E8M0] = {NULL, "float8_e8m0fnu"},
	[DT_F8_E4M3FNUZ] = {NULL, "float8_e4m3fnuz"},
	[DT_F8_E5M2FNUZ] = {NULL, "float8_e5m2fnuz"},
	[DT_I16] = {"ShortStorage", NULL},
	[DT_U16] = {NULL, "uint16"},
	[DT_F16] = {"HalfStorage", NULL},
	[DT_BF16] = {"BFloat16Storage", NULL},
	[DT_I32] = {"IntStorage", NULL},
	[DT_U32] = {NULL, "uint32"},
	[DT_F32] = {"FloatStorage", NULL},
	[DT_C64] = {"ComplexFloatStorage", NULL},
	[DT_F64] = {"DoubleStorage", NULL},
	[DT_I64] = {"LongStorage", NULL},
	[DT_U64] = {NULL, "uint64"},
	[DT_C128] = {"ComplexDoubleStorage", NULL},
};

bool torch_can_hold(enum dtype dt)
{
	return types[dt].storage || types[dt].dtype;
}

uint32_t torch_pad_nbytes(const struct tensor *t)
{
	unsigned width = dtype_width(t->dtype);

	return types[t->dtype].storage && width > CHECKSUM_NBYTES
		       ? width - CHECKSUM_NBYTES
		       : 0;
}

uint64_t torch_record_nbytes(const struct tensor *t)
{
	if (!t->nbytes)
		return 0;
	return t->nbytes + torch_pad_nbytes(t) + CHECKSUM_NBYTES;
}

static void add_le(struct strbuf *out, uint64_t v, unsigned nbytes)
{
	for (unsigned i = 0; i < nbytes; i++)
		strbuf_addc(out, (char)(v >> 8 * i));
}

/* The shortest form of an integer >= 0. */
static void add_int(struct strbuf *out, uint64_t v)
{
	unsigned nbytes = 5;

	if (v <= UINT8_MAX) {
		strbuf_addc(out, 'K');
		add_le(out, v, 1);
	} else if (v <= UINT16_MAX) {
		strbuf_addc(out, 'M');
		add_le(out, v, 2);
	} else if (v <= INT32_MAX) {
		strbuf_addc(out, 'J');
		add_le(out, v, 4);
	} else {
		/* two's complement: the highest bit is the sign */
		while (nbytes < 9 && v >> (8 * nbytes - 1))
			nbytes++;
		strbuf_addc(out, '\x8a');
		strbuf_addc(out, (char)nbytes);
		add_le(out, v, nbytes < 8 ? nbytes : 8);
		if (nbytes > 8)
			strbuf_addc(out, '\0');
	}
}

static void add_text(struct strbuf *out, struct str s)
{
	strbuf_addc(out, 'X');
	add_le(out, s.n, 4);
	strbuf_addstr(out, s);
}

static void add_tuple(struct strbuf *out, const uint64_t *v, unsigned n)
{
	static const char ends[] = ")\x85\x86\x87";

	if (n > 3)
		strbuf_adds(out, MARK);
	for (unsigned i = 0; i < n; i++)
		add_int(out, v[i]);
	strbuf_addc(out, n > 3 ? 't' : ends[n]);
}

/* Row-major; as torch has them, a dimension of 0 counts as 1. */
static void add_strides(struct strbuf *out, const struct tensor *t)
{
	uint64_t strides[TENSOR_MAX_NDIM], stride = 1;

	for (unsigned i = t->ndim; i--;) {
		strides[i] = stride;
		/* an empty tensor's need not fit; they are never used */
		if (t->dims[i] && mul_overflows(stride, t->dims[i], &stride))
			stride = 1;
	}
	add_tuple(out, strides, t->ndim);
}

/* ('storage', class, key, 'cpu', numel) as a persistent id. */
static void add_storage(struct strbuf *out, const struct tensor *t, size_t key)
{
	uint64_t nbytes = torch_record_nbytes(t);
	char digits[24];
	size_t n = 0;

	strbuf_adds(out, MARK);
	add_text(out, str_of("storage"));
	if (types[t->dtype].storage)
		strbuf_addf(out, GLOBAL("torch", "%s"),
			    types[t->dtype].storage);
	else
		strbuf_adds(out, GLOBAL("torch.storage", "UntypedStorage"));
	do
		digits[sizeof(digits) - ++n] = (char)('0' + key % 10);
	while (key /= 10);
	add_text(out, (struct str){digits + sizeof(digits) - n, n});
	add_text(out, str_of("cpu"));
	add_int(out, types[t->dtype].storage ? nbytes / dtype_width(t->dtype)
					     : nbytes);
	strbuf_adds(out, TUPLE BINPERSID);
}

static void add_tensor(struct strbuf *out, const struct tensor *t, size_t key)
{
	const char *dtype = types[t->dtype].dtype;

	add_text(out, t->name);
	strbuf_adds(out, dtype ? GLOBAL("torch._utils", "_rebuild_tensor_v3")
			       : GLOBAL("torch._utils", "_rebuild_tensor_v2"));
	strbuf_adds(out, MARK);
	add_storage(out, t, key);
	add_int(out, 0);
	add_tuple(out, t->dims, t->ndim);
	add_strides(out, t);
	strbuf_adds(out, NEWFALSE ORDERED_DICT);
	if (dtype)
		strbuf_addf(out, GLOBAL("torch", "%s"), dtype);
	strbuf_adds(out, TUPLE REDUCE);
}

size_t torch_pickle_nchunks(size_t n)
{
	return n ? (n + CHUNK_TENSORS - 1) / CHUNK_TENSORS : 1;
}

void torch_pickle_chunk(const struct tensor *v, size_t n, size_t k,
			struct strbuf *out)
{
	size_t i = k * CHUNK_TENSORS, end = min_size(n, i + CHUNK_TENSORS);

	if (k == 0)
		strbuf_adds(out, PROTO_2 ORDERED_DICT MARK);
	for (; i < end; i++)
		add_tensor(out, &v[i], i);
	if (end == n)
		strbuf_adds(out, SETITEMS STOP);
}
