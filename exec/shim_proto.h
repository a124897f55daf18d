/*
 * shim_proto.h - what the daemon and a task's shim say to each other, on
 * RUN/tasks/ID/sock (SOCK_SEQPACKET) and by RUN/tasks/ID/state.
 *
 * Both sides are this program, but maybe of different age: records only grow
 * at the end of their fixed part, and SHIM_MAGIC changes when that cannot be.
 * On a new connection the shim says its state first, and again after each
 * change. A shim exits when its container has ended and the state is written;
 * the end of the connection therefore means: read the state file.
 */
#ifndef EXEC_SHIM_PROTO_H
#define EXEC_SHIM_PROTO_H

#include "core/base/err.h"

#define SHIM_MAGIC 0x73773031U /* "sw01" */
#define SHIM_TEXT_MAX 4096     /* of a probe's output, or of its argv */
#define SHIM_LISTEN_FD 3       /* the socket, as a new shim gets it */

enum shim_phase {
	SHIM_PREPARING = 1,
	SHIM_CREATED,
	SHIM_RUNNING,
	SHIM_EXITED, /* also: was stopped before it ran */
	SHIM_FAILED, /* err says why */
};

struct shim_state {
	uint32_t magic;
	uint32_t phase; /* enum shim_phase */
	int64_t pid;
	uint64_t pid_born; /* its start time in clock ticks: pids come back */
	int64_t started_at;
	int64_t finished_at;
	int64_t exit_code;
	uint32_t oom_killed;
	uint32_t reserved;
	char err[ERR_MSG_MAX];
};

enum shim_verb {
	SHIM_START = 1,
	SHIM_STOP,  /* signal (0: the default one), then SIGKILL after time */
	SHIM_PROBE, /* text: argv, each word with its NUL; time: its limit */
	SHIM_END,   /* SIGKILL now, whatever the phase */
};

struct shim_request {
	uint32_t magic;
	uint32_t verb; /* enum shim_verb */
	uint64_t probe_id;
	int64_t time_ns;
	int32_t signal;
	uint32_t text_len;
	char text[SHIM_TEXT_MAX];
};

enum shim_news { SHIM_STATE = 1, SHIM_PROBED };

struct shim_event {
	uint32_t magic;
	uint32_t news; /* enum shim_news */
	struct shim_state state;
	uint64_t probe_id;
	int64_t probe_code;
	uint32_t probe_timed_out;
	uint32_t text_len;
	char text[SHIM_TEXT_MAX];
};

#define SHIM_REQUEST_HEAD offsetof(struct shim_request, text)
#define SHIM_EVENT_HEAD offsetof(struct shim_event, text)

/* Checked: lengths, magic, ranges. */
bool shim_request_valid(const struct shim_request *q, size_t len);
bool shim_event_valid(const struct shim_event *v, size_t len);

/* dir is RUN/tasks/ID. No file: -ENOENT. */
int shim_state_read(const char *dir, struct shim_state *ret, struct err *e);
int shim_state_write(const char *dir, const struct shim_state *s,
		     struct err *e);

/* When the process was started, in ticks; 0 if it is not there. */
uint64_t process_born(int64_t pid);

#endif
