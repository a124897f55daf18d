/*
 * runner.h - what the worker's deciding part and the container runner tell
 * each other. Orders go down (effects), reports come up (events). The runner
 * (exec/) does what it is told, in order per task, and decides nothing.
 *
 * The life of a container, per task:
 *
 *   PREPARE -> PREPARED | FAILED
 *   START   -> STARTED | FAILED           then, at any time, EXITED
 *   PROBE   -> PROBED                     (health check, while it runs)
 *   STOP    -> EXITED                     (signal, grace, SIGKILL; a task
 *                                          that is not running: at once)
 *   REMOVE  -> REMOVED                    (stops it first if need be; frees
 *                                          all: mounts, netns, logs, cgroup)
 *
 * PORT_LOST comes from whoever holds the host ports, at any time: a port that
 * is wanted for the task cannot be had. Its container is not touched by that.
 *
 * At start the runner reports FOUND for each container that a former daemon
 * left, with its phase, and then SCANNED. FOUND with phase GONE: there is a
 * directory but its supervisor is dead; REMOVE cleans it up.
 */
#ifndef CORE_AGENT_RUNNER_H
#define CORE_AGENT_RUNNER_H

#include "core/model/objects.h"

enum runner_verb {
	RUNNER_PREPARE = 1,
	RUNNER_START,
	RUNNER_PROBE,
	RUNNER_STOP,
	RUNNER_REMOVE,
};

struct runner_order {
	enum runner_verb verb;
	const char *task_id;
	/* PREPARE: the task with its templates expanded, and the rest */
	const struct task *task;
	const char *container_id; /* 64 hex digits */
	const char *name;	  /* the container's, facts 10.1 */
	const char *hostname;	  /* the container's */
	const char *address;	  /* CIDR on the egress network, or NULL for
				     network host and none */
	const char *gateway;	  /* of the egress network */
	const char *network;	  /* "host", "none"; NULL: by address */
	const char *node_id, *node_hostname;
	struct kvs labels; /* the container's, facts 10.1 */
	/* PROBE */
	struct strings argv;
	int64_t timeout_ns;
	uint64_t probe_id;
	/* STOP */
	const char *signal; /* "SIGTERM", "TERM" or a number; NULL: image's */
	int64_t grace_ns;
};

/* What an image says that a container shows. */
struct runner_image {
	const char *id; /* sha256:... */
	struct strings entrypoint, cmd, env;
	const char *user, *working_dir, *stop_signal;
	struct kvs labels;
	struct strings exposed_ports; /* "80/tcp" */
};
extern const struct type runner_image_type;

enum runner_news {
	RUNNER_PREPARED = 1,
	RUNNER_STARTED,
	RUNNER_EXITED,
	RUNNER_FAILED,
	RUNNER_PROBED,
	RUNNER_REMOVED,
	RUNNER_FOUND,
	RUNNER_SCANNED,
	RUNNER_PORT_LOST,
};

enum runner_phase {
	RUNNER_PHASE_CREATED = 1,
	RUNNER_PHASE_RUNNING,
	RUNNER_PHASE_EXITED,
	RUNNER_PHASE_GONE,
};

struct runner_report {
	enum runner_news news;
	const char *task_id;
	/* PREPARED, FOUND: from the image, for what the spec leaves open */
	const struct healthcheck *image_healthcheck; /* NULL: none */
	const struct runner_image *image;	     /* NULL: not known */
	/* STARTED, EXITED, FOUND */
	int64_t pid;
	int64_t started_at; /* wall ns */
	/* EXITED, FOUND with PHASE_EXITED */
	int64_t exit_code; /* 128 + n after signal n */
	int64_t finished_at;
	bool oom_killed;
	/* FAILED, PORT_LOST: one sentence; PROBED: the probe's output, cut */
	const char *err;
	/* PROBED */
	uint64_t probe_id;
	bool timed_out; /* exit_code is the probe's otherwise */
	/* FOUND */
	enum runner_phase phase;
};

/* A host port (mode=host) and where it leads. */
struct port_wish {
	const char *task_id;
	const char *service_name; /* for messages */
	int protocol;		  /* enum port_protocol */
	uint16_t published;	  /* never 0 here: the agent has chosen */
	uint16_t target;
	const char *address; /* the task's, without prefix length */
};

#endif
