/*
 * dispatch.c - the dispatcher (core/manager/dispatcher.h) on this node: what
 * comes over links goes in, what comes out is packed and sent; what is for
 * this node's own agent is handed over as it is.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/ca.h"
#include "core/node/node_impl.h"

#define NO_LEADER UINT64_MAX

/* ---- events in ----------------------------------------------------------- */

static struct dispatcher_from
from_of(const struct sender *from, const struct message *m)
{
	return (struct dispatcher_from){
		.node_id = from->node_id,
		.route = { from->route.link, from->route.relay,
			   from->route.relayed },
		.call = m->call,
	};
}

static bool
has_none(struct node *n, const struct sender *from, const struct message *m)
{
	if (n->dispatcher != NULL)
		return false;
	rpc_done(n, from, m->call, -EAGAIN,
		 "the cluster has no leader at the moment");
	return true;
}

/* Where others reach a node that named no address: where it is seen. */
static const char *
seen_at(struct node *n, const struct sender *from)
{
	const struct peer_link *l = peers_find(n, from->route.link);

	if (from->ip[0] != '\0' || l == NULL)
		return from->ip;
	return l->peer.ip; /* a manager, speaking for itself */
}

/* The leader is told of no other way to itself than it says; others' are
 * seen on their links (roles_seen()). */
static void
own_address(struct node *n, const struct sender *from, const char *addr)
{
	struct arena a;

	if (from->route.link != 0 || n->manager_addr[0] == '\0')
		return;
	arena_init(&a);
	if (n->manager_addr[0] != ':' || !str_empty(addr))
		dispatcher_manager_at(n->dispatcher, n->node_id,
				      roles_addr(n->manager_addr, addr, &a));
	arena_fini(&a);
}

void
dispatch_on_session(struct node *n, const struct sender *from,
		    const struct message *m)
{
	const struct session_body *b = m->session;
	struct dispatcher_from f = from_of(from, m);
	struct dispatcher_hello h = {
		.description = &b->description,
		.addr = str_or(b->addr, seen_at(n, from)),
		.gossip_port = b->gossip_port,
		.has = { b->assigned, b->checksum },
		.has_tables = from->manager,
	};

	if (has_none(n, from, m))
		return;
	dispatcher_session(n->dispatcher, &f, &h, n->now);
	own_address(n, from, h.addr);
}

void
dispatch_on_heartbeat(struct node *n, const struct sender *from,
		      const struct message *m)
{
	struct dispatcher_from f = from_of(from, m);

	if (!has_none(n, from, m))
		dispatcher_heartbeat(n->dispatcher, &f, m->heartbeat->session,
				     n->now);
}

void
dispatch_on_statuses(struct node *n, const struct sender *from,
		     const struct message *m)
{
	const struct statuses_body *b = m->statuses;
	struct dispatcher_from f = from_of(from, m);
	struct dispatcher_status *v;

	if (has_none(n, from, m))
		return;
	v = mem_new_array(b->items.count + 1, sizeof(*v));
	for (uint32_t i = 0; i < b->items.count; i++)
		v[i] = (struct dispatcher_status){
			str_or(b->items.v[i].task_id, ""), &b->items.v[i].status
		};
	dispatcher_statuses(n->dispatcher, &f, b->session, v, b->items.count);
	mem_free(v);
}

void
dispatch_left(struct node *n, const char *node_id)
{
	if (n->dispatcher != NULL)
		dispatcher_left(n->dispatcher, node_id, n->now);
}

void
dispatch_changes(struct node *n, const struct changes *changes)
{
	if (n->dispatcher != NULL)
		dispatcher_changed(n->dispatcher, changes, n->now);
}

void
dispatch_route_down(struct node *n, const struct route *r)
{
	struct dispatcher_route route = { r->link, r->relay, r->relayed };

	if (n->dispatcher != NULL)
		dispatcher_route_down(n->dispatcher, &route, n->now);
}

bool
dispatch_route(struct node *n, const char *node_id, struct route *ret)
{
	struct dispatcher_route r;

	if (n->dispatcher == NULL ||
	    !dispatcher_route(n->dispatcher, node_id, &r))
		return false;
	*ret = (struct route){ r.link, r.relayed, r.relay };
	return true;
}

/* The leader does not see the links of other managers: it is told. */
void
dispatch_link_down(struct node *n, const struct peer_link *l)
{
	if (n->dispatcher != NULL)
		dispatch_route_down(n, &(struct route){ .link = l->id });
	else if (n->life == LIFE_MEMBER && l->use == USE_INBOUND &&
		 !l->is_manager && l->peer.trust == LINK_VERIFIED)
		rpc_relay_gone(n, l->id);
}

/* ---- messages out -------------------------------------------------------- */

static void
copy_peers(struct node *n, const struct dispatcher_peer *from, size_t count,
	   struct peer_addr **ret_v, uint32_t *ret_count)
{
	struct peer_addr *v = arena_array(&n->step_arena, count, sizeof(*v));

	for (size_t i = 0; i < count; i++)
		v[i] = (struct peer_addr){ from[i].node_id, from[i].addr };
	*ret_v = v;
	*ret_count = (uint32_t)count;
}

static void
send_settings(struct node *n, const struct route *to,
	      const struct dispatcher_out *o)
{
	const struct dispatcher_settings *s = &o->settings;
	struct settings_body b = {
		.session = o->session,
		.heartbeat_ns = s->heartbeat_ns,
		.gossip_full = s->gossip_full,
		.manager = s->node->role == ROLE_MANAGER,
		.renew = s->node->renew,
		.spec = s->node->spec,
	};

	copy_peers(n, s->managers, s->manager_count, &b.managers.v,
		   &b.managers.count);
	copy_peers(n, s->gossip, s->gossip_count, &b.gossip.v, &b.gossip.count);
	if (s->cluster != NULL) {
		b.keys.v = s->cluster->gossip_keys.v;
		b.keys.count = s->cluster->gossip_keys.count;
		b.roots = ca_roots(s->cluster, &n->step_arena);
		n->step_secret = true;
	}
	rpc_send(n, to,
		 &(struct message){ .kind = MESSAGE_SETTINGS,
				    .call = o->call,
				    .settings = &b });
}

static void
pack_tasks(const struct dispatcher_assign *a, struct arena *arena,
	   struct assign_body *b)
{
	struct packed_task *v = arena_array(arena, a->task_count, sizeof(*v));

	for (size_t i = 0; i < a->task_count; i++) {
		struct buf packed = { 0 };

		object_pack(a->tasks[i], &packed);
		v[i].object.p = arena_dup(arena, packed.p, packed.len);
		v[i].object.len = packed.len;
		buf_fini(&packed);
	}
	b->tasks.v = v;
	b->tasks.count = (uint32_t)a->task_count;
}

static void
send_assign(struct node *n, const struct route *to,
	    const struct dispatcher_out *o)
{
	const struct dispatcher_assign *a = &o->assign;
	struct assign_body b = {
		.session = o->session,
		.number = a->number,
		.full = a->full,
		.more = a->more,
		.removed = { (const char **)a->removed,
			     (uint32_t)a->removed_count },
		.count = a->after.count,
		.checksum = a->after.sum,
	};
	struct arena arena;

	if (to->link == 0) {
		session_assign(n, o->session, a);
		return;
	}
	arena_init(&arena);
	pack_tasks(a, &arena, &b);
	rpc_send(n, to,
		 &(struct message){ .kind = MESSAGE_ASSIGN, .assign = &b });
	arena_fini(&arena);
}

static void
send_heard(struct node *n, const struct route *to,
	   const struct dispatcher_out *o)
{
	struct heartbeat_body b = { .session = o->session,
				    .period_ns = o->period_ns };

	rpc_send(n, to,
		 &(struct message){ .kind = MESSAGE_HEARD,
				    .call = o->call,
				    .heartbeat = &b });
}

static void
send_done(struct node *n, const struct route *to,
	  const struct dispatcher_out *o)
{
	rpc_done(n, &(struct sender){ .route = *to }, o->call, o->code, o->why);
}

static void
send_out(struct node *n, const struct dispatcher_out *o)
{
	struct route to = { o->route.link, o->route.relayed, o->route.relay };

	switch (o->what) {
	case DISPATCH_SETTINGS:
		send_settings(n, &to, o);
		return;
	case DISPATCH_ASSIGN:
		send_assign(n, &to, o);
		return;
	case DISPATCH_HEARD:
		send_heard(n, &to, o);
		return;
	case DISPATCH_DONE:
		send_done(n, &to, o);
		return;
	case DISPATCH_LOST:
		rpc_send(n, &to,
			 &(struct message){ .kind = MESSAGE_SESSION_LOST });
		return;
	}
	unreachable();
}

/* ---- the office ---------------------------------------------------------- */

void
dispatch_fini(struct node *n)
{
	dispatcher_free(n->dispatcher);
	n->dispatcher = NULL;
}

void
dispatch_office(struct node *n)
{
	if (n->manager == NULL) {
		dispatch_fini(n);
	} else if (n->dispatcher == NULL) {
		n->dispatcher = dispatcher_new(n->state, &n->rand_state,
					       n->node_id, n->now);
		alive_tell(n);
	}
}

static uint64_t
leader_link(struct node *n)
{
	const char *id = consensus_leader(n);
	const struct peer_link *l;

	if (n->dispatcher != NULL)
		return 0;
	l = id != NULL ? peers_to(n, id) : NULL;
	return l != NULL ? l->id : NO_LEADER;
}

/*
 * Workers that came to this manager do not see that the leader is another
 * one now, or that the way to it is: they are told, so as not to wait for
 * their next heartbeat.
 */
static void
tell_workers(struct node *n)
{
	uint64_t link = leader_link(n);

	if (n->life != LIFE_MEMBER || link == NO_LEADER ||
	    link == n->told_leader_link)
		return;
	n->told_leader_link = link;
	for (size_t i = 0; i < n->link_count; i++) {
		struct peer_link *l = n->links[i];

		if (l->use == USE_INBOUND && !l->is_manager &&
		    l->peer.trust == LINK_VERIFIED)
			peers_send(n, l,
				   &(struct message){
					   .kind = MESSAGE_SESSION_LOST });
	}
}

void
dispatch_step(struct node *n)
{
	struct dispatcher_out o;

	tell_workers(n);
	if (n->dispatcher == NULL)
		return;
	dispatcher_tick(n->dispatcher, n->now);
	while (dispatcher_next(n->dispatcher, n->now, &o))
		send_out(n, &o);
	work_drain(n);
}

uint64_t
dispatch_deadline(const struct node *n)
{
	return n->dispatcher != NULL ? dispatcher_deadline(n->dispatcher)
				     : UINT64_MAX;
}

/* ---- changes ------------------------------------------------------------- */

bool
dispatch_has_tx(const struct node *n)
{
	return n->dispatcher != NULL && dispatcher_has_tx(n->dispatcher);
}

void
dispatch_tx(struct node *n, struct tx *tx)
{
	dispatcher_tx(n->dispatcher, n->manager, n->now, CHUNK_OPS_MAX, tx);
}

void
dispatch_tx_done(struct node *n, bool applied)
{
	if (n->dispatcher != NULL)
		dispatcher_tx_done(n->dispatcher, applied);
}
