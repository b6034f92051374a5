/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32, held against zlib's. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include <zlib.h>

#include "core/crc.h"
#include "tests/unit/temp_source.h"

Suite *suite_crc(void);

/* The lengths around every border of the fast way, at every alignment. */
START_TEST(any_length)
{
	static uint8_t bytes[4096 + 64];
	uint64_t seed = 9;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)test_random(&seed);
	for (size_t n = 0; n < 4096; n++) {
		const uint8_t *p = bytes + n % 64;
		uint32_t from = n % 3 ? (uint32_t)test_random(&seed) : 0;
		size_t cut = n ? test_random(&seed) % n : 0;
		uint32_t crc = crc_update(from, p, n);

		ck_assert_uint_eq(crc, crc32(from, p, (uInt)n));
		ck_assert_uint_eq(crc, crc_update(crc_update(from, p, cut),
						  p + cut, n - cut));
	}
}
END_TEST

START_TEST(known_values)
{
	static const uint8_t zeros[1024];
	uint8_t ones[1024];

	for (size_t i = 0; i < sizeof(ones); i++)
		ones[i] = 0xff;
	ck_assert_uint_eq(crc_update(0, "123456789", 9), 0xcbf43926);
	ck_assert_uint_eq(crc_update(0, NULL, 0), 0);
	ck_assert_uint_eq(crc_update(0, zeros, 1024), 0xefb5af2e);
	ck_assert_uint_eq(crc_update(0, ones, 1024), 0xb83afff4);
}
END_TEST

Suite *suite_crc(void)
{
	Suite *s = suite_create("crc");
	TCase *t = tcase_create("crc");

	tcase_add_test(t, any_length);
	tcase_add_test(t, known_values);
	suite_add_tcase(s, t);
	return s;
}
