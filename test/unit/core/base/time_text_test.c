/* time_text_test.c - times, durations and sizes. */
#include "core/base/time_text.h"

#include "core/base/rand.h"
#include "test/t.h"

T(times_are_written_as_go_writes_them)
{
	static const struct {
		int64_t ns;
		const char *text, *fixed;
	} rows[] = {
		{ TIME_ZERO, "0001-01-01T00:00:00Z",
		  "0001-01-01T00:00:00.000000000Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z",
		  "1970-01-01T00:00:00.000000001Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z",
		  "1969-12-31T23:59:59.999999999Z" },
		{ 1732140000123456789, "2024-11-20T22:00:00.123456789Z",
		  "2024-11-20T22:00:00.123456789Z" },
		{ 1732140000120000000, "2024-11-20T22:00:00.12Z",
		  "2024-11-20T22:00:00.120000000Z" },
		{ 951782400000000000, "2000-02-29T00:00:00Z",
		  "2000-02-29T00:00:00.000000000Z" },
		{ 1709251199000000000, "2024-02-29T23:59:59Z",
		  "2024-02-29T23:59:59.000000000Z" },
		{ 4107542400000000000, "2100-03-01T00:00:00Z",
		  "2100-03-01T00:00:00.000000000Z" },
		{ -2203891200000000000, "1900-03-01T00:00:00Z",
		  "1900-03-01T00:00:00.000000000Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z",
		  "2262-04-11T23:47:16.854775807Z" },
	};
	char text[TIME_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t back = 99;

		T_ROW(rows[i].text);
		time_format(rows[i].ns, text);
		EQ_STR(text, rows[i].text);
		OK(time_parse(text, &back));
		EQ(back, rows[i].ns);
		time_format_fixed(rows[i].ns, text);
		EQ_STR(text, rows[i].fixed);
	}
}

T(every_time_reads_back)
{
	uint64_t rand = 1;
	char text[TIME_TEXT_MAX];

	for (int i = 0; i < 20000; i++) {
		int64_t ns = (int64_t)rand_next(&rand) >> 1, back;

		time_format(ns, text);
		T_ROW(text);
		OK(time_parse(text, &back));
		EQ(back, ns);
	}
	for (int64_t day = -36500; day < 36500; day++) {
		int64_t ns = day * 86400 * NS_PER_S, back;

		time_format(ns, text);
		OK(time_parse(text, &back));
		EQ(back, ns);
	}
}

T(offsets_and_long_fractions_are_read)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{ "2024-11-20T22:00:00+00:00", 1732140000000000000 },
		{ "2024-11-20T23:30:00+01:30", 1732140000000000000 },
		{ "2024-11-20T14:00:00-08:00", 1732140000000000000 },
		{ "2024-11-20t22:00:00z", 1732140000000000000 },
		{ "2024-11-20T22:00:00.5Z", 1732140000500000000 },
		{ "2024-11-20T22:00:00.1234567891234Z", 1732140000123456789 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t ns = 0;

		T_ROW(rows[i].text);
		OK(time_parse(rows[i].text, &ns));
		EQ(ns, rows[i].ns);
	}
}

T(what_is_not_a_time_is_refused)
{
	static const char *const rows[] = {
		"",
		"2024",
		"2024-11-20",
		"2024-11-20T22:00:00",
		"2024-11-20 22:00:00Z",
		"2024-13-20T22:00:00Z",
		"2024-00-20T22:00:00Z",
		"2024-11-31T22:00:00Z",
		"2023-02-29T22:00:00Z",
		"1900-02-29T22:00:00Z",
		"2024-11-00T22:00:00Z",
		"2024-11-20T24:00:00Z",
		"2024-11-20T22:60:00Z",
		"2024-11-20T22:00:60Z",
		"2024-11-20T22:00:00.Z",
		"2024-11-20T22:00:00+1:00",
		"2024-11-20T22:00:00+24:00",
		"2024-11-20T22:00:00+01:60",
		"2024-11-20T22:00:00Zx",
		"2024-1-20T22:00:00Z",
		"-024-11-20T22:00:00Z",
		"2300-01-01T00:00:00Z", /* not in 64 bits of ns */
		"1600-01-01T00:00:00Z",
		"0000-01-01T00:00:00Z",
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t ns = 99;

		T_ROW(rows[i]);
		OK(!time_parse(rows[i], &ns));
		EQ(ns, 99);
	}
	OK(!time_parse(NULL, &(int64_t){ 0 }));
}

T(durations_are_written_and_read_as_gos)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0s" },
		{ 1, "1ns" },
		{ -1, "-1ns" },
		{ 1100, "1.1\xc2\xb5s" },
		{ 2200000, "2.2ms" },
		{ 3300000000, "3.3s" },
		{ 1000000001, "1.000000001s" },
		{ 245000000000, "4m5s" },
		{ 60000000000, "1m0s" },
		{ 90 * NS_PER_S, "1m30s" },
		{ 18367001000000, "5h6m7.001s" },
		{ 7776000000000000, "2160h0m0s" },
		{ INT64_MAX, "2562047h47m16.854775807s" },
		{ -INT64_MAX, "-2562047h47m16.854775807s" },
	};
	char text[TIME_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t back = 99;

		T_ROW(rows[i].text);
		duration_format(rows[i].ns, text);
		EQ_STR(text, rows[i].text);
		OK(duration_parse(text, &back));
		EQ(back, rows[i].ns);
	}
	duration_format(INT64_MIN, text);
	EQ_STR(text, "-2562047h47m16.854775808s");
}

T(durations_are_read_as_go_reads_them)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t ns;
	} rows[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "+5s", true, 5 * NS_PER_S },
		{ "1h30m", true, 5400 * NS_PER_S },
		{ "30m1h", true, 5400 * NS_PER_S },
		{ ".5s", true, 500 * NS_PER_MS },
		{ "5.s", true, 5 * NS_PER_S },
		{ "1.5h", true, 5400 * NS_PER_S },
		{ "-1.5s", true, -1500 * NS_PER_MS },
		{ "2us", true, 2000 },
		{ "2\xc2\xb5s", true, 2000 },
		{ "2\xce\xbcs", true, 2000 },
		{ "0.3333333333333333333h", true, 1200 * NS_PER_S - 1 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "3", false, 0 },
		{ "s", false, 0 },
		{ ".s", false, 0 },
		{ "1x", false, 0 },
		{ "1 s", false, 0 },
		{ "1s ", false, 0 },
		{ "1d", false, 0 },
		{ "1S", false, 0 },
		{ "--1s", false, 0 },
		{ "1s-1s", false, 0 },
		{ "9223372036854775808ns", false, 0 },
		{ "2562048h", false, 0 },
		{ "2562047h48m", false, 0 },
		{ "99999999999999999999s", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t ns = 99;

		T_ROW(rows[i].text);
		EQ(duration_parse(rows[i].text, &ns), rows[i].ok);
		EQ(ns, rows[i].ok ? rows[i].ns : 99);
	}
	OK(!duration_parse(NULL, &(int64_t){ 0 }));
}

T(human_durations_are_dockers_words)
{
	static const struct {
		int64_t s;
		const char *text;
	} rows[] = {
		{ -5, "Less than a second" },
		{ 0, "Less than a second" },
		{ 1, "1 second" },
		{ 45, "45 seconds" },
		{ 59, "59 seconds" },
		{ 60, "About a minute" },
		{ 119, "About a minute" },
		{ 120, "2 minutes" },
		{ 3599, "59 minutes" },
		{ 3600, "About an hour" },
		{ 5399, "About an hour" },
		{ 5400, "2 hours" },
		{ 47 * 3600, "47 hours" },
		{ 48 * 3600, "2 days" },
		{ 13 * 86400, "13 days" },
		{ 14 * 86400, "2 weeks" },
		{ 59 * 86400, "8 weeks" },
		{ 60 * 86400, "2 months" },
		{ 729 * 86400, "24 months" },
		{ 730 * 86400, "2 years" },
	};
	char text[TIME_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		duration_human(rows[i].s * NS_PER_S, text);
		EQ_STR(text, rows[i].text);
	}
	duration_human(NS_PER_S - 1, text);
	EQ_STR(text, "Less than a second");
}

T(sizes_have_four_digits)
{
	static const struct {
		uint64_t bytes;
		const char *decimal, *binary;
	} rows[] = {
		{ 0, "0B", "0B" },
		{ 999, "999B", "999B" },
		{ 1000, "1kB", "1000B" },
		{ 1024, "1.024kB", "1KiB" },
		{ 12500, "12.5kB", "12.21KiB" },
		{ 1234567, "1.235MB", "1.177MiB" },
		{ 67108864, "67.11MB", "64MiB" },
		{ 5000000000, "5GB", "4.657GiB" },
		{ UINT64_MAX, "18.45EB", "16EiB" },
	};
	char text[TIME_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_human(rows[i].bytes, text);
		EQ_STR(text, rows[i].decimal);
		size_human_binary(rows[i].bytes, text);
		EQ_STR(text, rows[i].binary);
	}
}

T(sizes_are_read_with_binary_units)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t bytes;
	} rows[] = {
		{ "0", true, 0 },
		{ "100", true, 100 },
		{ "100b", true, 100 },
		{ "64m", true, 67108864 },
		{ "64M", true, 67108864 },
		{ "10MiB", true, 10485760 },
		{ "1.5GB", true, 1610612736 },
		{ "1 kb", true, 1024 },
		{ "2t", true, INT64_C(2) << 40 },
		{ "1p", true, INT64_C(1) << 50 },
		{ "", false, 0 },
		{ "m", false, 0 },
		{ "-1m", false, 0 },
		{ "1e3", false, 0 },
		{ "0x10", false, 0 },
		{ "1.2.3", false, 0 },
		{ "1mm", false, 0 },
		{ "1bb", false, 0 },
		{ "1  k", false, 0 },
		{ "inf", false, 0 },
		{ "9999999p", false, 0 },
		{ "9223372036854775808", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t bytes = 99;

		T_ROW(rows[i].text);
		EQ(size_parse(rows[i].text, &bytes), rows[i].ok);
		EQ(bytes, rows[i].ok ? rows[i].bytes : 99);
	}
	OK(!size_parse(NULL, &(int64_t){ 0 }));
}
