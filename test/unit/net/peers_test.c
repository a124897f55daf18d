/*
 * peers_test.c - two nodes of one process with real certificates, over
 * loopback; and strangers who know nothing of either.
 */
#include "net/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/peer_dns.h"
#include "net/peer_frames.h"
#include "net/peers_impl.h"
#include "net/tls/cert.h"
#include "test/t.h"

#define WAIT_MS 10000
#define LOG_MAX 64

static const char cluster_id[] = "cccccccccccccccccccccccc1";
static const char id_a[] = "aaaaaaaaaaaaaaaaaaaaaaaa1";
static const char id_b[] = "bbbbbbbbbbbbbbbbbbbbbbbb1";

/* ---- certificates --------------------------------------------------- */

struct ca {
	struct cert_key key;
	char *pem;
	char digest[CERT_DIGEST_TEXT + 1];
};

static int64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static struct ca
ca_make(void)
{
	struct buf pem = { 0 };
	struct ca ca;
	struct err e;

	cert_key_make(&ca.key);
	cert_make_root(&ca.key, wall_ns(), &pem);
	ca.pem = buf_take(&pem);
	EQ(cert_digest(ca.pem, ca.digest, &e), 0);
	return ca;
}

static void
ca_free(struct ca *ca)
{
	cert_key_wipe(&ca->key);
	mem_free(ca->pem);
}

struct who {
	const struct ca *ca, *trusts;
	const char *node_id;
	bool manager;
	int64_t age_ns; /* how long ago it was made; it lives for an hour */
};

/* ---- a node --------------------------------------------------------- */

struct node {
	struct peers *peers;
	uint64_t link; /* the last that was up */
	struct link_peer peer;
	char root[4096];
	int ups, downs, messages, listens, failures;
	char err[ERR_MSG_MAX];
	bool refused;
	char addr[LINK_ADDR_MAX];
	struct buf got; /* the last message */
	uint64_t bytes;
	uint32_t next; /* of numbered messages */
	bool echo, numbered, in_order, in_order_call;
	int close_after;
};

static struct ev_loop *loop;

static void
send_to(struct node *n, uint64_t link, const void *p, size_t len)
{
	struct link_order o = {
		.verb = LINK_SEND, .link = link, .message = p, .len = len
	};

	n->in_order_call = true;
	peers_order(n->peers, &o);
	n->in_order_call = false;
}

static void
order(struct node *n, const struct link_order *o)
{
	n->in_order_call = true;
	peers_order(n->peers, o);
	n->in_order_call = false;
}

static void
got_message(struct node *n, const struct link_report *r)
{
	uint32_t number;

	n->messages++;
	n->bytes += r->len;
	if (n->numbered) {
		memcpy(&number, r->message, sizeof(number));
		n->in_order = n->in_order && number == n->next;
		n->next++;
		return;
	}
	buf_clear(&n->got);
	buf_put(&n->got, r->message, r->len);
	if (n->echo)
		send_to(n, r->link, r->message, r->len);
	if (n->close_after == n->messages)
		order(n, &(struct link_order){ .verb = LINK_CLOSE,
					       .link = r->link });
}

static void
on_report(void *ctx, const struct link_report *r)
{
	struct node *n = ctx;

	OK(!n->in_order_call);
	switch (r->news) {
	case LINK_UP:
		n->ups++;
		n->link = r->link;
		n->peer = *r->peer;
		n->root[0] = '\0';
		if (r->peer->root != NULL)
			snprintf(n->root, sizeof(n->root), "%s", r->peer->root);
		return;
	case LINK_MESSAGE:
		got_message(n, r);
		return;
	case LINK_DOWN:
		n->downs++;
		n->refused = r->refused;
		snprintf(n->err, sizeof(n->err), "%s", r->err);
		return;
	case LINK_LISTENS:
		n->listens++;
		snprintf(n->addr, sizeof(n->addr), "%s", r->addr);
		return;
	case LINK_LISTEN_FAILED:
		n->failures++;
		snprintf(n->err, sizeof(n->err), "%s", r->err);
		return;
	}
	unreachable();
}

static void
on_tick(struct ev_loop *l, ev_timer *w, int revents)
{
	(void)l, (void)w, (void)revents;
}

static ev_timer tick;

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

#define UNTIL(cond)                                                            \
	do {                                                                   \
		uint64_t until = now_ms() + WAIT_MS;                           \
		while (!(cond) && now_ms() < until)                            \
			ev_run(loop, EVRUN_ONCE);                              \
		OK(cond);                                                      \
	} while (0)

static void
run_for(uint64_t ms)
{
	uint64_t until = now_ms() + ms;

	while (now_ms() < until)
		ev_run(loop, EVRUN_ONCE);
}

static void
set_up(void)
{
	loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	ev_timer_init(&tick, on_tick, .02, .02);
	ev_timer_start(loop, &tick);
}

static void
tear_down(void)
{
	ev_timer_stop(loop, &tick);
	ev_loop_destroy(loop);
}

static int
use(struct node *n, const struct who *w, struct err *e)
{
	struct cert_subject s = { w->node_id, cluster_id, w->manager };
	struct buf csr = { 0 }, pem = { 0 }, der = { 0 };
	struct trust_order o = { .verb = TRUST_USE };
	struct cert_key key;
	int r;

	cert_key_make(&key);
	cert_make_request(&key, &csr);
	EQ(cert_sign(&w->ca->key, w->ca->pem, csr.p, csr.len, &s,
		     wall_ns() - w->age_ns, 3600 * NS_PER_S, &pem, e),
	   0);
	cert_key_write(&key, &der);
	o.key = (struct bytes){ (uint8_t *)der.p, der.len };
	o.own_chain = buf_cstr(&pem);
	o.roots = w->trusts != NULL ? w->trusts->pem : w->ca->pem;
	r = peers_identity(n->peers, &o, e);
	buf_fini(&csr);
	buf_fini(&pem);
	buf_fini(&der);
	return r;
}

static void
open_nobody(struct node *n)
{
	struct peers_config c = { loop, on_report, n };
	struct err e;

	*n = (struct node){ .in_order = true };
	EQ(peers_open(&c, &n->peers, &e), 0);
}

static void
open_node(struct node *n, const struct who *w)
{
	struct err e;

	open_nobody(n);
	if (use(n, w, &e) != 0)
		EQ_STR(e.msg, "");
}

static void
close_node(struct node *n)
{
	peers_close(n->peers);
	buf_fini(&n->got);
}

static void
listen_at(struct node *n, const char *addr)
{
	int before = n->listens;

	order(n, &(struct link_order){ .verb = LINK_LISTEN, .addr = addr });
	EQ(n->listens, before);
	UNTIL(n->listens > before);
}

static void
dial(struct node *n, uint64_t link, const char *addr, const char *pin)
{
	struct link_order o = {
		.verb = LINK_OPEN, .link = link, .addr = addr, .pin = pin
	};

	order(n, &o);
}

/* ---- two nodes ------------------------------------------------------ */

struct pair {
	struct ca ca;
	struct node a, b; /* a is a worker and dials, b is a manager */
};

static void
pair_open(struct pair *p)
{
	set_up();
	p->ca = ca_make();
	open_node(&p->a, &(struct who){ .ca = &p->ca, .node_id = id_a });
	open_node(&p->b, &(struct who){ .ca = &p->ca,
					.node_id = id_b,
					.manager = true });
	listen_at(&p->b, "127.0.0.1:0");
}

static void
pair_close(struct pair *p)
{
	close_node(&p->a);
	close_node(&p->b);
	ca_free(&p->ca);
	tear_down();
}

static void
pair_link(struct pair *p)
{
	int a = p->a.ups, b = p->b.ups;

	dial(&p->a, (uint64_t)a + 1, p->b.addr, NULL);
	UNTIL(p->a.ups > a && p->b.ups > b);
}

T(both_ends_know_who_the_other_is)
{
	struct pair p;

	pair_open(&p);
	pair_link(&p);
	EQ(p.a.peer.trust, LINK_VERIFIED);
	EQ_STR(p.a.peer.node_id, id_b);
	EQ_STR(p.a.peer.role, "swarm-manager");
	EQ_STR(p.a.peer.cluster_id, cluster_id);
	EQ_STR(p.a.peer.ip, "127.0.0.1");
	EQ(p.a.link, 1);
	EQ(p.b.peer.trust, LINK_VERIFIED);
	EQ_STR(p.b.peer.node_id, id_a);
	EQ_STR(p.b.peer.role, "swarm-worker");
	EQ_STR(p.b.peer.ip, "127.0.0.1");
	OK((p.b.link & LINK_INBOUND) != 0);
	EQ(p.a.downs + p.b.downs, 0);
	pair_close(&p);
}

T(a_message_of_any_length_comes_back_as_it_was)
{
	static const size_t lens[] = { 1,	2,	 4091,	 4092,
				       4096,	4097,	 65535,	 65536,
				       1000000, 8388607, 8388608 };
	struct pair p;

	pair_open(&p);
	pair_link(&p);
	p.b.echo = true;
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		uint8_t *m = mem_new(lens[i]);

		for (size_t k = 0; k < lens[i]; k++)
			m[k] = (uint8_t)(k * 31 + k / 256 + i);
		send_to(&p.a, 1, m, lens[i]);
		UNTIL(p.a.messages == (int)i + 1);
		EQ(p.a.got.len, lens[i]);
		OK(memcmp(p.a.got.p, m, lens[i]) == 0);
		mem_free(m);
	}
	EQ(p.a.downs + p.b.downs, 0);
	pair_close(&p);
}

T(ten_thousand_messages_each_way_keep_their_order)
{
	uint8_t m[300] = { 0 };
	struct pair p;

	pair_open(&p);
	pair_link(&p);
	p.a.numbered = p.b.numbered = true;
	for (uint32_t i = 0; i < 10000; i++) {
		memcpy(m, &i, sizeof(i));
		send_to(&p.a, p.a.link, m, 4 + i % 297);
		send_to(&p.b, p.b.link, m, 4 + i % 291);
		if (i % 1000 == 999)
			ev_run(loop, EVRUN_ONCE);
	}
	UNTIL(p.a.messages == 10000 && p.b.messages == 10000);
	OK(p.a.in_order && p.b.in_order);
	pair_close(&p);
}

T(what_is_sent_before_a_link_is_up_is_sent_then)
{
	struct pair p;

	pair_open(&p);
	dial(&p.a, 1, p.b.addr, NULL);
	send_to(&p.a, 1, "early", 5);
	UNTIL(p.b.messages == 1);
	EQ_STR(buf_cstr(&p.b.got), "early");
	pair_close(&p);
}

T(a_close_sends_what_waits_and_tells_both)
{
	size_t len = 4 << 20;
	uint8_t *m = mem_new(len);
	struct pair p;
	uint64_t from;

	pair_open(&p);
	pair_link(&p);
	from = now_ms();
	send_to(&p.a, 1, m, len);
	send_to(&p.a, 1, "last", 4);
	order(&p.a, &(struct link_order){ .verb = LINK_CLOSE, .link = 1 });
	send_to(&p.a, 1, "late", 4);
	UNTIL(p.a.downs == 1 && p.b.downs == 1);
	OK(now_ms() - from < 900); /* it does not wait for its time to end */
	EQ(p.b.messages, 2);
	EQ_STR(buf_cstr(&p.b.got), "last");
	EQ_STR(p.b.err, "link from 127.0.0.1: the other end closed it");
	run_for(50);
	EQ(p.a.downs + p.b.downs, 2);
	mem_free(m);
	pair_close(&p);
}

T(a_link_may_be_closed_while_its_message_is_told)
{
	struct pair p;

	pair_open(&p);
	pair_link(&p);
	p.b.close_after = 2;
	p.b.echo = true;
	for (int i = 0; i < 5; i++)
		send_to(&p.a, 1, "abcde", 5);
	UNTIL(p.a.downs == 1 && p.b.downs == 1);
	EQ(p.b.messages, 2);
	EQ(p.a.messages, 2);
	pair_close(&p);
}

T(a_close_does_not_wait_for_one_who_does_not_read)
{
	struct pair p;
	uint64_t from;
	uint8_t *m = mem_new(LINK_MESSAGE_MAX);

	pair_open(&p);
	pair_link(&p);
	/* b's watcher is off, as if its process were stopped. */
	ev_io_stop(loop,
		   &container_of(p.b.peers->links.next, struct link, node)->io);
	for (int i = 0; i < 2; i++)
		send_to(&p.a, 1, m, LINK_MESSAGE_MAX);
	order(&p.a, &(struct link_order){ .verb = LINK_CLOSE, .link = 1 });
	from = now_ms();
	UNTIL(p.a.downs == 1);
	OK(now_ms() - from >= 500 && now_ms() - from < 3000);
	mem_free(m);
	pair_close(&p);
}

T(a_link_that_takes_too_little_goes_down)
{
	struct pair p;
	uint8_t *m = mem_new(LINK_MESSAGE_MAX);

	pair_open(&p);
	pair_link(&p);
	for (int i = 0; i < 8; i++)
		send_to(&p.a, 1, m, LINK_MESSAGE_MAX);
	EQ(p.a.downs, 0);
	UNTIL(p.a.downs == 1);
	OK(strstr(p.a.err, "more than 64 MiB wait") != NULL);
	UNTIL(p.b.downs == 1);
	EQ(p.b.messages, 0);
	mem_free(m);
	pair_close(&p);
}

T(a_large_message_does_not_hold_up_other_links)
{
	uint8_t *m = mem_new(LINK_MESSAGE_MAX);
	uint64_t first;
	struct pair p;

	pair_open(&p);
	pair_link(&p);
	first = p.b.link;
	pair_link(&p);
	for (int i = 0; i < 4; i++)
		send_to(&p.b, first, m, LINK_MESSAGE_MAX);
	send_to(&p.b, p.b.link, "small", 5);
	UNTIL(p.a.messages >= 1);
	EQ(p.a.bytes, 5);
	UNTIL(p.a.messages == 5);
	mem_free(m);
	pair_close(&p);
}

T(a_link_has_its_share_of_a_turn)
{
	uint8_t *m = mem_new(LINK_MESSAGE_MAX);
	int room = 4 << 20;
	struct pair p;
	struct link *l;

	pair_open(&p);
	pair_link(&p);
	l = container_of(p.a.peers->links.next, struct link, node);
	/* More than a share; only root gets it, and others see less. */
	(void)setsockopt(l->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room,
			 sizeof(room));
	send_to(&p.a, 1, m, LINK_MESSAGE_MAX);
	ev_run(loop, EVRUN_NOWAIT);
	OK(l->first->sent > 0);
	/* At the end of the turn, and as the socket takes more. */
	OK(l->first->sent <= 2 * (TURN_BYTES_MAX + STAGE_LEN));
	UNTIL(p.b.messages == 1);
	mem_free(m);
	pair_close(&p);
}

/* ---- who may come in ------------------------------------------------ */

T(one_without_a_certificate_is_anonymous_and_bounded)
{
	static uint8_t m[65537];
	struct node joiner;
	struct pair p;

	pair_open(&p);
	open_nobody(&joiner);
	dial(&joiner, 1, p.b.addr, p.ca.digest);
	UNTIL(joiner.ups == 1 && p.b.ups == 1);
	EQ(p.b.peer.trust, LINK_ANONYMOUS);
	EQ_STR(p.b.peer.node_id, "");
	EQ_STR(p.b.peer.role, "");
	EQ(joiner.peer.trust, LINK_VERIFIED);
	EQ_STR(joiner.peer.node_id, id_b);
	EQ_STR(joiner.root, p.ca.pem);
	send_to(&joiner, 1, m, 65536);
	UNTIL(p.b.messages == 1);
	send_to(&joiner, 1, m, 65537);
	UNTIL(p.b.downs == 1 && joiner.downs == 1);
	EQ(p.b.messages, 1);
	OK(strstr(p.b.err, "65537 bytes, and 65536 are allowed") != NULL);

	dial(&joiner, 2, p.b.addr, p.ca.digest);
	UNTIL(joiner.ups == 2);
	for (int i = 0; i < 65; i++)
		send_to(&joiner, 2, "x", 1);
	UNTIL(p.b.downs == 2);
	EQ(p.b.messages, 65);
	close_node(&joiner);
	pair_close(&p);
}

T(a_wrong_pin_sends_nothing_and_a_right_one_needs_no_roots)
{
	struct ca other = ca_make();
	struct node joiner;
	struct pair p;

	pair_open(&p);
	open_nobody(&joiner);
	dial(&joiner, 1, p.b.addr, other.digest);
	send_to(&joiner, 1, "secret", 6);
	UNTIL(joiner.downs == 1);
	EQ(joiner.ups, 0);
	OK(strstr(joiner.err, "does not match fingerprint") != NULL);
	run_for(100);
	EQ(p.b.ups + p.b.messages + p.b.downs, 0);
	dial(&joiner, 2, p.b.addr, "short");
	UNTIL(joiner.downs == 2);
	dial(&joiner, 3, p.b.addr, NULL);
	UNTIL(joiner.downs == 3);
	OK(strstr(joiner.err, "in no cluster yet") != NULL);
	close_node(&joiner);
	pair_close(&p);
	ca_free(&other);
}

T(an_expired_certificate_comes_in_as_such)
{
	struct who old = { .node_id = id_a, .age_ns = 5 * 3600 * NS_PER_S };
	struct pair p;
	struct err e;

	pair_open(&p);
	old.ca = &p.ca;
	EQ(use(&p.a, &old, &e), 0);
	pair_link(&p);
	EQ(p.b.peer.trust, LINK_EXPIRED);
	EQ_STR(p.b.peer.node_id, id_a);
	pair_close(&p);
}

T(another_cluster_is_refused_by_either_side)
{
	struct ca other = ca_make();
	struct node c;
	struct pair p;

	pair_open(&p);
	open_node(&c, &(struct who){ .ca = &other, .node_id = id_a });
	dial(&c, 1, p.b.addr, NULL);
	UNTIL(c.downs == 1);
	OK(strstr(c.err, "its certificate is not good") != NULL);
	/* One that would speak with anybody, but is not of the cluster. */
	close_node(&c);
	ca_free(&other);
	run_for(50);
	EQ(c.ups + p.b.ups + p.b.downs, 0);
	pair_close(&p);
}

/* ---- a client of our own making ------------------------------------- */

/* Blocking; what s shows is its own, whatever the other end thinks of it. */
static int
shake_by_hand(const char *addr, struct tls_identity *i, struct tls_roots *r,
	      const char *pin)
{
	struct shake s = {
		.client = true, .identity = i, .roots = r, .pin = (char *)pin
	};
	struct chain_config config = { .roots = r,
				       .pin = pin,
				       .now_ns = wall_ns() };
	struct sockaddr_storage sa;
	struct addr at;
	struct ip ip;
	uint32_t len;
	int fd, error;

	OK(addr_split(addr, &at) && ip_parse(at.host, &ip));
	len = ip_to_socket(&ip, at.port, false, &sa);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	EQ(connect(fd, (struct sockaddr *)&sa, len), 0);
	s.chain = chain_new(&config);
	s.engine = shake_engine_new(&s);
	for (;;) {
		unsigned state = br_ssl_engine_current_state(s.engine);
		size_t room;
		uint8_t *p;
		ssize_t n;

		ev_run(loop, EVRUN_NOWAIT);
		if (state == BR_SSL_CLOSED || (state & BR_SSL_SENDAPP))
			break;
		if (state & BR_SSL_SENDREC) {
			p = br_ssl_engine_sendrec_buf(s.engine, &room);
			n = send(fd, p, room, MSG_NOSIGNAL);
			if (n <= 0)
				break;
			br_ssl_engine_sendrec_ack(s.engine, (size_t)n);
			continue;
		}
		p = br_ssl_engine_recvrec_buf(s.engine, &room);
		n = recv(fd, p, room, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0)
			break;
		br_ssl_engine_recvrec_ack(s.engine, (size_t)n);
	}
	error = br_ssl_engine_current_state(s.engine) & BR_SSL_SENDAPP
			? 0
			: br_ssl_engine_last_error(s.engine);
	close(fd);
	engine_free(s.engine);
	chain_free(s.chain);
	return error;
}

T(a_certificate_of_another_root_ends_the_handshake)
{
	struct cert_subject s = { id_a, cluster_id, true };
	struct buf csr = { 0 }, pem = { 0 }, der = { 0 };
	struct ca other = ca_make();
	struct tls_identity *i;
	struct tls_roots *roots;
	struct cert_key key;
	struct pair p;
	struct err e;

	pair_open(&p);
	cert_key_make(&key);
	cert_make_request(&key, &csr);
	EQ(cert_sign(&other.key, other.pem, csr.p, csr.len, &s, wall_ns(),
		     3600 * NS_PER_S, &pem, &e),
	   0);
	cert_key_write(&key, &der);
	EQ(tls_identity_new(buf_cstr(&pem), other.pem, der.p, der.len, &i, &e),
	   0);
	EQ(tls_roots_new(p.ca.pem, &roots, &e), 0);
	EQ(shake_by_hand(p.b.addr, NULL, roots, NULL), 0);
	UNTIL(p.b.ups == 1);
	EQ(p.b.peer.trust, LINK_ANONYMOUS);
	EQ(shake_by_hand(p.b.addr, i, roots, NULL),
	   BR_ERR_RECV_FATAL_ALERT + 42);
	run_for(50);
	EQ(p.b.ups, 1);
	tls_identity_unref(i);
	tls_roots_unref(roots);
	buf_fini(&csr);
	buf_fini(&pem);
	buf_fini(&der);
	ca_free(&other);
	pair_close(&p);
}

/* ---- strangers ------------------------------------------------------ */

static int
connect_to(const char *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage sa;
	struct addr at;
	struct ip ip;
	uint32_t len;

	OK(fd >= 0 && addr_split(addr, &at) && ip_parse(at.host, &ip));
	len = ip_to_socket(&ip, at.port, false, &sa);
	EQ(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

/* The other end closed it, whatever it said before. */
static bool
is_closed(int fd)
{
	char bytes[256];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

T(garbage_is_closed_and_not_told)
{
	char junk[512];
	struct pair p;
	int fd;

	pair_open(&p);
	for (int i = 0; i < 8; i++) {
		for (size_t k = 0; k < sizeof(junk); k++)
			junk[k] = (char)(k * 7 + (size_t)i * 13 + (i == 0));
		fd = connect_to(p.b.addr);
		OK(send(fd, junk, sizeof(junk), MSG_NOSIGNAL) > 0);
		UNTIL(is_closed(fd));
		close(fd);
	}
	EQ(p.b.ups + p.b.downs, 0);
	pair_link(&p);
	pair_close(&p);
}

T(half_open_connections_neither_stop_others_nor_stay)
{
	static const uint8_t start[] = { 0x16, 0x03, 0x01, 0x00 };
	uint64_t from;
	int fds[200], open = 0;
	struct pair p;

	pair_open(&p);
	pair_link(&p);
	from = now_ms();
	for (int i = 0; i < 200; i++)
		fds[i] = connect_to(p.b.addr);
	pair_link(&p); /* another one comes in */
	OK(now_ms() - from < 3000);
	send_to(&p.b, p.b.link, "x", 1);
	UNTIL(p.a.messages == 1);
	/* A byte now and then does not make the time longer. */
	for (size_t i = 0; i < sizeof(start); i++) {
		EQ(send(fds[0], start + i, 1, MSG_NOSIGNAL), 1);
		run_for(1000);
	}
	for (int i = 0; i < 200; i++)
		open += !is_closed(fds[i]);
	EQ(open, 200);
	UNTIL(is_closed(fds[0]));
	OK(now_ms() - from >= 4900 && now_ms() - from < 8000);
	run_for(300);
	for (int i = 0; i < 200; i++) {
		open -= is_closed(fds[i]);
		close(fds[i]);
	}
	EQ(open, 0);
	EQ(p.a.downs + p.b.downs, 0);
	EQ(p.b.peers->unknown_count, 0);
	EQ(p.b.peers->inbound_count, 2);
	pair_close(&p);
}

T(one_address_holds_so_many_unknown_connections_and_no_more)
{
	int fds[UNKNOWN_PER_ADDRESS_MAX + 10], closed = 0;
	struct pair p;

	pair_open(&p);
	pair_link(&p);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = connect_to(p.b.addr);
	UNTIL(p.b.peers->unknown_count == UNKNOWN_PER_ADDRESS_MAX);
	run_for(100);
	EQ(p.b.peers->unknown_count, UNKNOWN_PER_ADDRESS_MAX);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		closed += is_closed(fds[i]);
	EQ(closed, 10);
	send_to(&p.a, 1, "x", 1);
	UNTIL(p.b.messages == 1); /* who is up does not notice */
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	UNTIL(p.b.peers->unknown_count == 0);
	pair_link(&p);
	pair_close(&p);
}

/* Whether it is closed or left waiting, it is not spun on. */
T(no_descriptor_left_pauses_accepting)
{
	struct rlimit old, low;
	struct pair p;
	int fd, turns = 0;
	uint64_t until;

	pair_open(&p);
	EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	fd = connect_to(p.b.addr);
	low = (struct rlimit){ (rlim_t)fd + 1, old.rlim_max };
	EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
	until = now_ms() + 400;
	for (; now_ms() < until; turns++)
		ev_run(loop, EVRUN_ONCE);
	EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
	OK(turns < 100);
	close(fd);
	pair_link(&p);
	pair_close(&p);
}

/* ---- dials ---------------------------------------------------------- */

T(nobody_there_is_told_as_refused)
{
	char addr[LINK_ADDR_MAX];
	struct pair p;

	pair_open(&p);
	snprintf(addr, sizeof(addr), "%s", p.b.addr);
	order(&p.b, &(struct link_order){ .verb = LINK_LISTEN });
	dial(&p.a, 1, addr, NULL);
	EQ(p.a.downs, 0); /* never from inside an order */
	UNTIL(p.a.downs == 1);
	OK(p.a.refused);
	OK(strstr(p.a.err, "Connection refused") != NULL);
	dial(&p.a, 2, "10.0.0.1", NULL);
	UNTIL(p.a.downs == 2);
	OK(!p.a.refused);
	pair_close(&p);
}

T(a_reset_takes_the_link_down)
{
	struct linger now = { 1, 0 };
	struct pair p;
	struct link *l;

	pair_open(&p);
	pair_link(&p);
	l = container_of(p.b.peers->links.next, struct link, node);
	EQ(setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close_node(&p.b);
	open_nobody(&p.b);
	UNTIL(p.a.downs == 1);
	OK(strstr(p.a.err, "reset") != NULL);
	pair_close(&p);
}

T(one_who_accepts_and_says_nothing_is_given_up)
{
	struct pair p;
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	char addr[LINK_ADDR_MAX];
	uint64_t from = now_ms();
	int fd;

	pair_open(&p);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	EQ(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	EQ(listen(fd, 1), 0);
	EQ(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	snprintf(addr, sizeof(addr), "127.0.0.1:%u", ntohs(sa.sin_port));
	dial(&p.a, 1, addr, NULL);
	UNTIL(p.a.downs == 1);
	OK(now_ms() - from >= 4900);
	OK(strstr(p.a.err, "more than 5 seconds") != NULL);
	close(fd);
	pair_close(&p);
}

T(names_are_resolved_off_the_loop)
{
	char addr[LINK_ADDR_MAX];
	struct pair p;

	pair_open(&p);
	snprintf(addr, sizeof(addr), "localhost:%s",
		 strrchr(p.b.addr, ':') + 1);
	dial(&p.a, 1, addr, NULL);
	UNTIL(p.a.ups == 1);
	dial(&p.a, 2, "no-such-host.invalid:1", NULL);
	UNTIL(p.a.downs == 1);
	OK(strstr(p.a.err, "name") != NULL);
	dial(&p.a, 3, "..:1", NULL);
	UNTIL(p.a.downs == 2);
	/* Whoever ends while a name is looked up waits for nobody. */
	dial(&p.a, 4, "another.invalid:1", NULL);
	pair_close(&p);
}

T(a_listener_on_both_families_takes_both_and_moves)
{
	char addr[LINK_ADDR_MAX];
	const char *port;
	struct pair p;

	pair_open(&p);
	listen_at(&p.b, "[::]:0");
	port = strrchr(p.b.addr, ':') + 1;
	snprintf(addr, sizeof(addr), "127.0.0.1:%s", port);
	dial(&p.a, 1, addr, NULL);
	UNTIL(p.b.ups == 1);
	EQ_STR(p.b.peer.ip, "127.0.0.1");
	snprintf(addr, sizeof(addr), "[::1]:%s", port);
	dial(&p.a, 2, addr, NULL);
	UNTIL(p.b.ups == 2);
	EQ_STR(p.b.peer.ip, "::1");
	snprintf(addr, sizeof(addr), "[::]:%s", port);
	listen_at(&p.b, addr);
	snprintf(addr, sizeof(addr), "127.0.0.1:%s", port);
	listen_at(&p.b, addr); /* a part of what it has */
	EQ_STR(p.b.addr, addr);
	listen_at(&p.b, addr); /* the same again */
	EQ(p.a.downs + p.b.downs, 0);
	order(&p.b, &(struct link_order){ .verb = LINK_LISTEN,
					  .addr = "192.0.2.1:1" });
	UNTIL(p.b.failures == 1);
	dial(&p.a, 3, addr, NULL); /* the old one stays until a new one is */
	UNTIL(p.b.ups == 3);
	pair_close(&p);
}

/* ---- who we are ----------------------------------------------------- */

T(a_renewal_keeps_links_and_forgetting_ends_them)
{
	struct who again = { .node_id = id_b, .manager = true };
	struct pair p;
	struct err e;

	pair_open(&p);
	pair_link(&p);
	again.ca = &p.ca;
	EQ(use(&p.b, &again, &e), 0);
	send_to(&p.a, 1, "still here", 10);
	UNTIL(p.b.messages == 1);
	pair_link(&p);
	EQ(peers_identity(p.b.peers,
			  &(struct trust_order){ .verb = TRUST_FORGET }, &e),
	   0);
	EQ(p.b.downs, 0);
	UNTIL(p.b.downs == 2 && p.a.downs == 2);
	/* Nobody listens as nobody. */
	dial(&p.a, 3, p.b.addr, NULL);
	UNTIL(p.a.downs == 3);
	EQ(p.b.ups, 2);
	pair_close(&p);
}

T(an_identity_that_does_not_hold_up_changes_nothing)
{
	struct ca other = ca_make();
	struct who bad = { .node_id = id_b, .manager = true };
	struct pair p;
	struct err e;

	pair_open(&p);
	bad.ca = &other;
	bad.trusts = &p.ca;
	EQ(use(&p.b, &bad, &e), -EINVAL);
	pair_link(&p);
	pair_close(&p);
	ca_free(&other);
}

/* ---- what it costs -------------------------------------------------- */

#ifndef SWARM_SANITIZED

static long
resident_bytes(void)
{
	long all = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	OK(f != NULL && fscanf(f, "%ld %ld", &all, &resident) == 2);
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

/* Both ends are here, so each link is two. */
T(an_idle_link_costs_less_than_14_KB)
{
	struct rlimit files = { 4096, 4096 };
	uint64_t id = 100, last = 600;
	struct pair p;
	long before;

	(void)getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
	pair_open(&p);
	for (int i = 0; i < 4; i++)
		pair_link(&p);
	before = resident_bytes();
	while (p.a.ups < 504) {
		while (id < last && id - 96 - (uint64_t)p.a.ups < 100)
			dial(&p.a, id++, p.b.addr, NULL);
		ev_run(loop, EVRUN_ONCE);
		EQ(p.a.downs, 0);
	}
	UNTIL(p.b.ups == 504);
	OK((resident_bytes() - before) / 1000 < 14 * 1024);
	pair_close(&p);
}

#endif

/* ---- frames --------------------------------------------------------- */

T(frames_come_out_the_same_wherever_they_are_cut)
{
	static const uint8_t stream[] = {
		0, 0, 0, 1, 'a', 0, 0, 0, 3, 'b', 'c', 'd', 0, 0, 0, 2, 'e', 'f'
	};

	for (size_t cut = 1; cut <= sizeof(stream); cut++) {
		struct frames f = { .max = 3 };
		struct buf out = { 0 };

		for (size_t at = 0; at < sizeof(stream);) {
			size_t len =
				min_u64(cut - at % cut, sizeof(stream) - at);
			struct frame g = frames_read(&f, stream + at, len);

			at += g.used;
			if (g.got != FRAME_WHOLE)
				continue;
			buf_put(&out, g.p, g.len);
			buf_putc(&out, ' ');
		}
		EQ_STR(buf_cstr(&out), "a bcd ef ");
		buf_fini(&out);
		frames_fini(&f);
	}
}

T(a_frame_that_is_too_long_is_refused_by_its_head)
{
	static const uint8_t head[] = { 0, 0, 1, 0 }, none[4];
	struct frames f = { .max = 255 }, g = { .max = 1 };

	EQ(frames_read(&f, head, 4).got, FRAME_TOO_LONG);
	EQ(f.body.cap, 0);
	EQ(frames_read(&g, none, 4).got, FRAME_EMPTY);
}

/* ---- DNS ------------------------------------------------------------ */

T(an_answer_gives_addresses_behind_aliases)
{
	static const uint8_t records[] = {
		/* www CNAME x; A 10.1.2.3; AAAA fd00::1 */
		0xc0, 12,  0,	 5,  0, 1,  0, 0, 0, 9, 0, 4, 1, 'x', 0xc0, 16,
		1,    'x', 0xc0, 16, 0, 1,  0, 1, 0, 0, 0, 9, 0, 4,   10,   1,
		2,    3,   0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 9, 0, 16,  0xfd, 0,
		0,    0,   0,	 0,  0, 0,  0, 0, 0, 0, 0, 0, 0, 1
	};
	struct ip ips[DNS_ADDRESSES_MAX];
	uint8_t q[DNS_QUERY_MAX], a[512];
	size_t len = dns_query(q, 0x1234, "www.Example.com", DNS_A), n = 0;
	char text[IP_TEXT_MAX];

	EQ(len, 12 + 17 + 4);
	memcpy(a, q, len);
	memcpy(a + len, records, sizeof(records));
	EQ(dns_answer(a, len, q, len, ips, &n), -EINVAL); /* a query */
	a[2] = 0x81;
	a[3] = 0x80;
	a[7] = 3;
	a[20] = 'x'; /* of another name */
	EQ(dns_answer(a, len + sizeof(records), q, len, ips, &n), -EINVAL);
	a[20] = q[20];
	a[17] = 'e'; /* Example; case does not matter */
	EQ(dns_answer(a, len + sizeof(records), q, len, ips, &n), 0);
	EQ(n, 2);
	ip_format(&ips[0], text);
	EQ_STR(text, "10.1.2.3");
	ip_format(&ips[1], text);
	EQ_STR(text, "fd00::1");
	for (size_t cut = 0; cut < len + sizeof(records); cut++) {
		n = 0;
		EQ(dns_answer(a, cut, q, len, ips, &n), -EINVAL);
		EQ(n, 0);
	}
	a[3] = 0x83;
	EQ(dns_answer(a, len, q, len, ips, &n), -ENOENT);
	a[3] = 0x82;
	EQ(dns_answer(a, len, q, len, ips, &n), -EAGAIN);
	EQ(dns_query(q, 1, "", DNS_A), 0);
	EQ(dns_query(q, 1, "a..b", DNS_A), 0);
}

T(a_line_of_hosts_names_an_address)
{
	static const struct {
		const char *line, *want;
	} rows[] = {
		{ "10.0.0.1 a web b\n", "10.0.0.1" },
		{ "fd00::1\tWEB # x\n", "fd00::1" },
		{ "10.0.0.1 a # web\n", "" },
		{ "# 10.0.0.1 web\n", "" },
		{ "web 10.0.0.1\n", "" },
		{ "10.0.0.1 webb\n", "" },
		{ "\n", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char line[64], got[IP_TEXT_MAX] = "";
		struct ip ip;

		T_ROW(rows[i].line);
		snprintf(line, sizeof(line), "%s", rows[i].line);
		if (hosts_line(line, "web", &ip))
			ip_format(&ip, got);
		EQ_STR(got, rows[i].want);
	}
}

T(addresses_are_split_from_ports)
{
	static const struct {
		const char *text, *host;
		int port;
	} rows[] = {
		{ "10.0.0.1:2377", "10.0.0.1", 2377 },
		{ "[::1]:1", "::1", 1 },
		{ "host.example:65535", "host.example", 65535 },
		{ "10.0.0.1", "", -1 },
		{ "::1:2377", "", -1 },
		{ "[]:1", "", -1 },
		{ ":1", "", -1 },
		{ "a:65536", "", -1 },
		{ "a:-1", "", -1 },
		{ "a:", "", -1 },
		{ "", "", -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = { .host = "" };
		bool ok = addr_split(rows[i].text, &a);

		T_ROW(rows[i].text);
		EQ(ok ? a.port : -1, rows[i].port);
		EQ_STR(ok ? a.host : "", rows[i].host);
	}
}
