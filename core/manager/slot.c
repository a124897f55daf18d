/* slot.c - the tasks of one service, by the place they fill. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/manager_impl.h"

/* Made in this step: younger than all that is committed. */
static uint64_t
born(const struct task *t)
{
	return t->head.made == 0 ? UINT64_MAX : t->head.made;
}

static int
by_slot(const void *x, const void *y)
{
	const struct task *a = draft_task(*(struct draft *const *)x);
	const struct task *b = draft_task(*(struct draft *const *)y);

	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	if (a->slot == 0 && !str_eq(a->node_id, b->node_id))
		return strcmp(str_or(a->node_id, ""), str_or(b->node_id, ""));
	if (born(a) != born(b))
		return born(a) < born(b) ? -1 : 1;
	return strcmp(a->head.id, b->head.id);
}

struct slot *
slots_add(struct slots *s, uint64_t number, const char *node_id)
{
	struct slot *slot = mem_new(sizeof(*slot));

	slot->number = number;
	slot->node_id = str_or(node_id, "");
	s->v = mem_grow(s->v, s->count, &s->cap, sizeof(struct slot *));
	s->v[s->count++] = slot;
	return slot;
}

void
slot_append(struct slot *s, struct draft *d)
{
	s->v = mem_grow(s->v, s->count, &s->cap, sizeof(struct draft *));
	s->v[s->count++] = d;
}

/* Is d one more of the slot that was added last? */
static struct slot *
slot_for(struct slots *s, const struct task *t, bool global)
{
	const char *node = global ? str_or(t->node_id, "") : "";
	struct slot *last = s->count == 0 ? NULL : s->v[s->count - 1];

	if (last != NULL && last->number == t->slot &&
	    str_eq(last->node_id, node))
		return last;
	return slots_add(s, t->slot, node);
}

/* Facts 3.5: gone at once, when it was to be removed and has stopped. */
static bool
is_removed(const struct task *t)
{
	return t->desired_state == TASK_REMOVE &&
	       (t->status.state < TASK_ASSIGNED ||
		t->status.state > TASK_RUNNING);
}

/* The tables have them by slot already: most slots hold one. */
static bool
is_sorted(struct draft *const *v, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (by_slot(&v[i - 1], &v[i]) > 0)
			return false;
	return true;
}

void
slots_build(struct slots *s, struct plan *p, struct task_span tasks,
	    bool global)
{
	struct draft **v = mem_new_array(tasks.count + 1, sizeof(*v));
	size_t count = 0;

	*s = (struct slots){ 0 };
	for (size_t i = 0; i < tasks.count; i++) {
		struct draft *d = plan_track(p, tasks.v[i]);

		if (!d->deleted && is_removed(draft_task(d)))
			plan_delete(p, d);
		if (!d->deleted && draft_task(d)->desired_state < TASK_REMOVE)
			v[count++] = d;
	}
	if (!is_sorted(v, count))
		qsort(v, count, sizeof(*v), by_slot);
	for (size_t i = 0; i < count; i++)
		slot_append(slot_for(s, draft_task(v[i]), global), v[i]);
	mem_free(v);
}

void
slots_fini(struct slots *s)
{
	for (size_t i = 0; i < s->count; i++) {
		mem_free(s->v[i]->v);
		mem_free(s->v[i]);
	}
	mem_free(s->v);
	*s = (struct slots){ 0 };
}

bool
slot_is_live(const struct slot *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (!s->v[i]->deleted &&
		    draft_task(s->v[i])->desired_state <= TASK_RUNNING)
			return true;
	return false;
}

struct draft *
slot_newest(const struct slot *s)
{
	for (size_t i = s->count; i > 0; i--)
		if (!s->v[i - 1]->deleted)
			return s->v[i - 1];
	return NULL;
}
