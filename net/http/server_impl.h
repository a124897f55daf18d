/*
 * server_impl.h - what the files of the server share: server.c owns the
 * listening socket and the connections, conn.c is one connection's life,
 * reply.c writes answers.
 */
#ifndef NET_HTTP_SERVER_IMPL_H
#define NET_HTTP_SERVER_IMPL_H

#include <ev.h>

#include "core/base/list.h"
#include "net/http/parse.h"
#include "net/http/server.h"

#define READ_MAX 65536	/* bytes read ahead of the parser */
#define KEEP_MAX 262144 /* a larger empty buffer is given back */

#define HEAD_S 30.0  /* a head, from its first byte to its last */
#define BODY_S 30.0  /* silence within a body */
#define IDLE_S 300.0 /* between requests; an upload; an unread answer */
#define LINGER_S 2.0 /* for the client to read our last words */
#define HANGUP_S 1.0 /* how often to look, when not reading */
#define RETRY_S 1.0  /* after accept() failed for want of descriptors */

/*
 *  HEAD ---> BODY ---> WAIT ---> HEAD      answered, kept alive
 *    |                  |
 *    +--> UPLOAD ------>+------> LAST ---> LINGER ---> dead
 */
enum conn_phase {
	CONN_HEAD = 1, /* waiting for a head, or within one */
	CONN_BODY,     /* collecting the body */
	CONN_UPLOAD,   /* handing the body on as it comes */
	CONN_WAIT,     /* the request is whole; the answer is not */
	CONN_LAST,     /* the answer is whole and the connection ends with it */
	CONN_LINGER,   /* all is sent; reading to the end, to be polite */
};

struct conn {
	struct list node; /* in the server's conns or dead */
	struct http_server *server;
	uint32_t slot;
	int fd;
	ev_io io;
	ev_timer timer;
	enum conn_phase phase;
	struct http_parser *parser;
	struct buf in;	/* read, not parsed */
	struct buf out; /* to be sent, from out_sent on */
	size_t out_sent;
	bool eof;    /* the client sends no more */
	bool wake;   /* look again, though nothing came */
	bool served; /* had a request before */
	bool dead;
	/* of the present request */
	struct arena arena;
	struct request request;
	struct buf body;
	uint64_t id; /* 0: none that waits for its answer */
	int refusal; /* the status to refuse it with, when it is whole */
	const char *why;
	bool asked;	/* request() was called */
	bool paused;	/* body() wants no more for now */
	bool streaming; /* the head of a streamed answer is out */
	bool full;	/* http_stream() said stop */
	bool keep_alive;
	unsigned minor; /* HTTP/1.minor */
};

struct http_server {
	struct http_server_config config;
	char *socket_path;
	char *version;
	int fd;
	ev_io accept;
	ev_timer retry;
	ev_prepare reap;
	struct list conns, dead;
	struct conn *slots[HTTP_CLIENTS_MAX];
	uint32_t conn_count;
	uint64_t request_count;
};

/* server.c */
void server_conn_gone(struct http_server *s, struct conn *c);

/* conn.c */
struct conn *conn_new(struct http_server *s, int fd, uint32_t slot);
void conn_free(struct conn *c); /* not from its own callbacks */
void conn_kill(struct conn *c); /* marks it; it is freed before the next poll */
/* The answer is complete. */
void conn_answered(struct conn *c);
/* There is more to send. */
void conn_poke(struct conn *c);
/* body() wants more again. */
void conn_resume(struct conn *c);
size_t conn_waiting_bytes(const struct conn *c);

/* reply.c: the answers that the server gives by itself */
void reply_error(struct conn *c, int status, const char *message);
void reply_ping(struct conn *c);
void reply_continue(struct conn *c);

#endif
