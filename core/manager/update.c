/*
 * update.c - rolling updates (facts 4.3): slots whose tasks differ from the
 * spec are replaced, so many at a time, each followed by a delay.
 *
 * The tables say which slots are dirty; what is remembered beside them is
 * only which slots count as being worked on (flights), and until when.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/constraint.h"
#include "core/manager/manager_impl.h"
#include "core/manager/rebalance.h"
#include "core/model/naming.h"

#define MONITOR_NS (INT64_C(5) * NS_PER_S) /* where none is given */

/* ---- what is dirty ---------------------------------------------------- */

static bool
same_endpoint(const struct endpoint_spec *a, const struct endpoint_spec *b)
{
	static const struct endpoint_spec none;

	return model_equal(&endpoint_spec_type, a != NULL ? a : &none,
			   b != NULL ? b : &none);
}

/* Placement alone may differ, where the task's node suits the new one. */
static bool
still_suits(const struct work *k, const struct task *t)
{
	const struct task_spec *want = &k->s->spec.task;
	struct task_spec have = t->spec;
	const struct node_object *n =
		state_get(k->m->state, OBJECT_NODE, str_or(t->node_id, ""));

	have.placement = want->placement;
	return n != NULL && model_equal(&task_spec_type, want, &have) &&
	       (want->placement == NULL ||
		constraints_match(&want->placement->constraints, n));
}

static bool
task_is_dirty(const struct work *k, const struct task *t)
{
	if (t->spec_version == k->s->spec_version)
		return false;
	if (rebalance_moves(k->s, t) ||
	    !same_endpoint(k->s->spec.endpoint, t->endpoint))
		return true;
	return !model_equal(&task_spec_type, &k->s->spec.task, &t->spec) &&
	       !still_suits(k, t);
}

/* What an update finds in one slot. */
struct finding {
	bool dirty;	     /* a live task (or the last one) is */
	struct draft *clean; /* a live one */
	bool clean_has_run;  /* a clean one runs, or completed */
	bool clean_runs;     /* the live one runs now */
	bool spare;	     /* a second clean one lives */
	bool ended_for_good; /* nothing lives, nothing will */
};

static struct finding
look_at(const struct work *k, const struct slot *slot)
{
	struct draft *newest = slot_newest(slot);
	struct finding f = { 0 };

	for (size_t i = 0; i < slot->count; i++) {
		struct draft *d = slot->v[i];
		const struct task *t = draft_task(d);
		bool live = t->desired_state <= TASK_RUNNING;

		if (d->deleted ||
		    (!live && (d != newest || slot_is_live(slot))))
			continue;
		if (task_is_dirty(k, t)) {
			f.dirty = true;
			continue;
		}
		f.clean_has_run |= t->status.state == TASK_RUNNING ||
				   t->status.state == TASK_COMPLETE;
		if (!live)
			continue;
		/* The older one stays, unless only the younger one runs. */
		f.spare = f.clean != NULL;
		if (f.clean == NULL ||
		    (!f.clean_runs && t->status.state == TASK_RUNNING)) {
			f.clean = d;
			f.clean_runs = t->status.state == TASK_RUNNING;
		}
	}
	f.ended_for_good = !slot_is_live(slot) && restart_slot_is_held(slot);
	return f;
}

/* ---- flights ---------------------------------------------------------- */

static const struct update_config *
config_of(const struct service *s)
{
	static const struct update_config usual = { .parallelism = 1 };
	const struct update_status *u = s->update_status;
	bool back = u != NULL && u->state == UPDATE_ROLLBACK_STARTED;
	const struct update_config *c =
		back ? s->spec.rollback : s->spec.update;

	return c != NULL ? c : &usual;
}

void
update_forget(struct watched *w)
{
	for (size_t i = 0; i < w->flight_count; i++)
		mem_free(w->flights[i].node_id);
	w->flight_count = 0;
}

/* Where the slot's flight is, or would be: by number, then by node. */
static size_t
flight_place(const struct watched *w, const struct slot *slot)
{
	size_t lo = 0, hi = w->flight_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct flight *f = &w->flights[mid];

		if (f->number < slot->number ||
		    (f->number == slot->number &&
		     strcmp(f->node_id, slot->node_id) < 0))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct flight *
flight_of(const struct watched *w, const struct slot *slot)
{
	size_t at = flight_place(w, slot);

	if (at == w->flight_count || w->flights[at].number != slot->number ||
	    !str_eq(w->flights[at].node_id, slot->node_id))
		return NULL;
	return &w->flights[at];
}

static void
flight_add(struct watched *w, const struct slot *slot, uint64_t until_ms)
{
	size_t at = flight_place(w, slot);

	w->flights = mem_grow(w->flights, w->flight_count, &w->flight_cap,
			      sizeof(struct flight));
	memmove(&w->flights[at + 1], &w->flights[at],
		(w->flight_count - at) * sizeof(struct flight));
	w->flight_count++;
	w->flights[at] = (struct flight){
		.number = slot->number,
		.node_id = mem_strdup(slot->node_id),
		.until_ms = until_ms,
	};
}

/* Is the flight over? Its slot is done and the delay after it has passed. */
static bool
flight_is_over(struct work *k, struct flight *f, const struct slot *slot)
{
	int64_t delay = config_of(k->s)->delay_ns;
	struct finding found;

	if (f->until_ms == 0) {
		found = look_at(k, slot);
		/* Nothing lives there, and nothing was made to: the node is
		 * not for a global service any more. */
		if (!slot_is_live(slot) && !restart_slot_is_held(slot))
			return true;
		/* Only the old one is there: what began the flight was
		 * refused, so nothing did. */
		if (found.dirty && found.clean == NULL && slot_is_live(slot))
			return true;
		if (!found.clean_has_run && !found.ended_for_good)
			return false;
		f->until_ms = k->p->now.mono_ms +
			      (uint64_t)((delay < 0 ? 0 : delay) / NS_PER_MS);
	}
	if (f->until_ms > k->p->now.mono_ms) {
		watched_wake_at(k->w, f->until_ms);
		return false;
	}
	return true;
}

/* Those that are over go, and those whose slot is no more. */
static void
flights_land(struct work *k)
{
	struct watched *w = k->w;
	size_t kept = 0;

	for (size_t i = 0; i < k->slots.count; i++) {
		struct flight *f = flight_of(w, k->slots.v[i]);

		if (f != NULL)
			f->goes_on = !flight_is_over(k, f, k->slots.v[i]);
	}
	for (size_t i = 0; i < w->flight_count; i++) {
		if (w->flights[i].goes_on)
			w->flights[kept++] = w->flights[i];
		else
			mem_free(w->flights[i].node_id);
	}
	w->flight_count = kept;
	for (size_t i = 0; i < kept; i++)
		w->flights[i].goes_on = false;
}

/*
 * After taking office: a slot whose clean task does not run yet, or began to
 * within the delay, is one that the former leader was at work on.
 */
static void
flights_rebuild(struct work *k)
{
	int64_t delay = config_of(k->s)->delay_ns;

	for (size_t i = 0; i < k->slots.count; i++) {
		struct slot *slot = k->slots.v[i];
		struct finding f = look_at(k, slot);
		const struct task *t;
		int64_t passed;

		if (f.clean == NULL)
			continue;
		t = draft_task(f.clean);
		passed = k->p->now.wall_ns - t->status.applied_at;
		if (t->status.state < TASK_RUNNING || f.dirty)
			flight_add(k->w, slot, 0);
		else if (passed >= 0 && passed < delay)
			flight_add(k->w, slot,
				   k->p->now.mono_ms +
					   (uint64_t)((delay - passed) /
						      NS_PER_MS));
	}
}

/* ---- the update's own state ------------------------------------------- */

static int
state_of(const struct service *s)
{
	return s->update_status == NULL ? 0 : s->update_status->state;
}

static bool
is_active(const struct service *s)
{
	return state_of(s) == UPDATE_UPDATING ||
	       state_of(s) == UPDATE_ROLLBACK_STARTED;
}

static void
begin(struct work *k)
{
	struct service *s = plan_service_edit(k->p, k->s);
	struct arena *a = object_arena(s);

	s->update_status = arena_alloc(a, sizeof(*s->update_status));
	s->update_status->state = UPDATE_UPDATING;
	s->update_status->started_at = k->p->now.wall_ns;
	s->update_status->message = arena_strdup(a, "update in progress");
}

static void
complete(struct work *k)
{
	struct service *s = plan_service_edit(k->p, k->s);
	bool back = state_of(k->s) == UPDATE_ROLLBACK_STARTED;

	check(s->update_status != NULL);
	s->moving = (struct strings){ 0 };
	s->update_status->state =
		back ? UPDATE_ROLLBACK_COMPLETED : UPDATE_COMPLETED;
	s->update_status->completed_at = k->p->now.wall_ns;
	s->update_status->message =
		arena_strdup(object_arena(s),
			     back ? "rollback completed" : "update completed");
}

static void
pause_for(struct work *k, const struct task *t)
{
	struct service *s = plan_service_edit(k->p, k->s);
	bool back = state_of(k->s) == UPDATE_ROLLBACK_STARTED;

	s->update_status->state = back ? UPDATE_ROLLBACK_PAUSED : UPDATE_PAUSED;
	s->update_status->message = arena_printf(
		object_arena(s),
		"%s paused due to failure or early termination of task %s",
		back ? "rollback" : "update", t->head.id);
}

/*
 * Once all is replaced it is watched for the monitoring period, and only then
 * called complete: clients that wait for an update rely on that.
 */
static bool
was_watched(struct work *k)
{
	const struct update_config *c = config_of(k->s);
	int64_t period = c->monitor_ns > 0 ? c->monitor_ns : MONITOR_NS;

	if (k->w->watched_until_ms == 0)
		k->w->watched_until_ms =
			k->p->now.mono_ms + (uint64_t)(period / NS_PER_MS);
	if (k->w->watched_until_ms <= k->p->now.mono_ms)
		return true;
	watched_wake_at(k->w, k->w->watched_until_ms);
	return false;
}

/* ---- one slot --------------------------------------------------------- */

/* The tasks that differ are to stop; those that do not, run. */
static void
retire_dirty(struct work *k, struct slot *slot)
{
	for (size_t i = 0; i < slot->count; i++)
		if (!slot->v[i]->deleted &&
		    task_is_dirty(k, draft_task(slot->v[i])))
			plan_desire(k->p, slot->v[i], TASK_SHUTDOWN);
}

/*
 * A start-first update that was overtaken by another one can leave two tasks
 * in a slot that both are what is wanted now: one is enough.
 */
static void
retire_spare(struct work *k, struct slot *slot, const struct draft *keep)
{
	for (size_t i = 0; i < slot->count; i++)
		if (slot->v[i] != keep && !slot->v[i]->deleted &&
		    draft_task(slot->v[i])->desired_state <= TASK_RUNNING)
			plan_desire(k->p, slot->v[i], TASK_SHUTDOWN);
}

/*
 * The new task of a start-first update that ended, and that the policy does
 * not replace: the old one goes on, and the update cannot. (One that ended
 * before this update began does not count, even if its spec was the same.)
 */
static const struct task *
gave_up(const struct work *k, const struct slot *slot)
{
	const struct task *last = NULL;

	for (size_t i = 0; i < slot->count; i++) {
		const struct task *t = draft_task(slot->v[i]);

		if (!slot->v[i]->deleted &&
		    t->spec_version == k->s->spec_version)
			last = t;
	}
	if (last == NULL || !task_state_ended(last->status.state) ||
	    restart_is_wanted(slot, last))
		return NULL;
	return last;
}

static void
slot_start(struct work *k, struct slot *slot)
{
	if (config_of(k->s)->order == ORDER_START_FIRST) {
		orchestrator_new_task(k, slot, TASK_RUNNING);
	} else {
		retire_dirty(k, slot);
		orchestrator_new_task(k, slot, TASK_READY);
	}
	flight_add(k->w, slot, 0);
}

static bool
has_room(const struct work *k)
{
	uint64_t max = config_of(k->s)->parallelism;

	return max == 0 || k->w->flight_count < max;
}

/*
 * What was begun in a slot is brought to its end, also while the update is
 * paused: where the new task runs, the old one goes. True if that is so.
 */
static bool
slot_finish(struct work *k, struct slot *slot, const struct finding *f)
{
	if (!f->clean_runs || !(f->dirty || f->spare))
		return false;
	if (f->dirty)
		retire_dirty(k, slot);
	else
		retire_spare(k, slot, f->clean);
	return true;
}

static bool
is_old_one(const struct work *k, const struct draft *d)
{
	return !d->deleted && task_is_dirty(k, draft_task(d)) &&
	       draft_task(d)->desired_state <= TASK_RUNNING;
}

/* Updates that overtook each other may have left several old tasks that run,
 * and the new one may not be able to for a long time. */
static void
keep_one(struct work *k, struct slot *slot)
{
	const struct draft *keep = NULL;

	for (size_t i = 0; i < slot->count; i++)
		if (is_old_one(k, slot->v[i]) &&
		    draft_task(slot->v[i])->status.state == TASK_RUNNING)
			keep = slot->v[i];
	for (size_t i = 0; keep != NULL && i < slot->count; i++)
		if (slot->v[i] != keep && is_old_one(k, slot->v[i]))
			plan_desire(k->p, slot->v[i], TASK_SHUTDOWN);
}

/* True if there is something left to do in the slot. */
static bool
slot_update(struct work *k, struct slot *slot, bool paused)
{
	struct finding f = look_at(k, slot);

	if (slot_finish(k, slot, &f))
		return true;
	if (!f.dirty || !restart_slot_is_held(slot))
		return false;
	keep_one(k, slot);
	if (!paused && f.clean == NULL && has_room(k) &&
	    flight_of(k->w, slot) == NULL && !plan_is_full(k->p))
		slot_start(k, slot);
	return true;
}

/* May no slot be begun? */
static bool
is_paused(struct work *k)
{
	int state = state_of(k->s);

	if (!is_active(k->s))
		return state == UPDATE_PAUSED ||
		       state == UPDATE_ROLLBACK_PAUSED;
	for (size_t i = 0; i < k->slots.count; i++) {
		const struct slot *slot = k->slots.v[i];
		struct finding f = look_at(k, slot);
		const struct task *t = gave_up(k, slot);

		if (!f.dirty || f.clean != NULL || !slot_is_live(slot) ||
		    t == NULL)
			continue;
		pause_for(k, t);
		return true;
	}
	return false;
}

void
update_slots(struct work *k)
{
	bool active = is_active(k->s), paused, left = false;

	if (k->w->flights_of != k->s->spec_version) {
		update_forget(k->w);
		k->w->watched_until_ms = 0;
		k->w->flights_of = k->s->spec_version;
		if (active)
			flights_rebuild(k);
	}
	paused = is_paused(k);
	flights_land(k);
	for (size_t i = 0; i < k->slots.count; i++)
		left |= slot_update(k, k->slots.v[i], paused);
	if (left && state_of(k->s) == 0)
		begin(k);
	if (left || !active || paused || k->w->flight_count > 0)
		k->w->watched_until_ms = 0;
	else if (was_watched(k))
		complete(k);
}
