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

/* After the delay the old container goes, and a new one comes up. */
static void
comes_back(void)
{
	OK(order(&h, RUNNER_REMOVE) == NULL);
	wait_ms(&h, 1999);
	OK(order(&h, RUNNER_REMOVE) == NULL);
	wait_ms(&h, 1);
	OK(order(&h, RUNNER_REMOVE) != NULL);
	report(&h, "t1", RUNNER_REMOVED);
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
		EQ(status(&h) == NULL, rows[i].again);
		wait_ms(&h, 1000);
		EQ(order(&h, RUNNER_REMOVE) != NULL, rows[i].again);
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
	EQ(status(&h)->state, TASK_FAILED);
	fini(&h);
}

T(what_waits_when_a_manager_is_back_is_the_managers)
{
	begin(RESTART_ANY, 60 * NS_PER_S);
	run(&h, h.task);
	alone(true);
	exits(&h, "t1", 3);
	alone(false);
	EQ(status(&h)->state, TASK_FAILED);
	EQ_STR(status(&h)->err, "task: non-zero exit (3)");
	wait_ms(&h, 60000);
	OK(order(&h, RUNNER_REMOVE) == NULL);
	fini(&h);
}

T(what_has_begun_again_goes_on)
{
	begin(RESTART_ANY, 2 * NS_PER_S);
	run(&h, h.task);
	alone(true);
	exits(&h, "t1", 3);
	wait_ms(&h, 2000);
	alone(false);
	OK(status(&h) == NULL);
	report(&h, "t1", RUNNER_REMOVED);
	OK(order(&h, RUNNER_PREPARE) != NULL);
	report(&h, "t1", RUNNER_PREPARED);
	report(&h, "t1", RUNNER_STARTED);
	EQ(status(&h)->state, TASK_RUNNING);
	fini(&h);
}

static bool
take_back(void)
{
	bool was = agent_take_back(h.a, "t1", h.now);

	drain(&h);
	return was;
}

T(an_end_that_nobody_heard_of_is_taken_back)
{
	begin(RESTART_ANY, 2 * NS_PER_S);
	run(&h, h.task);
	OK(!take_back());
	exits(&h, "t1", 3);
	EQ(status(&h)->state, TASK_FAILED);
	OK(!take_back()); /* a manager is there */
	alone(true);
	OK(take_back());
	OK(!take_back());
	comes_back();
	exits(&h, "t1", 3);
	alone(false);
	EQ(status(&h)->state, TASK_FAILED);
	EQ_STR(status(&h)->err, "task: non-zero exit (3)");
	fini(&h);
}

T(an_end_that_is_taken_back_keeps_its_reason)
{
	struct runner_report r = { .news = RUNNER_FAILED,
				   .task_id = "t1",
				   .err = "no such thing" };

	begin(RESTART_ON_FAILURE, 2 * NS_PER_S);
	run(&h, h.task);
	report_full(&h, &r);
	exits(&h, "t1", 0);
	alone(true);
	OK(take_back());
	alone(false);
	EQ(status(&h)->state, TASK_FAILED);
	EQ_STR(status(&h)->err, "no such thing");
	fini(&h);
}

T(what_was_to_stop_is_not_taken_back)
{
	begin(RESTART_ANY, 2 * NS_PER_S);
	run(&h, h.task);
	desire(&h, h.task, TASK_SHUTDOWN);
	exits(&h, "t1", 0);
	alone(true);
	OK(!take_back());
	fini(&h);
}

/* The daemon ends and starts again meanwhile. */
T(what_waited_before_a_restart_of_the_daemon_has_ended)
{
	struct runner_report r = { .news = RUNNER_FOUND,
				   .task_id = "t1",
				   .phase = RUNNER_PHASE_EXITED,
				   .exit_code = 3 };

	begin(RESTART_ANY, 60 * NS_PER_S);
	run(&h, h.task);
	alone(true);
	exits(&h, "t1", 3);
	agent_free(h.a);
	boot(&h);
	report_full(&h, &r);
	scan_done(&h);
	EQ(status(&h)->state, TASK_FAILED);
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
	agent_unassign(h.a, "t1", h.now);
	drain(&h);
	OK(order(&h, RUNNER_REMOVE) != NULL);
	report(&h, "t1", RUNNER_REMOVED);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	OK(agent_is_empty(h.a));
	fini(&h);
}
