/* json_test.c - the JSON writer and base64. */
#include "core/base/json.h"

#include "core/base/base64.h"
#include "core/base/rand.h"
#include "test/t.h"

T(strings_are_escaped_as_docker_escapes_them)
{
	static const struct {
		const char *s, *want;
	} rows[] = {
		{ NULL, "\"\"" },
		{ "", "\"\"" },
		{ "a", "\"a\"" },
		{ "\"\\/", "\"\\\"\\\\/\"" },
		{ "\n\r\t\b\f", "\"\\n\\r\\t\\b\\f\"" },
		{ "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
		{ "<&>", "\"<&>\"" },
		{ "\xc3\xa9\xf0\x9f\x90\xb3", "\"\xc3\xa9\xf0\x9f\x90\xb3\"" },
		{ "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa",
		  "\"\\u2028\\u2029\xe2\x80\xaa\"" },
		{ "a\xff"
		  "b",
		  "\"a\xef\xbf\xbd"
		  "b\"" },
		{ "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_clear(&b);
		json_quote(&b, rows[i].s);
		EQ_STR(buf_cstr(&b), rows[i].want);
	}
	buf_clear(&b);
	json_quote_n(&b, "a\0b", 3);
	EQ_STR(buf_cstr(&b), "\"a\\u0000b\"");
	buf_fini(&b);
}

T(the_writer_keeps_the_commas)
{
	struct buf b = { 0 };
	struct json w = { .out = &b };

	json_open(&w, '{');
	json_put_str(&w, "s", "x");
	json_put_i64(&w, "i", INT64_MIN);
	json_put_u64(&w, "u", UINT64_MAX);
	json_put_bool(&w, "b", true);
	json_key(&w, "l");
	json_open(&w, '[');
	json_nil(&w);
	json_bool(&w, false);
	json_open(&w, '{');
	json_close(&w, '}');
	json_open(&w, '[');
	json_close(&w, ']');
	json_raw(&w, "1.5");
	json_str(&w, "y");
	json_close(&w, ']');
	json_key(&w, "e");
	json_open(&w, '{');
	json_close(&w, '}');
	json_close(&w, '}');
	EQ_STR(buf_cstr(&b), "{\"s\":\"x\",\"i\":-9223372036854775808,"
			     "\"u\":18446744073709551615,\"b\":true,"
			     "\"l\":[null,false,{},[],1.5,\"y\"],\"e\":{}}");
	EQ(w.depth, 0);
	buf_fini(&b);
}

T(base64_is_that_of_rfc_4648)
{
	static const struct {
		const char *plain, *text;
	} rows[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" },
	};
	struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_clear(&b);
		base64_put(&b, rows[i].plain, strlen(rows[i].plain));
		EQ_STR(buf_cstr(&b), rows[i].text);
		buf_clear(&b);
		OK(base64_read(rows[i].text, strlen(rows[i].text), &b));
		EQ_STR(buf_cstr(&b), rows[i].plain);
	}
	buf_fini(&b);
}

T(what_is_not_base64_is_refused)
{
	static const char *const rows[] = {
		"Z",	"Zg",	"Zg=",	 "====",  "Zg==Zg==", "Zh==",
		"Zm9=", "Z===", "Zm 9v", "Zm9\n", "_-__",     "=Zg=",
	};
	struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i]);
		buf_clear(&b);
		buf_puts(&b, "kept");
		OK(!base64_read(rows[i], strlen(rows[i]), &b));
		EQ_STR(buf_cstr(&b), "kept");
	}
	buf_fini(&b);
}

T(base64_reads_back_whatever_it_wrote)
{
	struct buf text = { 0 }, back = { 0 };
	uint64_t rand = 1;

	for (size_t len = 0; len < 300; len++) {
		unsigned char plain[300];

		for (size_t i = 0; i < len; i++)
			plain[i] = (unsigned char)rand_next(&rand);
		buf_clear(&text);
		buf_clear(&back);
		base64_put(&text, plain, len);
		OK(base64_read(text.p, text.len, &back));
		EQ(back.len, len);
		OK(len == 0 || memcmp(back.p, plain, len) == 0);
	}
	buf_fini(&text);
	buf_fini(&back);
}
