/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share. A target is a file tests/fuzz/fuzz_NAME.c with
 * LLVMFuzzerTestOneInput; it is linked with libFuzzer by `make fuzz`, and with
 * replay.c, which runs it on the files that are named, by `make test`.
 *
 * What is looked for beside crashes, leaks and undefined behaviour: a refusal
 * without a sentence, a tensor that cannot be read, a size that is wrong.
 */
#ifndef WC_TESTS_FUZZ_H
#define WC_TESTS_FUZZ_H

#include "core/error.h"
#include "core/tensor.h"
#include "models/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* libFuzzer's own way to change an input, for targets that go on from it. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max,
			       unsigned seed);

/* End with a report of where, if it does not hold. */
#define FUZZ_CHECK(what)                                                       \
	do {                                                                   \
		if (!(what))                                                   \
			fuzz_fail(__FILE__, __LINE__, #what);                  \
	} while (0)

_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/*
 * Write n bytes to a file of that name in a directory of this process, which
 * lies in TMPDIR. Returns its path, which is good until the end.
 */
const char *fuzz_file(const char *name, const void *bytes, size_t n);

/* That directory. */
const char *fuzz_dir(void);

/* A refusal has a sentence of one line, or a list. Releases err; returns rc. */
int fuzz_refused(int rc, struct error *err);

/* Show a file as it is (--to=raw), and read the ends of all that it shows. */
void fuzz_show(const char *path);

/* A source of at least FUZZ_NLABELS uint32: number i, at 4 * i, is i. */
#define FUZZ_NLABELS 65536
struct source *fuzz_labels(void);

/* All bytes of a tensor, to buf. */
void fuzz_read(const struct tensor *t, void *buf);

/* The names and shapes of a small llama; plans read no byte of it. */
void fuzz_model(struct tensor_set *set);

/* The built-in tables. */
const struct models *fuzz_models(void);

/* Plan fuzz_model by a table and a config.json (or NULL), and the way back. */
void fuzz_plan(const struct table *t, const struct config *c, bool partial);

#endif
