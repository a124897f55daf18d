/*
 * runner.h - the containers of one daemon: carries out orders (core/agent/
 * runner.h) by way of one "swarm shim" process per container, and reports.
 *
 * Each task has a directory RUN/tasks/ID (0700, on a tmpfs by default) with
 * its order, bundle, socket and state; logs and the writable layer are below
 * ROOT/containers/ID. A shim does all that may block (mounts, namespaces,
 * runc) and outlives the daemon; runner_open() finds those that are there.
 */
#ifndef EXEC_RUNNER_H
#define EXEC_RUNNER_H

#include "core/agent/runner.h"
#include "core/base/err.h"

struct ev_loop;
struct images;
struct runner;

struct runner_config {
	const char *root;    /* ROOT */
	const char *run;     /* RUN */
	const char *runtime; /* path of runc or crun */
	const char *self;    /* path of this program */
	const char *bridge;  /* the egress bridge's name */
	struct ev_loop *loop;
	struct images *images;
	/* Called from the loop; the report is borrowed for the call. */
	void (*report)(void *ctx, const struct runner_report *r);
	void *ctx;
};

int runner_open(const struct runner_config *config, struct runner **ret,
		struct err *e);
/* Report FOUND for each container that is there, then SCANNED. */
void runner_scan(struct runner *r);
/* Borrowed for the call. Failures come back as reports. */
void runner_order(struct runner *r, const struct runner_order *order);
/* Lets go of all; containers and shims go on. */
void runner_close(struct runner *r);

/*
 * The supervisor: "swarm shim DIR"; argv[0] is "shim". The network part is
 * handed in, because exec/ does not know net/: called in the process that
 * prepares, with the name of a network namespace file that is there already.
 */
struct shim_net {
	/* Plug a veth with address into the namespace behind netns_path. */
	int (*attach)(const char *bridge, const char *task_id,
		      const char *netns_path, const char *address,
		      const char *gateway, struct err *e);
	/* lo up; called for every new namespace */
	int (*loopback)(const char *netns_path, struct err *e);
};
int shim_main(int argc, char **argv, const struct shim_net *net);

#endif
