/* restart_test.c - the restart supervisor and the history (facts 3.4, 3.5). */
#include "test/unit/core/manager/cluster.h"

#define SECOND UINT64_C(1000)

T(what_failed_is_replaced_after_the_delay)
{
	struct cluster_test c;
	const struct task *t;

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 1));
	ct_work(&c);
	ct_reports(&c, ct_task(&c, "web", 1), TASK_FAILED);
	EQ(ct_count(&c, "web", TASK_FAILED, TASK_SHUTDOWN), 1);
	EQ(ct_count(&c, "web", TASK_ASSIGNED, TASK_READY), 1);
	ct_work(&c); /* prepared during the delay */
	EQ(ct_count(&c, "web", TASK_READY, TASK_READY), 1);
	EQ(manager_deadline(c.manager), c.now.mono_ms + 5 * SECOND);
	ct_wait_ms(&c, 4999);
	EQ(ct_count(&c, "web", TASK_READY, TASK_READY), 1);
	ct_wait_ms(&c, 1);
	EQ(ct_count(&c, "web", TASK_READY, TASK_RUNNING), 1);
	ct_work(&c);
	t = ct_task(&c, "web", 1);
	EQ(t->status.state, TASK_RUNNING);
	EQ(t->slot, 1);
	ct_fini(&c);
}

T(a_delay_goes_on_under_a_new_leader)
{
	struct cluster_test c;

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 1));
	ct_work(&c);
	ct_reports(&c, ct_task(&c, "web", 1), TASK_FAILED);
	ct_wait_ms(&c, 3 * SECOND);
	ct_new_leader(&c);
	EQ(ct_count(&c, "web", 0, TASK_READY), 1);
	EQ(manager_deadline(c.manager), c.now.mono_ms + 2 * SECOND);
	c.now.wall_ns -= 3600 * NS_PER_S; /* the clock was set back */
	ct_new_leader(&c);
	EQ(manager_deadline(c.manager), c.now.mono_ms + 5 * SECOND);
	ct_wait_ms(&c, 5 * SECOND);
	EQ(ct_count(&c, "web", 0, TASK_READY), 0);
	ct_fini(&c);
}

T(a_task_that_fails_before_its_start_waits_for_it)
{
	struct cluster_test c;

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 1));
	for (int i = 0; i < 3; i++) { /* no image: rejected at once */
		ct_reports(&c, ct_task(&c, "web", 1), TASK_REJECTED);
		ct_wait_ms(&c, 1);
	}
	EQ(ct_tasks(&c, "web").count, 2);
	ct_wait_ms(&c, 5 * SECOND);
	EQ(ct_tasks(&c, "web").count, 3);
	ct_fini(&c);
}

T(a_restart_waits_for_the_old_task_to_stop_but_a_minute_at_most)
{
	struct cluster_test c;
	struct node_object *n;

	ct_init(&c, 2);
	ct_service_put(&c, ct_service_new("web", 2));
	ct_work(&c);
	n = ct_node(&c, "node1");
	n->spec.availability = NODE_DRAIN;
	ct_node_put(&c, n);
	/* no delay on drain, but the old one has not stopped */
	EQ(ct_count(&c, "web", TASK_RUNNING, TASK_SHUTDOWN), 1);
	EQ(ct_count(&c, "web", 0, TASK_READY), 1);
	ct_wait_ms(&c, 59 * SECOND);
	EQ(ct_count(&c, "web", 0, TASK_READY), 1);
	ct_wait_ms(&c, 1 * SECOND);
	EQ(ct_count(&c, "web", 0, TASK_READY), 0);
	EQ(ct_count(&c, "web", 0, TASK_RUNNING), 2);
	ct_fini(&c);
}

T(a_drained_task_moves_as_soon_as_it_has_stopped)
{
	struct cluster_test c;
	struct node_object *n;

	ct_init(&c, 2);
	ct_service_put(&c, ct_service_new("web", 2));
	ct_work(&c);
	n = ct_node(&c, "node1");
	n->spec.availability = NODE_DRAIN;
	ct_node_put(&c, n);
	ct_work(&c);
	EQ(ct_count(&c, "web", TASK_RUNNING, TASK_RUNNING), 2);
	EQ(ct_count(&c, "web", TASK_SHUTDOWN, TASK_SHUTDOWN), 1);
	for (size_t i = 0; i < ct_tasks(&c, "web").count; i++)
		if (ct_tasks(&c, "web").v[i]->status.state == TASK_RUNNING)
			EQ_STR(ct_tasks(&c, "web").v[i]->node_id, "node2");
	ct_fini(&c);
}

T(the_policy_says_what_is_restarted)
{
	static const struct {
		const char *name;
		int condition, state;
		bool restarted;
	} rows[] = {
		{ "default, failed", 0, TASK_FAILED, true },
		{ "default, complete", 0, TASK_COMPLETE, true },
		{ "any, rejected", RESTART_ANY, TASK_REJECTED, true },
		{ "on-failure, failed", RESTART_ON_FAILURE, TASK_FAILED, true },
		{ "on-failure, shut", RESTART_ON_FAILURE, TASK_SHUTDOWN, true },
		{ "on-failure, complete", RESTART_ON_FAILURE, TASK_COMPLETE,
		  false },
		{ "none, failed", RESTART_NONE, TASK_FAILED, false },
		{ "none, complete", RESTART_NONE, TASK_COMPLETE, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster_test c;
		struct service *s = ct_service_new("web", 1);

		T_ROW(rows[i].name);
		ct_restart(s)->condition = rows[i].condition;
		ct_init(&c, 1);
		ct_service_put(&c, s);
		ct_work(&c);
		ct_reports(&c, ct_task(&c, "web", 1), rows[i].state);
		EQ(ct_tasks(&c, "web").count, rows[i].restarted ? 2 : 1);
		EQ(ct_count(&c, "web", rows[i].state, TASK_SHUTDOWN), 1);
		ct_new_leader(&c); /* and it stays so */
		EQ(ct_tasks(&c, "web").count, rows[i].restarted ? 2 : 1);
		ct_fini(&c);
	}
}

/* Fails whatever runs, every ms, so often; gives how many tasks there were. */
static size_t
fail_all(struct cluster_test *c, uint64_t every_ms, int times)
{
	size_t made = 1;

	for (int i = 0; i < times; i++) {
		const struct task *t;
		char *id;

		ct_work(c);
		ct_wait_ms(c, 1);
		t = ct_task(c, "web", 1);
		if (t->status.state != TASK_RUNNING)
			return made;
		id = mem_strdup(t->head.id);
		ct_reports(c, t, TASK_FAILED);
		made += !str_eq(ct_task(c, "web", 1)->head.id, id);
		mem_free(id);
		ct_wait_ms(c, every_ms);
	}
	return made;
}

T(attempts_are_limited)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 1);

	ct_restart(s)->max_attempts = (struct opt_u64){ true, 3 };
	ct_restart(s)->delay_ns = (struct opt_i64){ true, 0 };
	ct_init(&c, 1);
	ct_service_put(&c, s);
	EQ(fail_all(&c, 1000, 20), 4); /* the first and three more */
	EQ(ct_count(&c, "web", TASK_FAILED, TASK_SHUTDOWN), 4);
	ct_new_leader(&c);
	ct_wait_ms(&c, 3600 * SECOND);
	EQ(ct_tasks(&c, "web").count, 4);
	/* a new spec begins anew */
	s = ct_service_edit(&c, "web");
	s->spec.task.force_update++;
	ct_service_put(&c, s);
	ct_work(&c);
	EQ(ct_count(&c, "web", TASK_RUNNING, TASK_RUNNING), 1);
	ct_fini(&c);
}

T(attempts_count_within_the_window_only)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 1);

	ct_restart(s)->max_attempts = (struct opt_u64){ true, 2 };
	ct_restart(s)->delay_ns = (struct opt_i64){ true, 0 };
	ct_restart(s)->window_ns = (struct opt_i64){ true, 10 * NS_PER_S };
	ct_init(&c, 1);
	ct_service_put(&c, s);
	EQ(fail_all(&c, 6 * SECOND, 12), 13); /* slow enough: for ever */
	EQ(fail_all(&c, 1 * SECOND, 12), 2);  /* now too fast */
	ct_fini(&c);
}

T(a_slot_keeps_five_tasks_and_the_oldest_go)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 1);
	char *first;

	ct_restart(s)->delay_ns = (struct opt_i64){ true, 0 };
	ct_init(&c, 1);
	ct_service_put(&c, s);
	first = mem_strdup(ct_task(&c, "web", 1)->head.id);
	fail_all(&c, 1000, 4);
	EQ(ct_tasks(&c, "web").count, 5);
	OK(state_get(c.state, OBJECT_TASK, first) != NULL);
	fail_all(&c, 1000, 1);
	EQ(ct_tasks(&c, "web").count, 5);
	OK(state_get(c.state, OBJECT_TASK, first) == NULL);
	mem_free(first);
	ct_fini(&c);
}

T(the_history_limit_is_the_clusters)
{
	static const struct {
		const char *name;
		int64_t limit;
		size_t kept;
	} rows[] = { { "two", 2, 2 }, { "none", 0, 1 }, { "all", -1, 9 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster_test c;
		struct service *s = ct_service_new("web", 1);
		struct cluster *x;

		T_ROW(rows[i].name);
		ct_init(&c, 1);
		x = object_clone(state_cluster(c.state));
		x->spec.orchestration.task_history_limit =
			(struct opt_i64){ true, rows[i].limit };
		ct_put(&c, x, TX_ANY);
		ct_restart(s)->delay_ns = (struct opt_i64){ true, NS_PER_S };
		ct_service_put(&c, s);
		fail_all(&c, 1000, 8);
		ct_work(&c);
		EQ(ct_tasks(&c, "web").count, rows[i].kept);
		EQ(ct_count(&c, "web", TASK_RUNNING, TASK_RUNNING), 1);
		ct_fini(&c);
	}
}

/* Were its last task reaped, the slot would look empty and be filled. */
T(what_is_done_stays_done_without_any_history)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 1);
	struct cluster *x;

	ct_init(&c, 1);
	x = object_clone(state_cluster(c.state));
	x->spec.orchestration.task_history_limit = (struct opt_i64){ true, 0 };
	ct_put(&c, x, TX_ANY);
	ct_restart(s)->condition = RESTART_NONE;
	ct_service_put(&c, s);
	ct_work(&c);
	ct_reports(&c, ct_task(&c, "web", 1), TASK_COMPLETE);
	ct_wait_ms(&c, 10 * SECOND);
	EQ(ct_tasks(&c, "web").count, 1);
	EQ(ct_count(&c, "web", TASK_COMPLETE, TASK_SHUTDOWN), 1);
	ct_fini(&c);
}

T(the_longest_delay_is_no_overflow)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 1);

	ct_init(&c, 1);
	ct_restart(s)->delay_ns = (struct opt_i64){ true, INT64_MAX };
	ct_restart(s)->window_ns = (struct opt_i64){ true, INT64_MAX };
	ct_restart(s)->max_attempts.set = true;
	ct_restart(s)->max_attempts.v = UINT64_MAX;
	ct_service_put(&c, s);
	ct_work(&c);
	ct_reports(&c, ct_task(&c, "web", 1), TASK_FAILED);
	EQ(ct_count(&c, "web", 0, TASK_READY), 1);
	c.now.wall_ns -= 3600 * NS_PER_S; /* the clock was set back */
	ct_new_leader(&c);
	OK(manager_deadline(c.manager) > c.now.mono_ms + 1000 * SECOND);
	EQ(ct_count(&c, "web", 0, TASK_READY), 1);
	ct_fini(&c);
}

/* All at once, as when a host comes back: each has its own delay. */
T(many_tasks_that_wait_for_their_delay_all_start)
{
	struct cluster_test c;
	struct task_span all;

	ct_init(&c, 1);
	ct_service_put(&c, ct_service_new("web", 300));
	ct_work(&c);
	for (uint64_t slot = 1; slot <= 300; slot++)
		ct_report(&c, ct_task(&c, "web", slot), TASK_FAILED);
	ct_settle(&c);
	EQ(ct_count(&c, "web", 0, TASK_READY), 300);
	ct_wait_ms(&c, 4999);
	EQ(ct_count(&c, "web", 0, TASK_READY), 300);
	ct_wait_ms(&c, 1);
	EQ(ct_count(&c, "web", 0, TASK_READY), 0);
	all = ct_tasks(&c, "web");
	EQ(all.count, 600);
	ct_fini(&c);
}

T(a_reaped_task_still_costs_its_successor_the_delay)
{
	struct cluster_test c;
	struct cluster *x;

	ct_init(&c, 1);
	x = object_clone(state_cluster(c.state));
	x->spec.orchestration.task_history_limit = (struct opt_i64){ true, 0 };
	ct_put(&c, x, TX_ANY);
	ct_service_put(&c, ct_service_new("web", 1));
	ct_work(&c);
	ct_reports(&c, ct_task(&c, "web", 1), TASK_FAILED);
	EQ(ct_tasks(&c, "web").count, 1);
	ct_wait_ms(&c, 4 * SECOND);
	EQ(ct_task(&c, "web", 1)->desired_state, TASK_READY);
	ct_wait_ms(&c, 1 * SECOND);
	EQ(ct_task(&c, "web", 1)->desired_state, TASK_RUNNING);
	ct_fini(&c);
}

T(a_status_counts_only_if_it_is_news_from_the_tasks_own_node)
{
	static const struct {
		const char *name, *from;
		int state;
		bool taken;
	} rows[] = {
		{ "forward", "node1", TASK_RUNNING, true },
		{ "from another node", "node2", TASK_RUNNING, false },
		{ "backward", "node1", TASK_ACCEPTED, false },
		{ "a state that is only desired", "node1", TASK_REMOVE, false },
		{ "orphaned is the manager's to say", "node1", TASK_ORPHANED,
		  false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster_test c;
		struct task_status s = { .state = rows[i].state };
		struct tx tx = { 0 };

		T_ROW(rows[i].name);
		ct_init(&c, 1);
		ct_service_put(&c, ct_service_new("web", 1));
		ct_reports(&c, ct_task(&c, "web", 1), TASK_PREPARING);
		manager_task_status(c.manager, c.now, rows[i].from,
				    ct_task(&c, "web", 1)->head.id, &s, &tx);
		manager_task_status(c.manager, c.now, rows[i].from,
				    ct_task(&c, "web", 1)->head.id, &s, &tx);
		EQ(tx.count, rows[i].taken);
		tx_fini(&tx);
		ct_fini(&c);
	}
}
