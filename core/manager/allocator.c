/*
 * allocator.c - gives tasks what they need of the cluster before they are
 * placed. Ports published on hosts and the predefined networks need nothing,
 * so a task passes at once.
 */
#include "core/manager/manager_impl.h"

void
allocator_run(struct plan *p, struct draft **pending, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (draft_task(pending[i])->status.state == TASK_NEW)
			plan_status(p, pending[i], TASK_PENDING,
				    "pending task scheduling", "");
}
