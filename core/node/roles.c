/*
 * roles.c - who is a manager. The node objects say who is to be; the leader
 * makes the raft's members so, one at a time: a new one learns first, and one
 * that goes is out of the raft before its certificate says worker. A leader
 * that is to go hands over first, and the next one removes it.
 */
#include <errno.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/consensus.h"
#include "core/node/node_impl.h"

#define LOOK_AGAIN_MS 100 /* while a learner learns, or someone must wait */
#define JOIN_AGAIN_MS 500
#define GONE_AGAIN_MS 2000

bool
roles_is_manager(const struct node *n, const char *node_id)
{
	const struct node_object *o =
		n->manager != NULL ? state_get(n->state, OBJECT_NODE, node_id)
				   : NULL;

	return n->manager == NULL || (o != NULL && o->role == ROLE_MANAGER);
}

/* ---- what the leader does --------------------------------------------------
 */

static bool
wants_manager(const struct node_object *o)
{
	return o->spec.role == ROLE_MANAGER && o->role == ROLE_MANAGER;
}

static const struct node_object *
wanted_member(const struct node *n, uint64_t raft_id)
{
	for (size_t i = 0; i < state_count(n->state, OBJECT_NODE); i++) {
		const struct node_object *o =
			state_at(n->state, OBJECT_NODE, i);

		if (o->raft_id == raft_id && wants_manager(o))
			return o;
	}
	return NULL;
}

static void
look_again(struct node *n)
{
	n->roles_at_ms = n->now.mono_ms + LOOK_AGAIN_MS;
}

static void
change_member(struct node *n, enum raft_change change, uint64_t id)
{
	uint64_t index, term;

	(void)raft_propose_change(n->raft, change, id, &index, &term);
	look_again(n);
}

/* False: not yet, and what else there is to do must not wait for it: it may
 * be what makes it possible. */
static bool
remove_member(struct node *n, uint64_t id)
{
	uint32_t left, needed;

	look_again(n);
	if (raft_can_remove(n->raft, id, &left, &needed) < 0)
		return false; /* others must answer first */
	if (id == n->raft_id)
		return raft_transfer(n->raft, 0) == 0;
	change_member(n, RAFT_REMOVE, id);
	return true;
}

/* One step towards the members that are wanted; false: they are. */
static bool
step_members(struct node *n)
{
	struct raft_members m = *raft_members(n->raft);

	for (uint32_t i = 0; i < m.count; i++) {
		if (m.learner[i] && wanted_member(n, m.id[i]) != NULL) {
			if (raft_is_caught_up(n->raft, m.id[i]))
				change_member(n, RAFT_PROMOTE, m.id[i]);
			look_again(n);
		} else if (wanted_member(n, m.id[i]) == NULL &&
			   remove_member(n, m.id[i])) {
			return true;
		}
	}
	for (size_t i = 0; i < state_count(n->state, OBJECT_NODE); i++) {
		const struct node_object *o =
			state_at(n->state, OBJECT_NODE, i);

		if (o->raft_id == 0 || !wants_manager(o) ||
		    raft_is_member(n->raft, o->raft_id))
			continue;
		change_member(n, RAFT_ADD_LEARNER, o->raft_id);
		return true;
	}
	return false;
}

/* The role that its next certificate has follows the wish, once the raft
 * allows it. */
static void
step_role(struct node *n, const struct node_object *o, struct tx *tx)
{
	struct node_object *to;

	if (o->spec.role == o->role || o->spec.role == 0)
		return;
	if (o->spec.role == ROLE_WORKER && o->raft_id != 0 &&
	    raft_is_member(n->raft, o->raft_id)) {
		look_again(n);
		return;
	}
	to = object_clone(o);
	to->role = o->spec.role;
	if (to->role == ROLE_WORKER) {
		to->raft_id = 0;
		to->manager_addr = NULL;
	}
	tx_put(tx, to, o->head.version.index);
}

/* After a lost majority: those who were managers come back as workers. */
static void
step_forced(struct node *n, const struct node_object *o, struct tx *tx)
{
	bool own = str_eq(o->head.id, n->node_id);
	struct node_object *to;

	if (own ? o->raft_id == n->raft_id && wants_manager(o)
		: o->raft_id == 0)
		return;
	to = object_clone(o);
	to->raft_id = own ? n->raft_id : 0;
	to->spec.role = to->role = own ? ROLE_MANAGER : ROLE_WORKER;
	tx_put(tx, to, o->head.version.index);
}

void
roles_tx(struct node *n, struct tx *tx)
{
	for (size_t i = 0; i < state_count(n->state, OBJECT_NODE); i++) {
		const struct node_object *o =
			state_at(n->state, OBJECT_NODE, i);

		if (n->forced)
			step_forced(n, o, tx);
		else
			step_role(n, o, tx);
	}
	if (n->forced && tx->count == 0)
		n->forced = false;
}

static bool
is_drained(const struct node_object *o)
{
	return o->spec.availability == NODE_DRAIN;
}

/* A leader that is drained is about to be worked on: another one leads. */
static void
step_drained(struct node *n)
{
	const struct node_object *self =
		state_get(n->state, OBJECT_NODE, n->node_id);
	const struct raft_members *m = raft_members(n->raft);

	if (self == NULL || !is_drained(self))
		return;
	for (uint32_t i = 0; i < m->count; i++) {
		const struct node_object *o = wanted_member(n, m->id[i]);

		if (o == NULL || o == self || is_drained(o) || m->learner[i])
			continue;
		if (raft_transfer(n->raft, m->id[i]) == 0)
			return;
		look_again(n); /* it is not heard now */
	}
}

void
roles_step(struct node *n)
{
	if (n->manager == NULL || n->forced ||
	    (!n->roles_dirty && n->now.mono_ms < n->roles_at_ms))
		return;
	n->roles_dirty = false;
	n->roles_at_ms = UINT64_MAX;
	/* Who is to be demoted is looked at again once the members are. */
	n->manager_dirty = true;
	if (!step_members(n))
		step_drained(n);
}

static bool is_left_behind(const struct node *n);

uint64_t
roles_deadline(const struct node *n)
{
	if (is_left_behind(n))
		return n->gone_at_ms;
	if (n->manager == NULL)
		return n->joining && n->join_call == 0 ? n->join_at_ms
						       : UINT64_MAX;
	if (n->forced)
		return UINT64_MAX; /* once the others are no managers */
	return n->roles_dirty ? n->now.mono_ms : n->roles_at_ms;
}

/* ---- who asks to be one ----------------------------------------------------
 */

/* The address that a manager named, or, where it left the host open, the one
 * that it was seen at. In a. */
const char *
roles_addr(const char *named, const char *seen_ip, struct arena *a)
{
	if (str_empty(named) || named[0] != ':' || str_empty(seen_ip))
		return named;
	if (strchr(seen_ip, ':') != NULL)
		return arena_printf(a, "[%s]%s", seen_ip, named);
	return arena_printf(a, "%s%s", seen_ip, named);
}

static void
propose_member(struct node *n, const struct node_object *o, uint64_t raft_id,
	       const char *addr)
{
	struct node_object *to = object_clone(o);
	struct proposal *p = proposal_new(PROPOSAL_INTERNAL);
	struct tx tx = { .wall_ns = n->now.wall_ns };
	struct err e;

	to->raft_id = raft_id;
	to->manager_addr = arena_strdup(object_arena(to), addr);
	tx_put(&tx, to, o->head.version.index);
	if (change_propose(n, &tx, p, &e) < 0)
		proposal_free(n, p);
	tx_fini(&tx);
}

/*
 * A node that has a manager's certificate and a raft id wants to take part.
 * It asks until it does: each time it is told how far it is (-EINPROGRESS).
 */
void
roles_on_join(struct node *n, const struct sender *from,
	      const struct message *m)
{
	const struct raft_join_body *j = m->raft_join;
	const struct node_object *o =
		state_get(n->state, OBJECT_NODE, from->node_id);
	struct arena a;
	const char *addr;

	if (o == NULL || !wants_manager(o) || j->raft_id == 0) {
		rpc_done(n, from, m->call, -EPERM,
			 "this node is not to be a manager");
		return;
	}
	arena_init(&a);
	addr = roles_addr(j->manager_addr, from->ip, &a);
	if (o->raft_id != j->raft_id || !str_eq(o->manager_addr, addr))
		propose_member(n, o, j->raft_id, addr);
	arena_fini(&a);
	if (raft_is_voter(n->raft, j->raft_id))
		rpc_done(n, from, m->call, 0, NULL);
	else
		rpc_done(n, from, m->call, -EINPROGRESS,
			 "this node is learning what the cluster knows");
}

/* A manager is seen elsewhere than known: all are told (item: a node is its
 * certificate). */
void
roles_seen(struct node *n, const struct peer_link *l)
{
	const struct node_object *o;
	struct arena a;
	const char *addr;

	if (n->manager == NULL || !l->is_manager)
		return;
	o = state_get(n->state, OBJECT_NODE, l->peer.node_id);
	if (o == NULL || o->raft_id == 0 || o->raft_id != l->raft_id)
		return;
	arena_init(&a);
	addr = roles_addr(l->manager_addr, l->peer.ip, &a);
	if (!str_empty(addr) && !str_eq(addr, o->manager_addr))
		propose_member(n, o, o->raft_id, addr);
	arena_fini(&a);
}

/* ---- this node asks --------------------------------------------------------
 */

static void
on_answer(struct node *n, void *ctx, const struct message *m, const char *why)
{
	(void)ctx;
	n->join_call = 0;
	if (m != NULL && m->kind == MESSAGE_DONE && m->done->code == -EPERM &&
	    n->joining)
		member_refused(n, why);
}

/* Any manager will do: it hands it on to the leader. */
static struct peer_link *
some_manager(struct node *n)
{
	const char *leader = consensus_leader(n);
	struct peer_link *l = leader != NULL ? peers_to(n, leader) : NULL;

	return l != NULL ? l : peers_some_manager(n);
}

void
consensus_join(struct node *n)
{
	n->joining = true;
	n->join_at_ms = 0;
}

/* Its own log says that it was removed: there is nobody who would tell it, as
 * it asks for no votes. */
static bool
is_left_behind(const struct node *n)
{
	return n->raft != NULL && n->life == LIFE_MEMBER && !n->joining &&
	       raft_role(n->raft) != RAFT_LEADER && raft_is_removed(n->raft);
}

void
consensus_gone_step(struct node *n)
{
	if (!is_left_behind(n) || n->now.mono_ms < n->gone_at_ms)
		return;
	n->gone_at_ms = n->now.mono_ms + GONE_AGAIN_MS;
	member_gone(n);
}

void
consensus_join_step(struct node *n)
{
	struct raft_join_body body = { n->raft_id, n->manager_addr };
	struct message m = { .kind = MESSAGE_RAFT_JOIN, .raft_join = &body };
	struct peer_link *l;

	if (!n->joining)
		return;
	if (raft_is_voter(n->raft, n->raft_id) && raft_leader(n->raft) != 0 &&
	    n->applied > 0 && n->applied == raft_commit(n->raft)) {
		n->joining = false;
		member_joined(n);
		return;
	}
	if (n->join_call != 0 || n->now.mono_ms < n->join_at_ms)
		return;
	n->join_at_ms = n->now.mono_ms + JOIN_AGAIN_MS;
	l = some_manager(n);
	if (l != NULL)
		n->join_call = rpc_call(n, &(struct route){ .link = l->id }, &m,
					JOIN_AGAIN_MS * 4, on_answer, NULL);
}

/* ---- leaving ----------------------------------------------------------- */

int
roles_leave(struct node *n, const char *node_id, struct err *e)
{
	const struct node_object *o = state_get(n->state, OBJECT_NODE, node_id);
	struct node_object *to;
	struct proposal *p;
	struct tx tx = { .wall_ns = n->now.wall_ns };
	uint32_t left, needed;
	int r;

	if (o == NULL)
		return err_set(e, -ENOENT, "node %s is not known", node_id);
	if (o->raft_id != 0 &&
	    raft_can_remove(n->raft, o->raft_id, &left, &needed) == -EPERM)
		return err_set(e, -EPERM,
			       "without this manager %u of the others answer, "
			       "and it takes %u to agree",
			       left, needed);
	if (o->spec.role == ROLE_WORKER)
		return 0; /* it said so before */
	to = object_clone(o);
	to->spec.role = ROLE_WORKER;
	tx_put(&tx, to, o->head.version.index);
	p = proposal_new(PROPOSAL_INTERNAL);
	r = change_propose(n, &tx, p, e);
	if (r < 0)
		proposal_free(n, p);
	tx_fini(&tx);
	return r;
}
