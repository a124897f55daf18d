/* client.c - see client.h. Blocks: for the command line only. */
#include "net/http/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/http/parse.h"

#define SCHEME "unix://"
#define READ_MAX 65536
#define UPLOAD_MAX 65536	       /* one chunk */
#define CHUNK_HEAD_MAX 16	       /* its length in hex, and line ends */
#define ANSWER_MAX (UINT64_C(1) << 28) /* bytes of a body that is kept */

struct http_client {
	char *host; /* as given, for messages */
	int fd;	    /* -1: not connected */
	struct http_parser *parser;
};

/* One exchange under way. */
struct talk {
	struct http_client *client;
	const struct http_exchange *x;
	struct buf out; /* to be sent, from sent on */
	size_t sent;
	struct buf in; /* read, not parsed */
	bool uploading;
	bool unheard; /* the daemon takes no more bytes */
	bool heard;   /* an answer began */
	bool done;
	bool hung_up; /* piece() had enough */
	int status;
	struct buf *body;
	struct err *e;
};

int
http_client_new(const char *host, struct http_client **ret, struct err *e)
{
	const char *path = host + sizeof(SCHEME) - 1;
	struct sockaddr_un sa;
	struct http_client *c;

	if (!str_starts(host, SCHEME) || path[0] != '/')
		return err_set(e, -EINVAL,
			       "The host \"%s\" is not of the form "
			       "unix:///path/to/swarm.sock.",
			       host);
	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(e, -EINVAL,
			       "The socket's path in \"%s\" is longer than %zu "
			       "bytes.",
			       host, sizeof(sa.sun_path) - 1);
	c = mem_new(sizeof(*c));
	c->host = mem_strdup(host);
	c->fd = -1;
	*ret = c;
	return 0;
}

static void
hang_up(struct http_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	http_parser_free(c->parser);
	c->parser = NULL;
}

void
http_client_free(struct http_client *c)
{
	if (c == NULL)
		return;
	hang_up(c);
	mem_free(c->host);
	mem_free(c);
}

static int
cannot_connect(const struct http_client *c, int code, struct err *e)
{
	if (code == -ECONNREFUSED || code == -ENOENT)
		return err_set(
			e, code,
			"Cannot connect to the swarm daemon at %s. Is it "
			"running? \"swarm init\" starts it on a new node, "
			"\"swarm daemon\" again.",
			c->host);
	if (code == -EACCES || code == -EPERM)
		return err_set(
			e, code,
			"Permission denied while connecting to the swarm "
			"daemon at %s: you are neither root nor in the "
			"socket's group.",
			c->host);
	return err_set(e, code, "Cannot connect to the swarm daemon at %s: %s.",
		       c->host, strerror(-code));
}

/* The daemon closes what idles for minutes, and ends when it is stopped. */
static bool
still_connected(const struct http_client *c)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };

	return c->fd >= 0 && poll(&pfd, 1, 0) == 0;
}

static int
connect_to(struct http_client *c, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *path = c->host + sizeof(SCHEME) - 1;
	int code;

	if (still_connected(c))
		return 0;
	hang_up(c);
	memcpy(sa.sun_path, path, strlen(path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return cannot_connect(c, -errno, e);
	if (connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		code = -errno;
		hang_up(c);
		return cannot_connect(c, code, e);
	}
	c->parser = http_parser_new(HTTP_READS_ANSWERS);
	return 0;
}

/* May s stand in a request's first line? Names in it must be escaped. */
static bool
is_word(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static void
put_request(struct talk *t)
{
	const struct http_exchange *x = t->x;
	const char *type = str_or(x->content_type, "application/json");

	buf_printf(&t->out,
		   "%s %s HTTP/1.1\r\n"
		   "Host: swarm\r\n"
		   "User-Agent: Swarm-Client\r\n",
		   x->method, x->path);
	if (x->key)
		buf_printf(&t->out, "Idempotency-Key: %s\r\n", x->key);
	if (x->upload)
		buf_printf(&t->out,
			   "Content-Type: %s\r\n"
			   "Transfer-Encoding: chunked\r\n",
			   type);
	else if (x->body)
		buf_printf(&t->out,
			   "Content-Type: %s\r\nContent-Length: %zu\r\n", type,
			   x->len);
	else if (!str_eq(x->method, "GET") && !str_eq(x->method, "HEAD"))
		buf_puts(&t->out, "Content-Length: 0\r\n");
	buf_puts(&t->out, "\r\n");
	if (x->body && !x->upload)
		buf_put(&t->out, x->body, x->len);
}

/* Ask for the next piece of the body and make it a chunk. */
static int
upload_more(struct talk *t)
{
	char *room = buf_room(&t->out, CHUNK_HEAD_MAX + UPLOAD_MAX + 2);
	char head[CHUNK_HEAD_MAX];
	ssize_t n = t->x->upload(t->x->ctx, room + CHUNK_HEAD_MAX, UPLOAD_MAX);
	int head_len;

	if (n < 0)
		return err_set(t->e, (int)n, "Reading what to send failed: %s.",
			       strerror((int)-n));
	check((size_t)n <= UPLOAD_MAX);
	if (n == 0) {
		t->uploading = false;
		buf_puts(&t->out, "0\r\n\r\n");
		return 0;
	}
	head_len = snprintf(head, sizeof(head), "%zx\r\n", (size_t)n);
	memcpy(room, head, (size_t)head_len);
	memmove(room + head_len, room + CHUNK_HEAD_MAX, (size_t)n);
	memcpy(room + head_len + n, "\r\n", 2);
	t->out.len += (size_t)(head_len + n + 2);
	return 0;
}

static int
send_some(struct talk *t)
{
	ssize_t n;

	if (t->sent == t->out.len && t->uploading) {
		int code;

		buf_clear(&t->out);
		t->sent = 0;
		code = upload_more(t);
		if (code < 0)
			return code;
	}
	n = send(t->client->fd, t->out.p + t->sent, t->out.len - t->sent,
		 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) {
		/* It hung up; an answer that says why may be there to read. */
		t->unheard = true;
		t->uploading = false;
		return 0;
	}
	t->sent += (size_t)n;
	return 0;
}

static int
got_body(struct talk *t, const char *p, size_t len)
{
	bool wanted = t->status >= 200 && t->status <= 299 && t->x->piece;

	if (wanted) {
		if (!t->x->piece(t->x->ctx, p, len))
			t->hung_up = t->done = true;
		return 0;
	}
	if (t->body->len + len > ANSWER_MAX)
		return err_set(t->e, -EMSGSIZE,
			       "The daemon's answer to %s %s is longer than "
			       "%llu bytes.",
			       t->x->method, t->x->path,
			       (unsigned long long)ANSWER_MAX);
	buf_put(t->body, p, len);
	return 0;
}

/* 1xx are said in passing; an upgrade was never asked for. */
static void
got_end(struct talk *t)
{
	if (t->status >= 200) {
		t->done = true;
		return;
	}
	if (str_eq(t->x->method, "HEAD"))
		http_parser_no_body(t->client->parser);
}

static int
bad_answer(struct talk *t, const char *why)
{
	return err_set(t->e, -EPROTO,
		       "The answer of the daemon at %s to %s %s cannot be "
		       "read: %s.",
		       t->client->host, t->x->method, t->x->path, why);
}

static int
got(struct talk *t, const struct http_parsed *ev)
{
	switch (ev->event) {
	case HTTP_MORE:
		return 0;
	case HTTP_GOT_HEAD:
		t->status = http_parser_head(t->client->parser)->status;
		t->heard = true;
		return 0;
	case HTTP_GOT_BODY:
		return got_body(t, ev->body, ev->body_len);
	case HTTP_GOT_END:
		got_end(t);
		return 0;
	case HTTP_BAD:
		return bad_answer(t, ev->why);
	}
	unreachable();
}

static int
parse(struct talk *t)
{
	size_t used = 0;
	int code = 0;

	while (code == 0 && !t->done) {
		struct http_parsed ev = http_parse(
			t->client->parser, t->in.p + used, t->in.len - used);

		used += ev.used;
		code = got(t, &ev);
		if (ev.event == HTTP_MORE)
			break;
	}
	buf_drop(&t->in, used);
	return code;
}

static int
at_eof(struct talk *t)
{
	struct http_parsed ev;

	if (!t->heard)
		return err_set(t->e, -ECONNRESET,
			       "The daemon at %s hung up before it answered %s "
			       "%s.",
			       t->client->host, t->x->method, t->x->path);
	ev = http_parse_eof(t->client->parser);
	t->hung_up = true;
	return got(t, &ev);
}

static int
receive_some(struct talk *t)
{
	ssize_t n = recv(t->client->fd, buf_room(&t->in, READ_MAX), READ_MAX,
			 MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return at_eof(t);
	if (n < 0)
		return err_set(t->e, -errno,
			       "Reading from the daemon at %s failed: %s.",
			       t->client->host, strerror(errno));
	t->in.len += (size_t)n;
	return parse(t);
}

static int
turn(struct talk *t)
{
	struct pollfd pfd = { .fd = t->client->fd, .events = POLLIN };

	if (!t->unheard && (t->uploading || t->sent < t->out.len))
		pfd.events |= POLLOUT;
	if (poll(&pfd, 1, -1) < 0)
		return errno == EINTR ? 0
				      : err_set(t->e, -errno,
						"Waiting for the daemon "
						"failed: %s.",
						strerror(errno));
	/* What is said while we still send matters more than what we send. */
	if (pfd.revents & (POLLIN | POLLHUP | POLLERR))
		return receive_some(t);
	return send_some(t);
}

int
http_exchange(struct http_client *c, const struct http_exchange *x,
	      struct buf *ret_body, struct err *e)
{
	struct talk t = { .client = c,
			  .x = x,
			  .body = ret_body,
			  .uploading = x->upload != NULL,
			  .e = e };
	int code;

	if (!is_word(x->path) || !is_word(x->method))
		return err_set(e, -EINVAL,
			       "\"%s\" cannot be asked for: it has a byte "
			       "that is not escaped.",
			       x->path);
	code = connect_to(c, e);
	if (code < 0)
		return code;
	if (str_eq(x->method, "HEAD"))
		http_parser_no_body(c->parser);
	put_request(&t);
	while (code == 0 && !t.done)
		code = turn(&t);
	/* Only a connection on which both said all is good for more. */
	if (code < 0 || t.hung_up || t.unheard || t.uploading ||
	    t.sent < t.out.len || t.in.len > 0 ||
	    !http_parser_head(c->parser)->keep_alive)
		hang_up(c);
	buf_fini(&t.out);
	buf_fini(&t.in);
	return code < 0 ? code : t.status;
}

int
http_ask(struct http_client *c, const char *method, const char *path,
	 const void *body, size_t len, struct buf *ret_body, struct err *e)
{
	struct http_exchange x = {
		.method = method, .path = path, .body = body, .len = len
	};

	return http_exchange(c, &x, ret_body, e);
}
