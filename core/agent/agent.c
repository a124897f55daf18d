/* agent.c - the worker's door: assignments, reports and time come in. */
#include "core/agent/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/agent/agent_impl.h"
#include "core/base/check.h"
#include "core/base/ip.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/naming.h"
#include "core/model/strings.h"

static void
set_subnet(struct agent *a, const char *cidr)
{
	struct ip_net n;

	check(ip_net_parse(cidr, &n) && ip_is_v4(&n.ip));
	check(n.bits >= 96 + 8 && n.bits <= 96 + 29);
	a->subnet_bits = n.bits - 96;
	a->subnet_size = UINT32_C(1) << (32 - a->subnet_bits);
	a->subnet = ip_v4(&n.ip) & ~(a->subnet_size - 1);
}

struct agent *
agent_new(const struct agent_config *config, struct now now)
{
	struct agent *a = mem_new(sizeof(*a));

	a->rand_state = config->rand_state;
	a->node_id = mem_strdup(config->node_id);
	a->description = config->description;
	set_subnet(a, config->egress_subnet);
	arena_init(&a->out_arena);
	a->now = now;
	return a;
}

void
agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->count; i++)
		job_free(a->jobs[i]);
	mem_free(a->jobs);
	out_fini(a);
	mem_free(a->node_id);
	mem_free(a);
}

int
agent_load(struct agent *a, const char *task_id, const void *row, size_t len,
	   struct err *e)
{
	struct job *j;
	int r;

	if (a->count >= JOBS_MAX)
		return err_set(e, -E2BIG, "more than %d tasks are stored",
			       JOBS_MAX);
	if (job_find(a, task_id) != NULL)
		return err_set(e, -EEXIST, "task %s is stored twice", task_id);
	j = job_add(a, task_id);
	r = job_unpack(j, row, len, e);
	if (r < 0) {
		job_drop(a, j);
		return err_wrap(e, r, "the stored task %s cannot be read",
				task_id);
	}
	j->r.status.container = &j->r.container;
	j->assigned = true; /* until the managers say otherwise */
	return 0;
}

/* ---- assignments ------------------------------------------------------ */

/* A task that is new here. What ended elsewhere in time needs nothing. */
static void
assign_new(struct agent *a, const struct task *t)
{
	struct job *j;

	if (task_state_ended(t->status.state) || a->count >= JOBS_MAX)
		return;
	j = job_add(a, t->head.id);
	job_set_task(j, t);
	j->assigned = true;
	j->r.status.state = t->status.state;
	if (t->status.state >= TASK_STARTING)
		life_lost(a, j);
	life_step(a, j);
}

static void
assign(struct agent *a, const struct task *t)
{
	struct job *j = job_find(a, t->head.id);

	if (j == NULL) {
		assign_new(a, t);
		return;
	}
	j->assigned = true;
	if (j->task == NULL || t->desired_state > j->task->desired_state) {
		job_set_task(j, t);
		j->row_dirty = true;
	}
	if (t->status.state < j->r.status.state)
		j->status_dirty = true; /* they have not heard of it */
	life_step(a, j);
}

void
agent_assign(struct agent *a, const struct task *t, struct now now)
{
	out_begin(a, now);
	check(a->scanned);
	assign(a, t);
}

static void
unassign(struct agent *a, struct job *j)
{
	j->assigned = false;
	life_step(a, j);
}

void
agent_unassign(struct agent *a, const char *task_id, struct now now)
{
	struct job *j = job_find(a, task_id);

	out_begin(a, now);
	if (j != NULL)
		unassign(a, j);
}

static int
by_id(const void *x, const void *y)
{
	const struct task *a = *(const struct task *const *)x;
	const struct task *b = *(const struct task *const *)y;

	return strcmp(a->head.id, b->head.id);
}

/* Both are in the order of ids: one walk tells who is in no more. */
static void
unassign_others(struct agent *a, const struct task *const *sorted, size_t count)
{
	size_t at = count;

	for (size_t i = a->count; i > 0; i--) {
		struct job *j = a->jobs[i - 1];

		while (at > 0 && strcmp(sorted[at - 1]->head.id, j->id) > 0)
			at--;
		if (at == 0 || !str_eq(sorted[at - 1]->head.id, j->id))
			unassign(a, j);
	}
}

void
agent_assign_all(struct agent *a, const struct task *const *set, size_t count,
		 struct now now)
{
	const struct task **sorted = mem_new_array(count + 1, sizeof(*sorted));

	out_begin(a, now);
	check(a->scanned);
	for (size_t i = 0; i < count; i++)
		sorted[i] = set[i];
	qsort(sorted, count, sizeof(*sorted), by_id);
	unassign_others(a, sorted, count);
	for (size_t i = 0; i < count; i++)
		assign(a, sorted[i]);
	mem_free(sorted);
}

/* ---- reports ---------------------------------------------------------- */

static void
scanned(struct agent *a)
{
	bool ports = false;

	a->scanned = true;
	for (size_t i = 0; i < a->count; i++)
		ports |= job_is_live(a->jobs[i]) &&
			 a->jobs[i]->r.ports.count > 0;
	if (ports)
		out_ports(a);
	for (size_t i = a->count; i > 0; i--)
		life_adopt(a, a->jobs[i - 1]);
}

void
agent_report(struct agent *a, const struct runner_report *r, struct now now)
{
	struct job *j;

	out_begin(a, now);
	if (r->news == RUNNER_SCANNED) {
		scanned(a);
		return;
	}
	j = job_find(a, r->task_id);
	if (j == NULL) {
		if (r->news != RUNNER_FOUND || a->count >= JOBS_MAX)
			return;
		j = job_add(a, r->task_id); /* nobody's: it will go */
	}
	life_report(a, j, r);
}

void
agent_tick(struct agent *a, struct now now)
{
	out_begin(a, now);
	for (size_t i = 0; i < a->count; i++)
		life_tick(a, a->jobs[i]);
}

void
agent_alone(struct agent *a, bool alone, struct now now)
{
	out_begin(a, now);
	if (a->alone == alone)
		return;
	a->alone = alone;
	for (size_t i = a->count; i > 0; i--)
		life_step(a, a->jobs[i - 1]);
}

bool
agent_take_back(struct agent *a, const char *task_id, struct now now)
{
	struct job *j = job_find(a, task_id);

	out_begin(a, now);
	return j != NULL && a->alone && life_take_back(a, j);
}

void
agent_tell_all(struct agent *a, struct now now)
{
	out_begin(a, now);
	for (size_t i = 0; i < a->count; i++) {
		struct job *j = a->jobs[i];

		if (!j->assigned || j->r.status.state < TASK_ACCEPTED)
			continue;
		j->status_dirty = true;
		out_flush(a, j);
	}
}

/*
 * A task without its image is rejected at once and tried again by the
 * managers, so nothing waits here.
 */
void
agent_images_changed(struct agent *a, struct now now)
{
	out_begin(a, now);
}

uint64_t
agent_deadline(const struct agent *a)
{
	uint64_t at = UINT64_MAX;

	for (size_t i = 0; i < a->count; i++)
		at = min_u64(at, life_deadline(a->jobs[i]));
	return at;
}

void
agent_leave(struct agent *a, struct now now)
{
	out_begin(a, now);
	a->leaving = true;
	for (size_t i = a->count; i > 0; i--)
		life_step(a, a->jobs[i - 1]);
}

void
agent_images(const struct agent *a, struct arena *arena, struct strings *ret)
{
	*ret = (struct strings){ 0 };
	for (size_t i = 0; i < a->count; i++) {
		const struct task *t = a->jobs[i]->task;

		if (t != NULL && t->spec.container != NULL &&
		    !task_state_ended(a->jobs[i]->r.status.state))
			strings_add(ret, arena, t->spec.container->image);
	}
}

bool
agent_has_ended(const struct agent *a, const char *task_id)
{
	const struct job *j = job_find(a, task_id);

	return j == NULL || j->r.phase >= JOB_ENDED;
}

bool
agent_is_empty(const struct agent *a)
{
	return a->count == 0;
}

size_t
agent_count(const struct agent *a, size_t *ret_running)
{
	size_t count = 0, running = 0;

	for (size_t i = 0; i < a->count; i++) {
		const struct job *j = a->jobs[i];

		count += j->task != NULL && j->r.ordered;
		running += j->r.phase == JOB_RUNNING ||
			   (j->r.phase == JOB_STOPPING && j->r.started_at != 0);
	}
	*ret_running = running;
	return count;
}
