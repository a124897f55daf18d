/* parse_test.c - HTTP messages, whole and cut at every place. */
#include "net/http/parse.h"

#include "core/base/buf.h"
#include "test/t.h"

/* All events as one line of text; pieces of a body are joined. */
static void
tell(struct buf *out, const struct http_parser *ps,
     const struct http_parsed *ev, bool *in_body)
{
	const struct http_head *h = http_parser_head(ps);

	if (ev->event != HTTP_GOT_BODY && *in_body)
		buf_puts(out, "] ");
	if (ev->event == HTTP_GOT_BODY && !*in_body)
		buf_puts(out, "[");
	*in_body = ev->event == HTTP_GOT_BODY;
	if (ev->event == HTTP_GOT_HEAD)
		buf_printf(out, "%s%s %s 1.%u %d%s%s%s ", h->method, h->target,
			   h->content_type, h->minor, h->status,
			   h->keep_alive ? " keep" : " close",
			   h->has_body ? " body" : "",
			   h->expects_continue ? " 100" : "");
	if (ev->event == HTTP_GOT_BODY)
		buf_put(out, ev->body, ev->body_len);
	if (ev->event == HTTP_GOT_END)
		buf_puts(out, "end ");
	if (ev->event == HTTP_BAD)
		buf_printf(out, "bad %d", ev->status);
}

/* false: bad. */
static bool
feed(struct buf *out, struct http_parser *ps, const char *p, size_t len,
     bool *in_body)
{
	for (;;) {
		struct http_parsed ev = http_parse(ps, p, len);

		if (ev.event == HTTP_MORE)
			return true;
		tell(out, ps, &ev, in_body);
		if (ev.event == HTTP_BAD)
			return false;
		p += ev.used;
		len -= ev.used;
	}
}

static void
run(struct buf *out, enum http_role role, const char *p, size_t len, size_t cut)
{
	struct http_parser *ps = http_parser_new(role);
	bool in_body = false;

	buf_clear(out);
	if (feed(out, ps, p, cut, &in_body))
		feed(out, ps, p + cut, len - cut, &in_body);
	http_parser_free(ps);
}

static void
compare_cuts(enum http_role role, const char *p, size_t len, const char *want)
{
	struct buf out = { 0 };

	for (size_t cut = 0; cut <= len; cut++) {
		run(&out, role, p, len, cut);
		EQ_STR(buf_cstr(&out), want);
	}
	buf_fini(&out);
}

#define TE "Transfer-Encoding: chunked\r\n"
#define POST "POST / HTTP/1.1\r\n"
static const struct {
	const char *name;
	const char *text;
	const char *want;
} requests[] = {
	{ "one", "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n",
	  "GET/a?b=c  1.1 0 keep end " },
	{ "pipelined", "GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\n\r\n",
	  "GET/a  1.1 0 keep end HEAD/b  1.1 0 keep end " },
	{ "a body, then another request",
	  POST "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
	       "{}GET /b HTTP/1.1\r\n\r\n",
	  "POST/ application/json 1.1 0 keep body [{}] end "
	  "GET/b  1.1 0 keep end " },
	{ "chunks, extensions, trailers",
	  POST TE "\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n",
	  "POST/  1.1 0 keep body [hello!] end " },
	{ "a trailer is not a header",
	  POST TE "\r\n0\r\nExpect: 100-continue\r\n\r\n",
	  "POST/  1.1 0 keep body end " },
	{ "expectation",
	  POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
	  "POST/  1.1 0 keep body 100 [x] end " },
	{ "connection: close", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
	  "GET/  1.1 0 close end " },
	{ "1.0 closes", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	  "GET/  1.0 0 close end " },
	{ "upgrade to h2c is a plain request",
	  "POST /x HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
	  "GET /y HTTP/1.1\r\n\r\n",
	  "POST/x  1.1 0 keep end GET/y  1.1 0 keep end " },
	{ "upgrade to tcp with a body",
	  POST "Connection: Upgrade\r\nUpgrade: tcp\r\n"
	       "Content-Length: 2\r\n\r\n{}",
	  "POST/  1.1 0 keep body [{}] end " },
	/* smuggling: what two readers could read in two ways */
	{ "length and chunks", POST "Content-Length: 4\r\n" TE "\r\n0\r\n\r\n",
	  "bad 400" },
	{ "chunks and length", POST TE "Content-Length: 4\r\n\r\n0\r\n\r\n",
	  "bad 400" },
	{ "two lengths",
	  POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
	  "bad 400" },
	{ "two equal lengths",
	  POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", "bad 400" },
	{ "a length too large for 64 bits",
	  POST "Content-Length: 18446744073709551617\r\n\r\na", "bad 400" },
	{ "a negative length", POST "Content-Length: -1\r\n\r\na", "bad 400" },
	{ "a length with a sign", POST "Content-Length: +1\r\n\r\na",
	  "bad 400" },
	{ "a chunk too large for 64 bits", POST TE "\r\n1FFFFFFFFFFFFFFFF\r\na",
	  "POST/  1.1 0 keep body bad 400" },
	{ "xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	  "bad 400" },
	{ "chunked and then gzip",
	  POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "bad 400" },
	{ "chunks in 1.0", "POST / HTTP/1.0\r\n" TE "\r\n0\r\n\r\n",
	  "bad 400" },
	{ "a space before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
	  "bad 400" },
	{ "a folded line", "GET / HTTP/1.1\r\nA: x\r\n y\r\n\r\n", "bad 400" },
	{ "a bare LF", "GET / HTTP/1.1\nHost: x\n\n", "bad 400" },
	{ "a bare CR", "GET / HTTP/1.1\r\nA: x\ry\r\n\r\n", "bad 400" },
	{ "two content types",
	  POST "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", "bad 400" },
	{ "chunks with bare LF", POST TE "\r\n1\na\n0\n\n",
	  "POST/  1.1 0 keep body bad 400" },
	{ "HTTP/0.9", "GET /\r\n\r\n", "bad 505" },
	{ "HTTP/2.0", "GET / HTTP/2.0\r\n\r\n", "bad 505" },
	{ "HTTP/3.7", "GET / HTTP/3.7\r\n\r\n", "bad 400" },
	{ "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	  "bad 400" },
	{ "an unknown method", "FOO / HTTP/1.1\r\n\r\n", "bad 400" },
	{ "TLS", "\x16\x03\x01\x02", "bad 400" },
};

T(requests_read_the_same_however_they_are_cut)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		T_ROW(requests[i].name);
		compare_cuts(HTTP_READS_REQUESTS, requests[i].text,
			     strlen(requests[i].text), requests[i].want);
	}
}

T(a_nul_in_a_header_is_refused)
{
	static const char text[] = "GET / HTTP/1.1\r\nA: x\0y\r\n\r\n";

	compare_cuts(HTTP_READS_REQUESTS, text, sizeof(text) - 1, "bad 400");
}

static const struct {
	const char *name, *text, *want;
} answers[] = {
	{ "200 with a body",
	  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	  "Content-Length: 2\r\n\r\n{}",
	  " application/json 1.1 200 keep body [{}] end " },
	{ "204 has none", "HTTP/1.1 204 No Content\r\n\r\n",
	  "  1.1 204 keep end " },
	{ "100 before 200",
	  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
	  "Content-Length: 0\r\n\r\n",
	  "  1.1 100 keep end   1.1 200 keep end " },
	{ "chunks", "HTTP/1.1 200 OK\r\n" TE "\r\n2\r\nab\r\n0\r\n\r\n",
	  "  1.1 200 keep body [ab] end " },
};

T(answers_read_the_same_however_they_are_cut)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		T_ROW(answers[i].name);
		compare_cuts(HTTP_READS_ANSWERS, answers[i].text,
			     strlen(answers[i].text), answers[i].want);
	}
}

T(an_answer_to_head_has_no_body)
{
	static const char text[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
	struct http_parser *ps = http_parser_new(HTTP_READS_ANSWERS);
	struct buf out = { 0 };
	bool in_body = false;

	http_parser_no_body(ps);
	feed(&out, ps, text, sizeof(text) - 1, &in_body);
	EQ_STR(buf_cstr(&out),
	       "  1.1 200 keep body end   1.1 200 keep body [{}] end ");
	buf_fini(&out);
	http_parser_free(ps);
}

T(an_answer_may_end_with_its_connection)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n\r\nabc";
	struct http_parser *ps = http_parser_new(HTTP_READS_ANSWERS);
	struct buf out = { 0 };
	bool in_body = false;

	OK(feed(&out, ps, text, sizeof(text) - 1, &in_body));
	EQ(http_parse_eof(ps).event, HTTP_GOT_END);
	buf_fini(&out);
	http_parser_free(ps);
}

T(a_cut_message_is_bad)
{
	static const char text[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc";

	for (size_t cut = 0; cut < sizeof(text) - 1; cut++) {
		struct http_parser *ps = http_parser_new(HTTP_READS_ANSWERS);
		struct buf out = { 0 };
		bool in_body = false;

		OK(feed(&out, ps, text, cut, &in_body));
		EQ(http_parse_eof(ps).event, HTTP_BAD);
		buf_fini(&out);
		http_parser_free(ps);
	}
}

/* A request whose head is len bytes, fed in pieces. */
static int
long_head(size_t len, size_t piece)
{
	static const char start[] = "GET / HTTP/1.1\r\nA: ";
	struct http_parser *ps = http_parser_new(HTTP_READS_REQUESTS);
	struct buf text = { 0 }, out = { 0 };
	bool in_body = false, ok = true;
	int status = 0;

	buf_puts(&text, start);
	while (text.len < len - 4)
		buf_putc(&text, 'x');
	buf_puts(&text, "\r\n\r\n");
	for (size_t at = 0; ok && at < text.len; at += piece)
		ok = feed(&out, ps, text.p + at,
			  text.len - at < piece ? text.len - at : piece,
			  &in_body);
	if (!ok)
		status = strstr(buf_cstr(&out), "bad 431") ? 431 : 1;
	buf_fini(&text);
	buf_fini(&out);
	http_parser_free(ps);
	return status;
}

T(a_head_may_be_as_long_as_the_limit_and_no_longer)
{
	static const size_t pieces[] = { 1, 1000, 65535, 65536, 65537, 200000 };

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		EQ(long_head(HTTP_HEAD_MAX, pieces[i]), 0);
		EQ(long_head(HTTP_HEAD_MAX + 1, pieces[i]), 431);
		EQ(long_head(HTTP_HEAD_MAX * 2, pieces[i]), 431);
	}
}

T(a_message_has_at_most_so_many_fields)
{
	struct http_parser *ps = http_parser_new(HTTP_READS_REQUESTS);
	struct buf text = { 0 }, out = { 0 };
	bool in_body = false;

	buf_puts(&text, "GET / HTTP/1.1\r\n");
	for (int i = 0; i <= HTTP_FIELDS_MAX + 1; i++)
		buf_puts(&text, "A: b\r\n");
	OK(!feed(&out, ps, text.p, text.len, &in_body));
	EQ_STR(buf_cstr(&out), "bad 431");
	buf_fini(&text);
	buf_fini(&out);
	http_parser_free(ps);
}

T(endless_trailers_are_refused)
{
	struct http_parser *ps = http_parser_new(HTTP_READS_REQUESTS);
	struct buf text = { 0 }, out = { 0 };
	bool in_body = false;

	buf_puts(&text, POST TE "\r\n1;");
	while (text.len < (size_t)HTTP_HEAD_MAX * 2)
		buf_putc(&text, 'e');
	OK(!feed(&out, ps, text.p, text.len, &in_body));
	EQ_STR(buf_cstr(&out), "POST/  1.1 0 keep body bad 431");
	buf_fini(&text);
	buf_fini(&out);
	http_parser_free(ps);
}
