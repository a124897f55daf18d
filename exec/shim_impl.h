/* shim_impl.h - what the parts of the shim share; for shim*.c only. */
#ifndef EXEC_SHIM_IMPL_H
#define EXEC_SHIM_IMPL_H

#include <poll.h>
#include <sys/types.h>

#include "exec/prepare.h"
#include "exec/runtime.h"
#include "exec/shim_proto.h"

#define SHIM_CONNS_MAX 4
#define SHIM_PROBES_MAX 4
#define SHIM_OUTPUT_MAX 4096 /* of a probe that is told */

struct shim_probe {
	bool used;
	bool timed_out;
	uint64_t id;
	pid_t pid;	   /* of the runtime's exec */
	int fd;		   /* its output */
	uint64_t until_ms; /* killed then */
	size_t len;
	char *output;
};

struct shim {
	const char *dir;
	const char *id;
	char *run;
	char *root;
	char *program; /* the runtime */
	int listen_fd;
	int signal_fd;
	int lock_fd;
	int conns[SHIM_CONNS_MAX];
	struct shim_state state;
	/* preparing */
	pid_t preparer;
	int prepare_fd;
	char cannot_start[ERR_MSG_MAX]; /* "": it can */
	int stop_signal;
	/* running */
	int init_pidfd;
	pid_t starter;	   /* the runtime's start; 0: there is none */
	int fifo;	   /* or the pipe that the created process waits at */
	uint64_t kill_ms;  /* SIGKILL then; 0: never */
	uint64_t drain_ms; /* output is waited for until then; 0: not yet */
	bool stopping;
	bool done;
	/* output */
	bool tty;
	int streams[2]; /* stdout or the terminal, stderr; -1: ended */
	int stdin_fd;
	struct log_writer *log;
	struct shim_probe probes[SHIM_PROBES_MAX];
};

uint64_t shim_now_ms(void);
int64_t shim_wall_ns(void);
struct runtime shim_runtime(const struct shim *s);
/* The state has changed: written down, and told to all who listen. */
void shim_tell_state(struct shim *s);
void shim_send(struct shim *s, const struct shim_event *v);

/*
 * shim_start.c: lets the created process go. What runc's start does is to read
 * a byte from RUN/runc/ID/exec.fifo and to remove it; done here, it saves a
 * process of 8 ms. For another runtime, its own start is run.
 */
int shim_start_begin(struct shim *s, struct err *e);
/* The fifo is readable: 0 it goes; -errno: it does not. */
int shim_start_fifo(struct shim *s, struct err *e);

/* shim_output.c: what the container prints. */
void shim_output_open(struct shim *s, const struct prepared *p, int fds[3]);
void shim_output_read(struct shim *s, int stream);
bool shim_output_ended(const struct shim *s);
void shim_output_close(struct shim *s);

/* shim_probe.c: health checks. */
void shim_probe_start(struct shim *s, const struct shim_request *q);
void shim_probe_read(struct shim_probe *p);
bool shim_probe_exited(struct shim *s, pid_t pid, int code);
void shim_probe_tick(struct shim *s, uint64_t now_ms);
uint64_t shim_probe_deadline(const struct shim *s);

#endif
