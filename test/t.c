/*
 * t.c - see t.h. Each test runs in a child, so that one that aborts fails
 * alone. Ends with "N passed, N failed"; exits 1 if any failed. With words
 * as arguments only tests whose names contain one of them run; T_FORK=0 runs
 * them in this process, for a debugger.
 */
#include "test/t.h"

#include <sys/wait.h>
#include <unistd.h>

static struct t *all;
static const char *row = "";

void
t_add(struct t *t)
{
	struct t **at = &all;

	while (*at != NULL)
		at = &(*at)->next;
	*at = t;
}

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: check failed: %s %s\n", file, line, what, row);
	abort();
}

_Noreturn void
fatal(const char *why)
{
	fprintf(stderr, "fatal: %s\n", why);
	abort();
}

static void
where(const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s%s", file, line, row, *row ? ": " : "");
}

void
t_ok(const char *file, int line, const char *what, int cond)
{
	if (cond)
		return;
	where(file, line);
	fprintf(stderr, "%s does not hold\n", what);
	exit(1);
}

void
t_eq(const char *file, int line, const char *what, long long got,
     long long want)
{
	if (got == want)
		return;
	where(file, line);
	fprintf(stderr, "%s is %lld, want %lld\n", what, got, want);
	exit(1);
}

void
t_eq_str(const char *file, int line, const char *what, const char *got,
	 const char *want)
{
	if (got == want || (got && want && strcmp(got, want) == 0))
		return;
	where(file, line);
	fprintf(stderr, "%s is\n  %s\nwant\n  %s\n", what, got ? got : "NULL",
		want ? want : "NULL");
	exit(1);
}

void
t_row(const char *name)
{
	row = name;
}

static int
run(const struct t *t)
{
	const char *no_fork = getenv("T_FORK");
	int status = 0;
	pid_t pid;

	if (no_fork != NULL && *no_fork == '0') {
		t->run();
		return 0;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(120);
		t->run();
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return status != 0;
}

static int
wanted(const struct t *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(t->name, argv[i]) != NULL)
			return 1;
	return argc < 2;
}

int
main(int argc, char **argv)
{
	int passed = 0, failed = 0;

	for (struct t *t = all; t != NULL; t = t->next) {
		if (!wanted(t, argc, argv))
			continue;
		if (run(t) == 0) {
			passed++;
			continue;
		}
		failed++;
		fprintf(stderr, "not ok %s\n", t->name);
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0 || passed == 0;
}
