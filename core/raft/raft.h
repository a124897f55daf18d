/*
 * raft.h - consensus as a pure state machine (Ongaro's dissertation: 3 for
 * the rules, 9.6 pre-vote, 6.4 reads). It reads no clock, does no I/O and
 * cannot fail.
 *
 * After each call the driver asks what came of it: raft_write_next() for what
 * must go to the disk, raft_msg_next() for what must be sent, raft_commit()
 * for what may be applied, raft_deadline() for when to call again.
 *
 * A message that promises something (a vote, an entry) is held back until
 * the driver says that it is on the disk (RAFT_PERSISTED), and so is this
 * member's own share in a commit. Writes are numbered and reported by number,
 * not by index: an index that was cut and written again has two writes, and
 * only the second one counts. A heartbeat is answered at once, whatever the
 * disk does: only what it says of entries waits.
 */
#ifndef CORE_RAFT_RAFT_H
#define CORE_RAFT_RAFT_H

#include "core/base/base.h"
#include "core/base/err.h"

#define RAFT_MEMBERS_MAX 9
#define RAFT_ENTRY_MAX 3145728	/* bytes of one entry */
#define RAFT_APPEND_MAX 1048576 /* bytes in one message, or one entry */
#define RAFT_OPEN_MAX 33554432	/* bytes proposed and not yet committed */
#define RAFT_WRITES_MAX 8	/* taken and not yet persisted */
#define RAFT_WINDOW_MAX 8388608 /* bytes sent to a member, not on its disk */
#define RAFT_SLACK_MAX 500	/* applied entries kept for slow followers, */
#define RAFT_SLACK_BYTES_MAX 4194304 /* and their bytes */
#define RAFT_KEEP_BYTES_MAX 67108864 /* for one that is catching up */
#define RAFT_ELECTION_MS 1000	     /* to twice that, at random */
#define RAFT_HEARTBEAT_MS 250

enum raft_role {
	RAFT_FOLLOWER,
	RAFT_PRE_CANDIDATE,
	RAFT_CANDIDATE,
	RAFT_LEADER
};

enum raft_entry_kind {
	RAFT_NOOP = 1, /* a leader's first entry of its term */
	RAFT_DATA,
	RAFT_CONFIG, /* members; packed by raft_members_pack() */
};

struct raft_entry {
	uint64_t index;
	uint64_t term;
	enum raft_entry_kind kind;
	void *data;
	size_t len;
};

struct raft_hard {
	uint64_t term;
	uint64_t vote; /* raft id; 0: none */
};

/* Who takes part; ids are not 0, each is there once, in no order. All vote
 * but the learners, which are only sent entries; one at least votes. */
struct raft_members {
	uint64_t id[RAFT_MEMBERS_MAX];
	uint32_t count;
	bool learner[RAFT_MEMBERS_MAX];
};
#define RAFT_MEMBERS_PACKED_MAX (9 * RAFT_MEMBERS_MAX)

/* Nine bytes for each: the id, lowest first, and flags (1: a learner).
 * Gives the length. */
size_t raft_members_pack(const struct raft_members *m,
			 uint8_t ret[RAFT_MEMBERS_PACKED_MAX]);
int raft_members_unpack(const void *p, size_t len, struct raft_members *ret,
			struct err *e);

enum raft_change { RAFT_ADD_LEARNER = 1, RAFT_PROMOTE, RAFT_REMOVE };

/*
 * m after the change. -EALREADY: it is so; -ENOENT: no such member; -ENOSPC:
 * RAFT_MEMBERS_MAX are there; -EPERM: it is the last that votes; -EINVAL: the
 * id 0. *ret may be *m.
 */
int raft_members_change(const struct raft_members *m, enum raft_change change,
			uint64_t id, struct raft_members *ret);

enum raft_msg_type {
	RAFT_VOTE = 1, /* asks for a vote, or, with pre, whether it would be */
	RAFT_VOTED,
	RAFT_APPEND, /* entries, or none: a heartbeat */
	RAFT_APPENDED,
	RAFT_TIMEOUT_NOW, /* campaign at once: the leader hands over */
	RAFT_SNAPSHOT,	  /* a piece of the state, for one who is far behind */
	RAFT_SNAPPED,	  /* how much of it is there */
};

/* What members tell each other; unused fields are 0. */
struct raft_msg {
	enum raft_msg_type type;
	uint64_t from, to; /* raft ids */
	uint64_t term;	   /* the sender's; of a pre-vote: the one it wants */
	bool pre;	   /* VOTE, VOTED */
	bool transfer;	   /* VOTE: the leader asked for it (3.10) */
	bool ok;	   /* VOTED: granted; APPENDED: it matched */
	/* VOTE: the sender's last entry; APPEND: the one before entries;
	 * SNAPSHOT, SNAPPED: the last one that it holds. APPENDED: ok: up to
	 * here it has what it was sent; else: this one did not match, and
	 * index_term is of the entry at match. */
	uint64_t index, index_term;
	uint64_t commit;		  /* APPEND */
	const struct raft_entry *entries; /* APPEND; ascending from index + 1 */
	size_t entry_count;
	/* APPENDED: ok: all up to here is on the disk; else: try after here */
	uint64_t match;
	uint64_t round; /* APPEND; APPENDED: the newest one heard */
	struct raft_members members; /* SNAPSHOT: as of index */
	uint64_t offset; /* SNAPSHOT: of data; SNAPPED: go on from here */
	const void *data;
	size_t len;
	bool done; /* SNAPSHOT: data is the last piece */
};

/* What was stored; read at start. All is copied. */
struct raft_start {
	uint64_t id; /* this member; never 0 */
	uint64_t seed;
	struct raft_hard hard;
	uint64_t applied; /* the stored state holds all up to here */
	const struct raft_entry *entries; /* ascending, no holes */
	size_t entry_count;
	struct raft_members members; /* as of applied; a later RAFT_CONFIG in
					entries counts more; count 0: a new
					member that knows nobody yet */
	/* 0: RAFT_ELECTION_MS, RAFT_HEARTBEAT_MS, RAFT_SLACK_MAX */
	uint64_t election_ms, heartbeat_ms, slack;
};

/*
 * Can a member start from this? What comes from a disk may be another's, or
 * older than the rest of it. One sentence says what does not fit.
 */
int raft_start_check(const struct raft_start *start, struct err *e);

struct raft;

/* config must have passed raft_start_check(). */
struct raft *raft_new(const struct raft_start *config, uint64_t now_ms);
void raft_free(struct raft *r); /* NULL is fine */

/*
 * The first member of a new cluster: a log of the members and one entry with
 * data, as if elected in term 1, so that one write makes the cluster or none.
 * Called once, after raft_new() with nothing stored.
 */
void raft_bootstrap(struct raft *r, const void *data, size_t len,
		    uint64_t now_ms);

/*
 * After a lost majority: this member goes on alone, with all that its log
 * holds. Entries that may not have been committed are kept: each may have
 * been acknowledged by those who are lost, and nobody is left who could say
 * so. One more entry, in a new term, makes this member the only one. Called
 * once, after raft_new(); the log must not be empty. The others may come back
 * and still think that this one is theirs: start->id must be a new id.
 */
void raft_force_alone(struct raft *r, uint64_t now_ms);

enum raft_event_type {
	RAFT_TICK = 1,
	RAFT_RECV,
	RAFT_PERSISTED, /* write seq, and all before it, are on the disk */
};
struct raft_event {
	enum raft_event_type type;
	uint64_t now_ms;
	const struct raft_msg *msg; /* RECV; borrowed. Bad ones are dropped */
	uint64_t seq;		    /* PERSISTED */
};
void raft_step(struct raft *r, const struct raft_event *ev);

/*
 * Append an entry; data is copied. -EAGAIN: not the leader (raft_leader() may
 * know who is), or about to hand over; -EFBIG: more than RAFT_ENTRY_MAX;
 * -ENOBUFS: RAFT_OPEN_MAX waits already. It counts once raft_commit() >=
 * *ret_index, if the entry there still has *ret_term. What is proposed before
 * raft_msg_next() is asked goes out together.
 */
int raft_propose(struct raft *r, const void *data, size_t len,
		 uint64_t *ret_index, uint64_t *ret_term);

/*
 * Append a change of members, one at a time; it counts as soon as it is in
 * the log. As raft_propose(), and the errors of raft_members_change(), and
 * -EBUSY: an earlier change or this leader's first entry is not committed
 * yet, or it hands over. A leader that removed itself leads until that is
 * committed, then hands over and steps down.
 */
int raft_propose_change(struct raft *r, enum raft_change change, uint64_t id,
			uint64_t *ret_index, uint64_t *ret_term);

struct raft_peer_status {
	uint64_t match; /* on its disk, as far as is known */
	bool active;	/* answered within an election's time */
	bool learner;
};

/* What the leader knows of another member. -EAGAIN: not the leader; -ENOENT:
 * id is no member, or this one. */
int raft_peer_status(const struct raft *r, uint64_t id,
		     struct raft_peer_status *ret);
/* The leader hears it, and it has all that was committed a heartbeat ago:
 * it may be promoted. */
bool raft_is_caught_up(const struct raft *r, uint64_t id);

/*
 * Would the others that vote still make a quorum, as far as the leader hears
 * them? Gives how many it hears, and how many it takes. -EPERM: no; -EAGAIN:
 * not the leader; -ENOENT: no such member. A learner can always go.
 */
int raft_can_remove(const struct raft *r, uint64_t id,
		    uint32_t *ret_reachable_after, uint32_t *ret_needed);

/*
 * Hand over to member to, or, if that is 0, to the one that has most. For an
 * election's time at most nothing is proposed; then this one leads on, or a
 * leader of a newer term is there. -EAGAIN: not the leader; -EBUSY: it does
 * so already; -ENOENT: it does not vote; -EALREADY: it is this one;
 * -EHOSTUNREACH: it is not heard, or nobody is.
 */
int raft_transfer(struct raft *r, uint64_t to);
/*
 * The leader's host says that no leader runs there. It is not waited for: this
 * member votes for another one, and campaigns within a quarter of an
 * election's time. Only a hint: if it is heard again, it leads on.
 */
void raft_leader_gone(struct raft *r);
bool raft_is_handing_over(const struct raft *r);

/*
 * A read that must see all that was acknowledged before it (6.4). It may be
 * answered once raft_read_next() gave a seq that is not lower, from a state
 * that has applied *ret_index: by then a quorum has said, after the read was
 * asked for, that it knows of no newer leader. -EAGAIN: not the leader.
 */
int raft_read(struct raft *r, uint64_t *ret_seq);
/* All reads up to *ret_seq are confirmed. False: nothing new. */
bool raft_read_next(struct raft *r, uint64_t *ret_seq, uint64_t *ret_index);
/* All reads up to *ret_seq that were not confirmed never will be: the office
 * is lost. Ask raft_read_next() first. False: nothing new. */
bool raft_read_failed(struct raft *r, uint64_t *ret_seq);

/*
 * What must be written now; false: nothing, or RAFT_WRITES_MAX are on their
 * way. First cut the log from truncate_from on (0: do not), then append.
 * Entries are borrowed until the next call that is not a query. They follow
 * what is there without a hole, but for the write after raft_install(): that
 * cuts from 1 on and begins anew.
 */
struct raft_write {
	uint64_t seq; /* 1, 2, 3, ... */
	bool hard_dirty;
	struct raft_hard hard;
	uint64_t truncate_from;
	const struct raft_entry *entries;
	size_t entry_count;
};
bool raft_write_next(struct raft *r, struct raft_write *ret);
bool raft_has_write(const struct raft *r);

/* What must be sent now; entries are borrowed as above. Into a SNAPSHOT goes
 * the piece from offset on of what raft_snapshot_at() told of. */
bool raft_msg_next(struct raft *r, struct raft_msg *ret);

/* Entries up to raft_commit() are to be applied, in order. */
uint64_t raft_commit(const struct raft *r);
/* NULL: not in memory (trimmed, or not there yet). */
const struct raft_entry *raft_entry_at(const struct raft *r, uint64_t index);
/*
 * All up to index is in the stored state: older entries may be forgotten,
 * but for the slack (where others may be slow), what a member that is heard
 * still lacks, and the last one. Gives the first index that is kept: the store
 * may cut below it.
 */
uint64_t raft_trim(struct raft *r, uint64_t index);

/*
 * Snapshots, the sender's side. raft knows no state: it says which piece is
 * wanted, and the driver fills in data, len and done.
 *
 * After each entry applied the driver says how far its state is; a
 * RAFT_SNAPSHOT that raft_msg_next() gives for a new index is of that very
 * state, which the driver pins (with raft_entry_at(index), which belongs to it)
 * for as long as raft_snapshot_of(to) is that index.
 */
void raft_snapshot_at(struct raft *r, uint64_t applied);
/* The index of the snapshot that is under way to id; 0: none. */
uint64_t raft_snapshot_of(const struct raft *r, uint64_t id);
/* The driver has lost what it pinned: begin with the newest state. */
void raft_snapshot_restart(struct raft *r, uint64_t id);

/* The receiver's side: a piece that follows the last one; offset 0: the first
 * of a new snapshot, and what was collected is void. */
struct raft_piece {
	uint64_t index, index_term;
	struct raft_members members; /* as of index */
	uint64_t offset;
	const void *data; /* of the message that brought it */
	size_t len;
	bool done;
};
/* Asked right after raft_step() with a RAFT_SNAPSHOT. What is taken is asked
 * for no more. */
bool raft_snapshot_next(struct raft *r, struct raft_piece *ret);
/* What was collected is of no use: it is to be sent anew. */
void raft_snapshot_abort(struct raft *r);
/*
 * All pieces are here, and the driver's state is what they say. at is the
 * entry at their index; it is copied. The next write makes the log that one
 * entry, and the driver puts the state into the same batch; then all up to at
 * is committed and applied, and once it is on the disk the leader is told.
 * -ESTALE: no longer wanted, or never was; -EINVAL: at is another entry.
 * Nothing has changed then.
 */
int raft_install(struct raft *r, const struct raft_entry *at);

enum raft_role raft_role(const struct raft *r);
uint64_t raft_term(const struct raft *r);
uint64_t raft_leader(const struct raft *r); /* raft id; 0: not known */
uint64_t raft_last_index(const struct raft *r);
/* The newest in the log, whether or not they are committed. */
const struct raft_members *raft_members(const struct raft *r);
bool raft_is_member(const struct raft *r, uint64_t id);
bool raft_is_voter(const struct raft *r, uint64_t id);
/* A change that is committed took this member out. */
bool raft_is_removed(const struct raft *r);
/* The leader's first entry of this term is committed: what it has applied
 * up to raft_commit() is all that was ever acknowledged (6.4). */
bool raft_is_ready(const struct raft *r);
uint64_t raft_deadline(const struct raft *r); /* ms; UINT64_MAX: none */

#endif
