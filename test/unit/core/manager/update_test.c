/* update_test.c - rolling updates (facts 4.3). */
#include "test/unit/core/manager/cluster.h"

static struct update_config *
config(struct service *s)
{
	if (s->spec.update == NULL)
		s->spec.update = arena_alloc(object_arena(s),
					     sizeof(struct update_config));
	return s->spec.update;
}

static void
new_image(struct cluster_test *c, const char *image)
{
	struct service *s = ct_service_edit(c, "web");

	s->spec.task.container->image = arena_strdup(object_arena(s), image);
	ct_service_put(c, s);
}

static void
start(struct cluster_test *c, uint64_t replicas, const struct update_config *u)
{
	struct service *s = ct_service_new("web", replicas);

	*config(s) = *u;
	ct_init(c, 1);
	ct_service_put(c, s);
	ct_work(c);
	ct_wait_ms(c, 1000);
}

/* Live tasks with an image. */
static size_t
live(struct cluster_test *c, const char *image)
{
	struct task_span all = ct_tasks(c, "web");
	size_t n = 0;

	for (size_t i = 0; i < all.count; i++)
		n += all.v[i]->desired_state <= TASK_RUNNING &&
		     str_eq(all.v[i]->spec.container->image, image);
	return n;
}

static int
update_state(struct cluster_test *c)
{
	const struct service *s = ct_service(c, "web");

	return s->update_status == NULL ? 0 : s->update_status->state;
}

/* What the update came to, when its monitoring period has passed too. */
static int
final_state(struct cluster_test *c)
{
	int before = update_state(c);

	OK(before == UPDATE_UPDATING || before == UPDATE_ROLLBACK_STARTED ||
	   before == 0);
	ct_wait_ms(c, 4900);
	OK(update_state(c) == before);
	ct_wait_ms(c, 200);
	return update_state(c);
}

T(an_update_replaces_one_slot_after_the_other_by_default)
{
	struct cluster_test c;
	const struct update_config u = { .parallelism = 1 };

	start(&c, 3, &u);
	new_image(&c, "v2");
	EQ(update_state(&c), UPDATE_UPDATING);
	EQ_STR(ct_service(&c, "web")->update_status->message,
	       "update in progress");
	EQ(live(&c, "v2"), 1);
	EQ(live(&c, "whoami"), 2);
	/* stop-first: the new one waits for the old one */
	EQ(ct_count(&c, "web", TASK_RUNNING, TASK_SHUTDOWN), 1);
	EQ(ct_count(&c, "web", 0, TASK_READY), 1);
	for (size_t i = 0; i < ct_tasks(&c, "web").count; i++)
		if (ct_tasks(&c, "web").v[i]->desired_state == TASK_SHUTDOWN) {
			ct_reports(&c, ct_tasks(&c, "web").v[i], TASK_SHUTDOWN);
			break;
		}
	EQ(ct_count(&c, "web", 0, TASK_READY), 0);
	EQ(ct_count(&c, "web", TASK_ASSIGNED, TASK_RUNNING), 1);
	EQ(live(&c, "v2"), 1); /* until it runs */
	ct_work(&c);
	EQ(live(&c, "v2"), 3);
	EQ(live(&c, "whoami"), 0);
	EQ(final_state(&c), UPDATE_COMPLETED);
	EQ_STR(ct_service(&c, "web")->update_status->message,
	       "update completed");
	OK(ct_service(&c, "web")->update_status->completed_at != 0);
	EQ(manager_deadline(c.manager), UINT64_MAX);
	ct_fini(&c);
}

T(parallelism_says_how_many_slots_at_once)
{
	static const struct {
		uint64_t parallelism;
		size_t first;
	} rows[] = { { 1, 1 }, { 2, 2 }, { 5, 5 }, { 9, 5 }, { 0, 5 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster_test c;
		const struct update_config u = {
			.parallelism = rows[i].parallelism,
		};

		start(&c, 5, &u);
		new_image(&c, "v2");
		EQ(live(&c, "v2"), rows[i].first);
		ct_work(&c);
		EQ(live(&c, "v2"), 5);
		ct_fini(&c);
	}
}

T(the_delay_passes_between_slots)
{
	struct cluster_test c;
	const struct update_config u = { .parallelism = 1,
					 .delay_ns = 10 * NS_PER_S };

	start(&c, 2, &u);
	new_image(&c, "v2");
	ct_work(&c);
	EQ(live(&c, "v2"), 1);
	EQ(manager_deadline(c.manager), c.now.mono_ms + 10000);
	ct_wait_ms(&c, 4000);
	ct_new_leader(&c); /* knows of the delay */
	ct_wait_ms(&c, 5999);
	EQ(live(&c, "v2"), 1);
	ct_wait_ms(&c, 1);
	EQ(live(&c, "v2"), 2);
	ct_work(&c);
	EQ(update_state(&c), UPDATE_UPDATING); /* a delay after the last */
	ct_wait_ms(&c, 10000);
	EQ(final_state(&c), UPDATE_COMPLETED);
	ct_fini(&c);
}

T(the_longest_delay_between_slots_is_no_overflow)
{
	struct cluster_test c;
	const struct update_config u = { .parallelism = 1,
					 .delay_ns = INT64_MAX };

	start(&c, 2, &u);
	new_image(&c, "v2");
	ct_work(&c);
	ct_new_leader(&c);
	ct_wait_ms(&c, 3600000);
	EQ(live(&c, "v2"), 1);
	EQ(update_state(&c), UPDATE_UPDATING);
	ct_fini(&c);
}

T(start_first_stops_the_old_task_when_the_new_one_runs)
{
	struct cluster_test c;
	const struct update_config u = { .parallelism = 1,
					 .order = ORDER_START_FIRST };
	const struct task *t = NULL;
	char *id;

	start(&c, 2, &u);
	new_image(&c, "v2");
	EQ(live(&c, "v2"), 1);
	EQ(live(&c, "whoami"), 2);
	for (size_t i = 0; i < ct_tasks(&c, "web").count; i++)
		if (str_eq(ct_tasks(&c, "web").v[i]->spec.container->image,
			   "v2"))
			t = ct_tasks(&c, "web").v[i];
	EQ(t->desired_state, TASK_RUNNING);
	id = mem_strdup(t->head.id);
	ct_reports(&c, t, TASK_STARTING);
	EQ(live(&c, "whoami"), 2);
	ct_reports(&c, state_get(c.state, OBJECT_TASK, id), TASK_RUNNING);
	mem_free(id);
	EQ(live(&c, "whoami"), 0 + 1);
	ct_work(&c);
	EQ(live(&c, "v2"), 2);
	EQ(live(&c, "whoami"), 0);
	EQ(final_state(&c), UPDATE_COMPLETED);
	ct_fini(&c);
}

/* Else it would go on "updating" for ever, and say nothing. */
T(start_first_pauses_when_the_policy_gives_the_new_task_up)
{
	static const struct {
		const char *name;
		enum restart_condition condition;
		int ends;
		bool fresh_leader;
	} rows[] = {
		{ "no restarts", RESTART_NONE, TASK_FAILED, false },
		{ "new leader", RESTART_NONE, TASK_FAILED, true },
		{ "complete", RESTART_ON_FAILURE, TASK_COMPLETE, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct update_config u = { .parallelism = 1,
						 .order = ORDER_START_FIRST };
		struct cluster_test c;
		const struct task *t;
		struct service *s;
		char says[160];

		T_ROW(rows[i].name);
		start(&c, 2, &u);
		s = ct_service_edit(&c, "web");
		s->spec.task.container->image = "v2";
		ct_restart(s)->condition = rows[i].condition;
		ct_service_put(&c, s);
		ct_wait_ms(&c, 1);
		t = ct_task(&c, "web", 1);
		snprintf(says, sizeof(says),
			 "update paused due to failure or early termination "
			 "of task %s",
			 t->head.id);
		ct_report(&c, t, rows[i].ends);
		if (rows[i].fresh_leader)
			ct_new_leader(&c);
		ct_settle(&c);
		EQ(update_state(&c), UPDATE_PAUSED);
		EQ_STR(ct_service(&c, "web")->update_status->message, says);
		ct_wait_ms(&c, 60000);
		EQ(live(&c, "whoami"), 2);
		EQ(ct_tasks(&c, "web").count, 3);
		new_image(&c, "v3");
		EQ(update_state(&c), UPDATE_UPDATING);
		ct_fini(&c);
	}
}

T(a_paused_update_leaves_one_task_in_a_slot)
{
	const struct update_config u = { .parallelism = 1,
					 .order = ORDER_START_FIRST };
	struct cluster_test c;
	struct service *s;

	start(&c, 1, &u);
	new_image(&c, "v2");
	ct_wait_ms(&c, 1);
	s = ct_service_edit(&c, "web");
	s->spec.task.container->image = "v3";
	ct_restart(s)->condition = RESTART_NONE;
	ct_wait_ms(&c, 1);
	ct_service_put(&c, s);
	EQ(ct_tasks(&c, "web").count, 3);
	ct_reports(&c, ct_task(&c, "web", 1), TASK_FAILED);
	EQ(update_state(&c), UPDATE_PAUSED);
	/* the one that runs, not the one that may never come up */
	EQ(live(&c, "whoami"), 1);
	EQ(live(&c, "v2"), 0);
	ct_fini(&c);
}

T(what_ended_under_the_same_spec_before_pauses_nothing)
{
	const struct update_config u = { .parallelism = 1,
					 .order = ORDER_START_FIRST };
	struct cluster_test c;
	struct service *s;

	start(&c, 1, &u);
	s = ct_service_edit(&c, "web");
	ct_restart(s)->condition = RESTART_NONE;
	ct_service_put(&c, s);
	ct_work(&c);
	ct_reports(&c, ct_task(&c, "web", 1), TASK_FAILED);
	new_image(&c, "v2");
	ct_wait_ms(&c, 1);
	ct_work(&c);
	EQ(live(&c, "v2"), 1);
	new_image(&c, "whoami"); /* as the failed one was */
	ct_wait_ms(&c, 1);
	EQ(update_state(&c), UPDATE_UPDATING);
	ct_work(&c);
	EQ(live(&c, "whoami"), 1);
	EQ(live(&c, "v2"), 0);
	ct_fini(&c);
}

T(a_new_task_of_start_first_that_fails_is_tried_again)
{
	struct cluster_test c;
	const struct update_config u = { .parallelism = 1,
					 .order = ORDER_START_FIRST };

	start(&c, 1, &u);
	new_image(&c, "v2");
	for (int i = 0; i < 3; i++) {
		ct_wait_ms(&c, 1);
		ct_reports(&c, ct_task(&c, "web", 1), TASK_REJECTED);
		ct_wait_ms(&c, 5000);
	}
	EQ(live(&c, "whoami"), 1); /* still serves */
	EQ(update_state(&c), UPDATE_UPDATING);
	ct_work(&c);
	EQ(live(&c, "v2"), 1);
	EQ(live(&c, "whoami"), 0);
	EQ(final_state(&c), UPDATE_COMPLETED);
	ct_fini(&c);
}

T(an_old_task_that_dies_while_its_successor_starts_gets_no_other)
{
	struct cluster_test c;
	const struct update_config u = { .parallelism = 1,
					 .order = ORDER_START_FIRST };
	struct task_span all;

	start(&c, 1, &u);
	new_image(&c, "v2");
	all = ct_tasks(&c, "web");
	EQ(all.count, 2);
	for (size_t i = 0; i < 2; i++)
		if (str_eq(all.v[i]->spec.container->image, "whoami")) {
			ct_reports(&c, all.v[i], TASK_FAILED);
			break;
		}
	EQ(ct_tasks(&c, "web").count, 2);
	ct_work(&c);
	EQ(live(&c, "v2"), 1);
	EQ(final_state(&c), UPDATE_COMPLETED);
	ct_fini(&c);
}

T(only_what_differs_is_replaced)
{
	static const struct {
		const char *name;
		int what;
		bool replaced;
	} rows[] = {
		{ "a service label", 0, false },
		{ "an env entry", 1, true },
		{ "a force", 2, true },
		{ "a port", 3, true },
		{ "a constraint that holds", 4, false },
		{ "more replicas", 5, false },
		{ "nothing", 6, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster_test c;
		const struct update_config u = { .parallelism = 1 };
		struct service *s;
		struct arena *a;
		char *id;

		T_ROW(rows[i].name);
		start(&c, 1, &u);
		id = mem_strdup(ct_task(&c, "web", 1)->head.id);
		s = ct_service_edit(&c, "web");
		a = object_arena(s);
		if (rows[i].what == 0)
			s->spec.labels = kvs_with(&s->spec.labels, a, "k", "v");
		if (rows[i].what == 1) {
			s->spec.task.container->env.v =
				arena_array(a, 1, sizeof(char *));
			s->spec.task.container->env.v[0] = "A=B";
			s->spec.task.container->env.count = 1;
		}
		if (rows[i].what == 2)
			s->spec.task.force_update++;
		if (rows[i].what == 3) {
			s->spec.endpoint =
				arena_alloc(a, sizeof(*s->spec.endpoint));
			s->spec.endpoint->ports.v =
				arena_alloc(a, sizeof(struct port_config));
			s->spec.endpoint->ports.v[0] = (struct port_config){
				.target_port = 80,
				.published_port = 8080,
				.publish_mode = PUBLISH_HOST,
			};
			s->spec.endpoint->ports.count = 1;
		}
		if (rows[i].what == 4) {
			ct_placement(s)->constraints.v =
				arena_array(a, 1, sizeof(char *));
			s->spec.task.placement->constraints.v[0] =
				"node.role==manager";
			s->spec.task.placement->constraints.count = 1;
		}
		if (rows[i].what == 5)
			s->spec.mode.replicated->replicas.v = 2;
		ct_service_put(&c, s);
		ct_work(&c);
		EQ(!str_eq(ct_task(&c, "web", 1)->head.id, id),
		   rows[i].replaced);
		EQ(final_state(&c), rows[i].replaced ? UPDATE_COMPLETED : 0);
		mem_free(id);
		ct_fini(&c);
	}
}

T(a_second_update_takes_over_from_the_first)
{
	struct cluster_test c;
	const struct update_config u = { .parallelism = 1 };

	start(&c, 3, &u);
	new_image(&c, "v2");
	ct_wait_ms(&c, 100);
	new_image(&c, "v3");
	ct_work(&c);
	EQ(live(&c, "v3"), 3);
	EQ(live(&c, "v2"), 0);
	EQ(live(&c, "whoami"), 0);
	EQ(final_state(&c), UPDATE_COMPLETED);
	ct_fini(&c);
}

T(a_rollback_says_that_it_is_one)
{
	struct cluster_test c;
	const struct update_config u = { .parallelism = 1 };
	struct service *s;

	start(&c, 2, &u);
	new_image(&c, "v2");
	ct_work(&c);
	s = ct_service_edit(&c, "web");
	s->spec.task.container->image = "whoami";
	s->update_status =
		arena_alloc(object_arena(s), sizeof(struct update_status));
	s->update_status->state = UPDATE_ROLLBACK_STARTED;
	ct_service_put(&c, s);
	ct_work(&c);
	EQ(live(&c, "whoami"), 2);
	EQ(final_state(&c), UPDATE_ROLLBACK_COMPLETED);
	EQ_STR(ct_service(&c, "web")->update_status->message,
	       "rollback completed");
	ct_fini(&c);
}

T(an_update_whose_first_change_is_refused_begins_anew)
{
	static const enum update_order orders[] = { ORDER_STOP_FIRST,
						    ORDER_START_FIRST };

	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		const struct update_config u = { .parallelism = 1,
						 .order = orders[i] };
		struct tx refused = { 0 };
		struct cluster_test c;
		struct service *s;

		T_ROW(i == 0 ? "stop-first" : "start-first");
		start(&c, 2, &u);
		s = ct_service_edit(&c, "web");
		s->spec.task.container->image = "v2";
		ct_put(&c, s, TX_ANY);
		manager_step(c.manager, c.now, &refused);
		OK(refused.count > 0);
		tx_fini(&refused);
		ct_settle(&c);
		ct_work(&c);
		EQ(live(&c, "v2"), 2);
		EQ(final_state(&c), UPDATE_COMPLETED);
		ct_fini(&c);
	}
}

T(a_paused_update_does_nothing)
{
	struct cluster_test c;
	const struct update_config u = { .parallelism = 1 };
	struct service *s;

	start(&c, 2, &u);
	s = ct_service_edit(&c, "web");
	s->spec.task.container->image = "v2";
	s->update_status =
		arena_alloc(object_arena(s), sizeof(struct update_status));
	s->update_status->state = UPDATE_PAUSED;
	ct_service_put(&c, s);
	ct_work(&c);
	EQ(live(&c, "whoami"), 2);
	ct_fini(&c);
}

T(a_host_port_is_handed_over)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 1);
	struct arena *a = object_arena(s);

	s->spec.endpoint = arena_alloc(a, sizeof(*s->spec.endpoint));
	s->spec.endpoint->ports.v = arena_alloc(a, sizeof(struct port_config));
	s->spec.endpoint->ports.v[0] =
		(struct port_config){ .target_port = 80,
				      .published_port = 8080,
				      .publish_mode = PUBLISH_HOST };
	s->spec.endpoint->ports.count = 1;
	ct_init(&c, 1);
	ct_service_put(&c, s);
	ct_work(&c);
	ct_wait_ms(&c, 1000);
	new_image(&c, "v2");
	EQ(ct_task(&c, "web", 1)->status.state, TASK_PENDING);
	EQ_STR(ct_task(&c, "web", 1)->status.err,
	       "no suitable node (host-mode port already in use on 1 node)");
	ct_work(&c);
	EQ(live(&c, "v2"), 1);
	EQ(final_state(&c), UPDATE_COMPLETED);
	ct_fini(&c);
}
