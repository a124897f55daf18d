/*
 * scheduler.c - finds a node for each task that has none (facts 4.7).
 *
 * Tasks of one service and spec are a group, see scheduler_group.h. What is
 * known of the nodes is what the tables say: what this step would change is
 * added before anything is placed, and taken away again at the end, since
 * the transaction may be refused.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/manager_impl.h"
#include "core/manager/scheduler_group.h"

/* Of one step: so many nodes are looked at for all groups together. */
#define LOOKS_MAX 200000

/* ---- groups ----------------------------------------------------------- */

static bool
is_preassigned(const struct task *t)
{
	return !str_empty(t->node_id);
}

static void
assign(struct plan *p, struct draft *d, const struct place *place,
       const char *message)
{
	struct task *t = plan_edit(p, d);

	t->node_id = arena_strdup(object_arena(t), place->id);
	plan_status(p, d, TASK_ASSIGNED, message, "");
}

/* The task waits, and says why; not twice the same. */
static void
leave_pending(struct plan *p, struct draft *d, const char *why)
{
	if (!str_eq(draft_task(d)->status.err, why))
		plan_status(p, d, TASK_PENDING, "pending task scheduling", why);
}

static void
place_group(struct group *g, struct plan *p, struct draft **v, size_t count)
{
	struct buf why = { 0 };

	group_rank(g);
	for (size_t i = 0; i < count; i++) {
		struct place *place = group_next(g);

		if (place != NULL) {
			group_take(g);
			assign(p, v[i], place,
			       "scheduler assigned task to node");
			continue;
		}
		if (why.len == 0)
			group_explain(g, &why);
		leave_pending(p, v[i], buf_cstr(&why));
	}
	buf_fini(&why);
}

/* A global service's task has its node; it only has to fit there. */
static void
confirm_place(struct group *g, struct plan *p, struct draft *d)
{
	struct place *place = places_get(g->ps, draft_task(d)->node_id);
	struct buf why = { 0 };
	enum refusal r;

	if (place == NULL || place->node == NULL)
		return;
	r = group_refuses(g, place);
	if (r == FITS) {
		group_take_at(g, place);
		assign(p, d, place,
		       "scheduler confirmed task can run on preassigned node");
		return;
	}
	group_explain_one(r, &why);
	leave_pending(p, d, buf_cstr(&why));
	buf_fini(&why);
}

static void
run_group(struct plan *p, struct places *ps, struct draft **v, size_t count)
{
	struct group g;

	group_begin(&g, ps, draft_task(v[0]), p->now);
	if (is_preassigned(draft_task(v[0]))) {
		g.needs.max_replicas = UINT64_MAX; /* one it is anyway */
		for (size_t i = 0; i < count; i++)
			confirm_place(&g, p, v[i]);
	} else {
		place_group(&g, p, v, count);
	}
	group_end(&g);
}

/* ---- all that is pending ---------------------------------------------- */

static int
by_group(const void *x, const void *y)
{
	const struct task *a = draft_task(*(struct draft *const *)x);
	const struct task *b = draft_task(*(struct draft *const *)y);
	int r;

	if (is_preassigned(a) != is_preassigned(b))
		return is_preassigned(a) ? -1 : 1;
	r = strcmp(str_or(a->service_id, ""), str_or(b->service_id, ""));
	if (r != 0)
		return r;
	if (a->spec_version != b->spec_version)
		return a->spec_version < b->spec_version ? -1 : 1;
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	return strcmp(a->head.id, b->head.id);
}

static bool
same_group(const struct draft *x, const struct draft *y)
{
	const struct task *a = draft_task(x), *b = draft_task(y);

	return a->spec_version == b->spec_version &&
	       is_preassigned(a) == is_preassigned(b) &&
	       str_eq(a->service_id, b->service_id);
}

/*
 * Is it to be placed? One that is to stop before it was ever placed has
 * stopped.
 */
static bool
is_pending(struct plan *p, struct draft *d)
{
	const struct task *t = draft_task(d);

	if (d->deleted || t->status.state > TASK_PENDING)
		return false;
	if (t->desired_state == TASK_SHUTDOWN)
		plan_status(p, d, TASK_SHUTDOWN, "shutdown", "");
	return t->desired_state <= TASK_RUNNING;
}

/*
 * Tracks the service's tasks that have no node. False: the plan has enough,
 * and there may be more.
 */
static bool
track_unplaced(struct manager *m, struct plan *p, struct watched *w,
	       size_t *tracked)
{
	struct task_span all = state_tasks_of_service(m->state, w->id);

	if (w->place_at == 0)
		w->unplaced = false;
	for (size_t i = w->place_at; i < all.count; i++) {
		if (all.v[i]->status.state > TASK_PENDING)
			continue;
		w->unplaced = true;
		w->place_at = i;
		if (p->ops + *tracked >= PLAN_OPS_MAX)
			return false;
		if (plan_track(p, all.v[i])->next == NULL)
			++*tracked;
	}
	w->place_at = 0;
	return true;
}

static void
all_once_more(struct manager *m)
{
	m->schedule = false;
	for (size_t i = 0; i < m->count; i++) {
		m->v[i]->to_place |= m->v[i]->unplaced;
		m->v[i]->place_at = 0;
	}
}

/*
 * Every service is asked once after m->schedule was set, some of them in each
 * step; a service with more than one step's tasks comes again, and those
 * behind it come first.
 */
static void
track_all(struct manager *m, struct plan *p)
{
	size_t services = LOOKS_MAX / (m->places.count + 1) + 1, tracked = 0;
	size_t i;

	if (m->schedule)
		all_once_more(m);
	for (i = 0; i < m->count; i++) {
		size_t at = (m->schedule_at + i) % m->count;
		struct watched *w = m->v[at];

		if (!w->to_place)
			continue;
		if (services-- == 0 || p->ops + tracked >= PLAN_OPS_MAX) {
			m->schedule_at = at;
			m->schedule_more = true;
			return;
		}
		w->to_place = !track_unplaced(m, p, w, &tracked);
		m->schedule_more |= w->to_place;
	}
	m->schedule_at = 0;
}

static struct draft **
pending_collect(struct manager *m, struct plan *p, size_t *ret_count)
{
	struct draft **v = NULL;
	size_t count = 0, cap = 0;

	m->schedule_more = false;
	track_all(m, p);
	for (size_t i = 0; i < p->count; i++) {
		if (!is_pending(p, p->v[i]))
			continue;
		v = mem_grow(v, count, &cap, sizeof(struct draft *));
		v[count++] = p->v[i];
	}
	if (count > 1)
		qsort(v, count, sizeof(struct draft *), by_group);
	*ret_count = count;
	return v;
}

/* The service's tasks from here on have to wait for the next step. */
static void
put_off(struct manager *m, const struct task *t)
{
	struct watched *w = map_get(&m->index, str_or(t->service_id, ""));

	if (w == NULL)
		return;
	w->unplaced = w->to_place = true;
	m->schedule_more = true;
}

static void
place_all(struct manager *m, struct plan *p, struct draft **v, size_t count)
{
	size_t left = LOOKS_MAX, end;

	for (size_t i = 0; i < count; i = end) {
		end = i + 1;
		while (end < count && same_group(v[i], v[end]))
			end++;
		if (left == 0) {
			put_off(m, draft_task(v[i]));
			continue;
		}
		run_group(p, &m->places, v + i, end - i);
		left -= min_u64(left, m->places.count);
	}
}

/*
 * What this step changes, before or after it is done (sign 1 or -1): tasks
 * that it makes have no place yet, and those that it moves are in both.
 */
static void
count_drafts(struct places *ps, const struct plan *p, bool forth)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct draft *d = p->v[i];
		const struct task *now = d->deleted ? NULL : draft_task(d);

		if (!d->deleted && d->next == NULL)
			continue;
		if (forth)
			places_task(ps, d->base, now);
		else
			places_task(ps, now, d->base);
	}
}

void
scheduler_run(struct manager *m, struct plan *p)
{
	size_t count;
	struct draft **v = pending_collect(m, p, &count);

	if (count > 0) {
		allocator_run(p, v, count);
		count_drafts(&m->places, p, true);
		place_all(m, p, v, count);
		count_drafts(&m->places, p, false);
	}
	mem_free(v);
}

bool
scheduler_is_due(const struct manager *m)
{
	return m->schedule || m->schedule_more;
}
