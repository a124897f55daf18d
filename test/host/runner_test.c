/*
 * runner_test.c - the runner with real shims, a real runtime and a real
 * kernel, as root: runner_test ROOTFS RUNTIME SCRATCH all|NAME. ROOTFS has
 * busybox; test/host/runner.sh makes one.
 */
#include "test/host/runner_daemon.h"

/* ---- the tests ---- */

static void
prints_and_exits(void)
{
	const char *argv[] = { "sh", "-c", "echo out; echo err >&2; exit 3",
			       NULL };
	struct job j;
	struct seen *s;

	job_init(&j, argv);
	runner_order(d.runner, &j.o);
	OK(wait_for(RUNNER_PREPARED, j.id)->retries == 7);
	order(j.id, RUNNER_START);
	s = wait_for(RUNNER_STARTED, j.id);
	OK(s->r.pid > 1 && s->r.started_at > 0);
	s = wait_for(RUNNER_EXITED, j.id);
	OK(s->r.exit_code == 3 && s->r.finished_at >= s->r.started_at);
	OK(log_has(&j, "{\"log\":\"out\\n\",\"stream\":\"stdout\""));
	OK(log_has(&j, "{\"log\":\"err\\n\",\"stream\":\"stderr\""));
	remove_job(&j);
}

static void
unknown_images_fail(void)
{
	struct job j;

	job_init(&j, sleep_argv);
	j.c.image = "nowhere";
	runner_order(d.runner, &j.o);
	OK(strcmp(wait_for(RUNNER_FAILED, j.id)->err,
		  "No such image: nowhere") == 0);
	remove_job(&j);
}

static void
bad_starts_fail_when_started(void)
{
	const char *none[] = { "no-such-program", NULL };
	struct mount m = { .type = MOUNT_BIND,
			   .source = "/no/such/path",
			   .target = "/x" };
	struct job j;

	job_init(&j, none);
	runner_order(d.runner, &j.o);
	wait_for(RUNNER_PREPARED, j.id);
	order(j.id, RUNNER_START);
	OK(strstr(wait_for(RUNNER_FAILED, j.id)->err, "no-such-program"));
	remove_job(&j);
	job_init(&j, sleep_argv);
	j.c.mounts.v = &m;
	j.c.mounts.count = 1;
	runner_order(d.runner, &j.o);
	wait_for(RUNNER_PREPARED, j.id);
	order(j.id, RUNNER_START);
	OK(strstr(wait_for(RUNNER_FAILED, j.id)->err,
		  "bind source path does not exist: /no/such/path"));
	remove_job(&j);
	job_init(&j, sleep_argv);
	j.c.user = "nobody-here";
	runner_order(d.runner, &j.o);
	wait_for(RUNNER_PREPARED, j.id);
	order(j.id, RUNNER_START);
	OK(strstr(wait_for(RUNNER_FAILED, j.id)->err,
		  "unable to find user nobody-here"));
	remove_job(&j);
}

static void
stops_by_signal_then_by_force(void)
{
	const char *deaf[] = { "sh", "-c", "trap '' TERM; sleep 1000 & wait",
			       NULL };
	const char *polite[] = { "sh", "-c",
				 "trap 'exit 5' USR1; sleep 1000 & wait",
				 NULL };
	struct job j;

	job_init(&j, polite);
	j.c.stop_signal = "SIGUSR1";
	run_job(&j);
	/* the trap may not be set yet: then it ends by the signal, 138 */
	stop(j.id, NULL, 10 * NS_PER_S);
	(void)wait_for(RUNNER_EXITED, j.id);
	stop(j.id, NULL, NS_PER_S); /* again: told again */
	(void)wait_for(RUNNER_EXITED, j.id);
	remove_job(&j);
	job_init(&j, deaf);
	run_job(&j);
	stop(j.id, "TERM", 200 * NS_PER_MS);
	OK(wait_for(RUNNER_EXITED, j.id)->r.exit_code == 137);
	remove_job(&j);
}

static void
stops_what_never_started(void)
{
	struct job j;

	job_init(&j, sleep_argv);
	runner_order(d.runner, &j.o);
	wait_for(RUNNER_PREPARED, j.id);
	stop(j.id, NULL, NS_PER_S);
	(void)wait_for(RUNNER_EXITED, j.id);
	remove_job(&j);
	job_init(&j, sleep_argv);
	runner_order(d.runner, &j.o);
	stop(j.id, NULL, NS_PER_S); /* while it is being prepared */
	(void)wait_for(RUNNER_EXITED, j.id);
	remove_job(&j);
	job_init(&j, sleep_argv);
	runner_order(d.runner, &j.o);
	remove_job(&j);
}

static void
probe(const struct job *j, const char **argv, uint64_t id, int64_t timeout_ns)
{
	struct runner_order o = {
		.verb = RUNNER_PROBE,
		.task_id = j->id,
		.probe_id = id,
		.timeout_ns = timeout_ns,
		.argv = { .v = argv },
	};

	while (argv[o.argv.count] != NULL)
		o.argv.count++;
	runner_order(d.runner, &o);
}

static void
probes_tell_code_output_and_time(void)
{
	const char *good[] = { "sh", "-c", "echo fine $FOO; exit 4", NULL };
	const char *slow[] = { "sleep", "1000", NULL };
	const char *loud[] = { "sh", "-c", "yes | head -c 100000", NULL };
	struct seen *s;
	struct job j;

	job_init(&j, sleep_argv);
	run_job(&j);
	probe(&j, slow, 2, 300 * NS_PER_MS);
	probe(&j, good, 1, 10 * NS_PER_S);
	s = wait_for(RUNNER_PROBED, j.id);
	OK(s->r.probe_id == 1 && s->r.exit_code == 4 && !s->r.timed_out);
	OK(strcmp(s->err, "fine bar\n") == 0);
	s = wait_for(RUNNER_PROBED, j.id);
	OK(s->r.probe_id == 2 && s->r.timed_out);
	probe(&j, loud, 3, 10 * NS_PER_S);
	s = wait_for(RUNNER_PROBED, j.id);
	OK(s->r.exit_code == 0 && strlen(s->err) == 4096);
	remove_job(&j);
}

static void
killed_containers_exit_137(void)
{
	struct job j;
	int64_t pid;

	job_init(&j, sleep_argv);
	pid = run_job(&j);
	kill((pid_t)pid, SIGKILL);
	OK(wait_for(RUNNER_EXITED, j.id)->r.exit_code == 137);
	remove_job(&j);
}

static void
killed_shims_take_the_container_along(void)
{
	struct job j;
	struct seen *s;
	int64_t pid;

	job_init(&j, sleep_argv);
	pid = run_job(&j);
	kill(shim_of(&j), SIGKILL);
	s = wait_for(RUNNER_EXITED, j.id);
	OK(s->r.exit_code == 137);
	OK(strstr(s->err, "supervisor was killed") != NULL);
	OK(!is_alive(pid));
	remove_job(&j);
}

static void
killed_shims_leave_nothing_half_made(void)
{
	/* at any time of preparing and starting: no sleep, but many tries */
	for (int i = 0; i < 20; i++) {
		struct timespec t = { 0, i * 2 * NS_PER_MS };
		struct job j;

		job_init(&j, sleep_argv);
		runner_order(d.runner, &j.o);
		(void)nanosleep(&t, NULL);
		order(j.id, RUNNER_START);
		if (shim_of(&j) > 1)
			kill(shim_of(&j), SIGKILL);
		remove_job(&j);
		nothing_is_left();
	}
}

static void
is_adopted_by_the_next_daemon(void)
{
	const char *talk[] = { "sh", "-c",
			       "while :; do echo tick; sleep 0.05; done",
			       NULL };
	const char *quick[] = { "sh", "-c", "exit 9", NULL };
	struct job running, ended, created;
	struct seen *s;
	int64_t pid;

	job_init(&running, talk);
	job_init(&ended, quick);
	job_init(&created, sleep_argv);
	pid = run_job(&running);
	run_job(&ended);
	wait_for(RUNNER_EXITED, ended.id);
	runner_order(d.runner, &created.o);
	wait_for(RUNNER_PREPARED, created.id);
	daemon_end();

	daemon_start();
	runner_scan(d.runner);
	wait_for(RUNNER_SCANNED, NULL);
	s = find_seen(RUNNER_FOUND, running.id);
	OK(s && s->r.phase == RUNNER_PHASE_RUNNING && s->r.pid == pid);
	OK(s->retries == 7 && s->r.started_at > 0);
	s = find_seen(RUNNER_FOUND, ended.id);
	OK(s && s->r.phase == RUNNER_PHASE_EXITED && s->r.exit_code == 9);
	s = find_seen(RUNNER_FOUND, created.id);
	OK(s && s->r.phase == RUNNER_PHASE_CREATED);
	order(created.id, RUNNER_START);
	wait_for(RUNNER_STARTED, created.id);
	stop(running.id, NULL, NS_PER_S);
	s = wait_for(RUNNER_EXITED, running.id);
	OK(s->r.pid == pid && s->r.exit_code == 137 + 0);
	OK(log_has(&running, "tick"));
	remove_job(&running);
	remove_job(&ended);
	remove_job(&created);
}

static void
what_died_alone_is_found_gone(void)
{
	struct job j;
	int64_t pid;

	job_init(&j, sleep_argv);
	pid = run_job(&j);
	daemon_end();
	kill(shim_of(&j), SIGKILL);
	daemon_start();
	runner_scan(d.runner);
	wait_for(RUNNER_SCANNED, NULL);
	OK(find_seen(RUNNER_FOUND, j.id)->r.phase == RUNNER_PHASE_GONE);
	remove_job(&j);
	OK(!is_alive(pid));
}

static void
terminals_and_inits_work(void)
{
	const char *tty[] = { "sh", "-c", "tty; echo $TERM", NULL };
	const char *ps[] = { "sh", "-c", "cat /proc/1/cmdline; exit 6", NULL };
	struct job j;

	job_init(&j, tty);
	j.c.tty = true;
	run_job(&j);
	wait_for(RUNNER_EXITED, j.id);
	OK(log_has(&j, "/dev/pts/0"));
	OK(log_has(&j, "xterm\\r\\n"));
	remove_job(&j);
#ifdef SWARM_SANITIZED /* needs libraries that the container has not */
	return;
#endif
	job_init(&j, ps);
	j.c.init = YES;
	run_job(&j);
	OK(wait_for(RUNNER_EXITED, j.id)->r.exit_code == 6);
	OK(log_has(&j, "/sbin/docker-init"));
	remove_job(&j);
}

static void
volumes_are_filled_and_kept(void)
{
	const char *argv[] = { "sh", "-c",
			       "cat /data/file; echo more >> /data/file; "
			       "mount | grep -c /tmpfs",
			       NULL };
	struct mount m[] = {
		{ .type = MOUNT_VOLUME, .source = "vol", .target = "/data" },
		{ .type = MOUNT_TMPFS, .target = "/tmpfs" },
	};
	struct job j;

	for (int i = 0; i < 2; i++) {
		job_init(&j, argv);
		j.c.mounts.v = m;
		j.c.mounts.count = 2;
		run_job(&j);
		OK(wait_for(RUNNER_EXITED, j.id)->r.exit_code == 0);
		OK(log_has(&j, "hello"));
		OK(i == 0 || log_has(&j, "more"));
		remove_job(&j);
	}
}

static void
out_of_memory_is_told(void)
{
	const char *argv[] = { "sh", "-c",
			       "x=$(head -c 100000000 /dev/zero | tr '\\0' x)",
			       NULL };
	struct resource_limits limits = { .memory_bytes = 8 << 20 };
	struct resource_requirements res = { .limits = &limits };
	struct seen *s;
	struct job j;

	job_init(&j, argv);
	j.task.spec.resources = &res;
	run_job(&j);
	s = wait_for(RUNNER_EXITED, j.id);
	OK(s->r.exit_code != 0 && s->r.oom_killed);
	remove_job(&j);
}

static void
many_at_once(void)
{
	struct job *jobs = calloc(30, sizeof(*jobs));

	check(jobs != NULL);
	for (int i = 0; i < 30; i++) {
		job_init(&jobs[i], sleep_argv);
		runner_order(d.runner, &jobs[i].o);
	}
	for (int i = 0; i < 30; i++) {
		wait_for(RUNNER_PREPARED, jobs[i].id);
		order(jobs[i].id, RUNNER_START);
	}
	for (int i = 0; i < 30; i++)
		wait_for(RUNNER_STARTED, jobs[i].id);
	for (int i = 0; i < 30; i++)
		order(jobs[i].id, RUNNER_REMOVE);
	for (int i = 0; i < 30; i++)
		wait_for(RUNNER_REMOVED, jobs[i].id);
	free(jobs);
}

/* One random thing to one of these; what comes of it is not looked at. */
static void
do_anything(struct job *jobs, size_t count)
{
	struct job *j = &jobs[rand_next(&seed) % count];
	struct shim_state s;
	char dir[PATH_MAX];
	struct err e;

	(void)fs_path(dir, sizeof(dir), &e, "%s/tasks/%s", d.run, j->id);
	switch (rand_next(&seed) % 8) {
	case 0:
	case 1:
		job_init(j, sleep_argv);
		runner_order(d.runner, &j->o);
		return;
	case 2:
	case 3:
		order(j->id, RUNNER_START);
		return;
	case 4:
		stop(j->id, NULL, 10 * NS_PER_MS);
		return;
	case 5:
		order(j->id, RUNNER_REMOVE);
		return;
	case 6:
		if (shim_of(j) > 1)
			kill(shim_of(j), SIGKILL);
		return;
	case 7:
		if (shim_state_read(dir, &s, &e) == 0 && s.pid > 1 &&
		    process_born(s.pid) == s.pid_born)
			kill((pid_t)s.pid, SIGKILL);
		return;
	}
}

/* Until nothing has happened for a moment, or for n turns. */
static void
go_round(int n)
{
	for (int i = 0; i < n; i++) {
		struct timespec t = { 0, (long)(rand_next(&seed) % 4) *
						 NS_PER_MS };

		(void)nanosleep(&t, NULL);
		ev_run(d.loop, EVRUN_NOWAIT);
	}
}

static void
remove_all_there_is(void)
{
	daemon_end();
	daemon_start();
	d.forgetful = false;
	runner_scan(d.runner);
	wait_for(RUNNER_SCANNED, NULL);
	for (size_t i = 0; i < d.id_count; i++)
		order(d.ids[i], RUNNER_REMOVE);
	for (size_t i = 0; i < d.id_count; i++)
		wait_for(RUNNER_REMOVED, d.ids[i]);
}

static void
random_operations_leave_nothing(void)
{
	struct job jobs[6];

	printf("# seed %llu\n", (unsigned long long)seed);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
		job_init(&jobs[i], sleep_argv);
	d.forgetful = true;
	for (int i = 0; i < 200; i++) {
		if (i % 40 == 39) { /* like kill -9 of the daemon */
			daemon_end();
			daemon_start();
			runner_scan(d.runner);
			wait_for(RUNNER_SCANNED, NULL);
		}
		do_anything(jobs, ARRAY_LEN(jobs));
		go_round(3);
	}
	remove_all_there_is();
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
#define TEST(f)                                                                \
	{                                                                      \
#f, f                                                          \
	}
	TEST(prints_and_exits),
	TEST(unknown_images_fail),
	TEST(bad_starts_fail_when_started),
	TEST(stops_by_signal_then_by_force),
	TEST(stops_what_never_started),
	TEST(probes_tell_code_output_and_time),
	TEST(killed_containers_exit_137),
	TEST(killed_shims_take_the_container_along),
	TEST(killed_shims_leave_nothing_half_made),
	TEST(is_adopted_by_the_next_daemon),
	TEST(what_died_alone_is_found_gone),
	TEST(terminals_and_inits_work),
	TEST(volumes_are_filled_and_kept),
	TEST(out_of_memory_is_told),
	TEST(many_at_once),
	TEST(random_operations_leave_nothing),
};

static int
run_one(size_t i)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		test_name = tests[i].name;
		seed = (uint64_t)getpid();
		alarm(100);
		snprintf(d.root, sizeof(d.root), "%s/%zu/root", scratch, i);
		snprintf(d.run, sizeof(d.run), "%s/%zu/run", scratch, i);
		daemon_start();
		tests[i].run();
		nothing_is_left();
		daemon_end();
		exit(0);
	}
	(void)waitpid(pid, &status, 0);
	printf("%s %s\n", status == 0 ? "ok" : "not ok", tests[i].name);
	return status != 0;
}

int
main(int argc, char **argv)
{
	int r = daemon_main(argc, argv);
	int bad = 0;

	for (size_t i = 0; r < 0 && i < sizeof(tests) / sizeof(tests[0]); i++)
		if (strcmp(argv[4], "all") == 0 ||
		    strstr(tests[i].name, argv[4]) != NULL)
			bad += run_one(i);
	return r < 0 ? bad != 0 : r;
}
