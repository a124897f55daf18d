/* raft_impl.h - what the files of core/raft share, and nobody else sees. */
#ifndef CORE_RAFT_RAFT_IMPL_H
#define CORE_RAFT_RAFT_IMPL_H

#include "core/raft/raft.h"

#define INFLIGHT_MAX 16 /* appends sent to one member and not answered */
#define PEERS_MAX (2 * RAFT_MEMBERS_MAX) /* those that were removed, too */
#define ENTRY_COST 64			 /* of one entry, besides its data */
#define TERM_MAX (UINT64_MAX / 2)	 /* no term can run out */

/* Entries first .. first + count - 1; v[0] sits at array place start. */
struct raft_log {
	struct raft_entry *v;
	uint64_t *sum; /* bytes of all entries up to this one */
	size_t start, count, cap, sum_cap;
	uint64_t first;
};

void raft_log_fini(struct raft_log *l);
uint64_t raft_log_last(const struct raft_log *l);
/* NULL: not in memory. */
const struct raft_entry *raft_log_at(const struct raft_log *l, uint64_t index);
/* 0: not known (before the log, or after it). */
uint64_t raft_log_term(const struct raft_log *l, uint64_t index);
uint64_t raft_log_last_term(const struct raft_log *l);
/* Of the entries from .. to that are in memory, ENTRY_COST included. */
uint64_t raft_log_bytes(const struct raft_log *l, uint64_t from, uint64_t to);
/* The lowest from with raft_log_bytes(from, to) <= max; to + 1: none. */
uint64_t raft_log_from(const struct raft_log *l, uint64_t to, uint64_t max);
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

/* A snapshot on its way to a member. */
struct raft_sending {
	uint64_t index, index_term; /* 0: none */
	struct raft_members members;
	uint64_t offset; /* the piece that was sent, or is to be */
	uint64_t sent_ms;
	bool waits; /* for the answer to it */
};

/* A snapshot that comes in, piece by piece. */
struct raft_receiving {
	uint64_t from,
		term; /* who sends it, as leader of which term; 0: none */
	uint64_t index, index_term;
	struct raft_members members;
	uint64_t offset; /* of the next piece */
	bool done;
	bool has_piece; /* one that was not taken yet */
	struct raft_piece piece;
};

/* What the leader knows of another member; and what a candidate was told. */
struct raft_peer {
	uint64_t id;
	bool votes;
	bool parting;		/* removed, and told so until parting_ms */
	bool answered, granted; /* a candidate's question */
	uint64_t parting_ms;
	uint64_t next;	   /* the first entry to send */
	uint64_t match;	   /* on its disk */
	uint64_t heard_ms; /* its last answer in this term; 0: none yet */
	uint64_t round;	   /* the newest that it answered */
	uint64_t sent[INFLIGHT_MAX]; /* the last entry of each append */
	uint32_t sent_first, inflight;
	bool probing; /* one append at a time until one matches */
	bool beat;    /* a heartbeat is due */
	struct raft_sending snapshot;
};

struct raft {
	uint64_t id;
	uint64_t rand_state;
	uint64_t now_ms;
	uint64_t election_ms, heartbeat_ms, slack;
	enum raft_role role;
	struct raft_hard hard;
	uint64_t leader;
	uint64_t leader_heard_ms;
	uint64_t commit;
	uint64_t election_due_ms; /* campaign, or check the quorum */
	struct raft_log log;
	struct raft_members members; /* the newest in the log, else base */
	struct raft_members base;    /* as of the log's first entry */
	uint64_t config_index;	     /* of members; 0: not in the log */
	struct raft_peer peers[PEERS_MAX];
	uint32_t peer_count;

	/* as leader */
	uint64_t term_start; /* its first entry */
	uint64_t heartbeat_due_ms;
	uint64_t beat_commit; /* when the last heartbeat was due */
	uint64_t transfer_to; /* 0: does not hand over */
	uint64_t transfer_due_ms;
	bool transfer_sent;
	uint64_t snapshot_index; /* how far the driver's state is */
	uint64_t round;		 /* of questions whether it still leads */
	bool round_open;	 /* not answered by a quorum */

	/* reads: seqs. All up to read_confirmed are; read_asked: the open
	 * round's; read_lost: those that failed */
	uint64_t read_seq, read_asked, read_confirmed, read_lost;
	uint64_t read_told, read_lost_told;

	/* as follower, of this term's leader */
	uint64_t verified; /* the log agrees with its log up to here */
	uint64_t acked;	   /* and it was told that this is on the disk */
	uint64_t round_heard;
	bool answer_due;
	struct raft_receiving receiving;

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
	struct raft_msg *held; /* until the disk holds the term and vote */
	size_t held_count, held_cap;
};

/* members.c */
/* Where id is; m->count: it is not there. */
uint32_t raft_members_find(const struct raft_members *m, uint64_t id);
uint32_t raft_members_voters(const struct raft_members *m);
int raft_members_check(const struct raft_members *m, struct err *e);

/* change.c */
void raft_use_members(struct raft *r);
struct raft_members raft_members_as_of(const struct raft *r, uint64_t index);
struct raft_peer *raft_peer(struct raft *r, uint64_t id);
bool raft_peer_is_active(const struct raft *r, const struct raft_peer *p);
uint32_t raft_quorum(const struct raft *r);
bool raft_may_campaign(const struct raft *r);
bool raft_votes_alone(const struct raft *r);
void raft_change_committed(struct raft *r);
void raft_forget_parted(struct raft *r);

/* raft.c */
void raft_set_hard(struct raft *r, uint64_t term, uint64_t vote);
void raft_append_own(struct raft *r, enum raft_entry_kind kind,
		     const void *data, size_t len);

/* promise.c */
void raft_cut(struct raft *r, uint64_t from);
void raft_begin_anew(struct raft *r, const struct raft_entry *at);
void raft_persisted(struct raft *r, uint64_t seq);
void raft_send(struct raft *r, const struct raft_msg *m);
void raft_send_held(struct raft *r, const struct raft_msg *m);

/* election.c */
void raft_become_follower(struct raft *r, uint64_t term, uint64_t leader);
void raft_follow(struct raft *r, const struct raft_msg *m);
bool raft_hears_leader(const struct raft *r);
void raft_election_reset(struct raft *r);
void raft_election_tick(struct raft *r);
void raft_election_persisted(struct raft *r);
void raft_on_vote(struct raft *r, const struct raft_msg *m);
void raft_on_voted(struct raft *r, const struct raft_msg *m);
void raft_on_timeout_now(struct raft *r, const struct raft_msg *m);

/* replicate.c */
void raft_replicate_start(struct raft *r);
void raft_replicate_tick(struct raft *r);
bool raft_replicate_next(struct raft *r, struct raft_msg *ret);
void raft_advance_commit(struct raft *r);
void raft_peer_heard(struct raft *r, struct raft_peer *p, uint64_t round);
void raft_on_appended(struct raft *r, const struct raft_msg *m);

/* follow.c */
void raft_set_commit(struct raft *r, uint64_t commit);
uint64_t raft_ackable(const struct raft *r);
bool raft_answer_next(struct raft *r, struct raft_msg *ret);
void raft_refuse_term(struct raft *r, const struct raft_msg *m);
void raft_on_append(struct raft *r, const struct raft_msg *m);

/* snapshot.c */
bool raft_snapshot_send(struct raft *r, struct raft_peer *p,
			struct raft_msg *ret);
void raft_on_snapshot(struct raft *r, const struct raft_msg *m);
void raft_on_snapped(struct raft *r, const struct raft_msg *m);

/* read.c */
void raft_read_begin(struct raft *r);
void raft_read_advance(struct raft *r);
void raft_read_lose(struct raft *r);

/* transfer.c */
void raft_transfer_tick(struct raft *r);
bool raft_transfer_next(struct raft *r, struct raft_msg *ret);
void raft_hand_over_and_leave(struct raft *r);

#endif
