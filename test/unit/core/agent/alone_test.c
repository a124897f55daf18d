/* alone_test.c - the agent while no manager hears the node. */
#include "test/unit/core/agent/host.h"

static struct host h;

static struct task *
task_with(int condition, int64_t delay_ns)
{
	struct task *t = task_new("t1", 1);
	struct restart_policy *p =
		arena_alloc(object_arena(t), sizeof(struct restart_policy));

	p->condition = condition;
	p->delay_ns = (struct opt_i64){ true, delay_ns };
	t->spec.restart = p;
	return t;
}

static void
begin(int condition, int64_t delay_ns)
{
	init(&h);
	h.task = task_with(condition, delay_ns);
}

static void
alone(bool is)
{
	agent_alone(h.a, is, h.now);
	drain(&h);
}

/* The old container goes, and a new one comes up. */
static void
comes_back(void)
{
	report(&h, "t1", RUNNER_REMOVED);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	wait_ms(&h, 2000);
	OK(order(&h, RUNNER_PREPARE) != NULL);
	report(&h, "t1", RUNNER_PREPARED);
	OK(order(&h, RUNNER_START) != NULL);
	report(&h, "t1", RUNNER_STARTED);
	EQ(status(&h)->state, TASK_RUNNING);
}

T(what_ends_is_started_again_and_was_never_anything_but_running)
{
	begin(RESTART_ANY, 2 * NS_PER_S);
	run(&h, h.task);
	alone(true);
	for (int i = 0; i < 5; i++) {
		exits(&h, "t1", i);
		OK(order(&h, RUNNER_REMOVE) != NULL);
		OK(status(&h) == NULL);
		comes_back();
	}
	alone(false);
	EQ(h.count, 0);
	agent_tell_all(h.a, h.now);
	drain(&h);
	EQ(status(&h)->state, TASK_RUNNING);
	fini(&h);
}

T(with_a_manager_there_nothing_is_started_again)
{
	begin(RESTART_ANY, 2 * NS_PER_S);
	run(&h, h.task);
	alone(true);
	alone(false);
	exits(&h, "t1", 1);
	OK(order(&h, RUNNER_REMOVE) == NULL);
	EQ(status(&h)->state, TASK_FAILED);
	fini(&h);
}

T(the_condition_holds_here_as_well)
{
	static const struct {
		const char *name;
		int condition;
		int64_t code;
		bool again;
	} rows[] = {
		{ "none", RESTART_NONE, 1, false },
		{ "on-failure, 0", RESTART_ON_FAILURE, 0, false },
		{ "on-failure, 1", RESTART_ON_FAILURE, 1, true },
		{ "any, 0", RESTART_ANY, 0, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].name);
		begin(rows[i].condition, NS_PER_S);
		run(&h, h.task);
		alone(true);
		exits(&h, "t1", rows[i].code);
		EQ(order(&h, RUNNER_REMOVE) != NULL, rows[i].again);
		EQ(status(&h) == NULL, rows[i].again);
		fini(&h);
	}
}

T(attempts_end_and_a_window_begins_them_anew)
{
	begin(RESTART_ANY, 2 * NS_PER_S);
	h.task->spec.restart->max_attempts = (struct opt_u64){ true, 2 };
	h.task->spec.restart->window_ns =
		(struct opt_i64){ true, 60 * NS_PER_S };
	run(&h, h.task);
	alone(true);
	for (int i = 0; i < 2; i++) {
		exits(&h, "t1", 1);
		comes_back();
	}
	wait_ms(&h, 60000);
	for (int i = 0; i < 2; i++) {
		exits(&h, "t1", 1);
		comes_back();
	}
	exits(&h, "t1", 1);
	OK(order(&h, RUNNER_REMOVE) == NULL);
	EQ(status(&h)->state, TASK_FAILED);
	fini(&h);
}

T(what_waits_when_a_manager_is_back_is_the_managers)
{
	begin(RESTART_ANY, 60 * NS_PER_S);
	run(&h, h.task);
	alone(true);
	exits(&h, "t1", 3);
	report(&h, "t1", RUNNER_REMOVED);
	alone(false);
	EQ(status(&h)->state, TASK_FAILED);
	EQ_STR(status(&h)->err, "task: non-zero exit (3)");
	wait_ms(&h, 60000);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	fini(&h);
}

T(what_is_being_removed_when_a_manager_is_back_is_the_managers)
{
	begin(RESTART_ANY, 60 * NS_PER_S);
	run(&h, h.task);
	alone(true);
	exits(&h, "t1", 0);
	alone(false);
	OK(status(&h) == NULL);
	report(&h, "t1", RUNNER_REMOVED);
	EQ(status(&h)->state, TASK_COMPLETE);
	fini(&h);
}

T(what_has_begun_again_goes_on)
{
	begin(RESTART_ANY, 2 * NS_PER_S);
	run(&h, h.task);
	alone(true);
	exits(&h, "t1", 3);
	report(&h, "t1", RUNNER_REMOVED);
	wait_ms(&h, 2000);
	OK(order(&h, RUNNER_PREPARE) != NULL);
	alone(false);
	OK(status(&h) == NULL);
	report(&h, "t1", RUNNER_PREPARED);
	report(&h, "t1", RUNNER_STARTED);
	EQ(status(&h)->state, TASK_RUNNING);
	fini(&h);
}

T(what_is_to_stop_is_not_started_again)
{
	begin(RESTART_ANY, 2 * NS_PER_S);
	run(&h, h.task);
	desire(&h, h.task, TASK_SHUTDOWN);
	alone(true);
	exits(&h, "t1", 0);
	EQ(status(&h)->state, TASK_SHUTDOWN);
	fini(&h);
}

T(an_assignment_that_is_gone_ends_the_waiting)
{
	begin(RESTART_ANY, 60 * NS_PER_S);
	run(&h, h.task);
	alone(true);
	exits(&h, "t1", 1);
	report(&h, "t1", RUNNER_REMOVED);
	agent_unassign(h.a, "t1", h.now);
	drain(&h);
	wait_ms(&h, 60000);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	OK(agent_is_empty(h.a));
	fini(&h);
}
