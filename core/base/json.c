/* json.c - see json.h. */
#include "core/base/json.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"

/* The letter after the backslash, or 0 if c has no short escape. */
static char
short_escape(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	}
	return 0;
}

static void
put_escaped(struct buf *b, unsigned char c)
{
	char letter = short_escape(c);

	if (letter != 0) {
		buf_putc(b, '\\');
		buf_putc(b, letter);
	} else {
		buf_printf(b, "\\u%04x", c);
	}
}

/* U+2028 and U+2029 end a line in JavaScript, so Go escapes them. */
static bool
is_line_separator(const char *s, size_t len)
{
	return len == 3 && memcmp(s, "\xe2\x80", 2) == 0 &&
	       ((unsigned char)s[2] & 0xfe) == 0xa8;
}

static void
put_sequence(struct buf *b, const char *s, size_t len)
{
	if (len == 0)
		buf_puts(b, "\xef\xbf\xbd");
	else if (is_line_separator(s, len))
		buf_printf(b, "\\u202%x", (unsigned char)s[2] & 0xf);
	else
		buf_put(b, s, len);
}

/* How many bytes from s on can be copied as they are. */
static size_t
plain_len(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && (unsigned char)s[i] >= 0x20 &&
	       (unsigned char)s[i] < 0x80 && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

void
json_quote_n(struct buf *b, const char *s, size_t len)
{
	size_t i = 0;

	buf_putc(b, '"');
	while (i < len) {
		size_t n = plain_len(s + i, len - i);

		buf_put(b, s + i, n);
		i += n;
		if (i == len)
			break;
		if ((unsigned char)s[i] < 0x80) {
			put_escaped(b, (unsigned char)s[i++]);
			continue;
		}
		n = str_utf8_len(s + i, len - i);
		put_sequence(b, s + i, n);
		i += n ? n : 1;
	}
	buf_putc(b, '"');
}

void
json_quote(struct buf *b, const char *s)
{
	s = str_or(s, "");
	json_quote_n(b, s, strlen(s));
}

/* What is before each value: a comma, unless it is the first or has a key. */
static void
separate(struct json *w)
{
	if (w->comma)
		buf_putc(w->out, ',');
	w->comma = true;
}

void
json_open(struct json *w, char bracket)
{
	check(bracket == '{' || bracket == '[');
	check(w->depth < JSON_DEPTH_MAX);
	separate(w);
	buf_putc(w->out, bracket);
	w->comma = false;
	w->depth++;
}

void
json_close(struct json *w, char bracket)
{
	check(bracket == '}' || bracket == ']');
	check(w->depth > 0);
	buf_putc(w->out, bracket);
	w->comma = true;
	w->depth--;
}

void
json_key(struct json *w, const char *key)
{
	separate(w);
	json_quote(w->out, key);
	buf_putc(w->out, ':');
	w->comma = false;
}

void
json_str(struct json *w, const char *s)
{
	separate(w);
	json_quote(w->out, s);
}

void
json_i64(struct json *w, int64_t v)
{
	separate(w);
	buf_printf(w->out, "%lld", (long long)v);
}

void
json_u64(struct json *w, uint64_t v)
{
	separate(w);
	buf_printf(w->out, "%llu", (unsigned long long)v);
}

void
json_bool(struct json *w, bool v)
{
	json_raw(w, v ? "true" : "false");
}

void
json_nil(struct json *w)
{
	json_raw(w, "null");
}

void
json_raw(struct json *w, const char *json)
{
	check(!str_empty(json));
	separate(w);
	buf_puts(w->out, json);
}

void
json_put_str(struct json *w, const char *key, const char *s)
{
	json_key(w, key);
	json_str(w, s);
}

void
json_put_i64(struct json *w, const char *key, int64_t v)
{
	json_key(w, key);
	json_i64(w, v);
}

void
json_put_u64(struct json *w, const char *key, uint64_t v)
{
	json_key(w, key);
	json_u64(w, v);
}

void
json_put_bool(struct json *w, const char *key, bool v)
{
	json_key(w, key);
	json_bool(w, v);
}
