/*
 * runner.c - a container runner that is slow and fails: containers outlive
 * the daemon, reports to a daemon that died are lost.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "test/sim/sim.h"

static struct container *
find(struct world *w, const char *task_id)
{
	for (size_t i = 0; i < w->container_count; i++)
		if (strcmp(w->containers[i].task_id, task_id) == 0)
			return &w->containers[i];
	return NULL;
}

static void
forget(struct world *w, struct container *c)
{
	size_t at = (size_t)(c - w->containers);

	w->container_count--;
	memmove(c, c + 1, (w->container_count - at) * sizeof(*c));
}

static void
report(struct world *w, const struct container *c, enum runner_news news,
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
		r.exit_code = !w->calm && dice(w, 3) == 0;
		r.timed_out = !w->calm && dice(w, 6) == 0;
	}
	world_trace(w, "report %d of %.5s phase %d %s", news, id, r.phase,
		    err ? err : "");
	world_give(w, &ev);
}

void
runner_refuse(struct world *w)
{
	struct container c = { 0 };

	memcpy(c.task_id, w->refused, sizeof(c.task_id));
	w->refused[0] = '\0';
	report(w, &c, RUNNER_PORT_LOST, "the port is in use");
}

static uint64_t
duration(struct world *w, enum runner_verb verb)
{
	uint64_t most = verb == RUNNER_STOP && !w->calm ? 12000 : 400;

	return w->now.mono_ms + 1 + dice(w, most);
}

/* What starts something must be remembered on the disk by then, or a crash
 * would leave a container that nobody knows. */
static void
check_remembered(struct world *w, const struct runner_order *o)
{
	if (o->verb != RUNNER_PREPARE && o->verb != RUNNER_START)
		return;
	if (disk_row(&w->disk, TABLE_WORKER, o->task_id) == NULL)
		world_fail(w,
			   "order %d for %s came before its row was on the "
			   "disk",
			   o->verb, o->task_id);
}

/* What runs keeps its address for itself. */
static void
check_address(struct world *w, const struct runner_order *o)
{
	if (o->verb != RUNNER_PREPARE || o->address == NULL)
		return;
	for (size_t i = 0; i < w->container_count; i++) {
		const struct container *c = &w->containers[i];

		if (c->phase == RUNNER_PHASE_RUNNING &&
		    strcmp(c->task_id, o->task_id) != 0 &&
		    strcmp(c->address, o->address) == 0)
			world_fail(w, "%s and %s both get %s", o->task_id,
				   c->task_id, o->address);
	}
}

static void
note_task(struct container *c, const struct runner_order *o)
{
	if (o->verb != RUNNER_PREPARE)
		return;
	c->image = str_eq(o->task->spec.container->image, "img:1");
	snprintf(c->address, sizeof(c->address), "%s", str_or(o->address, ""));
}

void
runner_take(struct world *w, const struct runner_order *o)
{
	struct container *c = find(w, o->task_id);

	check_remembered(w, o);
	check_address(w, o);
	world_trace(w, "order %d for %.5s", o->verb, o->task_id);
	if (c == NULL) {
		if (w->container_count == CONTAINERS_MAX) {
			world_fail(w, "more than %d containers",
				   CONTAINERS_MAX);
			return;
		}
		if (o->verb != RUNNER_PREPARE && o->verb != RUNNER_REMOVE &&
		    o->verb != RUNNER_STOP)
			world_fail(w, "order %d for %s, which has no container",
				   o->verb, o->task_id);
		c = &w->containers[w->container_count++];
		memset(c, 0, sizeof(*c));
		snprintf(c->task_id, sizeof(c->task_id), "%s", o->task_id);
		c->exit_ms = UINT64_MAX;
	} else if (o->verb == RUNNER_PREPARE && c->phase != 0) {
		world_fail(w, "%s is to be prepared again in phase %d",
			   o->task_id, c->phase);
	}
	if (c->todo_count == ARRAY_LEN(c->todo)) {
		world_fail(w, "too many orders wait for %s", o->task_id);
		return;
	}
	note_task(c, o);
	if (c->todo_count == 0)
		c->due_ms = duration(w, o->verb);
	c->probe_id[c->todo_count] = o->probe_id;
	c->todo[c->todo_count++] = o->verb;
}

static bool
fails(struct world *w)
{
	return !w->calm && dice(w, 12) == 0;
}

static void
begin_run(struct world *w, struct container *c)
{
	c->phase = RUNNER_PHASE_RUNNING;
	c->pid = (int64_t)++w->next_pid;
	c->started_at = w->now.wall_ns;
	c->exit_ms = UINT64_MAX;
	if (!w->calm && dice(w, 3) == 0)
		c->exit_ms = w->now.mono_ms + dice(w, 30000);
}

static void
end_run(struct world *w, struct container *c, int64_t code)
{
	c->phase = RUNNER_PHASE_EXITED;
	c->finished_at = w->now.wall_ns;
	c->exit_code = code;
	c->exit_ms = UINT64_MAX;
}

static void
do_start(struct world *w, struct container *c)
{
	if (c->phase != RUNNER_PHASE_CREATED) {
		world_fail(w, "%s is started in phase %d", c->task_id,
			   c->phase);
		return;
	}
	if (fails(w)) {
		report(w, c, RUNNER_FAILED, "cannot start");
		return;
	}
	begin_run(w, c);
	report(w, c, RUNNER_STARTED, NULL);
}

static void
do_prepare(struct world *w, struct container *c)
{
	if (!w->has_image[c->image]) {
		report(w, c, RUNNER_FAILED, "No such image");
		return;
	}
	if (fails(w)) {
		report(w, c, RUNNER_FAILED, "cannot prepare");
		return;
	}
	c->phase = RUNNER_PHASE_CREATED;
	report(w, c, RUNNER_PREPARED, NULL);
}

static void
do_remove(struct world *w, struct container *c)
{
	struct container gone = *c;

	forget(w, c);
	report(w, &gone, RUNNER_REMOVED, NULL);
}

static void
do_stop(struct world *w, struct container *c)
{
	if (c->phase == RUNNER_PHASE_RUNNING)
		end_run(w, c, dice(w, 2) ? 0 : 137);
	report(w, c, RUNNER_EXITED, NULL);
}

static void
carry_out(struct world *w, struct container *c)
{
	enum runner_verb verb = c->todo[0];
	char id[sizeof(c->task_id)];

	memcpy(id, c->task_id, sizeof(id));
	switch (verb) {
	case RUNNER_PREPARE:
		do_prepare(w, c);
		break;
	case RUNNER_START:
		do_start(w, c);
		break;
	case RUNNER_PROBE:
		report(w, c, RUNNER_PROBED, NULL);
		break;
	case RUNNER_STOP:
		do_stop(w, c);
		break;
	case RUNNER_REMOVE:
		do_remove(w, c);
		break;
	}
	/* The report may have brought new orders, or removed it. */
	c = find(w, id);
	if (c == NULL || verb == RUNNER_REMOVE || c->todo_count == 0)
		return; /* the last: the daemon died by it */
	c->todo_count--;
	memmove(c->todo, c->todo + 1, c->todo_count * sizeof(c->todo[0]));
	memmove(c->probe_id, c->probe_id + 1,
		c->todo_count * sizeof(c->probe_id[0]));
	if (c->todo_count > 0)
		c->due_ms = duration(w, c->todo[0]);
}

static uint64_t
due(const struct world *w, const struct container *c)
{
	uint64_t at = c->exit_ms;

	if (c->todo_count > 0 && w->node != NULL)
		at = min_u64(at, c->due_ms);
	return at;
}

uint64_t
runner_due(const struct world *w)
{
	uint64_t at =
		w->node != NULL && w->scan_ms != 0 ? w->scan_ms : UINT64_MAX;

	for (size_t i = 0; i < w->container_count; i++)
		at = min_u64(at, due(w, &w->containers[i]));
	return at;
}

static void
scan(struct world *w)
{
	struct container none = { 0 };
	struct container found[CONTAINERS_MAX];
	size_t count = w->container_count;

	w->scan_ms = 0;
	memcpy(found, w->containers, count * sizeof(found[0]));
	for (size_t i = 0; i < count && w->node != NULL; i++)
		report(w, &found[i], RUNNER_FOUND, NULL);
	if (w->node != NULL)
		report(w, &none, RUNNER_SCANNED, NULL);
}

void
runner_run(struct world *w)
{
	if (w->node != NULL && w->scan_ms != 0 &&
	    w->scan_ms <= w->now.mono_ms) {
		scan(w);
		return;
	}
	for (size_t i = 0; i < w->container_count; i++) {
		struct container *c = &w->containers[i];

		if (due(w, c) > w->now.mono_ms)
			continue;
		if (c->exit_ms <= w->now.mono_ms) {
			end_run(w, c, (int64_t)dice(w, 3));
			if (w->node != NULL && w->scan_ms == 0)
				report(w, c, RUNNER_EXITED, NULL);
		} else {
			carry_out(w, c);
		}
		return;
	}
}

/* What was on its way is done, or half done, or not done. */
static void
half_done(struct world *w, struct container *c)
{
	enum runner_verb verb = c->todo[0];
	bool is_done = dice(w, 2) == 0;

	switch (verb) {
	case RUNNER_PREPARE:
		c->phase = is_done ? RUNNER_PHASE_CREATED : RUNNER_PHASE_GONE;
		break;
	case RUNNER_START:
		if (is_done && c->phase == RUNNER_PHASE_CREATED)
			begin_run(w, c);
		break;
	case RUNNER_PROBE:
		break;
	case RUNNER_STOP:
		if (c->phase == RUNNER_PHASE_RUNNING && is_done)
			end_run(w, c, 137);
		break;
	case RUNNER_REMOVE:
		c->phase = RUNNER_PHASE_GONE;
		c->exit_ms = UINT64_MAX;
		break;
	}
}

void
runner_daemon_died(struct world *w)
{
	size_t i = 0;

	while (i < w->container_count) {
		struct container *c = &w->containers[i];

		if (c->todo_count > 0)
			half_done(w, c);
		c->todo_count = 0;
		if (c->phase == 0)
			forget(w, c);
		else
			i++;
	}
}

void
runner_host_died(struct world *w)
{
	for (size_t i = 0; i < w->container_count; i++) {
		w->containers[i].phase = RUNNER_PHASE_GONE;
		w->containers[i].exit_ms = UINT64_MAX;
	}
}
