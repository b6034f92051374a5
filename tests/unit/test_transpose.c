/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel that transposes blocks against one that moves an element a time,
 * and that one against the definition. */
#include <check.h>
#include <string.h>

#include "core/transpose.h"

Suite *suite_transpose(void);

#define STEP 208 /* no power of two; a multiple of a vector */

/* A block of elements of width bytes, written at so many bytes off a line. */
static void check_block(size_t width, size_t step, size_t shift)
{
	size_t n = transpose_side(width);
	uint8_t from[STEP * 32 + 1];
	_Alignas(64) uint8_t to[STEP * 32 + 1], want[STEP * 32 + 1];

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i * 7 + i / 256);
	memset(to, 0xee, sizeof(to));
	memset(want, 0xee, sizeof(want));
	transpose_block(to + shift, step, from + 1, STEP, width);
	transpose_end();
	transpose_plain(want + shift, step, from + 1, STEP, width);
	ck_assert(memcmp(to, want, sizeof(to)) == 0);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			ck_assert(memcmp(want + shift + k * step + i * width,
					 from + 1 + i * STEP + k * width,
					 width) == 0);
}

START_TEST(rows_become_columns)
{
	size_t width = _i ? 4 : 2;

	check_block(width, STEP, 0);
	check_block(width, STEP, 1);
	check_block(width, STEP - 2, 0);
}
END_TEST

START_TEST(widths_with_a_kernel)
{
	ck_assert(transpose_can(2) && transpose_can(4));
	ck_assert(!transpose_can(1) && !transpose_can(8) && !transpose_can(6));
}
END_TEST

Suite *suite_transpose(void)
{
	Suite *s = suite_create("transpose");
	TCase *t = tcase_create("blocks");

	tcase_add_loop_test(t, rows_become_columns, 0, 2);
	tcase_add_test(t, widths_with_a_kernel);
	suite_add_tcase(s, t);
	return s;
}
