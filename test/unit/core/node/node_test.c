/*
 * node_test.c - the node by its events: a disk that the test holds back when
 * it wants to, and a runner that obeys at once.
 */
#include "core/node/node.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/state/state.h"
#include "test/fake_trust.h"
#include "test/t.h"
#include "test/unit/core/node/identity_rows.h"

#define ANSWERS_MAX 128

struct answer {
	int status; /* 0: none yet; 1: a stream */
	int ends, pieces;
	struct buf body;
	size_t logs; /* sources, of all effects */
	size_t ended_logs;
	bool last_logs; /* none will join any more */
};

static struct node *node;
static struct now now;
static struct answer answers[ANSWERS_MAX];
static const struct batch *held[8];
static size_t held_count;
static bool hold_disk, run_orders;
static int wipes, orders[8], batches, port_sets;
static struct raft_entry *log_entries;
static size_t log_count, log_cap;

static const struct node_description description = {
	.hostname = "host",
	.platform = { "x86_64", "linux" },
	.resources = { INT64_C(8000000000), INT64_C(8) << 30 },
};

/* Reports that wait until the node is quiet; all is in trust_arena. */
static struct fake_trust trust;
static struct arena trust_arena;
static struct trust_report trust_reports[16];
static size_t trust_count;
static bool listen_asked;

static void give(const struct event *ev);

static void
take_trust(const struct trust_order *o)
{
	OK(trust_count < ARRAY_LEN(trust_reports));
	trust.now_ns = now.wall_ns;
	trust_count += fake_trust(&trust, o, &trust_arena,
				  &trust_reports[trust_count]);
}

static bool
give_trust(void)
{
	struct link_report listens = { .news = LINK_LISTENS,
				       .addr = "0.0.0.0:2377" };
	struct trust_report r = trust_reports[0];

	if (listen_asked) {
		listen_asked = false;
		give(&(struct event){ .type = EVENT_LINK, .link = &listens });
		return true;
	}
	if (trust_count == 0)
		return false;
	trust_count--;
	memmove(trust_reports, trust_reports + 1, trust_count * sizeof(r));
	give(&(struct event){ .type = EVENT_TRUST, .trust = &r });
	return true;
}

static void
report(enum runner_news news, const char *task_id)
{
	struct runner_report r = {
		.news = news, .task_id = task_id, .pid = 77, .started_at = 5
	};
	struct event ev = { .type = EVENT_RUNNER, .report = &r };

	give(&ev);
}

static void
persist_oldest(void)
{
	struct event ev = { .type = EVENT_PERSISTED,
			    .batch_seq = held[0]->seq };

	for (size_t i = 0; i < held[0]->entry_count; i++) {
		log_entries = mem_grow(log_entries, log_count, &log_cap,
				       sizeof(*log_entries));
		log_entries[log_count++] = held[0]->entries[i];
	}
	batch_free(held[0]);
	held_count--;
	memmove(held, held + 1, held_count * sizeof(held[0]));
	give(&ev);
}

static void
take_answer(const struct effect *e)
{
	struct answer *a = &answers[e->request_id];

	OK(e->request_id > 0 && e->request_id < ANSWERS_MAX);
	EQ(a->ends, 0);
	if (e->type == EFFECT_REPLY)
		a->status = e->status;
	else if (a->status == 0)
		a->status = 1;
	a->ends += e->type != EFFECT_STREAM;
	a->pieces += e->type == EFFECT_STREAM;
	buf_put(&a->body, e->body, e->body_len);
}

/* What came of the orders, in turn, once the node is quiet. */
static char todo[64][32];
static enum runner_news todo_news[64];
static size_t todo_count;

static void
take_order(const struct runner_order *o)
{
	static const enum runner_news news[] = {
		[RUNNER_PREPARE] = RUNNER_PREPARED,
		[RUNNER_START] = RUNNER_STARTED,
		[RUNNER_PROBE] = RUNNER_PROBED,
		[RUNNER_STOP] = RUNNER_EXITED,
		[RUNNER_REMOVE] = RUNNER_REMOVED,
	};

	orders[o->verb]++;
	if (!run_orders)
		return;
	OK(todo_count < ARRAY_LEN(todo));
	snprintf(todo[todo_count], sizeof(todo[0]), "%s", o->task_id);
	todo_news[todo_count++] = news[o->verb];
}

static void
drain(void)
{
	struct effect e;

	while (node_next(node, &e)) {
		switch (e.type) {
		case EFFECT_PERSIST:
			OK(held_count < 2);
			held[held_count++] = e.batch;
			batches++;
			break;
		case EFFECT_REPLY:
		case EFFECT_STREAM:
		case EFFECT_STREAM_END:
			take_answer(&e);
			break;
		case EFFECT_LOGS:
			answers[e.request_id].logs += e.log_count;
			answers[e.request_id].last_logs =
				e.log_count == 0 && !e.log_endless;
			for (size_t i = 0; i < e.log_count; i++)
				answers[e.request_id].ended_logs +=
					e.logs[i].ended;
			break;
		case EFFECT_RUNNER:
			take_order(e.order);
			break;
		case EFFECT_WIPE:
			wipes++;
			log_count = 0;
			break;
		case EFFECT_PORTS:
			port_sets++;
			break;
		case EFFECT_LINK:
			listen_asked |= e.link_order->verb == LINK_LISTEN &&
					e.link_order->addr != NULL;
			break;
		case EFFECT_TRUST:
			take_trust(e.trust_order);
			break;
		case EFFECT_GOSSIP:
		case EFFECT_LOGS_MORE:
		case EFFECT_LOGS_STOP:
		case EFFECT_UNLOCK:
		case EFFECT_STOPPED:
			break;
		}
	}
}

static void
give(const struct event *ev)
{
	node_step(node, now, ev);
	drain();
}

/* Until nothing is left to do. */
static void
settle(void)
{
	while (true) {
		struct event tick = { .type = EVENT_TICK };

		if (!hold_disk && held_count > 0) {
			persist_oldest();
		} else if (give_trust()) {
			continue;
		} else if (todo_count > 0) {
			char id[32];
			enum runner_news news = todo_news[0];

			memcpy(id, todo[0], sizeof(id));
			todo_count--;
			memmove(todo, todo + 1, todo_count * sizeof(todo[0]));
			memmove(todo_news, todo_news + 1,
				todo_count * sizeof(todo_news[0]));
			report(news, id);
		} else if (node_deadline(node) <= now.mono_ms) {
			give(&tick);
		} else {
			return;
		}
	}
}

static void
pass(uint64_t ms)
{
	struct event tick = { .type = EVENT_TICK };

	for (uint64_t i = 0; i < ms; i += 50) {
		now.mono_ms += 50;
		now.wall_ns += 50 * NS_PER_MS;
		give(&tick);
		settle();
	}
}

static void
start(void)
{
	struct node_config c = { .seed = 5,
				 .version = "1",
				 .root_dir = "/r",
				 .runtime = "runc",
				 .description = &description,
				 .egress_subnet = "172.30.0.0/16" };

	now = (struct now){ 1000, INT64_C(1700000000) * NS_PER_S };
	node = node_new(&c, now);
	run_orders = true;
	report(RUNNER_SCANNED, NULL);
	settle();
}

static void
end(void)
{
	node_free(node);
	while (held_count > 0)
		batch_free(held[--held_count]);
	for (size_t i = 0; i < ANSWERS_MAX; i++)
		buf_fini(&answers[i].body);
	mem_free(log_entries);
	arena_fini(&trust_arena);
}

static uint64_t asked;

/* key and value are a query parameter, or NULL. */
static struct answer *
ask(enum op op, const char *target, const char *body, const char *key,
    const char *value)
{
	struct kv q[3] = { { key, value } };
	struct request r = { .id = ++asked,
			     .op = op,
			     .where = OP_AT_NODE,
			     .target = target,
			     .body = body,
			     .body_len = body ? strlen(body) : 0,
			     .query = { q, key != NULL },
			     .api_minor = API_MINOR_MAX };
	struct event ev = { .type = EVENT_REQUEST, .request = &r };

	if (op == OP_SERVICE_LOGS || op == OP_CONTAINER_LOGS ||
	    op == OP_TASK_LOGS) {
		q[r.query.count++] = (struct kv){ "stdout", "1" };
	}
	give(&ev);
	settle();
	return &answers[asked];
}

static struct answer *
init(void)
{
	return ask(OP_SWARM_INIT, NULL, "{\"ListenAddr\":\"0.0.0.0:2377\"}",
		   NULL, NULL);
}

static const char web[] =
	"{\"Name\":\"web\",\"TaskTemplate\":{\"ContainerSpec\":"
	"{\"Image\":\"img\"}},\"Mode\":{\"Replicated\":{\"Replicas\":2}}}";

static struct answer *
create(void)
{
	return ask(OP_SERVICE_CREATE, NULL, web, NULL, NULL);
}

static bool
says(struct answer *a, const char *text)
{
	return strstr(buf_cstr(&a->body), text) != NULL;
}

T(outside_a_cluster_managers_questions_are_refused)
{
	struct answer *a;

	start();
	a = ask(OP_SERVICE_LIST, NULL, NULL, NULL, NULL);
	EQ(a->status, 503);
	OK(says(a, "This node is not a swarm manager. Use"));
	EQ(ask(OP_VERSION, NULL, NULL, NULL, NULL)->status, 200);
	EQ(ask(OP_INFO, NULL, NULL, NULL, NULL)->status, 200);
	EQ(ask(OP_CONTAINER_LIST, NULL, NULL, NULL, NULL)->status, 200);
	a = ask(OP_SWARM_LEAVE, NULL, NULL, NULL, NULL);
	EQ(a->status, 503);
	OK(says(a, "not part of a swarm"));
	EQ_STR(node_swarm_state(node), "inactive");
	end();
}

T(init_answers_once_all_is_on_the_disk_and_only_once)
{
	struct answer *a;

	start();
	hold_disk = true;
	a = init();
	EQ(a->status, 0);
	while (a->status == 0) {
		OK(held_count > 0);
		persist_oldest();
	}
	EQ(a->status, 200);
	EQ(log_count, 3); /* members, objects, the leader's first */
	EQ(log_entries[0].kind, RAFT_CONFIG);
	OK(says(a, node_id(node)));
	OK(state_cluster(node_state(node)) != NULL);
	EQ_STR(node_swarm_state(node), "active/manager");
	hold_disk = false;
	a = init();
	EQ(a->status, 503);
	OK(says(a, "This node is already part of a swarm."));
	end();
}

T(a_service_is_created_assigned_and_run)
{
	struct answer *a;

	start();
	init();
	hold_disk = true;
	a = create();
	EQ(a->status, 0);
	hold_disk = false;
	settle();
	EQ(a->status, 201);
	EQ(orders[RUNNER_PREPARE], 2);
	EQ(orders[RUNNER_START], 2);
	EQ(state_count(node_state(node), OBJECT_TASK), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct task *t =
			state_at(node_state(node), OBJECT_TASK, i);

		EQ(t->status.state, TASK_RUNNING);
	}
	a = create();
	EQ(a->status, 409);
	EQ(ask(OP_SERVICE_REMOVE, "web", NULL, NULL, NULL)->status, 200);
	pass(1000);
	EQ(orders[RUNNER_STOP], 2);
	EQ(orders[RUNNER_REMOVE], 2);
	EQ(state_count(node_state(node), OBJECT_TASK), 0);
	end();
}

T(leaving_needs_force_and_leaves_nothing)
{
	struct answer *a;

	start();
	init();
	create();
	a = ask(OP_SWARM_LEAVE, NULL, NULL, NULL, NULL);
	EQ(a->status, 503);
	OK(says(a, "Removing the last manager erases all"));
	run_orders = false;
	a = ask(OP_SWARM_LEAVE, NULL, NULL, "force", "1");
	EQ(a->status, 0); /* containers still run */
	EQ(wipes, 0);
	EQ(ask(OP_SERVICE_LIST, NULL, NULL, NULL, NULL)->status, 503);
	EQ(orders[RUNNER_STOP], 2);
	end();
}

T(leaving_ends_when_the_containers_are_gone)
{
	struct answer *a;

	start();
	init();
	create();
	a = ask(OP_SWARM_LEAVE, NULL, NULL, "force", "1");
	EQ(a->status, 200);
	EQ(wipes, 1);
	EQ(orders[RUNNER_REMOVE], 2);
	OK(node_id(node) == NULL);
	EQ(init()->status, 200);
	EQ(create()->status, 201);
	end();
}

T(who_hung_up_gets_no_answer_and_the_change_is_made)
{
	struct event gone = { .type = EVENT_REQUEST_GONE };
	struct answer *a;

	start();
	init();
	hold_disk = true;
	a = create();
	gone.request_id = asked;
	give(&gone);
	hold_disk = false;
	settle();
	EQ(a->status, 0);
	EQ(state_count(node_state(node), OBJECT_SERVICE), 1);
	end();
}

T(events_come_as_they_happen_until_the_given_time)
{
	struct answer *all, *some, *none;
	char until[32];

	start();
	init();
	all = ask(OP_EVENTS, NULL, NULL, NULL, NULL);
	EQ(all->pieces, 1); /* empty: the headers */
	EQ(all->body.len, 0);
	snprintf(until, sizeof(until), "%lld.5",
		 (long long)(now.wall_ns / NS_PER_S + 2));
	some = ask(OP_EVENTS, NULL, NULL, "until", until);
	none = ask(OP_EVENTS, NULL, NULL, "filters", "{\"type\":[\"node\"]}");
	create();
	OK(says(all, "\"service\""));
	OK(says(some, "\"create\""));
	EQ(none->body.len, 0);
	EQ(some->ends, 0);
	pass(3000);
	EQ(some->ends, 1);
	EQ(all->ends, 0);
	/* the past, for who asks for it */
	some = ask(OP_EVENTS, NULL, NULL, "since", "1");
	OK(says(some, "\"create\""));
	EQ(ask(OP_EVENTS, NULL, NULL, "since", "soon")->status, 400);
	EQ(ask(OP_EVENTS, NULL, NULL, "until", "1.2.3")->status, 400);
	EQ(ask(OP_EVENTS, NULL, NULL, "since", "9999999999.9")->status, 1);
	EQ(ask(OP_EVENTS, NULL, NULL, "since", "99999999999")->status, 400);
	EQ(ask(OP_EVENTS, NULL, NULL, "filters", "[")->status, 400);
	end();
}

T(logs_are_of_the_tasks_that_have_containers)
{
	struct answer *a, *followed;

	start();
	init();
	EQ(ask(OP_SERVICE_LOGS, "nope", NULL, NULL, NULL)->status, 404);
	create();
	a = ask(OP_SERVICE_LOGS, "web", NULL, NULL, NULL);
	EQ(a->logs, 2);
	EQ(a->status, 0); /* the driver answers */
	followed = ask(OP_SERVICE_LOGS, "web", NULL, "follow", "1");
	EQ(followed->logs, 2);
	/* a task that ends is replaced, and the new one joins */
	report(RUNNER_EXITED, ((const struct object *)state_at(node_state(node),
							       OBJECT_TASK, 0))
				      ->id);
	pass(7000);
	EQ(followed->logs, 3);
	EQ(a->logs, 2);
	EQ(ask(OP_CONTAINER_LOGS, "nope", NULL, NULL, NULL)->status, 404);
	end();
}

static const char *
first_task(void)
{
	return ((const struct object *)state_at(node_state(node), OBJECT_TASK,
						0))
		->id;
}

T(logs_of_what_has_ended_say_so)
{
	struct answer *a;
	char task[32];

	start();
	init();
	create();
	snprintf(task, sizeof(task), "%s", first_task());
	a = ask(OP_TASK_LOGS, task, NULL, "follow", "1");
	EQ(a->logs, 1);
	EQ(a->ended_logs, 0);
	report(RUNNER_EXITED, task);
	settle();
	EQ(ask(OP_TASK_LOGS, task, NULL, "follow", "1")->ended_logs, 1);
	EQ(ask(OP_CONTAINER_LOGS, task, NULL, "follow", "1")->ended_logs, 1);
	end();
}

/* A task without a place has no log: who follows it must not wait on. */
T(a_followed_log_that_never_comes_ends_with_its_task)
{
	struct answer *a;
	char version[24];

	start();
	init();
	snprintf(version, sizeof(version), "%llu",
		 (unsigned long long)((const struct object *)state_at(
					      node_state(node), OBJECT_NODE, 0))
			 ->version.index);
	EQ(ask(OP_NODE_UPDATE, node_id(node),
	       "{\"Role\":\"manager\",\"Availability\":\"pause\"}", "version",
	       version)
		   ->status,
	   200);
	create();
	a = ask(OP_TASK_LOGS, first_task(), NULL, "follow", "1");
	EQ(a->logs, 0);
	EQ(a->pieces, 1); /* the headers */
	EQ(a->ends, 0);
	EQ(ask(OP_SERVICE_REMOVE, "web", NULL, NULL, NULL)->status, 200);
	EQ(a->ends, 1);
	end();
}

T(a_followed_service_that_is_gone_has_no_more_to_come)
{
	struct answer *a, *none;

	start();
	init();
	create();
	EQ(ask(OP_SERVICE_CREATE, NULL,
	       "{\"Name\":\"idle\",\"TaskTemplate\":{\"ContainerSpec\":"
	       "{\"Image\":\"i\"}},\"Mode\":{\"Replicated\":{\"Replicas\":0}}}",
	       NULL, NULL)
		   ->status,
	   201);
	a = ask(OP_SERVICE_LOGS, "web", NULL, "follow", "1");
	none = ask(OP_SERVICE_LOGS, "idle", NULL, "follow", "1");
	EQ(none->ends, 0);
	EQ(ask(OP_SERVICE_REMOVE, "idle", NULL, NULL, NULL)->status, 200);
	EQ(none->ends, 1);
	OK(!a->last_logs);
	EQ(ask(OP_SERVICE_REMOVE, "web", NULL, NULL, NULL)->status, 200);
	pass(1000);
	EQ(state_count(node_state(node), OBJECT_TASK), 0);
	OK(a->last_logs);
	EQ(a->ends, 0); /* that is for the driver, once it has sent all */
	end();
}

T(leaving_ends_what_is_followed)
{
	struct answer *a, *none;

	start();
	init();
	create();
	a = ask(OP_SERVICE_LOGS, "web", NULL, "follow", "1");
	EQ(ask(OP_SERVICE_CREATE, NULL,
	       "{\"Name\":\"idle\",\"TaskTemplate\":{\"ContainerSpec\":"
	       "{\"Image\":\"i\"}},\"Mode\":{\"Replicated\":{\"Replicas\":0}}}",
	       NULL, NULL)
		   ->status,
	   201);
	none = ask(OP_SERVICE_LOGS, "idle", NULL, "follow", "1");
	EQ(ask(OP_SWARM_LEAVE, NULL, NULL, "force", "1")->status, 200);
	EQ(none->ends, 1);
	OK(a->last_logs);
	end();
}

/*
 * The rows of what was applied can be made again from the log: they wait a
 * little for others, and then go by themselves.
 */
/* The n-th of some requests that came together. */
static struct answer *
ask_one_of(const char *name, bool more)
{
	struct request r = { .id = ++asked,
			     .op = OP_SERVICE_CREATE,
			     .where = OP_AT_NODE,
			     .target = "",
			     .api_minor = API_MINOR_MAX };
	char body[256];

	snprintf(body, sizeof(body),
		 "{\"Name\":\"%s\",\"TaskTemplate\":{\"ContainerSpec\":"
		 "{\"Image\":\"x\"}},\"Mode\":{\"Replicated\":{"
		 "\"Replicas\":0}}}",
		 name);
	r.body = body;
	r.body_len = strlen(body);
	give(&(struct event){
		.type = EVENT_REQUEST, .more = more, .request = &r });
	return &answers[r.id];
}

T(requests_that_come_together_are_one_batch)
{
	struct answer *a, *b;

	start();
	init();
	pass(1000);
	batches = 0;
	a = ask_one_of("a", true);
	EQ(batches, 0);
	b = ask_one_of("b", true);
	EQ(batches, 0);
	EQ(ask_one_of("b", false)->status, 0);
	EQ(batches, 1);
	EQ(a->status, 0);
	settle();
	EQ(a->status, 201);
	EQ(b->status, 201);
	EQ(answers[asked].status, 409);
	/* But nobody waits for a stream of them without end. */
	batches = 0;
	for (int i = 0; batches == 0; i++) {
		OK(i < 100);
		(void)ask_one_of("c", true);
	}
	end();
}

T(a_change_is_answered_after_one_batch_and_then_all_is_quiet)
{
	struct answer *a;
	char version[24];

	start();
	init();
	pass(1000);
	OK(node_deadline(node) >= now.mono_ms + 3600000);
	for (int i = 0; i < 5; i++) {
		const struct object *n =
			state_get(node_state(node), OBJECT_NODE, node_id(node));

		batches = 0;
		snprintf(version, sizeof(version), "%llu",
			 (unsigned long long)n->version.index);
		a = ask(OP_NODE_UPDATE, node_id(node),
			"{\"Role\":\"manager\",\"Availability\":\"pause\"}",
			"version", version);
		EQ(a->status, 200);
		EQ(batches, 1);
	}
	EQ(node_deadline(node), now.mono_ms + 100);
	pass(50);
	EQ(batches, 1);
	pass(50);
	EQ(batches, 2);
	OK(node_deadline(node) >= now.mono_ms + 3600000);
	end();
}

/* 40 tasks of 100 KiB are more than an entry of the log may have. */
T(large_specs_are_spread_over_several_entries)
{
	struct buf body = { 0 };

	start();
	init();
	run_orders = false;
	buf_puts(&body, "{\"Name\":\"big\",\"TaskTemplate\":{\"ContainerSpec\":"
			"{\"Image\":\"img\",\"Env\":[\"A=");
	for (int i = 0; i < 100 * 1024; i++)
		buf_putc(&body, 'x');
	buf_puts(&body, "\"]}},\"Mode\":{\"Replicated\":{\"Replicas\":40}}}");
	EQ(ask(OP_SERVICE_CREATE, NULL, buf_cstr(&body), NULL, NULL)->status,
	   201);
	pass(2000);
	EQ(state_count(node_state(node), OBJECT_TASK), 40);
	EQ(orders[RUNNER_PREPARE], 40);
	buf_fini(&body);
	end();
}

T(the_wanted_ports_are_told_once_a_step)
{
	static const char body[] =
		"{\"Name\":\"p\",\"TaskTemplate\":{\"ContainerSpec\":"
		"{\"Image\":\"img\"}},\"Mode\":{\"Replicated\":{\"Replicas\":"
		"20}},"
		"\"EndpointSpec\":{\"Ports\":[{\"TargetPort\":80,"
		"\"PublishMode\":\"host\"}]}}";

	start();
	init();
	run_orders = false;
	port_sets = 0;
	EQ(ask(OP_SERVICE_CREATE, NULL, body, NULL, NULL)->status, 201);
	EQ(orders[RUNNER_PREPARE], 20);
	EQ(port_sets, 1);
	end();
}

/* A node that comes up again answers after it has taken office. */
T(questions_wait_for_the_leader)
{
	struct stored stored = { 0 };
	struct node_config c = { .seed = 6,
				 .version = "1",
				 .root_dir = "/r",
				 .runtime = "runc",
				 .description = &description,
				 .egress_subnet = "172.30.0.0/16",
				 .stored = &stored };
	struct batch_row rows[3 + ROWS_IDENTITY] = {
		{ TABLE_IDENTITY, (char *)"members",
		  (char *)"\1\0\0\0\0\0\0\0\0", 9 },
		{ TABLE_IDENTITY, (char *)"node",
		  (char *)"aaaaaaaaaaaaaaaaaaaaaaaaa", 25 },
		{ TABLE_IDENTITY, (char *)"raft", (char *)"1", 1 },
	};
	struct raft_entry entry = { 1, 1, RAFT_NOOP, NULL, 0 };
	struct answer *a, *late;

	stored.hard.term = 1;
	stored.entries = &entry;
	stored.entry_count = 1;
	stored.rows = rows;
	stored.row_count = 3 + ROWS_IDENTITY;
	identity_rows(true, NS_PER_S * 1000, &trust_arena, rows + 3);
	now = (struct now){ 1000, 5 };
	node = node_new(&c, now);
	hold_disk = true;
	a = ask(OP_SERVICE_LIST, NULL, NULL, NULL, NULL);
	EQ(a->status, 0);
	EQ(ask(OP_INFO, NULL, NULL, NULL, NULL)->status, 200);
	late = ask(OP_NODE_LIST, NULL, NULL, NULL, NULL);
	pass(11000);
	EQ(a->status, 503);
	OK(says(a, "does not have a leader"));
	EQ(late->status, 503);
	a = ask(OP_SERVICE_LIST, NULL, NULL, NULL, NULL);
	hold_disk = false;
	settle();
	EQ(a->status, 200);
	end();
}

T(batches_know_when_they_are_empty_and_copy)
{
	struct batch *b = batch_new(3);
	char text[] = "value";

	OK(batch_is_empty(b));
	batch_row_put(b, TABLE_WORKER, "k", text, 5);
	text[0] = 'x';
	OK(!batch_is_empty(b));
	OK(memcmp(b->rows[0].value, "value", 5) == 0);
	batch_free(b);
	batch_free(NULL);
	b = batch_new(4);
	b->applied = 1;
	OK(!batch_is_empty(b));
	batch_free(b);
}
