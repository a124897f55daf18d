/*
 * peer_engine.c - a link that is up: messages through the engine, and records
 * through the socket. What is sent in one turn leaves together, in as few
 * records and writes as hold it; no link takes more than its share of a turn.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "net/peers_impl.h"

/* ---- out ------------------------------------------------------------ */

void
link_out_free(struct link *l)
{
	while (l->first != NULL) {
		struct out *o = l->first;

		l->first = o->next;
		mem_free(o);
	}
	l->last = NULL;
	l->waiting = 0;
	buf_fini(&l->wire);
}

static size_t
cost_of(const struct out *o)
{
	return sizeof(*o) + o->len;
}

void
link_send(struct link *l, const void *message, size_t len)
{
	struct out *o;

	if (l->waiting + sizeof(*o) + FRAME_HEAD_LEN + len > LINK_BACKLOG_MAX) {
		link_fail(l, "it takes what is sent to it too slowly: more "
			     "than 64 MiB wait");
		return;
	}
	o = mem_resize(NULL, sizeof(*o) + FRAME_HEAD_LEN + len);
	*o = (struct out){ .len = (uint32_t)(FRAME_HEAD_LEN + len) };
	frame_head(o->bytes, (uint32_t)len);
	memcpy(o->bytes + FRAME_HEAD_LEN, message, len);
	if (l->last != NULL)
		l->last->next = o;
	else
		l->first = o;
	l->last = o;
	l->waiting += cost_of(o);
	/* Before it is up nothing is written, and then all of it. */
	if (l->state == STATE_UP && list_empty(&l->dirty))
		list_append(&l->peers->dirty, &l->dirty);
}

static void
drop_first(struct link *l)
{
	struct out *o = l->first;

	l->waiting -= cost_of(o);
	l->first = o->next;
	if (l->first == NULL)
		l->last = NULL;
	mem_free(o);
}

/* Fill the engine's record with messages; false: nothing was put there. */
static bool
fill_record(struct link *l)
{
	size_t room, n = 0;
	uint8_t *to = br_ssl_engine_sendapp_buf(l->engine, &room);

	if (to == NULL || l->first == NULL)
		return false;
	while (n < room && l->first != NULL) {
		struct out *o = l->first;
		size_t some = min_u64(room - n, o->len - o->sent);

		memcpy(to + n, o->bytes + o->sent, some);
		n += some;
		o->sent += (uint32_t)some;
		if (o->sent == o->len)
			drop_first(l);
	}
	br_ssl_engine_sendapp_ack(l->engine, n);
	br_ssl_engine_flush(l->engine, 0);
	return true;
}

/* Sealed records into the stage; returns their length. */
static size_t
seal(struct link *l)
{
	uint8_t *to = l->peers->out_stage;
	size_t n = 0, len;

	while (n + RECORD_OUT_LEN <= STAGE_LEN) {
		const uint8_t *record =
			br_ssl_engine_sendrec_buf(l->engine, &len);

		if (record == NULL) {
			if (!fill_record(l))
				break;
			continue;
		}
		memcpy(to + n, record, len);
		br_ssl_engine_sendrec_ack(l->engine, len);
		n += len;
	}
	return n;
}

/* How many bytes the socket took; -1: the link failed. */
static ssize_t
put(struct link *l, const void *p, size_t len)
{
	ssize_t n = send(l->fd, p, len, MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	link_fail(l, "cannot send: %s", strerror(errno));
	return -1;
}

/* What the socket did not take before; true: all is out. */
static bool
write_wire(struct link *l)
{
	ssize_t n;

	if (l->wire.len == 0)
		return true;
	n = put(l, l->wire.p + l->wire_sent, l->wire.len - l->wire_sent);
	if (n < 0)
		return false;
	l->wire_sent += (size_t)n;
	if (l->wire_sent < l->wire.len)
		return false;
	buf_fini(&l->wire);
	l->wire_sent = 0;
	return true;
}

/* Up to a stage full; true: the socket took it and may take more. */
static bool
write_stage(struct link *l, size_t *written)
{
	size_t len = seal(l);
	ssize_t n;

	if (len == 0)
		return false;
	n = put(l, l->peers->out_stage, len);
	if (n < 0)
		return false;
	*written += (size_t)n;
	if ((size_t)n == len)
		return true;
	buf_put(&l->wire, l->peers->out_stage + n, len - (size_t)n);
	return false;
}

static bool
has_output(const struct link *l)
{
	return l->wire.len > 0 || l->first != NULL ||
	       (br_ssl_engine_current_state(l->engine) & BR_SSL_SENDREC);
}

static void
watch(struct link *l)
{
	int events = EV_READ | (has_output(l) ? EV_WRITE : 0);

	if ((l->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(l->peers->config.loop, &l->io);
	ev_io_set(&l->io, l->fd, events);
	ev_io_start(l->peers->config.loop, &l->io);
}

static void
write_some(struct link *l)
{
	size_t written = 0;

	if (!write_wire(l))
		return;
	while (written < TURN_BYTES_MAX && write_stage(l, &written))
		;
}

/* All is sent: say goodbye, and wait for the other end to see it. */
static void
say_bye(struct link *l)
{
	l->said_bye = true;
	br_ssl_engine_close(l->engine);
	write_some(l);
	if (l->state != STATE_DEAD && !has_output(l))
		(void)shutdown(l->fd, SHUT_WR); /* it tells by itself */
}

void
link_write(struct link *l)
{
	if (l->state == STATE_DEAD)
		return;
	check(l->state == STATE_UP || l->state == STATE_CLOSES);
	write_some(l);
	if (l->state == STATE_CLOSES && !l->said_bye && !has_output(l))
		say_bye(l);
	if (l->state != STATE_DEAD)
		watch(l);
}

/* ---- in ------------------------------------------------------------- */

/* false: it went too far. */
static bool
within_limits(struct link *l, const struct frame *f)
{
	if (f->got == FRAME_EMPTY)
		link_fail(l, "it sent a message of no bytes");
	else if (f->got == FRAME_TOO_LONG)
		link_fail(l,
			  "it wants to send a message of %zu bytes, and "
			  "%u are allowed",
			  f->len, (unsigned)l->in.max);
	else if (l->anonymous && ++l->messages > ANONYMOUS_MESSAGES_MAX)
		link_fail(l,
			  "it showed no certificate, and sent more than %d "
			  "messages",
			  ANONYMOUS_MESSAGES_MAX);
	return l->state != STATE_DEAD;
}

static void
take_bytes(struct link *l, const uint8_t *p, size_t len)
{
	struct link_report r = { .news = LINK_MESSAGE, .link = l->id };

	while (len > 0 && l->state == STATE_UP) {
		struct frame f = frames_read(&l->in, p, len);

		p += f.used;
		len -= f.used;
		if (f.got == FRAME_MORE)
			return;
		if (!within_limits(l, &f))
			return;
		r.message = f.p;
		r.len = f.len;
		l->peers->config.report(l->peers->config.ctx, &r);
	}
}

void
link_take(struct link *l)
{
	uint8_t *p;
	size_t len;

	while (l->state != STATE_DEAD &&
	       (p = br_ssl_engine_recvapp_buf(l->engine, &len)) != NULL) {
		take_bytes(l, p, len);
		br_ssl_engine_recvapp_ack(l->engine, len);
	}
	if (l->in.body.len > 0 && l->in.body.len == l->in.len)
		frames_fini(&l->in);
}

static void
engine_closed(struct link *l)
{
	int code = br_ssl_engine_last_error(l->engine);

	if (code == BR_ERR_OK)
		link_fail(l, "the other end closed it");
	else
		link_fail(l, "TLS: %s", tls_error(code));
}

/* Records from the socket; all of them are used, or the link is down. */
static void
take_records(struct link *l, const uint8_t *p, size_t len)
{
	while (len > 0 && l->state == STATE_UP) {
		size_t room;
		uint8_t *to = br_ssl_engine_recvrec_buf(l->engine, &room);

		if (to == NULL) {
			/* An alert of ours goes first. */
			write_some(l);
			to = br_ssl_engine_recvrec_buf(l->engine, &room);
		}
		if (l->state == STATE_DEAD)
			return;
		if (to == NULL) {
			engine_closed(l);
			return;
		}
		room = min_u64(room, len);
		memcpy(to, p, room);
		p += room;
		len -= room;
		br_ssl_engine_recvrec_ack(l->engine, room);
		link_take(l);
	}
	if (l->state == STATE_UP &&
	    br_ssl_engine_current_state(l->engine) == BR_SSL_CLOSED)
		engine_closed(l);
}

/* One read; true: there may be more. */
static bool
read_stage(struct link *l, size_t *got)
{
	ssize_t n = recv(l->fd, l->peers->in_stage, STAGE_LEN, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0 && l->state == STATE_CLOSES)
		link_fail(l, "this node closed it");
	else if (n == 0)
		link_fail(l, "the other end closed it");
	else if (n < 0)
		link_fail(l, "%s", strerror(errno));
	if (n <= 0)
		return false;
	*got += (size_t)n;
	/* Once it closes, what comes is of no interest any more. */
	take_records(l, l->peers->in_stage, (size_t)n);
	return n == STAGE_LEN;
}

void
link_read(struct link *l)
{
	size_t got = 0;

	while (got < TURN_BYTES_MAX && l->state != STATE_DEAD &&
	       read_stage(l, &got))
		;
	if (l->state != STATE_DEAD)
		watch(l);
}
