/* runtime.c - see runtime.h. */
#include "exec/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/model/type.h"
#include "exec/fs.h"

#define LOG_BYTES_MAX (256U << 10)
#define LOG_BYTES_KEPT (64U << 10)

static const char *const clean_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	NULL,
};

/* An ignored signal stays ignored across exec, and a mask stays, too. */
static void
reset_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < 32; i++)
		(void)sigaction(i, &sa, NULL); /* KILL and STOP refuse: fine */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* fds may be 0 to 2 themselves, so move them out of the way first. */
static int
place_fds(const int fds[3])
{
	int high[3];

	for (int i = 0; i < 3; i++) {
		int fd = fds[i];

		if (fd < 0)
			fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		high[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 10);
		if (high[i] < 0)
			return -1;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(high[i], i) < 0)
			return -1;
	return 0;
}

static _Noreturn void
child_main(const char *const argv[], const struct child_io *io, pid_t parent)
{
	reset_signals();
	if (io->dies_along) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() != parent)
			_exit(127);
	}
	if (place_fds(io->fds) < 0)
		_exit(126);
	(void)execve(argv[0], (char *const *)argv, (char *const *)clean_env);
	_exit(127);
}

pid_t
child_start(const char *const argv[], const struct child_io *io, struct err *e)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		child_main(argv, io, parent);
	if (pid < 0)
		return err_set(e, -errno, "cannot start %s: %s", argv[0],
			       strerror(errno));
	return pid;
}

int
child_code(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}

int
child_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 255;
	return child_code(status);
}

/*
 * Health checks that fail add to it every few seconds, for years, and it is
 * in memory. What is read is the last lines, of what has just failed.
 */
static void
keep_short(const char *log)
{
	struct stat st;

	if (stat(log, &st) == 0 && st.st_size > LOG_BYTES_KEPT)
		(void)!truncate(log, 0);
}

pid_t
runtime_start(const struct runtime *rt, const char *const args[],
	      const struct child_io *io, struct err *e)
{
	const char *argv[8 + RUNTIME_ARGS_MAX];
	char state[PATH_MAX], log[PATH_MAX];
	size_t n = 0;
	int r = fs_path(state, sizeof(state), e, "%s/runc", rt->run);

	if (r == 0)
		r = fs_path(log, sizeof(log), e, "%s/runtime.log", rt->dir);
	if (r < 0)
		return r;
	keep_short(log);
	argv[n++] = rt->program;
	argv[n++] = "--root";
	argv[n++] = state;
	argv[n++] = "--log";
	argv[n++] = log;
	argv[n++] = "--log-format";
	argv[n++] = "json";
	for (size_t i = 0; args[i] != NULL && i < RUNTIME_ARGS_MAX; i++)
		argv[n++] = args[i];
	argv[n] = NULL;
	return child_start(argv, io, e);
}

int
runtime_run(const struct runtime *rt, const char *const args[])
{
	const struct child_io io = { { -1, -1, -1 }, false };
	struct err e;
	pid_t pid = runtime_start(rt, args, &io, &e);

	return pid < 0 ? 255 : child_wait(pid);
}

struct log_line {
	const char *level;
	const char *msg;
};
static const struct field log_fields[] = {
	{ .name = "level",
	  .tag = 1,
	  .offset = offsetof(struct log_line, level),
	  .kind = FIELD_STRING },
	{ .name = "msg",
	  .tag = 2,
	  .offset = offsetof(struct log_line, msg),
	  .kind = FIELD_STRING },
};
static const struct type log_type = { "LogLine", sizeof(struct log_line),
				      log_fields, ARRAY_LEN(log_fields) };

/* The last error of the log; warnings may follow it. */
static const char *
last_error(struct buf *text, struct arena *a)
{
	const char *found = NULL;
	size_t at = 0;

	while (at < text->len) {
		const char *p = text->p + at;
		const char *end = memchr(p, '\n', text->len - at);
		size_t len = end ? (size_t)(end - p) : text->len - at;
		struct log_line line;
		struct err e;

		at += len + 1;
		if (model_json_read(&log_type, p, len, a, &line, &e) == 0 &&
		    str_eq(line.level, "error") && !str_empty(line.msg))
			found = line.msg;
	}
	return found;
}

int
runtime_failed(const struct runtime *rt, const char *verb, struct err *e)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	struct arena a;
	const char *why = NULL;
	int r = -ECHILD;

	arena_init(&a);
	if (fs_path(path, sizeof(path), e, "%s/runtime.log", rt->dir) == 0 &&
	    fs_read(path, LOG_BYTES_MAX, &text, e) == 0)
		why = last_error(&text, &a);
	if (why != NULL)
		r = err_set(e, r, "OCI runtime %s failed: %s", verb, why);
	else
		r = err_set(e, r,
			    "OCI runtime %s failed: %s was killed or could "
			    "not be run, and left no message",
			    verb, rt->program);
	buf_fini(&text);
	arena_fini(&a);
	return r;
}
