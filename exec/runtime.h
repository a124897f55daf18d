/*
 * runtime.h - running runc (or crun) as a child, and children in general.
 *
 * Its stdio is never a pipe that somebody waits on for its end, because the
 * container inherits it; what went wrong is read from its log file.
 */
#ifndef EXEC_RUNTIME_H
#define EXEC_RUNTIME_H

#include <sys/types.h>

#include "core/base/err.h"

struct runtime {
	const char *program;
	const char *run; /* RUN; its state is in RUN/runc */
	const char *dir; /* RUN/tasks/ID; its log is DIR/runtime.log */
	const char *id;	 /* the container's: the task's */
};

#define RUNTIME_ARGS_MAX 10

struct child_io {
	int fds[3];	 /* stdin, stdout, stderr; -1: /dev/null */
	bool dies_along; /* killed when its parent is */
};

/* fork, default signals, clean environment, no descriptor but io's. */
pid_t child_start(const char *const argv[], const struct child_io *io,
		  struct err *e);
/* Waits; gives the exit code, or 128 + n. */
int child_wait(pid_t pid);
int child_code(int wait_status);

/* args: ends with NULL, at most RUNTIME_ARGS_MAX: "start", ID ... */
pid_t runtime_start(const struct runtime *rt, const char *const args[],
		    const struct child_io *io, struct err *e);
/* The same, waited for; the code. No stdio. */
int runtime_run(const struct runtime *rt, const char *const args[]);

/* Why the last command failed, by its log: "OCI runtime X failed: ...". */
int runtime_failed(const struct runtime *rt, const char *verb, struct err *e);

#endif
