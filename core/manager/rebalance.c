/* rebalance.c - see rebalance.h. */
#include "core/manager/rebalance.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/scheduler_group.h"

bool
rebalance_moves(const struct service *s, const struct task *t)
{
	size_t lo = 0, hi = s->moving.count;

	if (t->desired_state > TASK_RUNNING)
		return false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = strcmp(s->moving.v[mid], t->head.id);

		if (r == 0)
			return true;
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* One at work on the plan: which tasks there are, and where they would be. */
struct finder {
	struct places ps;
	const struct task **tasks; /* that may move */
	size_t count;
	uint32_t *want; /* by slot of the place: how many would be there */
	uint32_t *have;
};

static bool
may_move(const struct finder *f, const struct task *t)
{
	const struct place *p;

	if (!place_task_holds(t) || t->desired_state > TASK_RUNNING)
		return false;
	p = places_get(&f->ps, t->node_id);
	return p != NULL && bit_get(f->ps.ready, p->slot);
}

/* Takes all that may move from their places. */
static void
lift(struct finder *f, struct task_span all)
{
	f->tasks = mem_new_array(all.count + 1, sizeof(*f->tasks));
	f->want = mem_new_array(f->ps.slot_cap + 1, sizeof(*f->want));
	f->have = mem_new_array(f->ps.slot_cap + 1, sizeof(*f->have));
	for (size_t i = 0; i < all.count; i++)
		if (may_move(f, all.v[i]))
			f->tasks[f->count++] = all.v[i];
	for (size_t i = 0; i < f->count; i++) {
		struct place *p = places_get(&f->ps, f->tasks[i]->node_id);

		places_task(&f->ps, f->tasks[i], NULL);
		f->have[p->slot]++;
		p->stay++;
	}
}

/* Places as many as a new one of the service after the other. */
static void
place_anew(struct finder *f, const struct service *s, struct now now)
{
	struct task *like = object_new(OBJECT_TASK);
	struct group g;
	struct place *p;

	like->head.id = "";
	like->service_id = s->head.id;
	like->spec_version = s->spec_version;
	like->desired_state = TASK_RUNNING;
	like->spec = s->spec.task;
	like->endpoint = s->spec.endpoint;
	group_begin(&g, &f->ps, like, now);
	group_rank(&g);
	for (size_t i = 0; i < f->count; i++) {
		p = group_next(&g);
		if (p == NULL)
			break;
		group_take(&g);
		f->want[p->slot]++;
	}
	group_end(&g);
	object_unref(like);
}

/* Those that go first when a node has too many. */
static int
by_readiness_to_go(const void *x, const void *y)
{
	const struct task *a = *(const struct task *const *)x;
	const struct task *b = *(const struct task *const *)y;
	bool a_runs = a->status.state == TASK_RUNNING;
	bool b_runs = b->status.state == TASK_RUNNING;

	if (a_runs != b_runs)
		return a_runs ? 1 : -1;
	if (a->slot != b->slot)
		return a->slot > b->slot ? -1 : 1;
	return strcmp(a->head.id, b->head.id);
}

static int
by_slot(const void *x, const void *y)
{
	const struct rebalance_move *a = x, *b = y;

	if (a->task->slot != b->task->slot)
		return a->task->slot < b->task->slot ? -1 : 1;
	return strcmp(a->task->head.id, b->task->head.id);
}

/* From where there are too many to where there are too few, by node id. */
static size_t
pair(struct finder *f, struct rebalance_move *moves)
{
	size_t count = 0, at = 0;

	qsort(f->tasks, f->count, sizeof(*f->tasks), by_readiness_to_go);
	for (size_t i = 0; i < f->count; i++) {
		struct place *from = places_get(&f->ps, f->tasks[i]->node_id);
		struct place *to;

		if (f->have[from->slot] <= f->want[from->slot])
			continue;
		while (at < f->ps.count &&
		       f->have[f->ps.v[at]->slot] >= f->want[f->ps.v[at]->slot])
			at++;
		if (at == f->ps.count)
			break; /* the rest has nowhere to go */
		to = f->ps.v[at];
		f->have[from->slot]--;
		f->have[to->slot]++;
		moves[count++] = (struct rebalance_move){ f->tasks[i],
							  to->node->head.id };
	}
	return count;
}

size_t
rebalance_find(const struct state *state, const struct service *s,
	       struct now now, uint64_t hash_seed, struct arena *a,
	       struct rebalance_move **ret)
{
	struct finder f = { 0 };
	size_t count;

	places_init(&f.ps, hash_seed);
	places_load(&f.ps, state, now);
	lift(&f, state_tasks_of_service(state, s->head.id));
	place_anew(&f, s, now);
	*ret = arena_array(a, f.count, sizeof(**ret));
	count = pair(&f, *ret);
	check(count <= f.count);
	qsort(*ret, count, sizeof(**ret), by_slot);
	mem_free(f.tasks);
	mem_free(f.want);
	mem_free(f.have);
	places_fini(&f.ps);
	return count;
}
