/* adopt_test.c - restarts of the daemon: tasks go on as they are. */
#include "test/unit/core/agent/host.h"

enum before { UNPREPARED, PREPARED, STARTED, STOPPING, FINISHED };

static const enum runner_verb verbs[] = { RUNNER_PREPARE, RUNNER_START,
					  RUNNER_STOP, RUNNER_REMOVE };

/* Task t1, brought so far. */
static void
live_until(struct host *h, enum before before)
{
	h->task = task_new("t1", 1);
	assign(h, h->task);
	if (before >= PREPARED)
		report(h, "t1", RUNNER_PREPARED);
	if (before >= STARTED)
		report(h, "t1", RUNNER_STARTED);
	if (before == STOPPING)
		desire(h, h->task, TASK_SHUTDOWN);
	if (before == FINISHED)
		exits(h, "t1", 0);
}

/* The daemon dies and comes back; the runner finds t1 in that phase. */
static void
restart(struct host *h, int phase, int64_t code)
{
	struct runner_report found = {
		.news = RUNNER_FOUND,
		.task_id = "t1",
		.pid = 77,
		.started_at = 5,
		.exit_code = code,
		.phase = (enum runner_phase)phase,
	};

	agent_free(h->a);
	h->now.mono_ms = 10; /* the host may have been restarted too */
	boot(h);
	if (phase != 0) {
		report_full(h, &found);
		EQ(h->count, 0); /* nothing is done before all is known */
	}
	scan_done(h);
}

T(a_restarted_daemon_finds_its_tasks_as_they_are)
{
	static const struct {
		const char *name;
		enum before before;
		int found; /* enum runner_phase; 0: nothing */
		int64_t code;
		enum runner_verb verb; /* what is ordered; 0: nothing */
		int state;
		const char *err;
	} rows[] = {
		{ "still runs", STARTED, RUNNER_PHASE_RUNNING, 0, 0,
		  TASK_RUNNING, "" },
		{ "ended meanwhile", STARTED, RUNNER_PHASE_EXITED, 3, 0,
		  TASK_FAILED, "task: non-zero exit (3)" },
		{ "completed meanwhile", STARTED, RUNNER_PHASE_EXITED, 0, 0,
		  TASK_COMPLETE, "" },
		{ "supervisor lost", STARTED, RUNNER_PHASE_GONE, 0,
		  RUNNER_REMOVE, TASK_FAILED, "supervisor lost" },
		{ "container lost", STARTED, 0, 0, 0, TASK_FAILED,
		  "container lost: was the host restarted?" },
		{ "was starting: runs", PREPARED, RUNNER_PHASE_RUNNING, 0, 0,
		  TASK_RUNNING, "" },
		{ "was starting: not yet", PREPARED, RUNNER_PHASE_CREATED, 0,
		  RUNNER_START, TASK_STARTING, "" },
		{ "was starting: lost", PREPARED, 0, 0, 0, TASK_FAILED,
		  "container lost: was the host restarted?" },
		{ "was preparing: not begun", UNPREPARED, 0, 0, RUNNER_PREPARE,
		  TASK_PREPARING, "" },
		{ "was preparing: done", UNPREPARED, RUNNER_PHASE_CREATED, 0,
		  RUNNER_START, TASK_STARTING, "" },
		{ "was preparing: half done", UNPREPARED, RUNNER_PHASE_GONE, 0,
		  RUNNER_REMOVE, TASK_PREPARING, "" },
		{ "was stopping: runs", STOPPING, RUNNER_PHASE_RUNNING, 0,
		  RUNNER_STOP, TASK_RUNNING, "" },
		{ "was stopping: done", STOPPING, RUNNER_PHASE_EXITED, 137, 0,
		  TASK_SHUTDOWN, "" },
		{ "was stopping: lost", STOPPING, 0, 0, 0, TASK_SHUTDOWN, "" },
		{ "had ended", FINISHED, RUNNER_PHASE_EXITED, 0, 0,
		  TASK_COMPLETE, "" },
		{ "had ended, swept", FINISHED, 0, 0, 0, TASK_COMPLETE, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct host h;

		T_ROW(rows[i].name);
		init(&h);
		live_until(&h, rows[i].before);
		restart(&h, rows[i].found, rows[i].code);
		for (size_t v = 0; v < ARRAY_LEN(verbs); v++)
			EQ(order(&h, verbs[v]) != NULL,
			   rows[i].verb == verbs[v]);
		OK(status(&h) != NULL);
		EQ(status(&h)->state, rows[i].state);
		EQ_STR(status(&h)->err, rows[i].err);
		fini(&h);
	}
}

T(a_task_that_was_half_prepared_starts_over_once_it_is_cleaned)
{
	struct runner_report found = { .news = RUNNER_FOUND,
				       .task_id = "t1",
				       .phase = RUNNER_PHASE_GONE };
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	assign(&h, h.task);
	agent_free(h.a);
	boot(&h);
	report_full(&h, &found);
	scan_done(&h);
	report(&h, "t1", RUNNER_REMOVED);
	OK(order(&h, RUNNER_PREPARE) != NULL);
	report(&h, "t1", RUNNER_PREPARED);
	OK(order(&h, RUNNER_START) != NULL);
	fini(&h);
}

T(a_container_that_nobody_knows_is_removed)
{
	struct runner_report found = { .news = RUNNER_FOUND,
				       .task_id = "zz",
				       .phase = RUNNER_PHASE_RUNNING };
	struct host h;

	init(&h);
	agent_free(h.a);
	boot(&h);
	report_full(&h, &found);
	scan_done(&h);
	EQ_STR(order(&h, RUNNER_REMOVE)->task, "zz");
	report(&h, "zz", RUNNER_REMOVED);
	OK(agent_is_empty(h.a));
	fini(&h);
}

T(a_task_that_ran_somewhere_but_has_no_row_is_lost)
{
	struct host h;

	init(&h);
	h.task = task_new("t1", 1);
	h.task->status.state = TASK_RUNNING;
	assign(&h, h.task);
	EQ(status(&h)->state, TASK_FAILED);
	OK(order(&h, RUNNER_PREPARE) == NULL);
	fini(&h);
}

T(a_damaged_row_is_refused)
{
	struct agent_config config = { .rand_state = &(uint64_t){ 1 },
				       .node_id = "node1",
				       .egress_subnet = "10.0.0.0/24" };
	struct agent *a = agent_new(&config, (struct now){ 1, 1 });
	struct err e;

	OK(agent_load(a, "t1", "\x80", 1, &e) < 0);
	OK(agent_load(a, "t1", "junk", 4, &e) < 0);
	OK(agent_is_empty(a));
	agent_free(a);
}
