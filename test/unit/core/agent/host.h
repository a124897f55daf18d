/*
 * host.h - an agent with a disk that keeps its rows, and a note of all that
 * it wants done. Reports come and time passes only by hand.
 */
#ifndef TEST_UNIT_CORE_AGENT_HOST_H
#define TEST_UNIT_CORE_AGENT_HOST_H

#include "core/agent/agent.h"
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "test/t.h"

#define MAY_BE_UNUSED __attribute__((unused))
#define SEEN_MAX 256
#define ROWS_MAX 16

struct seen {
	enum agent_out_type type;
	enum runner_verb verb;
	int state;
	char task[32], message[64], err[96], address[32], hostname[80];
	char name[80], health[16], signal[16], env[96], network[8];
	uint64_t probe_id;
	int64_t grace_ns, exit_code;
	bool deleted;
};

struct stored_row {
	char id[32];
	void *p;
	size_t len;
};

struct host {
	struct agent *a;
	uint64_t rand;
	struct now now;
	struct node_description description;
	struct seen seen[SEEN_MAX];
	size_t count;
	struct stored_row rows[ROWS_MAX]; /* what is on the disk */
	struct task *task;
};

static MAY_BE_UNUSED void
put(char *to, size_t len, const char *from)
{
	snprintf(to, len, "%s", str_or(from, ""));
}

static MAY_BE_UNUSED void
store(struct host *h, const struct agent_out *o)
{
	struct stored_row *free_row = NULL;

	for (size_t i = 0; i < ROWS_MAX; i++) {
		struct stored_row *r = &h->rows[i];

		if (r->p == NULL && free_row == NULL)
			free_row = r;
		if (r->p == NULL || strcmp(r->id, o->task_id) != 0)
			continue;
		mem_free(r->p);
		r->p = NULL;
		free_row = r;
		break;
	}
	OK(free_row != NULL);
	if (o->row == NULL)
		return;
	put(free_row->id, sizeof(free_row->id), o->task_id);
	free_row->p = mem_dup(o->row, o->row_len);
	free_row->len = o->row_len;
}

static MAY_BE_UNUSED void
note_order(struct seen *s, const struct runner_order *o)
{
	s->verb = o->verb;
	put(s->address, sizeof(s->address), o->address);
	put(s->hostname, sizeof(s->hostname), o->hostname);
	put(s->name, sizeof(s->name), o->name);
	put(s->signal, sizeof(s->signal), o->signal);
	put(s->network, sizeof(s->network), o->network);
	s->grace_ns = o->grace_ns;
	s->probe_id = o->probe_id;
	if (o->task != NULL && o->task->spec.container->env.count > 0)
		put(s->env, sizeof(s->env), o->task->spec.container->env.v[0]);
}

/* Takes note of all that the agent wants, and stores its rows. */
static MAY_BE_UNUSED void
drain(struct host *h)
{
	struct agent_out o;

	h->count = 0;
	while (agent_next(h->a, &o)) {
		struct seen *s = &h->seen[h->count++];

		OK(h->count < SEEN_MAX);
		*s = (struct seen){ .type = o.type };
		put(s->task, sizeof(s->task), o.task_id);
		if (o.type == AGENT_ORDER)
			note_order(s, o.order);
		if (o.type == AGENT_ROW) {
			s->deleted = o.row == NULL;
			store(h, &o);
		}
		if (o.type != AGENT_STATUS)
			continue;
		s->state = o.status->state;
		put(s->message, sizeof(s->message), o.status->message);
		put(s->err, sizeof(s->err), o.status->err);
		put(s->health, sizeof(s->health), o.status->health);
		OK(o.status->container != NULL);
		s->exit_code = o.status->container->exit_code;
	}
}

static MAY_BE_UNUSED const struct seen *
order(const struct host *h, enum runner_verb verb)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->seen[i].type == AGENT_ORDER && h->seen[i].verb == verb)
			return &h->seen[i];
	return NULL;
}

static MAY_BE_UNUSED const struct seen *
status(const struct host *h)
{
	for (size_t i = h->count; i > 0; i--)
		if (h->seen[i - 1].type == AGENT_STATUS)
			return &h->seen[i - 1];
	return NULL;
}

static MAY_BE_UNUSED void
scan_done(struct host *h)
{
	struct runner_report r = { .news = RUNNER_SCANNED };

	agent_report(h->a, &r, h->now);
	drain(h);
}

static MAY_BE_UNUSED void
boot(struct host *h)
{
	struct agent_config config = { .rand_state = &h->rand,
				       .node_id = "node1",
				       .description = &h->description,
				       .egress_subnet = "172.30.0.0/24" };
	struct err e;

	h->a = agent_new(&config, h->now);
	for (size_t i = 0; i < ROWS_MAX; i++)
		if (h->rows[i].p != NULL)
			EQ(agent_load(h->a, h->rows[i].id, h->rows[i].p,
				      h->rows[i].len, &e),
			   0);
}

static MAY_BE_UNUSED void
init(struct host *h)
{
	*h = (struct host){ .rand = 1,
			    .now = { 100000, INT64_C(1700000000) * NS_PER_S } };
	h->description.hostname = "rack1";
	h->description.platform.os = "linux";
	h->description.platform.architecture = "x86_64";
	boot(h);
	scan_done(h);
}

static MAY_BE_UNUSED void
fini(struct host *h)
{
	agent_free(h->a);
	object_unref(h->task);
	for (size_t i = 0; i < ROWS_MAX; i++)
		mem_free(h->rows[i].p);
}

static MAY_BE_UNUSED struct task *
task_new(const char *id, uint64_t slot)
{
	struct task *t = object_new(OBJECT_TASK);
	struct arena *a = object_arena(t);

	t->head.id = arena_strdup(a, id);
	t->service_id = "svc";
	t->service_name = "web";
	t->slot = slot;
	t->node_id = "node1";
	t->desired_state = TASK_RUNNING;
	t->status.state = TASK_ASSIGNED;
	t->spec.container = arena_alloc(a, sizeof(struct container_spec));
	t->spec.container->image = "whoami";
	return t;
}

/* Assigns t as it is now; the agent gets a copy of its own. */
static MAY_BE_UNUSED void
assign(struct host *h, struct task *t)
{
	struct task *copy = object_clone(t);

	agent_assign(h->a, copy, h->now);
	object_unref(copy);
	drain(h);
}

static MAY_BE_UNUSED void
desire(struct host *h, struct task *t, int desired)
{
	t->desired_state = desired;
	assign(h, t);
}

static MAY_BE_UNUSED void
report_full(struct host *h, const struct runner_report *r)
{
	agent_report(h->a, r, h->now);
	drain(h);
}

static MAY_BE_UNUSED void
report(struct host *h, const char *task, enum runner_news news)
{
	struct runner_report r = { .news = news,
				   .task_id = task,
				   .pid = 77,
				   .started_at = h->now.wall_ns };

	report_full(h, &r);
}

static MAY_BE_UNUSED void
exits(struct host *h, const char *task, int64_t code)
{
	struct runner_report r = { .news = RUNNER_EXITED,
				   .task_id = task,
				   .exit_code = code,
				   .finished_at = h->now.wall_ns };

	report_full(h, &r);
}

static MAY_BE_UNUSED void
run(struct host *h, struct task *t)
{
	assign(h, t);
	report(h, t->head.id, RUNNER_PREPARED);
	report(h, t->head.id, RUNNER_STARTED);
}

static MAY_BE_UNUSED void
wait_ms(struct host *h, uint64_t ms)
{
	h->now.mono_ms += ms;
	h->now.wall_ns += (int64_t)ms * NS_PER_MS;
	agent_tick(h->a, h->now);
	drain(h);
}

static MAY_BE_UNUSED void
publish(struct task *t, uint64_t published)
{
	struct arena *a = object_arena(t);

	t->endpoint = arena_alloc(a, sizeof(*t->endpoint));
	t->endpoint->ports.v = arena_alloc(a, sizeof(struct port_config));
	t->endpoint->ports.v[0] =
		(struct port_config){ .target_port = 80,
				      .published_port = published,
				      .publish_mode = PUBLISH_HOST };
	t->endpoint->ports.count = 1;
}

static MAY_BE_UNUSED const char *check_cmd[] = { "CMD", "/bin/true" };

static MAY_BE_UNUSED struct task *
checked_task(void)
{
	struct task *t = task_new("t1", 1);
	struct healthcheck *c =
		arena_alloc(object_arena(t), sizeof(struct healthcheck));

	c->test = (struct strings){ check_cmd, 2 };
	c->interval_ns = NS_PER_S;
	c->retries = 2;
	t->spec.container->healthcheck = c;
	return t;
}

#endif
