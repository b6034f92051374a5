/* SPDX-License-Identifier: Apache-2.0 */
/* The zip archive of a PyTorch file that is shown: see torch_layout.h. */
#include "formats/torch_layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/checked.h"
#include "core/crc.h"

#define ALIGNMENT 64

/* The CRC-32 of any bytes with their CRC-32 behind them. */
#define CONSTANT_CRC 0x2144df1c

/* Central entries in one rendered region. */
#define CHUNK_ENTRIES 64

/* Zip: sizes of fixed parts, and what stands for "see the zip64 field". */
#define LOCAL_NBYTES 30
#define CENTRAL_NBYTES 46
#define FIELD_NBYTES 4 /* id and length of an extra field */
#define END64_NBYTES 56
#define LOCATOR_NBYTES 20
#define END_NBYTES 22
#define MAX16 UINT16_MAX
#define MAX32 UINT32_MAX

#define FLAG_UTF8 0x0800
#define DATE_1980 0x0021 /* the first day that there is */
#define VERSION_PLAIN 10
#define VERSION_ZIP64 45
#define FIELD_ZIP64 0x0001
#define FIELD_PADDING 0x4246 /* "FB", as torch.save has it */

static const char byteorder[] = "little", version[] = "3\n";

/* Entries: the pickle, the byte order, the tensors, the version. */
enum { ENTRY_PICKLE, ENTRY_BYTEORDER, ENTRY_TENSORS };

/* What is rendered: kind << KIND_BITS | index. */
enum { KIND_LOCAL, KIND_PICKLE, KIND_CENTRAL, KIND_END };
#define KIND_BITS 48

struct layout {
	const struct tensor *v;
	size_t n;
	size_t nentries; /* n and the three others */
	uint64_t *off;	 /* [nentries + 1] local headers, the directory */
	uint64_t end64;	 /* where the zip64 end record stands */
	uint64_t pickle_nbytes;
	uint32_t pickle_crc;
	uint32_t *chunk_nbytes; /* [torch_pickle_nchunks] */
	struct checksum *sums;	/* [n] */
};

struct entry {
	char name[64];
	size_t name_nbytes;
	uint64_t nbytes;
	uint32_t crc;
};

static void entry_of(const struct layout *l, size_t i, struct entry *e)
{
	if (i == ENTRY_PICKLE) {
		snprintf(e->name, sizeof(e->name), "archive/data.pkl");
		e->nbytes = l->pickle_nbytes;
		e->crc = l->pickle_crc;
	} else if (i == ENTRY_BYTEORDER) {
		snprintf(e->name, sizeof(e->name), "archive/byteorder");
		e->nbytes = sizeof(byteorder) - 1;
		e->crc = crc_update(0, byteorder, sizeof(byteorder) - 1);
	} else if (i == l->nentries - 1) {
		snprintf(e->name, sizeof(e->name), "archive/version");
		e->nbytes = sizeof(version) - 1;
		e->crc = crc_update(0, version, sizeof(version) - 1);
	} else {
		snprintf(e->name, sizeof(e->name), "archive/data/%zu",
			 i - ENTRY_TENSORS);
		e->nbytes = torch_record_nbytes(&l->v[i - ENTRY_TENSORS]);
		e->crc = e->nbytes ? CONSTANT_CRC : 0;
	}
	e->name_nbytes = strlen(e->name);
}

/* ---- rendering ---- */

static void add_le(struct strbuf *out, uint64_t v, unsigned nbytes)
{
	for (unsigned i = 0; i < nbytes; i++)
		strbuf_addc(out, (char)(v >> 8 * i));
}

static uint64_t clamp(uint64_t v, uint64_t max)
{
	return v < max ? v : max;
}

/* Bytes of the zip64 field of a local header: both sizes, or nothing. */
static size_t local_zip64_nbytes(const struct entry *e)
{
	return e->nbytes >= MAX32 ? 16 : 0;
}

/* ... and of a central one: also the offset. */
static size_t central_zip64_nbytes(const struct entry *e, uint64_t off)
{
	return local_zip64_nbytes(e) + (off >= MAX32 ? 8 : 0);
}

static size_t field_nbytes(size_t n)
{
	return n ? FIELD_NBYTES + n : 0;
}

/* Where the local header's padding field begins, from its start. */
static size_t padding_at(const struct entry *e)
{
	return LOCAL_NBYTES + e->name_nbytes +
	       field_nbytes(local_zip64_nbytes(e));
}

/* Bytes in the padding field, for a header at off. */
static size_t padding_nbytes(const struct entry *e, uint64_t off)
{
	return (size_t)(-(off + padding_at(e) + FIELD_NBYTES) % ALIGNMENT);
}

static size_t local_nbytes(const struct entry *e, uint64_t off)
{
	return padding_at(e) + FIELD_NBYTES + padding_nbytes(e, off);
}

/* From "version needed" to the length of the name, the same in both headers. */
static void add_common(struct strbuf *out, const struct entry *e, bool zip64)
{
	add_le(out, zip64 ? VERSION_ZIP64 : VERSION_PLAIN, 2);
	add_le(out, FLAG_UTF8, 2);
	add_le(out, 0, 2); /* stored */
	add_le(out, 0, 2); /* time */
	add_le(out, DATE_1980, 2);
	add_le(out, e->crc, 4);
	add_le(out, clamp(e->nbytes, MAX32), 4);
	add_le(out, clamp(e->nbytes, MAX32), 4);
	add_le(out, e->name_nbytes, 2);
}

static void render_local(const struct layout *l, size_t i, struct strbuf *out)
{
	size_t zip64, npad;
	struct entry e;

	entry_of(l, i, &e);
	zip64 = local_zip64_nbytes(&e);
	npad = padding_nbytes(&e, l->off[i]);
	strbuf_add(out, "PK\3\4", 4);
	add_common(out, &e, zip64);
	add_le(out, field_nbytes(zip64) + FIELD_NBYTES + npad, 2);
	strbuf_add(out, e.name, e.name_nbytes);
	if (zip64) {
		add_le(out, FIELD_ZIP64, 2);
		add_le(out, zip64, 2);
		add_le(out, e.nbytes, 8);
		add_le(out, e.nbytes, 8);
	}
	add_le(out, FIELD_PADDING, 2);
	add_le(out, npad, 2);
	while (npad--)
		strbuf_addc(out, 'Z');
}

static void render_central(const struct layout *l, size_t i, struct strbuf *out)
{
	uint64_t off = l->off[i];
	struct entry e;
	size_t zip64;

	entry_of(l, i, &e);
	zip64 = central_zip64_nbytes(&e, off);
	strbuf_add(out, "PK\1\2", 4);
	add_le(out, zip64 ? VERSION_ZIP64 : VERSION_PLAIN, 2);
	add_common(out, &e, zip64);
	add_le(out, field_nbytes(zip64), 2);
	add_le(out, 0, 2); /* no comment */
	add_le(out, 0, 2); /* disk */
	add_le(out, 0, 2); /* attributes */
	add_le(out, 0, 4);
	add_le(out, clamp(off, MAX32), 4);
	strbuf_add(out, e.name, e.name_nbytes);
	if (!zip64)
		return;
	add_le(out, FIELD_ZIP64, 2);
	add_le(out, zip64, 2);
	if (e.nbytes >= MAX32) {
		add_le(out, e.nbytes, 8);
		add_le(out, e.nbytes, 8);
	}
	if (off >= MAX32)
		add_le(out, off, 8);
}

static void render_end(const struct layout *l, struct strbuf *out)
{
	uint64_t directory = l->off[l->nentries];
	uint64_t nbytes = l->end64 - directory;

	strbuf_add(out, "PK\6\6", 4);
	add_le(out, END64_NBYTES - 12, 8); /* what follows this field */
	add_le(out, VERSION_ZIP64, 2);
	add_le(out, VERSION_ZIP64, 2);
	add_le(out, 0, 8); /* disks */
	add_le(out, l->nentries, 8);
	add_le(out, l->nentries, 8);
	add_le(out, nbytes, 8);
	add_le(out, directory, 8);
	strbuf_add(out, "PK\6\7", 4);
	add_le(out, 0, 4);
	add_le(out, l->end64, 8);
	add_le(out, 1, 4); /* disks in all */
	strbuf_add(out, "PK\5\6", 4);
	add_le(out, 0, 4); /* disks */
	add_le(out, clamp(l->nentries, MAX16), 2);
	add_le(out, clamp(l->nentries, MAX16), 2);
	add_le(out, clamp(nbytes, MAX32), 4);
	add_le(out, clamp(directory, MAX32), 4);
	add_le(out, 0, 2); /* no comment */
}

static void render(const void *ctx, uint64_t number, struct strbuf *out)
{
	const struct layout *l = ctx;
	size_t i = (size_t)(number & ((UINT64_C(1) << KIND_BITS) - 1)), end;

	switch (number >> KIND_BITS) {
	case KIND_LOCAL:
		render_local(l, i, out);
		break;
	case KIND_PICKLE:
		torch_pickle_chunk(l->v, l->n, i, out);
		break;
	case KIND_CENTRAL:
		i *= CHUNK_ENTRIES;
		end = min_size(l->nentries, i + CHUNK_ENTRIES);
		for (; i < end; i++)
			render_central(l, i, out);
		break;
	default:
		render_end(l, out);
	}
}

/* ---- laying out ---- */

static int add_render(struct vfile *f, uint64_t kind, size_t i, uint64_t nbytes)
{
	return vfile_add_render(f, kind << KIND_BITS | i, nbytes);
}

static int add_local(struct vfile *f, struct layout *l, size_t i)
{
	struct entry e;

	entry_of(l, i, &e);
	l->off[i] = f->nbytes;
	return add_render(f, KIND_LOCAL, i, local_nbytes(&e, f->nbytes));
}

/* Render the pickle once, for its lengths and its CRC. */
static int measure_pickle(struct layout *l)
{
	size_t nchunks = torch_pickle_nchunks(l->n);
	struct strbuf text = STRBUF_INIT;
	bool failed;

	for (size_t k = 0; k < nchunks && !text.failed; k++) {
		strbuf_reset(&text);
		torch_pickle_chunk(l->v, l->n, k, &text);
		l->pickle_crc = crc_update(l->pickle_crc, text.p, text.len);
		l->chunk_nbytes[k] = (uint32_t)text.len;
		l->pickle_nbytes += text.len;
	}
	failed = text.failed;
	strbuf_release(&text);
	return failed ? -ENOMEM : 0;
}

static int add_pickle(struct vfile *f, struct layout *l)
{
	int rc = measure_pickle(l);

	if (!rc)
		rc = add_local(f, l, ENTRY_PICKLE);
	for (size_t k = 0; k < torch_pickle_nchunks(l->n) && !rc; k++)
		rc = add_render(f, KIND_PICKLE, k, l->chunk_nbytes[k]);
	return rc;
}

static int add_tensor(struct vfile *f, struct layout *l, size_t i)
{
	static const char zeros[16];
	const struct tensor *t = &l->v[i];
	struct checksum *sum = &l->sums[i];
	int rc = add_local(f, l, ENTRY_TENSORS + i);

	if (rc || !t->nbytes)
		return rc;
	sum->tensor = t;
	sum->npad = torch_pad_nbytes(t);
	if (vfile_add_tensor(f, t, 0, t->nbytes) ||
	    vfile_add_bytes(f, zeros, sum->npad) || vfile_add_checksum(f, sum))
		return -ENOMEM;
	return 0;
}

static int add_directory(struct vfile *f, struct layout *l)
{
	int rc = 0;

	l->off[l->nentries] = f->nbytes;
	for (size_t k = 0; k * CHUNK_ENTRIES < l->nentries && !rc; k++) {
		size_t i = k * CHUNK_ENTRIES;
		size_t end = min_size(l->nentries, i + CHUNK_ENTRIES);
		uint64_t nbytes = 0;

		for (; i < end; i++) {
			struct entry e;

			entry_of(l, i, &e);
			nbytes += CENTRAL_NBYTES + e.name_nbytes +
				  field_nbytes(
					  central_zip64_nbytes(&e, l->off[i]));
		}
		rc = add_render(f, KIND_CENTRAL, k, nbytes);
	}
	l->end64 = f->nbytes;
	if (rc)
		return rc;
	return add_render(f, KIND_END, 0,
			  END64_NBYTES + LOCATOR_NBYTES + END_NBYTES);
}

static int add_all(struct vfile *f, struct layout *l)
{
	if (add_pickle(f, l) || add_local(f, l, ENTRY_BYTEORDER) ||
	    vfile_add_bytes(f, byteorder, sizeof(byteorder) - 1))
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++)
		if (add_tensor(f, l, i))
			return -ENOMEM;
	if (add_local(f, l, l->nentries - 1) ||
	    vfile_add_bytes(f, version, sizeof(version) - 1))
		return -ENOMEM;
	return add_directory(f, l);
}

static int check(const struct tensor *v, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (!torch_can_hold(v[i].dtype))
			return error_set(err, ERR_MAPPING,
					 "tensor \"%.*s\": a PyTorch file is "
					 "not made for the type %s",
					 STR_ARG(v[i].name),
					 dtype_info(v[i].dtype)->safetensors);
	return 0;
}

int torch_layout(struct vfile *f, const struct tensor *v, size_t n,
		 struct arena *arena, struct error *err)
{
	struct layout *l = arena_alloc(arena, sizeof(*l));
	int rc = check(v, n, err);

	if (rc)
		return rc;
	if (!l)
		return error_nomem(err);
	l->v = v;
	l->n = n;
	l->nentries = n + ENTRY_TENSORS + 1;
	l->off = arena_array(arena, l->nentries + 1, sizeof(*l->off));
	l->chunk_nbytes = arena_array(arena, torch_pickle_nchunks(n),
				      sizeof(*l->chunk_nbytes));
	l->sums = arena_array(arena, n, sizeof(*l->sums));
	if (!l->off || !l->chunk_nbytes || !l->sums)
		return error_nomem(err);
	f->render = render;
	f->ctx = l;
	return add_all(f, l) ? error_nomem(err) : 0;
}
