/*
 * dispatcher.h - the leader's side of the workers' sessions (facts 6.1): who
 * is there, what each was told, and what they report. Pure: events in, then
 * messages out by dispatcher_next(), and changes of the tables by
 * dispatcher_tx().
 *
 * Sessions are in memory only: a new leader begins with none, and each node
 * asks it for one. A node that was ready stays so meanwhile, for twice the
 * grace that it has otherwise, so that a change of leaders moves no task.
 *
 * Of a session nothing is kept but the sum of what was assigned: differences
 * are made of what changes, a full set of the tables.
 */
#ifndef CORE_MANAGER_DISPATCHER_H
#define CORE_MANAGER_DISPATCHER_H

#include "core/manager/manager.h"
#include "core/model/assignment.h"

#define DISPATCHER_PERIOD_MS 5000 /* of heartbeats, if nothing is set */
#define DISPATCHER_GRACE 3	  /* periods, until a node is down */
#define DISPATCHER_RATE_MAX 3	  /* new sessions of one node in .. */
#define DISPATCHER_RATE_MS 8000
#define DISPATCHER_AGAIN_MS 300	  /* between two over one route */
#define DISPATCHER_ANSWER_MS 1000 /* for a node that others give up */
#define DISPATCHER_COME_MS 3000	  /* for all to come to a new leader */
#define DISPATCHER_ORPHAN_MS UINT64_C(86400000) /* down for so long */
#define DISPATCHER_REPORTS_MAX 8192 /* messages with statuses that wait */
#define DISPATCHER_REPORTS_EACH 16  /* and of one node */
/* Bytes, packed, of what a node says of itself, and of one of its tasks: more
 * would not fit in the log. */
#define DISPATCHER_DESCRIPTION_MAX 262144
#define DISPATCHER_STATUS_MAX 65536
#define DISPATCHER_PART_BYTES 1048576 /* of one message of assignments */
/* Lists of peers go out at most this often where many listen. */
#define DISPATCHER_PEERS_MS 2000
#define DISPATCHER_PEERS_FEW 50

struct dispatcher;

/* The way to a worker; as struct route in core/node/rpc.h. */
struct dispatcher_route {
	uint64_t link; /* 0: the leader's own agent, which needs no heartbeat */
	uint64_t relay;
	bool relayed;
};

/* state, rand_state and node_id (the leader's) are as manager_new()'s. */
struct dispatcher *dispatcher_new(const struct state *state,
				  uint64_t *rand_state, const char *node_id,
				  struct now now);
void dispatcher_free(struct dispatcher *d); /* NULL is fine */

/* ---- events; all is borrowed for the call ------------------------------ */

/* Who speaks, by its certificate, and what it asks with. */
struct dispatcher_from {
	const char *node_id;
	struct dispatcher_route route;
	uint64_t call;
};

struct dispatcher_hello {
	const struct node_description *description;
	const char *addr; /* advertised, or seen; "" or NULL: not known */
	uint64_t gossip_port;
	struct assignment_sum has; /* count ASSIGNMENT_NONE: no set */
	bool has_tables; /* a manager: it knows of its peers by itself */
};
void dispatcher_session(struct dispatcher *d, const struct dispatcher_from *f,
			const struct dispatcher_hello *h, struct now now);

void dispatcher_heartbeat(struct dispatcher *d, const struct dispatcher_from *f,
			  uint64_t session, struct now now);

struct dispatcher_status {
	const char *task_id;
	const struct task_status *status;
};
/* Answered DISPATCH_DONE once they are in the tables. */
void dispatcher_statuses(struct dispatcher *d, const struct dispatcher_from *f,
			 uint64_t session, const struct dispatcher_status *v,
			 size_t count);

/* It leaves the cluster: down now. */
void dispatcher_left(struct dispatcher *d, const char *node_id, struct now now);
/* Not relayed: all that came over that link. */
void dispatcher_route_down(struct dispatcher *d,
			   const struct dispatcher_route *r, struct now now);
/* A manager says where it listens ("10.0.0.1:2377"). */
void dispatcher_manager_at(struct dispatcher *d, const char *node_id,
			   const char *addr);

/* What gossip thinks of a node. */
enum liveness { LIVENESS_ALIVE = 1, LIVENESS_DOUBTED, LIVENESS_DEAD };
void dispatcher_liveness(struct dispatcher *d, const char *node_id,
			 enum liveness l, struct now now);

void dispatcher_changed(struct dispatcher *d, const struct changes *changes,
			struct now now);
void dispatcher_tick(struct dispatcher *d, struct now now);
uint64_t dispatcher_deadline(const struct dispatcher *d); /* mono_ms */

/* ---- messages ------------------------------------------------------------ */

enum dispatch {
	DISPATCH_SETTINGS = 1, /* the first one answers the call */
	DISPATCH_ASSIGN,
	DISPATCH_HEARD,
	DISPATCH_DONE, /* to the call: code and why */
	DISPATCH_LOST, /* that session is none (any more): begin again */
};
struct dispatcher_peer {
	const char *node_id;
	const char *addr; /* NULL: it is gone */
};
struct dispatcher_settings {
	int64_t heartbeat_ns;
	const struct dispatcher_peer *managers, *gossip;
	size_t manager_count, gossip_count;
	bool gossip_full;
	const struct cluster *cluster;	/* keys and roots */
	const struct node_object *node; /* its own */
};
struct dispatcher_assign {
	uint64_t number; /* 1, 2, 3, ... */
	bool full, more; /* see struct assign_body */
	const struct task *const *tasks;
	size_t task_count;
	const char *const *removed;
	size_t removed_count;
	struct assignment_sum after;
};
struct dispatcher_out {
	enum dispatch what;
	struct dispatcher_route route;
	uint64_t call, session;
	int64_t period_ns; /* HEARD; 0: a heartbeat is wanted now */
	int code;	   /* DONE */
	const char *why;
	struct dispatcher_settings settings;
	struct dispatcher_assign assign;
};
/* Drained after events; what it points at lives until the next call. */
bool dispatcher_next(struct dispatcher *d, struct now now,
		     struct dispatcher_out *ret);

/* ---- changes ------------------------------------------------------------- */

/*
 * Appends what nodes and tasks became, about max operations at most. As
 * manager_step(): one transaction is on its way at a time, and after each,
 * empty or not, dispatcher_tx_done() says whether it was applied.
 */
bool dispatcher_has_tx(const struct dispatcher *d);
void dispatcher_tx(struct dispatcher *d, struct manager *m, struct now now,
		   size_t max, struct tx *tx);
void dispatcher_tx_done(struct dispatcher *d, bool applied);

/* The way to a node that has a session; false: it has none. */
bool dispatcher_route(struct dispatcher *d, const char *node_id,
		      struct dispatcher_route *ret);
size_t dispatcher_sessions(const struct dispatcher *d);

#endif
