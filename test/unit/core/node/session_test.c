/*
 * session_test.c - a worker and managers that a test plays: links come up and
 * go down by hand, each message is looked at, and so is when it came.
 */
#include <errno.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/gossip_keys.h"
#include "core/node/node_impl.h"
#include "test/t.h"

#define SAID_MAX 64
#define OPENED_MAX 64
#define WALL INT64_C(1700000000000000000)
#define SELF "node00000000000000000000a"
#define CLUSTER "cluster000000000000000000"

struct said { /* by the worker */
	int kind;
	uint64_t link, call, session;
	uint64_t assigned, checksum;
	size_t items;
	int state;
	char task[ID_LEN + 1];
};

static struct node *node;
static struct now now;
static struct said said[SAID_MAX];
static size_t said_count;
static uint64_t opened[OPENED_MAX], opened_ms[OPENED_MAX];
static char opened_addr[OPENED_MAX][64];
static size_t opened_count;
static int orders[8];
static int gossips[4]; /* by verb */
static char gossip_addr[64];
static size_t gossip_keys;
static char last_prepared[ID_LEN + 1];

static const struct node_description description = {
	.hostname = "host", .platform = { "x86_64", "linux" }
};

static void give(const struct event *ev);

/* ---- the worker's effects ------------------------------------------------ */

static void
take_message(const struct link_order *o)
{
	struct said *s = &said[said_count];
	struct message m;
	struct arena a;
	struct err e;

	arena_init(&a);
	EQ(message_unpack(o->message, o->len, &a, &m, &e), 0);
	if (m.kind != MESSAGE_HELLO) {
		OK(++said_count < SAID_MAX);
		*s = (struct said){ .kind = m.kind,
				    .link = o->link,
				    .call = m.call };
	}
	if (m.kind == MESSAGE_SESSION) {
		s->assigned = m.session->assigned;
		s->checksum = m.session->checksum;
	}
	if (m.kind == MESSAGE_HEARTBEAT)
		s->session = m.heartbeat->session;
	if (m.kind == MESSAGE_STATUSES) {
		s->session = m.statuses->session;
		s->items = m.statuses->items.count;
		s->state = m.statuses->items.v[0].status.state;
		snprintf(s->task, sizeof(s->task), "%s",
			 m.statuses->items.v[0].task_id);
	}
	arena_fini(&a);
}

static void
take_link(const struct link_order *o)
{
	switch (o->verb) {
	case LINK_OPEN:
		OK(opened_count < OPENED_MAX);
		opened_ms[opened_count] = now.mono_ms;
		snprintf(opened_addr[opened_count], 64, "%s", o->addr);
		opened[opened_count++] = o->link;
		break;
	case LINK_SEND:
		take_message(o);
		break;
	case LINK_CLOSE:
	case LINK_LISTEN:
		break;
	}
}

static void
take_order(const struct runner_order *o)
{
	orders[o->verb]++;
	if (o->verb == RUNNER_PREPARE)
		snprintf(last_prepared, sizeof(last_prepared), "%s",
			 o->task_id);
}

static void
take_gossip(const struct gossip_order *o)
{
	gossips[o->verb]++;
	if (o->verb != GOSSIP_OPEN)
		return;
	snprintf(gossip_addr, sizeof(gossip_addr), "%s", o->addr);
	gossip_keys = o->key_count;
}

static void
take_effect(const struct effect *e)
{
	if (e->type == EFFECT_LINK)
		take_link(e->link_order);
	if (e->type == EFFECT_RUNNER)
		take_order(e->order);
	if (e->type == EFFECT_GOSSIP)
		take_gossip(e->gossip_order);
}

static void
drain(void)
{
	uint64_t written = 0;
	struct effect e;

	while (node_next(node, &e)) {
		take_effect(&e);
		if (e.type != EFFECT_PERSIST)
			continue;
		written = e.batch->seq;
		batch_free(e.batch);
	}
	if (written != 0)
		give(&(struct event){ .type = EVENT_PERSISTED,
				      .batch_seq = written });
}

static void
give(const struct event *ev)
{
	node_step(node, now, ev);
	drain();
}

static void
tick(void)
{
	give(&(struct event){ .type = EVENT_TICK });
}

/* Steps whenever the node asks for it, as the driver does. */
static void
pass(uint64_t ms)
{
	uint64_t until = now.mono_ms + ms;

	while (now.mono_ms < until) {
		uint64_t at = min_u64(node_deadline(node), until);

		at = max_u64(at, now.mono_ms + 1);
		now.wall_ns += (int64_t)(at - now.mono_ms) * NS_PER_MS;
		now.mono_ms = at;
		tick();
	}
}

/* ---- the managers -------------------------------------------------------- */

static uint64_t
last_link(void)
{
	OK(opened_count > 0);
	return opened[opened_count - 1];
}

static void
up(uint64_t link)
{
	struct link_peer peer = { .trust = LINK_VERIFIED,
				  .node_id = "manager000000000000000001",
				  .role = ROLE_WORD_MANAGER,
				  .cluster_id = CLUSTER,
				  .ip = "10.0.0.1" };
	struct link_report r = { .news = LINK_UP, .link = link, .peer = &peer };

	give(&(struct event){ .type = EVENT_LINK, .link = &r });
}

static void
down(uint64_t link)
{
	struct link_report r = { .news = LINK_DOWN,
				 .link = link,
				 .err = "it is gone" };

	give(&(struct event){ .type = EVENT_LINK, .link = &r });
}

static void
say(uint64_t link, const struct message *m)
{
	struct buf packed = { 0 };
	struct link_report r = { .news = LINK_MESSAGE, .link = link };

	message_pack(m, &packed);
	r.message = packed.p;
	r.len = packed.len;
	give(&(struct event){ .type = EVENT_LINK, .link = &r });
	buf_fini(&packed);
}

static const struct said *
last(int kind)
{
	for (size_t i = said_count; i > 0; i--)
		if (said[i - 1].kind == kind)
			return &said[i - 1];
	return NULL;
}

static size_t
count(int kind)
{
	size_t n = 0;

	for (size_t i = 0; i < said_count; i++)
		n += said[i].kind == kind;
	return n;
}

static void
settings(uint64_t session, uint64_t call)
{
	struct settings_body b = { .session = session,
				   .heartbeat_ns = 5 * NS_PER_S };

	say(last_link(), &(struct message){ .kind = MESSAGE_SETTINGS,
					    .call = call,
					    .settings = &b });
}

static void
done(uint64_t call, int code)
{
	struct done_body b = { code, "why" };

	say(last_link(), &(struct message){ .kind = MESSAGE_DONE,
					    .call = call,
					    .done = &b });
}

/* Each answer may let another one go. */
static void
know_all(void)
{
	for (size_t i = 0; i < said_count; i++)
		if (said[i].kind == MESSAGE_STATUSES)
			done(said[i].call, 0);
	EQ(node->news_count, 0);
}

static void
heard(void)
{
	struct heartbeat_body b = { .session = last(MESSAGE_HEARTBEAT)->session,
				    .period_ns = 5 * NS_PER_S };

	say(last_link(),
	    &(struct message){ .kind = MESSAGE_HEARD,
			       .call = last(MESSAGE_HEARTBEAT)->call,
			       .heartbeat = &b });
}

/* ---- assignments --------------------------------------------------------- */

struct assignment {
	uint64_t session, number;
	bool full, more;
	const char *tasks[4];
	int desired;
	const char *removed;
	struct assignment_sum after;
};

static struct task *
task_new(const char *id, int desired)
{
	struct task *t = object_new(OBJECT_TASK);
	struct arena *a = object_arena(t);

	t->head.id = arena_strdup(a, id);
	t->service_id = "svc";
	t->service_name = "web";
	t->slot = 1;
	t->node_id = SELF;
	t->desired_state = desired;
	t->status.state = TASK_ASSIGNED;
	t->spec.container = arena_alloc(a, sizeof(struct container_spec));
	t->spec.container->image = "img";
	return t;
}

static void
add(struct assignment_sum *s, const char *id, int desired)
{
	struct task *t = task_new(id, desired);

	assignment_add(s, assignment_hash(t));
	object_unref(t);
}

static void
assign(const struct assignment *x)
{
	struct packed_task packed[4];
	struct buf bufs[4] = { 0 };
	struct assign_body b = { .session = x->session,
				 .number = x->number,
				 .full = x->full,
				 .more = x->more,
				 .tasks.v = packed,
				 .count = x->after.count,
				 .checksum = x->after.sum };
	const char *removed[] = { x->removed };

	if (x->removed != NULL)
		b.removed = (struct strings){ removed, 1 };
	for (; b.tasks.count < 4 && x->tasks[b.tasks.count] != NULL;
	     b.tasks.count++) {
		struct buf *p = &bufs[b.tasks.count];
		struct task *t =
			task_new(x->tasks[b.tasks.count],
				 x->desired != 0 ? x->desired : TASK_RUNNING);

		object_pack(t, p);
		object_unref(t);
		packed[b.tasks.count].object =
			(struct bytes){ (uint8_t *)p->p, p->len };
	}
	say(last_link(),
	    &(struct message){ .kind = MESSAGE_ASSIGN, .assign = &b });
	for (size_t i = 0; i < 4; i++)
		buf_fini(&bufs[i]);
}

static struct assignment_sum
sum_of(const char *x, const char *y)
{
	struct assignment_sum s = { 0 };

	if (x != NULL)
		add(&s, x, TASK_RUNNING);
	if (y != NULL)
		add(&s, y, TASK_RUNNING);
	return s;
}

/* ---- a worker ------------------------------------------------------------ */

static void
start(void)
{
	struct node_config config = { .seed = 3,
				      .version = "1",
				      .root_dir = "/r",
				      .runtime = "runc",
				      .description = &description,
				      .egress_subnet = "172.30.0.0/24" };
	struct certificate c = { .chain = "leaf",
				 .roots = "root",
				 .key = { (const uint8_t *)"k", 1 },
				 .not_before = WALL - NS_PER_S,
				 .not_after = WALL + 9000000 * NS_PER_S };
	struct addresses a = { .advertise = "10.0.0.9" };
	struct peer_addr managers[] = { { "m1", "10.0.0.1:2377" },
					{ "m2", "10.0.0.2:2377" },
					{ "m3", "10.0.0.3:2377" } };
	struct runner_report scanned = { .news = RUNNER_SCANNED };

	now = (struct now){ 100000, WALL };
	said_count = opened_count = 0;
	memset(orders, 0, sizeof(orders));
	memset(gossips, 0, sizeof(gossips));
	node = node_new(&config, now);
	node->life = LIFE_WORKER;
	snprintf(node->node_id, sizeof(node->node_id), "%s", SELF);
	snprintf(node->cluster_id, sizeof(node->cluster_id), "%s", CLUSTER);
	identity_set(node, &c, &a);
	identity_take_managers(node, managers, 3);
	work_start(node);
	give(&(struct event){ .type = EVENT_RUNNER, .report = &scanned });
}

static void
end(void)
{
	node_free(node);
}

/* Up to an open session with that number. */
static void
open_session(uint64_t session)
{
	uint64_t link = last_link();

	if (peers_find(node, link) != NULL && !peers_find(node, link)->up)
		up(link);
	OK(last(MESSAGE_SESSION) != NULL);
	settings(session, last(MESSAGE_SESSION)->call);
	OK(session_is_open(node));
}

/* With an empty set. */
static void
begin(void)
{
	start();
	open_session(1);
	assign(&(struct assignment){ .session = 1, .number = 1, .full = true });
}

static void
runner(enum runner_news news, const char *task)
{
	struct runner_report r = { .news = news,
				   .task_id = task,
				   .pid = 7,
				   .started_at = now.wall_ns };

	give(&(struct event){ .type = EVENT_RUNNER, .report = &r });
}

static void
run(const char *task)
{
	runner(RUNNER_PREPARED, task);
	runner(RUNNER_STARTED, task);
}

/* ---- beginning ----------------------------------------------------------- */

T(a_worker_dials_a_manager_and_asks_for_a_session)
{
	start();
	EQ(opened_count, 1);
	OK(str_starts(opened_addr[0], "10.0.0."));
	EQ(said_count, 0);
	up(opened[0]);
	EQ(count(MESSAGE_SESSION), 1);
	EQ(last(MESSAGE_SESSION)->assigned, ASSIGNMENT_NONE);
	OK(!session_is_open(node));
	settings(8, last(MESSAGE_SESSION)->call);
	OK(session_is_open(node));
	end();
}

T(a_manager_that_does_not_come_up_is_left_for_another_one)
{
	start();
	pass(2600);
	OK(opened_count >= 2);
	OK(opened_ms[1] - opened_ms[0] <= 2100);
	end();
}

/* 100 ms, 300, 700, 1500 ... 8 s; each time a random part of that. */
T(attempts_come_less_and_less_often)
{
	uint64_t longest = 0, most = 0;

	start();
	for (int i = 0; i < 30; i++) {
		size_t before = opened_count;
		uint64_t lost_ms = now.mono_ms;

		most = min_u64(100 + 2 * most, 8000);
		down(last_link());
		while (opened_count == before)
			pass(1);
		OK(opened_ms[before] - lost_ms <= most + 1);
		longest = max_u64(longest, opened_ms[before] - lost_ms);
	}
	OK(longest > 4000);
	end();
}

T(a_manager_without_a_leader_is_asked_again_and_then_left)
{
	start();
	up(last_link());
	for (int i = 0; i < 3; i++) {
		EQ(opened_count, 1);
		EQ(count(MESSAGE_SESSION), i + 1);
		done(last(MESSAGE_SESSION)->call, -EAGAIN);
		pass(2000);
	}
	OK(opened_count > 1);
	end();
}

/* ---- the heart ----------------------------------------------------------- */

T(the_heart_beats_as_often_as_the_leader_says)
{
	begin();
	for (int i = 0; i < 5; i++) {
		pass(4999);
		EQ(count(MESSAGE_HEARTBEAT), i);
		pass(1);
		EQ(count(MESSAGE_HEARTBEAT), i + 1);
		EQ(last(MESSAGE_HEARTBEAT)->session, 1);
		heard();
	}
	EQ(opened_count, 1);
	end();
}

T(a_manager_that_does_not_answer_a_heartbeat_is_left_within_two_seconds)
{
	uint64_t beat_ms;

	begin();
	pass(5000);
	EQ(count(MESSAGE_HEARTBEAT), 1);
	beat_ms = now.mono_ms;
	pass(2100);
	EQ(opened_count, 2);
	OK(opened_ms[1] - beat_ms <= 2000);
	OK(strcmp(opened_addr[0], opened_addr[1]) != 0);
	open_session(2);
	end();
}

T(a_lost_link_means_another_manager_at_once)
{
	begin();
	down(last_link());
	EQ(opened_count, 2);
	EQ(opened_ms[1], now.mono_ms);
	OK(strcmp(opened_addr[0], opened_addr[1]) != 0);
	end();
}

/* Its link may be silent for as long as a heartbeat takes. */
T(a_manager_that_gossip_calls_dead_is_asked_and_left_within_a_second)
{
	begin();
	session_manager_dead(node, "manager000000000000000002");
	tick();
	EQ(count(MESSAGE_HEARTBEAT), 0);
	session_manager_dead(node, "manager000000000000000001");
	drain();
	tick();
	EQ(count(MESSAGE_HEARTBEAT), 1);
	EQ(opened_count, 1);
	pass(1000);
	EQ(opened_count, 2);
	OK(strcmp(opened_addr[0], opened_addr[1]) != 0);
	end();
}

/* Packets are lost, or somebody lies. */
T(a_manager_that_gossip_calls_dead_and_that_answers_is_kept)
{
	begin();
	session_manager_dead(node, "manager000000000000000001");
	tick();
	heard();
	pass(4000);
	EQ(opened_count, 1);
	EQ(count(MESSAGE_SESSION), 1);
	EQ(count(MESSAGE_HEARTBEAT), 1);
	end();
}

T(a_lost_session_begins_again_over_the_same_link_and_with_what_it_has)
{
	struct assignment_sum s = sum_of("t1", NULL);

	begin();
	assign(&(struct assignment){
		.session = 1, .number = 2, .tasks = { "t1" }, .after = s });
	say(last_link(), &(struct message){ .kind = MESSAGE_SESSION_LOST });
	pass(200);
	EQ(opened_count, 1);
	EQ(count(MESSAGE_SESSION), 2);
	EQ(last(MESSAGE_SESSION)->assigned, 1);
	EQ(last(MESSAGE_SESSION)->checksum, s.sum);
	open_session(2);
	/* No full set comes; what follows counts. */
	assign(&(struct assignment){ .session = 2, .number = 1, .after = s });
	OK(session_is_open(node));
	EQ(orders[RUNNER_PREPARE], 1);
	EQ(orders[RUNNER_STOP] + orders[RUNNER_REMOVE], 0);
	end();
}

T(a_heartbeat_that_the_leader_asks_for_comes_now)
{
	struct heartbeat_body b = { .session = 1 };

	begin();
	say(last_link(),
	    &(struct message){ .kind = MESSAGE_HEARD, .heartbeat = &b });
	EQ(count(MESSAGE_HEARTBEAT), 1);
	end();
}

/* ---- assignments --------------------------------------------------------- */

T(differences_follow_each_other)
{
	begin();
	assign(&(struct assignment){ .session = 1,
				     .number = 2,
				     .tasks = { "t1", "t2" },
				     .after = sum_of("t1", "t2") });
	EQ(orders[RUNNER_PREPARE], 2);
	run("t1");
	assign(&(struct assignment){ .session = 1,
				     .number = 3,
				     .removed = "t1",
				     .after = sum_of("t2", NULL) });
	EQ(orders[RUNNER_STOP], 1);
	OK(session_is_open(node));
	end();
}

static void
must_begin_again(void)
{
	OK(!session_is_open(node) || count(MESSAGE_SESSION) == 2);
	pass(200);
	EQ(count(MESSAGE_SESSION), 2);
	EQ(last(MESSAGE_SESSION)->assigned, ASSIGNMENT_NONE);
}

T(a_missing_number_asks_for_all)
{
	begin();
	assign(&(struct assignment){ .session = 1,
				     .number = 3,
				     .tasks = { "t1" },
				     .after = sum_of("t1", NULL) });
	EQ(orders[RUNNER_PREPARE], 0);
	must_begin_again();
	end();
}

T(a_checksum_that_does_not_match_asks_for_all)
{
	begin();
	assign(&(struct assignment){ .session = 1,
				     .number = 2,
				     .tasks = { "t1" },
				     .after = sum_of("t1", "t2") });
	must_begin_again();
	end();
}

T(another_sessions_assignments_are_not_taken)
{
	begin();
	assign(&(struct assignment){ .session = 9,
				     .number = 2,
				     .tasks = { "t1" },
				     .after = sum_of("t1", NULL) });
	EQ(orders[RUNNER_PREPARE], 0);
	OK(session_is_open(node));
	end();
}

T(a_full_set_in_parts_counts_when_it_is_whole)
{
	start();
	open_session(1);
	assign(&(struct assignment){ .session = 1,
				     .number = 1,
				     .full = true,
				     .more = true,
				     .tasks = { "t1" } });
	EQ(orders[RUNNER_PREPARE], 0);
	assign(&(struct assignment){ .session = 1,
				     .number = 2,
				     .full = true,
				     .tasks = { "t2" },
				     .after = sum_of("t1", "t2") });
	EQ(orders[RUNNER_PREPARE], 2);
	OK(session_is_open(node));
	end();
}

T(a_full_set_ends_what_is_not_in_it)
{
	begin();
	assign(&(struct assignment){ .session = 1,
				     .number = 2,
				     .tasks = { "t1" },
				     .after = sum_of("t1", NULL) });
	run("t1");
	down(last_link());
	open_session(2);
	assign(&(struct assignment){ .session = 2, .number = 1, .full = true });
	EQ(orders[RUNNER_STOP], 1);
	end();
}

/* ---- statuses ------------------------------------------------------------ */

T(statuses_are_sent_again_until_they_are_answered)
{
	begin();
	assign(&(struct assignment){ .session = 1,
				     .number = 2,
				     .tasks = { "t1" },
				     .after = sum_of("t1", NULL) });
	EQ(count(MESSAGE_STATUSES), 1);
	EQ(last(MESSAGE_STATUSES)->state, TASK_PREPARING);
	EQ_STR(last(MESSAGE_STATUSES)->task, "t1");
	done(last(MESSAGE_STATUSES)->call, -ENOBUFS);
	EQ(count(MESSAGE_STATUSES), 1);
	pass(500);
	EQ(count(MESSAGE_STATUSES), 2);
	done(last(MESSAGE_STATUSES)->call, 0);
	pass(4000);
	EQ(count(MESSAGE_STATUSES), 2);
	EQ(node->news_count, 0);
	end();
}

T(a_new_session_hears_all_statuses)
{
	begin();
	assign(&(struct assignment){ .session = 1,
				     .number = 2,
				     .tasks = { "t1" },
				     .after = sum_of("t1", NULL) });
	run("t1");
	EQ(last(MESSAGE_STATUSES)->state, TASK_RUNNING);
	know_all();
	said_count = 0;
	down(last_link());
	open_session(2);
	EQ(count(MESSAGE_STATUSES), 1);
	EQ(last(MESSAGE_STATUSES)->session, 2);
	EQ(last(MESSAGE_STATUSES)->state, TASK_RUNNING);
	end();
}

/* ---- alone --------------------------------------------------------------- */

static void
exits(const char *task)
{
	struct runner_report r = { .news = RUNNER_EXITED,
				   .task_id = task,
				   .exit_code = 1,
				   .finished_at = now.wall_ns };

	give(&(struct event){ .type = EVENT_RUNNER, .report = &r });
}

/* t1 ends after the way was lost, but before anybody noticed; t2 later. */
T(a_worker_that_is_alone_restarts_by_itself)
{
	begin();
	assign(&(struct assignment){ .session = 1,
				     .number = 2,
				     .tasks = { "t1", "t2" },
				     .after = sum_of("t1", "t2") });
	run("t1");
	run("t2");
	know_all();
	exits("t1");
	EQ(last(MESSAGE_STATUSES)->state, TASK_FAILED);
	down(last_link());
	EQ(node->news_count, 0);
	exits("t2");
	pass(4900);
	EQ(orders[RUNNER_REMOVE], 0);
	pass(200);
	EQ(orders[RUNNER_REMOVE], 2);
	runner(RUNNER_REMOVED, "t1");
	runner(RUNNER_REMOVED, "t2");
	EQ(orders[RUNNER_PREPARE], 4);
	run("t1");
	run("t2");
	said_count = 0;
	while (peers_find(node, last_link()) == NULL ||
	       peers_find(node, last_link())->closing)
		pass(100);
	open_session(2);
	EQ(last(MESSAGE_STATUSES)->items, 2);
	EQ(last(MESSAGE_STATUSES)->state, TASK_RUNNING);
	end();
}

T(a_manager_that_is_back_in_time_restarts_what_ended)
{
	begin();
	assign(&(struct assignment){ .session = 1,
				     .number = 2,
				     .tasks = { "t1" },
				     .after = sum_of("t1", NULL) });
	run("t1");
	down(last_link());
	exits("t1");
	pass(1000);
	said_count = 0;
	open_session(2);
	EQ(last(MESSAGE_STATUSES)->state, TASK_FAILED);
	EQ(orders[RUNNER_REMOVE], 0);
	end();
}

/* ---- gossip -------------------------------------------------------------- */

static void
tell_peers(bool full, const char *id, const char *addr, size_t keys)
{
	static const uint8_t secrets[2][GOSSIP_KEY_BYTES] = { { 1 }, { 2 } };
	struct gossip_key key[2] = { { { secrets[0], GOSSIP_KEY_BYTES }, 1 },
				     { { secrets[1], GOSSIP_KEY_BYTES }, 2 } };
	struct peer_addr peers[] = { { SELF, "10.0.0.9:7946" }, { id, addr } };
	struct settings_body b = { .session = 1,
				   .heartbeat_ns = 5 * NS_PER_S,
				   .gossip.v = peers + (full ? 0 : 1),
				   .gossip.count = full ? 2 : 1,
				   .gossip_full = full,
				   .keys.v = key,
				   .keys.count = (uint32_t)keys };

	say(last_link(),
	    &(struct message){ .kind = MESSAGE_SETTINGS, .settings = &b });
}

T(gossip_begins_when_there_is_somebody_and_keys)
{
	begin();
	EQ(gossips[GOSSIP_OPEN], 0);
	tell_peers(true, "other", "10.0.0.7:7946", 0);
	EQ(gossips[GOSSIP_OPEN], 0);
	tell_peers(true, "other", "10.0.0.7:7946", 1);
	EQ(gossips[GOSSIP_OPEN], 1);
	EQ_STR(gossip_addr, "[::]:7946");
	pass(2000);
	OK(gossips[GOSSIP_PACKET] > 0);
	tell_peers(false, "third", "10.0.0.8:7946", 1);
	EQ(gossips[GOSSIP_OPEN], 1);
	tell_peers(false, "third", "10.0.0.8:7946", 2); /* another key */
	EQ(gossips[GOSSIP_OPEN], 2);
	EQ(gossip_keys, 2);
	tell_peers(false, "third", NULL, 2);
	EQ(gossips[GOSSIP_CLOSE], 0);
	tell_peers(false, "other", NULL, 2);
	EQ(gossips[GOSSIP_CLOSE], 1);
	end();
}
