/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of a temporary file, and a virtual file laid out from them. */
#ifndef WC_TESTS_LAYOUT_FIXTURE_H
#define WC_TESTS_LAYOUT_FIXTURE_H

#include "core/vfile.h"

/* Tensors whose data lie one after the other in a temporary file. */
struct layout_fixture {
	char path[64];
	struct source *src;
	struct tensor_set set;
	struct arena arena;
	struct vfile f;
	struct stats stats;
	struct reader rd;
	struct error err;
	uint64_t used; /* data bytes given to tensors */
};

/*
 * The file has nbytes bytes, of which byte i is LAYOUT_BYTE(i), then zeros (a
 * hole) up to nsparse.
 */
void layout_setup(struct layout_fixture *x, size_t nbytes, uint64_t nsparse);
void layout_done(struct layout_fixture *x);

#define LAYOUT_BYTE(i) (((i)*7 + (i) / 256) & 0xff)

/* Append a tensor; dims end with -1. */
struct tensor *layout_add(struct layout_fixture *x, struct str name,
			  enum dtype dt, const int64_t *dims);

/* ADD(x, "name", type, dims ...) */
#define ADD(x, name, ...) ADD_DIMS(x, name, __VA_ARGS__, -1)
#define ADD_DIMS(x, name, dt, ...)                                             \
	layout_add(x, str_of(name), dt, (const int64_t[]){__VA_ARGS__})

/* 200 tensors of many types and names; their data take < 20000 bytes. */
void layout_add_many(struct layout_fixture *x);

/* The whole virtual file, and a NUL, in malloc memory. */
uint8_t *layout_read_all(struct layout_fixture *x);

/* Any range read alone equals that range of the whole. */
void layout_check_slices(struct layout_fixture *x, const uint8_t *whole);

#endif
