/*
 * check_end.c - what must be once nothing fails any more (reliability.md 5.1:
 * I26, L1 to L5): asked again and again until there is nothing to say.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/model/naming.h"
#include "core/node/node_impl.h"
#include "test/sim/sim.h"

static const struct host *
host_of(const struct world *w, const char *id)
{
	for (int i = 0; i < w->host_count; i++) {
		const struct host *h = &w->hosts[i];

		if (!h->gone && h->node != NULL && str_eq(node_id(h->node), id))
			return h;
	}
	return NULL;
}

/* ---- services
 * ----------------------------------------------------------------
 */

/* What is counted of one service's tasks. */
struct tally {
	uint64_t up, done, waiting, containers;
	uint64_t want;
	bool held_up; /* some task waits: so may an update */
};

static bool
same_place(const struct task *a, const struct task *b)
{
	return a->slot == b->slot &&
	       (a->slot != 0 || str_eq(a->node_id, b->node_id));
}

static bool
is_live(const struct task *t)
{
	return t->desired_state <= TASK_RUNNING &&
	       t->status.state <= TASK_RUNNING;
}

static bool
is_up(const struct task *t)
{
	return t->desired_state == TASK_RUNNING &&
	       t->status.state == TASK_RUNNING;
}

static bool
is_lost(const struct state *s, const struct task *t)
{
	const struct node_object *n = state_get(s, OBJECT_NODE, t->node_id);

	return t->desired_state > TASK_RUNNING &&
	       (n == NULL || n->status.state != NODE_READY);
}

/* The youngest task of the slot that t is in: did that end for good? */
static bool
is_done(const struct state *s, const struct task_span *span,
	const struct task *t)
{
	const struct restart_policy *r = t->spec.restart;
	bool failed = t->status.state != TASK_COMPLETE;

	for (size_t i = 0; i < span->count; i++)
		if (span->v[i] != t && same_place(span->v[i], t) &&
		    (span->v[i]->head.made > t->head.made ||
		     is_live(span->v[i])))
			return false;
	if (r == NULL || t->desired_state == TASK_REMOVE ||
	    (t->status.state <= TASK_RUNNING && !is_lost(s, t)))
		return false;
	return r->condition == RESTART_NONE ||
	       (r->condition == RESTART_ON_FAILURE && !failed);
}

static uint64_t
fit_nodes(const struct state *s)
{
	uint64_t count = 0;

	for (size_t i = 0; i < state_count(s, OBJECT_NODE); i++) {
		const struct node_object *n = state_at(s, OBJECT_NODE, i);

		count += n->status.state == NODE_READY &&
			 n->spec.availability == NODE_ACTIVE;
	}
	return count;
}

static bool
is_waiting(const struct task *t)
{
	return t->desired_state == TASK_RUNNING &&
	       t->status.state <= TASK_PENDING && !str_empty(t->status.err);
}

/* An old one that runs until the new one does counts for both, and of
 * several that wait one. */
static bool
is_counted(const struct task_span *span, const struct task *t)
{
	for (size_t i = 0; i < span->count; i++) {
		const struct task *o = span->v[i];

		if (same_place(o, t) &&
		    (is_up(o) ||
		     (is_waiting(o) && strcmp(o->head.id, t->head.id) < 0)))
			return true;
	}
	return false;
}

static void
count_task(const struct host *h, const struct task_span *span,
	   const struct task *t, struct tally *c)
{
	if (is_up(t)) {
		c->up++;
		c->containers += h != NULL && runner_running(h, t->head.id);
	} else if (is_waiting(t)) {
		c->waiting += !is_counted(span, t);
		c->held_up = true;
	}
}

static const char *
service_rest(const struct world *w, const struct state *st,
	     const struct service *s, char *why, size_t size)
{
	struct task_span span = state_tasks_of_service(st, s->head.id);
	const struct update_status *u = s->update_status;
	const struct placement *p = s->spec.task.placement;
	struct tally c = { .want = service_is_global(&s->spec)
					   ? fit_nodes(st)
					   : service_replicas(&s->spec) };
	bool fits;

	for (size_t i = 0; i < span.count; i++)
		count_task(host_of(w, span.v[i]->node_id), &span, span.v[i],
			   &c);
	for (size_t i = 0; i < span.count; i++)
		c.done += is_done(st, &span, span.v[i]);
	snprintf(why, size,
		 "service %s: %d tasks and %d containers run, %d are done, %d "
		 "wait and say why, want %d; its update is %d",
		 s->spec.name, (int)c.up, (int)c.containers, (int)c.done,
		 (int)c.waiting, (int)c.want, u != NULL ? u->state : 0);
	fits = c.up + c.done + c.waiting == c.want;
	/* Which nodes a global one is for is not counted again here, and on
	 * those that are drained others may have ended for good. */
	if (service_is_global(&s->spec))
		fits = fits || (p != NULL && p->constraints.count > 0) ||
		       c.done > 0;
	if (!fits || c.containers != c.up)
		return why;
	if (!c.held_up && u != NULL && fit_nodes(st) > 0 &&
	    (u->state == UPDATE_UPDATING ||
	     u->state == UPDATE_ROLLBACK_STARTED))
		return why;
	return NULL;
}

const char *
check_services(struct host *leader, char *why, size_t size)
{
	const struct state *st = node_state(leader->node);

	for (size_t i = 0; i < state_count(st, OBJECT_SERVICE); i++)
		if (service_rest(leader->w, st, state_at(st, OBJECT_SERVICE, i),
				 why, size) != NULL)
			return why;
	return NULL;
}

/* ---- containers: I26
 * -------------------------------------------------------------
 */

static const char *
containers_rest(const struct host *h, const struct state *st, char *why,
		size_t size)
{
	for (size_t i = 0; i < h->container_count; i++) {
		const struct container *c = &h->containers[i];
		const struct task *t =
			st != NULL ? state_get(st, OBJECT_TASK, c->task_id)
				   : NULL;

		snprintf(why, size,
			 "%s: the container of %s is in phase %d, "
			 "and is %s",
			 h->name, c->task_id, c->phase,
			 t == NULL ? "nobody's" : "to end");
		if (t == NULL || !str_eq(t->node_id, node_id(h->node)))
			return why;
		if (c->phase == RUNNER_PHASE_RUNNING &&
		    t->desired_state != TASK_RUNNING)
			return why;
	}
	return NULL;
}

/* ---- nodes: L4
 * ------------------------------------------------------------------- */

static const char *
host_rest(struct world *w, struct host *h, const struct state *st, char *why,
	  size_t size)
{
	const struct node_object *o;
	bool voter;

	if (h->gone)
		return NULL;
	if (h->node == NULL) {
		snprintf(why, size, "%s is down", h->name);
		return why;
	}
	o = node_id(h->node) != NULL
		    ? state_get(st, OBJECT_NODE, node_id(h->node))
		    : NULL;
	if (o == NULL) {
		snprintf(why, size, "%s is in no cluster, or in another: %s",
			 h->name, node_swarm_state(h->node));
		return why;
	}
	voter = o->raft_id != 0 &&
		raft_is_voter(admin_leader(w)->node->raft, o->raft_id);
	snprintf(why, size,
		 "%s is %s, and its object is in state %d (%s), has the roles "
		 "%d and %d, and %s",
		 h->name, node_swarm_state(h->node), o->status.state,
		 str_or(o->status.message, ""), o->spec.role, o->role,
		 voter ? "votes" : "does not vote");
	if (o->status.state != NODE_READY || o->spec.role != o->role ||
	    voter != (o->role == ROLE_MANAGER))
		return why;
	if (strcmp(node_swarm_state(h->node), o->role == ROLE_MANAGER
						      ? "active/manager"
						      : "active/worker") != 0)
		return why;
	return NULL;
}

/* Whoever is in the tables and nowhere else is down. */
static const char *
ghosts_rest(const struct world *w, const struct state *st, char *why,
	    size_t size)
{
	for (size_t i = 0; i < state_count(st, OBJECT_NODE); i++) {
		const struct node_object *o = state_at(st, OBJECT_NODE, i);

		if (host_of(w, o->head.id) == NULL &&
		    o->status.state == NODE_READY) {
			snprintf(why, size, "node %s is no more, and ready",
				 o->head.id);
			return why;
		}
	}
	return NULL;
}

/* ---- timers: L5
 * ------------------------------------------------------------------
 */

/* Which part of a node wants to be called the soonest. */
const char *
check_soonest(const struct host *h)
{
	static const struct {
		const char *name;
		uint64_t (*deadline)(const struct node *n);
	} parts[] = {
		{ "disk", disk_deadline },
		{ "rpc", rpc_deadline },
		{ "mesh", mesh_deadline },
		{ "join", join_deadline },
		{ "identity", identity_deadline },
		{ "leave", leave_deadline },
		{ "session", session_deadline },
		{ "alive", alive_deadline },
		{ "dispatch", dispatch_deadline },
		{ "roles", roles_deadline },
		{ "watch", watch_deadline },
		{ "forward", forward_deadline },
	};
	const struct node *n = h->node;
	uint64_t at = node_deadline(n);

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].deadline(n) == at)
			return parts[i].name;
	if (n->raft != NULL && raft_deadline(n->raft) == at)
		return "raft";
	if (n->agent != NULL && agent_deadline(n->agent) == at)
		return "agent";
	return n->manager_dirty ? "manager (dirty)" : "manager";
}

/* ---- all of it
 * ---------------------------------------------------------------------- */

const char *
check_rest(struct world *w)
{
	static char why[240];
	struct host *leader = admin_leader(w);
	const struct state *st;
	const char *bad;

	if (leader == NULL)
		return "nobody leads";
	st = node_state(leader->node);
	for (int i = 0; i < w->host_count; i++)
		if (host_rest(w, &w->hosts[i], st, why, sizeof(why)) != NULL)
			return why;
	bad = ghosts_rest(w, st, why, sizeof(why));
	if (bad == NULL)
		bad = check_services(leader, why, sizeof(why));
	for (int i = 0; i < w->host_count && bad == NULL; i++)
		if (w->hosts[i].node != NULL)
			bad = containers_rest(&w->hosts[i], st, why,
					      sizeof(why));
	if (bad == NULL)
		bad = raft_view_rest(w, why, sizeof(why));
	return bad;
}

static void
dump_history(struct world *w, const struct history *h)
{
	static const char *const kinds[] = { [OP_READ] = "read",
					     [OP_CREATE] = "create",
					     [OP_CAS] = "change",
					     [OP_REMOVE] = "remove" };
	static const char *const ends[] = { "open", "done", "refused",
					    "unknown", "void" };

	for (size_t i = 0; i < h->count; i++) {
		const struct op_record *o = &h->v[i];

		world_trace(w, "%llu..%llu: %s %llu to %llu: %s",
			    (unsigned long long)o->called,
			    (unsigned long long)o->returned, kinds[o->kind],
			    (unsigned long long)o->from,
			    (unsigned long long)o->to, ends[o->end]);
	}
}

/* I12, I13, I15 */
void
check_end(struct world *w)
{
	for (int i = 0; i < SERVICES && !w->failed; i++) {
		const char *why = linear_check(&w->history[i]);

		if (why == NULL)
			continue;
		dump_history(w, &w->history[i]);
		world_fail(w, "s_%d: %s", i, why);
	}
}

/* For a reader of the trace. */
void
check_dump(struct world *w)
{
	struct host *leader = admin_leader(w);
	const struct state *st;

	if (leader == NULL || !w->trace)
		return;
	st = node_state(leader->node);
	for (size_t i = 0; i < state_count(st, OBJECT_NODE); i++) {
		const struct node_object *o = state_at(st, OBJECT_NODE, i);
		const struct host *h = host_of(w, o->head.id);

		world_trace(w,
			    "node %s (%s): state %d, availability %d, roles "
			    "%d %d, at %s",
			    o->head.id, h != NULL ? h->name : "-",
			    o->status.state, o->spec.availability, o->spec.role,
			    o->role, str_or(o->manager_addr, ""));
	}
	for (size_t i = 0; i < state_count(st, OBJECT_TASK); i++) {
		const struct task *t = state_at(st, OBJECT_TASK, i);

		world_trace(w,
			    "task %s: %s.%d of %d on %.5s, %d, wanted %d, "
			    "since %d: %s",
			    t->head.id, t->service_name, (int)t->slot,
			    (int)t->spec_version, str_or(t->node_id, "-"),
			    t->status.state, t->desired_state,
			    (int)t->head.version.index,
			    str_or(t->status.err, ""));
	}
}
