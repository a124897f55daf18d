/* reply.c - answers as bytes: Docker's headers on all of them. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/check.h"
#include "core/base/json.h"
#include "core/base/str.h"
#include "net/http/server_impl.h"

#define TYPE_JSON "application/json"

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 413, "Request Entity Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

static const char *
reason_of(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static bool
status_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

/* A content type must not be able to end its line. */
static bool
type_is_plain(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

static void
put_date(struct conn *c)
{
	time_t now = (time_t)ev_now(c->server->config.loop);
	char text[40];
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL)
		return;
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	buf_printf(&c->out, "Date: %s\r\n", text);
}

/* All of the head but what tells the length, and the empty line. */
static void
put_head(struct conn *c, int status, const char *content_type)
{
	const char *type = str_or(content_type, TYPE_JSON);

	check(type_is_plain(type));
	buf_printf(&c->out, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
	buf_printf(&c->out,
		   "Api-Version: 1.%d\r\n"
		   "Docker-Experimental: false\r\n"
		   "Ostype: linux\r\n"
		   "Server: Swarm/%s (linux)\r\n",
		   API_MINOR_MAX, c->server->version);
	put_date(c);
	if (status_has_body(status))
		buf_printf(&c->out, "Content-Type: %s\r\n", type);
	if (!c->keep_alive)
		buf_puts(&c->out, "Connection: close\r\n");
}

static void
put_whole(struct conn *c, int status, const char *extra, const void *body,
	  size_t len)
{
	if (status_has_body(status))
		buf_printf(&c->out, "Content-Length: %zu\r\n", len);
	buf_puts(&c->out, extra);
	buf_puts(&c->out, "\r\n");
	if (status_has_body(status) && !c->request.head)
		buf_put(&c->out, body, len);
	conn_answered(c);
}

void
reply_error(struct conn *c, int status, const char *message)
{
	struct buf body = { 0 };
	struct json w = { .out = &body };

	/* A request that is not whole leaves no place for the next one. */
	if (c->phase != CONN_WAIT)
		c->keep_alive = false;
	if (c->streaming) {
		c->keep_alive = false;
		/* Too late for a status: the missing end tells the client. */
		conn_answered(c);
		return;
	}
	json_open(&w, '{');
	json_put_str(&w, "message", message);
	json_close(&w, '}');
	buf_putc(&body, '\n');
	put_head(c, status, NULL);
	put_whole(c, status, "", body.p, body.len);
	buf_fini(&body);
}

void
reply_ping(struct conn *c)
{
	const struct http_server_config *cf = &c->server->config;
	char extra[256];

	snprintf(extra, sizeof(extra),
		 "Builder-Version: 1\r\n"
		 "Swarm: %s\r\n"
		 "Cache-Control: no-cache, no-store, must-revalidate\r\n"
		 "Pragma: no-cache\r\n",
		 cf->swarm_state(cf->ctx));
	put_head(c, 200, "text/plain; charset=utf-8");
	put_whole(c, 200, extra, "OK", 2);
}

void
reply_continue(struct conn *c)
{
	buf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static struct conn *
find(struct http_server *s, uint64_t request_id)
{
	struct conn *c = s->slots[request_id % HTTP_CLIENTS_MAX];

	check(request_id != 0);
	return c != NULL && !c->dead && c->id == request_id ? c : NULL;
}

void
http_reply(struct http_server *s, uint64_t request_id, int status,
	   const char *content_type, const void *body, size_t len)
{
	struct conn *c = find(s, request_id);

	check(status >= 200 && status <= 599);
	if (c == NULL)
		return;
	if (c->phase == CONN_UPLOAD || c->streaming)
		c->keep_alive = false;
	if (c->streaming) {
		conn_answered(c);
		return;
	}
	put_head(c, status, content_type);
	put_whole(c, status, "", body, len);
}

static void
begin_stream(struct conn *c, const char *content_type)
{
	if (c->phase == CONN_UPLOAD || c->minor == 0)
		c->keep_alive = false;
	put_head(c, 200, content_type);
	if (c->minor == 1)
		buf_puts(&c->out, "Transfer-Encoding: chunked\r\n");
	buf_puts(&c->out, "\r\n");
	c->streaming = true;
}

static void
put_piece(struct conn *c, const void *piece, size_t len)
{
	if (len == 0 || c->request.head)
		return;
	if (c->minor == 0) {
		buf_put(&c->out, piece, len);
		return;
	}
	buf_printf(&c->out, "%zx\r\n", len);
	buf_put(&c->out, piece, len);
	buf_puts(&c->out, "\r\n");
}

bool
http_stream(struct http_server *s, uint64_t request_id,
	    const char *content_type, const void *piece, size_t len)
{
	struct conn *c = find(s, request_id);

	if (c == NULL)
		return true;
	if (!c->streaming)
		begin_stream(c, content_type);
	put_piece(c, piece, len);
	conn_poke(c);
	c->full = conn_waiting_bytes(c) > HTTP_QUEUE_MAX;
	return !c->full;
}

void
http_stream_end(struct http_server *s, uint64_t request_id)
{
	struct conn *c = find(s, request_id);

	if (c == NULL)
		return;
	if (!c->streaming)
		begin_stream(c, NULL);
	if (c->minor == 1 && !c->request.head)
		buf_puts(&c->out, "0\r\n\r\n");
	conn_answered(c);
}

void
http_body_resume(struct http_server *s, uint64_t request_id)
{
	struct conn *c = find(s, request_id);

	if (c != NULL && c->paused)
		conn_resume(c);
}
