/* session_impl.h - what session.c and assigned.c share. */
#ifndef CORE_NODE_SESSION_IMPL_H
#define CORE_NODE_SESSION_IMPL_H

#include "core/node/session.h"

enum session_phase {
	SESSION_NONE = 1,
	SESSION_DIALLING,
	SESSION_ASKED,
	SESSION_OPEN,
};

/* To the leader: over that link, or, link 0, this node is it. */
struct session_way {
	bool there;
	uint64_t link;
};

struct session_peer {
	char node_id[ID_LEN + 1];
	int weight;
};

struct assigned { /* one task */
	char *id;
	uint64_t hash;
};

struct session {
	enum session_phase phase;
	struct session_way way; /* from ASKED on */
	uint64_t attempt;	/* answers to an older one are none */
	uint64_t id;		/* the leader's number for it; OPEN */
	uint64_t period_ms;
	uint64_t at_ms, wait_ms; /* NONE: when to try */
	uint64_t until_ms;	 /* DIALLING */
	uint64_t beat_ms;	 /* OPEN: the next heartbeat */
	bool beating;		 /* one is to be answered */
	bool doubted;		 /* the manager, by others: it is asked now */
	uint32_t refused;	 /* in a row */
	/* whom a worker dialled, and how that went */
	char manager[ID_LEN + 1];
	struct session_peer *peers;
	size_t peer_count, peer_cap;
	/* statuses */
	uint64_t batch_last, batch_floor, report_ms;
	uint32_t statuses_open;
	/* the set: assigned.c */
	bool has_set;
	uint64_t number; /* of the last ASSIGN */
	struct assignment_sum sum;
	struct assigned *set; /* by id */
	size_t set_count, set_cap;
	const struct task **parts; /* of a full set that comes in parts */
	size_t part_count, part_cap;
};

/* session.c: begin again, at once. */
void session_again(struct node *n);

/* assigned.c */
void assigned_fini(struct session *s);
void assigned_drop_parts(struct session *s);

#endif
