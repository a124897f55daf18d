/*
 * control.h - the API's requests, decided: what to answer, or what to
 * propose and then answer. Reads the tables, changes nothing.
 */
#ifndef CORE_MANAGER_CONTROL_H
#define CORE_MANAGER_CONTROL_H

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/model/request.h"
#include "core/state/state.h"

/* What the node knows beside the tables. */
struct control_env {
	const struct state *state; /* NULL: not in a cluster */
	struct now now;
	uint64_t *rand_state; /* for ids */
	const char *node_id;  /* NULL: not in a cluster */
	const char *version;
	const char *root_dir;
	const char *runtime;
	const struct node_description *description;
	/* Of this host; NULL is fine for each. */
	const char *kernel_version;
	const char *operating_system; /* PRETTY_NAME of os-release */
	const char *default_addr;     /* if swarm init is not told an address */
	bool leader;
	size_t containers, containers_running; /* of this host */
	size_t images;			       /* 0 if not known */
};

struct control_reply {
	bool propose; /* tx must be applied first; then status and body */
	struct tx tx;
	int status;
	struct buf body;
};
void control_reply_fini(struct control_reply *r);

/* {"message":"..."} with status; what every refused request is answered. */
void control_error(struct control_reply *r, int status, const char *fmt, ...)
	printf_like(3, 4);

/*
 * Every op with where = OP_AT_NODE but: OP_EVENTS and logs (streams: the
 * node's), OP_CONTAINER_* (the agent's), OP_SWARM_INIT and OP_SWARM_LEAVE
 * (they make and end the state: see below).
 */
void control_request(const struct control_env *env, const struct request *r,
		     struct control_reply *ret);

/*
 * The answer for a proposal that could not be applied: code is what
 * state_apply() gave: 409 for a taken name, 500 "rpc error: code = Unknown
 * desc = update out of sequence" for a stale version (facts 4.3, 12.1).
 */
void control_refused(int code, const char *why, struct control_reply *ret);

/*
 * OP_SWARM_INIT in two halves: check the body (400) and make the objects a
 * new cluster starts with (cluster, this node as manager and leader, the
 * predefined networks host, none and bridge), as one transaction; the body is
 * the node id as a JSON string. node_id and cluster_id are made by the caller.
 */
void control_init(const struct control_env *env, const struct request *r,
		  const char *node_id, const char *cluster_id,
		  struct control_reply *ret);

/*
 * One change as Docker's event line (facts 12.4), newline at the end; false
 * if it is none. control_event_matches(): does the request's filters
 * parameter let it pass; -EINVAL on a bad one, checked once at the start.
 */
bool control_event(const struct change *c, struct now now, struct buf *line);
struct event_filter; /* opaque */
int control_event_filter_new(const struct request *r, struct event_filter **ret,
			     struct err *e);
void control_event_filter_free(struct event_filter *f);
bool control_event_passes(const struct event_filter *f, const struct change *c);

/*
 * OP_SERVICE_LOGS and OP_TASK_LOGS: which tasks (borrowed from the state),
 * or an error reply (ret->status != 0). Task ids in the order of slots.
 */
struct log_selection {
	const struct task **tasks; /* in a */
	size_t count;
	const char *service_id; /* NULL for a task's logs */
};
int control_logs(const struct control_env *env, const struct request *r,
		 struct arena *a, struct log_selection *ret_sel,
		 struct control_reply *ret);

#endif
