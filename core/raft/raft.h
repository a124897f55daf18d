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
 * only the second one counts.
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
#define RAFT_SLACK_MAX 128	/* applied entries kept for slow followers */
#define RAFT_ELECTION_MS 1000	/* to twice that, at random */
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

/* Who takes part. All vote; ids are not 0 and in no order. */
struct raft_members {
	uint64_t id[RAFT_MEMBERS_MAX];
	uint32_t count;
};
#define RAFT_MEMBERS_PACKED_MAX (8 * RAFT_MEMBERS_MAX)

/* Eight bytes for each id, lowest first. Gives the length. */
size_t raft_members_pack(const struct raft_members *m,
			 uint8_t ret[RAFT_MEMBERS_PACKED_MAX]);
int raft_members_unpack(const void *p, size_t len, struct raft_members *ret,
			struct err *e);

enum raft_msg_type {
	RAFT_VOTE = 1, /* asks for a vote, or, with pre, whether it would be */
	RAFT_VOTED,
	RAFT_APPEND, /* entries, or none: a heartbeat */
	RAFT_APPENDED,
};

/* What members tell each other; unused fields are 0. */
struct raft_msg {
	enum raft_msg_type type;
	uint64_t from, to; /* raft ids */
	uint64_t term;	   /* the sender's; of a pre-vote: the one it wants */
	bool pre;	   /* VOTE, VOTED */
	bool ok;	   /* VOTED: granted; APPENDED: it matched */
	/* VOTE: the sender's last entry; APPEND: the one before entries */
	uint64_t index, index_term;
	uint64_t commit;		  /* APPEND */
	const struct raft_entry *entries; /* APPEND; ascending from index + 1 */
	size_t entry_count;
	/* APPENDED: ok: all up to here is on the disk; else: try after here */
	uint64_t match;
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
					entries counts more */
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
 * know who is); -EFBIG: more than RAFT_ENTRY_MAX; -ENOBUFS: RAFT_OPEN_MAX
 * waits already. It counts once raft_commit() >= *ret_index, if the entry
 * there still has *ret_term.
 */
int raft_propose(struct raft *r, const void *data, size_t len,
		 uint64_t *ret_index, uint64_t *ret_term);

/*
 * What must be written now; false: nothing, or RAFT_WRITES_MAX are on their
 * way. First cut the log from truncate_from on (0: do not), then append.
 * Entries are borrowed until the next call that is not a query.
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

/* What must be sent now; entries are borrowed as above. */
bool raft_msg_next(struct raft *r, struct raft_msg *ret);

/* Entries up to raft_commit() are to be applied, in order. */
uint64_t raft_commit(const struct raft *r);
/* NULL: not in memory (trimmed, or not there yet). */
const struct raft_entry *raft_entry_at(const struct raft *r, uint64_t index);
/*
 * All up to index is in the stored state: older entries may be forgotten,
 * but for RAFT_SLACK_MAX (where others may be slow) and the last one. Gives the
 * first index that is kept: the store may cut below it.
 */
uint64_t raft_trim(struct raft *r, uint64_t index);

enum raft_role raft_role(const struct raft *r);
uint64_t raft_term(const struct raft *r);
uint64_t raft_leader(const struct raft *r); /* raft id; 0: not known */
uint64_t raft_last_index(const struct raft *r);
const struct raft_members *raft_members(const struct raft *r);
/* The leader's first entry of this term is committed: what it has applied
 * up to raft_commit() is all that was ever acknowledged (6.4). */
bool raft_is_ready(const struct raft *r);
uint64_t raft_deadline(const struct raft *r); /* ms; UINT64_MAX: none */

#endif
