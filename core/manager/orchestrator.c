/*
 * orchestrator.c - how many tasks a service should have, and where: the
 * replicated kind fills slots 1..N, the global kind has one task per node
 * (facts 4.1, 4.2).
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/id.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/manager_impl.h"
#include "core/model/naming.h"

static void
copy_endpoint(struct task *t, const struct service *s, struct arena *a)
{
	if (s->spec.endpoint == NULL)
		return;
	t->endpoint = arena_alloc(a, sizeof(*t->endpoint));
	model_copy(&endpoint_spec_type, s->spec.endpoint, a, t->endpoint);
}

/* The service's log driver, else the cluster's default. */
static void
copy_log_driver(const struct work *k, struct task *t, struct arena *a)
{
	const struct cluster *c = state_cluster(k->m->state);
	const struct driver *d = k->s->spec.task.log_driver;
	struct kvs none = { 0 };

	if (d == NULL && c != NULL)
		d = c->spec.task_defaults.log_driver;
	if (d == NULL)
		return;
	t->log_driver = arena_alloc(a, sizeof(*t->log_driver));
	t->log_driver->name = arena_strdup(a, d->name);
	t->log_driver->options = kvs_with(&none, a, "", NULL);
	for (uint32_t i = 0; i < d->options.count; i++)
		t->log_driver->options =
			kvs_with(&t->log_driver->options, a,
				 d->options.v[i].key, d->options.v[i].value);
}

static struct kvs
copy_labels(const struct kvs *from, struct arena *a)
{
	struct kvs to = { arena_array(a, from->count, sizeof(struct kv)),
			  from->count };

	for (uint32_t i = 0; i < from->count; i++)
		to.v[i] = (struct kv){ arena_strdup(a, from->v[i].key),
				       arena_strdup(a, from->v[i].value) };
	return to;
}

struct draft *
orchestrator_new_task(struct work *k, struct slot *slot,
		      enum task_state desired)
{
	struct task *t = object_new(OBJECT_TASK);
	struct arena *a = object_arena(t);
	char id[ID_LEN + 1];
	struct draft *d;

	id_make(k->m->rand_state, id);
	t->head.id = arena_strdup(a, id);
	t->service_id = arena_strdup(a, k->s->head.id);
	t->service_name = arena_strdup(a, k->s->spec.name);
	t->service_labels = copy_labels(&k->s->spec.labels, a);
	t->slot = slot->number;
	t->node_id = arena_strdup(a, slot->node_id);
	t->spec_version = k->s->spec_version;
	t->desired_state = desired;
	model_copy(&task_spec_type, &k->s->spec.task, a, &t->spec);
	copy_endpoint(t, k->s, a);
	copy_log_driver(k, t, a);
	d = plan_add(k->p, t);
	plan_status(k->p, d, TASK_NEW, "created", "");
	slot_append(slot, d);
	k->w->unplaced = true;
	k->m->schedule = true;
	return d;
}

/* Desired REMOVE; what never ran or no longer runs goes at once. */
static void
remove_task(struct work *k, struct draft *d)
{
	int state = draft_task(d)->status.state;

	if (d->deleted)
		return;
	if (state < TASK_ASSIGNED || state > TASK_RUNNING)
		plan_delete(k->p, d);
	else
		plan_desire(k->p, d, TASK_REMOVE);
}

static void
remove_slot(struct work *k, struct slot *slot)
{
	for (size_t i = 0; i < slot->count; i++)
		remove_task(k, slot->v[i]);
}

void
orchestrator_remove(struct work *k, struct task_span tasks)
{
	for (size_t i = 0; i < tasks.count && !plan_is_full(k->p); i++)
		remove_task(k, plan_track(k->p, tasks.v[i]));
}

/* ---- replicated ------------------------------------------------------- */

struct rank { /* of a slot, for scaling down: the least stay */
	struct slot *slot;
	const char *node_id;
	bool running;
	size_t nth; /* of its node */
};

static struct rank
rank_of(struct slot *slot)
{
	struct rank r = { .slot = slot, .node_id = "" };
	size_t live = 0;

	for (size_t i = 0; i < slot->count; i++) {
		const struct task *t = draft_task(slot->v[i]);

		if (slot->v[i]->deleted || t->desired_state > TASK_RUNNING)
			continue;
		live++;
		r.running |= t->status.state == TASK_RUNNING;
		r.node_id = str_or(t->node_id, "");
	}
	if (live != 1)
		r.node_id = "";
	return r;
}

static int
by_running(const void *x, const void *y)
{
	const struct rank *a = x, *b = y;

	if (a->running != b->running)
		return a->running ? -1 : 1;
	return a->slot->number < b->slot->number ? -1 : 1;
}

static int
by_node(const void *x, const void *y)
{
	const struct rank *a = *(struct rank *const *)x;
	const struct rank *b = *(struct rank *const *)y;
	int r = strcmp(a->node_id, b->node_id);

	return r != 0 ? r : (a < b ? -1 : a > b);
}

static int
by_nth(const void *x, const void *y)
{
	const struct rank *a = x, *b = y;

	return a->nth != b->nth ? (a->nth < b->nth ? -1 : 1) : by_running(x, y);
}

/* Which copy on its node each is; slots without one node come last. */
static void
rank_count(struct rank *v, size_t count)
{
	struct rank **sorted = mem_new_array(count, sizeof(struct rank *));
	size_t nth = 0;

	for (size_t i = 0; i < count; i++)
		sorted[i] = &v[i];
	qsort(sorted, count, sizeof(struct rank *), by_node);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && str_eq(sorted[i]->node_id, sorted[i - 1]->node_id))
			nth++;
		else
			nth = 0;
		sorted[i]->nth = sorted[i]->node_id[0] == '\0' ? SIZE_MAX : nth;
	}
	mem_free(sorted);
}

static void
scale_down(struct work *k, struct slot *const *held, size_t count, size_t keep)
{
	struct rank *v = mem_new_array(count, sizeof(struct rank));

	check(keep < count);
	for (size_t i = 0; i < count; i++)
		v[i] = rank_of(held[i]);
	qsort(v, count, sizeof(struct rank), by_running);
	rank_count(v, count);
	qsort(v, count, sizeof(struct rank), by_nth);
	for (size_t i = keep; i < count && !plan_is_full(k->p); i++)
		remove_slot(k, v[i].slot);
	mem_free(v);
}

/* The lowest free numbers; a dead slot with that number lives again. */
static void
scale_up(struct work *k, uint64_t missing)
{
	size_t at = 0, count = k->slots.count; /* sorted by number */

	for (uint64_t n = 1; missing > 0 && !plan_is_full(k->p); n++) {
		struct slot *slot = NULL;

		while (at < count && k->slots.v[at]->number < n)
			at++;
		if (at < count && k->slots.v[at]->number == n)
			slot = k->slots.v[at];
		if (slot != NULL && restart_slot_is_held(slot))
			continue;
		if (slot == NULL)
			slot = slots_add(&k->slots, n, "");
		orchestrator_new_task(k, slot, TASK_RUNNING);
		missing--;
	}
}

void
orchestrator_replicated(struct work *k)
{
	uint64_t want = service_replicas(&k->s->spec);
	struct slot **held =
		mem_new_array(k->slots.count + 1, sizeof(struct slot *));
	size_t count = 0;

	for (size_t i = 0; i < k->slots.count; i++)
		if (restart_slot_is_held(k->slots.v[i]))
			held[count++] = k->slots.v[i];
	if (count > want)
		scale_down(k, held, count, (size_t)want);
	else if (count < want)
		scale_up(k, want - count);
	mem_free(held);
	for (size_t i = 0; i < k->slots.count && !plan_is_full(k->p); i++)
		if (!restart_slot_is_held(k->slots.v[i]))
			remove_slot(k, k->slots.v[i]);
}

/* ---- global ----------------------------------------------------------- */

/* Among the first count slots: those are sorted by node. */
static struct slot *
slot_of_node(const struct work *k, size_t count, const char *node_id)
{
	size_t lo = 0, hi = count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = strcmp(k->slots.v[mid]->node_id, node_id);

		if (r == 0)
			return k->slots.v[mid];
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool
node_is_wanted(const struct work *k, const struct node_object *n)
{
	const struct placement *p = k->s->spec.task.placement;
	struct places *ps = &k->m->places;

	return n->status.state != NODE_DOWN &&
	       n->spec.availability != NODE_DRAIN &&
	       (p == NULL ||
		places_allow(ps, &p->constraints, places_get(ps, n->head.id)));
}

static void
shut_slot(struct work *k, struct slot *slot)
{
	for (size_t i = 0; i < slot->count; i++)
		if (!slot->v[i]->deleted)
			plan_desire(k->p, slot->v[i], TASK_SHUTDOWN);
}

static void
leave_nodes(struct work *k)
{
	for (size_t i = 0; i < k->slots.count && !plan_is_full(k->p); i++) {
		struct slot *slot = k->slots.v[i];
		const struct node_object *n =
			state_get(k->m->state, OBJECT_NODE, slot->node_id);

		if (n == NULL)
			for (size_t j = 0; j < slot->count; j++)
				plan_delete(k->p, slot->v[j]);
		else if (!node_is_wanted(k, n))
			shut_slot(k, slot);
	}
}

static void
cover_node(struct work *k, size_t sorted, const struct node_object *n)
{
	struct slot *slot = slot_of_node(k, sorted, n->head.id);

	if (n->spec.availability == NODE_PAUSE || !node_is_wanted(k, n))
		return;
	if (slot != NULL && restart_slot_is_held(slot))
		return;
	if (slot == NULL)
		slot = slots_add(&k->slots, 0, n->head.id);
	orchestrator_new_task(k, slot, TASK_RUNNING);
}

void
orchestrator_global(struct work *k)
{
	size_t count = state_count(k->m->state, OBJECT_NODE);
	size_t sorted = k->slots.count;

	leave_nodes(k);
	for (size_t i = 0; i < count && !plan_is_full(k->p); i++)
		cover_node(k, sorted, state_at(k->m->state, OBJECT_NODE, i));
}
