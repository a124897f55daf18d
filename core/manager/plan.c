/* plan.c - the drafts of one step, and the transaction they become. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/manager/manager_impl.h"

void
plan_init(struct plan *p, const struct manager *m, struct now now)
{
	*p = (struct plan){ .m = m, .now = now };
	arena_init(&p->arena);
	map_init(&p->index, rand_next(m->rand_state));
}

static void
plan_emit(struct draft *d, struct tx *tx)
{
	if (d->deleted) {
		object_unref(d->next);
		if (d->base != NULL)
			tx_delete(tx, OBJECT_TASK, d->base->head.id,
				  d->base->head.version.index);
		return;
	}
	if (d->next == NULL)
		return;
	tx_put(tx, d->next,
	       d->base == NULL ? TX_ABSENT : d->base->head.version.index);
}

void
plan_finish(struct plan *p, struct tx *tx)
{
	tx->wall_ns = p->now.wall_ns;
	for (size_t i = 0; i < p->service_count; i++)
		tx_put(tx, p->services[i], p->services[i]->head.version.index);
	for (size_t i = 0; i < p->count; i++)
		plan_emit(p->v[i], tx);
	mem_free(p->services);
	mem_free(p->v);
	map_fini(&p->index);
	arena_fini(&p->arena);
}

bool
plan_is_full(const struct plan *p)
{
	return p->ops >= PLAN_OPS_MAX;
}

bool
plan_has_looked(const struct plan *p)
{
	return p->count >= PLAN_LOOKS_MAX || plan_is_full(p);
}

static struct draft *
plan_append(struct plan *p, const char *id)
{
	struct draft *d = arena_alloc(&p->arena, sizeof(*d));

	p->v = mem_grow(p->v, p->count, &p->cap, sizeof(struct draft *));
	p->v[p->count++] = d;
	check(map_put(&p->index, id, d) == NULL);
	return d;
}

struct draft *
plan_track(struct plan *p, const struct task *committed)
{
	struct draft *d = map_get(&p->index, committed->head.id);

	if (d != NULL)
		return d;
	d = plan_append(p, committed->head.id);
	d->base = committed;
	return d;
}

struct draft *
plan_add(struct plan *p, struct task *t)
{
	struct draft *d = plan_append(p, t->head.id);

	d->next = t;
	p->ops++;
	return d;
}

struct task *
plan_edit(struct plan *p, struct draft *d)
{
	check(!d->deleted);
	if (d->next == NULL) {
		d->next = object_clone(d->base);
		p->ops++;
	}
	return d->next;
}

void
plan_delete(struct plan *p, struct draft *d)
{
	if (!d->deleted && d->next == NULL)
		p->ops++;
	d->deleted = true;
}

/* The desired state only grows, as the task's own does. */
void
plan_desire(struct plan *p, struct draft *d, enum task_state desired)
{
	check(!d->deleted);
	if (draft_task(d)->desired_state < (int)desired)
		plan_edit(p, d)->desired_state = desired;
}

void
plan_status(struct plan *p, struct draft *d, enum task_state state,
	    const char *message, const char *err)
{
	struct task *t = plan_edit(p, d);
	struct arena *a = object_arena(t);

	check(t->status.state <= (int)state);
	/* Readers of the API count on it, once there is a node (facts 12.5). */
	if (t->status.container == NULL && !str_empty(t->node_id))
		t->status.container =
			arena_alloc(a, sizeof(*t->status.container));
	t->status.state = state;
	t->status.message = arena_strdup(a, message);
	t->status.err = arena_strdup(a, err);
	t->status.timestamp = p->now.wall_ns;
	t->status.applied_at = p->now.wall_ns;
	t->status.applied_by = arena_strdup(a, p->m->node_id);
}

struct service *
plan_service_edit(struct plan *p, const struct service *s)
{
	struct service *next;

	for (size_t i = 0; i < p->service_count; i++)
		if (str_eq(p->services[i]->head.id, s->head.id))
			return p->services[i];
	next = object_clone(s);
	p->services = mem_grow(p->services, p->service_count, &p->service_cap,
			       sizeof(struct service *));
	p->services[p->service_count++] = next;
	p->ops++;
	return next;
}
