/*
 * node.h - one member of the cluster as a pure function of its events.
 *
 * The only door into core/. The driver (swarm.c; the simulator) hands in
 * events with the time, drains the effects, carries them out in order, and
 * calls again by node_deadline(). A step never blocks, never fails, never
 * looks at the world.
 */
#ifndef CORE_NODE_NODE_H
#define CORE_NODE_NODE_H

#include "core/agent/runner.h"
#include "core/base/base.h"
#include "core/model/objects.h"
#include "core/node/batch.h"
#include "core/node/link.h"
#include "core/node/trust.h"
#include "core/model/request.h"

struct node;

/* The addresses of this host's interfaces, loopback included. */
struct host_addr {
	const char *name; /* "eth0" */
	const char *ip;	  /* "10.0.0.1"; link-local IPv6 is left out */
};
struct host_addrs {
	struct host_addr *v;
	size_t count;
};

/* The answers to node_config's first request have this id. */
#define REQUEST_FIRST (UINT64_C(1) << 62)

enum event_type {
	EVENT_TICK = 1,	    /* time passed */
	EVENT_PERSISTED,    /* batch seq, and all before it, are on the disk */
	EVENT_REQUEST,	    /* someone asks; ends with REPLY or STREAM_END */
	EVENT_REQUEST_GONE, /* who asked hung up */
	EVENT_RUNNER,	    /* the container runner reports */
	EVENT_DESCRIPTION,  /* what this host is and has, when it changed */
	EVENT_IMAGES,	    /* an image was loaded: waiting tasks may go on */
	EVENT_DISK_FULL,    /* batches cannot be written: they wait for space */
	EVENT_DISK_SPACE,   /* they are written again */
	EVENT_LINK,	    /* a link to another node reports */
	EVENT_TRUST,	    /* an order for keys and certificates was done */
	EVENT_GOSSIP,	    /* a packet came, or an address refused one */
	EVENT_LOG_PIECE,    /* of a log that is read for another node */
	EVENT_STREAM_FULL,  /* request_id: its client reads too slowly */
	EVENT_STREAM_DRAINED, /* and has caught up */
	EVENT_ADDRESSES,      /* this host has others than it had */
	EVENT_STOP, /* the program is to end: answered by EFFECT_STOPPED */
};

/* A packet of gossip's, opened; p is NULL: addr refused one (ICMP). */
struct gossip_packet {
	const char *addr;
	const void *p;
	size_t len;
};

/* Whole frames of a log (multiplexed as the API has them). */
struct log_piece {
	uint64_t request_id; /* as in EFFECT_LOGS, with REQUEST_REMOTE */
	const void *p;
	size_t len;
	bool ended;
};
/* In the id of an EFFECT_LOGS that is for another node: its pieces come back
 * as EVENT_LOG_PIECE, and EFFECT_LOGS_STOP ends it. */
#define REQUEST_REMOTE (UINT64_C(1) << 63)

struct event {
	enum event_type type;
	bool more; /* another one follows at once: what can wait for it may */
	uint64_t batch_seq;	       /* PERSISTED */
	const struct request *request; /* REQUEST; for the call */
	uint64_t request_id; /* REQUEST_GONE, STREAM_FULL, STREAM_DRAINED */
	const struct runner_report *report;	    /* RUNNER; for the call */
	const struct node_description *description; /* DESCRIPTION */
	/* for the call, each of them */
	const struct link_report *link;	    /* LINK */
	const struct trust_report *trust;   /* TRUST */
	const struct gossip_packet *gossip; /* GOSSIP */
	const struct log_piece *log_piece;  /* LOG_PIECE */
	const struct host_addrs *addrs;	    /* ADDRESSES */
	const char *default_addr;	    /* ADDRESSES; NULL: none */
};

enum effect_type {
	EFFECT_PERSIST = 1, /* batch; answered by EVENT_PERSISTED */
	EFFECT_REPLY,	    /* request_id: status and whole body (JSON) */
	EFFECT_STREAM,	    /* request_id: 200 and a piece of the body */
	EFFECT_STREAM_END,  /* request_id: the body is complete */
	EFFECT_LOGS,	    /* request_id: send these tasks' logs; again for
			       the same request: these join (see below) */
	EFFECT_RUNNER,	    /* an order for the container runner */
	EFFECT_PORTS,	    /* the host ports wanted now: all of them */
	EFFECT_WIPE,	    /* left the cluster: forget what is stored */
	EFFECT_LINK,	    /* an order for the links */
	EFFECT_TRUST,	    /* an order for keys and certificates */
	EFFECT_GOSSIP,	    /* an order for the gossip socket */
	EFFECT_LOGS_MORE,   /* request_id (REQUEST_REMOTE): log_credit more
			       bytes may come; past that it waits */
	EFFECT_LOGS_STOP,   /* request_id (REQUEST_REMOTE): nobody reads it */
	EFFECT_UNLOCK,	/* unlock_key opens the store: make another node of it
			   and free this one, and reply to request_id with 200;
			   if it does not open, with 401 and why */
	EFFECT_STOPPED, /* the program may end */
};

/* JSON: a client that does not read is let go. The others are logs: whoever
 * sends is told to wait (EVENT_STREAM_FULL) and to go on. */
enum stream_kind { STREAM_JSON = 1, STREAM_FRAMES, STREAM_RAW };

enum gossip_verb {
	GOSSIP_OPEN = 1, /* at addr, with keys; again: with other keys */
	GOSSIP_CLOSE,
	GOSSIP_PACKET, /* send p to addr */
};
struct gossip_order {
	enum gossip_verb verb;
	const char *addr;
	const void *p;
	size_t len;
	const uint8_t *keys; /* OPEN: key_count times 32 bytes */
	size_t key_count;
};

/*
 * One task whose logs are wanted, with what the lines are marked with. From
 * the first EFFECT_LOGS on it is the driver that ends the request. A followed
 * service may bring more tasks by further effects, and may have none at
 * first: then an empty EFFECT_STREAM comes before. When its service is gone, a
 * last EFFECT_LOGS without sources and without log_endless says that none
 * will join: the driver ends it with those that are there. A followed stream
 * that the driver ends by itself is told to the node by EVENT_REQUEST_GONE.
 */
struct log_source {
	const char *task_id;
	const char *container_id;
	struct kvs details; /* com.docker.swarm.{node,service,task}.id */
	bool tty;
	bool ended; /* nothing is written any more */
};
struct log_options {
	bool out, err, follow, timestamps, details;
	int64_t since_ns, until_ns; /* 0: not given */
	int64_t tail;		    /* lines; -1: all */
};

struct effect {
	enum effect_type type;
	const struct batch *batch; /* the driver's to free: batch_free() */
	uint64_t request_id;
	int status;		 /* REPLY: HTTP's */
	enum stream_kind stream; /* STREAM */
	const char *body;	 /* REPLY, STREAM */
	size_t body_len;
	const struct log_source *logs; /* LOGS */
	size_t log_count;
	struct log_options log_options;
	bool log_endless;    /* LOGS: more tasks may join: a followed service */
	uint64_t log_credit; /* LOGS (REQUEST_REMOTE), LOGS_MORE: bytes */
	const struct runner_order *order; /* RUNNER */
	const struct port_wish *ports;	  /* PORTS */
	size_t port_count;
	const struct link_order *link_order;	 /* LINK */
	const struct trust_order *trust_order;	 /* TRUST */
	const struct gossip_order *gossip_order; /* GOSSIP */
	const uint8_t *unlock_key;		 /* UNLOCK: 32 bytes */
};

/* What was stored, handed in at start; see store/store.h. */
struct node_config {
	uint64_t seed; /* from getrandom(2); the simulator's own otherwise */
	const char *version;  /* of the program */
	const char *root_dir; /* shown in info */
	const char *runtime;  /* name shown in info: "runc" */
	/* Of this host, for version, info and init; NULL is fine. */
	const char *kernel_version, *operating_system, *default_addr;
	const struct node_description *description;
	const char *egress_subnet; /* CIDR; first address is the gateway */
	/* Raft's times in ms; 0: raft.h's own. For tests. */
	uint64_t election_ms, heartbeat_ms;
	bool force_new_cluster; /* this manager alone goes on */
	const struct stored *stored;
	bool locked; /* the store is sealed; stored is NULL */
	/* Of this host; NULL: not known. EVENT_ADDRESSES tells of others. */
	const struct host_addrs *addrs;
	/*
	 * What to do first, unless this node is in a cluster already:
	 * OP_SWARM_INIT or OP_SWARM_JOIN, again and again until it works; or
	 * NULL. Each try is answered (REQUEST_FIRST), for people to read.
	 */
	const struct request *first;
};

/* All is borrowed for the call, and copied. */
struct node *node_new(const struct node_config *config, struct now now);
void node_free(struct node *n); /* NULL is fine */

void node_step(struct node *n, struct now now, const struct event *ev);
/*
 * The next effect, or false. All that it points at lives until the next
 * node_step(), but for the batch, which is the driver's.
 */
bool node_next(struct node *n, struct effect *ret);
uint64_t node_deadline(const struct node *n); /* mono_ms; UINT64_MAX: none */

/* The tables, to look at: NULL when not in a cluster. For tests, mostly. */
struct state;
const struct state *node_state(const struct node *n);
const char *node_id(const struct node *n); /* NULL: not in a cluster */
/* It leads, and its tables hold all that was ever acknowledged. */
bool node_is_leader(const struct node *n);

/* What ping tells: "inactive", "pending", "active/manager", "active/worker",
 * "locked". */
const char *node_swarm_state(const struct node *n);
/* The image references of all tasks that are on this host; all in a. */
void node_images_used(const struct node *n, struct arena *a,
		      struct strings *ret);

#endif
