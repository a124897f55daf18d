/*
 * session.c - see session.h: the worker's side. It finds a way to the leader,
 * says what this node is and has, keeps the heart beating, and when the way
 * is lost it finds another one.
 *
 *                 way is there            SETTINGS
 *   NONE -> DIALLING --------> ASKED -----------------> OPEN
 *    ^         | timeout         | no, or no answer       | the way is gone,
 *    +---------+-----------------+------------------------+ or nobody answers
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"
#include "core/node/session_impl.h"

#define ANSWER_MS 2000 /* a manager that takes longer is dead */
#define DOUBT_MS 1000  /* the same, of one that others call dead */
#define DIAL_MS 2000   /* until the link is up */
#define WAIT_FIRST_MS 100
#define WAIT_MAX_MS 8000
#define SPREAD_MS 200	  /* not all workers at once */
#define REFUSED_MAX 3	  /* in a row, until another manager is tried */
#define HOLD_MS 500	  /* while there is no leader */
#define STATUSES_MAX 1000 /* of one message */
#define STATUSES_OPEN_MAX 4
#define STATUSES_MS 30000

/*
 * No manager hears this node: what ends is held back, for as long as its
 * restart is delayed, and so is what ended before and nobody took note of. If
 * a manager did, its word is the last: it will want the task no more.
 */
static void
go_alone(struct node *n)
{
	if (n->agent == NULL)
		return; /* the cluster is being forgotten */
	agent_alone(n->agent, true, n->now);
	work_news_take_back(n);
	work_drain(n);
}

static struct session *
session_of(struct node *n)
{
	struct session *s = n->session;

	if (s != NULL)
		return s;
	s = mem_new(sizeof(*s));
	s->phase = SESSION_NONE;
	s->period_ms = DISPATCHER_PERIOD_MS;
	n->session = s;
	go_alone(n);
	return s;
}

void
session_fini(struct node *n)
{
	struct session *s = n->session;

	if (s == NULL)
		return;
	assigned_fini(s);
	mem_free(s->peers);
	mem_free(s);
	n->session = NULL;
}

bool
session_is_open(const struct node *n)
{
	return n->session != NULL && n->session->phase == SESSION_OPEN;
}

uint64_t
session_id(const struct node *n)
{
	return session_is_open(n) ? n->session->id : 0;
}

/* ---- the way ------------------------------------------------------------- */

static struct session_way
way_of(struct node *n)
{
	const char *leader;
	const struct peer_link *l;

	if (n->life == LIFE_WORKER) {
		l = peers_find(n, n->session_link);
		return (struct session_way){ l != NULL && l->up && !l->closing,
					     n->session_link };
	}
	if (n->dispatcher != NULL)
		return (struct session_way){ true, 0 };
	leader = consensus_leader(n);
	l = leader != NULL ? peers_to(n, leader) : NULL;
	return (struct session_way){ l != NULL, l != NULL ? l->id : 0 };
}

static bool
is_local(const struct session *s)
{
	return s->way.link == 0;
}

static void
close_link(struct node *n)
{
	struct peer_link *l = peers_find(n, n->session_link);

	n->session_link = 0;
	if (l != NULL)
		peers_hang_up(n, l);
}

/* ---- which manager ------------------------------------------------------- */

/* Facts 6.2: success and failure weigh half of what was before. */
static void
judge(struct session *s, const char *node_id, int by)
{
	for (size_t i = 0; i < s->peer_count; i++)
		if (strcmp(s->peers[i].node_id, node_id) == 0)
			s->peers[i].weight = (s->peers[i].weight + by) / 2;
}

static struct session_peer *
peer_of(struct session *s, const char *node_id)
{
	struct session_peer *p;

	for (size_t i = 0; i < s->peer_count; i++)
		if (strcmp(s->peers[i].node_id, node_id) == 0)
			return &s->peers[i];
	s->peers = mem_grow(s->peers, s->peer_count, &s->peer_cap,
			    sizeof(*s->peers));
	p = &s->peers[s->peer_count++];
	*p = (struct session_peer){ .weight = 10 };
	snprintf(p->node_id, sizeof(p->node_id), "%s", node_id);
	return p;
}

/* Those that are not managers any more are forgotten. */
static void
forget_peers(struct session *s, const struct known_managers *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->peer_count; i++) {
		bool there = false;

		for (uint32_t k = 0; k < m->v.count; k++)
			there |= str_eq(m->v.v[k].node_id, s->peers[i].node_id);
		if (there)
			s->peers[kept++] = s->peers[i];
	}
	s->peer_count = kept;
}

static uint64_t
chance(struct session *s, const struct peer_addr *m)
{
	int weight = peer_of(s, str_or(m->node_id, ""))->weight;

	/* A bad one may be the only one that is there by now. */
	return weight > 0 ? (uint64_t)weight * 1000 + 1 : 1;
}

static const struct peer_addr *
choose(struct node *n, struct session *s)
{
	const struct known_managers *m = identity_managers(n);
	uint64_t all = 0, at;

	forget_peers(s, m);
	for (uint32_t i = 0; i < m->v.count; i++)
		all += chance(s, &m->v.v[i]);
	if (all == 0)
		return NULL;
	at = rand_next(&n->rand_state) % all;
	for (uint32_t i = 0; i < m->v.count; i++) {
		uint64_t c = chance(s, &m->v.v[i]);

		if (at < c)
			return &m->v.v[i];
		at -= c;
	}
	unreachable();
}

/* ---- losing it ----------------------------------------------------------- */

/* At once after a good one, then after more and more (facts 6.2). */
static void
wait_longer(struct node *n, struct session *s)
{
	if (s->phase == SESSION_OPEN) {
		s->wait_ms = 0;
		s->at_ms = n->now.mono_ms;
		return;
	}
	s->wait_ms = min_u64(WAIT_FIRST_MS + 2 * s->wait_ms, WAIT_MAX_MS);
	s->at_ms = n->now.mono_ms + rand_next(&n->rand_state) % s->wait_ms;
}

static void
lose(struct node *n, struct session *s)
{
	bool was_open = s->phase == SESSION_OPEN;

	wait_longer(n, s);
	s->phase = SESSION_NONE;
	s->attempt++;
	s->id = 0;
	s->beating = s->doubted = false;
	s->statuses_open = 0;
	s->batch_floor = s->batch_last;
	assigned_drop_parts(s);
	work_news_unsent(n);
	if (was_open)
		go_alone(n);
}

/* The manager at the end of the link is of no use. */
static void
leave_manager(struct node *n, struct session *s)
{
	if (n->life == LIFE_WORKER) {
		judge(s, s->manager, -10);
		close_link(n);
	}
	s->refused = 0;
	lose(n, s);
}

/* It answers, but there is no leader; after a while another one may know. */
static void
refused(struct node *n, struct session *s)
{
	s->wait_ms = min_u64(s->wait_ms, HOLD_MS); /* one may lead soon */
	if (++s->refused >= REFUSED_MAX)
		leave_manager(n, s);
	else
		lose(n, s);
}

/* ---- beginning ----------------------------------------------------------- */

/* The address that this node was told to have others use; or "": they see. */
static const char *
advertised(struct node *n)
{
	const char *port = strrchr(n->manager_addr, ':');
	const char *host = n->manager_addr;
	size_t len = port != NULL ? (size_t)(port - host) : 0;

	if (len == 0)
		return is_local(n->session) ? n->seen_ip : "";
	if (host[0] == '[' && len > 2)
		return arena_strndup(&n->step_arena, host + 1, len - 2);
	return arena_strndup(&n->step_arena, host, len);
}

static void
take_settings(struct node *n, const struct settings_body *b)
{
	struct session *s = n->session;

	if (b->heartbeat_ns >= NS_PER_MS)
		s->period_ms = (uint64_t)(b->heartbeat_ns / NS_PER_MS);
	s->beat_ms = min_u64(s->beat_ms, n->now.mono_ms + s->period_ms);
	identity_settings(n, b);
	alive_settings(n, b);
}

static void
open_session(struct node *n, struct session *s, const struct settings_body *b)
{
	s->phase = SESSION_OPEN;
	s->id = b->session;
	s->number = 0;
	s->wait_ms = s->refused = 0;
	s->report_ms = 0;
	s->beat_ms = UINT64_MAX;
	if (n->life == LIFE_WORKER)
		judge(s, s->manager, 10);
	take_settings(n, b);
	agent_alone(n->agent, false, n->now);
	work_drain(n);
	agent_tell_all(n->agent, n->now);
	work_drain(n);
}

static void
asked(struct node *n, void *ctx, const struct message *m, const char *why)
{
	struct session *s = n->session;

	(void)why;
	if (s == NULL || s->phase != SESSION_ASKED ||
	    s->attempt != (uintptr_t)ctx)
		return;
	if (m == NULL)
		leave_manager(n, s);
	else if (m->kind == MESSAGE_SETTINGS)
		open_session(n, s, m->settings);
	else
		refused(n, s);
}

static void
ask(struct node *n, struct session *s, const struct session_way *way)
{
	struct session_body b = { .description = n->description,
				  .gossip_port = n->gossip_port,
				  .assigned = ASSIGNMENT_NONE };
	struct message m = { .kind = MESSAGE_SESSION, .session = &b };

	s->way = *way;
	s->phase = SESSION_ASKED;
	s->attempt++;
	b.addr = advertised(n);
	if (s->has_set) {
		b.assigned = s->sum.count;
		b.checksum = s->sum.sum;
	}
	(void)rpc_call(n, NULL, &m, ANSWER_MS, asked,
		       (void *)(uintptr_t)s->attempt);
}

/* Where the cluster says that it is, and in turn where gossip heard it: all
 * managers may have moved at once, and then nobody else can tell. */
static void
place_of(const struct node *n, const struct session *s,
	 const struct peer_addr *m, char ret[LINK_ADDR_MAX])
{
	const char *port = strrchr(m->addr, ':');
	size_t len;

	if (s->attempt % 2 == 0 || port == NULL ||
	    !alive_host(n, str_or(m->node_id, ""), ret)) {
		snprintf(ret, LINK_ADDR_MAX, "%s", m->addr);
		return;
	}
	len = strlen(ret);
	snprintf(ret + len, LINK_ADDR_MAX - len, "%s", port);
}

static void
dial(struct node *n, struct session *s)
{
	const struct peer_addr *m = choose(n, s);
	char addr[LINK_ADDR_MAX];

	if (m == NULL || str_empty(m->addr)) {
		lose(n, s);
		return;
	}
	snprintf(s->manager, sizeof(s->manager), "%s", str_or(m->node_id, ""));
	place_of(n, s, m, addr);
	n->session_link = peers_dial(n, USE_SESSION, addr, NULL)->id;
	s->phase = SESSION_DIALLING;
	s->until_ms = n->now.mono_ms + DIAL_MS;
}

static void
begin(struct node *n, struct session *s)
{
	struct session_way way = way_of(n);

	if (s->at_ms > n->now.mono_ms)
		return;
	if (way.there && !identity_is_over(n))
		ask(n, s, &way);
	else if (n->life == LIFE_WORKER && !way.there)
		dial(n, s);
}

/* ---- the heart ----------------------------------------------------------- */

static uint64_t
until_next(const struct heartbeat_body *b)
{
	return b->period_ns > NS_PER_MS ? (uint64_t)(b->period_ns / NS_PER_MS)
					: 1;
}

static void
heard(struct node *n, void *ctx, const struct message *m, const char *why)
{
	struct session *s = n->session;

	(void)why;
	if (s == NULL || s->phase != SESSION_OPEN ||
	    s->attempt != (uintptr_t)ctx)
		return;
	s->beating = false;
	if (m == NULL) {
		leave_manager(n, s);
	} else if (m->kind == MESSAGE_HEARD) {
		s->refused = 0;
		s->beat_ms = n->now.mono_ms + until_next(m->heartbeat);
	} else if (++s->refused >= REFUSED_MAX) {
		leave_manager(n, s);
	} else {
		s->beat_ms = n->now.mono_ms + HOLD_MS;
	}
}

static void
beat(struct node *n, struct session *s)
{
	struct heartbeat_body b = { .session = s->id };
	struct message m = { .kind = MESSAGE_HEARTBEAT, .heartbeat = &b };

	if (is_local(s) || s->beating || s->beat_ms > n->now.mono_ms)
		return;
	s->beating = true;
	(void)rpc_call(n, NULL, &m, s->doubted ? DOUBT_MS : ANSWER_MS, heard,
		       (void *)(uintptr_t)s->attempt);
	s->doubted = false;
}

/* ---- statuses ------------------------------------------------------------ */

static void
reported(struct node *n, void *ctx, const struct message *m, const char *why)
{
	struct session *s = n->session;
	uint64_t batch = (uintptr_t)ctx;
	bool done = m != NULL && m->kind == MESSAGE_DONE && m->done->code == 0;

	(void)why;
	work_news_done(n, batch, done);
	if (s == NULL || batch <= s->batch_floor || s->statuses_open == 0)
		return;
	s->statuses_open--;
	if (!done)
		s->report_ms = n->now.mono_ms + HOLD_MS;
}

static bool
report_some(struct node *n, struct session *s)
{
	struct statuses_body b = { .session = s->id };
	struct message m = { .kind = MESSAGE_STATUSES, .statuses = &b };
	uint64_t batch = s->batch_last + 1;

	b.items.v = arena_array(&n->step_arena,
				min_u64(n->news_count, STATUSES_MAX),
				sizeof(*b.items.v));
	b.items.count = work_news_take(n, batch, b.items.v, STATUSES_MAX);
	if (b.items.count == 0)
		return false;
	s->batch_last = batch;
	s->statuses_open++;
	(void)rpc_call(n, NULL, &m, STATUSES_MS, reported,
		       (void *)(uintptr_t)batch);
	return true;
}

void
session_report(struct node *n)
{
	struct session *s = n->session;

	if (!session_is_open(n) || s->report_ms > n->now.mono_ms)
		return;
	while (s->statuses_open < STATUSES_OPEN_MAX && work_has_news(n) &&
	       session_is_open(n) && report_some(n, s))
		continue;
}

/* ---- each step ----------------------------------------------------------- */

static void
look_at_way(struct node *n, struct session *s)
{
	struct session_way way = way_of(n);

	if (s->phase == SESSION_NONE)
		return;
	if (s->phase == SESSION_DIALLING) {
		/* A certificate that is over is renewed over it first. */
		if (way.there && !identity_is_over(n))
			ask(n, s, &way);
		else if (s->until_ms <= n->now.mono_ms)
			leave_manager(n, s);
		return;
	}
	if (!way.there || way.link != s->way.link)
		lose(n, s);
}

void
session_step(struct node *n)
{
	struct session *s;

	if (n->agent == NULL || !n->scanned ||
	    (n->life != LIFE_MEMBER && n->life != LIFE_WORKER)) {
		session_fini(n);
		return;
	}
	s = session_of(n);
	look_at_way(n, s);
	if (s->phase == SESSION_NONE)
		begin(n, s);
	if (s->phase == SESSION_OPEN)
		beat(n, s);
	work_drain(n);
}

/* Once there is a way it takes a certificate, too. */
static bool
may_begin(const struct node *n)
{
	bool there = way_of((struct node *)n).there;

	return there ? !identity_is_over(n) : n->life == LIFE_WORKER;
}

uint64_t
session_deadline(const struct node *n)
{
	const struct session *s = n->session;
	uint64_t at = UINT64_MAX;

	if (s == NULL)
		return UINT64_MAX;
	if (s->phase == SESSION_NONE && may_begin(n))
		at = min_u64(at, s->at_ms);
	if (s->phase == SESSION_DIALLING)
		at = min_u64(at, s->until_ms);
	if (s->phase == SESSION_OPEN && !is_local(s) && !s->beating)
		at = min_u64(at, s->beat_ms);
	if (s->phase == SESSION_OPEN && s->report_ms > n->now.mono_ms)
		at = min_u64(at, s->report_ms);
	return at;
}

/* A new session tells it all. */
void
session_describe(struct node *n)
{
	if (n->session != NULL && n->session->phase >= SESSION_ASKED)
		session_again(n);
}

void
session_again(struct node *n)
{
	struct session *s = n->session;

	s->phase = SESSION_OPEN; /* nobody failed: there is no waiting */
	lose(n, s);
}

/* ---- what comes over links ----------------------------------------------- */

void
session_link_down(struct node *n, const struct peer_link *l)
{
	if (l->id != n->session_link)
		return;
	n->session_link = 0;
	if (n->session == NULL || n->session->phase == SESSION_NONE)
		return;
	judge(n->session, n->session->manager, -10);
	lose(n, n->session);
}

void
session_manager_dead(struct node *n, const char *node_id)
{
	const struct peer_link *l = peers_find(n, n->session_link);

	if (n->life == LIFE_WORKER && n->session != NULL && l != NULL &&
	    l->up && str_eq(l->peer.node_id, node_id)) {
		n->session->doubted = true;
		n->session->beat_ms = n->now.mono_ms;
	}
}

static bool
is_ours(const struct node *n, const struct sender *from)
{
	return n->session != NULL && n->session->phase >= SESSION_ASKED &&
	       from->route.link == n->session->way.link;
}

void
session_on_settings(struct node *n, const struct sender *from,
		    const struct message *m)
{
	if (!is_ours(n, from))
		return;
	if (m->call != 0)
		(void)rpc_answer(n, m);
	else if (session_is_open(n) && m->settings->session == n->session->id)
		take_settings(n, m->settings);
}

void
session_on_heard(struct node *n, const struct sender *from,
		 const struct message *m)
{
	if (!is_ours(n, from))
		return;
	if (m->call != 0)
		(void)rpc_answer(n, m);
	else if (m->heartbeat->session == n->session->id)
		n->session->beat_ms = n->now.mono_ms; /* it asks for one */
}

void
session_on_lost(struct node *n, const struct sender *from,
		const struct message *m)
{
	(void)m;
	if (!is_ours(n, from))
		return;
	session_again(n);
	if (!is_local(n->session))
		n->session->at_ms += rand_next(&n->rand_state) % SPREAD_MS;
}
