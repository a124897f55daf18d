/*
 * runner_child.c - the processes that the runner starts: shims and cleaners,
 * each seen through a pidfd, so that no other child is reaped by mistake.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "exec/fs.h"
#include "exec/pass_fd.h"
#include "exec/runner_impl.h"
#include "exec/runtime.h"

#define RETRY_S 1.0

struct runner_child {
	struct list node;
	struct runner *r;
	ev_io io; /* the pidfd */
	bool is_cleaner;
	enum cleaner_mode mode;
	char task_id[ID_LEN + 1];
};

static const char *const clean_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	NULL,
};

static void
child_free(struct runner_child *c)
{
	ev_io_stop(c->r->c.loop, &c->io);
	close(c->io.fd);
	list_remove(&c->node);
	mem_free(c);
}

static void
on_child(struct ev_loop *loop, ev_io *io, int revents)
{
	struct runner_child *c = container_of(io, struct runner_child, io);
	struct runner *r = c->r;
	siginfo_t info = { 0 };
	struct runner_task *t;
	enum cleaner_mode mode = c->mode;
	bool is_cleaner = c->is_cleaner;
	int code = 255;

	(void)loop;
	(void)revents;
	if (waitid(P_PIDFD, (id_t)io->fd, &info, WEXITED) == 0 &&
	    info.si_code == CLD_EXITED)
		code = info.si_status;
	t = runner_task_find(r, c->task_id);
	child_free(c);
	if (is_cleaner && t != NULL)
		runner_cleaned(t, mode, code);
}

/* Nobody would ever wait for it. It has done little that the next repeats. */
static int
give_up(pid_t pid, int code, struct err *e)
{
	(void)kill(pid, SIGKILL);
	(void)child_wait(pid);
	return err_set(e, code, "cannot watch process %d: %s", (int)pid,
		       strerror(-code));
}

static int
watch(struct runner_task *t, pid_t pid, bool is_cleaner, enum cleaner_mode mode,
      struct err *e)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct runner_child *c;

	if (fd < 0)
		return give_up(pid, -errno, e);
	c = mem_new(sizeof(*c));
	c->r = t->r;
	c->is_cleaner = is_cleaner;
	c->mode = mode;
	memcpy(c->task_id, t->id, sizeof(c->task_id));
	list_append(&t->r->children, &c->node);
	ev_io_init(&c->io, on_child, fd, EV_READ);
	ev_io_start(t->r->c.loop, &c->io);
	return 0;
}

/*
 * Programs in containers expect the limit that we were started with: many
 * close, or make room for, all descriptors that there might be.
 */
static int
spawn_as_before(const struct runner *r, pid_t *ret_pid,
		const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attr, const char *const argv[])
{
	int code;

	(void)setrlimit(RLIMIT_NOFILE, &r->files_before);
	code = posix_spawn(ret_pid, argv[0], actions, attr, (char *const *)argv,
			   (char *const *)clean_env);
	(void)setrlimit(RLIMIT_NOFILE, &r->files);
	return code;
}

/* A session of its own, no signal blocked or ignored, stderr to a file. */
static int
spawn(struct runner_task *t, const char *const argv[], int listen_fd,
      struct err *e)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char log[PATH_MAX];
	sigset_t none, all;
	pid_t pid = -1;
	/* of a task that could not even get a directory */
	int r = fs_exists(t->dir)
			? fs_path(log, sizeof(log), e, "%s/shim.log", t->dir)
			: fs_path(log, sizeof(log), e, "/dev/null");

	if (r < 0)
		return r;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID |
						POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	if (listen_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, listen_fd,
						 SHIM_LISTEN_FD);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, log,
					 O_WRONLY | O_CREAT | O_APPEND, 0600);
	r = spawn_as_before(t->r, &pid, &actions, &attr, argv);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (r != 0)
		return err_set(e, -r, "cannot start %s %s: %s", argv[0],
			       argv[1], strerror(r));
	return pid;
}

/*
 * The socket is made here and handed over: a connection can be made at once,
 * and is answered when the shim gets to it.
 */
int
runner_spawn_shim(struct runner_task *t, struct err *e)
{
	const char *argv[] = { t->r->c.self, "shim", t->dir, NULL };
	own_fd int listen_fd = fd_listen_in(t->dir, e);
	int pid;
	int r;

	if (listen_fd < 0)
		return listen_fd;
	r = runner_connect(t, e);
	if (r < 0)
		return r;
	pid = spawn(t, argv, listen_fd, e);
	r = pid < 0 ? pid : watch(t, pid, false, CLEANER_KEEP, e);
	if (r < 0)
		runner_disconnect(t);
	return r;
}

void
runner_spawn_cleaner(struct runner_task *t, enum cleaner_mode mode)
{
	const struct runner_config *c = &t->r->c;
	const char *argv[] = {
		c->self,
		"shim",
		"--cleanup",
		t->dir,
		c->root,
		c->runtime,
		mode == CLEANER_REMOVE ? "remove" : "keep",
		NULL,
	};
	struct err e;
	int pid;

	if (t->cleaning)
		return;
	/* a former daemon's cleaner may have been quicker: then again */
	(void)fs_mkdirs(t->dir, 0700, &e);
	pid = spawn(t, argv, -1, &e);
	t->cleaning = pid >= 0 && watch(t, pid, true, mode, &e) == 0;
	if (t->cleaning)
		return;
	fprintf(stderr, "task %s: %s\n", t->id, e.msg);
	ev_timer_set(&t->hung, RETRY_S, 0.);
	ev_timer_start(c->loop, &t->hung);
}

void
runner_children_drop(struct runner *r)
{
	list_each_safe (it, tmp, &r->children)
		child_free(container_of(it, struct runner_child, node));
}
