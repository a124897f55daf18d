/*
 * agent.h - the worker: assignments in, orders for the runner and task
 * states out. Knows nothing of managers' tables; keeps containers running
 * when no manager is there.
 *
 * Assignments come from the dispatcher as a full set and then as differences
 * (design.md, The manager); in one process or over the wire, the same calls.
 */
#ifndef CORE_AGENT_AGENT_H
#define CORE_AGENT_AGENT_H

#include "core/agent/runner.h"
#include "core/base/base.h"
#include "core/model/request.h"

struct agent;

struct agent_config {
	uint64_t *rand_state;
	const char *node_id;
	const struct node_description *description; /* for templates */
	const char *egress_subnet; /* CIDR; .1 is the gateway */
};

struct agent *agent_new(const struct agent_config *config, struct now now);
void agent_free(struct agent *a);

/* One row of TABLE_WORKER, read at start, before anything else. */
int agent_load(struct agent *a, const char *task_id, const void *row,
	       size_t len, struct err *e);

/*
 * The assignments: set is everything that this node should have; others go.
 * Tasks are borrowed for the call (the agent keeps references).
 */
void agent_assign_all(struct agent *a, const struct task *const *set,
		      size_t count, struct now now);
void agent_assign(struct agent *a, const struct task *t, struct now now);
void agent_unassign(struct agent *a, const char *task_id, struct now now);

void agent_report(struct agent *a, const struct runner_report *r,
		  struct now now);
void agent_tick(struct agent *a, struct now now);
/*
 * No manager hears this node (or one does again): meanwhile what ends by
 * itself is restarted here, by its policy, under the same task, whose status
 * stays RUNNING. What waits for its delay when a manager is back is reported
 * as ended, and the managers restart it; what has begun goes on.
 */
void agent_alone(struct agent *a, bool alone, struct now now);
/* Alone: no manager heard of this task's last status. If that was its end, and
 * it is to be restarted, it has not ended: true. */
bool agent_take_back(struct agent *a, const char *task_id, struct now now);
/* All statuses come out again: somebody new is to know them. */
void agent_tell_all(struct agent *a, struct now now);
void agent_images_changed(struct agent *a, struct now now);
uint64_t agent_deadline(const struct agent *a); /* mono_ms */

/*
 * What the agent wants done; drain after each call above. Valid until the
 * next call. An AGENT_ORDER that starts something comes after the AGENT_ROW
 * that remembers it; the node sends it on when that row is on the disk.
 */
enum agent_out_type {
	AGENT_ORDER = 1, /* for the runner */
	AGENT_ROW,	 /* TABLE_WORKER: row of task_id, NULL: delete */
	AGENT_STATUS,	 /* tell the managers */
	AGENT_PORTS,	 /* the wanted host ports changed: agent_ports() */
};
struct agent_out {
	enum agent_out_type type;
	const struct runner_order *order;
	const char *task_id;
	const void *row;
	size_t row_len;
	const struct task_status *status;
};
bool agent_next(struct agent *a, struct agent_out *ret);

/* The host ports wanted now: gives how many, and fills in up to max. */
size_t agent_ports(const struct agent *a, struct port_wish *ret, size_t max);

/*
 * OP_CONTAINER_LIST, OP_CONTAINER_INSPECT (by container id, its prefix, or
 * name; tasks' ids work too): the status and the JSON that docker ps and
 * docker inspect read. agent_container(): the task behind a container name.
 */
int agent_containers(const struct agent *a, const struct request *r,
		     struct now now, struct buf *body);
const struct task *agent_container(const struct agent *a, const char *ref,
				   const char **ret_container_id);
size_t agent_count(const struct agent *a, size_t *ret_running);
/* Does nothing write to the task's log any more? */
bool agent_has_ended(const struct agent *a, const char *task_id);

/* The images of tasks that have not ended; in arena. */
void agent_images(const struct agent *a, struct arena *arena,
		  struct strings *ret);

/* Every task is to stop and go (swarm leave); true when none is left. */
void agent_leave(struct agent *a, struct now now);
bool agent_is_empty(const struct agent *a);

#endif
