/*
 * agent_test.c - the life of tasks on a host, from assignment to removal
 * (facts 3.2, 10.3).
 */
#include "test/unit/core/agent/host.h"

T(a_task_is_prepared_started_and_run)
{
	struct host h;
	const struct seen *o;

	init(&h);
	h.task = task_new("t1", 1);
	assign(&h, h.task);
	EQ(h.seen[0].type, AGENT_ROW); /* before the order that it remembers */
	o = order(&h, RUNNER_PREPARE);
	OK(o != NULL && o != &h.seen[0]);
	EQ_STR(o->address, "172.30.0.2/24");
	EQ_STR(o->name, "web.1.t1");
	EQ(strlen(o->hostname), 12);
	EQ(status(&h)->state, TASK_PREPARING);
	EQ_STR(status(&h)->message, "preparing");
	report(&h, "t1", RUNNER_PREPARED);
	OK(order(&h, RUNNER_START) != NULL);
	EQ(h.seen[0].type, AGENT_ROW);
	EQ(status(&h)->state, TASK_STARTING);
	report(&h, "t1", RUNNER_STARTED);
	EQ(status(&h)->state, TASK_RUNNING);
	EQ_STR(status(&h)->message, "started");
	exits(&h, "t1", 0);
	EQ(status(&h)->state, TASK_COMPLETE);
	EQ_STR(status(&h)->message, "finished");
	OK(order(&h, RUNNER_REMOVE) == NULL); /* its logs stay */
	agent_unassign(h.a, "t1", h.now);
	drain(&h);
	OK(order(&h, RUNNER_REMOVE) != NULL);
	report(&h, "t1", RUNNER_REMOVED);
	OK(h.seen[0].deleted);
	OK(agent_is_empty(h.a));
	fini(&h);
}

T(a_task_that_is_to_be_ready_waits_for_its_start)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->desired_state = TASK_READY;
	assign(&h, h.task);
	report(&h, "t1", RUNNER_PREPARED);
	OK(order(&h, RUNNER_START) == NULL);
	EQ(status(&h)->state, TASK_READY);
	EQ_STR(status(&h)->message, "prepared");
	desire(&h, h.task, TASK_RUNNING);
	OK(order(&h, RUNNER_START) != NULL);
	fini(&h);
}

T(an_end_has_a_state_and_a_reason)
{
	static const struct {
		const char *name;
		enum runner_news last; /* before the end */
		bool fails;	       /* FAILED, else EXITED */
		int64_t code;
		int state;
		const char *err, *message;
	} rows[] = {
		{ "exit 1", RUNNER_STARTED, false, 1, TASK_FAILED,
		  "task: non-zero exit (1)", "started" },
		{ "killed", RUNNER_STARTED, false, 137, TASK_FAILED,
		  "task: non-zero exit (137)", "started" },
		{ "exit 0", RUNNER_STARTED, false, 0, TASK_COMPLETE, "",
		  "finished" },
		{ "no image", 0, true, 0, TASK_REJECTED, "No such image: x",
		  "preparing" },
		{ "start fails", RUNNER_PREPARED, true, 0, TASK_FAILED,
		  "No such image: x", "starting" },
		{ "dies while it starts", RUNNER_PREPARED, false, 2,
		  TASK_FAILED, "task: non-zero exit (2)", "starting" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct runner_report failed = { .news = RUNNER_FAILED,
						.task_id = "t1",
						.err = "No such image: x" };
		struct host h;

		T_ROW(rows[i].name);
		init(&h);
		h.task = task_new("t1", 1);
		assign(&h, h.task);
		if (rows[i].last != 0)
			report(&h, "t1", RUNNER_PREPARED);
		if (rows[i].last == RUNNER_STARTED)
			report(&h, "t1", RUNNER_STARTED);
		if (rows[i].fails)
			report_full(&h, &failed);
		else
			exits(&h, "t1", rows[i].code);
		EQ(status(&h)->state, rows[i].state);
		EQ_STR(status(&h)->err, rows[i].err);
		EQ_STR(status(&h)->message, rows[i].message);
		EQ(status(&h)->exit_code, rows[i].code);
		fini(&h);
	}
}

/* Its host port was taken while the daemon was away, say. */
T(what_fails_while_it_runs_is_stopped)
{
	struct runner_report r = { .news = RUNNER_PORT_LOST,
				   .task_id = "t1",
				   .err = "port 80 is taken" };
	struct task *two, *three;
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	report_full(&h, &r);
	EQ(status(&h)->state, TASK_FAILED);
	EQ_STR(status(&h)->err, "port 80 is taken");
	OK(order(&h, RUNNER_STOP) != NULL);
	/* what runs keeps its address to itself */
	report_full(&h, &r);
	two = task_new("t2", 2);
	assign(&h, two);
	EQ_STR(order(&h, RUNNER_PREPARE)->address, "172.30.0.3/24");
	exits(&h, "t1", 0);
	/* it has failed, whatever its code */
	OK(status(&h) == NULL || status(&h)->state == TASK_FAILED);
	three = task_new("t3", 3);
	assign(&h, three);
	EQ_STR(order(&h, RUNNER_PREPARE)->address, "172.30.0.2/24");
	object_unref(two);
	object_unref(three);
	fini(&h);
}

/* The runner answers a stop of nothing with an exit that it makes up. */
T(what_never_ran_shows_no_exit_code)
{
	struct runner_report r = { .news = RUNNER_FAILED,
				   .task_id = "t1",
				   .err = "No such image: x" };
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	assign(&h, h.task);
	report_full(&h, &r);
	EQ(status(&h)->state, TASK_REJECTED);
	OK(order(&h, RUNNER_STOP) != NULL);
	exits(&h, "t1", 137);
	OK(status(&h) == NULL);
	agent_unassign(h.a, "t1", h.now);
	drain(&h);
	OK(order(&h, RUNNER_REMOVE) != NULL);
	fini(&h);
}

T(a_shutdown_is_a_signal_with_grace)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->spec.container->stop_signal = "SIGINT";
	h.task->spec.container->stop_grace_period_ns =
		(struct opt_i64){ true, 3 * NS_PER_S };
	run(&h, h.task);
	desire(&h, h.task, TASK_SHUTDOWN);
	OK(order(&h, RUNNER_STOP) != NULL);
	EQ_STR(order(&h, RUNNER_STOP)->signal, "SIGINT");
	EQ(order(&h, RUNNER_STOP)->grace_ns, 3 * NS_PER_S);
	desire(&h, h.task, TASK_REMOVE); /* no second order */
	OK(order(&h, RUNNER_STOP) == NULL);
	exits(&h, "t1", 130);
	EQ(status(&h)->state, TASK_SHUTDOWN);
	EQ_STR(status(&h)->message, "shutdown");
	EQ_STR(status(&h)->err, "");
	fini(&h);
}

T(the_default_grace_is_ten_seconds_and_the_signal_the_images)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	desire(&h, h.task, TASK_SHUTDOWN);
	EQ_STR(order(&h, RUNNER_STOP)->signal, "");
	EQ(order(&h, RUNNER_STOP)->grace_ns, 10 * NS_PER_S);
	fini(&h);
}

T(a_task_that_is_shut_down_while_it_is_prepared_never_starts)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	assign(&h, h.task);
	desire(&h, h.task, TASK_SHUTDOWN);
	OK(order(&h, RUNNER_STOP) != NULL);
	report(&h, "t1", RUNNER_PREPARED);
	OK(order(&h, RUNNER_START) == NULL);
	exits(&h, "t1", 0);
	EQ(status(&h)->state, TASK_SHUTDOWN);
	fini(&h);
}

T(a_task_that_is_unwanted_from_the_start_has_no_container)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->desired_state = TASK_SHUTDOWN;
	assign(&h, h.task);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	EQ(status(&h)->state, TASK_SHUTDOWN);
	agent_unassign(h.a, "t1", h.now);
	drain(&h);
	OK(order(&h, RUNNER_REMOVE) == NULL);
	OK(agent_is_empty(h.a));
	fini(&h);
}

T(a_task_that_ended_in_another_time_is_left_alone)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->status.state = TASK_FAILED;
	h.task->desired_state = TASK_SHUTDOWN;
	assign(&h, h.task);
	EQ(h.count, 0);
	fini(&h);
}

T(a_lower_desire_is_ignored)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	desire(&h, h.task, TASK_SHUTDOWN);
	exits(&h, "t1", 0);
	desire(&h, h.task, TASK_RUNNING);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	OK(order(&h, RUNNER_START) == NULL);
	fini(&h);
}

T(a_status_that_the_managers_missed_is_told_again)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	h.task->status.state = TASK_RUNNING;
	assign(&h, h.task);
	OK(status(&h) == NULL);
	h.task->status.state = TASK_PREPARING;
	assign(&h, h.task);
	EQ(status(&h)->state, TASK_RUNNING);
	fini(&h);
}

T(a_removal_that_fails_is_tried_again)
{
	struct runner_report failed = { .news = RUNNER_FAILED,
					.task_id = "t1",
					.err = "busy" };
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	exits(&h, "t1", 0);
	agent_unassign(h.a, "t1", h.now);
	drain(&h);
	report_full(&h, &failed);
	EQ(agent_deadline(h.a), h.now.mono_ms + 5000);
	wait_ms(&h, 5000);
	OK(order(&h, RUNNER_REMOVE) != NULL);
	report(&h, "t1", RUNNER_REMOVED);
	OK(agent_is_empty(h.a));
	fini(&h);
}

T(leaving_stops_and_removes_all)
{
	struct task *two = task_new("t2", 2);
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	run(&h, two);
	exits(&h, "t2", 1);
	agent_leave(h.a, h.now);
	drain(&h);
	EQ_STR(order(&h, RUNNER_STOP)->task, "t1");
	EQ_STR(order(&h, RUNNER_REMOVE)->task, "t2");
	report(&h, "t2", RUNNER_REMOVED);
	exits(&h, "t1", 0);
	EQ_STR(order(&h, RUNNER_REMOVE)->task, "t1");
	OK(!agent_is_empty(h.a));
	report(&h, "t1", RUNNER_REMOVED);
	OK(agent_is_empty(h.a));
	object_unref(two);
	fini(&h);
}

T(the_full_set_of_assignments_ends_all_others)
{
	struct task *two = task_new("t2", 2);
	const struct task *set[1];
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	run(&h, h.task);
	set[0] = two;
	agent_assign_all(h.a, set, 1, h.now);
	drain(&h);
	EQ_STR(order(&h, RUNNER_STOP)->task, "t1");
	EQ_STR(order(&h, RUNNER_PREPARE)->task, "t2");
	object_unref(two);
	fini(&h);
}

T(the_full_set_may_come_in_any_order)
{
	static const char *const ids[] = { "t5", "t1", "t9", "t3" };
	struct task *v[4];
	struct host h;

	init(&h);
	for (size_t i = 0; i < 4; i++) {
		v[i] = task_new(ids[i], i + 1);
		run(&h, v[i]);
	}
	/* t9 and t1, last first; t3 and t5 are to go */
	agent_assign_all(h.a, (const struct task *const[]){ v[2], v[1] }, 2,
			 h.now);
	drain(&h);
	for (size_t i = 0; i < h.count; i++)
		if (h.seen[i].type == AGENT_ORDER)
			OK(strcmp(h.seen[i].task, "t3") == 0 ||
			   strcmp(h.seen[i].task, "t5") == 0);
	EQ_STR(order(&h, RUNNER_STOP)->task, "t5");
	agent_assign_all(h.a, NULL, 0, h.now);
	drain(&h);
	EQ_STR(order(&h, RUNNER_STOP)->task, "t9");
	for (size_t i = 0; i < 4; i++)
		object_unref(v[i]);
	fini(&h);
}

/* ---- health ----------------------------------------------------------- */

static void
probe_result(struct host *h, int64_t code)
{
	struct runner_report r = { .news = RUNNER_PROBED,
				   .task_id = "t1",
				   .exit_code = code };

	wait_ms(h, 1000);
	OK(order(h, RUNNER_PROBE) != NULL);
	r.probe_id = order(h, RUNNER_PROBE)->probe_id;
	report_full(h, &r);
}

T(a_task_with_a_check_runs_when_it_is_healthy)
{
	struct host h;

	init(&h);
	h.task = checked_task();
	run(&h, h.task);
	EQ(status(&h)->state, TASK_STARTING);
	EQ_STR(status(&h)->health, "starting");
	EQ(agent_deadline(h.a), h.now.mono_ms + 1000);
	probe_result(&h, 0);
	EQ(status(&h)->state, TASK_RUNNING);
	EQ_STR(status(&h)->health, "healthy");
	probe_result(&h, 1);
	OK(status(&h) == NULL);
	probe_result(&h, 1);
	EQ_STR(status(&h)->health, "unhealthy");
	OK(order(&h, RUNNER_STOP) != NULL);
	exits(&h, "t1", 143);
	EQ(status(&h)->state, TASK_FAILED);
	EQ_STR(status(&h)->err,
	       "task: non-zero exit (143): unhealthy container");
	fini(&h);
}

T(an_unhealthy_task_that_exits_with_0_is_complete)
{
	struct host h;

	init(&h);
	h.task = checked_task();
	run(&h, h.task);
	probe_result(&h, 1);
	probe_result(&h, 1);
	exits(&h, "t1", 0);
	EQ(status(&h)->state, TASK_COMPLETE);
	fini(&h);
}

T(the_images_check_counts_where_the_spec_has_none)
{
	struct healthcheck image = { .test = { check_cmd, 2 } };
	struct runner_report r = { .news = RUNNER_PREPARED,
				   .task_id = "t1",
				   .image_healthcheck = &image };
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	assign(&h, h.task);
	report_full(&h, &r);
	report(&h, "t1", RUNNER_STARTED);
	EQ(status(&h)->state, TASK_STARTING);
	EQ(agent_deadline(h.a), h.now.mono_ms + 30000);
	fini(&h);
}

T(a_probe_that_comes_too_late_is_ignored)
{
	struct runner_report r = { .news = RUNNER_PROBED,
				   .task_id = "t1",
				   .probe_id = 99 };
	struct host h;

	init(&h);
	h.task = checked_task();
	run(&h, h.task);
	report_full(&h, &r);
	EQ(h.count, 0);
	fini(&h);
}
