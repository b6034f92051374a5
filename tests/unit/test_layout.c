/* SPDX-License-Identifier: Apache-2.0 */
/* The other files that are shown: safetensors, .npy, shard indexes. */
#include <check.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "formats/index.h"
#include "formats/npy.h"
#include "formats/safetensors.h"
#include "tests/unit/layout_fixture.h"

Suite *suite_layout(void);

static void layout_safetensors(struct layout_fixture *x)
{
	ck_assert_msg(safetensors_layout(&x->f, x->set.v, x->set.n, &x->arena,
					 &x->err) == 0,
		      "%s", error_text(&x->err));
}

START_TEST(safetensors_bytes)
{
	static const char want[] =
		"\x90\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"pt\"},"
		"\"w\":{\"dtype\":\"F32\",\"shape\":[1,1],"
		"\"data_offsets\":[0,4]},"
		"\"b\":{\"dtype\":\"U8\",\"shape\":[],"
		"\"data_offsets\":[4,5]}}";
	struct layout_fixture x;
	uint8_t *p;
	size_t n = sizeof(want) - 1;

	layout_setup(&x, 5, 0);
	ADD(&x, "b", DT_U8);
	ADD(&x, "w", DT_F32, 1, 1);
	layout_safetensors(&x);
	p = layout_read_all(&x);
	ck_assert_uint_eq(x.f.nbytes, 8 + 0x90 + 5);
	ck_assert(memcmp(p, want, n) == 0);
	for (; n < 8 + 0x90; n++)
		ck_assert_int_eq(p[n], ' ');
	ck_assert_uint_eq(p[n + 4], 0); /* b has the first data byte */
	ck_assert_uint_eq(p[n], 7);
	free(p);
	layout_done(&x);
	layout_setup(&x, 0, 0);
	layout_safetensors(&x);
	p = layout_read_all(&x);
	ck_assert_uint_eq(x.f.nbytes, 40);
	ck_assert(memcmp(p,
			 "\x20\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":"
			 "\"pt\"}}",
			 40) == 0);
	free(p);
	layout_done(&x);
}
END_TEST

/* Write the laid-out file to disk and read it with our own reader. */
static void reread(struct layout_fixture *x, const uint8_t *whole,
		   struct tensor_set *set, char *path)
{
	struct reading r = {.set = set};
	struct source *s;
	FILE *f = fdopen(mkstemp(path), "w");

	ck_assert_uint_eq(fwrite(whole, 1, (size_t)x->f.nbytes, f),
			  x->f.nbytes);
	fclose(f);
	ck_assert_int_eq(source_open(&s, path, &x->err), 0);
	ck_assert_int_eq(tensor_set_own(set, s), 0);
	ck_assert_msg(safetensors_read(&r, s, &x->err) == 0, "%s",
		      error_text(&x->err));
}

static void check_same_tensor(struct layout_fixture *x, const struct tensor *a,
			      const struct tensor *b)
{
	char p[256], q[256];

	ck_assert_ptr_nonnull(b);
	ck_assert_uint_eq(a->dtype, b->dtype);
	ck_assert_uint_eq(a->ndim, b->ndim);
	ck_assert(memcmp(a->dims, b->dims, a->ndim * sizeof(*a->dims)) == 0);
	ck_assert_uint_le(a->nbytes, sizeof(p));
	ck_assert_int_eq(tensor_read(a, 0, (size_t)a->nbytes, p, &x->rd), 0);
	ck_assert_int_eq(tensor_read(b, 0, (size_t)b->nbytes, q, &x->rd), 0);
	ck_assert(memcmp(p, q, (size_t)a->nbytes) == 0);
}

START_TEST(safetensors_read_back)
{
	struct tensor_set set = TENSOR_SET_INIT;
	char path[] = "/tmp/wconv-test-XXXXXX";
	struct layout_fixture x;
	uint8_t *whole;
	unsigned width = 8;

	layout_setup(&x, 20000, 0);
	layout_add_many(&x);
	ADD(&x, "sub-byte", DT_F4, 2, 4);
	ADD(&x, "complex", DT_C64, 2);
	layout_safetensors(&x);
	whole = layout_read_all(&x);
	ck_assert_uint_eq(whole[0] % 8, 0);
	layout_check_slices(&x, whole);
	reread(&x, whole, &set, path);
	ck_assert_uint_eq(set.n, x.set.n);
	for (size_t i = 0; i < set.n; i++) {
		const struct tensor *t = &set.v[i];
		unsigned w = dtype_width(t->dtype);

		w = w ? w : 1;
		ck_assert_uint_le(w, width);
		width = w;
		ck_assert_uint_eq(t->extent.off % w, 0);
		check_same_tensor(&x, tensor_set_find(&x.set, t->name), t);
	}
	tensor_set_release(&set);
	unlink(path);
	free(whole);
	layout_done(&x);
}
END_TEST

/* Two halves keep what follows aligned, one does not. */
START_TEST(safetensors_keeps_the_order_where_all_are_aligned)
{
	for (int64_t nhalf = 1; nhalf <= 2; nhalf++) {
		const char *first = nhalf == 2 ? "half" : "float";
		struct tensor_set set = TENSOR_SET_INIT;
		char path[] = "/tmp/wconv-test-XXXXXX";
		struct layout_fixture x;
		uint8_t *whole;

		layout_setup(&x, 20, 0);
		ADD(&x, "half", DT_F16, nhalf);
		ADD(&x, "float", DT_F32, 1);
		layout_safetensors(&x);
		whole = layout_read_all(&x);
		reread(&x, whole, &set, path);
		ck_assert(str_is(set.v[0].name, first));
		tensor_set_release(&set);
		unlink(path);
		free(whole);
		layout_done(&x);
	}
}
END_TEST

START_TEST(safetensors_header_stays_small_in_memory)
{
	struct layout_fixture x;
	char name[64];

	layout_setup(&x, 0, 0);
	for (int i = 0; i < 90000; i++) {
		snprintf(name, sizeof(name), "model.layers.%d.weight", i);
		ADD(&x, name, DT_F32, 1024, 1024);
	}
	layout_safetensors(&x);
	ck_assert_uint_eq(x.f.nregions, 90000 + (90000 + 63) / 64 + 2);
	ck_assert_uint_lt(x.f.nrender, 64 * 200);
	layout_done(&x);
}
END_TEST

START_TEST(safetensors_refuses_its_own_metadata_key)
{
	struct layout_fixture x;

	layout_setup(&x, 8, 0);
	ADD(&x, "__metadata__", DT_U8, 8);
	ck_assert_int_eq(safetensors_layout(&x.f, x.set.v, x.set.n, &x.arena,
					    &x.err),
			 -EINVAL);
	ck_assert_int_eq(x.err.class, ERR_MAPPING);
	layout_done(&x);
}
END_TEST

static void expect_npy(enum dtype dt, const int64_t *dims, const char *text)
{
	struct layout_fixture x;
	struct tensor *t;
	uint8_t *p;
	size_t n = strlen(text), header;

	layout_setup(&x, 2000, 0);
	t = layout_add(&x, str_of("t"), dt, dims);
	ck_assert_int_eq(npy_layout(&x.f, t, &x.arena), 0);
	ck_assert_uint_eq(x.f.nbytes, npy_nbytes(t));
	p = layout_read_all(&x);
	layout_check_slices(&x, p);
	ck_assert(memcmp(p, "\x93NUMPY\1\0", 8) == 0);
	header = p[8] + 256u * p[9];
	ck_assert_uint_eq((10 + header) % 64, 0);
	ck_assert_uint_eq(10 + header + t->nbytes, x.f.nbytes);
	ck_assert(memcmp(p + 10, text, n) == 0);
	for (size_t i = 10 + n; i < 10 + header - 1; i++)
		ck_assert_int_eq(p[i], ' ');
	ck_assert_int_eq(p[10 + header - 1], '\n');
	for (size_t i = 0; i < t->nbytes; i++)
		ck_assert_uint_eq(p[10 + header + i], LAYOUT_BYTE(i));
	free(p);
	layout_done(&x);
}

#define NPY(descr, shape)                                                      \
	"{'descr': '" descr "', 'fortran_order': False, 'shape': (" shape ")," \
	" }"

START_TEST(npy_headers)
{
	struct strbuf shape = STRBUF_INIT, text = STRBUF_INIT;
	int64_t dims[TENSOR_MAX_NDIM + 1];

	expect_npy(DT_F32, (const int64_t[]){2, 3, -1}, NPY("<f4", "2, 3"));
	expect_npy(DT_F32, (const int64_t[]){2, -1}, NPY("<f4", "2,"));
	expect_npy(DT_BF16, (const int64_t[]){-1}, NPY("<V2", ""));
	expect_npy(DT_BOOL, (const int64_t[]){0, 5, -1}, NPY("|b1", "0, 5"));
	expect_npy(DT_F8_E4M3, (const int64_t[]){1000, -1},
		   NPY("<V1", "1000,"));
	expect_npy(DT_U64, (const int64_t[]){0, INT64_MAX, -1},
		   NPY("<u8", "0, 9223372036854775807"));
	for (unsigned i = 0; i < TENSOR_MAX_NDIM; i++) {
		dims[i] = 1;
		strbuf_adds(&shape, i ? ", 1" : "1");
	}
	dims[TENSOR_MAX_NDIM] = -1;
	strbuf_addf(&text, NPY("|u1", "%s"), shape.p);
	expect_npy(DT_U8, dims, text.p);
	strbuf_release(&shape);
	strbuf_release(&text);
	ck_assert(!npy_can_hold(DT_F4) && !npy_can_hold(DT_F6_E2M3));
	ck_assert(npy_can_hold(DT_C64) && npy_can_hold(DT_F8_E8M0));
}
END_TEST

/* The index of the first n tensors, tensor i in shard i % nshards. */
static void check_index(size_t n, size_t nshards)
{
	static const struct index_form form = {"model", "safetensors", false};
	static uint32_t shard[200];
	struct layout_fixture x;
	uint8_t *p;
	cJSON *json, *map;
	const cJSON *line;
	size_t i = 0;

	layout_setup(&x, 0, 0);
	layout_add_many(&x);
	for (size_t k = 0; k < 200; k++)
		shard[k] = (uint32_t)(k % nshards);
	ck_assert_int_eq(index_layout(&x.f, x.set.v, shard, n, nshards, &form,
				      &x.arena),
			 0);
	p = layout_read_all(&x);
	layout_check_slices(&x, p);
	ck_assert_int_eq(p[x.f.nbytes - 1], '\n');
	json = cJSON_Parse((const char *)p);
	ck_assert_ptr_nonnull(json);
	map = cJSON_GetObjectItemCaseSensitive(json, "weight_map");
	cJSON_ArrayForEach(line, map)
	{
		char file[64] = "model.safetensors";

		if (nshards > 1)
			snprintf(file, sizeof(file),
				 "model-%05zu-of-%05zu.safetensors",
				 i % nshards + 1, nshards);
		ck_assert_str_eq(line->valuestring, file);
		ck_assert(str_is(x.set.v[i].name, line->string));
		i++;
	}
	ck_assert_uint_eq(i, n);
	if (n == 200) {
		map = cJSON_GetObjectItemCaseSensitive(json, "metadata");
		map = cJSON_GetObjectItemCaseSensitive(map, "total_size");
		ck_assert_uint_eq((uint64_t)map->valuedouble, x.used);
	}
	cJSON_Delete(json);
	free(p);
	layout_done(&x);
}

START_TEST(indexes)
{
	check_index(0, 1);
	check_index(1, 1);
	check_index(64, 3);
	check_index(65, 3);
	check_index(200, 163);
}
END_TEST

/* A ckpt has no empty tensors: its index must not promise them. */
START_TEST(index_bytes)
{
	static const struct index_form form = {"mindspore_model", "ckpt", true};
	static const uint32_t shard[] = {0, 0, 1, 1};
	struct layout_fixture x;
	uint8_t *p;

	layout_setup(&x, 0, 0);
	ADD(&x, "empty", DT_F32, 0);
	ADD(&x, "a", DT_F32, 2);
	ADD(&x, "b", DT_F32, 3);
	ADD(&x, "hollow", DT_F32, 4, 0);
	ck_assert_int_eq(
		index_layout(&x.f, x.set.v, shard, 4, 2, &form, &x.arena), 0);
	p = layout_read_all(&x);
	ck_assert_str_eq((const char *)p,
			 "{\n"
			 "  \"metadata\": {\n"
			 "    \"total_size\": 20\n"
			 "  },\n"
			 "  \"weight_map\": {\n"
			 "    \"a\": \"mindspore_model-00001-of-00002.ckpt\",\n"
			 "    \"b\": \"mindspore_model-00002-of-00002.ckpt\"\n"
			 "  }\n"
			 "}\n");
	free(p);
	layout_done(&x);
}
END_TEST

Suite *suite_layout(void)
{
	Suite *s = suite_create("layout");
	TCase *st = tcase_create("safetensors"),
	      *other = tcase_create("npy and index");

	tcase_add_test(st, safetensors_bytes);
	tcase_add_test(st, safetensors_read_back);
	tcase_add_test(st, safetensors_keeps_the_order_where_all_are_aligned);
	tcase_add_test(st, safetensors_header_stays_small_in_memory);
	tcase_add_test(st, safetensors_refuses_its_own_metadata_key);
	suite_add_tcase(s, st);
	tcase_add_test(other, npy_headers);
	tcase_add_test(other, indexes);
	tcase_add_test(other, index_bytes);
	suite_add_tcase(s, other);
	return s;
}
