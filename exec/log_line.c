/*
 * log_line.c - see log_line.h. The reader is by hand and not the model's,
 * because a followed log is read a line at a time, as fast as it is written:
 * there is no tree to build, and nothing to allocate.
 */
#include "exec/log_line.h"

#include <string.h>

#include "core/base/json.h"
#include "core/base/time_text.h"

#define LOG_SKIP_DEPTH_MAX 16

void
log_line_write(const struct log_line *line, struct buf *out)
{
	char time[TIME_TEXT_MAX];

	time_format(line->time_ns, time);
	buf_puts(out, "{\"log\":");
	json_quote_n(out, line->log, line->len);
	buf_puts(out, line->err ? ",\"stream\":\"stderr\",\"time\":\""
				: ",\"stream\":\"stdout\",\"time\":\"");
	buf_puts(out, time);
	buf_puts(out, "\"}\n");
}

struct cursor {
	const char *p, *end;
};

static void
skip_space(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

static bool
take(struct cursor *c, char want)
{
	skip_space(c);
	if (c->p == c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits after "\u"; -1 if they are not there. */
static int32_t
take_unit(struct cursor *c)
{
	int32_t v = 0;

	if (c->end - c->p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(*c->p++);

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

static void
put_utf8(struct buf *out, uint32_t v)
{
	if (v < 0x80) {
		buf_putc(out, (char)v);
	} else if (v < 0x800) {
		buf_putc(out, (char)(0xc0 | v >> 6));
		buf_putc(out, (char)(0x80 | (v & 0x3f)));
	} else if (v < 0x10000) {
		buf_putc(out, (char)(0xe0 | v >> 12));
		buf_putc(out, (char)(0x80 | (v >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (v & 0x3f)));
	} else {
		buf_putc(out, (char)(0xf0 | v >> 18));
		buf_putc(out, (char)(0x80 | (v >> 12 & 0x3f)));
		buf_putc(out, (char)(0x80 | (v >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (v & 0x3f)));
	}
}

/* Half of a surrogate pair alone becomes U+FFFD, as in Go. */
static bool
take_unicode(struct cursor *c, struct buf *out)
{
	int32_t high = take_unit(c), low;
	struct cursor ahead = *c;

	if (high < 0)
		return false;
	if (high < 0xd800 || high > 0xdfff) {
		put_utf8(out, (uint32_t)high);
		return true;
	}
	if (high < 0xdc00 && ahead.end - ahead.p >= 6 &&
	    memcmp(ahead.p, "\\u", 2) == 0) {
		ahead.p += 2;
		low = take_unit(&ahead);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*c = ahead;
			put_utf8(out,
				 0x10000 + (((uint32_t)high - 0xd800) << 10) +
					 ((uint32_t)low - 0xdc00));
			return true;
		}
	}
	put_utf8(out, 0xfffd);
	return true;
}

static bool
take_escape(struct cursor *c, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (c->p == c->end)
		return false;
	if (*c->p == 'u') {
		c->p++;
		return take_unicode(c, out);
	}
	at = memchr(from, *c->p, sizeof(from) - 1);
	if (at == NULL)
		return false;
	buf_putc(out, to[at - from]);
	c->p++;
	return true;
}

/* Appends a string's value to out. */
static bool
take_string(struct cursor *c, struct buf *out)
{
	if (!take(c, '"'))
		return false;
	while (c->p < c->end && *c->p != '"') {
		const char *start = c->p;

		while (c->p < c->end && *c->p != '"' && *c->p != '\\' &&
		       (unsigned char)*c->p >= 0x20)
			c->p++;
		buf_put(out, start, (size_t)(c->p - start));
		if (c->p == c->end || *c->p == '"')
			break;
		if (*c->p++ != '\\' || !take_escape(c, out))
			return false;
	}
	return take(c, '"');
}

/*
 * A value of no interest: {"attrs":{"tag":"web"}}. Only what strings need is
 * understood; brackets are counted.
 */
static bool
skip_value(struct cursor *c, struct buf *scratch)
{
	size_t keep = scratch->len;
	int depth = 0;

	do {
		skip_space(c);
		if (c->p == c->end)
			return false;
		if (*c->p == '"') {
			if (!take_string(c, scratch))
				return false;
			scratch->len = keep;
			continue;
		}
		if (*c->p == '{' || *c->p == '[')
			depth++;
		else if (depth > 0 && (*c->p == '}' || *c->p == ']'))
			depth--;
		else if (depth == 0 && (*c->p == ',' || *c->p == '}'))
			return true;
		c->p++;
	} while (depth <= LOG_SKIP_DEPTH_MAX);
	return false;
}

static bool
is_word(const struct buf *b, size_t from, const char *word)
{
	return b->len - from == strlen(word) &&
	       memcmp(b->p + from, word, b->len - from) == 0;
}

struct found {
	bool log, time;
	size_t log_at, log_len; /* in scratch */
};

/* One "key":value. What is of no use is taken back out of scratch. */
static bool
take_member(struct cursor *c, struct buf *scratch, struct found *f,
	    struct log_line *ret)
{
	size_t start = scratch->len;
	enum { LOG, STREAM, TIME, OTHER } what;

	if (!take_string(c, scratch) || !take(c, ':'))
		return false;
	what = is_word(scratch, start, "log")	   ? LOG
	       : is_word(scratch, start, "stream") ? STREAM
	       : is_word(scratch, start, "time")   ? TIME
						   : OTHER;
	scratch->len = start;
	if (what == OTHER)
		return skip_value(c, scratch);
	if (!take_string(c, scratch))
		return false;
	if (what == LOG) {
		f->log = true;
		f->log_at = start;
		f->log_len = scratch->len - start;
		return true;
	}
	if (what == STREAM)
		ret->err = is_word(scratch, start, "stderr");
	else
		f->time = time_parse(buf_cstr(scratch) + start, &ret->time_ns);
	scratch->len = start;
	return true;
}

bool
log_line_read(const char *p, size_t len, struct buf *scratch,
	      struct log_line *ret)
{
	struct cursor c = { p, p + len };
	struct log_line line = { 0 };
	struct found f = { 0 };

	buf_clear(scratch);
	(void)buf_room(scratch, len + 1); /* so that it never moves */
	if (len > LOG_JSON_MAX || !take(&c, '{'))
		return false;
	do {
		if (!take_member(&c, scratch, &f, &line))
			return false;
	} while (take(&c, ','));
	if (!take(&c, '}') || !f.log || !f.time)
		return false;
	skip_space(&c);
	if (c.p != c.end)
		return false;
	line.log = scratch->p + f.log_at;
	line.len = f.log_len;
	*ret = line;
	return true;
}

/* Go's url.QueryEscape. */
static void
query_escape(const char *s, struct buf *out)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-_.~", c) != NULL)
			buf_putc(out, (char)c);
		else if (c == ' ')
			buf_putc(out, '+');
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* A kvs is sorted by key already. */
void
log_details_write(const struct kvs *details, struct buf *out)
{
	for (uint32_t i = 0; i < details->count; i++) {
		if (i > 0)
			buf_putc(out, ',');
		query_escape(details->v[i].key, out);
		buf_putc(out, '=');
		query_escape(details->v[i].value ? details->v[i].value : "",
			     out);
	}
}
