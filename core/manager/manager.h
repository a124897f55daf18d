/*
 * manager.h - the leader's controllers: orchestrators, updater, restarts,
 * allocator, scheduler, constraint enforcer, task reaper.
 *
 * They read the tables, are told what changed, and return one transaction at
 * a time. They keep nothing that they could not rebuild from the tables on
 * taking office: manager_new() on any state leads to the same end.
 */
#ifndef CORE_MANAGER_MANAGER_H
#define CORE_MANAGER_MANAGER_H

#include "core/base/base.h"
#include "core/state/state.h"

struct manager;

/*
 * state is borrowed and must outlive the manager. rand_state is the node's
 * generator (for ids). node_id is this manager's.
 */
struct manager *manager_new(const struct state *state, uint64_t *rand_state,
			    const char *node_id, struct now now);
void manager_free(struct manager *m); /* NULL is fine */

/* What was just applied; borrowed for the call. */
void manager_changed(struct manager *m, const struct changes *changes,
		     struct now now);

/*
 * Append to tx what should be done now; nothing if all is as it should be.
 * Called when no transaction of the manager's own is on its way: after
 * manager_changed(), by manager_deadline(), and once after each of its
 * transactions, applied or not. Each put names the version it was made from,
 * so that one that lost a race fails whole and is made anew.
 */
void manager_step(struct manager *m, struct now now, struct tx *tx);

/* An image came or something else that may free what waits: try again. */
void manager_retry(struct manager *m);

/* mono_ms; 0: there is work now; UINT64_MAX: only when something changes. */
uint64_t manager_deadline(const struct manager *m);

/*
 * The status of a task as its worker reports it: appends the put, unless it
 * is not news (states only grow; only the task's own node may report).
 */
void manager_task_status(struct manager *m, struct now now,
			 const char *from_node, const char *task_id,
			 const struct task_status *status, struct tx *tx);

#endif
