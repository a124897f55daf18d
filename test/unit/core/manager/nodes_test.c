/*
 * nodes_test.c - what becomes of tasks when nodes come, go and change (facts
 * 3.6, 4.1, 4.2, 4.4), and that what the scheduler keeps of them is always
 * what the tables say.
 */
#include <stdlib.h>

#include "core/base/rand.h"
#include "core/manager/manager_impl.h"
#include "test/unit/core/manager/cluster.h"

#define DAY_MS UINT64_C(86400000)

enum loss { DOWN, DRAINED, REMOVED };

static void
lose(struct cluster_test *c, const char *id, enum loss how)
{
	struct node_object *n;

	if (how == REMOVED) {
		ct_delete(c, OBJECT_NODE, id);
		return;
	}
	n = ct_node(c, id);
	if (how == DOWN) {
		n->status.state = NODE_DOWN;
		n->down_since = c->now.wall_ns;
	} else {
		n->spec.availability = NODE_DRAIN;
	}
	ct_node_put(c, n);
}

static void
come_back(struct cluster_test *c, const char *id)
{
	struct node_object *n = ct_node(c, id);

	n->status.state = NODE_READY;
	n->down_since = 0;
	ct_node_put(c, n);
}

static size_t
on_node(struct cluster_test *c, const char *service, const char *node,
	int desired)
{
	struct task_span all = ct_tasks(c, service);
	size_t n = 0;

	for (size_t i = 0; i < all.count; i++)
		n += str_eq(all.v[i]->node_id, node) &&
		     all.v[i]->desired_state == desired;
	return n;
}

T(the_tasks_of_a_lost_node_run_elsewhere_at_once)
{
	static const struct {
		const char *name;
		enum loss how;
		int state;   /* of the old tasks */
		size_t runs; /* new ones that may run at once */
	} rows[] = {
		{ "down", DOWN, TASK_RUNNING, 2 },
		{ "drained", DRAINED, TASK_RUNNING, 0 }, /* old ones stop */
		{ "removed", REMOVED, TASK_ORPHANED, 2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster_test c;

		T_ROW(rows[i].name);
		ct_init(&c, 2);
		ct_service_put(&c, ct_service_new("web", 4));
		ct_work(&c);
		ct_wait_ms(&c, 100);
		lose(&c, "node2", rows[i].how);
		EQ(ct_count(&c, "web", rows[i].state, TASK_SHUTDOWN), 2);
		EQ(on_node(&c, "web", "node1", TASK_RUNNING), 2 + rows[i].runs);
		if (rows[i].how == DRAINED)
			ct_work(&c);
		EQ(on_node(&c, "web", "node1", TASK_RUNNING), 4);
		EQ(on_node(&c, "web", "node1", TASK_READY), 0);
		ct_fini(&c);
	}
}

T(a_node_that_is_only_not_heard_of_keeps_its_tasks)
{
	static const int states[] = { NODE_UNKNOWN, NODE_DISCONNECTED };

	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		struct cluster_test c;
		struct node_object *n;

		ct_init(&c, 2);
		ct_service_put(&c, ct_service_new("web", 4));
		ct_work(&c);
		n = ct_node(&c, "node2");
		n->status.state = states[i];
		ct_node_put(&c, n);
		EQ(on_node(&c, "web", "node2", TASK_RUNNING), 2);
		EQ(ct_count(&c, "web", TASK_RUNNING, TASK_RUNNING), 4);
		ct_fini(&c);
	}
}

T(a_node_that_returns_gives_its_old_tasks_up)
{
	struct cluster_test c;

	ct_init(&c, 2);
	ct_service_put(&c, ct_service_new("web", 4));
	ct_work(&c);
	ct_wait_ms(&c, 100);
	lose(&c, "node2", DOWN);
	come_back(&c, "node2");
	ct_work(&c);
	EQ(on_node(&c, "web", "node2", TASK_RUNNING), 0);
	EQ(ct_count(&c, "web", TASK_SHUTDOWN, TASK_SHUTDOWN), 2);
	EQ(ct_count(&c, "web", TASK_RUNNING, TASK_RUNNING), 4);
	ct_fini(&c);
}

T(a_node_that_is_down_for_a_day_loses_its_tasks)
{
	for (int new_leader = 0; new_leader < 2; new_leader++) {
		struct cluster_test c;

		ct_init(&c, 2);
		ct_service_put(&c, ct_service_new("web", 4));
		ct_work(&c);
		lose(&c, "node2", DOWN);
		EQ(manager_deadline(c.manager), c.now.mono_ms + DAY_MS);
		ct_wait_ms(&c, DAY_MS / 2);
		if (new_leader)
			ct_new_leader(&c);
		ct_wait_ms(&c, DAY_MS / 2 - 1);
		EQ(ct_count(&c, "web", TASK_ORPHANED, 0), 0);
		ct_wait_ms(&c, 1);
		EQ(ct_count(&c, "web", TASK_ORPHANED, TASK_SHUTDOWN), 2);
		EQ(manager_deadline(c.manager), UINT64_MAX);
		ct_fini(&c);
	}
}

T(what_is_orphaned_is_orphaned_anew_if_that_was_refused)
{
	struct cluster_test c;
	struct tx refused = { 0 };

	ct_init(&c, 2);
	ct_service_put(&c, ct_service_new("web", 2));
	ct_work(&c);
	lose(&c, "node2", DOWN);
	c.now.mono_ms += DAY_MS;
	c.now.wall_ns += (int64_t)DAY_MS * NS_PER_MS;
	manager_step(c.manager, c.now, &refused);
	EQ(refused.count, 1);
	tx_fini(&refused);
	ct_settle(&c);
	EQ(ct_count(&c, "web", TASK_ORPHANED, 0), 1);
	ct_fini(&c);
}

T(a_new_leader_orphans_the_tasks_of_a_node_that_was_removed)
{
	struct cluster_test c;
	struct tx tx = { 0 };

	ct_init(&c, 2);
	ct_service_put(&c, ct_service_new("web", 2));
	ct_work(&c);
	tx_delete(&tx, OBJECT_NODE, "node2", TX_ANY);
	ct_apply(&c, &tx); /* and the leader is gone at once */
	ct_new_leader(&c);
	EQ(ct_count(&c, "web", TASK_ORPHANED, TASK_SHUTDOWN), 1);
	EQ_STR(ct_task(&c, "web", 1)->service_id, "web");
	ct_work(&c);
	EQ(on_node(&c, "web", "node1", TASK_RUNNING), 2);
	ct_fini(&c);
}

T(global_services_follow_the_nodes)
{
	struct cluster_test c;
	struct service *s = ct_service_new("mon", 0);
	struct node_object *n;

	ct_make_global(s);
	ct_placement(s)->constraints.v =
		arena_array(object_arena(s), 1, sizeof(const char *));
	s->spec.task.placement->constraints.v[0] = "node.labels.off!=yes";
	s->spec.task.placement->constraints.count = 1;
	ct_init(&c, 3);
	ct_service_put(&c, s);
	ct_work(&c);
	EQ(ct_count(&c, "mon", TASK_RUNNING, TASK_RUNNING), 3);
	lose(&c, "node3", DOWN);
	EQ(ct_count(&c, "mon", TASK_RUNNING, TASK_RUNNING), 2);
	come_back(&c, "node3");
	ct_work(&c);
	EQ(ct_count(&c, "mon", TASK_RUNNING, TASK_RUNNING), 3);
	n = ct_node(&c, "node2");
	n->spec.labels =
		kvs_with(&n->spec.labels, object_arena(n), "off", "yes");
	ct_node_put(&c, n);
	ct_work(&c);
	EQ(on_node(&c, "mon", "node2", TASK_RUNNING), 0);
	n = ct_node(&c, "node2");
	n->spec.labels.count = 0;
	ct_node_put(&c, n);
	ct_work(&c);
	EQ(on_node(&c, "mon", "node2", TASK_RUNNING), 1);
	lose(&c, "node3", REMOVED);
	EQ(ct_count(&c, "mon", TASK_RUNNING, TASK_RUNNING), 2);
	EQ(on_node(&c, "mon", "node3", TASK_SHUTDOWN), 0);
	ct_fini(&c);
}

/* ---- what is kept is what the tables say ------------------------------ */

static int
by_number(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

static void
same_place(struct place *a, struct place *b)
{
	EQ_STR(a->id, b->id);
	OK(a->node == b->node);
	EQ(a->nano_cpus, b->nano_cpus);
	EQ(a->memory_bytes, b->memory_bytes);
	EQ(a->held, b->held);
	EQ(a->tasks, b->tasks);
	EQ(a->of_service, b->of_service);
	EQ(a->port_count, b->port_count);
	if (a->port_count > 1) {
		qsort(a->ports, a->port_count, sizeof(uint32_t), by_number);
		qsort(b->ports, b->port_count, sizeof(uint32_t), by_number);
	}
	for (size_t i = 0; i < a->port_count; i++)
		EQ(a->ports[i], b->ports[i]);
}

static void
same_as_the_tables(struct cluster_test *c)
{
	static const char *const services[] = { "a", "b", "g" };
	static const char *const rule = "node.labels.x==1";
	struct places *kept = &c->manager->places, anew;

	places_init(&anew, 3);
	places_load(&anew, c->state, c->now);
	EQ(kept->count, anew.count);
	for (size_t s = 0; s < ARRAY_LEN(services); s++) {
		places_open(kept, services[s], 0, c->now);
		places_open(&anew, services[s], 0, c->now);
		for (size_t i = 0; i < anew.count; i++) {
			struct place *a = kept->v[i], *b = anew.v[i];

			EQ(a->rank, i);
			OK(kept->at[a->slot] == a);
			same_place(a, b);
			EQ(bit_get(kept->ready, a->slot),
			   bit_get(anew.ready, b->slot));
			EQ(bit_get(rule_bits(places_rule(kept, rule)), a->slot),
			   bit_get(rule_bits(places_rule(&anew, rule)),
				   b->slot));
		}
		places_close(kept, services[s]);
		places_close(&anew, services[s]);
		for (size_t i = 0; i < kept->count; i++)
			EQ(kept->v[i]->of_service + kept->v[i]->failures, 0);
	}
	places_fini(&anew);
}

static void
add_services(struct cluster_test *c)
{
	struct service *s = ct_service_new("a", 5);
	struct arena *a = object_arena(s);
	struct resource_requirements *r = arena_alloc(a, sizeof(*r));

	r->reservations = arena_alloc(a, sizeof(*r->reservations));
	r->reservations->nano_cpus = 700000000;
	r->reservations->memory_bytes = 1 << 20;
	s->spec.task.resources = r;
	ct_service_put(c, s);
	s = ct_service_new("b", 3);
	a = object_arena(s);
	s->spec.endpoint = arena_alloc(a, sizeof(*s->spec.endpoint));
	s->spec.endpoint->ports.v = arena_alloc(a, sizeof(struct port_config));
	s->spec.endpoint->ports.v[0] =
		(struct port_config){ .target_port = 80,
				      .published_port = 8080,
				      .publish_mode = PUBLISH_HOST };
	s->spec.endpoint->ports.count = 1;
	ct_service_put(c, s);
	s = ct_service_new("g", 0);
	ct_make_global(s);
	ct_service_put(c, s);
}

static void
change_node(struct cluster_test *c, const char *id, uint64_t r)
{
	struct node_object *n = ct_node(c, id);
	struct arena *a = object_arena(n);

	n->status.state = r % 3 == 0 ? NODE_DOWN : NODE_READY;
	n->spec.availability = (int)(r / 3 % 3) + NODE_ACTIVE;
	n->spec.labels =
		kvs_with(&n->spec.labels, a, "x", r / 9 % 2 ? "1" : "2");
	n->description.resources.nano_cpus =
		(int64_t)(r / 18 % 4 + 1) * INT64_C(1000000000);
	ct_node_put(c, n);
}

/* One thing happens; everything settles. */
static void
happen(struct cluster_test *c, uint64_t *seed)
{
	uint64_t r = rand_next(seed);
	size_t count = state_count(c->state, OBJECT_TASK);
	struct service *s;
	char id[16];

	snprintf(id, sizeof(id), "node%d", (int)(r / 8 % 5) + 1);
	if (r % 8 < 3 && state_get(c->state, OBJECT_NODE, id) != NULL)
		change_node(c, id, r / 64);
	else if (r % 8 == 3 && state_get(c->state, OBJECT_NODE, id) != NULL)
		ct_delete(c, OBJECT_NODE, id);
	else if (r % 8 < 4)
		ct_node_put(c, ct_node_new(id));
	else if (r % 8 == 4)
		ct_work(c);
	else if (r % 8 == 5 && count > 0)
		(void)ct_obey(c,
			      state_at(c->state, OBJECT_TASK, r / 64 % count));
	else if (r % 8 == 6)
		ct_wait_ms(c, r / 64 % 7000);
	else {
		s = ct_service_edit(c, "a");
		s->spec.mode.replicated->replicas.v = r / 64 % 9;
		s->spec.task.force_update += r / 1024 % 2;
		ct_service_put(c, s);
	}
	ct_settle(c);
}

T(what_is_kept_of_nodes_is_what_the_tables_say)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		uint64_t rand = seed;
		struct cluster_test c;

		ct_init(&c, 3);
		add_services(&c);
		for (int i = 0; i < 60; i++) {
			happen(&c, &rand);
			same_as_the_tables(&c);
		}
		ct_fini(&c);
	}
}

/* Work comes in steps, and every step does some: none goes round for ever. */
T(more_than_one_step_can_place_waits_and_says_why)
{
	struct cluster_test c;
	struct node_object *n;

	ct_init(&c, 1);
	n = ct_node(&c, "node1");
	n->spec.availability = NODE_PAUSE;
	ct_node_put(&c, n);
	ct_service_put(&c, ct_service_new("web", 3 * PLAN_OPS_MAX + 7));
	EQ(ct_count(&c, "web", TASK_PENDING, TASK_RUNNING),
	   3 * PLAN_OPS_MAX + 7);
	for (size_t i = 0; i < ct_tasks(&c, "web").count; i++)
		EQ_STR(ct_tasks(&c, "web").v[i]->status.err,
		       "no suitable node (1 node not available for new "
		       "tasks)");
	n = ct_node(&c, "node1");
	n->spec.availability = NODE_ACTIVE;
	ct_node_put(&c, n);
	EQ(ct_count(&c, "web", TASK_ASSIGNED, TASK_RUNNING),
	   3 * PLAN_OPS_MAX + 7);
	same_as_the_tables(&c);
	ct_fini(&c);
}
