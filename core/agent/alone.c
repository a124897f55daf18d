/*
 * alone.c - what ends while no manager hears this node: does its policy want
 * it again, and when (facts 3.4, as far as one task can tell).
 */
#include "core/agent/agent_impl.h"
#include "core/base/str.h"
#include "core/model/naming.h"

#define RESTART_MIN_MS UINT64_C(100) /* with no delay it would spin */

static bool
condition_holds(const struct job *j)
{
	bool failed = j->r.container.exit_code != 0 || j->r.unhealthy ||
		      !str_empty(j->r.status.err);

	switch (restart_condition_of(&j->task->spec)) {
	case RESTART_NONE:
		return false;
	case RESTART_ON_FAILURE:
		return failed;
	case RESTART_ANY:
		return true;
	}
	return true;
}

/* A window begins with the first restart in it. */
static bool
count_one(const struct agent *a, struct job *j)
{
	const struct restart_policy *p = j->task->spec.restart;
	uint64_t max = p != NULL && p->max_attempts.set ? p->max_attempts.v : 0;
	int64_t window = p != NULL && p->window_ns.set ? p->window_ns.v : 0;
	int64_t passed = a->now.wall_ns - j->r.restarts_since;

	if (j->r.restarts == 0 || (window > 0 && passed >= window)) {
		j->r.restarts = 0;
		j->r.restarts_since = a->now.wall_ns;
	}
	if (max != 0 && j->r.restarts >= max)
		return false;
	j->r.restarts++;
	return true;
}

/* j ran, and ended by itself: does it wait now, to be started again? */
bool
alone_restarts(struct agent *a, struct job *j)
{
	int64_t delay = restart_delay_ns(&j->task->spec);

	if (!a->alone || a->leaving || !j->assigned ||
	    j->task->desired_state != TASK_RUNNING ||
	    j->r.status.state != TASK_RUNNING || !condition_holds(j) ||
	    !count_one(a, j))
		return false;
	j->restart_ms = a->now.mono_ms +
			max_u64(delay > 0 ? (uint64_t)(delay / NS_PER_MS) : 0,
				RESTART_MIN_MS);
	j->r.phase = JOB_WAITING;
	j->row_dirty = true;
	return true;
}
