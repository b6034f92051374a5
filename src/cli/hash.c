/* SPDX-License-Identifier: Apache-2.0 */
/* wconv hash: the digest of each tensor, as it is shown. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/each.h"
#include "core/checked.h"

/* Bytes of one step. */
#define STEP ((size_t)1 << 20)

struct digest {
	unsigned char md[EVP_MAX_MD_SIZE];
};

struct hashing {
	struct view *v;
	struct digest *digests; /* [tensors] */
	unsigned nbytes;	/* of a digest */
};

/* A thread's. */
struct hasher {
	const struct hashing *h;
	EVP_MD_CTX *ctx;
	uint8_t *buf; /* [STEP] */
	struct reader rd;
};

static void end(void *state)
{
	struct hasher *k = state;

	reader_release(&k->rd);
	EVP_MD_CTX_free(k->ctx);
	free(k->buf);
	free(k);
}

static void *begin(void *ctx)
{
	struct hashing *h = ctx;
	struct hasher *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->h = h;
	k->ctx = EVP_MD_CTX_new();
	k->buf = malloc(STEP);
	if (k->ctx && k->buf && view_reader_init(h->v, &k->rd) == 0)
		return k;
	end(k);
	return NULL;
}

static int digest(void *state, size_t i, struct crew *crew, struct error *err)
{
	struct hasher *k = state;
	const struct tensor *t = &view_tensors(k->h->v)->v[i];

	if (!EVP_DigestInit_ex(k->ctx, EVP_sha256(), NULL))
		return error_nomem(err);
	for (uint64_t off = 0; off < t->nbytes; off += STEP) {
		size_t n = min_size(t->nbytes - off, STEP);
		int ret = tensor_read(t, off, n, k->buf, &k->rd);

		if (ret)
			return error_errno(err, ERR_SOURCE, -ret, "%.*s",
					   STR_ARG(t->name));
		EVP_DigestUpdate(k->ctx, k->buf, n);
		crew_did(crew, n);
	}
	EVP_DigestFinal_ex(k->ctx, k->h->digests[i].md, NULL);
	return 0;
}

static int print(void *ctx, size_t i, struct error *err)
{
	const struct hashing *h = ctx;
	const struct tensor *t = &view_tensors(h->v)->v[i];
	struct strbuf line = STRBUF_INIT;
	int ret;

	strbuf_add_tsv(&line, t->name);
	strbuf_addf(&line, "\t%s\t", view_dtype_word(h->v, t->dtype));
	strbuf_add_shape(&line, t->dims, t->ndim);
	strbuf_addc(&line, '\t');
	for (unsigned k = 0; k < h->nbytes; k++)
		strbuf_addf(&line, "%02x", h->digests[i].md[k]);
	strbuf_addc(&line, '\n');
	ret = line.failed ? error_nomem(err) : cli_write(line.p, line.len, err);
	strbuf_release(&line);
	return ret;
}

int cli_hash(const struct cli *c, struct error *err)
{
	struct hashing h = {.nbytes = (unsigned)EVP_MD_size(EVP_sha256())};
	struct each each = {0, &h, begin, end, digest, print};
	int ret = cli_open(c, &h.v, err);

	if (!ret) {
		each.n = view_tensors(h.v)->n;
		h.digests = calloc(each.n + 1, sizeof(*h.digests));
		ret = h.digests ? each_run(&each,
					   tensor_set_nbytes(view_tensors(h.v)),
					   err)
				: error_nomem(err);
	}
	free(h.digests);
	view_free(h.v);
	return ret;
}
