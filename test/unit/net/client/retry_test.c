/*
 * retry_test.c - a daemon that hangs up before it answers: what may be asked
 * twice is, with one key, and what may not is said to be unknown.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/client/command.h"
#include "test/t.h"

#define HEAD_MAX 4096
#define SECRET_WORD "not-to-be-seen"

static const char key_name[] = "Idempotency-Key: ";

/* The key of the request that comes on fd; "": none. */
static void
read_key(int fd, char key[64])
{
	char head[HEAD_MAX] = "";
	size_t len = 0;
	const char *at;
	ssize_t n;

	while (strstr(head, "\r\n\r\n") == NULL && len < sizeof(head) - 1) {
		n = read(fd, head + len, sizeof(head) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		head[len] = '\0';
	}
	at = strstr(head, key_name);
	snprintf(key, 64, "%.*s", at ? 32 : 0, at ? at + strlen(key_name) : "");
}

static int
listen_on(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	OK(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	OK(listen(fd, 8) == 0);
	return fd;
}

/*
 * In a child: hangs up once, and answers the second request 200 if it has the
 * same key, else 400. Its exit code is how many requests there were.
 */
static pid_t
serve(int listener)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
	};
	char key[64], again[64];
	pid_t pid = fork();
	bool same;
	int fd;

	if (pid != 0)
		return pid;
	alarm(20);
	fd = accept(listener, NULL, NULL);
	read_key(fd, key);
	close(fd);
	fd = accept(listener, NULL, NULL);
	read_key(fd, again);
	same = strcmp(key, again) == 0;
	if (write(fd, answers[!same], strlen(answers[!same])) < 0)
		_exit(0);
	if (*again == '\0')
		_exit(1);
	_exit(2);
}

/* The command line as a process; what it prints goes into out. */
static int
run(char **argv, char *out, size_t cap)
{
	static const struct cli_hooks hooks;
	int pipes[2], status = 0, argc = 0;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	while (argv[argc] != NULL)
		argc++;
	OK(pipe2(pipes, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], 1);
		dup2(pipes[1], 2);
		close(pipes[0]);
		alarm(20);
		n = cli_main(argc, argv, &hooks);
		fflush(stdout);
		_exit((int)n);
	}
	close(pipes[1]);
	while (len < cap - 1 &&
	       (n = read(pipes[0], out + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(pipes[0]);
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void
with_daemon(char **words, int want_code, int want_requests,
	    const char *want_text)
{
	char dir[] = "/tmp/swarm-retry-XXXXXX", path[64], host[80], out[1024];
	char *argv[8] = { (char *)"swarm", (char *)"-H", host };
	int listener, status = 0;
	pid_t daemon;

	OK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(host, sizeof(host), "unix://%s", path);
	for (int i = 0; words[i] != NULL; i++)
		argv[3 + i] = words[i];
	listener = listen_on(path);
	daemon = serve(listener);
	close(listener);
	EQ(run(argv, out, sizeof(out)), want_code);
	if (strstr(out, want_text) == NULL)
		EQ_STR(out, want_text);
	if (want_requests < 2)
		(void)run((char *[]){ (char *)"swarm", (char *)"-H", host,
				      (char *)"info", NULL },
			  out, sizeof(out));
	waitpid(daemon, &status, 0);
	EQ(WEXITSTATUS(status), want_requests);
	unlink(path);
	rmdir(dir);
}

T(what_a_key_makes_harmless_is_asked_twice)
{
	with_daemon((char *[]){ (char *)"service", (char *)"rm", (char *)"web",
				NULL },
		    0, 2, "web\n");
	with_daemon(
		(char *[]){ (char *)"node", (char *)"rm", (char *)"n", NULL },
		0, 2, "n\n");
}

T(what_is_not_harmless_is_unknown)
{
	with_daemon((char *[]){ (char *)"leave", (char *)"--force", NULL }, 1,
		    1, "whether that was done is not known.\n");
}

/* ---- the daemon's own words ----------------------------------------------
 */

static bool saw_it;

static int
daemon_main(int argc, char **argv)
{
	saw_it = argc == 4 && strcmp(argv[0], "daemon") == 0 &&
		 strcmp(argv[3], SECRET_WORD) == 0;
	return 0;
}

T(the_daemon_reads_the_token_that_is_wiped_for_others)
{
	static const struct cli_hooks hooks = { .daemon_main = daemon_main };
	char w0[] = "swarm", w1[] = "daemon", w2[] = "--join=m",
	     w3[] = "--token", w4[] = SECRET_WORD;
	char *argv[] = { w0, w1, w2, w3, w4, NULL };
	struct cli cli = { .out = stdout, .err = stderr, .hooks = &hooks };

	arena_init(&cli.arena);
	EQ(cli_run(&cli, 5, argv), 0);
	OK(saw_it);
	OK(strstr(w4, SECRET_WORD) == NULL);
	arena_fini(&cli.arena);
}
