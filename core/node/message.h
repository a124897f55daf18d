/*
 * message.h - what nodes tell each other, as field tables: one record with a
 * kind and, for each kind, the part that it needs. Packed as msgpack; a link
 * carries one message after the other (link.h).
 *
 * Who may say what is in rpc.c, in one table.
 */
#ifndef CORE_NODE_MESSAGE_H
#define CORE_NODE_MESSAGE_H

#include "core/model/objects.h"
#include "core/raft/raft.h"

/* The wire's version: a node refuses what is newer than it knows. */
#define WIRE_VERSION 1

enum message_kind {
	/* Each side's first on a verified link. */
	MESSAGE_HELLO = 1,
	/* Answers a call that has no answer of its own. */
	MESSAGE_DONE,

	/* Identity */
	MESSAGE_ENROLL, /* a new node asks to join; answered ENROLLED, DONE */
	MESSAGE_RENEW,	/* a known one wants a new certificate; the same */
	MESSAGE_ENROLLED,

	/* Raft, between managers */
	MESSAGE_RAFT,
	MESSAGE_RAFT_JOIN, /* make me a member; answered DONE */
	MESSAGE_RAFT_GONE, /* you are not a member any more */
	MESSAGE_LEAVE,	   /* this node is leaving; answered DONE */

	/* API requests that another manager answers */
	MESSAGE_REQUEST,
	MESSAGE_REPLY, /* the answer, or a piece of a stream, or its end */
	MESSAGE_REQUEST_GONE,

	/* Worker and dispatcher */
	MESSAGE_SESSION,      /* worker: begin; here is what I am and have */
	MESSAGE_HEARTBEAT,    /* worker: I am here; answered HEARD */
	MESSAGE_STATUSES,     /* worker: states of tasks; answered DONE */
	MESSAGE_SETTINGS,     /* manager: period, managers, peers, keys, role */
	MESSAGE_ASSIGN,	      /* manager: tasks, all or the difference */
	MESSAGE_SESSION_LOST, /* manager: begin again */

	/* Logs */
	MESSAGE_LOGS,	   /* manager: read these tasks' logs */
	MESSAGE_LOG_PIECE, /* worker: whole frames; or the end */
	MESSAGE_LOGS_STOP, /* manager: nobody reads any more */

	/* A manager that does not lead hands on what is for the leader, and
	 * what the leader answers. */
	MESSAGE_RELAY,

	MESSAGE_HEARD, /* manager: so am I, and when the next one is due */

	MESSAGE_MORE, /* who reads has taken so much, and more may come: of a
			 REPLY in pieces (call), or of LOG_PIECEs (stream) */

	MESSAGE_KIND_COUNT,
};

struct hello_body {
	uint64_t wire_version;
	const char *version;	  /* of the program, for messages */
	uint64_t raft_id;	  /* 0: no manager, or not a member yet */
	const char *manager_addr; /* advertised "ip:port"; the ip may be empty:
				     then it is the one that we see */
	uint64_t gossip_port;
	const char *seen; /* the ip that we see the other side at */
};

struct done_body {
	int64_t code; /* 0, or -errno */
	const char *err;
};

struct enroll_body {
	const char *token; /* ENROLL */
	struct bytes csr;
	int availability; /* enum node_availability; 0: active */
	const char *hostname;
};
struct peer_addr { /* where somebody is, as far as known */
	const char *node_id;
	const char *addr; /* managers: TCP; gossip peers: UDP */
};
struct enrolled_body {
	const char *node_id, *cluster_id;
	bool manager;
	const char *chain, *roots; /* PEM */
	int64_t not_before, not_after;
	struct bytes issuer_subject, issuer_public_key;
	LIST_OF(struct peer_addr) managers;
};

struct raft_entry_body {
	uint64_t index, term, kind;
	struct bytes data;
};
struct raft_body { /* struct raft_msg, all of it */
	uint64_t type, from, to, term;
	bool pre, ok, transfer, done;
	uint64_t index, index_term, commit, match, round, offset;
	LIST_OF(struct raft_entry_body) entries;
	struct bytes members; /* raft_members_pack() */
	struct bytes data;
};

struct raft_join_body {
	uint64_t raft_id;
	const char *manager_addr;
};

struct request_body {
	const char *key; /* what makes it one request, however often asked */
	uint64_t op;	 /* enum op: only ever appended to */
	const char *target;
	struct kvs query;
	struct bytes body;
	uint64_t api_minor;
	bool head;
};
struct reply_body {
	uint64_t status; /* 0: a piece of a stream */
	struct bytes body;
	bool ended; /* of a stream */
	bool more;  /* of a long body: the next one brings more of it */
	bool raw;   /* of a stream: a terminal's bytes, no frames */
};

struct session_body {
	struct node_description description;
	const char *addr; /* advertised ip; empty: the one that is seen */
	uint64_t gossip_port;
	/* How many tasks it has, and their checksum (core/model/assignment.h):
	 * if both are right, no full set is sent. */
	uint64_t assigned, checksum;
};
struct heartbeat_body {
	uint64_t session;  /* from SETTINGS */
	int64_t period_ns; /* HEARD: the next one within this; 0: now */
};
struct status_item {
	const char *task_id;
	struct task_status status;
};
struct statuses_body {
	uint64_t session;
	LIST_OF(struct status_item) items;
};
struct settings_body {
	uint64_t session;
	int64_t heartbeat_ns;
	LIST_OF(struct peer_addr) managers;
	/* All nodes', or, unless gossip_full, those that are other than they
	 * were; who has no address is gone. Managers have their own tables. */
	LIST_OF(struct peer_addr) gossip;
	bool gossip_full;
	LIST_OF(struct gossip_key) keys;
	const char *roots;     /* PEM */
	bool manager;	       /* what this node's role is to be */
	uint64_t renew;	       /* grew: get a new certificate */
	struct node_spec spec; /* of this node, for templates and info */
};
struct packed_task {
	struct bytes object; /* object_pack() */
};
struct assign_body {
	uint64_t session;
	uint64_t number; /* 1, 2, 3, ... of this session: none is missing */
	bool full;	 /* all there is; else a difference */
	bool more;	 /* of the full set: the next ones bring the rest */
	LIST_OF(struct packed_task) tasks;
	struct strings removed;	  /* task ids */
	uint64_t count, checksum; /* of the set after this one */
};

struct log_wish {
	const char *task_id, *container_id;
	struct kvs details;
	bool tty, ended;
};
struct logs_body {
	uint64_t stream; /* who asks numbers it */
	LIST_OF(struct log_wish) tasks;
	bool out, err, follow, timestamps, details, endless;
	int64_t since_ns, until_ns, tail;
	/* LOG_PIECE */
	struct bytes piece;
	bool last;
	const char *why; /* with last: why it is not whole; or NULL */
	uint64_t credit; /* LOGS, MORE: bytes that may be sent (in addition) */
};

struct relay_body {
	uint64_t route; /* the follower's: which link the answer goes to */
	/* Who it is from, as the follower read from its certificate. */
	uint64_t trust; /* enum link_trust */
	const char *node_id;
	bool manager;
	const char *ip;
	struct bytes message;
	bool gone; /* the link is down: nothing can be answered any more */
};

struct message {
	int kind;      /* enum message_kind */
	uint64_t call; /* a question's number; its answer has the same. 0 */
	struct hello_body *hello;
	struct done_body *done;
	struct enroll_body *enroll; /* ENROLL, RENEW */
	struct enrolled_body *enrolled;
	struct raft_body *raft;
	struct raft_join_body *raft_join;
	struct request_body *request;
	struct reply_body *reply;
	struct session_body *session;
	struct heartbeat_body *heartbeat;
	struct statuses_body *statuses;
	struct settings_body *settings;
	struct assign_body *assign;
	struct logs_body *logs;
	struct relay_body *relay;
};

extern const struct type message_type;
extern const struct enum_names message_kind_names;

/* Packed; all that ret points at is in a. -EINVAL: not a message of ours, or
 * the part that its kind needs is missing. */
void message_pack(const struct message *m, struct buf *out);
int message_unpack(const void *p, size_t len, struct arena *a,
		   struct message *ret, struct err *e);

#endif
