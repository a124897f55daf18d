/*
 * rpc.c - see rpc.h. A message is taken in three steps: may this peer say it
 * (from its certificate), is it for this node or for the leader, and whose is
 * it (the table).
 */
#include "core/node/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"

/* What is handed on carries who said it, too. */
#define HAND_ON_MAX (LINK_MESSAGE_MAX - 4096)

/* ---- who may say what ------------------------------------------------ */

static void on_hello(struct node *n, const struct sender *from,
		     const struct message *m);
static void on_done(struct node *n, const struct sender *from,
		    const struct message *m);
static void on_more(struct node *n, const struct sender *from,
		    const struct message *m);
static void on_relay(struct node *n, const struct sender *from,
		     const struct message *m);

static const struct rpc_rule rules[MESSAGE_KIND_COUNT] = {
	[MESSAGE_HELLO] = { FROM_NODE, AT_ANY, on_hello },
	[MESSAGE_DONE] = { FROM_MANAGER, AT_ANY, on_done },
	[MESSAGE_ENROLL] = { FROM_ANONYMOUS, AT_LEADER, enrol_on_enroll },
	[MESSAGE_RENEW] = { FROM_NODE | FROM_EXPIRED, AT_LEADER,
			    enrol_on_renew },
	[MESSAGE_ENROLLED] = { FROM_MANAGER, AT_ANY, enrol_on_enrolled },
	[MESSAGE_LEAVE] = { FROM_NODE, AT_LEADER, enrol_on_leave },
	[MESSAGE_RAFT] = { FROM_MANAGER, AT_MANAGER, consensus_on_raft },
	[MESSAGE_RAFT_JOIN] = { FROM_MANAGER, AT_LEADER, roles_on_join },
	[MESSAGE_RAFT_GONE] = { FROM_MANAGER, AT_MANAGER, consensus_on_gone },
	[MESSAGE_REQUEST] = { FROM_MANAGER, AT_MANAGER, forward_on_request },
	[MESSAGE_REPLY] = { FROM_MANAGER, AT_MANAGER, forward_on_reply },
	[MESSAGE_REQUEST_GONE] = { FROM_MANAGER, AT_MANAGER, forward_on_gone },
	[MESSAGE_LOGS] = { FROM_MANAGER, AT_ANY, feed_on_logs },
	[MESSAGE_LOGS_STOP] = { FROM_MANAGER, AT_ANY, feed_on_stop },
	[MESSAGE_LOG_PIECE] = { FROM_NODE, AT_LEADER, logs_on_piece },
	[MESSAGE_MORE] = { FROM_MANAGER, AT_ANY, on_more },
	[MESSAGE_RELAY] = { FROM_MANAGER, AT_MANAGER, on_relay },
	[MESSAGE_SESSION] = { FROM_NODE, AT_LEADER, dispatch_on_session },
	[MESSAGE_HEARTBEAT] = { FROM_NODE, AT_LEADER, dispatch_on_heartbeat },
	[MESSAGE_STATUSES] = { FROM_NODE, AT_LEADER, dispatch_on_statuses },
	[MESSAGE_SETTINGS] = { FROM_MANAGER, AT_ANY, session_on_settings },
	[MESSAGE_ASSIGN] = { FROM_MANAGER, AT_ANY, session_on_assign },
	[MESSAGE_HEARD] = { FROM_MANAGER, AT_ANY, session_on_heard },
	[MESSAGE_SESSION_LOST] = { FROM_MANAGER, AT_ANY, session_on_lost },
};

const struct rpc_rule *
rpc_rule(int kind)
{
	if (kind <= 0 || kind >= MESSAGE_KIND_COUNT ||
	    rules[kind].handler == NULL)
		return NULL;
	return &rules[kind];
}

static unsigned
peer_is(enum link_trust trust, bool manager)
{
	switch (trust) {
	case LINK_ANONYMOUS:
		return FROM_ANONYMOUS;
	case LINK_EXPIRED:
		return FROM_EXPIRED;
	case LINK_VERIFIED:
		return manager ? FROM_MANAGER : FROM_WORKER;
	}
	unreachable();
}

const char *
rpc_refusal(const struct rpc_self *self, const struct link_peer *peer, int kind)
{
	const struct rpc_rule *rule = rpc_rule(kind);
	bool manager = strcmp(peer->role, ROLE_WORD_MANAGER) == 0;

	if (rule == NULL)
		return "there is no such message";
	if (peer->trust != LINK_ANONYMOUS && !manager &&
	    strcmp(peer->role, ROLE_WORD_WORKER) != 0)
		return "the peer's certificate says no role";
	if ((rule->from & peer_is(peer->trust, manager)) == 0)
		return "the peer's certificate does not allow it";
	if (peer->trust != LINK_ANONYMOUS && self->cluster_id != NULL &&
	    strcmp(peer->cluster_id, self->cluster_id) != 0)
		return "the peer's certificate is of another cluster";
	if (peer->trust != LINK_ANONYMOUS &&
	    self->is_removed(self->node, peer->node_id))
		return "the peer was removed from the cluster";
	if (rule->at != AT_ANY && !self->manager)
		return "this node is not a manager";
	return NULL;
}

static bool
is_removed(const struct node *n, const char *node_id)
{
	const struct cluster *c =
		n->state != NULL ? state_cluster(n->state) : NULL;

	for (uint32_t i = 0; c != NULL && i < c->removed.count; i++)
		if (str_eq(c->removed.v[i].node_id, node_id))
			return true;
	return false;
}

static struct rpc_self
self_of(const struct node *n)
{
	return (struct rpc_self){
		.cluster_id = n->cluster_id[0] != '\0' ? n->cluster_id : NULL,
		.manager = n->life == LIFE_MEMBER,
		.is_removed = is_removed,
		.node = n,
	};
}

/* ---- sending ----------------------------------------------------------- */

static void handle(struct node *n, const struct sender *from,
		   const struct message *m);

static struct sender
self_sender(const struct node *n)
{
	struct sender s = { .trust = LINK_VERIFIED,
			    .manager = n->life == LIFE_MEMBER };

	memcpy(s.node_id, n->node_id, sizeof(s.node_id));
	return s;
}

static void
relay(struct node *n, struct peer_link *l, const struct relay_body *body)
{
	struct relay_body copy = *body;

	peers_send(n, l,
		   &(struct message){ .kind = MESSAGE_RELAY, .relay = &copy });
}

void
rpc_send(struct node *n, const struct route *to, const struct message *m)
{
	struct sender self = self_sender(n);
	struct relay_body body = { .route = to->relay };
	struct buf packed = { 0 };
	struct peer_link *l;

	if (to->link == 0) {
		handle(n, &self, m);
		return;
	}
	l = peers_find(n, to->link);
	if (l == NULL)
		return; /* its loss was told */
	if (!to->relayed) {
		peers_send(n, l, m);
		return;
	}
	message_pack(m, &packed);
	body.message = (struct bytes){ (uint8_t *)packed.p, packed.len };
	relay(n, l, &body);
	buf_fini(&packed);
}

void
rpc_done(struct node *n, const struct sender *to, uint64_t call, int code,
	 const char *err)
{
	struct done_body body = { .code = code, .err = err };

	if (call == 0)
		return;
	rpc_send(n, &to->route,
		 &(struct message){
			 .kind = MESSAGE_DONE, .call = call, .done = &body });
}

/* The manager that leads, as far as this one knows; NULL: no link to it. */
static struct peer_link *
leader_link(struct node *n)
{
	const char *id = consensus_leader(n);

	return id != NULL ? peers_to(n, id) : NULL;
}

static bool
hand_on(struct node *n, const struct sender *from, uint64_t route,
	const void *p, size_t len)
{
	struct peer_link *l = leader_link(n);
	struct relay_body body = {
		.route = route,
		.trust = from->trust,
		.node_id = from->node_id,
		.manager = from->manager,
		.ip = from->ip,
		.message = { (uint8_t *)p, len },
	};

	if (l == NULL)
		return false;
	relay(n, l, &body);
	return true;
}

void
rpc_relay_gone(struct node *n, uint64_t link)
{
	struct peer_link *l = leader_link(n);

	if (l != NULL)
		relay(n, l,
		      &(struct relay_body){ .route = link, .gone = true });
}

bool
rpc_send_leader(struct node *n, const struct message *m)
{
	struct sender self = self_sender(n);
	struct buf packed = { 0 };
	struct peer_link *l;
	bool sent = false;

	if (n->life != LIFE_MEMBER) {
		l = peers_find(n, n->session_link);
		if (l == NULL || !l->up || l->closing)
			return false;
		peers_send(n, l, m);
		return true;
	}
	if (n->manager != NULL) {
		handle(n, &self, m);
		return true;
	}
	message_pack(m, &packed);
	sent = hand_on(n, &self, 0, packed.p, packed.len);
	buf_fini(&packed);
	return sent;
}

/* ---- taking ------------------------------------------------------------ */

static void
handle(struct node *n, const struct sender *from, const struct message *m)
{
	const struct rpc_rule *rule = rpc_rule(m->kind);

	check(rule != NULL);
	rule->handler(n, from, m);
}

/* What is for the leader and came here. */
static void
to_leader(struct node *n, const struct sender *from, const struct message *m,
	  const void *p, size_t len)
{
	if (n->manager != NULL)
		handle(n, from, m);
	else if (from->route.relayed ||
		 !hand_on(n, from, from->route.link, p, len))
		rpc_done(n, from, m->call, -EAGAIN,
			 "the cluster has no leader at the moment");
}

/* Who was removed is told, though it did not ask: it could not know. */
static void
refuse(struct node *n, struct peer_link *l, const struct message *m,
       const char *why)
{
	bool removed = l->peer.trust != LINK_ANONYMOUS &&
		       is_removed(n, l->peer.node_id);
	struct done_body body = { .code = removed ? -ESTALE : -EACCES,
				  .err = why };

	if (m->call != 0 || removed)
		peers_send(n, l,
			   &(struct message){ .kind = MESSAGE_DONE,
					      .call = m->call,
					      .done = &body });
	peers_hang_up(n, l);
}

static struct sender
sender_of(const struct peer_link *l)
{
	struct sender s = { .route = { .link = l->id },
			    .trust = l->peer.trust,
			    .manager = l->is_manager };

	memcpy(s.node_id, l->peer.node_id, sizeof(s.node_id));
	memcpy(s.ip, l->peer.ip, sizeof(s.ip));
	return s;
}

void
rpc_take(struct node *n, struct peer_link *l, const void *p, size_t len)
{
	struct rpc_self self = self_of(n);
	struct sender from = sender_of(l);
	struct message m;
	struct arena a;
	struct err e;
	const char *why;

	arena_init(&a);
	if (message_unpack(p, len, &a, &m, &e) < 0) {
		peers_hang_up(n, l);
		arena_fini(&a);
		return;
	}
	why = rpc_refusal(&self, &l->peer, m.kind);
	if (why == NULL && rpc_rule(m.kind)->at == AT_LEADER &&
	    len > HAND_ON_MAX)
		why = "the message is too long";
	if (why != NULL)
		refuse(n, l, &m, why);
	else if (rpc_rule(m.kind)->at == AT_LEADER)
		to_leader(n, &from, &m, p, len);
	else
		handle(n, &from, &m);
	arena_fini(&a);
}

static void
on_hello(struct node *n, const struct sender *from, const struct message *m)
{
	struct peer_link *l = peers_find(n, from->route.link);
	const struct hello_body *h = m->hello;

	if (l == NULL || l->helloed)
		return;
	l->helloed = true;
	if (h->wire_version > WIRE_VERSION) {
		peers_hang_up(n, l);
		return;
	}
	l->raft_id = h->raft_id;
	l->gossip_port = h->gossip_port;
	/* What managers see is what all are told: no worker has a say in it. */
	if (from->manager && h->seen != NULL &&
	    strlen(h->seen) < sizeof(n->seen_ip))
		memcpy(n->seen_ip, h->seen, strlen(h->seen) + 1);
	if (h->manager_addr != NULL && strlen(h->manager_addr) < LINK_ADDR_MAX)
		l->manager_addr = mem_strdup(h->manager_addr);
	peers_hello(n, l);
}

static void
on_more(struct node *n, const struct sender *from, const struct message *m)
{
	if (m->call != 0)
		forward_on_more(n, from, m);
	else
		feed_on_more(n, m);
}

/* ---- the relay --------------------------------------------------------- */

/* What the leader answers, for one of this manager's links or for itself. */
static void
relay_back(struct node *n, const struct sender *from,
	   const struct relay_body *r)
{
	struct peer_link *l;
	struct message m;
	struct arena a;
	struct err e;

	if (r->route != 0) {
		l = peers_find(n, r->route);
		if (l != NULL && r->message.len > 0)
			peers_send_packed(n, l, r->message.p, r->message.len);
		return;
	}
	arena_init(&a);
	/* The leader is a manager and speaks as one: as if over its link. */
	if (message_unpack(r->message.p, r->message.len, &a, &m, &e) == 0 &&
	    rpc_rule(m.kind) != NULL && m.kind != MESSAGE_RELAY &&
	    rpc_rule(m.kind)->at != AT_LEADER &&
	    (rpc_rule(m.kind)->from & FROM_MANAGER) != 0)
		handle(n, from, &m);
	arena_fini(&a);
}

static void
set_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", str_or(text, ""));
}

/* Another manager vouches for who said it: it read the certificate. */
static void
relay_in(struct node *n, const struct sender *from, const struct relay_body *r)
{
	struct rpc_self self = self_of(n);
	struct link_peer peer = { .trust = (enum link_trust)r->trust };
	struct sender origin = { .trust = peer.trust,
				 .manager = r->manager,
				 .route = { from->route.link, true,
					    r->route } };
	struct message m;
	struct arena a;
	struct err e;

	if (r->trust < LINK_ANONYMOUS || r->trust > LINK_EXPIRED ||
	    strlen(str_or(r->node_id, "")) > ID_LEN ||
	    strlen(str_or(r->ip, "")) >= IP_TEXT_MAX)
		return;
	set_text(origin.node_id, sizeof(origin.node_id), r->node_id);
	set_text(origin.ip, sizeof(origin.ip), r->ip);
	set_text(peer.node_id, sizeof(peer.node_id), r->node_id);
	set_text(peer.cluster_id, sizeof(peer.cluster_id), n->cluster_id);
	set_text(peer.role, sizeof(peer.role),
		 r->manager ? ROLE_WORD_MANAGER : ROLE_WORD_WORKER);
	arena_init(&a);
	if (message_unpack(r->message.p, r->message.len, &a, &m, &e) == 0 &&
	    rpc_refusal(&self, &peer, m.kind) == NULL &&
	    rpc_rule(m.kind)->at == AT_LEADER)
		to_leader(n, &origin, &m, r->message.p, r->message.len);
	arena_fini(&a);
}

/* Who is no manager any more speaks for itself only. */
static bool
may_vouch(const struct node *n, const struct sender *from,
	  const struct relay_body *r)
{
	return roles_is_manager(n, from->node_id) ||
	       str_eq(r->node_id, from->node_id);
}

static void
on_relay(struct node *n, const struct sender *from, const struct message *m)
{
	const struct relay_body *r = m->relay;

	if (r->gone)
		rpc_route_down(
			n, &(struct route){ from->route.link, true, r->route });
	else if (r->trust != 0 && may_vouch(n, from, r))
		relay_in(n, from, r);
	else if (r->trust != 0)
		return;
	else
		relay_back(n, from, r);
}

/* ---- calls ------------------------------------------------------------- */

struct call {
	struct list link; /* by number, so by when they were made */
	uint64_t number, until_ms;
	uint64_t over; /* the link that the answer comes over; 0: not known */
	call_done done;
	void *ctx;
};

static void
call_end(struct node *n, struct call *c, const struct message *m,
	 const char *why)
{
	struct call copy = *c;

	list_remove(&c->link);
	mem_free(c);
	n->call_count--;
	copy.done(n, copy.ctx, m, why);
}

static struct call *
call_find(struct node *n, uint64_t number)
{
	list_each (it, &n->calls) {
		struct call *c = container_of(it, struct call, link);

		if (c->number == number)
			return c;
	}
	return NULL;
}

uint64_t
rpc_call(struct node *n, const struct route *to, struct message *m,
	 uint64_t timeout_ms, call_done done, void *ctx)
{
	struct call *c = mem_new(sizeof(*c));
	uint64_t number = ++n->call_next;

	c->number = m->call = number;
	c->until_ms = n->now.mono_ms + timeout_ms;
	c->done = done;
	c->ctx = ctx;
	list_append(&n->calls, &c->link);
	n->call_count++;
	if (to != NULL) {
		c->over = to->link;
		rpc_send(n, to, m);
	} else if (!rpc_send_leader(n, m)) {
		/* Not from in here: who calls has not got the number yet. */
		c->until_ms = n->now.mono_ms;
	}
	return call_find(n, number) != NULL ? number : 0;
}

void
rpc_forget(struct node *n, uint64_t number)
{
	struct call *c = call_find(n, number);

	if (c == NULL)
		return;
	list_remove(&c->link);
	mem_free(c);
	n->call_count--;
}

bool
rpc_answer(struct node *n, const struct message *m)
{
	struct call *c = m->call != 0 ? call_find(n, m->call) : NULL;

	if (c == NULL)
		return false;
	call_end(n, c, m, m->kind == MESSAGE_DONE ? m->done->err : NULL);
	return true;
}

static void
on_done(struct node *n, const struct sender *from, const struct message *m)
{
	(void)from;
	if (m->done->code == -ESTALE)
		n->removed = true;
	(void)rpc_answer(n, m);
}

/* The answers that would have come over that link do not come. */
void
rpc_link_down(struct node *n, uint64_t link, const char *why)
{
	bool again = true;

	while (again) {
		again = false;
		list_each (it, &n->calls) {
			struct call *c = container_of(it, struct call, link);

			if (c->over != link)
				continue;
			call_end(n, c, NULL, why);
			again = true;
			break;
		}
	}
}

void
rpc_tick(struct node *n)
{
	bool again = true;

	while (again) {
		again = false;
		list_each (it, &n->calls) {
			struct call *c = container_of(it, struct call, link);

			if (c->until_ms > n->now.mono_ms)
				continue;
			call_end(n, c, NULL, "no answer came in time");
			again = true;
			break;
		}
	}
}

uint64_t
rpc_deadline(const struct node *n)
{
	uint64_t at = UINT64_MAX;

	list_each (it, &n->calls)
		at = min_u64(at, container_of(it, struct call, link)->until_ms);
	return at;
}

void
rpc_init(struct node *n)
{
	list_init(&n->calls);
}

void
rpc_fini(struct node *n)
{
	list_each_safe (it, tmp, &n->calls)
		mem_free(container_of(it, struct call, link));
	list_init(&n->calls);
	n->call_count = 0;
}
