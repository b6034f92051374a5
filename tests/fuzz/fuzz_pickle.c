/* SPDX-License-Identifier: Apache-2.0 */
/* A pickle: by itself, and as the saved object of a PyTorch file. */
#include "tests/fuzz/fuzz.h"

#include <zlib.h>

#include "core/strbuf.h"
#include "formats/pickle.h"

/* ---- an archive of stored records ---- */

struct archive {
	struct strbuf file, dir;
	unsigned n;
};

static void add_le(struct strbuf *sb, uint64_t v, unsigned nbytes)
{
	for (; nbytes; nbytes--, v >>= 8)
		strbuf_addc(sb, (char)(v & 0xff));
}

/* What the local header and the directory say alike. */
static void add_head(struct strbuf *sb, const char *name, const void *bytes,
		     size_t n)
{
	add_le(sb, 0, 10); /* version, flags, stored, time, date */
	add_le(sb, crc32(0, bytes, (unsigned)n), 4);
	add_le(sb, n, 4);
	add_le(sb, n, 4);
	add_le(sb, strlen(name), 2);
	add_le(sb, 0, 2);
}

static void add_record(struct archive *a, const char *name, const void *bytes,
		       size_t n)
{
	size_t at = a->file.len;

	add_le(&a->file, 0x04034b50, 4);
	add_head(&a->file, name, bytes, n);
	strbuf_adds(&a->file, name);
	strbuf_add(&a->file, bytes, n);
	add_le(&a->dir, 0x02014b50, 4);
	add_le(&a->dir, 0, 2);
	add_head(&a->dir, name, bytes, n);
	add_le(&a->dir, 0, 10); /* comment, disk, attributes */
	add_le(&a->dir, at, 4);
	strbuf_adds(&a->dir, name);
	a->n++;
}

static void add_end(struct archive *a)
{
	size_t at = a->file.len;

	strbuf_add(&a->file, a->dir.p, a->dir.len);
	add_le(&a->file, 0x06054b50, 4);
	add_le(&a->file, 0, 4);
	add_le(&a->file, a->n, 2);
	add_le(&a->file, a->n, 2);
	add_le(&a->file, a->dir.len, 4);
	add_le(&a->file, at, 4);
	add_le(&a->file, 0, 2);
}

/* ---- the target ---- */

static void as_archive(const uint8_t *data, size_t n)
{
	static const uint8_t storage[256] = {1, 2, 3};
	struct archive a = {STRBUF_INIT, STRBUF_INIT, 0};

	add_record(&a, "a/data.pkl", data, n);
	add_record(&a, "a/data/0", storage, sizeof(storage));
	add_record(&a, "a/data/1", storage, 64);
	add_record(&a, "a/data/2", storage, 0);
	add_record(&a, "a/version", "3\n", 2);
	add_end(&a);
	fuzz_show(fuzz_file("a.bin", a.file.p, a.file.len));
	strbuf_release(&a.file);
	strbuf_release(&a.dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cursor c = cursor_of(data, n);
	struct error err = ERROR_INIT;
	struct pickle p;
	int rc = pickle_load(&p, &c, "a.pkl", &err);

	FUZZ_CHECK(rc || p.top);
	pickle_release(&p);
	if (fuzz_refused(rc, &err) == 0)
		as_archive(data, n);
	return 0;
}
