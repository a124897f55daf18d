/*
 * mesh.c - which links this node keeps: a manager one to every other manager.
 * And whose a link is when it comes up or goes down.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"

#define DIAL_FIRST_MS 50
#define DIAL_MAX_MS 2000

/* ---- dialling ------------------------------------------------------------
 */

/* When another manager is to be dialled again; one each. */
struct dial {
	struct list link;
	char node_id[ID_LEN + 1];
	uint64_t at_ms, wait_ms;
	uint64_t link_id; /* the link that is being made; 0: none */
	bool wanted;	  /* it is a manager still, and there is no link */
};

static struct dial *
dial_of(struct node *n, const char *node_id)
{
	struct dial *d;

	list_each (it, &n->dials) {
		d = container_of(it, struct dial, link);
		if (strcmp(d->node_id, node_id) == 0)
			return d;
	}
	d = mem_new(sizeof(*d));
	snprintf(d->node_id, sizeof(d->node_id), "%s", node_id);
	list_append(&n->dials, &d->link);
	return d;
}

static void
dial(struct node *n, const char *node_id, const char *addr)
{
	struct dial *d = dial_of(n, node_id);

	d->wanted = !str_empty(addr);
	if (d->link_id != 0 || d->at_ms > n->now.mono_ms || str_empty(addr))
		return;
	d->link_id = peers_dial(n, USE_PEER, addr, NULL)->id;
	d->wait_ms = d->wait_ms == 0 ? DIAL_FIRST_MS
				     : min_u64(2 * d->wait_ms, DIAL_MAX_MS);
	/* Two that dial each other in step would do so for ever. */
	d->at_ms = n->now.mono_ms + d->wait_ms +
		   rand_next(&n->rand_state) % d->wait_ms;
}

static bool
is_other_manager(const struct node *n, const struct node_object *o)
{
	return o->raft_id != 0 && strcmp(o->head.id, n->node_id) != 0;
}

/* One that joins has no tables yet: it dials those that it was told of. */
static void
dial_known(struct node *n)
{
	const struct known_managers *known = identity_managers(n);

	for (uint32_t i = 0; i < known->v.count; i++) {
		const struct peer_addr *m = &known->v.v[i];

		if (!str_empty(m->node_id) && strlen(m->node_id) <= ID_LEN &&
		    !str_eq(m->node_id, n->node_id) && !peers_to(n, m->node_id))
			dial(n, m->node_id, m->addr);
	}
}

void
mesh_tick(struct node *n)
{
	list_each (it, &n->dials)
		container_of(it, struct dial, link)->wanted = false;
	if (n->life != LIFE_MEMBER || n->state == NULL)
		return;
	if (n->joining)
		dial_known(n);
	for (size_t i = 0; i < state_count(n->state, OBJECT_NODE); i++) {
		const struct node_object *o =
			state_at(n->state, OBJECT_NODE, i);

		if (is_other_manager(n, o) && !peers_to(n, o->head.id))
			dial(n, o->head.id, o->manager_addr);
	}
}

uint64_t
mesh_deadline(const struct node *n)
{
	uint64_t at = UINT64_MAX;

	list_each (it, &n->dials) {
		const struct dial *d = container_of(it, struct dial, link);

		if (d->wanted && d->link_id == 0)
			at = min_u64(at, d->at_ms);
	}
	return at;
}

void
mesh_fini(struct node *n)
{
	list_each_safe (it, tmp, &n->dials) {
		list_remove(it);
		mem_free(container_of(it, struct dial, link));
	}
}

/* ---- whose a link is -------------------------------------------------------
 */

/* The leader's host answers that nobody listens there: an election need not
 * wait until the leader has been silent for long. */
static void
dial_refused(struct node *n, const struct dial *d)
{
	const char *leader = consensus_leader(n);

	if (n->raft != NULL && str_eq(leader, d->node_id))
		raft_leader_gone(n->raft);
}

static void
dial_ended(struct node *n, uint64_t link_id, bool up, bool refused)
{
	list_each (it, &n->dials) {
		struct dial *d = container_of(it, struct dial, link);

		if (d->link_id != link_id)
			continue;
		if (up)
			d->wait_ms = 0;
		else
			d->link_id = 0;
		if (refused)
			dial_refused(n, d);
	}
}

void
peers_link_up(struct node *n, struct peer_link *l)
{
	if (l->use == USE_PEER)
		dial_ended(n, l->id, true, false);
	if (l->use == USE_JOIN)
		join_link_up(n, l);
}

void
peers_link_down(struct node *n, struct peer_link *l,
		const struct link_report *r)
{
	if (l->use == USE_PEER)
		dial_ended(n, l->id, false, r->refused);
	if (l->use == USE_JOIN)
		join_link_down(n, l, r);
	session_link_down(n, l);
	dispatch_link_down(n, l);
	forward_link_down(n, l->id);
	logs_route_down(n, &(struct route){ .link = l->id });
}

/* It has a manager's certificate still, and is none: it was cut off when it
 * was demoted, or when a new cluster was made by force. */
static void
tell_gone(struct node *n, struct peer_link *l)
{
	const struct node_object *o;

	if (n->manager == NULL || !l->is_manager || l->raft_id == 0)
		return;
	o = state_get(n->state, OBJECT_NODE, l->peer.node_id);
	if (o != NULL && o->role == ROLE_WORKER && o->raft_id == 0)
		peers_send(n, l,
			   &(struct message){ .kind = MESSAGE_RAFT_GONE });
}

void
peers_hello(struct node *n, struct peer_link *l)
{
	roles_seen(n, l);
	tell_gone(n, l);
}

void
peers_listens(struct node *n, const struct link_report *r)
{
	if (n->begin != NULL)
		begin_listens(n, r);
	else
		identity_listens(n, r);
}

void
rpc_route_down(struct node *n, const struct route *r)
{
	dispatch_route_down(n, r);
	logs_route_down(n, r);
}
