/*
 * runner_test.c - the runner with real shims, a real runtime and a real
 * kernel, as root: runner_test ROOTFS RUNTIME SCRATCH. ROOTFS has busybox.
 * With "shim" as its first word it is the supervisor, as swarm is.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/id.h"
#include "core/base/str.h"
#include "exec/fs.h"
#include "exec/image/image.h"
#include "exec/init.h"
#include "exec/runner.h"
#include "exec/shim_proto.h"

#define SEEN_MAX 256
#define WAIT_S 20.0

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
	abort();
}

_Noreturn void
fatal(const char *why)
{
	fprintf(stderr, "fatal: %s\n", why);
	abort();
}

/* ---- fakes: one image, and a loopback ----------------------------------- */

static const char *rootfs;

int
images_find(struct images *im, const char *ref, struct arena *a,
	    struct image_config *ret, struct err *e)
{
	(void)im;
	if (strcmp(ref, "busybox") != 0)
		return err_set(e, -ENOENT, "No such image: %s", ref);
	*ret = (struct image_config){ .id = "sha256:0", .reference = ref };
	ret->layers.v = arena_array(a, 1, sizeof(char *));
	ret->layers.v[0] = rootfs;
	ret->layers.count = 1;
	ret->env.v = arena_array(a, 1, sizeof(char *));
	ret->env.v[0] = "FOO=bar";
	ret->env.count = 1;
	ret->healthcheck = arena_alloc(a, sizeof(*ret->healthcheck));
	ret->healthcheck->retries = 7;
	return 0;
}

static int
loopback_up(const char *path, struct err *e)
{
	int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int in = open(path, O_RDONLY | O_CLOEXEC);
	struct ifreq q = { .ifr_name = "lo" };
	int s, r;

	if (setns(in, CLONE_NEWNET) < 0)
		return err_set(e, -errno, "setns");
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	q.ifr_flags = IFF_UP | IFF_RUNNING;
	r = ioctl(s, SIOCSIFFLAGS, &q);
	close(s);
	close(in);
	if (setns(back, CLONE_NEWNET) < 0 || r < 0)
		return err_set(e, -errno, "loopback");
	close(back);
	return 0;
}

static int
no_attach(const char *bridge, const char *task_id, const char *netns,
	  const char *address, const char *gateway, struct err *e)
{
	(void)bridge;
	(void)task_id;
	(void)netns;
	(void)address;
	(void)gateway;
	return err_set(e, -EINVAL, "no bridge in this test");
}

/* ---- a daemon, as far as the runner needs one ---------------------------- */

struct seen {
	struct runner_report r;
	char id[ID_LEN + 1];
	char err[4200];
	int64_t retries;
	bool used;
};

static struct {
	struct ev_loop *loop;
	struct runner *runner;
	struct seen seen[SEEN_MAX];
	size_t count;
	char self[PATH_MAX];
	char root[PATH_MAX];
	char run[PATH_MAX];
	const char *runtime;
	bool timed_out;
} d;

static const char *test_name = "";
static const char *scratch;

static _Noreturn void
failed(const char *what)
{
	fprintf(stderr, "not ok %s: %s\n", test_name, what);
	for (size_t i = 0; i < d.count; i++)
		fprintf(stderr, "  report %d of %s code %lld: %s\n",
			d.seen[i].r.news, d.seen[i].id,
			(long long)d.seen[i].r.exit_code, d.seen[i].err);
	exit(1);
}
#define OK(cond) ((cond) ? (void)0 : failed(#cond))

static void
on_report(void *ctx, const struct runner_report *r)
{
	struct seen *s = &d.seen[d.count++];

	(void)ctx;
	check(d.count < SEEN_MAX);
	memset(s, 0, sizeof(*s));
	s->r = *r;
	snprintf(s->id, sizeof(s->id), "%s", r->task_id ? r->task_id : "");
	snprintf(s->err, sizeof(s->err), "%s", r->err ? r->err : "");
	s->retries = r->image_healthcheck ? r->image_healthcheck->retries : 0;
}

static void
daemon_start(void)
{
	struct runner_config c = {
		.root = d.root,
		.run = d.run,
		.runtime = d.runtime,
		.self = d.self,
		.bridge = "none",
		.report = on_report,
	};
	struct err e;

	d.count = 0;
	d.loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	c.loop = d.loop;
	if (runner_open(&c, &d.runner, &e) < 0)
		failed(e.msg);
}

static void
daemon_end(void)
{
	runner_close(d.runner);
	ev_loop_destroy(d.loop);
	d.runner = NULL;
}

static void
on_timeout(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)t;
	(void)revents;
	d.timed_out = true;
	ev_break(loop, EVBREAK_ALL);
}

static struct seen *
find_seen(enum runner_news news, const char *id)
{
	for (size_t i = 0; i < d.count; i++)
		if (!d.seen[i].used && d.seen[i].r.news == news &&
		    (id == NULL || strcmp(d.seen[i].id, id) == 0))
			return &d.seen[i];
	return NULL;
}

/* The first report of this kind that nobody has waited for yet. */
static struct seen *
wait_for(enum runner_news news, const char *id)
{
	ev_timer t;
	struct seen *s;

	d.timed_out = false;
	ev_timer_init(&t, on_timeout, WAIT_S, 0.);
	ev_timer_start(d.loop, &t);
	while ((s = find_seen(news, id)) == NULL && !d.timed_out)
		ev_run(d.loop, EVRUN_ONCE);
	ev_timer_stop(d.loop, &t);
	if (s == NULL) {
		char what[80];

		snprintf(what, sizeof(what), "no report %d came", news);
		failed(what);
	}
	s->used = true;
	return s;
}

/* ---- orders -----------------------------------------------------------------
 */

static uint64_t seed = 0x1234;

struct job {
	char id[ID_LEN + 1];
	struct container_spec c;
	struct task task;
	struct runner_order o;
};

static const char *sleep_argv[] = { "sleep", "1000", NULL };

static void
job_init(struct job *j, const char **argv)
{
	memset(j, 0, sizeof(*j));
	id_make(&seed, j->id);
	j->c.image = "busybox";
	j->c.args.v = argv;
	while (argv[j->c.args.count] != NULL)
		j->c.args.count++;
	j->task.spec.container = &j->c;
	j->o = (struct runner_order){
		.verb = RUNNER_PREPARE,
		.task_id = j->id,
		.task = &j->task,
		.container_id = "0123456789abcdef0123456789abcdef"
				"0123456789abcdef0123456789abcdef",
		.name = "web.1.x",
		.network = "none",
	};
}

static void
order(const char *id, enum runner_verb verb)
{
	const struct runner_order o = { .verb = verb, .task_id = id };

	runner_order(d.runner, &o);
}

static void
stop(const char *id, const char *signal, int64_t grace_ns)
{
	const struct runner_order o = {
		.verb = RUNNER_STOP,
		.task_id = id,
		.signal = signal,
		.grace_ns = grace_ns,
	};

	runner_order(d.runner, &o);
}

static int64_t
run_job(struct job *j)
{
	runner_order(d.runner, &j->o);
	wait_for(RUNNER_PREPARED, j->id);
	order(j->id, RUNNER_START);
	return wait_for(RUNNER_STARTED, j->id)->r.pid;
}

static void
remove_job(struct job *j)
{
	order(j->id, RUNNER_REMOVE);
	wait_for(RUNNER_REMOVED, j->id);
}

static void
log_of(const struct job *j, struct buf *out)
{
	char path[PATH_MAX];
	struct err e;

	if (fs_path(path, sizeof(path), &e, "%s/containers/%s/%s-json.log",
		    d.root, j->id, j->id) < 0 ||
	    fs_read(path, 1 << 20, out, &e) < 0)
		failed(e.msg);
}

static bool
log_has(const struct job *j, const char *text)
{
	struct buf log = { 0 };
	bool found;

	log_of(j, &log);
	found = strstr(buf_cstr(&log), text) != NULL;
	if (!found)
		fprintf(stderr, "log: %s\n", buf_cstr(&log));
	buf_fini(&log);
	return found;
}

/* The pid in a shim's lock file is the shim's. */
static pid_t
shim_of(const struct job *j)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	struct err e;
	int pid;

	if (fs_path(path, sizeof(path), &e, "%s/tasks/%s/lock", d.run, j->id) <
		    0 ||
	    fs_read(path, 32, &text, &e) < 0)
		return 0;
	pid = (int)strtol(buf_cstr(&text), NULL, 10);
	buf_fini(&text);
	return pid;
}

static size_t
entries_in(const char *base, const char *name)
{
	char path[PATH_MAX];
	size_t count = 0;
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "%s%s%s", base, *name ? "/" : "", name);
	dir = opendir(path);
	while (dir != NULL && (e = readdir(dir)) != NULL)
		count += e->d_name[0] != '.';
	if (dir != NULL)
		closedir(dir);
	return count;
}

/* Nothing of a task is left: files, records, cgroups, mounts. */
static void
nothing_is_left(void)
{
	struct buf mounts = { 0 };
	struct err e;

	OK(entries_in(d.run, "tasks") == 0);
	OK(entries_in(d.run, "runc") == 0);
	OK(entries_in(d.root, "containers") == 0);
	OK(fs_read("/proc/self/mounts", 4 << 20, &mounts, &e) == 0);
	OK(strstr(buf_cstr(&mounts), d.run) == NULL);
	buf_fini(&mounts);
	OK(!fs_exists("/sys/fs/cgroup/swarm"));
	OK(!fs_exists("/sys/fs/cgroup/pids/swarm"));
	OK(!fs_exists("/sys/fs/cgroup/memory/swarm"));
}

/* A zombie is dead: whoever has it now may take its time to reap it. */
static bool
is_alive(int64_t pid)
{
	char path[40];
	struct buf text = { 0 };
	struct err e;
	bool alive;

	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	alive = fs_read(path, 4096, &text, &e) == 0 &&
		strstr(buf_cstr(&text), ") Z ") == NULL;
	buf_fini(&text);
	return alive;
}

/* ---- the tests
 * ---------------------------------------------------------------- */

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
	static const struct shim_net net = { no_attach, loopback_up };
	int bad = 0;
	ssize_t n;

	if (argc > 1 && strcmp(argv[1], "container-init") == 0)
		return container_init_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "shim") == 0)
		return shim_main(argc - 1, argv + 1, &net);
	if (argc < 4) {
		fprintf(stderr, "usage: runner_test ROOTFS RUNTIME SCRATCH "
				"[NAME]\n");
		return 2;
	}
	n = readlink("/proc/self/exe", d.self, sizeof(d.self) - 1);
	check(n > 0);
	rootfs = argv[1];
	d.runtime = argv[2];
	scratch = argv[3];
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (argc < 5 || strstr(tests[i].name, argv[4]) != NULL)
			bad += run_one(i);
	return bad != 0;
}
