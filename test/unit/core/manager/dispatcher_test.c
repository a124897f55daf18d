/*
 * dispatcher_test.c - the leader's side of sessions, with real tables and
 * workers that say what a test has them say. Time passes only by hand.
 */
#include "core/manager/dispatcher.h"

#include <errno.h>

#include "core/base/id.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "test/t.h"

#define OUTS_MAX 512
#define WALL_START (INT64_C(1700000000) * NS_PER_S)

struct seen {
	enum dispatch what;
	struct dispatcher_route route;
	uint64_t call, session;
	int64_t period_ns, heartbeat_ns;
	int code;
	uint64_t number;
	bool full, more, gossip_full, is_worker;
	size_t tasks, removed, managers, gossip;
	struct assignment_sum after;
	char first[ID_LEN + 1], gossip_addr[64];
};

struct world {
	struct state *state;
	struct manager *manager;
	struct dispatcher *d;
	uint64_t rand, index;
	struct now now;
	struct seen seen[OUTS_MAX];
	size_t count;
	struct assignment_sum has; /* what the worker of these tests has */
	uint64_t session;
};

static struct world w;

static const struct node_description description = { .hostname = "host" };

static void
apply(struct tx *tx)
{
	struct changes changes = { 0 };
	struct err e = { "" };

	tx->wall_ns = w.now.wall_ns;
	if (tx->count > 0)
		EQ(state_apply(w.state, tx, ++w.index, &changes, &e), 0);
	if (w.d != NULL)
		dispatcher_changed(w.d, &changes, w.now);
	changes_fini(&changes);
	tx_fini(tx);
}

static void
put_object(void *object)
{
	struct tx tx = { 0 };

	tx_put(&tx, object, TX_ANY);
	apply(&tx);
}

static struct node_object *
node_new(const char *id, const char *ip)
{
	struct node_object *n = object_new(OBJECT_NODE);
	struct arena *a = object_arena(n);

	n->head.id = arena_strdup(a, id);
	n->spec.role = n->role = ROLE_WORKER;
	n->spec.availability = NODE_ACTIVE;
	n->status.state = NODE_READY;
	n->status.addr = arena_strdup(a, ip);
	n->description.hostname = "host";
	n->gossip_port = 7946;
	return n;
}

static const struct node_object *
node_now(const char *id)
{
	return state_get(w.state, OBJECT_NODE, id);
}

static struct node_object *
node_edit(const char *id)
{
	return object_clone(node_now(id));
}

static struct task *
task_new(const char *id, const char *node)
{
	struct task *t = object_new(OBJECT_TASK);
	struct arena *a = object_arena(t);

	t->head.id = arena_strdup(a, id);
	t->node_id = arena_strdup(a, node);
	t->service_id = "svc";
	t->desired_state = TASK_RUNNING;
	t->status.state = TASK_ASSIGNED;
	return t;
}

static struct task *
task_edit(const char *id)
{
	return object_clone(state_get(w.state, OBJECT_TASK, id));
}

static void
put_cluster(int64_t period_ns)
{
	struct cluster *c = object_new(OBJECT_CLUSTER);

	c->head.id = "cluster";
	c->spec.dispatcher.heartbeat_period_ns = period_ns;
	put_object(c);
}

/* ---- what comes out ------------------------------------------------------ */

static void
note(const struct dispatcher_out *o)
{
	struct seen *s = &w.seen[w.count++];

	OK(w.count < OUTS_MAX);
	*s = (struct seen){ .what = o->what,
			    .route = o->route,
			    .call = o->call,
			    .session = o->session,
			    .period_ns = o->period_ns,
			    .code = o->code };
	if (o->what == DISPATCH_SETTINGS) {
		s->heartbeat_ns = o->settings.heartbeat_ns;
		s->managers = o->settings.manager_count;
		s->gossip = o->settings.gossip_count;
		s->gossip_full = o->settings.gossip_full;
		s->is_worker = o->settings.node->role == ROLE_WORKER;
		if (s->gossip > 0)
			snprintf(s->gossip_addr, sizeof(s->gossip_addr), "%s",
				 str_or(o->settings.gossip[0].addr, "gone"));
	}
	if (o->what == DISPATCH_ASSIGN) {
		s->number = o->assign.number;
		s->full = o->assign.full;
		s->more = o->assign.more;
		s->tasks = o->assign.task_count;
		s->removed = o->assign.removed_count;
		s->after = o->assign.after;
		if (s->tasks > 0)
			snprintf(s->first, sizeof(s->first), "%s",
				 o->assign.tasks[0]->head.id);
	}
}

static void
drain(void)
{
	struct dispatcher_out o;

	w.count = 0;
	while (dispatcher_next(w.d, w.now, &o))
		note(&o);
}

/* All that it wants changed, until it wants nothing. */
static int
commit(void)
{
	int ops = 0;

	while (dispatcher_has_tx(w.d)) {
		struct tx tx = { 0 };

		dispatcher_tx(w.d, w.manager, w.now, 100, &tx);
		ops += (int)tx.count;
		OK(ops < 10000);
		apply(&tx);
		dispatcher_tx_done(w.d, true);
	}
	return ops;
}

static const struct seen *
find(enum dispatch what)
{
	for (size_t i = 0; i < w.count; i++)
		if (w.seen[i].what == what)
			return &w.seen[i];
	return NULL;
}

static size_t
count(enum dispatch what)
{
	size_t found = 0;

	for (size_t i = 0; i < w.count; i++)
		found += w.seen[i].what == what;
	return found;
}

/* ---- what goes in -------------------------------------------------------- */

static void
pass(uint64_t ms)
{
	w.now.mono_ms += ms;
	w.now.wall_ns += (int64_t)ms * NS_PER_MS;
	dispatcher_tick(w.d, w.now);
}

static void
take_office(void)
{
	dispatcher_free(w.d);
	w.d = dispatcher_new(w.state, &w.rand, "leader", w.now);
}

static void
start(void)
{
	w = (struct world){ .rand = 5, .now = { 100000, WALL_START } };
	w.state = state_new(1);
	put_cluster(5 * NS_PER_S);
	put_object(node_new("leader", "10.0.0.1"));
	put_object(node_new("w1", "10.0.0.2"));
	put_object(node_new("w2", "10.0.0.3"));
	w.manager = manager_new(w.state, &w.rand, "leader", w.now);
	take_office();
	w.has.count = ASSIGNMENT_NONE;
	drain();
}

static void
end(void)
{
	dispatcher_free(w.d);
	manager_free(w.manager);
	state_free(w.state);
	w = (struct world){ 0 };
}

static struct dispatcher_from
from(const char *node, uint64_t link)
{
	return (struct dispatcher_from){ .node_id = node,
					 .route = { .link = link },
					 .call = 7 };
}

static void
ask_at(const char *node, uint64_t link, const char *addr)
{
	struct dispatcher_from f = from(node, link);
	struct dispatcher_hello h = { .description = &description,
				      .addr = addr,
				      .gossip_port = 7946,
				      .has = w.has };
	const struct seen *s;

	dispatcher_session(w.d, &f, &h, w.now);
	drain();
	s = find(DISPATCH_SETTINGS);
	w.session = s != NULL ? s->session : 0;
}

static void
ask(const char *node, uint64_t link)
{
	ask_at(node, link, NULL);
}

static const struct seen *
beat(const char *node, uint64_t link, uint64_t session)
{
	struct dispatcher_from f = from(node, link);

	dispatcher_heartbeat(w.d, &f, session, w.now);
	drain();
	return &w.seen[0];
}

static int
state_of(const char *node)
{
	commit();
	return node_now(node)->status.state;
}

/* ---- sessions ------------------------------------------------------------ */

T(a_session_is_answered_with_settings_and_then_the_full_set)
{
	start();
	put_object(task_new("t1", "w1"));
	put_object(task_new("t2", "w2"));
	ask("w1", 3);
	EQ(w.count, 2);
	EQ(w.seen[0].what, DISPATCH_SETTINGS);
	EQ(w.seen[0].call, 7);
	EQ(w.seen[0].route.link, 3);
	EQ(w.seen[0].heartbeat_ns, 5 * NS_PER_S);
	EQ(w.seen[0].gossip, 3);
	OK(w.seen[0].gossip_full);
	OK(w.seen[0].is_worker);
	EQ(w.seen[1].what, DISPATCH_ASSIGN);
	OK(w.seen[1].full && !w.seen[1].more);
	EQ(w.seen[1].number, 1);
	EQ(w.seen[1].tasks, 1);
	EQ(w.seen[1].after.count, 1);
	EQ(dispatcher_sessions(w.d), 1);
	end();
}

T(who_is_not_in_the_tables_gets_no_session)
{
	start();
	ask("stranger", 3);
	EQ(w.count, 1);
	EQ(w.seen[0].code, -ENOENT);
	end();
}

T(who_has_the_right_set_is_not_sent_it_again)
{
	start();
	put_object(task_new("t1", "w1"));
	ask("w1", 3);
	w.has = find(DISPATCH_ASSIGN)->after;
	/* A status makes another object, and no other assignment. */
	struct task *t = task_edit("t1");
	t->status.state = TASK_RUNNING;
	put_object(t);
	ask("w1", 4);
	OK(!find(DISPATCH_ASSIGN)->full);
	EQ(find(DISPATCH_ASSIGN)->tasks, 0);
	EQ(find(DISPATCH_ASSIGN)->number, 1);
	w.has.sum++;
	ask("w1", 5);
	OK(find(DISPATCH_ASSIGN)->full);
	end();
}

T(more_than_three_sessions_in_eight_seconds_are_refused)
{
	start();
	for (int i = 0; i < 3; i++) {
		ask("w1", 3);
		OK(w.session != 0);
	}
	ask("w1", 3);
	EQ(w.session, 0);
	EQ(find(DISPATCH_DONE)->code, -EAGAIN);
	ask("w2", 4);
	OK(w.session != 0);
	pass(DISPATCHER_RATE_MS);
	ask("w1", 3);
	OK(w.session != 0);
	end();
}

T(one_that_begins_again_over_its_own_way_is_no_newcomer)
{
	start();
	for (int i = 0; i < 10; i++) {
		ask("w1", 3);
		OK(w.session != 0);
		pass(DISPATCHER_AGAIN_MS);
	}
	for (uint64_t way = 4; way < 6; way++) {
		ask("w1", way);
		OK(w.session != 0);
	}
	ask("w1", 6); /* three ways in eight seconds */
	EQ(w.session, 0);
	end();
}

T(the_leaders_own_session_has_no_end)
{
	start();
	ask("leader", 0);
	ask("w1", 3);
	pass(600000);
	EQ(state_of("leader"), NODE_READY);
	EQ(state_of("w1"), NODE_DOWN);
	end();
}

/* ---- heartbeats ---------------------------------------------------------- */

T(a_heartbeat_is_answered_with_a_period_that_varies_by_a_tenth)
{
	int64_t least = INT64_MAX, most = 0;

	start();
	ask("w1", 3);
	for (int i = 0; i < 300; i++) {
		const struct seen *s = beat("w1", 3, w.session);

		EQ(s->what, DISPATCH_HEARD);
		EQ(s->call, 7);
		least = s->period_ns < least ? s->period_ns : least;
		most = s->period_ns > most ? s->period_ns : most;
		pass(1000);
	}
	OK(least >= 4500 * NS_PER_MS && least < 4600 * NS_PER_MS);
	OK(most <= 5500 * NS_PER_MS && most > 5400 * NS_PER_MS);
	end();
}

T(a_wrong_session_is_told_to_begin_again)
{
	start();
	ask("w1", 3);
	EQ(beat("w1", 3, w.session + 1)->what, DISPATCH_LOST);
	EQ(beat("w2", 4, w.session)->what, DISPATCH_LOST);
	EQ(beat("w1", 3, w.session)->what, DISPATCH_HEARD);
	end();
}

T(a_node_is_down_after_three_periods_of_silence)
{
	uint64_t session;

	start();
	ask("w1", 3);
	session = w.session;
	ask("w2", 4);
	commit();
	pass(14000);
	beat("w2", 4, w.session);
	EQ(dispatcher_deadline(w.d), w.now.mono_ms + 1000);
	pass(999);
	EQ(state_of("w1"), NODE_READY);
	pass(1);
	EQ(state_of("w1"), NODE_DOWN);
	EQ_STR(node_now("w1")->status.message, "heartbeat failure");
	EQ(node_now("w1")->down_since, w.now.wall_ns);
	EQ(state_of("w2"), NODE_READY);
	drain();
	EQ(find(DISPATCH_LOST)->route.link, 3);
	EQ(beat("w1", 3, session)->what, DISPATCH_LOST);
	end();
}

T(a_node_that_comes_back_is_ready_at_once)
{
	start();
	ask("w1", 3);
	pass(15000);
	EQ(state_of("w1"), NODE_DOWN);
	ask("w1", 5);
	EQ(state_of("w1"), NODE_READY);
	EQ(node_now("w1")->down_since, 0);
	OK(str_empty(node_now("w1")->status.message));
	end();
}

T(the_period_can_be_changed_while_sessions_last)
{
	struct cluster *c;

	start();
	ask("w1", 3);
	c = object_clone(state_cluster(w.state));
	c->spec.dispatcher.heartbeat_period_ns = NS_PER_S;
	put_object(c);
	drain();
	EQ(count(DISPATCH_SETTINGS), 1);
	EQ(find(DISPATCH_SETTINGS)->heartbeat_ns, NS_PER_S);
	pass(2999);
	EQ(state_of("w1"), NODE_READY);
	pass(1);
	EQ(state_of("w1"), NODE_DOWN);
	end();
}

/* ---- a new leader -------------------------------------------------------- */

T(a_new_leader_gives_twice_the_grace_and_writes_nothing_meanwhile)
{
	start();
	EQ(dispatcher_deadline(w.d), w.now.mono_ms + 30000);
	EQ(commit(), 0);
	pass(29999);
	EQ(state_of("w1"), NODE_READY);
	ask("w1", 3);
	EQ(commit(), 0); /* it is as it was */
	pass(1);
	EQ(state_of("w1"), NODE_READY);
	EQ(state_of("w2"), NODE_DOWN);
	end();
}

T(a_node_that_never_came_is_down_in_the_end)
{
	struct node_object *n;

	start();
	n = node_new("w3", "");
	n->status.state = NODE_UNKNOWN;
	put_object(n);
	EQ(state_of("w3"), NODE_UNKNOWN);
	pass(30000);
	EQ(state_of("w3"), NODE_DOWN);
	end();
}

/* ---- ways that end ------------------------------------------------------- */

T(a_lost_link_alone_leaves_the_node_its_grace)
{
	struct dispatcher_route r = { .link = 3 };

	start();
	ask("w1", 3);
	pass(1000);
	dispatcher_route_down(w.d, &r, w.now);
	EQ(dispatcher_sessions(w.d), 0);
	pass(13999);
	EQ(state_of("w1"), NODE_READY);
	pass(1);
	EQ(state_of("w1"), NODE_DOWN);
	end();
}

T(a_link_to_a_manager_takes_all_that_it_relayed_with_it)
{
	struct dispatcher_route one = { .link = 9,
					.relay = 1,
					.relayed = true };
	struct dispatcher_from a = { "w1", one, 7 };
	struct dispatcher_from b = { "w2",
				     { .link = 9, .relay = 2, .relayed = true },
				     7 };
	struct dispatcher_hello h = { .description = &description };

	start();
	dispatcher_session(w.d, &a, &h, w.now);
	dispatcher_session(w.d, &b, &h, w.now);
	EQ(dispatcher_sessions(w.d), 2);
	dispatcher_route_down(w.d, &one, w.now);
	EQ(dispatcher_sessions(w.d), 1);
	dispatcher_session(w.d, &a, &h, w.now);
	dispatcher_route_down(w.d, &(struct dispatcher_route){ .link = 9 },
			      w.now);
	EQ(dispatcher_sessions(w.d), 0);
	end();
}

T(who_leaves_is_down_at_once)
{
	start();
	ask("w1", 3);
	dispatcher_left(w.d, "w1", w.now);
	EQ(state_of("w1"), NODE_DOWN);
	EQ_STR(node_now("w1")->status.message, "node left");
	end();
}

T(who_is_written_down_by_others_stays_so_and_says_why)
{
	struct node_object *n;

	start();
	ask("w1", 3);
	n = node_edit("w1");
	n->status.state = NODE_DOWN;
	n->status.message = "gone for good";
	put_object(n);
	EQ(dispatcher_sessions(w.d), 0);
	pass(60000);
	EQ(state_of("w1"), NODE_DOWN);
	EQ_STR(node_now("w1")->status.message, "gone for good");
	ask("w1", 3);
	EQ(state_of("w1"), NODE_READY);
	end();
}

/* ---- what gossip says ---------------------------------------------------- */

T(a_node_that_gossip_gives_up_is_asked_and_down_within_a_second)
{
	start();
	ask("w1", 3);
	pass(1000);
	dispatcher_liveness(w.d, "w1", LIVENESS_DEAD, w.now);
	drain();
	EQ(find(DISPATCH_HEARD)->period_ns, 0);
	pass(999);
	EQ(state_of("w1"), NODE_READY);
	pass(1);
	EQ(state_of("w1"), NODE_DOWN);
	end();
}

T(a_node_that_was_doubted_and_did_not_answer_is_down_with_the_verdict)
{
	start();
	ask("w1", 3);
	dispatcher_liveness(w.d, "w1", LIVENESS_DOUBTED, w.now);
	drain();
	EQ(find(DISPATCH_HEARD)->period_ns, 0);
	pass(1200);
	EQ(state_of("w1"), NODE_READY);
	dispatcher_liveness(w.d, "w1", LIVENESS_DEAD, w.now);
	pass(0);
	EQ(state_of("w1"), NODE_DOWN);
	end();
}

T(a_node_whose_packets_are_lost_stays_while_its_heart_beats)
{
	start();
	ask("w1", 3);
	dispatcher_liveness(w.d, "w1", LIVENESS_DOUBTED, w.now);
	pass(100);
	beat("w1", 3, w.session);
	pass(1100);
	dispatcher_liveness(w.d, "w1", LIVENESS_DEAD, w.now);
	drain();
	EQ(count(DISPATCH_HEARD), 1);
	beat("w1", 3, w.session);
	pass(14000);
	EQ(state_of("w1"), NODE_READY);
	end();
}

T(a_dead_node_without_a_link_is_down_now)
{
	struct dispatcher_route r = { .link = 3 };

	start();
	ask("w1", 3);
	ask("w2", 4);
	dispatcher_route_down(w.d, &r, w.now);
	dispatcher_liveness(w.d, "w1", LIVENESS_DEAD, w.now);
	pass(0);
	EQ(state_of("w1"), NODE_DOWN);
	dispatcher_liveness(w.d, "w2", LIVENESS_DEAD, w.now);
	r.link = 4;
	dispatcher_route_down(w.d, &r, w.now);
	pass(0);
	EQ(state_of("w2"), NODE_DOWN);
	end();
}

/* After all were restarted, a worker's gossip is closed until it finds us. */
T(who_has_not_come_to_a_new_leader_has_three_seconds)
{
	start();
	pass(500);
	dispatcher_liveness(w.d, "w1", LIVENESS_DEAD, w.now);
	dispatcher_liveness(w.d, "w2", LIVENESS_DEAD, w.now);
	pass(DISPATCHER_COME_MS - 501);
	EQ(state_of("w1"), NODE_READY);
	ask("w1", 3);
	pass(1);
	EQ(state_of("w1"), NODE_READY);
	EQ(state_of("w2"), NODE_DOWN);
	end();
}

/* ---- assignments --------------------------------------------------------- */

T(changes_are_sent_once_and_statuses_are_not)
{
	struct task *t;

	start();
	ask("w1", 3);
	put_object(task_new("t1", "w1"));
	put_object(task_new("t2", "w1"));
	drain();
	EQ(count(DISPATCH_ASSIGN), 1);
	EQ(w.seen[0].number, 2);
	EQ(w.seen[0].tasks, 2);
	EQ(w.seen[0].after.count, 2);
	t = task_edit("t1");
	t->status.state = TASK_RUNNING;
	put_object(t);
	drain();
	EQ(w.count, 0);
	t = task_edit("t1");
	t->desired_state = TASK_SHUTDOWN;
	put_object(t);
	drain();
	EQ(w.seen[0].number, 3);
	EQ(w.seen[0].tasks, 1);
	EQ_STR(w.seen[0].first, "t1");
	EQ(w.seen[0].after.count, 2);
	end();
}

T(what_comes_and_goes_before_a_message_is_not_sent)
{
	struct tx tx = { 0 };

	start();
	ask("w1", 3);
	put_object(task_new("t1", "w1"));
	tx_delete(&tx, OBJECT_TASK, "t1", TX_ANY);
	apply(&tx);
	drain();
	EQ(w.count, 0);
	end();
}

T(a_task_that_is_deleted_or_moves_is_removed)
{
	struct tx tx = { 0 };
	struct task *t;

	start();
	put_object(task_new("t1", "w1"));
	put_object(task_new("t2", "w1"));
	ask("w1", 3);
	ask("w2", 4);
	tx_delete(&tx, OBJECT_TASK, "t1", TX_ANY);
	apply(&tx);
	t = task_edit("t2");
	t->node_id = "w2";
	put_object(t);
	drain();
	EQ(count(DISPATCH_ASSIGN), 2);
	for (size_t i = 0; i < w.count; i++) {
		EQ(w.seen[i].removed, w.seen[i].route.link == 3 ? 2 : 0);
		EQ(w.seen[i].tasks, w.seen[i].route.link == 3 ? 0 : 1);
		EQ(w.seen[i].after.count, w.seen[i].route.link == 3 ? 0 : 1);
	}
	end();
}

T(a_task_without_a_node_or_before_its_time_is_nobodys)
{
	struct task *t;

	start();
	ask("w1", 3);
	t = task_new("t1", "w1");
	t->status.state = TASK_PENDING;
	put_object(t);
	put_object(task_new("t2", ""));
	drain();
	EQ(w.count, 0);
	end();
}

static void
put_many(const char *node, size_t count_of, size_t bytes)
{
	struct tx tx = { 0 };

	for (size_t i = 0; i < count_of; i++) {
		char id[ID_LEN + 1];
		struct task *t;

		snprintf(id, sizeof(id), "t%05zu", i);
		t = task_new(id, node);
		t->name = arena_alloc(object_arena(t), bytes);
		memset((char *)t->name, 'x', bytes - 1);
		tx_put(&tx, t, TX_ABSENT);
	}
	apply(&tx);
}

T(large_sets_come_in_parts_that_fit)
{
	size_t tasks = 0;

	start();
	put_many("w1", 100, 100000);
	ask("w1", 3);
	OK(count(DISPATCH_ASSIGN) >= 10);
	for (size_t i = 1; i < w.count; i++) {
		EQ(w.seen[i].number, i);
		OK(w.seen[i].full);
		EQ(w.seen[i].more, i + 1 < w.count);
		OK(w.seen[i].tasks <= 12);
		tasks += w.seen[i].tasks;
	}
	EQ(tasks, 100);
	EQ(w.seen[w.count - 1].after.count, 100);
	end();
}

T(large_differences_come_in_parts_that_each_add_up)
{
	size_t tasks = 0;

	start();
	ask("w1", 3);
	put_many("w1", 100, 100000);
	drain();
	OK(w.count >= 10);
	for (size_t i = 0; i < w.count; i++) {
		OK(!w.seen[i].full && !w.seen[i].more);
		EQ(w.seen[i].number, i + 2);
		tasks += w.seen[i].tasks;
		EQ(w.seen[i].after.count, tasks);
	}
	EQ(tasks, 100);
	end();
}

/* Whatever happens, the sum of what was sent is the sum of the tables. */
T(the_sum_is_right_after_many_changes)
{
	struct assignment_sum last = { 0 }, is = { 0 };
	struct task_span span;

	start();
	ask("w1", 3);
	for (int i = 0; i < 2000; i++) {
		char id[ID_LEN + 1];
		uint64_t r = rand_next(&w.rand);
		struct tx tx = { 0 };
		struct task *t;

		snprintf(id, sizeof(id), "t%d", (int)(r % 20));
		if (r % 7 == 0 && state_get(w.state, OBJECT_TASK, id) != NULL) {
			tx_delete(&tx, OBJECT_TASK, id, TX_ANY);
			apply(&tx);
		} else {
			t = task_new(id, r % 3 == 0 ? "w2" : "w1");
			t->desired_state =
				r % 5 == 0 ? TASK_SHUTDOWN : TASK_RUNNING;
			put_object(t);
		}
		if (r % 4 != 0)
			continue;
		drain();
		for (size_t k = 0; k < w.count; k++)
			last = w.seen[k].after;
	}
	drain();
	for (size_t k = 0; k < w.count; k++)
		last = w.seen[k].after;
	span = state_tasks_of_node(w.state, "w1");
	for (size_t i = 0; i < span.count; i++)
		assignment_add(&is, assignment_hash(span.v[i]));
	OK(assignment_same(&last, &is));
	end();
}

/* ---- settings ------------------------------------------------------------ */

T(settings_go_to_whom_they_concern)
{
	struct node_object *n;

	start();
	ask("w1", 3);
	ask("w2", 4);
	n = node_edit("w1");
	n->renew++;
	put_object(n);
	drain();
	EQ(w.count, 1);
	EQ(w.seen[0].route.link, 3);
	EQ(w.seen[0].gossip, 0);
	EQ(w.seen[0].call, 0);
	n = node_edit("leader");
	n->raft_id = 5;
	n->manager_addr = "10.0.0.1:2377";
	put_object(n);
	drain();
	EQ(count(DISPATCH_SETTINGS), 2);
	EQ(w.seen[0].managers, 1);
	end();
}

T(a_nodes_new_address_is_kept_and_goes_to_all_others)
{
	start();
	ask("w1", 3);
	ask("w2", 4);
	ask_at("w1", 5, "10.9.9.9");
	EQ(commit(), 1);
	EQ_STR(node_now("w1")->status.addr, "10.9.9.9");
	drain();
	EQ(count(DISPATCH_SETTINGS), 2);
	for (size_t i = 0; i < w.count; i++) {
		OK(!w.seen[i].gossip_full);
		EQ(w.seen[i].gossip, 1);
		EQ_STR(w.seen[i].gossip_addr, "10.9.9.9:7946");
	}
	ask_at("w1", 6, "10.9.9.9");
	EQ(commit(), 0);
	end();
}

T(a_node_that_is_removed_loses_its_session_and_is_no_peer)
{
	struct tx tx = { 0 };

	start();
	ask("w1", 3);
	ask("w2", 4);
	tx_delete(&tx, OBJECT_NODE, "w2", TX_ANY);
	apply(&tx);
	drain();
	EQ(find(DISPATCH_LOST)->route.link, 4);
	EQ(find(DISPATCH_SETTINGS)->route.link, 3);
	EQ_STR(find(DISPATCH_SETTINGS)->gossip_addr, "gone");
	ask("w2", 4);
	EQ(find(DISPATCH_DONE)->code, -ENOENT);
	end();
}

T(with_many_sessions_peers_are_told_every_two_seconds_at_most)
{
	struct node_object *n;

	start();
	for (int i = 0; i < 60; i++) {
		char id[ID_LEN + 1];

		snprintf(id, sizeof(id), "x%d", i);
		put_object(node_new(id, "10.1.0.1"));
		ask(id, (uint64_t)i + 10);
	}
	pass(DISPATCHER_PEERS_MS);
	drain();
	for (int i = 0; i < 10; i++) {
		n = node_edit("w1");
		n->gossip_port++;
		put_object(n);
		drain();
		EQ(w.count, 0);
	}
	pass(DISPATCHER_PEERS_MS);
	drain();
	EQ(w.count, 60);
	EQ(w.seen[0].gossip, 1);
	end();
}

/* ---- statuses ------------------------------------------------------------ */

static void
say(const char *node, const char *task, int state)
{
	struct dispatcher_from f = from(node, 3);
	struct task_status s = { .state = state };
	struct dispatcher_status v = { task, &s };

	dispatcher_statuses(w.d, &f, w.session, &v, 1);
}

static int
task_state(const char *id)
{
	const struct task *t = state_get(w.state, OBJECT_TASK, id);

	return t->status.state;
}

T(statuses_are_answered_once_they_are_in_the_tables)
{
	struct tx tx = { 0 };

	start();
	put_object(task_new("t1", "w1"));
	put_object(task_new("t2", "w2"));
	ask("w1", 3);
	say("w1", "t1", TASK_RUNNING);
	say("w1", "t2", TASK_RUNNING); /* not its own: it is not believed */
	drain();
	EQ(w.count, 0);
	dispatcher_tx(w.d, w.manager, w.now, 100, &tx);
	EQ(tx.count, 1);
	tx_fini(&tx);
	dispatcher_tx_done(w.d, false); /* it lost a race */
	drain();
	EQ(w.count, 0);
	EQ(commit(), 1);
	EQ(task_state("t1"), TASK_RUNNING);
	EQ(task_state("t2"), TASK_ASSIGNED);
	drain();
	EQ(count(DISPATCH_DONE), 2);
	EQ(w.seen[0].code, 0);
	say("w1", "t1", TASK_STARTING); /* states only grow */
	EQ(commit(), 0);
	EQ(task_state("t1"), TASK_RUNNING);
	end();
}

T(statuses_without_a_session_are_not_taken)
{
	start();
	put_object(task_new("t1", "w1"));
	w.session = 99;
	say("w1", "t1", TASK_RUNNING);
	drain();
	EQ(count(DISPATCH_LOST), 1);
	OK(!dispatcher_has_tx(w.d));
	end();
}

T(after_a_day_down_a_nodes_tasks_are_given_up)
{
	start();
	put_object(task_new("t1", "w1"));
	ask("w1", 3);
	pass(15000);
	EQ(state_of("w1"), NODE_DOWN);
	pass(3600 * 1000);
	take_office(); /* a new leader knows since when */
	pass(DISPATCHER_ORPHAN_MS - 3600 * 1000 - 1);
	commit();
	EQ(task_state("t1"), TASK_ASSIGNED);
	pass(1);
	EQ(commit(), 1);
	EQ(task_state("t1"), TASK_ORPHANED);
	OK(dispatcher_deadline(w.d) > w.now.mono_ms);
	end();
}
