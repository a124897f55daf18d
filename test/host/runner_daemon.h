/*
 * runner_daemon.h - as much of a daemon as the runner needs, for the tests
 * that drive it: one image (a directory), a loopback, reports that are waited
 * for. Included by one .c each; with "shim" as its first word the program is
 * the supervisor, as swarm is.
 */
#ifndef TEST_HOST_RUNNER_DAEMON_H
#define TEST_HOST_RUNNER_DAEMON_H

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
#include "core/base/rand.h"
#include "core/base/str.h"
#include "exec/fs.h"
#include "exec/image/image.h"
#include "exec/init.h"
#include "exec/runner.h"
#include "exec/shim_proto.h"

#define SEEN_MAX 256
#define IDS_MAX 256
#define WAIT_S 20.0

#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

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

/* ---- fakes: one image, and a loopback ---- */

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

/* ---- a daemon, as far as the runner needs one ---- */

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
	bool forgetful;		       /* keeps the last report only */
	char ids[IDS_MAX][ID_LEN + 1]; /* of all jobs there were */
	size_t id_count;
} d;

static const char *test_name = "";
static const char *scratch;

static _Noreturn void
failed(const char *what)
{
	fprintf(stderr, "not ok %s: %s\n", test_name, what);
	for (size_t i = 0; i < d.count; i++)
		fprintf(stderr, "  report %d of %s code %lld: %.200s\n",
			d.seen[i].r.news, d.seen[i].id,
			(long long)d.seen[i].r.exit_code, d.seen[i].err);
	exit(1);
}
#define OK(cond) ((cond) ? (void)0 : failed(#cond))

static void
on_report(void *ctx, const struct runner_report *r)
{
	struct seen *s;

	(void)ctx;
	if (d.forgetful)
		d.count = 0;
	s = &d.seen[d.count++];
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

/* ---- orders ---- */

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
	check(d.id_count < IDS_MAX);
	memcpy(d.ids[d.id_count++], j->id, sizeof(j->id));
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

static bool
in_cgroups(const char *hierarchy, const char *id)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/swarm/%s", hierarchy,
		 id);
	return fs_exists(path);
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
	for (size_t i = 0; i < d.id_count; i++) {
		OK(!in_cgroups("", d.ids[i]));
		OK(!in_cgroups("/pids", d.ids[i]));
		OK(!in_cgroups("/memory", d.ids[i]));
		OK(!in_cgroups("/unified", d.ids[i]));
	}
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

/* The inner words of swarm; -1: it is none of them. Sets d up otherwise. */
static int
daemon_main(int argc, char **argv)
{
	static const struct shim_net net = { no_attach, loopback_up };
	ssize_t n;

	if (argc > 1 && strcmp(argv[1], "container-init") == 0)
		return container_init_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "shim") == 0)
		return shim_main(argc - 1, argv + 1, &net);
	if (argc < 5) {
		fprintf(stderr, "usage: %s ROOTFS RUNTIME SCRATCH NAME\n",
			argv[0]);
		return 2;
	}
	n = readlink("/proc/self/exe", d.self, sizeof(d.self) - 1);
	check(n > 0);
	rootfs = argv[1];
	d.runtime = argv[2];
	scratch = argv[3];
	seed = (uint64_t)getpid();
	setvbuf(stdout, NULL, _IOLBF, 0);
	return -1;
}

#endif
