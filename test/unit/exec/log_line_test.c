/* log_line_test.c - lines of json-file logs, written and read. */
#include "exec/log_line.h"

#include "test/t.h"

T(a_line_is_written_as_docker_writes_it)
{
	struct log_line line = { .log = "a \"b\"\t<c>\n",
				 .len = 10,
				 .err = true,
				 .time_ns = INT64_C(1735689600123456789) };
	struct buf out = { 0 };

	log_line_write(&line, &out);
	EQ_STR(buf_cstr(&out), "{\"log\":\"a \\\"b\\\"\\t<c>\\n\",\"stream\":"
			       "\"stderr\",\"time\":"
			       "\"2025-01-01T00:00:00.123456789Z\"}\n");
	buf_fini(&out);
}

#define TIME "\"time\":\"2025-01-01T00:00:00Z\""

static const struct row {
	const char *name, *text, *log; /* log NULL: not a line */
	bool err;
} rows[] = {
	{ "plain", "{\"log\":\"x\\n\",\"stream\":\"stdout\"," TIME "}", "x\n",
	  false },
	{ "other order and space",
	  "{ " TIME " , \"stream\" : \"stderr\", \"log\":\"x\" }", "x", true },
	{ "escapes",
	  "{\"log\":\"\\u0041\\u00e9\\ud83d\\ude00\\/\\b\"," TIME "}",
	  "A\xc3\xa9\xf0\x9f\x98\x80/\b", false },
	{ "half a pair", "{\"log\":\"\\ud83d-\"," TIME "}", "\xef\xbf\xbd-",
	  false },
	{ "pair with a space", "{\"log\":\"\\ud83d \\ude00\"," TIME "}",
	  "\xef\xbf\xbd \xef\xbf\xbd", false },
	{ "members of others",
	  "{\"attrs\":{\"a\":[1,{\"log\":\"no\"}]},\"n\":null,\"log\":"
	  "\"x\"," TIME "}",
	  "x", false },
	{ "empty", "{\"log\":\"\"," TIME "}", "", false },
	{ "torn in the text", "{\"log\":\"x", NULL, false },
	{ "torn after", "{\"log\":\"x\"," TIME, NULL, false },
	{ "no time", "{\"log\":\"x\"}", NULL, false },
	{ "no log", "{" TIME "}", NULL, false },
	{ "bad time", "{\"log\":\"x\",\"time\":\"yesterday\"}", NULL, false },
	{ "two in one", "{\"log\":\"x\"," TIME "}{", NULL, false },
	{ "bad escape", "{\"log\":\"\\x\"," TIME "}", NULL, false },
	{ "cut escape", "{\"log\":\"\\u00", NULL, false },
	{ "too deep", "{\"a\":[[[[[[[[[[[[[[[[[[[[", NULL, false },
	{ "nothing", "", NULL, false },
	{ "not an object", "[]", NULL, false },
};

T(lines_are_read_whatever_their_order_and_torn_ones_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf scratch = { 0 };
		struct log_line got;
		bool ok;

		T_ROW(rows[i].name);
		ok = log_line_read(rows[i].text, strlen(rows[i].text), &scratch,
				   &got);
		EQ(ok, rows[i].log != NULL);
		if (ok) {
			EQ(got.len, strlen(rows[i].log));
			OK(memcmp(got.log, rows[i].log, got.len) == 0);
			EQ(got.err, rows[i].err);
			EQ(got.time_ns, INT64_C(1735689600000000000));
		}
		buf_fini(&scratch);
	}
}

T(every_byte_comes_back_as_it_was_written)
{
	char text[256];
	struct log_line line = { .log = text, .time_ns = 5 }, got;
	struct buf out = { 0 }, scratch = { 0 };

	for (int i = 0; i < 127; i++)
		text[line.len++] = (char)(i + 1);
	log_line_write(&line, &out);
	OK(log_line_read(out.p, out.len - 1, &scratch, &got));
	EQ(got.len, line.len);
	OK(memcmp(got.log, text, got.len) == 0);
	EQ(got.time_ns, 5);
	buf_fini(&out);
	buf_fini(&scratch);
}

T(details_are_escaped_as_in_a_query)
{
	struct kv v[] = { { "com.docker.swarm.node.id", "n1" },
			  { "k", "a b&c=d,\xc3\xa9~" } };
	struct kvs details = { .v = v, .count = 2 };
	struct buf out = { 0 };

	log_details_write(&details, &out);
	EQ_STR(buf_cstr(&out),
	       "com.docker.swarm.node.id=n1,k=a+b%26c%3Dd%2C%C3%A9~");
	buf_fini(&out);
}
