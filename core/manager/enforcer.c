/*
 * enforcer.c - when a node changes, its tasks must still fit there: by the
 * constraints of their services, and by what they reserve (facts 4.4). The
 * tasks of a node that is gone, or was down for a day, are given up (3.6).
 */
#include "core/base/str.h"
#include "core/manager/manager_impl.h"

static const struct placement *
placement_of(const struct manager *m, const struct task *t)
{
	const struct service *s =
		state_get(m->state, OBJECT_SERVICE, str_or(t->service_id, ""));

	return s != NULL ? s->spec.task.placement : t->spec.placement;
}

static bool
is_subject(const struct task *t)
{
	return t->desired_state >= TASK_ASSIGNED &&
	       t->desired_state <= TASK_COMPLETE &&
	       t->status.state >= TASK_ASSIGNED &&
	       t->status.state <= TASK_RUNNING;
}

/* Takes what t reserves from left; false if there is not so much. */
static bool
reserve(struct node_resources *left, const struct task *t)
{
	const struct resource_requirements *r = t->spec.resources;

	if (r == NULL || r->reservations == NULL)
		return true;
	if (r->reservations->nano_cpus > left->nano_cpus ||
	    r->reservations->memory_bytes > left->memory_bytes)
		return false;
	left->nano_cpus -= r->reservations->nano_cpus;
	left->memory_bytes -= r->reservations->memory_bytes;
	return true;
}

static void
enforce_tasks(struct manager *m, struct plan *p, const struct place *place)
{
	struct task_span tasks = state_tasks_of_node(m->state, place->id);
	struct node_resources left = place->node->description.resources;

	for (size_t i = 0; i < tasks.count; i++) {
		const struct placement *where;

		if (!is_subject(tasks.v[i]))
			continue;
		where = placement_of(m, tasks.v[i]);
		if ((where == NULL ||
		     places_allow(&m->places, &where->constraints, place)) &&
		    reserve(&left, tasks.v[i]))
			continue;
		plan_status(p, plan_track(p, tasks.v[i]), TASK_REJECTED,
			    "task rejected by constraint enforcer",
			    "assigned node no longer meets constraints");
	}
}

static void
orphan_tasks(struct manager *m, struct plan *p, const struct place *place,
	     const char *why)
{
	struct task_span tasks = state_tasks_of_node(m->state, place->id);

	for (size_t i = 0; i < tasks.count; i++)
		if (place_task_holds(tasks.v[i]))
			plan_status(p, plan_track(p, tasks.v[i]), TASK_ORPHANED,
				    why, "");
}

static void
enforce(struct manager *m, struct plan *p, struct place *place)
{
	const struct node_object *n = place->node;

	if (n == NULL)
		orphan_tasks(m, p, place,
			     "Task belonged to a node that has been deleted");
	else if (place->orphan_at_ms <= p->now.mono_ms)
		orphan_tasks(m, p, place,
			     "Task belonged to a node that has been down for "
			     "24 hours");
	else if (n->spec.availability == NODE_ACTIVE ||
		 n->spec.availability == 0)
		enforce_tasks(m, p, place);
}

/* Nodes that have been down for long enough. */
static void
mark_lost(struct places *ps, uint64_t now_ms)
{
	if (ps->orphan_at_ms > now_ms)
		return;
	ps->orphan_at_ms = MONO_NEVER;
	for (size_t i = 0; i < ps->count; i++) {
		struct place *place = ps->v[i];

		if (place->orphan_at_ms > now_ms)
			ps->orphan_at_ms =
				min_u64(ps->orphan_at_ms, place->orphan_at_ms);
		else if (place->held > 0)
			places_mark(ps, place);
	}
}

void
enforcer_nodes(struct manager *m, struct plan *p)
{
	struct places *ps = &m->places;
	uint64_t looks = 0;

	mark_lost(ps, p->now.mono_ms);
	for (size_t i = 0; i < ps->count && ps->marked > 0; i++) {
		struct place *place = ps->v[i];

		if (!place->marked)
			continue;
		if (looks >= PLAN_LOOKS_MAX || plan_is_full(p))
			return;
		looks += place->held + 1;
		enforce(m, p, place);
		place->marked = false;
		ps->marked--;
		ps->in_flight += !place->in_flight;
		place->in_flight = true;
	}
}

void
enforcer_remark(struct manager *m, bool again)
{
	struct places *ps = &m->places;

	for (size_t i = 0; i < ps->count && ps->in_flight > 0; i++) {
		struct place *place = ps->v[i];

		if (!place->in_flight)
			continue;
		place->in_flight = false;
		ps->in_flight--;
		if (again)
			places_mark(ps, place);
	}
}
