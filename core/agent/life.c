/*
 * life.c - the life of one task on this host (facts 3.2, 10.3): what it
 * should come to, what the runner says, what to order next.
 */
#include <stdio.h>
#include <string.h>

#include "core/agent/agent_impl.h"
#include "core/base/check.h"
#include "core/base/id.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/expand.h"
#include "core/model/naming.h"

/* ---- what the managers are told --------------------------------------- */

/* States only grow; message NULL keeps what was said before. */
static void
set_state(struct agent *a, struct job *j, enum task_state state,
	  const char *message, const char *err)
{
	struct task_status *s = &j->r.status;

	if (s->state > (int)state)
		return;
	s->state = state;
	s->timestamp = a->now.wall_ns;
	if (message != NULL)
		s->message = message;
	s->err = arena_strdup(&j->arena, err);
	j->row_dirty = j->status_dirty = true;
}

static void
show_container(struct job *j)
{
	j->r.container.container_id = j->r.container_id;
	j->row_dirty = true;
}

static void
set_health(struct job *j)
{
	const char *name = health_name(j->health.state);

	if (str_eq(j->r.status.health, name))
		return;
	j->r.status.health = name;
	j->row_dirty = j->status_dirty = true;
}

/* Before STARTING a failure is a rejection. */
static void
set_failed(struct agent *a, struct job *j, const char *why)
{
	set_state(a, j,
		  j->r.status.state < TASK_STARTING ? TASK_REJECTED
						    : TASK_FAILED,
		  NULL, str_or(why, "the container runner gave no reason"));
}

static void
enter(struct agent *a, struct job *j, enum job_phase phase)
{
	bool had_ports = job_is_live(j) && j->r.ports.count > 0;

	j->r.phase = phase;
	j->row_dirty = true;
	if (had_ports && !job_is_live(j))
		out_ports(a);
}

static void
end(struct agent *a, struct job *j)
{
	check(task_state_ended(j->r.status.state));
	j->health = (struct health){ .next_ms = UINT64_MAX };
	enter(a, j, JOB_ENDED);
}

/* ---- orders ----------------------------------------------------------- */

static void
order_stop(struct agent *a, struct job *j)
{
	const struct container_spec *c = j->task->spec.container;
	struct runner_order *o;

	enter(a, j, JOB_STOPPING);
	o = out_order(a, j, RUNNER_STOP, NULL);
	if (c != NULL && !str_empty(c->stop_signal))
		o->signal = arena_strdup(&a->out_arena, c->stop_signal);
	o->grace_ns = stop_grace_ns(&j->task->spec);
}

static void
order_remove(struct agent *a, struct job *j)
{
	enter(a, j, JOB_REMOVING);
	j->retry_ms = UINT64_MAX;
	out_order(a, j, RUNNER_REMOVE, NULL);
}

static void
order_start(struct agent *a, struct job *j)
{
	set_state(a, j, TASK_STARTING, "starting", "");
	enter(a, j, JOB_STARTING);
	out_order(a, j, RUNNER_START, NULL);
}

static struct expand_names
names_of(const struct agent *a, const struct job *j, struct arena *arena)
{
	const struct task *t = j->task;

	return (struct expand_names){
		.service_id = t->service_id,
		.service_name = t->service_name,
		.service_labels = t->service_labels,
		.node_id = a->node_id,
		.node_hostname = a->description->hostname,
		.node_os = a->description->platform.os,
		.node_arch = a->description->platform.architecture,
		.task_id = t->head.id,
		.task_name = j->r.name,
		.task_slot =
			t->slot == 0
				? a->node_id
				: arena_printf(arena, "%llu",
					       (unsigned long long)t->slot),
	};
}

/* The container's names and what it gets of this host. */
static int
furnish(struct agent *a, struct job *j, struct err *e)
{
	char id[CONTAINER_ID_LEN + 1];
	const char *slash;
	int r;

	if (str_empty(j->r.container_id)) {
		container_id_make(a->rand_state, id);
		j->r.container_id = arena_strdup(&j->arena, id);
		j->r.name = task_name(j->task, &j->arena);
	}
	r = place_address(a, j, e);
	if (r < 0)
		return r;
	r = place_ports(a, j, e);
	if (r < 0)
		return r;
	if (j->r.address != NULL) {
		slash = strchr(j->r.address, '/');
		j->r.status.address =
			arena_strndup(&j->arena, j->r.address,
				      (size_t)(slash - j->r.address));
	}
	j->r.status.ports.ports.v = j->r.ports.v;
	j->r.status.ports.ports.count = j->r.ports.count;
	return 0;
}

static const char *
hostname_of(const struct agent *a, const struct job *j, struct task *t)
{
	if (!str_empty(t->spec.container->hostname))
		return t->spec.container->hostname;
	if (place_net(t) == NET_HOST)
		return a->description->hostname;
	return arena_strndup(object_arena(t), j->r.container_id, 12);
}

static void
order_prepare(struct agent *a, struct job *j, struct task *expanded)
{
	struct arena *arena = &a->out_arena;
	struct runner_order *o;

	set_state(a, j, TASK_PREPARING, "preparing", "");
	enter(a, j, JOB_PREPARING);
	j->r.ordered = true;
	if (j->r.ports.count > 0)
		out_ports(a);
	o = out_order(a, j, RUNNER_PREPARE, expanded);
	o->task = expanded;
	o->container_id = arena_strdup(arena, j->r.container_id);
	o->name = arena_strdup(arena, j->r.name);
	o->hostname = arena_strdup(arena, hostname_of(a, j, expanded));
	o->address = arena_strdup(arena, j->r.address);
	if (o->address != NULL)
		o->gateway = place_gateway(a, arena);
	if (place_net(j->task) == NET_HOST)
		o->network = "host";
	if (place_net(j->task) == NET_NONE)
		o->network = "none";
	o->node_id = arena_strdup(arena, a->node_id);
	o->node_hostname = arena_strdup(arena, a->description->hostname);
	o->labels = place_labels(a, j, arena);
}

static void
prepare(struct agent *a, struct job *j)
{
	struct task *expanded = object_clone(j->task);
	struct arena *arena = object_arena(expanded);
	struct expand_names names;
	struct err e;
	int r;

	set_state(a, j, TASK_ACCEPTED, "accepted", "");
	if (expanded->spec.container == NULL) {
		r = err_set(&e, -1, "the task describes no container");
	} else {
		r = furnish(a, j, &e);
		names = names_of(a, j, arena);
		if (r == 0)
			r = expand_container(expanded->spec.container, &names,
					     arena, &e);
	}
	if (r == 0) {
		order_prepare(a, j, expanded);
		return;
	}
	object_unref(expanded);
	set_failed(a, j, e.msg);
	end(a, j);
}

/* ---- towards what is wanted ------------------------------------------- */

static bool
is_unwanted(const struct agent *a, const struct job *j)
{
	return a->leaving || !j->assigned ||
	       j->task->desired_state >= TASK_SHUTDOWN;
}

static void
forget(struct agent *a, struct job *j)
{
	out_forgotten(a, j->id);
	job_drop(a, j);
}

static void
step_new(struct agent *a, struct job *j)
{
	if (!is_unwanted(a, j)) {
		prepare(a, j);
		return;
	}
	set_state(a, j, TASK_SHUTDOWN, "shutdown", "");
	end(a, j);
}

/* True if the job is no more. */
static bool
step_ended(struct agent *a, struct job *j)
{
	if (j->assigned && !a->leaving)
		return false;
	if (j->r.ordered) {
		order_remove(a, j);
		return false;
	}
	forget(a, j);
	return true;
}

static void ended_by_itself(struct agent *a, struct job *j);

/* It ended while no manager was there. If one is there now, it decides. */
static void
step_waiting(struct agent *a, struct job *j)
{
	if (!is_unwanted(a, j) && a->alone) {
		if (j->restart_ms > a->now.mono_ms)
			return;
		j->r.unhealthy = false;
		order_remove(a, j);
		return;
	}
	if (is_unwanted(a, j))
		set_state(a, j, TASK_SHUTDOWN, "shutdown", "");
	else if (!str_empty(j->r.status.err))
		set_failed(a, j, j->r.status.err);
	else
		ended_by_itself(a, j);
	end(a, j);
}

/* True if it was so, and is now as if its end had not been noticed. */
bool
life_take_back(struct agent *a, struct job *j)
{
	int state = j->r.status.state;

	if (j->r.phase != JOB_ENDED || j->r.started_at == 0 ||
	    (state != TASK_COMPLETE && state != TASK_FAILED))
		return false;
	j->r.status.state = TASK_RUNNING;
	if (!alone_restarts(a, j)) {
		j->r.status.state = state;
		return false;
	}
	j->status_dirty = false;
	out_flush(a, j);
	return true;
}

void
life_step(struct agent *a, struct job *j)
{
	if (!a->scanned || j->task == NULL)
		return;
	if (j->r.phase == JOB_NEW)
		step_new(a, j);
	if (j->r.phase == JOB_WAITING)
		step_waiting(a, j);
	switch ((enum job_phase)j->r.phase) {
	case JOB_READY:
		if (is_unwanted(a, j))
			order_stop(a, j);
		else if (j->task->desired_state >= TASK_RUNNING)
			order_start(a, j);
		break;
	case JOB_PREPARING:
	case JOB_STARTING:
	case JOB_RUNNING:
		if (is_unwanted(a, j))
			order_stop(a, j);
		break;
	case JOB_ENDED:
		if (step_ended(a, j))
			return;
		break;
	case JOB_NEW:
	case JOB_STOPPING:
	case JOB_REMOVING:
	case JOB_WAITING:
		break;
	}
	out_flush(a, j);
}

/* ---- what the runner says --------------------------------------------- */

static void
keep_image_check(struct job *j, const struct healthcheck *check)
{
	if (check == NULL || j->task == NULL)
		return;
	j->r.image_check = arena_alloc(&j->arena, sizeof(*j->r.image_check));
	model_copy(&healthcheck_type, check, &j->arena, j->r.image_check);
}

static void
keep_image(struct job *j, const struct runner_report *r)
{
	keep_image_check(j, r->image_healthcheck);
	if (r->image == NULL || j->task == NULL)
		return;
	j->r.image = arena_alloc(&j->arena, sizeof(*j->r.image));
	model_copy(&runner_image_type, r->image, &j->arena, j->r.image);
}

static void
prepared(struct agent *a, struct job *j, const struct runner_report *r)
{
	if (j->r.phase != JOB_PREPARING)
		return;
	keep_image(j, r);
	set_state(a, j, TASK_READY, "prepared", "");
	enter(a, j, JOB_READY);
}

static void
runs(struct agent *a, struct job *j, int64_t pid, int64_t started_at)
{
	const struct container_spec *c = j->task->spec.container;
	struct healthcheck merged = health_merge(
		c != NULL ? c->healthcheck : NULL, j->r.image_check);
	int64_t age = a->now.wall_ns - started_at;

	j->r.container.pid = pid;
	j->r.started_at = started_at;
	show_container(j);
	j->status_dirty = true;
	if (j->r.phase == JOB_STOPPING)
		return;
	enter(a, j, JOB_RUNNING);
	health_begin(&j->health, &merged, a->now.mono_ms,
		     age > 0 ? (uint64_t)(age / NS_PER_MS) : 0);
	set_health(j);
	if (j->health.state == HEALTH_NONE)
		set_state(a, j, TASK_RUNNING, "started", "");
}

static void
say_exit(const struct job *j, bool oom, char *out, size_t len)
{
	const char *cause = j->r.unhealthy ? ": unhealthy container"
			    : oom	   ? ": out of memory"
					   : "";

	snprintf(out, len, "task: non-zero exit (%lld)%s",
		 (long long)j->r.container.exit_code, cause);
}

static void
ended_by_itself(struct agent *a, struct job *j)
{
	char why[80];

	if (j->r.container.exit_code != 0) {
		say_exit(j, j->r.oom_killed, why, sizeof(why));
		set_failed(a, j, why);
		return;
	}
	set_state(a, j, TASK_COMPLETE, "finished", "");
}

/* As enter(): what it published goes with it. */
static bool
waits_alone(struct agent *a, struct job *j)
{
	bool had_ports = job_is_live(j) && j->r.ports.count > 0;

	if (!alone_restarts(a, j))
		return false;
	j->health = (struct health){ .next_ms = UINT64_MAX };
	if (had_ports)
		out_ports(a);
	return true;
}

static void
exited(struct agent *a, struct job *j, const struct runner_report *r)
{
	if (!job_is_live(j))
		return;
	if (task_state_ended(j->r.status.state) && r->started_at == 0) {
		end(a, j); /* it failed before, and never ran */
		return;
	}
	j->r.container.pid = 0;
	j->r.container.exit_code = r->exit_code;
	j->r.finished_at = r->finished_at;
	j->r.oom_killed = r->oom_killed;
	if (j->r.started_at == 0)
		j->r.started_at = r->started_at;
	show_container(j);
	if (j->r.phase == JOB_STOPPING && !j->r.unhealthy) {
		set_state(a, j, TASK_SHUTDOWN, "shutdown", "");
	} else if (waits_alone(a, j)) {
		return;
	} else {
		ended_by_itself(a, j);
	}
	end(a, j);
}

/*
 * What failed has failed, but its container may be there, or come to be. So it
 * is stopped, and keeps its address until it has.
 */
static void
fail_and_stop(struct agent *a, struct job *j, const char *why)
{
	set_failed(a, j, why);
	if (j->r.ports.count > 0)
		out_ports(a);
	order_stop(a, j);
}

static void
failed(struct agent *a, struct job *j, const char *why)
{
	if (j->r.phase == JOB_REMOVING) {
		j->retry_ms = a->now.mono_ms + REMOVE_RETRY_MS;
		return;
	}
	if (!job_is_live(j))
		return;
	if (j->r.phase != JOB_STOPPING) {
		fail_and_stop(a, j, why);
		return;
	}
	if (!task_state_ended(j->r.status.state) && j->r.unhealthy)
		set_failed(a, j, why);
	else
		set_state(a, j, TASK_SHUTDOWN, "shutdown", why);
	end(a, j);
}

static void
probed(struct agent *a, struct job *j, const struct runner_report *r)
{
	if (j->r.phase != JOB_RUNNING || j->health.probe_id == 0 ||
	    r->probe_id != j->health.probe_id)
		return;
	health_result(&j->health, a->now.mono_ms,
		      !r->timed_out && r->exit_code == 0);
	set_health(j);
	if (j->health.state == HEALTH_HEALTHY &&
	    j->r.status.state < TASK_RUNNING)
		set_state(a, j, TASK_RUNNING, "started", "");
	if (j->health.state == HEALTH_UNHEALTHY) {
		j->r.unhealthy = true;
		order_stop(a, j);
	}
}

/* True if the job is no more. */
static bool
removed(struct agent *a, struct job *j)
{
	if (j->r.phase != JOB_REMOVING)
		return false;
	j->r.ordered = false;
	j->retry_ms = UINT64_MAX;
	if (!j->assigned || a->leaving || j->task == NULL) {
		forget(a, j);
		return true;
	}
	enter(a, j, task_state_ended(j->r.status.state) ? JOB_ENDED : JOB_NEW);
	return false;
}

static void
found(struct job *j, const struct runner_report *r)
{
	keep_image(j, r);
	j->found = r->phase;
	j->found_pid = r->pid;
	j->found_started_at = r->started_at;
	j->found_finished_at = r->finished_at;
	j->found_code = r->exit_code;
	j->found_oom = r->oom_killed;
}

void
life_report(struct agent *a, struct job *j, const struct runner_report *r)
{
	switch (r->news) {
	case RUNNER_PREPARED:
		prepared(a, j, r);
		break;
	case RUNNER_STARTED:
		if (job_is_live(j))
			runs(a, j, r->pid, r->started_at);
		break;
	case RUNNER_EXITED:
		exited(a, j, r);
		break;
	case RUNNER_FAILED:
		failed(a, j, r->err);
		break;
	case RUNNER_PORT_LOST:
		if (job_is_live(j) && j->r.phase != JOB_STOPPING)
			fail_and_stop(a, j, r->err);
		break;
	case RUNNER_PROBED:
		probed(a, j, r);
		break;
	case RUNNER_REMOVED:
		if (removed(a, j))
			return;
		break;
	case RUNNER_FOUND:
		found(j, r);
		return; /* what follows from it waits for SCANNED */
	case RUNNER_SCANNED:
		unreachable();
	}
	life_step(a, j);
}

/* ---- after a restart of the daemon ------------------------------------ */

void
life_lost(struct agent *a, struct job *j)
{
	if (is_unwanted(a, j))
		set_state(a, j, TASK_SHUTDOWN, "shutdown", "");
	else if (!task_state_ended(j->r.status.state))
		set_state(a, j, TASK_FAILED, NULL,
			  "container lost: was the host restarted?");
	end(a, j);
}

static void
adopt_missing(struct agent *a, struct job *j)
{
	if (j->r.phase == JOB_PREPARING || j->r.phase == JOB_READY)
		enter(a, j, JOB_NEW);
	else if (job_is_live(j))
		life_lost(a, j);
	else if (j->r.phase == JOB_REMOVING)
		order_remove(a, j);
}

static void
adopt_created(struct agent *a, struct job *j)
{
	if (j->r.phase == JOB_PREPARING)
		set_state(a, j, TASK_READY, "prepared", "");
	if (j->r.phase <= JOB_RUNNING)
		enter(a, j, JOB_READY);
	else if (j->r.phase == JOB_STOPPING)
		order_stop(a, j);
	else if (j->r.phase == JOB_REMOVING)
		order_remove(a, j); /* the order may have been lost */
}

static void
adopt_running(struct agent *a, struct job *j)
{
	bool unhealthy = j->r.unhealthy;

	if (!job_is_live(j)) {
		order_remove(a, j);
		return;
	}
	if (j->r.phase == JOB_STOPPING) {
		order_stop(a, j); /* the order may have been lost */
		return;
	}
	set_state(a, j, TASK_STARTING, "starting", "");
	runs(a, j, j->found_pid, j->found_started_at);
	if (unhealthy)
		order_stop(a, j);
}

static void
adopt_exited(struct agent *a, struct job *j)
{
	struct runner_report r = {
		.news = RUNNER_EXITED,
		.exit_code = j->found_code,
		.started_at = j->found_started_at,
		.finished_at = j->found_finished_at,
		.oom_killed = j->found_oom,
	};

	if (j->r.phase == JOB_REMOVING)
		order_remove(a, j);
	else
		exited(a, j, &r);
}

/* Its supervisor died with all it knew; what is left must go. */
static void
adopt_gone(struct agent *a, struct job *j)
{
	if (j->r.phase >= JOB_STARTING && job_is_live(j)) {
		if (j->r.phase == JOB_STOPPING && !j->r.unhealthy)
			set_state(a, j, TASK_SHUTDOWN, "shutdown", "");
		else
			set_state(a, j, TASK_FAILED, NULL, "supervisor lost");
		end(a, j);
	}
	order_remove(a, j);
}

void
life_adopt(struct agent *a, struct job *j)
{
	enum runner_phase what = j->found;

	j->found = 0;
	if (j->task == NULL) {
		order_remove(a, j);
		return;
	}
	j->status_dirty = true; /* the managers may not know the last one */
	if (what != 0)
		j->r.ordered = true;
	if (what == 0) {
		adopt_missing(a, j);
		life_step(a, j);
		return;
	}
	switch (what) {
	case RUNNER_PHASE_CREATED:
		adopt_created(a, j);
		break;
	case RUNNER_PHASE_RUNNING:
		adopt_running(a, j);
		break;
	case RUNNER_PHASE_EXITED:
		adopt_exited(a, j);
		break;
	case RUNNER_PHASE_GONE:
		adopt_gone(a, j);
		break;
	}
	life_step(a, j);
}

/* ---- time ------------------------------------------------------------- */

static void
probe(struct agent *a, struct job *j)
{
	struct runner_order *o;

	if (j->r.phase != JOB_RUNNING ||
	    !health_due(&j->health, a->now.mono_ms, a->last_probe + 1))
		return;
	o = out_order(a, j, RUNNER_PROBE, NULL);
	o->probe_id = ++a->last_probe;
	o->timeout_ns = j->health.check.timeout_ns;
	check(health_argv(&j->health.check, &a->out_arena, &o->argv));
}

void
life_tick(struct agent *a, struct job *j)
{
	probe(a, j);
	if (j->r.phase == JOB_REMOVING && j->retry_ms <= a->now.mono_ms)
		order_remove(a, j);
	if (j->r.phase == JOB_WAITING && j->restart_ms <= a->now.mono_ms)
		life_step(a, j);
}

uint64_t
life_deadline(const struct job *j)
{
	uint64_t at = j->retry_ms;

	if (j->r.phase == JOB_RUNNING)
		at = min_u64(at, j->health.next_ms);
	if (j->r.phase == JOB_WAITING)
		at = min_u64(at, j->restart_ms);
	return at;
}
