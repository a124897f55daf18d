/*
 * net.c - links between hosts, as net/peers.c gives them over TCP and TLS:
 * set up after some time or refused, whole messages in order, and an end that
 * each side learns in its own time. Where nothing gets through, what is sent
 * waits; if that lasts, each side gives up by itself.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/message.h"
#include "test/sim/net_impl.h"

#define CONNECT_MS 3000
#define SHAKE_MS 5000
#define GIVE_UP_MS 5000 /* to 11 s: unacknowledged data, keepalive */
#define GIVE_UP_MORE_MS 6000
#define ANONYMOUS_MS 30000
#define ANONYMOUS_BYTES 65536

struct side *
wire_other(struct wire *x, struct side *s)
{
	return s == &x->side[0] ? &x->side[1] : &x->side[0];
}

bool
side_is_alive(const struct side *s)
{
	return s->host->node != NULL && s->host->daemon == s->daemon;
}

void
net_init(struct world *w)
{
	list_init(&w->wires);
	list_init(&w->packets);
}

void
side_drop_frames(struct side *s)
{
	while (!list_empty(&s->in)) {
		struct frame *f = container_of(s->in.next, struct frame, link);

		list_remove(&f->link);
		mem_free(f);
	}
	s->in_bytes = 0;
}

void
wire_free(struct wire *x)
{
	side_drop_frames(&x->side[0]);
	side_drop_frames(&x->side[1]);
	list_remove(&x->link);
	mem_free(x);
}

void
net_fini(struct world *w)
{
	while (!list_empty(&w->wires))
		wire_free(container_of(w->wires.next, struct wire, link));
}

bool
wire_is_over(const struct wire *x)
{
	for (int i = 0; i < 2; i++)
		if (!x->side[i].closed || !x->side[i].told)
			return false;
	return x->waits == 0;
}

void
wire_at(struct wire *x, struct host *h, uint64_t at_us, due_fn fn, uint64_t arg)
{
	x->waits++;
	world_at(x->w, h, at_us, fn, x, arg);
}

/* Every due that looks at a wire ends with this. */
void
wire_done(struct wire *x)
{
	check(x->waits > 0);
	x->waits--;
	if (wire_is_over(x))
		wire_free(x);
}

/* ---- ways ------------------------------------------------------------------
 */

uint64_t
net_latency_us(struct world *w)
{
	const struct plan *p = &w->plan;
	uint64_t us = p->latency_us + dice(w, p->latency_us + 1);

	if (!w->calm && p->jitter_us > 0 && dice(w, 20) == 0)
		us += dice(w, p->jitter_us);
	return us;
}

bool
net_path(const struct world *w, const struct host *from, const struct host *to)
{
	return !from->off && !to->off && w->cut[from->index][to->index] == 0;
}

static bool
both_ways(const struct world *w, const struct host *a, const struct host *b)
{
	return net_path(w, a, b) && net_path(w, b, a);
}

struct host *
net_host_at(struct world *w, const char *addr, unsigned *ret_port)
{
	const char *colon = strrchr(addr, ':');
	size_t len = colon != NULL ? (size_t)(colon - addr) : 0;
	uint64_t port = 0;

	if (colon == NULL || !str_to_u64(colon + 1, &port))
		return NULL;
	*ret_port = (unsigned)port;
	for (int i = 0; i < w->host_count; i++) {
		struct host *h = &w->hosts[i];

		if (strlen(h->ip) == len && strncmp(h->ip, addr, len) == 0)
			return h;
	}
	return NULL;
}

/* ---- reports ----------------------------------------------------------------
 */

static void
give(struct side *s, const struct link_report *r)
{
	struct event ev = { .type = EVENT_LINK, .link = r };

	if (side_is_alive(s))
		host_give(s->host, &ev);
}

static void
on_down(struct world *w, void *ctx, uint64_t arg)
{
	struct wire *x = ctx;
	struct side *s = &x->side[arg];
	struct link_report r = { .news = LINK_DOWN,
				 .link = s->id,
				 .err = s->err,
				 .refused = s->refused };

	(void)w;
	if (!s->told) {
		s->told = true;
		/* What was dialled and never up is not known there. */
		if (s->id != 0 && (arg == 0 || s->up))
			give(s, &r);
	}
	wire_done(x);
}

/* The socket is closed on this side; the daemon is told a moment later. */
void
side_close(struct wire *x, struct side *s, uint64_t after_us, const char *why)
{
	if (s->closed)
		return;
	s->closed = true;
	side_drop_frames(s);
	snprintf(s->err, sizeof(s->err), "The link is down: %s.", why);
	world_trace(x->w, "link %s-%s: %s's end is down: %s",
		    x->side[0].host->name, x->side[1].host->name, s->host->name,
		    why);
	wire_at(x, s->host, x->w->us + after_us, on_down,
		(uint64_t)(s == &x->side[1]));
}

/* The other end is gone: this one learns it by a packet, or by patience. */
static void
on_lost(struct world *w, void *ctx, uint64_t arg)
{
	struct wire *x = ctx;
	struct side *s = &x->side[arg];

	if (s->closed) {
		wire_done(x);
		return;
	}
	if (both_ways(w, x->side[0].host, x->side[1].host))
		side_close(x, s, 0, "the other end closed it");
	else if (w->us >= s->give_up_us)
		side_close(x, s, 0, "the other end does not answer");
	else
		wire_at(x, s->host, w->us + US_PER_S, on_lost, arg);
	wire_done(x);
}

uint64_t
net_patience_us(struct world *w)
{
	return (GIVE_UP_MS + dice(w, GIVE_UP_MORE_MS)) * US_PER_MS;
}

void
side_lose(struct wire *x, struct side *s, uint64_t after_us)
{
	struct world *w = x->w;

	if (s->closed || s->give_up_us != 0)
		return;
	s->give_up_us = w->us + net_patience_us(w);
	wire_at(x, s->host, w->us + after_us, on_lost,
		(uint64_t)(s == &x->side[1]));
}

/* ---- frames
 * ------------------------------------------------------------------ */

static void
give_up_frame(struct wire *x, struct side *s)
{
	struct link_report r = { .news = LINK_UP,
				 .link = s->id,
				 .peer = &x->peer[s == &x->side[1]] };

	s->up = true;
	x->w->links++;
	give(s, &r);
}

void
wire_on_frame(struct world *w, void *ctx, uint64_t arg)
{
	struct wire *x = ctx;
	struct side *s = &x->side[arg];
	struct frame *f;

	if (s->closed || list_empty(&s->in) ||
	    !net_path(w, wire_other(x, s)->host, s->host)) {
		wire_done(x); /* cut: it waits (net_cut() looks at it again) */
		return;
	}
	f = container_of(s->in.next, struct frame, link);
	if (f->at_us > w->us) {
		wire_done(x);
		return;
	}
	list_remove(&f->link);
	s->in_bytes -= f->len;
	if (f->is_up)
		give_up_frame(x, s);
	else if (f->is_end)
		side_close(x, s, 0, "the other end closed it");
	else
		give(s, &(struct link_report){ .news = LINK_MESSAGE,
					       .link = s->id,
					       .message = f->bytes,
					       .len = f->len });
	mem_free(f);
	wire_done(x);
}

static struct frame *
frame_add(struct wire *x, struct side *to, const void *p, size_t len)
{
	struct frame *f = mem_new(sizeof(*f) + len);
	uint64_t at = x->w->us + net_latency_us(x->w) + len / 100;

	at = max_u64(at, to->in_until_us);
	to->in_until_us = f->at_us = at;
	f->len = len;
	if (len > 0)
		memcpy(f->bytes, p, len);
	to->in_bytes += len;
	list_append(&to->in, &f->link);
	wire_at(x, to->host, at, wire_on_frame, (uint64_t)(to == &x->side[1]));
	return f;
}

/* ---- dialling
 * ----------------------------------------------------------------- */

static void
on_shake_timeout(struct world *w, void *ctx, uint64_t arg)
{
	struct wire *x = ctx;

	(void)w, (void)arg;
	if (!x->established)
		side_close(x, &x->side[0], 0, "the handshake took too long");
	wire_done(x);
}

static void
on_anonymous_timeout(struct world *w, void *ctx, uint64_t arg)
{
	struct wire *x = ctx;

	(void)w, (void)arg;
	if (!x->side[1].closed) {
		side_close(x, &x->side[1], 0, "it showed no certificate");
		side_lose(x, &x->side[0], net_latency_us(x->w));
	}
	wire_done(x);
}

static void
establish(struct wire *x)
{
	struct side *in = &x->side[1];
	struct host *h = in->host;
	struct link_report r = { .news = LINK_UP, .peer = &x->peer[1] };

	x->established = true;
	in->id = r.link = LINK_INBOUND | ++h->inbound_last;
	in->up = true;
	frame_add(x, &x->side[0], NULL, 0)->is_up = true;
	if (x->peer[1].trust == LINK_ANONYMOUS)
		wire_at(x, NULL, x->w->us + ANONYMOUS_MS * US_PER_MS,
			on_anonymous_timeout, 0);
	give(in, &r);
}

static void
refuse(struct wire *x, const char *why)
{
	struct side *in = &x->side[1];

	in->closed = in->told = true; /* it was never told of it */
	side_close(x, &x->side[0], net_latency_us(x->w), why);
}

/* What each thinks of the other's certificate. */
static const char *
shake(struct wire *x)
{
	struct host *a = x->side[0].host, *b = x->side[1].host;
	bool pinned = x->pin[0] != '\0';
	struct cert root;
	const char *why;

	why = certs_verify(&b->identity.chain, &x->roots,
			   pinned ? x->pin : NULL, true, host_now(a).wall_ns,
			   &x->peer[0], &root);
	if (why != NULL)
		return why;
	if (pinned) {
		cert_write_pem(&root, x->root, sizeof(x->root));
		x->peer[0].root = x->root;
		x->peer[1].trust = LINK_ANONYMOUS;
		return NULL;
	}
	return certs_verify(&x->shown, &b->identity.roots, NULL, false,
			    host_now(b).wall_ns, &x->peer[1], &root);
}

static void
on_shake(struct world *w, void *ctx, uint64_t arg)
{
	struct wire *x = ctx;
	struct side *in = &x->side[1];
	const char *why;

	(void)arg;
	if (x->side[0].closed || !side_is_alive(&x->side[0]) ||
	    !both_ways(w, x->side[0].host, in->host)) {
		in->closed = in->told = true; /* and who dials gives up alone */
	} else if (!side_is_alive(in) || !in->host->identity.is_set) {
		refuse(x, "the other end closed it");
	} else {
		why = shake(x);
		if (why != NULL)
			refuse(x, why);
		else
			establish(x);
	}
	wire_done(x);
}

static void
on_dial_timeout(struct world *w, void *ctx, uint64_t arg)
{
	struct wire *x = ctx;

	(void)w, (void)arg;
	side_close(x, &x->side[0], 0, "nobody answers there");
	wire_done(x);
}

static void
arrive(struct wire *x, struct host *to, unsigned port)
{
	struct world *w = x->w;
	struct side *in = &x->side[1];

	in->host = to;
	in->daemon = to->daemon;
	if (to->node == NULL || !to->listening || to->port != port) {
		x->side[0].refused = true;
		refuse(x, "connection refused");
		return;
	}
	memcpy(x->ip[1], to->ip, sizeof(x->ip[1]));
	snprintf(x->peer[0].ip, sizeof(x->peer[0].ip), "%s", x->ip[1]);
	snprintf(x->peer[1].ip, sizeof(x->peer[1].ip), "%s", x->ip[0]);
	wire_at(x, NULL, w->us + SHAKE_MS * US_PER_MS, on_shake_timeout, 0);
	wire_at(x, to, w->us + 2 * net_latency_us(w) + 1000 + dice(w, 4000),
		on_shake, 0);
}

static struct wire *
dial(struct host *h, const struct link_order *o)
{
	struct wire *x = mem_new(sizeof(*x));

	x->w = h->w;
	for (int i = 0; i < 2; i++) {
		list_init(&x->side[i].in);
		x->side[i].host = h;
		x->side[i].daemon = h->daemon;
	}
	x->side[0].id = o->link;
	memcpy(x->ip[0], h->ip, sizeof(x->ip[0]));
	snprintf(x->pin, sizeof(x->pin), "%s", str_or(o->pin, ""));
	x->shown = h->identity.chain;
	x->roots = h->identity.roots;
	list_append(&h->w->wires, &x->link);
	return x;
}

static void
order_open(struct host *h, const struct link_order *o)
{
	struct wire *x = dial(h, o);
	struct world *w = h->w;
	unsigned port = 0;
	struct host *to = net_host_at(w, o->addr, &port);

	world_trace(w, "%s dials %s%s", h->name, o->addr,
		    o->pin != NULL ? " to join" : "");
	if (o->pin == NULL && !h->identity.is_set) {
		refuse(x, "this node has no certificate");
	} else if (to == NULL || !both_ways(w, h, to)) {
		x->side[1].closed = x->side[1].told = true;
		wire_at(x, h, w->us + CONNECT_MS * US_PER_MS, on_dial_timeout,
			0);
	} else {
		arrive(x, to, port);
	}
}

/* ---- other orders
 * --------------------------------------------------------------- */

static struct wire *
find(struct host *h, uint64_t id, struct side **ret)
{
	list_each (it, &h->w->wires) {
		struct wire *x = container_of(it, struct wire, link);

		for (int i = 0; i < 2; i++) {
			struct side *s = &x->side[i];

			if (s->id != id || s->host != h ||
			    s->daemon != h->daemon)
				continue;
			*ret = s;
			return x;
		}
	}
	return NULL;
}

/* What is said, but for what is said all the time. */
static void
trace_message(struct host *from, const struct host *to,
	      const struct link_order *o)
{
	struct message m;
	struct arena a;
	struct err e;

	if (!from->w->trace)
		return;
	arena_init(&a);
	if (message_unpack(o->message, o->len, &a, &m, &e) == 0 &&
	    m.kind != MESSAGE_RAFT && m.kind != MESSAGE_HEARTBEAT &&
	    m.kind != MESSAGE_HEARD)
		world_trace(from->w, "%s to %s: %s %llu%s%s", from->name,
			    to->name, enum_name(&message_kind_names, m.kind),
			    (unsigned long long)m.call,
			    m.done != NULL && m.done->code != 0 ? ": " : "",
			    m.done != NULL ? str_or(m.done->err, "") : "");
	arena_fini(&a);
}

static void
order_send(struct host *h, const struct link_order *o)
{
	struct side *s, *to;
	struct wire *x = find(h, o->link, &s);

	if (x == NULL || s->closed)
		return;
	if (o->len == 0 || o->len > LINK_MESSAGE_MAX)
		world_fail(h->w, "%s sends %llu bytes", h->name,
			   (unsigned long long)o->len);
	to = wire_other(x, s);
	trace_message(h, to->host, o);
	if (x->peer[1].trust == LINK_ANONYMOUS && s == &x->side[0] &&
	    o->len > ANONYMOUS_BYTES)
		side_close(x, s, 0,
			   "the message is too long for one who "
			   "shows no certificate");
	else if (to->closed)
		side_lose(x, s, net_latency_us(h->w));
	else if (to->in_bytes + o->len > LINK_BACKLOG_MAX)
		side_close(x, s, 0, "more than 64 MiB wait to be sent");
	else
		frame_add(x, to, o->message, o->len);
}

static void
order_close(struct host *h, const struct link_order *o)
{
	struct side *s, *to;
	struct wire *x = find(h, o->link, &s);

	if (x == NULL || s->closed)
		return;
	to = wire_other(x, s);
	if (!to->closed && x->established) {
		frame_add(x, to, NULL, 0)->is_end = true;
		/* If the end never arrives. */
		side_lose(x, to, to->in_until_us - h->w->us + US_PER_S);
	}
	side_close(x, s, dice(h->w, 1000) * US_PER_MS, "this node closed it");
}

static void
on_listens(struct world *w, void *ctx, uint64_t daemon)
{
	struct host *h = ctx;
	struct link_report r = { .news = LINK_LISTENS, .addr = "0.0.0.0:2377" };
	struct event ev = { .type = EVENT_LINK, .link = &r };

	if (h->daemon != daemon || h->node == NULL || h->port == 0)
		return;
	if (chance(w, 50)) {
		r = (struct link_report){ .news = LINK_LISTEN_FAILED,
					  .err = "the port is in use" };
		h->port = 0;
	} else {
		h->listening = true;
	}
	host_give(h, &ev);
}

static void
order_listen(struct host *h, const char *addr)
{
	const char *colon = addr != NULL ? strrchr(addr, ':') : NULL;
	uint64_t port = 0;

	h->listening = false;
	h->port = 0;
	if (colon == NULL)
		return;
	check(str_to_u64(colon + 1, &port));
	h->port = (unsigned)port;
	world_at(h->w, h, h->w->us + 100, on_listens, h, h->daemon);
}

void
net_order(struct host *h, const struct link_order *o)
{
	switch (o->verb) {
	case LINK_OPEN:
		order_open(h, o);
		return;
	case LINK_SEND:
		order_send(h, o);
		return;
	case LINK_CLOSE:
		order_close(h, o);
		return;
	case LINK_LISTEN:
		order_listen(h, o->addr);
		return;
	}
}
