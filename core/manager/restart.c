/*
 * restart.c - the restart supervisor (facts 3.4): what ended is replaced, if
 * its policy says so. The new task is prepared at once (desired READY) and
 * runs when the delay is over and the old one has stopped.
 *
 * Attempts are counted from the tasks that the slot keeps: the reaper keeps
 * one more than the maximum.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/manager_impl.h"
#include "core/model/naming.h"

static uint64_t
attempts_max(const struct task_spec *s)
{
	return s->restart == NULL || !s->restart->max_attempts.set
		       ? 0
		       : s->restart->max_attempts.v;
}

static int64_t
window_ns(const struct task_spec *s)
{
	return s->restart == NULL || !s->restart->window_ns.set
		       ? 0
		       : s->restart->window_ns.v;
}

static int64_t
status_time(const struct task *t)
{
	return t->status.applied_at != 0 ? t->status.applied_at
					 : t->status.timestamp;
}

/* How often the slot was restarted with t's spec, within t's window. */
static uint64_t
restarts_before(const struct slot *slot, const struct task *t)
{
	int64_t window = window_ns(&t->spec), until = status_time(t);
	bool first = true;
	uint64_t n = 0;

	for (size_t i = 0; i < slot->count; i++) {
		const struct task *o = draft_task(slot->v[i]);
		int64_t at = o->head.created_at;

		if (slot->v[i]->deleted || o->spec_version != t->spec_version)
			continue;
		if (first) {
			first = false;
			continue;
		}
		if (window == 0 || (at > until - window && at < until))
			n++;
	}
	return n;
}

bool
restart_is_wanted(const struct slot *slot, const struct task *t)
{
	enum restart_condition c = restart_condition_of(&t->spec);
	uint64_t max = attempts_max(&t->spec);

	if (c == RESTART_NONE)
		return false;
	if (c == RESTART_ON_FAILURE && t->status.state == TASK_COMPLETE)
		return false;
	return max == 0 || restarts_before(slot, t) < max;
}

/*
 * Does the slot count as filled: something lives there, or what was there
 * ended for good?
 */
bool
restart_slot_is_held(const struct slot *slot)
{
	const struct draft *newest = slot_newest(slot);

	if (newest == NULL)
		return false;
	if (slot_is_live(slot))
		return true;
	return !restart_is_wanted(slot, draft_task(newest));
}

bool
restart_node_is_lost(const struct manager *m, const struct task *t)
{
	const struct node_object *n;

	if (str_empty(t->node_id) || t->status.state < TASK_ASSIGNED)
		return false;
	n = state_get(m->state, OBJECT_NODE, t->node_id);
	return n == NULL || n->status.state == NODE_DOWN ||
	       n->spec.availability == NODE_DRAIN;
}

/* Its container can no longer be in the way of a new one. */
static bool
has_stopped(const struct manager *m, const struct task *t)
{
	const struct node_object *n;

	if (t->status.state < TASK_ASSIGNED ||
	    task_state_ended(t->status.state))
		return true;
	n = state_get(m->state, OBJECT_NODE, str_or(t->node_id, ""));
	return n == NULL || n->status.state == NODE_DOWN;
}

/* ---- timers: when a task that is desired READY may run ---------------- */

/* The first that does not come before task_id. */
static size_t
timer_place(const struct watched *w, const char *task_id)
{
	size_t lo = 0, hi = w->timer_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(w->timers[mid].task_id, task_id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct ready_timer *
timer_find(struct watched *w, const char *task_id)
{
	size_t at = timer_place(w, task_id);

	return at < w->timer_count && str_eq(w->timers[at].task_id, task_id)
		       ? &w->timers[at]
		       : NULL;
}

static void
timer_drop(struct watched *w, struct ready_timer *t)
{
	size_t at = (size_t)(t - w->timers);

	mem_free(t->task_id);
	w->timer_count--;
	memmove(t, t + 1, (w->timer_count - at) * sizeof(*t));
}

static void
timer_add(struct watched *w, const char *task_id, uint64_t due_ms)
{
	size_t at = timer_place(w, task_id);
	struct ready_timer *t;

	w->timers = mem_grow(w->timers, w->timer_count, &w->timer_cap,
			     sizeof(struct ready_timer));
	t = &w->timers[at];
	memmove(t + 1, t, (w->timer_count - at) * sizeof(*t));
	*t = (struct ready_timer){ mem_strdup(task_id), due_ms };
	w->timer_count++;
}

/* The task that t took the place of: the newest that is older. */
static const struct task *
predecessor(struct manager *m, const struct task *t)
{
	struct task_span all =
		state_tasks_of_slot(m->state, t->service_id, t->slot);
	const struct task *found = NULL;

	for (size_t i = 0; i < all.count; i++) {
		const struct task *o = all.v[i];

		if (o == t || o->head.made > t->head.made ||
		    str_eq(o->head.id, t->head.id))
			continue;
		if (t->slot == 0 && !str_eq(o->node_id, t->node_id))
			continue;
		if (found == NULL || o->head.made > found->head.made)
			found = o;
	}
	return found;
}

/*
 * No delay when an update or the loss of its node (drained, down, removed)
 * replaced the old task: it did not end by itself. A delay that began under
 * another leader goes on. (No old task is there: it was reaped at once, so it
 * had ended by itself.)
 */
static uint64_t
delay_left_ms(struct manager *m, const struct task *t, struct now now)
{
	const struct task *old = predecessor(m, t);
	int64_t delay = restart_delay_ns(&t->spec);
	int64_t passed = now.wall_ns - t->head.created_at;

	if (old != NULL && (old->spec_version != t->spec_version ||
			    restart_node_is_lost(m, old)))
		return 0;
	if (passed < 0)
		passed = 0; /* the clock was set back */
	if (passed >= delay)
		return 0;
	return (uint64_t)((delay - passed - 1) / NS_PER_MS + 1);
}

void
restart_task_changed(struct manager *m, struct watched *w,
		     const struct task *before, const struct task *after,
		     struct now now)
{
	const char *id = after != NULL ? after->head.id : before->head.id;
	struct ready_timer *t = timer_find(w, id);

	if (after == NULL || after->desired_state != TASK_READY) {
		if (t != NULL)
			timer_drop(w, t);
		return;
	}
	if (t == NULL)
		timer_add(w, id, now.mono_ms + delay_left_ms(m, after, now));
}

/* ---- what is due ------------------------------------------------------ */

/* Another task of the slot that is as it should be and will go on. */
static bool
has_other_live(const struct work *k, const struct slot *slot,
	       const struct draft *d)
{
	for (size_t i = 0; i < slot->count; i++) {
		const struct task *t = draft_task(slot->v[i]);

		if (slot->v[i] != d && !slot->v[i]->deleted &&
		    t->desired_state <= TASK_RUNNING &&
		    t->spec_version == k->s->spec_version &&
		    !task_state_ended(t->status.state))
			return true;
	}
	return false;
}

/* A task that failed before its time waits for it: no tight loop. */
static bool
still_delayed(struct work *k, const struct task *t)
{
	const struct ready_timer *r;

	if (t->desired_state != TASK_READY)
		return false;
	r = timer_find(k->w, t->head.id);
	if (r == NULL || r->due_ms <= k->p->now.mono_ms)
		return false;
	watched_wake_at(k->w, r->due_ms);
	return true;
}

/* A global service's place is a node: no use in another try elsewhere. */
static bool
place_takes_more(const struct work *k, const struct slot *slot)
{
	const struct node_object *n;

	if (slot->node_id[0] == '\0')
		return true;
	n = state_get(k->m->state, OBJECT_NODE, slot->node_id);
	return n != NULL && n->spec.availability != NODE_PAUSE &&
	       n->spec.availability != NODE_DRAIN &&
	       n->status.state != NODE_DOWN;
}

static void
restart_task(struct work *k, struct slot *slot, struct draft *d)
{
	const struct task *t = draft_task(d);
	bool ended = task_state_ended(t->status.state);

	if (d->deleted || t->desired_state > TASK_RUNNING ||
	    !(ended || restart_node_is_lost(k->m, t)))
		return;
	if (ended && still_delayed(k, t))
		return;
	plan_desire(k->p, d, TASK_SHUTDOWN);
	if (has_other_live(k, slot, d) || !place_takes_more(k, slot) ||
	    !restart_is_wanted(slot, draft_task(d)))
		return;
	orchestrator_new_task(k, slot, TASK_READY);
}

void
restart_slots(struct work *k)
{
	for (size_t i = 0; i < k->slots.count; i++) {
		struct slot *slot = k->slots.v[i];
		size_t count = slot->count; /* not those made here */

		for (size_t j = 0; j < count && !plan_is_full(k->p); j++)
			restart_task(k, slot, slot->v[j]);
	}
}

static bool
old_ones_stopped(const struct work *k, const struct slot *slot,
		 const struct draft *d)
{
	for (size_t i = 0; i < slot->count; i++) {
		const struct task *t = draft_task(slot->v[i]);

		if (slot->v[i] != d && !slot->v[i]->deleted &&
		    t->desired_state > TASK_RUNNING && !has_stopped(k->m, t))
			return false;
	}
	return true;
}

static void
start_ready(struct work *k, const struct slot *slot, struct draft *d)
{
	const struct task *t = draft_task(d);
	const struct ready_timer *r;
	uint64_t now = k->p->now.mono_ms;

	if (d->deleted || d->base == NULL || t->desired_state != TASK_READY ||
	    task_state_ended(t->status.state))
		return;
	r = timer_find(k->w, t->head.id);
	if (r != NULL && r->due_ms > now) {
		watched_wake_at(k->w, r->due_ms);
		return;
	}
	if (r != NULL && now < r->due_ms + OLD_TASK_WAIT_MS &&
	    !old_ones_stopped(k, slot, d)) {
		watched_wake_at(k->w, r->due_ms + OLD_TASK_WAIT_MS);
		return;
	}
	plan_desire(k->p, d, TASK_RUNNING);
}

void
restart_start_ready(struct work *k)
{
	for (size_t i = 0; i < k->slots.count; i++)
		for (size_t j = 0; j < k->slots.v[i]->count; j++)
			start_ready(k, k->slots.v[i], k->slots.v[i]->v[j]);
}
