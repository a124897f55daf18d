/* check.c - what must hold: after each commit, each start, and in the end. */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/model/naming.h"
#include "test/sim/sim.h"

/* ---- task states only grow --------------------------------------------------
 */

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
	if (w->seen_count == TASKS_MAX) {
		w->seen_count = 0; /* only younger ones matter */
		low = 0;
	}
	memmove(w->seen + low + 1, w->seen + low,
		(w->seen_count - low) * sizeof(*w->seen));
	w->seen_count++;
	w->seen[low].state = w->seen[low].desired = 0;
	snprintf(w->seen[low].id, sizeof(w->seen[low].id), "%s", id);
	return &w->seen[low];
}

static void
check_growth(struct world *w, const struct task *t)
{
	struct seen_task *s = seen(w, t->head.id);

	if (t->status.state < s->state)
		world_fail(w, "task %s went back from state %d to %d",
			   t->head.id, s->state, t->status.state);
	if (t->status.state != s->state || t->desired_state != s->desired)
		world_trace(w, "task %.5s, %s.%d of %d: %d, wanted %d",
			    t->head.id, t->service_name, (int)t->slot,
			    (int)t->spec_version, t->status.state,
			    t->desired_state);
	s->state = t->status.state;
	s->desired = t->desired_state;
}

/* What went wrong says why; and readers count on a container's status. */
static void
check_shown(struct world *w, const struct task *t)
{
	bool bad = t->status.state == TASK_FAILED ||
		   t->status.state == TASK_REJECTED;

	if (bad && str_empty(t->status.err))
		world_fail(w, "task %s is %d and does not say why", t->head.id,
			   t->status.state);
	if (!str_empty(t->node_id) && t->status.container == NULL)
		world_fail(w, "task %s shows no container status", t->head.id);
}

/* No two tasks may be reached by one port of the host. */
void
check_ports(struct world *w, const struct port_wish *v, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (v[i].published == v[k].published &&
			    v[i].protocol == v[k].protocol)
				world_fail(w, "port %d is %s's and %s's",
					   v[i].published, v[i].task_id,
					   v[k].task_id);
}

static void
trace_gone(struct world *w, const struct state *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->seen_count; i++) {
		if (state_get(s, OBJECT_TASK, w->seen[i].id) != NULL)
			w->seen[kept++] = w->seen[i];
		else
			world_trace(w, "task %.5s is gone", w->seen[i].id);
	}
	w->seen_count = kept;
}

static bool
is_live(const struct task *t)
{
	return t->desired_state <= TASK_RUNNING &&
	       t->status.state <= TASK_RUNNING;
}

/* start-first lets old ones run beside a new one for a while; but of one
 * version of the service a slot never has two. */
static void
check_slot(struct world *w, const struct task_span *span, size_t i)
{
	const struct task *t = span->v[i];
	int live = 0;

	for (size_t k = 0; k < span->count; k++)
		if (span->v[k]->slot == t->slot && is_live(span->v[k]) &&
		    span->v[k]->spec_version == t->spec_version)
			live++;
	if (live > 1)
		world_fail(w, "%d tasks live in slot %d of %s", live,
			   (int)t->slot, t->service_name);
}

static void
check_service_tasks(struct world *w, const struct service *s)
{
	struct task_span span =
		state_tasks_of_service(node_state(w->node), s->head.id);

	for (size_t i = 0; i < span.count; i++)
		if (is_live(span.v[i]))
			check_slot(w, &span, i);
}

/* Once all is written, a crash must not undo a leave that has begun. */
static void
check_leaving(struct world *w)
{
	bool leaving = node_id(w->node) != NULL && node_state(w->node) == NULL;

	if (leaving && w->disk.pending_count == 0 &&
	    disk_row(&w->disk, TABLE_IDENTITY, "leaving") == NULL)
		world_fail(w, "the disk does not say that the cluster is "
			      "being left");
}

void
check_after_commit(struct world *w)
{
	const struct state *s = node_state(w->node);
	const char *bad = disk_check(&w->disk);

	check_leaving(w);

	if (bad != NULL)
		world_fail(w, "on the disk: %s", bad);
	/* Before it leads again it is behind what was committed. */
	if (s == NULL || !node_is_leader(w->node))
		return;
	for (size_t i = 0; i < state_count(s, OBJECT_TASK); i++) {
		check_growth(w, state_at(s, OBJECT_TASK, i));
		check_shown(w, state_at(s, OBJECT_TASK, i));
	}
	trace_gone(w, s);
	for (size_t i = 0; i < state_count(s, OBJECT_SERVICE); i++)
		check_service_tasks(w, state_at(s, OBJECT_SERVICE, i));
}

/* ---- what was acknowledged is there
 * ------------------------------------------- */

static uint64_t
rev_of(const struct state *s, int service)
{
	const struct service *found;
	uint64_t rev = 0;
	char name[16];

	snprintf(name, sizeof(name), "s_%d", service);
	found = state_service_named(s, name);
	if (found != NULL)
		check(str_to_u64(kvs_get(&found->spec.labels, "rev"), &rev));
	return rev;
}

static void
check_known(struct world *w, const struct state *s, int service)
{
	struct known *k = &w->known[service];
	uint64_t rev = rev_of(s, service);
	bool fine = rev == k->acked_rev;

	for (size_t i = 0; i < k->asked_count; i++)
		fine = fine || k->asked_rev[i] == rev;
	if (!fine)
		world_fail(w,
			   "service s_%d has revision %d, but %d was "
			   "acknowledged",
			   service, (int)rev, (int)k->acked_rev);
	/* Now it is known: what was on its way is not any more. */
	k->acked_rev = rev;
	k->asked_count = 0;
}

static void
check_known_node(struct world *w, const struct state *s)
{
	const struct node_object *n =
		state_get(s, OBJECT_NODE, node_id(w->node));
	struct known_node *k = &w->known_node;
	bool fine;

	if (n == NULL) {
		world_fail(w, "the node's own object is gone");
		return;
	}
	fine = n->spec.availability == k->acked;
	for (size_t i = 0; i < k->asked_count; i++)
		fine = fine || k->asked[i].availability == n->spec.availability;
	if (!fine)
		world_fail(w, "the node is %d, but %d was acknowledged",
			   n->spec.availability, k->acked);
	k->acked = n->spec.availability;
	k->asked_count = 0;
}

/* Called once the node has taken office again. */
void
check_after_start(struct world *w)
{
	const struct state *s = node_state(w->node);
	bool is_in = node_id(w->node) != NULL;

	if (w->member && !is_in && !w->maybe_out)
		world_fail(w, "the cluster is gone");
	if (!w->member && is_in && !w->maybe_in && !w->maybe_out)
		world_fail(w, "the cluster is back");
	w->member = s != NULL;
	w->maybe_in = false;
	if (!is_in) {
		w->maybe_out = false;
		memset(w->known, 0, sizeof(w->known));
		w->known_node = (struct known_node){ .acked = NODE_ACTIVE };
	}
	if (disk_row(&w->disk, TABLE_IDENTITY, "leaving") != NULL && s != NULL)
		world_fail(w, "a cluster that was left is back");
	if (s == NULL || w->maybe_out)
		return;
	if (state_cluster(s) == NULL)
		world_fail(w, "there is a cluster without a cluster object");
	for (int i = 0; i < SERVICES; i++)
		check_known(w, s, i);
	check_known_node(w, s);
}

/* ---- in the end
 * --------------------------------------------------------------------- */

static size_t
running(const struct world *w, const char *task_id)
{
	for (size_t i = 0; i < w->container_count; i++)
		if (strcmp(w->containers[i].task_id, task_id) == 0)
			return w->containers[i].phase == RUNNER_PHASE_RUNNING;
	return 0;
}

/* The youngest task of the slot that t is in: did that end for good? */
static bool
is_done(const struct task_span *span, const struct task *t)
{
	const struct restart_policy *r = t->spec.restart;
	bool failed = t->status.state != TASK_COMPLETE;

	for (size_t i = 0; i < span->count; i++)
		if (span->v[i]->slot == t->slot &&
		    span->v[i]->head.version.index > 0 &&
		    (span->v[i]->head.created_at > t->head.created_at ||
		     is_live(span->v[i])))
			return false;
	if (r == NULL || t->status.state <= TASK_RUNNING)
		return false;
	return r->condition == RESTART_NONE ||
	       (r->condition == RESTART_ON_FAILURE && !failed);
}

static void
check_history(struct world *w, const struct service *s,
	      const struct task_span *span)
{
	for (size_t i = 0; i < span->count; i++) {
		size_t count = 0;

		for (size_t k = 0; k < span->count; k++)
			count += span->v[k]->slot == span->v[i]->slot;
		if (count > HISTORY_MAX)
			world_fail(w, "service %s keeps %d tasks in slot %d",
				   s->spec.name, (int)count,
				   (int)span->v[i]->slot);
		if (span->v[i]->status.state <= TASK_PENDING &&
		    str_empty(span->v[i]->status.err))
			world_fail(w, "task %s waits and does not say why",
				   span->v[i]->head.id);
	}
}

static bool
is_active(const struct world *w)
{
	const struct node_object *n =
		state_get(node_state(w->node), OBJECT_NODE, node_id(w->node));

	return n->spec.availability == NODE_ACTIVE;
}

static void
check_update(struct world *w, const struct service *s)
{
	const struct update_status *u = s->update_status;

	if (u != NULL && (u->state == UPDATE_UPDATING ||
			  u->state == UPDATE_ROLLBACK_STARTED))
		world_fail(w, "the update of %s never ends: %d", s->spec.name,
			   u->state);
}

static void
check_service_runs(struct world *w, const struct service *s)
{
	struct task_span span =
		state_tasks_of_service(node_state(w->node), s->head.id);
	uint64_t up = 0, done = 0, containers = 0, want;

	want = service_is_global(&s->spec) ? 1 : service_replicas(&s->spec);
	check_history(w, s, &span);
	for (size_t i = 0; i < span.count; i++) {
		const struct task *t = span.v[i];

		done += is_done(&span, t);
		if (t->desired_state != TASK_RUNNING ||
		    t->status.state != TASK_RUNNING)
			continue;
		up++;
		containers += running(w, t->head.id);
	}
	if (is_active(w))
		check_update(w, s);
	else
		want = done = 0; /* drained */
	if (up + done != want || containers != up)
		world_fail(w,
			   "service %s: %d tasks, %d containers run, %d are "
			   "done, want %d",
			   s->spec.name, (int)up, (int)containers, (int)done,
			   (int)want);
}

static void
check_container_known(struct world *w, const struct container *c)
{
	const struct state *s = node_state(w->node);
	const struct task *t =
		s == NULL ? NULL : state_get(s, OBJECT_TASK, c->task_id);

	if (t == NULL)
		world_fail(w, "a container of %s is left over", c->task_id);
	else if (c->phase == RUNNER_PHASE_RUNNING &&
		 t->desired_state != TASK_RUNNING)
		world_fail(w, "%s still runs, and should be %d", c->task_id,
			   t->desired_state);
}

void
check_converged(struct world *w)
{
	const struct state *s = node_state(w->node);

	for (size_t i = 0; i < w->container_count; i++)
		check_container_known(w, &w->containers[i]);
	if (s == NULL && node_id(w->node) != NULL)
		world_fail(w, "the cluster is never quite left");
	if (s == NULL)
		return;
	for (size_t i = 0; i < state_count(s, OBJECT_SERVICE); i++)
		check_service_runs(w, state_at(s, OBJECT_SERVICE, i));
}
