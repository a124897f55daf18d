/*
 * manager.c - puts the controllers together: what changed marks services as
 * dirty, a step brings dirty services nearer to their specs, one transaction
 * at a time.
 *
 * A transaction may be refused, because something else changed meanwhile. So
 * what went into it stays marked until the next step has found nothing to do.
 */
#include "core/manager/manager.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/manager/manager_impl.h"
#include "core/model/naming.h"

/* ---- what is watched -------------------------------------------------- */

static struct watched *
watch(struct manager *m, const char *service_id)
{
	struct watched *w = map_get(&m->index, service_id);

	if (w != NULL)
		return w;
	w = mem_new(sizeof(*w));
	w->id = mem_strdup(service_id);
	w->wake_ms = MONO_NEVER;
	m->v = mem_grow(m->v, m->count, &m->cap, sizeof(struct watched *));
	m->v[m->count++] = w;
	check(map_put(&m->index, w->id, w) == NULL);
	return w;
}

static void
watched_free(struct watched *w)
{
	update_forget(w);
	for (size_t i = 0; i < w->timer_count; i++)
		mem_free(w->timers[i].task_id);
	mem_free(w->timers);
	mem_free(w->flights);
	mem_free(w->id);
	mem_free(w);
}

void
watched_wake_at(struct watched *w, uint64_t at_ms)
{
	w->wake_ms = min_u64(w->wake_ms, at_ms);
}

/* Services that are gone, and their last tasks with them. */
static void
unwatch_gone(struct manager *m)
{
	size_t kept = 0;

	if (!m->services_may_go)
		return;
	m->services_may_go = false;
	for (size_t i = 0; i < m->count; i++) {
		struct watched *w = m->v[i];

		if (state_get(m->state, OBJECT_SERVICE, w->id) != NULL ||
		    state_tasks_of_service(m->state, w->id).count > 0) {
			m->v[kept++] = w;
			continue;
		}
		check(map_del(&m->index, w->id) == w);
		places_forget(&m->places, w->id);
		watched_free(w);
	}
	m->count = kept;
}

static void
mark_all(struct manager *m)
{
	for (size_t i = 0; i < m->count; i++)
		m->v[i]->dirty = true;
	m->schedule = true;
}

/* ---- what changed ----------------------------------------------------- */

/* A worker's progress towards RUNNING concerns no controller. */
static bool
is_news(const struct task *before, const struct task *after)
{
	if (before == NULL || after == NULL ||
	    before->desired_state != after->desired_state ||
	    !str_eq(before->node_id, after->node_id))
		return true;
	if (before->status.state == after->status.state)
		return false;
	return before->status.state <= TASK_PENDING ||
	       after->status.state >= TASK_RUNNING;
}

static void
task_changed(struct manager *m, const struct task *before,
	     const struct task *after, struct now now)
{
	const struct task *t = after != NULL ? after : before;
	struct watched *w;

	places_task(&m->places, before, after);
	m->services_may_go |= after == NULL;
	if (str_empty(t->service_id) || !is_news(before, after))
		return;
	w = watch(m, t->service_id);
	w->dirty = true;
	restart_task_changed(m, w, before, after, now);
	if (after == NULL || task_state_ended(after->status.state))
		m->schedule = true; /* there may be room now */
	if (after == NULL || after->status.state > TASK_PENDING) {
		if (after != NULL && before != NULL && after->slot != 0 &&
		    before->status.state < TASK_FAILED &&
		    (after->status.state == TASK_FAILED ||
		     after->status.state == TASK_REJECTED))
			places_failed(&m->places, after, now);
		return;
	}
	w->unplaced = true;
	if (before == NULL)
		m->schedule = true;
}

static bool
same_node(const struct node_object *a, const struct node_object *b)
{
	return a->status.state == b->status.state && a->role == b->role &&
	       str_eq(a->status.addr, b->status.addr) &&
	       model_equal(&node_spec_type, &a->spec, &b->spec) &&
	       model_equal(&node_description_type, &a->description,
			   &b->description);
}

/*
 * Whom a node's change concerns: the services that have tasks there, those
 * that have one on each node, and what found no node before.
 */
static void
node_changed(struct manager *m, const struct node_object *before,
	     const struct node_object *after, struct now now)
{
	const char *id = after != NULL ? after->head.id : before->head.id;
	struct task_span tasks = state_tasks_of_node(m->state, id);

	places_node(&m->places, before, after, now);
	if (before != NULL && after != NULL && same_node(before, after))
		return;
	places_mark(&m->places, places_get(&m->places, id));
	m->schedule = true;
	for (size_t i = 0; i < tasks.count; i++)
		if (!str_empty(tasks.v[i]->service_id))
			watch(m, tasks.v[i]->service_id)->dirty = true;
	for (size_t i = 0; i < m->count; i++) {
		const struct service *s =
			state_get(m->state, OBJECT_SERVICE, m->v[i]->id);

		if (s != NULL && service_is_global(&s->spec))
			m->v[i]->dirty = true;
	}
}

static void
one_changed(struct manager *m, const struct change *c, struct now now)
{
	const struct object *head = c->after != NULL ? c->after : c->before;

	switch (c->type) {
	case OBJECT_TASK:
		task_changed(m, c->before, c->after, now);
		return;
	case OBJECT_SERVICE:
		watch(m, head->id)->dirty = true;
		m->services_may_go |= c->after == NULL;
		return;
	case OBJECT_NODE:
		node_changed(m, c->before, c->after, now);
		return;
	case OBJECT_CLUSTER:
		mark_all(m);
		return;
	case OBJECT_NETWORK:
	case OBJECT_RECEIPT:
		return;
	case OBJECT_TYPE_COUNT:
		break;
	}
	unreachable();
}

void
manager_changed(struct manager *m, const struct changes *changes,
		struct now now)
{
	for (size_t i = 0; i < changes->count; i++)
		one_changed(m, &changes->v[i], now);
	places_sweep(&m->places);
}

/* ---- life ------------------------------------------------------------- */

struct manager *
manager_new(const struct state *state, uint64_t *rand_state,
	    const char *node_id, struct now now)
{
	struct manager *m = mem_new(sizeof(*m));
	size_t count = state_count(state, OBJECT_TASK);
	size_t nodes = state_count(state, OBJECT_NODE);

	m->state = state;
	m->rand_state = rand_state;
	m->node_id = mem_strdup(node_id);
	map_init(&m->index, rand_next(rand_state));
	places_init(&m->places, rand_next(rand_state));
	for (size_t i = 0; i < nodes; i++) {
		const struct node_object *n = state_at(state, OBJECT_NODE, i);

		places_node(&m->places, NULL, n, now);
		places_mark(&m->places, places_get(&m->places, n->head.id));
	}
	for (size_t i = 0; i < state_count(state, OBJECT_SERVICE); i++) {
		const struct service *s = state_at(state, OBJECT_SERVICE, i);

		watch(m, s->head.id);
	}
	for (size_t i = 0; i < count; i++)
		task_changed(m, NULL, state_at(state, OBJECT_TASK, i), now);
	mark_all(m);
	return m;
}

void
manager_free(struct manager *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->count; i++)
		watched_free(m->v[i]);
	mem_free(m->v);
	map_fini(&m->index);
	places_fini(&m->places);
	mem_free(m->node_id);
	mem_free(m);
}

/* ---- a step ----------------------------------------------------------- */

static void
service_step(struct manager *m, struct plan *p, struct watched *w)
{
	struct task_span tasks = state_tasks_of_service(m->state, w->id);
	struct work k = {
		.m = m,
		.p = p,
		.w = w,
		.s = state_get(m->state, OBJECT_SERVICE, w->id),
	};

	w->wake_ms = MONO_NEVER;
	if (k.s == NULL) {
		orchestrator_remove(&k, tasks);
		return;
	}
	slots_build(&k.slots, p, tasks, service_is_global(&k.s->spec));
	restart_slots(&k);
	if (service_is_global(&k.s->spec))
		orchestrator_global(&k);
	else
		orchestrator_replicated(&k);
	update_slots(&k);
	restart_start_ready(&k);
	reaper_slots(&k);
	slots_fini(&k.slots);
}

/*
 * The dirty services, from where the last step stopped: one that is dirty
 * again and again does not keep the others waiting.
 */
static void
services_step(struct manager *m, struct plan *p, struct now now)
{
	size_t from = m->step_at, count = m->count;

	for (size_t i = 0; i < count; i++) {
		size_t at = (from + i) % count;
		struct watched *w = m->v[at];

		if (!w->dirty && w->wake_ms > now.mono_ms)
			continue;
		if (plan_has_looked(p)) {
			m->step_at = at;
			return;
		}
		service_step(m, p, w);
		w->dirty = plan_is_full(p);
		w->in_flight = true;
	}
}

/* What the last transaction was about is looked at again, once. */
static void
remark(struct manager *m)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->tx_on_its_way && m->v[i]->in_flight)
			m->v[i]->dirty = true;
		m->v[i]->in_flight = false;
	}
	m->schedule |= m->tx_on_its_way;
	enforcer_remark(m, m->tx_on_its_way);
	m->tx_on_its_way = false;
}

void
manager_step(struct manager *m, struct now now, struct tx *tx)
{
	struct plan p;

	remark(m);
	unwatch_gone(m);
	plan_init(&p, m, now);
	enforcer_nodes(m, &p);
	services_step(m, &p, now);
	if (scheduler_is_due(m))
		scheduler_run(m, &p);
	m->tx_on_its_way = p.ops > 0;
	plan_finish(&p, tx);
}

void
manager_retry(struct manager *m)
{
	m->schedule = true;
}

uint64_t
manager_deadline(const struct manager *m)
{
	uint64_t at = m->places.orphan_at_ms;

	if (scheduler_is_due(m) || m->places.marked > 0)
		return 0;
	for (size_t i = 0; i < m->count; i++) {
		if (m->v[i]->dirty)
			return 0;
		at = min_u64(at, m->v[i]->wake_ms);
	}
	return at;
}

/* ---- what workers report ---------------------------------------------- */

static bool
same_status(const struct task_status *a, const struct task_status *b)
{
	struct task_status x = *a, y = *b;

	x.applied_at = y.applied_at = 0;
	x.applied_by = y.applied_by = NULL;
	return model_equal(&task_status_type, &x, &y);
}

/* The task as tx would leave it, if it is in there already. */
static struct task *
task_in_tx(struct tx *tx, const char *task_id)
{
	for (size_t i = tx->count; i > 0; i--) {
		struct tx_op *op = &tx->ops[i - 1];
		struct task *t = op->object;

		if (op->type == OBJECT_TASK && t != NULL &&
		    str_eq(t->head.id, task_id))
			return t;
	}
	return NULL;
}

void
manager_task_status(struct manager *m, struct now now, const char *from_node,
		    const char *task_id, const struct task_status *status,
		    struct tx *tx)
{
	const struct task *old = state_get(m->state, OBJECT_TASK, task_id);
	struct task *mine = task_in_tx(tx, task_id);
	const struct task *t = mine != NULL ? mine : old;

	if (t == NULL || !str_eq(t->node_id, from_node) ||
	    status->state < t->status.state || status->state < TASK_ACCEPTED ||
	    status->state > TASK_REJECTED || same_status(&t->status, status))
		return;
	if (mine == NULL) {
		mine = object_clone(old);
		tx_put(tx, mine, old->head.version.index);
	}
	model_copy(&task_status_type, status, object_arena(mine),
		   &mine->status);
	mine->status.applied_at = now.wall_ns;
	mine->status.applied_by = arena_strdup(object_arena(mine), m->node_id);
}
