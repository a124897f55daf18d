/*
 * agent_test.c - the life of tasks on a host, from assignment to removal,
 * through failures and restarts of the daemon (facts 3.2, 10).
 */
#include "core/agent/agent.h"
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "test/t.h"

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

static void
put(char *to, size_t len, const char *from)
{
	snprintf(to, len, "%s", str_or(from, ""));
}

static void
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

static void
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
static void
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
		if (o.status->container != NULL)
			s->exit_code = o.status->container->exit_code;
	}
}

static const struct seen *
order(const struct host *h, enum runner_verb verb)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->seen[i].type == AGENT_ORDER && h->seen[i].verb == verb)
			return &h->seen[i];
	return NULL;
}

static const struct seen *
status(const struct host *h)
{
	for (size_t i = h->count; i > 0; i--)
		if (h->seen[i - 1].type == AGENT_STATUS)
			return &h->seen[i - 1];
	return NULL;
}

static void
scan_done(struct host *h)
{
	struct runner_report r = { .news = RUNNER_SCANNED };

	agent_report(h->a, &r, h->now);
	drain(h);
}

static void
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

static void
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

static void
fini(struct host *h)
{
	agent_free(h->a);
	object_unref(h->task);
	for (size_t i = 0; i < ROWS_MAX; i++)
		mem_free(h->rows[i].p);
}

static struct task *
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
static void
assign(struct host *h, struct task *t)
{
	struct task *copy = object_clone(t);

	agent_assign(h->a, copy, h->now);
	object_unref(copy);
	drain(h);
}

static void
desire(struct host *h, struct task *t, int desired)
{
	t->desired_state = desired;
	assign(h, t);
}

static void
report_full(struct host *h, const struct runner_report *r)
{
	agent_report(h->a, r, h->now);
	drain(h);
}

static void
report(struct host *h, const char *task, enum runner_news news)
{
	struct runner_report r = { .news = news,
				   .task_id = task,
				   .pid = 77,
				   .started_at = h->now.wall_ns };

	report_full(h, &r);
}

static void
exits(struct host *h, const char *task, int64_t code)
{
	struct runner_report r = { .news = RUNNER_EXITED,
				   .task_id = task,
				   .exit_code = code,
				   .finished_at = h->now.wall_ns };

	report_full(h, &r);
}

static void
run(struct host *h, struct task *t)
{
	assign(h, t);
	report(h, t->head.id, RUNNER_PREPARED);
	report(h, t->head.id, RUNNER_STARTED);
}

static void
wait_ms(struct host *h, uint64_t ms)
{
	h->now.mono_ms += ms;
	h->now.wall_ns += (int64_t)ms * NS_PER_MS;
	agent_tick(h->a, h->now);
	drain(h);
}

/* ---- life -------------------------------------------------------------------
 */

T(a_task_is_prepared_started_and_run)
{
	struct host h;
	const struct seen *o;

	init(&h);
	h.task = task_new("t1", 1);
	assign(&h, h.task);
	EQ(h.seen[0].type, AGENT_ROW); /* before the order that it remembers */
	o = order(&h, RUNNER_PREPARE);
	OK(o != NULL && o != &h.seen[0]);
	EQ_STR(o->address, "172.30.0.2/24");
	EQ_STR(o->name, "web.1.t1");
	EQ(strlen(o->hostname), 12);
	EQ(status(&h)->state, TASK_PREPARING);
	EQ_STR(status(&h)->message, "preparing");
	report(&h, "t1", RUNNER_PREPARED);
	OK(order(&h, RUNNER_START) != NULL);
	EQ(h.seen[0].type, AGENT_ROW);
	EQ(status(&h)->state, TASK_STARTING);
	report(&h, "t1", RUNNER_STARTED);
	EQ(status(&h)->state, TASK_RUNNING);
	EQ_STR(status(&h)->message, "started");
	exits(&h, "t1", 0);
	EQ(status(&h)->state, TASK_COMPLETE);
	EQ_STR(status(&h)->message, "finished");
	OK(order(&h, RUNNER_REMOVE) == NULL); /* its logs stay */
	agent_unassign(h.a, "t1", h.now);
	drain(&h);
	OK(order(&h, RUNNER_REMOVE) != NULL);
	report(&h, "t1", RUNNER_REMOVED);
	OK(h.seen[0].deleted);
	OK(agent_is_empty(h.a));
	fini(&h);
}

T(a_task_that_is_to_be_ready_waits_for_its_start)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->desired_state = TASK_READY;
	assign(&h, h.task);
	report(&h, "t1", RUNNER_PREPARED);
	OK(order(&h, RUNNER_START) == NULL);
	EQ(status(&h)->state, TASK_READY);
	EQ_STR(status(&h)->message, "prepared");
	desire(&h, h.task, TASK_RUNNING);
	OK(order(&h, RUNNER_START) != NULL);
	fini(&h);
}

T(an_end_has_a_state_and_a_reason)
{
	static const struct {
		const char *name;
		enum runner_news last; /* before the end */
		bool fails;	       /* FAILED, else EXITED */
		int64_t code;
		int state;
		const char *err, *message;
	} rows[] = {
		{ "exit 1", RUNNER_STARTED, false, 1, TASK_FAILED,
		  "task: non-zero exit (1)", "started" },
		{ "killed", RUNNER_STARTED, false, 137, TASK_FAILED,
		  "task: non-zero exit (137)", "started" },
		{ "exit 0", RUNNER_STARTED, false, 0, TASK_COMPLETE, "",
		  "finished" },
		{ "no image", 0, true, 0, TASK_REJECTED, "No such image: x",
		  "preparing" },
		{ "start fails", RUNNER_PREPARED, true, 0, TASK_FAILED,
		  "No such image: x", "starting" },
		{ "dies while it starts", RUNNER_PREPARED, false, 2,
		  TASK_FAILED, "task: non-zero exit (2)", "starting" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct runner_report failed = { .news = RUNNER_FAILED,
						.task_id = "t1",
						.err = "No such image: x" };
		struct host h;

		T_ROW(rows[i].name);
		init(&h);
		h.task = task_new("t1", 1);
		assign(&h, h.task);
		if (rows[i].last != 0)
			report(&h, "t1", RUNNER_PREPARED);
		if (rows[i].last == RUNNER_STARTED)
			report(&h, "t1", RUNNER_STARTED);
		if (rows[i].fails)
			report_full(&h, &failed);
		else
			exits(&h, "t1", rows[i].code);
		EQ(status(&h)->state, rows[i].state);
		EQ_STR(status(&h)->err, rows[i].err);
		EQ_STR(status(&h)->message, rows[i].message);
		EQ(status(&h)->exit_code, rows[i].code);
		fini(&h);
	}
}

T(a_shutdown_is_a_signal_with_grace)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->spec.container->stop_signal = "SIGINT";
	h.task->spec.container->stop_grace_period_ns =
		(struct opt_i64){ true, 3 * NS_PER_S };
	run(&h, h.task);
	desire(&h, h.task, TASK_SHUTDOWN);
	OK(order(&h, RUNNER_STOP) != NULL);
	EQ_STR(order(&h, RUNNER_STOP)->signal, "SIGINT");
	EQ(order(&h, RUNNER_STOP)->grace_ns, 3 * NS_PER_S);
	desire(&h, h.task, TASK_REMOVE); /* no second order */
	OK(order(&h, RUNNER_STOP) == NULL);
	exits(&h, "t1", 130);
	EQ(status(&h)->state, TASK_SHUTDOWN);
	EQ_STR(status(&h)->message, "shutdown");
	EQ_STR(status(&h)->err, "");
	fini(&h);
}

T(the_default_grace_is_ten_seconds_and_the_signal_the_images)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	desire(&h, h.task, TASK_SHUTDOWN);
	EQ_STR(order(&h, RUNNER_STOP)->signal, "");
	EQ(order(&h, RUNNER_STOP)->grace_ns, 10 * NS_PER_S);
	fini(&h);
}

T(a_task_that_is_shut_down_while_it_is_prepared_never_starts)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	assign(&h, h.task);
	desire(&h, h.task, TASK_SHUTDOWN);
	OK(order(&h, RUNNER_STOP) != NULL);
	report(&h, "t1", RUNNER_PREPARED);
	OK(order(&h, RUNNER_START) == NULL);
	exits(&h, "t1", 0);
	EQ(status(&h)->state, TASK_SHUTDOWN);
	fini(&h);
}

T(a_task_that_is_unwanted_from_the_start_has_no_container)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->desired_state = TASK_SHUTDOWN;
	assign(&h, h.task);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	EQ(status(&h)->state, TASK_SHUTDOWN);
	agent_unassign(h.a, "t1", h.now);
	drain(&h);
	OK(order(&h, RUNNER_REMOVE) == NULL);
	OK(agent_is_empty(h.a));
	fini(&h);
}

T(a_task_that_ended_in_another_time_is_left_alone)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->status.state = TASK_FAILED;
	h.task->desired_state = TASK_SHUTDOWN;
	assign(&h, h.task);
	EQ(h.count, 0);
	fini(&h);
}

T(a_lower_desire_is_ignored)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	desire(&h, h.task, TASK_SHUTDOWN);
	exits(&h, "t1", 0);
	desire(&h, h.task, TASK_RUNNING);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	OK(order(&h, RUNNER_START) == NULL);
	fini(&h);
}

T(a_status_that_the_managers_missed_is_told_again)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	h.task->status.state = TASK_RUNNING;
	assign(&h, h.task);
	OK(status(&h) == NULL);
	h.task->status.state = TASK_PREPARING;
	assign(&h, h.task);
	EQ(status(&h)->state, TASK_RUNNING);
	fini(&h);
}

T(a_removal_that_fails_is_tried_again)
{
	struct runner_report failed = { .news = RUNNER_FAILED,
					.task_id = "t1",
					.err = "busy" };
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	exits(&h, "t1", 0);
	agent_unassign(h.a, "t1", h.now);
	drain(&h);
	report_full(&h, &failed);
	EQ(agent_deadline(h.a), h.now.mono_ms + 5000);
	wait_ms(&h, 5000);
	OK(order(&h, RUNNER_REMOVE) != NULL);
	report(&h, "t1", RUNNER_REMOVED);
	OK(agent_is_empty(h.a));
	fini(&h);
}

T(leaving_stops_and_removes_all)
{
	struct task *two = task_new("t2", 2);
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	run(&h, two);
	exits(&h, "t2", 1);
	agent_leave(h.a, h.now);
	drain(&h);
	EQ_STR(order(&h, RUNNER_STOP)->task, "t1");
	EQ_STR(order(&h, RUNNER_REMOVE)->task, "t2");
	report(&h, "t2", RUNNER_REMOVED);
	exits(&h, "t1", 0);
	EQ_STR(order(&h, RUNNER_REMOVE)->task, "t1");
	OK(!agent_is_empty(h.a));
	report(&h, "t1", RUNNER_REMOVED);
	OK(agent_is_empty(h.a));
	object_unref(two);
	fini(&h);
}

T(the_full_set_of_assignments_ends_all_others)
{
	struct task *two = task_new("t2", 2);
	const struct task *set[1];
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	set[0] = two;
	agent_assign_all(h.a, set, 1, h.now);
	drain(&h);
	EQ_STR(order(&h, RUNNER_STOP)->task, "t1");
	EQ_STR(order(&h, RUNNER_PREPARE)->task, "t2");
	object_unref(two);
	fini(&h);
}

/* ---- what a task gets of the host
 * --------------------------------------------- */

T(addresses_are_the_lowest_free_ones)
{
	struct task *two = task_new("t2", 2), *three = task_new("t3", 3);
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	assign(&h, two);
	EQ_STR(order(&h, RUNNER_PREPARE)->address, "172.30.0.3/24");
	exits(&h, "t1", 0);
	assign(&h, three);
	EQ_STR(order(&h, RUNNER_PREPARE)->address, "172.30.0.2/24");
	object_unref(two);
	object_unref(three);
	fini(&h);
}

T(a_full_network_rejects_the_task_with_a_reason)
{
	struct host h;
	char id[8];

	init(&h);
	for (int i = 0; i < 254; i++) {
		struct task *t;

		snprintf(id, sizeof(id), "t%d", i);
		t = task_new(id, 1);
		agent_assign(h.a, t, h.now);
		while (agent_next(h.a, &(struct agent_out){ 0 }))
			;
		object_unref(t);
	}
	h.task = task_new("x", 1);
	assign(&h, h.task);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	EQ(status(&h)->state, TASK_REJECTED);
	OK(strstr(status(&h)->err, "no free address") != NULL);
	fini(&h);
}

T(the_hosts_network_and_none_have_no_address)
{
	static const char *const names[] = { "host", "none" };

	for (size_t i = 0; i < 2; i++) {
		struct network_attachment_config n = { .target = names[i] };
		struct host h;

		T_ROW(names[i]);
		init(&h);
		h.task = task_new("t1", 1);
		h.task->spec.networks.v = &n;
		h.task->spec.networks.count = 1;
		assign(&h, h.task);
		EQ_STR(order(&h, RUNNER_PREPARE)->address, "");
		EQ_STR(order(&h, RUNNER_PREPARE)->network, names[i]);
		if (i == 0)
			EQ_STR(order(&h, RUNNER_PREPARE)->hostname, "rack1");
		fini(&h);
	}
}

static void
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

T(host_ports_are_wanted_while_the_task_lives)
{
	struct port_wish wish[4];
	struct host h;
	size_t ports = SIZE_MAX, prepare = 0;

	init(&h);
	h.task = task_new("t1", 1);
	publish(h.task, 8080);
	assign(&h, h.task);
	for (size_t i = 0; i < h.count; i++) {
		if (h.seen[i].type == AGENT_PORTS && ports == SIZE_MAX)
			ports = i;
		if (h.seen[i].type == AGENT_ORDER)
			prepare = i;
	}
	OK(ports < prepare);
	EQ(agent_ports(h.a, wish, 4), 1);
	EQ(wish[0].published, 8080);
	EQ(wish[0].target, 80);
	EQ(wish[0].protocol, PROTO_TCP);
	EQ_STR(wish[0].address, "172.30.0.2");
	EQ_STR(wish[0].service_name, "web");
	report(&h, "t1", RUNNER_PREPARED);
	report(&h, "t1", RUNNER_STARTED);
	exits(&h, "t1", 0);
	EQ(agent_ports(h.a, wish, 4), 0);
	ports = SIZE_MAX;
	for (size_t i = 0; i < h.count; i++)
		if (h.seen[i].type == AGENT_PORTS)
			ports = i;
	OK(ports != SIZE_MAX);
	fini(&h);
}

T(a_port_that_is_left_open_is_chosen_here)
{
	struct task *two = task_new("t2", 2);
	struct port_wish wish[4];
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	publish(h.task, 0);
	publish(two, 0);
	assign(&h, h.task);
	assign(&h, two);
	EQ(agent_ports(h.a, wish, 4), 2);
	OK(wish[0].published >= 32768 && wish[0].published <= 60999);
	OK(wish[1].published >= 32768 && wish[1].published <= 60999);
	OK(wish[0].published != wish[1].published);
	object_unref(two);
	fini(&h);
}

T(templates_are_filled_in)
{
	static const char *env[] = {
		"X={{.Service.Name}}.{{.Task.Slot}}@{{.Node.Hostname}}",
	};
	struct host h;

	init(&h);
	h.task = task_new("t1", 4);
	h.task->spec.container->hostname = "{{.Task.Name}}";
	h.task->spec.container->env.v = env;
	h.task->spec.container->env.count = 1;
	assign(&h, h.task);
	EQ_STR(order(&h, RUNNER_PREPARE)->env, "X=web.4@rack1");
	EQ_STR(order(&h, RUNNER_PREPARE)->hostname, "web.4.t1");
	fini(&h);
}

T(a_template_that_does_not_expand_rejects_the_task)
{
	static const char *env[] = { "X={{.Nonsense}}" };
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->spec.container->env.v = env;
	h.task->spec.container->env.count = 1;
	assign(&h, h.task);
	EQ(status(&h)->state, TASK_REJECTED);
	OK(str_starts(status(&h)->err, "expanding env failed"));
	fini(&h);
}

/* ---- health
 * ---------------------------------------------------------------------- */

static const char *check_cmd[] = { "CMD", "/bin/true" };

static struct task *
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

static void
probe_result(struct host *h, int64_t code)
{
	struct runner_report r = { .news = RUNNER_PROBED,
				   .task_id = "t1",
				   .exit_code = code };

	wait_ms(h, 1000);
	OK(order(h, RUNNER_PROBE) != NULL);
	r.probe_id = order(h, RUNNER_PROBE)->probe_id;
	report_full(h, &r);
}

T(a_task_with_a_check_runs_when_it_is_healthy)
{
	struct host h;

	init(&h);
	h.task = checked_task();
	run(&h, h.task);
	EQ(status(&h)->state, TASK_STARTING);
	EQ_STR(status(&h)->health, "starting");
	EQ(agent_deadline(h.a), h.now.mono_ms + 1000);
	probe_result(&h, 0);
	EQ(status(&h)->state, TASK_RUNNING);
	EQ_STR(status(&h)->health, "healthy");
	probe_result(&h, 1);
	OK(status(&h) == NULL);
	probe_result(&h, 1);
	EQ_STR(status(&h)->health, "unhealthy");
	OK(order(&h, RUNNER_STOP) != NULL);
	exits(&h, "t1", 143);
	EQ(status(&h)->state, TASK_FAILED);
	EQ_STR(status(&h)->err,
	       "task: non-zero exit (143): unhealthy container");
	fini(&h);
}

T(an_unhealthy_task_that_exits_with_0_is_complete)
{
	struct host h;

	init(&h);
	h.task = checked_task();
	run(&h, h.task);
	probe_result(&h, 1);
	probe_result(&h, 1);
	exits(&h, "t1", 0);
	EQ(status(&h)->state, TASK_COMPLETE);
	fini(&h);
}

T(the_images_check_counts_where_the_spec_has_none)
{
	struct healthcheck image = { .test = { check_cmd, 2 } };
	struct runner_report r = { .news = RUNNER_PREPARED,
				   .task_id = "t1",
				   .image_healthcheck = &image };
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	assign(&h, h.task);
	report_full(&h, &r);
	report(&h, "t1", RUNNER_STARTED);
	EQ(status(&h)->state, TASK_STARTING);
	EQ(agent_deadline(h.a), h.now.mono_ms + 30000);
	fini(&h);
}

T(a_probe_that_comes_too_late_is_ignored)
{
	struct runner_report r = { .news = RUNNER_PROBED,
				   .task_id = "t1",
				   .probe_id = 99 };
	struct host h;

	init(&h);
	h.task = checked_task();
	run(&h, h.task);
	report_full(&h, &r);
	EQ(h.count, 0);
	fini(&h);
}

/* ---- restarts of the daemon
 * ---------------------------------------------------------- */

enum before { UNPREPARED, PREPARED, STARTED, STOPPING, FINISHED };

T(a_restarted_daemon_finds_its_tasks_as_they_are)
{
	static const struct {
		const char *name;
		enum before before;
		int found; /* enum runner_phase; 0: nothing */
		int64_t code;
		enum runner_verb verb; /* what is ordered; 0: nothing */
		int state;
		const char *err;
	} rows[] = {
		{ "still runs", STARTED, RUNNER_PHASE_RUNNING, 0, 0,
		  TASK_RUNNING, "" },
		{ "ended meanwhile", STARTED, RUNNER_PHASE_EXITED, 3, 0,
		  TASK_FAILED, "task: non-zero exit (3)" },
		{ "completed meanwhile", STARTED, RUNNER_PHASE_EXITED, 0, 0,
		  TASK_COMPLETE, "" },
		{ "supervisor lost", STARTED, RUNNER_PHASE_GONE, 0,
		  RUNNER_REMOVE, TASK_FAILED, "supervisor lost" },
		{ "container lost", STARTED, 0, 0, 0, TASK_FAILED,
		  "container lost: was the host restarted?" },
		{ "was starting: runs", PREPARED, RUNNER_PHASE_RUNNING, 0, 0,
		  TASK_RUNNING, "" },
		{ "was starting: not yet", PREPARED, RUNNER_PHASE_CREATED, 0,
		  RUNNER_START, TASK_STARTING, "" },
		{ "was starting: lost", PREPARED, 0, 0, 0, TASK_FAILED,
		  "container lost: was the host restarted?" },
		{ "was preparing: not begun", UNPREPARED, 0, 0, RUNNER_PREPARE,
		  TASK_PREPARING, "" },
		{ "was preparing: done", UNPREPARED, RUNNER_PHASE_CREATED, 0,
		  RUNNER_START, TASK_STARTING, "" },
		{ "was preparing: half done", UNPREPARED, RUNNER_PHASE_GONE, 0,
		  RUNNER_REMOVE, TASK_PREPARING, "" },
		{ "was stopping: runs", STOPPING, RUNNER_PHASE_RUNNING, 0,
		  RUNNER_STOP, TASK_RUNNING, "" },
		{ "was stopping: done", STOPPING, RUNNER_PHASE_EXITED, 137, 0,
		  TASK_SHUTDOWN, "" },
		{ "was stopping: lost", STOPPING, 0, 0, 0, TASK_SHUTDOWN, "" },
		{ "had ended", FINISHED, RUNNER_PHASE_EXITED, 0, 0,
		  TASK_COMPLETE, "" },
		{ "had ended, swept", FINISHED, 0, 0, 0, TASK_COMPLETE, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct runner_report found = {
			.news = RUNNER_FOUND,
			.task_id = "t1",
			.pid = 77,
			.started_at = 5,
			.exit_code = rows[i].code,
			.phase = (enum runner_phase)rows[i].found,
		};
		static const enum runner_verb verbs[] = {
			RUNNER_PREPARE, RUNNER_START, RUNNER_STOP, RUNNER_REMOVE
		};
		struct host h;

		T_ROW(rows[i].name);
		init(&h);
		h.task = task_new("t1", 1);
		assign(&h, h.task);
		if (rows[i].before >= PREPARED)
			report(&h, "t1", RUNNER_PREPARED);
		if (rows[i].before >= STARTED)
			report(&h, "t1", RUNNER_STARTED);
		if (rows[i].before == STOPPING)
			desire(&h, h.task, TASK_SHUTDOWN);
		if (rows[i].before == FINISHED)
			exits(&h, "t1", 0);
		agent_free(h.a);
		h.now.mono_ms = 10; /* the host may have been restarted */
		boot(&h);
		if (rows[i].found != 0)
			report_full(&h, &found);
		EQ(h.count * (rows[i].found != 0), 0); /* it waits */
		scan_done(&h);
		for (size_t v = 0; v < ARRAY_LEN(verbs); v++)
			EQ(order(&h, verbs[v]) != NULL,
			   rows[i].verb == verbs[v]);
		OK(status(&h) != NULL);
		EQ(status(&h)->state, rows[i].state);
		EQ_STR(status(&h)->err, rows[i].err);
		fini(&h);
	}
}

T(a_task_that_was_half_prepared_starts_over_once_it_is_cleaned)
{
	struct runner_report found = { .news = RUNNER_FOUND,
				       .task_id = "t1",
				       .phase = RUNNER_PHASE_GONE };
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	assign(&h, h.task);
	agent_free(h.a);
	boot(&h);
	report_full(&h, &found);
	scan_done(&h);
	report(&h, "t1", RUNNER_REMOVED);
	OK(order(&h, RUNNER_PREPARE) != NULL);
	report(&h, "t1", RUNNER_PREPARED);
	OK(order(&h, RUNNER_START) != NULL);
	fini(&h);
}

T(a_container_that_nobody_knows_is_removed)
{
	struct runner_report found = { .news = RUNNER_FOUND,
				       .task_id = "zz",
				       .phase = RUNNER_PHASE_RUNNING };
	struct host h;

	init(&h);
	agent_free(h.a);
	boot(&h);
	report_full(&h, &found);
	scan_done(&h);
	EQ_STR(order(&h, RUNNER_REMOVE)->task, "zz");
	report(&h, "zz", RUNNER_REMOVED);
	OK(agent_is_empty(h.a));
	fini(&h);
}

T(a_task_that_ran_somewhere_but_has_no_row_is_lost)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->status.state = TASK_RUNNING;
	assign(&h, h.task);
	EQ(status(&h)->state, TASK_FAILED);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	fini(&h);
}

T(a_damaged_row_is_refused)
{
	struct agent_config config = { .rand_state = &(uint64_t){ 1 },
				       .node_id = "node1",
				       .egress_subnet = "10.0.0.0/24" };
	struct agent *a = agent_new(&config, (struct now){ 1, 1 });
	struct err e;

	OK(agent_load(a, "t1", "\x80", 1, &e) < 0);
	OK(agent_load(a, "t1", "junk", 4, &e) < 0);
	OK(agent_is_empty(a));
	agent_free(a);
}

/* ---- docker ps
 * ------------------------------------------------------------------------- */

static int
ask(struct host *h, enum op op, const char *target, const char *filters,
    char *body, size_t len)
{
	struct kv q[] = { { "all", "1" }, { "filters", filters } };
	struct request r = { .op = op,
			     .target = target,
			     .query = { q, filters == NULL ? 1 : 2 } };
	struct buf b = { 0 };
	int code = agent_containers(h->a, &r, h->now, &b);

	put(body, len, buf_cstr(&b));
	buf_fini(&b);
	return code;
}

T(containers_are_listed_with_what_docker_ps_shows)
{
	char body[4096];
	struct host h;

	init(&h);
	h.task = checked_task();
	publish(h.task, 8080);
	run(&h, h.task);
	wait_ms(&h, 60000 * 5);
	EQ(ask(&h, OP_CONTAINER_LIST, NULL, NULL, body, sizeof(body)), 200);
	OK(strstr(body, "\"Names\":[\"/web.1.t1\"]") != NULL);
	OK(strstr(body, "\"Image\":\"whoami\"") != NULL);
	OK(strstr(body, "Up 5 minutes (health: starting)\"") != NULL);
	OK(strstr(body, "\"PublicPort\":8080") != NULL);
	OK(strstr(body, "\"com.docker.swarm.task.id\":\"t1\"") != NULL);
	OK(strstr(body, "\"IPAddress\":\"172.30.0.2\"") != NULL);
	exits(&h, "t1", 3);
	wait_ms(&h, 3000);
	ask(&h, OP_CONTAINER_LIST, NULL, NULL, body, sizeof(body));
	OK(strstr(body, "\"Status\":\"Exited (3) 3 seconds ago\"") != NULL);
	OK(strstr(body, "\"State\":\"exited\"") != NULL);
	fini(&h);
}

T(containers_are_filtered)
{
	static const struct {
		const char *filters;
		int code;
		bool shown;
	} rows[] = {
		{ "{\"name\":{\"web\":true}}", 200, true },
		{ "{\"name\":{\"/web\":true}}", 200, true },
		{ "{\"name\":{\"db\":true}}", 200, false },
		{ "{\"status\":{\"running\":true}}", 200, true },
		{ "{\"status\":{\"exited\":true}}", 200, false },
		{ "{\"label\":{\"com.docker.swarm.task\":true}}", 200, true },
		{ "{\"label\":{\"com.docker.swarm.task.id=t2\":true}}", 200,
		  false },
		{ "{\"ancestor\":{\"whoami\":true}}", 200, true },
		{ "{\"is-task\":{\"false\":true}}", 200, false },
		{ "{\"health\":{\"none\":true}}", 200, true },
		{ "{\"colour\":{\"red\":true}}", 400, false },
	};
	char body[4096];
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].filters);
		EQ(ask(&h, OP_CONTAINER_LIST, NULL, rows[i].filters, body,
		       sizeof(body)),
		   rows[i].code);
		EQ(strstr(body, "web.1.t1") != NULL, rows[i].shown);
	}
	fini(&h);
}

T(a_container_is_found_by_its_names)
{
	const char *id = NULL, *id2 = NULL;
	char body[4096], prefix[8];
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	OK(agent_container(h.a, "web.1.t1", &id) != NULL);
	EQ(strlen(id), 64);
	OK(agent_container(h.a, "t1", &id2) != NULL);
	OK(agent_container(h.a, id, &id2) != NULL);
	snprintf(prefix, sizeof(prefix), "%.6s", id);
	OK(agent_container(h.a, prefix, &id2) != NULL);
	EQ_STR(id, id2);
	OK(agent_container(h.a, "nobody", &id2) == NULL);
	EQ(ask(&h, OP_CONTAINER_INSPECT, prefix, NULL, body, sizeof(body)),
	   200);
	OK(strstr(body, "\"Pid\":77") != NULL);
	OK(strstr(body, "\"Tty\":false") != NULL);
	EQ(ask(&h, OP_CONTAINER_INSPECT, "nobody", NULL, body, sizeof(body)),
	   404);
	EQ_STR(body, "{\"message\":\"No such container: nobody\"}");
	fini(&h);
}
