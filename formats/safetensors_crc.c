/* SPDX-License-Identifier: Apache-2.0 */
/* MindSpore's checksum of a safetensors file; see safetensors_crc.h. */
#include "formats/safetensors_crc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/checked.h"
#include "core/crc.h"

#define STEP_NBYTES ((size_t)1 << 20)

/* A step that takes longer to write than its zeros was never written. */
#define MAX_ZEROS (UINT64_C(1) << 32)

/* Python sorts by code points; so do the bytes of UTF-8. */
static int by_name(const void *pa, const void *pb)
{
	const struct crc_item *a = pa, *b = pb;
	size_t n = min_size(a->name.n, b->name.n);
	int order = n ? memcmp(a->name.p, b->name.p, n) : 0;

	return order ? order
		     : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

static int add_data(struct source *s, const struct crc_item *t, uint8_t *block,
		    uint32_t *crc, struct error *err)
{
	for (uint64_t at = 0; at < t->nbytes;) {
		size_t step = min_size(t->nbytes - at, STEP_NBYTES);

		if (source_read(s, t->off + at, step, block, true))
			return error_errno(err, ERR_SOURCE, EIO, "%s", s->path);
		*crc = crc_update(*crc, block, step);
		at += step;
	}
	return 0;
}

/*
 * MindSpore takes bytes(x) of each array x, and Python's bytes(5), also of an
 * array that is the number 5, are five zeros. False: no such number was ever
 * checked.
 */
static bool add_zeros(uint64_t n, uint8_t *block, uint32_t *crc)
{
	memset(block, 0, STEP_NBYTES);
	for (uint64_t at = 0; at < n && n <= MAX_ZEROS;) {
		size_t step = min_size(n - at, STEP_NBYTES);

		*crc = crc_update(*crc, block, step);
		at += step;
	}
	return n <= MAX_ZEROS;
}

static int add_number(struct source *s, const struct crc_item *t,
		      uint8_t *block, uint32_t *crc, struct error *err)
{
	uint8_t bytes[8] = {0};
	uint64_t n = 0;

	if (source_read(s, t->off, min_size(t->nbytes, 8), bytes, true))
		return error_errno(err, ERR_SOURCE, EIO, "%s", s->path);
	for (size_t i = 8; i-- > 0;)
		n = n << 8 | bytes[i];
	if (!add_zeros(n, block, crc))
		return error_set(err, ERR_SOURCE,
				 "%s is damaged: \"%.*s\" is no number that "
				 "its checksum could be made with",
				 s->path, STR_ARG(t->name));
	return 0;
}

int safetensors_crc(struct source *s, struct crc_item *v, size_t n,
		    uint32_t *out, struct error *err)
{
	uint8_t *block = malloc(STEP_NBYTES);
	int ret = block ? 0 : error_nomem(err);

	*out = 0;
	if (n)
		qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 0; i < n && !ret; i++) {
		*out = crc_update(*out, v[i].name.p, v[i].name.n);
		ret = v[i].is_number ? add_number(s, &v[i], block, out, err)
				     : add_data(s, &v[i], block, out, err);
	}
	free(block);
	return ret;
}
