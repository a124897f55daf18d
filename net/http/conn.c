/*
 * conn.c - one client's connection: bytes in, requests up, answers out.
 * Requests of one connection are served one after the other.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/http/server_impl.h"

size_t
conn_waiting_bytes(const struct conn *c)
{
	return c->out.len - c->out_sent;
}

static bool
wants_bytes(const struct conn *c)
{
	if (c->eof || c->paused)
		return false;
	return c->phase == CONN_LINGER || c->in.len < READ_MAX;
}

/* Have the watcher look at what the connection can do something with. */
static void
watch(struct conn *c)
{
	struct ev_loop *loop = c->server->config.loop;
	int events = 0;

	if (wants_bytes(c))
		events |= EV_READ;
	if (c->wake || conn_waiting_bytes(c) > 0)
		events |= EV_WRITE;
	if (ev_is_active(&c->io) &&
	    (c->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(loop, &c->io);
	ev_io_set(&c->io, c->fd, events);
	if (events)
		ev_io_start(loop, &c->io);
}

static void
arm(struct conn *c, double seconds)
{
	c->timer.repeat = seconds;
	ev_timer_again(c->server->config.loop, &c->timer);
}

void
conn_poke(struct conn *c)
{
	watch(c);
}

void
conn_resume(struct conn *c)
{
	c->paused = false;
	c->wake = true;
	if (c->phase == CONN_UPLOAD)
		arm(c, IDLE_S);
	watch(c);
}

void
conn_kill(struct conn *c)
{
	struct http_server *s = c->server;
	uint64_t id = c->id;

	if (c->dead)
		return;
	c->dead = true;
	c->id = 0;
	ev_io_stop(s->config.loop, &c->io);
	ev_timer_stop(s->config.loop, &c->timer);
	server_conn_gone(s, c);
	if (c->asked && id != 0)
		s->config.gone(s->config.ctx, id);
}

/* Forget the request that was answered; the memory is kept small. */
static void
next_request(struct conn *c)
{
	arena_fini(&c->arena);
	c->request = (struct request){ 0 };
	buf_fini(&c->body);
	c->asked = c->paused = c->streaming = c->full = false;
	c->refusal = 0;
	c->phase = CONN_HEAD;
	c->served = true;
	arm(c, http_parser_midway(c->parser) ? HEAD_S : IDLE_S);
}

void
conn_answered(struct conn *c)
{
	bool whole = c->phase == CONN_WAIT;

	check(c->phase == CONN_HEAD || c->phase == CONN_BODY || whole ||
	      c->phase == CONN_UPLOAD);
	c->id = 0;
	c->paused = c->full = false;
	if (whole && c->keep_alive) {
		next_request(c);
	} else {
		c->phase = CONN_LAST;
		arm(c, IDLE_S);
	}
	c->wake = c->wake || conn_waiting_bytes(c) == 0;
	watch(c);
}

/* Our own error, before or in place of the answer that was asked for. */
static void
refuse(struct conn *c, int status, const char *why)
{
	uint64_t id = c->id;
	bool asked = c->asked;

	reply_error(c, status, why);
	if (asked && id != 0)
		c->server->config.gone(c->server->config.ctx, id);
}

static void
new_id(struct conn *c)
{
	/* Ids go up, and their remainder finds the connection. */
	c->id = ++c->server->request_count * HTTP_CLIENTS_MAX + c->slot;
	c->request.id = c->id;
}

static void
ask(struct conn *c)
{
	c->asked = true;
	c->server->config.request(c->server->config.ctx, &c->request);
}

/* Facts 12.1: any body must say that it is JSON. */
static bool
type_is_json(const char *type)
{
	static const char json[] = "application/json";
	char start[sizeof(json)];

	snprintf(start, sizeof(start), "%s", type);
	if (str_cmp_nocase(start, json) != 0)
		return false;
	type += sizeof(json) - 1;
	return *type == '\0' || *type == ';' || *type == ' ';
}

/* A refusal of what was routed well: a key that is none. */
static void
take_key(struct conn *c, const char *key)
{
	if (*key == '\0')
		return;
	if (request_key_valid(key)) {
		c->request.key = arena_strdup(&c->arena, key);
		return;
	}
	c->refusal = 400;
	c->why = "The Idempotency-Key is not 1 to 128 of the characters "
		 "A-Z, a-z, 0-9, _ and -.";
}

/* false: it was answered at once, as what follows is not worth reading. */
static bool
route(struct conn *c, const struct http_head *h)
{
	struct err e;
	int code =
		request_route(h->method, h->target, &c->arena, &c->request, &e);

	new_id(c);
	c->request.head = str_eq(h->method, "HEAD");
	if (code == 0) {
		take_key(c, h->key);
		if (c->refusal == 0)
			return true;
	} else {
		c->refusal = code == -ENOENT ? 404 : 400;
		c->why = code == -ENOENT ? "page not found"
					 : arena_strdup(&c->arena, e.msg);
	}
	if (!h->has_body)
		return true; /* got_end() answers, and the client may stay */
	refuse(c, c->refusal, c->why);
	return false;
}

static void
got_head(struct conn *c, const struct http_head *h)
{
	bool upload;

	c->minor = h->minor;
	c->keep_alive = h->keep_alive;
	if (!route(c, h))
		return;
	upload = c->refusal == 0 && c->request.op == OP_IMAGE_LOAD;
	if (h->content_length > REQUEST_BODY_MAX && !upload) {
		refuse(c, 413, "The request's body is longer than 4 MiB.");
		return;
	}
	if (h->has_body && h->expects_continue && h->minor == 1)
		reply_continue(c);
	c->phase = upload ? CONN_UPLOAD : CONN_BODY;
	arm(c, upload ? IDLE_S : BODY_S);
	if (upload)
		ask(c);
}

static void
got_body(struct conn *c, const char *p, size_t len)
{
	const struct http_server_config *cf = &c->server->config;

	if (c->phase == CONN_UPLOAD) {
		c->paused = !cf->body(cf->ctx, c->id, p, len);
		return;
	}
	check(c->phase == CONN_BODY);
	if (c->body.len + len > REQUEST_BODY_MAX) {
		refuse(c, 413, "The request's body is longer than 4 MiB.");
		return;
	}
	buf_put(&c->body, p, len);
}

static void
got_end(struct conn *c)
{
	const struct http_server_config *cf = &c->server->config;
	const struct http_head *h = http_parser_head(c->parser);
	bool upload = c->phase == CONN_UPLOAD;

	c->phase = CONN_WAIT;
	ev_timer_stop(cf->loop, &c->timer);
	if (upload) {
		(void)cf->body(cf->ctx, c->id, NULL, 0); /* nothing follows */
		return;
	}
	if (c->refusal != 0) {
		refuse(c, c->refusal, c->why);
		return;
	}
	if (c->request.where == OP_AT_SERVER) {
		reply_ping(c);
		return;
	}
	if (c->body.len > 0 && !type_is_json(h->content_type)) {
		char *why = arena_printf(
			&c->arena,
			"unsupported Content-Type header (%s): must be "
			"'application/json'",
			h->content_type);

		refuse(c, 400, why);
		return;
	}
	if (c->body.len > 0) {
		c->request.body = buf_cstr(&c->body);
		c->request.body_len = c->body.len;
	}
	ask(c);
}

static bool
may_parse(const struct conn *c)
{
	if (c->dead || c->paused)
		return false;
	/* Answers that the client does not read hold its next request back. */
	if (c->phase == CONN_HEAD)
		return conn_waiting_bytes(c) == 0;
	return c->phase == CONN_BODY || c->phase == CONN_UPLOAD;
}

static void
parse(struct conn *c)
{
	size_t used = 0;

	while (may_parse(c)) {
		bool between = !http_parser_midway(c->parser);
		struct http_parsed got = http_parse(
			c->parser, used < c->in.len ? c->in.p + used : "",
			c->in.len - used);

		used += got.used;
		if (got.event == HTTP_GOT_HEAD)
			got_head(c, http_parser_head(c->parser));
		else if (got.event == HTTP_GOT_BODY)
			got_body(c, got.body, got.body_len);
		else if (got.event == HTTP_GOT_END)
			got_end(c);
		else if (got.event == HTTP_BAD)
			refuse(c, got.status, got.why);
		else if (between && http_parser_midway(c->parser))
			arm(c, HEAD_S);
		if (got.event == HTTP_MORE)
			break;
	}
	buf_drop(&c->in, used);
	if (c->in.len == 0)
		buf_fini(&c->in);
}

/* Did the client go away for good, not only stop sending? */
static bool
hung_up(const struct conn *c)
{
	struct pollfd pfd = { .fd = c->fd };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLHUP | POLLERR));
}

static void
at_eof(struct conn *c)
{
	c->eof = true;
	/* Half closed, it may still wait for what it asked. */
	if (hung_up(c) || c->phase == CONN_LINGER)
		conn_kill(c);
}

/* Half closed, and what it sent leads to nothing more? */
static bool
is_over(const struct conn *c)
{
	if (!c->eof || c->in.len > 0 || c->paused)
		return false;
	if (c->phase == CONN_HEAD)
		return conn_waiting_bytes(c) == 0;
	return c->phase == CONN_BODY || c->phase == CONN_UPLOAD;
}

static void
read_some(struct conn *c)
{
	char discard[4096];
	bool keep = c->phase != CONN_LINGER && c->phase != CONN_LAST;
	size_t cap = keep ? READ_MAX - c->in.len : sizeof(discard);
	char *p = keep ? buf_room(&c->in, cap) : discard;
	ssize_t n = recv(c->fd, p, cap, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		conn_kill(c);
		return;
	}
	if (n == 0) {
		at_eof(c);
		return;
	}
	if (!keep)
		return;
	c->in.len += (size_t)n;
	if (c->phase == CONN_BODY)
		arm(c, BODY_S);
	if (c->phase == CONN_UPLOAD)
		arm(c, IDLE_S);
}

static void
out_is_empty(struct conn *c)
{
	const struct http_server_config *cf = &c->server->config;

	c->out_sent = 0;
	buf_clear(&c->out);
	if (c->out.cap > KEEP_MAX || c->phase == CONN_HEAD)
		buf_fini(&c->out);
	if (c->phase == CONN_LAST && c->eof) {
		conn_kill(c);
	} else if (c->phase == CONN_LAST) {
		/*
		 * To close with bytes unread would take from the client what
		 * it has not read yet; RFC 9112 9.6.
		 */
		shutdown(c->fd, SHUT_WR);
		c->phase = CONN_LINGER;
		arm(c, LINGER_S);
	}
	if (c->full && !c->dead) {
		c->full = false;
		cf->drained(cf->ctx, c->id);
	}
}

static void
write_some(struct conn *c)
{
	size_t len = conn_waiting_bytes(c);
	ssize_t n;

	if (len == 0) {
		if (c->phase == CONN_LAST)
			out_is_empty(c);
		return;
	}
	n = send(c->fd, c->out.p + c->out_sent, len, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		conn_kill(c);
		return;
	}
	c->out_sent += (size_t)n;
	if (c->phase == CONN_LAST)
		arm(c, IDLE_S);
	if (conn_waiting_bytes(c) == 0)
		out_is_empty(c);
}

static void
on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct conn *c = container_of(w, struct conn, io);

	(void)loop;
	c->wake = false;
	if ((revents & EV_READ) && wants_bytes(c))
		read_some(c);
	if (!c->dead)
		parse(c);
	if (!c->dead)
		write_some(c);
	if (c->dead)
		return;
	if (is_over(c)) {
		conn_kill(c);
		return;
	}
	/* The answer is out and the next request may be here already. */
	c->wake = c->wake || (c->in.len > 0 && may_parse(c));
	watch(c);
	/* Nothing is watched that would tell of a hang-up: look now and then.
	 */
	if (!ev_is_active(&c->io) &&
	    (c->phase == CONN_WAIT || c->phase == CONN_UPLOAD))
		arm(c, HANGUP_S);
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct conn *c = container_of(w, struct conn, timer);

	(void)revents;
	switch (c->phase) {
	case CONN_HEAD:
		if (http_parser_midway(c->parser) && !c->eof)
			refuse(c, 408, "The request's header took too long.");
		else
			conn_kill(c);
		return;
	case CONN_BODY:
		refuse(c, 408, "The request's body took too long.");
		return;
	case CONN_UPLOAD:
	case CONN_WAIT:
		if (c->phase == CONN_UPLOAD && !c->paused)
			conn_kill(c);
		else if (hung_up(c))
			conn_kill(c);
		else if (ev_is_active(&c->io))
			ev_timer_stop(loop, &c->timer);
		else
			arm(c, HANGUP_S);
		return;
	case CONN_LAST:
	case CONN_LINGER:
		conn_kill(c);
		return;
	}
	unreachable();
}

struct conn *
conn_new(struct http_server *s, int fd, uint32_t slot)
{
	struct conn *c = mem_new(sizeof(*c));

	c->server = s;
	c->fd = fd;
	c->slot = slot;
	c->phase = CONN_HEAD;
	c->minor = 1;
	c->parser = http_parser_new(HTTP_READS_REQUESTS);
	arena_init(&c->arena);
	ev_io_init(&c->io, on_io, fd, EV_READ);
	ev_init(&c->timer, on_timer);
	arm(c, HEAD_S);
	watch(c);
	return c;
}

void
conn_free(struct conn *c)
{
	ev_io_stop(c->server->config.loop, &c->io);
	ev_timer_stop(c->server->config.loop, &c->timer);
	close(c->fd);
	http_parser_free(c->parser);
	arena_fini(&c->arena);
	buf_fini(&c->in);
	buf_fini(&c->out);
	buf_fini(&c->body);
	mem_free(c);
}
