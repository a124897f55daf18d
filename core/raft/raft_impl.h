/* raft_impl.h - what the files of core/raft share, and nobody else sees. */
#ifndef CORE_RAFT_RAFT_IMPL_H
#define CORE_RAFT_RAFT_IMPL_H

#include "core/raft/raft.h"

#define INFLIGHT_MAX 16 /* appends sent to one member and not answered */

/* Entries first .. first + count - 1; v[0] sits at array place start. */
struct raft_log {
	struct raft_entry *v;
	size_t start, count, cap;
	uint64_t first;
};

void raft_log_fini(struct raft_log *l);
uint64_t raft_log_last(const struct raft_log *l);
/* NULL: not in memory. */
const struct raft_entry *raft_log_at(const struct raft_log *l, uint64_t index);
/* 0: not known (before the log, or after it). */
uint64_t raft_log_term(const struct raft_log *l, uint64_t index);
uint64_t raft_log_last_term(const struct raft_log *l);
/* Copies the data; e->index must be the next one (any, if it is empty). */
void raft_log_append(struct raft_log *l, const struct raft_entry *e);
void raft_log_cut(struct raft_log *l, uint64_t from);
void raft_log_trim(struct raft_log *l, uint64_t first);

/* A write that was handed out: what the disk holds once it is done. */
struct raft_promise {
	uint64_t seq;
	struct raft_hard hard;
	uint64_t last; /* lowered when the log is cut before it is done */
};

/* What the leader knows of another member; and what a candidate was told. */
struct raft_peer {
	uint64_t id;
	uint64_t next;	   /* the first entry to send */
	uint64_t match;	   /* on its disk */
	uint64_t heard_ms; /* its last answer in this term */
	uint32_t inflight; /* appends without an answer */
	bool probing;	   /* one append at a time until one matches */
	bool voted, granted;
};

/* A message that waits until the disk holds what it promises. */
struct raft_held {
	struct raft_msg msg;
	uint64_t need_last; /* entries up to here; 0: the hard state only */
};

struct raft {
	uint64_t id;
	uint64_t rand_state;
	uint64_t now_ms;
	enum raft_role role;
	struct raft_hard hard;
	uint64_t leader;
	uint64_t commit;
	uint64_t term_start;  /* the leader's first entry of its term */
	uint64_t election_ms; /* deadline: campaign, or check the quorum */
	uint64_t heartbeat_ms;
	uint64_t leader_heard_ms;
	struct raft_members members;
	struct raft_peer peers[RAFT_MEMBERS_MAX]; /* by members' place */
	struct raft_log log;
	uint64_t open_bytes; /* proposed, not committed */

	/* what was not written yet, and what is on its way */
	uint64_t unwritten; /* the first index that was not handed out */
	uint64_t truncate_from;
	bool hard_dirty;
	uint64_t write_seq;
	struct raft_promise promises[RAFT_WRITES_MAX];
	uint32_t promise_count;
	struct raft_hard durable_hard;
	uint64_t durable_last;

	struct raft_msg *out;
	size_t out_next, out_count, out_cap;
	struct raft_held *held;
	size_t held_count, held_cap;
};

/* members.c */
/* Where id is; m->count: it is not there. */
uint32_t raft_members_find(const struct raft_members *m, uint64_t id);
uint32_t raft_members_voters(const struct raft_members *m);
int raft_members_check(const struct raft_members *m, struct err *e);

/* raft.c */
void raft_set_hard(struct raft *r, uint64_t term, uint64_t vote);
void raft_append_own(struct raft *r, enum raft_entry_kind kind,
		     const void *data, size_t len);
void raft_cut(struct raft *r, uint64_t from);
void raft_use_members(struct raft *r);
struct raft_peer *raft_peer(struct raft *r, uint64_t id);
void raft_send(struct raft *r, const struct raft_msg *m);
void raft_send_held(struct raft *r, const struct raft_msg *m,
		    uint64_t need_last);
uint32_t raft_quorum(const struct raft *r);

/* election.c */
void raft_become_follower(struct raft *r, uint64_t term, uint64_t leader);
void raft_election_reset(struct raft *r);
void raft_election_tick(struct raft *r);
void raft_election_persisted(struct raft *r);
void raft_on_vote(struct raft *r, const struct raft_msg *m);
void raft_on_voted(struct raft *r, const struct raft_msg *m);

/* replicate.c */
void raft_replicate_start(struct raft *r);
void raft_replicate_tick(struct raft *r);
void raft_replicate_all(struct raft *r);
void raft_advance_commit(struct raft *r);
void raft_on_append(struct raft *r, const struct raft_msg *m);
void raft_on_appended(struct raft *r, const struct raft_msg *m);

#endif
