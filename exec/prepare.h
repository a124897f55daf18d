/*
 * prepare.h - making a container ready to start: in a process of its own, so
 * that the shim stays as small as it was born.
 */
#ifndef EXEC_PREPARE_H
#define EXEC_PREPARE_H

#include "exec/logs.h"
#include "exec/runner.h"

#define PREPARE_PATH_MAX 1024 /* of ROOT, RUN and the runtime */

/* What the preparing process tells its shim when it is done. */
struct prepared {
	/*
	 * 0; or it failed and err says why: a task that cannot be prepared
	 * fails at once, one that cannot be started when it is started.
	 */
	enum prepare_outcome {
		PREPARE_OK,
		PREPARE_FAILED,
		PREPARE_CANNOT_START,
	} outcome;
	int32_t pid;
	int32_t stop_signal;
	bool tty;	/* fds: the terminal; else stdout, stderr, stdin */
	bool keep_logs; /* false: the driver is "none" */
	struct log_limits limits;
	uint32_t fd_count;
	char root[PREPARE_PATH_MAX];
	char runtime[PREPARE_PATH_MAX];
	char err[ERR_MSG_MAX];
};
#define PREPARE_FDS_MAX 3

struct prepare {
	const char *dir; /* RUN/tasks/ID */
	const char *id;	 /* the task's */
	const char *run; /* RUN */
	int lock_fd;	 /* held by all that must be gone before cleaning */
	const struct shim_net *net;
};

/* Does it all, and sends the result on fd (SOCK_SEQPACKET, with ret's fds). */
void prepare_main(const struct prepare *p, int fd);

/* Receives it; -EPIPE: the process died. fds are the caller's. */
int prepare_receive(int fd, struct prepared *ret, int fds[PREPARE_FDS_MAX]);

#endif
