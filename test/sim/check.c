/*
 * check.c - what must hold of the tables (reliability.md 5.1: I16 to I24),
 * looked at whenever the leader has applied something; and of what a node
 * orders on its host.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/naming.h"
#include "core/node/node_impl.h"
#include "test/sim/sim.h"

/* ---- tasks over time --------------------------------------------------------
 */

struct seen_task {
	char id[ID_LEN + 1], node_id[ID_LEN + 1];
	int state, desired;
	bool there;
};

static struct seen_task *
seen(struct world *w, const char *id)
{
	size_t low = 0, high = w->seen_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(w->seen[mid].id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < w->seen_count && strcmp(w->seen[low].id, id) == 0)
		return &w->seen[low];
	w->seen = mem_grow(w->seen, w->seen_count, &w->seen_cap,
			   sizeof(*w->seen));
	memmove(w->seen + low + 1, w->seen + low,
		(w->seen_count - low) * sizeof(*w->seen));
	w->seen_count++;
	w->seen[low] = (struct seen_task){ 0 };
	snprintf(w->seen[low].id, sizeof(w->seen[low].id), "%s", id);
	return &w->seen[low];
}

/* Entries that may lie between a decision and the one that writes it. */
#define IN_FLIGHT_MAX 200

/* I18, I22: where it was placed was a fit place then, as far as the leader
 * knew: what changed while its decision was on its way is put right by the
 * next one. */
static void
check_placed(struct host *h, const struct task *t)
{
	const struct node_object *n =
		state_get(node_state(h->node), OBJECT_NODE, t->node_id);

	if (n == NULL ||
	    n->head.version.index + IN_FLIGHT_MAX > t->head.version.index ||
	    t->desired_state > TASK_RUNNING)
		return;
	if (n->spec.availability != NODE_ACTIVE)
		world_fail(h->w, "task %s was placed on a node that is %s",
			   t->head.id,
			   n->spec.availability == NODE_PAUSE ? "paused"
							      : "drained");
	if (n->status.state != NODE_READY)
		world_fail(h->w,
			   "task %s was placed on a node that is not "
			   "ready",
			   t->head.id);
}

/* I16 */
static void
check_growth(struct host *h, const struct task *t)
{
	struct world *w = h->w;
	struct seen_task *s = seen(w, t->head.id);

	if (t->status.state < s->state)
		world_fail(w, "task %s went back from state %d to %d",
			   t->head.id, s->state, t->status.state);
	if (t->desired_state < s->desired)
		world_fail(w, "task %s is wanted again: %d, then %d",
			   t->head.id, s->desired, t->desired_state);
	if (s->node_id[0] != '\0' && !str_eq(s->node_id, t->node_id))
		world_fail(w, "task %s moved to another node", t->head.id);
	if (t->status.state != s->state || t->desired_state != s->desired)
		world_trace(w, "task %.5s, %s.%d of %d on %.5s: %d, wanted %d",
			    t->head.id, t->service_name, (int)t->slot,
			    (int)t->spec_version, str_or(t->node_id, "-"),
			    t->status.state, t->desired_state);
	if (s->state < TASK_ASSIGNED && t->status.state >= TASK_ASSIGNED &&
	    t->status.state <= TASK_RUNNING)
		check_placed(h, t);
	s->state = t->status.state;
	s->desired = t->desired_state;
	s->there = true;
	snprintf(s->node_id, sizeof(s->node_id), "%s", str_or(t->node_id, ""));
}

/* What went wrong says why. */
static void
check_shown(struct host *h, const struct task *t)
{
	bool bad = t->status.state == TASK_FAILED ||
		   t->status.state == TASK_REJECTED;

	if (bad && str_empty(t->status.err))
		world_fail(h->w, "task %s is %d and does not say why",
			   t->head.id, t->status.state);
}

static void
forget_gone(struct world *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->seen_count; i++) {
		if (w->seen[i].there)
			w->seen[kept++] = w->seen[i];
		else
			world_trace(w, "task %.5s is gone", w->seen[i].id);
	}
	w->seen_count = kept;
	for (size_t i = 0; i < kept; i++)
		w->seen[i].there = false;
}

/* ---- services
 * ------------------------------------------------------------------
 */

static bool
is_live(const struct task *t)
{
	return t->desired_state <= TASK_RUNNING &&
	       t->status.state <= TASK_RUNNING;
}

/* I17: start-first lets an old one run beside a new one for a while; but of
 * one version of the service a slot never has two that are both wanted. What
 * ran on a node that is down is not wanted any more, though it may run on. */
static void
check_slot(struct host *h, const struct task_span *span, size_t i)
{
	const struct task *t = span->v[i];
	int live = 0;

	for (size_t k = 0; k < span->count; k++)
		if (span->v[k]->slot == t->slot && is_live(span->v[k]) &&
		    (t->slot != 0 || str_eq(span->v[k]->node_id, t->node_id)) &&
		    span->v[k]->spec_version == t->spec_version)
			live++;
	if (live > 1)
		world_fail(h->w, "%d tasks live in slot %d of %s", live,
			   (int)t->slot, t->service_name);
}

/* I24 */
static void
check_max_replicas(struct host *h, const struct task_span *span, size_t i)
{
	const struct task *t = span->v[i];
	const struct placement *p = t->spec.placement;
	uint64_t count = 0;

	if (p == NULL || p->max_replicas == 0 || str_empty(t->node_id) ||
	    t->status.state < TASK_ASSIGNED)
		return;
	for (size_t k = 0; k < span->count; k++)
		count += is_live(span->v[k]) &&
			 span->v[k]->status.state >= TASK_ASSIGNED &&
			 span->v[k]->spec_version == t->spec_version &&
			 str_eq(span->v[k]->node_id, t->node_id);
	if (count > p->max_replicas)
		world_fail(h->w,
			   "%d tasks of %s are on one node, at most %d "
			   "may be",
			   (int)count, t->service_name, (int)p->max_replicas);
}

static void
check_service(struct host *h, const struct service *s)
{
	struct task_span span =
		state_tasks_of_service(node_state(h->node), s->head.id);

	for (size_t i = 0; i < span.count; i++) {
		if (!is_live(span.v[i]))
			continue;
		check_slot(h, &span, i);
		check_max_replicas(h, &span, i);
	}
}

/* I19 */
static void
check_resources(struct host *h, const struct node_object *n)
{
	struct task_span span =
		state_tasks_of_node(node_state(h->node), n->head.id);
	int64_t cpus = 0;

	for (size_t i = 0; i < span.count; i++) {
		const struct task *t = span.v[i];
		const struct resource_requirements *r = t->spec.resources;

		if (is_live(t) && t->status.state >= TASK_ASSIGNED &&
		    r != NULL && r->reservations != NULL)
			cpus += r->reservations->nano_cpus;
	}
	if (cpus > n->description.resources.nano_cpus &&
	    n->description.resources.nano_cpus != 0)
		world_fail(h->w, "more is reserved on node %s than it has",
			   n->head.id);
}

void
check_tables(struct host *h)
{
	const struct state *s = node_state(h->node);

	for (size_t i = 0; i < state_count(s, OBJECT_TASK); i++) {
		check_growth(h, state_at(s, OBJECT_TASK, i));
		check_shown(h, state_at(s, OBJECT_TASK, i));
	}
	forget_gone(h->w);
	for (size_t i = 0; i < state_count(s, OBJECT_SERVICE); i++)
		check_service(h, state_at(s, OBJECT_SERVICE, i));
	for (size_t i = 0; i < state_count(s, OBJECT_NODE); i++)
		check_resources(h, state_at(s, OBJECT_NODE, i));
}

/* ---- orders
 * ----------------------------------------------------------------------
 */

/* No two tasks may be reached by one port of the host. */
void
check_ports(struct host *h, const struct port_wish *v, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (v[i].published == v[k].published &&
			    v[i].protocol == v[k].protocol)
				world_fail(h->w, "%s: port %d is %s's and %s's",
					   h->name, v[i].published,
					   v[i].task_id, v[k].task_id);
}

/* I18: nothing runs where it was not placed. */
void
check_order(struct host *h, const struct runner_order *o)
{
	const char *id = node_id(h->node);

	if (o->verb != RUNNER_PREPARE)
		return;
	if (id == NULL || !str_eq(o->task->node_id, id))
		world_fail(h->w, "%s prepares %s, which is for another node",
			   h->name, o->task_id);
}

/* Once all is written, a crash must not undo a leave that has begun. */
static void
check_leaving(struct host *h)
{
	if (h->node->life == LIFE_LEAVING && h->disk.pending_count == 0 &&
	    h->node->waited == 0 &&
	    disk_row(&h->disk, TABLE_IDENTITY, ROW_LEAVING) == NULL)
		world_fail(h->w,
			   "%s: the disk does not say that the cluster is "
			   "being left",
			   h->name);
}

void
check_step(struct host *h)
{
	struct world *w = h->w;
	const char *bad = w->steps % 16 == 0 ? disk_check(&h->disk) : NULL;

	if (bad != NULL)
		world_fail(w, "%s: on the disk: %s", h->name, bad);
	check_leaving(h);
	raft_view_step(h);
	/* Before it leads again it is behind what was committed. */
	if (!w->failed && node_is_leader(h->node) &&
	    h->node->applied > w->seen_applied) {
		check_tables(h);
		w->seen_applied = h->node->applied;
	}
}

void
check_started(struct host *h)
{
	raft_view_started(h);
}

void
check_init(struct world *w)
{
	raft_view_init(w);
}

void
check_fini(struct world *w)
{
	raft_view_fini(w);
	mem_free(w->seen);
}
