/*
 * reaper.c - the history of a slot has a limit (facts 3.5): the oldest tasks
 * that are over are deleted. (Tasks that were to be removed are deleted
 * where slots are built.)
 */
#include "core/manager/manager_impl.h"
#include "core/model/naming.h"

#define HISTORY_LIMIT 5 /* Docker's, where the cluster has none */

/* As many tasks as one slot may keep, the live one included. */
static uint64_t
history_limit(const struct work *k)
{
	const struct restart_policy *r = k->s->spec.task.restart;
	const struct cluster *c = state_cluster(k->m->state);
	int64_t limit = HISTORY_LIMIT;

	if (r != NULL && r->max_attempts.set && r->max_attempts.v > 0)
		return r->max_attempts.v < UINT64_MAX ? r->max_attempts.v + 1
						      : UINT64_MAX;
	if (c != NULL && c->spec.orchestration.task_history_limit.set)
		limit = c->spec.orchestration.task_history_limit.v;
	return limit < 0 ? UINT64_MAX : (uint64_t)limit;
}

static bool
is_history(const struct task *t)
{
	if (t->desired_state <= TASK_RUNNING)
		return false;
	return task_state_ended(t->status.state) ||
	       t->status.state < TASK_ASSIGNED;
}

/*
 * Where nothing lives, the last task stays whatever the limit: it tells that
 * the slot is done with, and without it the slot would be filled again.
 */
static void
reap_slot(struct work *k, const struct slot *slot, uint64_t limit)
{
	const struct draft *last =
		slot_is_live(slot) ? NULL : slot_newest(slot);
	uint64_t count = 0;

	for (size_t i = 0; i < slot->count; i++)
		count += !slot->v[i]->deleted;
	for (size_t i = 0; i < slot->count && count > limit; i++)
		if (slot->v[i] != last && !slot->v[i]->deleted &&
		    is_history(draft_task(slot->v[i]))) {
			plan_delete(k->p, slot->v[i]);
			count--;
		}
}

void
reaper_slots(struct work *k)
{
	uint64_t limit = history_limit(k);

	for (size_t i = 0; i < k->slots.count && !plan_is_full(k->p); i++)
		reap_slot(k, k->slots.v[i], limit);
}
