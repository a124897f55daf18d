/* whoami_http_test.c - what the demo server answers. */
#include "exec/whoami_http.h"

#include "core/base/str.h"
#include "test/t.h"

static const char *const addresses[] = { "127.0.0.1", "10.0.0.3", NULL };
static const char *const env[] = { "A=b", NULL };
static const struct whoami_place place = { "host1", addresses, "10.0.0.9:4",
					   env };

#define BODY                                                                   \
	"Hostname: host1\nIP: 127.0.0.1\nIP: 10.0.0.3\nRemoteAddr: "           \
	"10.0.0.9:4\n"

static const struct {
	const char *name, *request, *status, *body;
	bool last, open;
} rows[] = {
	{ "root", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK",
	  BODY "GET / HTTP/1.1\nHost: x\n", false, true },
	{ "bare newlines", "GET /a HTTP/1.1\n\n", "200 OK",
	  BODY "GET /a HTTP/1.1\n", false, true },
	{ "env", "GET /env?x HTTP/1.1\r\n\r\n", "200 OK",
	  BODY "GET /env?x HTTP/1.1\nA=b\n", false, true },
	{ "health", "GET /health HTTP/1.0\r\n\r\n", "200 OK", "ok\n", false,
	  false },
	{ "not health", "GET /healthy HTTP/1.0\r\n\r\n", "200 OK",
	  BODY "GET /healthy HTTP/1.0\n", false, false },
	{ "head", "HEAD / HTTP/1.1\r\n\r\n", "200 OK", "", false, true },
	{ "close", "GET /health HTTP/1.1\r\nconnection: Close\r\n\r\n",
	  "200 OK", "ok\n", false, false },
	{ "stopping", "GET /health HTTP/1.1\r\n\r\n", "200 OK", "ok\n", true,
	  false },
	{ "body", "POST /health HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
	  "200 OK", "ok\n", false, false },
	{ "no body", "POST /health HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
	  "200 OK", "ok\n", false, true },
	{ "no version", "GET /\r\n\r\n", "400 Bad Request",
	  "this is not a request\n", false, false },
	{ "control byte", "GET /\x01 HTTP/1.1\r\n\r\n", "400 Bad Request",
	  "this is not a request\n", false, false },
	{ "tls", "\x16\x03\x01\n\n", "400 Bad Request",
	  "this is not a request\n", false, false },
	{ "empty", "\r\n\r\n", "400 Bad Request", "this is not a request\n",
	  false, false },
};

T(each_request_has_its_reply)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i].request);
		struct buf out = { 0 };
		const char *body;

		T_ROW(rows[i].name);
		EQ(whoami_head_len(rows[i].request, len), len);
		EQ(whoami_head_len(rows[i].request, len - 1), 0);
		EQ(whoami_reply(rows[i].request, len, rows[i].last, &place,
				&out),
		   rows[i].open);
		OK(str_starts(buf_cstr(&out), "HTTP/1.1 "));
		OK(str_starts(out.p + 9, rows[i].status));
		EQ(strstr(out.p, "keep-alive") != NULL, rows[i].open);
		body = strstr(out.p, "\r\n\r\n");
		EQ_STR(body + 4, rows[i].body);
		buf_fini(&out);
	}
}
