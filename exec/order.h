/*
 * order.h - the file RUN/tasks/ID/order: all that it takes to make a task's
 * container, written by the daemon, read by whoever prepares. A record with a
 * field table, so that a daemon and a shim of different age understand each
 * other.
 */
#ifndef EXEC_ORDER_H
#define EXEC_ORDER_H

#include "core/model/objects.h"

#define ORDER_BYTES_MAX (4U << 20)

/* What the image says, frozen when the task was prepared. */
struct order_image {
	const char *id;
	const char *reference;
	struct strings layers; /* directories, lowest first */
	struct strings entrypoint, cmd, env;
	const char *user, *working_dir, *stop_signal;
	struct strings volumes; /* container paths */
	struct healthcheck *healthcheck;
	struct kvs labels;
	struct strings exposed_ports;
};

struct order {
	const char *task_id;
	const char *container_id;
	const char *name;
	const char *hostname;
	const char *network; /* "host", "none", or "" for the egress bridge */
	const char *bridge;
	const char *address; /* CIDR */
	const char *gateway;
	const char *root;
	const char *run;
	const char *runtime;
	const char *self;
	struct kvs labels;
	struct task_spec spec;
	struct driver *log_driver;
	struct order_image image;
};

extern const struct type order_type;

int order_write(const char *path, const struct order *o, struct err *e);
/* All of ret is in a. */
int order_read(const char *path, struct arena *a, struct order *ret,
	       struct err *e);

/*
 * What is run: the service's command replaces the image's entry point and
 * drops the image's cmd; the service's args replace the image's cmd.
 * -EINVAL: nothing is given at all.
 */
int order_argv(const struct order *o, struct arena *a, struct strings *ret,
	       struct err *e);

/* The signal that stops it: the service's, the image's, or SIGTERM. */
int order_stop_signal(const struct order *o);

#endif
