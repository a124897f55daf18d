/*
 * server.h - HTTP/1.1 on a unix socket, as Docker's client speaks it.
 *
 * Reads requests (llhttp, strict), bounds every length, matches them with
 * request_route(), and hands them on. Decides nothing: unknown routes, bad
 * versions and ping are the only ones that it answers by itself.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "core/base/err.h"
#include "core/model/request.h"

struct ev_loop;
struct http_server;

#define HTTP_CLIENTS_MAX 1024
#define HTTP_HEADER_MAX 65536
#define HTTP_QUEUE_MAX 4194304 /* bytes of a reply waiting to be sent */

struct http_server_config {
	struct ev_loop *loop;
	const char *socket_path;
	const char *version; /* for the Server header */
	/* A whole request; borrowed for the call. Answer at any time. */
	void (*request)(void *ctx, const struct request *r);
	/*
	 * OP_IMAGE_LOAD: request() is called when the headers are in, then
	 * body() for each piece (false: stop reading until
	 * http_body_resume()), with NULL, 0 at the end.
	 */
	bool (*body)(void *ctx, uint64_t request_id, const void *p, size_t len);
	/* The client hung up before the answer was complete. */
	void (*gone)(void *ctx, uint64_t request_id);
	/* The queue of a streamed reply has drained. */
	void (*drained)(void *ctx, uint64_t request_id);
	/* For ping: inactive, pending, error, locked, active/manager, ... */
	const char *(*swarm_state)(void *ctx);
	void *ctx;
};

/*
 * Listens with mode 0660 (group docker or swarm where there is one). A socket
 * file that nobody listens on is replaced; -EADDRINUSE: another daemon does.
 */
int http_server_open(const struct http_server_config *config,
		     struct http_server **ret, struct err *e);
void http_server_close(struct http_server *s); /* NULL is fine */

/* An answer at once; body is JSON unless content_type says otherwise. */
void http_reply(struct http_server *s, uint64_t request_id, int status,
		const char *content_type, const void *body, size_t len);
/* An answer in pieces (chunked; headers are sent with the first, which may
 * be empty). false: more than HTTP_QUEUE_MAX waits; stop until drained(). */
bool http_stream(struct http_server *s, uint64_t request_id,
		 const char *content_type, const void *piece, size_t len);
void http_stream_end(struct http_server *s, uint64_t request_id);
void http_body_resume(struct http_server *s, uint64_t request_id);

#endif
