/* cleanup.c - see cleanup.h. */
#include "exec/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/str.h"
#include "exec/cgroups.h"
#include "exec/fs.h"
#include "exec/shim_proto.h"

#define STEP_MS 5
#define TRIES_MAX 2000	   /* 10 s */
#define PATIENCE_TRIES 400 /* then a shim that hangs is killed */

static void
wait_a_step(void)
{
	const struct timespec t = { 0, STEP_MS * NS_PER_MS };

	(void)nanosleep(&t, NULL);
}

/* The runtime keeps RUN/runc/ID while it knows the container. */
static bool
runtime_knows(const struct runtime *rt)
{
	char path[PATH_MAX];
	struct err e;

	return fs_path(path, sizeof(path), &e, "%s/runc/%s", rt->run, rt->id) ==
		       0 &&
	       fs_exists(path);
}

void
cleanup_release(const struct runtime *rt)
{
	const char *plain[] = { "delete", rt->id, NULL };
	const char *force[] = { "delete", "--force", rt->id, NULL };
	char path[PATH_MAX];
	struct err e;

	if (runtime_knows(rt))
		(void)runtime_run(rt, plain);
	if (runtime_knows(rt))
		(void)runtime_run(rt, force);
	if (runtime_knows(rt) && /* a record that it cannot read itself */
	    fs_path(path, sizeof(path), &e, "%s/runc/%s", rt->run, rt->id) == 0)
		(void)fs_remove_tree(path, &e);
	cgroup_remove(rt->id);
}

/* The descriptor first, then the look whether it is still the one. */
static void
kill_born(int64_t pid, uint64_t born)
{
	own_fd int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);

	if (pidfd >= 0 && process_born(pid) == born)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

static void
kill_init(const char *dir)
{
	struct shim_state s;
	struct err e;

	if (shim_state_read(dir, &s, &e) == 0 && s.pid > 1)
		kill_born(s.pid, s.pid_born);
}

/* The shim may have died, and only who prepares for it holds the lock. */
static void
kill_holder(int lock_fd)
{
	char text[48] = { 0 };
	char *space;
	uint64_t pid, born;

	if (pread(lock_fd, text, sizeof(text) - 1, 0) <= 0)
		return;
	space = strchr(text, ' ');
	if (space == NULL)
		return;
	*space = '\0';
	if (str_to_u64(text, &pid) && str_to_u64(space + 1, &born) && pid > 1 &&
	    pid <= INT_MAX)
		kill_born((int64_t)pid, born);
}

/*
 * Nothing of the container runs any more, and nobody is left who could start
 * more of it: the lock is held by the shim, by who prepares, and by the
 * runtime while it creates.
 */
static int
wait_for_silence(const char *dir, const char *id, int *ret_lock)
{
	char path[PATH_MAX];
	struct err e;
	own_fd int lock = -1;

	if (fs_path(path, sizeof(path), &e, "%s/lock", dir) < 0)
		return -ENAMETOOLONG;
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return -errno;
	for (int i = 0; i < TRIES_MAX; i++) {
		bool held = flock(lock, LOCK_EX | LOCK_NB) < 0;
		unsigned killed;

		kill_init(dir);
		killed = cgroup_kill(id);
		if (!held && killed == 0) {
			*ret_lock = fs_take(&lock);
			return 0;
		}
		if (held && i == PATIENCE_TRIES)
			kill_holder(lock);
		wait_a_step();
	}
	return -ETIMEDOUT;
}

static int
mark_as_ended(const char *dir)
{
	struct shim_state s = { 0 };
	struct timespec now;
	struct err e;

	if (shim_state_read(dir, &s, &e) < 0)
		s.magic = SHIM_MAGIC;
	if (s.phase == SHIM_EXITED || s.phase == SHIM_FAILED)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	s.phase = SHIM_EXITED;
	s.exit_code = 128 + SIGKILL;
	s.finished_at = now.tv_sec * NS_PER_S + now.tv_nsec;
	snprintf(s.err, sizeof(s.err), "supervisor was killed");
	return shim_state_write(dir, &s, &e);
}

/* The task's own directory last: while it is there, somebody comes back. */
static int
remove_files(const char *dir, const char *root, const char *id)
{
	char path[PATH_MAX];
	struct err e;
	int r = fs_path(path, sizeof(path), &e, "%s/containers/%s", root, id);

	if (r == 0)
		r = fs_remove_tree(path, &e);
	if (r == 0)
		r = fs_remove_tree(dir, &e);
	if (r < 0)
		fprintf(stderr, "cannot clean up after task %s: %s\n", id,
			e.msg);
	return r;
}

int
cleanup_main(int argc, char **argv)
{
	own_fd int lock = -1;
	char run[PATH_MAX];
	struct runtime rt = { .run = run };
	const char *slash;
	struct err e;
	int r;

	if (argc != 5 || (slash = strrchr(argv[1], '/')) == NULL ||
	    slash - argv[1] < 7)
		return 2;
	if (fs_path(run, sizeof(run), &e, "%.*s", (int)(slash - argv[1] - 6),
		    argv[1]) < 0)
		return 2;
	rt.program = argv[3];
	rt.dir = argv[1];
	rt.id = slash + 1;
	/* it goes last, and without it nothing was begun or nothing is left */
	if (!fs_exists(rt.dir))
		return 0;
	r = wait_for_silence(rt.dir, rt.id, &lock);
	if (r < 0) {
		fprintf(stderr, "cannot clean up after task %s: %s\n", rt.id,
			strerror(-r));
		return 1;
	}
	cleanup_release(&rt);
	if (strcmp(argv[4], "keep") == 0)
		return mark_as_ended(rt.dir) < 0;
	return remove_files(rt.dir, argv[2], rt.id) < 0;
}
