/*
 * cluster.h - a manager with real tables, and workers that do as they are
 * told when a test says so. Time passes only by hand.
 */
#ifndef TEST_UNIT_CORE_MANAGER_CLUSTER_H
#define TEST_UNIT_CORE_MANAGER_CLUSTER_H

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/manager.h"
#include "core/model/naming.h"
#include "test/t.h"

#define MAY_BE_UNUSED __attribute__((unused))
#define STEPS_MAX 500
#define WALL_START (INT64_C(1700000000) * NS_PER_S)

struct cluster_test {
	struct state *state;
	struct manager *manager;
	uint64_t rand;
	uint64_t index;
	struct now now;
};

static void
ct_apply(struct cluster_test *c, struct tx *tx)
{
	struct changes changes = { 0 };
	struct err e;

	if (state_apply(c->state, tx, ++c->index, &changes, &e) < 0) {
		printf("apply: %s\n", e.msg);
		OK(false);
	}
	if (c->manager != NULL)
		manager_changed(c->manager, &changes, c->now);
	changes_fini(&changes);
	tx_fini(tx);
}

/* The manager works until it has nothing to do now. */
static void
ct_settle(struct cluster_test *c)
{
	for (int i = 0; i < STEPS_MAX; i++) {
		struct tx tx = { 0 };

		manager_step(c->manager, c->now, &tx);
		if (tx.count > 0) {
			ct_apply(c, &tx);
			continue;
		}
		tx_fini(&tx);
		if (manager_deadline(c->manager) > c->now.mono_ms)
			return;
	}
	OK(!"the manager never comes to rest");
}

static void
ct_put(struct cluster_test *c, void *object, uint64_t expect)
{
	struct tx tx = { .wall_ns = c->now.wall_ns };

	tx_put(&tx, object, expect);
	ct_apply(c, &tx);
}

static MAY_BE_UNUSED void
ct_delete(struct cluster_test *c, enum object_type type, const char *id)
{
	struct tx tx = { .wall_ns = c->now.wall_ns };

	tx_delete(&tx, type, id, TX_ANY);
	ct_apply(c, &tx);
	ct_settle(c);
}

static MAY_BE_UNUSED void
ct_wait_ms(struct cluster_test *c, uint64_t ms)
{
	c->now.mono_ms += ms;
	c->now.wall_ns += (int64_t)ms * NS_PER_MS;
	ct_settle(c);
}

static MAY_BE_UNUSED void
ct_new_leader(struct cluster_test *c)
{
	manager_free(c->manager);
	c->manager = manager_new(c->state, &c->rand, "node1", c->now);
	ct_settle(c);
}

static struct node_object *
ct_node_new(const char *id)
{
	struct node_object *n = object_new(OBJECT_NODE);
	struct arena *a = object_arena(n);

	n->head.id = arena_strdup(a, id);
	n->spec.role = n->role = ROLE_MANAGER;
	n->spec.availability = NODE_ACTIVE;
	n->status.state = NODE_READY;
	n->status.addr = arena_strdup(a, "10.0.0.1");
	n->description.hostname = arena_strdup(a, id);
	n->description.platform.os = "linux";
	n->description.platform.architecture = "x86_64";
	n->description.resources.nano_cpus = 4 * INT64_C(1000000000);
	n->description.resources.memory_bytes = INT64_C(8) << 30;
	return n;
}

/* A clone of a node, to be changed and given to ct_put(). */
static MAY_BE_UNUSED struct node_object *
ct_node(struct cluster_test *c, const char *id)
{
	return object_clone(state_get(c->state, OBJECT_NODE, id));
}

static MAY_BE_UNUSED void
ct_node_put(struct cluster_test *c, struct node_object *n)
{
	ct_put(c, n, TX_ANY);
	ct_settle(c);
}

/* node1, node2, ...: each ready. */
static void
ct_init(struct cluster_test *c, int nodes)
{
	struct cluster *cluster = object_new(OBJECT_CLUSTER);

	*c = (struct cluster_test){ .rand = 1, .now = { 1000000, WALL_START } };
	c->state = state_new(7);
	cluster->head.id = "cluster";
	cluster->spec.name = "default";
	ct_put(c, cluster, TX_ABSENT);
	for (int i = 1; i <= nodes; i++) {
		char id[16];

		snprintf(id, sizeof(id), "node%d", i);
		ct_put(c, ct_node_new(id), TX_ABSENT);
	}
	c->manager = manager_new(c->state, &c->rand, "node1", c->now);
	ct_settle(c);
}

static void
ct_fini(struct cluster_test *c)
{
	manager_free(c->manager);
	state_free(c->state);
}

/* ---- services --------------------------------------------------------- */

/* A replicated service, not yet put: the test may add to it. */
static MAY_BE_UNUSED struct service *
ct_service_new(const char *id, uint64_t replicas)
{
	struct service *s = object_new(OBJECT_SERVICE);
	struct arena *a = object_arena(s);

	s->head.id = arena_strdup(a, id);
	s->spec.name = arena_strdup(a, id);
	s->spec.mode.replicated =
		arena_alloc(a, sizeof(struct replicated_mode));
	s->spec.mode.replicated->replicas = (struct opt_u64){ true, replicas };
	s->spec.task.container = arena_alloc(a, sizeof(struct container_spec));
	s->spec.task.container->image = "whoami";
	return s;
}

static MAY_BE_UNUSED struct restart_policy *
ct_restart(struct service *s)
{
	if (s->spec.task.restart == NULL)
		s->spec.task.restart = arena_alloc(
			object_arena(s), sizeof(struct restart_policy));
	return s->spec.task.restart;
}

static MAY_BE_UNUSED struct placement *
ct_placement(struct service *s)
{
	if (s->spec.task.placement == NULL)
		s->spec.task.placement =
			arena_alloc(object_arena(s), sizeof(struct placement));
	return s->spec.task.placement;
}

static MAY_BE_UNUSED void
ct_make_global(struct service *s)
{
	s->spec.mode.replicated = NULL;
	s->spec.mode.global =
		arena_alloc(object_arena(s), sizeof(struct empty));
}

static MAY_BE_UNUSED void
ct_service_put(struct cluster_test *c, struct service *s)
{
	ct_put(c, s, s->head.version.index == 0 ? TX_ABSENT : TX_ANY);
	ct_settle(c);
}

/* A clone as service update makes it: a new spec, no update status. */
static MAY_BE_UNUSED struct service *
ct_service_edit(struct cluster_test *c, const char *id)
{
	struct service *s =
		object_clone(state_get(c->state, OBJECT_SERVICE, id));

	s->spec_version = s->head.version.index;
	s->update_status = NULL;
	return s;
}

static MAY_BE_UNUSED const struct service *
ct_service(struct cluster_test *c, const char *id)
{
	return state_get(c->state, OBJECT_SERVICE, id);
}

/* ---- tasks ------------------------------------------------------------ */

static struct task_span
ct_tasks(struct cluster_test *c, const char *service)
{
	return state_tasks_of_service(c->state, service);
}

static MAY_BE_UNUSED size_t
ct_count(struct cluster_test *c, const char *service, int state, int desired)
{
	struct task_span all = ct_tasks(c, service);
	size_t n = 0;

	for (size_t i = 0; i < all.count; i++)
		n += (state == 0 || all.v[i]->status.state == state) &&
		     (desired == 0 || all.v[i]->desired_state == desired);
	return n;
}

/* The youngest task of a slot, or NULL. */
static MAY_BE_UNUSED const struct task *
ct_task(struct cluster_test *c, const char *service, uint64_t slot)
{
	struct task_span all = ct_tasks(c, service);
	const struct task *found = NULL;

	for (size_t i = 0; i < all.count; i++)
		if (all.v[i]->slot == slot &&
		    (found == NULL ||
		     all.v[i]->head.created_at > found->head.created_at ||
		     (all.v[i]->head.created_at == found->head.created_at &&
		      all.v[i]->desired_state < found->desired_state)))
			found = all.v[i];
	return found;
}

/* The task's node reports state. */
static void
ct_report(struct cluster_test *c, const struct task *t, int state)
{
	struct task_status s = { .state = state,
				 .timestamp = c->now.wall_ns,
				 .message = "reported" };
	struct tx tx = { .wall_ns = c->now.wall_ns };

	manager_task_status(c->manager, c->now, t->node_id, t->head.id, &s,
			    &tx);
	ct_apply(c, &tx);
}

static MAY_BE_UNUSED void
ct_reports(struct cluster_test *c, const struct task *t, int state)
{
	ct_report(c, t, state);
	ct_settle(c);
}

/* One task does what is desired of it; true if that was something. */
static bool
ct_obey(struct cluster_test *c, const struct task *t)
{
	int state = t->status.state;

	if (state < TASK_ASSIGNED || state > TASK_RUNNING)
		return false;
	if (t->desired_state >= TASK_SHUTDOWN)
		ct_report(c, t, TASK_SHUTDOWN);
	else if (t->desired_state > state)
		ct_report(c, t, t->desired_state);
	else
		return false;
	return true;
}

/* All workers do what is desired, until all is quiet. */
static MAY_BE_UNUSED void
ct_work(struct cluster_test *c)
{
	bool more = true;

	while (more) {
		size_t count = state_count(c->state, OBJECT_TASK);

		more = false;
		for (size_t i = 0; i < count && !more; i++)
			more = ct_obey(c, state_at(c->state, OBJECT_TASK, i));
		ct_settle(c);
	}
}

#endif
