/* str_test.c - strings. */
#include "core/base/str.h"

#include "core/base/base.h"
#include "test/t.h"

static int
sign(int v)
{
	return (v > 0) - (v < 0);
}

T(natural_order_compares_digits_as_numbers)
{
	/* Each is before all that follow it. */
	static const char *const rows[] = {
		"",
		"a",
		"a0",
		"a1",
		"a01",
		"a1b",
		"a2",
		"a9",
		"a10",
		"a010",
		"a10b",
		"a11",
		"a99999",
		"a100000",
		"a18446744073709551616",
		"a18446744073709551617",
		"aa",
		"b",
		"web2",
		"web10",
		"web10.1",
		"web10.2",
		"web10.10",
	};
	static const struct {
		const char *a, *b;
		int want;
	} pairs[] = {
		{ "a01", "a1", -1 }, /* equal numbers: by their bytes */
		{ "a1", "a1", 0 },
		{ "\xff", "a", 1 },
		{ "1", "a", -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
			int got = sign(str_cmp_natural(rows[i], rows[k]));

			T_ROW(rows[i]);
			EQ(got, -sign(str_cmp_natural(rows[k], rows[i])));
			if (strchr(rows[i], '0') == rows[i] + 1 ||
			    strchr(rows[k], '0') == rows[k] + 1)
				continue; /* leading zeros: below */
			EQ(got, sign((int)i - (int)k));
		}
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		EQ(sign(str_cmp_natural(pairs[i].a, pairs[i].b)),
		   pairs[i].want);
}

T(natural_order_is_transitive)
{
	static const char *const rows[] = { "a1",  "a01", "a001", "a1b", "a01b",
					    "a2",  "a02", "a",	  "a0",	 "a00",
					    "a1c", "b",	  "a10",  "a010" };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t j = 0; j < ARRAY_LEN(rows); j++)
			for (size_t k = 0; k < ARRAY_LEN(rows); k++)
				if (str_cmp_natural(rows[i], rows[j]) < 0 &&
				    str_cmp_natural(rows[j], rows[k]) < 0)
					OK(str_cmp_natural(rows[i], rows[k]) <
					   0);
}

T(null_is_an_empty_string)
{
	OK(str_eq(NULL, ""));
	OK(str_eq(NULL, NULL));
	OK(!str_eq(NULL, "a"));
	OK(str_empty(NULL) && str_empty("") && !str_empty("a"));
	EQ_STR(str_or(NULL, "x"), "x");
	EQ_STR(str_or("", "x"), "x");
	EQ_STR(str_or("a", "x"), "a");
}

T(begins_and_ends_are_found)
{
	OK(str_starts("abc", "ab") && str_starts("abc", ""));
	OK(!str_starts("ab", "abc") && !str_starts("xab", "ab"));
	OK(str_ends("abc", "bc") && str_ends("abc", ""));
	OK(!str_ends("bc", "abc") && !str_ends("abcx", "bc"));
}

T(case_is_that_of_ascii)
{
	EQ(str_cmp_nocase("AbC", "aBc"), 0);
	OK(str_cmp_nocase("a", "B") < 0);
	OK(str_cmp_nocase("ab", "a") > 0);
	OK(str_cmp_nocase("\xc3\x84", "\xc3\xa4") != 0);
	OK(str_cmp_nocase("[", "{") != 0);
}

T(only_whole_numbers_are_numbers)
{
	static const struct {
		const char *s;
		bool ok;
		uint64_t v;
	} rows[] = {
		{ "0", true, 0 },
		{ "007", true, 7 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "184467440737095516150", false, 0 },
		{ "", false, 0 },
		{ NULL, false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "0x1", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t v = 99;

		T_ROW(rows[i].s ? rows[i].s : "NULL");
		EQ(str_to_u64(rows[i].s, &v), rows[i].ok);
		OK(v == (rows[i].ok ? rows[i].v : 99));
	}
}

T(signed_numbers_go_to_their_limits)
{
	static const struct {
		const char *s;
		bool ok;
		int64_t v;
	} rows[] = {
		{ "-5", true, -5 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775807", true, -INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "-9223372036854775809", false, 0 },
		{ "--1", false, 0 },
		{ "-", false, 0 },
		{ NULL, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t v = 99;

		T_ROW(rows[i].s ? rows[i].s : "NULL");
		EQ(str_to_i64(rows[i].s, &v), rows[i].ok);
		EQ(v, rows[i].ok ? rows[i].v : 99);
	}
}

T(utf8_is_what_rfc_3629_says)
{
	static const struct {
		const char *s;
		size_t len, want;
	} rows[] = {
		{ "a", 1, 1 },
		{ "\0", 1, 1 },
		{ "\xc3\xa9", 2, 2 },
		{ "\xe2\x82\xac", 3, 3 },
		{ "\xf0\x9f\x90\xb3", 4, 4 },
		{ "\xf4\x8f\xbf\xbf", 4, 4 },
		{ "\xf4\x90\x80\x80", 4, 0 }, /* over U+10FFFF */
		{ "\xc0\xaf", 2, 0 },	      /* overlong */
		{ "\xe0\x80\xaf", 3, 0 },
		{ "\xf0\x80\x80\xaf", 4, 0 },
		{ "\xed\xa0\x80", 3, 0 }, /* a surrogate */
		{ "\x80", 1, 0 },
		{ "\xff", 1, 0 },
		{ "\xc3", 1, 0 }, /* cut short */
		{ "\xe2\x82", 2, 0 },
		{ "\xf0\x9f\x90", 3, 0 },
		{ "\xc3(", 2, 0 },
		{ "\xe2\x82(", 3, 0 },
		{ "\xf0\x9f\x90(", 4, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].s);
		EQ(str_utf8_len(rows[i].s, rows[i].len), rows[i].want);
	}
}
