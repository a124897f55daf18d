/* jobs.c - the jobs of an agent, and how they are stored. */
#include <errno.h>
#include <string.h>

#include "core/agent/agent_impl.h"
#include "core/base/check.h"
#include "core/base/id.h"
#include "core/base/ip.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/fields.h"

/* clang-format off */
#define THIS struct container_status
LOCAL_TYPE(job_container, "JobContainer",
	STRING(container_id, "ContainerID", 1, OMIT),
	I64(pid, "PID", 2, OMIT),
	I64(exit_code, "ExitCode", 3, OMIT));
#undef THIS

#define THIS struct runner_image
TYPE(runner_image, "RunnerImage",
	STRING(id, "ID", 1, OMIT),
	STRINGS(entrypoint, "Entrypoint", 2, OMIT),
	STRINGS(cmd, "Cmd", 3, OMIT),
	STRINGS(env, "Env", 4, OMIT),
	STRING(user, "User", 5, OMIT),
	STRING(working_dir, "WorkingDir", 6, OMIT),
	STRING(stop_signal, "StopSignal", 7, OMIT),
	KVS(labels, "Labels", 8, OMIT),
	STRINGS(exposed_ports, "ExposedPorts", 9, OMIT));
#undef THIS

#define THIS struct job_row
LOCAL_TYPE(job_row, "JobRow",
	BYTES(task, "Task", 1, OMIT),
	U64(phase, "Phase", 2, OMIT),
	STRING(container_id, "ContainerID", 3, OMIT),
	STRING(name, "Name", 4, OMIT),
	STRING(address, "Address", 5, OMIT),
	LIST(ports, "Ports", 6, OMIT, port_config),
	I64(started_at, "StartedAt", 7, OMIT),
	I64(finished_at, "FinishedAt", 8, OMIT),
	BOOL(oom_killed, "OOMKilled", 9, OMIT),
	BOOL(unhealthy, "Unhealthy", 10, OMIT),
	BOOL(ordered, "Ordered", 11, OMIT),
	STRUCT(status, "Status", 12, OMIT, task_status),
	ROW(container, "Container", 13, FIELD_STRUCT, OMIT, 1,
	    &job_container_type, NULL),
	PTR(image_check, "ImageCheck", 14, OMIT, healthcheck),
	PTR(image, "Image", 15, OMIT, runner_image),
	U64(restarts, "Restarts", 16, OMIT),
	TIME(restarts_since, "RestartsSince", 17, OMIT));
#undef THIS
/* clang-format on */

static size_t
place_in(const struct agent *a, const char *task_id)
{
	size_t lo = 0, hi = a->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(a->jobs[mid]->id, task_id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct job *
job_find(const struct agent *a, const char *task_id)
{
	size_t at = place_in(a, task_id);

	return at < a->count && str_eq(a->jobs[at]->id, task_id) ? a->jobs[at]
								 : NULL;
}

struct job *
job_add(struct agent *a, const char *task_id)
{
	size_t at = place_in(a, task_id);
	struct job *j = mem_new(sizeof(*j));

	check(a->count < JOBS_MAX && job_find(a, task_id) == NULL);
	arena_init(&j->arena);
	j->id = mem_strdup(task_id);
	j->r.phase = JOB_NEW;
	/* Readers of the API take it for granted (facts 12.5). */
	j->r.status.container = &j->r.container;
	j->retry_ms = UINT64_MAX;
	j->restart_ms = UINT64_MAX;
	j->health.next_ms = UINT64_MAX;
	a->jobs = mem_grow(a->jobs, a->count, &a->cap, sizeof(struct job *));
	memmove(&a->jobs[at + 1], &a->jobs[at],
		(a->count - at) * sizeof(struct job *));
	a->jobs[at] = j;
	a->count++;
	return j;
}

void
job_free(struct job *j)
{
	object_unref(j->task);
	arena_fini(&j->arena);
	mem_free(j->id);
	mem_free(j);
}

void
job_drop(struct agent *a, struct job *j)
{
	size_t at = place_in(a, j->id);

	check(at < a->count && a->jobs[at] == j);
	memmove(&a->jobs[at], &a->jobs[at + 1],
		(a->count - at - 1) * sizeof(struct job *));
	a->count--;
	job_free(j);
}

void
job_set_task(struct job *j, const struct task *t)
{
	const struct task *old = j->task;

	j->task = object_ref(t);
	object_unref(old);
}

bool
job_is_live(const struct job *j)
{
	return j->r.phase >= JOB_PREPARING && j->r.phase <= JOB_STOPPING;
}

void
job_pack(const struct job *j, struct buf *out)
{
	struct job_row r = j->r;
	owned(buf_fini) struct buf task = { 0 };

	check(j->task != NULL);
	object_pack(j->task, &task);
	r.task = (struct bytes){ (const uint8_t *)task.p, task.len };
	model_pack(&job_row_type, &r, out);
}

/* Values that the agent itself would never have written. */
static int
check_row(const struct job_row *r, struct err *e)
{
	struct ip_net n;

	if (r->phase < JOB_NEW || r->phase > JOB_WAITING)
		return err_set(e, -EINVAL, "unknown phase");
	if (r->task.len == 0)
		return err_set(e, -EINVAL, "there is no task in the row");
	if (!str_empty(r->address) &&
	    (!ip_net_parse(r->address, &n) || !ip_is_v4(&n.ip)))
		return err_set(e, -EINVAL, "the address is not IPv4");
	if (!str_empty(r->container_id) &&
	    strlen(r->container_id) != CONTAINER_ID_LEN)
		return err_set(e, -EINVAL, "the container's id is malformed");
	return 0;
}

int
job_unpack(struct job *j, const void *row, size_t len, struct err *e)
{
	void *task;
	int r = model_unpack(&job_row_type, row, len, &j->arena, &j->r, e);

	if (r < 0)
		return r;
	r = check_row(&j->r, e);
	if (r < 0)
		return r;
	r = object_unpack(OBJECT_TASK, j->r.task.p, j->r.task.len, &task, e);
	if (r < 0)
		return r;
	j->task = task;
	j->r.task = (struct bytes){ 0 };
	if (!str_eq(j->task->head.id, j->id))
		return err_set(e, -EINVAL, "the row is of task %s",
			       j->task->head.id);
	return 0;
}
