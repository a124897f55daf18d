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

/* What an OP_SWARM_UPDATE that makes keys is given beside the request. */
struct control_secrets {
	uint8_t random[64];	    /* nobody can guess it */
	const struct root_ca *root; /* NULL: it is the one that is */
	const char *cross_signed;   /* root, signed by the one that is */
};

#define CONTROL_MANAGERS_MAX 7

/* A member of the raft, as the leader sees it. */
struct control_member {
	const char *node_id;
	bool leader, reachable;
	/* Without it: do the others agree, how many of how many voters
	 * answer, and how many it takes. */
	bool may_go;
	uint32_t answer, voters, needed;
};

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
	const struct control_member *members; /* for OP_NODE_* */
	size_t member_count;
	size_t containers, containers_running; /* of this host */
	size_t images;			       /* 0 if not known */
	/* In a cluster, but no manager, or on the way in (state is NULL). */
	const char *local_state; /* "pending", "locked", ...; NULL: inactive */
	const char *node_addr;
	const char *trouble; /* one sentence, or NULL */
	const struct control_manager *managers;
	size_t manager_count;
	const struct control_secrets *secrets;
};
struct control_manager {
	const char *node_id, *addr;
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
 * OP_SWARM_INIT in two halves: check the body (400), and what it wants of the
 * node; then make the objects a new cluster starts with (cluster, this node as
 * manager and leader, the predefined networks host, none and bridge), as one
 * transaction; the body is the node id as a JSON string.
 */
struct init_wish {
	const char *listen_addr, *advertise_addr; /* as given */
	bool force_new_cluster;
	int64_t cert_expiry_ns;
};
bool control_init_read(const struct control_env *env, const struct request *r,
		       struct arena *a, struct init_wish *ret,
		       struct control_reply *reply);

#define CLUSTER_KEY_BYTES 32
struct cluster_start {
	const char *node_id, *cluster_id;
	const char *addr, *manager_addr; /* "10.0.0.1", "10.0.0.1:2377" */
	uint64_t raft_id, gossip_port;
	int64_t now_ns, cert_expiry;
	struct root_ca root;
	/* fresh bytes that nobody can guess */
	uint8_t secrets[2 * 16]; /* of the join tokens */
	uint8_t gossip_key[CLUSTER_KEY_BYTES], unlock_key[CLUSTER_KEY_BYTES];
};
void control_init(const struct control_env *env, const struct request *r,
		  const struct cluster_start *start, struct control_reply *ret);

/* OP_SWARM_JOIN, read and checked (400); all is in a. */
struct join_wish {
	const char *listen_addr, *advertise_addr, *data_path_addr;
	struct strings remote_addrs;
	const char *join_token;
	int availability;
};
bool control_join_read(const struct control_env *env, const struct request *r,
		       struct arena *a, struct join_wish *ret,
		       struct control_reply *reply);

/* OP_SWARM_UNLOCK: the key; 400, or 401 if it is no such key. */
bool control_unlock_read(const struct control_env *env, const struct request *r,
			 uint8_t ret[CLUSTER_KEY_BYTES],
			 struct control_reply *reply);

/* What an OP_SWARM_UPDATE takes beside random bytes before it can be answered.
 * On failure the reply is set. */
enum control_root { ROOT_AS_IS = 1, ROOT_NEW, ROOT_GIVEN };
struct update_wish {
	enum control_root root;
	const char *cert, *key; /* GIVEN: PEM, or NULL; in a */
};
bool control_update_read(const struct control_env *env, const struct request *r,
			 struct arena *a, struct update_wish *ret,
			 struct control_reply *reply);

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
