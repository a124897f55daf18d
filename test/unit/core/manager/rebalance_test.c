/* rebalance_test.c - which tasks move when nodes came, and how. */
#include "core/base/arena.h"
#include "core/manager/control.h"
#include "core/manager/rebalance.h"
#include "test/unit/core/manager/cluster.h"

static size_t
on_node(struct cluster_test *c, const char *node)
{
	struct task_span all = ct_tasks(c, "web");
	size_t n = 0;

	for (size_t i = 0; i < all.count; i++)
		n += str_eq(all.v[i]->node_id, node) &&
		     all.v[i]->desired_state <= TASK_RUNNING;
	return n;
}

static size_t
find(struct cluster_test *c, struct arena *a, struct rebalance_move **ret)
{
	return rebalance_find(c->state, ct_service(c, "web"), c->now, 1, a,
			      ret);
}

static void
add_node(struct cluster_test *c, const char *id)
{
	ct_put(c, ct_node_new(id), TX_ABSENT);
	ct_settle(c);
}

static void
set_availability(struct cluster_test *c, const char *id, int availability)
{
	struct node_object *n = ct_node(c, id);

	n->spec.availability = availability;
	ct_node_put(c, n);
	ct_work(c);
}

/* Asks as the API would, and lets the manager see what was proposed. */
static int
ask(struct cluster_test *c, const char *query, struct buf *ret)
{
	struct control_env env = { .state = c->state,
				   .now = c->now,
				   .rand_state = &c->rand,
				   .node_id = "node1" };
	struct control_reply reply = { 0 };
	struct request r = { 0 };
	struct arena a;
	struct err e;
	int status;

	arena_init(&a);
	OK(request_route("POST",
			 arena_printf(&a, "/services/web/rebalance%s", query),
			 &a, &r, &e) == 0);
	control_request(&env, &r, &reply);
	if (reply.propose)
		ct_apply(c, &reply.tx);
	status = reply.status;
	buf_clear(ret);
	buf_puts(ret, buf_cstr(&reply.body));
	control_reply_fini(&reply);
	arena_fini(&a);
	return status;
}

T(as_few_tasks_move_as_can)
{
	static const struct {
		const char *name;
		uint64_t replicas;
		int before, after; /* nodes */
		size_t moves;
	} rows[] = {
		{ "nothing to do", 6, 3, 3, 0 },
		{ "an uneven rest is no reason", 5, 3, 3, 0 },
		{ "one node more", 6, 2, 3, 2 },
		{ "from one to three", 9, 1, 3, 6 },
		{ "fewer tasks than nodes", 2, 1, 5, 1 },
		{ "one task never moves", 1, 1, 3, 0 },
		{ "a hundred", 100, 4, 5, 20 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster_test c;
		struct rebalance_move *v;
		struct arena a;
		char id[16];

		T_ROW(rows[i].name);
		arena_init(&a);
		ct_init(&c, rows[i].before);
		ct_service_put(&c, ct_service_new("web", rows[i].replicas));
		ct_work(&c);
		for (int k = rows[i].before + 1; k <= rows[i].after; k++) {
			snprintf(id, sizeof(id), "node%d", k);
			add_node(&c, id);
		}
		EQ(find(&c, &a, &v), rows[i].moves);
		for (size_t k = 0; k < rows[i].moves; k++) {
			OK(k == 0 || v[k - 1].task->slot < v[k].task->slot);
			OK(!str_eq(v[k].to, v[k].task->node_id));
		}
		arena_fini(&a);
		ct_fini(&c);
	}
}

T(another_services_load_is_no_reason_to_move)
{
	struct cluster_test c;
	struct rebalance_move *v;
	struct arena a;

	arena_init(&a);
	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("other", 5));
	ct_service_put(&c, ct_service_new("web", 1));
	ct_work(&c);
	add_node(&c, "node2");
	EQ(find(&c, &a, &v), 0);
	arena_fini(&a);
	ct_fini(&c);
}

T(nothing_moves_by_itself)
{
	struct cluster_test c;

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 4));
	ct_work(&c);
	add_node(&c, "node2");
	ct_wait_ms(&c, 3600000);
	ct_work(&c);
	EQ(on_node(&c, "node1"), 4);
	ct_fini(&c);
}

T(what_runs_on_a_paused_node_stays)
{
	struct cluster_test c;
	struct rebalance_move *v;
	struct arena a;

	arena_init(&a);
	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 4));
	ct_work(&c);
	add_node(&c, "node2");
	set_availability(&c, "node1", NODE_PAUSE);
	EQ(find(&c, &a, &v), 0);
	set_availability(&c, "node1", NODE_ACTIVE);
	EQ(find(&c, &a, &v), 2);
	arena_fini(&a);
	ct_fini(&c);
}

T(a_dry_run_only_tells)
{
	struct cluster_test c;
	struct buf body = { 0 };
	uint64_t index;

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 2));
	ct_work(&c);
	EQ(ask(&c, "?dryRun=1", &body), 200);
	EQ_STR(buf_cstr(&body), "{\"Moves\":[]}\n");
	EQ(ask(&c, "", &body), 200);
	EQ_STR(buf_cstr(&body), "{\"Moves\":[]}\n");
	add_node(&c, "node2");
	index = c.index;
	EQ(ask(&c, "?dryRun=1", &body), 200);
	OK(strstr(buf_cstr(&body), ",\"Slot\":2,\"From\":\"node1\",\"To\":"
				   "\"node2\"}]}\n") != NULL);
	EQ(c.index, index);
	buf_fini(&body);
	ct_fini(&c);
}

/* 6 on node1, then node2 and node3 come: 4 move. */
static void
crowd(struct cluster_test *c, const struct update_config *u)
{
	struct service *s = ct_service_new("web", 6);

	s->spec.update = arena_alloc(object_arena(s), sizeof(*u));
	*s->spec.update = *u;
	ct_init(c, 1);
	ct_service_put(c, s);
	ct_work(c);
	add_node(c, "node2");
	add_node(c, "node3");
}

T(tasks_move_within_the_limits_of_the_update_config)
{
	static const struct {
		const char *name;
		struct update_config u;
		size_t first; /* told to stop at once */
	} rows[] = {
		{ "one by one", { .parallelism = 1 }, 1 },
		{ "three by three", { .parallelism = 3 }, 3 },
		{ "all at once", { .parallelism = 0 }, 4 },
		{ "start first",
		  { .parallelism = 2, .order = ORDER_START_FIRST },
		  0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster_test c;
		struct buf body = { 0 };
		const struct service *s;

		T_ROW(rows[i].name);
		crowd(&c, &rows[i].u);
		EQ(ask(&c, "", &body), 200);
		ct_settle(&c);
		s = ct_service(&c, "web");
		EQ(s->moving.count, 4);
		EQ(s->update_status->state, UPDATE_UPDATING);
		EQ_STR(s->update_status->message, "rebalance in progress");
		EQ(ct_count(&c, "web", TASK_RUNNING, TASK_SHUTDOWN),
		   rows[i].first);
		EQ(ask(&c, "", &body), 400);
		ct_work(&c);
		EQ(on_node(&c, "node1"), 2);
		EQ(on_node(&c, "node2"), 2);
		EQ(on_node(&c, "node3"), 2);
		EQ(ct_count(&c, "web", TASK_RUNNING, TASK_RUNNING), 6);
		EQ(ct_count(&c, "web", TASK_SHUTDOWN, TASK_SHUTDOWN), 4);
		ct_wait_ms(&c, 6000);
		s = ct_service(&c, "web");
		EQ(s->update_status->state, UPDATE_COMPLETED);
		EQ(s->moving.count, 0);
		EQ(ask(&c, "", &body), 200);
		EQ_STR(buf_cstr(&body), "{\"Moves\":[]}\n");
		buf_fini(&body);
		ct_fini(&c);
	}
}

T(a_rebalance_goes_on_under_a_new_leader)
{
	static const struct update_config u = { .parallelism = 1 };
	struct cluster_test c;
	struct buf body = { 0 };

	crowd(&c, &u);
	EQ(ask(&c, "", &body), 200);
	ct_settle(&c);
	ct_new_leader(&c);
	EQ(ct_count(&c, "web", 0, TASK_SHUTDOWN), 1); /* not a second one */
	ct_work(&c);
	EQ(on_node(&c, "node1"), 2);
	EQ(on_node(&c, "node2"), 2);
	EQ(on_node(&c, "node3"), 2);
	buf_fini(&body);
	ct_fini(&c);
}

T(a_scale_during_a_rebalance_does_not_end_it)
{
	static const struct update_config u = { .parallelism = 1 };
	struct cluster_test c;
	struct buf body = { 0 };
	struct service *s;

	crowd(&c, &u);
	EQ(ask(&c, "", &body), 200);
	ct_settle(&c);
	s = ct_service_edit(&c, "web");
	s->spec.mode.replicated->replicas.v = 9;
	ct_service_put(&c, s);
	ct_work(&c);
	EQ(ct_count(&c, "web", TASK_SHUTDOWN, TASK_SHUTDOWN), 4);
	EQ(on_node(&c, "node1"), 3); /* the fourth found it emptier again */
	EQ(on_node(&c, "node2"), 3);
	EQ(on_node(&c, "node3"), 3);
	buf_fini(&body);
	ct_fini(&c);
}

T(a_global_service_has_nothing_to_move)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 0);
	struct buf body = { 0 };

	ct_make_global(s);
	ct_init(&c, 2);
	ct_service_put(&c, s);
	EQ(ask(&c, "", &body), 400);
	OK(strstr(buf_cstr(&body), "service web is global") != NULL);
	buf_fini(&body);
	ct_fini(&c);
}
