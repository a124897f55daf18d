/* start.c - see start.h. */
#include "net/client/start.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/str.h"

#define START_WAIT_MS 10000
#define DEFAULT_RUN "/run/swarm"
#define DEFAULT_HOST "unix://" DEFAULT_RUN "/swarm.sock"
#define DAEMON_LOG DEFAULT_RUN "/daemon.log"

static bool
answers(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	bool yes;
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return false;
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	yes = fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;
	if (fd >= 0)
		close(fd);
	return yes;
}

/* The last line of the daemon's log, for one that did not come up. */
static void
last_line(char *ret, size_t cap)
{
	int fd = open(DAEMON_LOG, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n = 0;
	char *line;

	if (end > 0) {
		off_t from = end > (off_t)cap - 1 ? end - (off_t)cap + 1 : 0;

		n = pread(fd, ret, cap - 1, from);
	}
	ret[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	while (n > 0 && ret[n - 1] == '\n')
		ret[--n] = '\0';
	line = strrchr(ret, '\n');
	if (line != NULL)
		memmove(ret, line + 1, strlen(line + 1) + 1);
}

static bool
ran(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* systemd runs and has our unit: let it start the daemon. */
static bool
start_by_systemd(void)
{
	static const char *const units[] = {
		"/etc/systemd/system/swarm.service",
		"/usr/local/lib/systemd/system/swarm.service",
		"/lib/systemd/system/swarm.service",
	};
	bool unit = false;
	pid_t pid;

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		unit = unit || access(units[i], R_OK) == 0;
	if (!unit || access("/run/systemd/system", F_OK) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		execlp("systemctl", "systemctl", "start", "swarm", NULL);
		_exit(127);
	}
	return pid > 0 && ran(pid);
}

static void
become_daemon(void)
{
	int null = open("/dev/null", O_RDWR);
	int log = open(DAEMON_LOG, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (setsid() < 0 || chdir("/") < 0 || null < 0 || log < 0 ||
	    dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(127);
	(void)syscall(SYS_close_range, 3, ~0U, 0);
	execl("/proc/self/exe", "swarm", "daemon", NULL);
	_exit(127);
}

static int
wait_for_daemon(pid_t pid, const char *path, struct err *e)
{
	char why[400];
	int status;

	for (int ms = 0; ms < START_WAIT_MS; ms += 5) {
		if (answers(path))
			return 0;
		if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid) {
			last_line(why, sizeof(why));
			return err_set(e, -ECHILD, "the daemon ended: %s", why);
		}
		nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	}
	return err_set(e, -ETIMEDOUT,
		       "the daemon was started but does not answer on %s: see "
		       "its log, %s or \"journalctl -u swarm\"",
		       path, DAEMON_LOG);
}

int
start_daemon(const char *host, struct err *e)
{
	const char *path = host + strlen("unix://");
	pid_t pid = -1;

	if (!str_eq(host, DEFAULT_HOST))
		return err_set(e, -ECONNREFUSED,
			       "nobody listens on %s: start \"swarm daemon "
			       "--root DIR --run DIR\" there first",
			       host);
	if (geteuid() != 0)
		return err_set(e, -EPERM,
			       "no daemon runs, and starting one needs root: "
			       "try sudo");
	if (start_by_systemd())
		return wait_for_daemon(-1, path, e);
	if (mkdir(DEFAULT_RUN, 0711) < 0 && errno != EEXIST)
		return err_set(e, -errno, "make %s: %s", DEFAULT_RUN,
			       strerror(errno));
	pid = fork();
	if (pid < 0)
		return err_set(e, -errno, "fork: %s", strerror(errno));
	if (pid == 0)
		become_daemon();
	return wait_for_daemon(pid, path, e);
}
