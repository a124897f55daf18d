/*
 * shim.c - "swarm shim DIR": one container's supervisor (see runner.h and
 * shim_proto.h). It is the subreaper of its container, so that it learns how
 * it ended; it outlives the daemon, and does little, so that it stays small.
 *
 *   PREPARING -> CREATED -> RUNNING -> EXITED
 *       |            |
 *       +------------+-> FAILED   (or EXITED, when told to end)
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "exec/cgroups.h"
#include "exec/cleanup.h"
#include "exec/fs.h"
#include "exec/shim_impl.h"

#define DRAIN_MS 1000
#define OOM_SCORE "-998" /* like Docker's shims: the last to be killed */

uint64_t
shim_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)(t.tv_nsec / NS_PER_MS);
}

int64_t
shim_wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

struct runtime
shim_runtime(const struct shim *s)
{
	return (struct runtime){
		.program = s->program,
		.run = s->run,
		.dir = s->dir,
		.id = s->id,
	};
}

/* ---- telling --------------------------------------------------------------
 */

void
shim_send(struct shim *s, const struct shim_event *v)
{
	size_t len = SHIM_EVENT_HEAD + v->text_len;

	for (int i = 0; i < SHIM_CONNS_MAX; i++)
		if (s->conns[i] >= 0 &&
		    send(s->conns[i], v, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			fs_closep(&s->conns[i]); /* it will ask again */
}

static void
state_event(const struct shim *s, struct shim_event *v)
{
	memset(v, 0, SHIM_EVENT_HEAD);
	v->magic = SHIM_MAGIC;
	v->news = SHIM_STATE;
	v->state = s->state;
}

void
shim_tell_state(struct shim *s)
{
	static struct shim_event v;
	struct err e;

	/* the file first: what was told must be found by the next daemon */
	if (shim_state_write(s->dir, &s->state, &e) < 0)
		fprintf(stderr, "task %s: %s\n", s->id, e.msg);
	state_event(s, &v);
	shim_send(s, &v);
}

static void
fail(struct shim *s, const char *why)
{
	s->state.phase = SHIM_FAILED;
	snprintf(s->state.err, sizeof(s->state.err), "%s", why);
	s->state.finished_at = shim_wall_ns();
}

static void
signal_init(struct shim *s, int number)
{
	if (s->init_pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, s->init_pidfd, number,
			      NULL, 0);
}

static void
end_unstarted(struct shim *s)
{
	s->state.err[0] = '\0';
	s->state.phase = SHIM_EXITED;
	s->state.exit_code = 128 + SIGKILL;
	s->state.finished_at = shim_wall_ns();
	shim_tell_state(s);
	s->done = true;
}

/* ---- preparing ------------------------------------------------------------
 */

static void
prepare_child(struct shim *s, int fd, pid_t shim, const struct shim_net *net)
{
	const struct prepare p = {
		.dir = s->dir,
		.id = s->id,
		.run = s->run,
		.lock_fd = s->lock_fd,
		.net = net,
	};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != shim) /* it died before that was set */
		_exit(1);
	close(s->listen_fd);
	close(s->signal_fd);
	prepare_main(&p, fd);
	_exit(0);
}

static int
prepare_start(struct shim *s, const struct shim_net *net)
{
	pid_t shim = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s->preparer = fork();
	if (s->preparer < 0)
		return -errno;
	if (s->preparer == 0) {
		close(pair[0]);
		prepare_child(s, pair[1], shim, net);
	}
	close(pair[1]);
	s->prepare_fd = pair[0];
	return 0;
}

/* Only a child can be waited for: another process may have its id by now. */
static bool
is_our_child(int pidfd)
{
	siginfo_t info;

	return waitid(P_PIDFD, (id_t)pidfd, &info,
		      WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void
take_container(struct shim *s, const struct prepared *p, int fds[3])
{
	s->state.phase = SHIM_CREATED;
	shim_output_open(s, p, fds);
	s->init_pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (s->init_pidfd >= 0 && !is_our_child(s->init_pidfd))
		fs_closep(&s->init_pidfd);
	if (s->init_pidfd < 0) { /* and was reaped before we knew of it */
		snprintf(s->cannot_start, sizeof(s->cannot_start),
			 "the container's first process was killed before it "
			 "was started");
		return;
	}
	s->state.pid = p->pid;
	s->state.pid_born = process_born(p->pid);
}

static void
take_prepared(struct shim *s, const struct prepared *p, int fds[3])
{
	s->root = mem_strdup(p->root);
	s->program = mem_strdup(p->runtime);
	s->stop_signal = p->stop_signal;
	switch (p->outcome) {
	case PREPARE_OK:
		take_container(s, p, fds);
		break;
	case PREPARE_CANNOT_START:
		memcpy(s->cannot_start, p->err, sizeof(s->cannot_start));
		s->state.phase = SHIM_CREATED;
		break;
	case PREPARE_FAILED:
		fail(s, p->err);
		s->done = true;
		break;
	}
}

static void
on_prepared(struct shim *s)
{
	struct prepared *p = mem_new(sizeof(*p));
	int fds[PREPARE_FDS_MAX] = { -1, -1, -1 };

	if (prepare_receive(s->prepare_fd, p, fds) < 0) {
		p->outcome = PREPARE_FAILED;
		snprintf(p->err, sizeof(p->err),
			 "the process that prepares the container was killed");
	}
	fs_closep(&s->prepare_fd);
	take_prepared(s, p, fds);
	mem_free(p);
	/* told to end meanwhile? then the container that is there now goes */
	if (!s->stopping)
		shim_tell_state(s);
	else if (s->init_pidfd >= 0)
		signal_init(s, SIGKILL);
	else
		end_unstarted(s);
}

/* ---- the container's life --------------------------------------------------
 */

static void
start_failed(struct shim *s, const struct err *e)
{
	snprintf(s->cannot_start, sizeof(s->cannot_start), "%s", e->msg);
	signal_init(s, SIGKILL);
}

static void
start_container(struct shim *s)
{
	struct err e;

	if (s->state.phase != SHIM_CREATED || s->starter > 0 || s->fifo >= 0)
		return;
	if (s->cannot_start[0] != '\0') {
		fail(s, s->cannot_start);
		shim_tell_state(s);
		s->done = true;
		return;
	}
	if (shim_start_begin(s, &e) < 0)
		start_failed(s, &e);
}

static void
now_it_runs(struct shim *s)
{
	s->state.phase = SHIM_RUNNING;
	s->state.started_at = shim_wall_ns();
	shim_tell_state(s);
}

/* The runtime's own start has ended. */
static void
on_started(struct shim *s, int code)
{
	struct runtime rt = shim_runtime(s);
	struct err e;

	s->starter = 0;
	if (code == 0) {
		now_it_runs(s);
		return;
	}
	(void)runtime_failed(&rt, "start", &e);
	start_failed(s, &e);
}

/* Or the created process has been let go. */
static void
on_fifo(struct shim *s)
{
	struct err e;

	if (shim_start_fifo(s, &e) == 0)
		now_it_runs(s);
	else
		start_failed(s, &e);
}

/* Told to stop: what was not started ends at once. */
static void
stop_container(struct shim *s, int number, int64_t grace_ns)
{
	uint64_t now = shim_now_ms();

	s->stopping = true;
	if (s->state.phase == SHIM_PREPARING) {
		/* it dies with its children; what it left is cleaned up */
		if (s->preparer > 0) /* else its answer is on its way */
			(void)kill(s->preparer, SIGKILL);
		return;
	}
	if (s->state.phase == SHIM_CREATED && s->starter == 0 && s->fifo < 0) {
		if (s->state.pid == 0)
			end_unstarted(s);
		signal_init(s, SIGKILL);
		return;
	}
	if (s->state.phase >= SHIM_EXITED)
		return;
	signal_init(s, number != 0 ? number : s->stop_signal);
	s->kill_ms = now + max_u64((uint64_t)(grace_ns / NS_PER_MS), 1);
}

static void
on_init_exited(struct shim *s, int code)
{
	s->state.finished_at = shim_wall_ns();
	s->state.exit_code = code;
	s->state.oom_killed = cgroup_oom_killed(s->id);
	s->kill_ms = 0;
	fs_closep(&s->init_pidfd);
	s->drain_ms = shim_now_ms() + DRAIN_MS;
}

/* Its output has ended, or is not waited for any longer. */
static void
finish(struct shim *s)
{
	shim_output_close(s);
	s->drain_ms = 0;
	if (s->state.phase == SHIM_CREATED && s->cannot_start[0] != '\0')
		fail(s, s->cannot_start);
	else
		s->state.phase = SHIM_EXITED;
	shim_tell_state(s);
	s->done = true;
}

static void
on_child(struct shim *s, pid_t pid, int status)
{
	int code = child_code(status);

	if (pid == s->preparer) {
		s->preparer = 0;
	} else if (pid == s->starter) {
		on_started(s, code);
	} else if (pid == s->state.pid && s->drain_ms == 0) {
		on_init_exited(s, code);
	} else {
		(void)shim_probe_exited(s, pid, code);
	}
}

/*
 * Init may end before the runtime's start does, or in one go with it: then
 * the start is looked at first, for it was started.
 */
static void
reap(struct shim *s)
{
	struct signalfd_siginfo info[4];
	pid_t init = 0;
	int init_status = 0;
	int status;
	pid_t pid;

	(void)!read(s->signal_fd, info, sizeof(info));
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->state.pid) {
			init = pid;
			init_status = status;
		} else {
			on_child(s, pid, status);
		}
	}
	if (init == 0)
		return;
	if (s->fifo >= 0)
		on_fifo(s);
	if (s->starter > 0 && waitpid(s->starter, &status, 0) == s->starter)
		on_started(s, child_code(status));
	on_child(s, init, init_status);
}

/* ---- requests ---------------------------------------------------------------
 */

static void
accept_conn(struct shim *s)
{
	int fd =
		accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t len = sizeof(peer);
	static struct shim_event v;
	int slot = 0;

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    peer.uid != 0) {
		close(fd);
		return;
	}
	while (slot < SHIM_CONNS_MAX && s->conns[slot] >= 0)
		slot++;
	if (slot == SHIM_CONNS_MAX) { /* the oldest has had its time */
		close(s->conns[0]);
		slot = 0;
	}
	s->conns[slot] = fd;
	state_event(s, &v);
	(void)send(fd, &v, SHIM_EVENT_HEAD, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
serve(struct shim *s, const struct shim_request *q)
{
	switch ((enum shim_verb)q->verb) {
	case SHIM_START:
		start_container(s);
		return;
	case SHIM_STOP:
		stop_container(s, q->signal, q->time_ns);
		return;
	case SHIM_PROBE:
		shim_probe_start(s, q);
		return;
	case SHIM_END:
		stop_container(s, SIGKILL, 0);
		return;
	}
	unreachable();
}

static void
read_conn(struct shim *s, int *fd)
{
	static struct shim_request q;
	ssize_t n = recv(*fd, &q, sizeof(q), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !shim_request_valid(&q, (size_t)n)) {
		fs_closep(fd);
		return;
	}
	serve(s, &q);
}

/* ---- the loop
 * ---------------------------------------------------------------- */

enum {
	AT_LISTEN,
	AT_SIGNAL,
	AT_PREPARE,
	AT_FIFO,
	AT_CONN,
	AT_STREAM = AT_CONN + SHIM_CONNS_MAX,
	AT_PROBE = AT_STREAM + 2,
	AT_COUNT = AT_PROBE + SHIM_PROBES_MAX,
};

static int
timeout_ms(const struct shim *s)
{
	uint64_t now = shim_now_ms();
	uint64_t first = shim_probe_deadline(s);

	if (s->kill_ms != 0)
		first = min_u64(first, s->kill_ms);
	if (s->drain_ms != 0)
		first = min_u64(first, s->drain_ms);
	if (first == UINT64_MAX)
		return -1;
	return first <= now ? 0 : (int)min_u64(first - now, 3600 * 1000);
}

static void
fill(const struct shim *s, struct pollfd *p)
{
	p[AT_LISTEN].fd = s->listen_fd;
	p[AT_SIGNAL].fd = s->signal_fd;
	p[AT_PREPARE].fd = s->prepare_fd;
	p[AT_FIFO].fd = s->fifo;
	for (int i = 0; i < SHIM_CONNS_MAX; i++)
		p[AT_CONN + i].fd = s->conns[i];
	for (int i = 0; i < 2; i++)
		p[AT_STREAM + i].fd = s->streams[i];
	for (int i = 0; i < SHIM_PROBES_MAX; i++)
		p[AT_PROBE + i].fd = s->probes[i].used ? s->probes[i].fd : -1;
	for (int i = 0; i < AT_COUNT; i++)
		p[i].events = POLLIN;
}

static void
dispatch(struct shim *s, const struct pollfd *p)
{
	for (int i = 0; i < 2; i++)
		if (p[AT_STREAM + i].revents)
			shim_output_read(s, i);
	for (int i = 0; i < SHIM_PROBES_MAX; i++)
		if (p[AT_PROBE + i].revents && s->probes[i].fd >= 0)
			shim_probe_read(&s->probes[i]);
	if (p[AT_PREPARE].revents)
		on_prepared(s);
	if (p[AT_FIFO].revents)
		on_fifo(s);
	if (p[AT_SIGNAL].revents)
		reap(s);
	for (int i = 0; i < SHIM_CONNS_MAX && !s->done; i++)
		if (p[AT_CONN + i].revents && s->conns[i] >= 0)
			read_conn(s, &s->conns[i]);
	if (p[AT_LISTEN].revents)
		accept_conn(s);
}

static void
tick(struct shim *s)
{
	uint64_t now = shim_now_ms();

	shim_probe_tick(s, now);
	if (s->kill_ms != 0 && now >= s->kill_ms) {
		signal_init(s, SIGKILL);
		s->kill_ms = 0;
	}
	if (s->drain_ms != 0 && (now >= s->drain_ms || shim_output_ended(s)))
		finish(s);
}

static void
loop(struct shim *s)
{
	struct pollfd p[AT_COUNT];

	while (!s->done) {
		fill(s, p);
		if (poll(p, AT_COUNT, timeout_ms(s)) > 0)
			dispatch(s, p);
		tick(s);
	}
}

/* ---- birth and death
 * ----------------------------------------------------------- */

static int
take_lock(struct shim *s)
{
	char path[PATH_MAX];
	struct err e;

	if (fs_path(path, sizeof(path), &e, "%s/lock", s->dir) < 0)
		return -ENAMETOOLONG;
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0 || flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	/* for the cleaner, in case that we hang */
	if (dprintf(s->lock_fd, "%d %llu", (int)getpid(),
		    (unsigned long long)process_born(getpid())) < 0)
		return -EIO;
	return 0;
}

static void
be_unlikely_to_be_killed(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, OOM_SCORE, strlen(OOM_SCORE));
	close(fd);
}

static int
set_up(struct shim *s)
{
	const char *slash = strrchr(s->dir, '/');
	sigset_t set;

	/* DIR is RUN/tasks/ID */
	if (slash == NULL || slash - s->dir < 7 ||
	    strncmp(slash - 6, "/tasks", 6) != 0)
		return -EINVAL;
	s->id = slash + 1;
	s->run = mem_strdup(s->dir);
	s->run[slash - s->dir - 6] = '\0';
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	umask(0022);
	if (chdir("/") < 0) /* where we were started must not be held */
		return -errno;
	be_unlikely_to_be_killed();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return -errno;
	(void)fcntl(s->listen_fd, F_SETFD, FD_CLOEXEC);
	return take_lock(s);
}

/* All that the host has of a container that has ended, but its files. */
static void
release(struct shim *s)
{
	struct runtime rt = shim_runtime(s);

	/*
	 * The program is not known when preparing was cut off: what is left
	 * then is the business of the daemon's cleaner.
	 */
	if (s->program != NULL && s->program[0] != '\0')
		cleanup_release(&rt);
}

static void
tear_down(struct shim *s)
{
	for (int i = 0; i < SHIM_CONNS_MAX; i++)
		fs_closep(&s->conns[i]);
	for (int i = 0; i < SHIM_PROBES_MAX; i++) {
		if (!s->probes[i].used)
			continue;
		fs_closep(&s->probes[i].fd);
		mem_free(s->probes[i].output);
	}
	shim_output_close(s);
	fs_closep(&s->fifo);
	mem_free(s->run);
	mem_free(s->root);
	mem_free(s->program);
}

static int
supervise(const char *dir, const struct shim_net *net)
{
	struct shim s = { .dir = dir, .listen_fd = SHIM_LISTEN_FD };
	int r;

	s.prepare_fd = s.init_pidfd = s.stdin_fd = s.fifo = -1;
	s.streams[0] = s.streams[1] = -1;
	for (int i = 0; i < SHIM_CONNS_MAX; i++)
		s.conns[i] = -1;
	s.state = (struct shim_state){ .magic = SHIM_MAGIC,
				       .phase = SHIM_PREPARING };
	r = set_up(&s);
	if (r == 0)
		r = prepare_start(&s, net);
	if (r < 0) {
		fprintf(stderr, "shim of %s: cannot start: %s\n", dir,
			strerror(-r));
		return 1;
	}
	shim_tell_state(&s);
	(void)malloc_trim(0);
	loop(&s);
	release(&s);
	tear_down(&s);
	return 0;
}

int
shim_main(int argc, char **argv, const struct shim_net *net)
{
	if (argc >= 2 && strcmp(argv[1], "--cleanup") == 0) {
		(void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
		return cleanup_main(argc - 1, argv + 1);
	}
	if (argc != 2 || argv[1][0] != '/') {
		fprintf(stderr, "usage: swarm shim DIR (the daemon does it)\n");
		return 2;
	}
	(void)syscall(SYS_close_range, SHIM_LISTEN_FD + 1, ~0U, 0);
	return supervise(argv[1], net);
}
