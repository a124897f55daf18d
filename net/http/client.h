/*
 * client.h - HTTP/1.1 over a unix socket, the asking side; for the command
 * line: it blocks, with llhttp reading the answer.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include <sys/types.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct http_client; /* one daemon; one connection at a time, kept alive */

/* host: "unix:///path"; only remembered, the first request connects. */
int http_client_new(const char *host, struct http_client **ret, struct err *e);
void http_client_free(struct http_client *c);

/*
 * One exchange. path begins with "/" and has its query. body NULL: none.
 * Gives the HTTP status (> 0) and the body, or -errno: -ECONNREFUSED or
 * -ENOENT "Cannot connect to the swarm daemon at unix:///... Is it running?".
 */
int http_ask(struct http_client *c, const char *method, const char *path,
	     const void *body, size_t len, struct buf *ret_body, struct err *e);

/*
 * The same with the answer in pieces, as they come; piece() gives false to
 * hang up. upload: NULL, or called for more request body (chunked): bytes
 * put into p (at most cap), 0 at the end, -errno to give up. An answer that
 * comes while uploading is read at the same time. An answer that is not 2xx
 * is not streamed: it is in ret_body.
 */
struct http_exchange {
	const char *method, *path, *content_type;
	const char *key; /* Idempotency-Key; NULL: none */
	const void *body;
	size_t len;
	ssize_t (*upload)(void *ctx, void *p, size_t cap);
	bool (*piece)(void *ctx, const void *p, size_t len);
	void *ctx;
};
int http_exchange(struct http_client *c, const struct http_exchange *x,
		  struct buf *ret_body, struct err *e);

#endif
