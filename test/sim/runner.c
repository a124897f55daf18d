/*
 * runner.c - a container runner that is slow and fails: containers outlive
 * the daemon, reports to a daemon that died are lost.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "test/sim/sim.h"

static void arm(struct host *h);

static struct container *
find(struct host *h, const char *task_id)
{
	for (size_t i = 0; i < h->container_count; i++)
		if (strcmp(h->containers[i].task_id, task_id) == 0)
			return &h->containers[i];
	return NULL;
}

static void
forget(struct host *h, struct container *c)
{
	size_t at = (size_t)(c - h->containers);

	h->container_count--;
	memmove(c, c + 1, (h->container_count - at) * sizeof(*c));
}

static void
report(struct host *h, const struct container *c, enum runner_news news,
       const char *err)
{
	struct runner_report r = { .news = news,
				   .task_id = c->task_id,
				   .pid = c->pid,
				   .started_at = c->started_at,
				   .finished_at = c->finished_at,
				   .exit_code = c->exit_code,
				   .phase = c->phase,
				   .err = err };
	struct event ev = { .type = EVENT_RUNNER, .report = &r };
	char id[sizeof(c->task_id)];

	/* The container may move while the node takes the report. */
	memcpy(id, c->task_id, sizeof(id));
	r.task_id = id;
	if (news == RUNNER_PROBED) {
		r.probe_id = c->probe_id[0];
		r.exit_code = !h->w->calm && dice(h->w, 3) == 0;
		r.timed_out = !h->w->calm && dice(h->w, 6) == 0;
	}
	world_trace(h->w, "report %d of %.5s phase %d %s", news, id, r.phase,
		    err ? err : "");
	host_give(h, &ev);
}

static void
on_refused(struct world *w, void *ctx, uint64_t daemon)
{
	struct host *h = ctx;
	struct container c = { 0 };

	(void)w;
	if (h->daemon != daemon || h->refused[0] == '\0')
		return;
	memcpy(c.task_id, h->refused, sizeof(c.task_id));
	h->refused[0] = '\0';
	report(h, &c, RUNNER_PORT_LOST, "the port is in use");
}

void
runner_refuse(struct host *h)
{
	world_at(h->w, h, h->w->us + 1000, on_refused, h, h->daemon);
}

static uint64_t
duration(struct host *h, enum runner_verb verb)
{
	uint64_t most = verb == RUNNER_STOP && !h->w->calm ? 12000 : 400;

	return h->w->us + 1000 + dice(h->w, most * US_PER_MS);
}

/* What starts something must be remembered on the disk by then, or a crash
 * would leave a container that nobody knows. */
static void
check_remembered(struct host *h, const struct runner_order *o)
{
	if (o->verb != RUNNER_PREPARE && o->verb != RUNNER_START)
		return;
	/* Who leaves while the disk is full waits for no row any more. */
	if (h->disk_full && node_state(h->node) == NULL)
		return;
	if (disk_row(&h->disk, TABLE_WORKER, o->task_id) == NULL)
		world_fail(h->w,
			   "order %d for %s came before its row was on the "
			   "disk",
			   o->verb, o->task_id);
}

static bool
is_to_go(const struct container *c)
{
	for (size_t i = 0; i < c->todo_count; i++)
		if (c->todo[i] == RUNNER_REMOVE)
			return true;
	return false;
}

/* What runs keeps its address for itself. */
static void
check_address(struct host *h, const struct runner_order *o)
{
	if (o->verb != RUNNER_PREPARE || o->address == NULL)
		return;
	for (size_t i = 0; i < h->container_count; i++) {
		const struct container *c = &h->containers[i];

		if (c->phase == RUNNER_PHASE_RUNNING && !is_to_go(c) &&
		    strcmp(c->task_id, o->task_id) != 0 &&
		    strcmp(c->address, o->address) == 0)
			world_fail(h->w, "%s and %s both get %s", o->task_id,
				   c->task_id, o->address);
	}
}

static void
note_task(struct container *c, const struct runner_order *o)
{
	if (o->verb != RUNNER_PREPARE)
		return;
	c->image = str_eq(o->task->spec.container->image, "img:1");
	snprintf(c->slot_of, sizeof(c->slot_of), "%s.%llu %llu",
		 o->task->service_id, (unsigned long long)o->task->slot,
		 (unsigned long long)o->task->spec_version);
	snprintf(c->address, sizeof(c->address), "%s", str_or(o->address, ""));
}

void
runner_take(struct host *h, const struct runner_order *o)
{
	struct container *c = find(h, o->task_id);

	check_remembered(h, o);
	check_address(h, o);
	world_trace(h->w, "order %d for %.5s", o->verb, o->task_id);
	if (c == NULL) {
		h->containers =
			mem_grow(h->containers, h->container_count,
				 &h->container_cap, sizeof(*h->containers));
		if (h->container_count == CONTAINERS_MAX) {
			world_fail(h->w, "more than %d containers",
				   CONTAINERS_MAX);
			return;
		}
		if (o->verb != RUNNER_PREPARE && o->verb != RUNNER_REMOVE &&
		    o->verb != RUNNER_STOP)
			world_fail(h->w,
				   "order %d for %s, which has no container",
				   o->verb, o->task_id);
		c = &h->containers[h->container_count++];
		memset(c, 0, sizeof(*c));
		snprintf(c->task_id, sizeof(c->task_id), "%s", o->task_id);
		c->exit_us = UINT64_MAX;
	} else if (o->verb == RUNNER_PREPARE && c->phase != 0) {
		world_fail(h->w, "%s is to be prepared again in phase %d",
			   o->task_id, c->phase);
	}
	if (c->todo_count == ARRAY_LEN(c->todo)) {
		world_fail(h->w, "too many orders wait for %s", o->task_id);
		return;
	}
	note_task(c, o);
	if (c->todo_count == 0)
		c->due_us = duration(h, o->verb);
	c->probe_id[c->todo_count] = o->probe_id;
	c->todo[c->todo_count++] = o->verb;
	arm(h);
}

static bool
fails(struct host *h)
{
	return !h->w->calm && dice(h->w, 12) == 0;
}

static void
begin_run(struct host *h, struct container *c)
{
	c->phase = RUNNER_PHASE_RUNNING;
	c->pid = (int64_t)++h->next_pid;
	c->started_at = host_now(h).wall_ns;
	c->exit_us = UINT64_MAX;
	if (!h->w->calm && dice(h->w, 3) == 0)
		c->exit_us = h->w->us + dice(h->w, 30 * US_PER_S);
}

static void
end_run(struct host *h, struct container *c, int64_t code)
{
	c->phase = RUNNER_PHASE_EXITED;
	c->finished_at = host_now(h).wall_ns;
	c->exit_code = code;
	c->exit_us = UINT64_MAX;
}

static void
do_start(struct host *h, struct container *c)
{
	if (c->phase != RUNNER_PHASE_CREATED) {
		world_fail(h->w, "%s is started in phase %d", c->task_id,
			   c->phase);
		return;
	}
	if (fails(h)) {
		report(h, c, RUNNER_FAILED, "cannot start");
		return;
	}
	begin_run(h, c);
	report(h, c, RUNNER_STARTED, NULL);
}

static void
do_prepare(struct host *h, struct container *c)
{
	if (!h->has_image[c->image]) {
		report(h, c, RUNNER_FAILED, "No such image");
		return;
	}
	if (fails(h)) {
		report(h, c, RUNNER_FAILED, "cannot prepare");
		return;
	}
	c->phase = RUNNER_PHASE_CREATED;
	report(h, c, RUNNER_PREPARED, NULL);
}

static void
do_remove(struct host *h, struct container *c)
{
	struct container gone = *c;

	forget(h, c);
	report(h, &gone, RUNNER_REMOVED, NULL);
}

static void
do_stop(struct host *h, struct container *c)
{
	if (c->phase == RUNNER_PHASE_RUNNING)
		end_run(h, c, dice(h->w, 2) ? 0 : 137);
	report(h, c, RUNNER_EXITED, NULL);
}

static void
carry_out(struct host *h, struct container *c)
{
	enum runner_verb verb = c->todo[0];
	char id[sizeof(c->task_id)];

	memcpy(id, c->task_id, sizeof(id));
	switch (verb) {
	case RUNNER_PREPARE:
		do_prepare(h, c);
		break;
	case RUNNER_START:
		do_start(h, c);
		break;
	case RUNNER_PROBE:
		report(h, c, RUNNER_PROBED, NULL);
		break;
	case RUNNER_STOP:
		do_stop(h, c);
		break;
	case RUNNER_REMOVE:
		do_remove(h, c);
		break;
	}
	/* The report may have brought new orders, or removed it. */
	c = find(h, id);
	if (c == NULL || verb == RUNNER_REMOVE || c->todo_count == 0)
		return; /* the last: the daemon died by it */
	c->todo_count--;
	memmove(c->todo, c->todo + 1, c->todo_count * sizeof(c->todo[0]));
	memmove(c->probe_id, c->probe_id + 1,
		c->todo_count * sizeof(c->probe_id[0]));
	if (c->todo_count > 0)
		c->due_us = duration(h, c->todo[0]);
}

static uint64_t
due(const struct host *h, const struct container *c)
{
	uint64_t at = c->exit_us;

	if (c->todo_count > 0 && h->node != NULL)
		at = min_u64(at, c->due_us);
	return at;
}

static uint64_t
next_due(const struct host *h)
{
	uint64_t at =
		h->node != NULL && h->scan_us != 0 ? h->scan_us : UINT64_MAX;

	for (size_t i = 0; i < h->container_count; i++)
		at = min_u64(at, due(h, &h->containers[i]));
	return at;
}

static struct container *
copy_containers(const struct host *h)
{
	struct container *v = mem_new_array(h->container_count + 1, sizeof(*v));

	if (h->container_count > 0)
		memcpy(v, h->containers, h->container_count * sizeof(*v));
	return v;
}

static void
scan(struct host *h)
{
	struct container none = { 0 };
	size_t count = h->container_count;
	struct container *found = copy_containers(h);

	h->scan_us = 0;
	for (size_t i = 0; i < count && h->node != NULL; i++)
		report(h, &found[i], RUNNER_FOUND, NULL);
	mem_free(found);
	if (h->node != NULL)
		report(h, &none, RUNNER_SCANNED, NULL);
}

/* The one thing that is due first. */
static void
run_one(struct host *h)
{
	for (size_t i = 0; i < h->container_count; i++) {
		struct container *c = &h->containers[i];

		if (due(h, c) > h->w->us)
			continue;
		if (c->exit_us <= h->w->us) {
			end_run(h, c, (int64_t)dice(h->w, 3));
			if (h->node != NULL && h->scan_us == 0)
				report(h, c, RUNNER_EXITED, NULL);
		} else {
			carry_out(h, c);
		}
		return;
	}
}

static void
on_due(struct world *w, void *ctx, uint64_t at_us)
{
	struct host *h = ctx;

	if (h->runner_us != at_us)
		return;
	h->runner_us = UINT64_MAX;
	if (h->node != NULL && h->scan_us != 0 && h->scan_us <= w->us)
		scan(h);
	else
		run_one(h);
	arm(h);
}

static void
arm(struct host *h)
{
	uint64_t at = next_due(h);

	if (at >= h->runner_us)
		return;
	h->runner_us = max_u64(at, h->w->us);
	world_at(h->w, h, h->runner_us, on_due, h, h->runner_us);
}

void
runner_arm(struct host *h)
{
	arm(h);
}

void
runner_started(struct host *h)
{
	h->scan_us = h->w->us + 1000 + dice(h->w, 300 * US_PER_MS);
	arm(h);
}

size_t
runner_running(const struct host *h, const char *task_id)
{
	for (size_t i = 0; i < h->container_count; i++)
		if (strcmp(h->containers[i].task_id, task_id) == 0)
			return h->containers[i].phase == RUNNER_PHASE_RUNNING;
	return 0;
}

/* What was on its way is done, or half done, or not done. */
static void
half_done(struct host *h, struct container *c)
{
	enum runner_verb verb = c->todo[0];
	bool is_done = dice(h->w, 2) == 0;

	switch (verb) {
	case RUNNER_PREPARE:
		c->phase = is_done ? RUNNER_PHASE_CREATED : RUNNER_PHASE_GONE;
		break;
	case RUNNER_START:
		if (is_done && c->phase == RUNNER_PHASE_CREATED)
			begin_run(h, c);
		break;
	case RUNNER_PROBE:
		break;
	case RUNNER_STOP:
		if (c->phase == RUNNER_PHASE_RUNNING && is_done)
			end_run(h, c, 137);
		break;
	case RUNNER_REMOVE:
		c->phase = RUNNER_PHASE_GONE;
		c->exit_us = UINT64_MAX;
		break;
	}
}

void
runner_daemon_died(struct host *h)
{
	size_t i = 0;

	while (i < h->container_count) {
		struct container *c = &h->containers[i];

		if (c->todo_count > 0)
			half_done(h, c);
		c->todo_count = 0;
		if (c->phase == 0)
			forget(h, c);
		else
			i++;
	}
	arm(h);
}

void
runner_host_died(struct host *h)
{
	for (size_t i = 0; i < h->container_count; i++) {
		h->containers[i].phase = RUNNER_PHASE_GONE;
		h->containers[i].exit_us = UINT64_MAX;
	}
}
