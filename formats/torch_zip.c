/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch files from 1.6 on: a zip archive whose records lie in one directory,
 *
 *   DIR/data.pkl     the saved object; storages are named by a key
 *   DIR/data/KEY     the bytes of one storage
 *   DIR/version      1 to 10 (or DIR/.data/version)
 *   DIR/byteorder    little or big (optional)
 *
 * all stored, so that storages are served in place. Names are compared without
 * regard to case, as torch does; unlike torch, duplicate names, local headers
 * of another name and overlapping records are refused. CRCs are not checked
 * (torch may write none). Measured with torch 2.13.
 *
 * libzip reads the directory. It does not say where a record's data are, but
 * it has to read their first byte through our source, which thus knows. What
 * lies before them must be the local header of that record:
 *
 *   +----------+------+-------+------ ...
 *   | 30 bytes | name | extra | data
 *   +----------+------+-------+------ ...
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <zip.h>

#include "core/checked.h"
#include "formats/torch_priv.h"

#define HEADER_NBYTES 30

/* torch pads the extra field to align the data, as a rule to 64 bytes. */
#define NEAR_EXTRA 256

/* A record for a word or a number; real ones have up to 6 bytes. */
#define WORD_NBYTES 16

#define VERSION_MAX 10

/* What libzip reads from. */
struct input {
	struct source *s;
	uint64_t pos;
	uint64_t last; /* where the last read began */
	zip_error_t error;
};

struct record {
	struct str name; /* in the arena, in lower case */
	uint64_t header_off, data_off, nbytes;
	bool is_stored;
	uint8_t dtype; /* of the tensors that use it; DT_COUNT: none yet */
};

struct archive {
	struct torch_file *f;
	struct input in;
	zip_t *zip;
	struct arena arena;
	struct record *v; /* [n] by name; in the arena */
	size_t n;
	struct str dir; /* with its slash, in lower case */
};

/* ---- libzip's view of a source ---- */

static zip_int64_t input_read(struct input *in, void *buf, zip_uint64_t n)
{
	uint64_t left = in->pos < in->s->nbytes ? in->s->nbytes - in->pos : 0;

	n = min_u64(n, left);
	in->last = in->pos;
	if (n > INT64_MAX ||
	    source_read(in->s, in->pos, (size_t)n, buf, false)) {
		zip_error_set(&in->error, ZIP_ER_READ, EIO);
		return -1;
	}
	in->pos += n;
	return (zip_int64_t)n;
}

static zip_int64_t input_seek(struct input *in, void *data, zip_uint64_t n)
{
	zip_int64_t pos = zip_source_seek_compute_offset(in->pos, in->s->nbytes,
							 data, n, &in->error);

	if (pos >= 0)
		in->pos = (uint64_t)pos;
	return pos < 0 ? -1 : 0;
}

static zip_int64_t input_stat(struct input *in, void *data, zip_uint64_t n)
{
	zip_stat_t *st = data;

	if (n < sizeof(*st))
		return -1;
	zip_stat_init(st);
	st->size = in->s->nbytes;
	st->valid = ZIP_STAT_SIZE;
	return sizeof(*st);
}

static zip_int64_t input_call(void *ctx, void *data, zip_uint64_t n,
			      zip_source_cmd_t cmd)
{
	struct input *in = ctx;

	switch (cmd) {
	case ZIP_SOURCE_OPEN:
		in->pos = 0;
		return 0;
	case ZIP_SOURCE_READ:
		return input_read(in, data, n);
	case ZIP_SOURCE_SEEK:
		return input_seek(in, data, n);
	case ZIP_SOURCE_TELL:
		return (zip_int64_t)in->pos;
	case ZIP_SOURCE_STAT:
		return input_stat(in, data, n);
	case ZIP_SOURCE_ERROR:
		return zip_error_to_data(&in->error, data, n);
	case ZIP_SOURCE_CLOSE:
	case ZIP_SOURCE_FREE:
		return 0;
	case ZIP_SOURCE_SUPPORTS:
		return zip_source_make_command_bitmap(
			ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
			ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
			ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS,
			-1);
	default:
		zip_error_set(&in->error, ZIP_ER_OPNOTSUPP, 0);
		return -1;
	}
}

/* errno was 0: libzip says "not a zip archive" of a lack of memory too. */
static int refuse_zip(struct archive *a, zip_error_t *why)
{
	int rc = errno == ENOMEM
			 ? error_nomem(a->f->err)
			 : REFUSE_FILE(a->f,
				       "it is no whole zip archive (%s): it is "
				       "cut off or damaged, fetch it again",
				       zip_error_strerror(why));

	zip_error_fini(why);
	return rc;
}

static int open_archive(struct archive *a)
{
	zip_error_t why;
	zip_source_t *zs;

	zip_error_init(&why);
	errno = 0;
	zs = zip_source_function_create(input_call, &a->in, &why);
	if (!zs)
		return refuse_zip(a, &why);
	a->zip = zip_open_from_source(zs, ZIP_RDONLY, &why);
	if (a->zip)
		return 0;
	zip_source_free(zs);
	return refuse_zip(a, &why);
}

/* ---- records ---- */

static uint32_t le(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* Of ASCII; the byte as a number. */
static int to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : (unsigned char)c;
}

/* Where the data of entry i are: libzip reads their first byte. */
static int find_data(struct archive *a, zip_uint64_t i, struct record *r)
{
	zip_file_t *file;
	bool was_read;
	char byte;

	errno = 0;
	file = zip_fopen_index(a->zip, i, ZIP_FL_COMPRESSED);
	was_read = file && zip_fread(file, &byte, 1) == 1;
	if (!was_read && errno == ENOMEM) {
		if (file)
			zip_fclose(file);
		return error_nomem(a->f->err);
	}
	if (!file)
		return REFUSE_FILE(a->f, "record \"%.*s\": %s",
				   STR_ARG(r->name), zip_strerror(a->zip));
	zip_fclose(file);
	r->data_off = a->in.last;
	if (was_read && r->data_off < a->f->s->nbytes &&
	    r->nbytes <= a->f->s->nbytes - r->data_off)
		return 0;
	return REFUSE_FILE(a->f,
			   "record \"%.*s\" has %" PRIu64
			   " bytes, which reach past the end of the file",
			   STR_ARG(r->name), r->nbytes);
}

/*
 * Whether the nbytes at p end with the local header of that name; *header_off
 * is moved back to its begin.
 */
static bool ends_with_header(const uint8_t *p, size_t nbytes, struct str name,
			     uint64_t *header_off)
{
	size_t fixed = HEADER_NBYTES + name.n;

	for (size_t extra = 0; fixed + extra <= nbytes; extra++) {
		const uint8_t *h = p + nbytes - fixed - extra;

		if (memcmp(h, "PK\3\4", 4) == 0 && le(h + 26, 2) == name.n &&
		    le(h + 28, 2) == extra &&
		    memcmp(h + HEADER_NBYTES, name.p, name.n) == 0) {
			*header_off -= fixed + extra;
			return true;
		}
	}
	return false;
}

/* Before the data must be the record's own header, near or far. */
static int find_header(struct archive *a, struct record *r, struct str name)
{
	static const size_t extras[] = {NEAR_EXTRA, UINT16_MAX};
	struct torch_file *f = a->f;

	r->header_off = r->data_off;
	for (int i = 0; i < 2; i++) {
		size_t n = min_size(r->data_off,
				    HEADER_NBYTES + name.n + extras[i]);
		uint8_t *p = malloc(n + 1);
		bool found;

		if (!p)
			return error_nomem(f->err);
		if (source_read(f->s, r->data_off - n, n, p, false)) {
			free(p);
			return error_errno(f->err, ERR_SOURCE, EIO, "%s",
					   f->s->path);
		}
		found = ends_with_header(p, n, name, &r->header_off);
		free(p);
		if (found)
			return 0;
	}
	return REFUSE_FILE(f,
			   "record \"%.*s\" is not where the directory of the "
			   "archive says: there is no header of it before byte "
			   "%" PRIu64,
			   STR_ARG(r->name), r->data_off);
}

static int take_record(struct archive *a, zip_uint64_t i, struct record *r)
{
	struct torch_file *f = a->f;
	struct str name;
	zip_stat_t st;
	char *lower;
	int rc;

	if (zip_stat_index(a->zip, i, ZIP_FL_ENC_RAW, &st) < 0 ||
	    !(st.valid & ZIP_STAT_NAME) || !(st.valid & ZIP_STAT_COMP_SIZE))
		return REFUSE_FILE(f, "%s", "a record without name and size");
	name = str_of(st.name);
	r->name = arena_str(&a->arena, name);
	if (!r->name.p)
		return error_nomem(f->err);
	lower = (char *)r->name.p;
	for (size_t k = 0; k < name.n; k++)
		lower[k] = (char)to_lower(lower[k]);
	r->nbytes = st.comp_size;
	r->is_stored = st.comp_method == ZIP_CM_STORE &&
		       st.comp_size == st.size &&
		       st.encryption_method == ZIP_EM_NONE;
	r->dtype = DT_COUNT;
	if (r->nbytes == 0) /* nothing to serve, nothing to find */
		return 0;
	rc = find_data(a, i, r);
	return rc ? rc : find_header(a, r, name);
}

static int by_name(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return str_cmp(x->name, y->name);
}

static int by_place(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return (x->header_off > y->header_off) -
	       (x->header_off < y->header_off);
}

static int check_overlaps(struct archive *a)
{
	const struct record *last = NULL;

	qsort(a->v, a->n, sizeof(*a->v), by_place);
	for (size_t i = 0; i < a->n; i++) {
		const struct record *r = &a->v[i];

		if (r->nbytes == 0)
			continue;
		if (last && r->header_off < last->data_off + last->nbytes)
			return REFUSE_FILE(a->f,
					   "records \"%.*s\" and \"%.*s\" lie "
					   "over each other",
					   STR_ARG(last->name),
					   STR_ARG(r->name));
		last = r;
	}
	return 0;
}

static int read_directory(struct archive *a)
{
	zip_int64_t n = zip_get_num_entries(a->zip, 0);
	int rc = 0;

	if (n <= 0)
		return REFUSE_FILE(a->f, "%s", "the archive is empty");
	a->v = arena_array(&a->arena, (size_t)n, sizeof(*a->v));
	if (!a->v)
		return error_nomem(a->f->err);
	for (; a->n < (size_t)n && !rc; a->n++)
		rc = take_record(a, a->n, &a->v[a->n]);
	if (!rc)
		rc = check_overlaps(a);
	if (rc)
		return rc;
	qsort(a->v, a->n, sizeof(*a->v), by_name);
	for (size_t i = 1; i < a->n; i++)
		if (str_eq(a->v[i - 1].name, a->v[i].name))
			return REFUSE_FILE(
				a->f, "the archive has two records \"%.*s\"",
				STR_ARG(a->v[i].name));
	return 0;
}

/* ---- the records of a checkpoint ---- */

/* A name in parts, of any case, against that of a record. */
struct wanted {
	struct str part[3];
};

static int by_parts(const void *key, const void *record)
{
	const struct wanted *w = key;
	const struct record *r = record;
	struct cursor c = cursor_of(r->name.p, r->name.n);

	for (unsigned k = 0; k < 3; k++)
		for (size_t i = 0; i < w->part[k].n; i++) {
			int d = to_lower(w->part[k].p[i]) - cursor_next(&c);

			if (d)
				return d;
		}
	return cursor_left(&c) ? -1 : 0;
}

/* DIR/prefix key, or NULL. */
static struct record *find_record(struct archive *a, const char *prefix,
				  struct str key)
{
	struct wanted w = {{a->dir, str_of(prefix), key}};

	return bsearch(&w, a->v, a->n, sizeof(*a->v), by_parts);
}

/* The directory that has data.pkl, of a single component. */
static int find_dir(struct archive *a)
{
	static const char pickle[] = "/data.pkl";
	struct str found = {NULL, 0};

	for (size_t i = 0; i < a->n; i++) {
		struct str name = a->v[i].name, dir;

		if (!str_ends(name, pickle))
			continue;
		dir = (struct str){name.p, name.n - (sizeof(pickle) - 2)};
		if (memchr(dir.p, '/', dir.n) != dir.p + dir.n - 1)
			continue;
		if (found.p)
			return REFUSE_FILE(a->f,
					   "the archive has two records "
					   "data.pkl, in \"%.*s\" and \"%.*s\"",
					   STR_ARG(found), STR_ARG(dir));
		found = dir;
	}
	if (!found.p)
		return REFUSE_FILE(a->f, "%s",
				   "it is a zip archive, but no PyTorch file: "
				   "there is no record data.pkl");
	a->dir = found;
	return 0;
}

static int check_stored(struct archive *a, const struct record *r)
{
	if (r->is_stored)
		return 0;
	return REFUSE_FILE(a->f,
			   "record \"%.*s\" is compressed or encrypted: only "
			   "stored ones can be served in place; torch.load and "
			   "torch.save make such a file",
			   STR_ARG(r->name));
}

/* A small record as text, without the white space around it. */
static int read_word(struct archive *a, const struct record *r, char *buf,
		     struct str *out)
{
	struct torch_file *f = a->f;
	size_t n = (size_t)r->nbytes;
	int rc = check_stored(a, r);

	if (rc)
		return rc;
	if (r->nbytes > WORD_NBYTES)
		return REFUSE_FILE(f, "record \"%.*s\" has %" PRIu64 " bytes",
				   STR_ARG(r->name), r->nbytes);
	if (source_read(f->s, r->data_off, n, buf, false))
		return error_errno(f->err, ERR_SOURCE, EIO, "%s", f->s->path);
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		n--;
	*out = (struct str){buf, n};
	return 0;
}

static int check_version(struct archive *a)
{
	const struct record *r = find_record(a, "version", str_of(""));
	char buf[WORD_NBYTES];
	struct str word = {NULL, 0};
	unsigned version = 0;
	int rc;

	if (!r)
		r = find_record(a, ".data/version", str_of(""));
	if (!r)
		return REFUSE_FILE(a->f, "%s",
				   "it has no record that tells its version: "
				   "the file is not whole");
	rc = read_word(a, r, buf, &word);
	if (rc)
		return rc;
	for (size_t i = 0; i < word.n && version <= VERSION_MAX; i++)
		version = word.p[i] >= '0' && word.p[i] <= '9'
				  ? version * 10 + (unsigned)(word.p[i] - '0')
				  : VERSION_MAX + 1;
	if (version >= 1 && version <= VERSION_MAX)
		return 0;
	return REFUSE_FILE(a->f, "its version is \"%.*s\"; 1 to %d are known",
			   STR_ARG(word), VERSION_MAX);
}

static int check_byteorder(struct archive *a)
{
	const struct record *r = find_record(a, "byteorder", str_of(""));
	char buf[WORD_NBYTES];
	struct str word = {NULL, 0};
	int rc = r ? read_word(a, r, buf, &word) : 0;

	if (rc || !r || str_is(word, "little"))
		return rc;
	a->f->big_endian = str_is(word, "big");
	if (a->f->big_endian)
		return 0;
	return REFUSE_FILE(a->f, "its byte order is \"%.*s\", which is none",
			   STR_ARG(word));
}

static int check_kind(struct archive *a)
{
	if (find_record(a, "constants.pkl", str_of("")))
		return REFUSE_FILE(
			a->f, "%s",
			"it is a TorchScript archive, a program: "
			"torch.jit.load it and save the state_dict() "
			"instead");
	return 0;
}

static int load_object(struct archive *a)
{
	struct torch_file *f = a->f;
	const struct record *r = find_record(a, "data.pkl", str_of(""));
	struct cursor c;
	int rc = r ? check_stored(a, r) : error_nomem(f->err);

	if (rc)
		return rc;
	if (r->nbytes > PICKLE_MAX_NBYTES)
		return REFUSE_FILE(f,
				   "its pickle has %" PRIu64
				   " bytes, more than the %zu MiB supported",
				   r->nbytes, PICKLE_MAX_NBYTES >> 20);
	f->text = malloc((size_t)r->nbytes + 1);
	if (!f->text)
		return error_nomem(f->err);
	if (source_read(f->s, r->data_off, (size_t)r->nbytes, f->text, false))
		return error_errno(f->err, ERR_SOURCE, EIO, "%s", f->s->path);
	c = cursor_of(f->text, (size_t)r->nbytes);
	return pickle_load(&f->pickle, &c, f->s->path, f->err);
}

/* The record of one tensor's storage must be what the pickle says. */
static int place_tensor(struct archive *a, struct torch_entry *e)
{
	struct torch_file *f = a->f;
	const struct pstorage *s = e->t->storage;
	struct record *r = find_record(a, "data/", s->key);
	int rc;

	if (!r)
		return REFUSE_FILE(f,
				   "tensor \"%.*s\": its storage data/%.*s is "
				   "not in the archive",
				   STR_ARG(e->name), STR_ARG(s->key));
	rc = check_stored(a, r);
	if (rc)
		return rc;
	/* The pickle machine has checked that it does not overflow. */
	if (r->nbytes != s->numel * dtype_width(s->dtype))
		return REFUSE_FILE(f,
				   "tensor \"%.*s\": its storage data/%.*s has "
				   "%" PRIu64 " bytes, not %" PRIu64
				   " elements of %u",
				   STR_ARG(e->name), STR_ARG(s->key), r->nbytes,
				   s->numel, dtype_width(s->dtype));
	if (r->dtype != DT_COUNT && r->dtype != s->dtype)
		return REFUSE_FILE(f,
				   "tensor \"%.*s\": its storage data/%.*s is "
				   "named with two types, %s and %s",
				   STR_ARG(e->name), STR_ARG(s->key),
				   dtype_info(r->dtype)->safetensors,
				   dtype_info(s->dtype)->safetensors);
	r->dtype = s->dtype;
	e->data_off = r->data_off;
	return 0;
}

static int read_archive(struct archive *a)
{
	struct torch_file *f = a->f;
	int rc = open_archive(a);

	if (!rc)
		rc = read_directory(a);
	if (!rc)
		rc = find_dir(a);
	if (!rc)
		rc = check_kind(a);
	if (!rc)
		rc = check_version(a);
	if (!rc)
		rc = check_byteorder(a);
	if (!rc)
		rc = load_object(a);
	if (!rc)
		rc = torch_select(f);
	for (size_t i = 0; i < f->n && !rc; i++)
		rc = place_tensor(a, &f->v[i]);
	return rc ? rc : torch_add(f);
}

int torch_read_zip(struct torch_file *f)
{
	struct archive a = {.f = f, .in = {.s = f->s}, .arena = ARENA_INIT};
	int rc = read_archive(&a);

	if (a.zip)
		zip_discard(a.zip);
	zip_error_fini(&a.in.error);
	arena_release(&a.arena);
	return rc;
}
