/* SPDX-License-Identifier: Apache-2.0 */
/* The pull parser for JSON. */
#include <check.h>

#include "formats/json_pull.h"

Suite *suite_json_pull(void);

static bool json_string_is(const char *text, size_t n, const char *want,
			   size_t nwant)
{
	struct json j;
	struct json_text t;
	char out[64];

	json_init(&j, text, n);
	if (!json_string(&j, &t) || !json_end(&j) || t.n != nwant)
		return false;
	json_unescape(&t, out);
	return memcmp(out, want, nwant) == 0;
}

#define STRING_IS(text, want)                                                  \
	ck_assert_msg(json_string_is(text, sizeof(text) - 1, want,             \
				     sizeof(want) - 1),                        \
		      "%s", text)
#define STRING_BAD(text)                                                       \
	ck_assert_msg(!json_string_is(text, sizeof(text) - 1, "", 0), "%s",    \
		      text)

START_TEST(strings)
{
	STRING_IS("\"\"", "");
	STRING_IS(" \t\r\n\"a/b\"", "a/b");
	STRING_IS("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
	STRING_IS("\"x\\u0000\\u0041\\u00e9\\u20AC\"",
		  "x\0A\xc3\xa9\xe2\x82\xac");
	STRING_IS("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80");
	STRING_IS("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\"",
		  "\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80");
	STRING_IS("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\x7f\"",
		  "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\x7f");
	STRING_BAD("\"");
	STRING_BAD("\"a");
	STRING_BAD("\"\\");
	STRING_BAD("\"\\\"");
	STRING_BAD("\"\\x\"");
	STRING_BAD("\"\\\0\"");
	STRING_BAD("\"\\u12\"");
	STRING_BAD("\"\\u123g\"");
	STRING_BAD("\"\\ud800\"");
	STRING_BAD("\"\\ud800x\"");
	STRING_BAD("\"\\ud800\\n\"");
	STRING_BAD("\"\\ud800\\ud800\"");
	STRING_BAD("\"\\udc00\"");
	STRING_BAD("\"\n\"");
	STRING_BAD("\"\0\"");
	STRING_BAD("\"\x80\"");
	STRING_BAD("\"\xc0\x80\"");
	STRING_BAD("\"\xc1\xbf\"");
	STRING_BAD("\"\xe0\x9f\xbf\"");
	STRING_BAD("\"\xed\xa0\x80\"");
	STRING_BAD("\"\xf0\x8f\xbf\xbf\"");
	STRING_BAD("\"\xf4\x90\x80\x80\"");
	STRING_BAD("\"\xf5\x80\x80\x80\"");
	STRING_BAD("\"\xe2\x82\"");
	STRING_BAD("'a'");
}
END_TEST

START_TEST(integers)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t value;
	} cases[] = {
		{"0", true, 0},
		{" 10 ", true, 10},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"184467440737095516150", false, 0},
		{"99999999999999999999999", false, 0},
		{"-0", false, 0},
		{"-1", false, 0},
		{"+1", false, 0},
		{"00", false, 0},
		{"01", false, 0},
		{"1.0", false, 0},
		{"0.0", false, 0},
		{"1e0", false, 0},
		{"0E1", false, 0},
		{"\"1\"", false, 0},
		{"true", false, 0},
		{"0x1", false, 0},
		{"", false, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json j;
		uint64_t v = 0;

		json_init(&j, cases[i].text, strlen(cases[i].text));
		ck_assert_msg((json_u64(&j, &v) && json_end(&j)) == cases[i].ok,
			      "%s", cases[i].text);
		if (cases[i].ok)
			ck_assert_uint_eq(v, cases[i].value);
	}
}
END_TEST

START_TEST(skipping)
{
	static const char *const good[] = {
		"null",
		"true",
		"false",
		"0",
		"-0",
		"-1.5e+10",
		"0e0",
		"12E-3",
		"[]",
		"{}",
		"[[],{}]",
		" [ 1 , { \"a\" : [ null ] } , \"\" ] ",
		"{\"a\":1,\"a\":{\"b\":[{}]}}",
		"1e999",
	};
	static const char *const bad[] = {
		"",	 "nul",	      "nullx",	 "True",      "[",
		"{",	 "]",	      "[1",	 "[1,",	      "[1,]",
		"[,1]",	 "[1 2]",     "{\"a\"}", "{\"a\":}",  "{\"a\":1,}",
		"{a:1}", "{\"a\" 1}", "[1}",	 "{\"a\":1]", "01",
		"-",	 "-x",	      "1.",	 ".5",	      "1e",
		"1e+",	 "+1",	      "NaN",	 "1//x",      "[\"\\ud800\"]",
		"1 2",	 "{1:2}",     "\f1",	 "1\v",
	};
	struct json j;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		json_init(&j, good[i], strlen(good[i]));
		ck_assert_msg(json_skip(&j) && json_end(&j), "%s", good[i]);
		ck_assert_uint_eq(j.depth, 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_init(&j, bad[i], strlen(bad[i]));
		ck_assert_msg(!(json_skip(&j) && json_end(&j)), "%s", bad[i]);
		ck_assert_ptr_nonnull(j.fail);
	}
}
END_TEST

START_TEST(nesting_is_capped)
{
	char text[2 * 1000];
	struct json j;

	for (size_t n = 126; n <= 1000; n += n < 130 ? 1 : 870) {
		memset(text, '[', n);
		memset(text + n, ']', n);
		json_init(&j, text, 2 * n);
		ck_assert_msg(json_skip(&j) == (n <= JSON_MAX_DEPTH), "%zu", n);
	}
	memset(text, '[', sizeof(text));
	json_init(&j, text, sizeof(text));
	ck_assert(!json_skip(&j));
}
END_TEST

Suite *suite_json_pull(void)
{
	Suite *s = suite_create("json_pull");
	TCase *t = tcase_create("json_pull");

	tcase_add_test(t, strings);
	tcase_add_test(t, integers);
	tcase_add_test(t, skipping);
	tcase_add_test(t, nesting_is_capped);
	suite_add_tcase(s, t);
	return s;
}
