/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch files that a test makes: pickles from a short notation, zip archives
 * of stored records, legacy files. */
#ifndef WC_TESTS_TORCH_CASE_H
#define WC_TESTS_TORCH_CASE_H

#include "core/error.h"
#include "core/strbuf.h"
#include "core/tensor.h"
#include "formats/torch.h"

/*
 * Append a pickle of an object in this notation, blanks being nothing:
 *
 *   {key:value ...}   a dictionary of text keys     [value ...]  a list
 *   T                 a float32 tensor [2] over storage "0" of 6 elements
 *   S                 a scalar of it
 *   N                 None
 *   O                 an argparse.Namespace with a tensor inside
 *   @                 the dictionary that encloses all
 */
void pickle_of(struct strbuf *sb, const char *notation);

/* Append "rebuild a tensor": class is such as "FloatStorage"; n dims. */
void pickle_tensor(struct strbuf *sb, const char *class, const char *key,
		   uint64_t numel, uint64_t off, unsigned n,
		   const uint64_t *dims, const uint64_t *strides);

void pickle_str(struct strbuf *sb, const char *s);
void pickle_int(struct strbuf *sb, uint64_t i);

/* An archive being written to a file. */
struct zip_case {
	int fd;
	uint64_t at;
	unsigned n;
	struct strbuf dir;
};

void zip_case_begin(struct zip_case *z, const char *path);
void zip_case_add(struct zip_case *z, const char *name, const void *bytes,
		  size_t n);
/* A record of nbytes zeros that takes no room on the disk. */
void zip_case_add_hole(struct zip_case *z, const char *name, uint64_t nbytes);
void zip_case_end(struct zip_case *z);

/* An archive of that pickle and storage "0". */
void torch_case_zip(const char *path, struct str pickle, const void *storage,
		    size_t n);

/* One file, read. */
struct torch_case {
	char path[64]; /* of a file made here, or "" */
	struct tensor_set set;
	struct strbuf notes;
	struct error err;
	int rc;
};

void torch_case_init(struct torch_case *x);
void torch_case_read(struct torch_case *x, const char *path, const char *key);
void torch_case_release(struct torch_case *x);

/* The bytes [off, off+n) of a tensor. */
void torch_case_bytes(const struct tensor *t, uint64_t off, size_t n,
		      void *buf);

#endif
