/*
 * workers.c - many workers in one process: each a whole node (core/node) with
 * keys, links and a gossip socket of its own, that joins by token and keeps
 * its session; only a disk and containers are not there.
 *
 *   workers MANAGER:PORT TOKEN COUNT
 *
 * Worker i has the address 10.99.(128 + i / 250).(1 + i % 250), which the
 * host has. Prints a line when each is in the cluster; ends when killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "core/base/check.h"
#include "core/base/list.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/inbox.h"
#include "core/node/node.h"
#include "net/gossip.h"
#include "net/peers.h"
#include "net/trust.h"

#define COUNT_MAX 10000

struct worker {
	struct list ready; /* in ready: something waits in its inbox */
	bool is_ready;
	char name[32], ip[32];
	struct node *node;
	struct peers *peers;
	struct trust *trust;
	struct gossip_socket *gossip;
	struct inbox inbox;
	uint64_t persisted, persisted_seen;
	ev_timer timer;
};

static struct ev_loop *loop;
static struct list ready;
static size_t joined, count;
static struct timespec began;
/* Whose connection is being made: it comes from that worker's address. */
static const struct worker *dials;

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "workers: bug at %s:%d: %s does not hold\n", file, line,
		what);
	abort();
}

_Noreturn void
fatal(const char *why)
{
	fprintf(stderr, "workers: %s\n", why);
	exit(1);
}

static struct now
now(void)
{
	struct timespec mono, wall;

	clock_gettime(CLOCK_BOOTTIME, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct now){
		.mono_ms = (uint64_t)mono.tv_sec * 1000 +
			   (uint64_t)mono.tv_nsec / 1000000,
		.wall_ns = wall.tv_sec * NS_PER_S + wall.tv_nsec,
	};
}

/* ---- each from its own address ------------------------------------------ */

int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);

int
__wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_in own = { .sin_family = AF_INET };

	if (dials != NULL && sa->sa_family == AF_INET) {
		(void)inet_pton(AF_INET, dials->ip, &own.sin_addr);
		if (bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
			return -1;
	}
	return __real_connect(fd, sa, len);
}

/* ---- what is told to a node -----------------------------------------------
 */

static void
wake(struct worker *w)
{
	if (w->is_ready)
		return;
	w->is_ready = true;
	list_append(&ready, &w->ready);
}

static void
on_link(void *ctx, const struct link_report *r)
{
	struct worker *w = ctx;

	inbox_add_link(&w->inbox, r);
	wake(w);
}

static void
on_trust(void *ctx, const struct trust_report *r)
{
	struct worker *w = ctx;

	inbox_add_trust(&w->inbox, r);
	wake(w);
}

static void
on_packet(void *ctx, const char *addr, const void *p, size_t len)
{
	struct worker *w = ctx;

	inbox_add_gossip(&w->inbox, &(struct gossip_packet){ addr, p, len });
	wake(w);
}

static void
on_timer(struct ev_loop *l, ev_timer *t, int revents)
{
	struct worker *w = container_of(t, struct worker, timer);

	(void)l, (void)revents;
	if (w->gossip != NULL)
		gossip_socket_read(w->gossip);
	inbox_add(&w->inbox, EVENT_TICK);
	wake(w);
}

/* ---- what a node wants ----------------------------------------------------
 */

static void
open_gossip(struct worker *w, const struct gossip_order *o)
{
	char addr[32];
	const char *port = strrchr(o->addr, ':');
	struct gossip_socket_config config = {
		.loop = loop, .addr = addr, .packet = on_packet, .ctx = w
	};
	struct err e;

	snprintf(addr, sizeof(addr), "%s%s", w->ip, str_or(port, ":7946"));
	if (w->gossip == NULL &&
	    gossip_socket_open(&config, &w->gossip, &e) < 0)
		fatal(e.msg);
	gossip_socket_keys(w->gossip, o->keys, o->key_count);
}

static void
gossip(struct worker *w, const struct gossip_order *o)
{
	switch (o->verb) {
	case GOSSIP_OPEN:
		open_gossip(w, o);
		return;
	case GOSSIP_CLOSE:
		gossip_socket_close(w->gossip);
		w->gossip = NULL;
		return;
	case GOSSIP_PACKET:
		if (w->gossip != NULL)
			gossip_socket_send(w->gossip, o->addr, o->p, o->len);
		return;
	}
}

static void
trust(struct worker *w, const struct trust_order *o)
{
	struct err e;

	if (o->verb == TRUST_LOCK)
		fatal("a worker is to be locked");
	else if (o->verb != TRUST_USE && o->verb != TRUST_FORGET)
		trust_order(w->trust, o);
	else if (peers_identity(w->peers, o, &e) < 0)
		fatal(e.msg);
}

static void
note_joined(const struct worker *w, const struct effect *f)
{
	struct timespec t;

	if (f->request_id != REQUEST_FIRST)
		return;
	if (f->status != 200) {
		fprintf(stderr, "%s: %.*s\n", w->name, (int)f->body_len,
			f->body);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	printf("%zu %.3f\n", ++joined,
	       (double)(t.tv_sec - began.tv_sec) +
		       (double)(t.tv_nsec - began.tv_nsec) / 1e9);
	fflush(stdout);
}

static void
carry_out(struct worker *w, const struct effect *f)
{
	switch (f->type) {
	case EFFECT_PERSIST:
		w->persisted = f->batch->seq;
		batch_free(f->batch);
		break;
	case EFFECT_REPLY:
		note_joined(w, f);
		break;
	case EFFECT_LINK:
		dials = w;
		peers_order(w->peers, f->link_order);
		dials = NULL;
		break;
	case EFFECT_TRUST:
		trust(w, f->trust_order);
		break;
	case EFFECT_GOSSIP:
		gossip(w, f->gossip_order);
		break;
	case EFFECT_RUNNER: /* no service is there, so none of these is */
	case EFFECT_STREAM:
	case EFFECT_STREAM_END:
	case EFFECT_LOGS:
	case EFFECT_LOGS_MORE:
	case EFFECT_LOGS_STOP:
	case EFFECT_UNLOCK:
	case EFFECT_STOPPED:
		fatal("a worker without a task wants what it should not");
	case EFFECT_PORTS: /* none */
	case EFFECT_WIPE:
		break;
	}
}

/* ---- the turn -------------------------------------------------------------
 */

static void
step(struct worker *w, const struct event *ev)
{
	struct effect f;

	node_step(w->node, now(), ev);
	while (node_next(w->node, &f))
		carry_out(w, &f);
}

/* A disk that is done at once. */
static void
take_persisted(struct worker *w)
{
	while (w->persisted != w->persisted_seen) {
		w->persisted_seen = w->persisted;
		step(w, &(struct event){ EVENT_PERSISTED,
					 .batch_seq = w->persisted });
	}
}

static void
arm(struct worker *w)
{
	uint64_t at = node_deadline(w->node), mono = now().mono_ms;

	ev_timer_stop(loop, &w->timer);
	if (at == UINT64_MAX)
		return;
	ev_now_update(loop);
	ev_timer_set(&w->timer, at > mono ? (double)(at - mono) / 1000 : 0, 0);
	ev_timer_start(loop, &w->timer);
}

static void
turn(struct worker *w)
{
	const struct event *ev;

	while ((ev = inbox_take(&w->inbox)) != NULL) {
		step(w, ev);
		inbox_free(ev);
		take_persisted(w);
	}
	arm(w);
}

static void
on_prepare(struct ev_loop *l, ev_prepare *p, int revents)
{
	(void)l, (void)p, (void)revents;
	while (!list_empty(&ready)) {
		struct worker *w =
			container_of(ready.next, struct worker, ready);

		list_remove(&w->ready);
		w->is_ready = false;
		turn(w);
	}
}

/* ---- the beginning --------------------------------------------------------
 */

static void
make_node(struct worker *w, const char *manager, const char *token)
{
	char body[1024];
	struct request join = { .op = OP_SWARM_JOIN,
				.where = OP_AT_NODE,
				.api_minor = API_MINOR_MAX,
				.target = "",
				.body = body };
	const struct host_addr own = { "eth0", w->ip };
	const struct host_addrs addrs = { (struct host_addr *)&own, 1 };
	const struct node_description description = {
		.hostname = w->name,
		.platform = { "x86_64", "linux" },
		.resources = { INT64_C(8000000000), INT64_C(8) << 30 },
	};
	struct node_config config = { .version = "0",
				      .root_dir = "/",
				      .runtime = "none",
				      .description = &description,
				      .egress_subnet = "10.1.0.0/16",
				      .default_addr = w->ip,
				      .addrs = &addrs,
				      .first = &join };

	join.body_len = (size_t)snprintf(
		body, sizeof(body),
		"{\"ListenAddr\":\"%s:2377\",\"AdvertiseAddr\":\"%s\","
		"\"RemoteAddrs\":[\"%s\"],\"JoinToken\":\"%s\"}",
		w->ip, w->ip, manager, token);
	if (getrandom(&config.seed, sizeof(config.seed), 0) !=
	    sizeof(config.seed))
		fatal("the kernel gives no random bytes");
	w->node = node_new(&config, now());
}

static void
make_worker(size_t i, const char *manager, const char *token)
{
	struct worker *w = mem_new(sizeof(*w));
	struct peers_config peers = { loop, on_link, w };
	struct trust_config trust_config = { loop, on_trust, w };
	struct runner_report scanned = { .news = RUNNER_SCANNED };
	struct err e;

	snprintf(w->name, sizeof(w->name), "worker%zu", i);
	snprintf(w->ip, sizeof(w->ip), "10.99.%zu.%zu", 128 + i / 250,
		 1 + i % 250);
	inbox_init(&w->inbox);
	ev_timer_init(&w->timer, on_timer, 0, 0);
	if (peers_open(&peers, &w->peers, &e) < 0 ||
	    trust_open(&trust_config, &w->trust, &e) < 0)
		fatal(e.msg);
	make_node(w, manager, token);
	inbox_add_report(&w->inbox, &scanned);
	wake(w);
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	ev_prepare prepare;

	count = argc == 4 ? (size_t)atol(argv[3]) : 0;
	if (count < 1 || count > COUNT_MAX) {
		fprintf(stderr, "workers: see the head of its file\n");
		return 2;
	}
	(void)getrlimit(RLIMIT_NOFILE, &files); /* cannot fail */
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files); /* so, too */
	list_init(&ready);
	loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	if (loop == NULL)
		fatal("the kernel has no epoll");
	ev_prepare_init(&prepare, on_prepare);
	ev_prepare_start(loop, &prepare);
	/* All are there before the first of them dials. */
	for (size_t i = 0; i < count; i++)
		make_worker(i, argv[1], argv[2]);
	clock_gettime(CLOCK_MONOTONIC, &began);
	ev_run(loop, 0);
	return 0;
}
