/*
 * enforcer.c - when a node changes, its tasks must still fit there: by the
 * constraints of their services, and by what they reserve (facts 4.4).
 */
#include "core/base/str.h"
#include "core/manager/constraint.h"
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
enforce_node(struct manager *m, struct plan *p, const struct node_object *n)
{
	struct task_span tasks = state_tasks_of_node(m->state, n->head.id);
	struct node_resources left = n->description.resources;

	for (size_t i = 0; i < tasks.count; i++) {
		const struct placement *where = placement_of(m, tasks.v[i]);

		if (!is_subject(tasks.v[i]))
			continue;
		if ((where == NULL ||
		     constraints_match(&where->constraints, n)) &&
		    reserve(&left, tasks.v[i]))
			continue;
		plan_status(p, plan_track(p, tasks.v[i]), TASK_REJECTED,
			    "task rejected by constraint enforcer",
			    "assigned node no longer meets constraints");
	}
}

void
enforcer_nodes(struct manager *m, struct plan *p)
{
	size_t count = state_count(m->state, OBJECT_NODE);

	for (size_t i = 0; i < count; i++) {
		const struct node_object *n =
			state_at(m->state, OBJECT_NODE, i);

		if (n->spec.availability == NODE_ACTIVE ||
		    n->spec.availability == 0)
			enforce_node(m, p, n);
	}
}
