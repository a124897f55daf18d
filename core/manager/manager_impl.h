/*
 * manager_impl.h - what the controllers share: the plan of one step, the
 * slots of one service, and what is remembered between steps (deadlines
 * only; all of it can be made again from the tables).
 *
 * A step works on drafts: each task that a controller looks at is tracked
 * once, so that all controllers see each other's changes and the transaction
 * has one operation per task.
 */
#ifndef CORE_MANAGER_MANAGER_IMPL_H
#define CORE_MANAGER_MANAGER_IMPL_H

#include "core/base/map.h"
#include "core/manager/manager.h"
#include "core/manager/scheduler_place.h"
#include "core/model/objects.h"

/* Of one step, so that it takes a few ms; what is left over is done by the
 * next: operations, and tasks looked at (one service is always looked at). */
#define PLAN_OPS_MAX 1000
#define PLAN_LOOKS_MAX 5000
_Static_assert(PLAN_OPS_MAX < TX_OPS_MAX, "a plan fits a transaction");

/* Facts 3.4: how long a new task waits for the old one to stop. */
#define OLD_TASK_WAIT_MS UINT64_C(60000)
#define MONO_NEVER UINT64_MAX

/* ---- the plan --------------------------------------------------------- */

struct draft {
	const struct task *base; /* committed; NULL: made in this step */
	struct task *next;	 /* NULL: unchanged */
	bool deleted;
};

struct plan {
	const struct manager *m;
	struct now now;
	struct arena arena;
	struct map index; /* task id -> draft */
	struct draft **v; /* in the order they were tracked */
	size_t count, cap;
	size_t ops; /* drafts that will be operations */
	struct service **services;
	size_t service_count, service_cap;
};

void plan_init(struct plan *p, const struct manager *m, struct now now);
void plan_finish(struct plan *p, struct tx *tx); /* frees the plan */
bool plan_is_full(const struct plan *p);
bool plan_has_looked(const struct plan *p); /* at as much as a step may */

struct draft *plan_track(struct plan *p, const struct task *committed);
struct draft *plan_add(struct plan *p, struct task *t); /* takes over t */
struct task *plan_edit(struct plan *p, struct draft *d);
void plan_delete(struct plan *p, struct draft *d);
void plan_desire(struct plan *p, struct draft *d, enum task_state desired);
void plan_status(struct plan *p, struct draft *d, enum task_state state,
		 const char *message, const char *err);
/* A clone of s, to be changed; one per service and step. */
struct service *plan_service_edit(struct plan *p, const struct service *s);

static inline const struct task *
draft_task(const struct draft *d)
{
	return d->next != NULL ? d->next : d->base;
}

/* ---- what a slot holds ------------------------------------------------ */

struct slot {
	uint64_t number;     /* replicated: from 1 */
	const char *node_id; /* global: "" otherwise */
	struct draft **v;    /* oldest first; none that is desired REMOVE */
	size_t count, cap;
};

struct slots {
	struct slot **v; /* by number, then by node */
	size_t count, cap;
};

/* Also deletes tasks that were to be removed and have stopped. */
void slots_build(struct slots *s, struct plan *p, struct task_span tasks,
		 bool global);
void slots_fini(struct slots *s);
struct slot *slots_add(struct slots *s, uint64_t number, const char *node_id);
void slot_append(struct slot *s, struct draft *d);
bool slot_is_live(const struct slot *s); /* a task desired up to RUNNING */
struct draft *slot_newest(const struct slot *s); /* NULL: empty */

/* ---- between steps ---------------------------------------------------- */

/* A task desired READY, that becomes RUNNING at due_ms. */
struct ready_timer {
	char *task_id;
	uint64_t due_ms;
};

/* A slot that an update is at work on. */
struct flight {
	uint64_t number;
	char *node_id;
	uint64_t until_ms; /* 0: its new task does not run yet */
	bool goes_on;	   /* while flights land */
};

struct watched { /* a service, or the tasks of one that is gone */
	char *id;
	bool dirty;
	bool in_flight;	 /* in the transaction that is on its way */
	bool unplaced;	 /* it has tasks without a node */
	bool to_place;	 /* and they are to be tried once more, */
	size_t place_at; /* from here on */
	uint64_t wake_ms;
	struct ready_timer *timers;
	size_t timer_count, timer_cap;
	struct flight *flights; /* by number, then by node */
	size_t flight_count, flight_cap;
	uint64_t watched_until_ms; /* all is replaced; 0: not yet */
	uint64_t flights_of;	   /* the spec version; 0: not looked at yet */
};

struct manager {
	const struct state *state;
	uint64_t *rand_state;
	char *node_id;
	struct map index; /* service id -> watched */
	struct watched **v;
	size_t count, cap;
	size_t step_at;	      /* the service that the next step begins with */
	bool schedule;	      /* try all that has no node */
	bool schedule_more;   /* not all of it has been tried */
	size_t schedule_at;   /* where to go on */
	bool services_may_go; /* some may have nothing left */
	bool tx_on_its_way;
	struct places places;
};

void watched_wake_at(struct watched *w, uint64_t at_ms);

/* ---- the controllers -------------------------------------------------- */

/* One service brought nearer to its spec: what each has to do with it. */
struct work {
	struct manager *m;
	struct plan *p;
	struct watched *w;
	const struct service *s;
	struct slots slots;
};

void orchestrator_replicated(struct work *k);
void orchestrator_global(struct work *k);
void orchestrator_remove(struct work *k, struct task_span tasks);
struct draft *orchestrator_new_task(struct work *k, struct slot *slot,
				    enum task_state desired);

void restart_slots(struct work *k);
void restart_start_ready(struct work *k);
/* Would t, once ended, be replaced? slot holds its history. */
bool restart_is_wanted(const struct slot *slot, const struct task *t);
bool restart_slot_is_held(const struct slot *slot);
/* Is the node gone, so that its tasks must live elsewhere? */
bool restart_node_is_lost(const struct manager *m, const struct task *t);
void restart_task_changed(struct manager *m, struct watched *w,
			  const struct task *before, const struct task *after,
			  struct now now);

void update_slots(struct work *k);
void update_forget(struct watched *w);

void reaper_slots(struct work *k);

/* The nodes that changed, some of them in each step. */
void enforcer_nodes(struct manager *m, struct plan *p);
/* What the last transaction was about is looked at again, if again. */
void enforcer_remark(struct manager *m, bool again);

/* The pending tasks of services that have some, allocated and placed. */
void allocator_run(struct plan *p, struct draft **pending, size_t count);
void scheduler_run(struct manager *m, struct plan *p);
bool scheduler_is_due(const struct manager *m);

#endif
