/* init.c - see init.h. It is process 1 of a container: no heap, no files. */
#include "exec/init.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_RUN 126
#define NOT_FOUND 127

/* Signals that say something is wrong with us: they keep their effect. */
static const int own[] = { SIGFPE,  SIGILL,  SIGSEGV, SIGBUS,
			   SIGABRT, SIGTRAP, SIGSYS };

static void
block_all(sigset_t *before)
{
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&set, own[i]);
	(void)sigprocmask(SIG_SETMASK, &set, before);
}

/* A process group of its own, and the terminal, if there is one. */
static _Noreturn void
run(char **argv, const sigset_t *mask)
{
	(void)setpgid(0, 0);
	(void)tcsetpgrp(0, getpgrp()); /* TTOU is blocked: no stop */
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execvp(argv[0], argv);
	fprintf(stderr, "exec %s failed: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? NOT_FOUND : CANNOT_RUN);
}

/* -1: the program still runs. */
static int
reap(pid_t program)
{
	int code = -1;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != program)
			continue;
		code = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					   : WEXITSTATUS(status);
	}
	return code;
}

int
container_init_main(int argc, char **argv)
{
	sigset_t before, all;
	pid_t program;
	int code;

	if (argc < 3 || strcmp(argv[1], "--") != 0) {
		fprintf(stderr, "usage: %s -- PROGRAM [ARGS]\n", argv[0]);
		return 2;
	}
	block_all(&before);
	program = fork();
	if (program == 0)
		run(argv + 2, &before);
	if (program < 0) {
		fprintf(stderr, "fork failed: %s\n", strerror(errno));
		return CANNOT_RUN;
	}
	sigfillset(&all);
	while ((code = reap(program)) < 0) {
		int number = sigwaitinfo(&all, NULL);

		if (number > 0 && number != SIGCHLD)
			(void)kill(program, number);
	}
	return code;
}
