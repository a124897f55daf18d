/* orchestrator_test.c - how many tasks, and where (facts 4.1, 4.2). */
#include "test/unit/core/manager/cluster.h"

T(a_service_gets_its_replicas_in_slots_from_one)
{
	struct cluster_test c;

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 3));
	EQ(ct_tasks(&c, "web").count, 3);
	for (uint64_t slot = 1; slot <= 3; slot++) {
		const struct task *t = ct_task(&c, "web", slot);

		OK(t != NULL);
		EQ(t->status.state, TASK_ASSIGNED);
		EQ(t->desired_state, TASK_RUNNING);
		EQ_STR(t->node_id, "node1");
		EQ_STR(t->status.message, "scheduler assigned task to node");
		EQ_STR(t->status.applied_by, "node1");
		EQ_STR(t->service_name, "web");
		EQ_STR(t->spec.container->image, "whoami");
	}
	ct_work(&c);
	EQ(ct_count(&c, "web", TASK_RUNNING, TASK_RUNNING), 3);
	OK(ct_service(&c, "web")->update_status == NULL);
	EQ(manager_deadline(c.manager), UINT64_MAX);
	ct_fini(&c);
}

T(the_same_events_make_the_same_tasks)
{
	const char *ids[2][4];
	struct cluster_test c[2];

	for (int i = 0; i < 2; i++) {
		ct_init(&c[i], 3);
		ct_service_put(&c[i], ct_service_new("web", 4));
		for (uint64_t s = 1; s <= 4; s++)
			ids[i][s - 1] = ct_task(&c[i], "web", s)->head.id;
	}
	for (int s = 0; s < 4; s++)
		EQ_STR(ids[0][s], ids[1][s]);
	ct_fini(&c[0]);
	ct_fini(&c[1]);
}

static void
scale(struct cluster_test *c, const char *id, uint64_t replicas)
{
	struct service *s = ct_service_edit(c, id);

	s->spec.mode.replicated->replicas.v = replicas;
	ct_service_put(c, s);
}

T(scaling_restarts_nothing_and_fills_the_lowest_slots)
{
	struct cluster_test c;
	const char *first;

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 3));
	ct_work(&c);
	first = mem_strdup(ct_task(&c, "web", 1)->head.id);
	scale(&c, "web", 1);
	EQ(ct_count(&c, "web", 0, TASK_REMOVE), 2);
	EQ(ct_task(&c, "web", 1)->desired_state, TASK_RUNNING);
	ct_work(&c);
	EQ(ct_tasks(&c, "web").count, 1);
	scale(&c, "web", 4);
	ct_work(&c);
	EQ(ct_count(&c, "web", TASK_RUNNING, TASK_RUNNING), 4);
	EQ_STR(ct_task(&c, "web", 1)->head.id, first);
	OK(ct_task(&c, "web", 4) != NULL);
	OK(ct_service(&c, "web")->update_status == NULL);
	scale(&c, "web", 0);
	ct_work(&c);
	EQ(ct_tasks(&c, "web").count, 0);
	mem_free((void *)(uintptr_t)first);
	ct_fini(&c);
}

T(scaling_down_empties_the_fullest_node_first)
{
	struct cluster_test c;
	const struct task *t;
	size_t on[2] = { 0 };

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 3));
	ct_work(&c);
	ct_put(&c, ct_node_new("node2"), TX_ABSENT);
	ct_settle(&c);
	scale(&c, "web", 4); /* 3 on node1, 1 on node2 */
	ct_work(&c);
	scale(&c, "web", 2);
	ct_work(&c);
	for (size_t i = 0; i < ct_tasks(&c, "web").count; i++) {
		t = ct_tasks(&c, "web").v[i];
		on[str_eq(t->node_id, "node2")]++;
	}
	EQ(on[0], 1);
	EQ(on[1], 1);
	ct_fini(&c);
}

T(scaling_down_takes_what_does_not_run_first)
{
	struct cluster_test c;

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 2));
	ct_reports(&c, ct_task(&c, "web", 2), TASK_RUNNING);
	scale(&c, "web", 1);
	EQ(ct_task(&c, "web", 2)->desired_state, TASK_RUNNING);
	EQ(ct_task(&c, "web", 1)->desired_state, TASK_REMOVE);
	ct_fini(&c);
}

T(a_removed_service_takes_its_tasks_with_it)
{
	struct cluster_test c;

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 3));
	ct_reports(&c, ct_task(&c, "web", 1), TASK_RUNNING);
	ct_delete(&c, OBJECT_SERVICE, "web");
	EQ(ct_count(&c, "web", 0, TASK_REMOVE), 3);
	ct_work(&c);
	EQ(state_count(c.state, OBJECT_TASK), 0);
	EQ(manager_deadline(c.manager), UINT64_MAX);
	ct_fini(&c);
}

T(more_replicas_than_one_transaction_holds_come_in_several)
{
	struct cluster_test c;

	ct_init(&c, 2);
	ct_service_put(&c, ct_service_new("web", 5000));
	EQ(ct_count(&c, "web", TASK_ASSIGNED, TASK_RUNNING), 5000);
	ct_delete(&c, OBJECT_SERVICE, "web");
	EQ(ct_count(&c, "web", 0, TASK_REMOVE), 5000);
	ct_fini(&c);
}

T(a_transaction_that_was_refused_is_made_anew)
{
	struct cluster_test c;
	struct tx tx = { 0 }, again = { 0 };

	ct_init(&c, 1);
	ct_put(&c, ct_service_new("web", 2), TX_ABSENT);
	manager_step(c.manager, c.now, &tx);
	EQ(tx.count, 2);
	tx_fini(&tx); /* it never came to be */
	manager_step(c.manager, c.now, &again);
	EQ(again.count, 2);
	ct_apply(&c, &again);
	ct_settle(&c);
	EQ(ct_tasks(&c, "web").count, 2);
	ct_fini(&c);
}

/* ---- global ----------------------------------------------------------- */

static void
global_put(struct cluster_test *c, const char *id, const char *constraint)
{
	struct service *s = ct_service_new(id, 0);
	struct placement *p;

	ct_make_global(s);
	if (constraint != NULL) {
		p = ct_placement(s);
		p->constraints.v =
			arena_array(object_arena(s), 1, sizeof(const char *));
		p->constraints.v[0] = constraint;
		p->constraints.count = 1;
	}
	ct_service_put(c, s);
}

T(a_global_service_has_one_task_per_node)
{
	struct cluster_test c;

	ct_init(&c, 3);
	global_put(&c, "mon", NULL);
	EQ(ct_tasks(&c, "mon").count, 3);
	EQ(ct_task(&c, "mon", 0)->status.state, TASK_ASSIGNED);
	EQ_STR(ct_task(&c, "mon", 0)->status.message,
	       "scheduler confirmed task can run on preassigned node");
	ct_work(&c);
	ct_put(&c, ct_node_new("node4"), TX_ABSENT);
	ct_settle(&c);
	ct_work(&c);
	EQ(ct_count(&c, "mon", TASK_RUNNING, TASK_RUNNING), 4);
	ct_fini(&c);
}

T(a_global_service_keeps_to_its_constraints_and_to_active_nodes)
{
	struct cluster_test c;
	struct node_object *n;

	ct_init(&c, 2);
	global_put(&c, "mon", "node.id!=node2");
	ct_work(&c);
	EQ(ct_count(&c, "mon", TASK_RUNNING, 0), 1);
	n = ct_node(&c, "node1");
	n->spec.availability = NODE_DRAIN;
	ct_node_put(&c, n);
	EQ(ct_count(&c, "mon", 0, TASK_SHUTDOWN), 1);
	ct_work(&c);
	EQ(ct_count(&c, "mon", TASK_SHUTDOWN, 0), 1);
	n = ct_node(&c, "node1");
	n->spec.availability = NODE_ACTIVE;
	ct_node_put(&c, n);
	ct_work(&c);
	EQ(ct_count(&c, "mon", TASK_RUNNING, TASK_RUNNING), 1);
	ct_delete(&c, OBJECT_NODE, "node1");
	EQ(ct_tasks(&c, "mon").count, 0);
	ct_fini(&c);
}

T(a_paused_node_keeps_its_global_task_but_gets_no_other)
{
	struct cluster_test c;
	struct node_object *n;

	ct_init(&c, 1);
	global_put(&c, "mon", NULL);
	ct_work(&c);
	n = ct_node(&c, "node1");
	n->spec.availability = NODE_PAUSE;
	ct_node_put(&c, n);
	EQ(ct_count(&c, "mon", TASK_RUNNING, TASK_RUNNING), 1);
	ct_reports(&c, ct_task(&c, "mon", 0), TASK_FAILED);
	EQ(ct_tasks(&c, "mon").count, 1);
	EQ(ct_task(&c, "mon", 0)->desired_state, TASK_SHUTDOWN);
	ct_fini(&c);
}
